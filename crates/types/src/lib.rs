//! What things are called: addresses, coins, decimals, ids, and every message of the wire.
//!
//! Called by every other crate; calls none of ours. Synchronous, deterministic, no I/O.

/// Every generated message, by proto package: `wire::akash::market::v1beta5::MsgCreateBid`.
#[allow(missing_docs, clippy::all, clippy::pedantic)]
pub mod wire {
    include!(concat!(env!("OUT_DIR"), "/_wire.rs"));
}

/// The encoded `FileDescriptorSet` of everything under `proto/`, with all options.
pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));
