//! Contracts, of which there are none: nothing executes them here. What asks for one is refused as
//! the reference refuses what it does not know; lists are empty; governance may set the parameters
//! (chain.md 15).
//!
//! Calls: auth. Called by: nothing. Owns: store `wasm`, parameters under 10.

mod query;

use ledger::{Ctx, Fault, Item, Module, Result, Routes, Sdk, View, errors};
use types::wire::cosmwasm::wasm::v1::{
    AccessConfig, AccessType, GenesisState, MsgClearAdmin, MsgExecuteContract,
    MsgExecuteContractResponse, MsgInstantiateContract, MsgInstantiateContractResponse,
    MsgMigrateContract, MsgMigrateContractResponse, MsgPinCodes, MsgStoreCode,
    MsgStoreCodeResponse, MsgSudoContract, MsgSudoContractResponse, MsgUpdateAdmin,
    MsgUpdateParams, Params,
};

use crate::auth;

pub struct Wasm;

impl Module for Wasm {
    const NAME: &'static str = "wasm";
    type Genesis = GenesisState;

    fn routes(r: &mut Routes<'_>) {
        r.msg(store_code).msg_checked(check_instantiate, instantiate).msg(execute).msg(migrate);
        r.msg(update_admin).msg(clear_admin).msg(pin_codes).msg(sudo);
        r.msg_checked(check_update, update_params);
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
        check(&genesis.params)?;
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

fn check(params: &Params) -> Result {
    let unset = i32::from(AccessType::Unspecified);
    let what = if params.instantiate_default_permission == unset {
        "instantiate default permission"
    } else if params.code_upload_access.permission == unset {
        "upload access"
    } else {
        return Ok(());
    };
    Err(Error::Empty.wrap(format!("{what}: type")))
}

fn check_update(msg: &MsgUpdateParams) -> Result {
    check(&msg.params)
}

fn require_authority(authority: &str) -> Result {
    let gov = auth::authority_address();
    if authority == gov {
        return Ok(());
    }
    Err(Error::Invalid.wrap(format!("invalid authority; expected {gov}, got {authority}")))
}

fn update_params(cx: &mut Ctx, msg: MsgUpdateParams) -> Result {
    require_authority(&msg.authority)?;
    PARAMS.set(cx, &msg.params)
}

// What would need a contract.

fn no_contract<T>(address: &str) -> Result<T> {
    Err(Error::NoSuchContract.wrap(format!("address {address}")))
}

fn unknown_contract<T>() -> Result<T> {
    Err(Sdk::InvalidRequest.wrap("unknown contract"))
}

fn store_code(_: &mut Ctx, _: MsgStoreCode) -> Result<MsgStoreCodeResponse> {
    Err(Error::CreateFailed.wrap("contracts cannot be executed here"))
}

fn check_instantiate(msg: &MsgInstantiateContract) -> Result {
    if msg.label.is_empty() { Err(Error::Empty.wrap("label: is required")) } else { Ok(()) }
}

fn instantiate(_: &mut Ctx, msg: MsgInstantiateContract) -> Result<MsgInstantiateContractResponse> {
    Err(Error::NoSuchCode.wrap(format!("code id {}", msg.code_id)))
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

fn pin_codes(_: &mut Ctx, msg: MsgPinCodes) -> Result {
    require_authority(&msg.authority)?;
    let id = msg.code_ids.first().copied().unwrap_or_default();
    Err(Error::NoSuchCode.wrap(format!("code id {id}")))
}

fn sudo(_: &mut Ctx, msg: MsgSudoContract) -> Result<MsgSudoContractResponse> {
    require_authority(&msg.authority)?;
    no_contract(&msg.contract)
}

errors! { Wasm;
    2 CreateFailed "create wasm contract failed",
    12 Empty "empty",
    14 Invalid "invalid",
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
