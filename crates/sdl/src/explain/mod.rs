//! What a deployment file orders, in words: resources, ports, cost, deposit, what survives an update.
//!
//! Called by `haggle sdl explain` and by anything that shows a file to a person. Takes what [`crate::compile`]
//! made and knows nothing else: no chain, no market, no clock. What it therefore cannot know is said in
//! [`Explanation::unknowns`]. Structs carry both the number and its words, so that JSON serves programs and
//! [`Explanation::to_text`] serves people. Facts: spec `provider.md` 5, `chain.md` 2.7 and 4.3.

mod build;
pub(crate) mod cost;
pub(crate) mod gpu;
mod outlook;
mod ports;
mod text;
pub(crate) mod words;

pub use cost::{Amount, BLOCK_TIME_MS, Cost, Deposit, MIN_DEPOSIT};

use crate::Compiled;
use crate::quantity::Price;
use serde::Serialize;

/// What the explanation may count with.
#[derive(Clone, Debug)]
pub struct Options {
    /// Average time between blocks, milliseconds.
    pub block_time_ms: u64,
    /// US dollars for one AKT, if the caller knows; without it costs in `uakt` stay in AKT.
    pub akt_price_usd: Option<Price>,
}

impl Default for Options {
    fn default() -> Self {
        Self { block_time_ms: BLOCK_TIME_MS, akt_price_usd: None }
    }
}

/// What a file orders.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Explanation {
    /// One sentence: what, how many, for how much.
    pub summary: String,
    /// `2.0` or `2.1`: the rules the file asked for.
    pub language: String,
    /// SHA-256 of the manifest in hexadecimal: what goes on chain as `hash`.
    pub version: String,
    /// One per placement: each is one lease with one provider.
    pub groups: Vec<GroupExplained>,
    /// All groups together.
    pub total: Totals,
    /// The most that all groups together may cost. Absent when denominations differ.
    pub cost: Option<Cost>,
    /// What has to be paid in beforehand.
    pub deposit: Option<Deposit>,
    /// How much notice a provider must give, if the file asks for it.
    pub reclamation: Option<Reclamation>,
    /// What is kept and what is lost when the deployment is updated or closed.
    pub lifetime: Vec<String>,
    /// What the chain or a provider will refuse, or do otherwise than hoped, although the file compiles.
    pub obstacles: Vec<String>,
    /// What cannot be known from the file.
    pub unknowns: Vec<String>,
}

/// One placement.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct GroupExplained {
    /// The placement's name.
    pub name: String,
    /// What a provider must be, in words; one line that says "any provider" when nothing is asked.
    pub requirements: Vec<String>,
    /// What is ordered, one per resource unit.
    pub units: Vec<UnitExplained>,
    /// What runs.
    pub services: Vec<ServiceExplained>,
    /// Units times replicas.
    pub total: Totals,
    /// The most that the group may cost.
    pub cost: Cost,
}

/// Replicas that are alike.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct UnitExplained {
    /// Number within the group, from 1.
    pub id: u32,
    /// Services whose replicas these are.
    pub services: Vec<String>,
    /// Number of replicas.
    pub count: u32,
    /// Thousandths of a core, for each replica.
    pub cpu_milli: u64,
    /// The same in words, e.g. `0.5 CPU`, with the wanted architecture.
    pub cpu: String,
    /// Bytes of memory for each replica.
    pub memory_bytes: u64,
    /// The same in words, e.g. `512 MiB`.
    pub memory: String,
    /// Graphics cards for each replica.
    pub gpu: Option<GpuExplained>,
    /// Volumes of each replica.
    pub volumes: Vec<VolumeExplained>,
    /// The most that one replica may cost per block, with its denomination.
    pub price_per_block: String,
}

