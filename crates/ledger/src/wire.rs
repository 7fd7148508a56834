//! Walking protobuf bytes without decoding them: unknown fields and malformed numbers
//! (cosmos.md 1.2).

use std::str::from_utf8;

use prost::Message as _;
use prost_types::{Duration, Timestamp};
use types::{
    registry::{Custom, Field, Kind, Message, MessageIndex, Repeat, Special, registry},
    timestamp,
};

use crate::schema;

type Result<T = ()> = std::result::Result<T, String>;

/// Nesting that no honest transaction reaches.
const DEPTH_MAX: u8 = 64;

/// How deep an `Any` may hold others, itself counted, as the reference unpacks them.
const ANY_DEPTH_MAX: u8 = 10;

/// How many an `Any` of a transaction may hold in all, itself counted.
const ANY_COUNT_MAX: u8 = 100;

/// One field: number, wire type, and its bytes (of a length-delimited one: without the length).
pub(crate) struct Part<'a> {
    pub(crate) number: u32,
    pub(crate) wire: u8,
    pub(crate) bytes: &'a [u8],
}

/// Splits a message into its fields.
pub(crate) struct Parts<'a>(pub(crate) &'a [u8]);

impl<'a> Iterator for Parts<'a> {
    type Item = Result<Part<'a>>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let part = self.part();
        if part.is_err() {
            self.0 = &[];
        }
        Some(part)
    }
}

impl<'a> Parts<'a> {
    fn part(&mut self) -> Result<Part<'a>> {
        let tag = varint(&mut self.0)?;
        let number = u32::try_from(tag >> 3u32).map_err(|_| "field number out of range")?;
        if number == 0 || number > 536_870_911 {
            return Err(format!("invalid field number {number}"));
        }
        let wire = u8::try_from(tag & 7).map_err(|_| "wire type")?;
        let bytes = match wire {
            0 => {
                let before = self.0;
                varint(&mut self.0)?;
                let used = before.len().saturating_sub(self.0.len());
                before.split_at(used).0
            }
            1 => take(&mut self.0, 8)?,
            2 => {
                let length = varint(&mut self.0)?;
                take(&mut self.0, usize::try_from(length).map_err(|_| "length out of range")?)?
            }
            3 => {
                self.skip_group(number)?;
                &[]
            }
            5 => take(&mut self.0, 4)?,
            _ => return Err(format!("wire type {wire} of field {number} is not supported")),
        };
        Ok(Part { number, wire, bytes })
    }
}

impl Parts<'_> {
    /// Passes over a group whose start was read; only unknown fields may be one.
    fn skip_group(&mut self, number: u32) -> Result {
        let mut open = vec![number];
        while let Some(last) = open.last() {
            let tag = varint(&mut self.0)?;
            let number = u32::try_from(tag >> 3u32).map_err(|_| "field number out of range")?;
            match tag & 7 {
                0 => varint(&mut self.0).map(|_| ())?,
                1 => take(&mut self.0, 8).map(|_| ())?,
                2 => {
                    let length = varint(&mut self.0)?;
                    take(&mut self.0, usize::try_from(length).map_err(|_| "length out of range")?)?;
                }
                3 if open.len() < usize::from(DEPTH_MAX) => open.push(number),
                4 if number == *last => {
                    open.pop();
                }
                5 => take(&mut self.0, 4).map(|_| ())?,
                _ => return Err("a group does not end where it should".to_owned()),
            }
        }
        Ok(())
    }
}

fn take<'a>(bytes: &mut &'a [u8], count: usize) -> Result<&'a [u8]> {
    let (head, tail) = bytes.split_at_checked(count).ok_or("unexpected EOF")?;
    *bytes = tail;
    Ok(head)
}

fn varint(bytes: &mut &[u8]) -> Result<u64> {
    let mut value = 0u64;
    for shift in (0..10u32).map(|it| it.saturating_mul(7)) {
        let [byte] = take(bytes, 1)? else { return Err("unexpected EOF".to_owned()) };
        let bits = u64::from(byte & 0x7F);
        if shift == 63 && bits > 1 {
            return Err("varint overflows 64 bits".to_owned());
        }
        value |= bits << shift;
        if byte & 0x80 == 0 {
            return Ok(value);
        }
    }
    Err("varint overflows 64 bits".to_owned())
}

