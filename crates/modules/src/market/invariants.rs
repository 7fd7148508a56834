//! What holds after every block (chain.md 19, numbers 1 to 9), across the market chapters.

use ledger::{Fault, Invariant, Result, View, holds};
use types::{
    Address, BidId, DecCoin, DeploymentId, GroupId, LeaseId, OrderId,
    wire::akash::{
        deployment::{
            v1::deployment,
            v1beta4::{Group, group},
        },
        escrow::types::v1::State as EscrowState,
        market::{
            v1::lease,
            v1beta5::{bid, order},
        },
    },
};

use super::state::{BIDS, LEASES, ORDERS, bids_of, find_bid, find_lease, is_running};
use crate::{
    base::{self, money},
    deployment as deployments,
    escrow::{self, AccountId},
    limits, receipts,
};

pub(super) const ALL: &[Invariant] = &[
    Invariant("each order, bid and lease is in its indexes", indexes_match),
    Invariant("a deployment is active while its account is open", accounts_agree),
    Invariant("a living order is the last of an open group", orders_agree),
    Invariant("an active order has one active bid and a running lease", leases_agree),
    Invariant("a bid lives while its order does and its deposit is held", bids_agree),
    Invariant("a lease runs while it is paid for", payments_agree),
    Invariant("records are of leases that ended and orders that live", records_agree),
    Invariant("a deployment that a key opened is active", opened_are_active),
];

fn indexes_match(view: &View) -> Result {
    ORDERS.indexes_match(view)?;
    BIDS.indexes_match(view)?;
    LEASES.indexes_match(view)
}

/// Number 1, walked from the orders, since every deployment has one.
fn accounts_agree(view: &View) -> Result {
    for order in ORDERS.values(view) {
        let id = OrderId::try_from(&order?.id).map_err(base::id)?.deployment();
        let active =
            deployments::deployment_of(view, &id)?.state == i32::from(deployment::State::Active);
        let open = account_state(view, &AccountId::Deployment(id.clone()))? == EscrowState::Open;
        holds!(active == open, "{id}: active is {active}, its account open is {open}")?;
    }
    Ok(())
}

fn account_state(view: &View, id: &AccountId) -> Result<EscrowState> {
    let account = escrow::find_account(view, id)?;
    account.map(|it| it.state).ok_or_else(|| Fault::plain(format!("no account {id}")))
}

/// Number 3.
fn orders_agree(view: &View) -> Result {
    let mut last: Option<(GroupId, u32, bool)> = None;
    for order in ORDERS.values(view) {
        let order = order?;
        let id = OrderId::try_from(&order.id).map_err(base::id)?;
        let living = order.state != i32::from(order::State::Closed);
        let (expected, free) = match &last {
            Some((group, oseq, living)) if *group == id.group() => {
                (oseq.saturating_add(1), !living)
            }
            _ => (1, true),
        };
        holds!(id.oseq == expected && free, "{id} follows a living order or skips a number")?;
        if living {
            let group: Group = deployments::group_of(view, &id.group())?;
            let open = group.state == i32::from(group::State::Open);
            holds!(open, "{id} lives in a group of state {}", group.state)?;
        }
        last = Some((id.group(), id.oseq, living));
    }
    Ok(())
}

/// Number 4.
fn leases_agree(view: &View) -> Result {
    for order in ORDERS.values(view) {
        let order = order?;
        let active = order.state == i32::from(order::State::Active);
        let bids = bids_of(view, &order.id, bid::State::Active)?;
        let expected = usize::from(active);
        holds!(bids.len() == expected, "{:?} has {} active bids", order.id, bids.len())?;
        for bid in bids {
            let id = BidId::try_from(&bid.id).map_err(base::id)?.lease();
            let running = find_lease(view, &id)?.is_some_and(|it| is_running(&it));
            holds!(running, "{id} does not run, its order is active")?;
        }
    }
    Ok(())
}

