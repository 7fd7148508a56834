//! The pool: transactions that were admitted and wait for a block, first come first served.
//!
//! Fed by [`crate::Handle`] and by gossip, read by the proposer, emptied by the executor.
//! Admission and insertion are one step under one lock, so that two transactions of one sender
//! enter a block in the order in which the application checked them. While a block is committed
//! that lock is held, so no check sees half a commit (`cosmos.md` 1.15).

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use parking_lot::{Mutex, MutexGuard};
use tokio::sync::Notify;
use types::wire::tendermint::{abci, types as tm};

use crate::{
    app::{Answer, Application, Halt},
    config::MempoolConfig,
    core::{
        block::{max_data_bytes, tx_proto_size},
        merkle::{Hash, sha256},
        params::max_block_bytes,
    },
};

/// Why a transaction did not even reach the application, in CometBFT's words.
#[derive(Debug, thiserror::Error)]
pub enum SubmitError {
    /// The same bytes came before.
    #[error("tx already exists in cache")]
    InCache,
    /// No room.
    #[error(
        "mempool is full: number of txs {txs} (max: {max_txs}), total txs bytes {bytes} (max: {max_bytes})"
    )]
    Full {
        /// Waiting now.
        txs: usize,
        /// Allowed.
        max_txs: usize,
        /// Waiting now.
        bytes: usize,
        /// Allowed.
        max_bytes: usize,
    },
    /// One transaction over its limit.
    #[error("Tx too large. Max size is {max}, but got {got}")]
    TooLarge {
        /// Allowed.
        max: usize,
        /// Got.
        got: usize,
    },
    /// Would fit into no block.
    #[error("tx pre check: tx size is too big: {got}, max: {max}")]
    TooLargeForBlock {
        /// Allowed.
        max: i64,
        /// Got.
        got: i64,
    },
    /// The node is going down or must stop.
    #[error(transparent)]
    Halt(#[from] Halt),
}

/// A look at the pool.
#[derive(Clone, Debug, Default)]
pub struct PoolView {
    /// The first ones, in order, as many as were asked for.
    pub txs: Vec<Bytes>,
    /// All that wait.
    pub total: usize,
    /// Bytes of all that wait.
    pub total_bytes: usize,
}

/// See the head of this file.
pub(crate) struct Mempool {
    app: Arc<dyn Application>,
    config: MempoolConfig,
    /// Held from the application's check to the insertion, and over a commit.
    admission: Mutex<()>,
    pool: Mutex<Pool>,
    arrived: Notify,
}

struct Pool {
    /// By arrival.
    entries: BTreeMap<u64, Entry>,
    places: HashMap<Hash, u64>,
    bytes: usize,
    next_place: u64,
    cache: Cache,
    height: u64,
    limits: Limits,
}

struct Entry {
    tx: Bytes,
    hash: Hash,
    gas_wanted: i64,
    height: u64,
    since: Instant,
}

/// What a block has room for.
#[derive(Clone, Copy)]
struct Limits {
    data_bytes: i64,
    gas: i64,
}

impl Limits {
    fn of(params: &tm::ConsensusParams, validators: usize) -> Limits {
        Limits {
            data_bytes: max_data_bytes(max_block_bytes(params), 0, validators),
            gas: params.block.unwrap_or_default().max_gas,
        }
    }
}

/// Hashes seen lately; the oldest leaves first.
struct Cache {
    room: usize,
    ticks: HashMap<Hash, u64>,
    order: VecDeque<(Hash, u64)>,
    tick: u64,
}

impl Cache {
    /// False when the hash is there already; it counts as seen again.
    fn push(&mut self, hash: Hash) -> bool {
        self.tick += 1;
        let fresh = self.ticks.insert(hash, self.tick).is_none();
        self.order.push_back((hash, self.tick));
        while self.ticks.len() > self.room {
            self.pop();
        }
        // Repeated hashes leave stale rows behind; they are swept before they pile up.
        if self.order.len() > self.room.saturating_mul(4).saturating_add(16) {
            let ticks = &self.ticks;
            self.order.retain(|(hash, tick)| ticks.get(hash) == Some(tick));
        }
        fresh
    }

