//! What runs here and how: provider, lease, service (spec `provider.md` 3.12, 4.7, 4.11, 4.12), and
//! why orders got no bid.
//!
//! Called by: `gateway`. Calls: the machine room, the service's state.

use std::{collections::BTreeMap, sync::Arc};

use axum::response::Response;
use http::StatusCode;
use serde::Serialize;
use types::ids::LeaseId;

use super::answer::{self, Refused, Result};
use crate::{
    declines,
    inventory::{Reservation, Room},
    service::Service,
    workload,
};

/// The release of the reference whose behaviour this is; clients choose protocols by it.
const COMPATIBLE_VERSION: &str = "0.16.2";
const SDK_VERSION: &str = "v0.53.4";

#[derive(Debug, Serialize)]
pub(crate) struct AddressAnswer {
    address: String,
}

pub(crate) fn address(service: &Service) -> AddressAnswer {
    AddressAnswer { address: service.address.to_string() }
}

pub(crate) fn version() -> serde_json::Value {
    let os = format!("{}/{}", std::env::consts::OS, std::env::consts::ARCH);
    serde_json::json!({
        "akash": {
            "name": "haggle",
            "server_name": "haggle",
            "version": COMPATIBLE_VERSION,
            "commit": "",
            "build_tags": "",
            "go": "",
            "build_deps": [],
            "cosmos_sdk_version": SDK_VERSION,
            "haggle_version": env!("CARGO_PKG_VERSION"),
        },
        "kube": {
            "major": "1",
            "minor": "35",
            "gitVersion": "v1.35.0",
            "gitCommit": "",
            "gitTreeState": "clean",
            "buildDate": "1970-01-01T00:00:00Z",
            "goVersion": "",
            "compiler": "",
            "platform": os,
        },
    })
}

#[derive(Debug, Serialize)]
pub(crate) struct ProviderStatus {
    cluster: Cluster,
    bidengine: Orders,
    manifest: Deployments,
    #[serde(skip_serializing_if = "String::is_empty")]
    cluster_public_hostname: String,
    /// Nanoseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    reclamation_window: Option<u64>,
    address: String,
}

#[derive(Debug, Serialize)]
struct Cluster {
    leases: usize,
    inventory: InventoryStatus,
}

#[derive(Debug, Serialize)]
struct InventoryStatus {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    active: Vec<Sums>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pending: Vec<Sums>,
    #[serde(skip_serializing_if = "Option::is_none")]
    available: Option<Available>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'static str>,
}

#[derive(Debug, Serialize)]
struct Sums {
    cpu: u64,
    gpu: u64,
    memory: u64,
    storage_ephemeral: u64,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    storage: BTreeMap<String, u64>,
}

#[derive(Debug, Serialize)]
struct Available {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    nodes: Vec<NodeStatus>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    storage: Vec<ClassSize>,
}

#[derive(Debug, Serialize)]
struct NodeStatus {
    name: String,
    allocatable: NodeSums,
    available: NodeSums,
}

#[derive(Debug, Serialize)]
struct NodeSums {
    cpu: u64,
    gpu: usize,
    memory: u64,
    storage_ephemeral: u64,
}

#[derive(Debug, Serialize)]
struct ClassSize {
    class: String,
    size: u64,
}

#[derive(Debug, Serialize)]
struct Orders {
    orders: usize,
}

#[derive(Debug, Serialize)]
struct Deployments {
    deployments: usize,
}

pub(crate) fn provider(service: &Service) -> ProviderStatus {
    let state = service.state();
    let sums = |it: &Reservation| {
        let sums = it.sums();
        Sums {
            cpu: sums.cpu_milli,
            gpu: sums.gpus,
            memory: sums.memory_bytes,
            storage_ephemeral: sums.ephemeral_bytes,
            storage: sums.persistent_bytes,
        }
    };
    let (active, pending): (Vec<_>, Vec<_>) =
        state.ledger.reservations().iter().partition(|it| it.deployed);
    let rooms = state.ledger.rooms();
    let deployments: std::collections::BTreeSet<_> =
        state.leases.keys().map(LeaseId::deployment).collect();
    let window = service.config.reclamation_window.map(|it| it.0.as_nanos());
    ProviderStatus {
        cluster: Cluster {
            leases: state.leases.len(),
            inventory: InventoryStatus {
                active: active.into_iter().map(sums).collect(),
                pending: pending.into_iter().map(sums).collect(),
                error: rooms.is_none().then_some("the machine room has not reported yet"),
                available: rooms.map(|(all, free)| available(&all, &free)),
            },
        },
        bidengine: Orders { orders: state.orders.len() },
        manifest: Deployments { deployments: deployments.len() },
        cluster_public_hostname: service.config.public_hostname.clone(),
        reclamation_window: window.and_then(|it| u64::try_from(it).ok()).filter(|it| *it > 0),
        address: service.address.to_string(),
    }
}

fn available(all: &Room, free: &Room) -> Available {
    let node = |it: &crate::inventory::fit::Node| NodeSums {
        cpu: it.cpu_milli,
        gpu: it.gpus.len(),
        memory: it.memory_bytes,
        storage_ephemeral: it.ephemeral_bytes,
    };
    let nodes = all.nodes.iter().zip(&free.nodes).map(|(all, free)| NodeStatus {
        name: all.name.clone(),
        allocatable: node(all),
        available: node(free),
    });
    let storage = free.pools.iter();
    Available {
        nodes: nodes.collect(),
        storage: storage
            .map(|(class, size)| ClassSize { class: class.clone(), size: *size })
            .collect(),
    }
}

