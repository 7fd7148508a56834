//! Keys under rules: what leaves an owner's balance through another key in a day, kept by consensus,
//! `haggle.limits.v1` (ADR 0004). Off by default.
//!
//! A rule is an authorization of authz, so that wallets carry it; here is what it says, and the books
//! of what was spent. While a rule stands it replaces every other grant and fee allowance between the
//! two, so that no second door is open; when it has ended, the doors stay shut until the owner takes
//! it back.
//!
//! Calls: auth (authority), bank (what a message spent). Called by: authz (grants, messages executed
//! under them, deposit grants), feegrant (fees), deployment (which one closed). Tells: [`Returned`],
//! which authz and market carry out. Owns: store `limits`, params under 00, rules under 01 and 02,
//! deployments under 03 and 04, the queue of dead-man dates under 05.

mod books;
mod genesis;
mod query;
mod returns;
mod rule;
mod state;
#[cfg(test)]
mod tests;

pub use books::{pay_fee, settle};
pub use returns::Returned;
pub use rule::{admit, validate};
pub use state::{adopt, bind, closed, deployments, find, governs, rules, stands, type_url, unbind};

use ledger::{Ctx, Invariant, Item, Module, Result, Routes, View, errors};
use types::wire::haggle::limits::v1::{GenesisState, MsgUpdateParams, Params};

use crate::auth;

pub struct Limits;

impl Module for Limits {
    const NAME: &'static str = "limits";
    const INVARIANTS: &'static [Invariant] = &[
        Invariant("no key has spent past its rule", books::nothing_is_past_its_rule),
        Invariant("rules and their deployments are in place", state::is_whole),
    ];
    type Genesis = GenesisState;

    fn routes(r: &mut Routes<'_>) {
        r.msg(update);
        r.query(query::params).query(query::rule);
        r.query(query::owner_rules).query(query::key_rules);
    }

    fn init(cx: &mut Ctx, genesis: GenesisState) -> Result {
        genesis::init(cx, genesis)
    }

    fn export(view: &View) -> Result<GenesisState> {
        genesis::export(view)
    }

    fn end_block(cx: &mut Ctx) -> Result {
        returns::end_block(cx)
    }
}

const PARAMS: Item<Params> = Item::new(Limits::NAME, &[0x00]);

fn params(view: &View) -> Result<Params> {
    Ok(PARAMS.get(view)?.unwrap_or_default())
}

fn update(cx: &mut Ctx, msg: MsgUpdateParams) -> Result {
    auth::require_authority(&msg.authority)?;
    PARAMS.set(cx, &msg.params)
}

/// What fees are booked under.
const FEE: &str = "fee";

errors! { Limits;
    1 Disabled "spending limits are not taken on this chain" => FailedPrecondition,
    2 Invalid(String) "the rule is invalid: {0}" => InvalidArgument,
    3 Ended "the rule has ended" => FailedPrecondition,
    4 NotAllowed(String) "the rule does not allow {0}" => PermissionDenied,
    5 OverDay(String) "the rule leaves {0} for today" => FailedPrecondition,
    6 OverType(String, String) "the rule leaves {1} for {0} today" => FailedPrecondition,
    7 TooMany(String, u32) "the rule allows {0} only {1} times a day" => FailedPrecondition,
    8 Recipient(String) "the rule does not allow payments to {0}" => PermissionDenied,
    9 Shape(String) "the rule does not allow such a deployment: {0}" => PermissionDenied,
    10 NotOpened "the key did not open this deployment under its rule" => PermissionDenied,
    11 Source "under a rule, deposits come from the owner's balance alone" => PermissionDenied,
    12 NotFound "no such rule" => NotFound,
}
