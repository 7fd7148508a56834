//! The end of a block: an average over time per source, one price over all, and whether it can be
//! believed (chain.md 10.4).

use std::collections::{BTreeMap, BTreeSet};

use ledger::{Ctx, Fault, Result, View, nanos};
use types::{
    Dec, NumberError,
    timestamp::Timestamp,
    wire::akash::oracle::v2::{
        AggregatedPrice, EventAggregatedPrice, EventPriceRecovered, EventPriceStaled, Params,
        PriceHealth, PriceLatestDataState,
    },
};

use super::{
    params,
    state::{AGGREGATES, HEALTH, LATEST, Pair, RECORDS, Stamp, data_id, records, text},
};
use crate::base::{
    number,
    time::{from_nanos, span_nanos},
};

/// More records than this within the window count as if there were no earlier ones: per source and
/// block.
const MAX_RECORDS_PER_WINDOW: usize = 10_000;

/// A basis point is a part of this many.
const BASIS_POINTS: i64 = 10_000;

/// A price and since when it held, newest first.
pub(super) type History = Vec<(Timestamp, Dec)>;

/// Visits every pair that has a report of an active source, or that was healthy and lost all its
/// sources (D-27).
pub(super) fn end_block(cx: &mut Ctx) -> Result {
    let params = params::get(cx)?;
    let mut stored = Vec::new();
    for (pair, latest) in reports(cx, &params)? {
        let price = aggregate(cx, &params, &pair, &latest)?;
        let health = health_of(&params, &price, latest.len());
        let was_healthy = HEALTH.get(cx, &pair)?;
        if was_healthy.as_ref() != Some(&health) {
            HEALTH.set(cx, &pair, &health)?;
        }
        let id = data_id(&pair);
        match (was_healthy.is_none_or(|it| it.is_healthy != health.is_healthy), health.is_healthy) {
            (true, true) => cx.emit(EventPriceRecovered { id, height: cx.height() }),
            (true, false) => cx.emit(EventPriceStaled { id, last_height: 0 }),
            (false, _) => {}
        }
        if health.is_healthy {
            AGGREGATES.set(cx, &pair, &price)?;
            stored.push(price);
        }
    }
    stored.into_iter().for_each(|price| cx.emit(EventAggregatedPrice { price }));
    Ok(())
}

/// The latest reports of active sources by pair, in the order of source ids.
type Reports = BTreeMap<Pair, Vec<(u32, PriceLatestDataState)>>;

fn reports(view: &View, params: &Params) -> Result<Reports> {
    let active: BTreeSet<u32> = params::active(view, params)?;
    let mut reports = Reports::new();
    for row in HEALTH.iter(view) {
        let (pair, health) = row?;
        if health.is_healthy {
            reports.insert(pair, Vec::new());
        }
    }
    for row in LATEST.iter(view) {
        let ((source, denom, base), latest) = row?;
        if active.contains(&source) {
            reports.entry((denom, base)).or_default().push((source, latest));
        }
    }
    Ok(reports)
}

/// One price of all fresh reports; of no source when there is none.
fn aggregate(
    view: &View,
    params: &Params,
    pair: &Pair,
    latest: &[(u32, PriceLatestDataState)],
) -> Result<AggregatedPrice> {
    let now = view.unix_nanos();
    let oldest = now.saturating_sub(span_nanos(&params.max_price_staleness_period));
    let mut prices = Vec::new();
    let mut averages = Vec::new();
    for (source, latest) in latest {
        if nanos(&latest.timestamp) < oldest {
            continue;
        }
        let (denom, base) = pair.clone();
        let key = (*source, denom, base, Stamp(latest.timestamp), latest.sequence);
        // Pruned when it may be used longer than it is kept.
        let Some(record) = RECORDS.get(view, &key)? else { continue };
        prices.push(Dec::from_wire(&record.price).map_err(number)?);
        let history = history(view, params, *source, pair)?;
        averages.extend(over_time(&history, view.time()).map_err(number)?);
    }
    summary(&text(&pair.0), view.time(), prices, &averages).map_err(number)
}

/// The reports of a source within the window, and the last one before it as if it were made when
/// the window began.
fn history(view: &View, params: &Params, source: u32, pair: &Pair) -> Result<History> {
    let begin = from_nanos(view.unix_nanos().saturating_sub(span_nanos(&params.twap_window)));
    let (denom, base) = pair.clone();
    let newest = (source, denom, base, Stamp(view.time()), u64::MAX);
    let mut history = History::new();
    for row in records(source, pair).from(&newest).rev().iter(view).take(MAX_RECORDS_PER_WINDOW) {
        let ((.., Stamp(time), _), record) = row?;
        let price = Dec::from_wire(&record.price).map_err(number)?;
        if nanos(&time) < nanos(&begin) {
            history.push((begin, price));
            break;
        }
        history.push((time, price));
    }
    Ok(history)
}

