//! Reading a received manifest (spec `provider.md` 4.8, 4.9), as leniently as the reference.
//!
//! Providers receive what other clients wrote. The reference reads it with its language's JSON library: keys
//! in any letter case, unknown keys dropped, `null` for the zero value wherever it stands, bytes and escapes
//! that are no characters replaced. [`Shape`] says where which keys and lists are, so that a document can be
//! brought into the one form that the types of this module read.

use super::{Group, Manifest};
use serde_json::{Map, Value};
use std::borrow::Cow;

impl Manifest {
    /// Reads the first JSON value of `bytes`; what follows it is ignored, `null` is no group, unknown
    /// keys are dropped, keys match in any letter case, and the last of repeated keys counts.
    ///
    /// # Errors
    /// A text for the sender: `EOF` for nothing at all, `unexpected EOF` for a document that is cut
    /// off, otherwise what is wrong and where.
    pub fn from_json(bytes: &[u8]) -> Result<Self, String> {
        let bytes = readable(bytes);
        // Reading by way of `Value` lets the last of repeated keys win.
        let mut values = serde_json::Deserializer::from_slice(&bytes).into_iter::<Value>();
        let document = match values.next() {
            None => return Err("EOF".into()),
            Some(Err(error)) if error.is_eof() => return Err("unexpected EOF".into()),
            Some(Err(error)) => return Err(error.to_string()),
            Some(Ok(document)) => document,
        };
        let groups: Option<Vec<Group>> =
            serde_json::from_value(MANIFEST.apply(document)).map_err(|error| error.to_string())?;
        Ok(Self(groups.unwrap_or_default()))
    }
}

/// Where the keys and lists of a document are.
enum Shape {
    /// A number, a flag or a text.
    Scalar,
    /// A list of texts.
    Texts,
    /// A list of objects.
    List(&'static Shape),
    /// An object with these keys; others are dropped.
    Object(&'static [(&'static str, Shape)]),
}

use Shape::{List, Object, Scalar, Texts};

const QUANTITY: Shape = Object(&[("val", Scalar)]);
const ATTRIBUTES: Shape = List(&Object(&[("key", Scalar), ("value", Scalar)]));
const CREDENTIALS: Shape =
    Object(&[("host", Scalar), ("email", Scalar), ("username", Scalar), ("password", Scalar)]);

const RESOURCES: Shape = Object(&[
    ("id", Scalar),
    ("cpu", Object(&[("units", QUANTITY), ("attributes", ATTRIBUTES)])),
    ("memory", Object(&[("size", QUANTITY), ("attributes", ATTRIBUTES)])),
    ("storage", List(&Object(&[("name", Scalar), ("size", QUANTITY), ("attributes", ATTRIBUTES)]))),
    ("gpu", Object(&[("units", QUANTITY), ("attributes", ATTRIBUTES)])),
    ("endpoints", List(&Object(&[("kind", Scalar), ("sequence_number", Scalar)]))),
]);

const EXPOSE: Shape = Object(&[
    ("port", Scalar),
    ("externalPort", Scalar),
    ("proto", Scalar),
    ("service", Scalar),
    ("global", Scalar),
    ("hosts", Texts),
    (
        "httpOptions",
        Object(&[
            ("maxBodySize", Scalar),
            ("readTimeout", Scalar),
            ("sendTimeout", Scalar),
            ("nextTries", Scalar),
            ("nextTimeout", Scalar),
            ("nextCases", Texts),
            ("proxyBufferSize", Scalar),
        ]),
    ),
    ("ip", Scalar),
    ("endpointSequenceNumber", Scalar),
]);

const PARAMS: Shape = Object(&[
    ("storage", List(&Object(&[("name", Scalar), ("mount", Scalar), ("readOnly", Scalar)]))),
    ("credentials", CREDENTIALS),
    ("permissions", Object(&[("read", Texts)])),
    ("tee", Object(&[("type", Scalar), ("attestation", Scalar)])),
]);

const SERVICE: Shape = Object(&[
    ("name", Scalar),
    ("image", Scalar),
    ("command", Texts),
    ("args", Texts),
    ("env", Texts),
    ("resources", RESOURCES),
    ("count", Scalar),
    ("expose", List(&EXPOSE)),
    ("params", PARAMS),
    ("credentials", CREDENTIALS),
]);

const MANIFEST: Shape = List(&Object(&[("name", Scalar), ("services", List(&SERVICE))]));

impl Shape {
    /// A document with keys as the types spell them, without unknown keys and without nulls in lists.
    /// What has another shape is left as it is, for the types to refuse.
    fn apply(&self, document: Value) -> Value {
        match (self, document) {
            (Texts, Value::Array(items)) => Value::Array(
                items
                    .into_iter()
                    .map(|it| if it.is_null() { Value::String(String::new()) } else { it })
                    .collect(),
            ),
            (List(shape), Value::Array(items)) => Value::Array(
                items
                    .into_iter()
                    .map(|it| if it.is_null() { Value::Object(Map::new()) } else { it })
                    .map(|it| shape.apply(it))
                    .collect(),
            ),
            (Object(keys), Value::Object(map)) => {
                let mut out = Map::new();
                for (key, value) in map {
                    let exact = keys.iter().find(|it| it.0 == key);
                    let Some((name, shape)) =
                        exact.or_else(|| keys.iter().find(|it| it.0.eq_ignore_ascii_case(&key)))
                    else {
                        continue;
                    };
                    // Of two spellings of one key, the right one counts.
                    if exact.is_some() || !out.contains_key(*name) {
                        out.insert((*name).to_owned(), shape.apply(value));
                    }
                }
                Value::Object(out)
            }
            (_, other) => other,
        }
    }
}

/// The same bytes, each that is not UTF-8 and each escape of half a surrogate pair replaced by U+FFFD.
pub(super) fn readable(bytes: &[u8]) -> Cow<'_, [u8]> {
    let has_half =
        |bytes: &[u8]| bytes.windows(3).any(|it| matches!(it, [b'\\', b'u', b'd' | b'D']));
    if std::str::from_utf8(bytes).is_ok() && !has_half(bytes) {
        return Cow::Borrowed(bytes);
    }
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        text.extend(chunk.invalid().iter().map(|_| '\u{fffd}'));
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text.as_str();
    while let Some(at) = rest.find('\\') {
        let (before, escape) = rest.split_at(at);
        out.push_str(before);
        let length = match surrogate(escape) {
            Some(0xd800..=0xdbff) => {
                let second = escape.get(6..).and_then(surrogate);
                if matches!(second, Some(0xdc00..=0xdfff)) { 12 } else { 0 }
            }
            Some(0xdc00..=0xdfff) => 0,
            _ => 2,
        };
        if length == 0 {
            out.push_str("\\ufffd");
        }
        // An escape has at least two characters, of which the second may be a long one.
        let take = match length {
            0 => 6,
            2 => 1 + escape.chars().nth(1).map_or(0, char::len_utf8),
            more => more,
        };
        let (escape, after) = escape.split_at_checked(take).unwrap_or((escape, ""));
        if length != 0 {
            out.push_str(escape);
        }
        rest = after;
    }
    out.push_str(rest);
    Cow::Owned(out.into_bytes())
}

/// The number of an escape `\uXXXX` at the beginning of a text.
fn surrogate(text: &str) -> Option<u32> {
    let digits = text.strip_prefix("\\u")?.get(..4)?;
    u32::from_str_radix(digits, 16).ok()
}
