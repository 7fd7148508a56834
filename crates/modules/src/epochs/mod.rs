//! Recurring moments by block time: day, hour, minute, week (chain.md 11).
//!
//! Calls: nothing. Called by: modules that listen to [`Ended`] and [`Begun`]. Owns: store
//! `epochs`, epochs by id under 01.

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use ledger::{Ctx, Fault, Map, Module, Result, Routes, View, nanos};
use types::{
    timestamp::{Duration, ZERO_TIME},
    wire::akash::epochs::v1beta1::{
        EpochInfo, EventEpochEnd, EventEpochStart, GenesisState, QueryCurrentEpochRequest,
        QueryCurrentEpochResponse, QueryEpochInfosRequest, QueryEpochInfosResponse,
    },
};

use crate::base::time::{after, span_nanos};

pub struct Epochs;

impl Module for Epochs {
    const NAME: &'static str = "epochs";
    type Genesis = GenesisState;

    fn routes(r: &mut Routes<'_>) {
        r.query(list).query(current);
    }

    fn default_genesis() -> GenesisState {
        let of = |(id, seconds): (&str, i64)| EpochInfo {
            id: id.to_owned(),
            start_time: ZERO_TIME,
            duration: Duration { seconds, nanos: 0 },
            current_epoch_start_time: ZERO_TIME,
            ..EpochInfo::default()
        };
        let epochs = [("day", 86_400), ("hour", 3_600), ("minute", 60), ("week", 604_800)];
        GenesisState { epochs: epochs.map(of).into() }
    }

    fn init(cx: &mut Ctx, genesis: GenesisState) -> Result {
        let mut seen = BTreeSet::new();
        for mut epoch in genesis.epochs {
            validate(&epoch)?;
            if !seen.insert(epoch.id.clone()) {
                return Err(Fault::plain("epoch identifier should be unique"));
            }
            if epoch.start_time == ZERO_TIME {
                epoch.start_time = cx.time();
            }
            if epoch.current_epoch_start_height == 0 && nanos(&epoch.start_time) <= cx.unix_nanos()
            {
                epoch.current_epoch_start_height = cx.height();
            }
            EPOCHS.set(cx, &epoch.id, &epoch)?;
        }
        Ok(())
    }

    fn export(view: &View) -> Result<GenesisState> {
        Ok(GenesisState { epochs: EPOCHS.values(view).collect::<Result<_>>()? })
    }

    /// Each epoch ticks at most once a block, so after a gap they catch up one per block. How many
    /// there are is fixed by genesis.
    fn begin_block(cx: &mut Ctx) -> Result {
        let epochs: Vec<EpochInfo> = EPOCHS.values(cx).collect::<Result<_>>()?;
        epochs.into_iter().try_for_each(|epoch| tick(cx, epoch))
    }
}

/// By id, so in the order of their names.
const EPOCHS: Map<String, EpochInfo> = Map::new(Epochs::NAME, &[0x01]);

/// An epoch has ended: a fact to listen to. A listener's fault changes nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ended {
    pub id: String,
    pub number: i64,
}

/// An epoch begins: like [`Ended`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Begun {
    pub id: String,
    pub number: i64,
}

fn validate(epoch: &EpochInfo) -> Result {
    let refusals = [
        (epoch.id.is_empty(), "epoch identifier should NOT be empty"),
        (span_nanos(&epoch.duration) == 0, "epoch duration should NOT be 0"),
        (epoch.current_epoch < 0, "epoch CurrentEpoch must be non-negative"),
        (
            epoch.current_epoch_start_height < 0,
            "epoch CurrentEpochStartHeight must be non-negative",
        ),
    ];
    match refusals.into_iter().find(|(refused, _)| *refused) {
        Some((_, why)) => Err(Fault::plain(why)),
        None => Ok(()),
    }
}

fn tick(cx: &mut Ctx, mut epoch: EpochInfo) -> Result {
    let now = cx.unix_nanos();
    if now < nanos(&epoch.start_time) {
        return Ok(());
    }
    if epoch.epoch_counting_started {
        let end = after(&epoch.current_epoch_start_time, &epoch.duration);
        if now <= nanos(&end) {
            return Ok(());
        }
        cx.emit(EventEpochEnd { epoch_number: epoch.current_epoch });
        hear(cx, &Ended { id: epoch.id.clone(), number: epoch.current_epoch });
        epoch.current_epoch = epoch.current_epoch.saturating_add(1);
        epoch.current_epoch_start_time = end;
    } else {
        epoch.epoch_counting_started = true;
        epoch.current_epoch = 1;
        epoch.current_epoch_start_time = epoch.start_time;
    }
    epoch.current_epoch_start_height = cx.height();
    cx.emit(EventEpochStart {
        epoch_number: epoch.current_epoch,
        epoch_start_time: epoch.current_epoch_start_time.seconds,
    });
    EPOCHS.set(cx, &epoch.id, &epoch)?;
    hear(cx, &Begun { id: epoch.id, number: epoch.current_epoch });
    Ok(())
}

/// A listener's fault undoes what it wrote, and stops neither the epoch nor the block.
fn hear<F: 'static>(cx: &mut Ctx, fact: &F) {
    let _ = cx.attempt(|cx| cx.tell(fact));
}

fn list(view: &View, _: QueryEpochInfosRequest) -> Result<QueryEpochInfosResponse> {
    Ok(QueryEpochInfosResponse { epochs: EPOCHS.values(view).collect::<Result<_>>()? })
}

fn current(view: &View, request: QueryCurrentEpochRequest) -> Result<QueryCurrentEpochResponse> {
    if request.identifier.is_empty() {
        return Err(Fault::invalid_argument("identifier is empty"));
    }
    let epoch = EPOCHS.get(view, &request.identifier)?;
    let epoch = epoch.ok_or_else(|| Fault::plain("not available identifier"))?;
    Ok(QueryCurrentEpochResponse { current_epoch: epoch.current_epoch })
}
