//! Queries of staking. Texts of refusals are those that clients match.

use ledger::{Fault, Result, Routes, View, paginate, paginate_all};
use types::{
    Address, Coin, Dec, Int, ValAddress,
    wire::cosmos::staking::v1beta1::{
        BondStatus, Delegation, DelegationResponse, Pool, QueryDelegationRequest,
        QueryDelegationResponse, QueryDelegatorDelegationsRequest,
        QueryDelegatorDelegationsResponse, QueryDelegatorUnbondingDelegationsRequest,
        QueryDelegatorUnbondingDelegationsResponse, QueryDelegatorValidatorRequest,
        QueryDelegatorValidatorResponse, QueryDelegatorValidatorsRequest,
        QueryDelegatorValidatorsResponse, QueryHistoricalInfoRequest, QueryHistoricalInfoResponse,
        QueryParamsRequest, QueryParamsResponse, QueryPoolRequest, QueryPoolResponse,
        QueryRedelegationsRequest, QueryRedelegationsResponse, QueryUnbondingDelegationRequest,
        QueryUnbondingDelegationResponse, QueryValidatorDelegationsRequest,
        QueryValidatorDelegationsResponse, QueryValidatorRequest, QueryValidatorResponse,
        QueryValidatorUnbondingDelegationsRequest, QueryValidatorUnbondingDelegationsResponse,
        QueryValidatorsRequest, QueryValidatorsResponse, Redelegation, RedelegationEntryResponse,
        RedelegationResponse,
    },
};

use super::{
    Error,
    calls::{self, BONDED_POOL, NOT_BONDED_POOL, shares_of},
    state::{
        self, DELEGATIONS, DELEGATIONS_TO, HISTORY, REDELEGATIONS, REDELEGATIONS_FROM, UNBONDINGS,
        UNBONDINGS_FROM, VALIDATORS, bytes,
    },
};
use crate::{auth, bank};

pub(super) fn routes(r: &mut Routes<'_>) {
    r.query(validators)
        .query(validator)
        .query(validator_delegations)
        .query(validator_unbondings)
        .query(delegation)
        .query(unbonding)
        .query(delegator_delegations)
        .query(delegator_unbondings)
        .query(redelegations)
        .query(delegator_validators)
        .query(delegator_validator)
        .query(historical_info)
        .query(pool)
        .query(params);
}

fn operator_of(text: &str) -> Result<ValAddress> {
    if text.is_empty() {
        return Err(Fault::invalid_argument("validator address cannot be empty"));
    }
    Ok(text.parse()?)
}

fn delegator_of(text: &str) -> Result<Address> {
    if text.is_empty() {
        return Err(Fault::invalid_argument("delegator address cannot be empty"));
    }
    Ok(text.parse()?)
}

/// Both addresses; an empty delegator is refused first, and emptiness before bad texts.
fn both(delegator: &str, operator: &str) -> Result<(Address, ValAddress)> {
    if !delegator.is_empty() && operator.is_empty() {
        return Err(Fault::invalid_argument("validator address cannot be empty"));
    }
    Ok((delegator_of(delegator)?, operator_of(operator)?))
}

fn no_row() -> Fault {
    Fault::internal("an index entry has no row")
}

fn internal(fault: Fault) -> Fault {
    Fault::internal(fault.to_string())
}

fn validators(view: &View, request: QueryValidatorsRequest) -> Result<QueryValidatorsResponse> {
    let QueryValidatorsRequest { status, pagination } = request;
    let wanted = match status.as_str() {
        "" => None,
        text => match BondStatus::from_str_name(text) {
            Some(BondStatus::Unspecified) | None => {
                let text = format!("invalid validator status {text}");
                return Err(Fault::invalid_argument(text));
            }
            known => known,
        },
    };
    let (validators, page) = paginate(view, VALIDATORS.walk(), pagination, |_, it| {
        Ok(wanted.is_none_or(|wanted| wanted == it.status).then(|| it.to_wire()))
    })?;
    Ok(QueryValidatorsResponse { validators, pagination: Some(page) })
}

fn validator(view: &View, request: QueryValidatorRequest) -> Result<QueryValidatorResponse> {
    let text = request.validator_addr;
    let found = state::load(view, &operator_of(&text)?)?;
    let validator = found.ok_or_else(|| Fault::not_found(format!("validator {text} not found")))?;
    Ok(QueryValidatorResponse { validator: validator.to_wire() })
}

/// A delegation with what it is worth.
fn response(view: &View, delegation: Delegation) -> Result<DelegationResponse> {
    let operator: ValAddress = delegation.validator_address.parse()?;
    let validator = state::must_load(view, &operator)?;
    let amount = validator.tokens_from_shares(shares_of(&delegation)?)?.truncate_int()?;
    let balance = Coin::new(calls::bond_denom(view)?, amount).into();
    Ok(DelegationResponse { delegation, balance })
}

