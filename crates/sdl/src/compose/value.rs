//! The Compose file as a tree of its own: aliases followed, merge keys merged, variables put in, lines kept.
//!
//! Called by `convert`; calls the compiler's YAML parser and `interpolate`. Bounded: a tree that aliases blow up is
//! refused.

use super::interpolate::Variables;
use crate::diagnostics::{Diagnostic, Diagnostics, Span};
use crate::rules::Rule;
use crate::yaml::{self, Kind, NodeId, Style, Tree};

/// More nodes than a Compose file that somebody wrote can have.
const MOST_NODES: usize = 100_000;
/// Deeper than any Compose file.
const MOST_DEPTH: usize = 64;

/// A value and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Value {
    pub(super) span: Span,
    pub(super) data: Data,
}

/// What a value is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Data {
    Null,
    Scalar(String),
    List(Vec<Value>),
    Map(Vec<Entry>),
}

/// A key and its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) key: String,
    pub(super) key_span: Span,
    pub(super) value: Value,
}

impl Value {
    pub(super) fn is_null(&self) -> bool {
        self.data == Data::Null
    }

    /// The value of a key; null counts as absent.
    pub(super) fn get(&self, key: &str) -> Option<&Value> {
        self.entry(key).map(|it| &it.value).filter(|it| !it.is_null())
    }

    pub(super) fn entry(&self, key: &str) -> Option<&Entry> {
        self.entries().iter().find(|it| it.key == key)
    }

    /// The entries; none when it is no mapping.
    pub(super) fn entries(&self) -> &[Entry] {
        match &self.data {
            Data::Map(entries) => entries,
            _ => &[],
        }
    }

    /// The elements; a single scalar or mapping counts as a list of one.
    pub(super) fn items(&self) -> &[Value] {
        match &self.data {
            Data::List(items) => items,
            Data::Null => &[],
            _ => std::slice::from_ref(self),
        }
    }

    /// The text of a scalar.
    pub(super) fn text(&self) -> Option<&str> {
        match &self.data {
            Data::Scalar(text) => Some(text),
            _ => None,
        }
    }

    /// The text of a scalar under a key.
    pub(super) fn text_of(&self, key: &str) -> Option<&str> {
        self.get(key)?.text()
    }

    pub(super) fn is_true(&self) -> bool {
        self.text().is_some_and(is_true)
    }
}

/// Whether a text says yes, as Compose files do.
pub(super) fn is_true(text: &str) -> bool {
    matches!(text.to_ascii_lowercase().as_str(), "true" | "yes" | "on" | "y" | "1")
}

/// Reads a text.
pub(super) fn read(source: &str, variables: &mut Variables<'_>) -> Result<Value, Diagnostics> {
    let fail = |diagnostic: Diagnostic| Diagnostics::new(source, vec![diagnostic]);
    if source.len() > crate::MAX_SOURCE_BYTES {
        let message = format!("the file is larger than {} bytes", crate::MAX_SOURCE_BYTES);
        return Err(fail(Diagnostic::new(Rule::TooLarge, Span::default(), message)));
    }
    let tree = yaml::parse(source).map_err(|error| {
        let mut diagnostic = Diagnostic::new(error.rule, error.span, error.message);
        if let Some(hint) = error.hint {
            diagnostic = diagnostic.hint(hint);
        }
        if let Some((span, what)) = error.context {
            diagnostic = diagnostic.related(span, what);
        }
        fail(diagnostic)
    })?;
    let Some(root) = tree.root() else {
        let message = "the file holds nothing";
        return Err(fail(Diagnostic::new(Rule::Empty, Span::default(), message)));
    };
    let mut reader = Reader { tree: &tree, variables, nodes: 0 };
    reader.value(root, 0).map_err(fail)
}

struct Reader<'r, 's, 'v> {
    tree: &'r Tree<'s>,
    variables: &'r mut Variables<'v>,
    nodes: usize,
}

