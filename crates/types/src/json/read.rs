//! JSON to encoded messages, and messages re-encoded as the Go node writes them.

use base64::{
    Engine,
    prelude::{BASE64_STANDARD, BASE64_STANDARD_NO_PAD, BASE64_URL_SAFE, BASE64_URL_SAFE_NO_PAD},
};
use prost::Message as _;
use serde_json::Value;

use super::{JsonError, Result};
use crate::{
    Dec, Int,
    encoded::{
        MAX_DEPTH, Raw, WireError, bytes_of, is_default, is_packed, merged, slots, wire_type,
        write_bytes, write_raw, write_tag, write_varint,
    },
    registry::{Custom, Field, Kind, Message, MessageIndex, Repeat, Special, registry},
    timestamp,
};

/// What becomes of members that a message does not have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unknown {
    /// An error: transactions and genesis.
    Refuse,
    /// Dropped: bodies of the gateway.
    Ignore,
}

/// Reads a message of any kind.
pub(super) fn message(index: MessageIndex, json: &Value, unknown: Unknown) -> Result<Vec<u8>> {
    Reader { unknown }.message(index, json, 0)
}

/// Fields encoded one by one, to be written in order of their numbers.
type Parts = Vec<(u32, Vec<u8>)>;

fn assemble(mut parts: Parts) -> Vec<u8> {
    parts.sort_by_key(|(number, _)| *number);
    parts.into_iter().flat_map(|(_, bytes)| bytes).collect()
}

/// One field with one length-delimited value.
fn delimited(field: &Field, bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    write_tag(field.number, 2, &mut out);
    write_bytes(bytes, &mut out);
    out
}

/// What the Go node writes for a field that it holds itself when nothing was given: nothing for
/// fields that it may leave out.
fn absent(field: &Field, depth: usize) -> Result<Option<Vec<u8>>> {
    if field.nullable || field.repeat != Repeat::One || field.oneof.is_some() {
        return Ok(None);
    }
    Ok(match field.kind {
        Kind::Message(index) => Some(delimited(field, &empty(index, field.std_time, depth)?)),
        Kind::String | Kind::Bytes if matches!(field.custom, Custom::Int | Custom::Dec) => {
            Some(delimited(field, b"0"))
        }
        _ => None,
    })
}

/// What the Go node writes for an empty message.
fn empty(index: MessageIndex, std_time: bool, depth: usize) -> Result<Vec<u8>> {
    if depth > MAX_DEPTH {
        return Err(WireError::Depth.into());
    }
    let message = registry().message(index);
    if std_time && message.special == Special::Timestamp {
        return Ok(timestamp::ZERO_TIME.encode_to_vec());
    }
    let mut parts = Parts::new();
    for field in &message.fields {
        if let Some(bytes) = absent(field, depth + 1)? {
            parts.push((field.number, bytes));
        }
    }
    Ok(assemble(parts))
}

struct Reader {
    unknown: Unknown,
}

impl Reader {
    fn message(&self, index: MessageIndex, json: &Value, depth: usize) -> Result<Vec<u8>> {
        if depth > MAX_DEPTH {
            return Err(WireError::Depth.into());
        }
        let message = registry().message(index);
        let wrong = |cause: &str| JsonError::Value {
            field: message.full_name.clone(),
            cause: cause.to_owned(),
        };
        match message.special {
            Special::Any => return self.any(json, depth),
            Special::Timestamp => {
                let time = json.as_str().and_then(timestamp::parse);
                return Ok(time.ok_or_else(|| wrong("not an RFC 3339 time"))?.encode_to_vec());
            }
            Special::Duration => {
                let span = json.as_str().and_then(timestamp::parse_duration);
                return Ok(span.ok_or_else(|| wrong("not a duration in seconds"))?.encode_to_vec());
            }
            Special::None => {}
        }
        let members = json.as_object().ok_or_else(|| wrong("not an object"))?;
        self.members(message, members.iter(), depth)
    }

