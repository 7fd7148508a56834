//! The chapters of the ledger, and the single list that binds them.
//!
//! Called by `node`. Calls `ledger`, `store`, `types`. Synchronous and deterministic (style.md 4).
//! Calls between chapters go down the list: a chapter uses those named before it, never after. What
//! one below must tell one above in the middle of its work (staking to distribution and slashing) is
//! a fact that the upper one hooks in its routes.
#![deny(
    clippy::float_arithmetic,
    clippy::iter_over_hash_type,
    clippy::indexing_slicing,
    clippy::unwrap_used
)]
#![cfg_attr(
    test,
    allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a failing test may panic")
)]

pub mod ante;
pub mod audit;
pub mod auth;
pub mod authz;
pub mod awasm;
pub mod bank;
pub mod base;
pub mod bme;
pub mod cert;
pub mod consensus;
pub mod denoms;
pub mod deployment;
pub mod distribution;
pub mod epochs;
pub mod escrow;
pub mod evidence;
pub mod feegrant;
pub mod genesis;
pub mod genutil;
pub mod gov;
pub mod ibc;
pub mod limits;
pub mod market;
pub mod mint;
pub mod oracle;
mod paging;
pub mod params;
pub mod provider;
pub mod receipts;
pub mod runtime;
pub mod slashing;
pub mod staking;
#[cfg(test)]
mod testing;
pub mod transfer;
pub mod upgrade;
pub mod upgrades;
pub mod vesting;
pub mod wasm;

pub use runtime::Market;
