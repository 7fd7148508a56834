//! Everything a program needs to take part in the market from outside: keys, transactions, queries,
//! blocks by height, and a provider's gateway.
//!
//! Called by `provider` and `cli`. Calls a node over CometBFT RPC or gRPC, and gateways over TLS.
//! It knows nothing of how the chain decides: it sends messages and reads answers.
//!
//! - [`keys`], [`keyring`]: who signs, and where the key rests.
//! - [`chain`], [`queries`]: a connection to a chain and questions about its state.
//! - [`tx`]: a [`Wallet`] signs, sends, and waits for what really happened.
//! - [`events`]: blocks by height without gaps.
//! - [`gateway`]: a tenant's conversation with a provider.

#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a failing test may panic"))]

pub mod cert;
pub mod chain;
mod codec;
pub mod error;
pub mod events;
pub mod gateway;
pub mod hints;
mod http;
pub mod keyring;
pub mod keys;
pub mod price;
pub mod queries;
pub mod rpc;
pub mod tx;

pub use chain::{Chain, Endpoints};
pub use error::{Error, Result};
pub use keys::{LocalSigner, Signer};
pub use tx::{GasPrice, Policy, Wallet, any};