    fn members<'j>(
        &self,
        message: &Message,
        members: impl Iterator<Item = (&'j String, &'j Value)>,
        depth: usize,
    ) -> Result<Vec<u8>> {
        let mut given = vec![false; message.fields.len()];
        let mut parts = Parts::new();
        for (name, json) in members {
            let Some((at, field)) = message.field_by_name(name) else {
                if self.unknown == Unknown::Ignore {
                    continue;
                }
                return Err(JsonError::UnknownField {
                    message: message.full_name.clone(),
                    field: name.clone(),
                });
            };
            if json.is_null() {
                continue;
            }
            let twice = given.get(at).copied().unwrap_or_default()
                || field.oneof.is_some()
                    && message.fields.iter().zip(&given).any(|(it, given)| {
                        *given && it.oneof == field.oneof && it.number != field.number
                    });
            if twice {
                return Err(self.wrong(message, field, "given twice"));
            }
            if let Some(it) = given.get_mut(at) {
                *it = true;
            }
            parts.push((field.number, self.field(message, field, json, depth)?));
        }
        for (field, given) in message.fields.iter().zip(&given) {
            if !given && let Some(bytes) = absent(field, depth)? {
                parts.push((field.number, bytes));
            }
        }
        Ok(assemble(parts))
    }

    fn field(
        &self,
        message: &Message,
        field: &Field,
        json: &Value,
        depth: usize,
    ) -> Result<Vec<u8>> {
        let mut out = Vec::new();
        match field.repeat {
            Repeat::One => {
                let always = field.oneof.is_some();
                self.value(message, field, json, depth, always, &mut out)?;
            }
            Repeat::Many => {
                let list =
                    json.as_array().ok_or_else(|| self.wrong(message, field, "not a list"))?;
                if is_packed(field) {
                    let mut packed = Vec::new();
                    for it in list {
                        let raw = scalar(field, it)
                            .ok_or_else(|| self.wrong(message, field, &scalar_fault(field, it)))?;
                        write_raw(raw, &mut packed);
                    }
                    if !packed.is_empty() {
                        out = delimited(field, &packed);
                    }
                } else {
                    for it in list {
                        self.value(message, field, it, depth, true, &mut out)?;
                    }
                }
            }
            Repeat::Map => {
                let members =
                    json.as_object().ok_or_else(|| self.wrong(message, field, "not an object"))?;
                let Kind::Message(index) = field.kind else {
                    return Err(WireError::WireType.into());
                };
                for (name, value) in members {
                    let entry = registry().message(index);
                    let key = Value::String(name.clone());
                    let pair = [("key".to_owned(), key), ("value".to_owned(), value.clone())];
                    let it = self.members(entry, pair.iter().map(|(a, b)| (a, b)), depth + 1)?;
                    out.extend(delimited(field, &it));
                }
            }
        }
        Ok(out)
    }

    /// Appends one value with its tag; a default one only where it must be there.
    fn value(
        &self,
        message: &Message,
        field: &Field,
        json: &Value,
        depth: usize,
        always: bool,
        into: &mut Vec<u8>,
    ) -> Result<()> {
        let wrong = |cause: &str| self.wrong(message, field, cause);
        let always = always || !field.nullable && field.custom != Custom::None;
        match field.kind {
            Kind::Message(index) => {
                into.extend(delimited(field, &self.message(index, json, depth + 1)?));
            }
            Kind::String | Kind::Bytes => {
                let bytes = match field.custom {
                    Custom::InlineJson => {
                        serde_json::to_vec(json).map_err(|it| wrong(&it.to_string()))?
                    }
                    Custom::Int => {
                        let text = json.as_str().ok_or_else(|| wrong("not a text"))?;
                        let number: Int = text.parse().map_err(|it| wrong(&format!("{it}")))?;
                        number.to_string().into_bytes()
                    }
                    Custom::Dec => {
                        let text = json.as_str().ok_or_else(|| wrong("not a text"))?;
                        let number: Dec = text.parse().map_err(|it| wrong(&format!("{it}")))?;
                        number.to_wire().into_bytes()
                    }
                    Custom::Hex => {
                        let text = json.as_str().ok_or_else(|| wrong("not a text"))?;
                        hex::decode(text).map_err(|it| wrong(&it.to_string()))?
                    }
                    Custom::None => {
                        let text = json.as_str().ok_or_else(|| wrong("not a text"))?;
                        if field.kind == Kind::String {
                            text.as_bytes().to_vec()
                        } else {
                            base64_bytes(text).ok_or_else(|| wrong(&base64_fault(text)))?
                        }
                    }
                };
                if always || !bytes.is_empty() {
                    into.extend(delimited(field, &bytes));
                }
            }
            _ => {
                let raw = scalar(field, json).ok_or_else(|| wrong(&scalar_fault(field, json)))?;
                if always || !is_default(raw) {
                    write_tag(field.number, wire_type(field.kind), into);
                    write_raw(raw, into);
                }
            }
        }
        Ok(())
    }

    fn any(&self, json: &Value, depth: usize) -> Result<Vec<u8>> {
        let wrong = |cause: &str| JsonError::Value {
            field: "google.protobuf.Any".to_owned(),
            cause: cause.to_owned(),
        };
        let members = json.as_object().ok_or_else(|| wrong("not an object"))?;
        let type_url =
            members.get("@type").and_then(Value::as_str).ok_or_else(|| wrong("no @type"))?;
        let index = registry()
            .resolve(type_url)
            .ok_or_else(|| JsonError::UnknownType(type_url.to_owned()))?;
        let inner = registry().message(index);
        let value = if inner.special == Special::None {
            self.members(inner, members.iter().filter(|(name, _)| *name != "@type"), depth + 1)?
        } else {
            let value = members.get("value").ok_or_else(|| wrong("no value"))?;
            self.message(index, value, depth + 1)?
        };
        Ok(prost_types::Any { type_url: type_url.to_owned(), value }.encode_to_vec())
    }

    fn wrong(&self, message: &Message, field: &Field, cause: &str) -> JsonError {
        JsonError::Value {
            field: format!("{}.{}", message.full_name, field.name),
            cause: cause.to_owned(),
        }
    }
}

