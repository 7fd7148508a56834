//! What the service remembers between events, behind one lock that is never held across an await.
//!
//! Called by: the service's tasks and the gateway. Everything here can be made again from the chain,
//! the store and the machine room.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Instant,
};

use types::{
    ids::{DeploymentId, LeaseId, OrderId},
    wire::akash::{base::attributes::v1::Attribute, market::v1::LeaseClosedReason},
};

use crate::{declines::Declines, hostnames::Hostnames, inventory::Ledger, store::Kept};

/// An order that is being looked at, or on which a bid is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    Considering,
    /// Our bid is open; it is closed at `until` unless a lease comes.
    Bid {
        until: Option<Instant>,
    },
    /// The bid is to be closed because its time is over; tried again until it works.
    Closing {
        after: Instant,
    },
}

/// A lease that binds us.
#[derive(Debug, Clone)]
pub(crate) struct Held {
    /// The lease is closed at this moment unless a manifest comes before.
    pub manifest_until: Option<Instant>,
    pub check_funds_at: Instant,
    pub withdraw_at: Option<Instant>,
    pub monitor_at: Instant,
    /// Unhealthy looks in a row.
    pub failures: u32,
    /// Whether all services had all replicas at the last look.
    pub ready: bool,
    /// The lease is to be closed by us; tried again until the chain says it is.
    pub closing: Option<(LeaseClosedReason, Instant)>,
    /// What the last attempt to run it said.
    pub error: Option<String>,
}

#[derive(Debug, Default)]
pub(crate) struct State {
    /// The last block that was handled.
    pub height: u64,
    pub orders: BTreeMap<OrderId, Phase>,
    pub leases: BTreeMap<LeaseId, Held>,
    /// Accepted manifests.
    pub kept: BTreeMap<LeaseId, Kept>,
    /// Leases whose workloads are being applied now, images pulled perhaps.
    pub applying: BTreeSet<LeaseId>,
    /// Leases whose workloads should be applied once more: they run badly.
    pub heal: BTreeSet<LeaseId>,
    /// Leases that the chain said are over, until nothing of them is left.
    pub over: BTreeSet<LeaseId>,
    pub hostnames: Hostnames,
    pub ledger: Ledger,
    pub declines: Declines,
    /// Our attributes as registered.
    pub attributes: Vec<Attribute>,
    /// By auditor; asked for when needed.
    pub audited: Option<BTreeMap<String, Vec<Attribute>>>,
    /// Hashes that events announced, until the deployment is over.
    pub hashes: BTreeMap<DeploymentId, Vec<u8>>,
    /// Counters for the metrics and for tests.
    pub bids_sent: u64,
    pub withdrawals: u64,
}

impl State {
    /// Our leases of one deployment.
    pub(crate) fn leases_of(&self, id: &DeploymentId) -> Vec<LeaseId> {
        self.leases.keys().filter(|it| it.deployment() == *id).cloned().collect()
    }
}
