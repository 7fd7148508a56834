//! The amino-JSON sign document (SIGN_MODE_LEGACY_AMINO_JSON), which hardware wallets and multisig
//! accounts sign.
//!
//! Source: cosmos.md 1.5 and 1.6. Driven by the descriptors. Where the reference leaves the content
//! of some members out (a defect that cosmos.md names), the document here is complete.

use base64::{Engine, prelude::BASE64_STANDARD};
use prost::Message as _;
use prost_types::{Any, Duration, Timestamp};
use serde_json::{Map, Value};

use crate::{
    Dec, Int,
    encoded::{self, MAX_DEPTH, Raw, WireError, bytes_of, integer, is_default, merged, slots},
    json::sorted_text,
    registry::{Custom, Field, Kind, Message, MessageIndex, Repeat, Special, registry},
    timestamp,
    wire::cosmos::tx::v1beta1::{AuthInfo, TxBody},
};

/// Why a transaction cannot be signed in this mode.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AminoError {
    #[error("unable to resolve type URL {0}")]
    UnknownType(String),
    #[error("field {0} within a oneof must have the amino.oneof_type_name option set")]
    OneofName(String),
    #[error("bad value of {field}: {cause}")]
    Value { field: String, cause: String },
    #[error("the transaction has no fee")]
    NoFee,
    #[error(transparent)]
    Wire(#[from] WireError),
}

type Result<T> = std::result::Result<T, AminoError>;

/// Who signs, as the chain knows the account.
#[derive(Clone, Copy, Debug)]
pub struct Signer<'a> {
    pub chain_id: &'a str,
    pub account_number: u64,
    pub sequence: u64,
}

/// The text whose UTF-8 bytes are signed.
pub fn sign_text(body: &[u8], auth_info: &[u8], signer: Signer<'_>) -> Result<String> {
    let truncated = |_| AminoError::Wire(WireError::Truncated);
    let body = TxBody::decode(body).map_err(truncated)?;
    let auth_info = AuthInfo::decode(auth_info).map_err(truncated)?;
    let fee = auth_info.fee.ok_or(AminoError::NoFee)?;

    let mut document = Map::new();
    let text = |it: &dyn ToString| Value::String(it.to_string());
    document.insert("account_number".into(), text(&signer.account_number));
    document.insert("chain_id".into(), text(&signer.chain_id));
    document.insert("memo".into(), text(&body.memo));
    document.insert("sequence".into(), text(&signer.sequence));
    if body.timeout_height != 0 {
        document.insert("timeout_height".into(), text(&body.timeout_height));
    }
    if body.unordered {
        document.insert("unordered".into(), Value::Bool(true));
    }
    if let Some(time) = &body.timeout_timestamp {
        document.insert("timeout_timestamp".into(), time_value(time)?);
    }

    let mut shown = Map::new();
    let coins = fee.amount.iter().map(|it| {
        let mut coin = Map::new();
        // As the node prints the number, not as it was sent.
        match Int::from_wire(&it.amount) {
            Ok(amount) => coin.insert("amount".into(), text(&amount)),
            Err(_) => coin.insert("amount".into(), text(&it.amount)),
        };
        if !it.denom.is_empty() {
            coin.insert("denom".into(), text(&it.denom));
        }
        Value::Object(coin)
    });
    shown.insert("amount".into(), coins.collect());
    shown.insert("gas".into(), text(&fee.gas_limit));
    if !fee.granter.is_empty() {
        shown.insert("granter".into(), text(&fee.granter));
    }
    if !fee.payer.is_empty() {
        shown.insert("payer".into(), text(&fee.payer));
    }
    document.insert("fee".into(), Value::Object(shown));

    let messages: Result<Vec<_>> = body.messages.iter().map(message).collect();
    document.insert("msgs".into(), Value::Array(messages?));
    Ok(sorted_text(&Value::Object(document)))
}

/// One message as `{"type": …, "value": …}`.
pub fn message(any: &Any) -> Result<Value> {
    any_value(any, 0)
}

/// The amino name of a message type: its option, or the type URL.
#[must_use]
pub fn name_of(message: &Message) -> String {
    message.amino_name.clone().unwrap_or_else(|| format!("/{}", message.full_name))
}

