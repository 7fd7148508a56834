//! Params; rules of an owner and of a key, with what is left of them.

use ledger::{Fault, Result, View, paginate};
use types::{
    Address, Coins,
    wire::haggle::limits::v1::{
        MessageStatus, QueryKeyRulesRequest, QueryKeyRulesResponse, QueryOwnerRulesRequest,
        QueryOwnerRulesResponse, QueryParamsRequest, QueryParamsResponse, QueryRuleRequest,
        QueryRuleResponse, Rule, RuleStatus,
    },
};

use super::{
    Error, FEE, books,
    rule::cap,
    state::{self, BY_KEY, Key, RULES},
};

pub(super) fn params(view: &View, _: QueryParamsRequest) -> Result<QueryParamsResponse> {
    Ok(QueryParamsResponse { params: super::params(view)? })
}

pub(super) fn rule(view: &View, request: QueryRuleRequest) -> Result<QueryRuleResponse> {
    let id = (address("owner", &request.owner)?, address("key", &request.key)?);
    let rule = RULES.get(view, &id)?.ok_or(Error::NotFound)?;
    Ok(QueryRuleResponse { rule: status(view, &id, rule)? })
}

/// By key.
pub(super) fn owner_rules(
    view: &View,
    request: QueryOwnerRulesRequest,
) -> Result<QueryOwnerRulesResponse> {
    let owner = address("owner", &request.owner)?;
    let walk = RULES.walk().under(&owner);
    let (rules, page) =
        paginate(view, walk, request.pagination, |id, rule| status(view, &id, rule).map(Some))?;
    Ok(QueryOwnerRulesResponse { rules, pagination: Some(page) })
}

/// By owner.
pub(super) fn key_rules(
    view: &View,
    request: QueryKeyRulesRequest,
) -> Result<QueryKeyRulesResponse> {
    let key = address("key", &request.key)?;
    let walk = BY_KEY.walk().under(&key.to_string());
    let (rules, page) = paginate(view, walk, request.pagination, |(_, id), ()| {
        let rule = RULES.get(view, &id)?.ok_or(Error::NotFound)?;
        status(view, &id, rule).map(Some)
    })?;
    Ok(QueryKeyRulesResponse { rules, pagination: Some(page) })
}

fn address(role: &str, text: &str) -> Result<Address> {
    text.parse().map_err(|_| Fault::invalid_argument(format!("invalid {role} address")))
}

fn status(view: &View, id: &Key, rule: Rule) -> Result<RuleStatus> {
    let hours = books::counting(&rule.hours, books::hour(view));
    let spent = books::total(&hours)?;
    let stands = state::stands(&rule, &view.time());
    let left =
        if stands { books::left(&cap(&rule.limits.per_day)?, &spent)? } else { Coins::default() };
    let types = rule.limits.messages.iter().map(|it| it.type_url.as_str());
    let messages = types
        .chain([FEE])
        .map(|type_url| {
            let (count, spent) = books::of_type(&hours, type_url)?;
            Ok(MessageStatus { type_url: type_url.to_owned(), count, spent: spent.to_wire() })
        })
        .collect::<Result<_>>()?;
    let deployments = state::deployments_of(view, id)?;
    let (spent, left) = (spent.to_wire(), left.to_wire());
    Ok(RuleStatus { rule, stands, spent, left, messages, deployments })
}
