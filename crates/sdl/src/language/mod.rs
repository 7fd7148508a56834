//! The language's keys, declared once: what each is called, takes, means and defaults to.
//!
//! Called by `schema` (JSON Schema and the reference page), by editors (hover, completion) and by whoever
//! wants to tell an author what may stand somewhere. Calls nothing. [`table`] holds the rows (spec `sdl.md`
//! 4 to 10, strictness of 21); a test holds them against what `decode` knows.
//!
//! A path is written `services.*.expose[].to[].global`: `*` is a name of the author's choosing, `[]` an
//! entry of a list. For look-ups it is a list of segments, as they stand in a file: `["services", "web",
//! "expose", "0", "port"]`; `[]`, `[0]` and `*` are understood as well.

mod table;

use crate::Language;

/// What may stand as the value of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A mapping with the keys that the table lists below it.
    Mapping,
    /// A mapping of names that the author chooses; the row `…*` says to what.
    Named,
    /// A list of mappings; the row `…[]` says of what.
    List,
    /// One mapping, or a list of them (only `storage`); the row `…[]` says of what.
    OneOrMany,
    /// A text.
    Text,
    /// A list of texts.
    Texts,
    /// A whole number of 32 bits, unquoted, between two bounds (both may be taken).
    Number {
        /// Least.
        min: u32,
        /// Most.
        max: u32,
    },
    /// `true` or `false`.
    Flag,
    /// The version of the language, in quotes.
    Version,
    /// Processor cores: `0.5`, `2`, or thousandths `500m` (spec 11.2).
    Cores,
    /// Bytes with a suffix: `512Mi`, `10G` (spec 11.3).
    Size,
    /// Bytes with a binary suffix only: `80Gi` (spec 11.4).
    BinarySize,
    /// A whole number of GPUs (spec 11.4).
    Count,
    /// An amount of money per block, at most 18 digits after the point (spec 11.5).
    Amount,
    /// A denomination of the ledger.
    Denom,
    /// A span of time like `24h` or `1h30m` (spec 10).
    Duration,
    /// Any scalar, taken by its text.
    Scalar,
}

impl Kind {
    /// What a person calls it: `a list of texts`.
    #[must_use]
    pub fn describe(self) -> &'static str {
        match self {
            Self::Mapping => "a mapping",
            Self::Named => "a mapping of names",
            Self::List => "a list of mappings",
            Self::OneOrMany => "a mapping, or a list of mappings",
            Self::Text => "a text",
            Self::Texts => "a list of texts",
            Self::Number { .. } => "a whole number",
            Self::Flag => "`true` or `false`",
            Self::Version => "a version in quotes",
            Self::Cores => "processor cores",
            Self::Size => "a size in bytes with a suffix",
            Self::BinarySize => "a size in bytes with a binary suffix",
            Self::Count => "a whole number of GPUs",
            Self::Amount => "an amount per block",
            Self::Denom => "a denomination",
            Self::Duration => "a span of time",
            Self::Scalar => "a scalar",
        }
    }

    /// Whether something can stand below a key of this kind.
    #[must_use]
    pub fn has_children(self) -> bool {
        matches!(self, Self::Mapping | Self::Named | Self::List | Self::OneOrMany)
    }
}

/// One of the few values that a key takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Value {
    /// As written in a file.
    pub text: &'static str,
    /// What it means, one sentence.
    pub doc: &'static str,
}

/// One key of the language.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Key {
    /// Where it stands: `services.*.expose[].port`.
    pub path: &'static str,
    /// What may stand there.
    pub kind: Kind,
    /// Whether a file needs it wherever the mapping around it stands.
    pub is_required: bool,
    /// Whether the compiler reads it for its type and does nothing with it.
    pub is_ignored: bool,
    /// Whether nothing (null) may stand there without a word from the schema.
    pub is_nullable: bool,
    /// What holds without it, as YAML that is also JSON, except that texts stand without quotes.
    pub default: Option<&'static str>,
    /// What it is for, one sentence.
    pub doc: &'static str,
    /// What else one should know; may be empty.
    pub note: &'static str,
    /// The values it takes, when they are few; empty otherwise.
    pub values: &'static [Value],
    /// Values one might write, in the form of `default`.
    pub examples: &'static [&'static str],
    /// The first version of the language that has it.
    pub since: Language,
}