fn validator_delegations(
    view: &View,
    request: QueryValidatorDelegationsRequest,
) -> Result<QueryValidatorDelegationsResponse> {
    let operator = operator_of(&request.validator_addr)?;
    let walk = DELEGATIONS_TO.walk().under(&bytes(&operator));
    let (delegation_responses, page) =
        paginate_all(view, walk, request.pagination, |(operator, delegator), ()| {
            let found = DELEGATIONS.get(view, &(delegator, operator))?;
            response(view, found.ok_or_else(no_row)?)
        })?;
    Ok(QueryValidatorDelegationsResponse { delegation_responses, pagination: Some(page) })
}

fn validator_unbondings(
    view: &View,
    request: QueryValidatorUnbondingDelegationsRequest,
) -> Result<QueryValidatorUnbondingDelegationsResponse> {
    let operator = operator_of(&request.validator_addr)?;
    let walk = UNBONDINGS_FROM.walk().under(&bytes(&operator));
    let (unbonding_responses, page) =
        paginate_all(view, walk, request.pagination, |(operator, delegator), ()| {
            UNBONDINGS.get(view, &(delegator, operator))?.ok_or_else(no_row)
        })?;
    Ok(QueryValidatorUnbondingDelegationsResponse { unbonding_responses, pagination: Some(page) })
}

fn delegation(view: &View, request: QueryDelegationRequest) -> Result<QueryDelegationResponse> {
    let QueryDelegationRequest { delegator_addr, validator_addr } = request;
    let (delegator, operator) = both(&delegator_addr, &validator_addr)?;
    let found = DELEGATIONS.get(view, &state::pair(&delegator, &operator))?;
    let delegation = found.ok_or_else(|| {
        Fault::not_found(format!(
            "delegation with delegator {delegator_addr} not found for validator {validator_addr}"
        ))
    })?;
    let response = response(view, delegation).map_err(internal)?;
    Ok(QueryDelegationResponse { delegation_response: Some(response) })
}

fn unbonding(
    view: &View,
    request: QueryUnbondingDelegationRequest,
) -> Result<QueryUnbondingDelegationResponse> {
    let QueryUnbondingDelegationRequest { delegator_addr, validator_addr } = request;
    let (delegator, operator) = both(&delegator_addr, &validator_addr)?;
    let unbond = state::unbonding_of(view, &delegator, &operator)?.ok_or_else(|| {
        Fault::not_found(format!(
            "unbonding delegation with delegator {delegator_addr} not found for validator {validator_addr}"
        ))
    })?;
    Ok(QueryUnbondingDelegationResponse { unbond })
}

fn delegator_delegations(
    view: &View,
    request: QueryDelegatorDelegationsRequest,
) -> Result<QueryDelegatorDelegationsResponse> {
    let delegator = delegator_of(&request.delegator_addr)?;
    let walk = DELEGATIONS.walk().under(&bytes(&delegator));
    let (delegation_responses, page) =
        paginate_all(view, walk, request.pagination, |_, it| response(view, it))?;
    Ok(QueryDelegatorDelegationsResponse { delegation_responses, pagination: Some(page) })
}

fn delegator_unbondings(
    view: &View,
    request: QueryDelegatorUnbondingDelegationsRequest,
) -> Result<QueryDelegatorUnbondingDelegationsResponse> {
    let delegator = delegator_of(&request.delegator_addr)?;
    let walk = UNBONDINGS.walk().under(&bytes(&delegator));
    let (unbonding_responses, page) = paginate_all(view, walk, request.pagination, |_, it| Ok(it))?;
    Ok(QueryDelegatorUnbondingDelegationsResponse { unbonding_responses, pagination: Some(page) })
}

/// A redelegation with what its shares are worth now; its own list of entries is left out.
fn redelegation_response(view: &View, record: Redelegation) -> Result<RedelegationResponse> {
    let destination = state::must_load(view, &record.validator_dst_address.parse()?)?;
    let mut entries = Vec::new();
    for redelegation_entry in record.entries {
        let shares = Dec::from_wire_or_zero(&redelegation_entry.shares_dst)?;
        let balance = if destination.shares.is_zero() {
            Int::ZERO
        } else {
            destination.tokens_from_shares(shares)?.truncate_int()?
        };
        entries
            .push(RedelegationEntryResponse { redelegation_entry, balance: balance.to_string() });
    }
    let redelegation = Redelegation { entries: Vec::new(), ..record };
    Ok(RedelegationResponse { redelegation, entries })
}

