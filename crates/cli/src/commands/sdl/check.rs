//! `haggle sdl check`: what is wrong with files, for people, editors and CI.

use std::path::{Path, PathBuf};

use sdl::{Budget, CheckOptions, Diagnostics, Rule, Severity};
use serde_json::{Value, json};

use super::{
    fix,
    input::{self, STDIN, Source, Unreadable},
    output,
    report::{self, Count, counted},
    values::{self, AktPrice, RuleCodes, Rules},
};
use crate::{
    failure::{Failure, GENERAL, Result, WRONG_INPUT},
    printer::Printer,
};

/// From this many problems on, the end of a report says which rules they break.
const SUMMED_UP_FROM: usize = 20;

/// Arguments.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "\
Examples:
  haggle sdl check web.yaml                       one file
  haggle sdl check                                every SDL file below this folder
  haggle sdl check --strict --budget '50 usd/month' deploy/
  cat web.yaml | haggle sdl check -
  haggle sdl check --format sarif . > sdl.sarif   for GitHub code scanning
  haggle sdl check --allow image::latest web.yaml
  haggle sdl check --fix web.yaml                 write what `did you mean` proposes

A comment in the file silences a warning there: `# haggle: allow image::latest`.
What a code means: `haggle sdl rules CODE`.

Exit codes:
  0  no problems, or only warnings without --strict
  1  a file has errors, or warnings that --strict or --deny make errors
  2  wrong command line, or a file cannot be read or, with --fix, written")]
pub struct Args {
    /// Files, folders (their *.yaml and *.yml that look like SDL), or `-` for standard input
    #[arg(value_name = "PATH", default_value = ".")]
    pub paths: Vec<PathBuf>,
    /// How to report: human (excerpts, on stderr), short (one line each), json, sarif, github
    #[arg(long, value_enum, value_name = "FORMAT", default_value_t = Format::Human, hide_possible_values = true)]
    pub format: Format,
    /// Write what `did you mean` proposes into the files, where that leaves fewer problems
    #[arg(long)]
    pub fix: bool,
    /// Let warnings fail, too
    #[arg(long)]
    pub strict: bool,
    /// Do not report this warning; may be given several times
    #[arg(long, value_name = "CODE", value_parser = RuleCodes, hide_possible_values = true)]
    pub allow: Vec<Rules>,
    /// Let this warning fail; may be given several times
    #[arg(long, value_name = "CODE", value_parser = RuleCodes, hide_possible_values = true)]
    pub deny: Vec<Rules>,
    /// Warn when a file may cost more than this, such as '50 usd/month'
    #[arg(long, value_name = "MONEY", value_parser = values::budget)]
    pub budget: Option<Budget>,
    /// What one AKT costs in dollars, to compare prices in uakt with a budget
    #[arg(long, value_name = "USD")]
    pub akt_price: Option<AktPrice>,
    /// What standard input is called in reports
    #[arg(long, value_name = "NAME", default_value = "<stdin>", hide_default_value = true)]
    pub stdin_name: String,
    /// Leave out files that do not look like SDL even when they are named, as hooks do
    #[arg(long)]
    pub skip_others: bool,
    /// Say nothing but the problems
    #[arg(short, long)]
    pub quiet: bool,
}

/// How to report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// With excerpts of the files, on stderr
    Human,
    /// One line for each problem, FILE:LINE:COLUMN: SEVERITY[CODE]: MESSAGE
    Short,
    /// One JSON object; the same as --json
    Json,
    /// SARIF 2.1.0, for code scanning and editors
    Sarif,
    /// Annotations of a GitHub Actions run
    Github,
}

/// Everything that was found.
struct Findings {
    files: Vec<Checked>,
    diagnostics: Vec<Diagnostics>,
    unreadable: Vec<Unreadable>,
    unwritable: Vec<Unreadable>,
    others: usize,
    count: Count,
}

/// One file.
struct Checked {
    name: String,
    hash: Option<String>,
    count: Count,
    /// Places that were mended.
    mended: usize,
    /// Problems that could be mended.
    mendable: usize,
}

