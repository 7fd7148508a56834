//! Encoded messages to JSON text.

use std::{collections::BTreeMap, fmt::Write as _};

use base64::{Engine, prelude::BASE64_STANDARD};
use prost::Message as _;
use prost_types::{Any, Duration, Timestamp};

use super::{JsonError, Result, go, go_string};
use crate::{
    Dec, Int,
    encoded::{self, MAX_DEPTH, Raw, WireError, bytes_of, integer, merged, slots},
    registry::{Custom, Field, Kind, Message, MessageIndex, Repeat, Special, registry},
    timestamp,
};

/// Appends the JSON of a message.
pub(super) fn message(
    index: MessageIndex,
    bytes: &[u8],
    depth: usize,
    into: &mut String,
) -> Result<()> {
    if depth > MAX_DEPTH {
        return Err(WireError::Depth.into());
    }
    let message = registry().message(index);
    match message.special {
        Special::Any => any(bytes, depth, into),
        Special::Timestamp | Special::Duration => {
            go_string(&well_known(message.special, bytes)?, into);
            Ok(())
        }
        Special::None if go::is_own(&message.full_name) => go::message(index, bytes, depth, into),
        Special::None => {
            into.push('{');
            members(message, bytes, depth, into)?;
            into.push('}');
            Ok(())
        }
    }
}

/// The JSON of each field of a message, by name.
pub(super) fn fields(index: MessageIndex, bytes: &[u8]) -> Result<BTreeMap<String, String>> {
    let message = registry().message(index);
    let slots = slots(message, bytes)?;
    let mut all = BTreeMap::new();
    for (field, values) in message.fields.iter().zip(&slots) {
        if is_shown(field, values) {
            let mut text = String::new();
            self::field(message, field, values, 0, &mut text)?;
            all.insert(field.name.clone(), text);
        }
    }
    Ok(all)
}

