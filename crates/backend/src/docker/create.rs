//! What a container is made of, and the walls around it (provider.md 9.1, 9.3).

use std::collections::HashMap;

use bollard::models::{
    ContainerCreateBody, DeviceRequest, EndpointSettings, HostConfig, HostConfigLogConfig, Mount,
    MountType, NetworkingConfig, PortBinding, ResourcesUlimits, RestartPolicy,
    RestartPolicyNameEnum,
};
use types::ids::LeaseId;

use super::{
    Config,
    names::{self, Names},
};
use crate::{Proto, Service, VolumeClass, Workload, spec};

/// What remains of root inside a container: enough for official images that start as root, fix the owner of
/// their data and step down to another user. The engine's default without making devices, raw sockets
/// and file capabilities.
const CAPABILITIES: [&str; 11] = [
    "AUDIT_WRITE",
    "CHOWN",
    "DAC_OVERRIDE",
    "FOWNER",
    "FSETID",
    "KILL",
    "NET_BIND_SERVICE",
    "SETGID",
    "SETPCAP",
    "SETUID",
    "SYS_CHROOT",
];

/// The engine refuses less.
const MEMORY_BYTES_MIN: u64 = 6 << 20;

/// Everything that decides about one container.
pub(super) struct Plan<'a> {
    pub(super) config: &'a Config,
    pub(super) names: &'a Names,
    pub(super) lease: &'a LeaseId,
    pub(super) want: &'a Workload,
    pub(super) service: &'a Service,
    pub(super) index: u32,
    pub(super) hash: &'a str,
    /// What the engine makes it from.
    pub(super) image: &'a str,
    /// Container port, transport, port of the host: what this replica publishes.
    pub(super) ports: &'a [(u16, Proto, u16)],
    /// Identities of the devices it gets.
    pub(super) gpus: &'a [String],
    /// Cores of the engine: it refuses more.
    pub(super) cores: u64,
    /// Common labels.
    pub(super) labels: HashMap<String, String>,
}

/// The request that makes the container.
pub(super) fn body(plan: Plan<'_>) -> ContainerCreateBody {
    let Plan { names, lease, want, service, index, hash, .. } = plan;
    let mut env = spec::environment(lease, want, service);
    let command = spec::expand_all(&service.command, &env);
    let args = spec::expand_all(&service.args, &env);
    let own: Vec<&str> = service.env.iter().filter_map(|it| it.split('=').next()).collect();
    let neighbours = spec::neighbours(want);
    env.extend(
        neighbours.into_iter().filter(|it| !it.split('=').next().is_some_and(|n| own.contains(&n))),
    );
    let network = names.network().to_owned();
    let replica = format!("{}-{index}", service.name);
    let endpoint = EndpointSettings {
        aliases: Some(vec![service.name.clone(), replica.clone()]),
        ..EndpointSettings::default()
    };
    let mut labels = plan.labels.clone();
    labels.insert(names::SERVICE.to_owned(), service.name.clone());
    labels.insert(names::REPLICA.to_owned(), index.to_string());
    labels.insert(names::HASH.to_owned(), hash.to_owned());
    if !plan.gpus.is_empty() {
        labels.insert(names::GPUS.to_owned(), plan.gpus.join(","));
    }
    let port = |(port, proto): (u16, Proto)| format!("{port}/{}", proto.as_str().to_lowercase());
    let exposed = service.exposes.iter().map(|it| port((it.port, it.proto))).collect();
    ContainerCreateBody {
        image: Some(plan.image.to_owned()),
        entrypoint: Some(command).filter(|words| !words.is_empty()),
        cmd: Some(args).filter(|words| !words.is_empty()),
        env: Some(env),
        hostname: Some(replica.chars().take(63).collect()),
        labels: Some(labels),
        exposed_ports: Some(exposed),
        host_config: Some(host_config(&plan)),
        networking_config: Some(NetworkingConfig {
            endpoints_config: Some(HashMap::from([(network, endpoint)])),
        }),
        ..ContainerCreateBody::default()
    }
}

