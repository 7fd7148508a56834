//! Bids: a provider offers to serve an order, and takes the offer back (chain.md 5.5, 5.6).

use ledger::{Ctx, Result};
use types::{
    Address, BidId, Coin, Coins, DecCoin, validate_denom,
    wire::akash::{
        base::deposit::v1::Deposit,
        deployment::v1beta4::GroupSpec,
        market::{
            v1::{EventBidCreated, lease},
            v1beta5::{Bid, MsgCloseBid, MsgCreateBid, Order, Params, bid, order},
        },
    },
};

use super::{
    Error,
    cascade::end_payment,
    matching,
    params::{self, nanos},
    state::{
        Cause, check_provider_reason, close_bid, close_lease, close_order, count_bids, find_bid,
        find_lease, find_order, store_bid,
    },
};
use crate::{
    base::{self, money},
    deployment as deployments,
    escrow::{self, AccountId},
    provider as providers, receipts,
};

pub(super) fn check_create(msg: &MsgCreateBid) -> Result {
    BidId::try_from(&msg.id).map_err(base::id)?;
    base::deposit::validate(&msg.deposit)?;
    let provider: Address = msg.id.provider.parse().map_err(|_| Error::EmptyProvider)?;
    let owner: Address = msg.id.owner.parse().map_err(|_| Error::InvalidBid.wrap("empty owner"))?;
    if provider == owner {
        return Err(Error::SameAccount.into());
    }
    if DecCoin::try_from(&msg.price).map_err(money)?.is_zero() {
        return Err(Error::BidZeroPrice.into());
    }
    if msg.reclamation_window.as_ref().is_some_and(|it| nanos(it) < 0) {
        return Err(Error::ReclamationOutOfBounds.into());
    }
    Ok(())
}

pub(super) fn create(cx: &mut Ctx, msg: MsgCreateBid) -> Result {
    let id = BidId::try_from(&msg.id).map_err(base::id)?;
    let params = params::get(cx)?;
    check_deposit(&params, &msg.deposit)?;
    check_room(cx, &params, &msg)?;
    let order = find_order(cx, &id.order())?.ok_or(Error::OrderNotFound)?;
    if order.state == i32::from(order::State::Active) {
        return Err(Error::OrderActive.into());
    }
    if order.state != i32::from(order::State::Open) {
        return Err(Error::OrderClosed.into());
    }
    let price = DecCoin::try_from(&msg.price).map_err(money)?;
    check_price(&price, &order.spec)?;
    if !matching::offer(&msg.resources_offer, &order.spec) {
        return Err(Error::CapabilitiesMismatch.into());
    }
    let registered = providers::attributes(cx, &id.provider)?.ok_or(Error::UnknownProvider)?;
    if !matching::placement(cx, &order.spec.requirements, &id.provider, &registered)? {
        return Err(Error::AttributeMismatch.into());
    }
    if !matching::capabilities(&order.spec, &registered) {
        return Err(Error::CapabilitiesMismatch.into());
    }
    let deposits = escrow::draw(cx, &id.provider, escrow::Scope::Bid, &msg.deposit)?;
    check_window(&params, &order, &msg)?;
    if find_bid(cx, &id)?.is_some() {
        return Err(Error::BidExists.into());
    }

    let bid = Bid {
        id: msg.id.clone(),
        state: bid::State::Open.into(),
        price: msg.price.clone(),
        created_at: cx.height(),
        resources_offer: msg.resources_offer,
        reclamation_window: msg.reclamation_window,
    };
    store_bid(cx, &bid)?;
    receipts::retract(cx, &order.id, &msg.id.provider)?;
    cx.emit(EventBidCreated { id: msg.id, price: msg.price });
    let provider = id.provider.clone();
    escrow::create(cx, AccountId::Bid(id), provider, deposits)
}

