//! Where the parts of the conversion report what became of each thing.

use super::{Carried, Note};
use crate::diagnostics::Span;

/// More than a person reads.
const MOST_NOTES: usize = 1_000;

pub(super) struct Notes<'s> {
    source: &'s str,
    list: Vec<Note>,
}

impl<'s> Notes<'s> {
    pub(super) fn new(source: &'s str) -> Self {
        Self { source, list: Vec::new() }
    }

    fn push(&mut self, carried: Carried, span: Span, path: &str, text: String, advice: &str) {
        let end = usize::try_from(span.start).unwrap_or(usize::MAX).min(self.source.len());
        let before = self.source.as_bytes().get(..end).unwrap_or_default();
        let line = before.iter().filter(|it| **it == b'\n').count() + 1;
        let advice = (!advice.is_empty()).then(|| advice.to_owned());
        let note = Note { carried, line, path: path.to_owned(), text, advice };
        if self.list.len() < MOST_NOTES && !self.list.contains(&note) {
            self.list.push(note);
        }
    }

    pub(super) fn kept(&mut self, span: Span, path: &str, text: impl Into<String>) {
        self.push(Carried::Kept, span, path, text.into(), "");
    }

    pub(super) fn changed(
        &mut self,
        span: Span,
        path: &str,
        text: impl Into<String>,
        advice: &str,
    ) {
        self.push(Carried::Changed, span, path, text.into(), advice);
    }

    pub(super) fn lost(&mut self, span: Span, path: &str, text: impl Into<String>, advice: &str) {
        self.push(Carried::Lost, span, path, text.into(), advice);
    }

    /// All of them in order of their lines.
    pub(super) fn finish(mut self) -> Vec<Note> {
        self.list.sort_by_key(|it| it.line);
        self.list
    }
}
