//! Slashes: what a validator, those who just left it, and those who just moved on lose for an
//! infraction (cosmos.md 4.8, Slash).

use ledger::{Ctx, Fault, Result, View};
use types::{
    Address, ConsAddress, Dec, Int, ValAddress,
    wire::cosmos::staking::v1beta1::{Redelegation, RedelegationEntry, UnbondingDelegation},
};

use super::{
    ValidatorSlashing,
    calls::{self, burn, unbond},
    state::{self, POWER_REDUCTION, REDELEGATIONS_FROM, UNBONDINGS_FROM, bytes, is_due},
};

/// Burns `fraction` of the tokens that stood behind `power` units of consensus power at `height`.
/// Returns what the validator itself lost. A validator that is gone loses nothing; one that is
/// unbonded must not be slashed.
///
/// Walks the unbondings and redelegations away from the validator: those of one unbonding period.
pub fn slash(
    cx: &mut Ctx,
    address: &ConsAddress,
    height: i64,
    power: i64,
    fraction: Dec,
) -> Result<Int> {
    if fraction.is_negative() {
        return Err(Fault::plain(format!(
            "attempted to slash with a negative slash factor: {fraction}"
        )));
    }
    let stake = Int::from(power).mul(Int::from(POWER_REDUCTION))?;
    let amount = Dec::from_int(stake).mul(fraction)?.truncate_int()?;
    let Some(validator) = calls::validator_by_consensus(cx, address)? else {
        return Ok(Int::ZERO);
    };
    if validator.is_unbonded() {
        return Err(Fault::plain(format!(
            "should not be slashing unbonded validator: {}",
            validator.operator
        )));
    }
    let operator = validator.operator;
    let mut remaining = amount;
    if height > cx.height() {
        return Err(Fault::plain(format!(
            "impossible attempt to slash future infraction at height {height} but we are at height {}",
            cx.height()
        )));
    }
    if height < cx.height() {
        for record in unbondings_from(cx, &operator)? {
            remaining = remaining.sub(slash_unbonding(cx, record, height, fraction)?)?;
        }
        for record in redelegations_from(cx, &operator)? {
            remaining = remaining.sub(slash_redelegation(cx, &record, height, fraction)?)?;
        }
    }
    // Slashed redelegations may have changed the validator: it can be someone's destination.
    let mut validator = state::must_load(cx, &operator)?;
    let burned = remaining.min(validator.tokens).max(Int::ZERO);
    if burned.is_zero() {
        return Ok(burned);
    }
    if validator.tokens.is_positive() {
        let fraction = Dec::from_int(burned).quo_round_up(Dec::from_int(validator.tokens))?;
        let fraction = fraction.min(Dec::ONE);
        cx.tell(&ValidatorSlashing { operator: operator.clone(), fraction })?;
    }
    state::unrank(cx, &validator)?;
    validator.tokens = validator.tokens.sub(burned)?;
    state::save(cx, &validator)?;
    state::rank(cx, &validator)?;
    burn(cx, validator.is_bonded(), burned)?;
    Ok(burned)
}

fn unbondings_from(view: &View, operator: &ValAddress) -> Result<Vec<UnbondingDelegation>> {
    let mut records = Vec::new();
    for entry in UNBONDINGS_FROM.walk().under(&bytes(operator)).iter(view) {
        let delegator = Address::new(entry?.0.1.0)?;
        records.extend(state::unbonding_of(view, &delegator, operator)?);
    }
    Ok(records)
}

fn redelegations_from(view: &View, operator: &ValAddress) -> Result<Vec<Redelegation>> {
    let mut records = Vec::new();
    for entry in REDELEGATIONS_FROM.walk().under(&bytes(operator)).iter(view) {
        let (_, delegator, to) = entry?.0;
        let (delegator, to) = (Address::new(delegator.0)?, ValAddress::new(to.0)?);
        records.extend(state::redelegation_of(view, &delegator, operator, &to)?);
    }
    Ok(records)
}