/// Base64 of either alphabet, with or without padding.
pub(crate) fn base64_bytes(text: &str) -> Option<Vec<u8>> {
    [BASE64_STANDARD, BASE64_STANDARD_NO_PAD, BASE64_URL_SAFE, BASE64_URL_SAFE_NO_PAD]
        .iter()
        .find_map(|it| it.decode(text).ok())
}

/// Where base64 goes wrong, in the words of the reference.
fn base64_fault(text: &str) -> String {
    let in_alphabet = |it: u8| it.is_ascii_alphanumeric() || b"+/-_=".contains(&it);
    let at = text.bytes().position(|it| !in_alphabet(it)).unwrap_or(text.len() / 4 * 4);
    format!("illegal base64 data at input byte {at}")
}

/// What is wrong with a value that is no number, flag or enum value, in the words of the
/// reference.
fn scalar_fault(field: &Field, json: &Value) -> String {
    let Value::String(text) = json else { return "wrong kind of value".to_owned() };
    if let Kind::Enum(index) = field.kind {
        let name = &registry().enumeration(index).full_name;
        return format!("unknown value {text:?} for enum {name}");
    }
    let parser = match field.kind {
        Kind::Bool => "ParseBool",
        Kind::Uint32 | Kind::Uint64 | Kind::Fixed32 | Kind::Fixed64 => "ParseUint",
        _ => "ParseInt",
    };
    let digits = match (parser, text.strip_prefix('-')) {
        ("ParseInt", Some(rest)) => rest,
        _ => text,
    };
    let is_number = !digits.is_empty() && digits.bytes().all(|it| it.is_ascii_digit());
    let cause = if is_number { "value out of range" } else { "invalid syntax" };
    format!("strconv.{parser}: parsing {text:?}: {cause}")
}

