//! Mappings: keys and values, merge keys, duplicates, keys that are not there (spec `sdl.md` 3.3).
//!
//! What all sections share when they read a mapping; the rules differ between mappings with known keys, those
//! with names of the author's choosing, and the few that the reference walks through by hand.

use super::{Decoder, Pair, hints};
use crate::ast::{Entry, Named, Section, Text};
use crate::check::Misspelt;
use crate::diagnostics::{Diagnostic, Span};
use crate::rules::Rule;
use crate::yaml::{Kind, NodeId, Tree};
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

/// How many merge keys may lead to each other, one through the next.
const MOST_MERGES: usize = 256;

/// How many misspelt keys are told together with what follows from them.
const MOST_MISSPELT: usize = 50;

/// What a mapping holds while others are merged into it.
struct Merge<'t> {
    found: Vec<Pair<'t>>,
    /// Where each name stands in `found`.
    names: BTreeMap<Cow<'t, str>, usize>,
    /// Names that the first merged mapping that has them overrides.
    weak: BTreeSet<Cow<'t, str>>,
    /// How many merge keys led here, one through the next.
    depth: usize,
}

impl<'t> Merge<'t> {
    fn add(&mut self, pair: Pair<'t>) {
        match self.names.get(&pair.0.text) {
            None => {
                self.names.insert(pair.0.text.clone(), self.found.len());
                self.found.push(pair);
            }
            Some(at) if self.weak.remove(&pair.0.text) => {
                if let Some(slot) = self.found.get_mut(*at) {
                    *slot = pair;
                }
            }
            Some(_) => {}
        }
    }
}

impl<'t> Decoder<'t, '_, '_> {
    /// Whether a key is there and not null.
    pub(super) fn present(&self, id: Option<NodeId>) -> Option<NodeId> {
        id.filter(|it| !self.tree.get(*it).is_null())
    }

