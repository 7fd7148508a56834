//! Contracts, of which there are none: nothing executes them here. What asks for one is refused as
//! the reference refuses what it does not know; lists are empty; governance may set the parameters
//! (chain.md 15).
//!
//! Calls: auth. Called by: nothing. Owns: store `wasm`, parameters under 10.

mod checks;
mod query;

use ledger::{Ctx, Fault, Item, Module, Result, Routes, Sdk, View, errors};
use types::wire::cosmwasm::wasm::v1::{
    AccessConfig, AccessType, GenesisState, MsgAddCodeUploadParamsAddresses, MsgClearAdmin,
    MsgExecuteContract, MsgExecuteContractResponse, MsgInstantiateContract,
    MsgInstantiateContract2, MsgInstantiateContract2Response, MsgInstantiateContractResponse,
    MsgMigrateContract, MsgMigrateContractResponse, MsgPinCodes,
    MsgRemoveCodeUploadParamsAddresses, MsgStoreAndInstantiateContract,
    MsgStoreAndInstantiateContractResponse, MsgStoreAndMigrateContract,
    MsgStoreAndMigrateContractResponse, MsgStoreCode, MsgStoreCodeResponse, MsgSudoContract,
    MsgSudoContractResponse, MsgUnpinCodes, MsgUpdateAdmin, MsgUpdateContractLabel,
    MsgUpdateInstantiateConfig, MsgUpdateParams, Params,
};

use crate::auth;

pub struct Wasm;

impl Module for Wasm {
    const NAME: &'static str = "wasm";
    type Genesis = GenesisState;

    fn routes(r: &mut Routes<'_>) {
        r.msg_checked(checks::store, store_code);
        r.msg_checked(checks::instantiate, instantiate);
        r.msg_checked(checks::instantiate2, instantiate2);
        r.msg_checked(checks::execute, execute);
        r.msg_checked(checks::migrate, migrate);
        r.msg_checked(checks::update_admin, update_admin);
        r.msg_checked(checks::clear_admin, clear_admin);
        r.msg_checked(checks::update_label, update_label);
        r.msg_checked(checks::update_config, update_config);
        r.msg_checked(checks::pin, pin_codes);
        r.msg_checked(checks::unpin, unpin_codes);
        r.msg_checked(checks::sudo, sudo);
        r.msg_checked(checks::store_and_instantiate, store_and_instantiate);
        r.msg_checked(checks::store_and_migrate, store_and_migrate);
        r.msg_checked(checks::add_uploaders, add_uploaders);
        r.msg_checked(checks::remove_uploaders, remove_uploaders);
        r.msg_checked(checks::update, update_params);
        query::routes(r);
    }

    fn default_genesis() -> GenesisState {
        let everybody = AccessType::Everybody.into();
        let code_upload_access = AccessConfig { permission: everybody, addresses: Vec::new() };
        let params = Params { code_upload_access, instantiate_default_permission: everybody };
        GenesisState { params, ..GenesisState::default() }
    }

    fn init(cx: &mut Ctx, genesis: GenesisState) -> Result {
        if !genesis.codes.is_empty() || !genesis.contracts.is_empty() {
            return Err(Fault::plain("contracts cannot be executed here"));
        }
        checks::params(&genesis.params)?;
        PARAMS.set(cx, &genesis.params)
    }

    fn export(view: &View) -> Result<GenesisState> {
        Ok(GenesisState { params: params(view)?, ..GenesisState::default() })
    }
}

const PARAMS: Item<Params> = Item::new(Wasm::NAME, &[0x10]);

fn params(view: &View) -> Result<Params> {
    Ok(PARAMS.get(view)?.unwrap_or_else(|| Wasm::default_genesis().params))
}

fn require_authority(authority: &str) -> Result {
    let gov = auth::authority_address();
    if authority == gov {
        return Ok(());
    }
    Err(Error::Invalid.wrap(format!("invalid authority; expected {gov}, got {authority}")))
}

// Parameters.

fn update_params(cx: &mut Ctx, msg: MsgUpdateParams) -> Result {
    require_authority(&msg.authority)?;
    PARAMS.set(cx, &msg.params)
}

/// The parameters, if those who may upload are a list.
fn listed_uploaders(view: &View, authority: &str) -> Result<Params> {
    require_authority(authority)?;
    let params = params(view)?;
    if params.code_upload_access.permission != i32::from(AccessType::AnyOfAddresses) {
        return Err(Error::Invalid.wrap("permission"));
    }
    Ok(params)
}

fn add_uploaders(cx: &mut Ctx, msg: MsgAddCodeUploadParamsAddresses) -> Result {
    let mut params = listed_uploaders(cx, &msg.authority)?;
    let list = &mut params.code_upload_access.addresses;
    for address in msg.addresses {
        if !list.contains(&address) {
            list.push(address);
        }
    }
    PARAMS.set(cx, &params)
}

fn remove_uploaders(cx: &mut Ctx, msg: MsgRemoveCodeUploadParamsAddresses) -> Result {
    let mut params = listed_uploaders(cx, &msg.authority)?;
    params.code_upload_access.addresses.retain(|it| !msg.addresses.contains(it));
    PARAMS.set(cx, &params)
}

