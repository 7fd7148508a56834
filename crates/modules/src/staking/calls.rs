//! Calls open to other modules, and the moves of stake that messages and slashes are made of.

use ledger::{Ctx, Result, Sdk, View};
use types::{
    Address, Coin, Coins, ConsAddress, Dec, Int, ValAddress,
    wire::cosmos::staking::v1beta1::{BondStatus, Delegation, Params},
};

use super::{
    DelegationChanged, DelegationCreating, Error, SharesChanging, ValidatorRemoved,
    set::jail,
    state::{
        self, BY_CONSENSUS, DELEGATIONS, DELEGATIONS_TO, LAST_POWERS, PARAMS, VALIDATORS,
        Validator, bytes, pair,
    },
};
use crate::{auth, bank};

/// Holds the tokens of bonded validators.
pub const BONDED_POOL: &str = "bonded_tokens_pool";
/// Holds the tokens of all other validators, and those that unbond.
pub const NOT_BONDED_POOL: &str = "not_bonded_tokens_pool";

// Reads.

pub fn params(view: &View) -> Result<Params> {
    Ok(PARAMS.get(view)?.unwrap_or_else(super::default_params))
}

/// The denomination that is staked.
pub fn bond_denom(view: &View) -> Result<String> {
    Ok(params(view)?.bond_denom)
}

pub fn validator(view: &View, operator: &ValAddress) -> Result<Option<Validator>> {
    state::load(view, operator)
}

/// The validator that signs with a consensus key of this address.
pub fn validator_by_consensus(view: &View, address: &ConsAddress) -> Result<Option<Validator>> {
    let Some(operator) = BY_CONSENSUS.get(view, &bytes(address))? else { return Ok(None) };
    state::load(view, &ValAddress::new(operator)?)
}

/// All validators, by operator.
pub fn validators(view: &View) -> impl Iterator<Item = Result<Validator>> + '_ {
    VALIDATORS.values(view)
}

/// The validators of the set as of the latest block, by operator. At most `max_validators`.
pub fn bonded_validators(view: &View) -> Result<Vec<Validator>> {
    LAST_POWERS
        .keys(view)
        .map(|operator| state::must_load(view, &ValAddress::new(operator?.0)?))
        .collect()
}

/// The shares of a delegation.
pub fn delegation(view: &View, delegator: &Address, operator: &ValAddress) -> Result<Option<Dec>> {
    let found = DELEGATIONS.get(view, &pair(delegator, operator))?;
    found.map(|it| shares_of(&it)).transpose()
}

pub(super) fn shares_of(delegation: &Delegation) -> Result<Dec> {
    Ok(Dec::from_wire_or_zero(&delegation.shares)?)
}

/// What a delegator has delegated: validators and shares.
pub fn delegations_of(view: &View, delegator: &Address) -> Result<Vec<(ValAddress, Dec)>> {
    DELEGATIONS
        .walk()
        .under(&bytes(delegator))
        .iter(view)
        .map(|entry| {
            let ((_, operator), delegation) = entry?;
            Ok((ValAddress::new(operator.0)?, shares_of(&delegation)?))
        })
        .collect()
}

/// Who has delegated to a validator, and how many shares.
pub fn delegations_to(view: &View, operator: &ValAddress) -> Result<Vec<(Address, Dec)>> {
    DELEGATIONS_TO
        .walk()
        .under(&bytes(operator))
        .iter(view)
        .map(|entry| {
            let delegator = Address::new(entry?.0.1.0)?;
            let shares = delegation(view, &delegator, operator)?.unwrap_or(Dec::ZERO);
            Ok((delegator, shares))
        })
        .collect()
}

/// Tokens in the pool of bonded validators.
pub fn total_bonded(view: &View) -> Result<Int> {
    bank::balance(view, &auth::module_address(BONDED_POOL), &bond_denom(view)?)
}

/// Bonded tokens of the whole supply, truncated; 0 when there is no supply.
pub fn bonded_ratio(view: &View) -> Result<Dec> {
    let supply = bank::supply(view, &bond_denom(view)?)?;
    if !supply.is_positive() {
        return Ok(Dec::ZERO);
    }
    Ok(Dec::from_int(total_bonded(view)?).quo_int(supply)?)
}

// Pools.

pub(super) fn staked(cx: &View, amount: Int) -> Result<Coins> {
    Ok(Coins::new([Coin::new(bond_denom(cx)?, amount)])?)
}

/// Moves tokens between the pools; `bonded` says where to.
pub(super) fn move_to_pool(cx: &mut Ctx, bonded: bool, amount: Int) -> Result {
    let coins = staked(cx, amount)?;
    let (from, to) =
        if bonded { (NOT_BONDED_POOL, BONDED_POOL) } else { (BONDED_POOL, NOT_BONDED_POOL) };
    bank::send_between_modules(cx, from, to, &coins)
}

/// Burns tokens of a pool; none are no burn.
pub(super) fn burn(cx: &mut Ctx, bonded: bool, amount: Int) -> Result {
    if !amount.is_positive() {
        return Ok(());
    }
    let coins = staked(cx, amount)?;
    bank::burn(cx, if bonded { BONDED_POOL } else { NOT_BONDED_POOL }, &coins)
}

// Moves of stake.