impl Key {
    const fn new(path: &'static str, kind: Kind, doc: &'static str) -> Self {
        Self {
            path,
            kind,
            is_required: false,
            is_ignored: false,
            is_nullable: false,
            default: None,
            doc,
            note: "",
            values: &[],
            examples: &[],
            since: Language::V2_0,
        }
    }

    const fn required(self) -> Self {
        Self { is_required: true, ..self }
    }

    const fn ignored(self) -> Self {
        Self { is_ignored: true, ..self }
    }

    const fn nullable(self) -> Self {
        Self { is_nullable: true, ..self }
    }

    const fn default(self, text: &'static str) -> Self {
        Self { default: Some(text), ..self }
    }

    const fn note(self, text: &'static str) -> Self {
        Self { note: text, ..self }
    }

    const fn values(self, list: &'static [Value]) -> Self {
        Self { values: list, ..self }
    }

    const fn examples(self, list: &'static [&'static str]) -> Self {
        Self { examples: list, ..self }
    }

    /// The last part of the path: a key, `*` for a chosen name, `[]` for an entry of a list.
    #[must_use]
    pub fn name(&self) -> &'static str {
        segments(self.path).last().unwrap_or(self.path)
    }

    /// How many segments lead here, this one included.
    #[must_use]
    pub fn depth(&self) -> usize {
        segments(self.path).count()
    }

    /// Whether this is a key of the language, not a chosen name or an entry of a list.
    #[must_use]
    pub fn is_word(&self) -> bool {
        !matches!(self.name(), "*" | "[]")
    }
}

/// The parts of a path pattern: `a.*.b[].c` has `a`, `*`, `b`, `[]`, `c`.
fn segments(pattern: &'static str) -> impl Iterator<Item = &'static str> {
    pattern.split('.').flat_map(|part| match part.strip_suffix("[]") {
        Some("") => ["[]"].into_iter().chain(None),
        Some(name) => [name].into_iter().chain(Some("[]")),
        None => [part].into_iter().chain(None),
    })
}

/// All keys, each after the one that it stands under, in the order in which one would write them.
#[must_use]
pub fn keys() -> &'static [Key] {
    table::KEYS
}

/// The key at a place of a file. An entry of a list of texts answers with the list's key.
#[must_use]
pub fn at(path: &[&str]) -> Option<&'static Key> {
    keys().iter().find(|key| leads_to(key, path))
}

/// The keys that may stand directly below a place: words, or the one row for chosen names or entries.
/// Below `storage`, which may be one mapping or a list, they are those of the mapping.
pub fn children(path: &[&str]) -> impl Iterator<Item = &'static Key> + use<> {
    let parent = if path.is_empty() { None } else { at(path).map(|it| it.path) };
    let parent = match at(path).map(|it| it.kind) {
        Some(Kind::OneOrMany) => parent.and_then(|it| {
            keys().iter().find(|key| key.path.strip_suffix("[]") == Some(it)).map(|key| key.path)
        }),
        _ => parent,
    };
    let is_top = path.is_empty();
    keys().iter().filter(move |key| match (is_top, parent) {
        (true, _) => key.depth() == 1,
        (false, None) => false,
        (false, Some(parent)) => parent_of(key.path) == Some(parent),
    })
}