    /// The entries of a mapping: no duplicates, merge keys applied, null keys dropped.
    pub(super) fn entries(&mut self, id: NodeId, what: &str) -> Option<Vec<Pair<'t>>> {
        let mut found = Vec::new();
        let mut merged = Vec::new();
        self.collect(id, what, &mut found, &mut merged)?;
        if merged.is_empty() || self.is_spent {
            return Some(found);
        }
        let names = found.iter().enumerate().map(|(at, it)| (it.0.text.clone(), at)).collect();
        let mut merge = Merge { found, names, weak: self.weak_keys(id), depth: 0 };
        for source in merged {
            self.merge(source, &mut merge);
        }
        Some(merge.found)
    }

    /// Keys of a mapping that are no texts by themselves, like `80`. The reference compares what keys mean
    /// when it merges, and so does not find these again among the texts.
    fn weak_keys(&self, id: NodeId) -> BTreeSet<Cow<'t, str>> {
        let tree = self.tree;
        let Kind::Mapping(pairs) = &tree.get(id).kind else { return BTreeSet::new() };
        let keys = pairs.iter().map(|it| tree.get(it.0));
        let weak = keys.filter(|it| matches!(it.resolved_tag(), "!!bool" | "!!int" | "!!float"));
        weak.map(|it| Cow::Borrowed(it.literal())).collect()
    }

    /// Reads the entries of one mapping and the values of its merge keys.
    fn collect(
        &mut self,
        id: NodeId,
        what: &str,
        found: &mut Vec<Pair<'t>>,
        merged: &mut Vec<NodeId>,
    ) -> Option<()> {
        if !self.visit(id) {
            return None;
        }
        let tree = self.tree;
        let Kind::Mapping(pairs) = &tree.get(id).kind else {
            self.wrong_type(id, what, "a mapping");
            return None;
        };
        self.check_duplicates(pairs);
        found.reserve(pairs.len());
        for (key, value) in pairs {
            if tree.raw(*key).is_merge_key() {
                merged.push(*value);
                continue;
            }
            match self.text_of(*key) {
                Ok(Some(text)) => found.push((text, *value)),
                Ok(None) => {}
                Err(error) => self.scalar_error(*key, "a key", "a text", &error),
            }
        }
        Some(())
    }

    /// Adds the entries of a merge key's value; what is there already wins.
    fn merge(&mut self, id: NodeId, merge: &mut Merge<'t>) {
        let tree = self.tree;
        if !self.visit(id) {
            return;
        }
        match &tree.get(id).kind {
            Kind::Mapping(pairs) => {
                // Each entry is copied once more, whether its value is read or not.
                if !self.spend(pairs.len(), id) {
                    return;
                }
                let mut own = Vec::new();
                let mut merged = Vec::new();
                if self.collect(id, "the merged value", &mut own, &mut merged).is_none() {
                    return;
                }
                for pair in own {
                    merge.add(pair);
                }
                if merge.depth >= MOST_MERGES {
                    self.spent(id);
                    return;
                }
                merge.depth += 1;
                for source in merged {
                    self.merge(source, merge);
                }
                merge.depth -= 1;
            }
            // A list has to stand here itself; an alias of one does not merge.
            Kind::Sequence(items)
                if matches!(tree.raw(id).kind, Kind::Sequence(_))
                    && items.iter().all(|it| matches!(tree.get(*it).kind, Kind::Mapping(_))) =>
            {
                for item in items {
                    self.merge(*item, merge);
                }
            }
            _ => {
                let span = self.span(id);
                self.report(
                    Diagnostic::new(
                        Rule::MergeKey,
                        span,
                        "`<<` merges a mapping or a list of mappings",
                    )
                    .hint("write `<<: *anchor`")
                    .reference("map merge requires map or sequence of maps as the value"),
                );
            }
        }
    }

    fn check_duplicates(&mut self, pairs: &'t [(NodeId, NodeId)]) {
        let tree = self.tree;
        // Keys are the same if they are of one kind and have one text, whatever their style.
        let identity = |id: NodeId| {
            let node = tree.raw(id);
            match &node.kind {
                Kind::Scalar { text, .. } => (0, text.as_ref()),
                Kind::Alias { name, .. } | Kind::Cycle { name } => (1, *name),
                Kind::Sequence(_) => (2, ""),
                Kind::Mapping(_) => (3, ""),
            }
        };
        let mut keys: Vec<_> =
            pairs.iter().enumerate().map(|(at, it)| (identity(it.0), at, it.0)).collect();
        if keys.len() < 2 {
            return;
        }
        keys.sort_unstable_by_key(|it| (it.0, it.1));
        for (first, second) in keys.iter().zip(keys.iter().skip(1)) {
            if first.0 == second.0 {
                let diagnostic = duplicate(tree, first.0.1, first.2, second.2);
                self.report(diagnostic);
                if self.sink.is_full() {
                    return;
                }
            }
        }
    }

    /// The values of the known keys of a mapping; unknown ones are reported as ignored.
    pub(super) fn fields<const N: usize>(
        &mut self,
        id: NodeId,
        what: &str,
        known: [&'static str; N],
    ) -> Option<[Option<NodeId>; N]> {
        self.keyed_fields(id, what, known).map(|it| it.map(|field| field.map(|it| it.1)))
    }

    /// The same, with the places of the keys.
    pub(super) fn keyed_fields<const N: usize>(
        &mut self,
        id: NodeId,
        what: &str,
        known: [&'static str; N],
    ) -> Option<[Option<(Span, NodeId)>; N]> {
        let mut values = [None; N];
        let mut others = Vec::new();
        for (key, value) in self.entries(id, what)? {
            let place = known.iter().position(|it| *it == key.text);
            match place.and_then(|it| values.get_mut(it)) {
                Some(slot) => *slot = Some((key.span, value)),
                None => others.push((key, value)),
            }
        }
        for (key, value) in others {
            // Nobody reads that many; what they were meant to be is dear to find.
            let Some(left) = self.hints.checked_sub(1) else { break };
            self.hints = left;
            self.ignored(&key, what, &known);
            let Some(meant) = hints::meant(&key.text, what, &known) else { continue };
            let place = known.iter().position(|it| *it == meant);
            if let Some(slot @ None) = place.and_then(|it| values.get_mut(it)) {
                if self.is_repairing {
                    *slot = Some((key.span, value));
                }
                self.misspelt_key(key.span, &key.text, meant, false);
            }
        }
        Some(values)
    }

    fn ignored(&mut self, key: &Text<'t>, what: &str, known: &[&'static str]) {
        if self.sink.is_full() {
            return;
        }
        let message = format!("`{}` is not a key of {what} and has no effect", key.text);
        let hint = hints::unknown_key(&key.text, what, known);
        self.report(Diagnostic::new(Rule::IgnoredKey, key.span, message).hint(hint));
    }

    pub(super) fn misspelt_key(
        &mut self,
        span: Span,
        name: &str,
        meant: &'static str,
        is_refused: bool,
    ) {
        if self.misspelt.len() < MOST_MISSPELT {
            self.misspelt.push(Misspelt { span, name: name.to_owned(), meant, is_refused });
        }
    }

    /// The error for a key where the language refuses unknown ones.
    pub(super) fn unknown(
        &mut self,
        key: Span,
        name: &str,
        what: &str,
        known: &[&'static str],
        reference: String,
    ) {
        if self.sink.is_full() && self.sink.has_errors() {
            return;
        }
        let message = format!("`{name}` is not a key of {what}");
        let hint = hints::unknown_key(name, what, known);
        let diagnostic = Diagnostic::new(Rule::UnknownKey, key, message).hint(hint);
        self.report(diagnostic.reference(reference));
    }

    /// The pairs of a node that the reference walks through by hand: no merge keys, no duplicate check;
    /// anything that has no children has no pairs.
    pub(super) fn loose_pairs(&mut self, id: NodeId) -> Vec<(NodeId, NodeId)> {
        if !self.visit(id) {
            return Vec::new();
        }
        match &self.tree.get(id).kind {
            Kind::Mapping(pairs) => pairs.clone(),
            _ => Vec::new(),
        }
    }

    /// A mapping of names to values of one kind. Null values stand for an empty one.
    pub(super) fn named<T>(
        &mut self,
        id: NodeId,
        what: &str,
        mut each: impl FnMut(&mut Self, &Text<'t>, Option<NodeId>) -> T,
    ) -> Option<Named<'t, T>> {
        let mut map = BTreeMap::new();
        for (key, value) in self.entries(id, what)? {
            let before = self.sink.error_count();
            let decoded = each(self, &key, self.present(Some(value)));
            let is_broken = self.sink.error_count() > before;
            map.insert(key.text, Entry { name: key.span, is_broken, value: decoded });
        }
        Some(map)
    }

    /// A whole section of named entries.
    pub(super) fn section<T>(
        &mut self,
        id: Option<NodeId>,
        what: &str,
        each: impl FnMut(&mut Self, &Text<'t>, Option<NodeId>) -> T,
    ) -> Section<'t, T> {
        let Some(id) = self.present(id) else { return Section::default() };
        match self.named(id, what, each) {
            Some(entries) => Section { entries, is_broken: false },
            None => Section { entries: BTreeMap::new(), is_broken: true },
        }
    }
}

pub(super) fn duplicate(tree: &Tree<'_>, name: &str, first: NodeId, second: NodeId) -> Diagnostic {
    let first = tree.raw(first).span;
    Diagnostic::new(
        Rule::DuplicateKey,
        tree.raw(second).span,
        format!("the key `{name}` stands twice in this mapping"),
    )
    .hint("remove one of the two, or rename it")
    .related(first, "first here")
    .reference(format!("mapping key {name:?} already defined"))
}
