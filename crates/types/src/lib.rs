//! What things are called: addresses, coins, decimals, ids, and every message of the wire.
//!
//! Called by every other crate; calls none of ours. Synchronous, deterministic, no I/O.

pub mod address;
pub mod amino;
pub mod coin;
pub mod dec;
pub mod encoded;
pub mod ids;
pub mod int;
pub mod json;
pub mod registry;
pub mod signers;
pub mod timestamp;

pub use address::{Address, AddressError, ConsAddress, ValAddress};
pub use coin::{Coin, CoinError, Coins, DecCoin, DecCoins, validate_denom};
pub use dec::Dec;
pub use ids::{BidId, DeploymentId, GroupId, IdError, LeaseId, OrderId};
pub use int::{Int, NumberError};

/// Every generated message, by proto package: `wire::akash::market::v1beta5::MsgCreateBid`.
#[expect(clippy::all, reason = "written by a generator")]
pub mod wire {
    include!(concat!(env!("OUT_DIR"), "/_wire.rs"));
}

/// The encoded `FileDescriptorSet` of everything under `proto/`, with all options.
pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));
