//! The replayed chain as the answers of `rpc` see it: blocks as far as a recording tells of them,
//! state from the ledger.

use std::{
    collections::BTreeSet,
    ops::RangeInclusive,
    sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard},
};

use async_trait::async_trait;
use bytes::Bytes;
use consensus::{
    GenesisDoc,
    core::validators::{Change, ValidatorSet},
};
use futures::{StreamExt, stream::BoxStream};
use ledger::App;
use modules::Market;
use rpc::{
    BroadcastError, Chain, ChainError, CommittedBlock, Lagged, Mempool, NodeInfo, QueryAnswer,
    QueryError, QueryResult, TxPlace, search::tx_hash,
};
use tokio::sync::broadcast;
use tokio_stream::wrappers::errors::BroadcastStreamRecvError;
use types::wire::{
    cosmos::base::node::v1beta1::ConfigResponse,
    tendermint::{abci, types as tm},
};

use super::rules::About;

type Result<T> = std::result::Result<T, ChainError>;

/// One executed block.
struct Done {
    id: tm::BlockId,
    block: tm::Block,
    results: abci::ResponseFinalizeBlock,
}

/// What grows while a recording is executed.
#[derive(Default)]
struct Past {
    first: i64,
    blocks: Vec<Done>,
    /// The sets of each height from the first one on, one or two more than there are blocks.
    validators: Vec<ValidatorSet>,
    params: tm::ConsensusParams,
}

/// Transactions that were given to the recorded node and wait for a block.
struct Pool {
    txs: Vec<Bytes>,
    /// Hashes of what was ever taken in: it is not taken again.
    seen: BTreeSet<[u8; 32]>,
    max_txs: usize,
    max_tx_bytes: usize,
}

/// What a pool holds at most, in bytes, and how many blocks a slow listener may be behind.
const POOL_BYTES_MAX: u64 = 1_073_741_824;
const NEWS: usize = 1024;

/// The chain of a replay.
pub(super) struct Replayed {
    app: App<Market>,
    genesis: Bytes,
    chain_id: String,
    min_gas_prices: String,
    past: RwLock<Past>,
    pool: Mutex<Pool>,
    news: broadcast::Sender<Arc<CommittedBlock>>,
}

fn failed(error: impl std::fmt::Display) -> ChainError {
    ChainError(error.to_string())
}

impl Replayed {
    pub(super) fn new(app: App<Market>, genesis: &GenesisDoc, about: &About) -> Self {
        let past = Past {
            first: i64::try_from(genesis.initial_height).unwrap_or(i64::MAX),
            params: genesis.consensus_params.clone(),
            ..Past::default()
        };
        Self {
            app,
            genesis: genesis.to_json().unwrap_or_default().into(),
            chain_id: genesis.chain_id.clone(),
            min_gas_prices: about.min_gas_prices.clone(),
            past: RwLock::new(past),
            pool: Mutex::new(Pool {
                txs: Vec::new(),
                seen: BTreeSet::new(),
                max_txs: about.pool_txs,
                max_tx_bytes: about.pool_tx_bytes,
            }),
            news: broadcast::channel(NEWS).0,
        }
    }

    pub(super) fn app(&self) -> &App<Market> {
        &self.app
    }

    fn pool(&self) -> MutexGuard<'_, Pool> {
        self.pool.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn past(&self) -> RwLockReadGuard<'_, Past> {
        self.past.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the validators that genesis names.
    pub(super) fn begin(&self, answer: &abci::ResponseInitChain) {
        let changes: Vec<_> =
            answer.validators.iter().filter_map(|it| Change::from_wire(it).ok()).collect();
        let mut past = self.past.write().unwrap_or_else(PoisonError::into_inner);
        if let Ok(set) = ValidatorSet::new(&changes) {
            let mut next = set.clone();
            next.rotate(1);
            past.validators = vec![set, next];
        }
    }

    /// What the header of the block to execute says of the validators after it.
    pub(super) fn next_validators_hash(&self) -> Vec<u8> {
        self.past().validators.last().map(|it| it.hash().to_vec()).unwrap_or_default()
    }

