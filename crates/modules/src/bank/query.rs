//! Queries of bank. Texts of refusals are those that clients match.

use ledger::{Fault, Result, Routes, View, paginate_all};
use types::{
    Address, Coin, validate_denom,
    wire::cosmos::bank::v1beta1::{
        DenomOwner, Metadata, QueryAllBalancesRequest, QueryAllBalancesResponse,
        QueryBalanceRequest, QueryBalanceResponse, QueryDenomMetadataByQueryStringRequest,
        QueryDenomMetadataByQueryStringResponse, QueryDenomMetadataRequest,
        QueryDenomMetadataResponse, QueryDenomOwnersByQueryRequest,
        QueryDenomOwnersByQueryResponse, QueryDenomOwnersRequest, QueryDenomOwnersResponse,
        QueryDenomsMetadataRequest, QueryDenomsMetadataResponse, QueryParamsRequest,
        QueryParamsResponse, QuerySendEnabledRequest, QuerySendEnabledResponse,
        QuerySpendableBalanceByDenomRequest, QuerySpendableBalanceByDenomResponse,
        QuerySpendableBalancesRequest, QuerySpendableBalancesResponse, QuerySupplyOfRequest,
        QuerySupplyOfResponse, QueryTotalSupplyRequest, QueryTotalSupplyResponse, SendEnabled,
    },
};

use super::{BALANCES, HOLDERS, METADATA, SEND_ENABLED, SUPPLY, calls};

pub(super) fn routes(r: &mut Routes<'_>) {
    r.query(balance)
        .query(all_balances)
        .query(spendable_balances)
        .query(spendable_balance)
        .query(total_supply)
        .query(supply_of)
        .query(params)
        .query(denoms_metadata)
        .query(denom_metadata)
        .query(denom_metadata_by_query_string)
        .query(denom_owners)
        .query(denom_owners_by_query)
        .query(send_enabled);
}

fn parse(text: &str) -> Result<Address> {
    text.parse().map_err(|error: types::AddressError| {
        Fault::invalid_argument(format!("invalid address: {error}"))
    })
}

fn check_denom(denom: &str) -> Result {
    validate_denom(denom).map_err(|error| Fault::invalid_argument(error.to_string()))
}

fn balance(
    view: &View,
    QueryBalanceRequest { address, denom }: QueryBalanceRequest,
) -> Result<QueryBalanceResponse> {
    check_denom(&denom)?;
    let amount = calls::balance(view, &parse(&address)?, &denom)?;
    Ok(QueryBalanceResponse { balance: Some(Coin::new(denom, amount).into()) })
}

fn all_balances(
    view: &View,
    QueryAllBalancesRequest { address, pagination, resolve_denom }: QueryAllBalancesRequest,
) -> Result<QueryAllBalancesResponse> {
    let walk = BALANCES.walk().under(&parse(&address)?);
    let (balances, page) = paginate_all(view, walk, pagination, |(_, denom), amount| {
        let shown = match METADATA.get(view, &denom)? {
            Some(metadata) if resolve_denom => metadata.display,
            _ => denom,
        };
        Ok(Coin::new(shown, amount).into())
    })?;
    Ok(QueryAllBalancesResponse { balances, pagination: Some(page) })
}

fn spendable_balances(
    view: &View,
    QuerySpendableBalancesRequest { address, pagination }: QuerySpendableBalancesRequest,
) -> Result<QuerySpendableBalancesResponse> {
    let address = parse(&address)?;
    let spendable = calls::spendable(view, &address)?;
    let walk = BALANCES.walk().under(&address);
    let (balances, page) = paginate_all(view, walk, pagination, |(_, denom), _| {
        let amount = spendable.amount_of(&denom);
        Ok(Coin::new(denom, amount).into())
    })?;
    Ok(QuerySpendableBalancesResponse { balances, pagination: Some(page) })
}

fn spendable_balance(
    view: &View,
    QuerySpendableBalanceByDenomRequest { address, denom }: QuerySpendableBalanceByDenomRequest,
) -> Result<QuerySpendableBalanceByDenomResponse> {
    let address = parse(&address)?;
    check_denom(&denom)?;
    let amount = calls::spendable_of(view, &address, &denom)?;
    Ok(QuerySpendableBalanceByDenomResponse { balance: Some(Coin::new(denom, amount).into()) })
}

