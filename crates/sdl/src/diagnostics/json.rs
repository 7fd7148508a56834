//! A report for programs.

use super::{Diagnostics, Position, Span, clip};
use serde::Serialize;

/// More of a broken place than this is not repeated, characters.
const LONGEST_TEXT: usize = 200;

#[derive(Serialize)]
struct Entry<'a> {
    code: &'a str,
    severity: &'a str,
    path: Option<&'a str>,
    file: &'a str,
    span: Place,
    text: String,
    message: &'a str,
    hint: Option<&'a str>,
    reference: Option<&'a str>,
    related: Vec<Related<'a>>,
    fix: Option<Fix>,
}

/// A range: `end` is where the character after it stands.
#[derive(Serialize)]
struct Place {
    start: Point,
    end: Point,
}

#[derive(Serialize)]
struct Point {
    line: usize,
    column: usize,
    /// Bytes from the start of the text.
    offset: u32,
}

#[derive(Serialize)]
struct Related<'a> {
    span: Place,
    message: &'a str,
}

#[derive(Serialize)]
struct Fix {
    span: Place,
    replacement: String,
}

impl Diagnostics {
    /// A report for programs: a list of objects, one per diagnostic, with `code`, `severity` (`error` or
    /// `warning`), `path` (the keys that lead there, or null), `file`, `span` (`start` and `end`, each with
    /// `line` and `column` from 1, columns in characters, and `offset` in bytes), `text` (what stands
    /// there), `message`, `hint`, `reference` (the words of the reference implementation), `related`
    /// (places with a `message`) and `fix` (a `replacement` of a `span`, or null).
    #[must_use]
    pub fn to_json(&self) -> serde_json::Value {
        let list = self.iter().zip(self.paths()).map(|(it, path)| Entry {
            code: it.rule.code(),
            severity: it.severity.word(),
            path: path.as_deref(),
            file: self.name(),
            span: self.place(it.span),
            text: clip(self.shown_text(it.span), LONGEST_TEXT).into_owned(),
            message: &it.message,
            hint: it.hint.as_deref(),
            reference: it.reference.as_deref(),
            related: it
                .related
                .iter()
                .map(|(span, message)| Related { span: self.place(*span), message })
                .collect(),
            fix: self
                .fix(it)
                .map(|it| Fix { span: self.place(it.span), replacement: it.replacement }),
        });
        serde_json::to_value(list.collect::<Vec<_>>()).unwrap_or_default()
    }

    fn place(&self, span: Span) -> Place {
        let point = |offset| {
            let Position { line, column } = self.position_at(offset);
            Point { line, column, offset }
        };
        Place { start: point(span.start), end: point(span.end) }
    }
}
