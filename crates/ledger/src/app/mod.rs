//! The application behind consensus: ABCI 2.0 by name and type, over a runtime and a store.
//!
//! Called by `node`, from blocking threads; every method may be called from any thread. Each
//! returns `Err(Halt)` only when this node must stop. Owns: the store, the check state, the block
//! under execution, the cache of decoded transactions.

mod ahead;
mod block;
mod cache;
mod check;
mod deliver;
mod query;
#[cfg(test)]
mod tests;

use std::{
    any::Any,
    marker::PhantomData,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use prost_types::Timestamp;
use store::Store;
use types::wire::tendermint::{
    abci::{RequestInfo, ResponseInfo},
    types::ConsensusParams,
};

use crate::{Base, Block, Changes, Ctx, Halt, Item, Pair, Router, Runtime, halt, routes::router};
use cache::Cache;

pub use block::Exported;
pub use query::Refusal;

/// The kernel's own store: the header of the latest block, for the time of queries and checks.
const KERNEL_STORE: &str = "ledger";
/// Where consensus parameters live in the reference.
const CONSENSUS_STORE: &str = "consensus";

pub(crate) const CONSENSUS_PARAMS: Item<ConsensusParams> = Item::new(CONSENSUS_STORE, b"Consensus");
const HEADER: Item<Header> = Item::new(KERNEL_STORE, b"header");

/// What the kernel remembers of the latest block.
#[derive(Clone, PartialEq, prost::Message)]
struct Header {
    #[prost(string, tag = "1")]
    chain_id: String,
    #[prost(message, required, tag = "2")]
    time: Timestamp,
    #[prost(int64, tag = "3")]
    height: i64,
}

/// What an operator may set.
#[derive(Clone, Debug)]
pub struct Config {
    /// Printed by `info` and `/app/version`.
    pub version: String,
    /// Least price per unit of gas that `check_tx` accepts, in any of these denominations.
    pub min_gas_prices: types::DecCoins,
    /// Whether a commit waits for the disk.
    pub durable: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            min_gas_prices: types::DecCoins::default(),
            durable: false,
        }
    }
}

/// The state machine of a runtime over a store.
pub struct App<R> {
    store: Store,
    config: Config,
    router: Arc<Router>,
    txs: Cache,
    /// Heights whose upgrade the operator leaves out.
    skipped_upgrades: Vec<i64>,
    /// State after the latest commit, plus what checked transactions did to it.
    check: Mutex<Ctx>,
    /// The changes of genesis, until the first block is committed on top of them.
    genesis: Mutex<Option<Changes>>,
    /// The finalized block, waiting for its commit.
    pending: Mutex<Option<Pending>>,
    runtime: PhantomData<fn() -> R>,
}

/// Executed, not yet committed.
struct Pending {
    height: u64,
    changes: Changes,
    trees: store::Prepared,
}

/// The names of all stores of a runtime, for opening its [`Store`].
pub fn store_names<R: Runtime>() -> Vec<&'static str> {
    let mut names = vec![CONSENSUS_STORE, KERNEL_STORE];
    for module in R::MODULES {
        if !names.contains(&module.store) {
            names.push(module.store);
        }
    }
    names.sort_unstable();
    names
}

impl<R: Runtime> App<R> {
    /// An app over a store that was opened with [`store_names`].
    pub fn new(store: Store, config: Config) -> Result<Self, Halt> {
        let router = Arc::new(router::<R>());
        let snapshot = store.latest();
        guard(move || {
            let mut check = committed(Arc::new(snapshot), router.clone());
            check.set_min_gas_prices(config.min_gas_prices.clone());
            let check = Mutex::new(check);
            Self {
                store,
                config,
                router,
                txs: Cache::default(),
                skipped_upgrades: Vec::new(),
                check,
                genesis: Mutex::default(),
                pending: Mutex::default(),
                runtime: PhantomData,
            }
        })
    }

    /// Leaves out the upgrades planned for these heights. All validators must agree on that, or they
    /// fork.
    #[must_use]
    pub fn skipping_upgrades(mut self, heights: Vec<i64>) -> Self {
        self.skipped_upgrades = heights;
        self
    }

