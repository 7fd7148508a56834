//! Tree to typed values, with the rules by which the reference decodes (spec `sdl.md` 3 to 11).
//!
//! Called by `compile` after `yaml::parse`. Every entry of the file is decoded, used or not. What cannot be
//! read is reported and replaced by something harmless, and the entry around it is marked broken so that
//! later rules do not report the consequences.
//!
//! This file holds the top level and what all sections share: lists, scalars, and the budget that bounds what
//! aliases can multiply. `mapping` has mappings with their merge keys; the sections are in `services`,
//! `profiles` and `resources`; `hints` and `quantities` say what to write instead.

mod hints;
mod mapping;
mod profiles;
mod quantities;
mod resources;
mod services;

use crate::Language;
use crate::ast::{At, Deployed, Endpoint, File, Named, Reclamation, Text};
use crate::check::Misspelt;
use crate::diagnostics::{Diagnostic, Sink, Span};
use crate::rules::{Rule, Severity};
use crate::suggest;
use crate::version::Version;
use crate::yaml::{Kind, NodeId, ScalarError, Tree};
use mapping::duplicate;
use std::borrow::Cow;
use std::collections::BTreeMap;

/// How many nodes may be visited through aliases, beyond those of the document.
const SPARE_VISITS: usize = 100_000;

/// How many bytes of text may be read, aliases included.
const MOST_TEXT_BYTES: usize = 16 << 20;

/// Reads `version` and everything else. `None` if the file has no usable version.
///
/// With `is_repairing`, misspelt keys are read as what they were probably meant to be.
pub(crate) fn decode<'t>(
    tree: &'t Tree<'_>,
    is_repairing: bool,
    sink: &mut Sink,
) -> Option<(Language, File<'t>)> {
    let Some(root) = tree.root().filter(|it| !tree.get(*it).is_null()) else {
        let missing = Diagnostic::new(Rule::Empty, Span::default(), "the file holds nothing")
            .hint("begin with `version: \"2.0\"`")
            .reference("sdl: uninitialized");
        sink.push(missing);
        return None;
    };
    let visits = tree.len().saturating_add(SPARE_VISITS);
    let mut decoder = Decoder {
        tree,
        sink,
        visits,
        text_bytes: MOST_TEXT_BYTES,
        is_spent: false,
        is_repairing,
        hints: MOST_HINTS,
        misspelt: Vec::new(),
        secrets: Vec::new(),
    };
    let language = decoder.version(root)?;
    let file = decoder.file(root);
    let Decoder { misspelt, secrets, .. } = decoder;
    Some((language, File { misspelt, secrets, ..file }))
}

pub(crate) struct Decoder<'t, 's, 'k> {
    tree: &'t Tree<'s>,
    sink: &'k mut Sink,
    visits: usize,
    text_bytes: usize,
    is_spent: bool,
    is_repairing: bool,
    /// How many more unknown keys are told.
    hints: usize,
    misspelt: Vec<Misspelt>,
    /// Places that no report shows.
    secrets: Vec<Span>,
}

/// How many unknown keys are told, more than a report holds.
const MOST_HINTS: usize = 500;

/// A key and its value.
type Pair<'t> = (Text<'t>, NodeId);

impl<'t> Decoder<'t, '_, '_> {
    // Reports.

    fn span(&self, id: NodeId) -> Span {
        self.tree.raw(id).span
    }

    fn report(&mut self, diagnostic: Diagnostic) {
        self.sink.push(diagnostic);
    }

    /// Where to point at a node: at its beginning, if it spans lines or holds more than one value. What
    /// it holds need not be shown to say that it is of the wrong kind.
    fn tight(&self, id: NodeId) -> Span {
        let node = self.tree.raw(id);
        match &node.kind {
            Kind::Mapping(pairs) => match pairs.first() {
                Some((key, _)) => self.span(*key),
                None => node.span,
            },
            Kind::Sequence(_) => Span { end: node.span.end.min(node.span.start + 1), ..node.span },
            _ => node.span,
        }
    }