/// Graphics cards.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct GpuExplained {
    /// Number of cards.
    pub units: u64,
    /// Models that would do, in words.
    pub models: Vec<String>,
    /// Whether any model will do.
    pub any_model: bool,
    /// The request as it stands on chain.
    pub keys: Vec<String>,
    /// All of it in words, e.g. `2 × NVIDIA A100 (80 GiB, SXM)`.
    pub words: String,
}

/// One volume.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct VolumeExplained {
    /// Its name; `default` when the file gives none.
    pub name: String,
    /// Bytes.
    pub size_bytes: u64,
    /// The same in words.
    pub size: String,
    /// `ephemeral`, `ram`, or the class of persistent storage.
    pub class: String,
    /// Whether it outlives a restart.
    pub persistent: bool,
    /// What that is, e.g. `persistent SSD`.
    pub words: String,
}

/// A running program.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ServiceExplained {
    /// Name, also the host name inside the group.
    pub name: String,
    /// Container image.
    pub image: String,
    /// Number of replicas.
    pub count: u32,
    /// The unit it runs on.
    pub unit: u32,
    /// Entry point and arguments, if the file replaces the image's.
    pub starts: Option<String>,
    /// Names of environment variables, never their values.
    pub env: Vec<String>,
    /// Ports and how each is reached.
    pub ports: Vec<PortExplained>,
    /// Volumes mounted into it.
    pub mounts: Vec<MountExplained>,
    /// Registry from which the image is pulled with a password, if any.
    pub private_registry: Option<String>,
    /// What it may read of its own deployment.
    pub permissions: Vec<String>,
    /// Confidential computing, in words.
    pub tee: Option<String>,
}

/// How a port is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Reach {
    /// Through the provider's HTTP ingress, by host name.
    Http,
    /// At the provider's address on a port that it picks.
    RandomPort,
    /// At an address leased for this tenant.
    LeasedIp,
    /// Only from services of the same group.
    Internal,
}

/// One port.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PortExplained {
    /// Port in the container.
    pub port: u32,
    /// Port that callers use, where it is known before the lease.
    pub outside: Option<u32>,
    /// `TCP` or `UDP`.
    pub proto: String,
    /// Ways to reach it: a leased address comes with a random port too.
    pub reach: Vec<Reach>,
    /// Host names of the HTTP ingress.
    pub hosts: Vec<String>,
    /// All of it in one sentence.
    pub words: String,
}

/// One mounted volume.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct MountExplained {
    /// The volume's name.
    pub volume: String,
    /// Path in the container.
    pub path: String,
    /// Whether writing is refused.
    pub read_only: bool,
    /// All of it in words.
    pub words: String,
}

/// Resources of many replicas.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Totals {
    /// Number of replicas.
    pub replicas: u64,
    /// Thousandths of a core.
    pub cpu_milli: u128,
    /// The same in words.
    pub cpu: String,
    /// Bytes.
    pub memory_bytes: u128,
    /// The same in words.
    pub memory: String,
    /// Graphics cards.
    pub gpu: u128,
    /// Bytes by storage class, in order of the classes.
    pub storage: Vec<StorageTotal>,
    /// HTTP endpoints.
    pub http_endpoints: u64,
    /// Ports that providers pick.
    pub random_ports: u64,
    /// Distinct leased addresses.
    pub leased_ips: u64,
}

/// Storage of one class.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct StorageTotal {
    /// `ephemeral`, `ram`, or the class of persistent storage.
    pub class: String,
    /// Bytes.
    pub bytes: u128,
    /// The same in words, with what the class is.
    pub words: String,
}

/// Notice before a lease is taken back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Reclamation {
    /// Nanoseconds.
    pub min_window_ns: i64,
    /// In words.
    pub words: String,
}

/// Explains a compiled file.
#[must_use]
pub fn explain(compiled: &Compiled, options: &Options) -> Explanation {
    build::explain(compiled, options)
}

impl Explanation {
    /// The explanation for a terminal of so many columns (at least 40 are used).
    #[must_use]
    pub fn to_text(&self, width: usize) -> String {
        text::render(self, width)
    }
}
