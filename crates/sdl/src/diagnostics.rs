//! What is wrong with a file, where, and what to write instead.
//!
//! Every stage of the compiler reports into a [`Sink`]; the caller gets [`Diagnostics`], which render as
//! an excerpt of the source for people (`render`, with `miette`), as JSON for programs (`json`) and as SARIF
//! for code scanners ([`crate::sarif`]). Places become lines and columns in `lines`, and paths of keys in
//! `paths`, only when someone asks. Order of the list: the first
//! error is the one that the reference implementation stops at, as far as it is known.

mod json;
mod lines;
mod paths;
mod render;

pub use render::RenderOptions;

use crate::rules::{Rule, Severity};
use lines::Lines;
use serde::Serialize;
use std::borrow::Cow;
use std::fmt;
use std::ops::Range;
use std::sync::{Arc, OnceLock};

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

/// What to write where, so that a diagnostic goes away.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fix {
    /// What is replaced.
    pub span: Span,
    /// By what.
    pub replacement: String,
}

impl Severity {
    /// `error` or `warning`.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
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
    /// What few have, apart, so that a `Result` with a diagnostic stays small.
    pub(crate) more: Option<Box<More>>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct More {
    /// The change that probably mends it.
    fix: Option<Fix>,
    /// What no report may show, wherever it would be drawn.
    secret: Option<Span>,
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
            more: None,
        }
    }

    /// Adds what to write instead. A hint that begins with ``did you mean `x`?`` asks about the word at the
    /// place, so it is a fix as well.
    #[must_use]
    pub fn hint(mut self, text: impl Into<String>) -> Self {
        let text = text.into();
        let word = text.strip_prefix("did you mean `").and_then(|it| it.split_once('`'));
        if let Some((word, _)) = word
            && self.span.start < self.span.end
        {
            self = self.fix(word);
        }
        self.hint = Some(text);
        self
    }

    /// Adds the words of the reference implementation.
    #[must_use]
    pub fn reference(mut self, text: impl Into<String>) -> Self {
        self.reference = Some(text.into());
        self
    }

    /// Adds what probably mends it, if it stands at the place instead. A text in quotes stays in quotes.
    #[must_use]
    pub fn fix(mut self, replacement: impl Into<String>) -> Self {
        let fix = Fix { span: self.span, replacement: replacement.into() };
        self.more.get_or_insert_default().fix = Some(fix);
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
        self.more.get_or_insert_default().secret = Some(secret);
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
        if self.is_full() && (!is_error || self.errors > 0) {
            self.errors += usize::from(is_error);
            return;
        }
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
        self.list.push(diagnostic);
        self.errors += usize::from(is_error);
    }

    /// Whether more diagnostics would only be counted.
    pub(crate) fn is_full(&self) -> bool {
        self.list.len() >= MOST_DIAGNOSTICS
    }

    pub(crate) fn has_errors(&self) -> bool {
        self.errors > 0
    }

    /// Number of diagnostics so far.
    pub(crate) fn len(&self) -> usize {
        self.list.len()
    }

    /// Sorts what was reported since, those with equal keys staying in order.
    pub(crate) fn sort_from<K: Ord>(&mut self, from: usize, key: impl FnMut(&Diagnostic) -> K) {
        self.list.get_mut(from..).unwrap_or_default().sort_by_key(key);
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

    /// Puts a list without errors into the order of the file. Errors keep theirs, which is the reference's.
    pub(crate) fn sort_warnings(&mut self) {
        if self.errors == 0 {
            self.list.sort_by_key(|it| it.span);
        }
    }

    pub(crate) fn into_list(self) -> Vec<Diagnostic> {
        self.list
    }
}

/// Everything that is wrong with one file, with the file.
#[derive(Clone)]
pub struct Diagnostics {
    source: Arc<str>,
    /// The source as reports show it: secrets are covered with stars, byte for byte.
    shown: Arc<str>,
    name: Option<Box<str>>,
    list: Vec<Diagnostic>,
    lines: OnceLock<Box<Lines>>,
    paths: OnceLock<Vec<Option<String>>>,
}

