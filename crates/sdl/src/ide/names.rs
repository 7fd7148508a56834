//! What the author named, and where the names are used: definition, references, rename.

use super::outline::{Item, Outline, Shape, Word};
use std::ops::Range;

/// What a name stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum NameKind {
    /// A service.
    Service,
    /// A compute profile.
    Profile,
    /// A placement.
    Placement,
    /// An IP endpoint.
    Endpoint,
    /// A volume of a compute profile.
    Volume,
    /// A YAML anchor.
    Anchor,
}

impl NameKind {
    /// What a person calls it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Service => "service",
            Self::Profile => "compute profile",
            Self::Placement => "placement",
            Self::Endpoint => "endpoint",
            Self::Volume => "volume",
            Self::Anchor => "anchor",
        }
    }
}

/// One place where a name stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Mention {
    pub(super) kind: NameKind,
    pub(super) name: String,
    /// Names of one volume kind are told apart by their profile; empty otherwise.
    pub(super) scope: String,
    /// The name, with its quotes.
    pub(super) place: Range<usize>,
    pub(super) is_definition: bool,
    /// For definitions, all that belongs to it.
    pub(super) whole: Range<usize>,
}

/// All places where names stand, in the order of the text.
pub(super) fn mentions(outline: &Outline, text: &str) -> Vec<Mention> {
    let mut found = Vec::new();
    for (id, item) in outline.items.iter().enumerate().skip(1) {
        let path = outline.path(id);
        let path: Vec<&str> = path.iter().map(String::as_str).collect();
        of_item(outline, item, &path, &mut found);
    }
    anchors(outline, text, &mut found);
    found.sort_by_key(|it| it.place.start);
    found
}

fn of_item(outline: &Outline, item: &Item, path: &[&str], found: &mut Vec<Mention>) {
    use NameKind::{Endpoint, Placement, Profile, Service, Volume};
    let mut push = |kind, word: &Option<Word>, is_definition, scope: &str| {
        if let Some(word) = word
            && !word.text.is_empty()
            && word.text != "<<"
        {
            found.push(Mention {
                kind,
                name: word.text.clone(),
                scope: scope.to_owned(),
                place: word.place.clone(),
                is_definition,
                whole: item.place.clone(),
            });
        }
    };
    let value = if item.shape == Shape::Scalar { &item.value } else { &None };
    match path {
        ["services", _] => push(Service, &item.key, true, ""),
        ["profiles", "compute", _] => push(Profile, &item.key, true, ""),
        ["profiles", "placement", _] => push(Placement, &item.key, true, ""),
        ["profiles", "placement", _, "pricing", _] => push(Profile, &item.key, false, ""),
        ["endpoints", _] => push(Endpoint, &item.key, true, ""),
        ["deployment", _] => push(Service, &item.key, false, ""),
        ["deployment", _, _] => push(Placement, &item.key, false, ""),
        ["deployment", _, _, "profile"] => push(Profile, value, false, ""),
        ["services", _, "expose", _, "to", _, "service"]
        | ["services", _, "dependencies", _, "service"] => push(Service, value, false, ""),
        ["services", _, "expose", _, "to", _, "ip"] => push(Endpoint, value, false, ""),
        ["profiles", "compute", profile, "resources", "storage", _, "name"] => {
            push(Volume, value, true, profile);
        }
        ["services", service, "params", "storage", volume] => {
            let profiles = profiles_of(outline, service);
            let holds = |it: &&String| volumes_of(outline, it).iter().any(|it| it == volume);
            let scope = profiles.iter().find(holds).or(profiles.first());
            push(Volume, &item.key, false, scope.map_or("", String::as_str));
        }
        _ => {}
    }
}

/// The compute profiles that a service is deployed with.
pub(super) fn profiles_of(outline: &Outline, service: &str) -> Vec<String> {
    let Some(deployed) = outline.find(&["deployment", service]) else { return Vec::new() };
    outline
        .children(deployed)
        .filter_map(|(id, _)| outline.child(id, "profile")?.1.value.as_ref())
        .map(|it| it.text.clone())
        .collect()
}

/// The names of the volumes of a compute profile.
pub(super) fn volumes_of(outline: &Outline, profile: &str) -> Vec<String> {
    let path = ["profiles", "compute", profile, "resources", "storage"];
    let Some(storage) = outline.find(&path) else { return Vec::new() };
    let is_list = outline.get(storage).is_some_and(|it| it.shape == Shape::Seq);
    if !is_list {
        return vec!["default".into()];
    }
    let name = |id| outline.child(id, "name").and_then(|it| it.1.value.as_ref());
    outline
        .children(storage)
        .map(|(id, _)| name(id).map_or_else(|| "default".to_owned(), |it| it.text.clone()))
        .collect()
}

/// `&name` where a value may begin, and `*name`.
fn anchors(outline: &Outline, text: &str, found: &mut Vec<Mention>) {
    let bytes = text.as_bytes();
    let is_word = |it: &u8| it.is_ascii_alphanumeric() || matches!(it, b'-' | b'_');
    let mut push = |at: usize, is_definition| {
        let length =
            bytes.get(at + 1..).map_or(0, |it| it.iter().take_while(|b| is_word(b)).count());
        let place = at + 1..at + 1 + length;
        if length == 0 {
            return;
        }
        found.push(Mention {
            kind: NameKind::Anchor,
            name: text.get(place.clone()).unwrap_or_default().to_owned(),
            scope: String::new(),
            whole: place.clone(),
            place,
            is_definition,
        });
    };
    let mut texts: Vec<Range<usize>> = Vec::new();
    for item in &outline.items {
        texts.extend(item.key.iter().map(|it| it.place.clone()));
        if let Some(value) = &item.value {
            match item.shape {
                Shape::Alias => push(value.place.start, false),
                _ => texts.push(value.place.clone()),
            }
        }
    }
    texts.sort_by_key(|it| it.start);
    // What lies between keys and values: only marks and comments.
    let mut at = 0;
    for place in texts.into_iter().chain(std::iter::once(bytes.len()..bytes.len())) {
        let mut is_comment = false;
        while at < place.start {
            match bytes.get(at) {
                Some(b'\n') => is_comment = false,
                Some(b'#') => is_comment = true,
                Some(b'&') if !is_comment => push(at, true),
                _ => {}
            }
            at += 1;
        }
        at = at.max(place.end);
    }
}

/// Whether a name may be given to something of a kind.
pub(super) fn is_valid(kind: NameKind, name: &str) -> Result<(), String> {
    let first = name.bytes().next();
    let word = |more: &[u8]| {
        name.bytes().all(|it| it.is_ascii_lowercase() || it.is_ascii_digit() || more.contains(&it))
    };
    let is_good = match kind {
        NameKind::Service => {
            first.is_some_and(|it| it.is_ascii_lowercase())
                && word(b"-")
                && !name.ends_with('-')
                && name.len() < 64
        }
        NameKind::Endpoint => {
            name.len() > 1 && first.is_some_and(|it| it.is_ascii_lowercase()) && word(b"-_")
        }
        NameKind::Anchor => {
            !name.is_empty()
                && name.bytes().all(|it| it.is_ascii_alphanumeric() || matches!(it, b'-' | b'_'))
        }
        _ => !name.trim().is_empty() && !name.contains(char::is_control),
    };
    if is_good { Ok(()) } else { Err(format!("`{name}` is no name for a {}", kind.word())) }
}
