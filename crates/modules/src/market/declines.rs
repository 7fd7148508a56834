//! Declines: a registered provider says why it does not bid on an open order. No deposit, the fee
//! of any transaction, once per order.

use ledger::{Ctx, Result};
use types::{
    Address, OrderId, wire::akash::market::v1beta5::order,
    wire::haggle::market::v1::MsgDeclineOrder,
};

use super::{
    Error,
    state::{find_bid, find_order},
};
use crate::{base, provider as providers, receipts};

pub(super) fn check(msg: &MsgDeclineOrder) -> Result {
    let id = OrderId::try_from(&msg.id).map_err(base::id)?;
    if provider(msg)? == id.owner {
        return Err(Error::SameAccount.into());
    }
    receipts::check_decline(msg.dimension, &msg.subject, &msg.shortfall)
}

fn provider(msg: &MsgDeclineOrder) -> Result<Address> {
    msg.provider.parse().map_err(|_| Error::EmptyProvider.into())
}

pub(super) fn decline(cx: &mut Ctx, msg: MsgDeclineOrder) -> Result {
    let id = OrderId::try_from(&msg.id).map_err(base::id)?;
    let provider = provider(&msg)?;
    if !providers::is_registered(cx, &provider)? {
        return Err(Error::UnknownProvider.into());
    }
    let order = find_order(cx, &id)?.ok_or(Error::OrderNotFound)?;
    if order.state == i32::from(order::State::Active) {
        return Err(Error::OrderActive.into());
    }
    if order.state != i32::from(order::State::Open) {
        return Err(Error::OrderClosed.into());
    }
    if find_bid(cx, &id.bid(provider))?.is_some() {
        return Err(receipts::Error::Bidding.into());
    }
    receipts::decline(cx, msg)
}