fn host_config(plan: &Plan<'_>) -> HostConfig {
    let resources = &plan.service.resources;
    let cpu_milli = resources.cpu_milli.clamp(10, plan.cores.max(1) * 1000);
    let memory = signed(resources.memory_limit_bytes().max(MEMORY_BYTES_MIN));
    let gpus = !plan.gpus.is_empty();
    HostConfig {
        nano_cpus: Some(signed(cpu_milli * 1_000_000)),
        cpu_shares: Some(signed((resources.cpu_milli * 1024 / 1000).clamp(2, 262_144))),
        memory: Some(memory),
        memory_swap: Some(memory),
        pids_limit: Some(signed((resources.cpu_milli * 1024 / 1000).clamp(512, 32_768))),
        oom_score_adj: Some(500),
        init: Some(true),
        cap_drop: Some(vec!["ALL".to_owned()]),
        cap_add: Some(CAPABILITIES.map(str::to_owned).to_vec()),
        security_opt: Some(vec!["no-new-privileges:true".to_owned()]),
        // Only lowered: an engine without the right to raise limits refuses more than its own.
        ulimits: Some(ulimits(gpus)),
        log_config: Some(HostConfigLogConfig {
            typ: Some("local".to_owned()),
            config: Some(HashMap::from([
                ("max-size".to_owned(), "10m".to_owned()),
                ("max-file".to_owned(), "3".to_owned()),
            ])),
        }),
        restart_policy: Some(RestartPolicy {
            name: Some(RestartPolicyNameEnum::UNLESS_STOPPED),
            maximum_retry_count: None,
        }),
        network_mode: Some(plan.names.network().to_owned()),
        mounts: Some(mounts(plan)),
        tmpfs: Some(tmpfs(plan)),
        shm_size: shm(plan),
        port_bindings: Some(bindings(plan)),
        device_requests: gpus.then(|| {
            vec![DeviceRequest {
                driver: Some("nvidia".to_owned()),
                device_ids: Some(plan.gpus.to_vec()),
                capabilities: Some(vec![vec!["gpu".to_owned()]]),
                ..DeviceRequest::default()
            }]
        }),
        runtime: plan.config.runtime.clone(),
        ..HostConfig::default()
    }
}

/// No core dumps; devices need locked memory.
fn ulimits(gpus: bool) -> Vec<ResourcesUlimits> {
    let limit = |name: &str, value| ResourcesUlimits {
        name: Some(name.to_owned()),
        soft: Some(value),
        hard: Some(value),
    };
    let mut limits = vec![limit("core", 0)];
    if gpus {
        limits.push(limit("memlock", -1));
    }
    limits
}

fn mounts(plan: &Plan<'_>) -> Vec<Mount> {
    let mounted = plan.service.resources.volumes.iter().filter_map(|volume| {
        let (VolumeClass::Persistent(_), Some(target)) = (&volume.class, &volume.mount) else {
            return None;
        };
        Some(Mount {
            typ: Some(MountType::VOLUME),
            source: Some(plan.names.volume(&plan.service.name, plan.index, &volume.name)),
            target: Some(target.clone()),
            read_only: Some(volume.read_only),
            ..Mount::default()
        })
    });
    mounted.collect()
}

/// Volumes in memory, except `/dev/shm`, which the engine makes itself.
fn tmpfs(plan: &Plan<'_>) -> HashMap<String, String> {
    let all = plan.service.resources.volumes.iter().filter(|it| it.class == VolumeClass::Ram);
    all.filter_map(|volume| {
        let mount =
            volume.mount.clone().filter(|mount| mount.trim_end_matches('/') != "/dev/shm")?;
        let access = if volume.read_only { "ro" } else { "rw" };
        Some((mount, format!("{access},size={},mode=1777,nosuid,nodev", volume.bytes)))
    })
    .collect()
}

fn shm(plan: &Plan<'_>) -> Option<i64> {
    let mut all = plan.service.resources.volumes.iter();
    let found = all.find(|it| {
        let mount = it.mount.as_deref().unwrap_or_default();
        it.class == VolumeClass::Ram && mount.trim_end_matches('/') == "/dev/shm"
    });
    found.map(|it| signed(it.bytes))
}

fn bindings(plan: &Plan<'_>) -> HashMap<String, Option<Vec<PortBinding>>> {
    let binding = |(port, proto, host): &(u16, Proto, u16)| {
        let to = PortBinding {
            host_ip: Some(plan.config.publish_address.to_string()),
            host_port: Some(host.to_string()),
        };
        (format!("{port}/{}", proto.as_str().to_lowercase()), Some(vec![to]))
    };
    plan.ports.iter().map(binding).collect()
}

/// The engine counts in signed numbers.
fn signed(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}
