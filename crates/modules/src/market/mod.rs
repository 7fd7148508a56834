//! Orders, bids and leases, and what ends with what (chain.md 5, 7, 8).
//!
//! Calls: escrow, provider, audit, denoms, receipts, deployment. Hears: limits (dead-man dates).
//! Called by: nobody. Owns: store `market`, orders under 11, bids under 12, leases under 13, params
//! under 14. It stands above deployment and routes the messages of that chapter that also create or
//! close orders, the deletion of a provider, which only goes while no lease runs, and declines of
//! orders.

mod bids;
mod cascade;
mod declines;
mod deployments;
mod genesis;
mod invariants;
mod leases;
mod matching;
mod params;
#[cfg(test)]
mod planted;
mod query;
#[cfg(test)]
mod records;
mod state;
#[cfg(test)]
mod tests;

use ledger::{Ctx, Invariant, Module, Result, Routes, View, errors};
use types::wire::akash::market::v1beta5::GenesisState;

pub struct Market;

impl Module for Market {
    const NAME: &'static str = "market";
    const INVARIANTS: &'static [Invariant] = invariants::ALL;
    type Genesis = GenesisState;

    fn routes(r: &mut Routes<'_>) {
        r.msg_checked(deployments::check_create, deployments::create)
            .msg_checked(deployments::check_close, deployments::close)
            .msg_checked(deployments::check_close_group, deployments::close_group)
            .msg_checked(deployments::check_pause_group, deployments::pause_group)
            .msg_checked(deployments::check_start_group, deployments::start_group)
            .msg_checked(deployments::check_delete_provider, deployments::delete_provider);
        r.msg_checked(bids::check_create, bids::create)
            .msg_checked(bids::check_close, bids::close)
            .msg_checked(declines::check, declines::decline)
            .msg_checked(leases::check_create, leases::create)
            .msg_checked(leases::check_withdraw, leases::withdraw)
            .msg_checked(leases::check_close, leases::close)
            .msg_checked(leases::check_start_reclaim, leases::start_reclaim)
            .msg_checked(params::check_update, params::update);
        r.hook(deployments::returned);
        r.query(query::orders).query(query::order).query(query::bids).query(query::bid);
        r.query(query::leases).query(query::lease).query(params::show);
    }

    fn default_genesis() -> GenesisState {
        GenesisState { params: params::defaults(), ..GenesisState::default() }
    }

    fn init(cx: &mut Ctx, genesis: GenesisState) -> Result {
        genesis::init(cx, genesis)
    }

    fn export(view: &View) -> Result<GenesisState> {
        genesis::export(view)
    }
}

errors! { Market;
    1 EmptyProvider "empty provider" => InvalidArgument,
    2 SameAccount "owner and provider are the same account" => InvalidArgument,
    3 Internal "internal error" => Internal,
    4 BidOverOrder "bid price above max order price" => InvalidArgument,
    5 AttributeMismatch "attribute mismatch" => InvalidArgument,
    6 UnknownBid "unknown bid" => NotFound,
    7 UnknownLease "unknown lease" => NotFound,
    8 UnknownLeaseForBid "unknown lease for bid" => NotFound,
    9 UnknownOrderForBid "unknown order for bid" => NotFound,
    10 LeaseNotActive "lease not active" => FailedPrecondition,
    11 BidNotActive "bid not active" => FailedPrecondition,
    12 BidNotOpen "bid not open" => FailedPrecondition,
    13 OrderNotOpen "bid: order not open" => FailedPrecondition,
    14 NoLeaseForOrder "no lease for order" => NotFound,
    15 OrderNotFound "invalid order: order not found" => NotFound,
    16 GroupNotFound "group not found" => NotFound,
    17 GroupNotOpen "group not open" => FailedPrecondition,
    18 BidNotFound "invalid bid: bid not found" => NotFound,
    19 BidZeroPrice "invalid bid: zero price" => InvalidArgument,
    20 LeaseNotFound "invalid lease: lease not found" => NotFound,
    21 BidExists "invalid bid: bid exists from provider" => AlreadyExists,
    22 BidInvalidPrice "bid price is invalid" => InvalidArgument,
    23 OrderActive "order active" => FailedPrecondition,
    24 OrderClosed "order closed" => FailedPrecondition,
    25 OrderExists "order already exists in store" => AlreadyExists,
    26 OrderDurationExceeded "order duration has exceeded the bidding duration" => FailedPrecondition,
    27 OrderTooEarly "order: chain height to low for bidding" => FailedPrecondition,
    28 InvalidDeposit "deposit invalid" => InvalidArgument,
    29 InvalidParam "parameter invalid" => InvalidArgument,
    30 UnknownProvider "unknown provider" => NotFound,
    31 InvalidBid "invalid bid" => InvalidArgument,
    32 CapabilitiesMismatch "capabilities mismatch" => InvalidArgument,
    33 InvalidLeaseClosedReason "invalid lease closed reason" => InvalidArgument,
    34 InvalidEscrowId "invalid escrow id" => InvalidArgument,
    35 ReclamationNotConfigured "lease does not have reclamation configured" => FailedPrecondition,
    36 ReclamationInProgress "reclamation already in progress" => FailedPrecondition,
    37 ReclamationNotStarted
        "reclamation not started; call MsgLeaseStartReclaim first" => FailedPrecondition,
    38 ReclamationNotElapsed "reclamation window has not elapsed" => FailedPrecondition,
    39 ReclamationOutOfBounds "reclamation window outside governance bounds" => InvalidArgument,
    40 ReclamationRequired
        "order requires reclamation but bid does not offer it" => InvalidArgument,
    41 ReclamationTooShort "reclamation window shorter than order minimum" => InvalidArgument,
}
