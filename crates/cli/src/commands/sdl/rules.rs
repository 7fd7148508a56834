//! `haggle sdl rules`: what the codes of reports mean.

use sdl::{Rule, Severity};
use serde_json::{Value, json};

use super::{
    report::wrap,
    values::{self, RuleCodes, Rules},
};
use crate::{failure::Result, printer::Printer};

/// Fewer columns than this beside the codes are no place for sentences.
const LEAST_COLUMNS: usize = 30;

/// Arguments.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "\
Examples:
  haggle sdl rules                        every rule with its code
  haggle sdl rules image::latest          one rule: why, what is wrong, what is right
  haggle sdl rules --json | jq -r '.[] | select(.severity == \"warning\") | .code'")]
pub struct Args {
    /// The code of a rule, with or without `sdl::`
    #[arg(value_name = "CODE", value_parser = RuleCodes, hide_possible_values = true)]
    pub rule: Option<Rules>,
}

/// Runs the command.
pub fn run(printer: &Printer, args: &Args) -> Result {
    match args.rule.as_ref().map(|it| it.0.as_slice()) {
        Some([only]) => one(printer, *only),
        Some(family) => all(printer, family),
        None => all(printer, Rule::ALL),
    }
    Ok(())
}

fn severity(rule: Rule) -> &'static str {
    match rule.severity() {
        Severity::Error => "error",
        Severity::Warning => "warning",
    }
}

fn json(rule: Rule) -> Value {
    let page = rule.page();
    json!({
        "code": rule.code(),
        "severity": severity(rule),
        "summary": rule.summary(),
        "why": page.why,
        "wrong": page.wrong.excerpt,
        "right": page.right.excerpt,
    })
}

fn all(printer: &Printer, rules: &[Rule]) {
    printer.json(&rules.iter().map(|it| json(*it)).collect::<Vec<_>>());
    for (severity, title) in [(Severity::Error, "Errors"), (Severity::Warning, "Warnings")] {
        let of: Vec<Rule> = rules.iter().copied().filter(|it| it.severity() == severity).collect();
        let Some(longest) = of.iter().map(|it| values::short(*it).len()).max() else { continue };
        printer.heading(title);
        for rule in of {
            list(printer, rule, longest);
        }
        printer.line("");
    }
    if printer.is_terminal() {
        printer.note("What is behind one: haggle sdl rules CODE");
    }
}

/// The code and, beside it or below it, what is wrong.
fn list(printer: &Printer, rule: Rule, longest: usize) {
    let width = printer.width();
    let beside = longest + 4;
    let code = values::short(rule);
    if width < beside + LEAST_COLUMNS {
        printer.line(format!("  {code}"));
        for line in wrap(rule.summary(), width.saturating_sub(6)) {
            printer.line(format!("      {line}"));
        }
        return;
    }
    for (at, line) in wrap(rule.summary(), width - beside).into_iter().enumerate() {
        let code = if at == 0 { code } else { "" };
        printer.line(format!("  {code:longest$}  {line}"));
    }
}

fn one(printer: &Printer, rule: Rule) {
    printer.json(&json(rule));
    printer.heading(&format!("{} ({})", rule.code(), severity(rule)));
    let page = rule.page();
    printer.line("");
    for text in std::iter::once(rule.summary()).chain(page.why.lines()) {
        wrap(text, printer.width()).iter().for_each(|it| printer.line(it));
    }
    for (title, text) in [("Wrong:", &page.wrong.excerpt), ("Right:", &page.right.excerpt)] {
        printer.line("");
        printer.heading(title);
        printer.line("");
        for line in text.trim_end().lines() {
            printer.line(format!("  {line}").trim_end());
        }
    }
    if rule.severity() == Severity::Warning {
        let short = values::short(rule);
        printer.line("");
        printer.line(format!(
            "To silence it: `# haggle: allow {short}` in the file, or --allow {short}."
        ));
    }
}
