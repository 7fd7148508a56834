//! Import and export.

use ledger::{Ctx, Fault, Result, View};
use types::wire::haggle::market::v1::GenesisState;

use super::{
    PARAMS, check, params,
    state::{DECLINES, ENDS, check_decline, decline_key, end_key},
};

pub(super) fn init(cx: &mut Ctx, genesis: GenesisState) -> Result {
    check(&genesis.params)?;
    PARAMS.set(cx, &genesis.params)?;
    for end in &genesis.lease_ends {
        let key = end_key(&end.id);
        if ENDS.has(cx, &key)? {
            return Err(Fault::plain("the end of a lease is listed twice"));
        }
        ENDS.set(cx, &key, end)?;
    }
    for decline in &genesis.declines {
        check_decline(decline.dimension, &decline.subject, &decline.shortfall)?;
        let key = decline_key(&decline.id, &decline.provider);
        if DECLINES.has(cx, &key)? {
            return Err(Fault::plain("a decline is listed twice"));
        }
        DECLINES.set(cx, &key, decline)?;
    }
    Ok(())
}

pub(super) fn export(view: &View) -> Result<GenesisState> {
    Ok(GenesisState {
        params: params(view)?,
        lease_ends: ENDS.values(view).collect::<Result<_>>()?,
        declines: DECLINES.values(view).collect::<Result<_>>()?,
    })
}
