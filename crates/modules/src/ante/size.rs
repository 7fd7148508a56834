//! Gas for the length of a transaction. A simulated one is charged for what it will have when it is
//! sent: clients simulate without a fee, a gas limit, keys or signatures, and a limit taken from the
//! simulation must be enough (cosmos.md 1.12).

use ledger::{
    Ctx, Result, Stage, Tx,
    sign::{PublicKey, Signed},
};
use prost_types::Any;
use types::{
    Address,
    wire::cosmos::{auth::v1beta1::Params, tx::signing::v1beta1::SignMode},
};

use super::signature;
use crate::auth;

/// A gas limit with its tag, and what the frames around it grow by.
const GAS_LIMIT_BYTES: u64 = 16;

/// A signature of a single key.
const SIGNATURE_BYTES: u64 = 64;

/// Its tag and length, those of the frames around it and of a mode that was not said.
const FRAME_BYTES: u64 = 16;

/// Charges for the bytes, when simulating for those still to come, too.
pub(super) fn charge(
    cx: &mut Ctx,
    tx: &Tx,
    params: &Params,
    signers: &[Address],
    stage: Stage,
) -> Result {
    let size = length(tx.size);
    cx.consume_gas(size.saturating_mul(params.tx_size_cost_per_byte), "txSize")?;
    if stage != Stage::Simulate {
        return Ok(());
    }
    let mut missing = GAS_LIMIT_BYTES;
    for (index, signer) in signers.iter().enumerate() {
        let stored = cx.without_gas(|cx| auth::account(cx, signer))?.and_then(|it| it.base.pub_key);
        // One without an entry is refused further down.
        let Some(info) = tx.auth_info.signer_infos.get(index) else { continue };
        let key = match stored.or_else(|| info.public_key.clone()) {
            Some(key) => key,
            None => signature::simulation_key(tx, index)?,
        };
        if info.public_key.is_none() {
            missing = missing.saturating_add(packed(&key));
        }
        let key = PublicKey::from_any(&key).ok();
        let signed = signature::signed(tx, index)?;
        missing = missing.saturating_add(short_of(key.as_ref(), &signed));
    }
    cx.consume_gas(missing.saturating_mul(params.tx_size_cost_per_byte), "txSize")
}

fn length(bytes: usize) -> u64 {
    u64::try_from(bytes).unwrap_or(u64::MAX)
}

fn packed(key: &Any) -> u64 {
    length(key.type_url.len().saturating_add(key.value.len())).saturating_add(FRAME_BYTES)
}

/// What the signatures and modes lack of their full length.
fn short_of(key: Option<&PublicKey>, signed: &Signed) -> u64 {
    if let Some(key) = key
        && signed.is_open(key)
    {
        return key.leaves().saturating_mul(SIGNATURE_BYTES.saturating_add(FRAME_BYTES));
    }
    match signed {
        Signed::One { mode, signature } => {
            let unsaid = *mode == i32::from(SignMode::Unspecified);
            let lacking = SIGNATURE_BYTES.saturating_sub(length(signature.len()));
            if lacking == 0 && !unsaid { 0 } else { lacking.saturating_add(FRAME_BYTES) }
        }
        Signed::Many { parts, .. } => {
            parts.iter().map(|it| short_of(None, it)).fold(0, u64::saturating_add)
        }
    }
}
