//! What clients talk to: CometBFT JSON-RPC, gRPC and the REST gateway of a node.
//!
//! Translation only, against the [`Chain`] trait of bytes. Knows no module: gRPC queries are
//! forwarded by path and bytes, and REST routes are read from the descriptors, so a new query
//! changes no line here.

pub mod chain;
pub mod search;
pub mod status;

pub use chain::{
    BroadcastError, Chain, ChainError, CommittedBlock, Lagged, Mempool, NodeInfo, Peer,
    QueryAnswer, QueryError, QueryResult, TxPlace,
};
