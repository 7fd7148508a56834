//! Protobuf bytes as they lie on the wire: reading fields one by one, and writing them.
//!
//! Called by `json`, `amino` and signer discovery, which walk encoded messages by the tables of
//! [`crate::registry`] and never build them.

use crate::registry::{Field, Kind, Message, Repeat};

/// Why bytes are no message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WireError {
    #[error("unexpected end of message")]
    Truncated,
    #[error("varint overflow")]
    Varint,
    #[error("illegal tag")]
    Tag,
    #[error("wrong wire type")]
    WireType,
    #[error("invalid UTF-8 in a string field")]
    Utf8,
    #[error("messages nest too deeply")]
    Depth,
}

type Result<T> = std::result::Result<T, WireError>;

/// Deepest nesting that is walked.
pub const MAX_DEPTH: usize = 100;

/// One value as it lies on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Raw<'a> {
    Varint(u64),
    Fixed64(u64),
    Bytes(&'a [u8]),
    Fixed32(u32),
}

/// Reads the varint at the start of `bytes` and moves past it.
pub fn read_varint(bytes: &mut &[u8]) -> Result<u64> {
    let mut value = 0u64;
    for at in 0..10u32 {
        let (first, rest) = bytes.split_first().ok_or(WireError::Truncated)?;
        *bytes = rest;
        let part = u64::from(first & 0x7f);
        if at == 9 && part > 1 {
            return Err(WireError::Varint);
        }
        value |= part << (7 * at);
        if first & 0x80 == 0 {
            return Ok(value);
        }
    }
    Err(WireError::Varint)
}

fn take<'a>(bytes: &mut &'a [u8], len: usize) -> Result<&'a [u8]> {
    let (head, rest) = bytes.split_at_checked(len).ok_or(WireError::Truncated)?;
    *bytes = rest;
    Ok(head)
}

/// Reads one field and moves past it.
fn read_field<'a>(bytes: &mut &'a [u8]) -> Result<(u32, Raw<'a>)> {
    let tag = read_varint(bytes)?;
    let number = u32::try_from(tag >> 3).map_err(|_| WireError::Tag)?;
    if number == 0 || number > 0x1fff_ffff {
        return Err(WireError::Tag);
    }
    let raw = match tag & 7 {
        0 => Raw::Varint(read_varint(bytes)?),
        1 => {
            let part = take(bytes, 8)?;
            Raw::Fixed64(u64::from_le_bytes(part.try_into().map_err(|_| WireError::Truncated)?))
        }
        2 => {
            let len = usize::try_from(read_varint(bytes)?).map_err(|_| WireError::Truncated)?;
            Raw::Bytes(take(bytes, len)?)
        }
        5 => {
            let part = take(bytes, 4)?;
            Raw::Fixed32(u32::from_le_bytes(part.try_into().map_err(|_| WireError::Truncated)?))
        }
        _ => return Err(WireError::Tag),
    };
    Ok((number, raw))
}

/// The fields of a message in the order of the wire.
pub fn fields(mut bytes: &[u8]) -> impl Iterator<Item = Result<(u32, Raw<'_>)>> {
    let mut failed = false;
    std::iter::from_fn(move || {
        if bytes.is_empty() || failed {
            return None;
        }
        let field = read_field(&mut bytes);
        failed = field.is_err();
        Some(field)
    })
}

/// The values of each field of a message, in the order of its declaration; unknown fields are left
/// out, packed lists are unpacked, and of a oneof only the member that came last is kept.
pub fn slots<'a>(message: &Message, bytes: &'a [u8]) -> Result<Vec<Vec<Raw<'a>>>> {
    let mut slots: Vec<Vec<Raw<'a>>> = vec![Vec::new(); message.fields.len()];
    for field in fields(bytes) {
        let (number, raw) = field?;
        let Some((at, field)) = message.field(number) else { continue };
        if let Some(oneof) = field.oneof {
            for (other, slot) in message.fields.iter().zip(slots.iter_mut()) {
                if other.oneof == Some(oneof) && other.number != number {
                    slot.clear();
                }
            }
        }
        let Some(slot) = slots.get_mut(at) else { continue };
        let expected = wire_type(field.kind);
        match raw {
            Raw::Bytes(packed) if expected != 2 && field.repeat == Repeat::Many => {
                unpack(expected, packed, slot)?;
            }
            _ if wire_type_of(raw) == expected => {
                // A scalar's last value wins; sub-messages are merged by whoever reads them.
                if field.repeat == Repeat::One && !matches!(field.kind, Kind::Message(_)) {
                    slot.clear();
                }
                slot.push(raw);
            }
            _ => return Err(WireError::WireType),
        }
    }
    Ok(slots)
}

fn unpack<'a>(wire_type: u8, mut packed: &'a [u8], into: &mut Vec<Raw<'a>>) -> Result<()> {
    while !packed.is_empty() {
        into.push(match wire_type {
            0 => Raw::Varint(read_varint(&mut packed)?),
            1 => {
                let part = take(&mut packed, 8)?;
                Raw::Fixed64(u64::from_le_bytes(part.try_into().map_err(|_| WireError::Truncated)?))
            }
            _ => {
                let part = take(&mut packed, 4)?;
                Raw::Fixed32(u32::from_le_bytes(part.try_into().map_err(|_| WireError::Truncated)?))
            }
        });
    }
    Ok(())
}