impl Reader<'_, '_, '_> {
    fn value(&mut self, id: NodeId, depth: usize) -> Result<Value, Diagnostic> {
        let span = self.tree.raw(id).span;
        self.nodes += 1;
        if self.nodes > MOST_NODES {
            let message = "aliases multiply the file beyond what a Compose file can need";
            return Err(Diagnostic::new(Rule::AliasExpansion, span, message));
        }
        if depth > MOST_DEPTH {
            return Err(Diagnostic::new(Rule::TooDeep, span, "the file is nested too deeply"));
        }
        let tree = self.tree;
        let node = tree.get(id);
        let data = match &node.kind {
            Kind::Scalar { text, style } => {
                let is_plain = matches!(style, Style::Plain);
                let is_null = matches!(text.as_ref(), "" | "~" | "null" | "Null" | "NULL");
                match is_plain && is_null {
                    true => Data::Null,
                    false => Data::Scalar(self.variables.put_into(text, span)?),
                }
            }
            Kind::Sequence(items) => {
                let items: Result<_, _> =
                    items.iter().map(|it| self.value(*it, depth + 1)).collect();
                Data::List(items?)
            }
            Kind::Mapping(pairs) => Data::Map(self.mapping(pairs, depth)?),
            Kind::Alias { .. } => Data::Null,
            Kind::Cycle { name } => {
                let message = format!("the anchor `{name}` contains itself");
                return Err(Diagnostic::new(Rule::UnknownAnchor, span, message));
            }
        };
        Ok(Value { span, data })
    }

    fn mapping(
        &mut self,
        pairs: &[(NodeId, NodeId)],
        depth: usize,
    ) -> Result<Vec<Entry>, Diagnostic> {
        let mut own: Vec<Entry> = Vec::new();
        let mut merged: Vec<Entry> = Vec::new();
        for (key, value) in pairs {
            let key_span = self.tree.raw(*key).span;
            let Kind::Scalar { text, style } = &self.tree.get(*key).kind else {
                return Err(Diagnostic::new(Rule::Type, key_span, "a key must be a text"));
            };
            let value = self.value(*value, depth + 1)?;
            if text == "<<" && matches!(style, Style::Plain) {
                for source in value.items() {
                    let Data::Map(entries) = &source.data else {
                        let message = "`<<` merges mappings, and this is none";
                        return Err(Diagnostic::new(Rule::MergeKey, value.span, message));
                    };
                    // The first of several sources wins.
                    for entry in entries {
                        if !merged.iter().any(|it| it.key == entry.key) {
                            merged.push(entry.clone());
                        }
                    }
                }
                continue;
            }
            if let Some(first) = own.iter().find(|it| it.key == *text) {
                let message = format!("the key `{text}` stands here twice");
                return Err(Diagnostic::new(Rule::DuplicateKey, key_span, message)
                    .hint("Keep one of them.")
                    .related(first.key_span, "the first one"));
            }
            own.push(Entry { key: text.clone().into_owned(), key_span, value });
        }
        for entry in merged {
            if !own.iter().any(|it| it.key == entry.key) {
                own.push(entry);
            }
        }
        Ok(own)
    }
}

/// A service laid over the one it extends: mappings are merged, lists joined, everything else replaced.
pub(super) fn overlay(base: &Value, over: &Value, key: &str) -> Value {
    let replaces = matches!(key, "command" | "entrypoint" | "test");
    match (&base.data, &over.data) {
        (_, Data::Null) => base.clone(),
        (Data::Map(a), Data::Map(b)) => {
            let mut entries: Vec<Entry> = Vec::new();
            for entry in a {
                let value = match b.iter().find(|it| it.key == entry.key) {
                    Some(over) => overlay(&entry.value, &over.value, &entry.key),
                    None => entry.value.clone(),
                };
                entries.push(Entry { value, ..entry.clone() });
            }
            entries.extend(b.iter().filter(|it| !a.iter().any(|a| a.key == it.key)).cloned());
            Value { span: over.span, data: Data::Map(entries) }
        }
        (Data::List(a), Data::List(b)) if !replaces => {
            let mut items = a.clone();
            // What names a variable replaces the base's; everything else is added.
            let name = |it: &Value| {
                it.text().map(|it| it.split('=').next().unwrap_or_default().to_owned())
            };
            if key == "environment" {
                items.retain(|it| !b.iter().any(|b| name(b) == name(it)));
            }
            items.extend(b.iter().filter(|it| !a.iter().any(|a| a.data == it.data)).cloned());
            Value { span: over.span, data: Data::List(items) }
        }
        (Data::Map(_), Data::List(_)) | (Data::List(_), Data::Map(_)) if key == "environment" => {
            let mut items = variables_as_list(base);
            let over_items = variables_as_list(over);
            let name = |it: &Value| {
                it.text().map(|it| it.split('=').next().unwrap_or_default().to_owned())
            };
            items.retain(|it| !over_items.iter().any(|b| name(b) == name(it)));
            items.extend(over_items);
            Value { span: over.span, data: Data::List(items) }
        }
        _ => over.clone(),
    }
}

/// `environment` in its list form.
fn variables_as_list(it: &Value) -> Vec<Value> {
    match &it.data {
        Data::Map(entries) => entries
            .iter()
            .map(|it| {
                let text = match it.value.text() {
                    Some(value) => format!("{}={value}", it.key),
                    None => it.key.clone(),
                };
                Value { span: it.key_span, data: Data::Scalar(text) }
            })
            .collect(),
        _ => it.items().to_vec(),
    }
}
