//! What the market writes down beyond the reference, `haggle.market.v1`: why each lease ended, and
//! why a provider did not bid on an order. Both are off by default, so that blocks of the reference
//! replay with the same events.
//!
//! Calls: auth (authority). Called by: market, which knows orders and leases and routes the message
//! of a decline. Owns: store `receipts`, params under 00, ends of leases under 01, declines under
//! 02. Ends are kept like leases are; declines until their order closes.

mod genesis;
mod query;
mod state;

pub use state::{check_decline, decline, declines, ended, ends, forget, retract};

use ledger::{Ctx, Invariant, Item, Module, Result, Routes, View, errors};
use types::wire::haggle::market::v1::{GenesisState, MsgUpdateParams, Params};

use crate::auth;

pub struct Receipts;

impl Module for Receipts {
    const NAME: &'static str = "receipts";
    const INVARIANTS: &'static [Invariant] = &[
        Invariant("records of the market are complete and in place", state::records_are_whole),
        Invariant("an order has no more declines than it may have", state::declines_are_bounded),
    ];
    type Genesis = GenesisState;

    fn routes(r: &mut Routes<'_>) {
        r.msg_checked(check_update, update);
        r.query(query::params).query(query::lease_end).query(query::lease_ends);
        r.query(query::declines);
    }

    fn init(cx: &mut Ctx, genesis: GenesisState) -> Result {
        genesis::init(cx, genesis)
    }

    fn export(view: &View) -> Result<GenesisState> {
        genesis::export(view)
    }
}

const PARAMS: Item<Params> = Item::new(Receipts::NAME, &[0x00]);

/// The most declines that an order may be allowed.
pub const MAX_DECLINES: u32 = 500;

fn params(view: &View) -> Result<Params> {
    Ok(PARAMS.get(view)?.unwrap_or_default())
}

fn check(params: &Params) -> Result {
    if params.max_declines > MAX_DECLINES {
        return Err(Error::TooManyDeclines(params.max_declines).into());
    }
    Ok(())
}

fn check_update(msg: &MsgUpdateParams) -> Result {
    check(&msg.params)
}

/// Declines that an order has by now stay until it closes.
fn update(cx: &mut Ctx, msg: MsgUpdateParams) -> Result {
    auth::require_authority(&msg.authority)?;
    PARAMS.set(cx, &msg.params)
}

/// Changes the parameters in an upgrade of the network.
#[cfg(feature = "upgrade-rehearsal")]
pub(crate) fn change_params(cx: &mut Ctx, change: impl FnOnce(&mut Params)) -> Result {
    let mut changed = params(cx)?;
    change(&mut changed);
    check(&changed)?;
    PARAMS.set(cx, &changed)
}

errors! { Receipts;
    1 Disabled "declines are not taken on this chain" => FailedPrecondition,
    2 Declined "the provider has declined this order already" => AlreadyExists,
    3 Full(u32) "the order has {0} declines already" => FailedPrecondition,
    4 InvalidDimension "a decline names the dimension that failed" => InvalidArgument,
    5 InvalidSubject "the subject of a decline is at most 128 printable characters"
        => InvalidArgument,
    6 InvalidShortfall "a shortfall is a decimal number above zero" => InvalidArgument,
    7 TooManyDeclines(u32) "{0} declines per order are too many, at most 500" => InvalidArgument,
    8 EndNotFound "no record of how this lease ended" => NotFound,
    9 Bidding "the provider bids on this order" => FailedPrecondition,
}
