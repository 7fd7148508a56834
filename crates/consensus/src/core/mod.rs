//! The rules of the chain, pure: data in, data out.
//!
//! Synchronous, deterministic, no I/O, no clock: everything that nodes must agree on is here, in
//! the forms and with the arithmetic of CometBFT 0.38 (`cosmos.md` 2.11, `engine.md` 1.5).
//! Called by the rest of this crate; calls `types::wire` and reads the genesis document.
#![deny(
    clippy::arithmetic_side_effects,
    clippy::float_arithmetic,
    clippy::indexing_slicing,
    clippy::iter_over_hash_type
)]

pub mod block;
pub mod commit;
pub mod evidence;
pub mod merkle;
pub mod params;
pub mod state;
pub mod time;
pub mod validators;
pub mod vote;