/// Whether `TxRaw` has the form of ADR-027 as the reference checks it: fields in order, all
/// length-delimited, all varints of minimal length. Of one that comes twice the last counts.
pub(crate) fn is_adr_027(bytes: &[u8]) -> Result {
    let mut rest = bytes;
    let mut last = 0u64;
    let minimal = |rest: &mut &[u8]| -> Result<u64> {
        let before = rest.len();
        let value = varint(rest)?;
        let used = before.saturating_sub(rest.len());
        let bits = usize::try_from(u64::BITS.saturating_sub(value.leading_zeros()).max(1));
        if used > bits.unwrap_or(64).div_ceil(7) {
            return Err("length prefix varint is not as short as possible".to_owned());
        }
        Ok(value)
    };
    while !rest.is_empty() {
        let tag = minimal(&mut rest)?;
        let (number, wire) = (tag >> 3u32, tag & 7);
        if wire != 2 {
            return Err(format!("expected 2 wire type, got {wire}"));
        }
        if number < last {
            return Err("fields of the transaction are not in order".to_owned());
        }
        last = number;
        let length = minimal(&mut rest)?;
        take(&mut rest, usize::try_from(length).map_err(|_| "length out of range")?)?;
    }
    Ok(())
}

/// What to do with fields that the schema does not know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unknown {
    Refuse,
    /// Let those pass whose number has bit 10 set.
    AllowNonCritical,
}

/// Refuses unknown fields at every level, inside `Any` values too, malformed numbers and times, and
/// an `Any` of a type that its field does not take. Returns whether non-critical unknown fields were
/// let pass.
pub(crate) fn check(message: MessageIndex, bytes: &[u8], unknown: Unknown) -> Result<bool> {
    let mut walk = Walk { unknown, passed: false, nesting: 0, left: 0 };
    walk.message(registry().message(message), bytes, 0)?;
    Ok(walk.passed)
}

struct Walk {
    unknown: Unknown,
    passed: bool,
    /// `Any`s around the place.
    nesting: u8,
    /// How many more the outermost of them may hold.
    left: u8,
}

impl Walk {
    fn message(&mut self, shape: &Message, bytes: &[u8], depth: u8) -> Result {
        if depth > DEPTH_MAX {
            return Err("nested too deeply".to_owned());
        }
        for part in Parts(bytes) {
            let Part { number, wire, bytes } = part?;
            let Some((_, field)) = shape.field(number) else {
                if self.unknown == Unknown::AllowNonCritical && number & (1 << 10u32) != 0 {
                    self.passed = true;
                    continue;
                }
                return Err(format!("unknown field {number} in {}", shape.full_name));
            };
            let packed = wire == 2 && field.repeat != Repeat::One;
            if wire != wire_type(field) && !packed {
                return Err(format!("wire type {wire} of field {number} of {}", shape.full_name));
            }
            self.value(shape, field, bytes, depth)?;
        }
        Ok(())
    }

    fn value(&mut self, shape: &Message, field: &Field, bytes: &[u8], depth: u8) -> Result {
        match (field.kind, field.custom) {
            (Kind::Message(inner), _) => {
                let inner = registry().message(inner);
                self.message(inner, bytes, depth.saturating_add(1))?;
                match inner.special {
                    Special::Any => self.any(shape, field, bytes, depth),
                    special if field.std_time => check_time(special, bytes),
                    _ => Ok(()),
                }
            }
            (_, Custom::Int) => number_text(bytes, |it| types::Int::from_wire(it).is_ok()),
            (_, Custom::Dec) => number_text(bytes, |it| types::Dec::from_wire(it).is_ok()),
            _ => Ok(()),
        }
    }

