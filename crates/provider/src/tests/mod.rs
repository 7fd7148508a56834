//! The provider as a whole, against a chain and a machine room in memory.

mod bids;
mod doors;
mod life;
mod recorded;
