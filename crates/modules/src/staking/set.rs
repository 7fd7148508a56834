//! Who validates: the set that consensus is told of at the end of each block, jails, and what
//! becomes due (cosmos.md 4.8, end of block).

use std::collections::BTreeMap;

use ledger::{Ctx, Fault, Prefixed, Result, View};
use prost_types::Timestamp;
use types::{
    Address, Coin, Coins, ConsAddress, Int, ValAddress,
    wire::{
        cosmos::staking::v1beta1::{BondStatus, DvPair, DvvTriplet, HistoricalInfo},
        tendermint::{
            abci::ValidatorUpdate,
            crypto::{PublicKey, public_key::Sum},
            types::Header,
        },
    },
};

use super::{
    Error, ValidatorBonded,
    calls::{self, NOT_BONDED_POOL, move_to_pool, params, remove_validator},
    state::{
        self, BY_POWER, HISTORY, LAST_POWERS, LAST_TOTAL_POWER, REDELEGATION_QUEUE,
        UNBONDING_QUEUE, VALIDATOR_QUEUE, Validator, bytes, is_due,
    },
};
use crate::{
    auth, bank,
    base::{moment::Moment, time::after},
};

// The set.

/// What consensus is told of a validator.
pub(super) fn update_of(validator: &Validator, power: i64) -> Result<ValidatorUpdate> {
    let (kind, key) = state::public_key(&validator.consensus_pubkey)?;
    let sum = if kind == "ed25519" { Sum::Ed25519(key) } else { Sum::Secp256k1(key) };
    Ok(ValidatorUpdate { pub_key: PublicKey { sum: Some(sum) }, power })
}

/// Makes the strongest validators the set and tells consensus what changed. Also called after the
/// transactions of genesis.
pub fn apply_updates(cx: &mut Ctx) -> Result {
    let max = usize::try_from(params(cx)?.max_validators).unwrap_or(usize::MAX);
    // At most as many as the last set had: `max_validators`.
    let mut last: BTreeMap<Vec<u8>, i64> = LAST_POWERS
        .iter(cx)
        .map(|it| it.map(|(operator, power)| (operator.0, power)))
        .collect::<Result<_>>()?;
    // Changes below move entries of the order that is being walked.
    let strongest: Vec<Vec<u8>> = BY_POWER
        .walk()
        .rev()
        .iter(cx)
        .take(max)
        .map(|it| it.map(|(_, operator)| operator))
        .collect::<Result<_>>()?;
    let (mut bonded, mut unbonded, mut total) = (Int::ZERO, Int::ZERO, Int::ZERO);
    let mut updates = Vec::new();
    for operator in strongest {
        let mut validator = state::must_load(cx, &ValAddress::new(operator.clone())?)?;
        if validator.jailed {
            return Err(Fault::plain("a jailed validator stands in the order of powers"));
        }
        let power = validator.potential_power()?;
        if power == 0 {
            break;
        }
        if !validator.is_bonded() {
            bonded = bonded.add(validator.tokens)?;
            bond(cx, &mut validator)?;
        }
        if last.remove(&operator) != Some(power) {
            updates.push(update_of(&validator, power)?);
            LAST_POWERS.set(cx, &Prefixed(operator), &power)?;
        }
        total = total.add(Int::from(power))?;
    }
    for operator in last.into_keys() {
        let mut validator = state::must_load(cx, &ValAddress::new(operator.clone())?)?;
        begin_unbonding(cx, &mut validator)?;
        unbonded = unbonded.add(validator.tokens)?;
        LAST_POWERS.del(cx, &Prefixed(operator))?;
        updates.push(update_of(&validator, 0)?);
    }
    if bonded > unbonded {
        move_to_pool(cx, true, bonded.sub(unbonded)?)?;
    } else if unbonded > bonded {
        move_to_pool(cx, false, unbonded.sub(bonded)?)?;
    }
    if !updates.is_empty() {
        LAST_TOTAL_POWER.set(cx, &total)?;
    }
    updates.into_iter().for_each(|it| cx.update_validator(it));
    Ok(())
}

fn bond(cx: &mut Ctx, validator: &mut Validator) -> Result {
    state::unrank(cx, validator)?;
    if validator.is_unbonding() {
        VALIDATOR_QUEUE.del(cx, &queue_key(validator))?;
    }
    validator.status = BondStatus::Bonded;
    state::save(cx, validator)?;
    state::rank(cx, validator)?;
    let consensus = validator.consensus_address()?;
    cx.tell(&ValidatorBonded { operator: validator.operator.clone(), consensus })
}

