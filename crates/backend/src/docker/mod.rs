//! Workloads on one Docker Engine, as `provider.md` 9 maps them.
//!
//! Called by `provider` through [`Backend`]; calls the engine's socket through bollard. Owns every object that
//! carries its owner label and touches no other: several providers, and the user's own containers,
//! share one engine.
//!
//! - `names`: labels and names; the record of what is wanted.
//! - `converge`: apply and remove. - `create`: what a container is made of, and its walls.
//! - `look`: inventory, list, status. - `images`: pulling. - `streams`: logs, exec, events.
//! - [`firewall`]: keeps tenants off the host's own services. - `redirect`: `as` ports inside a lease.
//!
//! Limits of one engine, known and kept: the size of a writable layer is enforced by measuring (`evict`); that of
//! a persistent volume is booked but not enforced, which needs a file system with project quotas; a port of
//! the host leads to replica 0 of its service; no leased IPs.
//! The ingress goes to containers by their addresses, so the engine must be on this machine, and not rootless or
//! in a virtual machine of its own.

mod converge;
mod create;
mod evict;
pub mod firewall;
mod images;
mod look;
mod names;
mod redirect;
mod streams;

use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv4Addr},
    ops::RangeInclusive,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, SystemTime},
};

use async_trait::async_trait;
use futures::stream::BoxStream;
use tokio::sync::{OwnedMutexGuard, broadcast};
use types::ids::LeaseId;

use crate::{
    Backend, Change, ChangeKind, Command, Error, Exit, Found, Gpu, Inventory, LogLine, LogQuery,
    Result, Status, Stdio, Workload, lease_path,
};

/// How many hints a slow reader may be behind before it misses some.
const BACKLOG: usize = 1024;

/// Where the engine is looked for when nothing else is said.
pub const DEFAULT_ENDPOINT: &str = "unix:///var/run/docker.sock";

/// How this provider uses the engine.
#[derive(Debug, Clone)]
pub struct Config {
    /// `unix:///path` or `tcp://host:port`; `None` for `DOCKER_HOST`, then [`DEFAULT_ENDPOINT`].
    pub endpoint: Option<String>,
    /// Value of the owner label; different for each provider of each chain, the same after a restart.
    /// Two backends with the same owner see the same workloads.
    pub owner: String,
    /// Name of the machine in the inventory; `None` for the engine's host name.
    pub node_name: Option<String>,
    /// What leases may use of the machine, in thousandths of a core; `None` for all of it.
    pub cpu_milli: Option<u64>,
    /// What leases may use of the memory, bytes; `None` for nine tenths of it.
    pub memory_bytes: Option<u64>,
    /// What leases may use of the disk for writable layers, bytes; `None` for nine tenths of what is free.
    pub ephemeral_bytes: Option<u64>,
    /// Classes of persistent storage and their sizes in bytes. All live in the engine's volumes.
    pub storage: BTreeMap<String, u64>,
    /// Devices that leases may use.
    pub gpus: Vec<Gpu>,
    /// Address of the host where forwarded ports are bound.
    pub publish_address: IpAddr,
    /// Where forwarded ports are taken from.
    pub port_range: RangeInclusive<u16>,
    /// How long one image may take to arrive.
    pub pull_timeout: Duration,
    /// How long a container may take to end by itself before it is killed.
    pub stop_timeout: Duration,
    /// How long a replacement must run before the container it replaces is given up.
    pub settle: Duration,
    /// Whether to keep tenants off the host's own services, see [`firewall`]. Without root it is only a warning.
    pub firewall: bool,
    /// How often writable layers are measured; one that outgrew its limit is thrown away with its container.
    pub measure_every: Duration,
    /// Engine runtime for tenants (`runsc`, `kata`); `None` for the engine's default.
    pub runtime: Option<String>,
}

impl Config {
    /// Defaults for a provider of that owner label.
    #[must_use]
    pub fn new(owner: impl Into<String>) -> Self {
        Self {
            endpoint: None,
            owner: owner.into(),
            node_name: None,
            cpu_milli: None,
            memory_bytes: None,
            ephemeral_bytes: None,
            storage: BTreeMap::new(),
            gpus: Vec::new(),
            publish_address: IpAddr::V4(Ipv4Addr::LOCALHOST),
            port_range: 30_000..=32_767,
            pull_timeout: Duration::from_secs(600),
            stop_timeout: Duration::from_secs(10),
            settle: Duration::from_secs(2),
            firewall: true,
            measure_every: Duration::from_secs(60),
            runtime: None,
        }
    }
}

/// The backend. Cheap to clone; clones share one connection.
#[derive(Clone)]
pub struct Docker {
    inner: Arc<Inner>,
}

struct Inner {
    engine: bollard::Docker,
    endpoint: String,
    config: Config,
    changes: broadcast::Sender<Change>,
    /// One turn at a time per lease within this process.
    turns: Mutex<BTreeMap<String, Arc<tokio::sync::Mutex<()>>>>,
}