/// Declines, newest last; `?order=owner/dseq[/gseq[/oseq]]` or `?owner=` picks some.
#[derive(Debug, Serialize)]
pub(crate) struct DeclinesAnswer {
    declines: Vec<declines::Shown>,
}

pub(crate) fn declines(service: &Service, query: &str) -> DeclinesAnswer {
    let value = |key: &str| {
        let mut pairs = query.split('&').filter_map(|it| it.split_once('='));
        pairs.find(|it| it.0 == key).map(|it| it.1.replace("%2F", "/").replace("%2f", "/"))
    };
    let (order, owner) = (value("order"), value("owner"));
    let state = service.state();
    let shown = state.declines.iter().map(declines::Decline::show).filter(|it| {
        let below = |prefix: &String| {
            it.order
                .strip_prefix(prefix.as_str())
                .is_some_and(|it| it.is_empty() || it.starts_with('/'))
        };
        order.as_ref().is_none_or(below) && owner.as_ref().is_none_or(below)
    });
    DeclinesAnswer { declines: shown.collect() }
}

#[derive(Debug, Serialize)]
pub(crate) struct LeaseStatus {
    services: BTreeMap<String, ServiceStatus>,
    forwarded_ports: Option<BTreeMap<String, Vec<ForwardedPort>>>,
    /// Always null: no address can be leased here.
    ips: Option<BTreeMap<String, Vec<()>>>,
    /// What the last attempt to run the lease said.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<String>,
}

#[derive(Debug, Serialize)]
pub(crate) struct ServiceStatus {
    name: String,
    available: u32,
    total: u32,
    uris: Option<Vec<String>>,
    observed_generation: u64,
    replicas: u32,
    updated_replicas: u32,
    ready_replicas: u32,
    available_replicas: u32,
}

#[derive(Debug, Serialize)]
struct ForwardedPort {
    #[serde(skip_serializing_if = "String::is_empty")]
    host: String,
    port: u16,
    #[serde(rename = "externalPort")]
    external_port: u16,
    proto: &'static str,
    name: String,
}

/// What should run for a lease now.
pub(crate) fn wanted(service: &Service, lease: &LeaseId) -> Option<backend::Workload> {
    let state = service.state();
    let kept = state.kept.get(lease)?;
    let group = lease.group();
    Some(workload::of(kept, &service.around, |host| state.hostnames.holds(&group, host)))
}

pub(crate) async fn lease(service: &Arc<Service>, lease: &LeaseId) -> Result<Response> {
    let Some(wanted) = wanted(service, lease) else {
        return Err(Refused::Empty(StatusCode::NOT_FOUND));
    };
    let found = service.backend.status(lease).await.map_err(|it| answer::of_backend(&it))?;
    let error = service.state().leases.get(lease).and_then(|it| it.error.clone());
    let found = match (found, &error) {
        (Some(it), _) => it,
        // Nothing runs, and we know why: say it instead of "not found".
        (None, Some(_)) => backend::Status::default(),
        (None, None) => {
            return Err(Refused::text(StatusCode::NOT_FOUND, "kube: no deployments for lease"));
        }
    };
    let forwards = wanted.services.iter().flat_map(|it| &it.exposes);
    let has_ports = forwards.clone().any(|it| it.global && it.external_port != 80);
    let ports = wanted.services.iter().filter_map(|it| {
        let ports = &found.services.get(&it.name)?.forwarded_ports;
        let ports: Vec<ForwardedPort> = ports.iter().map(forwarded).collect();
        (!ports.is_empty()).then(|| (it.name.clone(), ports))
    });
    let services =
        wanted.services.iter().map(|it| (it.name.clone(), describe(it, &wanted, &found)));
    Ok(answer::json(&LeaseStatus {
        services: services.collect(),
        forwarded_ports: has_ports.then(|| ports.collect()),
        ips: None,
        errors: error.into_iter().collect(),
    }))
}

pub(crate) async fn one_service(
    service: &Arc<Service>,
    lease: &LeaseId,
    name: &str,
) -> Result<Response> {
    let not_found = |text: &str| Refused::text(StatusCode::NOT_FOUND, text);
    let Some(wanted) = wanted(service, lease) else {
        return Err(not_found("kube: lease not found"));
    };
    let Some(one) = wanted.service(name) else {
        return Err(not_found("kube: no service for that lease"));
    };
    let found = service.backend.status(lease).await.map_err(|it| answer::of_backend(&it))?;
    let Some(found) = found else {
        return Err(not_found("kube: no deployments for lease"));
    };
    Ok(answer::json(&describe(one, &wanted, &found)))
}

fn forwarded(it: &backend::ForwardedPort) -> ForwardedPort {
    ForwardedPort {
        host: it.host.clone(),
        port: it.port,
        external_port: it.external_port,
        proto: it.proto.as_str(),
        name: it.name.clone(),
    }
}

fn describe(
    it: &backend::Service,
    wanted: &backend::Workload,
    found: &backend::Status,
) -> ServiceStatus {
    let seen = found.services.get(&it.name);
    let available = seen.map_or(0, |it| it.available);
    let mut uris: Vec<String> =
        it.exposes.iter().filter(|it| it.is_http()).flat_map(|it| it.hosts.clone()).collect();
    uris.sort();
    uris.dedup();
    ServiceStatus {
        name: it.name.clone(),
        available,
        total: it.count,
        uris: (!uris.is_empty()).then_some(uris),
        observed_generation: wanted.generation,
        replicas: it.count,
        updated_replicas: seen.map_or(0, |it| it.updated),
        ready_replicas: available,
        available_replicas: available,
    }
}