/// A message is not longer than this, characters; what it repeats of the file may be.
const LONGEST_MESSAGE: usize = 1000;

impl Diagnostics {
    pub(crate) fn new(source: &str, mut list: Vec<Diagnostic>) -> Self {
        // Without diagnostics nobody asks for the text.
        let source: Arc<str> = if list.is_empty() { "".into() } else { source.into() };
        for it in &mut list {
            it.span = it.span.snapped(&source);
            shorten(&mut it.message);
            for text in it.hint.iter_mut().chain(&mut it.reference) {
                shorten(text);
            }
            for (span, text) in &mut it.related {
                *span = span.snapped(&source);
                shorten(text);
            }
        }
        let secrets = list.iter().filter_map(|it| it.more.as_ref()?.secret);
        let shown = covered(&source, secrets);
        Self { source, shown, name: None, list, lines: OnceLock::new(), paths: OnceLock::new() }
    }

    /// Covers more of the file in the reports.
    pub(crate) fn concealing(mut self, secrets: &[Span]) -> Self {
        if !self.list.is_empty() {
            self.shown = covered(&self.shown, secrets.iter().copied());
        }
        self
    }

    /// Says what the file is called, for the reports.
    #[must_use]
    pub fn with_name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into().into_boxed_str());
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
        self.position_at(span.start)
    }

    /// Line and column of the first character after a place.
    #[must_use]
    pub fn end_position(&self, span: Span) -> Position {
        self.position_at(span.end)
    }

    fn position_at(&self, offset: u32) -> Position {
        let at = Span { start: offset, end: offset }.range(&self.source).start;
        self.line_index().position(&self.source, at)
    }

    fn line_index(&self) -> &Lines {
        self.lines.get_or_init(|| Box::new(Lines::new(&self.source)))
    }

    /// The text of a place, as it stands in the file: secrets included.
    #[must_use]
    pub fn text(&self, span: Span) -> &str {
        self.source.get(span.range(&self.source)).unwrap_or_default()
    }

    /// The text of a place as reports may repeat it.
    fn shown_text(&self, span: Span) -> &str {
        self.shown.get(span.range(&self.shown)).unwrap_or_default()
    }

    /// The keys that lead to each diagnostic, like `services.web.expose[0].port`, in the order of
    /// [`Diagnostics::iter`]; none where the text is no YAML or the place is in no key.
    #[must_use]
    pub fn paths(&self) -> &[Option<String>] {
        self.paths.get_or_init(|| paths::paths(&self.source, self.list.iter().map(|it| it.span)))
    }

    /// What to write where to mend one of the diagnostics, ready to be put into the text.
    #[must_use]
    pub fn fix(&self, diagnostic: &Diagnostic) -> Option<Fix> {
        let Fix { span, replacement } = diagnostic.more.as_ref()?.fix.as_ref()?;
        let text = self.text(*span);
        if text.contains(['\n', '\r']) {
            return None;
        }
        let replacement = match text.chars().next() {
            Some(quote @ ('"' | '\'')) if !replacement.starts_with(quote) => {
                format!("{quote}{replacement}{quote}")
            }
            _ => replacement.clone(),
        };
        Some(Fix { span: *span, replacement })
    }

    pub(crate) fn name(&self) -> &str {
        self.name.as_deref().unwrap_or("SDL")
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

/// The start of a text.
fn clip(text: &str, characters: usize) -> Cow<'_, str> {
    match text.char_indices().nth(characters) {
        None => Cow::Borrowed(text),
        Some((at, _)) => Cow::Owned(format!("{}…", text.get(..at).unwrap_or_default())),
    }
}

fn shorten(text: &mut String) {
    if text.len() > LONGEST_MESSAGE
        && let Cow::Owned(short) = clip(text, LONGEST_MESSAGE)
    {
        *text = short;
    }
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