/// `fraction` of a wire amount, truncated.
fn part_of(amount: &str, fraction: Dec) -> Result<Int> {
    Ok(fraction.mul_int(Int::from_wire_or_zero(amount)?)?.truncate_int()?)
}

/// Takes from every entry that stood behind the validator at `height` and is not complete.
/// `wanted` says how much of an entry's loss is still open; returns what was really taken.
fn take_from_entries(
    cx: &mut Ctx,
    mut record: UnbondingDelegation,
    height: i64,
    mut wanted: impl FnMut(&str) -> Result<Int>,
    mut taken: impl FnMut(Int) -> Result,
) -> Result<Int> {
    let now = cx.time();
    let mut burned = Int::ZERO;
    let mut changed = false;
    for entry in &mut record.entries {
        let is_complete =
            is_due(&entry.completion_time, now) && entry.unbonding_on_hold_ref_count <= 0;
        if entry.creation_height < height || is_complete {
            continue;
        }
        let balance = Int::from_wire_or_zero(&entry.balance)?;
        let lost = wanted(&entry.initial_balance)?.min(balance);
        if lost.is_zero() {
            continue;
        }
        entry.balance = balance.sub(lost)?.to_string();
        burned = burned.add(lost)?;
        taken(lost)?;
        changed = true;
    }
    if changed {
        state::save_unbonding(cx, &record)?;
    }
    Ok(burned)
}

/// Returns what the entries should lose, which can be more than they still hold.
fn slash_unbonding(
    cx: &mut Ctx,
    record: UnbondingDelegation,
    height: i64,
    fraction: Dec,
) -> Result<Int> {
    let mut total = Int::ZERO;
    let wanted = |initial: &str| {
        let part = part_of(initial, fraction)?;
        total = total.add(part)?;
        Ok(part)
    };
    let burned = take_from_entries(cx, record, height, wanted, |_| Ok(()))?;
    burn(cx, false, burned)?;
    Ok(total)
}

/// The same for stake that moved to another validator: first from what unbonds there, then from
/// what is delegated there.
fn slash_redelegation(
    cx: &mut Ctx,
    record: &Redelegation,
    height: i64,
    fraction: Dec,
) -> Result<Int> {
    let delegator: Address = record.delegator_address.parse()?;
    let to: ValAddress = record.validator_dst_address.parse()?;
    let now = cx.time();
    let (mut total, mut bonded, mut not_bonded) = (Int::ZERO, Int::ZERO, Int::ZERO);
    for entry in &record.entries {
        if entry.creation_height < height || is_complete(entry, now) {
            continue;
        }
        let part = part_of(&entry.initial_balance, fraction)?;
        total = total.add(part)?;
        let mut open = part;
        if let Some(unbonding) = state::unbonding_of(cx, &delegator, &to)? {
            let still_open = std::cell::Cell::new(open);
            let taken = |lost: Int| {
                still_open.set(still_open.get().sub(lost)?);
                Ok(())
            };
            let lost = take_from_entries(cx, unbonding, height, |_| Ok(still_open.get()), taken)?;
            open = still_open.get();
            not_bonded = not_bonded.add(lost)?;
        }
        let shares = fraction.mul(Dec::from_wire_or_zero(&entry.shares_dst)?)?;
        if shares.is_zero() || open.is_zero() {
            continue;
        }
        let Some(held) = calls::delegation(cx, &delegator, &to)? else { continue };
        let tokens = unbond(cx, &delegator, &to, shares.min(held))?;
        let is_bonded = state::load(cx, &to)?.is_some_and(|it| it.is_bonded());
        if is_bonded {
            bonded = bonded.add(tokens)?;
        } else {
            not_bonded = not_bonded.add(tokens)?;
        }
    }
    burn(cx, true, bonded)?;
    burn(cx, false, not_bonded)?;
    Ok(total)
}

fn is_complete(entry: &RedelegationEntry, now: prost_types::Timestamp) -> bool {
    is_due(&entry.completion_time, now) && entry.unbonding_on_hold_ref_count <= 0
}
