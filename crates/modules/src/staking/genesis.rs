//! Genesis of staking: import and export (cosmos.md 4.8). An import that was not exported runs the
//! hooks of everything that it creates.

use ledger::{Ctx, Fault, Result, View};
use prost_types::Timestamp;
use types::{
    Address, Int, ValAddress,
    wire::cosmos::staking::v1beta1::{
        DvPair, DvvTriplet, GenesisState, LastValidatorPower, Redelegation, UnbondingDelegation,
    },
};

use super::{
    DelegationChanged, DelegationCreating, Error, ValidatorCreated,
    calls::{self, BONDED_POOL, NOT_BONDED_POOL, set_delegation, shares_of},
    msgs::check_params,
    set::{apply_updates, queue_key, update_of},
    state::{
        self, BY_CONSENSUS, DELEGATIONS, LAST_POWERS, LAST_TOTAL_POWER, PARAMS, REDELEGATION_QUEUE,
        REDELEGATIONS, UNBONDING_ID, UNBONDING_QUEUE, UNBONDINGS, VALIDATOR_QUEUE, VALIDATORS,
        Validator, bytes,
    },
};
use crate::{auth, bank, base::moment::Moment};

pub(super) fn init(cx: &mut Ctx, genesis: GenesisState) -> Result {
    let GenesisState {
        params,
        last_total_power,
        last_validator_powers,
        validators,
        delegations,
        unbonding_delegations,
        redelegations,
        exported,
    } = genesis;
    check_params(&params)?;
    PARAMS.set(cx, &params)?;
    let total = String::from_utf8_lossy(&last_total_power);
    LAST_TOTAL_POWER.set(cx, &Int::from_wire_or_zero(&total)?)?;

    let (mut bonded, mut not_bonded) = (Int::ZERO, Int::ZERO);
    let mut newest = 0u64;
    for wire in validators {
        let validator = Validator::from_wire(wire)?;
        newest = newest.max(validator.unbonding_ids.iter().copied().max().unwrap_or_default());
        let held = if validator.is_bonded() { &mut bonded } else { &mut not_bonded };
        *held = held.add(validator.tokens)?;
        add_validator(cx, &validator, exported)?;
    }
    for delegation in delegations {
        let delegator: Address = delegation.delegator_address.parse()?;
        let operator: ValAddress = delegation.validator_address.parse()?;
        let shares = shares_of(&delegation)?;
        let (delegator_, operator_) = (delegator.clone(), operator.clone());
        if !exported {
            cx.tell(&DelegationCreating { delegator: delegator_, operator: operator_ })?;
        }
        set_delegation(cx, &delegator, &operator, shares)?;
        if !exported {
            cx.tell(&DelegationChanged { delegator, operator })?;
        }
    }
    for record in unbonding_delegations {
        for entry in &record.entries {
            not_bonded = not_bonded.add(Int::from_wire_or_zero(&entry.balance)?)?;
            newest = newest.max(entry.unbonding_id);
        }
        add_unbonding(cx, &record)?;
    }
    for record in redelegations {
        let ids = record.entries.iter().map(|it| it.unbonding_id);
        newest = newest.max(ids.max().unwrap_or_default());
        add_redelegation(cx, &record)?;
    }
    UNBONDING_ID.set(cx, &newest)?;
    for (name, claimed) in [(BONDED_POOL, bonded), (NOT_BONDED_POOL, not_bonded)] {
        let pool = auth::ensure_module_account(cx, name)?;
        let held = bank::balance(cx, &pool, &params.bond_denom)?;
        if held != claimed {
            return Err(Fault::plain(format!(
                "{name} balance is different from its tokens: {held} <-> {claimed}"
            )));
        }
    }
    if !exported {
        return apply_updates(cx);
    }
    for LastValidatorPower { address, power } in last_validator_powers {
        let operator: ValAddress = address.parse()?;
        LAST_POWERS.set(cx, &bytes(&operator), &power)?;
        let validator = state::load(cx, &operator)?.ok_or(Error::NoValidator)?;
        let update = update_of(&validator, power)?;
        cx.update_validator(update);
    }
    Ok(())
}

