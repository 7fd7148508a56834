//! Messages whose Go type brings a JSON form of its own, that of Go's standard library: numbers
//! without quotes, empty lists as null, and what is empty left out unless Go holds the value itself.
//!
//! Recorded for redelegations (scenario staking-dist-slash). Called by `print` only.

use std::fmt::Write as _;

use prost::Message as _;
use prost_types::Timestamp;

use super::{Result, go_string, print};
use crate::{
    encoded::{MAX_DEPTH, Raw, WireError, integer, is_default, merged, slots},
    registry::{Custom, Field, Kind, Message, MessageIndex, Repeat, Special, registry},
    timestamp,
};

/// Whether a message is printed this way, with all that is in it.
pub(super) fn is_own(full_name: &str) -> bool {
    full_name == "cosmos.staking.v1beta1.RedelegationResponse"
}

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
    if message.special == Special::Timestamp {
        let time = Timestamp::decode(bytes).map_err(|_| WireError::Truncated)?;
        go_string(&timestamp::nano_text(&time), into);
        return Ok(());
    }
    into.push('{');
    let mut first = true;
    for (field, values) in message.fields.iter().zip(&slots(message, bytes)?) {
        if field.nullable && values.iter().all(|it| is_default(*it)) {
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
    into.push('}');
    Ok(())
}

fn field(
    message: &Message,
    field: &Field,
    values: &[Raw<'_>],
    depth: usize,
    into: &mut String,
) -> Result<()> {
    if field.repeat != Repeat::Many {
        return value(message, field, values, depth, into);
    }
    if values.is_empty() {
        into.push_str("null");
        return Ok(());
    }
    for (at, it) in values.iter().enumerate() {
        into.push(if at == 0 { '[' } else { ',' });
        value(message, field, &[*it], depth, into)?;
    }
    into.push(']');
    Ok(())
}

fn value(
    message: &Message,
    field: &Field,
    values: &[Raw<'_>],
    depth: usize,
    into: &mut String,
) -> Result<()> {
    match field.kind {
        Kind::Message(index) => self::message(index, &merged(values), depth + 1, into),
        kind if print::is_wide(kind) && field.custom == Custom::None => {
            let number = values.last().and_then(|it| integer(kind, *it)).unwrap_or_default();
            // Writing to a string does not fail.
            let _ = write!(into, "{number}");
            Ok(())
        }
        _ => print::value(message, field, values, depth, into),
    }
}

#[cfg(test)]
mod tests {
    use crate::wire::cosmos::staking::v1beta1::{
        Redelegation, RedelegationEntry, RedelegationEntryResponse, RedelegationResponse,
    };
    use prost_types::Timestamp;

    #[test]
    fn a_redelegation_is_printed_as_go_prints_its_own() {
        let redelegation_entry = RedelegationEntry {
            creation_height: 19,
            completion_time: Timestamp { seconds: 1_797_086_515, nanos: 500_000_000 },
            initial_balance: "2345678".to_owned(),
            shares_dst: "2345678000000000000000000".to_owned(),
            unbonding_id: 3,
            unbonding_on_hold_ref_count: 0,
        };
        let response = RedelegationResponse {
            redelegation: Redelegation {
                delegator_address: "akash1x".to_owned(),
                ..Redelegation::default()
            },
            entries: vec![RedelegationEntryResponse {
                redelegation_entry,
                balance: "2345678".to_owned(),
            }],
        };
        assert_eq!(
            crate::json::print(&response).as_deref(),
            Ok(concat!(
                r#"{"redelegation":{"delegator_address":"akash1x","entries":null},"#,
                r#""entries":[{"redelegation_entry":{"creation_height":19,"#,
                r#""completion_time":"2026-12-12T14:41:55.5Z","initial_balance":"2345678","#,
                r#""shares_dst":"2345678.000000000000000000","unbonding_id":3},"#,
                r#""balance":"2345678"}]}"#,
            ))
        );
    }
}