/// The average of a history, each price weighted with the nanoseconds it held; plain if none held
/// for any time. None without history.
pub(super) fn over_time(history: &History, now: Timestamp) -> Result<Option<Dec>, NumberError> {
    let mut until = nanos(&now);
    let (mut sum, mut plain_sum) = (Dec::ZERO, Dec::ZERO);
    let mut weights = 0i64;
    for (since, price) in history {
        let weight = until.saturating_sub(nanos(since));
        let weight = i64::try_from(weight).map_err(|_| NumberError::Overflow)?;
        until = nanos(since);
        sum = sum.add(price.mul(Dec::from(weight))?)?;
        plain_sum = plain_sum.add(*price)?;
        weights = weights.checked_add(weight).ok_or(NumberError::Overflow)?;
    }
    match (history.len(), weights) {
        (0, _) => Ok(None),
        (count, 0) => plain_sum.quo(count_of(count)?).map(Some),
        (_, weights) => sum.quo(Dec::from(weights)).map(Some),
    }
}

fn count_of(count: usize) -> Result<Dec, NumberError> {
    Ok(Dec::from(u64::try_from(count).map_err(|_| NumberError::Overflow)?))
}

/// Mean of the averages; median, least and most of the prices, and how far these are apart.
pub(super) fn summary(
    denom: &str,
    now: Timestamp,
    mut prices: Vec<Dec>,
    averages: &[Dec],
) -> Result<AggregatedPrice, NumberError> {
    prices.sort();
    let (Some(least), Some(most)) = (prices.first(), prices.last()) else {
        return Ok(nothing(denom, now));
    };
    if averages.is_empty() {
        return Ok(nothing(denom, now));
    }
    let mut sum = Dec::ZERO;
    for average in averages {
        sum = sum.add(*average)?;
    }
    let twap = sum.quo(count_of(averages.len())?)?;
    let middle = |at: usize| prices.get(at).copied().unwrap_or_default();
    let upper = middle(prices.len() / 2);
    let median = if prices.len() % 2 == 1 {
        upper
    } else {
        let lower = middle((prices.len() / 2).saturating_sub(1));
        lower.add(upper)?.quo(Dec::from(2u64))?
    };
    let apart = if least.is_zero() {
        Dec::ZERO
    } else {
        most.sub(*least)?.mul(Dec::from(BASIS_POINTS))?.quo(*least)?
    };
    Ok(AggregatedPrice {
        denom: denom.to_owned(),
        twap: twap.to_wire(),
        median_price: median.to_wire(),
        min_price: least.to_wire(),
        max_price: most.to_wire(),
        timestamp: now,
        num_sources: u32::try_from(prices.len()).map_err(|_| NumberError::Overflow)?,
        deviation_bps: apart.truncate_int()?.to_u64().unwrap_or(u64::MAX),
    })
}

fn nothing(denom: &str, now: Timestamp) -> AggregatedPrice {
    let zero = || Dec::ZERO.to_wire();
    AggregatedPrice {
        denom: denom.to_owned(),
        twap: zero(),
        median_price: zero(),
        min_price: zero(),
        max_price: zero(),
        timestamp: now,
        num_sources: 0,
        deviation_bps: 0,
    }
}

fn health_of(params: &Params, price: &AggregatedPrice, sources: usize) -> PriceHealth {
    let mut failure_reason = Vec::new();
    let has_min_sources = price.num_sources >= params.min_price_sources;
    if !has_min_sources {
        let (found, wanted) = (price.num_sources, params.min_price_sources);
        failure_reason.push(format!("insufficient price sources: {found} < {wanted}"));
    }
    let deviation_ok = price.deviation_bps <= params.max_price_deviation_bps;
    if !deviation_ok {
        let (found, most) = (price.deviation_bps, params.max_price_deviation_bps);
        failure_reason.push(format!("price deviation too high: {found}bps > {most}bps"));
    }
    PriceHealth {
        denom: price.denom.clone(),
        is_healthy: has_min_sources && deviation_ok,
        has_min_sources,
        deviation_ok,
        total_sources: u32::try_from(sources).unwrap_or(u32::MAX),
        total_healthy_sources: price.num_sources,
        failure_reason,
    }
}

/// What an import knows of prices before the first block: the same, without events.
pub(super) fn begin(cx: &mut Ctx) -> Result {
    let params = params::get(cx)?;
    for (pair, latest) in reports(cx, &params)? {
        let price = aggregate(cx, &params, &pair, &latest)?;
        let health = health_of(&params, &price, latest.len());
        if health.is_healthy {
            AGGREGATES.set(cx, &pair, &price)?;
            HEALTH.set(cx, &pair, &health)?;
        }
    }
    Ok(())
}

/// Refuses what would stop every block: a number that does not read.
pub(super) fn check_price(price: &str) -> Result<Dec> {
    let value = Dec::from_wire(price).map_err(number)?;
    if value.is_positive() { Ok(value) } else { Err(Fault::plain("price must be positive")) }
}
