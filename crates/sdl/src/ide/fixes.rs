//! Changes that mend what is wrong.

use super::{Document, Edit};
use crate::{Diagnostic, Diagnostics, Rule, Severity, Span};

/// A change that mends one diagnostic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QuickFix {
    /// What it does, for a menu.
    pub title: String,
    /// Which of the diagnostics it mends.
    pub diagnostic: Diagnostic,
    /// The changes.
    pub edits: Vec<Edit>,
}

impl Document {
    /// Changes for what is wrong within a span.
    #[must_use]
    pub fn fixes(&self, found: &Diagnostics, within: Span) -> Vec<QuickFix> {
        found
            .iter()
            .filter(|it| it.span.start <= within.end && within.start <= it.span.end)
            .filter_map(|it| self.fix(found, it))
            .collect()
    }

    /// A comment to the compiler that silences a warning where it stands.
    #[must_use]
    pub fn silence(&self, diagnostic: &Diagnostic) -> Option<QuickFix> {
        if diagnostic.severity != Severity::Warning {
            return None;
        }
        let at = super::bytes(diagnostic.span).start;
        let start = self.line_start(at);
        // A line within a text in several lines takes no comment.
        let is_inside = self
            .outline
            .items
            .iter()
            .filter_map(|it| it.value.as_ref())
            .any(|it| it.place.start < start && start < it.place.end);
        if is_inside {
            return None;
        }
        let line = self.text.get(start..)?.lines().next().unwrap_or_default();
        let indent = line.get(..line.len() - line.trim_start_matches(' ').len())?;
        let code = diagnostic.rule.code();
        let text = format!("{indent}# haggle: allow {code}\n");
        Some(QuickFix {
            title: format!("Silence `{code}` here"),
            diagnostic: diagnostic.clone(),
            edits: vec![Edit { span: Span::new(start, start), text }],
        })
    }

    fn fix(&self, found: &Diagnostics, diagnostic: &Diagnostic) -> Option<QuickFix> {
        let (title, edit) = match found.fix(diagnostic) {
            Some(fix) => {
                let old = found.text(fix.span);
                let title = match (old.is_empty(), fix.replacement.trim().is_empty()) {
                    (true, _) => format!("Insert `{}`", fix.replacement.trim()),
                    (false, true) => format!("Remove `{}`", short(old)),
                    (false, false) => {
                        format!("Replace `{}` with `{}`", short(old), short(fix.replacement.trim()))
                    }
                };
                (title, Edit { span: fix.span, text: fix.replacement })
            }
            None => self.known_fix(diagnostic)?,
        };
        Some(QuickFix { title, diagnostic: diagnostic.clone(), edits: vec![edit] })
    }

    /// What helps against a rule wherever it is broken.
    fn known_fix(&self, diagnostic: &Diagnostic) -> Option<(String, Edit)> {
        match diagnostic.rule {
            Rule::NoVersion if self.outline.find(&["version"]).is_none() => {
                let marker = self.text.strip_prefix("---\n").map_or(0, |_| 4);
                let edit =
                    Edit { span: Span::new(marker, marker), text: "version: \"2.0\"\n".into() };
                Some(("Insert `version: \"2.0\"`".into(), edit))
            }
            // Some hints say the word and carry no change.
            _ => {
                let hint = diagnostic.hint.as_deref()?;
                let word = hint.strip_prefix("did you mean `")?.split('`').next()?;
                let old = self.text.get(super::bytes(diagnostic.span))?;
                let is_word = !old.is_empty() && !old.contains([' ', '\n', ':', '"', '\'']);
                let title = format!("Replace `{}` with `{word}`", short(old));
                is_word.then(|| (title, Edit { span: diagnostic.span, text: word.to_owned() }))
            }
        }
    }
}

/// The beginning of a text, for titles.
fn short(text: &str) -> String {
    const MOST: usize = 40;
    let line = text.lines().next().unwrap_or_default();
    match line.char_indices().nth(MOST) {
        Some((at, _)) => format!("{}…", line.get(..at).unwrap_or_default()),
        None => line.to_owned(),
    }
}
