//! What a delegation has earned, without ever walking over blocks (cosmos.md 4.7).
//!
//! A validator's time is cut into periods, one for each change of its delegations. `C(n)` is what
//! one token earned until the end of period n; a delegation of s tokens that began after period p
//! has earned (C(now) - C(p)) * s. A slash makes s smaller and is a period's end of its own.

use ledger::{Ctx, Fault, Module, Result, View};
use types::{
    Address, Coin, Coins, Dec, DecCoins, Int, ValAddress,
    wire::cosmos::distribution::v1beta1::ValidatorHistoricalRewards,
};

use super::{
    Distribution, Error,
    state::{self, COMMISSION, CURRENT, HISTORY, OUTSTANDING, SLASHES, STARTS, Start, bytes},
};
use crate::{
    bank,
    staking::{self, Validator},
};

/// Most records of the past have one reference, a slash or a beginning adds one.
const REFERENCES_MAX: u32 = 2;

/// The denomination in which nothing is shown.
const BASE_DENOM: &str = "uakt";

/// How the running period would end now.
#[derive(Clone, Debug)]
pub(super) struct Ending {
    pub(super) period: u64,
    /// C(period).
    ratio: DecCoins,
    /// Rewards that no token earned: the validator has none.
    orphaned: DecCoins,
}

pub(super) fn ending(view: &View, validator: &Validator) -> Result<Ending> {
    let operator = &validator.operator;
    let (rewards, period) = state::current(view, operator)?;
    let before = state::ratio(view, operator, period.saturating_sub(1))?;
    if validator.tokens.is_zero() {
        return Ok(Ending { period, ratio: before, orphaned: rewards });
    }
    let more = rewards.quo_dec_truncate(Dec::from_int(validator.tokens))?;
    Ok(Ending { period, ratio: before.add(&more)?, orphaned: DecCoins::default() })
}

/// Ends the running period and begins the next one. Returns the period that ended.
pub(super) fn end_period(cx: &mut Ctx, validator: &Validator) -> Result<Ending> {
    let operator = &validator.operator;
    let ending = ending(cx, validator)?;
    if validator.tokens.is_zero() {
        let rest = state::outstanding(cx, operator)?.sub(&ending.orphaned)?;
        state::set_outstanding(cx, operator, &rest)?;
        state::add_to_community_pool(cx, &ending.orphaned)?;
    }
    release(cx, operator, ending.period.saturating_sub(1))?;
    let record = ValidatorHistoricalRewards {
        cumulative_reward_ratio: ending.ratio.to_wire(),
        reference_count: 1,
    };
    HISTORY.set(cx, &state::past(operator, ending.period), &record)?;
    state::set_current(cx, operator, &DecCoins::default(), ending.period.saturating_add(1))?;
    Ok(ending)
}

/// Counts one more record that needs the end of a period.
pub(super) fn refer(cx: &mut Ctx, operator: &ValAddress, period: u64) -> Result {
    let key = state::past(operator, period);
    let mut record = HISTORY.get(cx, &key)?.unwrap_or_default();
    if record.reference_count > REFERENCES_MAX {
        return Err(Fault::plain("reference count should never exceed 2"));
    }
    record.reference_count = record.reference_count.saturating_add(1);
    HISTORY.set(cx, &key, &record)
}

/// Counts one less; what nobody needs is forgotten.
fn release(cx: &mut Ctx, operator: &ValAddress, period: u64) -> Result {
    let key = state::past(operator, period);
    let mut record = HISTORY.get(cx, &key)?.unwrap_or_default();
    let Some(rest) = record.reference_count.checked_sub(1) else {
        return Err(Fault::plain("cannot set negative reference count"));
    };
    if rest == 0 {
        return HISTORY.del(cx, &key);
    }
    record.reference_count = rest;
    HISTORY.set(cx, &key, &record)
}

/// What a delegation has earned until an ending. Nothing in the block in which it began.
pub(super) fn earned(
    view: &View,
    validator: &Validator,
    delegator: &Address,
    shares: Dec,
    ending: &Ending,
) -> Result<DecCoins> {
    let operator = &validator.operator;
    let Some(start) = state::start(view, operator, delegator)? else {
        return Err(Error::NoStartingInfo.into());
    };
    let now = state::height(view);
    if start.height == now {
        return Ok(DecCoins::default());
    }
    let Start { mut period, mut stake, height } = start;
    let mut ratio = state::ratio(view, operator, period)?;
    let mut sum = DecCoins::default();
    let first = (bytes(operator), height, 0);
    for entry in SLASHES.walk().under(&bytes(operator)).from(&first).iter(view) {
        let ((_, at, _), slash) = entry?;
        if at > now {
            break;
        }
        if slash.validator_period <= period {
            continue;
        }
        let then = state::ratio(view, operator, slash.validator_period)?;
        sum = sum.add(&then.sub(&ratio)?.mul_dec_truncate(stake)?)?;
        stake = stake.mul_truncate(Dec::ONE.sub(Dec::from_wire_or_zero(&slash.fraction)?)?)?;
        (period, ratio) = (slash.validator_period, then);
    }
    // Roundings of slashes may leave a few units of 10^-18 more than there are.
    let held = validator.tokens_from_shares(shares)?;
    if stake > held {
        let margin = Dec::SMALLEST.mul_int(3i64)?;
        if stake > held.add(margin)? {
            return Err(Fault::plain(format!(
                "calculated final stake for delegator {delegator} greater than current stake\n\tfinal stake:\t{stake}\n\tcurrent stake:\t{held}"
            )));
        }
        stake = held;
    }
    Ok(sum.add(&ending.ratio.sub(&ratio)?.mul_dec_truncate(stake)?)?)
}