/// Runs the command.
pub fn run(printer: &Printer, args: &Args) -> Result {
    let is_error = |it: &&Rule| it.severity() == Severity::Error;
    // A family may hold errors; what is named alone is meant.
    let alone = args.allow.iter().filter(|it| it.0.len() == 1).flat_map(|it| &it.0);
    if let Some(it) = alone.into_iter().find(is_error) {
        return Err(Failure::input(format!("{} is an error and cannot be allowed", it.code()))
            .hint("only warnings can be silenced: see `haggle sdl rules`"));
    }
    if args.fix && args.paths.iter().any(|it| it.as_os_str() == STDIN) {
        return Err(Failure::input("standard input cannot be fixed")
            .hint("name the file, or leave out --fix"));
    }
    let findings = find(args);
    if findings.files.is_empty() && findings.unreadable.is_empty() && !args.skip_others {
        let others = match findings.others {
            0 => String::new(),
            count => format!("; {} something else", counted_yaml(count)),
        };
        return Err(Failure::input(format!("there is no SDL file here{others}"))
            .hint("name a file, or a folder with *.yaml or *.yml files that have `services` and `profiles`"));
    }
    let format =
        if printer.is_json() && args.format == Format::Human { Format::Json } else { args.format };
    match format {
        Format::Human => human(printer, args, &findings),
        Format::Short => {
            for it in findings.diagnostics.iter().flat_map(Diagnostics::lines) {
                printer.raw(format!("{it}\n").as_bytes());
            }
        }
        Format::Json => printer.raw(format!("{}\n", json(&findings, args)).as_bytes()),
        Format::Sarif => {
            let log = sdl::sarif::to_sarif(&findings.diagnostics, &sdl::sarif::Options::default());
            printer.raw(format!("{log:#}\n").as_bytes());
        }
        Format::Github => {
            for (file, it) in findings.files.iter().zip(&findings.diagnostics) {
                printer.raw(report::github(&file.name, it).as_bytes());
            }
        }
    }
    if format != Format::Json {
        for it in &findings.unreadable {
            printer.error(format!("could not read {}: {}", it.name, it.why));
        }
        for it in &findings.unwritable {
            printer.error(format!("could not write {}: {}", it.name, it.why));
        }
    }
    if !args.quiet && matches!(format, Format::Human | Format::Short) {
        sum_up(printer, args, &findings);
    }
    if !findings.unreadable.is_empty() || !findings.unwritable.is_empty() {
        return Err(Failure::told(WRONG_INPUT));
    }
    if findings.is_ok(args) { Ok(()) } else { Err(Failure::told(GENERAL)) }
}

impl Findings {
    fn is_ok(&self, args: &Args) -> bool {
        self.unreadable.is_empty()
            && self.unwritable.is_empty()
            && self.count.errors == 0
            && (!args.strict || self.count.warnings == 0)
    }
}

fn all(rules: &[Rules]) -> Vec<Rule> {
    rules.iter().flat_map(|it| it.0.iter().copied()).collect()
}

fn find(args: &Args) -> Findings {
    let options = CheckOptions {
        monthly_budget: args.budget,
        akt_price_micro_usd: args.akt_price.map(|it| it.micro_usd),
        allow: all(&args.allow),
        deny: all(&args.deny),
        ..CheckOptions::default()
    };
    let found = input::find(&args.paths, args.skip_others);
    let mut findings = Findings {
        files: Vec::new(),
        diagnostics: Vec::new(),
        unreadable: found.unreadable,
        unwritable: Vec::new(),
        others: found.others,
        count: Count::default(),
    };
    for path in found.files {
        let mut source = match input::read(&path) {
            Ok(source) => source,
            Err(error) => {
                findings.unreadable.push(error);
                continue;
            }
        };
        if path.as_os_str() == STDIN {
            source.name.clone_from(&args.stdin_name);
        }
        let mended = if args.fix { fix(&path, &mut source, &options) } else { Ok(0) };
        let mended = mended.unwrap_or_else(|error| {
            let why = input::reason(&error);
            findings.unwritable.push(Unreadable { name: source.name.clone(), why });
            0
        });
        let checked = report::check(&source, &options);
        let count = Count::of(&checked.diagnostics);
        findings.count.add(count);
        let hash = checked.compiled.map(|it| it.version_hex());
        let found = &checked.diagnostics;
        let mendable = found.iter().filter(|it| found.fix(it).is_some()).count();
        findings.files.push(Checked { name: source.name, hash, count, mended, mendable });
        findings.diagnostics.push(checked.diagnostics);
    }
    findings
}

