//! Import and export of everything: the reference keeps parameters only (chain.md 18; D-27).

use ledger::{Ctx, Fault, Result, View};
use types::{
    Address,
    timestamp::is_valid,
    wire::akash::oracle::v2::{
        GenesisLatestPricesIDs, GenesisSourceId, GenesisState, PriceData, PriceDataId,
        PriceDataRecordId,
    },
};

use super::{
    aggregate, params,
    state::{LATEST, RECORDS, SOURCE_IDS, SOURCES_SEEN, Stamp, part, text},
};

pub(super) fn init(cx: &mut Ctx, genesis: GenesisState) -> Result {
    let mut seen = genesis.source_seq;
    for GenesisSourceId { address, id } in &genesis.source_ids {
        let address: Address = address.parse()?;
        SOURCE_IDS.set(cx, &address, id)?;
        seen = seen.max(u64::from(*id));
    }
    SOURCES_SEEN.set(cx, &seen)?;
    params::set(cx, &genesis.params)?;
    for PriceData { id, state } in &genesis.prices {
        if !is_valid(&id.timestamp) {
            return Err(Fault::plain("a price has no valid timestamp"));
        }
        aggregate::check_price(&state.price)?;
        let (denom, base) = (part(&id.denom), part(&id.base_denom));
        RECORDS.set(cx, &(id.source, denom, base, Stamp(id.timestamp), id.sequence), state)?;
    }
    for it in genesis.latest_prices_ids {
        let (Some(id), Some(state)) = (it.id, it.state) else {
            return Err(Fault::plain("a latest price names no record"));
        };
        LATEST.set(cx, &(id.source, part(&id.denom), part(&id.base_denom)), &state)?;
    }
    aggregate::begin(cx)
}

pub(super) fn export(view: &View) -> Result<GenesisState> {
    let prices = RECORDS.iter(view).map(|row| {
        let (key, state) = row?;
        Ok(PriceData { id: record_id(&key), state })
    });
    let latest = LATEST.iter(view).map(|row| {
        let ((source, denom, base), state) = row?;
        let id = PriceDataId { source, denom: text(&denom), base_denom: text(&base) };
        Ok(GenesisLatestPricesIDs { id: Some(id), state: Some(state) })
    });
    let sources = SOURCE_IDS.iter(view).map(|row| {
        let (address, id) = row?;
        Ok(GenesisSourceId { address: address.to_string(), id })
    });
    Ok(GenesisState {
        params: params::get(view)?,
        prices: prices.collect::<Result<_>>()?,
        latest_prices_ids: latest.collect::<Result<_>>()?,
        source_ids: sources.collect::<Result<_>>()?,
        source_seq: SOURCES_SEEN.get_or_default(view)?,
    })
}

pub(super) fn record_id(
    (source, denom, base, stamp, sequence): &super::state::RecordKey,
) -> PriceDataRecordId {
    PriceDataRecordId {
        source: *source,
        denom: text(denom),
        base_denom: text(base),
        timestamp: stamp.0,
        sequence: *sequence,
    }
}
