//! How keys and values become bytes. Key layouts are wire format: proofs read them.
//!
//! A key has two forms, as in the reference's collections: the *last* part of a key is written
//! plainly, an earlier part is written so that its end can be found.

use prost::Message;
use types::{Address, BidId, DeploymentId, GroupId, LeaseId, OrderId};

use crate::{Fault, Result};

/// A key, or a part of a composite key (tuples of two to six parts).
pub trait Key: Sized {
    /// Writes the part as the last of its key.
    fn write_last(&self, out: &mut Vec<u8>);

    /// Writes the part when others follow.
    fn write(&self, out: &mut Vec<u8>) {
        self.write_last(out);
    }

    /// Reads a last part; all bytes must be used.
    fn read_last(bytes: &[u8]) -> Result<Self> {
        let mut rest = bytes;
        let key = Self::read(&mut rest)?;
        if rest.is_empty() { Ok(key) } else { Err(broken_key()) }
    }

    /// Reads a part that others follow and moves `bytes` behind it.
    fn read(bytes: &mut &[u8]) -> Result<Self>;

    /// The whole key.
    fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::new();
        self.write_last(&mut out);
        out
    }
}

/// A key that does not have the shape its map demands, e.g. a page key a client made up.
pub fn broken_key() -> Fault {
    Fault::internal("collections: encoding error: malformed key")
}

fn take<'a>(bytes: &mut &'a [u8], count: usize) -> Result<&'a [u8]> {
    let (head, tail) = bytes.split_at_checked(count).ok_or_else(broken_key)?;
    *bytes = tail;
    Ok(head)
}

fn take_array<const N: usize>(bytes: &mut &[u8]) -> Result<[u8; N]> {
    take(bytes, N)?.try_into().map_err(|_| broken_key())
}

macro_rules! big_endian_keys {
    ($($int:ty),*) => { $(
        impl Key for $int {
            fn write_last(&self, out: &mut Vec<u8>) {
                out.extend_from_slice(&self.to_be_bytes());
            }
            fn read(bytes: &mut &[u8]) -> Result<Self> {
                take_array(bytes).map(<$int>::from_be_bytes)
            }
        }
    )* };
}
big_endian_keys!(u8, u16, u32, u64);

/// Sign bit flipped, so that byte order is number order.
impl Key for i64 {
    fn write_last(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&(self.cast_unsigned() ^ (1 << 63)).to_be_bytes());
    }
    fn read(bytes: &mut &[u8]) -> Result<Self> {
        take_array(bytes).map(|it| (u64::from_be_bytes(it) ^ (1 << 63)).cast_signed())
    }
}

impl Key for bool {
    fn write_last(&self, out: &mut Vec<u8>) {
        out.push(u8::from(*self));
    }
    fn read(bytes: &mut &[u8]) -> Result<Self> {
        match take_array(bytes)? {
            [0] => Ok(false),
            [1] => Ok(true),
            _ => Err(broken_key()),
        }
    }
}

/// No bytes at all: the key of a thing there is one of.
impl Key for () {
    fn write_last(&self, _: &mut Vec<u8>) {}
    fn read(_: &mut &[u8]) -> Result<Self> {
        Ok(())
    }
}

/// Last: plain UTF-8. Earlier: followed by a zero byte.
impl Key for String {
    fn write_last(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.as_bytes());
    }
    fn write(&self, out: &mut Vec<u8>) {
        self.write_last(out);
        out.push(0);
    }
    fn read_last(bytes: &[u8]) -> Result<Self> {
        String::from_utf8(bytes.to_vec()).map_err(|_| broken_key())
    }
    fn read(bytes: &mut &[u8]) -> Result<Self> {
        let end = bytes.iter().position(|it| *it == 0).ok_or_else(broken_key)?;
        let text = Self::read_last(take(bytes, end)?)?;
        take(bytes, 1)?;
        Ok(text)
    }
}

/// Last: plain. Earlier: after one byte of length (at most 255 bytes).
impl Key for Vec<u8> {
    fn write_last(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self);
    }
    fn write(&self, out: &mut Vec<u8>) {
        write_prefixed(self, out);
    }
    fn read_last(bytes: &[u8]) -> Result<Self> {
        Ok(bytes.to_vec())
    }
    fn read(bytes: &mut &[u8]) -> Result<Self> {
        let [length] = take_array(bytes)?;
        take(bytes, usize::from(length)).map(<[u8]>::to_vec)
    }
}