/// Mends a file where it lies, and what was read of it.
fn fix(path: &Path, source: &mut Source, options: &CheckOptions) -> std::io::Result<usize> {
    let Ok(text) = sdl::source::text(&source.bytes) else { return Ok(0) };
    let Some((text, mended)) = fix::mend(&text, options) else { return Ok(0) };
    output::replace(path, text.as_bytes())?;
    source.bytes = text.into_bytes();
    Ok(mended)
}

fn human(printer: &Printer, args: &Args, findings: &Findings) {
    let options = report::drawing(printer);
    for it in findings.diagnostics.iter().filter(|it| !it.is_empty()) {
        printer.note(it.render(options).trim_end());
        printer.note("");
    }
    let problems = findings.count.errors + findings.count.warnings;
    if problems >= SUMMED_UP_FROM && !args.quiet {
        for (rule, count) in report::by_rule(&findings.diagnostics) {
            printer.note(format!("{count:>5} × {}", rule.code()));
        }
        printer.note("");
    }
}

/// The last line: what was looked at, and what came of it.
fn sum_up(printer: &Printer, args: &Args, findings: &Findings) {
    let count = findings.count;
    let what = match findings.files.as_slice() {
        [] => return,
        [only] => only.name.clone(),
        several => counted(several.len(), "file"),
    };
    let others = match findings.others {
        0 => String::new(),
        count => format!("; {} something else", counted_yaml(count)),
    };
    let mut text = format!("{what}: {}", count.words());
    let bad = findings.files.iter().filter(|it| it.count.errors + it.count.warnings > 0).count();
    if findings.files.len() > 1 && bad > 0 {
        text.push_str(&format!(" in {}", counted(bad, "file")));
    }
    if args.strict && count.errors == 0 && count.warnings > 0 {
        text.push_str(" (--strict lets warnings fail)");
    }
    let mended: usize = findings.files.iter().map(|it| it.mended).sum();
    if mended > 0 {
        text = format!("mended {}; {text}", counted(mended, "place"));
    }
    let mendable: usize = findings.files.iter().map(|it| it.mendable).sum();
    if mendable > 0 && !args.fix {
        text.push_str(&format!("; --fix mends up to {mendable}"));
    }
    text.push_str(&others);
    if !findings.is_ok(args) {
        printer.error(text);
    } else if count.warnings > 0 {
        printer.warn(text);
    } else {
        printer.done(text);
    }
}

fn counted_yaml(count: usize) -> String {
    if count == 1 { "1 YAML file is".to_owned() } else { format!("{count} YAML files are") }
}

fn json(findings: &Findings, args: &Args) -> Value {
    let files = findings.files.iter().map(|it| {
        json!({
            "file": it.name,
            "hash": it.hash,
            "errors": it.count.errors,
            "warnings": it.count.warnings,
            "fixed": it.mended,
        })
    });
    let diagnostics = findings.diagnostics.iter().filter_map(|it| match it.to_json() {
        Value::Array(list) => Some(list),
        _ => None,
    });
    let failed = |list: &[Unreadable]| -> Vec<Value> {
        list.iter().map(|it| json!({ "file": it.name, "message": it.why })).collect()
    };
    json!({
        "ok": findings.is_ok(args),
        "files": files.collect::<Vec<_>>(),
        "diagnostics": diagnostics.flatten().collect::<Vec<_>>(),
        "unreadable": failed(&findings.unreadable),
        "unwritable": failed(&findings.unwritable),
        "summary": {
            "files": findings.files.len(),
            "errors": findings.count.errors,
            "warnings": findings.count.warnings,
            "skipped": findings.others,
        },
    })
}
