//! Keys, signatures and sequences of the signers.

use base64::{Engine, engine::general_purpose::STANDARD};
use ledger::{
    Claim, Ctx, Result, Sdk, Stage, Tx, View, nanos,
    sign::{self, PublicKey, Signed, SignerData},
};
use prost::{Message, Name};
use prost_types::Any;
use types::{
    Address,
    wire::cosmos::{
        auth::v1beta1::Params,
        crypto::secp256k1,
        tx::v1beta1::{ModeInfo, SignerInfo, mode_info},
    },
};

use super::existing;
use crate::auth::{self, Account};

/// Gas of an unordered transaction beyond that of an ordered one.
const UNORDERED_GAS: u64 = 2240;

/// The key that stands in for an unknown one while simulating.
const SIMULATION_KEY: [u8; 33] = [
    0x03, 0x5A, 0xD6, 0x81, 0x0A, 0x47, 0xF0, 0x73, 0x55, 0x3F, 0xF3, 0x0D, 0x2F, 0xCC, 0x7E, 0x0D,
    0x3B, 0x1C, 0x0B, 0x74, 0xB6, 0x1A, 0x1A, 0xAA, 0x25, 0x82, 0x34, 0x40, 0x37, 0x15, 0x1E, 0x14,
    0x3A,
];

/// Keys inside each other that an account may have: the reference cannot read deeper ones back.
const KEY_DEPTH_MAX: u8 = 9;

/// Members of a multisig that stands in; the network's own limit is about as high.
const SIMULATION_KEYS_MAX: u64 = 16;

fn key_of(any: &Any) -> Result<PublicKey> {
    PublicKey::from_any(any).map_err(|why| Sdk::InvalidPubKey.wrap(why))
}

/// The key an account signs with, if it has signed before.
fn stored_key(account: &Account) -> Result<Option<PublicKey>> {
    account.base.pub_key.as_ref().map(key_of).transpose()
}

/// The key that stands in for one that is neither sent nor stored: a single one, or a multisig of as
/// many as the signature speaks of.
pub(super) fn simulation_key(tx: &Tx, index: usize) -> Result<Any> {
    let key = secp256k1::PubKey { key: SIMULATION_KEY.to_vec() };
    let single = Any { type_url: secp256k1::PubKey::type_url(), value: key.encode_to_vec() };
    Ok(signed(tx, index)?.stand_in(&single, SIMULATION_KEYS_MAX))
}

fn mode_of(info: &SignerInfo) -> Option<&mode_info::Sum> {
    info.mode_info.as_ref().and_then(|it: &ModeInfo| it.sum.as_ref())
}

/// The signatures of one signer; an error when modes and signatures do not fit each other.
pub(super) fn signed(tx: &Tx, index: usize) -> Result<Signed> {
    let mode = tx.auth_info.signer_infos.get(index).and_then(|it| it.mode_info.as_ref());
    let mode = mode.cloned().unwrap_or_default();
    let signature = tx.signatures.get(index).map(Vec::as_slice).unwrap_or_default();
    Signed::unpack(&mode, signature).map_err(|why| Sdk::Unauthorized.wrap(why))
}

/// Stores the keys of accounts that sign for the first time, and emits who signed. Returns the
/// keys that the transaction carries.
pub(super) fn set_keys(
    cx: &mut Ctx,
    tx: &Tx,
    signers: &[Address],
    stage: Stage,
) -> Result<Vec<PublicKey>> {
    let mut keys = Vec::new();
    for (index, info) in tx.auth_info.signer_infos.iter().enumerate() {
        let Some(signer) = signers.get(index) else {
            let text = format!("signer info {index} has no signer");
            return Err(Sdk::Unauthorized.wrap(text));
        };
        let (any, key) = match &info.public_key {
            Some(any) => (any.clone(), key_of(any)?),
            None if stage == Stage::Simulate => {
                let any = simulation_key(tx, index)?;
                let key = key_of(&any)?;
                (any, key)
            }
            None => continue,
        };
        if key.depth() > KEY_DEPTH_MAX {
            return Err(Sdk::InvalidPubKey.wrap("multisigs are nested too deeply"));
        }
        if stage != Stage::Simulate && key.address() != *signer {
            let text =
                format!("pubKey does not match signer address {signer} with signer index: {index}");
            return Err(Sdk::InvalidPubKey.wrap(text));
        }
        let mut account = existing(cx, signer)?;
        if account.base.pub_key.is_none() {
            account.base.pub_key = Some(any);
            auth::save(cx, &account)?;
        }
        keys.push(key);
    }
    for (index, info) in tx.auth_info.signer_infos.iter().enumerate() {
        let Some(signer) = signers.get(index) else { continue };
        if !tx.body.unordered {
            let value = format!("{signer}/{}", info.sequence);
            cx.emit_plain("tx", [("acc_seq", &*value)]);
        }
        for signature in signed(tx, index)?.signatures() {
            let value = STANDARD.encode(signature);
            cx.emit_plain("tx", [("signature", &*value)]);
        }
    }
    Ok(keys)
}

