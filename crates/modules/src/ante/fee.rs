//! The fee: enough for this operator, and paid to the fee collector.

use ledger::{Ctx, Result, Sdk, Stage, Tx};
use types::{Address, Coin, Coins, Dec, Int, wire::cosmos::base::v1beta1::Coin as WireCoin};

use super::{amount, coins_text};
use crate::{auth, bank, feegrant};

/// Charges the fee to its payer.
pub(super) fn deduct(cx: &mut Ctx, tx: &Tx, stage: Stage) -> Result {
    let fee = tx.fee();
    if matches!(stage, Stage::Check | Stage::Recheck) {
        check_least(cx, &fee.amount, fee.gas_limit)?;
    }
    let coins = coins(&fee.amount);
    let payer = payer(cx, tx, &fee.granter, &coins)?;
    if auth::account(cx, &payer)?.is_none() {
        let text = format!("fee payer address: {payer} does not exist");
        return Err(Sdk::UnknownAddress.wrap(text));
    }
    let coins = coins?;
    if !coins.is_empty() {
        bank::send_to_module(cx, &payer, auth::FEE_COLLECTOR, &coins)
            .map_err(|fault| fault.inside(|it| Sdk::InsufficientFunds.wrap(it)))?;
    } else if stage == Stage::Simulate {
        foresee(cx, &payer)?;
    }
    let (fee, payer) = (coins_text(&fee.amount), payer.to_string());
    cx.emit_plain("tx", [("fee", &*fee), ("fee_payer", &payer)]);
    Ok(())
}

/// What a coin in the fee takes beside its denomination: amount, tags and lengths.
const COIN_BYTES: u64 = 32;

/// Gas for the digits that a fee may add to the balance of the fee collector.
const DIGITS_GAS: u64 = 700;

/// Clients simulate without a fee and then send with one. The gas that charging it takes is counted
/// here, or a limit taken from the simulation would be too low; nothing is moved.
fn foresee(cx: &mut Ctx, payer: &Address) -> Result {
    let (per_byte, denom) = cx.without_gas(|cx| {
        Ok::<_, ledger::Fault>((auth::params(cx)?.tx_size_cost_per_byte, likely(cx, payer)?))
    })?;
    let Some(denom) = denom else { return Ok(()) };
    let bytes = u64::try_from(denom.len()).unwrap_or(u64::MAX).saturating_add(COIN_BYTES);
    cx.consume_gas(bytes.saturating_mul(per_byte), "txSize")?;
    cx.consume_gas(DIGITS_GAS, "fee")?;
    let least = Coins::new([Coin::new(denom, Int::ONE)])?;
    cx.rehearse(|cx| bank::send_to_module(cx, payer, auth::FEE_COLLECTOR, &least))
}

/// The dearest denomination that a fee will likely be paid in: one that this operator takes, or any
/// that is held where he takes all.
fn likely(cx: &Ctx, payer: &Address) -> Result<Option<String>> {
    let mut found: Option<String> = None;
    for price in cx.min_gas_prices() {
        if bank::spendable_of(cx, payer, &price.denom)?.is_positive()
            && found.as_ref().is_none_or(|it| it.len() < price.denom.len())
        {
            found = Some(price.denom.clone());
        }
    }
    if found.is_some() {
        return Ok(found);
    }
    for coin in bank::first_balances(cx, payer, LOOKED_AT_MAX)? {
        if bank::spendable_of(cx, payer, &coin.denom)?.is_positive()
            && found.as_ref().is_none_or(|it| it.len() < coin.denom.len())
        {
            found = Some(coin.denom);
        }
    }
    Ok(found)
}

/// Balances looked at for a likely fee.
const LOOKED_AT_MAX: usize = 8;

/// The fee as coins, `sdk/13` for a list that is none. Zeros only are no fee at all.
fn coins(fee: &[WireCoin]) -> Result<Coins> {
    let mut is_zero = true;
    for coin in fee {
        is_zero &= amount(coin)?.is_zero();
    }
    if is_zero {
        return Ok(Coins::default());
    }
    Coins::from_wire(fee)
        .map_err(|_| Sdk::InsufficientFee.wrap(format!("invalid fee amount: {}", coins_text(fee))))
}

/// Who is charged: the fee's payer, or a granter whose allowance takes the fee.
fn payer(cx: &mut Ctx, tx: &Tx, granter: &str, fee: &Result<Coins>) -> Result<Address> {
    let payer = tx.fee_payer()?;
    if granter.is_empty() {
        return Ok(payer);
    }
    let granter = auth::parse_address(granter)?;
    if granter == payer {
        return Ok(payer);
    }
    let msg_types: Vec<&str> = tx.messages().iter().map(|it| it.type_url.as_str()).collect();
    // A missing grant is told before coins that are none.
    let none = Coins::default();
    let coins = fee.as_ref().unwrap_or(&none);
    feegrant::charge(cx, &granter, &payer, coins, &msg_types).map_err(|fault| {
        fault.context(format!("{granter} does not allow to pay fees for {payer}"))
    })?;
    Ok(granter)
}

/// In the mempool only: the fee covers `ceil(price × gas)` of one of the operator's prices.
fn check_least(cx: &Ctx, offered: &[WireCoin], gas_limit: u64) -> Result {
    let prices = cx.min_gas_prices();
    if prices.is_empty() {
        return Ok(());
    }
    let gas = Dec::from_int(Int::from(gas_limit));
    let mut required = Vec::new();
    let mut enough = false;
    for price in prices {
        let least = price.amount.mul(gas)?.ceil()?.truncate_int()?;
        for coin in offered.iter().filter(|it| it.denom == price.denom) {
            let held = amount(coin)?;
            enough |= held >= least && !least.is_zero();
        }
        required.push(Coin::new(price.denom.clone(), least).to_string());
    }
    if enough {
        return Ok(());
    }
    let text =
        format!("insufficient fees; got: {} required: {}", coins_text(offered), required.join(","));
    Err(Sdk::InsufficientFee.wrap(text))
}
