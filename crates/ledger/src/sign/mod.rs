//! Sign bytes and signatures: one function that says whether a signer signed (cosmos.md 1.4, 1.7).
//!
//! A new sign mode is a new arm of [`sign_bytes`]; a new key type one of [`PublicKey`].

mod key;
mod signed;

use std::{
    collections::{BTreeMap, btree_map::Entry},
    sync::atomic::{AtomicU64, Ordering},
};

use prost::Message as _;
use types::{
    Address,
    wire::cosmos::tx::{
        signing::v1beta1::SignMode,
        v1beta1::{ModeInfo, SignDoc, SignDocDirectAux, mode_info},
    },
};

pub use key::{PublicKey, verify_secp256k1};
pub use signed::Signed;

use crate::{Claim, Tx};

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

/// The one function that says whether a signer signed a transaction. `Ok(false)`: the signature of
/// a single key is wrong; an error is the mode's or the multisig's refusal. Each signer is verified
/// once in a transaction's life, however often it is asked for: the outcome depends on nothing but
/// the transaction, the chain's id and the claim.
pub fn verify(
    tx: &Tx,
    key: &PublicKey,
    mode: &mode_info::Sum,
    signer: &SignerData<'_>,
) -> Result<bool, String> {
    let claim = Claim {
        signer: signer.index,
        public_key: key.clone(),
        account_number: signer.account_number,
        sequence: signer.sequence,
    };
    if let Some(verdict) = tx.verdict(&claim) {
        return verdict;
    }
    let signature = tx.signatures.get(signer.index).map(Vec::as_slice).unwrap_or_default();
    let signed = Signed::unpack(&ModeInfo { sum: Some(mode.clone()) }, signature)?;
    let mut documents = Documents { tx, signer, made: BTreeMap::new() };
    let verdict = documents.verify(key, &signed);
    tx.remember(claim, verdict.clone());
    verdict
}

/// How many signatures this process has verified.
static VERIFIED: AtomicU64 = AtomicU64::new(0);

/// How many signatures this process has verified since it began, good or bad.
pub fn verified_total() -> u64 {
    VERIFIED.load(Ordering::Relaxed)
}

/// The bytes to sign by mode: the members of a multisig share them.
struct Documents<'a> {
    tx: &'a Tx,
    signer: &'a SignerData<'a>,
    made: BTreeMap<i32, Vec<u8>>,
}

impl Documents<'_> {
    fn of(&mut self, mode: i32) -> Result<&[u8], String> {
        let place = match self.made.entry(mode) {
            Entry::Occupied(place) => place.into_mut(),
            Entry::Vacant(place) => place.insert(sign_bytes(self.tx, mode, self.signer)?),
        };
        Ok(place)
    }

    fn verify(&mut self, key: &PublicKey, signed: &Signed) -> Result<bool, String> {
        let (bits, parts, threshold, keys) = match (key, signed) {
            (PublicKey::Multisig { .. }, Signed::One { .. }) => {
                return Err("one signature where those of a multisig's members belong".to_owned());
            }
            (_, Signed::One { mode, signature }) => {
                VERIFIED.fetch_add(1, Ordering::Relaxed);
                return Ok(key.verifies(self.of(*mode)?, signature));
            }
            (PublicKey::Multisig { threshold, keys }, Signed::Many { bits, parts, .. }) => {
                (bits, parts, usize::try_from(*threshold).unwrap_or(usize::MAX), keys)
            }
            _ => return Err("signatures of members for a key that has none".to_owned()),
        };
        if usize::try_from(signed::size(bits)) != Ok(keys.len()) {
            return Err(format!("bit array size is incorrect, expecting: {}", keys.len()));
        }
        if parts.len() < threshold || parts.len() > keys.len() {
            return Err(format!("signature size is incorrect {}", parts.len()));
        }
        let members = Signed::members(keys, bits, parts)?;
        if members.len() < threshold {
            let have = members.len();
            return Err(format!("not enough signatures set, have {have}, expected {threshold}"));
        }
        for (at, key, part) in members {
            if !self.verify(key, part)? {
                return Err(format!("unable to verify signature at index {at}"));
            }
        }
        Ok(true)
    }
}

/// The single keys that a signature has to be verified with; an error where keys, marks and
/// signatures do not fit each other.
pub fn signing_keys<'a>(
    key: &'a PublicKey,
    signed: &'a Signed,
) -> Result<Vec<&'a PublicKey>, String> {
    match (key, signed) {
        (PublicKey::Multisig { .. }, Signed::One { .. }) => {
            Err("expected *signing.MultiSignatureData, got, *signing.SingleSignatureData"
                .to_owned())
        }
        (PublicKey::Multisig { keys, .. }, Signed::Many { bits, parts, .. }) => {
            let mut all = Vec::new();
            for (_, key, part) in Signed::members(keys, bits, parts)? {
                all.extend(signing_keys(key, part)?);
            }
            Ok(all)
        }
        _ => Ok(vec![key]),
    }
}

#[cfg(test)]
mod tests;
