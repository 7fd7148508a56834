//! The fit algorithm, exactly (spec `provider.md` 3.3 and 3.4): last unit first, first node that
//! holds it, no backtracking. Clients predict bids with it, so its order is kept.
//!
//! Called by: `inventory`. Pure.

use std::collections::BTreeMap;

use backend::{Gpu, Inventory};
use types::wire::akash::{
    base::{attributes::v1::Attribute, resources::v1beta4::Resources},
    deployment::v1beta4::GroupSpec,
};

use super::{Caps, Commit};
use crate::quantity;

/// Which resource was short.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Dimension {
    /// No backend has reported yet.
    Unknown,
    Cpu,
    Gpu,
    Memory,
    EphemeralStorage,
    PersistentStorage,
    StorageClass,
    Addresses,
    /// The request itself cannot be read.
    Request,
}

/// Why a group does not fit: the resource, how much one replica needs, and the most that one node
/// has free.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shortfall {
    pub dimension: Dimension,
    /// Resource id within the group; 0 for the whole group.
    pub unit: u32,
    /// Milli-CPU, bytes, or pieces.
    pub wanted: u64,
    pub free: u64,
    /// Class or model, where that matters.
    pub what: String,
}

impl Shortfall {
    pub fn new(dimension: Dimension, unit: u32, wanted: u64, free: u64) -> Shortfall {
        Shortfall { dimension, unit, wanted, free, what: String::new() }
    }

    pub fn unknown() -> Shortfall {
        Shortfall::new(Dimension::Unknown, 0, 0, 0)
    }

    fn of(self, what: &str) -> Shortfall {
        Shortfall { what: what.to_owned(), ..self }
    }
}

impl std::fmt::Display for Shortfall {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Shortfall { wanted, free, what, .. } = self;
        let bytes = quantity::show_bytes;
        match self.dimension {
            Dimension::Unknown => write!(f, "the machine room has not reported its capacity yet"),
            Dimension::Cpu => write!(f, "cpu: needs {wanted}m, {free}m free"),
            Dimension::Gpu => write!(f, "gpu: needs {wanted} of {what}, {free} free"),
            Dimension::Memory => {
                write!(f, "memory: needs {}, {} free", bytes(*wanted), bytes(*free))
            }
            Dimension::EphemeralStorage => {
                write!(f, "ephemeral storage: needs {}, {} free", bytes(*wanted), bytes(*free))
            }
            Dimension::PersistentStorage => {
                write!(f, "storage class {what}: needs {}, {} free", bytes(*wanted), bytes(*free))
            }
            Dimension::StorageClass => write!(f, "storage class {what} does not exist here"),
            Dimension::Addresses => write!(f, "leased IPs: needs {wanted}, {free} free"),
            Dimension::Request => write!(f, "the request cannot be read: {what}"),
        }
    }
}

/// Free capacity.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Room {
    pub nodes: Vec<Node>,
    /// Persistent storage by class, bytes.
    pub pools: BTreeMap<String, u64>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Node {
    pub name: String,
    pub cpu_milli: u64,
    pub memory_bytes: u64,
    pub ephemeral_bytes: u64,
    /// Free devices.
    pub gpus: Vec<Gpu>,
    pub classes: Vec<String>,
}

/// What the machine room must know to place a replica.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Scheduler {
    /// Vendor and model of the chosen devices; empty without any.
    pub gpu_vendor: String,
    pub gpu_model: String,
}

/// A group that fits.
#[derive(Debug, Clone, PartialEq)]
pub struct Placed {
    /// Per unit, in the group's order: what was asked for, GPU attributes narrowed.
    pub allocated: Vec<Resources>,
    pub schedulers: BTreeMap<u32, Scheduler>,
}

