//! What a backend found: workloads, how they do, and hints that something moved.

use std::{collections::BTreeMap, net::IpAddr, time::SystemTime};

use serde::{Deserialize, Serialize};
use types::ids::LeaseId;

use crate::{HttpOptions, Proto, Workload};

/// A workload of this provider that exists, whole or in part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Whose it is.
    pub lease: LeaseId,
    /// The last workload applied (without credentials); `None` where its record is damaged or missing.
    pub workload: Option<Workload>,
}

/// How a lease does.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// The `generation` of the workload that was applied last.
    pub generation: u64,
    /// By name of the service.
    pub services: BTreeMap<String, ServiceStatus>,
}

/// How one service does (provider.md 4.11).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceStatus {
    /// Wanted replicas: `total` and `replicas` on the wire.
    pub total: u32,
    /// Replicas that run the current specification.
    pub updated: u32,
    /// Replicas that run (and are healthy, where the image says how to tell): `available` and `ready` on the wire.
    pub available: u32,
    /// Host names that the ingress should serve for this service.
    pub uris: Vec<String>,
    /// Ports of the host that lead to this service.
    pub forwarded_ports: Vec<ForwardedPort>,
    /// Leased addresses.
    pub ips: Vec<LeasedIp>,
    /// Where the ingress finds the service now: one entry per available replica and exposed port.
    pub targets: Vec<Target>,
    /// Every replica that exists, in order of its index.
    pub replicas: Vec<Replica>,
}

impl ServiceStatus {
    /// Whether all wanted replicas run the current specification.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.available >= self.total && self.updated >= self.total
    }
}

impl Status {
    /// Whether every service has all its replicas.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.services.values().all(ServiceStatus::is_ready)
    }
}

/// One replica of a service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Replica {
    /// `<service>-<hash of the specification, 8 hex digits>-<index>`, as in log lines.
    pub name: String,
    /// Identity of the container in its engine; another one after a recreation.
    pub id: String,
    /// From 0.
    pub index: u32,
    /// Whether it runs.
    pub state: ReplicaState,
    /// How often it was started again after it ended by itself.
    pub restarts: u32,
    /// Exit code of the last run that ended, where known.
    pub exit_code: Option<i64>,
    /// What the engine said about a failure; empty for none.
    pub note: String,
}

/// Where a replica is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ReplicaState {
    /// Exists, was not started yet.
    Created,
    /// Runs, but its health check has not passed yet.
    Starting,
    /// Runs and is healthy.
    Running,
    /// Ended and will be started again.
    Restarting,
    /// Ended.
    Exited,
}

/// A port of the host that leads to a service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ForwardedPort {
    /// Public name of the provider; empty when not configured.
    pub host: String,
    /// Port in the container.
    pub port: u16,
    /// Port of the host.
    pub external_port: u16,
    /// Transport.
    pub proto: Proto,
    /// Name of the service.
    pub name: String,
}

/// An address of its own that leads to a service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeasedIp {
    /// Port in the container.
    pub port: u16,
    /// Port at that address.
    pub external_port: u16,
    /// Transport.
    pub proto: Proto,
    /// The address.
    pub ip: String,
}

/// An address and port where one replica answers; reachable from the host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Target {
    /// Name of the replica.
    pub replica: String,
    /// Address of the container.
    pub ip: IpAddr,
    /// Port in the container.
    pub port: u16,
    /// Port as the manifest exposes it.
    pub external_port: u16,
    /// Transport.
    pub proto: Proto,
    /// Whether the HTTP ingress serves it.
    pub http: bool,
    /// The hosts of the expose.
    pub hosts: Vec<String>,
    /// Proxy settings of the expose.
    pub options: HttpOptions,
}

/// A hint that something moved: an event of the engine or an act of the backend (provider.md 4.14).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Whose.
    pub lease: LeaseId,
    /// Which service; empty for the lease as a whole.
    pub service: String,
    /// Name of the replica; empty for the service as a whole.
    pub replica: String,
    /// What happened.
    pub kind: ChangeKind,
    /// A sentence for people.
    pub note: String,
    /// When.
    pub at: SystemTime,
}

/// What happened, in the words of the reference's events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum ChangeKind {
    /// An image is being fetched.
    Pulling,
    /// An image was fetched.
    Pulled,
    /// A container was made.
    Created,
    /// A container runs.
    Started,
    /// A container is being ended by the backend.
    Killing,
    /// A container ended by itself.
    Died,
    /// A container ended by itself with a failure and will be started again.
    BackOff,
    /// Something could not be done.
    Failed,
    /// A container used more memory than it has.
    OomKilling,
    /// A health check failed.
    Unhealthy,
    /// A health check passed.
    Healthy,
    /// Everything of the lease is gone.
    Removed,
}

impl ChangeKind {
    /// The `reason` of the wire event.
    #[must_use]
    pub fn reason(self) -> &'static str {
        match self {
            Self::Pulling => "Pulling",
            Self::Pulled => "Pulled",
            Self::Created => "Created",
            Self::Started => "Started",
            Self::Killing => "Killing",
            Self::Died => "Completed",
            Self::BackOff => "BackOff",
            Self::Failed => "Failed",
            Self::OomKilling => "OOMKilling",
            Self::Unhealthy => "Unhealthy",
            Self::Healthy => "Healthy",
            Self::Removed => "Removed",
        }
    }

    /// Whether the wire event is a `Warning` and not `Normal`.
    #[must_use]
    pub fn is_warning(self) -> bool {
        matches!(self, Self::BackOff | Self::Failed | Self::OomKilling | Self::Unhealthy)
    }
}