// What would need a contract.

fn no_contract<T>(address: &str) -> Result<T> {
    Err(Error::NoSuchContract.wrap(format!("address {address}")))
}

fn unknown_contract<T>() -> Result<T> {
    Err(Sdk::InvalidRequest.wrap("unknown contract"))
}

/// Who may upload is asked first; then no code is good enough.
fn store_code(cx: &mut Ctx, msg: MsgStoreCode) -> Result<MsgStoreCodeResponse> {
    let access = params(cx)?.code_upload_access;
    let may = match AccessType::try_from(access.permission) {
        Ok(AccessType::Everybody) => true,
        Ok(AccessType::AnyOfAddresses) => access.addresses.contains(&msg.sender),
        _ => false,
    };
    if !may {
        return Err(Sdk::Unauthorized.wrap("can not create code"));
    }
    no_code()
}

fn no_code<T>() -> Result<T> {
    Err(Error::CreateFailed.wrap("contracts cannot be executed here"))
}

fn unknown_code<T>(id: u64) -> Result<T> {
    Err(Error::NoSuchCode.wrap(format!("code id {id}")))
}

fn instantiate(_: &mut Ctx, msg: MsgInstantiateContract) -> Result<MsgInstantiateContractResponse> {
    unknown_code(msg.code_id)
}

fn instantiate2(
    _: &mut Ctx,
    msg: MsgInstantiateContract2,
) -> Result<MsgInstantiateContract2Response> {
    unknown_code(msg.code_id)
}

fn execute(_: &mut Ctx, msg: MsgExecuteContract) -> Result<MsgExecuteContractResponse> {
    no_contract(&msg.contract)
}

fn migrate(_: &mut Ctx, _: MsgMigrateContract) -> Result<MsgMigrateContractResponse> {
    unknown_contract()
}

fn update_admin(_: &mut Ctx, _: MsgUpdateAdmin) -> Result {
    unknown_contract()
}

fn clear_admin(_: &mut Ctx, _: MsgClearAdmin) -> Result {
    unknown_contract()
}

fn update_label(_: &mut Ctx, _: MsgUpdateContractLabel) -> Result {
    unknown_contract()
}

fn update_config(_: &mut Ctx, msg: MsgUpdateInstantiateConfig) -> Result {
    unknown_code(msg.code_id)
}

fn pin_codes(_: &mut Ctx, msg: MsgPinCodes) -> Result {
    require_authority(&msg.authority)?;
    unknown_code(msg.code_ids.first().copied().unwrap_or_default())
}

fn unpin_codes(_: &mut Ctx, msg: MsgUnpinCodes) -> Result {
    require_authority(&msg.authority)?;
    unknown_code(msg.code_ids.first().copied().unwrap_or_default())
}

fn sudo(_: &mut Ctx, msg: MsgSudoContract) -> Result<MsgSudoContractResponse> {
    require_authority(&msg.authority)?;
    no_contract(&msg.contract)
}

fn store_and_instantiate(
    _: &mut Ctx,
    msg: MsgStoreAndInstantiateContract,
) -> Result<MsgStoreAndInstantiateContractResponse> {
    require_authority(&msg.authority)?;
    no_code()
}

fn store_and_migrate(
    _: &mut Ctx,
    msg: MsgStoreAndMigrateContract,
) -> Result<MsgStoreAndMigrateContractResponse> {
    require_authority(&msg.authority)?;
    no_code()
}

errors! { Wasm;
    2 CreateFailed "create wasm contract failed",
    12 Empty "empty",
    13 Limit "exceeds limit",
    14 Invalid "invalid",
    15 Duplicate "duplicate",
    22 NoSuchContract "no such contract",
    28 NoSuchCode "no such code",
}

#[cfg(test)]
mod tests {
    use ledger::testing::Chain;

    use super::*;
    use crate::Market;

    #[test]
    fn contracts_are_refused_and_governance_sets_the_parameters() {
        let mut chain = Chain::<Market>::new(serde_json::json!({}));
        let someone = types::Address::new([1; 20]).unwrap().to_string();
        let instantiate = |label: &str| MsgInstantiateContract {
            sender: someone.clone(),
            code_id: 1,
            label: label.to_owned(),
            msg: b"{}".to_vec(),
            ..MsgInstantiateContract::default()
        };
        let fault = chain.run(&instantiate("")).unwrap_err();
        assert_eq!(fault.to_string(), "label: is required: empty");
        let fault = chain.run(&instantiate("x")).unwrap_err();
        assert_eq!((fault.codespace(), fault.code()), ("wasm", 28));
        let mut message =
            MsgUpdateParams { authority: someone, params: Wasm::default_genesis().params };
        assert_eq!(chain.run(&message).unwrap_err().code(), 14);
        message.authority = auth::authority_address();
        message.params.code_upload_access.permission = AccessType::Nobody.into();
        chain.run(&message).unwrap();
        assert_eq!(params(chain.view()).unwrap(), message.params);
        message.params.instantiate_default_permission = 0;
        let fault = chain.run(&message).unwrap_err();
        assert_eq!(fault.to_string(), "instantiate default permission: type: empty");
    }
}