/// The path of the row that a row stands under.
fn parent_of(path: &'static str) -> Option<&'static str> {
    match path.strip_suffix("[]") {
        Some(list) => Some(list),
        None => path.rsplit_once('.').map(|it| it.0),
    }
}

/// Whether the segments of a file lead to a key.
fn leads_to(key: &Key, path: &[&str]) -> bool {
    let mut pattern = segments(key.path).peekable();
    let mut path = path.iter().copied().peekable();
    let mut last = "";
    while let Some(wanted) = pattern.next() {
        let given = path.peek().copied();
        let fits = match (wanted, given) {
            ("*", Some(_)) => true,
            ("[]", Some(it)) if is_entry(it) => true,
            // The mapping form of `storage` has no entries; its own row is the list's.
            ("[]", Some(_)) if last == "storage" && pattern.peek().is_some() => {
                last = wanted;
                continue;
            }
            (_, given) => given == Some(wanted),
        };
        if !fits {
            return false;
        }
        path.next();
        last = wanted;
    }
    match (path.next(), path.next()) {
        (None, _) => true,
        (Some(it), None) => key.kind == Kind::Texts && is_entry(it),
        _ => false,
    }
}

/// `0`, `[0]`, `[]`.
fn is_entry(segment: &str) -> bool {
    let inner = segment.strip_prefix('[').and_then(|it| it.strip_suffix(']'));
    match inner {
        Some(inner) => inner.bytes().all(|it| it.is_ascii_digit()),
        None => !segment.is_empty() && segment.bytes().all(|it| it.is_ascii_digit()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_row_stands_after_the_one_it_belongs_to() {
        let mut seen = BTreeSet::new();
        for key in keys() {
            if let Some(parent) = parent_of(key.path) {
                assert!(seen.contains(parent), "{} has no row above it", key.path);
            }
            assert!(seen.insert(key.path), "{} stands twice", key.path);
        }
    }

    #[test]
    fn what_holds_others_has_rows_below_it_and_nothing_else_has() {
        for key in keys() {
            let below: Vec<_> =
                keys().iter().filter(|it| parent_of(it.path) == Some(key.path)).collect();
            assert_eq!(key.kind.has_children(), !below.is_empty(), "{}", key.path);
            let names: Vec<_> = below.iter().map(|it| it.name()).collect();
            match key.kind {
                Kind::Named => assert_eq!(names, ["*"], "{}", key.path),
                Kind::List | Kind::OneOrMany => assert_eq!(names, ["[]"], "{}", key.path),
                _ => assert!(below.iter().all(|it| it.is_word()), "{}", key.path),
            }
        }
    }

    #[test]
    fn documentation_is_whole_sentences() {
        for key in keys() {
            for text in [key.doc, key.note] {
                assert!(text.is_empty() || text.ends_with('.'), "{}: {text}", key.path);
            }
            assert!(!key.doc.is_empty(), "{}", key.path);
            for value in key.values {
                assert!(value.doc.ends_with('.'), "{}: {}", key.path, value.text);
            }
        }
    }

    #[test]
    fn a_place_in_a_file_finds_its_key() {
        let check = |path: &[&str], expected: Option<&str>| {
            assert_eq!(at(path).map(|it| it.path), expected, "{path:?}");
        };
        check(&["services"], Some("services"));
        check(&["services", "web"], Some("services.*"));
        check(&["services", "0"], Some("services.*"));
        check(&["services", "web", "expose"], Some("services.*.expose"));
        check(&["services", "web", "expose", "0"], Some("services.*.expose[]"));
        check(&["services", "web", "expose", "[3]", "port"], Some("services.*.expose[].port"));
        check(
            &["services", "*", "expose", "[]", "to", "[]", "ip"],
            Some("services.*.expose[].to[].ip"),
        );
        check(&["services", "web", "env", "2"], Some("services.*.env"));
        check(&["services", "web", "env", "x"], None);
        check(&["services", "web", "portz"], None);
        check(&[], None);
        let storage = "profiles.compute.*.resources.storage";
        let mut path = vec!["profiles", "compute", "web", "resources", "storage"];
        check(&path, Some(storage));
        path.push("size");
        check(&path, Some("profiles.compute.*.resources.storage[].size"));
        path.pop();
        path.extend(["1", "attributes", "class"]);
        check(&path, Some("profiles.compute.*.resources.storage[].attributes.class"));
    }

    #[test]
    fn children_are_what_may_stand_below() {
        let names = |path: &[&str]| children(path).map(Key::name).collect::<Vec<_>>();
        assert_eq!(names(&["endpoints", "front"]), ["kind"]);
        assert_eq!(names(&["services"]), ["*"]);
        assert_eq!(names(&["services", "web", "expose"]), ["[]"]);
        assert_eq!(names(&["services", "web", "image"]), [""; 0]);
        assert_eq!(names(&["nonsense"]), [""; 0]);
        let storage = ["profiles", "compute", "web", "resources", "storage"];
        assert_eq!(names(&storage), ["name", "size", "attributes"]);
        assert_eq!(names(&[&storage[..], &["0"]].concat()), ["name", "size", "attributes"]);
        assert!(names(&[]).contains(&"version"));
    }
}
