//! A machine room in a map: deterministic, without clock or disk, for tests and simulations.
//!
//! It keeps the same promises as `docker/` (one contract suite checks both). Containers run a toy shell
//! (`shell`) so that logs, exit codes and files behave; time does not pass by itself. Faults are injected
//! by [`Memory::fail_next`] and [`Memory::crash`].

mod shell;

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, SystemTime},
};

use async_trait::async_trait;
use futures::{StreamExt, stream, stream::BoxStream};
use tokio::sync::broadcast;
use tokio_stream::wrappers::BroadcastStream;
use types::ids::LeaseId;

use crate::{
    Amount, Backend, Change, ChangeKind, Command, Error, Exit, Found, Input, Inventory, LogLine,
    LogQuery, Node, Output, Pool, Proto, ReplicaState, Result, Source, Status, Stdio, VolumeClass,
    Workload, lease_path, spec,
};
use shell::{Flow, Machine};

/// How many hints or log lines a slow reader may be behind before it misses some.
const BACKLOG: usize = 1024;

/// A call of [`Backend`], to choose where a fault strikes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Call {
    /// [`Backend::inventory`]
    Inventory,
    /// [`Backend::apply`], before anything changes.
    Apply,
    /// [`Backend::apply`], after the first container was made: a partial state stays behind.
    ApplyHalf,
    /// [`Backend::remove`]
    Remove,
    /// [`Backend::list`]
    List,
    /// [`Backend::status`]
    Status,
    /// [`Backend::logs`]
    Logs,
    /// [`Backend::exec`]
    Exec,
}

/// The backend. Clones share one state: a clone is what a restarted provider would find.
#[derive(Clone)]
pub struct Memory {
    state: Arc<Mutex<State>>,
    changes: broadcast::Sender<Change>,
    lines: broadcast::Sender<(String, LogLine)>,
}

struct State {
    inventory: Inventory,
    leases: BTreeMap<String, Lease>,
    missing_images: BTreeSet<String>,
    faults: VecDeque<(Call, Error)>,
    answers: BTreeMap<String, SocketAddr>,
    made: u64,
    ticks: u64,
    calls: BTreeMap<&'static str, u64>,
}

struct Lease {
    id: LeaseId,
    want: Workload,
    ports: BTreeMap<(String, u16, Proto), u16>,
    containers: Vec<Container>,
    /// Service, index, volume name → path in the volume → content.
    volumes: BTreeMap<(String, u32, String), BTreeMap<String, Vec<u8>>>,
}

struct Container {
    id: String,
    service: String,
    index: u32,
    hash: String,
    state: ReplicaState,
    restarts: u32,
    exit_code: Option<i64>,
    ip: IpAddr,
    env: Vec<String>,
    mounts: Vec<(String, String)>,
    files: BTreeMap<String, Vec<u8>>,
    log: Vec<LogLine>,
}

impl Default for Memory {
    /// One machine: 16 cores, 64 GiB memory, 1 TiB ephemeral storage, 1 TiB each of `beta1`, `beta2`, `beta3` and `default`.
    fn default() -> Self {
        const GIB: u64 = 1 << 30;
        let classes = ["beta1", "beta2", "beta3", "default"];
        Self::new(Inventory {
            nodes: vec![Node {
                name: "memory".to_owned(),
                os: "linux".to_owned(),
                arch: "amd64".to_owned(),
                cpu_milli: Amount::of(16_000),
                memory_bytes: Amount::of(64 * GIB),
                ephemeral_bytes: Amount::of(1024 * GIB),
                storage_classes: classes.map(str::to_owned).to_vec(),
                ..Node::default()
            }],
            storage: classes
                .map(|class| Pool { class: class.to_owned(), bytes: Amount::of(1024 * GIB) })
                .to_vec(),
        })
    }
}

impl Memory {
    /// An empty machine room of that size; the first node takes all workloads.
    #[must_use]
    pub fn new(inventory: Inventory) -> Self {
        let state = State {
            inventory,
            leases: BTreeMap::new(),
            missing_images: BTreeSet::new(),
            faults: VecDeque::new(),
            answers: BTreeMap::new(),
            made: 0,
            ticks: 0,
            calls: BTreeMap::new(),
        };
        Self {
            state: Arc::new(Mutex::new(state)),
            changes: broadcast::channel(BACKLOG).0,
            lines: broadcast::channel(BACKLOG).0,
        }
    }