    fn any(&mut self, shape: &Message, field: &Field, bytes: &[u8], depth: u8) -> Result {
        if self.nesting == 0 {
            self.left = ANY_COUNT_MAX;
        }
        if self.nesting == ANY_DEPTH_MAX {
            return Err("max depth exceeded".to_owned());
        }
        self.left = self.left.checked_sub(1).ok_or("call limit exceeded")?;
        let (mut url, mut value): (&[u8], &[u8]) = (&[], &[]);
        for part in Parts(bytes) {
            match part? {
                Part { number: 1, bytes, .. } => url = bytes,
                Part { number: 2, bytes, .. } => value = bytes,
                _ => {}
            }
        }
        let url = from_utf8(url).map_err(|_| "type URL is not UTF-8")?;
        let inner =
            registry().resolve(url).ok_or_else(|| format!("unable to resolve type URL {url}"))?;
        let inner = registry().message(inner);
        if let Some(wanted) = schema::wanted(shape, field)
            && !schema::is(inner, wanted)
        {
            return Err(format!(
                "no concrete type registered for type URL {url} against interface {wanted}"
            ));
        }
        self.nesting = self.nesting.saturating_add(1);
        self.message(inner, value, depth.saturating_add(2))?;
        self.nesting = self.nesting.saturating_sub(1);
        Ok(())
    }
}

fn wire_type(field: &Field) -> u8 {
    match field.kind {
        Kind::Message(_) | Kind::String | Kind::Bytes => 2,
        Kind::Double | Kind::Fixed64 | Kind::Sfixed64 => 1,
        Kind::Float | Kind::Fixed32 | Kind::Sfixed32 => 5,
        _ => 0,
    }
}

/// The longest span of time that protobuf knows, in seconds: about ten thousand years.
const SPAN_SECONDS_MAX: i64 = 315_576_000_000;

/// Times and spans that the reference keeps in its own types must fit those.
fn check_time(special: Special, bytes: &[u8]) -> Result {
    let is_good = match special {
        Special::Timestamp => Timestamp::decode(bytes).is_ok_and(|it| timestamp::is_valid(&it)),
        Special::Duration => Duration::decode(bytes).is_ok_and(|it| {
            (-SPAN_SECONDS_MAX..=SPAN_SECONDS_MAX).contains(&it.seconds)
                && (-999_999_999_i32..=999_999_999_i32).contains(&it.nanos)
                && i128::from(it.seconds).saturating_mul(it.nanos.into()) >= 0
        }),
        Special::None | Special::Any => true,
    };
    if is_good { Ok(()) } else { Err("a time or a duration is out of range".to_owned()) }
}

