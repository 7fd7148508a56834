//! Who may have how much: capacity, reservations, and whether an order fits (spec `provider.md` 3).
//!
//! Called by: `bids` (reserve), the service (refresh, release), the gateway (status). Pure
//! bookkeeping over what a backend reports; owns the list of reservations, which is rebuilt from the
//! chain after a restart.

pub mod fit;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use backend::Inventory;
use types::{
    ids::OrderId,
    wire::akash::{
        base::resources::v1beta4::{Resources, endpoint::Kind},
        deployment::v1beta4::GroupSpec,
    },
};

use crate::quantity;
pub use fit::{Dimension, Room, Scheduler, Shortfall};

/// How much of what leases bought is set aside for them (3.2): percent above what exists.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Commit {
    pub cpu_percent: u64,
    pub memory_percent: u64,
    pub storage_percent: u64,
}

/// What the operator gives to leases at most, over all nodes; `None` is what the backend has.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Caps {
    pub cpu_milli: Option<u64>,
    pub memory_bytes: Option<u64>,
    pub ephemeral_bytes: Option<u64>,
    pub persistent_bytes: Option<u64>,
    pub gpus: Option<u64>,
    /// Addresses that can be leased; zero for none.
    pub addresses: u64,
}

/// Capacity held for an order, from before the bid until the lease ends.
#[derive(Debug, Clone, PartialEq)]
pub struct Reservation {
    pub order: OrderId,
    /// Name of the group.
    pub group: String,
    /// What was asked for, with GPU attributes narrowed to the device that was chosen; one per
    /// unit, in the group's order. Amounts are not divided by the commit level.
    pub allocated: Vec<Resources>,
    /// By resource id.
    pub schedulers: BTreeMap<u32, Scheduler>,
    /// Distinct leased addresses.
    pub addresses: u64,
    /// Whether workloads of the lease run.
    pub deployed: bool,
    spec: GroupSpec,
    counts: Vec<u32>,
}

/// Sums over a reservation, for the status routes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sums {
    pub cpu_milli: u64,
    pub memory_bytes: u64,
    pub gpus: u64,
    pub ephemeral_bytes: u64,
    /// By class.
    pub persistent_bytes: BTreeMap<String, u64>,
}

/// Capacity and reservations.
#[derive(Debug, Default)]
pub struct Ledger {
    commit: Commit,
    caps: Caps,
    seen: Option<Inventory>,
    free: Room,
    reservations: Vec<Reservation>,
}

impl Ledger {
    pub fn new(commit: Commit, caps: Caps) -> Ledger {
        Ledger { commit, caps, ..Ledger::default() }
    }

    /// Whether a backend has reported yet; nothing can be reserved before.
    pub fn is_known(&self) -> bool {
        self.seen.is_some()
    }

    /// Takes a new report; every reservation is fitted again, in the order they were made.
    /// Returns those that fit no more (they stay reserved).
    pub fn refresh(&mut self, report: Inventory) -> Vec<OrderId> {
        self.seen = Some(report);
        self.replay()
    }

    pub fn reserve(
        &mut self,
        order: &OrderId,
        group: &GroupSpec,
    ) -> Result<Reservation, Shortfall> {
        if let Some(made) = self.of_order(order) {
            return Ok(made.clone());
        }
        if self.seen.is_none() {
            return Err(Shortfall::unknown());
        }
        let addresses = addresses(group);
        if addresses > 0 {
            let used: u64 = self.reservations.iter().map(|it| it.addresses).sum();
            let free = self.caps.addresses.saturating_sub(used);
            if addresses > free {
                return Err(Shortfall::new(Dimension::Addresses, 0, addresses, free));
            }
        }
        let placed = fit::place(&mut self.free, group, self.commit)?;
        let reservation = Reservation {
            order: order.clone(),
            group: group.name.clone(),
            allocated: placed.allocated,
            schedulers: placed.schedulers,
            addresses,
            deployed: false,
            counts: group.resources.iter().map(|it| it.count).collect(),
            spec: group.clone(),
        };
        self.reservations.push(reservation.clone());
        Ok(reservation)
    }

