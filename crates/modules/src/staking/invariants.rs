//! What holds of staking after every block (style.md 5).

use ledger::{Invariant, Result, View, holds};
use types::{Dec, Int, ValAddress};

use super::{
    calls::{self, BONDED_POOL, NOT_BONDED_POOL},
    state::{
        self, BY_CONSENSUS, BY_POWER, DELEGATIONS, DELEGATIONS_TO, LAST_POWERS, REDELEGATION_QUEUE,
        REDELEGATIONS, REDELEGATIONS_FROM, REDELEGATIONS_TO, UNBONDING_QUEUE, UNBONDINGS,
        UNBONDINGS_FROM, VALIDATOR_QUEUE, VALIDATORS, bytes, is_due, is_ranked,
    },
};
use crate::{auth, bank};

pub(super) const ALL: &[Invariant] = &[
    Invariant("pools hold the tokens of validators and what unbonds", pools_hold_their_tokens),
    Invariant("powers in consensus are powers in staking", powers_are_those_of_consensus),
    Invariant("a validator's shares are its delegators'", shares_are_delegated),
    Invariant("validators, delegations and redelegations have their indexes", indexes_match),
    Invariant("queues of staking hold only the future", queues_hold_the_future),
];

fn pools_hold_their_tokens(view: &View) -> Result {
    let (mut bonded, mut not_bonded) = (Int::ZERO, Int::ZERO);
    for validator in VALIDATORS.values(view) {
        let validator = validator?;
        let sum = if validator.is_bonded() { &mut bonded } else { &mut not_bonded };
        *sum = sum.add(validator.tokens)?;
    }
    for record in UNBONDINGS.values(view) {
        for entry in record?.entries {
            not_bonded = not_bonded.add(Int::from_wire_or_zero(&entry.balance)?)?;
        }
    }
    let denom = calls::bond_denom(view)?;
    let held = |name| bank::balance(view, &auth::module_address(name), &denom);
    let (in_bonded, in_other) = (held(BONDED_POOL)?, held(NOT_BONDED_POOL)?);
    holds!(in_bonded == bonded, "the bonded pool holds {in_bonded}, validators have {bonded}")?;
    holds!(in_other == not_bonded, "the other pool holds {in_other}, owed are {not_bonded}")
}

fn powers_are_those_of_consensus(view: &View) -> Result {
    let mut known = 0usize;
    for entry in LAST_POWERS.iter(view) {
        let (operator, power) = entry?;
        let validator = state::must_load(view, &ValAddress::new(operator.0)?)?;
        let actual = validator.power()?;
        holds!(actual == power, "{} has {actual}, consensus knows {power}", validator.operator)?;
        known = known.saturating_add(1);
    }
    let mut bonded = 0usize;
    for validator in VALIDATORS.values(view) {
        bonded = bonded.saturating_add(usize::from(validator?.is_bonded()));
    }
    holds!(bonded == known, "{bonded} validators are bonded, consensus knows {known}")
}

fn shares_are_delegated(view: &View) -> Result {
    for validator in VALIDATORS.values(view) {
        let validator = validator?;
        let mut sum = Dec::ZERO;
        for (_, shares) in calls::delegations_to(view, &validator.operator)? {
            holds!(shares.is_positive(), "a delegation to {} is empty", validator.operator)?;
            sum = sum.add(shares)?;
        }
        let (operator, shares) = (&validator.operator, validator.shares);
        holds!(sum == shares, "{operator} has {shares} shares, its delegators {sum}")?;
    }
    Ok(())
}

fn indexes_match(view: &View) -> Result {
    let (mut ranked, mut all) = (0usize, 0usize);
    for validator in VALIDATORS.values(view) {
        let validator = validator?;
        let operator = &validator.operator;
        let found = BY_CONSENSUS.get(view, &bytes(validator.consensus_address()?))?;
        holds!(
            found.as_deref() == Some(operator.as_bytes()),
            "{operator} is not found by its key"
        )?;
        let stands = is_ranked(view, &validator)?;
        holds!(stands != validator.jailed, "{operator} stands wrongly in the order of powers")?;
        ranked = ranked.saturating_add(usize::from(stands));
        all = all.saturating_add(1);
    }
    let counts = [
        (BY_CONSENSUS.iter(view).count(), all),
        (BY_POWER.iter(view).count(), ranked),
        (DELEGATIONS_TO.iter(view).count(), DELEGATIONS.iter(view).count()),
        (UNBONDINGS_FROM.iter(view).count(), UNBONDINGS.iter(view).count()),
        (REDELEGATIONS_FROM.iter(view).count(), REDELEGATIONS.iter(view).count()),
        (REDELEGATIONS_TO.iter(view).count(), REDELEGATIONS.iter(view).count()),
    ];
    for (entries, rows) in counts {
        holds!(entries == rows, "{entries} index entries for {rows} rows: {counts:?}")?;
    }
    Ok(())
}

fn queues_hold_the_future(view: &View) -> Result {
    let now = view.time();
    let due = |first: Option<Result<bool>>| -> Result {
        holds!(!first.transpose()?.unwrap_or_default(), "something due was left in a queue")
    };
    due(UNBONDING_QUEUE.keys(view).next().map(|it| Ok(is_due(&it?.0.0, now))))?;
    due(REDELEGATION_QUEUE.keys(view).next().map(|it| Ok(is_due(&it?.0.0, now))))?;
    due(VALIDATOR_QUEUE.keys(view).next().map(|it| Ok(is_due(&it?.0.0, now))))?;
    for entry in VALIDATOR_QUEUE.keys(view) {
        let validator = state::must_load(view, &ValAddress::new(entry?.2.0)?)?;
        let operator = &validator.operator;
        holds!(validator.is_unbonding(), "{operator} is queued and does not unbond")?;
    }
    Ok(())
}
