//! From a manifest to what a machine room should run.
//!
//! Called by: the reconciler's wanted side and the gateway. Pure. Source: spec `provider.md` 4.9,
//! 5.5 to 5.14.

use backend::{
    Credentials, Expose, GpuRequest, HttpOptions, Params, Proto, Resources, Service, Volume,
    VolumeClass, Workload,
};
use sdl::manifest::{self, Group};
use types::ids::LeaseId;

use crate::{hostnames, store::Kept};

/// Settings of the provider that reach into a workload.
#[derive(Debug, Clone, Default)]
pub(crate) struct Surroundings {
    pub public_hostname: String,
    /// Generated host names live below it; none when empty.
    pub ingress_domain: String,
}

/// The workload of a lease. `granted` says whether the lease's group has a host name now (4.17).
pub(crate) fn of(kept: &Kept, around: &Surroundings, granted: impl Fn(&str) -> bool) -> Workload {
    let lease = &kept.lease;
    let services = kept.group.services().iter().map(|it| {
        let mut service = service(it, lease, around);
        for (expose, wanted) in service.exposes.iter_mut().zip(it.exposes()) {
            let hosts = wanted.hosts.iter().flatten();
            expose.hosts = hosts.filter(|it| granted(it)).cloned().collect();
            if expose.is_http() && !around.ingress_domain.is_empty() {
                expose.hosts.push(generated_host(lease, &it.name, &around.ingress_domain));
            }
            expose.hosts.sort();
            expose.hosts.dedup();
        }
        if let Some(gpu) = &mut service.resources.gpu
            && let Some(it) = kept.scheduler(it.resources.id)
            && !it.gpu_vendor.is_empty()
        {
            gpu.vendor = it.gpu_vendor;
            gpu.model = it.gpu_model;
        }
        service
    });
    Workload {
        generation: kept.generation,
        public_hostname: around.public_hostname.clone(),
        services: services.collect(),
    }
}

pub(crate) fn generated_host(lease: &LeaseId, service: &str, domain: &str) -> String {
    format!("{}.{domain}", hostnames::generated_label(lease, service))
}

/// All host names that the tenant wrote, in the manifest's order.
pub(crate) fn hosts(group: &Group) -> Vec<&str> {
    let exposes = group.services().iter().flat_map(manifest::Service::exposes);
    exposes.flat_map(|it| it.hosts.iter().flatten()).map(String::as_str).collect()
}

fn service(it: &manifest::Service, lease: &LeaseId, around: &Surroundings) -> Service {
    let resources = &it.resources;
    let params = it.params.as_ref();
    let mounts = params.and_then(|it| it.storage.as_deref()).unwrap_or_default();
    let volumes = resources.storage.iter().flatten().map(|volume| {
        let mount = mounts.iter().find(|it| it.name == volume.name);
        let class = match (volume.is_persistent(), volume.attribute("class")) {
            (true, class) => VolumeClass::Persistent(class.unwrap_or("default").to_owned()),
            (false, Some("ram")) => VolumeClass::Ram,
            (false, _) => VolumeClass::Ephemeral,
        };
        Volume {
            name: volume.name.clone(),
            bytes: volume.size.0,
            class,
            mount: mount.map(|it| it.mount.clone()).filter(|it| !it.is_empty()),
            read_only: mount.is_some_and(|it| it.read_only),
        }
    });
    let gpu = resources.gpu.as_ref().filter(|it| it.units.0 > 0).map(|it| {
        let key = it.attributes.first().map_or("", |it| it.key.as_str());
        let mut tokens = key.split('/').skip(1);
        GpuRequest {
            units: u32::try_from(it.units.0).unwrap_or(u32::MAX),
            vendor: tokens.next().unwrap_or_default().to_owned(),
            model: tokens.nth(1).unwrap_or_default().to_owned(),
        }
    });
    let credentials = it.credentials.as_ref().or(params.and_then(|it| it.credentials.as_ref()));
    Service {
        name: it.name.clone(),
        image: it.image.clone(),
        command: it.command.clone().unwrap_or_default(),
        args: it.args.clone().unwrap_or_default(),
        env: environment(it, lease, around),
        resources: Resources {
            cpu_milli: resources.cpu.as_ref().map_or(0, |it| it.units.0),
            memory_bytes: resources.memory.as_ref().map_or(0, |it| it.size.0),
            gpu,
            volumes: volumes.collect(),
        },
        count: it.count,
        exposes: it.exposes().iter().map(expose).collect(),
        params: Params {
            permissions: params
                .and_then(|it| it.permissions.as_ref())
                .map(|it| it.read.clone())
                .unwrap_or_default(),
            tee: params.and_then(|it| it.tee.as_ref()).map(|it| it.kind.clone()),
        },
        credentials: credentials.map(|it| Credentials {
            host: it.host.clone(),
            email: it.email.clone(),
            username: it.username.clone(),
            password: it.password.clone(),
        }),
    }
}

/// The tenant's variables, then those of the platform that the tenant did not set (5.5).
fn environment(it: &manifest::Service, lease: &LeaseId, around: &Surroundings) -> Vec<String> {
    let mut env: Vec<String> = it.env.iter().flatten().cloned().collect();
    let platform = [
        ("AKASH_GROUP_SEQUENCE", lease.gseq.to_string()),
        ("AKASH_DEPLOYMENT_SEQUENCE", lease.dseq.to_string()),
        ("AKASH_ORDER_SEQUENCE", lease.oseq.to_string()),
        ("AKASH_OWNER", lease.owner.to_string()),
        ("AKASH_PROVIDER", lease.provider.to_string()),
        ("AKASH_CLUSTER_PUBLIC_HOSTNAME", around.public_hostname.clone()),
    ];
    for (name, value) in platform {
        if !env.iter().any(|it| it.split('=').next() == Some(name)) {
            env.push(format!("{name}={value}"));
        }
    }
    env
}

fn expose(it: &manifest::Expose) -> Expose {
    let port = |it: u32| u16::try_from(it).unwrap_or(0);
    Expose {
        port: port(it.port),
        external_port: port(it.external_port),
        proto: if it.proto == "UDP" { Proto::Udp } else { Proto::Tcp },
        service: it.service.clone(),
        global: it.global,
        hosts: Vec::new(),
        http: http_options(&it.http_options),
        ip: it.ip.clone(),
        endpoint_sequence: it.endpoint_sequence_number,
    }
}

/// A body limit of zero means that nothing was set: the whole set gets its defaults (5.13).
fn http_options(it: &manifest::HttpOptions) -> HttpOptions {
    if it.max_body_size == 0 {
        return HttpOptions {
            max_body_bytes: 1 << 20,
            read_timeout_ms: 60_000,
            send_timeout_ms: 60_000,
            next_tries: 3,
            next_timeout_ms: 60_000,
            next_cases: vec!["error".to_owned(), "timeout".to_owned()],
        };
    }
    HttpOptions {
        max_body_bytes: it.max_body_size,
        read_timeout_ms: it.read_timeout,
        send_timeout_ms: it.send_timeout,
        next_tries: it.next_tries,
        next_timeout_ms: it.next_timeout,
        next_cases: it.next_cases.clone(),
    }
}

/// The form in which a machine room finds it again: without credentials.
pub(crate) fn without_secrets(workload: &Workload) -> Workload {
    let mut bare = workload.clone();
    for service in &mut bare.services {
        service.credentials = None;
    }
    bare
}
