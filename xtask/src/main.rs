//! The project's own tasks. `cargo xtask` without arguments lists them.

mod clients;
mod codegen;
mod demo;
mod docker;
mod fuzz;
mod images;
mod proc;
mod tests;
mod tidy;

use std::{
    path::{Path, PathBuf},
    process::{Command, ExitCode},
};

use anyhow::{Context, Result, bail};

const HELP: &str = "\
The project's own tasks.

Usage: cargo xtask <task>

  demo [--keep] [--release]   run the whole market, end to end, on Docker; --keep leaves it up
  demo --stop                 end a market that was left up
  test [FILTER…]              run every test; installs what the tests need
  setup                       only install what tests and demo need
  fuzz [TARGET] [--seconds N] [--keep]
                              look for inputs that break a promise; installs what it needs
  ci                          format, lints, tests: what must hold before a merge
  tidy                        style rules that a program can check
  codegen TABLE               write proto/ from a table of interface facts
";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match run(&args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(&format!("error: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn run(args: &[&str]) -> Result<()> {
    match args {
        [] | ["help" | "--help" | "-h"] => {
            say(HELP);
            Ok(())
        }
        ["codegen", table] => codegen::run(&PathBuf::from(table), &root().join("proto")),
        ["demo", options @ ..] => {
            let mut chosen = demo::Options::default();
            for option in options {
                match *option {
                    "--keep" => chosen.keep = true,
                    "--release" => chosen.release = true,
                    "--stop" => chosen.stop = true,
                    other => bail!(
                        "the demo has no option {other:?}; it has --keep, --stop and --release"
                    ),
                }
            }
            demo::run(chosen)
        }
        ["test", filter @ ..] => tests::run(filter),
        ["setup"] => tests::setup(),
        ["fuzz", options @ ..] => fuzz::run(&fuzz::Options::parse(options)?),
        ["tidy"] => tidy(),
        ["ci"] => {
            cargo(&["fmt", "--all", "--check"])?;
            cargo(&["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"])?;
            tests::run(&[])
        }
        [other, ..] => bail!("there is no task {other:?}; `cargo xtask` lists them"),
    }
}

fn tidy() -> Result<()> {
    let findings = tidy::check(root())?;
    for finding in &findings {
        say(finding);
    }
    match findings.len() {
        0 => Ok(()),
        many => bail!("{many} findings"),
    }
}

fn cargo(args: &[&str]) -> Result<()> {
    cargo_with(args, &[])
}

/// Runs cargo in the workspace with some variables of its environment set.
fn cargo_with(args: &[&str], variables: &[(&str, &str)]) -> Result<()> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.args(args).envs(variables.iter().copied()).current_dir(root());
    let status = command.status().context("run cargo")?;
    match status.success() {
        true => Ok(()),
        false => bail!("cargo {} failed", args.join(" ")),
    }
}

/// The folder of the workspace.
fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or(Path::new("."))
}

#[expect(clippy::print_stdout, reason = "the one place where tasks print")]
fn say(line: &str) {
    println!("{line}");
}
