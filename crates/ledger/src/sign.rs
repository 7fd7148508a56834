//! Sign bytes and signatures: one function that says whether a signer signed (cosmos.md 1.4, 1.7).
//!
//! A new sign mode is a new arm of [`sign_bytes`]; a new key type one of [`PublicKey`].

use prost::{Message, Name};
use prost_types::Any;
use secp256k1::ecdsa::Signature;
use sha2::{Digest, Sha256};
use types::{
    Address,
    address::short_hash,
    wire::cosmos::{
        crypto::{
            ed25519,
            multisig::{
                LegacyAminoPubKey,
                v1beta1::{CompactBitArray, MultiSignature},
            },
            secp256k1 as wire_secp256k1, secp256r1,
        },
        tx::{
            signing::v1beta1::SignMode,
            v1beta1::{SignDoc, SignDocDirectAux, mode_info},
        },
    },
};

use crate::{Claim, Tx};

/// A public key of any type that may stand in a transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PublicKey {
    /// Compressed.
    Secp256k1([u8; 33]),
    Ed25519(Vec<u8>),
    Secp256r1(Vec<u8>),
    Multisig {
        threshold: u32,
        keys: Vec<PublicKey>,
    },
}

impl PublicKey {
    /// Unpacks a key; an error names what is wrong with it.
    pub fn from_any(any: &Any) -> Result<Self, String> {
        fn read<M: Message + Default>(any: &Any) -> Result<M, String> {
            M::decode(any.value.as_slice()).map_err(|error| error.to_string())
        }
        let url = any.type_url.as_str();
        if url == wire_secp256k1::PubKey::type_url() {
            let key = read::<wire_secp256k1::PubKey>(any)?.key;
            let length = key.len();
            let key = key.try_into().map_err(|_| format!("secp256k1 key of {length} bytes"))?;
            return Ok(Self::Secp256k1(key));
        }
        if url == ed25519::PubKey::type_url() {
            return Ok(Self::Ed25519(read::<ed25519::PubKey>(any)?.key));
        }
        if url == secp256r1::PubKey::type_url() {
            return Ok(Self::Secp256r1(read::<secp256r1::PubKey>(any)?.key));
        }
        if url == LegacyAminoPubKey::type_url() {
            let LegacyAminoPubKey { threshold, public_keys } = read(any)?;
            let keys = public_keys.iter().map(Self::from_any).collect::<Result<_, _>>()?;
            return Ok(Self::Multisig { threshold, keys });
        }
        Err(format!("unable to resolve type URL {url}"))
    }

    /// The account that the key controls.
    pub fn address(&self) -> Address {
        match self {
            Self::Secp256k1(key) => Address::from_secp256k1(key),
            Self::Ed25519(key) => Address::from(short_hash(key)),
            Self::Secp256r1(key) => {
                let name: [u8; 32] = Sha256::digest("cosmos.crypto.secp256r1.PubKey").into();
                let hash: [u8; 32] = Sha256::digest([name.as_slice(), key].concat()).into();
                Address::from(hash)
            }
            Self::Multisig { .. } => Address::from(short_hash(&self.amino())),
        }
    }

    /// The amino binary form, which multisig addresses are hashed from.
    fn amino(&self) -> Vec<u8> {
        let plain = |prefix: [u8; 4], key: &[u8]| {
            let length = u8::try_from(key.len()).unwrap_or(u8::MAX);
            [&prefix, [length].as_slice(), key].concat()
        };
        match self {
            Self::Secp256k1(key) => plain([0xEB, 0x5A, 0xE9, 0x87], key),
            Self::Ed25519(key) | Self::Secp256r1(key) => plain([0x16, 0x24, 0xDE, 0x64], key),
            Self::Multisig { threshold, keys } => {
                let mut out = vec![0x22, 0xC1, 0xF7, 0xE2, 0x08];
                prost::encoding::encode_varint(u64::from(*threshold), &mut out);
                for key in keys {
                    let key = key.amino();
                    out.push(0x12);
                    prost::encoding::encode_varint(
                        u64::try_from(key.len()).unwrap_or(u64::MAX),
                        &mut out,
                    );
                    out.extend_from_slice(&key);
                }
                out
            }
        }
    }
}

/// Who is asked to have signed, as the state knows them.
#[derive(Clone, Debug)]
pub struct SignerData<'a> {
    pub chain_id: &'a str,
    pub address: &'a Address,
    pub account_number: u64,
    pub sequence: u64,
    /// Which of the transaction's signers.
    pub index: usize,
}

