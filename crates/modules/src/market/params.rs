//! What a bid costs, how many an order takes, and how long notice may be (chain.md 5.2, 5.11).

use ledger::{Ctx, Item, Result, View};
use prost_types::Duration;
use types::{
    Coins,
    wire::{
        akash::market::v1beta5::{
            MsgUpdateParams, Params, QueryParamsRequest, QueryParamsResponse,
        },
        cosmos::base::v1beta1 as coin,
    },
};

use super::Error;
use crate::auth;

const PARAMS: Item<Params> = Item::new("market", &[0x14, 0x00]);

const MAX_BIDS: u32 = 500;

pub(super) fn defaults() -> Params {
    let half = |denom: &str| coin::Coin { denom: denom.to_owned(), amount: "500000".to_owned() };
    Params {
        bid_min_deposit: half("uakt"),
        order_max_bids: 20,
        bid_min_deposits: vec![half("uact"), half("uakt")],
        min_reclamation_window: Duration { seconds: 3600, nanos: 0 },
        max_reclamation_window: Duration { seconds: 2_592_000, nanos: 0 },
    }
}

/// A duration in nanoseconds.
pub(super) fn nanos(duration: &Duration) -> i128 {
    i128::from(duration.seconds)
        .saturating_mul(1_000_000_000)
        .saturating_add(i128::from(duration.nanos))
}

pub(super) fn get(view: &View) -> Result<Params> {
    Ok(PARAMS.get(view)?.unwrap_or_else(defaults))
}

pub(super) fn set(cx: &mut Ctx, params: &Params) -> Result {
    check(params)?;
    PARAMS.set(cx, params)
}

/// `bid_min_deposit` is kept for old clients and not looked at.
fn check(params: &Params) -> Result {
    let refuse = |why: &str| Err(Error::InvalidParam.wrap(why));
    if params.order_max_bids == 0 {
        return refuse("order max bids too low");
    }
    if params.order_max_bids > MAX_BIDS {
        return refuse("order max bids too high");
    }
    if let Err(why) = Coins::from_wire(&params.bid_min_deposits) {
        return refuse(&why.to_string());
    }
    let (min, max) = (nanos(&params.min_reclamation_window), nanos(&params.max_reclamation_window));
    if min < 0 {
        return refuse("min reclamation window must be >= 0");
    }
    if max <= 0 {
        return refuse("max reclamation window must be > 0");
    }
    if max <= min {
        return refuse("max reclamation window must be > min reclamation window");
    }
    Ok(())
}

pub(super) fn check_update(msg: &MsgUpdateParams) -> Result {
    if let Err(it) = msg.authority.parse::<types::Address>() {
        return Err(ledger::Sdk::InvalidAddress.wrap(it).context("invalid authority address"));
    }
    check(&msg.params)
}

pub(super) fn update(cx: &mut Ctx, msg: MsgUpdateParams) -> Result {
    auth::require_authority(&msg.authority)?;
    PARAMS.set(cx, &msg.params)
}

pub(super) fn show(view: &View, _: QueryParamsRequest) -> Result<QueryParamsResponse> {
    Ok(QueryParamsResponse { params: get(view)? })
}
