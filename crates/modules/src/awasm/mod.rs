//! What contracts may send: the guard in front of their messages (chain.md 15).
//!
//! No contracts run here, so nothing asks the guard; its parameters and the answer about them are
//! those of the reference.
//!
//! Calls: auth. Called by: nothing. Owns: store `awasm`, parameters under 09.

mod guard;

use ledger::{Ctx, Fault, Item, Module, Result, Routes, View};
use types::{
    Address,
    wire::akash::wasm::v1::{
        GenesisState, MsgUpdateParams, Params, QueryParamsRequest, QueryParamsResponse,
    },
};

use crate::auth;

pub use guard::{ContractMessage, judge};

pub struct Awasm;

impl Module for Awasm {
    const NAME: &'static str = "awasm";
    type Genesis = GenesisState;

    fn routes(r: &mut Routes<'_>) {
        r.msg_checked(check_update, update).query(show);
    }

    fn default_genesis() -> GenesisState {
        let modules = ["gov", "distribution", "bonded_tokens_pool", "not_bonded_tokens_pool"];
        let blocked_addresses = modules.map(|it| Address::of_module(it).to_string()).into();
        GenesisState { params: Params { blocked_addresses } }
    }

    fn init(cx: &mut Ctx, genesis: GenesisState) -> Result {
        check(&genesis.params)?;
        PARAMS.set(cx, &genesis.params)
    }

    fn export(view: &View) -> Result<GenesisState> {
        Ok(GenesisState { params: params(view)? })
    }
}

const PARAMS: Item<Params> = Item::new(Awasm::NAME, &[0x09]);

fn params(view: &View) -> Result<Params> {
    PARAMS.get_or_default(view)
}

fn check(params: &Params) -> Result {
    for address in &params.blocked_addresses {
        if let Err(error) = address.parse::<Address>() {
            return Err(Fault::plain(format!("invalid blocked address: {address}: {error}")));
        }
    }
    Ok(())
}

fn check_update(msg: &MsgUpdateParams) -> Result {
    if let Err(error) = msg.authority.parse::<Address>() {
        return Err(Fault::plain(format!("invalid authority address: {error}")));
    }
    check(&msg.params)
}

fn update(cx: &mut Ctx, msg: MsgUpdateParams) -> Result {
    auth::require_authority(&msg.authority)?;
    PARAMS.set(cx, &msg.params)
}

fn show(view: &View, _: QueryParamsRequest) -> Result<QueryParamsResponse> {
    Ok(QueryParamsResponse { params: params(view)? })
}
