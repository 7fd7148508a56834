//! `haggle sdl rules`: what the codes of reports mean.

use sdl::{Rule, Severity};
use serde_json::{Value, json};

use super::values::{self, RuleCodes, Rules};
use crate::{
    failure::Result,
    printer::{Column, Printer},
};

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
    let rows: Vec<_> = rules
        .iter()
        .map(|it| vec![it.code().to_owned(), severity(*it).to_owned(), it.summary().to_owned()])
        .collect();
    printer
        .table(&[Column::Text("code"), Column::Text("severity"), Column::Text("summary")], &rows);
}

fn one(printer: &Printer, rule: Rule) {
    printer.json(&json(rule));
    printer.heading(&format!("{} ({})", rule.code(), severity(rule)));
    let page = rule.page();
    printer.line("");
    printer.line(rule.summary());
    printer.line(page.why);
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
