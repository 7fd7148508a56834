//! A report for people: each diagnostic with an excerpt of the source, drawn by `miette`.
//!
//! What stands in a file reaches a terminal here, so nothing that a terminal would obey is let through.

use super::lines::Lines;
use super::{Diagnostic, Diagnostics, Position, Span};
use crate::rules::Severity;
use miette::{
    GraphicalReportHandler, GraphicalTheme, LabeledSpan, MietteError, MietteSpanContents,
    SourceCode, SourceSpan, SpanContents, ThemeStyles,
};
use std::borrow::Cow;
use std::fmt;
use std::ops::Range;

/// How to draw a report.
#[derive(Clone, Copy, Debug)]
pub struct RenderOptions {
    /// Terminal colours.
    pub color: bool,
    /// Lines and arrows beyond ASCII.
    pub unicode: bool,
    /// Columns to wrap at.
    pub width: usize,
}

impl Default for RenderOptions {
    fn default() -> Self {
        Self { color: false, unicode: true, width: 100 }
    }
}

/// Longer lines are not drawn; a report names their place only.
const LONGEST_DRAWN_LINE: usize = 2000;

impl Diagnostics {
    /// A report for people: each diagnostic with an excerpt of the source.
    #[must_use]
    pub fn render(&self, options: RenderOptions) -> String {
        let theme = match (options.unicode, options.color) {
            (true, true) => GraphicalTheme::unicode(),
            (true, false) => GraphicalTheme::unicode_nocolor(),
            (false, true) => {
                GraphicalTheme { styles: ThemeStyles::ansi(), ..GraphicalTheme::ascii() }
            }
            (false, false) => {
                GraphicalTheme { styles: ThemeStyles::none(), ..GraphicalTheme::ascii() }
            }
        };
        let handler = GraphicalReportHandler::new_themed(theme)
            .with_width(options.width.max(20))
            .with_links(false);
        let excerpts = Excerpts {
            name: printable(self.name()).into_owned(),
            text: drawable(&self.shown),
            lines: self.line_index(),
        };
        let mut out = String::new();
        for diagnostic in self.iter() {
            if !out.is_empty() {
                out.push('\n');
            }
            let report = Report {
                message: printable(&diagnostic.message),
                hint: diagnostic.hint.as_deref().map(printable),
                diagnostic,
                excerpts: &excerpts,
            };
            let is_drawn =
                excerpts.can_show(diagnostic) && handler.render_report(&mut out, &report).is_ok();
            if !is_drawn {
                out.push_str(&self.line(diagnostic));
                if let Some(hint) = &report.hint {
                    out.push_str("\n  help: ");
                    out.push_str(hint);
                }
            }
            if !out.ends_with('\n') {
                out.push('\n');
            }
        }
        out
    }

    /// One line per diagnostic: `file:line:column: error[code]: message`.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        self.iter().map(|it| self.line(it)).collect()
    }

    fn line(&self, it: &Diagnostic) -> String {
        let Position { line, column } = self.position(it.span);
        let severity = it.severity.word();
        let code = it.rule.code();
        let message = printable(&it.message);
        format!("{}:{line}:{column}: {severity}[{code}]: {message}", printable(self.name()))
    }
}

/// Whether a terminal would obey a character instead of showing it, or show it where it does not stand.
fn is_obeyed(it: char) -> bool {
    let reorders =
        matches!(it, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    it.is_control() || reorders || matches!(it, '\u{2028}' | '\u{2029}')
}

/// A message with such characters written out.
fn printable(text: &str) -> Cow<'_, str> {
    if !text.contains(is_obeyed) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for it in text.chars() {
        match is_obeyed(it) {
            true => out.extend(it.escape_default()),
            false => out.push(it),
        }
    }
    Cow::Owned(out)
}

/// A source with such characters replaced by others of the same length, so that every offset holds.
fn drawable(text: &str) -> Cow<'_, str> {
    let is_odd = |it: char| is_obeyed(it) && !matches!(it, '\t' | '\n');
    if !text.contains(is_odd) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text.chars().peekable();
    while let Some(it) = rest.next() {
        out.push(match (it, it.len_utf8()) {
            ('\r', _) if rest.peek() == Some(&'\n') => it,
            ('\r', _) => '\n',
            _ if !is_odd(it) => it,
            (_, 1) => '?',
            (_, 2) => '·',
            _ => char::REPLACEMENT_CHARACTER,
        });
    }
    Cow::Owned(out)
}