fn add_validator(cx: &mut Ctx, validator: &Validator, exported: bool) -> Result {
    let operator = &validator.operator;
    let consensus = validator.consensus_address()?;
    if state::load(cx, operator)?.is_some() || BY_CONSENSUS.has(cx, &bytes(&consensus))? {
        return Err(Fault::plain(format!("duplicate validator in genesis state: {operator}")));
    }
    if validator.jailed && validator.is_bonded() {
        let text = format!("validator is bonded and jailed in genesis state: {operator}");
        return Err(Fault::plain(text));
    }
    state::save(cx, validator)?;
    BY_CONSENSUS.set(cx, &bytes(&consensus), &operator.as_bytes().to_vec())?;
    state::rank(cx, validator)?;
    if validator.is_unbonding() {
        VALIDATOR_QUEUE.set(cx, &queue_key(validator), &())?;
    }
    if !exported {
        cx.tell(&ValidatorCreated { operator: operator.clone(), consensus })?;
    }
    Ok(())
}

/// The completion times of entries, each with the number of an entry of that time. Queue items are
/// numbered as when they were first put in.
fn add_unbonding(cx: &mut Ctx, record: &UnbondingDelegation) -> Result {
    state::save_unbonding(cx, record)?;
    let item = DvPair {
        delegator_address: record.delegator_address.clone(),
        validator_address: record.validator_address.clone(),
    };
    for entry in &record.entries {
        let id = queue_number(cx, &entry.completion_time, entry.unbonding_id)?;
        UNBONDING_QUEUE.set(cx, &(Moment(entry.completion_time), id), &item)?;
    }
    Ok(())
}

fn add_redelegation(cx: &mut Ctx, record: &Redelegation) -> Result {
    state::save_redelegation(cx, record)?;
    let item = DvvTriplet {
        delegator_address: record.delegator_address.clone(),
        validator_src_address: record.validator_src_address.clone(),
        validator_dst_address: record.validator_dst_address.clone(),
    };
    for entry in &record.entries {
        let id = queue_number(cx, &entry.completion_time, entry.unbonding_id)?;
        REDELEGATION_QUEUE.set(cx, &(Moment(entry.completion_time), id), &item)?;
    }
    Ok(())
}

/// Documents written by other hands may leave numbers out: then the next free one of that time is
/// taken, so that no item replaces another.
fn queue_number(view: &View, time: &Timestamp, id: u64) -> Result<u64> {
    let mut id = id;
    while UNBONDING_QUEUE.has(view, &(Moment(*time), id))?
        || REDELEGATION_QUEUE.has(view, &(Moment(*time), id))?
    {
        id = id.saturating_add(1);
    }
    Ok(id)
}

pub(super) fn export(view: &View) -> Result<GenesisState> {
    let last_validator_powers = LAST_POWERS
        .iter(view)
        .map(|entry| {
            let (operator, power) = entry?;
            let address = ValAddress::new(operator.0)?.to_string();
            Ok(LastValidatorPower { address, power })
        })
        .collect::<Result<_>>()?;
    let validators = VALIDATORS.values(view).map(|it| Ok(it?.to_wire()));
    Ok(GenesisState {
        params: calls::params(view)?,
        last_total_power: LAST_TOTAL_POWER.get(view)?.unwrap_or(Int::ZERO).to_string().into_bytes(),
        last_validator_powers,
        validators: validators.collect::<Result<_>>()?,
        delegations: DELEGATIONS.values(view).collect::<Result<_>>()?,
        unbonding_delegations: UNBONDINGS.values(view).collect::<Result<_>>()?,
        redelegations: REDELEGATIONS.values(view).collect::<Result<_>>()?,
        exported: true,
    })
}
