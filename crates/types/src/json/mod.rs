//! Proto JSON in both directions, as the Go node prints and reads it.
//!
//! Source: engine.md 5.2, cosmos.md 3.5, chain.md 1.1. Works on encoded messages by the tables of
//! [`crate::registry`]: a new message costs nothing here. Called by the ledger (events, genesis),
//! the RPC gateway, and whoever prints or reads a message.

mod go;
mod print;
mod read;
mod text;

use std::collections::BTreeMap;

use prost::{Message, Name};
use serde_json::Value;

pub(crate) use print::is_wide;
pub use read::Unknown;
pub use text::{go_string, sorted_text};

use crate::{encoded::WireError, registry::registry};

/// Why a message has no JSON, or a JSON text is no message.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JsonError {
    #[error("unknown message {0}")]
    UnknownMessage(String),
    #[error("unable to resolve type URL {0}")]
    UnknownType(String),
    #[error("unknown field \"{field}\" in {message}")]
    UnknownField { message: String, field: String },
    #[error("bad value of {field}: {cause}")]
    Value { field: String, cause: String },
    #[error("malformed JSON: {0}")]
    Syntax(String),
    #[error(transparent)]
    Wire(#[from] WireError),
}

type Result<T> = std::result::Result<T, JsonError>;

// By name, for whoever has bytes.

/// The compact JSON text of the encoded message `full_name`.
pub fn text_of(full_name: &str, bytes: &[u8]) -> Result<String> {
    let message = known(full_name)?;
    let mut text = String::with_capacity(bytes.len().saturating_mul(2));
    print::message(message, bytes, 0, &mut text)?;
    Ok(text)
}

/// The JSON of the encoded message `full_name`, as a value.
pub fn value_of(full_name: &str, bytes: &[u8]) -> Result<Value> {
    serde_json::from_str(&text_of(full_name, bytes)?)
        .map_err(|it| JsonError::Syntax(it.to_string()))
}

/// The compact JSON text of each top-level field, by field name. Members of a oneof that are not
/// set are left out. This is what the attributes of a typed event are made from (chain.md 1.4).
pub fn fields_of(full_name: &str, bytes: &[u8]) -> Result<BTreeMap<String, String>> {
    print::fields(known(full_name)?, bytes)
}

/// The bytes of the message `full_name` that this JSON says, encoded as the Go node does.
pub fn bytes_of(full_name: &str, json: &Value, unknown: Unknown) -> Result<Vec<u8>> {
    read::message(known(full_name)?, json, unknown)
}

/// The bytes of one field of the message `full_name`, tag included, from a text such as a query
/// string holds. `path` is dotted, in proto or lower camel case names; `None` when there is no
/// such field.
pub fn bytes_of_text(full_name: &str, path: &str, texts: &[&str]) -> Result<Option<Vec<u8>>> {
    read::from_texts(known(full_name)?, path, texts)
}

/// The message re-encoded as the Go node does: fields in order of their numbers, sub-messages and
/// numbers that are not nullable written even when they are empty, unknown fields dropped.
pub fn reencode(full_name: &str, bytes: &[u8]) -> Result<Vec<u8>> {
    read::reencode(known(full_name)?, bytes, 0)
}

fn known(full_name: &str) -> Result<crate::registry::MessageIndex> {
    registry().index(full_name).ok_or_else(|| JsonError::UnknownMessage(full_name.to_owned()))
}

// By type, for whoever has a message.

/// The compact JSON text of a message.
pub fn print<M: Message + Name>(message: &M) -> Result<String> {
    text_of(&M::full_name(), &message.encode_to_vec())
}

/// The JSON of a message, as a value.
pub fn to_value<M: Message + Name>(message: &M) -> Result<Value> {
    value_of(&M::full_name(), &message.encode_to_vec())
}

/// Reads a message; unknown fields are refused.
pub fn from_value<M: Message + Name + Default>(json: &Value) -> Result<M> {
    let bytes = bytes_of(&M::full_name(), json, Unknown::Refuse)?;
    M::decode(bytes.as_slice()).map_err(|it| JsonError::Syntax(it.to_string()))
}

/// Reads a message from JSON text; unknown fields are refused.
pub fn parse<M: Message + Name + Default>(text: &str) -> Result<M> {
    from_value(&serde_json::from_str(text).map_err(|it| JsonError::Syntax(it.to_string()))?)
}

/// The attributes of a typed event: keys sorted, each value the compact JSON of that field.
pub fn event_attributes<M: Message + Name>(event: &M) -> Result<Vec<(String, String)>> {
    Ok(fields_of(&M::full_name(), &event.encode_to_vec())?.into_iter().collect())
}

/// For fields that hold a message: `#[serde(with = "types::json::serde_message")]`.
pub mod serde_message {
    use prost::{Message, Name};
    use serde::{Deserialize, Deserializer, Serialize, Serializer, de, ser};

    pub fn serialize<M: Message + Name, S: Serializer>(
        message: &M,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        super::to_value(message).map_err(ser::Error::custom)?.serialize(serializer)
    }

    pub fn deserialize<'de, M: Message + Name + Default, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<M, D::Error> {
        let json = serde_json::Value::deserialize(deserializer)?;
        super::from_value(&json).map_err(de::Error::custom)
    }
}