/// The source as `miette` asks for it: a few lines around a place, without reading all of it.
struct Excerpts<'a> {
    name: String,
    text: Cow<'a, str>,
    lines: &'a Lines,
}

impl Excerpts<'_> {
    /// The part of a span that lies on its first line; what lies behind the last line is shown at its end.
    fn first_line(&self, span: Span) -> Range<usize> {
        let Range { start, end } = span.range(&self.text);
        let is_behind = start == self.text.len() && self.text.ends_with('\n');
        let start = if is_behind { self.text.trim_end_matches(['\n', '\r']).len() } else { start };
        let slice = self.text.get(start..end).unwrap_or_default();
        let length = slice.find(['\n', '\r']).unwrap_or(slice.len());
        start..start + length
    }

    /// Whether the lines around a diagnostic are short enough to be drawn.
    fn can_show(&self, it: &Diagnostic) -> bool {
        let spans = std::iter::once(it.span).chain(it.related.iter().map(|it| it.0));
        spans.map(|it| self.lines.line(self.first_line(it).start)).all(|line| {
            let start = |line: usize| self.lines.start(line, &self.text);
            // One line of context on either side.
            (line.saturating_sub(1)..line + 2)
                .all(|it| start(it + 1).saturating_sub(start(it)) <= LONGEST_DRAWN_LINE)
        })
    }
}

impl SourceCode for Excerpts<'_> {
    fn read_span<'a>(
        &'a self,
        span: &SourceSpan,
        context_lines_before: usize,
        context_lines_after: usize,
    ) -> Result<Box<dyn SpanContents<'a> + 'a>, MietteError> {
        let first = self.lines.line(span.offset());
        let last = self.lines.line(span.offset() + span.len().saturating_sub(1)).max(first);
        let top = first.saturating_sub(context_lines_before);
        let start = self.lines.start(top, &self.text);
        let end = self.lines.start(last + context_lines_after + 1, &self.text);
        let data = self.text.get(start..end).ok_or(MietteError::OutOfBounds)?;
        let column = match context_lines_before {
            0 => self.lines.position(&self.text, span.offset()).column - 1,
            _ => 0,
        };
        Ok(Box::new(MietteSpanContents::new_named(
            self.name.clone(),
            data.as_bytes(),
            (start, end - start).into(),
            top,
            column,
            last + context_lines_after - top,
        )))
    }
}

/// One diagnostic as `miette` wants to see it.
struct Report<'a> {
    message: Cow<'a, str>,
    hint: Option<Cow<'a, str>>,
    diagnostic: &'a Diagnostic,
    excerpts: &'a Excerpts<'a>,
}

impl fmt::Debug for Report<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.diagnostic.fmt(f)
    }
}

impl fmt::Display for Report<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Report<'_> {}

impl miette::Diagnostic for Report<'_> {
    fn code<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        Some(Box::new(self.diagnostic.rule.code()))
    }

    fn severity(&self) -> Option<miette::Severity> {
        Some(match self.diagnostic.severity {
            Severity::Error => miette::Severity::Error,
            Severity::Warning => miette::Severity::Warning,
        })
    }

    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.hint.as_ref().map(|it| Box::new(it) as Box<dyn fmt::Display>)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        Some(self.excerpts)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        // Alone, the underlined place needs no name: the message is about it.
        let name = (!self.diagnostic.related.is_empty()).then(|| "here".to_owned());
        let here = LabeledSpan::new_primary_with_span(
            name,
            SourceSpan::from(self.excerpts.first_line(self.diagnostic.span)),
        );
        let others = self.diagnostic.related.iter().map(|(span, text)| {
            let place = SourceSpan::from(self.excerpts.first_line(*span));
            LabeledSpan::new_with_span(Some(printable(text).into_owned()), place)
        });
        Some(Box::new(std::iter::once(here).chain(others)))
    }
}