/// The bytes of a sub-message: what several occurrences say together.
#[must_use]
pub fn merged(occurrences: &[Raw<'_>]) -> Vec<u8> {
    occurrences.iter().flat_map(|it| bytes_of(*it)).copied().collect()
}

/// The bytes of a length-delimited value; none of any other.
#[must_use]
pub const fn bytes_of(raw: Raw<'_>) -> &[u8] {
    match raw {
        Raw::Bytes(it) => it,
        _ => &[],
    }
}

/// The text of a length-delimited value.
pub fn text_of(raw: Raw<'_>) -> Result<&str> {
    std::str::from_utf8(bytes_of(raw)).map_err(|_| WireError::Utf8)
}

const fn wire_type_of(raw: Raw<'_>) -> u8 {
    match raw {
        Raw::Varint(_) => 0,
        Raw::Fixed64(_) => 1,
        Raw::Bytes(_) => 2,
        Raw::Fixed32(_) => 5,
    }
}

/// The wire type of one value of a kind.
#[must_use]
pub const fn wire_type(kind: Kind) -> u8 {
    match kind {
        Kind::Double | Kind::Fixed64 | Kind::Sfixed64 => 1,
        Kind::Float | Kind::Fixed32 | Kind::Sfixed32 => 5,
        Kind::String | Kind::Bytes | Kind::Message(_) => 2,
        _ => 0,
    }
}

/// A value of a numeric kind, as an integer that holds all of them. Floats give none.
#[must_use]
pub fn integer(kind: Kind, raw: Raw<'_>) -> Option<i128> {
    Some(match (kind, raw) {
        (Kind::Bool, Raw::Varint(it)) => i128::from(it != 0),
        (Kind::Uint64, Raw::Varint(it)) | (Kind::Fixed64, Raw::Fixed64(it)) => i128::from(it),
        (Kind::Int64, Raw::Varint(it)) | (Kind::Sfixed64, Raw::Fixed64(it)) => {
            i128::from(it.cast_signed())
        }
        (Kind::Uint32, Raw::Varint(it)) => i128::from(it & 0xffff_ffff),
        (Kind::Fixed32, Raw::Fixed32(it)) => i128::from(it),
        (Kind::Sfixed32, Raw::Fixed32(it)) => i128::from(it.cast_signed()),
        (Kind::Int32 | Kind::Enum(_), Raw::Varint(it)) => i128::from(low32(it).cast_signed()),
        (Kind::Sint32, Raw::Varint(it)) => {
            let low = low32(it);
            i128::from((low >> 1).cast_signed() ^ -(low & 1).cast_signed())
        }
        (Kind::Sint64, Raw::Varint(it)) => {
            i128::from((it >> 1).cast_signed() ^ -(it & 1).cast_signed())
        }
        _ => return None,
    })
}

/// The low half, as protobuf takes a 32-bit number out of a longer varint.
fn low32(value: u64) -> u32 {
    u32::try_from(value & 0xffff_ffff).unwrap_or_default()
}

// Writing.

/// Appends a varint.
pub fn write_varint(mut value: u64, into: &mut Vec<u8>) {
    loop {
        let low = u8::try_from(value & 0x7f).unwrap_or_default();
        value >>= 7;
        if value == 0 {
            into.push(low);
            return;
        }
        into.push(low | 0x80);
    }
}

/// Appends a tag.
pub fn write_tag(number: u32, wire_type: u8, into: &mut Vec<u8>) {
    write_varint(u64::from(number) << 3 | u64::from(wire_type), into);
}

/// Appends a length and the bytes.
pub fn write_bytes(bytes: &[u8], into: &mut Vec<u8>) {
    write_varint(u64::try_from(bytes.len()).unwrap_or(u64::MAX), into);
    into.extend_from_slice(bytes);
}

/// Appends a value without its tag.
pub fn write_raw(raw: Raw<'_>, into: &mut Vec<u8>) {
    match raw {
        Raw::Varint(it) => write_varint(it, into),
        Raw::Fixed64(it) => into.extend_from_slice(&it.to_le_bytes()),
        Raw::Bytes(it) => write_bytes(it, into),
        Raw::Fixed32(it) => into.extend_from_slice(&it.to_le_bytes()),
    }
}

/// Whether a value is the one that proto3 leaves out.
#[must_use]
pub const fn is_default(raw: Raw<'_>) -> bool {
    match raw {
        Raw::Varint(it) | Raw::Fixed64(it) => it == 0,
        Raw::Bytes(it) => it.is_empty(),
        Raw::Fixed32(it) => it == 0,
    }
}

/// Whether values of this field are written in one packed block.
#[must_use]
pub fn is_packed(field: &Field) -> bool {
    field.repeat == Repeat::Many && wire_type(field.kind) != 2
}
