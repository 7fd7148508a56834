//! The upgrades of the network that this build can carry out or has behind it: one file each.
//!
//! Called by: upgrade, in the block of a plan, and by whoever tells versions. Calls: any chapter,
//! to change its state. An upgrade stays in the list as long as a node may restart on a chain that
//! carried it out: a build without the last one refuses such a chain.

#[cfg(feature = "upgrade-rehearsal")]
mod rehearsal;

use ledger::{Ctx, Result};

/// One upgrade: what a plan of its name does to the state, once, before the first block of the new
/// rules.
#[derive(Clone, Copy)]
pub struct Handler {
    /// As the plan is called.
    pub name: &'static str,
    /// Changes the state. A fault stops the chain, as the reference stops.
    pub migrate: fn(&mut Ctx) -> Result,
    /// The chapters whose state has another version afterwards.
    pub versions: &'static [(&'static str, u64)],
}

/// The version of the rules that a chain begins with; each upgrade adds one.
pub const STATE_MACHINE: u64 = 1;

/// Every upgrade that this build knows, oldest first.
pub const ALL: &[Handler] = &[
    #[cfg(feature = "upgrade-rehearsal")]
    rehearsal::UPGRADE,
];

/// The names of all upgrades that this build knows, oldest first.
pub fn names() -> impl Iterator<Item = &'static str> {
    ALL.iter().map(|it| it.name)
}

/// The version of the rules that this build ends with: [`STATE_MACHINE`] and one more per upgrade.
pub fn version() -> u64 {
    STATE_MACHINE.saturating_add(ALL.iter().map(|_| 1).sum())
}
