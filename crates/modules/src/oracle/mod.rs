//! What AKT is worth in US dollars: prices of chosen sources, averaged at the end of each block
//! (chain.md 10).
//!
//! Calls: auth, epochs (to prune). Called by: bme, escrow. Owns: store `oracle`: the latest record
//! of each source under 11 01, aggregates under 11 02, health under 11 03, records under 11 05,
//! ids of sources under 12, parameters under 09.

mod aggregate;
mod genesis;
mod msgs;
mod params;
mod query;
mod state;
#[cfg(test)]
mod tests;

use ledger::{Ctx, Invariant, Module, Result, Routes, View, errors_in, holds};
use types::{Dec, wire::akash::oracle::v2::GenesisState};

use crate::{base::number, epochs};

pub struct Oracle;

impl Module for Oracle {
    const NAME: &'static str = "oracle";
    const INVARIANTS: &'static [Invariant] =
        &[Invariant("a healthy price has an aggregate", healthy_prices_exist)];
    type Genesis = GenesisState;

    fn routes(r: &mut Routes<'_>) {
        r.msg_checked(msgs::check_add, msgs::add).msg_checked(params::check_update, params::update);
        r.query(query::prices).query(query::params).query(query::aggregated_price);
        r.hook(|cx, ended: &epochs::Ended| state::prune(cx, &ended.id));
    }

    fn default_genesis() -> GenesisState {
        GenesisState { params: params::default_params(), ..GenesisState::default() }
    }

    fn init(cx: &mut Ctx, genesis: GenesisState) -> Result {
        genesis::init(cx, genesis)
    }

    fn export(view: &View) -> Result<GenesisState> {
        genesis::export(view)
    }

    /// After bme's, which therefore swaps at the price of the block before (chain.md 2.4).
    fn end_block(cx: &mut Ctx) -> Result {
        aggregate::end_block(cx)
    }
}

/// What has a price.
const AKT: &str = "akt";
/// What is always worth one dollar.
const ACT: &str = "act";
/// What prices are given in.
const USD: &str = "usd";

/// The whole unit that a denomination of coins is a part of.
fn unit_of(denom: &str) -> &str {
    match denom {
        "uakt" => AKT,
        "uact" => ACT,
        other => other,
    }
}

/// What one unit is worth in US dollars, if it is known for sure: `oracle.v2/4` otherwise
/// (chain.md 10.5). Units of 10^-6 count as the whole.
pub fn price(view: &View, denom: &str) -> Result<Dec> {
    if unit_of(denom) == ACT {
        return Ok(Dec::from(1u64));
    }
    let id = state::pair(unit_of(denom), USD);
    let health = state::HEALTH.get(view, &id)?;
    let health = health.ok_or_else(|| {
        let text = state::missing(unit_of(denom), USD, "PriceHealth");
        Error::PriceStalled.wrap(text)
    })?;
    if !health.is_healthy {
        return Err(Error::PriceStalled.into());
    }
    last_price(view, denom)?.ok_or_else(|| Error::PriceStalled.into())
}

/// The latest price that was healthy, however long ago; none: there never was one.
pub fn last_price(view: &View, denom: &str) -> Result<Option<Dec>> {
    if unit_of(denom) == ACT {
        return Ok(Some(Dec::from(1u64)));
    }
    let found = state::AGGREGATES.get(view, &state::pair(unit_of(denom), USD))?;
    found.map(|it| Dec::from_wire_or_zero(&it.twap).map_err(number)).transpose()
}

/// A healthy price, for tests of those who ask.
#[cfg(test)]
pub(crate) fn set_price(cx: &mut ledger::Ctx, denom: &str, price: Dec) -> Result {
    use types::wire::akash::oracle::v2::{AggregatedPrice, PriceHealth};
    let id = state::pair(unit_of(denom), USD);
    let health = PriceHealth { is_healthy: true, ..PriceHealth::default() };
    state::HEALTH.set(cx, &id, &health)?;
    let aggregate = AggregatedPrice { twap: price.to_wire(), ..AggregatedPrice::default() };
    state::AGGREGATES.set(cx, &id, &aggregate)
}

fn healthy_prices_exist(view: &View) -> Result {
    for row in state::HEALTH.iter(view) {
        let (id, health) = row?;
        let known = state::AGGREGATES.has(view, &id)?;
        holds!(known || !health.is_healthy, "{} is healthy without a price", health.denom)?;
    }
    Ok(())
}

errors_in! { "oracle.v2";
    1 PriceEntryExists "price entry exists",
    2 InvalidTimestamp "invalid timestamp",
    3 UnauthorizedWriter "unauthorized writer address",
    4 PriceStalled "price stalled",
    5 InvalidFeedParams "invalid feed contract params",
    6 InvalidFeedConfig "invalid feed contract config",
    7 ZeroWeight "invalid TWAP calculation: zero weight",
}
