//! Puts proposals together from their parts, within bounds (`engine.md` 1.4, trap 10).
//!
//! Pure: parts in, whole proposals out. A stream belongs to the peer that published it, whoever
//! relayed the part.

use std::collections::{BTreeMap, HashMap, VecDeque};

use malachitebft_app_channel::app::{
    streaming::{StreamId, StreamMessage},
    types::{PeerId, core::Round},
};

use crate::engine::context::{Address, Height, Part, Signature, ValueId};

/// Slices of this size travel: well under the message limit of the gossip layer.
pub(crate) const SLICE_BYTES: usize = 64 * 1024;
/// A stream with more parts is dropped.
const MAX_PARTS: usize = 2_048;
/// A stream with more bytes is dropped.
const MAX_STREAM_BYTES: usize = 112 * 1024 * 1024;
/// Streams of one publisher; the oldest is dropped.
const MAX_STREAMS_PER_PEER: usize = 8;
/// Streams of everybody; the oldest is dropped.
const MAX_STREAMS: usize = 256;
/// Whole proposals for later heights that are kept.
const MAX_EARLY: usize = 64;
/// How far ahead of the current height a proposal may be.
const MAX_HEIGHTS_AHEAD: u64 = 2;

/// A proposal whose parts are all here; nothing is checked yet.
#[derive(Clone, Debug)]
pub(crate) struct Whole {
    pub(crate) height: Height,
    pub(crate) round: Round,
    pub(crate) valid_round: Round,
    pub(crate) proposer: Address,
    pub(crate) id: ValueId,
    pub(crate) sender: Address,
    pub(crate) signature: Signature,
    pub(crate) bytes: Vec<u8>,
}

#[derive(Default)]
struct Stream {
    parts: BTreeMap<u64, Part>,
    bytes: usize,
    end: Option<u64>,
}

type Key = (PeerId, StreamId);

/// All unfinished streams, and finished proposals of heights to come.
#[derive(Default)]
pub(crate) struct Streams {
    open: HashMap<Key, Stream>,
    /// Oldest first.
    order: VecDeque<Key>,
    early: Vec<Whole>,
}

impl Streams {
    /// Takes a part in; gives the proposal when it was the last one missing.
    pub(crate) fn insert(
        &mut self,
        publisher: PeerId,
        message: StreamMessage<Part>,
    ) -> Option<Whole> {
        let key = (publisher, message.stream_id.clone());
        let sequence = message.sequence;
        let part = if message.is_fin() { None } else { message.content.into_data() };
        if usize::try_from(sequence).map_or(true, |it| it > MAX_PARTS) {
            self.drop_stream(&key);
            return None;
        }
        if !self.open.contains_key(&key) {
            self.make_room(&publisher);
            self.order.push_back(key.clone());
        }
        let stream = self.open.entry(key.clone()).or_default();
        match part {
            None => stream.end = Some(sequence),
            Some(part) => {
                if let Part::Data(bytes) = &part {
                    stream.bytes = stream.bytes.saturating_add(bytes.len());
                }
                stream.parts.insert(sequence, part);
            }
        }
        if stream.bytes > MAX_STREAM_BYTES {
            self.drop_stream(&key);
            return None;
        }
        let parts = u64::try_from(stream.parts.len()).ok()?;
        if stream.end != Some(parts) {
            return None;
        }
        self.order.retain(|it| *it != key);
        whole(self.open.remove(&key)?)
    }

    fn make_room(&mut self, publisher: &PeerId) {
        let own = self.order.iter().filter(|(it, _)| it == publisher).count();
        let oldest = if own >= MAX_STREAMS_PER_PEER {
            self.order.iter().find(|(it, _)| it == publisher).cloned()
        } else if self.order.len() >= MAX_STREAMS {
            self.order.front().cloned()
        } else {
            None
        };
        if let Some(key) = oldest {
            self.drop_stream(&key);
        }
    }

    fn drop_stream(&mut self, key: &Key) {
        self.open.remove(key);
        self.order.retain(|it| it != key);
    }

    /// Keeps a proposal of a later height until that height begins.
    pub(crate) fn keep_early(&mut self, current: Height, proposal: Whole) {
        if proposal.height.0 <= current.0.saturating_add(MAX_HEIGHTS_AHEAD)
            && self.early.len() < MAX_EARLY
        {
            self.early.push(proposal);
        }
    }

    /// The kept proposals of this height. Those of earlier heights are dropped.
    pub(crate) fn take_early(&mut self, current: Height) -> Vec<Whole> {
        let (now, later): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.early).into_iter().partition(|it| it.height <= current);
        self.early = later;
        now.into_iter().filter(|it| it.height == current).collect()
    }
}

fn whole(stream: Stream) -> Option<Whole> {
    let mut parts = stream.parts.into_values();
    let Some(Part::Init { height, round, valid_round, proposer }) = parts.next() else {
        return None;
    };
    let mut bytes = Vec::with_capacity(stream.bytes);
    for part in parts.by_ref() {
        match part {
            Part::Data(slice) => bytes.extend_from_slice(&slice),
            Part::Fin { id, sender, signature } => {
                return parts.next().is_none().then_some(Whole {
                    height,
                    round,
                    valid_round,
                    proposer,
                    id,
                    sender,
                    signature,
                    bytes,
                });
            }
            Part::Init { .. } | Part::Txs(_) => return None,
        }
    }
    None
}

#[cfg(test)]
#[path = "streams_tests.rs"]
mod tests;
