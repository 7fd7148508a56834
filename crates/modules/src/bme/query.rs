//! Queries (chain.md 9.9). The ledger is one list over three: pending, executed, canceled.

use std::collections::VecDeque;

use ledger::{Budget, Fault, Key, Map, Result, StateKey, View, broken_key, offset_too_far};
use types::{
    Coin, Dec,
    wire::{
        akash::bme::v1::{
            LedgerRecordFilters, LedgerRecordStatus, MintStatus, QueryLedgerRecordEntry,
            QueryLedgerRecordsRequest, QueryLedgerRecordsResponse, QueryParamsRequest,
            QueryParamsResponse, QueryStatusRequest, QueryStatusResponse, QueryVaultStateRequest,
            QueryVaultStateResponse, State, query_ledger_record_entry::Record,
        },
        cosmos::base::query::v1beta1::PageResponse,
    },
};

use super::{
    ACT, AKT,
    state::{BURNED, CANCELED, CREDITS, EXECUTED, MINTED, PENDING, RecordKey, coins, id, part},
    vault,
};
use crate::{
    bank,
    base::{money, number},
    oracle, paging,
};

pub(super) fn params(view: &View, _: QueryParamsRequest) -> Result<QueryParamsResponse> {
    Ok(QueryParamsResponse { params: super::params::get(view)? })
}

/// The vault's coins; all ACT there is, wherever, counts as its own.
pub(super) fn vault_state(
    view: &View,
    _: QueryVaultStateRequest,
) -> Result<QueryVaultStateResponse> {
    let held = bank::balances(view, &vault())?;
    let elsewhere = bank::supply(view, ACT)?.sub(held.amount_of(ACT)).map_err(number)?;
    let vault_state = State {
        balances: held.add_coin(&Coin::new(ACT, elsewhere)).map_err(money)?.to_wire(),
        total_burned: coins(view, &BURNED)?,
        total_minted: coins(view, &MINTED)?,
        remint_credits: coins(view, &CREDITS)?,
    };
    Ok(QueryVaultStateResponse { vault_state })
}

/// While the price is not healthy: by the last one that was (D-26). Without any, its refusal.
pub(super) fn status(view: &View, _: QueryStatusRequest) -> Result<QueryStatusResponse> {
    let params = super::params::get(view)?;
    let price = match oracle::price(view, AKT) {
        Ok(price) => price,
        Err(stalled) => oracle::last_price(view, AKT)?.ok_or(stalled)?,
    };
    let status = super::status::get(view)?.status;
    let threshold = |bps: u32| Dec::new(u64::from(bps), 4).map(|it| it.to_wire()).map_err(number);
    Ok(QueryStatusResponse {
        status,
        collateral_ratio: super::status::ratio_at(view, price)?.to_wire(),
        warn_threshold: threshold(params.circuit_breaker_warn_threshold)?,
        halt_threshold: threshold(params.circuit_breaker_halt_threshold)?,
        mints_allowed: status < i32::from(MintStatus::HaltCr),
        refunds_allowed: status < i32::from(MintStatus::HaltOracle),
    })
}

// The ledger.

/// The lists in the order of a walk, by the number that page keys call them.
const LISTS: [LedgerRecordStatus; 3] =
    [LedgerRecordStatus::Pending, LedgerRecordStatus::Executed, LedgerRecordStatus::Canceled];

/// What a page key says of a walk from the last list to the first.
const REVERSED: [u8; 1] = [1];

fn number_of(list: LedgerRecordStatus) -> u8 {
    u8::try_from(i32::from(list)).unwrap_or_default()
}

fn named(name: &str) -> Result<Vec<u8>> {
    let all = LISTS.iter().map(|it| number_of(*it));
    if name.is_empty() {
        return Ok(all.collect());
    }
    let found = LISTS.iter().find(|it| it.as_str_name() == name);
    let found = found.ok_or_else(|| Fault::invalid_argument("invalid status filter value"))?;
    Ok(vec![number_of(*found)])
}

/// A walk over the lists: where it starts and what it still wants.
struct Walk<'a> {
    filters: &'a LedgerRecordFilters,
    reverse: bool,
    skip: u64,
    limit: usize,
    budget: Budget,
    /// The first record is always taken, so that a client who follows the page keys gets on.
    is_first: bool,
    found: Vec<QueryLedgerRecordEntry>,
}