/// The bytes that a signer signs in a mode; an error is the reference's text of its refusal.
pub fn sign_bytes(tx: &Tx, mode: i32, signer: &SignerData<'_>) -> Result<Vec<u8>, String> {
    match SignMode::try_from(mode) {
        Ok(SignMode::Direct) => Ok(SignDoc {
            body_bytes: tx.body_bytes.clone(),
            auth_info_bytes: tx.auth_info_bytes.clone(),
            chain_id: signer.chain_id.to_owned(),
            account_number: signer.account_number,
        }
        .encode_to_vec()),
        Ok(SignMode::DirectAux) => {
            let payer = tx.fee_payer().map_err(|fault| fault.to_string())?;
            if payer == *signer.address {
                return Err(format!(
                    "fee payer {payer} cannot sign with SIGN_MODE_DIRECT_AUX: unauthorized"
                ));
            }
            let info = tx.auth_info.signer_infos.get(signer.index);
            Ok(SignDocDirectAux {
                body_bytes: tx.body_bytes.clone(),
                public_key: info.and_then(|it| it.public_key.clone()),
                chain_id: signer.chain_id.to_owned(),
                account_number: signer.account_number,
                sequence: signer.sequence,
                tip: None,
            }
            .encode_to_vec())
        }
        Ok(SignMode::LegacyAminoJson) => {
            if tx.has_unknown_fields {
                return Err("unknown fields in the transaction's body".to_owned());
            }
            let signer = types::amino::Signer {
                chain_id: signer.chain_id,
                account_number: signer.account_number,
                sequence: signer.sequence,
            };
            types::amino::sign_text(&tx.body_bytes, &tx.auth_info_bytes, signer)
                .map(String::into_bytes)
                .map_err(|error| error.to_string())
        }
        Ok(other) => Err(format!("unsupported sign mode {}", other.as_str_name())),
        Err(_) => Err(format!("unsupported sign mode {mode}")),
    }
}

/// Whether `signature` (64 bytes, r then s, s in the lower half) is this key's over the SHA-256
/// of `message`.
pub fn verify_secp256k1(key: &[u8; 33], message: &[u8], signature: &[u8]) -> bool {
    let Ok(signature) = Signature::from_compact(signature) else { return false };
    let Ok(key) = secp256k1::PublicKey::from_byte_array_compressed(*key) else { return false };
    let digest: [u8; 32] = Sha256::digest(message).into();
    secp256k1::ecdsa::verify(&signature, secp256k1::Message::from_digest(digest), &key).is_ok()
}

/// The one function that says whether a signer signed a transaction. `Ok(false)`: the signature is
/// wrong; an error is the mode's refusal. A single key's good signature is verified once in a
/// transaction's life, however often it is asked for.
pub fn verify(
    tx: &Tx,
    key: &PublicKey,
    mode: &mode_info::Sum,
    signer: &SignerData<'_>,
) -> Result<bool, String> {
    let signature = tx.signatures.get(signer.index).map(Vec::as_slice).unwrap_or_default();
    let (PublicKey::Secp256k1(bytes), mode_info::Sum::Single(single)) = (key, mode) else {
        return verify_nested(tx, key, mode, signer, signature);
    };
    let claim = Claim {
        signer: signer.index,
        public_key: *bytes,
        account_number: signer.account_number,
        sequence: signer.sequence,
    };
    if tx.is_verified(&claim) {
        return Ok(true);
    }
    let message = sign_bytes(tx, single.mode, signer)?;
    let good = verify_secp256k1(bytes, &message, signature);
    if good {
        tx.set_verified(claim);
    }
    Ok(good)
}

fn verify_nested(
    tx: &Tx,
    key: &PublicKey,
    mode: &mode_info::Sum,
    signer: &SignerData<'_>,
    signature: &[u8],
) -> Result<bool, String> {
    match (key, mode) {
        (PublicKey::Secp256k1(key), mode_info::Sum::Single(single)) => {
            Ok(verify_secp256k1(key, &sign_bytes(tx, single.mode, signer)?, signature))
        }
        (PublicKey::Multisig { threshold, keys }, mode_info::Sum::Multi(multi)) => {
            let bits = multi.bitarray.as_ref().map(bits_of).unwrap_or_default();
            let signed: Vec<&PublicKey> =
                keys.iter().zip(&bits).filter(|(_, set)| **set).map(|(key, _)| key).collect();
            let Ok(MultiSignature { signatures }) = MultiSignature::decode(signature) else {
                return Ok(false);
            };
            let enough = usize::try_from(*threshold).is_ok_and(|it| signed.len() >= it);
            let fits = bits.len() == keys.len()
                && signatures.len() == signed.len()
                && multi.mode_infos.len() == signed.len();
            if !enough || !fits {
                return Ok(false);
            }
            for ((key, mode), signature) in
                signed.into_iter().zip(&multi.mode_infos).zip(&signatures)
            {
                let Some(mode) = &mode.sum else { return Ok(false) };
                if !verify_nested(tx, key, mode, signer, signature)? {
                    return Ok(false);
                }
            }
            Ok(true)
        }
        _ => Ok(false),
    }
}

/// The bits of a compact array, most significant first; its size is given by the spare bits of
/// the last byte (0: none spare).
pub fn bits_of(array: &CompactBitArray) -> Vec<bool> {
    let spare = usize::try_from(array.extra_bits_stored).unwrap_or(0);
    let whole = array.elems.len().saturating_mul(8);
    let size = if spare == 0 { whole } else { whole.saturating_sub(8).saturating_add(spare) };
    let bits = array.elems.iter().flat_map(|byte| (0..8u8).map(move |at| byte & (0x80 >> at) != 0));
    bits.take(size).collect()
}