    /// Whether the operator leaves out an upgrade of this height.
    pub fn skips_upgrade(&self, height: i64) -> bool {
        self.skipped_upgrades.contains(&height)
    }

    /// Reads the latest committed state, without a limit of gas.
    pub fn read<T>(&self, read: impl FnOnce(&crate::View) -> T) -> Result<T, Halt> {
        guard(|| read(&committed(Arc::new(self.store.latest()), self.router.clone())))
    }

    /// Where the app is, so that consensus replays what it misses.
    pub fn info(&self, _: RequestInfo) -> Result<ResponseInfo, Halt> {
        let version = self.store.version();
        Ok(ResponseInfo {
            data: "haggle".to_owned(),
            version: self.config.version.clone(),
            app_version: 0,
            last_block_height: i64::try_from(version.height).unwrap_or(i64::MAX),
            last_block_app_hash: if version.height == 0 {
                Vec::new()
            } else {
                version.root.as_ref().to_vec()
            },
        })
    }

    /// The routes, e.g. to list them.
    pub fn router(&self) -> &Router {
        &self.router
    }

    /// The invariants of all modules that do not hold in the latest committed state.
    pub fn broken_invariants(&self) -> Result<Vec<(&'static str, crate::Fault)>, Halt> {
        guard(|| {
            let cx = committed(Arc::new(self.store.latest()), self.router.clone());
            crate::broken_invariants::<R>(&cx)
        })
    }

    /// The store, e.g. to flush it on shutdown.
    pub fn store(&self) -> &Store {
        &self.store
    }
}

/// A context over committed state, with the header of that state's block.
fn committed(base: Arc<dyn Base>, router: Arc<Router>) -> Ctx {
    let mut cx = Ctx::new(base, Arc::default(), router);
    let block = block_of(&cx);
    cx.set_block(Arc::new(block));
    cx
}

fn block_of(view: &crate::View) -> Block {
    let unmetered = "reading without a limit cannot fail";
    let header = HEADER.get_or_default(view).unwrap_or_else(|_| halt(unmetered));
    let consensus_params =
        CONSENSUS_PARAMS.get_or_default(view).unwrap_or_else(|_| halt(unmetered));
    Block {
        chain_id: header.chain_id,
        height: header.height,
        time: header.time,
        consensus_params,
        ..Block::default()
    }
}

/// Turns a halt, or a panic outside of any transaction, into an error of this node.
fn guard<T>(f: impl FnOnce() -> T) -> Result<T, Halt> {
    catch_unwind(AssertUnwindSafe(f)).map_err(|payload| match payload.downcast::<Halt>() {
        Ok(halt) => *halt,
        Err(payload) => Halt(format!("the state machine panicked: {}", panic_text(&*payload))),
    })
}

fn panic_text(payload: &(dyn Any + Send)) -> String {
    payload
        .downcast_ref::<&str>()
        .map(|it| (*it).to_owned())
        .or_else(|| payload.downcast_ref::<String>().cloned())
        .unwrap_or_default()
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Base for store::Snapshot {
    fn get(&self, store: &str, key: &[u8]) -> Option<Vec<u8>> {
        store::Snapshot::get(self, store, key).unwrap_or_else(|error| halt(error.to_string()))
    }

    fn range<'a>(
        &'a self,
        store: &'a str,
        start: &[u8],
        end: Option<&[u8]>,
        reverse: bool,
    ) -> Box<dyn Iterator<Item = Pair> + 'a> {
        let range = match end {
            Some(end) => store::Range::between(start, end),
            None => store::Range {
                start: std::ops::Bound::Included(start.to_vec()),
                end: std::ops::Bound::Unbounded,
            },
        };
        let pairs = store::Snapshot::range(self, store, range, reverse)
            .unwrap_or_else(|error| halt(error.to_string()));
        Box::new(pairs.map(|it| it.unwrap_or_else(|error| halt(error.to_string()))))
    }
}