/// Everything is printed but the members of a oneof that are not set.
fn is_shown(field: &Field, values: &[Raw<'_>]) -> bool {
    field.oneof.is_none() || !values.is_empty()
}

fn members(message: &Message, bytes: &[u8], depth: usize, into: &mut String) -> Result<()> {
    let slots = slots(message, bytes)?;
    let mut first = true;
    for (field, values) in message.fields.iter().zip(&slots) {
        if !is_shown(field, values) {
            continue;
        }
        if !first {
            into.push(',');
        }
        first = false;
        go_string(&field.name, into);
        into.push(':');
        self::field(message, field, values, depth, into)?;
    }
    Ok(())
}

fn field(
    message: &Message,
    field: &Field,
    values: &[Raw<'_>],
    depth: usize,
    into: &mut String,
) -> Result<()> {
    match field.repeat {
        Repeat::Map => map(field, values, depth, into),
        Repeat::Many => {
            into.push('[');
            for (at, it) in values.iter().enumerate() {
                if at > 0 {
                    into.push(',');
                }
                value(message, field, &[*it], depth, into)?;
            }
            into.push(']');
            Ok(())
        }
        Repeat::One => value(message, field, values, depth, into),
    }
}

/// One value: all occurrences of a singular field, or one of a list. None is the default.
pub(super) fn value(
    message: &Message,
    field: &Field,
    values: &[Raw<'_>],
    depth: usize,
    into: &mut String,
) -> Result<()> {
    let last = values.last().copied();
    let wrong = |cause: &dyn std::fmt::Display| JsonError::Value {
        field: format!("{}.{}", message.full_name, field.name),
        cause: cause.to_string(),
    };
    match field.kind {
        Kind::Message(index) => match values {
            [] if field.nullable => into.push_str("null"),
            [] if field.std_time => go_string(&zero_time(index), into),
            [one] => self::message(index, bytes_of(*one), depth + 1, into)?,
            several => self::message(index, &merged(several), depth + 1, into)?,
        },
        Kind::String | Kind::Bytes if matches!(field.custom, Custom::Int | Custom::Dec) => {
            let text = encoded::text_of(last.unwrap_or(Raw::Bytes(&[])))?;
            if text.is_empty() && field.nullable && field.repeat == Repeat::One {
                into.push_str("null");
            } else if field.custom == Custom::Int {
                go_string(
                    &Int::from_wire_or_zero(text).map_err(|it| wrong(&it))?.to_string(),
                    into,
                );
            } else {
                go_string(
                    &Dec::from_wire_or_zero(text).map_err(|it| wrong(&it))?.to_string(),
                    into,
                );
            }
        }
        Kind::String => go_string(encoded::text_of(last.unwrap_or(Raw::Bytes(&[])))?, into),
        Kind::Bytes => match (field.custom, last) {
            (Custom::Hex, it) => {
                let bytes = bytes_of(it.unwrap_or(Raw::Bytes(&[])));
                go_string(&hex::encode_upper(bytes), into);
            }
            (_, None) => into.push_str("null"),
            (Custom::InlineJson, Some(it)) => {
                let text = encoded::text_of(it)?;
                if serde_json::from_str::<&serde_json::value::RawValue>(text).is_err() {
                    return Err(wrong(&"not JSON"));
                }
                into.push_str(text);
            }
            // An element of a list may be empty; elsewhere empty bytes are as good as absent.
            (_, Some(it)) if encoded::is_default(it) && field.repeat == Repeat::One => {
                into.push_str("null");
            }
            (_, Some(it)) => {
                into.push('"');
                BASE64_STANDARD.encode_string(bytes_of(it), into);
                into.push('"');
            }
        },
        Kind::Bool => into.push_str(match last {
            Some(Raw::Varint(it)) if it != 0 => "true",
            _ => "false",
        }),
        Kind::Float | Kind::Double => return Err(wrong(&"floating point is not supported")),
        Kind::Enum(index) => {
            let number = last.and_then(|it| integer(field.kind, it)).unwrap_or_default();
            let known =
                i32::try_from(number).ok().and_then(|it| registry().enumeration(index).name(it));
            match known {
                Some(name) => go_string(name, into),
                None => push(into, format_args!("{number}")),
            }
        }
        kind => {
            let number = last.and_then(|it| integer(kind, it)).unwrap_or_default();
            if is_wide(kind) {
                push(into, format_args!("\"{number}\""));
            } else {
                push(into, format_args!("{number}"));
            }
        }
    }
    Ok(())
}

/// Appends formatted text; writing to a string does not fail.
fn push(into: &mut String, text: std::fmt::Arguments<'_>) {
    let _ = into.write_fmt(text);
}

/// Whether a number is printed in quotes.
pub(crate) const fn is_wide(kind: Kind) -> bool {
    matches!(kind, Kind::Int64 | Kind::Uint64 | Kind::Sint64 | Kind::Fixed64 | Kind::Sfixed64)
}

fn map(field: &Field, entries: &[Raw<'_>], depth: usize, into: &mut String) -> Result<()> {
    let Kind::Message(index) = field.kind else { return Err(WireError::WireType.into()) };
    let entry = registry().message(index);
    let mut sorted: BTreeMap<(i128, String), String> = BTreeMap::new();
    for it in entries {
        let slots = slots(entry, bytes_of(*it))?;
        let [key, value] = entry.fields.as_slice() else { return Err(WireError::WireType.into()) };
        let [key_raw, value_raw] = slots.as_slice() else { return Err(WireError::WireType.into()) };
        let mut name = String::new();
        self::value(entry, key, key_raw, depth + 1, &mut name)?;
        let mut text = String::new();
        // Values of a map are never null.
        let value = Field { nullable: false, ..value.clone() };
        self::value(entry, &value, value_raw, depth + 1, &mut text)?;
        if !name.starts_with('"') {
            name = format!("\"{name}\"");
        }
        let order = key_raw.last().and_then(|it| integer(key.kind, *it)).unwrap_or_default();
        sorted.insert((order, name), text);
    }
    into.push('{');
    for (at, ((_, name), text)) in sorted.iter().enumerate() {
        if at > 0 {
            into.push(',');
        }
        push(into, format_args!("{name}:{text}"));
    }
    into.push('}');
    Ok(())
}

fn any(bytes: &[u8], depth: usize, into: &mut String) -> Result<()> {
    let any = Any::decode(bytes).map_err(|_| WireError::Truncated)?;
    let index = registry()
        .resolve(&any.type_url)
        .ok_or_else(|| JsonError::UnknownType(any.type_url.clone()))?;
    into.push_str("{\"@type\":");
    go_string(&any.type_url, into);
    let inner = registry().message(index);
    if inner.special == Special::None {
        let mut text = String::new();
        members(inner, &any.value, depth + 1, &mut text)?;
        if !text.is_empty() {
            into.push(',');
            into.push_str(&text);
        }
    } else {
        into.push_str(",\"value\":");
        message(index, &any.value, depth + 1, into)?;
    }
    into.push('}');
    Ok(())
}

/// The text of a time or span.
pub(crate) fn well_known(special: Special, bytes: &[u8]) -> Result<String> {
    let wrong = |name: &str, cause: &str| JsonError::Value {
        field: format!("google.protobuf.{name}"),
        cause: cause.to_owned(),
    };
    if special == Special::Duration {
        let span = Duration::decode(bytes).map_err(|_| WireError::Truncated)?;
        return Ok(timestamp::duration_text(&span));
    }
    let time = Timestamp::decode(bytes).map_err(|_| WireError::Truncated)?;
    if !timestamp::is_valid(&time) {
        return Err(wrong("Timestamp", "before year 1 or after year 9999"));
    }
    Ok(timestamp::proto_text(&time))
}

/// What Go prints for a time or span that it holds itself and that was never set.
pub(crate) fn zero_time(index: MessageIndex) -> String {
    if registry().message(index).special == Special::Duration {
        "0s".to_owned()
    } else {
        timestamp::proto_text(&timestamp::ZERO_TIME)
    }
}