impl Room {
    /// What a report leaves to leases when nothing is reserved, within the operator's caps. Caps are
    /// used up node after node.
    pub fn of(report: &Inventory, caps: &Caps) -> Room {
        let mut cpu = caps.cpu_milli.unwrap_or(u64::MAX);
        let mut memory = caps.memory_bytes.unwrap_or(u64::MAX);
        let mut ephemeral = caps.ephemeral_bytes.unwrap_or(u64::MAX);
        let mut persistent = caps.persistent_bytes.unwrap_or(u64::MAX);
        let mut gpus = caps.gpus.unwrap_or(u64::MAX);
        let take = |left: &mut u64, there: u64| {
            let taken = there.min(*left);
            *left -= taken;
            taken
        };
        let nodes = report.nodes.iter().map(|it| Node {
            name: it.name.clone(),
            cpu_milli: take(&mut cpu, it.cpu_milli.allocatable),
            memory_bytes: take(&mut memory, it.memory_bytes.allocatable),
            ephemeral_bytes: take(&mut ephemeral, it.ephemeral_bytes.allocatable),
            gpus: it.gpus.iter().filter(|_| take(&mut gpus, 1) == 1).cloned().collect(),
            classes: it.storage_classes.clone(),
        });
        let nodes = nodes.collect();
        let pools = report
            .storage
            .iter()
            .map(|it| (it.class.clone(), take(&mut persistent, it.bytes.allocatable)));
        Room { nodes, pools: pools.collect() }
    }
}

/// Takes a group out of `free`, or leaves it as it was and says why the group does not fit.
pub fn place(free: &mut Room, group: &GroupSpec, commit: Commit) -> Result<Placed, Shortfall> {
    let mut room = free.clone();
    let mut allocated: Vec<Resources> =
        group.resources.iter().map(|it| it.resource.clone()).collect();
    let mut schedulers = BTreeMap::new();
    for (index, unit) in group.resources.iter().enumerate().rev() {
        let mut wanted = Wanted::of(&unit.resource, commit)?;
        let mut left = unit.count;
        let mut chosen: Option<Scheduler> = None;
        let mut short: Option<Shortfall> = None;
        for at in 0..room.nodes.len() {
            while left > 0 {
                match wanted.try_on(&mut room, at) {
                    Ok((scheduler, narrowed)) => {
                        if chosen.as_ref().is_some_and(|it| *it != scheduler) {
                            return Err(Shortfall::new(Dimension::Request, unit.resource.id, 0, 0)
                                .of("group resource mismatch"));
                        }
                        if let Some(narrowed) = narrowed {
                            wanted.gpu_attributes = vec![narrowed];
                        }
                        chosen = Some(scheduler);
                        left -= 1;
                    }
                    Err(Failure::Cluster(why)) => return Err(why),
                    Err(Failure::Node(why)) => {
                        short = Some(furthest(short, why));
                        break;
                    }
                }
            }
        }
        if left > 0 {
            let none = || Shortfall::new(Dimension::Cpu, unit.resource.id, wanted.cpu_milli, 0);
            return Err(short.unwrap_or_else(none));
        }
        if let (Some(it), Some(gpu)) =
            (allocated.get_mut(index), unit.resource.gpu.as_ref().filter(|_| wanted.gpus > 0))
        {
            let mut gpu = gpu.clone();
            gpu.attributes.clone_from(&wanted.gpu_attributes);
            it.gpu = Some(gpu);
        }
        schedulers.insert(unit.resource.id, chosen.unwrap_or_default());
    }
    *free = room;
    Ok(Placed { allocated, schedulers })
}

/// Of two nodes that failed, the one that is worth telling: it came further, or has more free.
fn furthest(before: Option<Shortfall>, new: Shortfall) -> Shortfall {
    match before {
        Some(old) if (old.dimension, old.free) >= (new.dimension, new.free) => old,
        _ => new,
    }
}

enum Failure {
    /// The next node may do.
    Node(Shortfall),
    /// No node can.
    Cluster(Shortfall),
}

pub enum VolumeKind {
    Ephemeral,
    Ram,
    /// The class.
    Persistent(String),
}

/// Where a volume lives, by its attributes `persistent` and `class`.
pub fn kind(attributes: &[Attribute]) -> Result<VolumeKind, String> {
    let class = quantity::attribute(attributes, "class").unwrap_or_default();
    let persistent = match quantity::attribute(attributes, "persistent") {
        Some("true" | "1" | "t" | "T" | "TRUE" | "True") => true,
        None | Some("false" | "0" | "f" | "F" | "FALSE" | "False") => false,
        Some(other) => return Err(format!("attribute persistent = {other:?}")),
    };
    match (persistent, class) {
        (true, "" | "ram") => Err(format!("a persistent volume of class {class:?}")),
        (true, class) => Ok(VolumeKind::Persistent(class.to_owned())),
        (false, "ram") => Ok(VolumeKind::Ram),
        (false, _) => Ok(VolumeKind::Ephemeral),
    }
}

