//! Orders, bids and leases in the store, and the small steps between their states (chain.md 5.1,
//! 5.3, 5.4). None is ever deleted.

use ledger::{Ctx, Fault, Index, Indexed, Result, View};
use types::{
    Address, BidId, GroupId, LeaseId, OrderId,
    wire::akash::{
        deployment::{v1::DeploymentReclamation, v1beta4::GroupSpec},
        market::{
            v1::{
                self as wire, EventBidClosed, EventLeaseClosed, EventOrderClosed,
                EventOrderCreated, Lease, LeaseClosedReason, lease,
            },
            v1beta5::{Bid, Order, bid, order},
        },
    },
    wire::haggle::market::v1::LeaseEndCause,
};

use super::Error;
use crate::{
    base,
    escrow::{self, AccountId},
    paging::{OwnIndex, StateOf},
    receipts,
};

/// Owner's text, dseq, gseq.
pub(super) type GroupKey = (String, u64, u32);
/// Owner's text, dseq, gseq, oseq.
pub(super) type OrderKey = (String, u64, u32, u32);
/// Owner's text, dseq, gseq, oseq, provider's text, bseq. Leases are named like their bids.
pub(super) type BidKey = (String, u64, u32, u32, String, u32);

pub(super) static ORDERS_BY_STATE: Index<u8, OrderKey, Order> =
    Index::new("market", &[0x11, 0x02], |_, it| byte(it.state));
static ORDERS_BY_GROUP: Index<(GroupKey, u8), OrderKey, Order> =
    Index::new("market", &[0x11, 0x03], |(owner, dseq, gseq, _), it| {
        ((owner.clone(), *dseq, *gseq), byte(it.state))
    });
pub(super) static ORDERS_OF_OWNER: StateOf<OrderKey, Order> =
    OwnIndex(Index::new("market", &[0x11, 0x10], |key, it| (key.0.clone(), byte(it.state))));
pub(super) static ORDERS: Indexed<OrderKey, Order> =
    Indexed::new("market", &[0x11, 0x01], &[&ORDERS_BY_STATE, &ORDERS_BY_GROUP, &ORDERS_OF_OWNER]);

pub(super) static BIDS_BY_STATE: Index<u8, BidKey, Bid> =
    Index::new("market", &[0x12, 0x03], |_, it| byte(it.state));
pub(super) static BIDS_BY_PROVIDER: Index<String, BidKey, Bid> =
    Index::new("market", &[0x12, 0x04], |it, _| it.4.clone());
static BIDS_BY_ORDER: Index<(OrderKey, u8), BidKey, Bid> =
    Index::new("market", &[0x12, 0x05], |(owner, dseq, gseq, oseq, ..), it| {
        ((owner.clone(), *dseq, *gseq, *oseq), byte(it.state))
    });
pub(super) static BIDS_OF_OWNER: StateOf<BidKey, Bid> =
    OwnIndex(Index::new("market", &[0x12, 0x10], |key, it| (key.0.clone(), byte(it.state))));
pub(super) static BIDS_OF_PROVIDER: StateOf<BidKey, Bid> =
    OwnIndex(Index::new("market", &[0x12, 0x11], |key, it| (key.4.clone(), byte(it.state))));
pub(super) static BIDS: Indexed<BidKey, Bid> = Indexed::new(
    "market",
    &[0x12, 0x02],
    &[&BIDS_BY_STATE, &BIDS_BY_PROVIDER, &BIDS_BY_ORDER, &BIDS_OF_OWNER, &BIDS_OF_PROVIDER],
);

pub(super) static LEASES_BY_STATE: Index<u8, BidKey, Lease> =
    Index::new("market", &[0x13, 0x03], |_, it| byte(it.state));
pub(super) static LEASES_BY_PROVIDER: Index<String, BidKey, Lease> =
    Index::new("market", &[0x13, 0x04], |it, _| it.4.clone());
pub(super) static LEASES_OF_OWNER: StateOf<BidKey, Lease> =
    OwnIndex(Index::new("market", &[0x13, 0x10], |key, it| (key.0.clone(), byte(it.state))));
pub(super) static LEASES_OF_PROVIDER: StateOf<BidKey, Lease> =
    OwnIndex(Index::new("market", &[0x13, 0x11], |key, it| (key.4.clone(), byte(it.state))));
pub(super) static LEASES: Indexed<BidKey, Lease> = Indexed::new(
    "market",
    &[0x13, 0x02],
    &[&LEASES_BY_STATE, &LEASES_BY_PROVIDER, &LEASES_OF_OWNER, &LEASES_OF_PROVIDER],
);

/// A state's number in keys.
pub(super) fn byte(state: i32) -> u8 {
    u8::try_from(state).unwrap_or_default()
}

pub(super) fn order_key(id: &wire::OrderId) -> OrderKey {
    (id.owner.clone(), id.dseq, id.gseq, id.oseq)
}