/// One level further down, within bounds.
fn down(depth: usize) -> Result<usize> {
    if depth > MAX_DEPTH { Err(WireError::Depth.into()) } else { Ok(depth + 1) }
}

fn any_value(any: &Any, depth: usize) -> Result<Value> {
    let index = registry()
        .resolve(&any.type_url)
        .ok_or_else(|| AminoError::UnknownType(any.type_url.clone()))?;
    let mut object = Map::new();
    object.insert("type".into(), Value::String(name_of(registry().message(index))));
    object.insert("value".into(), content(index, &any.value, down(depth)?)?);
    Ok(Value::Object(object))
}

/// The value of a message.
fn content(index: MessageIndex, bytes: &[u8], depth: usize) -> Result<Value> {
    let message = registry().message(index);
    let truncated = |_| AminoError::Wire(WireError::Truncated);
    match message.special {
        Special::Any => {
            let any = Any::decode(bytes).map_err(truncated)?;
            return any_value(&any, depth);
        }
        Special::Timestamp => return time_value(&Timestamp::decode(bytes).map_err(truncated)?),
        Special::Duration => {
            let span = Duration::decode(bytes).map_err(truncated)?;
            let nanos = i128::from(span.seconds) * 1_000_000_000 + i128::from(span.nanos);
            return Ok(Value::String(nanos.to_string()));
        }
        Special::None => {}
    }
    match message.amino_encoding.as_deref() {
        Some("key_field") => {
            let slots = slots(message, bytes)?;
            let key = slots.first().and_then(|it| it.last()).copied();
            return Ok(base64(key.map(bytes_of).unwrap_or_default()));
        }
        Some("module_account") => return module_account(message, bytes, depth),
        Some("threshold_string") => {
            let mut object = members(message, bytes, depth)?;
            if let Some(Value::Number(threshold)) = object.get("threshold").cloned() {
                object.insert("threshold".into(), Value::String(threshold.to_string()));
            }
            // A list of keys is there even when it is empty.
            object.entry("pubkeys").or_insert_with(|| Value::Array(Vec::new()));
            return Ok(Value::Object(object));
        }
        _ => {}
    }
    Ok(Value::Object(members(message, bytes, depth)?))
}

fn members(message: &Message, bytes: &[u8], depth: usize) -> Result<Map<String, Value>> {
    let mut object = Map::new();
    for (field, values) in message.fields.iter().zip(slots(message, bytes)?) {
        let Some(value) = member(message, field, &values, depth)? else { continue };
        if let Some(oneof) = field.oneof {
            let name = field
                .amino_oneof_name
                .clone()
                .ok_or_else(|| AminoError::OneofName(field.name.clone()))?;
            let mut inner = Map::new();
            inner.insert(field.name.clone(), value);
            let mut outer = Map::new();
            outer.insert("type".into(), Value::String(name));
            outer.insert("value".into(), Value::Object(inner));
            let key = message.oneofs.get(oneof).map(|it| camel(it)).unwrap_or_default();
            object.insert(key, Value::Object(outer));
            continue;
        }
        let key = field.amino_name.clone().unwrap_or_else(|| field.name.clone());
        object.insert(key, value);
    }
    Ok(object)
}

/// `some_name` as `SomeName`.
fn camel(name: &str) -> String {
    let words = name.split('_').map(|word| {
        let (head, tail) = word.split_at(word.len().min(1));
        format!("{}{tail}", head.to_ascii_uppercase())
    });
    words.collect()
}