    fn pop(&mut self) {
        while let Some((hash, tick)) = self.order.pop_front() {
            if self.ticks.get(&hash) == Some(&tick) {
                self.ticks.remove(&hash);
                return;
            }
        }
    }

    fn remove(&mut self, hash: &Hash) {
        self.ticks.remove(hash);
    }
}

impl Pool {
    fn remove(&mut self, place: u64) -> Option<Entry> {
        let entry = self.entries.remove(&place)?;
        self.places.remove(&entry.hash);
        self.bytes = self.bytes.saturating_sub(entry.tx.len());
        Some(entry)
    }
}

impl Mempool {
    pub(crate) fn new(app: Arc<dyn Application>, config: MempoolConfig) -> Mempool {
        let room = config.cache_txs;
        Mempool {
            app,
            config,
            admission: Mutex::new(()),
            pool: Mutex::new(Pool {
                entries: BTreeMap::new(),
                places: HashMap::new(),
                bytes: 0,
                next_place: 0,
                cache: Cache { room, ticks: HashMap::new(), order: VecDeque::new(), tick: 0 },
                height: 0,
                limits: Limits { data_bytes: i64::MAX, gas: -1 },
            }),
            arrived: Notify::new(),
        }
    }

    /// Checks a transaction and, when the application accepts it, keeps it. Blocks.
    ///
    /// The flag says whether it was kept, i.e. is new to this node.
    pub(crate) fn submit(&self, tx: Bytes) -> Result<(abci::ResponseCheckTx, bool), SubmitError> {
        let hash = sha256(&tx);
        self.room_for(&tx)?;
        if !self.pool.lock().cache.push(hash) {
            return Err(SubmitError::InCache);
        }
        self.app.warm_tx(&tx);
        let outcome = self.admit(tx, hash);
        let kept = matches!(&outcome, Ok((_, true)));
        let keep_hash = kept
            || (self.config.keep_invalid_in_cache
                && matches!(&outcome, Ok((it, _)) if it.code != 0));
        if !keep_hash {
            self.pool.lock().cache.remove(&hash);
        }
        if kept {
            self.arrived.notify_one();
        }
        outcome
    }