/// Where delegated tokens come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Source {
    /// The delegator's account; locked coins may be delegated.
    Account,
    /// A pool, where tokens of a validator in this state lie.
    Pool(BondStatus),
}

/// Delegates tokens; returns the shares issued for them.
pub(super) fn delegate(
    cx: &mut Ctx,
    delegator: &Address,
    amount: Int,
    source: Source,
    validator: Validator,
) -> Result<Dec> {
    if validator.has_invalid_rate() {
        return Err(Error::InvalidRate.into());
    }
    let operator = validator.operator.clone();
    let held = delegation(cx, delegator, &operator)?;
    let (delegator_, operator_) = (delegator.clone(), operator.clone());
    match held {
        Some(_) => cx.tell(&SharesChanging { delegator: delegator_, operator: operator_ })?,
        None => cx.tell(&DelegationCreating { delegator: delegator_, operator: operator_ })?,
    }
    match source {
        Source::Account => {
            let pool = if validator.is_bonded() { BONDED_POOL } else { NOT_BONDED_POOL };
            let pool = auth::ensure_module_account(cx, pool)?;
            bank::delegate(cx, delegator, &pool, &staked(cx, amount)?)?;
        }
        Source::Pool(status) => {
            let from_bonded = status == BondStatus::Bonded;
            if from_bonded != validator.is_bonded() {
                move_to_pool(cx, validator.is_bonded(), amount)?;
            }
        }
    }
    let mut validator = validator;
    state::unrank(cx, &validator)?;
    let issued = validator.add_tokens(amount)?;
    state::save(cx, &validator)?;
    state::rank(cx, &validator)?;
    let shares = held.unwrap_or(Dec::ZERO).add(issued)?;
    set_delegation(cx, delegator, &operator, shares)?;
    cx.tell(&DelegationChanged { delegator: delegator.clone(), operator })?;
    Ok(issued)
}

pub(super) fn set_delegation(
    cx: &mut Ctx,
    delegator: &Address,
    operator: &ValAddress,
    shares: Dec,
) -> Result {
    let record = Delegation {
        delegator_address: delegator.to_string(),
        validator_address: operator.to_string(),
        shares: shares.to_wire(),
    };
    DELEGATIONS.set(cx, &pair(delegator, operator), &record)?;
    DELEGATIONS_TO.set(cx, &pair(operator, delegator), &())
}

/// How many shares a delegator must give up for tokens (cosmos.md 4.8): /3 without the validator,
/// /19 without the delegation, `sdk/18` when it has too few.
pub(super) fn shares_to_unbond(
    view: &View,
    delegator: &Address,
    operator: &ValAddress,
    amount: Int,
) -> Result<Dec> {
    let validator = state::must_load(view, operator)?;
    let held = delegation(view, delegator, operator)?.ok_or(Error::NoDelegation)?;
    let shares = validator.shares_from_tokens(amount)?;
    let truncated = validator.shares_from_tokens_truncated(amount)?;
    if truncated > held {
        return Err(Sdk::InvalidRequest.wrap("invalid shares amount"));
    }
    Ok(shares.min(held))
}

/// Takes shares from a delegation; returns the tokens that they were worth, which stay in the
/// validator's pool. An operator that falls below what it promised to hold is jailed; a validator
/// that is left without shares is removed.
pub(super) fn unbond(
    cx: &mut Ctx,
    delegator: &Address,
    operator: &ValAddress,
    shares: Dec,
) -> Result<Int> {
    let held = delegation(cx, delegator, operator)?.ok_or(Error::UnknownDelegator)?;
    let (delegator_, operator_) = (delegator.clone(), operator.clone());
    cx.tell(&SharesChanging { delegator: delegator_, operator: operator_ })?;
    if held < shares {
        return Err(Error::NotEnoughShares.wrap(held));
    }
    let mut validator = state::must_load(cx, operator)?;
    let left = held.sub(shares)?;
    if *delegator == validator.account() && !validator.jailed {
        let own = validator.tokens_from_shares(left)?.truncate_int()?;
        if own < validator.min_self_delegation {
            jail(cx, &mut validator)?;
        }
    }
    if left.is_zero() {
        DELEGATIONS.del(cx, &pair(delegator, operator))?;
        DELEGATIONS_TO.del(cx, &pair(operator, delegator))?;
    } else {
        set_delegation(cx, delegator, operator, left)?;
        let (delegator, operator) = (delegator.clone(), operator.clone());
        cx.tell(&DelegationChanged { delegator, operator })?;
    }
    state::unrank(cx, &validator)?;
    let amount = validator.remove_shares(shares)?;
    state::save(cx, &validator)?;
    state::rank(cx, &validator)?;
    if validator.shares.is_zero() && validator.is_unbonded() {
        remove_validator(cx, &validator)?;
    }
    Ok(amount)
}

/// Forgets a validator that nobody has shares of.
pub(super) fn remove_validator(cx: &mut Ctx, validator: &Validator) -> Result {
    if !validator.is_unbonded() || validator.tokens.is_positive() {
        return Err(Error::NotRemovable.into());
    }
    let consensus = validator.consensus_address()?;
    VALIDATORS.del(cx, &bytes(&validator.operator))?;
    BY_CONSENSUS.del(cx, &bytes(&consensus))?;
    state::unrank(cx, validator)?;
    cx.tell(&ValidatorRemoved { operator: validator.operator.clone(), consensus })
}