fn begin_unbonding(cx: &mut Ctx, validator: &mut Validator) -> Result {
    if !validator.is_bonded() {
        return Err(Fault::plain(format!("{} is no bonded validator", validator.operator)));
    }
    let span = params(cx)?.unbonding_time;
    state::unrank(cx, validator)?;
    let id = state::next_unbonding_id(cx)?;
    validator.status = BondStatus::Unbonding;
    validator.unbonding_time = after(&cx.time(), &span);
    validator.unbonding_height = cx.height();
    validator.unbonding_ids.push(id);
    state::save(cx, validator)?;
    state::rank(cx, validator)?;
    VALIDATOR_QUEUE.set(cx, &queue_key(validator), &())
}

pub(super) fn queue_key(validator: &Validator) -> (Moment, u64, Prefixed) {
    let height = u64::try_from(validator.unbonding_height).unwrap_or_default();
    (Moment(validator.unbonding_time), height, bytes(&validator.operator))
}

/// Takes a validator out of the order of powers until it is released.
pub(super) fn jail(cx: &mut Ctx, validator: &mut Validator) -> Result {
    if validator.jailed {
        return Err(Fault::plain(format!(
            "cannot jail already jailed validator, validator: {}",
            validator.operator
        )));
    }
    state::unrank(cx, validator)?;
    validator.jailed = true;
    state::save(cx, validator)
}

/// Jails the validator of a consensus address.
pub fn jail_validator(cx: &mut Ctx, address: &ConsAddress) -> Result {
    let mut validator = calls::validator_by_consensus(cx, address)?.ok_or(Error::NoValidator)?;
    jail(cx, &mut validator)
}

/// Releases a jailed validator. It takes a seat when its power suffices.
pub fn unjail_validator(cx: &mut Ctx, address: &ConsAddress) -> Result {
    let mut validator = calls::validator_by_consensus(cx, address)?.ok_or(Error::NoValidator)?;
    if !validator.jailed {
        return Err(Fault::plain(format!(
            "cannot unjail already unjailed validator, validator: {}",
            validator.operator
        )));
    }
    validator.jailed = false;
    state::save(cx, &validator)?;
    state::rank(cx, &validator)
}

// What becomes due. Each queue is walked in the order of its keys and stops at the first item that
// is not due; nothing stays behind a block in which it was.

pub(super) fn end_block(cx: &mut Ctx) -> Result {
    apply_updates(cx)?;
    complete_validators(cx)?;
    complete_unbondings(cx)?;
    complete_redelegations(cx)
}

/// Collects the keys and values of a queue that are due.
macro_rules! due {
    ($queue:expr, $cx:expr) => {{
        let now = $cx.time();
        let mut due = Vec::new();
        for entry in $queue.iter($cx) {
            let (key, value) = entry?;
            if !is_due(&key.0.0, now) {
                break;
            }
            due.push((key, value));
        }
        due
    }};
}

fn complete_validators(cx: &mut Ctx) -> Result {
    for (key, ()) in due!(VALIDATOR_QUEUE, cx) {
        let operator = ValAddress::new(key.2.0.clone())?;
        let mut validator = state::must_load(cx, &operator)?;
        if !validator.is_unbonding() {
            return Err(Fault::plain(
                "unexpected validator in unbonding queue; status was not unbonding",
            ));
        }
        VALIDATOR_QUEUE.del(cx, &key)?;
        validator.status = BondStatus::Unbonded;
        state::save(cx, &validator)?;
        if validator.shares.is_zero() {
            remove_validator(cx, &validator)?;
        }
    }
    Ok(())
}