    /// The next call of that kind fails with `error`. Faults queue up, one per call.
    pub fn fail_next(&self, call: Call, error: Error) {
        self.lock().faults.push_back((call, error));
    }

    /// The image can neither be found nor pulled from now on.
    pub fn forget_image(&self, image: &str) {
        self.lock().missing_images.insert(image.to_owned());
    }

    /// The image is there again.
    pub fn provide_image(&self, image: &str) {
        self.lock().missing_images.remove(image);
    }

    /// Replicas of the service (in every lease) answer at this address instead of an invented one.
    pub fn answer_at(&self, service: &str, address: SocketAddr) {
        self.lock().answers.insert(service.to_owned(), address);
    }

    /// A replica ends by itself with that code; it stays down until [`Memory::recover`] or an `apply`.
    pub fn crash(&self, lease: &LeaseId, service: &str, index: u32, code: i64) {
        self.set_state(lease, service, index, ReplicaState::Restarting, Some(code));
        self.hint(lease, service, "", ChangeKind::BackOff, "back-off restarting failed container");
    }

    /// A crashed replica runs again.
    pub fn recover(&self, lease: &LeaseId, service: &str, index: u32) {
        self.set_state(lease, service, index, ReplicaState::Running, None);
        self.hint(lease, service, "", ChangeKind::Started, "started container");
    }

    /// A container vanishes, as after `docker rm -f` by somebody else.
    pub fn lose(&self, lease: &LeaseId, service: &str, index: u32) {
        if let Some(it) = self.lock().leases.get_mut(&lease_path(lease)) {
            it.containers.retain(|c| c.service != service || c.index != index);
        }
        self.hint(lease, service, "", ChangeKind::Died, "container is gone");
    }

    /// Writes a line as if the replica had.
    pub fn write_log(&self, lease: &LeaseId, service: &str, index: u32, text: &str) {
        let mut state = self.lock();
        let State { leases, ticks, .. } = &mut *state;
        let path = lease_path(lease);
        let found = leases.get_mut(&path).and_then(|it| it.container(service, index));
        if let Some(container) = found {
            let line = container.write(ticks, Source::Stdout, text);
            // Nobody following is fine.
            let _ = self.lines.send((path, line));
        }
    }

    /// Containers made from now on are numbered from there: two rooms never share an identity.
    pub fn number_from(&self, number: u32) {
        self.lock().made = u64::from(number);
    }

    /// How often each call was made: `apply`, `remove`, …
    #[must_use]
    pub fn calls(&self, name: &str) -> u64 {
        self.lock().calls.get(name).copied().unwrap_or(0)
    }

