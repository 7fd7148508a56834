//! Everything an editor asks about a file that is being written.
//!
//! Called by `lsp`, and by anything else with a cursor. Calls `check` for diagnostics, `language` for
//! documentation, `fmt`. Pure: a [`Document`] is a text, places are bytes of it, answers are values. Each
//! answer is made to work on half-typed text as well.

mod complete;
mod fixes;
mod hover;
mod names;
mod outline;
mod symbols;
#[cfg(test)]
mod tests;

pub use complete::{Completion, CompletionKind};
pub use fixes::QuickFix;
pub use hover::Hover;
pub use names::NameKind;
pub use symbols::{Fold, Symbol, SymbolKind};

use crate::{CheckOptions, Diagnostics, Span};
use names::Mention;
use outline::Outline;
use std::ops::Range;

/// A change of the text: what is replaced, by what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edit {
    /// What is replaced.
    pub span: Span,
    /// By what.
    pub text: String,
}

/// Where something is defined.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Definition {
    /// Its name.
    pub name: Span,
    /// All of it.
    pub whole: Span,
}

/// One text in an editor.
#[derive(Clone, Debug)]
pub struct Document {
    text: String,
    outline: Outline,
}

fn span(range: &Range<usize>) -> Span {
    Span::new(range.start, range.end)
}

fn bytes(span: Span) -> Range<usize> {
    let wide = |it: u32| usize::try_from(it).unwrap_or(usize::MAX);
    wide(span.start)..wide(span.end)
}

impl Document {
    /// Reads a text; any text.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        let text = text.into();
        // What no compiler reads is not outlined either.
        let read = if text.len() > crate::MAX_SOURCE_BYTES { "" } else { text.as_str() };
        let outline = Outline::new(read);
        Self { text, outline }
    }

    /// The text.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// What is wrong with it, errors and warnings.
    #[must_use]
    pub fn diagnostics(&self, options: &CheckOptions) -> Diagnostics {
        crate::check(&self.text, options).diagnostics
    }

    /// The changes that bring it into its one form; none if it is in it, or is no YAML.
    #[must_use]
    pub fn format(&self) -> Vec<Edit> {
        match crate::fmt::format(&self.text) {
            Ok(new) if new != self.text => line_edits(&self.text, &new),
            _ => Vec::new(),
        }
    }

    /// The name at a place, if the author chose it.
    fn mention(&self, at: usize) -> Option<(Mention, Vec<Mention>)> {
        let all = names::mentions(&self.outline, &self.text);
        let here =
            all.iter().find(|it| it.place.start <= at && at <= it.place.end).cloned().or_else(
                || {
                    // On the `*` or `&` before an anchor's name.
                    let it = all.iter().find(|it| it.place.start == at + 1)?;
                    (it.kind == NameKind::Anchor).then(|| it.clone())
                },
            )?;
        let same =
            |it: &Mention| it.kind == here.kind && it.name == here.name && it.scope == here.scope;
        let others = all.iter().filter(|it| same(it)).cloned().collect();
        Some((here, others))
    }

    /// Where the name at a place is defined.
    #[must_use]
    pub fn definition(&self, at: usize) -> Option<Definition> {
        let (here, all) = self.mention(at)?;
        // An anchor's name may be given again; the nearest before counts.
        let definitions = all.iter().filter(|it| it.is_definition);
        let found = definitions
            .clone()
            .rfind(|it| here.kind == NameKind::Anchor && it.place.start <= here.place.start)
            .or_else(|| definitions.clone().next())?;
        Some(Definition { name: span(&found.place), whole: span(&found.whole) })
    }

    /// All places where the name at a place stands.
    #[must_use]
    pub fn references(&self, at: usize, includes_definition: bool) -> Vec<Span> {
        let Some((_, all)) = self.mention(at) else { return Vec::new() };
        all.iter()
            .filter(|it| includes_definition || !it.is_definition)
            .map(|it| span(&it.place))
            .collect()
    }

    /// The name at a place, if it can be renamed, without its quotes.
    #[must_use]
    pub fn renamable(&self, at: usize) -> Option<(Span, String)> {
        let (here, all) = self.mention(at)?;
        all.iter().any(|it| it.is_definition).then(|| (span(&self.inner(&here.place)), here.name))
    }

    /// Gives what is named at a place another name, everywhere.
    ///
    /// # Errors
    /// Why that cannot be, in words.
    pub fn rename(&self, at: usize, new: &str) -> Result<Vec<Edit>, String> {
        let (here, all) = self.mention(at).ok_or("there is no name here")?;
        if !all.iter().any(|it| it.is_definition) {
            return Err(format!(
                "the {} `{}` is not defined in this file",
                here.kind.word(),
                here.name
            ));
        }
        names::is_valid(here.kind, new)?;
        let is_taken = names::mentions(&self.outline, &self.text).iter().any(|it| {
            it.is_definition && it.kind == here.kind && it.scope == here.scope && it.name == new
        });
        if is_taken && new != here.name {
            return Err(format!("there is a {} `{new}` already", here.kind.word()));
        }
        let needs_quotes = here.kind != NameKind::Anchor && !crate::fmt::is_plain(new);
        let edit = |it: &Mention| {
            let inner = self.inner(&it.place);
            let is_quoted = inner != it.place;
            match (is_quoted, needs_quotes) {
                (true, true) | (false, true) => {
                    let text = format!("\"{}\"", new.replace('\\', "\\\\").replace('"', "\\\""));
                    Edit { span: span(&it.place), text }
                }
                _ => Edit { span: span(&inner), text: new.to_owned() },
            }
        };
        Ok(all.iter().map(edit).collect())
    }

    /// A place without the quotes around it.
    fn inner(&self, place: &Range<usize>) -> Range<usize> {
        let text = self.text.get(place.clone()).unwrap_or_default();
        let is_quoted = text.len() > 1
            && text.starts_with(['"', '\''])
            && text.chars().next() == text.chars().next_back();
        if is_quoted { place.start + 1..place.end - 1 } else { place.clone() }
    }

    fn line_start(&self, at: usize) -> usize {
        self.text.get(..at).unwrap_or_default().rfind('\n').map_or(0, |it| it + 1)
    }
}

/// The differing lines in the middle of two texts as one edit.
fn line_edits(old: &str, new: &str) -> Vec<Edit> {
    let same_start: usize = old
        .split_inclusive('\n')
        .zip(new.split_inclusive('\n'))
        .take_while(|(a, b)| a == b)
        .map(|it| it.0.len())
        .sum();
    let (a, b) =
        (old.get(same_start..).unwrap_or_default(), new.get(same_start..).unwrap_or_default());
    let same_end: usize = a
        .split_inclusive('\n')
        .rev()
        .zip(b.split_inclusive('\n').rev())
        .take_while(|(a, b)| a == b)
        .map(|it| it.0.len())
        .sum();
    vec![Edit {
        span: Span::new(same_start, old.len() - same_end),
        text: b.get(..b.len() - same_end).unwrap_or_default().to_owned(),
    }]
}
