//! Queries (chain.md 10.8).

use ledger::{Fault, Result, View, nanos, paginate};
use types::{
    timestamp::{Timestamp, ZERO_TIME},
    wire::{
        akash::oracle::v2::{
            PriceData, QueryAggregatedPriceRequest, QueryAggregatedPriceResponse,
            QueryParamsRequest, QueryParamsResponse, QueryPricesRequest, QueryPricesResponse,
        },
        cosmos::base::query::v1beta1::PageRequest,
    },
};

use super::{
    USD, genesis,
    state::{AGGREGATES, HEALTH, RECORDS, missing, pair},
};

pub(super) fn params(view: &View, _: QueryParamsRequest) -> Result<QueryParamsResponse> {
    Ok(QueryParamsResponse { params: super::params::get(view)? })
}

/// A limit of time, unless it is not given: as JSON writes that, or as protobuf does.
fn given(time: &Timestamp) -> Option<i128> {
    (*time != ZERO_TIME && *time != Timestamp::default()).then(|| nanos(time))
}

/// Newest first within a source, the last source first; `reverse` turns that round.
pub(super) fn prices(view: &View, request: QueryPricesRequest) -> Result<QueryPricesResponse> {
    let filters = request.filters;
    let (begin, end) = (given(&filters.start_time), given(&filters.end_time));
    let wanted = |filter: &str, found: &str| filter.is_empty() || filter == found;
    let page = request.pagination.unwrap_or_default();
    let page = PageRequest { reverse: !page.reverse, ..page };
    let (prices, page) = paginate(view, RECORDS.walk(), Some(page), |key, state| {
        let id = genesis::record_id(&key);
        let time = nanos(&id.timestamp);
        let listed = wanted(&filters.asset_denom, &id.denom)
            && wanted(&filters.base_denom, &id.base_denom)
            && begin.is_none_or(|it| time >= it)
            && end.is_none_or(|it| time <= it);
        Ok(listed.then_some(PriceData { id, state }))
    })?;
    Ok(QueryPricesResponse { prices, pagination: Some(page) })
}

/// By whole unit: `akt`, not `uakt`.
pub(super) fn aggregated_price(
    view: &View,
    request: QueryAggregatedPriceRequest,
) -> Result<QueryAggregatedPriceResponse> {
    let id = pair(&request.denom, USD);
    let absent = |kind| Fault::plain(missing(&request.denom, USD, kind));
    Ok(QueryAggregatedPriceResponse {
        aggregated_price: AGGREGATES.get(view, &id)?.ok_or_else(|| absent("AggregatedPrice"))?,
        price_health: HEALTH.get(view, &id)?.ok_or_else(|| absent("PriceHealth"))?,
    })
}