fn complete_unbondings(cx: &mut Ctx) -> Result {
    for (key, item) in due!(UNBONDING_QUEUE, cx) {
        UNBONDING_QUEUE.del(cx, &key)?;
        let DvPair { delegator_address, validator_address } = item;
        let delegator: Address = delegator_address.parse()?;
        let operator: ValAddress = validator_address.parse()?;
        // A record whose entries were all completed or cancelled is gone: nothing to say.
        let Some(mut record) = state::unbonding_of(cx, &delegator, &operator)? else { continue };
        let now = cx.time();
        let (ripe, rest) = record.entries.into_iter().partition(|it| {
            is_due(&it.completion_time, now) && it.unbonding_on_hold_ref_count <= 0
        });
        record.entries = rest;
        let ripe: Vec<_> = ripe;
        let denom = calls::bond_denom(cx)?;
        let pool = auth::module_address(NOT_BONDED_POOL);
        let mut paid = Coins::default();
        for entry in ripe {
            let coin = Coin::new(denom.clone(), Int::from_wire_or_zero(&entry.balance)?);
            if !coin.is_zero() {
                let coins = Coins::new([coin])?;
                bank::undelegate(cx, &pool, &delegator, &coins)?;
                paid = paid.add(&coins)?;
            }
        }
        state::save_unbonding(cx, &record)?;
        let paid = paid.to_string();
        cx.emit_plain(
            "complete_unbonding",
            [
                ("amount", &*paid),
                ("validator", &validator_address),
                ("delegator", &delegator_address),
            ],
        );
    }
    Ok(())
}

fn complete_redelegations(cx: &mut Ctx) -> Result {
    for (key, item) in due!(REDELEGATION_QUEUE, cx) {
        REDELEGATION_QUEUE.del(cx, &key)?;
        let DvvTriplet { delegator_address, validator_src_address, validator_dst_address } = item;
        let found = state::redelegation_of(
            cx,
            &delegator_address.parse()?,
            &validator_src_address.parse()?,
            &validator_dst_address.parse()?,
        )?;
        let Some(mut record) = found else { continue };
        let now = cx.time();
        let denom = calls::bond_denom(cx)?;
        let mut moved = Coins::default();
        let mut rest = Vec::new();
        for entry in record.entries {
            if !is_due(&entry.completion_time, now) || entry.unbonding_on_hold_ref_count > 0 {
                rest.push(entry);
                continue;
            }
            let coin = Coin::new(denom.clone(), Int::from_wire_or_zero(&entry.initial_balance)?);
            if !coin.is_zero() {
                moved = moved.add_coin(&coin)?;
            }
        }
        record.entries = rest;
        state::save_redelegation(cx, &record)?;
        let moved = moved.to_string();
        cx.emit_plain(
            "complete_redelegation",
            [
                ("amount", &*moved),
                ("delegator", &delegator_address),
                ("source_validator", &validator_src_address),
                ("destination_validator", &validator_dst_address),
            ],
        );
    }
    Ok(())
}

// History, for chains that verify this one.

/// Most records forgotten in one block: enough to follow a lowered parameter within a day.
const FORGOTTEN_PER_BLOCK: usize = 100;

/// Keeps header and set of the latest `historical_entries` blocks.
pub(super) fn begin_block(cx: &mut Ctx) -> Result {
    let keep = u64::from(params(cx)?.historical_entries);
    let height = u64::try_from(cx.height()).unwrap_or_default();
    let old = HISTORY
        .keys(cx)
        .take(FORGOTTEN_PER_BLOCK)
        .take_while(|it| it.as_ref().map_or(true, |it| it.saturating_add(keep) <= height))
        .collect::<Result<Vec<u64>>>()?;
    old.iter().try_for_each(|it| HISTORY.del(cx, it))?;
    if keep == 0 {
        return Ok(());
    }
    let mut set = Vec::new();
    for validator in calls::bonded_validators(cx)? {
        set.push((validator.potential_power()?, validator.consensus_address()?, validator));
    }
    // By power, the strongest first; of equals the one with the smaller consensus address.
    set.sort_by(|a, b| b.0.cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
    let valset = set.iter().map(|(_, _, it)| it.to_wire()).collect();
    let info = HistoricalInfo { header: header(cx), valset };
    HISTORY.set(cx, &height, &info)
}

/// What the reference's application knows of the header of the block being executed.
fn header(view: &View) -> Header {
    let block = view.block();
    Header {
        chain_id: block.chain_id.clone(),
        height: block.height,
        time: block.time,
        next_validators_hash: block.next_validators_hash.clone(),
        app_hash: block.app_hash.clone(),
        proposer_address: block.proposer.clone(),
        ..Header::default()
    }
}

/// Go's zero time, which completes at once.
pub(super) const AT_ONCE: Timestamp = types::timestamp::ZERO_TIME;
