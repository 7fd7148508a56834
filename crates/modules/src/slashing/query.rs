//! Queries of slashing.

use ledger::{Fault, Result, Routes, View, paginate_all};
use types::wire::cosmos::slashing::v1beta1::{
    QueryParamsRequest, QueryParamsResponse, QuerySigningInfoRequest, QuerySigningInfoResponse,
    QuerySigningInfosRequest, QuerySigningInfosResponse,
};

use super::{INFOS, key};

pub(super) fn routes(r: &mut Routes<'_>) {
    r.query(params).query(signing_info).query(signing_infos);
}

fn params(view: &View, _: QueryParamsRequest) -> Result<QueryParamsResponse> {
    Ok(QueryParamsResponse { params: super::params(view)? })
}

fn signing_info(view: &View, request: QuerySigningInfoRequest) -> Result<QuerySigningInfoResponse> {
    let text = request.cons_address;
    if text.is_empty() {
        return Err(Fault::invalid_argument("invalid request"));
    }
    let val_signing_info = INFOS
        .get(view, &key(&text.parse()?))?
        .ok_or_else(|| Fault::not_found(format!("SigningInfo not found for validator {text}")))?;
    Ok(QuerySigningInfoResponse { val_signing_info })
}

fn signing_infos(
    view: &View,
    request: QuerySigningInfosRequest,
) -> Result<QuerySigningInfosResponse> {
    let (info, page) = paginate_all(view, INFOS.walk(), request.pagination, |_, info| Ok(info))?;
    Ok(QuerySigningInfosResponse { info, pagination: Some(page) })
}
