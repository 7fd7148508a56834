//! The store: records of prices by source and time, and what was made of them (chain.md 10.1).

use ledger::{Ctx, Item, Key, Map, Module, Plain, Prefixed, Result, Walk, broken_key};
use types::{
    Address,
    timestamp::{self, Timestamp},
    wire::akash::oracle::v2::{
        AggregatedPrice, DataId, Params, PriceDataState, PriceHealth, PriceLatestDataState,
    },
};

use super::{Oracle, params};
use crate::base::time::{from_nanos, span_nanos};

const STORE: &str = Oracle::NAME;

/// What is priced, and in what.
pub(super) type Pair = (Prefixed, Prefixed);
/// Id of a source, then the pair.
pub(super) type SourcePair = (u32, Prefixed, Prefixed);
/// Then time and number in the block.
pub(super) type RecordKey = (u32, Prefixed, Prefixed, Stamp, u64);

pub(super) const LATEST: Map<SourcePair, PriceLatestDataState> = Map::new(STORE, &[0x11, 0x01]);
pub(super) const AGGREGATES: Map<Pair, AggregatedPrice> = Map::new(STORE, &[0x11, 0x02]);
pub(super) const HEALTH: Map<Pair, PriceHealth> = Map::new(STORE, &[0x11, 0x03]);
pub(super) const RECORDS: Map<RecordKey, PriceDataState> = Map::new(STORE, &[0x11, 0x05]);
/// How many ids were given out.
pub(super) const SOURCES_SEEN: Item<u64, Plain> = Item::new(STORE, &[0x12, 0x00]);
/// Block and next number of a price in it.
const NUMBERS: Map<Pair, (i64, u64), Plain> = Map::new(STORE, &[0x12, 0x01]);
/// Ids are permanent.
pub(super) const SOURCE_IDS: Map<Address, u32, Plain> = Map::new(STORE, &[0x12, 0x02]);
pub(super) const PARAMS: Item<Params> = Item::new(STORE, &[0x09]);

/// A time of a record as 31 characters, `2006.01.02.15.04.05.000.000.000`: in text order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stamp(pub(super) Timestamp);

const STAMP_BYTES: usize = 31;

impl Key for Stamp {
    fn write_last(&self, out: &mut Vec<u8>) {
        let seconds = timestamp::whole_seconds_text(&self.0);
        let seconds = seconds.trim_end_matches('Z').replace(['-', 'T', ':'], ".");
        let nanos = self.0.nanos.unsigned_abs();
        let (milli, micro, nano) = (nanos / 1_000_000, nanos / 1_000 % 1_000, nanos % 1_000);
        out.extend(format!("{seconds}.{milli:03}.{micro:03}.{nano:03}").into_bytes());
    }

    fn read(bytes: &mut &[u8]) -> Result<Self> {
        let (text, rest) = bytes.split_at_checked(STAMP_BYTES).ok_or_else(broken_key)?;
        *bytes = rest;
        let text = std::str::from_utf8(text).map_err(|_| broken_key())?;
        let parts: Vec<&str> = text.split('.').collect();
        let [year, month, day, hour, minute, second, milli, micro, nano] = parts.as_slice() else {
            return Err(broken_key());
        };
        let text = format!("{year}-{month}-{day}T{hour}:{minute}:{second}.{milli}{micro}{nano}Z");
        timestamp::parse(&text).map(Self).ok_or_else(broken_key)
    }
}

pub(super) fn part(text: &str) -> Prefixed {
    Prefixed(text.as_bytes().to_vec())
}

pub(super) fn text(part: &Prefixed) -> String {
    String::from_utf8_lossy(&part.0).into_owned()
}

pub(super) fn pair(denom: &str, base: &str) -> Pair {
    (part(denom), part(base))
}

pub(super) fn pair_of(id: &DataId) -> Pair {
    pair(&id.denom, &id.base_denom)
}

pub(super) fn data_id(pair: &Pair) -> DataId {
    DataId { denom: text(&pair.0), base_denom: text(&pair.1) }
}

/// What the reference says about a row that is not there.
pub(super) fn missing(denom: &str, base: &str, kind: &str) -> String {
    format!(
        "collections: not found: key '{denom}/{base}' of type github.com/cosmos/gogoproto/akash.oracle.v2.{kind}"
    )
}

/// The records of one source for a pair, oldest first.
pub(super) fn records(source: u32, pair: &Pair) -> Walk<RecordKey, PriceDataState> {
    RECORDS.walk().under(&(source, pair.0.clone(), pair.1.clone()))
}

/// The next number of a price of a pair in this block, shared by all sources, from 0.
pub(super) fn next_number(cx: &mut Ctx, pair: &Pair) -> Result<u64> {
    let number = match NUMBERS.get(cx, pair)? {
        Some((height, next)) if height == cx.height() => next,
        _ => 0,
    };
    NUMBERS.set(cx, pair, &(cx.height(), number.saturating_add(1)))?;
    Ok(number)
}

/// Forgets the records that are too old, when the epoch for it has ended (chain.md 10.6). At most
/// `max_prune_per_epoch` of them; the rest waits for the next epoch.
pub(super) fn prune(cx: &mut Ctx, epoch: &str) -> Result {
    let params = params::get(cx)?;
    if params.prune_epoch != epoch {
        return Ok(());
    }
    let retention = span_nanos(&params.price_retention);
    let cutoff = ledger::nanos(&from_nanos(cx.unix_nanos().saturating_sub(retention)));
    let limit = usize::try_from(params.max_prune_per_epoch).unwrap_or_default();
    let mut old = Vec::new();
    // One row per source and pair.
    for source in LATEST.keys(cx) {
        let (source, denom, base) = source?;
        for row in records(source, &(denom, base)).iter(cx) {
            let (key, _) = row?;
            if old.len() >= limit || ledger::nanos(&key.3.0) > cutoff {
                break;
            }
            old.push(key);
        }
    }
    old.iter().try_for_each(|key| RECORDS.del(cx, key))
}