/// Counts leaf keys against the limit.
pub(super) fn check_count(view: &View, keys: &[PublicKey]) -> Result {
    let limit = auth::params(view)?.tx_sig_limit;
    let mut count = 0u64;
    for key in keys {
        count = count.saturating_add(key.leaves());
        if count > limit {
            let text = format!("signatures: {count}, limit: {limit}");
            return Err(Sdk::TooManySignatures.wrap(text));
        }
    }
    Ok(())
}

/// Charges what verifying the signatures will cost, by key type.
pub(super) fn charge(cx: &mut Ctx, tx: &Tx, signers: &[Address], stage: Stage) -> Result {
    let params = auth::params(cx)?;
    for (index, (signer, _)) in signers.iter().zip(&tx.auth_info.signer_infos).enumerate() {
        let account = existing(cx, signer)?;
        let key = match stored_key(&account)? {
            Some(key) => key,
            None if stage == Stage::Simulate => key_of(&simulation_key(tx, index)?)?,
            None => return Err(Sdk::InvalidPubKey.wrap("unrecognized public key type: <nil>")),
        };
        let signed = signed(tx, index)?;
        let keys = sign::signing_keys(&key, &signed).map_err(|why| Sdk::Unauthorized.wrap(why))?;
        if stage == Stage::Simulate && signed.is_open(&key) {
            charge_all(cx, &key, &params)?;
        } else {
            keys.into_iter().try_for_each(|it| charge_key(cx, it, &params))?;
        }
    }
    Ok(())
}

/// Charges for every member of a multisig that does not say yet which of them sign.
fn charge_all(cx: &Ctx, key: &PublicKey, params: &Params) -> Result {
    match key {
        PublicKey::Multisig { keys, .. } => {
            keys.iter().try_for_each(|it| charge_all(cx, it, params))
        }
        _ => charge_key(cx, key, params),
    }
}

fn charge_key(cx: &Ctx, key: &PublicKey, params: &Params) -> Result {
    let secp256k1 = params.sig_verify_cost_secp256k1;
    match key {
        PublicKey::Secp256k1(_) => cx.consume_gas(secp256k1, "ante verify: secp256k1"),
        PublicKey::Secp256r1(_) => cx.consume_gas(secp256k1 / 2, "ante verify: secp256r1"),
        PublicKey::Ed25519(_) => {
            cx.consume_gas(params.sig_verify_cost_ed25519, "ante verify: ed25519")
        }
        // Members are charged for, the key of all of them is not.
        PublicKey::Multisig { .. } => Ok(()),
    }
}

/// Checks sequences and verifies signatures; for an unordered transaction, its timestamp instead
/// of the sequence.
pub(super) fn verify(cx: &mut Ctx, tx: &Tx, signers: &[Address], stage: Stage) -> Result {
    let infos = &tx.auth_info.signer_infos;
    if infos.len() != signers.len() {
        let text =
            format!("invalid number of signer;  expected: {}, got {}", signers.len(), infos.len());
        return Err(Sdk::Unauthorized.wrap(text));
    }
    if tx.body.unordered {
        use_timestamp(cx, tx, signers, stage)?;
    }
    for (index, (signer, info)) in signers.iter().zip(infos).enumerate() {
        if tx.body.unordered && info.sequence != 0 {
            let text = "sequence is not allowed for unordered transactions";
            return Err(Sdk::InvalidRequest.wrap(text));
        }
        let account = existing(cx, signer)?;
        let simulating = stage == Stage::Simulate;
        let key = stored_key(&account)?;
        if key.is_none() && !simulating {
            return Err(Sdk::InvalidPubKey.wrap("pubkey on account is not set"));
        }
        let sequence = account.base.sequence;
        if !tx.body.unordered && info.sequence != sequence {
            let text =
                format!("account sequence mismatch, expected {sequence}, got {}", info.sequence);
            return Err(Sdk::WrongSequence.wrap(text));
        }
        let Some(key) = key else { continue };
        if simulating || stage == Stage::Recheck {
            continue;
        }
        if info.public_key.is_none() {
            return Err(Sdk::InvalidPubKey.wrap("signer info has no public key"));
        }
        let account_number = signing_number(cx, &account);
        let sequence = if tx.body.unordered { 0 } else { sequence };
        let data = SignerData {
            chain_id: cx.chain_id(),
            address: signer,
            account_number,
            sequence,
            index,
        };
        let mode =
            mode_of(info).ok_or_else(|| Sdk::Unauthorized.wrap("got empty SignatureData"))?;
        let why = match sign::verify(tx, &key, mode, &data) {
            Ok(true) => continue,
            Ok(false) => "unable to verify single signer signature".to_owned(),
            Err(why) => why,
        };
        let text = if signed(tx, index)?.is_amino() {
            format!(
                "signature verification failed; please verify account number ({account_number}), sequence ({sequence}) and chain-id ({})",
                cx.chain_id()
            )
        } else {
            format!(
                "signature verification failed; please verify account number ({account_number}) and chain-id ({}): ({why})",
                cx.chain_id()
            )
        };
        return Err(Sdk::Unauthorized.wrap(text));
    }
    Ok(())
}

