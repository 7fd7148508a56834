//! A swap from request to its end: executed, given back, or tried again (chain.md 9.4, 9.5).

use ledger::{Ctx, Fault, Module, Result, View};
use types::{
    Address, Coin, Coins, Dec, Int,
    wire::akash::bme::v1::{
        CoinPrice, EventLedgerRecordCanceled, EventLedgerRecordExecuted, LedgerCanceledRecord,
        LedgerPendingRecord, LedgerRecord, LedgerRecordId, MintStatus,
        ledger_canceled_record::BmCancelReason,
    },
};

use super::{
    ACT, AKT, Bme, Error, params,
    state::{
        BURNED, CANCELED, CREDITS, EXECUTED, MINTED, PENDING, PENDING_BALANCES, RecordKey, add,
        amount, id, key, next_number, pending, stored, sub,
    },
    status, vault,
};
use crate::{
    bank,
    base::{money, number},
    oracle,
};

/// However many records the parameters allow, no block touches more than these.
const MAX_RECORDS_PER_BLOCK: u32 = 10_000;

fn is_route(from: &str, to: &str) -> bool {
    matches!((from, to), (AKT, ACT) | (ACT, AKT))
}

/// Puts a swap into the queue and its coins into the vault.
pub(super) fn request(
    cx: &mut Ctx,
    owner: &Address,
    to: &str,
    coin: Coin,
    to_denom: &str,
) -> Result<LedgerRecordId> {
    if !is_route(&coin.denom, to_denom) {
        let text = format!("invalid swap route {} -> {to_denom}", coin.denom);
        return Err(Error::InvalidDenom.wrap(text));
    }
    oracle::price(cx, &coin.denom)?;
    oracle::price(cx, to_denom)?;
    match status::get(cx)?.status() {
        MintStatus::HaltOracle => return Err(Error::CircuitBreaker.into()),
        MintStatus::HaltCr if coin.denom != ACT => return Err(Error::CircuitBreaker.into()),
        _ => {}
    }
    let sequence = next_number(cx)?;
    let id = LedgerRecordId {
        denom: coin.denom.clone(),
        to_denom: to_denom.to_owned(),
        source: owner.to_string(),
        height: cx.height(),
        sequence: i64::try_from(sequence).unwrap_or(i64::MAX),
    };
    add(cx, &PENDING_BALANCES, &coin.denom, coin.amount)?;
    let coins = Coins::new([coin.clone()]).map_err(money)?;
    bank::send_to_module(cx, owner, Bme::NAME, &coins)?;
    let record = LedgerPendingRecord {
        owner: owner.to_string(),
        to: to.to_owned(),
        coins_to_burn: coin.into(),
        denom_to_mint: to_denom.to_owned(),
        attempts: 0,
    };
    PENDING.set(cx, &key(&id)?, &record)?;
    Ok(id)
}

/// How many records one block has handled already, of both routes.
#[derive(Debug, Default)]
pub(super) struct Handled(u32);

/// Handles the queue of a route until the block has handled enough. While there is no price the
/// queue waits, and nobody's attempts are counted (D-26).
pub(super) fn process(cx: &mut Ctx, handled: &mut Handled, from: &str, to: &str) -> Result {
    if oracle::price(cx, from).and(oracle::price(cx, to)).is_err() {
        return Ok(());
    }
    let params = params::get(cx)?;
    // After a full phase the other one still handles one record.
    let left = params.max_endblocker_records.min(MAX_RECORDS_PER_BLOCK).saturating_sub(handled.0);
    let limit = usize::try_from(left.max(1)).unwrap_or(usize::MAX);
    for (key, mut record) in pending(cx, from, to, limit)? {
        handled.0 = handled.0.saturating_add(1);
        let Err(fault) = cx.attempt(|cx| execute(cx, &key, &record)) else { continue };
        let reason = match fatal(&fault) {
            Some(reason) => reason,
            None => {
                record.attempts = record.attempts.saturating_add(1);
                if record.attempts < params.max_pending_attempts {
                    PENDING.set(cx, &key, &record)?;
                    continue;
                }
                BmCancelReason::MaxAttempts
            }
        };
        if cx.attempt(|cx| cancel(cx, &key, &record, reason)).is_err() {
            // Nothing is lost: it stays in the queue, and so do its coins in the vault.
            PENDING.set(cx, &key, &record)?;
        }
    }
    Ok(())
}

/// Why a swap can never succeed; none: it may be tried again.
fn fatal(fault: &Fault) -> Option<BmCancelReason> {
    match (fault.codespace(), fault.code()) {
        (Bme::NAME, 16) => Some(BmCancelReason::Epsilon),
        (Bme::NAME, 9) => Some(BmCancelReason::InvalidDenom),
        (Bme::NAME, 8) => Some(BmCancelReason::InvalidAmount),
        (Bme::NAME, 17) => Some(BmCancelReason::MinimumMint),
        _ => None,
    }
}

/// What a swap comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Quote {
    /// Of one unit burned and of one unit made.
    pub(super) prices: (Dec, Dec),
    /// What is made in all, and how much of it the vault keeps.
    pub(super) made: Int,
    pub(super) spread: Int,
}

