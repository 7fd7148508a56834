//! What is wrong with a file, where, and what to write instead.
//!
//! Every stage of the compiler reports into a [`Sink`]; the caller gets [`Diagnostics`], which render as
//! an excerpt of the source for people (`miette`) and as JSON for programs. Order of the list: the first
//! error is the one that the reference implementation stops at, as far as it is known.

use crate::rules::{Rule, Severity};
use miette::{GraphicalReportHandler, GraphicalTheme, LabeledSpan, NamedSource, SourceSpan};
use serde::Serialize;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

/// A range of bytes of the source.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span {
    /// First byte.
    pub start: u32,
    /// One past the last byte.
    pub end: u32,
}

impl Span {
    /// A range of bytes; offsets past 4 GiB saturate (sources are bounded far below).
    #[must_use]
    pub fn new(start: usize, end: usize) -> Self {
        let narrow = |it| u32::try_from(it).unwrap_or(u32::MAX);
        Self { start: narrow(start), end: narrow(end.max(start)) }
    }

    /// The same span, widened to whole characters of the text.
    fn snapped(self, text: &str) -> Self {
        let Range { start, .. } = self.range(text);
        let mut end = usize::try_from(self.end).unwrap_or(usize::MAX).min(text.len());
        while !text.is_char_boundary(end) {
            end += 1;
        }
        Self::new(start, end)
    }

    fn range(self, text: &str) -> Range<usize> {
        let floor = |it: u32| {
            let mut at = usize::try_from(it).unwrap_or(usize::MAX).min(text.len());
            while !text.is_char_boundary(at) {
                at -= 1;
            }
            at
        };
        let start = floor(self.start);
        start..floor(self.end).max(start)
    }
}

/// A place as editors count it: both numbers from 1, columns in characters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Position {
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
}

impl Position {
    fn of(text: &str, at: usize) -> Self {
        let before = text.get(..at).unwrap_or(text);
        let line_start = before.rfind('\n').map_or(0, |it| it + 1);
        Self {
            line: before.bytes().filter(|it| *it == b'\n').count() + 1,
            column: before
                .get(line_start..)
                .unwrap_or_default()
                .trim_start_matches('\u{feff}')
                .chars()
                .count()
                + 1,
        }
    }
}

/// One broken rule at one place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// The rule.
    pub rule: Rule,
    /// How grave it is here: that of the rule, or an error for a warning that the caller denies.
    pub severity: Severity,
    /// Where in the source.
    pub span: Span,
    /// What is wrong, in plain words.
    pub message: String,
    /// What to write instead.
    pub hint: Option<String>,
    /// The words of the reference implementation for the same problem, where it has some.
    pub reference: Option<String>,
    /// Other places that have to do with it, and what they are.
    pub related: Vec<(Span, String)>,
    /// What no report may show, wherever it would be drawn.
    pub(crate) secret: Option<Span>,
}

impl Diagnostic {
    /// A diagnostic without hint.
    #[must_use]
    pub fn new(rule: Rule, span: Span, message: impl Into<String>) -> Self {
        Self {
            rule,
            severity: rule.severity(),
            span,
            message: message.into(),
            hint: None,
            reference: None,
            related: Vec::new(),
            secret: None,
        }
    }

    /// Adds what to write instead.
    #[must_use]
    pub fn hint(mut self, text: impl Into<String>) -> Self {
        self.hint = Some(text.into());
        self
    }

    /// Adds the words of the reference implementation.
    #[must_use]
    pub fn reference(mut self, text: impl Into<String>) -> Self {
        self.reference = Some(text.into());
        self
    }

    /// Adds another place.
    #[must_use]
    pub fn related(mut self, span: Span, text: impl Into<String>) -> Self {
        self.related.push((span, text.into()));
        self
    }

    /// Says what excerpts must not show.
    pub(crate) fn conceal(mut self, secret: Span) -> Self {
        self.secret = Some(secret);
        self
    }
}

/// Where the stages report to. Bounded: a hostile file does not get a report larger than itself.
#[derive(Debug, Default)]
pub(crate) struct Sink {
    list: Vec<Diagnostic>,
    errors: usize,
}

/// More than a person reads.
const MOST_DIAGNOSTICS: usize = 200;