/// The account number that signatures name: 0 in genesis.
fn signing_number(view: &View, account: &Account) -> u64 {
    if view.height() == 0 { 0 } else { account.base.account_number }
}

fn use_timestamp(cx: &mut Ctx, tx: &Tx, signers: &[Address], stage: Stage) -> Result {
    let Some(timeout) = super::deadline(tx) else {
        let text = "unordered transaction must have timeout_timestamp set";
        return Err(Sdk::InvalidRequest.wrap(text));
    };
    let (now, timeout) = (cx.unix_nanos(), nanos(&timeout));
    if now > timeout {
        let text = "unordered transaction has a timeout_timestamp that has already passed";
        return Err(Sdk::InvalidRequest.wrap(text));
    }
    if timeout > now.saturating_add(auth::UNORDERED_TTL_NANOS) {
        return Err(Sdk::InvalidRequest.wrap("unordered tx ttl exceeds 10m0s"));
    }
    cx.consume_gas(UNORDERED_GAS, "unordered tx")?;
    let timeout = i64::try_from(timeout)
        .map_err(|_| Sdk::InvalidRequest.wrap("unordered timeout_timestamp out of range"))?;
    for signer in signers {
        let fresh = if stage == Stage::Simulate {
            // Counted as if it were kept.
            cx.rehearse(|cx| auth::use_nonce(cx, signer, timeout))?
        } else {
            auth::use_nonce(cx, signer, timeout)?
        };
        if !fresh {
            return Err(Sdk::InvalidRequest.wrap(format!(
                "failed to add unordered nonce: sender {signer} has already used timeout {timeout}"
            )));
        }
    }
    Ok(())
}

/// One step for every signer of an ordered transaction, whatever its messages do.
pub(super) fn increment(cx: &mut Ctx, tx: &Tx, signers: &[Address]) -> Result {
    if tx.body.unordered {
        return Ok(());
    }
    for signer in signers {
        let mut account = existing(cx, signer)?;
        account.base.sequence = account
            .base
            .sequence
            .checked_add(1)
            .ok_or_else(|| Sdk::InvalidSequence.wrap("the sequence is exhausted"))?;
        auth::save(cx, &account)?;
    }
    Ok(())
}

/// What `verify` will ask, for verifying ahead of the block. Nothing where the rest of admission
/// would not get that far for the keys' sake.
pub(super) fn claims(view: &View, tx: &Tx) -> Vec<Claim> {
    let Ok(signers) = tx.signers() else { return Vec::new() };
    let mut claims = Vec::new();
    let mut keys = Vec::new();
    for (index, (signer, info)) in signers.iter().zip(&tx.auth_info.signer_infos).enumerate() {
        let Some(Ok(key)) = info.public_key.as_ref().map(PublicKey::from_any) else { continue };
        let is_charged = matches!(key, PublicKey::Secp256k1(_) | PublicKey::Multisig { .. });
        let Ok(Some(account)) = auth::account(view, signer) else { continue };
        if is_charged && key.address() == *signer {
            keys.push(key.clone());
            claims.push(Claim {
                signer: index,
                public_key: key,
                account_number: signing_number(view, &account),
                sequence: if tx.body.unordered { 0 } else { info.sequence },
            });
        }
    }
    if check_count(view, &keys).is_err() {
        return Vec::new();
    }
    claims
}