    fn admit(&self, tx: Bytes, hash: Hash) -> Result<(abci::ResponseCheckTx, bool), SubmitError> {
        let _admission = self.admission.lock();
        self.room_for(&tx)?;
        let request =
            abci::RequestCheckTx { tx: tx.to_vec(), r#type: abci::CheckTxType::New.into() };
        let response = self.app.check_tx(request)?;
        let mut pool = self.pool.lock();
        let too_hungry = pool.limits.gas >= 0 && response.gas_wanted > pool.limits.gas;
        if response.code != 0 || too_hungry || pool.places.contains_key(&hash) {
            return Ok((response, false));
        }
        let place = pool.next_place;
        pool.next_place += 1;
        pool.bytes += tx.len();
        pool.places.insert(hash, place);
        let (gas_wanted, height) = (response.gas_wanted, pool.height);
        pool.entries.insert(place, Entry { tx, hash, gas_wanted, height, since: Instant::now() });
        Ok((response, true))
    }

    fn room_for(&self, tx: &[u8]) -> Result<(), SubmitError> {
        let pool = self.pool.lock();
        let (txs, bytes) = (pool.entries.len(), pool.bytes);
        if txs >= self.config.max_txs || bytes.saturating_add(tx.len()) > self.config.max_bytes {
            let (max_txs, max_bytes) = (self.config.max_txs, self.config.max_bytes);
            return Err(SubmitError::Full { txs, max_txs, bytes, max_bytes });
        }
        if tx.len() > self.config.max_tx_bytes {
            return Err(SubmitError::TooLarge { max: self.config.max_tx_bytes, got: tx.len() });
        }
        let (got, max) = (tx_proto_size(tx), pool.limits.data_bytes);
        if got > max {
            return Err(SubmitError::TooLargeForBlock { max, got });
        }
        Ok(())
    }

    /// The application's check without admission. Blocks.
    pub(crate) fn check_only(&self, tx: Vec<u8>) -> Answer<abci::ResponseCheckTx> {
        let _admission = self.admission.lock();
        self.app.check_tx(abci::RequestCheckTx { tx, r#type: abci::CheckTxType::New.into() })
    }

    /// The first transactions that fit, in order; stops at the first that does not.
    /// A negative `max_gas` is no limit.
    pub(crate) fn reap(&self, max_bytes: i64, max_gas: i64) -> Vec<Vec<u8>> {
        let (mut bytes, mut gas) = (0_i64, 0_i64);
        let pool = self.pool.lock();
        pool.entries
            .values()
            .take_while(|it| {
                bytes = bytes.saturating_add(tx_proto_size(&it.tx));
                gas = gas.saturating_add(it.gas_wanted);
                bytes <= max_bytes && (max_gas < 0 || gas <= max_gas)
            })
            .map(|it| it.tx.to_vec())
            .collect()
    }

    /// Closes admission while a block is committed.
    pub(crate) fn close(&self) -> MutexGuard<'_, ()> {
        self.admission.lock()
    }

    /// After a commit, with admission still closed: drops what was in the block, what is too
    /// old, and what the application no longer accepts.
    pub(crate) fn update(
        &self,
        _closed: &MutexGuard<'_, ()>,
        height: u64,
        txs: &[Vec<u8>],
        results: &[abci::ExecTxResult],
        params: &tm::ConsensusParams,
        validators: usize,
    ) -> Answer<()> {
        let waiting: Vec<(u64, Bytes)> = {
            let mut pool = self.pool.lock();
            pool.height = height;
            pool.limits = Limits::of(params, validators);
            for (tx, result) in txs.iter().zip(results) {
                let hash = sha256(tx);
                if result.code == 0 {
                    pool.cache.push(hash);
                } else if !self.config.keep_invalid_in_cache {
                    pool.cache.remove(&hash);
                }
                if let Some(place) = pool.places.get(&hash).copied() {
                    pool.remove(place);
                }
            }
            self.expire(&mut pool, height);
            pool.entries.iter().map(|(place, it)| (*place, it.tx.clone())).collect()
        };
        if self.config.recheck {
            for (place, tx) in waiting {
                let request = abci::RequestCheckTx {
                    tx: tx.to_vec(),
                    r#type: abci::CheckTxType::Recheck.into(),
                };
                if self.app.check_tx(request)?.code != 0 {
                    self.forget(&mut self.pool.lock(), place);
                }
            }
        }
        Ok(())
    }

    fn expire(&self, pool: &mut Pool, height: u64) {
        let (blocks, age) = (self.config.ttl_blocks, self.config.ttl);
        if blocks == 0 && age == Duration::ZERO {
            return;
        }
        let old: Vec<u64> = pool
            .entries
            .iter()
            .filter(|(_, it)| {
                (blocks > 0 && height.saturating_sub(it.height) > blocks)
                    || (age > Duration::ZERO && it.since.elapsed() > age)
            })
            .map(|(place, _)| *place)
            .collect();
        for place in old {
            self.forget(pool, place);
        }
    }

    fn forget(&self, pool: &mut Pool, place: u64) {
        if let Some(entry) = pool.remove(place)
            && !self.config.keep_invalid_in_cache
        {
            pool.cache.remove(&entry.hash);
        }
    }

    pub(crate) fn view(&self, limit: usize) -> PoolView {
        let pool = self.pool.lock();
        PoolView {
            txs: pool.entries.values().take(limit).map(|it| it.tx.clone()).collect(),
            total: pool.entries.len(),
            total_bytes: pool.bytes,
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.pool.lock().entries.is_empty()
    }

    /// Returns at once when something waits, else when something arrives.
    pub(crate) async fn arrival(&self) {
        while self.is_empty() {
            self.arrived.notified().await;
        }
    }
}

#[cfg(test)]
#[path = "mempool_tests.rs"]
mod tests;