impl Sink {
    pub(crate) fn push(&mut self, diagnostic: Diagnostic) {
        let is_error = diagnostic.severity == Severity::Error;
        let is_known = |it: &Diagnostic| {
            it.span == diagnostic.span
                && it.rule == diagnostic.rule
                && it.message == diagnostic.message
        };
        // One mistake in a service that is deployed twice is one mistake.
        if self.list.iter().any(is_known) {
            return;
        }
        // The first error is always kept.
        if self.list.len() < MOST_DIAGNOSTICS || (is_error && self.errors == 0) {
            self.list.push(diagnostic);
        }
        self.errors += usize::from(is_error);
    }

    pub(crate) fn has_errors(&self) -> bool {
        self.errors > 0
    }

    pub(crate) fn error_count(&self) -> usize {
        self.errors
    }

    /// Keeps what the function wants, which may change how grave it is.
    pub(crate) fn retain(&mut self, keep: impl FnMut(&mut Diagnostic) -> bool) {
        self.list.retain_mut(keep);
        let errors = self.list.iter().filter(|it| it.severity == Severity::Error).count();
        self.errors = self.errors.max(errors);
    }

    pub(crate) fn into_list(self) -> Vec<Diagnostic> {
        self.list
    }
}

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

/// Longer lines are not drawn; a report names their place only.
const LONGEST_DRAWN_LINE: usize = 2000;

/// The part of a span that lies on its first line.
fn first_line(span: Span, text: &str) -> Range<usize> {
    let range = span.range(text);
    let slice = text.get(range.clone()).unwrap_or_default();
    let length = slice.find(['\n', '\r']).unwrap_or(slice.len());
    range.start..range.start + length
}

impl Default for RenderOptions {
    fn default() -> Self {
        Self { color: false, unicode: true, width: 100 }
    }
}

/// Everything that is wrong with one file, with the file.
#[derive(Clone)]
pub struct Diagnostics {
    source: Arc<str>,
    /// The source as excerpts show it: secrets are covered with stars, byte for byte.
    drawn: Arc<str>,
    name: Option<String>,
    list: Vec<Diagnostic>,
}

impl Diagnostics {
    pub(crate) fn new(source: &str, mut list: Vec<Diagnostic>) -> Self {
        for it in &mut list {
            it.span = it.span.snapped(source);
            for (span, _) in &mut it.related {
                *span = span.snapped(source);
            }
        }
        let secrets = list.iter().filter_map(|it| it.secret);
        let source: Arc<str> = source.into();
        let drawn = covered(&source, secrets);
        Self { source, drawn, name: None, list }
    }

    /// Says what the file is called, for the reports.
    #[must_use]
    pub fn with_name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// The diagnostics in order.
    pub fn iter(&self) -> impl Iterator<Item = &Diagnostic> {
        self.list.iter()
    }

    /// Number of diagnostics.
    #[must_use]
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// Whether nothing was found.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// The error that the reference implementation would stop at.
    #[must_use]
    pub fn first_error(&self) -> Option<&Diagnostic> {
        self.list.iter().find(|it| it.severity == Severity::Error)
    }

    /// Line and column of a place.
    #[must_use]
    pub fn position(&self, span: Span) -> Position {
        Position::of(&self.source, span.range(&self.source).start)
    }

    /// The text of a place.
    #[must_use]
    pub fn text(&self, span: Span) -> &str {
        self.source.get(span.range(&self.source)).unwrap_or_default()
    }

    fn name(&self) -> &str {
        self.name.as_deref().unwrap_or("SDL")
    }