/// Pays what a delegation has earned, and forgets where it began. Whole units go to the withdraw
/// address, the rest to the community. Returns what was paid; nothing is `0uakt`.
pub(super) fn pay(
    cx: &mut Ctx,
    validator: &Validator,
    delegator: &Address,
    shares: Dec,
) -> Result<Vec<Coin>> {
    let operator = &validator.operator;
    if !STARTS.has(cx, &(bytes(operator), bytes(delegator)))? {
        return Err(Error::NoStartingInfo.into());
    }
    let ending = end_period(cx, validator)?;
    let earned = earned(cx, validator, delegator, shares, &ending)?;
    let outstanding = state::outstanding(cx, operator)?;
    let earned = earned.min(&outstanding);
    let (coins, dust) = earned.truncate_decimal()?;
    if !coins.is_empty() {
        pay_out(cx, delegator, &coins)?;
    }
    state::set_outstanding(cx, operator, &outstanding.sub(&earned)?)?;
    state::add_to_community_pool(cx, &dust)?;

    if let Some(start) = state::start(cx, operator, delegator)? {
        release(cx, operator, start.period)?;
    }
    STARTS.del(cx, &(bytes(operator), bytes(delegator)))?;

    let paid = if coins.is_empty() {
        vec![Coin::new(BASE_DENOM, Int::ZERO)]
    } else {
        coins.as_slice().to_vec()
    };
    let texts: Vec<_> = paid.iter().map(ToString::to_string).collect();
    let (amount, validator) = (texts.join(","), operator.to_string());
    let delegator = delegator.to_string();
    cx.emit_plain(
        "withdraw_rewards",
        [("amount", &*amount), ("validator", &validator), ("delegator", &delegator)],
    );
    Ok(paid)
}

/// Pays an account's earnings to where it wants them.
fn pay_out(cx: &mut Ctx, account: &Address, coins: &Coins) -> Result {
    let to = state::withdraw_address(cx, account)?;
    bank::send_from_module(cx, Distribution::NAME, &to, coins)
}

/// Writes down where the rewards of a delegation begin: now.
pub(super) fn begin(cx: &mut Ctx, delegator: &Address, operator: &ValAddress) -> Result {
    let (_, running) = state::current(cx, operator)?;
    let period = running.saturating_sub(1);
    refer(cx, operator, period)?;
    let validator = must_validator(cx, operator)?;
    let shares = staking::delegation(cx, delegator, operator)?
        .ok_or_else(|| Fault::from(staking::Error::NoDelegation))?;
    let stake = validator.tokens_from_shares_truncated(shares)?;
    let height = state::height(cx);
    state::set_start(cx, operator, delegator, &Start { period, stake, height })
}

/// Pays the operator's commission; fractions of a unit stay. /7 when there is none at all.
pub(super) fn pay_commission(cx: &mut Ctx, operator: &ValAddress) -> Result<Coins> {
    let accumulated = state::commission(cx, operator)?;
    if accumulated.is_empty() {
        return Err(Error::NoCommission.into());
    }
    let (coins, rest) = accumulated.truncate_decimal()?;
    state::set_commission(cx, operator, &rest)?;
    let outstanding = state::outstanding(cx, operator)?.sub(&DecCoins::from_coins(&coins))?;
    state::set_outstanding(cx, operator, &outstanding)?;
    if !coins.is_empty() {
        pay_out(cx, &Address::from(operator), &coins)?;
    }
    let amount = coins.to_string();
    cx.emit_plain("withdraw_commission", [("amount", &*amount)]);
    Ok(coins)
}

/// The first records of a validator.
pub(super) fn open(cx: &mut Ctx, operator: &ValAddress) -> Result {
    let none = DecCoins::default();
    let record = ValidatorHistoricalRewards { reference_count: 1, ..Default::default() };
    HISTORY.set(cx, &state::past(operator, 0), &record)?;
    state::set_current(cx, operator, &none, 1)?;
    state::set_commission(cx, operator, &none)?;
    state::set_outstanding(cx, operator, &none)
}

/// Pays the last commission of a validator that is gone; all else it leaves is the community's.
/// Its slashes are walked: as many as it had in its life.
pub(super) fn close(cx: &mut Ctx, operator: &ValAddress) -> Result {
    let mut outstanding = state::outstanding(cx, operator)?;
    let commission = state::commission(cx, operator)?;
    if !commission.is_empty() {
        outstanding = outstanding.sub(&commission)?;
        let (coins, rest) = commission.truncate_decimal()?;
        state::add_to_community_pool(cx, &rest)?;
        if !coins.is_empty() {
            pay_out(cx, &Address::from(operator), &coins)?;
        }
    }
    state::add_to_community_pool(cx, &outstanding)?;
    let key = bytes(operator);
    OUTSTANDING.del(cx, &key)?;
    COMMISSION.del(cx, &key)?;
    let slashes = SLASHES.walk().under(&key).iter(cx).map(|it| Ok(it?.0));
    for slash in slashes.collect::<Result<Vec<_>>>()? {
        SLASHES.del(cx, &slash)?;
    }
    let periods = HISTORY.walk().under(&key).iter(cx).map(|it| Ok(it?.0));
    for period in periods.collect::<Result<Vec<_>>>()? {
        HISTORY.del(cx, &period)?;
    }
    CURRENT.del(cx, &key)
}

pub(super) fn must_validator(view: &View, operator: &ValAddress) -> Result<Validator> {
    staking::validator(view, operator)?.ok_or_else(|| staking::Error::NoValidator.into())
}