    /// What a node is, for messages.
    fn describe(&self, id: NodeId) -> &'static str {
        match self.tree.get(id).kind {
            Kind::Mapping(_) => "a mapping",
            Kind::Sequence(_) => "a list",
            _ => "a single value",
        }
    }

    fn wrong_type(&mut self, id: NodeId, what: &str, wanted: &str) {
        let found = self.describe(id);
        let message = format!("{what} must be {wanted}, not {found}");
        let hint = hints::wrong_type(what, wanted, self.tree.get(id));
        let diagnostic = Diagnostic::new(Rule::Type, self.tight(id), message).hint(hint);
        self.report(diagnostic.reference("yaml: unmarshal errors"));
    }

    /// Spends one visit. False when the document has multiplied beyond what is read.
    fn visit(&mut self, id: NodeId) -> bool {
        if !self.spend(1, id) {
            return false;
        }
        if let Kind::Cycle { name } = self.tree.raw(id).kind {
            if self.sink.is_full() && self.sink.has_errors() {
                return false;
            }
            let message = format!("the value of the anchor `{name}` contains itself");
            let span = self.span(id);
            self.report(
                Diagnostic::new(Rule::UnknownAnchor, span, message)
                    .hint("an alias can only repeat what is complete")
                    .reference(format!("anchor '{name}' value contains itself")),
            );
            return false;
        }
        true
    }

    /// Takes from what may be visited; false when too little is left.
    fn spend(&mut self, visits: usize, id: NodeId) -> bool {
        match self.visits.checked_sub(visits) {
            Some(left) if !self.is_spent => {
                self.visits = left;
                true
            }
            _ => {
                self.spent(id);
                false
            }
        }
    }

    fn spent(&mut self, id: NodeId) {
        if !self.is_spent {
            self.is_spent = true;
            let span = self.span(id);
            self.report(
                Diagnostic::new(
                    Rule::AliasExpansion,
                    span,
                    "aliases multiply the document beyond what is read",
                )
                .hint("write the repeated parts out, or repeat less")
                .reference("yaml: document contains excessive aliasing"),
            );
        }
    }

    // Lists.

    /// The entries of a list, nulls included; `None` if it is none.
    fn items(&mut self, id: NodeId, what: &str) -> Option<&'t [NodeId]> {
        if !self.visit(id) {
            return None;
        }
        let tree = self.tree;
        match &tree.get(id).kind {
            Kind::Sequence(items) => Some(items),
            _ => {
                self.wrong_type(id, what, "a list");
                None
            }
        }
    }

    /// A list of one kind of entries, nulls dropped. `None` if it is absent.
    fn list<T>(
        &mut self,
        id: Option<NodeId>,
        what: &str,
        mut each: impl FnMut(&mut Self, NodeId) -> Option<T>,
    ) -> Option<Vec<T>> {
        let id = self.present(id)?;
        let items = self.items(id, what)?;
        let mut found = Vec::with_capacity(items.len());
        for item in items {
            if self.present(Some(*item)).is_some() {
                found.extend(each(self, *item));
            }
        }
        Some(found)
    }

    /// A list of texts.
    fn texts(&mut self, id: Option<NodeId>, what: &str, entry: &str) -> Option<Vec<Text<'t>>> {
        self.list(id, what, |this, item| {
            this.optional_text(Some(item), entry).filter(|it| !it.is_broken)
        })
    }

    // Scalars.

    fn text_of(&mut self, id: NodeId) -> Result<Option<Text<'t>>, ScalarError> {
        if !self.visit(id) {
            return Ok(None);
        }
        let tree = self.tree;
        let Some(text) = tree.get(id).text()? else { return Ok(None) };
        match self.text_bytes.checked_sub(text.len()) {
            Some(left) => self.text_bytes = left,
            None => {
                self.spent(id);
                return Ok(None);
            }
        }
        Ok(Some(Text { text, span: self.span(id), is_broken: false }))
    }

    fn scalar_error(&mut self, id: NodeId, what: &str, wanted: &str, error: &ScalarError) {
        match error {
            ScalarError::NotScalar => self.wrong_type(id, what, wanted),
            ScalarError::Mismatch => {
                let node = self.tree.get(id);
                let (shown, is_quoted) = (node.literal(), node.is_quoted());
                let quoted = if is_quoted { ", not a text in quotes" } else { "" };
                let message = format!("{what} must be {wanted}{quoted}; found `{shown}`");
                let hint = match wanted {
                    "true or false" => hints::flag(shown),
                    _ => hints::number(what, shown, is_quoted),
                };
                let diagnostic = Diagnostic::new(Rule::Type, self.span(id), message).hint(hint);
                self.report(diagnostic.reference("yaml: unmarshal errors"));
            }
            ScalarError::Tag(tag) => {
                let span = self.span(id);
                self.report(
                    Diagnostic::new(
                        Rule::Type,
                        span,
                        format!("the value does not fit its tag `{tag}`"),
                    )
                    .hint("remove the tag"),
                );
            }
        }
    }

    /// A text; empty, at the place of nothing, if it is absent.
    fn text(&mut self, id: Option<NodeId>, what: &str) -> Text<'t> {
        self.optional_text(id, what).unwrap_or_default()
    }

    /// A text, if it is there; one that could not be read is reported and marked.
    fn optional_text(&mut self, id: Option<NodeId>, what: &str) -> Option<Text<'t>> {
        let id = id?;
        let before = self.sink.error_count();
        match self.text_of(id) {
            Ok(None) if self.sink.error_count() == before => None,
            Ok(None) => Some(Text::broken(self.span(id))),
            Ok(text) => text,
            Err(error) => {
                self.scalar_error(id, what, "a text", &error);
                Some(Text::broken(self.tight(id)))
            }
        }
    }

    /// An unsigned number of 32 bits; 0 if it is absent, 1 if it could not be read.
    fn number(&mut self, id: Option<NodeId>, what: &str) -> At<u32> {
        let Some(id) = id.filter(|it| self.visit(*it)) else { return At::default() };
        match self.tree.get(id).uint32() {
            Ok(None) => At::default(),
            Ok(Some(value)) => At { value, span: self.span(id) },
            Err(error) => {
                self.scalar_error(id, what, "a whole number", &error);
                At { value: 1, span: self.tight(id) }
            }
        }
    }

    /// A flag; false if it is absent.
    fn flag(&mut self, id: Option<NodeId>, what: &str) -> At<bool> {
        let Some(id) = id.filter(|it| self.visit(*it)) else { return At::default() };
        match self.tree.get(id).boolean() {
            Ok(value) => At { value: value.unwrap_or_default(), span: self.span(id) },
            Err(error) => {
                self.scalar_error(id, what, "true or false", &error);
                At { value: false, span: self.tight(id) }
            }
        }
    }

    /// The literal text of a quantity, and where it stands; absent if it is null.
    fn literal(&mut self, id: Option<NodeId>) -> Option<Text<'t>> {
        let id = self.present(id).filter(|it| self.visit(*it))?;
        let tree = self.tree;
        let node = tree.get(id);
        Some(Text { text: Cow::Borrowed(node.literal()), span: self.span(id), is_broken: false })
    }

    // The top level (spec 4).

    fn version(&mut self, root: NodeId) -> Option<Language> {
        let tree = self.tree;
        let no_version = |span| {
            Diagnostic::new(Rule::NoVersion, span, "the file does not say its version")
                .hint("begin with `version: \"2.0\"`")
                .reference("SDL invalid: no version found")
        };
        let at_start = Span { start: tree.raw(root).span.start, end: tree.raw(root).span.start };
        let Kind::Mapping(pairs) = &tree.get(root).kind else {
            let message = "the file must be a mapping with the keys `version`, `services`, …";
            let mut diagnostic = no_version(self.tight(root));
            message.clone_into(&mut diagnostic.message);
            self.report(diagnostic);
            return None;
        };
        // The reference looks through keys and values alike.
        let mut children = pairs.iter().flat_map(|it| [it.0, it.1]);
        let value = children.by_ref().find(|it| tree.raw(*it).literal() == "version");
        let Some(value) = value.and_then(|_| children.next()) else {
            let misspelt = pairs.iter().find(|it| {
                let key = tree.get(it.0).literal();
                !SECTIONS.contains(&key) && suggest::nearest(key, ["version"]).is_some()
            });
            let diagnostic = match misspelt {
                Some((key, _)) => no_version(self.span(*key)).hint("did you mean `version`?"),
                None => no_version(at_start),
            };
            self.report(diagnostic);
            return None;
        };
        let text = tree.get(value).literal();
        let span = self.span(value);
        let hint = "the versions are \"2.0\" and \"2.1\"";
        match Version::parse(text) {
            Err(reason) => {
                let message = format!("`{text}` is not a version: {reason}");
                self.report(Diagnostic::new(Rule::BadVersion, span, message).hint(hint));
                None
            }
            Ok(version) => {
                let language = version.language();
                if language.is_none() {
                    let message = format!("version {version} is not supported");
                    let reference =
                        format!("SDL invalid: config: unsupported version \"{version}\"");
                    self.report(
                        Diagnostic::new(Rule::BadVersion, span, message)
                            .hint(hint)
                            .reference(reference),
                    );
                }
                language
            }
        }
    }

    fn file(&mut self, root: NodeId) -> File<'t> {
        let tree = self.tree;
        let mut file = File { span: self.span(root), ..File::default() };
        file.span.end = file.span.start;
        let pairs = self.loose_pairs(root);
        for (at, (key, value)) in pairs.iter().enumerate() {
            let node = tree.get(*key);
            let name = node.literal();
            let twin = pairs.iter().take(at.min(64)).find(|it| tree.get(it.0).literal() == name);
            if let Some((first, _)) = twin {
                let diagnostic = duplicate(tree, name, *first, *key);
                self.report(diagnostic);
                continue;
            }
            let value = Some(*value);
            let before = self.sink.len();
            let name = self.section_meant(*key, name, &pairs);
            match name {
                "version" => {}
                "include" => {
                    self.texts(value, "`include`", "an entry of `include`");
                }
                "services" => {
                    file.services =
                        self.section(value, "`services`", |this, _, id| this.service(id));
                }
                "profiles" => self.profiles(value, &mut file),
                "deployment" => {
                    file.deployment_span = Some(self.span(*key));
                    file.deployment = self.section(value, "`deployment`", Self::deployed);
                }
                "endpoints" => {
                    file.endpoints = self.section(value, "`endpoints`", |this, _, id| {
                        let Some(id) = id else { return Endpoint::default() };
                        match this.fields(id, "an endpoint", ["kind"]) {
                            Some([kind]) => Endpoint { kind: this.text(kind, "`kind`") },
                            None => Endpoint { kind: Text::broken(this.tight(id)) },
                        }
                    });
                }
                "reclamation" => {
                    let errors = self.sink.error_count();
                    let [window] = self
                        .present(value)
                        .and_then(|it| self.fields(it, "`reclamation`", ["min_window"]))
                        .unwrap_or_default();
                    let mut min_window = self.text(window, "`min_window`");
                    if window.is_none() {
                        min_window.span = self.span(*key);
                    }
                    if self.sink.error_count() == errors {
                        file.reclamation = Some(Reclamation { min_window });
                    }
                }
                "<<" if node.is_merge_key() => {
                    let span = self.span(*key);
                    self.report(
                        Diagnostic::new(
                            Rule::MergeKey,
                            span,
                            "`<<` is not allowed at the top level",
                        )
                        .hint("merge inside a section instead")
                        .reference("sdl: unexpected field <<"),
                    );
                }
                // Reported already.
                _ => {}
            }
            // The reference stops at the first value that cannot be read, and gathers values of the wrong
            // type until the section ends.
            self.sink.sort_from(before, |it| {
                let is_gathered = matches!(it.rule, Rule::Type | Rule::DuplicateKey);
                (it.severity != Severity::Error, is_gathered, it.span.start)
            });
        }
        file
    }

    /// The section that a key of the top level names; if it names none, it is reported.
    fn section_meant<'k>(
        &mut self,
        key: NodeId,
        name: &'k str,
        pairs: &[(NodeId, NodeId)],
    ) -> &'k str {
        let tree = self.tree;
        if SECTIONS.contains(&name) || tree.get(key).is_merge_key() {
            return name;
        }
        let what = "a deployment file";
        let reference = format!("sdl: unexpected field {name}");
        self.unknown(self.span(key), name, what, &SECTIONS, reference);
        match hints::meant(name, what, &SECTIONS) {
            Some(meant) if !pairs.iter().any(|it| tree.get(it.0).literal() == meant) => {
                self.misspelt_key(self.span(key), name, meant, true);
                if self.is_repairing { meant } else { "" }
            }
            _ => "",
        }
    }

    fn deployed(&mut self, _: &Text<'t>, id: Option<NodeId>) -> Named<'t, Deployed<'t>> {
        let Some(id) = id else { return BTreeMap::new() };
        let placements = self.named(id, "a service under `deployment`", |this, key, id| {
            let span = key.span;
            let Some(id) = id else { return Deployed { span, ..Deployed::default() } };
            let what = "a placement under `deployment`";
            let Some([profile, count]) = this.fields(id, what, ["profile", "count"]) else {
                let count = At { value: 1, span };
                return Deployed { span, profile: Text::broken(span), count };
            };
            Deployed {
                span,
                profile: this.text(profile, "`profile`"),
                count: this.number(count, "`count`"),
            }
        });
        placements.unwrap_or_default()
    }
}

/// The keys of the top level.
const SECTIONS: [&str; 7] =
    ["version", "include", "services", "profiles", "deployment", "endpoints", "reclamation"];
