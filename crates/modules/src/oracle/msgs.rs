//! A source reports a price (chain.md 10.3).

use ledger::{Ctx, Fault, Result, Sdk, nanos};
use types::{
    Address, Dec,
    timestamp::is_valid,
    wire::akash::oracle::v2::{
        EventPriceData, MsgAddPriceEntry, PriceDataState, PriceLatestDataState,
    },
};

use super::{
    AKT, Error, USD, params,
    state::{LATEST, RECORDS, SOURCE_IDS, Stamp, next_number, pair_of},
};
use crate::base::time::span_nanos;

/// How old the first report of a source may be: 12 s.
const OLDEST_FIRST_REPORT_NANOS: i128 = 12_000_000_000;

pub(super) fn check_add(msg: &MsgAddPriceEntry) -> Result {
    signer(msg).map(drop)
}

fn signer(msg: &MsgAddPriceEntry) -> Result<Address> {
    msg.signer.parse().map_err(|it| Fault::plain(format!("invalid signer address: {it}")))
}

pub(super) fn add(cx: &mut Ctx, msg: MsgAddPriceEntry) -> Result {
    let MsgAddPriceEntry { signer: source, id, price, timestamp } = &msg;
    let params = params::get(cx)?;
    let listed = params.sources.contains(source);
    let Some(number) = SOURCE_IDS.get(cx, &signer(&msg)?)?.filter(|_| listed) else {
        let text = format!("source {source} is not authorized oracle provider");
        return Err(Sdk::Unauthorized.wrap(text));
    };
    if id.denom != AKT {
        return Err(Sdk::InvalidRequest.wrap(format!("unsupported denom {}", id.denom)));
    }
    if id.base_denom != USD {
        return Err(Sdk::InvalidRequest.wrap(format!("unsupported base denom {}", id.base_denom)));
    }
    let Some(value) = Dec::from_wire(price).ok().filter(Dec::is_positive) else {
        return Err(Sdk::InvalidRequest.wrap("price must be positive"));
    };
    let pair = pair_of(id);
    let latest = LATEST.get(cx, &(number, pair.0.clone(), pair.1.clone()))?;
    let earliest = match latest {
        Some(it) => nanos(&it.timestamp),
        None => cx.unix_nanos().saturating_sub(OLDEST_FIRST_REPORT_NANOS),
    };
    if nanos(timestamp) < earliest {
        return Err(Sdk::InvalidRequest.wrap("price timestamp is too old"));
    }
    let drift = span_nanos(&params.max_future_time_drift);
    if !is_valid(timestamp) || nanos(timestamp) > cx.unix_nanos().saturating_add(drift) {
        // The reference takes it, and the source's later reports are refused until then (D-27).
        return Err(Error::InvalidTimestamp.wrap("price timestamp is in the future"));
    }
    let sequence = next_number(cx, &pair)?;
    let (denom, base) = pair;
    let key = (number, denom.clone(), base.clone(), Stamp(*timestamp), sequence);
    RECORDS.set(cx, &key, &PriceDataState { price: value.to_wire() })?;
    let latest = PriceLatestDataState { timestamp: *timestamp, sequence };
    LATEST.set(cx, &(number, denom, base), &latest)?;
    cx.emit(EventPriceData {
        source: msg.signer,
        id: msg.id,
        price: msg.price,
        timestamp: msg.timestamp,
    });
    Ok(())
}