/// One record when all three are named, those of a source when only it is, else the delegator's.
fn redelegations(
    view: &View,
    request: QueryRedelegationsRequest,
) -> Result<QueryRedelegationsResponse> {
    let QueryRedelegationsRequest {
        delegator_addr: delegator,
        src_validator_addr: from,
        dst_validator_addr: to,
        pagination,
    } = request;
    let (redelegation_responses, pagination) = if !delegator.is_empty()
        && !from.is_empty()
        && !to.is_empty()
    {
        let ids =
            (delegator.parse::<Address>(), from.parse::<ValAddress>(), to.parse::<ValAddress>());
        let (delegator_, from_, to_) = match ids {
            (Ok(delegator), Ok(from), Ok(to)) => (delegator, from, to),
            (Err(error), ..) | (_, Err(error), _) | (.., Err(error)) => {
                return Err(Fault::internal(error.to_string()));
            }
        };
        let record = state::redelegation_of(view, &delegator_, &from_, &to_)?.ok_or_else(|| {
            internal(Fault::not_found(format!(
                "redelegation not found for delegator address {delegator} from validator address {from}"
            )))
        })?;
        (vec![redelegation_response(view, record).map_err(internal)?], None)
    } else if delegator.is_empty() && !from.is_empty() && to.is_empty() {
        let from: ValAddress = from
            .parse()
            .map_err(|error: types::AddressError| Fault::internal(error.to_string()))?;
        let walk = REDELEGATIONS_FROM.walk().under(&bytes(&from));
        let (list, page) = paginate_all(view, walk, pagination, |(from, delegator, to), ()| {
            let found = REDELEGATIONS.get(view, &(delegator, from, to))?;
            redelegation_response(view, found.ok_or_else(no_row)?)
        })
        .map_err(internal)?;
        (list, Some(page))
    } else {
        let delegator: Address = delegator
            .parse()
            .map_err(|error: types::AddressError| Fault::internal(error.to_string()))?;
        let walk = REDELEGATIONS.walk().under(&bytes(&delegator));
        let (list, page) =
            paginate_all(view, walk, pagination, |_, it| redelegation_response(view, it))
                .map_err(internal)?;
        (list, Some(page))
    };
    Ok(QueryRedelegationsResponse { redelegation_responses, pagination })
}

fn delegator_validators(
    view: &View,
    request: QueryDelegatorValidatorsRequest,
) -> Result<QueryDelegatorValidatorsResponse> {
    let delegator = delegator_of(&request.delegator_addr)?;
    let walk = DELEGATIONS.walk().under(&bytes(&delegator));
    let (validators, page) = paginate_all(view, walk, request.pagination, |(_, operator), _| {
        let validator = state::must_load(view, &ValAddress::new(operator.0)?)?;
        Ok(validator.to_wire())
    })
    .map_err(internal)?;
    Ok(QueryDelegatorValidatorsResponse { validators, pagination: Some(page) })
}

fn delegator_validator(
    view: &View,
    request: QueryDelegatorValidatorRequest,
) -> Result<QueryDelegatorValidatorResponse> {
    let (delegator, operator) = both(&request.delegator_addr, &request.validator_addr)?;
    if calls::delegation(view, &delegator, &operator)?.is_none() {
        return Err(internal(Error::NoDelegation.into()));
    }
    let validator = state::must_load(view, &operator).map_err(internal)?;
    Ok(QueryDelegatorValidatorResponse { validator: validator.to_wire() })
}

fn historical_info(
    view: &View,
    request: QueryHistoricalInfoRequest,
) -> Result<QueryHistoricalInfoResponse> {
    let Ok(height) = u64::try_from(request.height) else {
        return Err(Fault::invalid_argument("height cannot be negative"));
    };
    let hist = HISTORY.get(view, &height)?.ok_or_else(|| {
        Fault::not_found(format!("historical info for height {height} not found"))
    })?;
    Ok(QueryHistoricalInfoResponse { hist: Some(hist) })
}

fn pool(view: &View, _: QueryPoolRequest) -> Result<QueryPoolResponse> {
    let denom = calls::bond_denom(view)?;
    let held = |name| bank::balance(view, &auth::module_address(name), &denom);
    Ok(QueryPoolResponse {
        pool: Pool {
            not_bonded_tokens: held(NOT_BONDED_POOL)?.to_string(),
            bonded_tokens: held(BONDED_POOL)?.to_string(),
        },
    })
}

fn params(view: &View, _: QueryParamsRequest) -> Result<QueryParamsResponse> {
    Ok(QueryParamsResponse { params: calls::params(view)? })
}
