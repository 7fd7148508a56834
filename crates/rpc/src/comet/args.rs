//! Arguments of JSON-RPC methods: what each takes, and how both request forms are read.
//!
//! Source: cosmos.md 2.3-2.4 and 2.6. The texts of refusals are the reference's.

use std::collections::BTreeMap;

use base64::{Engine, prelude::BASE64_STANDARD};
use serde_json::Value;

/// What an argument is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Int,
    Uint,
    Bool,
    Text,
    /// Base64 in JSON; hex with `0x` or quoted raw in a URI.
    Bytes,
    /// Hex in JSON; hex with `0x` or quoted raw in a URI.
    Hex,
    /// Any JSON value.
    Json,
}

/// When an answer may be kept by caches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cache {
    Never,
    Always,
    /// Only when the height was given.
    WithHeight,
}

/// One method: its name, its arguments in order, and its cache rule.
#[derive(Debug)]
pub(crate) struct Method {
    pub(crate) name: &'static str,
    pub(crate) args: &'static [(&'static str, Kind)],
    pub(crate) cache: Cache,
}

const fn method(name: &'static str, args: &'static [(&'static str, Kind)], cache: Cache) -> Method {
    Method { name, args, cache }
}

/// Every method that both HTTP and WebSocket answer.
pub(crate) const METHODS: &[Method] = &[
    method("abci_info", &[], Cache::Always),
    method(
        "abci_query",
        &[("path", Kind::Text), ("data", Kind::Hex), ("height", Kind::Int), ("prove", Kind::Bool)],
        Cache::Never,
    ),
    method("akash", &[], Cache::Never),
    method("block", &[("height", Kind::Int)], Cache::WithHeight),
    method("block_by_hash", &[("hash", Kind::Bytes)], Cache::Always),
    method("block_results", &[("height", Kind::Int)], Cache::WithHeight),
    method(
        "block_search",
        &[
            ("query", Kind::Text),
            ("page", Kind::Int),
            ("per_page", Kind::Int),
            ("order_by", Kind::Text),
        ],
        Cache::Never,
    ),
    method("blockchain", &[("minHeight", Kind::Int), ("maxHeight", Kind::Int)], Cache::Always),
    method("broadcast_evidence", &[("evidence", Kind::Json)], Cache::Never),
    method("broadcast_tx_async", &[("tx", Kind::Bytes)], Cache::Never),
    method("broadcast_tx_commit", &[("tx", Kind::Bytes)], Cache::Never),
    method("broadcast_tx_sync", &[("tx", Kind::Bytes)], Cache::Never),
    method("check_tx", &[("tx", Kind::Bytes)], Cache::Never),
    method("commit", &[("height", Kind::Int)], Cache::WithHeight),
    method("consensus_params", &[("height", Kind::Int)], Cache::WithHeight),
    method("genesis", &[], Cache::Always),
    method("genesis_chunked", &[("chunk", Kind::Uint)], Cache::Always),
    method("header", &[("height", Kind::Int)], Cache::WithHeight),
    method("header_by_hash", &[("hash", Kind::Hex)], Cache::Always),
    method("health", &[], Cache::Never),
    method("consensus_state", &[], Cache::Never),
    method("dump_consensus_state", &[], Cache::Never),
    method("net_info", &[], Cache::Never),
    method("num_unconfirmed_txs", &[], Cache::Never),
    method("status", &[], Cache::Never),
    method("tx", &[("hash", Kind::Bytes), ("prove", Kind::Bool)], Cache::Always),
    method(
        "tx_search",
        &[
            ("query", Kind::Text),
            ("prove", Kind::Bool),
            ("page", Kind::Int),
            ("per_page", Kind::Int),
            ("order_by", Kind::Text),
        ],
        Cache::Never,
    ),
    method("unconfirmed_txs", &[("limit", Kind::Int)], Cache::Never),
    method(
        "validators",
        &[("height", Kind::Int), ("page", Kind::Int), ("per_page", Kind::Int)],
        Cache::WithHeight,
    ),
];

pub(crate) fn method_by_name(name: &str) -> Option<&'static Method> {
    METHODS.iter().find(|it| it.name == name)
}

/// One argument that was given.
#[derive(Clone, Debug, PartialEq)]
enum Arg {
    Int(i64),
    Bool(bool),
    Text(String),
    Bytes(Vec<u8>),
    Json(Value),
}

/// The arguments that were given, by name.
#[derive(Clone, Debug, Default)]
pub(crate) struct Args(BTreeMap<&'static str, Arg>);

impl Args {
    pub(crate) fn int(&self, name: &str) -> Option<i64> {
        match self.0.get(name) {
            Some(Arg::Int(it)) => Some(*it),
            _ => None,
        }
    }

    pub(crate) fn flag(&self, name: &str) -> bool {
        matches!(self.0.get(name), Some(Arg::Bool(true)))
    }

    pub(crate) fn text(&self, name: &str) -> &str {
        match self.0.get(name) {
            Some(Arg::Text(it)) => it,
            _ => "",
        }
    }

    pub(crate) fn bytes(&self, name: &str) -> &[u8] {
        match self.0.get(name) {
            Some(Arg::Bytes(it)) => it,
            _ => &[],
        }
    }

    pub(crate) fn json(&self, name: &str) -> Option<&Value> {
        match self.0.get(name) {
            Some(Arg::Json(it)) => Some(it),
            _ => None,
        }
    }

    /// Reads the `params` of a JSON request. The error is the cause, in the reference's words.
    pub(crate) fn from_json(
        wanted: &'static [(&'static str, Kind)],
        params: Option<&Value>,
    ) -> Result<Self, String> {
        let mut args = Self::default();
        let pairs: Vec<(&(&'static str, Kind), &Value)> = match params {
            None | Some(Value::Null) => Vec::new(),
            Some(Value::Object(members)) => {
                wanted.iter().filter_map(|it| Some((it, members.get(it.0)?))).collect()
            }
            Some(Value::Array(list)) => {
                if list.len() != wanted.len() && !(wanted.is_empty() && list.is_empty()) {
                    let names: Vec<_> = wanted.iter().map(|it| it.0).collect();
                    let given: Vec<_> = list.iter().map(go_bytes).collect();
                    return Err(format!(
                        "expected {} parameters ([{}]), got {} ([{}])",
                        names.len(),
                        names.join(" "),
                        list.len(),
                        given.join(" ")
                    ));
                }
                wanted.iter().zip(list).collect()
            }
            Some(other) => {
                let kind = json_kind(other);
                return Err(format!(
                    "unknown type for JSON params: json: cannot unmarshal {kind} into Go value of \
                     type []json.RawMessage. Expected map or array"
                ));
            }
        };
        for ((name, kind), value) in pairs {
            if let Some(arg) = from_value(*kind, value)? {
                args.0.insert(name, arg);
            }
        }
        Ok(args)
    }

    /// Reads the query string of a URI request.
    pub(crate) fn from_uri(
        wanted: &'static [(&'static str, Kind)],
        pairs: &[(String, String)],
    ) -> Result<Self, String> {
        let mut args = Self::default();
        for (name, kind) in wanted {
            let Some((_, text)) = pairs.iter().find(|(key, _)| key == name) else { continue };
            if text.is_empty() {
                continue;
            }
            if let Some(arg) = from_uri_text(*kind, text)? {
                args.0.insert(name, arg);
            }
        }
        Ok(args)
    }
}

