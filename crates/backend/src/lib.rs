//! Machine rooms: what a provider may ask of the place where containers run.
//!
//! Called by `provider`; calls `types` and, in `docker/`, a Docker Engine. Knows leases and containers;
//! knows nothing of bids, chains or money. Owns no file: every fact is found again by label.
//!
//! - [`Backend`] is the one trait, level-triggered: each call states the wanted end.
//! - [`docker`] runs workloads on one Docker Engine, [`memory`] in a map (tests, simulations).
//!
//! Both pass one contract suite: `tests/contract/`, a function over `dyn Backend`.

mod error;
mod inventory;
mod spec;
mod status;
mod stream;
mod workload;

pub mod docker;
pub mod memory;

pub use error::{Error, Result};
pub use inventory::{Amount, Gpu, Inventory, Node, Pool};
pub use status::{
    Change, ChangeKind, ForwardedPort, Found, LeasedIp, Replica, ReplicaState, ServiceStatus,
    Status, Target,
};
pub use stream::{Command, Exit, Input, LogLine, LogQuery, Output, Source, Stdio};
pub use workload::{
    Credentials, Expose, GpuRequest, HttpOptions, Params, Proto, Resources, Service, Volume,
    VolumeClass, Workload, lease_name, lease_path,
};

use async_trait::async_trait;
use futures::stream::BoxStream;
use types::ids::LeaseId;

/// All that a provider may ask of a machine room. It knows leases and containers;
/// it knows nothing of bids, chains or money.
///
/// Calls are level-triggered: each states the wanted end, may be repeated after a
/// crash without harm, and finds its own work again by label, never from memory.
#[async_trait]
pub trait Backend: Send + Sync + 'static {
    /// What exists and what is free. Whether an order *fits* is arithmetic, done elsewhere.
    async fn inventory(&self) -> Result<Inventory>;
    /// Create or converge. Hostnames, leased IPs, volumes and GPUs are fields of the
    /// workload, not verbs of the backend. Applying the same workload twice is a no-op.
    ///
    /// Returns when every replica was started, not when it is ready: see [`Backend::status`].
    async fn apply(&self, lease: &LeaseId, want: &Workload) -> Result;
    /// Takes away everything the lease has, volumes included. Absent is success.
    async fn remove(&self, lease: &LeaseId) -> Result;
    /// Every workload this provider owns: the truth after a restart.
    async fn list(&self) -> Result<Vec<Found>>;
    /// How the lease does now; `None` where nothing of it exists.
    async fn status(&self, lease: &LeaseId) -> Result<Option<Status>>;
    /// Hints that something moved. Losing one costs latency, never correctness.
    fn changes(&self) -> BoxStream<'static, Change>;
    /// Lines of the chosen services, oldest first for one replica, replicas interleaved.
    async fn logs(&self, lease: &LeaseId, query: LogQuery) -> Result<BoxStream<'static, LogLine>>;
    /// Runs a command in a running replica and returns when it ended.
    /// The process ends when the caller drops the future or closes `io`.
    async fn exec(&self, lease: &LeaseId, command: Command, io: Stdio) -> Result<Exit>;
}