/// A number, flag or enum value. Numbers may be in quotes.
fn scalar(field: &Field, json: &Value) -> Option<Raw<'static>> {
    if field.kind == Kind::Bool {
        let flag = match json {
            Value::Bool(it) => *it,
            // Keys of a map are always texts.
            Value::String(it) => it.parse().ok()?,
            _ => return None,
        };
        return Some(Raw::Varint(u64::from(flag)));
    }
    if let (Kind::Enum(index), Value::String(name)) = (field.kind, json)
        && let Some(number) = registry().enumeration(index).number(name)
    {
        return number_raw(Kind::Int32, i128::from(number));
    }
    let number = match json {
        Value::String(text) => text.parse().ok()?,
        Value::Number(it) => it.as_i64().map(i128::from).or_else(|| it.as_u64().map(i128::from))?,
        _ => return None,
    };
    match field.kind {
        Kind::Enum(_) if json.is_string() => None,
        Kind::Enum(_) => number_raw(Kind::Int32, number),
        kind => number_raw(kind, number),
    }
}

/// The encoded value of a number, when it fits its kind.
fn number_raw(kind: Kind, number: i128) -> Option<Raw<'static>> {
    Some(match kind {
        Kind::Int32 => Raw::Varint(i64::from(i32::try_from(number).ok()?).cast_unsigned()),
        Kind::Int64 => Raw::Varint(i64::try_from(number).ok()?.cast_unsigned()),
        Kind::Uint32 => Raw::Varint(u64::from(u32::try_from(number).ok()?)),
        Kind::Uint64 => Raw::Varint(u64::try_from(number).ok()?),
        Kind::Sint32 => {
            let it = i32::try_from(number).ok()?;
            Raw::Varint(u64::from(((it << 1) ^ (it >> 31)).cast_unsigned()))
        }
        Kind::Sint64 => {
            let it = i64::try_from(number).ok()?;
            Raw::Varint(((it << 1) ^ (it >> 63)).cast_unsigned())
        }
        Kind::Fixed32 => Raw::Fixed32(u32::try_from(number).ok()?),
        Kind::Sfixed32 => Raw::Fixed32(i32::try_from(number).ok()?.cast_unsigned()),
        Kind::Fixed64 => Raw::Fixed64(u64::try_from(number).ok()?),
        Kind::Sfixed64 => Raw::Fixed64(i64::try_from(number).ok()?.cast_unsigned()),
        _ => return None,
    })
}

// Texts of a query string.

/// The encoded field at a dotted path. A nested one is wrapped in its parents, so that appending
/// the answers of several calls merges them.
pub(super) fn from_texts(
    index: MessageIndex,
    path: &str,
    texts: &[&str],
) -> Result<Option<Vec<u8>>> {
    let message = registry().message(index);
    let (name, rest) = match path.split_once('.') {
        Some((name, rest)) => (name, Some(rest)),
        None => (path, None),
    };
    let Some((_, field)) = message.field_by_name(name) else { return Ok(None) };
    let reader = Reader { unknown: Unknown::Ignore };
    let wrong = |cause: &str| reader.wrong(message, field, cause);
    if let Some(rest) = rest {
        let Kind::Message(inner) = field.kind else {
            return Err(wrong("not a message"));
        };
        if field.repeat != Repeat::One {
            return Err(wrong("a list of messages"));
        }
        return Ok(from_texts(inner, rest, texts)?.map(|it| delimited(field, &it)));
    }
    let mut out = Vec::new();
    let texts = match (field.repeat, texts) {
        (Repeat::One, [first, ..]) => std::slice::from_ref(first),
        (Repeat::Map, _) => return Err(wrong("a map")),
        _ => texts,
    };
    for text in texts {
        if field.custom == Custom::InlineJson {
            // JSON in a query string travels as other bytes do.
            let bytes = base64_bytes(text).ok_or_else(|| wrong(&base64_fault(text)))?;
            out.extend(delimited(field, &bytes));
            continue;
        }
        let json = match field.kind {
            Kind::Message(inner) => match registry().message(inner).special {
                Special::Timestamp | Special::Duration => Value::String((*text).to_owned()),
                _ => return Err(wrong("a message")),
            },
            Kind::Bool => Value::Bool(go_bool(text).ok_or_else(|| {
                wrong(&format!("strconv.ParseBool: parsing {text:?}: invalid syntax"))
            })?),
            // A number names an enum value too.
            Kind::Enum(_) if text.parse::<i32>().is_ok() => {
                Value::from(text.parse::<i32>().unwrap_or_default())
            }
            _ => Value::String((*text).to_owned()),
        };
        let always = field.repeat == Repeat::Many || field.oneof.is_some();
        reader.value(message, field, &json, 0, always, &mut out)?;
    }
    Ok(Some(out))
}