    /// Takes an executed block.
    pub(super) fn push(
        &self,
        request: abci::RequestFinalizeBlock,
        last_commit: tm::Commit,
        results: abci::ResponseFinalizeBlock,
    ) {
        let mut past = self.past.write().unwrap_or_else(PoisonError::into_inner);
        let changes: Vec<_> =
            results.validator_updates.iter().filter_map(|it| Change::from_wire(it).ok()).collect();
        if let Some(last) = past.validators.last() {
            let mut next = last.clone();
            // A set that cannot take its changes stays as it is; the comparison shows it.
            let _ = next.update(&changes);
            next.rotate(1);
            past.validators.push(next);
        }
        if let Some(params) = &results.consensus_param_updates {
            past.params = params.clone();
        }
        let header = tm::Header {
            version: types::wire::tendermint::version::Consensus { block: 11, app: 0 },
            chain_id: self.chain_id.clone(),
            height: request.height,
            time: request.time,
            proposer_address: request.proposer_address,
            ..tm::Header::default()
        };
        let id = tm::BlockId { hash: request.hash, ..tm::BlockId::default() };
        let data = tm::Data { txs: request.txs };
        let block =
            tm::Block { header, data, last_commit: Some(last_commit), ..tm::Block::default() };
        let mut pool = self.pool();
        pool.seen.extend(block.data.txs.iter().map(|it| tx_hash(it)));
        pool.txs.retain(|it| !block.data.txs.iter().any(|done| done.as_slice() == it.as_ref()));
        drop(pool);
        let news =
            CommittedBlock { block_id: id.clone(), block: block.clone(), results: results.clone() };
        past.blocks.push(Done { id, block, results });
        drop(past);
        // Nobody may be listening.
        let _ = self.news.send(Arc::new(news));
    }

    /// What the modules say is wrong after the latest block.
    pub(super) fn broken_invariants(&self) -> std::result::Result<Vec<String>, ledger::Halt> {
        let broken = self.app.broken_invariants()?;
        Ok(broken.into_iter().map(|(name, fault)| format!("{name}: {fault}")).collect())
    }
}

impl Past {
    fn at(&self, height: i64) -> Option<&Done> {
        self.blocks.get(usize::try_from(height.checked_sub(self.first)?).ok()?)
    }

    fn last(&self) -> i64 {
        let count = i64::try_from(self.blocks.len()).unwrap_or(i64::MAX);
        self.first.saturating_add(count).saturating_sub(1)
    }
}

#[async_trait]
impl Chain for Replayed {
    fn info(&self) -> NodeInfo {
        NodeInfo {
            id: "0".repeat(40),
            chain_id: self.chain_id.clone(),
            moniker: "replay".to_owned(),
            listen_addr: "tcp://0.0.0.0:26656".to_owned(),
            version: crate::VERSION.to_owned(),
            git_commit: String::new(),
            public_key: [0; 32],
            app_protocol: 0,
        }
    }

    fn span(&self) -> Option<RangeInclusive<i64>> {
        let past = self.past();
        (!past.blocks.is_empty()).then(|| past.first..=past.last())
    }

    fn config(&self) -> ConfigResponse {
        ConfigResponse {
            minimum_gas_price: crate::chain::shown_prices(&self.min_gas_prices),
            pruning_keep_recent: "0".to_owned(),
            pruning_interval: "0".to_owned(),
            halt_height: 0,
        }
    }

    fn genesis(&self) -> Bytes {
        self.genesis.clone()
    }

    fn serves(&self, path: &str) -> bool {
        self.app.router().queries().any(|it| it == path)
    }

    async fn abci_info(&self) -> Result<abci::ResponseInfo> {
        self.app.info(abci::RequestInfo::default()).map_err(failed)
    }

    async fn abci_query(
        &self,
        path: &str,
        data: Bytes,
        height: i64,
        prove: bool,
    ) -> Result<abci::ResponseQuery> {
        let path = path.to_owned();
        let request = abci::RequestQuery { data: data.to_vec(), path, height, prove };
        self.app.query(request).map_err(failed)
    }

    async fn query(&self, path: &str, data: Bytes, height: i64) -> Result<QueryResult> {
        Ok(match self.app.grpc_query(path, &data, height).map_err(failed)? {
            Ok((value, height)) => Ok(QueryAnswer { value: value.into(), height }),
            Err((status, message)) => Err(QueryError::new(status.number(), message)),
        })
    }

    async fn check_tx(&self, tx: Bytes) -> Result<abci::ResponseCheckTx> {
        let request = abci::RequestCheckTx { tx: tx.to_vec(), ..abci::RequestCheckTx::default() };
        self.app.check_tx(request).map_err(failed)
    }