impl Walk<'_> {
    /// Adds the records of a list; the key to go on with if the page ends here.
    fn over<V: prost::Message + Default>(
        &mut self,
        view: &View,
        list: &Map<RecordKey, V>,
        start: Option<&RecordKey>,
        show: impl Fn(V) -> (LedgerRecordStatus, Record),
    ) -> Result<Option<RecordKey>> {
        let LedgerRecordFilters { source, denom, to_denom, .. } = self.filters;
        let mut walk = list.walk().reversed(self.reverse);
        // Keys begin with the route.
        if !denom.is_empty() {
            walk = walk.under(&part(denom));
            if !to_denom.is_empty() {
                walk = walk.under(&part(to_denom));
            }
        }
        if let Some(start) = start {
            walk = walk.from(start);
        }
        let wanted = |filter: &str, found: &str| filter.is_empty() || filter == found;
        for row in walk.iter(view) {
            let (key, value) = row?;
            let is_spent = !self.is_first && self.budget.is_spent(view);
            self.is_first = false;
            if is_spent {
                return if self.skip > 0 { Err(offset_too_far()) } else { Ok(Some(key)) };
            }
            let id = id(&key);
            if !wanted(source, &id.source) || !wanted(to_denom, &id.to_denom) {
                continue;
            }
            if self.skip > 0 {
                self.skip = self.skip.saturating_sub(1);
                continue;
            }
            if self.found.len() == self.limit {
                return Ok(Some(key));
            }
            let (status, record) = show(value);
            let entry = QueryLedgerRecordEntry { id, status: status.into(), record: Some(record) };
            self.found.push(entry);
        }
        Ok(None)
    }
}

pub(super) fn ledger(
    view: &View,
    request: QueryLedgerRecordsRequest,
) -> Result<QueryLedgerRecordsResponse> {
    let page = request.pagination.unwrap_or_default();
    let resumed = match page.key.as_slice() {
        [] => None,
        key => Some(StateKey::decode(key)?),
    };
    if resumed.is_none() && page.offset > 0 && request.filters.status.is_empty() {
        return Err(Fault::invalid_argument(
            "invalid request parameters. if offset is set, filter.status must be provided",
        ));
    }
    let reverse = resumed.as_ref().map_or(page.reverse, |it| it.uns == REVERSED);
    let mut start = resumed.as_ref().map(|it| RecordKey::read_last(&it.pk)).transpose()?;
    let lists = match resumed {
        Some(key) => key.states,
        None => {
            let mut lists = named(&request.filters.status)?;
            if reverse {
                lists.reverse();
            }
            lists
        }
    };
    let mut walk = Walk {
        filters: &request.filters,
        reverse,
        skip: if start.is_some() { 0 } else { page.offset },
        limit: paging::limit(&page),
        budget: Budget::new(view),
        is_first: true,
        found: Vec::new(),
    };
    let mut left: VecDeque<u8> = lists.into();
    let mut next_key = Vec::new();
    while let Some(list) = left.front().copied() {
        let from = start.take();
        let from = from.as_ref();
        let full = match LISTS.iter().find(|it| number_of(**it) == list) {
            Some(LedgerRecordStatus::Pending) => walk.over(view, &PENDING, from, |it| {
                (LedgerRecordStatus::Pending, Record::PendingRecord(it))
            })?,
            Some(LedgerRecordStatus::Executed) => walk.over(view, &EXECUTED, from, |it| {
                (LedgerRecordStatus::Executed, Record::ExecutedRecord(it))
            })?,
            Some(LedgerRecordStatus::Canceled) => walk.over(view, &CANCELED, from, |it| {
                (LedgerRecordStatus::Canceled, Record::CanceledRecord(it))
            })?,
            _ => return Err(broken_key()),
        };
        if let Some(next) = full {
            let uns = if reverse { REVERSED.to_vec() } else { Vec::new() };
            let states = left.into_iter().collect();
            let key = StateKey { states, prefix: vec![list], pk: next.to_bytes(), uns };
            next_key = key.encode()?;
            break;
        }
        left.pop_front();
    }
    let total = u64::try_from(walk.found.len()).unwrap_or(u64::MAX);
    Ok(QueryLedgerRecordsResponse {
        records: walk.found,
        pagination: Some(PageResponse { next_key, total }),
    })
}
