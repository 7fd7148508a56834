//! Parameters (chain.md 9.2).

use ledger::{Ctx, Fault, Result, View};
use types::{
    Address, Coins,
    wire::{
        akash::bme::v1::{MsgUpdateParams, Params},
        cosmos::base::v1beta1::Coin,
    },
};

use super::{Error, state::PARAMS};
use crate::auth;

/// A whole in basis points.
pub(super) const BASIS_POINTS: u32 = 10_000;
/// The largest spread, in basis points.
const MAX_SPREAD_BPS: u32 = 1_000;

pub(super) fn default_params() -> Params {
    Params {
        circuit_breaker_warn_threshold: 9_500,
        circuit_breaker_halt_threshold: 9_000,
        min_epoch_blocks: 10,
        epoch_blocks_backoff_percent: 10,
        mint_spread_bps: 25,
        settle_spread_bps: 0,
        max_endblocker_records: 50,
        min_mint: vec![Coin { denom: super::ACT.to_owned(), amount: "10000000".to_owned() }],
        max_pending_attempts: 3,
    }
}

pub(super) fn get(view: &View) -> Result<Params> {
    Ok(PARAMS.get(view)?.unwrap_or_else(default_params))
}

pub(super) fn check(params: &Params) -> Result {
    let warn = params.circuit_breaker_warn_threshold;
    let halt = params.circuit_breaker_halt_threshold;
    let min_mint = params.min_mint.iter().map(types::Coin::try_from).collect::<Result<Vec<_>, _>>();
    let refusals = [
        (params.min_epoch_blocks <= 0, "min_epoch_blocks must be positive"),
        (warn > BASIS_POINTS, "circuit_breaker_warn_threshold cannot exceed 10000"),
        (halt > BASIS_POINTS, "circuit_breaker_halt_threshold cannot exceed 10000"),
        (warn <= halt, "warn threshold must be greater than halt threshold"),
        (params.mint_spread_bps > MAX_SPREAD_BPS, "mint_spread_bps cannot exceed 1000 (10%)"),
        (params.settle_spread_bps > MAX_SPREAD_BPS, "settle_spread_bps cannot exceed 1000 (10%)"),
        (params.epoch_blocks_backoff_percent > 100, "epoch_blocks_backoff cannot exceed 100%"),
        (!min_mint.is_ok_and(|it| Coins::strict(it).is_ok()), "min_mint coins are invalid"),
    ];
    match refusals.into_iter().find(|(refused, _)| *refused) {
        Some((_, why)) => Err(Fault::plain(why)),
        None => Ok(()),
    }
}

pub(super) fn check_update(msg: &MsgUpdateParams) -> Result {
    authority(&msg.authority)?;
    check(&msg.params)
}

pub(super) fn authority(text: &str) -> Result<Address> {
    let context = |it| Error::Unauthorized.wrap(format!("invalid authority address: {it}"));
    text.parse().map_err(|it: types::AddressError| context(it))
}

pub(super) fn update(cx: &mut Ctx, msg: MsgUpdateParams) -> Result {
    auth::require_authority(&msg.authority)?;
    check(&msg.params)?;
    PARAMS.set(cx, &msg.params)
}