/// Numbers 5 and 7.
fn bids_agree(view: &View) -> Result {
    for bid in BIDS.values(view) {
        let bid = bid?;
        let id = BidId::try_from(&bid.id).map_err(base::id)?;
        let order = super::state::find_order(view, &id.order())?
            .ok_or_else(|| Fault::plain(format!("{id} has no order")))?;
        let open = bid.state == i32::from(bid::State::Open);
        holds!(
            !open || order.state == i32::from(order::State::Open),
            "{id} is open, its order is in state {}",
            order.state
        )?;
        let living = open || bid.state == i32::from(bid::State::Active);
        let held = account_state(view, &AccountId::Bid(id.clone()))? == EscrowState::Open;
        holds!(living == held, "{id}: living is {living}, deposit held is {held}")?;
        let price = DecCoin::try_from(&bid.price).map_err(money)?;
        let most = deployments::groups::price(&order.spec)?;
        let fair = most.is_some_and(|it| it.denom == price.denom && price.amount <= it.amount);
        holds!(fair, "{id} costs more than its order allows")?;
    }
    Ok(())
}

/// Numbers 6 and 8.
fn payments_agree(view: &View) -> Result {
    for lease in LEASES.values(view) {
        let lease = lease?;
        let id = LeaseId::try_from(&lease.id).map_err(base::id)?;
        let payment = escrow::find_payment(view, &id)?
            .ok_or_else(|| Fault::plain(format!("{id} has no payment")))?;
        let running = is_running(&lease);
        let paid = payment.state == EscrowState::Open;
        holds!(running == paid, "{id}: runs is {running}, is paid for is {paid}")?;
        let price = DecCoin::try_from(&lease.price).map_err(money)?;
        let bid = find_bid(view, &id.bid())?;
        let same = bid.is_some_and(|it| it.price == lease.price)
            && payment.rate == price.amount
            && payment.denom == price.denom;
        holds!(same, "{id}: bid, lease and payment differ in price")?;
        holds!(running == (lease.closed_on == 0), "{id} closed on {}", lease.closed_on)?;
        let noticed = lease.reclamation.is_some_and(|it| it.started_at > 0 && it.deadline > 0);
        let reclaiming = lease.state == i32::from(lease::State::Reclaiming);
        holds!(!reclaiming || noticed, "{id} is under notice without a deadline")?;
    }
    Ok(())
}

/// What [`receipts`] keeps is about what is here.
fn records_agree(view: &View) -> Result {
    for end in receipts::ends(view) {
        let end = end?;
        let id = LeaseId::try_from(&end.id).map_err(base::id)?;
        let lease = find_lease(view, &id)?;
        let ended = lease.is_some_and(|it| {
            !is_running(&it) && it.closed_on == end.height && it.reason == end.reason
        });
        holds!(ended, "{id} did not end at {} for the reason on record", end.height)?;
    }
    for decline in receipts::declines(view) {
        let decline = decline?;
        let id = OrderId::try_from(&decline.id).map_err(base::id)?;
        let order = super::state::find_order(view, &id)?;
        let lives = order.is_some_and(|it| it.state != i32::from(order::State::Closed));
        holds!(lives, "{id} is closed and still has declines")?;
        let provider: Address = decline.provider.parse()?;
        let bid = find_bid(view, &id.bid(provider))?;
        holds!(bid.is_none(), "{} bids on {id} and declined it", decline.provider)?;
    }
    Ok(())
}

/// What a key opened under a rule is known as long as it runs.
fn opened_are_active(view: &View) -> Result {
    for it in limits::deployments(view) {
        let it = it?;
        let owner: Address = it.owner.parse()?;
        let id = DeploymentId { owner, dseq: it.dseq };
        let found = deployments::find(view, &id)?;
        let active = found.is_some_and(|it| it.state == i32::from(deployment::State::Active));
        holds!(active, "{id} was opened under a rule and is not active")?;
    }
    Ok(())
}