/// Raw JSON as Go prints a byte slice: `[34 49 34]`.
fn go_bytes(value: &Value) -> String {
    let bytes: Vec<_> = value.to_string().bytes().map(|it| it.to_string()).collect();
    format!("[{}]", bytes.join(" "))
}

fn json_kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "bool",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

fn wrong_kind(value: &Value, wanted: &str) -> String {
    format!("json: cannot unmarshal {} into Go value of type {wanted}", json_kind(value))
}

fn from_value(kind: Kind, value: &Value) -> Result<Option<Arg>, String> {
    if value.is_null() {
        return Ok(None);
    }
    let text = || match value {
        Value::String(it) => Ok(it.as_str()),
        other => Err(wrong_kind(other, "string")),
    };
    Ok(Some(match kind {
        Kind::Int | Kind::Uint => match value {
            Value::String(it) => Arg::Int(integer(kind, it)?),
            other => {
                return Err(format!(
                    "invalid 64-bit integer encoding {:?}, expected string",
                    other.to_string()
                ));
            }
        },
        Kind::Bool => match value {
            Value::Bool(it) => Arg::Bool(*it),
            other => return Err(wrong_kind(other, "bool")),
        },
        Kind::Text => Arg::Text(text()?.to_owned()),
        Kind::Json => Arg::Json(value.clone()),
        Kind::Bytes => Arg::Bytes(base64_bytes(text()?)?),
        Kind::Hex => match value {
            Value::String(it) => Arg::Bytes(hex_bytes(it)?),
            other => return Err(format!("invalid hex string: {other}")),
        },
    }))
}