    fn set_state(
        &self,
        lease: &LeaseId,
        service: &str,
        index: u32,
        to: ReplicaState,
        code: Option<i64>,
    ) {
        let mut state = self.lock();
        let found = state.leases.get_mut(&lease_path(lease));
        if let Some(container) = found.and_then(|it| it.container(service, index)) {
            container.state = to;
            container.exit_code = code.or(container.exit_code);
            container.restarts += u32::from(code.is_some());
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // A panic of another test thread leaves the map whole: nothing here stops half-way.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn enter(&self, call: Call, name: &'static str) -> Result<MutexGuard<'_, State>> {
        let mut state = self.lock();
        *state.calls.entry(name).or_default() += 1;
        state.strike(call)?;
        Ok(state)
    }

    fn hint(&self, lease: &LeaseId, service: &str, replica: &str, kind: ChangeKind, note: &str) {
        let at = self.lock().tick();
        // Nobody listening is fine: hints may be lost.
        let _ = self.changes.send(Change {
            lease: lease.clone(),
            service: service.to_owned(),
            replica: replica.to_owned(),
            kind,
            note: note.to_owned(),
            at,
        });
    }

    /// One replica made or started: returns the hints to send once the lock is gone.
    fn converge(&self, lease: &LeaseId, want: &Workload) -> Result<Vec<Hint>> {
        let mut guard = self.enter(Call::Apply, "apply")?;
        let state = &mut *guard;
        if let Some(service) =
            want.services.iter().find(|service| state.missing_images.contains(&service.image))
        {
            let cause = "manifest unknown".to_owned();
            return Err(Error::Image { image: service.image.clone(), cause });
        }
        let path = lease_path(lease);
        state.leases.entry(path.clone()).or_insert_with(|| Lease {
            id: lease.clone(),
            want: Workload::default(),
            ports: BTreeMap::new(),
            containers: Vec::new(),
            volumes: BTreeMap::new(),
        });
        state.plan_ports(&path, want);
        let mut hints = Vec::new();
        for service in &want.services {
            let hash = spec::hash(lease, want, service);
            for index in 0..service.count {
                let replica = spec::replica_name(&service.name, &hash, index);
                let (keep, old) = state.look(&path, &service.name, index, &hash);
                if old {
                    hints.push((service.name.clone(), replica.clone(), ChangeKind::Killing));
                }
                match keep {
                    Some(ReplicaState::Running) => continue,
                    Some(_) => state.start(&path, &service.name, index),
                    None => {
                        state.make(&path, lease, want, service, index, &hash);
                        state.start(&path, &service.name, index);
                        hints.push((service.name.clone(), replica.clone(), ChangeKind::Created));
                    }
                }
                hints.push((service.name.clone(), replica, ChangeKind::Started));
                state.strike(Call::ApplyHalf)?;
            }
        }
        if let Some(it) = state.leases.get_mut(&path) {
            it.containers.retain(|container| {
                let wanted = want.service(&container.service);
                wanted.is_some_and(|service| container.index < service.count)
            });
        }
        Ok(hints)
    }
}

/// Service, replica, what happened.
type Hint = (String, String, ChangeKind);

impl State {
    fn strike(&mut self, call: Call) -> Result {
        match self.faults.iter().position(|(at, _)| *at == call) {
            Some(at) => Err(self.faults.remove(at).map_or_else(
                || Error::Engine { attempt: "fault".to_owned(), cause: String::new() },
                |(_, error)| error,
            )),
            None => Ok(()),
        }
    }

    fn tick(&mut self) -> SystemTime {
        self.ticks += 1;
        SystemTime::UNIX_EPOCH + Duration::from_secs(self.ticks)
    }

    /// Records the wanted workload and gives each forwarded expose its port, kept for the lease's life.
    fn plan_ports(&mut self, path: &str, want: &Workload) {
        let mut taken: BTreeSet<(u16, Proto)> = BTreeSet::new();
        for lease in self.leases.values() {
            taken.extend(lease.ports.iter().map(|((_, _, proto), port)| (*port, *proto)));
        }
        let Some(lease) = self.leases.get_mut(path) else { return };
        for service in &want.services {
            for expose in spec::forwarded(service) {
                let key = (service.name.clone(), expose.port, expose.proto);
                let free = (30_000..=32_767).find(|port| !taken.contains(&(*port, expose.proto)));
                if let (false, Some(port)) = (lease.ports.contains_key(&key), free) {
                    taken.insert((port, expose.proto));
                    lease.ports.insert(key, port);
                }
            }
        }
        lease.want = want.clone();
        for service in &mut lease.want.services {
            service.credentials = None;
        }
    }

    /// The state of the wanted container where it exists, and whether an outdated one was taken away.
    fn look(
        &mut self,
        path: &str,
        service: &str,
        index: u32,
        hash: &str,
    ) -> (Option<ReplicaState>, bool) {
        let Some(lease) = self.leases.get_mut(path) else { return (None, false) };
        let before = lease.containers.len();
        lease.containers.retain(|c| c.service != service || c.index != index || c.hash == hash);
        let old = lease.containers.len() != before;
        (lease.container(service, index).map(|c| c.state), old)
    }

