//! Grants by granter, by grantee, and between two.

use ledger::{DEFAULT_LIMIT, Fault, Prefixed, Result, View, paginate_all};
use types::{
    Address,
    wire::cosmos::{
        authz::v1beta1::{
            Grant, GrantAuthorization, QueryGranteeGrantsRequest, QueryGranteeGrantsResponse,
            QueryGranterGrantsRequest, QueryGranterGrantsResponse, QueryGrantsRequest,
            QueryGrantsResponse,
        },
        base::query::v1beta1::PageRequest,
    },
};

use super::{
    Error, GrantId, find,
    state::{BY_GRANTEE, GRANTS, text},
};

/// These lists count only when asked to.
fn counted(page: Option<PageRequest>) -> Option<PageRequest> {
    let mut page = page.unwrap_or_default();
    if page.limit == 0 {
        page.limit = DEFAULT_LIMIT;
    }
    Some(page)
}

pub(super) fn grants(view: &View, request: QueryGrantsRequest) -> Result<QueryGrantsResponse> {
    let QueryGrantsRequest { granter, grantee, msg_type_url, pagination } = request;
    let (granter, grantee): (Address, Address) = (granter.parse()?, grantee.parse()?);
    if !msg_type_url.is_empty() {
        let Some(grant) = find(view, &GrantId::new(granter, grantee, &*msg_type_url))? else {
            let text = format!("authorization not found for {msg_type_url} type");
            return Err(Error::NotFound.wrap(text));
        };
        return Ok(QueryGrantsResponse { grants: vec![grant], pagination: None });
    }
    let walk = GRANTS.walk().under(&(granter, grantee));
    let (grants, page) = paginate_all(view, walk, counted(pagination), |_, grant| Ok(grant))?;
    Ok(QueryGrantsResponse { grants, pagination: Some(page) })
}

fn shown(granter: &Address, grantee: &Address, grant: Grant) -> GrantAuthorization {
    GrantAuthorization {
        granter: granter.to_string(),
        grantee: grantee.to_string(),
        authorization: grant.authorization,
        expiration: grant.expiration,
    }
}

pub(super) fn by_granter(
    view: &View,
    request: QueryGranterGrantsRequest,
) -> Result<QueryGranterGrantsResponse> {
    let granter: Address = request.granter.parse()?;
    let walk = GRANTS.walk().under(&granter);
    let (grants, page) =
        paginate_all(view, walk, counted(request.pagination), |(granter, grantee, _), grant| {
            Ok(shown(&granter, &grantee, grant))
        })?;
    Ok(QueryGranterGrantsResponse { grants, pagination: Some(page) })
}

pub(super) fn by_grantee(
    view: &View,
    request: QueryGranteeGrantsRequest,
) -> Result<QueryGranteeGrantsResponse> {
    let grantee: Address = request.grantee.parse()?;
    let walk = BY_GRANTEE.walk().under(&grantee);
    let (grants, page) = paginate_all(
        view,
        walk,
        counted(request.pagination),
        |(grantee, granter, Prefixed(msg_type)), _| {
            let id = GrantId::new(granter, grantee, text(msg_type));
            let grant = find(view, &id)?;
            let grant = grant.ok_or_else(|| Fault::internal("an index entry has no row"))?;
            Ok(shown(&id.granter, &id.grantee, grant))
        },
    )?;
    Ok(QueryGranteeGrantsResponse { grants, pagination: Some(page) })
}
