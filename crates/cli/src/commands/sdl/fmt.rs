//! `haggle sdl fmt`: one layout for all files, comments kept.

use std::path::{Path, PathBuf};

use serde_json::json;

use super::{
    input::{self, STDIN, Source},
    lines, output,
    report::{self, counted},
};
use crate::{
    failure::{Failure, GENERAL, Result, WRONG_INPUT},
    printer::Printer,
};

/// Arguments.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "\
Examples:
  haggle sdl fmt web.yaml              rewrite one file
  haggle sdl fmt deploy/               rewrite every SDL file in a folder
  haggle sdl fmt --check .             for CI: list what would change
  haggle sdl fmt --diff web.yaml       show it
  haggle sdl fmt - < web.yaml          standard input to standard output

Comments stay, and so does the meaning: manifest, groups and hash are the same before and after.

Exit codes:
  0  done; with --check or --diff: nothing would change
  1  with --check or --diff: a file would change; or a file cannot be formatted
  2  wrong command line, or a file cannot be read or written")]
pub struct Args {
    /// Files, folders (their *.yaml and *.yml that look like SDL), or `-` for standard input
    #[arg(value_name = "PATH", required = true)]
    pub paths: Vec<PathBuf>,
    /// Change nothing; print the names of files that would change
    #[arg(long)]
    pub check: bool,
    /// Change nothing; print what would change
    #[arg(long)]
    pub diff: bool,
    /// Leave out files that do not look like SDL even when they are named, as hooks do
    #[arg(long)]
    pub skip_others: bool,
    /// Say nothing but problems
    #[arg(short, long)]
    pub quiet: bool,
}

/// What became of the files.
#[derive(Debug, Default)]
struct Outcome {
    changed: Vec<String>,
    unchanged: usize,
    refused: Vec<serde_json::Value>,
    failed: Vec<serde_json::Value>,
}

/// Runs the command.
pub fn run(printer: &Printer, args: &Args) -> Result {
    let found = input::find(&args.paths, args.skip_others);
    let mut outcome = Outcome::default();
    for it in found.unreadable {
        outcome.fail(printer, &it.name, "could not read", &it.why);
    }
    if found.files.is_empty() && outcome.failed.is_empty() && !args.skip_others {
        return Err(Failure::input("there is no SDL file here"));
    }
    for path in found.files {
        one(printer, args, &path, &mut outcome);
    }
    let Outcome { changed, unchanged, refused, failed } = &outcome;
    let is_dry = args.check || args.diff;
    let is_stdin = args.paths.iter().any(|it| it.as_os_str() == STDIN);
    // What went to stdout is the text itself, and its reader knows what to do with it.
    if !is_stdin || is_dry {
        printer.json(&json!({
            "changed": changed, "unchanged": unchanged, "refused": refused, "failed": failed,
        }));
    }
    if !args.quiet && !is_stdin {
        sum_up(printer, &outcome, is_dry);
    }
    if !failed.is_empty() {
        return Err(Failure::told(WRONG_INPUT));
    }
    if !refused.is_empty() || (is_dry && !changed.is_empty()) {
        return Err(Failure::told(GENERAL));
    }
    Ok(())
}

fn sum_up(printer: &Printer, outcome: &Outcome, is_dry: bool) {
    let Outcome { changed, unchanged, refused, failed } = outcome;
    if changed.len() + unchanged + refused.len() + failed.len() == 0 {
        return;
    }
    let kept = match (outcome.unchanged, outcome.changed.len()) {
        (0, _) => String::new(),
        (count, 0) => format!("{} formatted already", counted_are(count)),
        (count, _) => format!(", {count} formatted already"),
    };
    let changed = match (outcome.changed.len(), is_dry) {
        (0, _) => String::new(),
        (count, true) => format!("{} would change", counted(count, "file")),
        (count, false) => format!("formatted {}", counted(count, "file")),
    };
    let refused = match outcome.refused.len() + outcome.failed.len() {
        0 => String::new(),
        count => format!(
            "{}{} left alone",
            if changed.is_empty() && kept.is_empty() { "" } else { ", " },
            counted(count, "file")
        ),
    };
    let text = format!("{changed}{kept}{refused}");
    let is_bad = !refused.is_empty() || (is_dry && !outcome.changed.is_empty());
    if is_bad { printer.error(text) } else { printer.done(text) }
}

fn counted_are(count: usize) -> String {
    format!("{} {}", counted(count, "file"), if count == 1 { "is" } else { "are" })
}

impl Outcome {
    fn fail(&mut self, printer: &Printer, name: &str, what: &str, why: &str) {
        printer.error(format!("{what} {name}: {why}"));
        self.failed.push(json!({ "file": name, "message": why }));
    }
}

fn one(printer: &Printer, args: &Args, path: &Path, outcome: &mut Outcome) {
    let is_stdin = path.as_os_str() == STDIN;
    let source = match input::read(path) {
        Ok(source) => source,
        Err(it) => return outcome.fail(printer, &it.name, "could not read", &it.why),
    };
    let (old, new) = match format(&source) {
        Ok(texts) => texts,
        Err(diagnostics) => {
            let diagnostics = diagnostics.with_name(&source.name);
            printer.note(diagnostics.render(report::drawing(printer)).trim_end());
            outcome
                .refused
                .push(json!({ "file": source.name, "diagnostics": diagnostics.to_json() }));
            return;
        }
    };
    // Without the mark of UTF-16 or UTF-8 in front the text is another file.
    let is_same = source.bytes == new.as_bytes();
    if is_same {
        outcome.unchanged += 1
    } else {
        outcome.changed.push(source.name.clone())
    }
    if args.diff && !printer.is_json() {
        printer.raw(colored(printer, &lines::unified(&source.name, &old, &new)).as_bytes());
    } else if args.check && !is_same {
        printer.line(&source.name);
    }
    if args.check || args.diff {
        return;
    }
    if is_stdin {
        printer.raw(new.as_bytes());
    } else if !is_same && let Err(error) = output::replace(path, new.as_bytes()) {
        outcome.changed.pop();
        outcome.fail(printer, &source.name, "could not write", &input::reason(&error));
    }
}

fn format(source: &Source) -> Result<(String, String), sdl::Diagnostics> {
    let old = sdl::source::text(&source.bytes)?.into_owned();
    let new = sdl::fmt::format(&old)?;
    Ok((old, new))
}

fn colored(printer: &Printer, diff: &str) -> String {
    use owo_colors::OwoColorize;
    if !printer.out_colors() {
        return diff.to_owned();
    }
    let paint = |line: &str| match line.as_bytes() {
        [b'+', ..] => line.green().to_string(),
        [b'-', ..] => line.red().to_string(),
        [b'@', ..] => line.cyan().to_string(),
        _ => line.to_owned(),
    };
    diff.lines().map(|it| paint(it) + "\n").collect()
}
