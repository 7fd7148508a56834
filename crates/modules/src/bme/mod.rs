//! Swaps between AKT and ACT at the oracle's price, and the breaker that stops minting when the
//! vault no longer covers what was minted (chain.md 9).
//!
//! AKT paid in stays in the vault, the coins of the module account, and is booked as remint credit;
//! ACT is really minted and burned. A request waits in a queue until its epoch, a height.
//!
//! Calls: auth, bank, oracle. Called by: escrow, which pays in AKT while minting is halted. Owns:
//! store `bme`, and the coins of its module account.

mod genesis;
mod invariants;
mod msgs;
mod params;
mod query;
mod state;
mod status;
mod swap;
#[cfg(test)]
mod tests;

use ledger::{Ctx, Invariant, Module, Result, Routes, View, errors};
use types::{Address, wire::haggle::bme::v1::GenesisState};

pub use status::is_halted;
#[cfg(test)]
pub(crate) use status::set_halted;

pub struct Bme;

impl Module for Bme {
    const NAME: &'static str = "bme";
    const INVARIANTS: &'static [Invariant] = invariants::ALL;
    type Genesis = GenesisState;

    fn routes(r: &mut Routes<'_>) {
        r.msg_checked(msgs::check_burn_mint, msgs::burn_mint);
        r.msg_checked(msgs::check_mint_act, msgs::mint_act);
        r.msg_checked(msgs::check_burn_act, msgs::burn_act);
        r.msg_checked(msgs::check_fund, msgs::fund);
        r.msg_checked(params::check_update, params::update);
        r.query(query::params).query(query::vault_state).query(query::status).query(query::ledger);
    }

    fn default_genesis() -> GenesisState {
        genesis::default()
    }

    fn init(cx: &mut Ctx, genesis: GenesisState) -> Result {
        genesis::init(cx, genesis)
    }

    fn export(view: &View) -> Result<GenesisState> {
        genesis::export(view)
    }

    fn end_block(cx: &mut Ctx) -> Result {
        status::end_block(cx)
    }
}

/// The collateral.
const AKT: &str = "uakt";
/// Compute credit: one is worth one dollar.
const ACT: &str = "uact";

/// The module account that holds the collateral.
#[must_use]
pub fn vault() -> Address {
    Address::of_module(Bme::NAME)
}

errors! { Bme;
    2 InvalidParameters "invalid parameters" => InvalidArgument,
    3 Unauthorized "unauthorized" => Unauthenticated,
    5 OracleUnhealthy "oracle is unhealthy" => Aborted,
    6 CircuitBreaker "circuit breaker is active" => Aborted,
    7 InsufficientVault "insufficient vault funds" => Aborted,
    8 InvalidAmount "invalid amount" => InvalidArgument,
    9 InvalidDenom "invalid denomination" => InvalidArgument,
    10 InvalidAddress "invalid address" => InvalidArgument,
    11 InvalidSender "invalid sender" => InvalidArgument,
    12 ZeroPrice "oracle price is zero" => Internal,
    13 RecordExists "ledger record already exists" => AlreadyExists,
    14 MintFailed "failed to mint tokens" => Aborted,
    15 BurnFailed "failed to burn tokens" => Aborted,
    16 Epsilon "result value is less then precision of the denom" => Aborted,
    17 MinimumMint "minimum mint amount is not met" => Aborted,
}