pub(super) fn bid_key(id: &wire::BidId) -> BidKey {
    (id.owner.clone(), id.dseq, id.gseq, id.oseq, id.provider.clone(), id.bseq)
}

pub(super) fn lease_key(id: &wire::LeaseId) -> BidKey {
    (id.owner.clone(), id.dseq, id.gseq, id.oseq, id.provider.clone(), id.bseq)
}

pub(super) fn find_order(view: &View, id: &OrderId) -> Result<Option<Order>> {
    ORDERS.get(view, &order_key(&id.into()))
}

pub(super) fn find_bid(view: &View, id: &BidId) -> Result<Option<Bid>> {
    BIDS.get(view, &bid_key(&id.into()))
}

pub(super) fn find_lease(view: &View, id: &LeaseId) -> Result<Option<Lease>> {
    LEASES.get(view, &lease_key(&id.into()))
}

pub(super) fn store_order(cx: &mut Ctx, order: &Order) -> Result {
    ORDERS.set(cx, &order_key(&order.id), order)
}

pub(super) fn store_bid(cx: &mut Ctx, bid: &Bid) -> Result {
    BIDS.set(cx, &bid_key(&bid.id), bid)
}

pub(super) fn store_lease(cx: &mut Ctx, lease: &Lease) -> Result {
    LEASES.set(cx, &lease_key(&lease.id), lease)
}

fn group_key(id: &GroupId) -> GroupKey {
    (id.owner.to_string(), id.dseq, id.gseq)
}

fn no_row() -> Fault {
    Fault::internal("an index entry has no row")
}

/// Orders of a group in one state, by oseq.
pub(super) fn orders_of(view: &View, group: &GroupId, state: order::State) -> Result<Vec<Order>> {
    let keys: Vec<OrderKey> =
        ORDERS_BY_GROUP.of(view, &(group_key(group), byte(state.into()))).collect::<Result<_>>()?;
    keys.iter().map(|it| ORDERS.get(view, it)?.ok_or_else(no_row)).collect()
}

/// The newest order of a group. A living one is always the newest (chain.md 19, number 3), so
/// nobody has to look at those before it.
fn last_order(view: &View, group: &GroupId) -> Result<Option<Order>> {
    let mut newest_first = ORDERS.walk().under(&group_key(group)).rev().iter(view);
    newest_first.next().map(|it| Ok(it?.1)).transpose()
}

/// Bids on an order in one state, by the text of their providers.
pub(super) fn bids_of(view: &View, order: &wire::OrderId, state: bid::State) -> Result<Vec<Bid>> {
    let keys: Vec<BidKey> =
        BIDS_BY_ORDER.of(view, &(order_key(order), byte(state.into()))).collect::<Result<_>>()?;
    keys.iter().map(|it| BIDS.get(view, it)?.ok_or_else(no_row)).collect()
}

/// Bids on an order in one state.
pub(super) fn count_bids(view: &View, order: &wire::OrderId, state: bid::State) -> Result<u32> {
    let found = BIDS_BY_ORDER.of(view, &(order_key(order), byte(state.into())));
    found.into_iter().try_fold(0u32, |sum, it| it.map(|_| sum.saturating_add(1)))
}

/// Whether a lease is running, under notice or not.
pub(super) fn is_running(lease: &Lease) -> bool {
    [lease::State::Active, lease::State::Reclaiming].map(i32::from).contains(&lease.state)
}

/// Whether a provider has a lease that runs.
pub(super) fn has_running_lease(view: &View, provider: &str) -> Result<bool> {
    for state in [lease::State::Active, lease::State::Reclaiming] {
        let whose = (provider.to_owned(), byte(state.into()));
        if LEASES_OF_PROVIDER.0.of(view, &whose).next().transpose()?.is_some() {
            return Ok(true);
        }
    }
    Ok(false)
}

// Steps.

/// Puts a group on offer. A group has at most one order that is open or active; orders number
/// from 1 in the order they were made. Orders do not expire.
pub(super) fn create_order(
    cx: &mut Ctx,
    group: &GroupId,
    spec: GroupSpec,
    reclamation: Option<DeploymentReclamation>,
) -> Result {
    let last = last_order(cx, group)?;
    if last.as_ref().is_some_and(|it| it.state != i32::from(order::State::Closed)) {
        return Err(Error::OrderActive.wrap("create order: active order exists"));
    }
    let oseq = last.map_or(0, |it| it.id.oseq).saturating_add(1);
    let id = wire::OrderId::from(group.order(oseq));
    if ORDERS.has(cx, &order_key(&id))? {
        return Err(Error::OrderExists.into());
    }
    let state = order::State::Open.into();
    let order = Order { id, state, spec, created_at: cx.height(), reclamation };
    store_order(cx, &order)?;
    cx.emit(EventOrderCreated { id: order.id });
    Ok(())
}

