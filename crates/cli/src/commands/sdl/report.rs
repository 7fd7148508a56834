//! What is wrong with a file, as a person, an editor or a CI system reads it.
//!
//! Called by the commands of `haggle sdl` and by `haggle deploy`, so that one mistake reads the same
//! everywhere. All words come from `sdl`; here is only which form goes where.

use std::{collections::BTreeMap, fmt::Write as _};

use sdl::{Checked, Diagnostics, RenderOptions, Rule, Severity, Span};

use super::input::Source;
use crate::{
    failure::{Failure, GENERAL},
    printer::Printer,
};

/// How a report is drawn on stderr.
pub(crate) fn drawing(printer: &Printer) -> RenderOptions {
    RenderOptions { color: printer.colors(), unicode: true, width: printer.width() }
}

/// Checks the bytes of a file; what is no text is a diagnostic like any other.
pub(crate) fn check(source: &Source, options: &sdl::CheckOptions) -> Checked {
    let checked = match sdl::source::text(&source.bytes) {
        Ok(text) => sdl::check(&text, options),
        Err(diagnostics) => Checked { compiled: None, diagnostics },
    };
    Checked { diagnostics: checked.diagnostics.with_name(&source.name), ..checked }
}

/// Compiles a file that has to be right; its warnings are left to the caller.
pub(crate) fn compile(
    printer: &Printer,
    source: &Source,
) -> Result<(sdl::Compiled, Diagnostics), Failure> {
    let Checked { compiled, diagnostics } = check(source, &sdl::CheckOptions::default());
    match compiled {
        Some(compiled) => Ok((compiled, diagnostics)),
        None => Err(refuse(printer, &source.name, &diagnostics)),
    }
}

/// The failure of a file that does not compile, with everything that is wrong with it.
pub(crate) fn refuse(printer: &Printer, name: &str, diagnostics: &Diagnostics) -> Failure {
    let count = Count::of(diagnostics);
    let mut failure = Failure::new(format!("{name} has {}", count.words())).code(GENERAL);
    failure.rendered = Some(diagnostics.render(drawing(printer)));
    failure.detail = Some(Box::new(diagnostics.to_json()));
    failure
}

/// How many errors and warnings.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Count {
    /// What stops the compiler, and warnings that count as such.
    pub(crate) errors: usize,
    /// The rest.
    pub(crate) warnings: usize,
}

impl Count {
    /// Counts.
    pub(crate) fn of(diagnostics: &Diagnostics) -> Count {
        let errors = diagnostics.iter().filter(|it| it.severity == Severity::Error).count();
        Count { errors, warnings: diagnostics.len() - errors }
    }

    /// Both together.
    pub(crate) fn add(&mut self, other: Count) {
        self.errors += other.errors;
        self.warnings += other.warnings;
    }

    /// `2 errors and 1 warning`.
    pub(crate) fn words(self) -> String {
        let errors = counted(self.errors, "error");
        let warnings = counted(self.warnings, "warning");
        match (self.errors, self.warnings) {
            (0, 0) => "no problems".to_owned(),
            (_, 0) => errors,
            (0, _) => warnings,
            _ => format!("{errors} and {warnings}"),
        }
    }
}

/// `1 file`, `2 files`.
pub(crate) fn counted(count: usize, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

/// Lines of at most so many columns; a longer word has a line of its own.
pub(crate) fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

/// The commands that GitHub Actions turns into annotations of a pull request.
pub(crate) fn github(name: &str, diagnostics: &Diagnostics) -> String {
    let mut out = String::new();
    for it in diagnostics.iter() {
        let start = diagnostics.position(it.span);
        let end = diagnostics.position(Span { start: it.span.end, end: it.span.end });
        let mut message = it.message.clone();
        if let Some(hint) = &it.hint {
            let _ = write!(message, "\nhelp: {hint}");
        }
        let _ = write!(
            out,
            "::{} file={},line={},endLine={},col={}",
            if it.severity == Severity::Error { "error" } else { "warning" },
            escape_property(name),
            start.line,
            end.line,
            start.column,
        );
        // GitHub ignores both columns of a place that ends on another line.
        if start.line == end.line {
            let _ = write!(out, ",endColumn={}", end.column);
        }
        let title = escape_property(it.rule.code());
        let _ = writeln!(out, ",title={title}::{}", escape_data(&message));
    }
    out
}

fn escape_data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

fn escape_property(text: &str) -> String {
    escape_data(text).replace(':', "%3A").replace(',', "%2C")
}

/// How often each rule was broken, most often first: the end of a long report.
pub(crate) fn by_rule(all: &[Diagnostics]) -> Vec<(Rule, usize)> {
    let mut counts: BTreeMap<Rule, usize> = BTreeMap::new();
    for it in all.iter().flat_map(Diagnostics::iter) {
        *counts.entry(it.rule).or_default() += 1;
    }
    let mut counts: Vec<_> = counts.into_iter().collect();
    counts.sort_by_key(|it| std::cmp::Reverse(it.1));
    counts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_words() {
        let count = |errors, warnings| Count { errors, warnings }.words();
        assert_eq!(count(0, 0), "no problems");
        assert_eq!(count(1, 0), "1 error");
        assert_eq!(count(2, 1), "2 errors and 1 warning");
        assert_eq!(count(0, 2), "2 warnings");
    }

    #[test]
    fn words_are_wrapped_and_long_ones_stand_alone() {
        assert_eq!(wrap("one two three", 7), ["one two", "three"]);
        assert_eq!(wrap("a verylongword b", 5), ["a", "verylongword", "b"]);
        assert!(wrap("", 5).is_empty());
    }

    #[test]
    fn annotations_cannot_be_broken_out_of() {
        assert_eq!(escape_property("a:b,c%\n"), "a%3Ab%2Cc%25%0A");
        assert_eq!(escape_data("50% of\r\n::error::x"), "50%25 of%0D%0A::error::x");
    }
}