/// Prices a swap (chain.md 9.5, steps 1 to 8).
pub(super) fn quote(view: &View, burned: &Coin, to: &str) -> Result<Quote> {
    let params = params::get(view)?;
    if burned.amount.is_zero() {
        return Err(Error::InvalidAmount.into());
    }
    let prices = (oracle::price(view, &burned.denom)?, oracle::price(view, to)?);
    if prices.0.is_zero() || prices.1.is_zero() {
        return Err(Error::ZeroPrice.into());
    }
    let rate = prices.0.quo(prices.1).map_err(number)?;
    if burned.denom == ACT && bank::supply(view, ACT)? < burned.amount {
        return Err(Error::InsufficientVault.into());
    }
    if !is_route(&burned.denom, to) {
        return Err(Error::InvalidDenom.into());
    }
    let exact = Dec::from_int(burned.amount).mul(rate).map_err(number)?;
    let made = exact.truncate_int().map_err(number)?;
    if !made.is_positive() {
        return Err(Error::Epsilon.into());
    }
    let least = params.min_mint.iter().find(|it| it.denom == to).map(stored);
    if least.is_some_and(|it| made < it.amount) {
        return Err(Error::MinimumMint.into());
    }
    let bps = if burned.denom == AKT { params.mint_spread_bps } else { params.settle_spread_bps };
    let spread = exact
        .mul(Dec::from(u64::from(bps)))
        .and_then(|it| it.quo(Dec::from(u64::from(params::BASIS_POINTS))))
        .and_then(|it| it.truncate_int())
        .map_err(number)?;
    Ok(Quote { prices, made, spread })
}

fn one(denom: &str, amount: Int) -> Result<Coins> {
    Coins::new([Coin::new(denom, amount)]).map_err(money)
}

fn coin_price(denom: &str, amount: Int, price: Dec) -> Option<CoinPrice> {
    amount
        .is_positive()
        .then(|| CoinPrice { coin: Coin::new(denom, amount).into(), price: price.to_wire() })
}

fn execute(cx: &mut Ctx, key: &RecordKey, record: &LedgerPendingRecord) -> Result {
    let burned = stored(&record.coins_to_burn);
    let to = record.denom_to_mint.as_str();
    let Quote { prices: (price_from, price_to), made, spread } = quote(cx, &burned, to)?;
    let paid = made.sub(spread).map_err(number)?;
    let mut done = LedgerRecord {
        burned_from: record.owner.clone(),
        minted_to: record.to.clone(),
        burner: Bme::NAME.to_owned(),
        minter: Bme::NAME.to_owned(),
        spread: Coin::new(to, spread).into(),
        ..LedgerRecord::default()
    };
    if burned.denom == AKT {
        bank::mint(cx, Bme::NAME, &one(ACT, made)?).map_err(|it| Error::MintFailed.wrap(it))?;
        add(cx, &CREDITS, AKT, burned.amount)?;
        add(cx, &MINTED, ACT, made)?;
        done.remint_credit_accrued = coin_price(AKT, burned.amount, price_from);
        done.minted = coin_price(ACT, made, price_to);
    } else {
        let issued = amount(cx, &CREDITS, AKT)?.min(made);
        let minted = made.sub(issued).map_err(number)?;
        let burn = one(ACT, burned.amount)?;
        bank::burn(cx, Bme::NAME, &burn).map_err(|it| Error::BurnFailed.wrap(it))?;
        if minted.is_positive() {
            let coins = one(AKT, minted)?;
            bank::mint(cx, Bme::NAME, &coins).map_err(|it| Error::BurnFailed.wrap(it))?;
        }
        add(cx, &BURNED, ACT, burned.amount)?;
        add(cx, &MINTED, AKT, minted)?;
        sub(cx, &CREDITS, AKT, issued)?;
        done.burned = coin_price(ACT, burned.amount, price_from);
        done.minted = coin_price(AKT, minted, price_to);
        done.remint_credit_issued = coin_price(AKT, issued, price_to);
    }
    let to_address: Address = record.to.parse()?;
    bank::send_from_module(cx, Bme::NAME, &to_address, &one(to, paid)?)?;
    if EXECUTED.has(cx, key)? {
        return Err(Error::RecordExists.into());
    }
    leave_queue(cx, key, &burned)?;
    EXECUTED.set(cx, key, &done)?;
    cx.emit(EventLedgerRecordExecuted {
        id: id(key),
        burned_from: done.burned_from,
        minted_to: done.minted_to,
        burner: done.burner,
        minter: done.minter,
        burned: done.burned,
        minted: done.minted,
        spread: done.spread,
        remint_credit_issued: done.remint_credit_issued,
        remint_credit_accrued: done.remint_credit_accrued,
    });
    Ok(())
}

fn leave_queue(cx: &mut Ctx, key: &RecordKey, burned: &Coin) -> Result {
    sub(cx, &PENDING_BALANCES, &burned.denom, burned.amount)?;
    PENDING.del(cx, key)
}

/// Gives the coins back.
fn cancel(
    cx: &mut Ctx,
    key: &RecordKey,
    record: &LedgerPendingRecord,
    reason: BmCancelReason,
) -> Result {
    let coin = stored(&record.coins_to_burn);
    let canceled = LedgerCanceledRecord {
        owner: record.owner.clone(),
        cancel_reason: reason.into(),
        to: record.to.clone(),
        coins_to_burn: record.coins_to_burn.clone(),
        denom_to_mint: record.denom_to_mint.clone(),
    };
    CANCELED.set(cx, key, &canceled)?;
    leave_queue(cx, key, &coin)?;
    let coins = Coins::new([coin]).map_err(money)?;
    bank::send(cx, &vault(), &record.owner.parse()?, &coins)?;
    cx.emit(EventLedgerRecordCanceled {
        id: id(key),
        cancel_reason: canceled.cancel_reason,
        owner: canceled.owner,
        to: canceled.to,
        coins_to_burn: canceled.coins_to_burn,
        denom_to_mint: canceled.denom_to_mint,
    });
    Ok(())
}
