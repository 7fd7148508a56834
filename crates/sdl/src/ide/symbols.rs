//! The file as a tree of names, and what can be folded.

use super::outline::{Item, Outline, Shape};
use super::{Document, span};
use crate::Span;

/// What a symbol is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SymbolKind {
    /// A section or a key with keys below it.
    Section,
    /// Something that the author named: a service, a profile, a placement, an endpoint.
    Name,
    /// A list.
    List,
    /// An entry of a list.
    Entry,
    /// A key with a single value.
    Value,
}

/// A part of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Symbol {
    /// What it is called.
    pub name: String,
    /// Its value, if it is a short one.
    pub detail: Option<String>,
    /// What it is.
    pub kind: SymbolKind,
    /// All of it.
    pub whole: Span,
    /// Its name.
    pub selection: Span,
    /// The parts of it.
    pub children: Vec<Symbol>,
}

/// Lines that can be shown as one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fold {
    /// What is folded, from its first line to its last.
    pub span: Span,
    /// Whether it is a block of comments.
    pub is_comment: bool,
}

/// Longer values are not repeated beside the name.
const LONGEST_DETAIL: usize = 60;

impl Document {
    /// The parts of the file.
    #[must_use]
    pub fn symbols(&self) -> Vec<Symbol> {
        symbols(&self.outline, 0)
    }

    /// What can be folded: blocks, and comments over several lines.
    #[must_use]
    pub fn folds(&self) -> Vec<Fold> {
        let mut folds = Vec::new();
        for item in self.outline.items.iter().skip(1) {
            let is_block = matches!(item.shape, Shape::Map | Shape::Seq)
                || item.value.as_ref().is_some_and(|it| it.place.end == item.place.end);
            let text = self.text.get(item.place.clone()).unwrap_or_default();
            let text = text.trim_end();
            if is_block && text.contains('\n') {
                let end = item.place.start + text.len();
                folds.push(Fold { span: Span::new(item.place.start, end), is_comment: false });
            }
        }
        let mut at = 0;
        let mut comment: Option<(usize, usize, usize)> = None;
        for line in self.text.split_inclusive('\n') {
            let is_comment = line.trim_start().starts_with('#');
            let end = at + line.trim_end().len();
            comment = match (comment, is_comment) {
                (Some((start, _, lines)), true) => Some((start, end, lines + 1)),
                (None, true) => Some((at, end, 1)),
                (previous, false) => {
                    push_comment(previous, &mut folds);
                    None
                }
            };
            at += line.len();
        }
        push_comment(comment, &mut folds);
        folds
    }
}

fn push_comment(comment: Option<(usize, usize, usize)>, folds: &mut Vec<Fold>) {
    if let Some((start, end, lines)) = comment
        && lines > 1
    {
        folds.push(Fold { span: Span::new(start, end), is_comment: true });
    }
}

fn symbols(outline: &Outline, id: usize) -> Vec<Symbol> {
    outline.children(id).map(|(id, item)| symbol(outline, id, item)).collect()
}

fn symbol(outline: &Outline, id: usize, item: &Item) -> Symbol {
    let path = outline.path(id);
    let path: Vec<&str> = path.iter().map(String::as_str).collect();
    let is_name = matches!(
        path.as_slice(),
        ["services" | "deployment" | "endpoints", _]
            | ["profiles", "compute" | "placement", _]
            | ["deployment", _, _]
    );
    let kind = match (&item.key, item.shape) {
        _ if is_name => SymbolKind::Name,
        (None, _) => SymbolKind::Entry,
        (_, Shape::Seq) => SymbolKind::List,
        (_, Shape::Scalar | Shape::Alias) => SymbolKind::Value,
        _ => SymbolKind::Section,
    };
    let value = item.value.as_ref().map(|it| it.text.lines().next().unwrap_or_default().to_owned());
    let shown = |key: &str| {
        outline.child(id, key).and_then(|it| it.1.value.as_ref()).map(|it| it.text.clone())
    };
    // What tells one entry from another.
    let detail = value.or_else(|| {
        ["image", "port", "name", "model", "profile", "service", "size", "units", "amount", "kind"]
            .into_iter()
            .find_map(shown)
    });
    let name = match &item.key {
        Some(key) if !key.text.is_empty() => key.text.clone(),
        Some(_) => "(nothing)".into(),
        None => format!("[{}]", item.index),
    };
    let selection = item.key.as_ref().map_or_else(|| item.place.clone(), |it| it.place.clone());
    Symbol {
        name,
        detail: detail.filter(|it| it.chars().count() <= LONGEST_DETAIL),
        kind,
        whole: span(&item.place),
        selection: span(&selection),
        children: symbols(outline, id),
    }
}
