//! Queries: the parameters, and that there is nothing else.

use ledger::{Fault, Result, Routes, View};
use sha2::{Digest, Sha256};
use types::{
    Address,
    wire::{
        cosmos::base::query::v1beta1::PageResponse,
        cosmwasm::wasm::v1::{
            QueryAllContractStateRequest, QueryAllContractStateResponse, QueryBuildAddressRequest,
            QueryBuildAddressResponse, QueryCodeInfoRequest, QueryCodeInfoResponse,
            QueryCodeRequest, QueryCodeResponse, QueryCodesRequest, QueryCodesResponse,
            QueryContractHistoryRequest, QueryContractHistoryResponse, QueryContractInfoRequest,
            QueryContractInfoResponse, QueryContractsByCodeRequest, QueryContractsByCodeResponse,
            QueryContractsByCreatorRequest, QueryContractsByCreatorResponse, QueryParamsRequest,
            QueryParamsResponse, QueryPinnedCodesRequest, QueryPinnedCodesResponse,
            QueryRawContractStateRequest, QueryRawContractStateResponse,
            QuerySmartContractStateRequest, QuerySmartContractStateResponse,
            QueryWasmLimitsConfigRequest, QueryWasmLimitsConfigResponse,
        },
    },
};

use super::{Error, checks, no_contract};

pub(super) fn routes(r: &mut Routes<'_>) {
    r.query(params).query(codes).query(pinned).query(code).query(code_info);
    r.query(by_code).query(by_creator).query(contract).query(history);
    r.query(all_state).query(raw_state).query(smart_state).query(build_address).query(limits);
}

fn params(view: &View, _: QueryParamsRequest) -> Result<QueryParamsResponse> {
    Ok(QueryParamsResponse { params: super::params(view)? })
}

#[expect(clippy::unnecessary_wraps, reason = "as answers hold it")]
fn nothing() -> Option<PageResponse> {
    Some(PageResponse::default())
}

fn address(text: &str) -> Result<Address> {
    Ok(text.parse()?)
}

fn no_code<T>(id: u64) -> Result<T> {
    match id {
        0 => Err(Error::Invalid.wrap("code id")),
        _ => Err(Error::NoSuchCode.wrap(format!("code id {id}"))),
    }
}

fn codes(_: &View, _: QueryCodesRequest) -> Result<QueryCodesResponse> {
    Ok(QueryCodesResponse { code_infos: Vec::new(), pagination: nothing() })
}

fn pinned(_: &View, _: QueryPinnedCodesRequest) -> Result<QueryPinnedCodesResponse> {
    Ok(QueryPinnedCodesResponse { code_ids: Vec::new(), pagination: nothing() })
}

fn code(_: &View, request: QueryCodeRequest) -> Result<QueryCodeResponse> {
    no_code(request.code_id)
}

fn code_info(_: &View, request: QueryCodeInfoRequest) -> Result<QueryCodeInfoResponse> {
    no_code(request.code_id)
}

fn by_code(_: &View, request: QueryContractsByCodeRequest) -> Result<QueryContractsByCodeResponse> {
    if request.code_id == 0 {
        return no_code(0);
    }
    Ok(QueryContractsByCodeResponse { contracts: Vec::new(), pagination: nothing() })
}

fn by_creator(
    _: &View,
    request: QueryContractsByCreatorRequest,
) -> Result<QueryContractsByCreatorResponse> {
    address(&request.creator_address)?;
    let contract_addresses = Vec::new();
    Ok(QueryContractsByCreatorResponse { contract_addresses, pagination: nothing() })
}

fn contract(_: &View, request: QueryContractInfoRequest) -> Result<QueryContractInfoResponse> {
    address(&request.address)?;
    no_contract(&request.address)
}

fn history(_: &View, request: QueryContractHistoryRequest) -> Result<QueryContractHistoryResponse> {
    address(&request.address)?;
    Ok(QueryContractHistoryResponse { entries: Vec::new(), pagination: nothing() })
}

fn all_state(
    _: &View,
    request: QueryAllContractStateRequest,
) -> Result<QueryAllContractStateResponse> {
    address(&request.address)?;
    no_contract(&request.address)
}

fn raw_state(
    _: &View,
    request: QueryRawContractStateRequest,
) -> Result<QueryRawContractStateResponse> {
    address(&request.address)?;
    no_contract(&request.address)
}

fn smart_state(
    _: &View,
    request: QuerySmartContractStateRequest,
) -> Result<QuerySmartContractStateResponse> {
    if serde_json::from_slice::<serde_json::Value>(&request.query_data).is_err() {
        return Err(Fault::invalid_argument("invalid query data"));
    }
    address(&request.address)?;
    no_contract(&request.address)
}

/// The virtual machine's own settings: none.
fn limits(_: &View, _: QueryWasmLimitsConfigRequest) -> Result<QueryWasmLimitsConfigResponse> {
    Ok(QueryWasmLimitsConfigResponse { config: "{}".to_owned() })
}

fn unhex(text: &str, what: &str) -> Result<Vec<u8>> {
    let digits = text.as_bytes().chunks(2).map(|pair| {
        let pair = std::str::from_utf8(pair).ok().filter(|it| it.len() == 2)?;
        u8::from_str_radix(pair, 16).ok()
    });
    let bytes: Option<Vec<u8>> = digits.collect();
    bytes.ok_or_else(|| Fault::plain(format!("invalid {what}: no hex digits")))
}

/// Where a contract would be that is made with a salt: a hash over its code, its maker, the salt
/// and, if asked for, its first message, each behind its length.
fn build_address(_: &View, request: QueryBuildAddressRequest) -> Result<QueryBuildAddressResponse> {
    let QueryBuildAddressRequest { code_hash, creator_address, salt, init_args } = request;
    let creator: Address = creator_address
        .parse()
        .map_err(|error| Fault::from(error).context("invalid creator address"))?;
    let code_hash = unhex(&code_hash, "code hash")?;
    let salt = unhex(&salt, "salt")?;
    checks::salt(&salt).map_err(|it| it.context("invalid salt"))?;
    if !init_args.is_empty() && serde_json::from_slice::<serde::de::IgnoredAny>(&init_args).is_err()
    {
        return Err(Error::Invalid.wrap("invalid init args"));
    }
    if code_hash.len() != 32 {
        return Err(Fault::plain("invalid checksum"));
    }
    let mut hasher = Sha256::new();
    hasher.update(Sha256::digest(b"module"));
    hasher.update(b"wasm\0");
    for part in [code_hash.as_slice(), creator.as_bytes(), &salt, &init_args] {
        hasher.update(u64::try_from(part.len()).unwrap_or_default().to_be_bytes());
        hasher.update(part);
    }
    let address = Address::new(hasher.finalize().to_vec())?.to_string();
    Ok(QueryBuildAddressResponse { address })
}