/// Nothing if it is closed already.
pub(super) fn close_order(cx: &mut Ctx, mut order: Order) -> Result {
    if order.state == i32::from(order::State::Closed) {
        return Ok(());
    }
    order.state = order::State::Closed.into();
    store_order(cx, &order)?;
    receipts::forget(cx, &order.id)?;
    cx.emit(EventOrderClosed { id: order.id });
    Ok(())
}

/// Nothing if it is closed or lost already. The deposit returns to whoever made it.
pub(super) fn close_bid(cx: &mut Ctx, mut bid: Bid) -> Result {
    if [bid::State::Closed, bid::State::Lost].map(i32::from).contains(&bid.state) {
        return Ok(());
    }
    bid.state = bid::State::Closed.into();
    store_bid(cx, &bid)?;
    refund(cx, &bid);
    cx.emit(EventBidClosed { id: bid.id });
    Ok(())
}

/// Another bid was chosen. The deposit returns; there is no event.
pub(super) fn lose_bid(cx: &mut Ctx, mut bid: Bid) -> Result {
    bid.state = bid::State::Lost.into();
    store_bid(cx, &bid)?;
    refund(cx, &bid);
    Ok(())
}

/// Closes a bid's account. That it cannot be closed must not keep the bid from ending.
fn refund(cx: &mut Ctx, bid: &Bid) {
    let refunded = cx.attempt(|cx| {
        let id = BidId::try_from(&bid.id).map_err(base::id)?;
        // No deployment ends with a bid's account.
        let escrow::Outcome(_) = escrow::close_account(cx, &AccountId::Bid(id))?;
        Ok(())
    });
    drop(refunded);
}

/// Why a lease ends. It decides state and reason of the lease and what is recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cause {
    LeaseClosed,
    GroupClosed,
    GroupPaused,
    DeploymentClosed,
    /// The provider closes its bid.
    Provider {
        reason: i32,
    },
    /// The same after notice.
    Reclaimed {
        reason: i32,
    },
    NoFunds,
}

impl Cause {
    fn state(self) -> lease::State {
        match self {
            Self::NoFunds => lease::State::InsufficientFunds,
            _ => lease::State::Closed,
        }
    }

    fn reason(self) -> i32 {
        match self {
            Self::Provider { reason } | Self::Reclaimed { reason } => reason,
            Self::NoFunds => NO_FUNDS,
            _ => OWNER,
        }
    }

    fn to_wire(self) -> LeaseEndCause {
        match self {
            Self::LeaseClosed => LeaseEndCause::LeaseEndTenantClosedLease,
            Self::GroupClosed => LeaseEndCause::LeaseEndTenantClosedGroup,
            Self::GroupPaused => LeaseEndCause::LeaseEndTenantPausedGroup,
            Self::DeploymentClosed => LeaseEndCause::LeaseEndTenantClosedDeployment,
            Self::Provider { .. } => LeaseEndCause::LeaseEndProviderClosed,
            Self::Reclaimed { .. } => LeaseEndCause::LeaseEndProviderReclaimed,
            Self::NoFunds => LeaseEndCause::LeaseEndInsufficientFunds,
        }
    }

    /// The tenant, the provider, or the vault that has nothing left.
    fn actor(self, id: LeaseId) -> Address {
        match self {
            Self::Provider { .. } | Self::Reclaimed { .. } => id.provider,
            Self::NoFunds => escrow::vault(),
            _ => id.owner,
        }
    }
}

/// Nothing if it has ended already. What was agreed about notice stays on record.
pub(super) fn close_lease(cx: &mut Ctx, mut lease: Lease, cause: Cause) -> Result {
    if !is_running(&lease) {
        return Ok(());
    }
    let reason = cause.reason();
    lease.state = cause.state().into();
    lease.closed_on = cx.height();
    lease.reason = reason;
    store_lease(cx, &lease)?;
    let wire = lease.id;
    let actor = cause.actor(LeaseId::try_from(&wire).map_err(base::id)?);
    cx.emit(EventLeaseClosed { id: wire.clone(), reason });
    receipts::ended(cx, wire, cause.to_wire(), &actor, reason)
}

/// The reasons a provider may give.
pub(super) fn check_provider_reason(reason: i32) -> Result {
    if (10_000..20_000).contains(&reason) {
        return Ok(());
    }
    let why = format_args!("value \"{reason}\" range 10000..19999");
    Err(Error::InvalidLeaseClosedReason.wrap(why))
}

/// The reason when the tenant ends a lease, its group or its deployment.
const OWNER: i32 = LeaseClosedReason::LeaseClosedOwner as i32;
/// The reason when the money ran out.
const NO_FUNDS: i32 = LeaseClosedReason::InsufficientFunds as i32;