    /// A report for people: each diagnostic with an excerpt of the source.
    #[must_use]
    pub fn render(&self, options: RenderOptions) -> String {
        let theme = match (options.unicode, options.color) {
            (true, true) => GraphicalTheme::unicode(),
            (true, false) => GraphicalTheme::unicode_nocolor(),
            (false, true) => {
                GraphicalTheme { styles: miette::ThemeStyles::ansi(), ..GraphicalTheme::ascii() }
            }
            (false, false) => {
                GraphicalTheme { styles: miette::ThemeStyles::none(), ..GraphicalTheme::ascii() }
            }
        };
        let handler = GraphicalReportHandler::new_themed(theme)
            .with_width(options.width.max(20))
            .with_links(false);
        let mut out = String::new();
        for diagnostic in &self.list {
            let report = Report {
                diagnostic,
                source: NamedSource::new(self.name(), Arc::clone(&self.drawn)),
                text: &self.drawn,
            };
            if !self.is_drawable(diagnostic) || handler.render_report(&mut out, &report).is_err() {
                out.push_str(&self.line(diagnostic));
                if let Some(hint) = &diagnostic.hint {
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

    /// Whether the lines around a diagnostic are short enough to be drawn as an excerpt.
    fn is_drawable(&self, it: &Diagnostic) -> bool {
        let spans = std::iter::once(it.span).chain(it.related.iter().map(|it| it.0));
        spans.map(|it| first_line(it, &self.source)).all(|range| {
            let before = self.source.get(..range.start).unwrap_or_default();
            let after = self.source.get(range.end..).unwrap_or_default();
            // One line of context on either side.
            let is_short = |line: &str| line.len() <= LONGEST_DRAWN_LINE;
            before.rsplit('\n').take(2).all(is_short)
                && after.split('\n').take(2).all(is_short)
                && range.len() <= LONGEST_DRAWN_LINE
        })
    }

    /// One line per diagnostic: `file:line:column: error[code]: message`.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        self.list.iter().map(|it| self.line(it)).collect()
    }

    fn line(&self, it: &Diagnostic) -> String {
        let Position { line, column } = self.position(it.span);
        let severity = severity_word(it.severity);
        let code = it.rule.code();
        format!("{}:{line}:{column}: {severity}[{code}]: {}", self.name(), it.message)
    }

    /// A report for programs: a list of objects.
    #[must_use]
    pub fn to_json(&self) -> serde_json::Value {
        let list = self.list.iter().map(|it| JsonDiagnostic {
            code: it.rule.code(),
            severity: severity_word(it.severity),
            file: self.name(),
            start: self.position(it.span),
            end: Position::of(&self.source, it.span.range(&self.source).end),
            text: self.text(it.span),
            message: &it.message,
            hint: it.hint.as_deref(),
            reference: it.reference.as_deref(),
            related: it
                .related
                .iter()
                .map(|(span, message)| JsonRelated { start: self.position(*span), message })
                .collect(),
        });
        serde_json::to_value(list.collect::<Vec<_>>()).unwrap_or_default()
    }
}

/// The text with stars over some places; lines and offsets stay.
fn covered(source: &Arc<str>, secrets: impl Iterator<Item = Span>) -> Arc<str> {
    let mut bytes: Option<Vec<u8>> = None;
    for secret in secrets {
        let range = secret.snapped(source).range(source);
        let bytes = bytes.get_or_insert_with(|| source.as_bytes().to_vec());
        for byte in bytes.get_mut(range).into_iter().flatten() {
            if !matches!(byte, b'\n' | b'\r') {
                *byte = b'*';
            }
        }
    }
    bytes
        .and_then(|it| String::from_utf8(it).ok())
        .map_or_else(|| Arc::clone(source), |it| it.as_str().into())
}

fn severity_word(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    }
}

#[derive(Serialize)]
struct JsonDiagnostic<'a> {
    code: &'a str,
    severity: &'a str,
    file: &'a str,
    start: Position,
    end: Position,
    text: &'a str,
    message: &'a str,
    hint: Option<&'a str>,
    reference: Option<&'a str>,
    related: Vec<JsonRelated<'a>>,
}

#[derive(Serialize)]
struct JsonRelated<'a> {
    start: Position,
    message: &'a str,
}

impl fmt::Debug for Diagnostics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.lines()).finish()
    }
}

impl fmt::Display for Diagnostics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines = self.lines();
        for (index, line) in lines.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            f.write_str(line)?;
        }
        Ok(())
    }
}

impl std::error::Error for Diagnostics {}

/// One diagnostic as `miette` wants to see it.
struct Report<'a> {
    diagnostic: &'a Diagnostic,
    source: NamedSource<Arc<str>>,
    text: &'a str,
}

impl fmt::Debug for Report<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.diagnostic.fmt(f)
    }
}

impl fmt::Display for Report<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.diagnostic.message)
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
        self.diagnostic.hint.as_ref().map(|it| Box::new(it) as Box<dyn fmt::Display>)
    }

    fn source_code(&self) -> Option<&dyn miette::SourceCode> {
        Some(&self.source)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let here = LabeledSpan::new_primary_with_span(
            Some("here".into()),
            SourceSpan::from(first_line(self.diagnostic.span, self.text)),
        );
        let others = self.diagnostic.related.iter().map(|(span, text)| {
            let range = first_line(*span, self.text);
            LabeledSpan::new_with_span(Some(text.clone()), SourceSpan::from(range))
        });
        Some(Box::new(std::iter::once(here).chain(others)))
    }
}