fn write_prefixed(bytes: &[u8], out: &mut Vec<u8>) {
    let length = u8::try_from(bytes.len()).unwrap_or(u8::MAX);
    out.push(length);
    out.extend(bytes.iter().take(usize::from(length)));
}

/// Bytes after one byte of length, also as the last part.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Prefixed(pub Vec<u8>);

impl Key for Prefixed {
    fn write_last(&self, out: &mut Vec<u8>) {
        write_prefixed(&self.0, out);
    }
    fn read(bytes: &mut &[u8]) -> Result<Self> {
        Vec::<u8>::read(bytes).map(Self)
    }
}

/// Plain bytes of a fixed length.
impl<const N: usize> Key for [u8; N] {
    fn write_last(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self);
    }
    fn read(bytes: &mut &[u8]) -> Result<Self> {
        take_array(bytes)
    }
}

/// Last: the plain bytes. Earlier: after one byte of length.
impl Key for Address {
    fn write_last(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.as_bytes());
    }
    fn write(&self, out: &mut Vec<u8>) {
        write_prefixed(self.as_bytes(), out);
    }
    fn read_last(bytes: &[u8]) -> Result<Self> {
        Address::new(bytes).map_err(|_| broken_key())
    }
    fn read(bytes: &mut &[u8]) -> Result<Self> {
        Self::read_last(&Vec::<u8>::read(bytes)?)
    }
}

/// The bech32 text of an address as a key part: the market's stores order owners by text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AddressText(pub Address);

impl Key for AddressText {
    fn write_last(&self, out: &mut Vec<u8>) {
        self.0.to_string().write_last(out);
    }
    fn write(&self, out: &mut Vec<u8>) {
        self.0.to_string().write(out);
    }
    fn read_last(bytes: &[u8]) -> Result<Self> {
        String::read_last(bytes)?.parse().map(Self).map_err(|_| broken_key())
    }
    fn read(bytes: &mut &[u8]) -> Result<Self> {
        String::read(bytes)?.parse().map(Self).map_err(|_| broken_key())
    }
}

/// The ids of the market: owner text, zero byte, numbers big-endian (chain.md 1.5).
macro_rules! id_keys {
    ($( $id:ident { $($field:ident),+ $(; $provider:ident, $bseq:ident)? } )*) => { $(
        impl Key for $id {
            fn write_last(&self, out: &mut Vec<u8>) {
                self.owner.to_string().write(out);
                $( self.$field.write(out); )+
                $( self.$provider.to_string().write(out); self.$bseq.write(out); )?
            }
            fn read(bytes: &mut &[u8]) -> Result<Self> {
                let AddressText(owner) = AddressText::read(bytes)?;
                $( let $field = Key::read(bytes)?; )+
                $( let AddressText($provider) = AddressText::read(bytes)?;
                   let $bseq = Key::read(bytes)?; )?
                Ok(Self { owner, $($field,)+ $($provider, $bseq)? })
            }
        }
    )* };
}
id_keys! {
    DeploymentId { dseq }
    GroupId { dseq, gseq }
    OrderId { dseq, gseq, oseq }
    BidId { dseq, gseq, oseq; provider, bseq }
    LeaseId { dseq, gseq, oseq; provider, bseq }
}

macro_rules! tuple_keys {
    ($( ($($part:ident $at:tt),+; $last:ident $last_at:tt) )*) => { $(
        impl<$($part: Key,)+ $last: Key> Key for ($($part,)+ $last,) {
            fn write_last(&self, out: &mut Vec<u8>) {
                $( self.$at.write(out); )+
                self.$last_at.write_last(out);
            }
            fn write(&self, out: &mut Vec<u8>) {
                $( self.$at.write(out); )+
                self.$last_at.write(out);
            }
            fn read_last(mut bytes: &[u8]) -> Result<Self> {
                Ok(($( $part::read(&mut bytes)?, )+ $last::read_last(bytes)?,))
            }
            fn read(bytes: &mut &[u8]) -> Result<Self> {
                Ok(($( $part::read(bytes)?, )+ $last::read(bytes)?,))
            }
        }
    )* };
}
tuple_keys! {
    (A 0; B 1)
    (A 0, B 1; C 2)
    (A 0, B 1, C 2; D 3)
    (A 0, B 1, C 2, D 3; E 4)
    (A 0, B 1, C 2, D 3, E 4; F 5)
}

