//! What is there: inventory, the leases that exist, and how one of them does.

use std::{
    collections::BTreeMap,
    path::Path,
    time::{Duration, SystemTime},
};

use bollard::models::{
    ContainerInspectResponse, ContainerStateStatusEnum, ContainerSummary, HealthStatusEnum,
};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};
use types::ids::LeaseId;

use super::{Docker, code, converge::identity, names};
use crate::{
    Amount, Found, Inventory, Node, Pool, Proto, ReplicaState, Result, Status, VolumeClass, spec,
};

/// A container that ended by itself before must run this long to count as available again.
const PROVEN: Duration = Duration::from_secs(5);

impl Docker {
    pub(super) async fn take_stock(&self) -> Result<Inventory> {
        let info = self.engine().info().await;
        let info = info.map_err(|error| self.failed("asking the engine", &error))?;
        let positive = |value: Option<i64>| value.and_then(|v| u64::try_from(v).ok()).unwrap_or(0);
        let cores_milli = positive(info.ncpu) * 1000;
        let memory = positive(info.mem_total);
        let (disk, free) = self.disk(info.docker_root_dir.as_deref());
        let config = self.config();
        let amount = |capacity, usual, cap: Option<u64>| Amount {
            capacity,
            allocatable: cap.unwrap_or(usual),
            allocated: 0,
        };
        let mut node = Node {
            name: config.node_name.clone().or(info.name).unwrap_or_else(|| "docker".to_owned()),
            os: info.os_type.unwrap_or_else(|| "linux".to_owned()),
            arch: go_arch(info.architecture.as_deref().unwrap_or_default()),
            cpu_milli: amount(cores_milli, cores_milli, config.cpu_milli),
            cpu_models: Vec::new(),
            memory_bytes: amount(memory, memory / 10 * 9, config.memory_bytes),
            ephemeral_bytes: amount(disk, free / 10 * 9, config.ephemeral_bytes),
            gpus: config.gpus.clone(),
            storage_classes: config.storage.keys().cloned().collect(),
        };
        let mut pools: BTreeMap<&str, Amount> = BTreeMap::new();
        for (class, bytes) in &config.storage {
            pools.insert(class, Amount::of(*bytes));
        }
        for filed in self.records(None).await?.0.values() {
            for service in filed.record.iter().flat_map(|record| &record.workload.services) {
                let (resources, count) = (&service.resources, u64::from(service.count));
                let book = |amount: &mut Amount, each: u64| {
                    amount.allocated = amount.allocated.saturating_add(each.saturating_mul(count));
                };
                book(&mut node.cpu_milli, resources.cpu_milli);
                book(&mut node.memory_bytes, resources.memory_limit_bytes());
                book(&mut node.ephemeral_bytes, resources.ephemeral_bytes());
                for volume in &resources.volumes {
                    if let VolumeClass::Persistent(class) = &volume.class
                        && let Some(pool) = pools.get_mut(class.as_str())
                    {
                        book(pool, volume.bytes);
                    }
                }
            }
        }
        if !node.gpus.is_empty() {
            let held = self.gpus_held().await?;
            node.gpus.iter_mut().for_each(|gpu| gpu.in_use = held.contains(&gpu.uuid));
        }
        let storage =
            pools.into_iter().map(|(class, bytes)| Pool { class: class.to_owned(), bytes });
        Ok(Inventory { nodes: vec![node], storage: storage.collect() })
    }

    /// Size and free bytes of the disk that holds the engine's data; zero where it is not this machine's.
    fn disk(&self, root: Option<&str>) -> (u64, u64) {
        let local = self.endpoint().starts_with("unix://");
        let Some(root) = root.map(Path::new).filter(|root| local && root.exists()) else {
            return (0, 0);
        };
        (fs4::total_space(root).unwrap_or(0), fs4::available_space(root).unwrap_or(0))
    }

    pub(super) async fn find_all(&self) -> Result<Vec<Found>> {
        let (records, _) = self.records(None).await?;
        let mut found: BTreeMap<LeaseId, Found> = BTreeMap::new();
        for (lease, filed) in records {
            let workload = filed.record.map(|record| record.workload);
            found.insert(lease.clone(), Found { lease, workload });
        }
        let containers = self.containers(None).await?.into_iter().filter_map(|it| it.labels);
        let networks = self.networks(None).await?.into_iter().filter_map(|it| it.labels);
        let volumes = self.volumes(None, "volume").await?.into_iter().map(|it| it.labels);
        for labels in containers.chain(networks).chain(volumes) {
            let lease = labels.get(names::LEASE).and_then(|it| it.parse::<LeaseId>().ok());
            if let Some(lease) = lease {
                found.entry(lease.clone()).or_insert(Found { lease, workload: None });
            }
        }
        Ok(found.into_values().collect())
    }

