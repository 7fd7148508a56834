//! What a deployment may be priced and paid in: our own parameter, `haggle.deployment.v1`. The
//! reference fixes it to `uact` (chain.md 4.3), which is the default here, so that its blocks
//! replay.
//!
//! Calls: nothing. Called by: market, when a deployment is created. Owns: store `denoms`, key 00.

use std::collections::BTreeSet;

use ledger::{Ctx, Invariant, Item, Module, Result, Routes, View, errors};
use types::{
    validate_denom,
    wire::haggle::deployment::v1::{
        GenesisState, MsgUpdateParams, Params, QueryParamsRequest, QueryParamsResponse,
    },
};

use crate::{auth, base};

pub struct Denoms;

impl Module for Denoms {
    const NAME: &'static str = "denoms";
    const INVARIANTS: &'static [Invariant] =
        &[Invariant("deployments can be priced in something", |view| check(&params(view)?))];
    type Genesis = GenesisState;

    fn routes(r: &mut Routes<'_>) {
        r.msg_checked(check_update, update).query(show);
    }

    fn default_genesis() -> GenesisState {
        GenesisState { params: default_params() }
    }

    fn init(cx: &mut Ctx, genesis: GenesisState) -> Result {
        check(&genesis.params)?;
        PARAMS.set(cx, &genesis.params)
    }

    fn export(view: &View) -> Result<GenesisState> {
        Ok(GenesisState { params: params(view)? })
    }
}

const PARAMS: Item<Params> = Item::new(Denoms::NAME, &[0x00]);

fn default_params() -> Params {
    Params { denoms: vec!["uact".to_owned()] }
}

fn params(view: &View) -> Result<Params> {
    Ok(PARAMS.get(view)?.unwrap_or_else(default_params))
}

fn check(params: &Params) -> Result {
    if params.denoms.is_empty() {
        return Err(Error::NoDenoms.into());
    }
    let mut seen = BTreeSet::new();
    for denom in &params.denoms {
        validate_denom(denom).map_err(base::money)?;
        if !seen.insert(denom) {
            return Err(Error::DuplicateDenom(denom.clone()).into());
        }
    }
    Ok(())
}

fn check_update(msg: &MsgUpdateParams) -> Result {
    check(&msg.params)
}

fn update(cx: &mut Ctx, msg: MsgUpdateParams) -> Result {
    auth::require_authority(&msg.authority)?;
    PARAMS.set(cx, &msg.params)
}

fn show(view: &View, _: QueryParamsRequest) -> Result<QueryParamsResponse> {
    Ok(QueryParamsResponse { params: params(view)? })
}

/// Whether a deployment may be priced and paid in `denom`.
pub fn accepts(view: &View, denom: &str) -> Result<bool> {
    Ok(params(view)?.denoms.iter().any(|it| it == denom))
}

errors! { Denoms;
    1 NoDenoms "at least one denomination is needed" => InvalidArgument,
    2 DuplicateDenom(String) "denomination {0} is listed twice" => InvalidArgument,
}