fn number_text(bytes: &[u8], valid: fn(&str) -> bool) -> Result {
    match from_utf8(bytes) {
        Ok("") => Ok(()),
        Ok(text) if valid(text) => Ok(()),
        _ => Err("a number is malformed".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn adr_027_refuses_other_orders_and_long_varints() {
        assert!(is_adr_027(&[0x0A, 1, 9, 0x12, 0, 0x1A, 0, 0x1A, 0]).is_ok());
        assert!(is_adr_027(&[0x12, 0, 0x0A, 0]).is_err());
        assert!(is_adr_027(&[0x0A, 0, 0x0A, 0]).is_ok());
        assert!(is_adr_027(&[0x0A, 0x81, 0, 9]).is_err());
        assert!(is_adr_027(&[0x08, 1]).is_err());
    }

    #[test]
    fn unknown_fields_pass_only_where_they_are_not_critical() {
        let index = registry().index("cosmos.bank.v1beta1.MsgSend").unwrap();
        let critical = [0xA2, 1, 0];
        let non_critical = [0x82, 0x40, 0];
        assert!(check(index, &critical, Unknown::AllowNonCritical).is_err());
        assert_eq!(check(index, &non_critical, Unknown::AllowNonCritical), Ok(true));
        assert!(check(index, &non_critical, Unknown::Refuse).is_err());
        // A group, with another one and a text inside.
        let group = [0x83, 0x40, 0x0B, 0x0C, 0x12, 1, 9, 0x84, 0x40];
        assert_eq!(check(index, &group, Unknown::AllowNonCritical), Ok(true));
        let unclosed = [0x83, 0x40, 0x0B, 0x84, 0x40];
        assert!(check(index, &unclosed, Unknown::AllowNonCritical).is_err());
        // Not for a field that is known: 1 is a text.
        assert!(check(index, &[0x0B, 0x0C], Unknown::AllowNonCritical).is_err());
    }

    fn any<M: prost::Message + prost::Name>(message: &M) -> prost_types::Any {
        prost_types::Any { type_url: M::type_url(), value: message.encode_to_vec() }
    }

    fn check_body(messages: Vec<prost_types::Any>) -> Result<bool> {
        let body = types::wire::cosmos::tx::v1beta1::TxBody { messages, ..Default::default() };
        let index = registry().index("cosmos.tx.v1beta1.TxBody").unwrap();
        check(index, &body.encode_to_vec(), Unknown::AllowNonCritical)
    }

    fn exec(msgs: Vec<prost_types::Any>) -> prost_types::Any {
        any(&types::wire::cosmos::authz::v1beta1::MsgExec { grantee: String::new(), msgs })
    }

    #[test]
    fn what_holds_others_is_bounded_in_depth_and_number() {
        let send = any(&types::wire::cosmos::bank::v1beta1::MsgSend::default());
        let nested = |levels| (1..levels).fold(send.clone(), |inner, _| exec(vec![inner]));
        assert!(check_body(vec![nested(10)]).is_ok());
        assert!(check_body(vec![nested(11)]).unwrap_err().contains("max depth"));
        assert!(check_body(vec![exec(vec![send.clone(); 99])]).is_ok());
        assert!(check_body(vec![exec(vec![send.clone(); 100])]).unwrap_err().contains("limit"));
        // Each message of the transaction has its own count.
        assert!(check_body(vec![exec(vec![send.clone(); 99]); 3]).is_ok());
        assert!(check_body(vec![send; 300]).is_ok());
    }

    #[test]
    fn a_field_takes_only_types_of_its_kind() {
        use types::wire::cosmos::{authz::v1beta1 as authz, bank::v1beta1 as bank};
        let grant = |authorization| {
            let grant = authz::Grant { authorization, ..Default::default() };
            any(&authz::MsgGrant { grant, ..Default::default() })
        };
        let generic = any(&authz::GenericAuthorization::default());
        let send = any(&bank::MsgSend::default());
        assert!(check_body(vec![grant(Some(generic.clone()))]).is_ok());
        assert!(check_body(vec![grant(None)]).is_ok());
        assert!(check_body(vec![grant(Some(send))]).unwrap_err().contains("no concrete type"));
        assert!(check_body(vec![exec(vec![generic])]).is_err());
        // One that is there must say what it is.
        assert!(check_body(vec![grant(Some(prost_types::Any::default()))]).is_err());
    }

    #[test]
    fn times_outside_of_the_calendar_do_not_decode() {
        let index = registry().index("cosmos.tx.v1beta1.TxBody").unwrap();
        let timeout = |seconds, nanos| {
            let body = types::wire::cosmos::tx::v1beta1::TxBody {
                timeout_timestamp: Some(Timestamp { seconds, nanos }),
                ..Default::default()
            };
            check(index, &body.encode_to_vec(), Unknown::AllowNonCritical)
        };
        assert!(timeout(1_700_000_000, 999_999_999).is_ok());
        assert!(timeout(1_700_000_000, 1_000_000_000).is_err());
        assert!(timeout(1_700_000_000, -1).is_err());
        assert!(timeout(253_402_300_800, 0).is_err());
    }

    #[test]
    fn amounts_must_be_numbers_of_256_bits() {
        let index = registry().index("cosmos.base.v1beta1.Coin").unwrap();
        let coin = |amount: &str| {
            use prost::Message;
            let coin = types::wire::cosmos::base::v1beta1::Coin {
                denom: "uakt".to_owned(),
                amount: amount.to_owned(),
            };
            check(index, &coin.encode_to_vec(), Unknown::Refuse)
        };
        assert!(coin("-5").is_ok());
        assert!(coin("five").is_err());
        assert!(coin(&"9".repeat(78)).is_err());
    }
}