    fn make(
        &mut self,
        path: &str,
        id: &LeaseId,
        want: &Workload,
        service: &crate::Service,
        index: u32,
        hash: &str,
    ) {
        self.made += 1;
        let made = self.made;
        let mut env = spec::environment(id, want, service);
        env.extend(spec::neighbours(want));
        let Some(lease) = self.leases.get_mut(path) else { return };
        let mut mounts = Vec::new();
        for volume in &service.resources.volumes {
            if let (VolumeClass::Persistent(_), Some(mount)) = (&volume.class, &volume.mount) {
                let key = (service.name.clone(), index, volume.name.clone());
                lease.volumes.entry(key).or_default();
                mounts.push((mount.clone(), volume.name.clone()));
            }
        }
        let low = made.to_be_bytes();
        lease.containers.push(Container {
            id: format!("memory-{made}"),
            service: service.name.clone(),
            index,
            hash: hash.to_owned(),
            state: ReplicaState::Created,
            restarts: 0,
            exit_code: None,
            ip: IpAddr::V4(Ipv4Addr::new(10, low[5], low[6], low[7])),
            env,
            mounts,
            files: BTreeMap::new(),
            log: Vec::new(),
        });
    }

    /// Starts a container: its command runs until it sleeps or ends.
    fn start(&mut self, path: &str, service: &str, index: u32) {
        let Some(lease) = self.leases.get_mut(path) else { return };
        let Some(spec) = lease.want.service(service) else { return };
        let argv: Vec<String> = [spec.command.clone(), spec.args.clone()].concat();
        let default_entry_point = spec.command.is_empty();
        let mut out = Vec::new();
        let flow = if default_entry_point {
            Flow::Sleeping
        } else {
            lease.run(service, index, &argv, &[], &mut out).unwrap_or(Flow::Ended(127))
        };
        let Some(container) = lease.container(service, index) else { return };
        for (source, bytes) in out {
            for text in String::from_utf8_lossy(&bytes).lines() {
                container.write(&mut self.ticks, source, text);
            }
        }
        match flow {
            Flow::Sleeping | Flow::Reading => container.state = ReplicaState::Running,
            Flow::Ended(code) => {
                container.state = ReplicaState::Restarting;
                container.restarts += 1;
                container.exit_code = Some(code);
            }
        }
    }
}

impl Lease {
    fn container(&mut self, service: &str, index: u32) -> Option<&mut Container> {
        self.containers.iter_mut().find(|c| c.service == service && c.index == index)
    }

    /// Runs words in a container's toy shell; `None` when there is no such program or container.
    fn run(
        &mut self,
        service: &str,
        index: u32,
        argv: &[String],
        input: &[u8],
        out: &mut Vec<(Source, Vec<u8>)>,
    ) -> Option<Flow> {
        let at = self.containers.iter().position(|c| c.service == service && c.index == index)?;
        let container = &mut self.containers[at];
        let hostname = format!("{service}-{index}");
        let argv = spec::expand_all(argv, &container.env);
        // Files of mounted volumes are lent to the machine and taken back after the run.
        let mut files = std::mem::take(&mut container.files);
        for (mount, volume) in &container.mounts {
            let key = (service.to_owned(), index, volume.clone());
            for (path, content) in self.volumes.entry(key).or_default() {
                files.insert(format!("{mount}{path}"), content.clone());
            }
        }
        let mut machine = Machine { files, env: &container.env, hostname: &hostname, input };
        let flow = shell::run(&mut machine, &argv, out);
        let mut files = machine.files;
        for (mount, volume) in &container.mounts {
            let key = (service.to_owned(), index, volume.clone());
            let inside: Vec<String> = files
                .keys()
                .filter(|path| path.starts_with(&format!("{mount}/")))
                .cloned()
                .collect();
            for path in inside {
                if let Some(content) = files.remove(&path) {
                    let name = path[mount.len()..].to_owned();
                    self.volumes.entry(key.clone()).or_default().insert(name, content);
                }
            }
        }
        container.files = files;
        flow
    }

