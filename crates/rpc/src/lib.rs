//! What clients talk to: CometBFT JSON-RPC, gRPC and the REST gateway of a node.
//!
//! Translation only, against the [`Chain`] trait of bytes. Knows no module: gRPC queries are
//! forwarded by path and bytes, and REST routes are read from the descriptors, so a new query
//! changes no line here.

pub mod chain;
mod comet;
mod gateway;
mod grpc;
mod lenient;
mod merkle;
pub mod offline;
mod reflection;
pub mod search;
mod server;
mod services;
pub mod status;

pub use chain::{
    BroadcastError, Chain, ChainError, CommittedBlock, Lagged, Mempool, NodeInfo, Peer,
    QueryAnswer, QueryError, QueryResult, Round, TxPlace,
};
pub use server::{Config, Handle, ServeError, serve};

/// The version of CometBFT whose interface this is. Clients choose their decoders by its beginning.
pub const COMET_VERSION: &str = "0.38.21";

/// The header, and gRPC metadata, that asks for a height and tells which one answered.
pub const HEIGHT_HEADER: &str = "x-cosmos-block-height";
