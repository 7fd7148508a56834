//! Queries of auth. Texts of refusals are those that clients match.

use ledger::{Fault, Result, Routes, View, paginate_all};
use prost_types::Any;
use types::{
    Address,
    wire::cosmos::auth::v1beta1::{
        AddressBytesToStringRequest, AddressBytesToStringResponse, AddressStringToBytesRequest,
        AddressStringToBytesResponse, BaseAccount, Bech32PrefixRequest, Bech32PrefixResponse,
        QueryAccountAddressByIdRequest, QueryAccountAddressByIdResponse, QueryAccountInfoRequest,
        QueryAccountInfoResponse, QueryAccountRequest, QueryAccountResponse, QueryAccountsRequest,
        QueryAccountsResponse, QueryModuleAccountByNameRequest, QueryModuleAccountByNameResponse,
        QueryModuleAccountsRequest, QueryModuleAccountsResponse, QueryParamsRequest,
        QueryParamsResponse,
    },
};

use super::{ACCOUNTS, Account, Kind, MODULE_ACCOUNTS, NEXT_NUMBER, NUMBERS};

pub(super) fn routes(r: &mut Routes<'_>) {
    r.query(account)
        .query(accounts)
        .query(account_info)
        .query(address_by_number)
        .query(params)
        .query(module_accounts)
        .query(module_account)
        .query(prefix)
        .query(bytes_to_text)
        .query(text_to_bytes);
}

fn load(view: &View, address: &str) -> Result<Account> {
    let parsed: Address = address.parse()?;
    ACCOUNTS
        .get(view, &parsed)?
        .ok_or_else(|| Fault::not_found(format!("account {address} not found")))
}

fn account(view: &View, request: QueryAccountRequest) -> Result<QueryAccountResponse> {
    if request.address.is_empty() {
        return Err(Fault::invalid_argument("Address cannot be empty"));
    }
    Ok(QueryAccountResponse { account: Some(load(view, &request.address)?.to_any()) })
}

fn accounts(view: &View, request: QueryAccountsRequest) -> Result<QueryAccountsResponse> {
    let (accounts, page) =
        paginate_all(view, ACCOUNTS.walk(), request.pagination, |_, account| Ok(account.to_any()))?;
    Ok(QueryAccountsResponse { accounts, pagination: Some(page) })
}

fn account_info(view: &View, request: QueryAccountInfoRequest) -> Result<QueryAccountInfoResponse> {
    if request.address.is_empty() {
        return Err(Fault::invalid_argument("address cannot be empty"));
    }
    Ok(QueryAccountInfoResponse { info: Some(load(view, &request.address)?.base) })
}

fn address_by_number(
    view: &View,
    QueryAccountAddressByIdRequest { id, account_id }: QueryAccountAddressByIdRequest,
) -> Result<QueryAccountAddressByIdResponse> {
    if id != 0 {
        return Err(Fault::invalid_argument(
            "requesting with id isn't supported, try to request using account-id",
        ));
    }
    let address = NUMBERS.get(view, &account_id)?.ok_or_else(|| {
        Fault::not_found(format!("account address not found with account number {account_id}"))
    })?;
    Ok(QueryAccountAddressByIdResponse { account_address: address.to_string() })
}

fn params(view: &View, _: QueryParamsRequest) -> Result<QueryParamsResponse> {
    Ok(QueryParamsResponse { params: super::params(view)? })
}

/// A module's account, or the one it would get: queries create nothing.
fn module_account_any(view: &View, name: &str, missing: &mut u64) -> Result<Any> {
    let address = super::module_address(name);
    if let Some(account) = ACCOUNTS.get(view, &address)? {
        return Ok(account.to_any());
    }
    let account_number = NEXT_NUMBER.peek(view)?.saturating_add(*missing);
    *missing = missing.saturating_add(1);
    let permissions = super::permissions(name).unwrap_or_default();
    let account = Account {
        base: BaseAccount {
            address: address.to_string(),
            account_number,
            ..BaseAccount::default()
        },
        kind: Kind::Module {
            name: name.to_owned(),
            permissions: permissions.iter().map(|it| (*it).to_owned()).collect(),
        },
    };
    Ok(account.to_any())
}

fn module_accounts(
    view: &View,
    _: QueryModuleAccountsRequest,
) -> Result<QueryModuleAccountsResponse> {
    let mut names: Vec<&str> = MODULE_ACCOUNTS.iter().map(|(name, _)| *name).collect();
    names.sort_unstable();
    let mut missing = 0;
    let accounts = names
        .into_iter()
        .map(|name| module_account_any(view, name, &mut missing))
        .collect::<Result<_>>()?;
    Ok(QueryModuleAccountsResponse { accounts })
}

fn module_account(
    view: &View,
    QueryModuleAccountByNameRequest { name }: QueryModuleAccountByNameRequest,
) -> Result<QueryModuleAccountByNameResponse> {
    if name.is_empty() {
        return Err(Fault::invalid_argument("module name is empty"));
    }
    if super::permissions(&name).is_none() {
        return Err(Fault::not_found(format!("account {name} not found")));
    }
    Ok(QueryModuleAccountByNameResponse { account: Some(module_account_any(view, &name, &mut 0)?) })
}

fn prefix(_: &View, _: Bech32PrefixRequest) -> Result<Bech32PrefixResponse> {
    Ok(Bech32PrefixResponse { bech32_prefix: Address::PREFIX.to_owned() })
}

fn bytes_to_text(
    _: &View,
    request: AddressBytesToStringRequest,
) -> Result<AddressBytesToStringResponse> {
    if request.address_bytes.is_empty() {
        return Err(Fault::plain("empty address bytes is not allowed"));
    }
    let address = Address::new(request.address_bytes)?;
    Ok(AddressBytesToStringResponse { address_string: address.to_string() })
}

fn text_to_bytes(
    _: &View,
    request: AddressStringToBytesRequest,
) -> Result<AddressStringToBytesResponse> {
    let address: Address = request.address_string.parse()?;
    Ok(AddressStringToBytesResponse { address_bytes: address.into_bytes() })
}
