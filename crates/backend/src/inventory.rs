//! What exists and what is used, in the shape of `akash.inventory.v1` but in plain numbers
//! (provider.md 3.1). Units: milli-CPU, bytes, pieces.

use serde::{Deserialize, Serialize};

/// The machines and the cluster-wide storage of one backend.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Inventory {
    /// Machines, sorted by name.
    pub nodes: Vec<Node>,
    /// Persistent storage, one entry per class, sorted by class.
    pub storage: Vec<Pool>,
}

/// How much there is, how much may be given to leases, and how much leases hold.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Amount {
    /// What the hardware has.
    pub capacity: u64,
    /// What leases may use of it.
    pub allocatable: u64,
    /// What the leases of this provider use of that.
    pub allocated: u64,
}

impl Amount {
    /// Nothing allocated of `allocatable`, which is all there is.
    #[must_use]
    pub fn of(allocatable: u64) -> Self {
        Self { capacity: allocatable, allocatable, allocated: 0 }
    }

    /// What a further lease may take: never negative.
    #[must_use]
    pub fn available(&self) -> u64 {
        self.allocatable.saturating_sub(self.allocated)
    }
}

/// One machine.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Node {
    /// Name of the machine.
    pub name: String,
    /// Operating system and architecture as Go spells them: `linux`, `amd64`.
    pub os: String,
    /// See `os`.
    pub arch: String,
    /// CPU in thousandths of a core.
    pub cpu_milli: Amount,
    /// CPU model names, one per core kind; may be empty.
    pub cpu_models: Vec<String>,
    /// Memory in bytes.
    pub memory_bytes: Amount,
    /// Ephemeral storage in bytes.
    pub ephemeral_bytes: Amount,
    /// Devices, one entry each.
    pub gpus: Vec<Gpu>,
    /// Classes of persistent storage that this machine can mount.
    pub storage_classes: Vec<String>,
}

/// One GPU device.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gpu {
    /// Identity that the driver knows (`GPU-…`).
    pub uuid: String,
    /// `nvidia` or `amd`.
    pub vendor: String,
    /// PCI vendor id.
    pub vendor_id: String,
    /// Model as attributes spell it: `a100`.
    pub name: String,
    /// PCI device id.
    pub model_id: String,
    /// `PCIe` or `SXM…`.
    pub interface: String,
    /// `80Gi`.
    pub memory_size: String,
    /// Whether a lease of this provider holds it.
    pub in_use: bool,
}

/// Persistent storage of one class, in bytes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pool {
    /// `beta1`, `beta2`, `beta3`, `default` or a name of the operator.
    pub class: String,
    /// How much of it.
    pub bytes: Amount,
}
