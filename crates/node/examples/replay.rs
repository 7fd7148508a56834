//! Replays recordings of the reference network: `cargo run -p node --example replay -- DIR…`.
//!
//! The same as `haggle node replay`, without the rest of the binary, so that it builds fast.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program for the command line")]

use std::{path::PathBuf, process::ExitCode};

use node::replay::{Kind, Options, replay};

const USAGE: &str = "\
usage: replay [--all [N]] [--until H] [--no-queries] [--only KIND,…] [--leave-out TEXT,…] [--invariants] [--export] [--json] DIR…
  --all N        list the first N differences (default 1; without a number 50)
  --until H      stop after height H
  --no-queries   leave out queries, check_tx and simulate
  --leave-out TEXTS  leave out queries whose path or method has one of these in it
  --only KINDS   count only these: result data events gas block-events validator-updates params
                 check-tx simulate rest grpc rpc wording invariant halt";

fn main() -> ExitCode {
    match run() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::from(2)
        }
    }
}

fn run() -> Result<bool, String> {
    let mut options = Options::default();
    let mut json = false;
    let mut folders: Vec<PathBuf> = Vec::new();
    let mut args = std::env::args().skip(1).peekable();
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "--all" => {
                let count = args.peek().and_then(|it| it.parse().ok());
                options.keep = count.unwrap_or(50);
                if count.is_some() {
                    args.next();
                }
            }
            "--until" => {
                let height = args.next().and_then(|it| it.parse().ok());
                options.until = Some(height.ok_or("--until needs a height")?);
            }
            "--no-queries" => options.queries = false,
            "--invariants" => options.invariants = true,
            "--export" => options.export = true,
            "--leave-out" => {
                let texts = args.next().unwrap_or_default();
                options.leave_out.extend(texts.split(',').map(str::to_owned));
            }
            "--json" => json = true,
            "--only" => {
                for kind in args.next().unwrap_or_default().split(',') {
                    options.only.push(kind.parse::<Kind>()?);
                }
            }
            "--help" | "-h" => return Err(USAGE.to_owned()),
            it if it.starts_with('-') => return Err(format!("no such option: {it}\n{USAGE}")),
            folder => folders.push(folder.into()),
        }
    }
    if folders.is_empty() {
        return Err(USAGE.to_owned());
    }
    let mut clean = true;
    for folder in folders {
        let report = replay(&folder, &options, &mut |_, _| {}).map_err(|it| it.to_string())?;
        clean &= report.is_clean();
        if json {
            println!("{}", report.json());
        } else {
            print!("{}", report.text());
        }
    }
    Ok(clean)
}
