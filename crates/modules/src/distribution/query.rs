//! Queries. What they compute ends the running period only in thought.

use ledger::{Fault, Result, Routes, View, paginate};
use types::{
    Address, Dec, DecCoins, ValAddress,
    wire::cosmos::distribution::v1beta1::{
        DelegationDelegatorReward, QueryCommunityPoolRequest, QueryCommunityPoolResponse,
        QueryDelegationRewardsRequest, QueryDelegationRewardsResponse,
        QueryDelegationTotalRewardsRequest, QueryDelegationTotalRewardsResponse,
        QueryDelegatorValidatorsRequest, QueryDelegatorValidatorsResponse,
        QueryDelegatorWithdrawAddressRequest, QueryDelegatorWithdrawAddressResponse,
        QueryParamsRequest, QueryParamsResponse, QueryValidatorCommissionRequest,
        QueryValidatorCommissionResponse, QueryValidatorDistributionInfoRequest,
        QueryValidatorDistributionInfoResponse, QueryValidatorOutstandingRewardsRequest,
        QueryValidatorOutstandingRewardsResponse, QueryValidatorSlashesRequest,
        QueryValidatorSlashesResponse, ValidatorAccumulatedCommission, ValidatorOutstandingRewards,
    },
};

use super::{
    params, rewards,
    state::{self, SLASHES, bytes},
};
use crate::staking::{self, Validator};

pub(super) fn routes(r: &mut Routes<'_>) {
    r.query(show_params).query(community_pool);
    r.query(validator_info).query(outstanding).query(commission).query(slashes);
    r.query(delegation_rewards).query(total_rewards);
    r.query(delegator_validators).query(withdraw_address);
}

fn operator(text: &str) -> Result<ValAddress> {
    if text.is_empty() {
        return Err(Fault::invalid_argument("empty validator address"));
    }
    Ok(text.parse()?)
}

fn delegator(text: &str) -> Result<Address> {
    if text.is_empty() {
        return Err(Fault::invalid_argument("empty delegator address"));
    }
    Ok(text.parse()?)
}

fn show_params(view: &View, _: QueryParamsRequest) -> Result<QueryParamsResponse> {
    Ok(QueryParamsResponse { params: params(view)? })
}

fn community_pool(view: &View, _: QueryCommunityPoolRequest) -> Result<QueryCommunityPoolResponse> {
    Ok(QueryCommunityPoolResponse { pool: state::community_pool(view)?.to_wire() })
}

fn earned(
    view: &View,
    validator: &Validator,
    delegator: &Address,
    shares: Dec,
) -> Result<DecCoins> {
    let ending = rewards::ending(view, validator)?;
    rewards::earned(view, validator, delegator, shares, &ending)
}

fn held(view: &View, delegator: &Address, operator: &ValAddress) -> Result<Dec> {
    staking::delegation(view, delegator, operator)?
        .ok_or_else(|| staking::Error::NoDelegation.into())
}

fn validator_info(
    view: &View,
    request: QueryValidatorDistributionInfoRequest,
) -> Result<QueryValidatorDistributionInfoResponse> {
    let operator = operator(&request.validator_address)?;
    let validator = rewards::must_validator(view, &operator)?;
    let account = Address::from(&operator);
    let shares = held(view, &account, &operator)?;
    Ok(QueryValidatorDistributionInfoResponse {
        operator_address: account.to_string(),
        self_bond_rewards: earned(view, &validator, &account, shares)?.to_wire(),
        commission: state::commission(view, &operator)?.to_wire(),
    })
}

fn outstanding(
    view: &View,
    request: QueryValidatorOutstandingRewardsRequest,
) -> Result<QueryValidatorOutstandingRewardsResponse> {
    let operator = operator(&request.validator_address)?;
    rewards::must_validator(view, &operator)?;
    let rewards = state::outstanding(view, &operator)?.to_wire();
    Ok(QueryValidatorOutstandingRewardsResponse {
        rewards: ValidatorOutstandingRewards { rewards },
    })
}

fn commission(
    view: &View,
    request: QueryValidatorCommissionRequest,
) -> Result<QueryValidatorCommissionResponse> {
    let operator = operator(&request.validator_address)?;
    rewards::must_validator(view, &operator)?;
    let commission = state::commission(view, &operator)?.to_wire();
    Ok(QueryValidatorCommissionResponse {
        commission: ValidatorAccumulatedCommission { commission },
    })
}

/// The reference compares the heights of the request with periods, and so do we.
fn slashes(
    view: &View,
    request: QueryValidatorSlashesRequest,
) -> Result<QueryValidatorSlashesResponse> {
    if request.validator_address.is_empty() {
        return Err(Fault::invalid_argument("empty validator address"));
    }
    let (from, to) = (request.starting_height, request.ending_height);
    if to < from {
        return Err(Fault::invalid_argument(format!(
            "starting height greater than ending height ({from} > {to})"
        )));
    }
    let operator: ValAddress = request
        .validator_address
        .parse()
        .map_err(|_| Fault::invalid_argument("invalid validator address"))?;
    let walk = SLASHES.walk().under(&bytes(&operator));
    let (slashes, page) = paginate(view, walk, request.pagination, |_, slash| {
        Ok((from..=to).contains(&slash.validator_period).then_some(slash))
    })?;
    Ok(QueryValidatorSlashesResponse { slashes, pagination: Some(page) })
}

fn delegation_rewards(
    view: &View,
    request: QueryDelegationRewardsRequest,
) -> Result<QueryDelegationRewardsResponse> {
    if request.delegator_address.is_empty() {
        return Err(Fault::invalid_argument("empty delegator address"));
    }
    let operator = operator(&request.validator_address)?;
    let validator = rewards::must_validator(view, &operator)?;
    let delegator = delegator(&request.delegator_address)?;
    let shares = held(view, &delegator, &operator)?;
    let rewards = earned(view, &validator, &delegator, shares)?.to_wire();
    Ok(QueryDelegationRewardsResponse { rewards })
}

fn total_rewards(
    view: &View,
    request: QueryDelegationTotalRewardsRequest,
) -> Result<QueryDelegationTotalRewardsResponse> {
    let delegator = delegator(&request.delegator_address)?;
    let (mut rewards, mut total) = (Vec::new(), DecCoins::default());
    for (operator, shares) in staking::delegations_of(view, &delegator)? {
        let validator = rewards::must_validator(view, &operator)?;
        let reward = earned(view, &validator, &delegator, shares)?;
        total = total.add(&reward)?;
        rewards.push(DelegationDelegatorReward {
            validator_address: operator.to_string(),
            reward: reward.to_wire(),
        });
    }
    Ok(QueryDelegationTotalRewardsResponse { rewards, total: total.to_wire() })
}

fn delegator_validators(
    view: &View,
    request: QueryDelegatorValidatorsRequest,
) -> Result<QueryDelegatorValidatorsResponse> {
    let delegator = delegator(&request.delegator_address)?;
    let validators = staking::delegations_of(view, &delegator)?;
    let validators = validators.iter().map(|(operator, _)| operator.to_string()).collect();
    Ok(QueryDelegatorValidatorsResponse { validators })
}

fn withdraw_address(
    view: &View,
    request: QueryDelegatorWithdrawAddressRequest,
) -> Result<QueryDelegatorWithdrawAddressResponse> {
    let delegator = delegator(&request.delegator_address)?;
    let to = state::withdraw_address(view, &delegator)?;
    Ok(QueryDelegatorWithdrawAddressResponse { withdraw_address: to.to_string() })
}