fn total_supply(
    view: &View,
    QueryTotalSupplyRequest { pagination }: QueryTotalSupplyRequest,
) -> Result<QueryTotalSupplyResponse> {
    let (supply, page) = paginate_all(view, SUPPLY.walk(), pagination, |denom, amount| {
        Ok(Coin::new(denom, amount).into())
    })
    .map_err(|fault| Fault::internal(fault.grpc().1))?;
    Ok(QueryTotalSupplyResponse { supply, pagination: Some(page) })
}

fn supply_of(view: &View, request: QuerySupplyOfRequest) -> Result<QuerySupplyOfResponse> {
    check_denom(&request.denom)?;
    let amount = calls::supply(view, &request.denom)?;
    Ok(QuerySupplyOfResponse { amount: Coin::new(request.denom, amount).into() })
}

fn params(view: &View, _: QueryParamsRequest) -> Result<QueryParamsResponse> {
    Ok(QueryParamsResponse { params: super::params(view)? })
}

fn denoms_metadata(
    view: &View,
    request: QueryDenomsMetadataRequest,
) -> Result<QueryDenomsMetadataResponse> {
    let (metadatas, page) =
        paginate_all(view, METADATA.walk(), request.pagination, |_, it| Ok(it))?;
    Ok(QueryDenomsMetadataResponse { metadatas, pagination: Some(page) })
}

fn find_metadata(view: &View, denom: &str) -> Result<Metadata> {
    check_denom(denom)?;
    calls::metadata(view, denom)?
        .ok_or_else(|| Fault::not_found(format!("client metadata for denom {denom}")))
}

fn denom_metadata(
    view: &View,
    request: QueryDenomMetadataRequest,
) -> Result<QueryDenomMetadataResponse> {
    Ok(QueryDenomMetadataResponse { metadata: find_metadata(view, &request.denom)? })
}

fn denom_metadata_by_query_string(
    view: &View,
    request: QueryDenomMetadataByQueryStringRequest,
) -> Result<QueryDenomMetadataByQueryStringResponse> {
    Ok(QueryDenomMetadataByQueryStringResponse { metadata: find_metadata(view, &request.denom)? })
}

fn denom_owners(
    view: &View,
    QueryDenomOwnersRequest { denom, pagination }: QueryDenomOwnersRequest,
) -> Result<QueryDenomOwnersResponse> {
    check_denom(&denom)?;
    let walk = HOLDERS.walk().under(&denom);
    let (denom_owners, page) = paginate_all(view, walk, pagination, |(denom, holder), ()| {
        let address = Address::new(holder.0)?;
        let amount = calls::balance(view, &address, &denom)?;
        let balance = Coin::new(denom, amount).into();
        Ok(DenomOwner { address: address.to_string(), balance })
    })?;
    Ok(QueryDenomOwnersResponse { denom_owners, pagination: Some(page) })
}

fn denom_owners_by_query(
    view: &View,
    QueryDenomOwnersByQueryRequest { denom, pagination }: QueryDenomOwnersByQueryRequest,
) -> Result<QueryDenomOwnersByQueryResponse> {
    let page = denom_owners(view, QueryDenomOwnersRequest { denom, pagination })?;
    Ok(QueryDenomOwnersByQueryResponse {
        denom_owners: page.denom_owners,
        pagination: page.pagination,
    })
}

fn send_enabled(
    view: &View,
    QuerySendEnabledRequest { denoms, pagination }: QuerySendEnabledRequest,
) -> Result<QuerySendEnabledResponse> {
    if denoms.is_empty() {
        let (send_enabled, page) =
            paginate_all(view, SEND_ENABLED.walk(), pagination, |denom, enabled| {
                Ok(SendEnabled { denom, enabled })
            })?;
        return Ok(QuerySendEnabledResponse { send_enabled, pagination: Some(page) });
    }
    let mut send_enabled = Vec::new();
    for denom in denoms {
        if let Some(enabled) = SEND_ENABLED.get(view, &denom)? {
            send_enabled.push(SendEnabled { denom, enabled });
        }
    }
    Ok(QuerySendEnabledResponse { send_enabled, pagination: None })
}