/// The integer inside a quoted number.
fn integer(kind: Kind, text: &str) -> Result<i64, String> {
    let go_type = if kind == Kind::Uint { "uint" } else { "int64" };
    match text.parse::<i64>() {
        Ok(it) if kind == Kind::Uint && it < 0 => {
            Err(format!("json: cannot unmarshal number {text} into Go value of type {go_type}"))
        }
        Ok(it) if !text.starts_with('+') => Ok(it),
        _ => Err(match text.chars().next() {
            None => "unexpected end of JSON input".to_owned(),
            Some(it) if it.is_ascii_digit() || it == '-' => {
                format!("json: cannot unmarshal number {text} into Go value of type {go_type}")
            }
            Some(it) => format!("invalid character '{it}' looking for beginning of value"),
        }),
    }
}

fn base64_bytes(text: &str) -> Result<Vec<u8>, String> {
    BASE64_STANDARD.decode(text).map_err(|_| {
        let alphabet = |it: u8| it.is_ascii_alphanumeric() || it == b'+' || it == b'/';
        let bad = text.bytes().position(|it| !alphabet(it) && it != b'=');
        let at = bad.unwrap_or(text.len() / 4 * 4);
        format!("illegal base64 data at input byte {at}")
    })
}

fn hex_bytes(text: &str) -> Result<Vec<u8>, String> {
    if let Some(it) = text.chars().find(|it| !it.is_ascii_hexdigit()) {
        return Err(format!("encoding/hex: invalid byte: U+{:04X} '{it}'", u32::from(it)));
    }
    hex::decode(text).map_err(|_| "encoding/hex: odd length hex string".to_owned())
}

/// An argument of a query string: a number as it is, `0x` and hex, or JSON.
fn from_uri_text(kind: Kind, text: &str) -> Result<Option<Arg>, String> {
    let is_int = {
        let digits = text.strip_prefix('-').unwrap_or(text);
        !digits.is_empty() && digits.bytes().all(|it| it.is_ascii_digit())
    };
    if is_int && matches!(kind, Kind::Int | Kind::Uint) {
        return Ok(Some(Arg::Int(integer(kind, text)?)));
    }
    if let Some(digits) = text.strip_prefix("0x") {
        let bytes = hex_bytes(digits)?;
        return match kind {
            Kind::Bytes | Kind::Hex => Ok(Some(Arg::Bytes(bytes))),
            Kind::Text => Ok(Some(Arg::Text(String::from_utf8_lossy(&bytes).into_owned()))),
            Kind::Int | Kind::Uint | Kind::Bool | Kind::Json => {
                let wanted = match kind {
                    Kind::Bool => "bool",
                    Kind::Json => "evidence",
                    _ => "int",
                };
                Err(format!("got a hex string arg, but expected '{wanted}'"))
            }
        };
    }
    let quoted = text.len() >= 2 && text.starts_with('"') && text.ends_with('"');
    let json = serde_json::from_str::<Value>(text);
    match (kind, json) {
        (Kind::Bytes | Kind::Hex, Ok(Value::String(raw))) if quoted => {
            Ok(Some(Arg::Bytes(raw.into_bytes())))
        }
        (Kind::Int | Kind::Uint, Err(_)) => {
            Err(format!("invalid 64-bit integer encoding {text:?}, expected string"))
        }
        (Kind::Hex, _) => Err(format!("invalid hex string: {text}")),
        (_, Ok(value)) => from_value(kind, &value),
        (_, Err(_)) => {
            let first = text.chars().next().unwrap_or_default();
            Err(format!("invalid character '{first}' looking for beginning of value"))
        }
    }
}
