//! Params, ends of leases, declines of an order; lists with the standard pages.

use ledger::{Fault, Result, View, paginate_all};
use types::{
    Address,
    wire::haggle::market::v1::{
        QueryDeclinesRequest, QueryDeclinesResponse, QueryLeaseEndRequest, QueryLeaseEndResponse,
        QueryLeaseEndsRequest, QueryLeaseEndsResponse, QueryParamsRequest, QueryParamsResponse,
    },
};

use super::{
    Error,
    state::{DECLINES, ENDS, end_key, order_key},
};

pub(super) fn params(view: &View, _: QueryParamsRequest) -> Result<QueryParamsResponse> {
    Ok(QueryParamsResponse { params: super::params(view)? })
}

pub(super) fn lease_end(
    view: &View,
    request: QueryLeaseEndRequest,
) -> Result<QueryLeaseEndResponse> {
    check_owner(&request.id.owner)?;
    let end = ENDS.get(view, &end_key(&request.id))?.ok_or(Error::EndNotFound)?;
    Ok(QueryLeaseEndResponse { end })
}

/// By dseq, gseq, oseq, provider.
pub(super) fn lease_ends(
    view: &View,
    request: QueryLeaseEndsRequest,
) -> Result<QueryLeaseEndsResponse> {
    check_owner(&request.owner)?;
    let walk = match request.dseq {
        0 => ENDS.walk().under(&request.owner),
        dseq => ENDS.walk().under(&(request.owner, dseq)),
    };
    let (ends, page) = paginate_all(view, walk, request.pagination, |_, end| Ok(end))?;
    Ok(QueryLeaseEndsResponse { ends, pagination: Some(page) })
}

/// By the text of the provider.
pub(super) fn declines(
    view: &View,
    request: QueryDeclinesRequest,
) -> Result<QueryDeclinesResponse> {
    check_owner(&request.id.owner)?;
    let walk = DECLINES.walk().under(&order_key(&request.id));
    let (declines, page) = paginate_all(view, walk, request.pagination, |_, it| Ok(it))?;
    Ok(QueryDeclinesResponse { declines, pagination: Some(page) })
}

fn check_owner(text: &str) -> Result {
    match text.parse::<Address>() {
        Ok(_) => Ok(()),
        Err(_) => Err(Fault::invalid_argument("invalid owner address")),
    }
}
