//! Gas for the length of a transaction. A simulated one is charged for what it will have when it is
//! sent: clients simulate without a fee, a gas limit, keys or signatures, and a limit taken from the
//! simulation must be enough (cosmos.md 1.12).

use ledger::{
    Ctx, Result, Stage, Tx,
    sign::{PublicKey, Signed},
};
use prost::{Message, Name};
use prost_types::Any;
use types::{
    Address,
    wire::cosmos::{
        auth::v1beta1::Params, authz::v1beta1::MsgExec, tx::signing::v1beta1::SignMode,
    },
};

use super::signature;
use crate::auth;

/// A gas limit with its tag, and what the frames around it grow by.
const GAS_LIMIT_BYTES: u64 = 16;

/// A signature of a single key.
const SIGNATURE_BYTES: u64 = 64;

/// Its tag and length, those of the frames around it and of a mode that was not said.
const FRAME_BYTES: u64 = 16;

/// What each message may cost more in the next block: rewards and payments that are not there yet
/// arrive with it, and their numbers get longer.
const ACCRUAL_GAS: u64 = 15_000;

/// Messages in messages in messages: as deep as a transaction decodes.
const EXEC_DEPTH_MAX: usize = 10;

/// Packages whose state grows with every block by itself.
const ACCRUING: [&str; 6] = [
    "/akash.bme.",
    "/akash.deployment.",
    "/akash.escrow.",
    "/akash.market.",
    "/cosmos.distribution.",
    "/cosmos.staking.",
];

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
    let accruing = length(accruing(&tx.body.messages, 0));
    cx.consume_gas(accruing.saturating_mul(ACCRUAL_GAS), "accrual")?;
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

/// How many of the messages, those in another's name included, touch what grows by itself.
fn accruing(messages: &[Any], depth: usize) -> usize {
    let count = |message: &Any| {
        if message.type_url == MsgExec::type_url() && depth < EXEC_DEPTH_MAX {
            let inner = MsgExec::decode(message.value.as_slice()).unwrap_or_default();
            return accruing(&inner.msgs, depth.saturating_add(1));
        }
        usize::from(ACCRUING.iter().any(|it| message.type_url.starts_with(it)))
    };
    messages.iter().map(count).fold(0, usize::saturating_add)
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
