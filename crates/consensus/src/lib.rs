//! Agreement on blocks: who proposes, what a block is, and what is durable.
//!
//! `core` holds the rules (pure); around it are the engine adapter, the block store, the pool
//! and the executor. Called by `node`, which gives an [`Application`]; calls `types` alone.
//! Transactions are bytes here. Knows nothing of accounts, modules or RPC.

pub mod app;
pub mod checkpoint;
pub mod config;
pub mod core;
mod engine;
mod executor;
pub mod genesis;
mod handle;
pub mod keys;
mod mempool;
mod store;

pub use self::core::evidence::EvidenceError;
pub use app::{Answer, Application, Halt};
pub use checkpoint::{Checkpoint, CheckpointError};
pub use config::{Config, MempoolConfig, Timeouts};
pub use engine::Peer;
pub use executor::CommittedBlock;
pub use genesis::{GenesisDoc, GenesisError, GenesisValidator};
pub use handle::{Handle, Health, Identity, Latest, StartError, start};
pub use keys::{KeyError, NodeKey, ValidatorKey};
pub use mempool::{PoolView, SubmitError};
pub use store::TxPosition;

/// What `info` and `status` call this engine: clients accept CometBFT 0.38 alone.
pub const VERSION: &str = "0.38.21";
/// CometBFT's peer protocol number, for `status`.
pub const P2P_VERSION: u64 = 8;
/// The version of the application interface.
pub const ABCI_VERSION: &str = "2.0.0";

/// Directives for a `tracing` filter: the engine's libraries say much that no operator can use,
/// some of it at error level (a node without peers is "in error" with every message).
pub const LOG_FILTER: &str = "arc_malachitebft_network=off,arc_malachitebft_engine=warn,\
    arc_malachitebft_core_consensus=warn,arc_malachitebft_discovery=warn,arc_malachitebft_sync=warn,\
    libp2p_swarm=warn,libp2p_gossipsub=error,lsm_tree=error,fjall=warn";