    fn facts(&self, answers: &BTreeMap<String, SocketAddr>) -> Vec<spec::Fact> {
        let fact = |c: &Container| spec::Fact {
            service: c.service.clone(),
            index: c.index,
            hash: c.hash.clone(),
            id: c.id.clone(),
            state: c.state,
            restarts: c.restarts,
            exit_code: c.exit_code,
            note: String::new(),
            ip: Some(answers.get(&c.service).map_or(c.ip, SocketAddr::ip)),
            forwarded: self
                .ports
                .iter()
                .filter(|((service, ..), _)| *service == c.service && c.index == 0)
                .map(|((_, port, proto), host)| (*port, *proto, *host))
                .collect(),
        };
        self.containers.iter().map(fact).collect()
    }
}

impl Container {
    fn write(&mut self, ticks: &mut u64, source: Source, text: &str) -> LogLine {
        *ticks += 1;
        let line = LogLine {
            service: self.service.clone(),
            replica: spec::replica_name(&self.service, &self.hash, self.index),
            source,
            timestamp: Some(format!("1970-01-01T00:{:02}:{:02}Z", *ticks / 60 % 60, *ticks % 60)),
            text: text.to_owned(),
        };
        self.log.push(line.clone());
        line
    }
}

#[async_trait]
impl Backend for Memory {
    async fn inventory(&self) -> Result<Inventory> {
        let state = self.enter(Call::Inventory, "inventory")?;
        let mut inventory = state.inventory.clone();
        for lease in state.leases.values() {
            for service in &lease.want.services {
                let (res, count) = (&service.resources, u64::from(service.count));
                if let Some(node) = inventory.nodes.first_mut() {
                    node.cpu_milli.allocated += res.cpu_milli * count;
                    node.memory_bytes.allocated += res.memory_limit_bytes() * count;
                    node.ephemeral_bytes.allocated += res.ephemeral_bytes() * count;
                }
                for volume in &res.volumes {
                    let VolumeClass::Persistent(class) = &volume.class else { continue };
                    let pool = inventory.storage.iter_mut().find(|pool| pool.class == *class);
                    if let Some(pool) = pool {
                        pool.bytes.allocated += volume.bytes * count;
                    }
                }
            }
        }
        Ok(inventory)
    }

    async fn apply(&self, lease: &LeaseId, want: &Workload) -> Result {
        spec::check(want)?;
        for (service, replica, kind) in self.converge(lease, want)? {
            let note = format!("{} container {service}", kind.reason());
            self.hint(lease, &service, &replica, kind, &note);
        }
        Ok(())
    }

    async fn remove(&self, lease: &LeaseId) -> Result {
        let gone = self.enter(Call::Remove, "remove")?.leases.remove(&lease_path(lease));
        if gone.is_some() {
            self.hint(lease, "", "", ChangeKind::Removed, "removed everything of the lease");
        }
        Ok(())
    }

    async fn list(&self) -> Result<Vec<Found>> {
        let state = self.enter(Call::List, "list")?;
        let found = |it: &Lease| Found { lease: it.id.clone(), workload: Some(it.want.clone()) };
        Ok(state.leases.values().map(found).collect())
    }

    async fn status(&self, lease: &LeaseId) -> Result<Option<Status>> {
        let state = self.enter(Call::Status, "status")?;
        let Some(it) = state.leases.get(&lease_path(lease)) else { return Ok(None) };
        let mut status = spec::status(lease, &it.want, it.facts(&state.answers));
        for (name, service) in &mut status.services {
            if let Some(address) = state.answers.get(name) {
                service.targets.iter_mut().for_each(|target| target.port = address.port());
            }
        }
        Ok(Some(status))
    }

    fn changes(&self) -> BoxStream<'static, Change> {
        let stream = BroadcastStream::new(self.changes.subscribe());
        stream.filter_map(|change| async { change.ok() }).boxed()
    }

