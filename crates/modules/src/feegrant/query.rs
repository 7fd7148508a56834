//! Allowances by grantee, by granter, and between two.

use ledger::{Fault, Key, Paging, Prefixed, Result, View, paginate_all};
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
    let (allowances, page) = paginate_all(view, walk, request.pagination, |_, it| Ok(it))?;
    Ok(QueryAllowancesResponse { allowances, pagination: Some(page) })
}

pub(super) fn by_granter(
    view: &View,
    request: QueryAllowancesByGranterRequest,
) -> Result<QueryAllowancesByGranterResponse> {
    let granter: Address = request.granter.parse()?;
    let limit = Paging::of(request.pagination.clone())?.limit;
    let walk = BY_GRANTER.walk().under(&granter);
    let mut last = None;
    let (allowances, mut page) =
        paginate_all(view, walk, request.pagination, |(granter, Prefixed(grantee)), _| {
            let id = GrantId { granter, grantee: Address::new(grantee)? };
            let found = ALLOWANCES.get(view, &id.key())?;
            last = Some(id);
            found.ok_or_else(|| Fault::internal("an index entry has no row"))
        })?;
    let is_full = u64::try_from(allowances.len()).is_ok_and(|it| it == limit);
    if let (true, true, Some(last)) = (is_full, page.next_key.is_empty(), last)
        && others_follow(view, &last)?
    {
        page.next_key = [Prefixed(last.grantee.into_bytes()).to_bytes(), vec![0]].concat();
    }
    Ok(QueryAllowancesByGranterResponse { allowances, pagination: Some(page) })
}

/// Whether any allowance stands behind this one. The reference filters a walk over all of them, so
/// that a full page has a next one while there are any, of whomever; clients see it.
fn others_follow(view: &View, last: &GrantId) -> Result<bool> {
    let mut entries = ALLOWANCES.walk().from(&last.key()).iter(view);
    entries.next().transpose()?;
    Ok(entries.next().transpose()?.is_some())
}