    pub(super) async fn look_at(&self, lease: &LeaseId) -> Result<Option<Status>> {
        let (records, _) = self.records(Some(lease)).await?;
        let Some(record) = records.into_values().next().and_then(|filed| filed.record) else {
            return Ok(None);
        };
        let names = self.names(lease);
        let containers = self.containers(Some(lease)).await?;
        let looks = containers.iter().map(|it| self.fact(names.network(), it));
        let mut facts = Vec::new();
        for fact in futures::future::join_all(looks).await {
            facts.extend(fact?);
        }
        Ok(Some(spec::status(lease, &record.workload, facts)))
    }

    /// What is known of one container; `None` when it vanished meanwhile.
    async fn fact(
        &self,
        network: &str,
        container: &ContainerSummary,
    ) -> Result<Option<spec::Fact>> {
        let Some((service, index, hash)) = identity(container) else { return Ok(None) };
        let id = container.id.clone().unwrap_or_default();
        let found = match self.engine().inspect_container(&id, None).await {
            Ok(found) => found,
            Err(error) if code(&error) == Some(404) => return Ok(None),
            Err(error) => return Err(self.failed("looking at a container", &error)),
        };
        let restarts = found.restart_count.and_then(|n| u32::try_from(n).ok()).unwrap_or(0);
        let endpoint = found
            .network_settings
            .as_ref()
            .and_then(|settings| settings.networks.as_ref())
            .and_then(|networks| networks.get(network));
        let ip = endpoint.and_then(|it| it.ip_address.as_ref()).and_then(|ip| ip.parse().ok());
        let mut forwarded = Vec::new();
        for port in container.ports.iter().flatten() {
            let Some(public) = port.public_port else { continue };
            let udp = port.typ == Some(bollard::models::PortSummaryTypeEnum::UDP);
            let entry = (port.private_port, if udp { Proto::Udp } else { Proto::Tcp }, public);
            if !forwarded.contains(&entry) {
                forwarded.push(entry);
            }
        }
        forwarded.sort_unstable();
        let (state, exit_code, note) = judge(&found, restarts);
        Ok(Some(spec::Fact {
            service,
            index,
            hash,
            id,
            state,
            restarts,
            exit_code,
            note,
            ip,
            forwarded,
        }))
    }
}

fn judge(found: &ContainerInspectResponse, restarts: u32) -> (ReplicaState, Option<i64>, String) {
    let Some(state) = &found.state else { return (ReplicaState::Created, None, String::new()) };
    let mut note = state.error.clone().unwrap_or_default();
    if state.oom_killed == Some(true) {
        note = "used more memory than it has".to_owned();
    }
    let ended = matches!(
        state.status,
        Some(
            ContainerStateStatusEnum::EXITED
                | ContainerStateStatusEnum::RESTARTING
                | ContainerStateStatusEnum::DEAD
        )
    );
    let exit_code = state.exit_code.filter(|_| ended || restarts > 0);
    let to = match state.status {
        Some(ContainerStateStatusEnum::RUNNING) => {
            let health = state.health.as_ref().and_then(|health| health.status);
            let unhealthy =
                matches!(health, Some(HealthStatusEnum::STARTING | HealthStatusEnum::UNHEALTHY));
            let young = restarts > 0 && age(state.started_at.as_deref()) < PROVEN;
            if unhealthy || young { ReplicaState::Starting } else { ReplicaState::Running }
        }
        Some(ContainerStateStatusEnum::RESTARTING) => ReplicaState::Restarting,
        Some(ContainerStateStatusEnum::CREATED) => ReplicaState::Created,
        _ => ReplicaState::Exited,
    };
    (to, exit_code, note)
}

/// For how long something has run that started at that time.
fn age(started_at: Option<&str>) -> Duration {
    let started = started_at.and_then(|text| OffsetDateTime::parse(text, &Rfc3339).ok());
    let started = started.map(SystemTime::from);
    started.and_then(|at| SystemTime::now().duration_since(at).ok()).unwrap_or_default()
}

/// The kernel's name of an architecture, as Go spells it.
fn go_arch(kernel: &str) -> String {
    match kernel {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
    .to_owned()
}
