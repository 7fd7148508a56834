//! What ends when an account or a group ends (chain.md 7). Escrow and deployment tell it by what
//! their calls return; here it is carried out, in the reference's order of events.

use ledger::{Ctx, Result};
use types::{
    BidId, GroupId, LeaseId,
    wire::akash::{
        deployment::{v1::deployment, v1beta4::group},
        market::v1beta5::{Bid, Order, bid, order},
    },
};

use super::state::{Cause, bids_of, close_bid, close_lease, close_order, find_lease, orders_of};
use crate::{
    base, deployment as deployments,
    escrow::{self, Ended, Outcome},
};

/// Closes what a deployment's account paid for, if it ended (chain.md 7.1). Payments that ended
/// with it need nothing more (7.2): their leases are among what is closed.
pub(super) fn follow(cx: &mut Ctx, Outcome(ended): Outcome) -> Result {
    let Some(Ended { deployment: id, overdrawn }) = ended else { return Ok(()) };
    let Some(deployment) = deployments::find(cx, &id)? else { return Ok(()) };
    if deployment.state != i32::from(deployment::State::Active) {
        return Ok(());
    }
    let groups = deployments::groups_of(cx, &deployment.id)?;
    deployments::close(cx, deployment)?;
    let (state, cause) = if overdrawn {
        (group::State::InsufficientFunds, Cause::NoFunds)
    } else {
        (group::State::Closed, Cause::DeploymentClosed)
    };
    for group in groups {
        if group.state == i32::from(group::State::Closed) {
            continue;
        }
        let id = GroupId::try_from(&group.id).map_err(base::id)?;
        deployments::close_group(cx, group, state)?;
        group_ended(cx, &id, cause)?;
    }
    Ok(())
}

/// Closes the orders of a group that was closed, paused or ran out of money, with their bids and
/// leases (chain.md 7.3).
pub(super) fn group_ended(cx: &mut Ctx, group: &GroupId, cause: Cause) -> Result {
    for of in [order::State::Active, order::State::Open] {
        for order in orders_of(cx, group, of)? {
            order_ended(cx, order, cause)?;
        }
    }
    Ok(())
}

fn order_ended(cx: &mut Ctx, order: Order, cause: Cause) -> Result {
    let was_active = order.state == i32::from(order::State::Active);
    let id = order.id.clone();
    close_order(cx, order)?;
    for bid in bids_of(cx, &id, bid::State::Open)? {
        close_bid(cx, bid)?;
    }
    if was_active {
        for bid in bids_of(cx, &id, bid::State::Active)? {
            lease_ended(cx, bid, cause)?;
        }
    }
    Ok(())
}

fn lease_ended(cx: &mut Ctx, bid: Bid, cause: Cause) -> Result {
    let id = BidId::try_from(&bid.id).map_err(base::id)?.lease();
    close_bid(cx, bid)?;
    if let Some(lease) = find_lease(cx, &id)? {
        close_lease(cx, lease, cause)?;
    }
    end_payment(cx, &id)
}

/// Stops paying for a lease that was closed. That it cannot be stopped, as when the account ended
/// before, keeps nothing from ending; that the money ran out on the way ends the rest as well.
pub(super) fn end_payment(cx: &mut Ctx, id: &LeaseId) -> Result {
    match cx.attempt(|cx| escrow::close_payment(cx, id)) {
        Ok(outcome) => follow(cx, outcome),
        Err(_) => Ok(()),
    }
}
