//! What staking's facts change: periods end where delegations or tokens change, and rewards are
//! paid before shares do.

use ledger::{Ctx, Fault, Result, Routes};
use types::{Dec, wire::cosmos::distribution::v1beta1::ValidatorSlashEvent};

use super::{
    rewards,
    state::{self, SLASHES, bytes},
};
use crate::staking;

pub(super) fn routes(r: &mut Routes<'_>) {
    r.hook(created).hook(removed).hook(delegation_creating);
    r.hook(shares_changing).hook(delegation_changed).hook(slashing);
}

fn created(cx: &mut Ctx, fact: &staking::ValidatorCreated) -> Result {
    rewards::open(cx, &fact.operator)
}

fn removed(cx: &mut Ctx, fact: &staking::ValidatorRemoved) -> Result {
    rewards::close(cx, &fact.operator)
}

fn delegation_creating(cx: &mut Ctx, fact: &staking::DelegationCreating) -> Result {
    let validator = rewards::must_validator(cx, &fact.operator)?;
    rewards::end_period(cx, &validator).map(drop)
}

fn shares_changing(cx: &mut Ctx, fact: &staking::SharesChanging) -> Result {
    let validator = rewards::must_validator(cx, &fact.operator)?;
    let shares = staking::delegation(cx, &fact.delegator, &fact.operator)?
        .ok_or_else(|| Fault::from(staking::Error::NoDelegation))?;
    rewards::pay(cx, &validator, &fact.delegator, shares).map(drop)
}

fn delegation_changed(cx: &mut Ctx, fact: &staking::DelegationChanged) -> Result {
    rewards::begin(cx, &fact.delegator, &fact.operator)
}

fn slashing(cx: &mut Ctx, fact: &staking::ValidatorSlashing) -> Result {
    if fact.fraction > Dec::ONE || fact.fraction.is_negative() {
        return Err(Fault::plain(format!(
            "fraction must be >=0 and <=1, current fraction: {}",
            fact.fraction
        )));
    }
    let validator = rewards::must_validator(cx, &fact.operator)?;
    let ended = rewards::end_period(cx, &validator)?.period;
    rewards::refer(cx, &fact.operator, ended)?;
    let key = (bytes(&fact.operator), state::height(cx), ended);
    let fraction = fact.fraction.to_wire();
    SLASHES.set(cx, &key, &ValidatorSlashEvent { validator_period: ended, fraction })
}