    async fn logs(&self, lease: &LeaseId, query: LogQuery) -> Result<BoxStream<'static, LogLine>> {
        let state = self.enter(Call::Logs, "logs")?;
        let path = lease_path(lease);
        let it = state.leases.get(&path).ok_or_else(|| Error::NoLease(path.clone()))?;
        for service in &query.services {
            it.want.service(service).ok_or_else(|| Error::NoService(service.clone()))?;
        }
        let LogQuery { services, follow, tail, timestamps } = query;
        let wanted = move |name: &str| services.is_empty() || services.iter().any(|s| s == name);
        let mut old = Vec::new();
        for container in it.containers.iter().filter(|c| wanted(&c.service)) {
            let tail = usize::try_from(tail.unwrap_or(u64::MAX)).unwrap_or(usize::MAX);
            let skip = container.log.len().saturating_sub(tail);
            old.extend(container.log[skip..].iter().cloned());
        }
        let plain = move |mut line: LogLine| {
            if !timestamps {
                line.timestamp = None;
            }
            line
        };
        // Subscribed under the lock: no line falls between old and new.
        let live = BroadcastStream::new(self.lines.subscribe());
        drop(state);
        let old = stream::iter(old);
        if !follow {
            return Ok(old.map(plain).boxed());
        }
        let live = live.filter_map(move |it| {
            let hit = it.ok().filter(|(of, line)| *of == path && wanted(&line.service));
            async move { hit.map(|(_, line)| line) }
        });
        Ok(old.chain(live).map(plain).boxed())
    }

    async fn exec(&self, lease: &LeaseId, command: Command, mut io: Stdio) -> Result<Exit> {
        drop(self.enter(Call::Exec, "exec")?);
        let mut input = Vec::new();
        loop {
            let mut out = Vec::new();
            let flow = self.attempt(lease, &command, &input, io.input.is_none(), &mut out)?;
            let Some(flow) = flow else {
                return Err(Error::CommandNotFound(command.argv.concat()));
            };
            let (open, code) = match flow {
                Flow::Ended(code) => (false, code),
                Flow::Reading if io.input.is_some() => (true, 0),
                Flow::Reading => (false, 0),
                Flow::Sleeping => {
                    io.output.closed().await;
                    return Ok(Exit { code: 137 });
                }
            };
            if !open {
                for (source, bytes) in out {
                    let bytes = bytes.into();
                    let piece = match source {
                        Source::Stderr if !command.tty => Output::Stderr(bytes),
                        _ => Output::Stdout(bytes),
                    };
                    // The user may have gone: the command still ran.
                    let _ = io.output.send(piece).await;
                }
                return Ok(Exit { code });
            }
            // The command reads: gather its input to the end, then run it once more with all of it.
            match io.input.as_mut() {
                Some(source) => match source.recv().await {
                    Some(Input::Data(bytes)) => input.extend_from_slice(&bytes),
                    Some(Input::Resize { .. }) => {}
                    None => io.input = None,
                },
                None => return Ok(Exit { code: 0 }),
            }
        }
    }
}

impl Memory {
    /// Runs a command once with the input so far. While the input is open (`closed` is false) a reading command
    /// has no effect yet.
    fn attempt(
        &self,
        lease: &LeaseId,
        command: &Command,
        input: &[u8],
        closed: bool,
        out: &mut Vec<(Source, Vec<u8>)>,
    ) -> Result<Option<Flow>> {
        let mut state = self.lock();
        let path = lease_path(lease);
        let State { leases, ticks, .. } = &mut *state;
        let it = leases.get_mut(&path).ok_or_else(|| Error::NoLease(path.clone()))?;
        let name = command.service.as_str();
        let service = it.want.service(name).ok_or_else(|| Error::NoService(name.to_owned()))?;
        if command.replica >= service.count {
            return Err(Error::ReplicaOutOfRange { last: service.count.saturating_sub(1) });
        }
        let running = it.container(name, command.replica).map(|c| c.state);
        if running != Some(ReplicaState::Running) {
            let state = "the service is not ready".to_owned();
            return Err(Error::NotRunning { service: name.to_owned(), state });
        }
        if !closed && shell::reads(&command.argv) {
            return Ok(Some(Flow::Reading));
        }
        let flow = it.run(name, command.replica, &command.argv, input, out);
        let Some(container) = it.container(name, command.replica) else { return Ok(flow) };
        // What was written to the first process's output is a log line.
        if let Some(text) = container.files.remove(shell::LOG) {
            for text in String::from_utf8_lossy(&text).lines() {
                let line = container.write(ticks, Source::Stdout, text);
                let _ = self.lines.send((path.clone(), line));
            }
        }
        Ok(flow)
    }
}