/// One replica of a unit, amounts divided by the commit level.
struct Wanted {
    id: u32,
    cpu_milli: u64,
    memory_bytes: u64,
    gpus: u64,
    gpu_attributes: Vec<Attribute>,
    volumes: Vec<(u64, Vec<Attribute>)>,
}

impl Wanted {
    fn of(unit: &Resources, commit: Commit) -> Result<Wanted, Shortfall> {
        let unreadable = |what: &str| Shortfall::new(Dimension::Request, unit.id, 0, 0).of(what);
        let cpu = unit.cpu.as_ref().and_then(|it| quantity::read(&it.units));
        let memory = unit.memory.as_ref().and_then(|it| quantity::read(&it.quantity));
        let gpu = unit.gpu.as_ref();
        let gpus = gpu.and_then(|it| quantity::read(&it.units));
        let volumes = unit.storage.iter().map(|it| {
            let bytes = quantity::read(&it.quantity).ok_or_else(|| unreadable("storage"))?;
            Ok((committed(bytes, commit.storage_percent), it.attributes.clone()))
        });
        Ok(Wanted {
            id: unit.id,
            cpu_milli: committed(cpu.ok_or_else(|| unreadable("cpu"))?, commit.cpu_percent),
            memory_bytes: committed(
                memory.ok_or_else(|| unreadable("memory"))?,
                commit.memory_percent,
            ),
            gpus: gpus.ok_or_else(|| unreadable("gpu"))?,
            gpu_attributes: gpu.map(|it| it.attributes.clone()).unwrap_or_default(),
            volumes: volumes.collect::<Result<_, _>>()?,
        })
    }

    /// Takes one replica out of a node and the pools, or changes nothing. Returns the narrowed GPU
    /// attribute too.
    fn try_on(
        &self,
        room: &mut Room,
        at: usize,
    ) -> Result<(Scheduler, Option<Attribute>), Failure> {
        let short = |dimension, wanted, free| Shortfall::new(dimension, self.id, wanted, free);
        let Some(mut node) = room.nodes.get(at).cloned() else {
            return Err(Failure::Node(Shortfall::unknown()));
        };
        let mut pools = room.pools.clone();
        node.cpu_milli = node
            .cpu_milli
            .checked_sub(self.cpu_milli)
            .ok_or_else(|| Failure::Node(short(Dimension::Cpu, self.cpu_milli, node.cpu_milli)))?;
        let (scheduler, narrowed) = self.take_gpus(&mut node)?;
        take_memory(&mut node, self.memory_bytes, self.id)?;
        for (bytes, attributes) in &self.volumes {
            let kind = kind(attributes)
                .map_err(|it| Failure::Cluster(short(Dimension::Request, 0, 0).of(&it)))?;
            match kind {
                VolumeKind::Ram => take_memory(&mut node, *bytes, self.id)?,
                VolumeKind::Ephemeral => {
                    let free = node.ephemeral_bytes;
                    node.ephemeral_bytes = free.checked_sub(*bytes).ok_or_else(|| {
                        Failure::Node(short(Dimension::EphemeralStorage, *bytes, free))
                    })?;
                }
                VolumeKind::Persistent(class) => {
                    if !node.classes.contains(&class) {
                        let why = short(Dimension::StorageClass, *bytes, 0).of(&class);
                        return Err(Failure::Node(why));
                    }
                    let Some(free) = pools.get_mut(&class) else {
                        let why = short(Dimension::StorageClass, *bytes, 0).of(&class);
                        return Err(Failure::Cluster(why));
                    };
                    *free = free.checked_sub(*bytes).ok_or_else(|| {
                        let why = short(Dimension::PersistentStorage, *bytes, *free);
                        Failure::Cluster(why.of(&class))
                    })?;
                }
            }
        }
        if let Some(slot) = room.nodes.get_mut(at) {
            *slot = node;
        }
        room.pools = pools;
        Ok((scheduler, narrowed))
    }

