//! The kernel of the state machine: what a ledger module is made of, and the app that runs a list
//! of modules over blocks.
//!
//! Called by `modules` (the contract) and `node` (the app); calls `store` and `types`. Knows no
//! module by name, no peer, no clock. Synchronous and deterministic (style.md 4).
#![deny(
    clippy::arithmetic_side_effects,
    clippy::default_numeric_fallback,
    clippy::float_arithmetic,
    clippy::iter_over_hash_type,
    clippy::indexing_slicing,
    clippy::unwrap_used
)]
#![cfg_attr(
    test,
    allow(
        clippy::arithmetic_side_effects,
        clippy::default_numeric_fallback,
        clippy::indexing_slicing,
        clippy::unwrap_used,
        reason = "a failing test may panic"
    )
)]

mod ante;
mod app;
mod context;
mod events;
mod fault;
pub mod gas;
mod keys;
mod module;
mod page;
mod routes;
mod schema;
pub mod sign;
mod state;
pub mod testing;
mod tx;
mod typed;
mod wire;

pub use ante::{Admission, Claim, Stage};
pub use app::{App, Config, Exported, Refusal, store_names};
pub use context::{Block, Ctx, Pairs, View, nanos};
pub use events::{event, typed};
pub use fault::{Fault, Halt, Result, Sdk, Status, halt};
pub use keys::{AddressText, Codec, Key, Plain, Prefixed, Proto, Raw, Text, Unit, broken_key};
pub use module::{Entry, Invariant, Module, Runtime, broken_invariants, forgotten};
pub use page::{
    Budget, DEFAULT_LIMIT, PAGE_MAX, Paging, StateKey, WALK_GAS, offset_too_far, paginate,
    paginate_all,
};
pub use routes::{Request, Router, Routes};
pub use state::{Base, Changes, MemoryBase, Pair, prefix_end};
pub use tx::{Tx, hash, signers_of};
pub use typed::{Counter, Entries, Follows, Index, Indexed, Item, Map, Walk};