    /// Holds capacity for a lease that exists already, whether it fits or not: it runs.
    pub fn adopt(&mut self, order: &OrderId, group: &GroupSpec, deployed: bool) {
        if self.reserve(order, group).is_err() {
            self.reservations.push(Reservation {
                order: order.clone(),
                group: group.name.clone(),
                allocated: group.resources.iter().map(|it| it.resource.clone()).collect(),
                schedulers: BTreeMap::new(),
                addresses: addresses(group),
                deployed,
                counts: group.resources.iter().map(|it| it.count).collect(),
                spec: group.clone(),
            });
        }
        self.mark(order, deployed);
    }

    /// Says whether the workloads of a reservation run.
    pub fn mark(&mut self, order: &OrderId, deployed: bool) {
        if let Some(it) = self.reservations.iter_mut().find(|it| it.order == *order) {
            it.deployed = deployed;
        }
    }

    /// Gives the capacity back; absent is fine.
    pub fn release(&mut self, order: &OrderId) {
        let before = self.reservations.len();
        self.reservations.retain(|it| it.order != *order);
        if self.reservations.len() != before {
            self.replay();
        }
    }

    pub fn of_order(&self, order: &OrderId) -> Option<&Reservation> {
        self.reservations.iter().find(|it| it.order == *order)
    }

    pub fn reservations(&self) -> &[Reservation] {
        &self.reservations
    }

    /// What the operator gives, and what of it is free now.
    pub fn rooms(&self) -> Option<(Room, Room)> {
        let report = self.seen.as_ref()?;
        Some((Room::of(report, &self.caps), self.free.clone()))
    }

    /// The report the rooms are made from.
    pub fn report(&self) -> Option<&Inventory> {
        self.seen.as_ref()
    }

    pub fn addresses_total(&self) -> u64 {
        self.caps.addresses
    }

    fn replay(&mut self) -> Vec<OrderId> {
        let Some(report) = &self.seen else { return Vec::new() };
        self.free = Room::of(report, &self.caps);
        let mut failed = Vec::new();
        for it in &self.reservations {
            let mut narrowed = it.spec.clone();
            for (unit, allocated) in narrowed.resources.iter_mut().zip(&it.allocated) {
                unit.resource = allocated.clone();
            }
            if fit::place(&mut self.free, &narrowed, self.commit).is_err() {
                failed.push(it.order.clone());
            }
        }
        failed
    }
}

impl Reservation {
    pub fn sums(&self) -> Sums {
        let mut sums = Sums::default();
        for (unit, count) in self.allocated.iter().zip(&self.counts) {
            let count = u64::from(*count);
            let times = |it: Option<u64>| it.unwrap_or(0).saturating_mul(count);
            sums.cpu_milli += times(unit.cpu.as_ref().and_then(|it| quantity::read(&it.units)));
            sums.memory_bytes +=
                times(unit.memory.as_ref().and_then(|it| quantity::read(&it.quantity)));
            sums.gpus += times(unit.gpu.as_ref().and_then(|it| quantity::read(&it.units)));
            for volume in &unit.storage {
                let bytes = times(quantity::read(&volume.quantity));
                match fit::kind(&volume.attributes) {
                    Ok(fit::VolumeKind::Persistent(class)) => {
                        *sums.persistent_bytes.entry(class).or_default() += bytes;
                    }
                    Ok(fit::VolumeKind::Ram) => sums.memory_bytes += bytes,
                    _ => sums.ephemeral_bytes += bytes,
                }
            }
        }
        sums
    }
}

/// Distinct sequence numbers among leased-address endpoints of a group (3.6).
pub fn addresses(group: &GroupSpec) -> u64 {
    let distinct: BTreeSet<u32> = group
        .resources
        .iter()
        .flat_map(|it| &it.resource.endpoints)
        .filter(|it| it.kind() == Kind::LeasedIp)
        .map(|it| it.sequence_number)
        .collect();
    u64::try_from(distinct.len()).unwrap_or(u64::MAX)
}
