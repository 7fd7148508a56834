//! What staking tells the chapters above it while it happens. Distribution and slashing listen:
//! each hooks what it needs in its `routes` ([`ledger::Routes::hook`]) and runs in the order of the
//! list, so distribution first. Nothing here is on the wire.

use types::{Address, ConsAddress, Dec, ValAddress};

/// A validator was created; it has no shares yet.
#[derive(Clone, Debug)]
pub struct ValidatorCreated {
    pub operator: ValAddress,
    pub consensus: ConsAddress,
}

/// A validator without shares is gone.
#[derive(Clone, Debug)]
pub struct ValidatorRemoved {
    pub operator: ValAddress,
    pub consensus: ConsAddress,
}

/// A validator was taken into the set.
#[derive(Clone, Debug)]
pub struct ValidatorBonded {
    pub operator: ValAddress,
    pub consensus: ConsAddress,
}

/// A delegator is about to delegate to a validator it has no shares of.
#[derive(Clone, Debug)]
pub struct DelegationCreating {
    pub delegator: Address,
    pub operator: ValAddress,
}

/// A delegation is about to change: rewards are paid on the shares as they were.
#[derive(Clone, Debug)]
pub struct SharesChanging {
    pub delegator: Address,
    pub operator: ValAddress,
}

/// A delegation was changed, and still exists.
#[derive(Clone, Debug)]
pub struct DelegationChanged {
    pub delegator: Address,
    pub operator: ValAddress,
}

/// A part of a validator's tokens is about to be burned.
#[derive(Clone, Debug)]
pub struct ValidatorSlashing {
    pub operator: ValAddress,
    /// Of its tokens, at most 1.
    pub fraction: Dec,
}
