//! Parameters: who may report, and what makes a price believable (chain.md 10.2).

use std::collections::BTreeSet;

use ledger::{Ctx, Fault, Result, View};
use types::{
    Address,
    timestamp::{Duration, duration_text},
    wire::akash::oracle::v2::{MsgUpdateParams, Params},
};

use super::state::{LATEST, PARAMS, SOURCE_IDS, SOURCES_SEEN};
use crate::{auth, base::time::span_nanos};

/// More sources than this are refused: every block looks at each.
pub(super) const MAX_SOURCES: usize = 1_000;

pub(super) fn default_params() -> Params {
    let seconds = |seconds| Duration { seconds, nanos: 0 };
    Params {
        sources: Vec::new(),
        min_price_sources: 1,
        max_price_staleness_period: seconds(30),
        twap_window: seconds(5),
        max_price_deviation_bps: 150,
        feed_contracts_params: Vec::new(),
        price_retention: seconds(86_400),
        prune_epoch: "hour".to_owned(),
        max_prune_per_epoch: 1_000,
        max_future_time_drift: seconds(10),
    }
}

pub(super) fn get(view: &View) -> Result<Params> {
    Ok(PARAMS.get(view)?.unwrap_or_else(default_params))
}

fn positive(span: &Duration) -> bool {
    span_nanos(span) > 0
}

pub(super) fn check(params: &Params) -> Result {
    let refuse = |why: &str| Err(Fault::plain(why.to_owned()));
    if let Some(any) = params.feed_contracts_params.first() {
        // No contract has parameters here: nothing to unpack them into.
        return Err(Fault::plain(format!("unable to resolve type URL {}", any.type_url)));
    }
    if params.min_price_sources == 0 {
        return refuse("min_price_sources must be at least 1");
    }
    if !positive(&params.max_price_staleness_period) {
        return refuse("max_price_staleness_period must be greater than 0");
    }
    if params.max_price_deviation_bps == 0 {
        return refuse("max_price_deviation_bps must be greater than 0");
    }
    if !positive(&params.twap_window) {
        return refuse("twap_window must be greater than 0");
    }
    if !positive(&params.price_retention) {
        return refuse("price_retention must be positive");
    }
    if span_nanos(&params.price_retention) < span_nanos(&params.twap_window) {
        return Err(Fault::plain(format!(
            "price_retention ({}) must be at least twap_window ({})",
            duration_text(&params.price_retention),
            duration_text(&params.twap_window)
        )));
    }
    if params.prune_epoch.is_empty() {
        return refuse("prune_epoch must not be empty");
    }
    if params.max_prune_per_epoch < 0 {
        return refuse("max_prune_per_epoch must be non-negative");
    }
    if span_nanos(&params.max_future_time_drift) < 0 {
        return refuse("max_future_time_drift must be non-negative");
    }
    for source in &params.sources {
        if let Err(error) = source.parse::<Address>() {
            return Err(Fault::plain(format!("invalid source address {source:?}: {error}")));
        }
    }
    if params.sources.len() > MAX_SOURCES {
        return Err(Fault::plain(format!("more than {MAX_SOURCES} sources")));
    }
    Ok(())
}

/// The addresses of sources, each once.
fn sources(params: &Params) -> Result<BTreeSet<Address>> {
    params.sources.iter().map(|it| Ok(it.parse()?)).collect()
}

/// Stores parameters, gives new sources their ids and forgets the latest prices of removed ones.
/// Ids follow the order of the list.
pub(super) fn set(cx: &mut Ctx, params: &Params) -> Result {
    check(params)?;
    let before = PARAMS.get(cx)?.map_or(Ok(BTreeSet::new()), |it| sources(&it))?;
    PARAMS.set(cx, params)?;
    for source in &params.sources {
        let address: Address = source.parse()?;
        if !SOURCE_IDS.has(cx, &address)? {
            let seen = SOURCES_SEEN.get_or_default(cx)?.saturating_add(1);
            SOURCES_SEEN.set(cx, &seen)?;
            let id = u32::try_from(seen).map_err(|_| Fault::plain("too many sources"))?;
            SOURCE_IDS.set(cx, &address, &id)?;
        }
    }
    for gone in before.difference(&sources(params)?) {
        let Some(id) = SOURCE_IDS.get(cx, gone)? else { continue };
        let entries: Vec<_> = LATEST.walk().under(&id).iter(cx).collect::<Result<_>>()?;
        entries.iter().try_for_each(|(key, _)| LATEST.del(cx, key))?;
    }
    Ok(())
}

/// Ids of the sources that may report now.
pub(super) fn active(view: &View, params: &Params) -> Result<BTreeSet<u32>> {
    let ids = sources(params)?.into_iter().map(|it| SOURCE_IDS.get(view, &it));
    ids.filter_map(Result::transpose).collect()
}

pub(super) fn check_update(msg: &MsgUpdateParams) -> Result {
    if let Err(error) = msg.authority.parse::<Address>() {
        return Err(Fault::plain(format!("invalid authority address: {error}")));
    }
    check(&msg.params)
}

pub(super) fn update(cx: &mut Ctx, msg: MsgUpdateParams) -> Result {
    auth::require_authority(&msg.authority)?;
    set(cx, &msg.params)
}
