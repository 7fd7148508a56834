//! What a signer put into a transaction: one signature, or those of a multisig's members
//! (cosmos.md 1.7). Bit arrays and lists that do not fit each other are refused here or where a
//! member is looked up, never by a panic.

use prost::{Message as _, Name as _, encoding::decode_varint};
use prost_types::Any;
use types::wire::cosmos::{
    crypto::multisig::{
        LegacyAminoPubKey,
        v1beta1::{CompactBitArray, MultiSignature},
    },
    tx::{
        signing::v1beta1::SignMode,
        v1beta1::{ModeInfo, mode_info},
    },
};

use super::PublicKey;

/// A signature with its mode, or several with a mark for each key that signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Signed {
    One { mode: i32, signature: Vec<u8> },
    Many { bits: CompactBitArray, parts: Vec<Signed> },
}

impl Signed {
    /// Puts a mode and the bytes of its signature together.
    pub fn unpack(mode: &ModeInfo, signature: &[u8]) -> Result<Self, String> {
        let multi = match &mode.sum {
            None => return Err("got empty SignatureData".to_owned()),
            Some(mode_info::Sum::Single(single)) => {
                return Ok(Self::One { mode: single.mode, signature: signature.to_vec() });
            }
            Some(mode_info::Sum::Multi(multi)) => multi,
        };
        if !has_signatures_only(signature) {
            return Err("rejecting unrecognized fields found in MultiSignature".to_owned());
        }
        let MultiSignature { signatures } =
            MultiSignature::decode(signature).map_err(|error| error.to_string())?;
        if signatures.len() != multi.mode_infos.len() {
            let (modes, count) = (multi.mode_infos.len(), signatures.len());
            return Err(format!("{count} signatures for {modes} sign modes of a multisig"));
        }
        let parts = multi.mode_infos.iter().zip(&signatures);
        let parts =
            parts.map(|(mode, it)| Self::unpack(mode, it)).collect::<Result<Vec<_>, _>>()?;
        let bits = multi.bitarray.clone().unwrap_or_default();
        Ok(Self::Many { bits, parts })
    }

    /// The signatures as events name them: those inside, and then all of them as one.
    pub fn signatures(&self) -> Vec<Vec<u8>> {
        match self {
            Self::One { signature, .. } => vec![signature.clone()],
            Self::Many { parts, .. } => {
                let mut signatures: Vec<_> = parts.iter().flat_map(Self::signatures).collect();
                let whole = MultiSignature { signatures: signatures.clone() };
                signatures.push(whole.encode_to_vec());
                signatures
            }
        }
    }

    /// Whether it does not say yet which members of a multisig sign: too few are marked.
    pub fn is_open(&self, key: &PublicKey) -> bool {
        match (self, key) {
            (Self::Many { bits, parts, .. }, PublicKey::Multisig { threshold, keys }) => {
                let needed = usize::try_from(*threshold).unwrap_or(usize::MAX);
                match Self::members(keys, bits, parts) {
                    Ok(members) if members.len() >= needed => {
                        members.iter().any(|(_, key, part)| part.is_open(key))
                    }
                    _ => true,
                }
            }
            _ => false,
        }
    }

    /// A key that could have signed so, of members like `single`; at most `most` on each level.
    pub fn stand_in(&self, single: &Any, most: u64) -> Any {
        let Self::Many { bits, parts, .. } = self else { return single.clone() };
        let count = u64::try_from(size(bits)).unwrap_or(0).min(most);
        let marks = marks(bits).unwrap_or_default();
        let mut parts = parts.iter();
        let public_keys = (0..count).map(|at| {
            let is_marked = usize::try_from(at).is_ok_and(|at| marks.contains(&at));
            let part = if is_marked { parts.next() } else { None };
            part.map_or_else(|| single.clone(), |it| it.stand_in(single, most))
        });
        let key = LegacyAminoPubKey { threshold: 1, public_keys: public_keys.collect() };
        Any { type_url: LegacyAminoPubKey::type_url(), value: key.encode_to_vec() }
    }

    /// Whether every one was made in amino-JSON mode.
    pub fn is_amino(&self) -> bool {
        match self {
            Self::One { mode, .. } => *mode == i32::from(SignMode::LegacyAminoJson),
            Self::Many { parts, .. } => parts.iter().all(Self::is_amino),
        }
    }

    /// The keys of a multisig that are marked to have signed, with what they signed; signatures
    /// beyond the marks are left alone.
    pub(super) fn members<'a>(
        keys: &'a [PublicKey],
        bits: &CompactBitArray,
        parts: &'a [Signed],
    ) -> Result<Vec<(usize, &'a PublicKey, &'a Signed)>, String> {
        let mut members = Vec::new();
        for at in marks(bits)? {
            let key = keys.get(at).ok_or_else(|| format!("bit {at} of the array marks no key"))?;
            let part = parts
                .get(members.len())
                .ok_or_else(|| format!("no signature for bit {at} of the array"))?;
            members.push((at, key, part));
        }
        Ok(members)
    }
}

/// How many bits an array says to have; its own words may make it less than none.
pub(super) fn size(bits: &CompactBitArray) -> i64 {
    let bytes = i64::try_from(bits.elems.len()).unwrap_or(i64::MAX);
    match bits.extra_bits_stored {
        0 => bytes.saturating_mul(8),
        extra => bytes.saturating_sub(1).saturating_mul(8).saturating_add(i64::from(extra)),
    }
}

/// The places of the set bits, most significant first.
fn marks(bits: &CompactBitArray) -> Result<Vec<usize>, String> {
    let size = usize::try_from(size(bits)).unwrap_or(0);
    if size > bits.elems.len().saturating_mul(8) {
        return Err(format!("a bit array of {size} bits in {} bytes", bits.elems.len()));
    }
    let bits = bits.elems.iter().flat_map(|byte| (0..8u8).map(move |at| byte & (0x80 >> at) != 0));
    Ok(bits.take(size).enumerate().filter(|(_, set)| *set).map(|(at, _)| at).collect())
}

/// Whether the bytes hold nothing but field 1 with length: another field would let anybody make a
/// transaction larger after it was signed.
fn has_signatures_only(mut bytes: &[u8]) -> bool {
    while !bytes.is_empty() {
        if decode_varint(&mut bytes) != Ok(0x0A) {
            return false;
        }
        let length = decode_varint(&mut bytes).ok().and_then(|it| usize::try_from(it).ok());
        let Some((_, rest)) = length.and_then(|it| bytes.split_at_checked(it)) else {
            return false;
        };
        bytes = rest;
    }
    true
}
