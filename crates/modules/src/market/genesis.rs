//! Import and export (chain.md 18).

use ledger::{Ctx, Result, View};
use types::wire::akash::market::v1beta5::GenesisState;

use super::{
    Error, params,
    state::{
        BIDS, LEASES, ORDERS, bid_key, lease_key, order_key, store_bid, store_lease, store_order,
    },
};

pub(super) fn init(cx: &mut Ctx, genesis: GenesisState) -> Result {
    params::set(cx, &genesis.params)?;
    for order in &genesis.orders {
        if ORDERS.has(cx, &order_key(&order.id))? {
            return Err(Error::OrderExists.into());
        }
        store_order(cx, order)?;
    }
    for bid in &genesis.bids {
        if BIDS.has(cx, &bid_key(&bid.id))? {
            return Err(Error::BidExists.into());
        }
        store_bid(cx, bid)?;
    }
    for lease in &genesis.leases {
        if LEASES.has(cx, &lease_key(&lease.id))? {
            return Err(Error::Internal.wrap("a lease is listed twice"));
        }
        store_lease(cx, lease)?;
    }
    Ok(())
}

pub(super) fn export(view: &View) -> Result<GenesisState> {
    Ok(GenesisState {
        params: params::get(view)?,
        orders: ORDERS.values(view).collect::<Result<_>>()?,
        leases: LEASES.values(view).collect::<Result<_>>()?,
        bids: BIDS.values(view).collect::<Result<_>>()?,
    })
}