/// The denomination need not be the one of the price.
fn check_deposit(params: &Params, deposit: &Deposit) -> Result {
    let deposit = Coin::try_from(&deposit.amount).map_err(money)?;
    let least = Coins::from_wire(&params.bid_min_deposits).map_err(money)?;
    let least = Coin::new(&deposit.denom, least.amount_of(&deposit.denom));
    if least.is_zero() {
        let why = format_args!("unsupported denom {}", deposit.denom);
        return Err(Error::InvalidDeposit.wrap(why));
    }
    if deposit.amount < least.amount {
        let why = format_args!("minimum:{least} received:{deposit}");
        return Err(Error::InvalidDeposit.wrap(why));
    }
    Ok(())
}

/// An order takes so many bids, those that lost not counted.
fn check_room(cx: &Ctx, params: &Params, msg: &MsgCreateBid) -> Result {
    let order = types::wire::akash::market::v1::OrderId {
        owner: msg.id.owner.clone(),
        dseq: msg.id.dseq,
        gseq: msg.id.gseq,
        oseq: msg.id.oseq,
    };
    let mut count = 0u32;
    for state in [bid::State::Open, bid::State::Active, bid::State::Closed] {
        count = count.saturating_add(count_bids(cx, &order, state)?);
    }
    if count >= params.order_max_bids {
        return Err(Error::InvalidBid.wrap(format_args!("too many existing bids ({count})")));
    }
    Ok(())
}

fn check_price(price: &DecCoin, spec: &GroupSpec) -> Result {
    let most = deployments::groups::price(spec)?;
    let valid = validate_denom(&price.denom).is_ok() && !price.amount.is_negative();
    match most {
        Some(most) if valid && most.denom == price.denom && most.amount >= price.amount => Ok(()),
        _ => Err(Error::BidInvalidPrice.into()),
    }
}

fn check_window(params: &Params, order: &Order, msg: &MsgCreateBid) -> Result {
    let window = msg.reclamation_window.as_ref().map(nanos);
    if let Some(wanted) = &order.reclamation {
        match window {
            None => return Err(Error::ReclamationRequired.into()),
            Some(window) if window < nanos(&wanted.min_window) => {
                return Err(Error::ReclamationTooShort.into());
            }
            Some(_) => {}
        }
    }
    let (min, max) = (nanos(&params.min_reclamation_window), nanos(&params.max_reclamation_window));
    match window {
        Some(window) if !(min..=max).contains(&window) => Err(Error::ReclamationOutOfBounds.into()),
        _ => Ok(()),
    }
}

pub(super) fn check_close(msg: &MsgCloseBid) -> Result {
    BidId::try_from(&msg.id).map_err(base::id)?;
    check_provider_reason(msg.reason)
}

/// An open bid is taken back. With a lease the lease ends too, unless notice is due first, and
/// the group is paused until the tenant starts it again.
pub(super) fn close(cx: &mut Ctx, msg: MsgCloseBid) -> Result {
    let id = BidId::try_from(&msg.id).map_err(base::id)?;
    let bid = find_bid(cx, &id)?.ok_or(Error::UnknownBid)?;
    let order = find_order(cx, &id.order())?.ok_or(Error::UnknownOrderForBid)?;
    if bid.state == i32::from(bid::State::Open) {
        return close_bid(cx, bid);
    }
    let lease = find_lease(cx, &id.lease())?.ok_or(Error::UnknownLeaseForBid)?;
    let mut cause = Cause::Provider { reason: msg.reason };
    match lease::State::try_from(lease.state) {
        Ok(lease::State::Active) => {
            if lease.reclamation.is_some() {
                return Err(Error::ReclamationNotStarted.into());
            }
        }
        Ok(lease::State::Reclaiming) => {
            let deadline = lease.reclamation.as_ref().map_or(i64::MAX, |it| it.deadline);
            if cx.unix_seconds() < deadline {
                return Err(Error::ReclamationNotElapsed.into());
            }
            cause = Cause::Reclaimed { reason: msg.reason };
        }
        _ => return Err(Error::LeaseNotActive.into()),
    }
    if bid.state != i32::from(bid::State::Active) {
        return Err(Error::BidNotActive.into());
    }
    let group = deployments::group_of(cx, &id.group())?;

    deployments::pause_group(cx, group)?;
    close_lease(cx, lease, cause)?;
    close_bid(cx, bid)?;
    close_order(cx, order)?;
    end_payment(cx, &id.lease())
}