/// How a value becomes bytes. `Proto` unless the state says otherwise.
pub trait Codec<V>: 'static {
    fn encode(value: &V) -> Vec<u8>;
    /// None: these bytes are no such value, which halts the node.
    fn decode(bytes: &[u8]) -> Option<V>;
}

/// Protobuf messages.
#[derive(Clone, Copy, Debug)]
pub enum Proto {}
/// Bytes as they are.
#[derive(Clone, Copy, Debug)]
pub enum Raw {}
/// Big-endian integers; strings as UTF-8; bool as one byte.
#[derive(Clone, Copy, Debug)]
pub enum Plain {}
/// The `Display` text of a value that `FromStr` reads back, e.g. `Int`.
#[derive(Clone, Copy, Debug)]
pub enum Text {}
/// No bytes: the key says it all.
#[derive(Clone, Copy, Debug)]
pub enum Unit {}

impl<M: Message + Default> Codec<M> for Proto {
    fn encode(value: &M) -> Vec<u8> {
        value.encode_to_vec()
    }
    fn decode(bytes: &[u8]) -> Option<M> {
        M::decode(bytes).ok()
    }
}

impl Codec<Vec<u8>> for Raw {
    fn encode(value: &Vec<u8>) -> Vec<u8> {
        value.clone()
    }
    fn decode(bytes: &[u8]) -> Option<Vec<u8>> {
        Some(bytes.to_vec())
    }
}

impl<K: Key> Codec<K> for Plain {
    fn encode(value: &K) -> Vec<u8> {
        value.to_bytes()
    }
    fn decode(bytes: &[u8]) -> Option<K> {
        K::read_last(bytes).ok()
    }
}

impl<T: std::fmt::Display + std::str::FromStr> Codec<T> for Text {
    fn encode(value: &T) -> Vec<u8> {
        value.to_string().into_bytes()
    }
    fn decode(bytes: &[u8]) -> Option<T> {
        std::str::from_utf8(bytes).ok()?.parse().ok()
    }
}

impl Codec<()> for Unit {
    fn encode((): &()) -> Vec<u8> {
        Vec::new()
    }
    fn decode(_: &[u8]) -> Option<()> {
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check<K: Key + PartialEq + std::fmt::Debug>(key: K, expected: &[u8]) {
        assert_eq!(key.to_bytes(), expected);
        assert_eq!(K::read_last(expected).unwrap(), key);
    }

    #[test]
    fn keys_have_the_layout_of_the_reference() {
        check(("ab".to_owned(), 1u64, 2u32), b"ab\0\0\0\0\0\0\0\0\x01\0\0\0\x02");
        check((vec![7u8, 8], "uakt".to_owned()), b"\x02\x07\x08uakt");
        check(("uakt".to_owned(), Prefixed(vec![7, 8])), b"uakt\0\x02\x07\x08");
        check(-1i64, &[0x7F, 255, 255, 255, 255, 255, 255, 255]);
        check(vec![1u8, 2], &[1, 2]);
        let owner: Address = "akash1klpwzlvfnw7j8gtdd0cuu9vaw9ermsmd37sg55".parse().unwrap();
        let mut expected = b"akash1klpwzlvfnw7j8gtdd0cuu9vaw9ermsmd37sg55\0".to_vec();
        expected.extend_from_slice(&[0, 0, 0, 0, 0, 0, 0, 42]);
        check(DeploymentId { owner: owner.clone(), dseq: 42 }, &expected);
        check((owner.clone(), 1u8), &[&[20], owner.as_bytes(), &[1]].concat());
        assert!(u64::read_last(&[1, 2]).is_err());
        assert!(u8::read_last(&[1, 2]).is_err());
    }
}
