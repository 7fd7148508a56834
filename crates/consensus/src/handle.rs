//! Starting a node's consensus, and everything others may ask of it.

use std::{
    fs::{File, TryLockError},
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use parking_lot::Mutex;
use tokio::{
    sync::{Semaphore, broadcast, mpsc},
    task::spawn_blocking,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use types::wire::tendermint::{abci, types as tm};

use crate::{
    app::{Answer, Application, Halt},
    checkpoint::Checkpoint,
    config::Config,
    core::evidence::EvidenceError,
    engine::{Engine, Failure, Parts, Peer},
    executor::{CommittedBlock, Executor},
    genesis::GenesisDoc,
    keys::{KeyError, NodeKey, ValidatorKey},
    mempool::{Mempool, PoolView, SubmitError},
    store::{BlockStore, SharedStore, TxPosition},
};

/// Transactions that are checked at the same time; others wait their turn.
const CONCURRENT_CHECKS: usize = 32;
/// How long a stop waits for what is under way.
const DRAIN: Duration = Duration::from_secs(20);

/// Why a node does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A setting that cannot work.
    #[error("bad consensus configuration: {0}")]
    Config(String),
    /// A key file.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// Two nodes with one home would sign twice.
    #[error("{home} is in use by another process; stop it, or give this node another home")]
    Locked {
        /// The folder.
        home: String,
    },
    /// The file system.
    #[error("cannot use {path}: {source}")]
    Io {
        /// The file or folder.
        path: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// Store, application or engine.
    #[error(transparent)]
    Halt(#[from] Halt),
}

/// The newest block, for `status`.
#[derive(Clone, Debug, PartialEq)]
pub struct Latest {
    /// Id of the block.
    pub block_id: tm::BlockId,
    /// Header of the block.
    pub header: tm::Header,
    /// After executing it: what the next header will carry.
    pub app_hash: Vec<u8>,
}

/// How this node is doing.
#[derive(Clone, Debug)]
pub struct Health {
    /// Last committed height, 0 before the first block.
    pub height: u64,
    /// Since the last block was committed, or since the start.
    pub since_progress: Duration,
    /// The newest block came from a peer's store, not from voting.
    pub catching_up: bool,
    /// Set once the node stopped for a reason of its own.
    pub halted: Option<Arc<Halt>>,
}

/// Who this node is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// CometBFT's node id, 40 hex digits.
    pub node_id: String,
    /// Chosen by the operator.
    pub moniker: String,
    /// Where peers reach it.
    pub listen_addr: String,
    /// Consensus address.
    pub validator_address: [u8; 20],
    /// Ed25519.
    pub validator_key: [u8; 32],
}

/// A running node's consensus. Cheap to clone; all clones are the same node.
///
/// Reads are synchronous point reads of the local store. They may block for a disk read.
#[derive(Clone)]
pub struct Handle {
    inner: Arc<Inner>,
}

struct Inner {
    store: SharedStore,
    executor: Arc<Executor>,
    genesis: GenesisDoc,
    identity: Identity,
    checks: Semaphore,
    gossip: mpsc::Sender<Bytes>,
    has_peers: bool,
    network_requests: mpsc::Sender<malachitebft_app_channel::NetworkRequest>,
    engine: Mutex<Option<Engine>>,
    failure: Failure,
    stop: CancellationToken,
    tasks: TaskTracker,
    /// Held until the node is stopped.
    lock: Mutex<Option<File>>,
}

/// Opens the store, brings the application to the chain's height, and begins to take part.
///
/// Must be called on a multi-threaded Tokio runtime.
///
/// # Errors
/// [`StartError`], one sentence.
pub async fn start(
    config: Config,
    genesis: GenesisDoc,
    app: Arc<dyn Application>,
) -> Result<Handle, StartError> {
    config.check().map_err(StartError::Config)?;
    let lock = lock_home(&config.home)?;
    let validator_key = ValidatorKey::load_or_create(&config.validator_key)?;
    let node_key = NodeKey::load_or_create(&config.node_key)?;
    let identity = Identity {
        node_id: node_key.id(),
        moniker: config.moniker.clone(),
        listen_addr: config.listen_addr.clone(),
        validator_address: validator_key.address(),
        validator_key: validator_key.public_key(),
    };
    let mempool = Arc::new(Mempool::new(app.clone(), config.mempool.clone()));
    let open = {
        let (app, genesis) = (app.clone(), genesis.clone());
        let (folder, buffer) = (config.home.join("blocks"), config.subscription_buffer);
        move || -> Answer<(SharedStore, Executor)> {
            let store = Arc::new(BlockStore::open(&folder)?);
            let executor = Executor::start(app, store.clone(), mempool, &genesis, buffer)?;
            Ok((store, executor))
        }
    };
    let (store, executor) = spawn_blocking(open)
        .await
        .map_err(|panic| Halt::because("starting the chain panicked", panic))??;
    let executor = Arc::new(executor);

    let stop = CancellationToken::new();
    let failure = Failure { stop: stop.clone(), halt: Arc::default() };
    let tasks = TaskTracker::new();
    let has_peers = !config.persistent_peers.is_empty();
    let engine = Engine::start(Parts {
        app,
        store: store.clone(),
        executor: executor.clone(),
        config,
        chain_id: genesis.chain_id.clone(),
        validator_key,
        node_key,
        stop: stop.clone(),
        failure: failure.clone(),
        tasks: tasks.clone(),
    })
    .await?;
    tracing::info!(
        chain_id = genesis.chain_id,
        height = store.height(),
        validator = %hex::encode_upper(identity.validator_address),
        "consensus started"
    );
    Ok(Handle {
        inner: Arc::new(Inner {
            store,
            executor,
            genesis,
            identity,
            checks: Semaphore::new(CONCURRENT_CHECKS),
            gossip: engine.gossip.clone(),
            has_peers,
            network_requests: engine.network_requests.clone(),
            engine: Mutex::new(Some(engine)),
            failure,
            stop,
            tasks,
            lock: Mutex::new(Some(lock)),
        }),
    })
}

fn lock_home(home: &Path) -> Result<File, StartError> {
    let path = home.join("LOCK");
    let io = |source| StartError::Io { path: path.display().to_string(), source };
    std::fs::create_dir_all(home).map_err(io)?;
    let file = File::options().create(true).truncate(false).write(true).open(&path).map_err(io)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => {
            Err(StartError::Locked { home: home.display().to_string() })
        }
        Err(TryLockError::Error(source)) => Err(io(source)),
    }
}

impl Handle {
    // Transactions.

    /// Checks a transaction and, when the application accepts it, adds it to the pool.
    /// A refusal by the application is an answer with a code, not an error.
    ///
    /// # Errors
    /// [`SubmitError`] in CometBFT's words.
    pub async fn submit_tx(&self, tx: Bytes) -> Result<abci::ResponseCheckTx, SubmitError> {
        let (response, kept) = self
            .checked({
                let (executor, tx) = (self.inner.executor.clone(), tx.clone());
                move || executor.mempool.submit(tx)
            })
            .await?;
        let others = self.inner.has_peers || self.inner.executor.state().validators.len() > 1;
        if kept && others {
            // A full queue costs the others a little time, nothing else.
            let _ = self.inner.gossip.try_send(tx);
        }
        Ok(response)
    }

    /// Checks a transaction without adding it to the pool.
    ///
    /// # Errors
    /// [`Halt`] when the application fails.
    pub async fn check_tx(&self, tx: Bytes) -> Result<abci::ResponseCheckTx, SubmitError> {
        let executor = self.inner.executor.clone();
        self.checked(move || Ok(executor.mempool.check_only(tx.to_vec())?)).await
    }

    async fn checked<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, SubmitError> + Send + 'static,
    ) -> Result<T, SubmitError> {
        if self.inner.stop.is_cancelled() {
            return Err(Halt::new("the node is stopping").into());
        }
        let _turn =
            self.inner.checks.acquire().await.map_err(|_| Halt::new("the node is stopping"))?;
        let outcome = spawn_blocking(work)
            .await
            .map_err(|panic| Halt::because("checking a transaction panicked", panic))?;
        if let Err(SubmitError::Halt(halt)) = &outcome {
            self.inner.failure.raise(Halt::new(halt.to_string()));
        }
        outcome
    }

    /// The first `limit` waiting transactions, in order, and the totals.
    #[must_use]
    pub fn mempool(&self, limit: usize) -> PoolView {
        self.inner.executor.mempool.view(limit)
    }

    /// Takes evidence of misbehaviour that somebody reports, for a later block. Blocks.
    ///
    /// # Errors
    /// [`Halt`] when the store cannot be read; the inner error when the evidence does not hold.
    pub fn submit_evidence(&self, evidence: &tm::Evidence) -> Answer<Result<(), EvidenceError>> {
        self.inner.executor.add_evidence(evidence)
    }

    // Blocks.

    /// Last committed height (decided, executed, committed), 0 before the first block.
    #[must_use]
    pub fn height(&self) -> u64 {
        self.inner.executor.state().last_height
    }

    /// Lowest height that can be read, 0 before the first block.
    ///
    /// # Errors
    /// [`Halt`] when the store cannot be read; so with every read below.
    pub fn base(&self) -> Answer<u64> {
        self.inner.store.base()
    }

    /// The newest committed block, without its transactions.
    ///
    /// # Errors
    /// [`Halt`].
    pub fn latest(&self) -> Answer<Option<Latest>> {
        let state = self.inner.executor.state();
        Ok(self.inner.store.meta(state.last_height)?.map(|meta| Latest {
            block_id: meta.block_id,
            header: meta.header,
            app_hash: state.app_hash.clone(),
        }))
    }

    /// Header, id and sizes of a block.
    ///
    /// # Errors
    /// [`Halt`].
    pub fn block_meta(&self, height: u64) -> Answer<Option<tm::BlockMeta>> {
        if height > self.height() {
            return Ok(None);
        }
        self.inner.store.meta(height)
    }

    /// A committed block and its id.
    ///
    /// # Errors
    /// [`Halt`].
    pub fn block(&self, height: u64) -> Answer<Option<(tm::BlockId, tm::Block)>> {
        if height > self.height() {
            return Ok(None);
        }
        Ok(self.inner.store.block(height)?.map(|it| (it.id.to_wire(), it.block)))
    }

    /// The height of the committed block with that hash.
    ///
    /// # Errors
    /// [`Halt`].
    pub fn height_by_hash(&self, hash: &[u8]) -> Answer<Option<u64>> {
        Ok(self.inner.store.height_by_hash(hash)?.filter(|it| *it <= self.height()))
    }

    /// What executing a block gave.
    ///
    /// # Errors
    /// [`Halt`].
    pub fn results(&self, height: u64) -> Answer<Option<abci::ResponseFinalizeBlock>> {
        if height > self.height() {
            return Ok(None);
        }
        self.inner.store.results(height)
    }

    /// The commit of a block, and whether it is the canonical one, inside the next block. For
    /// the newest height it is what this node has seen.
    ///
    /// # Errors
    /// [`Halt`].
    pub fn commit(&self, height: u64) -> Answer<Option<(tm::Commit, bool)>> {
        let latest = self.height();
        if height > latest || height == 0 {
            return Ok(None);
        }
        if height < latest
            && let Some(next) = self.inner.store.block(height.saturating_add(1))?
            && let Some(commit) = next.block.last_commit
        {
            return Ok(Some((commit, true)));
        }
        let (certificate, validators) =
            (self.inner.store.certificate(height)?, self.inner.store.validators(height)?);
        Ok(certificate.zip(validators).map(|(it, validators)| (it.to_commit(&validators), false)))
    }

    /// The validators of a height, with the priorities they had. Known up to two heights ahead
    /// of the last block.
    ///
    /// # Errors
    /// [`Halt`].
    pub fn validators(&self, height: u64) -> Answer<Option<tm::ValidatorSet>> {
        Ok(self.inner.store.validators(height)?.map(|it| it.to_wire()))
    }

    /// The parameters of a height. Known up to one height ahead of the last block.
    ///
    /// # Errors
    /// [`Halt`].
    pub fn consensus_params(&self, height: u64) -> Answer<Option<tm::ConsensusParams>> {
        let state = self.inner.executor.state();
        if height > state.next_height() {
            return Ok(None);
        }
        self.inner.store.params(height)
    }

    /// What another node needs to go on from a height, which must be below the last one.
    ///
    /// # Errors
    /// [`Halt`].
    pub fn checkpoint(&self, height: u64) -> Answer<Checkpoint> {
        Checkpoint::of(&self.inner.store, height)
    }

    /// Where a committed transaction is, by its SHA-256.
    ///
    /// # Errors
    /// [`Halt`].
    pub fn tx_position(&self, hash: &[u8]) -> Answer<Option<TxPosition>> {
        Ok(self.inner.store.tx(hash)?.filter(|it| it.height <= self.height()))
    }

    /// Blocks as they are committed. A reader that falls too far behind loses some and is told
    /// so; it must then read the missing heights with [`Handle::block`].
    #[must_use]
    pub fn subscribe(&self) -> broadcast::Receiver<Arc<CommittedBlock>> {
        self.inner.executor.subscribe()
    }

    // The node.

    /// The document the chain began with.
    #[must_use]
    pub fn genesis(&self) -> &GenesisDoc {
        &self.inner.genesis
    }

    /// Who this node is.
    #[must_use]
    pub fn identity(&self) -> &Identity {
        &self.inner.identity
    }

    /// Who this node is connected to.
    pub async fn peers(&self) -> Vec<Peer> {
        Engine::peers(&self.inner.network_requests).await
    }

    /// How this node is doing.
    #[must_use]
    pub fn health(&self) -> Health {
        Health {
            height: self.height(),
            since_progress: Instant::now()
                .saturating_duration_since(self.inner.executor.last_progress()),
            catching_up: self.inner.executor.catching_up(),
            halted: self.inner.failure.halt.lock().clone(),
        }
    }

    /// Returns when the node stops: with a [`Halt`] when it had to, with `None` when
    /// [`Handle::shutdown`] was called.
    pub async fn stopped(&self) -> Option<Arc<Halt>> {
        self.inner.stop.cancelled().await;
        self.inner.failure.halt.lock().clone()
    }

    /// Finishes the block under way, makes everything durable, and lets go of the home. Safe to
    /// call twice. Reads keep working.
    ///
    /// # Errors
    /// [`Halt`] when the last sync fails.
    pub async fn shutdown(&self) -> Answer<()> {
        self.inner.stop.cancel();
        let engine = self.inner.engine.lock().take();
        if let Some(engine) = engine {
            if tokio::time::timeout(DRAIN, engine.stop()).await.is_err() {
                tracing::warn!("the consensus engine did not stop in time");
            }
            self.inner.tasks.close();
            if tokio::time::timeout(DRAIN, self.inner.tasks.wait()).await.is_err() {
                tracing::warn!("consensus tasks did not stop in time");
            }
        }
        let store = self.inner.store.clone();
        let synced = spawn_blocking(move || store.sync())
            .await
            .map_err(|panic| Halt::because("syncing the block store panicked", panic))?;
        self.inner.lock.lock().take();
        synced
    }
}