    /// Free devices are counted per model, which the reference does not do (3.4, quirk not kept):
    /// the first model with enough free devices is taken.
    fn take_gpus(&self, node: &mut Node) -> Result<(Scheduler, Option<Attribute>), Failure> {
        if self.gpus == 0 {
            return Ok((Scheduler::default(), None));
        }
        let requests: Vec<GpuRequest<'_>> =
            self.gpu_attributes.iter().filter_map(|it| GpuRequest::read(&it.key)).collect();
        let mut matches = BTreeMap::<(String, String), (usize, &GpuRequest<'_>, Vec<usize>)>::new();
        for (index, device) in node.gpus.iter().enumerate() {
            if let Some(request) = requests.iter().find(|it| it.holds(device)) {
                let key = (device.vendor.clone(), device.name.clone());
                matches.entry(key).or_insert((index, request, Vec::new())).2.push(index);
            }
        }
        let count = usize::try_from(self.gpus).unwrap_or(usize::MAX);
        let enough = matches.iter().filter(|(_, (_, _, found))| found.len() >= count);
        let Some(((vendor, model), (_, request, found))) = enough.min_by_key(|(_, it)| it.0) else {
            let most = matches.values().map(|it| it.2.len()).max().unwrap_or(0);
            let what: Vec<&str> = self.gpu_attributes.iter().map(|it| it.key.as_str()).collect();
            let free = u64::try_from(most).unwrap_or(u64::MAX);
            let why = Shortfall::new(Dimension::Gpu, self.id, self.gpus, free);
            return Err(Failure::Node(why.of(&what.join(", "))));
        };
        let scheduler = Scheduler { gpu_vendor: vendor.clone(), gpu_model: model.clone() };
        let mut key = format!("vendor/{vendor}/model/{model}");
        for (name, value) in [("ram", request.ram), ("interface", request.interface)] {
            if let Some(value) = value {
                key.push_str(&format!("/{name}/{value}"));
            }
        }
        let taken: Vec<usize> = found.iter().take(count).copied().collect();
        let mut index = 0;
        node.gpus.retain(|_| {
            index += 1;
            !taken.contains(&(index - 1))
        });
        Ok((scheduler, Some(Attribute { key, value: "true".to_owned() })))
    }
}

fn take_memory(node: &mut Node, bytes: u64, unit: u32) -> Result<(), Failure> {
    let free = node.memory_bytes;
    node.memory_bytes = free
        .checked_sub(bytes)
        .ok_or_else(|| Failure::Node(Shortfall::new(Dimension::Memory, unit, bytes, free)))?;
    Ok(())
}

/// The amount over the commit level, rounded to the nearest, at least 1; level 1 changes nothing.
fn committed(amount: u64, percent: u64) -> u64 {
    if percent == 0 || amount == 0 {
        return amount;
    }
    let level = u128::from(percent) + 100;
    let divided = (u128::from(amount) * 100 + level / 2) / level;
    u64::try_from(divided).unwrap_or(amount).max(1)
}

/// `vendor/<v>/model/<m>[/ram/<size>][/interface/<if>]`.
struct GpuRequest<'a> {
    vendor: &'a str,
    model: &'a str,
    ram: Option<&'a str>,
    interface: Option<&'a str>,
}

impl GpuRequest<'_> {
    fn read(key: &str) -> Option<GpuRequest<'_>> {
        let tokens: Vec<&str> = key.split('/').collect();
        let ["vendor", vendor, "model", model, rest @ ..] = tokens.as_slice() else { return None };
        let mut request = GpuRequest { vendor, model, ram: None, interface: None };
        for pair in rest.chunks(2) {
            match pair {
                ["ram", it] => request.ram = Some(it),
                ["interface", it] => request.interface = Some(it),
                _ => return None,
            }
        }
        matches!(request.vendor, "nvidia" | "amd").then_some(request)
    }

    fn holds(&self, device: &Gpu) -> bool {
        let interface = device.interface.to_lowercase();
        let interface = if interface.starts_with("sxm") { "sxm" } else { interface.as_str() };
        device.vendor == self.vendor
            && (self.model == "*" || self.model == device.name)
            && self.ram.is_none_or(|it| it == device.memory_size)
            && self.interface.is_none_or(|it| it == interface)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_commit_level_divides_and_rounds_but_never_to_nothing() {
        for (amount, percent, want) in
            [(100, 0, 100), (100, 100, 50), (101, 100, 51), (100, 50, 67), (1, 900, 1), (0, 50, 0)]
        {
            assert_eq!(committed(amount, percent), want, "{amount} at {percent}%");
        }
    }
}