/// A member's value; `None` when it is left out.
fn member(
    message: &Message,
    field: &Field,
    values: &[Raw<'_>],
    depth: usize,
) -> Result<Option<Value>> {
    match field.repeat {
        Repeat::Map => Err(AminoError::Value {
            field: format!("{}.{}", message.full_name, field.name),
            cause: "maps have no amino form".to_owned(),
        }),
        Repeat::Many if values.is_empty() => {
            let coins = field.amino_encoding.as_deref() == Some("legacy_coins");
            Ok(field
                .dont_omitempty
                .then(|| if coins { Value::Array(Vec::new()) } else { Value::Null }))
        }
        Repeat::Many => {
            let list: Result<Vec<_>> =
                values.iter().map(|it| value(message, field, &[*it], depth)).collect();
            Ok(Some(Value::Array(list?)))
        }
        Repeat::One if is_absent(field, values) => {
            let number = matches!(field.custom, Custom::Int | Custom::Dec);
            // The node writes a message anew before it builds the document: what it cannot leave
            // out appears, as if it had been sent empty.
            let written = !field.nullable && field.oneof.is_none();
            let is_message = matches!(field.kind, Kind::Message(_));
            if written && is_message && field.std_time {
                return Ok(Some(match field.kind {
                    Kind::Message(index)
                        if registry().message(index).special == Special::Timestamp =>
                    {
                        time_value(&timestamp::ZERO_TIME)?
                    }
                    _ => Value::String("0".to_owned()),
                }));
            }
            if field.dont_omitempty && !(is_message && field.nullable && !written)
                || written && (is_message || number)
            {
                return value(message, field, values, depth).map(Some);
            }
            Ok(None)
        }
        Repeat::One => value(message, field, values, depth).map(Some),
    }
}

/// Whether a field counts as empty: a message that is not there, a scalar that is zero.
fn is_absent(field: &Field, values: &[Raw<'_>]) -> bool {
    match field.kind {
        Kind::Message(_) => values.is_empty(),
        _ => field.oneof.is_none() && values.last().is_none_or(|it| is_default(*it)),
    }
}

fn value(message: &Message, field: &Field, values: &[Raw<'_>], depth: usize) -> Result<Value> {
    let last = values.last().copied().unwrap_or(Raw::Bytes(&[]));
    let wrong = |cause: String| AminoError::Value {
        field: format!("{}.{}", message.full_name, field.name),
        cause,
    };
    Ok(match field.kind {
        Kind::Message(index) => content(index, &merged(values), down(depth)?)?,
        Kind::String | Kind::Bytes if field.custom == Custom::Dec => {
            let number = Dec::from_wire_or_zero(encoded::text_of(last)?);
            Value::String(number.map_err(|it| wrong(it.to_string()))?.to_string())
        }
        Kind::String if field.custom == Custom::Int => {
            let number = Int::from_wire_or_zero(encoded::text_of(last)?);
            Value::String(number.map_err(|it| wrong(it.to_string()))?.to_string())
        }
        Kind::String => {
            let text = encoded::text_of(last)?;
            let text = if text.is_empty() && field.scalar_int { "0" } else { text };
            Value::String(text.to_owned())
        }
        Kind::Bytes if field.custom == Custom::InlineJson => {
            serde_json::from_slice(bytes_of(last)).map_err(|it| wrong(it.to_string()))?
        }
        Kind::Bytes => {
            let number = field.custom == Custom::Int && !field.nullable;
            let bytes = bytes_of(last);
            base64(if bytes.is_empty() && number { b"0" } else { bytes })
        }
        Kind::Bool => Value::Bool(matches!(last, Raw::Varint(it) if it != 0)),
        Kind::Float | Kind::Double => return Err(wrong("floating point".to_owned())),
        kind => {
            let number = integer(kind, last).unwrap_or_default();
            if crate::json::is_wide(kind) {
                Value::String(number.to_string())
            } else {
                // What is not wide has at most 32 bits.
                Value::from(i64::try_from(number).unwrap_or_default())
            }
        }
    })
}

fn base64(bytes: &[u8]) -> Value {
    Value::String(BASE64_STANDARD.encode(bytes))
}

fn time_value(time: &Timestamp) -> Result<Value> {
    if !timestamp::is_valid(time) {
        return Err(AminoError::Value {
            field: "google.protobuf.Timestamp".to_owned(),
            cause: "before year 1 or after year 9999".to_owned(),
        });
    }
    Ok(Value::String(timestamp::nano_text(time)))
}

/// A module account shows the members of its base account beside its own.
fn module_account(message: &Message, bytes: &[u8], depth: usize) -> Result<Value> {
    let mut object = Map::new();
    for (name, value) in members(message, bytes, depth)? {
        match value {
            Value::Object(base) if name == "base_account" => object.extend(base),
            value => {
                object.insert(name, value);
            }
        }
    }
    Ok(Value::Object(object))
}