impl Docker {
    /// Connects to the engine and agrees on a version of its API.
    ///
    /// # Errors
    /// [`Error::Unreachable`] when nothing answers at the endpoint, [`Error::Invalid`] for a malformed one.
    pub async fn connect(config: Config) -> Result<Self> {
        let endpoint = config
            .endpoint
            .clone()
            .or_else(|| std::env::var("DOCKER_HOST").ok().filter(|host| !host.is_empty()))
            .unwrap_or_else(|| DEFAULT_ENDPOINT.to_owned());
        let unreachable = |cause: String| Error::Unreachable { endpoint: endpoint.clone(), cause };
        let engine =
            bollard::Docker::connect_with_host(&endpoint).map_err(|error| match error {
                bollard::errors::Error::UnsupportedURISchemeError { .. } => Error::Invalid(
                    format!("docker endpoint {endpoint} is neither unix:// nor tcp://"),
                ),
                other => unreachable(chain(&other)),
            })?;
        let engine =
            engine.negotiate_version().await.map_err(|error| unreachable(chain(&error)))?;
        let inner = Inner {
            engine,
            endpoint,
            config,
            changes: broadcast::channel(BACKLOG).0,
            turns: Mutex::new(BTreeMap::new()),
        };
        let inner = Arc::new(inner);
        // These end with the backend: they hold no strong reference.
        tokio::spawn(evict::forever(Arc::downgrade(&inner)));
        tokio::spawn(redirect::forever(Arc::downgrade(&inner)));
        Ok(Self { inner })
    }

    /// Where the engine was found.
    #[must_use]
    pub fn endpoint(&self) -> &str {
        &self.inner.endpoint
    }

    /// Removes everything that carries this owner's label, whatever lease it is of: for demonstrations and tests.
    ///
    /// # Errors
    /// The first failure; what could be removed is gone.
    pub async fn purge(&self) -> Result {
        for found in self.list().await? {
            self.remove(&found.lease).await?;
        }
        Ok(())
    }

    fn engine(&self) -> &bollard::Docker {
        &self.inner.engine
    }

    fn config(&self) -> &Config {
        &self.inner.config
    }

    async fn turn(&self, lease: &LeaseId) -> OwnedMutexGuard<()> {
        let turn = {
            let mut turns = self.inner.turns.lock().unwrap_or_else(PoisonError::into_inner);
            turns.retain(|_, turn| Arc::strong_count(turn) > 1);
            turns.entry(lease_path(lease)).or_default().clone()
        };
        turn.lock_owned().await
    }

    fn hint(&self, lease: &LeaseId, service: &str, replica: &str, kind: ChangeKind, note: String) {
        // Nobody listening is fine: hints may be lost.
        let _ = self.inner.changes.send(Change {
            lease: lease.clone(),
            service: service.to_owned(),
            replica: replica.to_owned(),
            kind,
            note,
            at: SystemTime::now(),
        });
    }

    /// Puts the firewall up, or takes it down with the last lease of this host; a failure is only logged, since
    /// containers run without it.
    async fn guard(&self, work: fn() -> std::result::Result<(), String>) {
        if !self.config().firewall || !self.endpoint().starts_with("unix://") {
            return;
        }
        let done = tokio::task::spawn_blocking(work).await;
        if let Ok(Err(cause)) = done {
            tracing::warn!(cause, "tenants can reach services of this host");
        }
    }

    /// Turns an engine error into ours.
    fn failed(&self, attempt: &str, error: &bollard::errors::Error) -> Error {
        use bollard::errors::Error as Engine;
        let cause = chain(error);
        match error {
            Engine::DockerResponseServerError { .. }
            | Engine::DockerStreamError { .. }
            | Engine::DockerContainerWaitError { .. }
            | Engine::JsonDataError { .. } => Error::Engine { attempt: attempt.to_owned(), cause },
            Engine::HyperResponseError { .. }
            | Engine::HyperLegacyError { .. }
            | Engine::IOError { .. }
            | Engine::RequestTimeoutError
            | Engine::SocketNotFoundError(_) => {
                Error::Unreachable { endpoint: self.inner.endpoint.clone(), cause }
            }
            _ => Error::Engine { attempt: attempt.to_owned(), cause },
        }
    }
}

/// The HTTP status of an engine's answer, where it gave one.
fn code(error: &bollard::errors::Error) -> Option<u16> {
    match error {
        bollard::errors::Error::DockerResponseServerError { status_code, .. } => Some(*status_code),
        _ => None,
    }
}

/// The text of an error and of its sources; for answers of the engine only its message.
fn chain(error: &bollard::errors::Error) -> String {
    if let bollard::errors::Error::DockerResponseServerError { message, .. } = error {
        return message.trim().to_owned();
    }
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(inner) = source {
        let inner_text = inner.to_string();
        if !text.contains(&inner_text) {
            text = format!("{text}: {inner_text}");
        }
        source = inner.source();
    }
    text
}

#[async_trait]
impl Backend for Docker {
    async fn inventory(&self) -> Result<Inventory> {
        self.take_stock().await
    }

    async fn apply(&self, lease: &LeaseId, want: &Workload) -> Result {
        let _turn = self.turn(lease).await;
        self.converge(lease, want).await
    }

    async fn remove(&self, lease: &LeaseId) -> Result {
        let _turn = self.turn(lease).await;
        self.tear_down(lease).await
    }

    async fn list(&self) -> Result<Vec<Found>> {
        self.find_all().await
    }

    async fn status(&self, lease: &LeaseId) -> Result<Option<Status>> {
        self.look_at(lease).await
    }

    fn changes(&self) -> BoxStream<'static, Change> {
        streams::changes(self)
    }

    async fn logs(&self, lease: &LeaseId, query: LogQuery) -> Result<BoxStream<'static, LogLine>> {
        self.read_logs(lease, query).await
    }

    async fn exec(&self, lease: &LeaseId, command: Command, io: Stdio) -> Result<Exit> {
        self.run_command(lease, command, io).await
    }
}
