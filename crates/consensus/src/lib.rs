//! Agreement on blocks: who proposes, what a block is, and what is durable.
//!
//! `core` holds the rules (pure); around it are the engine adapter, the block store, the pool
//! and the executor. Called by `node`, which gives an [`Application`]; calls `types` alone.
//! Transactions are bytes here. Knows nothing of accounts, modules or RPC.

pub mod app;
pub mod config;
pub mod core;
pub mod genesis;
pub mod keys;

pub use app::{Answer, Application, Halt};
pub use config::{Config, MempoolConfig, Timeouts};
pub use genesis::{GenesisDoc, GenesisError, GenesisValidator};
pub use keys::{KeyError, NodeKey, ValidatorKey};
