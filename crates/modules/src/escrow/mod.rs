//! Holds money until the work is paid for: accounts of deployments and bids, payments of leases
//! (chain.md 6).
//!
//! Calls: bank, authz; bme and oracle for shortages. Called by: deployment (to show accounts),
//! market. Owns: store `escrow`, accounts under 11 00, payments under 12 00, and the coins of its
//! module account, the vault. Nothing settles by itself: whoever sends a message that needs the
//! truth pays for computing it.

mod calls;
mod fallback;
mod genesis;
mod invariants;
#[cfg(test)]
mod model;
mod msgs;
mod query;
mod state;
#[cfg(test)]
mod tests;

pub use crate::authz::deposit::Scope;
pub use calls::{
    Ended, Outcome, close_account, close_payment, create, create_payment, deposit, draw,
    withdraw_payment,
};
pub use state::{Account, AccountId, Deposit, Payment, find_account, find_payment};

use ledger::{Ctx, Invariant, Module, Result, Routes, View, errors};
use types::{Address, wire::akash::escrow::v1::GenesisState};

pub struct Escrow;

impl Module for Escrow {
    const NAME: &'static str = "escrow";
    const INVARIANTS: &'static [Invariant] = invariants::ALL;
    type Genesis = GenesisState;

    fn routes(r: &mut Routes<'_>) {
        r.msg_checked(msgs::check_deposit, msgs::deposit);
        r.query(query::accounts).query(query::payments);
    }

    fn init(cx: &mut Ctx, genesis: GenesisState) -> Result {
        genesis::init(cx, &genesis)
    }

    fn export(view: &View) -> Result<GenesisState> {
        genesis::export(view)
    }
}

/// The module account that holds every deposit.
#[must_use]
pub fn vault() -> Address {
    Address::of_module(Escrow::NAME)
}

errors! { Escrow;
    1 AccountExists "account exists" => AlreadyExists,
    2 AccountClosed "account closed" => FailedPrecondition,
    3 AccountNotFound "account not found" => NotFound,
    4 AccountOverdrawn "account overdrawn" => FailedPrecondition,
    5 InvalidDenomination "invalid denomination" => InvalidArgument,
    6 PaymentExists "payment exists" => AlreadyExists,
    7 PaymentClosed "payment closed" => FailedPrecondition,
    8 PaymentNotFound "payment not found" => NotFound,
    9 PaymentRateZero "payment rate zero" => InvalidArgument,
    10 InvalidPayment "invalid payment" => InvalidArgument,
    11 InvalidSettlement "invalid settlement" => InvalidArgument,
    12 InvalidId "invalid ID" => InvalidArgument,
    13 InvalidAccount "invalid account" => InvalidArgument,
    14 InvalidAccountDepositor "invalid account depositor" => InvalidArgument,
    15 UnauthorizedDepositScope "unauthorized deposit scope" => PermissionDenied,
    16 InvalidDeposit "invalid deposit" => InvalidArgument,
    17 InvalidAuthzScope "invalid authz scope" => InvalidArgument,
    18 InvalidKey "malformed key" => InvalidArgument,
}
