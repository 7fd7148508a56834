//! The composition root of a chain node: opens the store, starts ledger, consensus and listeners,
//! and drains them.
//!
//! Called by `cli`. Calls `modules`, `ledger`, `store`, `consensus`, `rpc`. Owns the home folder
//! and its lock. It decides nothing: every rule is in a crate below.

mod app;
mod chain;
mod config;
mod error;
mod export;
mod genesis;
pub mod home;
mod index;
pub mod replay;
pub mod snapshots;
mod upgrades;
pub mod vectors;

use std::{net::SocketAddr, path::Path, sync::Arc, time::Duration};

pub use config::{Config, Index as IndexKind};
/// Directives for a `tracing` filter that keep the engine's libraries quiet.
pub use consensus::LOG_FILTER;
pub use consensus::{GenesisDoc, Health};
pub use error::Error;
pub use export::export;
pub use genesis::{Member, NewNetwork, init, join, load as load_genesis};
pub use home::Home;
/// The list of modules that this node runs.
pub use modules;

use app::Ledger;
use chain::NodeChain;
use index::Index;

/// The version that `status`, `info` and `--version` tell.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// A running node.
pub struct Node {
    handle: consensus::Handle,
    server: rpc::Handle,
    app: Arc<Ledger>,
    follower: Option<tokio::task::JoinHandle<()>>,
    snapshots: Option<snapshots::Beside>,
    endpoints: Endpoints,
    _home: Home,
}

/// Where a node listens, with the ports it really got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Endpoints {
    /// CometBFT JSON-RPC and WebSocket.
    pub rpc: SocketAddr,
    /// REST gateway.
    pub rest: SocketAddr,
    /// gRPC.
    pub grpc: SocketAddr,
}

/// Starts the node whose folder is `path`.
///
/// Must be called on a multi-threaded Tokio runtime.
///
/// # Errors
/// [`Error`], one sentence with what to try.
pub async fn start(path: &Path, config: Config) -> Result<Node, Error> {
    config.check().map_err(Error::Config)?;
    let genesis = genesis::load(path)?;
    let home = Home::lock(path)?;
    let (app, index) = open(path, &config).await?;
    let app = Arc::new(app);
    let handle =
        consensus::start(engine_config(path, &config), genesis.clone(), app.clone()).await?;
    let chain = NodeChain {
        handle: handle.clone(),
        app: app.clone(),
        index: index.clone(),
        config: config.clone(),
        genesis: genesis.to_json()?.into(),
    };
    let listen =
        rpc::Config { rpc: config.rpc_listen, rest: config.rest_listen, grpc: config.grpc_listen };
    let server = match rpc::serve(listen, Arc::new(chain)).await {
        Ok(server) => server,
        Err(error) => {
            handle.shutdown().await.map_err(|it| Error::Halt(it.to_string()))?;
            return Err(Error::Listen(error));
        }
    };
    let follower = index.map(|index| tokio::spawn(follow(handle.clone(), index)));
    let own = snapshots::folder(path);
    let snapshots = snapshots::Beside::start(&handle, &app, own, &config);
    let endpoints =
        Endpoints { rpc: server.rpc_addr(), rest: server.rest_addr(), grpc: server.grpc_addr() };
    tracing::info!(chain_id = genesis.chain_id, rpc = %endpoints.rpc, "node started");
    Ok(Node { handle, server, app, follower, snapshots, endpoints, _home: home })
}

/// Opens the databases; rebuilding the trees of a large state takes seconds.
async fn open(path: &Path, config: &Config) -> Result<(Ledger, Option<Arc<Index>>), Error> {
    let prices = config
        .minimum_gas_prices
        .parse()
        .map_err(|error| Error::Config(format!("minimum_gas_prices: {error}")))?;
    let ledger =
        ledger::Config { version: VERSION.to_owned(), min_gas_prices: prices, durable: false };
    let options = store_options(config);
    let watch = upgrades::Watch::new(path);
    let skipped = config.unsafe_skip_upgrades.clone();
    let (state, index) = (home::state(path), home::index(path));
    let kind = config.index;
    let opened = tokio::task::spawn_blocking(move || {
        let io = |source| Error::Io { doing: format!("create {}", state.display()), source };
        std::fs::create_dir_all(&state).map_err(io)?;
        let store = store::Store::open(&state, options)?;
        let app = ledger::App::new(store, ledger).map_err(|it| Error::Halt(it.0))?;
        let app = app.skipping_upgrades(skipped);
        let index = match kind {
            IndexKind::Kv => Some(Arc::new(Index::open(&index)?)),
            IndexKind::Hash => None,
        };
        Ok((Ledger(app, watch), index))
    });
    opened.await.map_err(|panic| Error::Halt(panic.to_string()))?
}