/// What Go's `strconv.ParseBool` takes.
fn go_bool(text: &str) -> Option<bool> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Some(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Some(false),
        _ => None,
    }
}

// Re-encoding.

/// Writes a message again, as the Go node would.
pub(super) fn reencode(index: MessageIndex, bytes: &[u8], depth: usize) -> Result<Vec<u8>> {
    if depth > MAX_DEPTH {
        return Err(WireError::Depth.into());
    }
    let message = registry().message(index);
    if message.special == Special::Any {
        let mut any = prost_types::Any::decode(bytes).map_err(|_| WireError::Truncated)?;
        if let Some(inner) = registry().resolve(&any.type_url) {
            any.value = reencode(inner, &any.value, depth + 1)?;
        }
        return Ok(any.encode_to_vec());
    }
    let mut parts = Parts::new();
    for (field, values) in message.fields.iter().zip(slots(message, bytes)?) {
        let mut out = Vec::new();
        match (field.kind, field.repeat) {
            (Kind::Message(inner), Repeat::One) if !values.is_empty() => {
                out = delimited(field, &reencode(inner, &merged(&values), depth + 1)?);
            }
            (Kind::Message(inner), Repeat::Many | Repeat::Map) => {
                for it in &values {
                    out.extend(delimited(field, &reencode(inner, bytes_of(*it), depth + 1)?));
                }
            }
            _ if is_packed(field) && !values.is_empty() => {
                let mut packed = Vec::new();
                values.iter().for_each(|it| write_raw(*it, &mut packed));
                out = delimited(field, &packed);
            }
            _ => {
                for it in &values {
                    let bytes = number_text(field, *it)?;
                    let raw = bytes.as_deref().map_or(*it, Raw::Bytes);
                    if !is_default(raw) || field.repeat == Repeat::Many || field.oneof.is_some() {
                        write_varint(
                            u64::from(field.number) << 3 | u64::from(wire_type(field.kind)),
                            &mut out,
                        );
                        write_raw(raw, &mut out);
                    }
                }
            }
        }
        if out.is_empty() {
            out = absent(field, depth)?.unwrap_or_default();
        }
        parts.push((field.number, out));
    }
    Ok(assemble(parts))
}

/// The canonical text of a number that is held as text.
fn number_text(field: &Field, raw: Raw<'_>) -> Result<Option<Vec<u8>>> {
    let text = match field.custom {
        Custom::Int | Custom::Dec => crate::encoded::text_of(raw)?,
        _ => return Ok(None),
    };
    if text.is_empty() {
        return Ok(None);
    }
    let wrong = |it: crate::NumberError| JsonError::Value {
        field: field.name.clone(),
        cause: it.to_string(),
    };
    Ok(Some(match field.custom {
        Custom::Int => Int::from_wire(text).map_err(wrong)?.to_string().into_bytes(),
        _ => Dec::from_wire(text).map_err(wrong)?.to_wire().into_bytes(),
    }))
}
