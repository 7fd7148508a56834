//! Leases: made, paid out, ended, and given notice of (chain.md 5.7 to 5.10, 8).

use ledger::{Ctx, Result};
use types::{
    BidId, DecCoin, LeaseId,
    wire::akash::{
        deployment::v1beta4::group,
        market::{
            v1::{EventLeaseCreated, EventLeaseReclaimStarted, Lease, Reclamation, lease},
            v1beta5::{
                MsgCloseLease, MsgCreateLease, MsgLeaseStartReclaim, MsgWithdrawLease, bid, order,
            },
        },
    },
};

use super::{
    Error,
    cascade::follow,
    params::nanos,
    state::{
        Cause, bids_of, check_provider_reason, close_bid, close_lease, close_order, create_order,
        find_bid, find_lease, find_order, is_running, lose_bid, store_bid, store_lease,
        store_order,
    },
};
use crate::{
    base::{self, money},
    deployment as deployments, escrow,
};

pub(super) fn check_create(msg: &MsgCreateLease) -> Result {
    BidId::try_from(&msg.bid_id).map_err(base::id).map(drop)
}

/// The tenant chooses a bid; the others lose and get their deposits back.
pub(super) fn create(cx: &mut Ctx, msg: MsgCreateLease) -> Result {
    let id = BidId::try_from(&msg.bid_id).map_err(base::id)?;
    let mut bid = find_bid(cx, &id)?.ok_or(Error::BidNotFound)?;
    if bid.state != i32::from(bid::State::Open) {
        return Err(Error::BidNotOpen.into());
    }
    let mut order = find_order(cx, &id.order())?.ok_or(Error::OrderNotFound)?;
    if order.state != i32::from(order::State::Open) {
        return Err(Error::OrderNotOpen.into());
    }
    let group = deployments::find_group(cx, &id.group())?.ok_or(Error::GroupNotFound)?;
    if group.state != i32::from(group::State::Open) {
        return Err(Error::GroupNotOpen.into());
    }
    let price = DecCoin::try_from(&bid.price).map_err(money)?;
    escrow::create_payment(cx, &id.lease(), id.provider.clone(), &price)?;

    let lease = Lease {
        id: id.lease().into(),
        state: lease::State::Active.into(),
        price: bid.price.clone(),
        created_at: cx.height(),
        closed_on: 0,
        reason: 0,
        reclamation: bid.reclamation_window.map(|window| Reclamation {
            window,
            started_at: 0,
            deadline: 0,
            reason: 0,
        }),
    };
    store_lease(cx, &lease)?;
    cx.emit(EventLeaseCreated { id: lease.id, price: lease.price });
    order.state = order::State::Active.into();
    store_order(cx, &order)?;
    bid.state = bid::State::Active.into();
    store_bid(cx, &bid)?;
    for other in bids_of(cx, &order.id, bid::State::Open)? {
        lose_bid(cx, other)?;
    }
    Ok(())
}

pub(super) fn check_withdraw(msg: &MsgWithdrawLease) -> Result {
    LeaseId::try_from(&msg.id).map_err(base::id).map(drop)
}

/// Pays the provider what the lease earned so far. It may find the account out of money.
pub(super) fn withdraw(cx: &mut Ctx, msg: MsgWithdrawLease) -> Result {
    let id = LeaseId::try_from(&msg.id).map_err(base::id)?;
    find_lease(cx, &id)?.ok_or(Error::UnknownLease)?;
    let outcome = escrow::withdraw_payment(cx, &id)?;
    follow(cx, outcome)
}

pub(super) fn check_close(msg: &MsgCloseLease) -> Result {
    LeaseId::try_from(&msg.id).map_err(base::id).map(drop)
}

/// The tenant ends a lease, at any time. The group goes on offer again if it is still open.
pub(super) fn close(cx: &mut Ctx, msg: MsgCloseLease) -> Result {
    let id = LeaseId::try_from(&msg.id).map_err(base::id)?;
    let order = find_order(cx, &id.order())?.ok_or(Error::OrderNotFound)?;
    if order.state != i32::from(order::State::Active) {
        return Err(Error::OrderClosed.into());
    }
    let bid = find_bid(cx, &id.bid())?.ok_or(Error::BidNotFound)?;
    if bid.state != i32::from(bid::State::Active) {
        return Err(Error::BidNotActive.into());
    }
    let lease = find_lease(cx, &id)?.ok_or(Error::LeaseNotFound)?;
    if !is_running(&lease) {
        return Err(Error::OrderClosed.into());
    }
    let (spec, reclamation) = (order.spec.clone(), order.reclamation);

    close_lease(cx, lease, Cause::LeaseClosed)?;
    close_bid(cx, bid)?;
    close_order(cx, order)?;
    let outcome = escrow::close_payment(cx, &id)?;
    follow(cx, outcome)?;
    let group = deployments::group_of(cx, &id.group())?;
    if group.state == i32::from(group::State::Open) {
        create_order(cx, &id.group(), spec, reclamation)?;
    }
    Ok(())
}

pub(super) fn check_start_reclaim(msg: &MsgLeaseStartReclaim) -> Result {
    LeaseId::try_from(&msg.id).map_err(base::id)?;
    check_provider_reason(msg.reason)
}

/// The provider gives notice: from the deadline on it may close its bid. Nothing closes by itself
/// and the lease is paid for as before.
pub(super) fn start_reclaim(cx: &mut Ctx, msg: MsgLeaseStartReclaim) -> Result {
    let id = LeaseId::try_from(&msg.id).map_err(base::id)?;
    let mut lease = find_lease(cx, &id)?.ok_or(Error::UnknownLease)?;
    if lease.state != i32::from(lease::State::Active) {
        return Err(Error::LeaseNotActive.into());
    }
    let Some(notice) = &mut lease.reclamation else {
        return Err(Error::ReclamationNotConfigured.into());
    };
    if notice.started_at != 0 {
        return Err(Error::ReclamationInProgress.into());
    }
    let deadline = cx.unix_nanos().saturating_add(nanos(&notice.window)).div_euclid(1_000_000_000);
    let deadline = i64::try_from(deadline).map_err(|_| Error::ReclamationOutOfBounds)?;
    notice.started_at = cx.height();
    notice.deadline = deadline;
    notice.reason = msg.reason;
    lease.state = lease::State::Reclaiming.into();
    store_lease(cx, &lease)?;
    cx.emit(EventLeaseReclaimStarted { id: lease.id, reason: msg.reason, deadline });
    Ok(())
}
