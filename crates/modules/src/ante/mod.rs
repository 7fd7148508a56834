//! What admits a transaction: stateless form, timeouts, memo, fee, keys, signatures, sequence, in
//! the reference's order (cosmos.md 1.10). Which error wins when two apply is wire format.
//!
//! Called by: the kernel's pipeline. Calls: auth, bank, feegrant.

mod fee;
mod signature;
mod size;
#[cfg(test)]
mod tests;

use ledger::{Admission, Claim, Ctx, Fault, Result, Sdk, Stage, Tx, View, nanos};
use prost_types::Timestamp;
use types::{
    Address, Int, timestamp,
    wire::cosmos::{auth::v1beta1::Params, base::v1beta1::Coin as WireCoin},
};

use crate::auth;

/// The admission of the ledger.
pub struct Ante;

impl Admission for Ante {
    fn admit(cx: &mut Ctx, tx: &Tx, stage: Stage) -> Result {
        let signers = if stage == Stage::Recheck { tx.signers()? } else { check_form(tx)? };
        check_timeouts(cx, tx)?;
        let params = auth::params(cx)?;
        check_memo(tx, &params)?;
        size::charge(cx, tx, &params, &signers, stage)?;
        fee::deduct(cx, tx, stage)?;
        let keys = signature::set_keys(cx, tx, &signers, stage)?;
        signature::check_count(cx, &keys)?;
        signature::charge(cx, tx, &signers, stage)?;
        signature::verify(cx, tx, &signers, stage)?;
        signature::increment(cx, tx, &signers)
    }

    fn claims(view: &View, tx: &Tx) -> Vec<Claim> {
        signature::claims(view, tx)
    }
}

/// What the transaction must be by itself (cosmos.md 1.2); returns who must sign.
fn check_form(tx: &Tx) -> Result<Vec<Address>> {
    let Some(fee) = &tx.auth_info.fee else {
        return Err(Sdk::InvalidRequest.wrap("missing fee"));
    };
    if i64::try_from(fee.gas_limit).is_err() {
        let text = format!("invalid gas supplied; {} > {}", fee.gas_limit, i64::MAX);
        return Err(Sdk::InvalidRequest.wrap(text));
    }
    if fee.amount.iter().any(|it| it.amount.is_empty()) {
        return Err(Sdk::InsufficientFee.wrap("invalid fee provided: null"));
    }
    if fee.amount.iter().any(|it| amount(it).is_ok_and(|it| it.is_negative())) {
        let text = format!("invalid fee provided: {}", coins_text(&fee.amount));
        return Err(Sdk::InsufficientFee.wrap(text));
    }
    if !fee.payer.is_empty()
        && let Err(error) = fee.payer.parse::<Address>()
    {
        return Err(Sdk::InvalidAddress.wrap(format!("Invalid fee payer address ({error})")));
    }
    if tx.signatures.is_empty() {
        return Err(Sdk::NoSignatures.into());
    }
    let signers = tx.signers()?;
    if tx.signatures.len() != signers.len() {
        let text = format!(
            "wrong number of signers; expected {}, got {}",
            signers.len(),
            tx.signatures.len()
        );
        return Err(Sdk::Unauthorized.wrap(text));
    }
    Ok(signers)
}

/// Coins in the order of the transaction, valid or not, with their numbers as they are printed.
fn coins_text(coins: &[WireCoin]) -> String {
    let text = |it: &WireCoin| format!("{}{}", amount(it).unwrap_or_default(), it.denom);
    coins.iter().map(text).collect::<Vec<_>>().join(",")
}

/// The amount of a coin; an absent one is zero. Malformed ones do not decode.
fn amount(coin: &WireCoin) -> Result<Int> {
    Ok(Int::from_wire_or_zero(&coin.amount)?)
}

fn check_timeouts(cx: &Ctx, tx: &Tx) -> Result {
    let timeout = tx.body.timeout_height;
    let height = u64::try_from(cx.height()).unwrap_or_default();
    if timeout > 0 && height > timeout {
        let text = format!("block height: {height}, timeout height: {timeout}");
        return Err(Sdk::TxTimeoutHeight.wrap(text));
    }
    if let Some(timeout) = deadline(tx)
        && cx.unix_nanos() > nanos(&timeout)
    {
        let text = format!(
            "block time: {}, timeout timestamp: {}",
            types::timestamp::nano_text(&cx.time()),
            types::timestamp::nano_text(&timeout)
        );
        return Err(Sdk::TxTimeout.wrap(text));
    }
    Ok(())
}

/// When the transaction is too late. The reference takes the first second of 1970 for none.
fn deadline(tx: &Tx) -> Option<Timestamp> {
    tx.body.timeout_timestamp.filter(|it| it.seconds != 0 && *it != timestamp::ZERO_TIME)
}

fn check_memo(tx: &Tx, params: &Params) -> Result {
    let max = params.max_memo_characters;
    let length = tx.body.memo.len();
    if u64::try_from(length).is_ok_and(|it| it <= max) {
        return Ok(());
    }
    Err(Sdk::MemoTooLarge
        .wrap(format!("maximum number of characters is {max} but received {length} characters")))
}

/// An account that must exist, `sdk/9`.
fn existing(view: &View, address: &Address) -> Result<auth::Account> {
    auth::account(view, address)?.ok_or_else(|| unknown(address))
}

fn unknown(address: &Address) -> Fault {
    Sdk::UnknownAddress.wrap(format!("account {address} does not exist"))
}