    async fn broadcast_tx(
        &self,
        tx: Bytes,
    ) -> std::result::Result<abci::ResponseCheckTx, BroadcastError> {
        let wide = |it: usize| u64::try_from(it).unwrap_or(u64::MAX);
        let hash = tx_hash(&tx);
        {
            let mut pool = self.pool();
            let bytes: usize = pool.txs.iter().map(Bytes::len).sum();
            let max_bytes = POOL_BYTES_MAX;
            if pool.txs.len() >= pool.max_txs || wide(bytes.saturating_add(tx.len())) > max_bytes {
                let (txs, max_txs) = (wide(pool.txs.len()), wide(pool.max_txs));
                return Err(BroadcastError::Full { txs, max_txs, bytes: wide(bytes), max_bytes });
            }
            if tx.len() > pool.max_tx_bytes {
                let (max, got) = (wide(pool.max_tx_bytes), wide(tx.len()));
                return Err(BroadcastError::TooLarge { max, got });
            }
            if !pool.seen.insert(hash) {
                return Err(BroadcastError::InCache);
            }
        }
        let answer = self.check_tx(tx.clone()).await.map_err(|it| BroadcastError::Node(it.0))?;
        let mut pool = self.pool();
        if answer.code == 0 {
            pool.txs.push(tx);
        } else {
            pool.seen.remove(&hash);
        }
        Ok(answer)
    }

    async fn mempool(&self, limit: usize) -> Result<Mempool> {
        let pool = self.pool();
        let wide = |it: usize| u64::try_from(it).unwrap_or(u64::MAX);
        Ok(Mempool {
            txs: pool.txs.iter().take(limit).cloned().collect(),
            total: wide(pool.txs.len()),
            total_bytes: wide(pool.txs.iter().map(Bytes::len).sum()),
        })
    }

    async fn broadcast_evidence(&self, _evidence: tm::Evidence) -> Result<Vec<u8>> {
        Err(failed("a replay takes no evidence"))
    }

    async fn block(&self, height: i64) -> Result<Option<(tm::BlockId, tm::Block)>> {
        Ok(self.past().at(height).map(|it| (it.id.clone(), it.block.clone())))
    }

    async fn height_of_block(&self, hash: &[u8]) -> Result<Option<i64>> {
        let past = self.past();
        let found = past.blocks.iter().find(|it| it.id.hash == hash);
        Ok(found.map(|it| it.block.header.height))
    }

    async fn results(&self, height: i64) -> Result<Option<abci::ResponseFinalizeBlock>> {
        Ok(self.past().at(height).map(|it| it.results.clone()))
    }

    async fn commit(&self, height: i64) -> Result<Option<tm::Commit>> {
        let past = self.past();
        if height == past.last() {
            // The latest block's own commit is in no recording: only what it must be of is known.
            return Ok(past.at(height).map(|it| tm::Commit {
                height,
                block_id: it.id.clone(),
                ..tm::Commit::default()
            }));
        }
        let next = past.at(height.saturating_add(1));
        Ok(next.and_then(|it| it.block.last_commit.clone()))
    }

    async fn validators(&self, height: i64) -> Result<Option<tm::ValidatorSet>> {
        let past = self.past();
        let at = height.checked_sub(past.first).and_then(|it| usize::try_from(it).ok());
        Ok(at.and_then(|it| past.validators.get(it)).map(ValidatorSet::to_wire))
    }

    async fn consensus_params(&self, height: i64) -> Result<Option<tm::ConsensusParams>> {
        let past = self.past();
        let before = past.at(height.saturating_sub(1));
        let changed = before.and_then(|it| it.results.consensus_param_updates.clone());
        Ok(Some(changed.unwrap_or_else(|| past.params.clone())))
    }

    async fn place_of_tx(&self, hash: &[u8]) -> Result<Option<TxPlace>> {
        let past = self.past();
        for done in &past.blocks {
            let found = done.block.data.txs.iter().position(|it| tx_hash(it).as_slice() == hash);
            if let Some(index) = found.and_then(|it| u32::try_from(it).ok()) {
                return Ok(Some(TxPlace { height: done.block.header.height, index }));
            }
        }
        Ok(None)
    }

    fn subscribe(&self) -> BoxStream<'static, std::result::Result<Arc<CommittedBlock>, Lagged>> {
        let news = tokio_stream::wrappers::BroadcastStream::new(self.news.subscribe());
        news.map(|it| it.map_err(|BroadcastStreamRecvError::Lagged(it)| Lagged(it))).boxed()
    }
}