/// How the state is kept: a store per chapter.
fn store_options(config: &Config) -> store::Options {
    let stores = ledger::store_names::<modules::Market>();
    store::Options { stores, history: config.history_blocks }
}

fn engine_config(path: &Path, config: &Config) -> consensus::Config {
    let mut engine = consensus::Config::local(home::consensus(path));
    engine.validator_key = home::validator_key(path);
    engine.node_key = home::node_key(path);
    engine.moniker.clone_from(&config.moniker);
    engine.listen_addr.clone_from(&config.p2p_listen);
    engine.persistent_peers.clone_from(&config.persistent_peers);
    engine.block_time = config.block_time();
    engine.block_time_busy = config.block_time_busy();
    engine.mempool.max_txs = config.mempool_txs;
    engine
}

/// Writes the index behind the chain, from where it stopped, without gaps.
async fn follow(handle: consensus::Handle, index: Arc<Index>) {
    let mut blocks = handle.subscribe();
    loop {
        let (handle, index) = (handle.clone(), index.clone());
        let caught_up = tokio::task::spawn_blocking(move || -> Result<(), String> {
            let mut next = index.height().map_err(|it| it.to_string())?.saturating_add(1);
            next = next.max(handle.base().map_err(|it| it.to_string())?.max(1));
            while next <= handle.height() {
                let results = handle.results(next).map_err(|it| it.to_string())?;
                index.add(next, &results.unwrap_or_default()).map_err(|it| it.to_string())?;
                next = next.saturating_add(1);
            }
            Ok(())
        });
        match caught_up.await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::error!(error, "could not index a block"),
            Err(_) => return,
        }
        // A block, or news that some were missed: either way the loop above finds them all.
        if matches!(blocks.recv().await, Err(tokio::sync::broadcast::error::RecvError::Closed)) {
            return;
        }
    }
}

impl Node {
    /// Where it listens.
    pub fn endpoints(&self) -> Endpoints {
        self.endpoints
    }

    /// How it does.
    pub fn health(&self) -> Health {
        self.handle.health()
    }

    /// The engine behind it, for tests and benchmarks in this process.
    pub fn consensus(&self) -> &consensus::Handle {
        &self.handle
    }

    /// Waits for the first block after the start, or the time limit.
    pub async fn first_block(&self, limit: Duration) -> Result<u64, Error> {
        let mut blocks = self.handle.subscribe();
        match tokio::time::timeout(limit, blocks.recv()).await {
            Ok(_) => Ok(self.handle.height()),
            Err(_) => Err(Error::Halt(format!("no block within {limit:?}"))),
        }
    }

    /// Returns when the node stops by itself.
    pub async fn stopped(&self) -> Error {
        match self.handle.stopped().await {
            Some(halt) if halt.is_planned() => Error::Upgrade(halt.to_string()),
            Some(halt) => Error::Halt(halt.to_string()),
            None => Error::Halt("it was asked to".to_owned()),
        }
    }

    /// Stops listening, finishes the block under way, makes everything durable.
    pub async fn shutdown(self) -> Result<(), Error> {
        self.server.shutdown().await;
        let stopped = self.handle.shutdown().await.map_err(|it| Error::Halt(it.to_string()));
        if let Some(follower) = self.follower {
            follower.abort();
            let _ = follower.await;
        }
        if let Some(snapshots) = self.snapshots {
            snapshots.stop().await;
        }
        // Blocks are durable by now; with the state on disk, too, the next start has nothing to
        // execute again, which after an upgrade only the build of that time could.
        let app = self.app;
        let flushed = tokio::task::spawn_blocking(move || app.0.store().flush()).await;
        stopped?;
        Ok(flushed.map_err(|panic| Error::Halt(panic.to_string()))??)
    }
}
