//! Allowances by grantee, by granter, and between two.

use ledger::{Fault, Prefixed, Result, View, paginate};
use types::{
    Address,
    wire::cosmos::feegrant::v1beta1::{
        QueryAllowanceRequest, QueryAllowanceResponse, QueryAllowancesByGranterRequest,
        QueryAllowancesByGranterResponse, QueryAllowancesRequest, QueryAllowancesResponse,
    },
};

use super::{ALLOWANCES, BY_GRANTER, GrantId, not_found};

pub(super) fn allowance(
    view: &View,
    request: QueryAllowanceRequest,
) -> Result<QueryAllowanceResponse> {
    let id = GrantId { granter: request.granter.parse()?, grantee: request.grantee.parse()? };
    let Some(grant) = ALLOWANCES.get(view, &id.key())? else {
        return Err(Fault::internal(not_found().to_string()));
    };
    Ok(QueryAllowanceResponse { allowance: Some(grant) })
}

pub(super) fn allowances(
    view: &View,
    request: QueryAllowancesRequest,
) -> Result<QueryAllowancesResponse> {
    let grantee: Address = request.grantee.parse()?;
    let walk = ALLOWANCES.walk().under(&grantee);
    let (allowances, page) = paginate(view, walk, request.pagination, |_, it| Ok(Some(it)))?;
    Ok(QueryAllowancesResponse { allowances, pagination: Some(page) })
}

pub(super) fn by_granter(
    view: &View,
    request: QueryAllowancesByGranterRequest,
) -> Result<QueryAllowancesByGranterResponse> {
    let granter: Address = request.granter.parse()?;
    let walk = BY_GRANTER.walk().under(&granter);
    let (allowances, page) =
        paginate(view, walk, request.pagination, |(granter, Prefixed(grantee)), _| {
            let id = GrantId { granter, grantee: Address::new(grantee)? };
            ALLOWANCES.get(view, &id.key())
        })?;
    Ok(QueryAllowancesByGranterResponse { allowances, pagination: Some(page) })
}
