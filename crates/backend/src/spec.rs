//! What a replica is made of, as arithmetic on the workload: its environment, its identity, and the
//! status that follows from what was found. Pure; the same for every backend.

use std::{collections::BTreeMap, net::IpAddr};

use serde::Serialize;
use sha2::{Digest, Sha256};
use types::ids::LeaseId;

use crate::{
    Error, Expose, ForwardedPort, Proto, Replica, ReplicaState, Resources, Result, Service,
    ServiceStatus, Status, Target, Workload,
};

/// The environment of a service: its own variables in order, then, unless already set, those that
/// every tenant finds (provider.md 5.5). `$(NAME)` is expanded, `$$` is one dollar.
pub(crate) fn environment(lease: &LeaseId, workload: &Workload, service: &Service) -> Vec<String> {
    let mut set: Vec<(String, String)> = Vec::new();
    for entry in &service.env {
        let (name, value) = entry.split_once('=').unwrap_or((entry, ""));
        let value = expand(value, &set);
        set.push((name.to_owned(), value));
    }
    for (name, value) in [
        ("AKASH_GROUP_SEQUENCE", lease.gseq.to_string()),
        ("AKASH_DEPLOYMENT_SEQUENCE", lease.dseq.to_string()),
        ("AKASH_ORDER_SEQUENCE", lease.oseq.to_string()),
        ("AKASH_OWNER", lease.owner.to_string()),
        ("AKASH_PROVIDER", lease.provider.to_string()),
        ("AKASH_CLUSTER_PUBLIC_HOSTNAME", workload.public_hostname.clone()),
    ] {
        if !set.iter().any(|(known, _)| known == name) {
            set.push((name.to_owned(), value));
        }
    }
    set.into_iter().map(|(name, value)| format!("{name}={value}")).collect()
}

/// Variables that tell where the other services are, as Kubernetes gives them: `DB_SERVICE_HOST`,
/// `DB_SERVICE_PORT`. Not part of [`hash`]: a new neighbour restarts nobody.
pub(crate) fn neighbours(workload: &Workload) -> Vec<String> {
    let mut env = Vec::new();
    for service in &workload.services {
        let Some(first) = service.exposes.first() else { continue };
        let name = service.name.to_uppercase().replace(['-', '.'], "_");
        env.push(format!("{name}_SERVICE_HOST={}", service.name));
        env.push(format!("{name}_SERVICE_PORT={}", first.port));
    }
    env
}

/// Replaces `$(NAME)` by the value in `env`; unknown names stay as they are, `$$` becomes `$`.
pub(crate) fn expand(text: &str, env: &[(String, String)]) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        out.push_str(&rest[..at]);
        let after = &rest[at + 1..];
        if let Some(tail) = after.strip_prefix('$') {
            out.push('$');
            rest = tail;
        } else if let Some((name, tail)) =
            after.strip_prefix('(').and_then(|inner| inner.split_once(')'))
        {
            match env.iter().rev().find(|(known, _)| known == name) {
                Some((_, value)) => out.push_str(value),
                None => out.push_str(&rest[at..rest.len() - tail.len()]),
            }
            rest = tail;
        } else {
            out.push('$');
            rest = after;
        }
    }
    out.push_str(rest);
    out
}

/// Expands `$(NAME)` in every word, with the service's environment.
pub(crate) fn expand_all(words: &[String], env: &[String]) -> Vec<String> {
    let pairs: Vec<(String, String)> = env
        .iter()
        .filter_map(|entry| entry.split_once('='))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    words.iter().map(|word| expand(word, &pairs)).collect()
}

/// What decides whether a container is still the wanted one. Hosts, proxy settings, the number of replicas
/// and ports inside the lease are not among it: changing them restarts nothing.
#[derive(Serialize)]
struct Identity<'a> {
    image: &'a str,
    command: &'a [String],
    args: &'a [String],
    env: &'a [String],
    resources: &'a Resources,
    forwarded: Vec<(u16, Proto)>,
}

/// Fingerprint of the wanted container, 32 hex digits.
pub(crate) fn hash(lease: &LeaseId, workload: &Workload, service: &Service) -> String {
    let env = environment(lease, workload, service);
    let identity = Identity {
        image: &service.image,
        command: &service.command,
        args: &service.args,
        env: &env,
        resources: &service.resources,
        forwarded: forwarded(service).map(|expose| (expose.port, expose.proto)).collect(),
    };
    let mut hasher = Sha256::new();
    // Serialising plain structs of strings and numbers into memory cannot fail.
    hasher.update(serde_json::to_vec(&identity).unwrap_or_default());
    hex::encode(&hasher.finalize()[..16])
}

/// `<service>-<hash, 8 digits>-<index>`.
pub(crate) fn replica_name(service: &str, hash: &str, index: u32) -> String {
    format!("{service}-{}-{index}", hash.get(..8).unwrap_or(hash))
}

/// The exposes that get a port of the host, each container port once.
pub(crate) fn forwarded(service: &Service) -> impl Iterator<Item = &Expose> {
    let all = service.exposes.iter().enumerate();
    all.filter(|(at, expose)| {
        let same = |other: &&Expose| {
            other.is_forwarded() && other.port == expose.port && other.proto == expose.proto
        };
        expose.is_forwarded() && !service.exposes[..*at].iter().any(|it| same(&it))
    })
    .map(|(_, expose)| expose)
}

/// What every backend refuses before it touches anything.
pub(crate) fn check(want: &Workload) -> Result {
    let mut names = std::collections::BTreeSet::new();
    for service in &want.services {
        let name = &service.name;
        let label = !name.is_empty()
            && name.len() <= 63
            && !name.starts_with('-')
            && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        if !label {
            return Err(Error::Invalid(format!("service name {name:?} is not a DNS label")));
        }
        if !names.insert(name) {
            return Err(Error::Invalid(format!("two services are named {name}")));
        }
        if service.image.is_empty() {
            return Err(Error::Invalid(format!("service {name} has no image")));
        }
        for volume in &service.resources.volumes {
            if volume.mount.as_ref().is_some_and(|mount| !mount.starts_with('/')) {
                let what = format!("volume {} of {name} is not mounted absolutely", volume.name);
                return Err(Error::Invalid(what));
            }
        }
        if service.params.tee.is_some() {
            return Err(Error::Unsupported("confidential computing".to_owned()));
        }
    }
    Ok(())
}

/// What a backend found of one replica.
#[derive(Debug, Clone)]
pub(crate) struct Fact {
    pub(crate) service: String,
    pub(crate) index: u32,
    pub(crate) hash: String,
    pub(crate) id: String,
    pub(crate) state: ReplicaState,
    pub(crate) restarts: u32,
    pub(crate) exit_code: Option<i64>,
    pub(crate) note: String,
    pub(crate) ip: Option<IpAddr>,
    /// Container port, transport, port of the host.
    pub(crate) forwarded: Vec<(u16, Proto, u16)>,
}

/// The status that follows from the wanted workload and what was found.
pub(crate) fn status(lease: &LeaseId, want: &Workload, mut facts: Vec<Fact>) -> Status {
    facts.sort_by(|a, b| (&a.service, a.index, &a.hash).cmp(&(&b.service, b.index, &b.hash)));
    let mut services = BTreeMap::new();
    for service in &want.services {
        let hash = hash(lease, want, service);
        let mine: Vec<&Fact> = facts.iter().filter(|it| it.service == service.name).collect();
        services.insert(service.name.clone(), service_status(want, service, &hash, &mine));
    }
    Status { generation: want.generation, services }
}

fn service_status(
    want: &Workload,
    service: &Service,
    hash: &str,
    facts: &[&Fact],
) -> ServiceStatus {
    let mut status = ServiceStatus { total: service.count, ..ServiceStatus::default() };
    for expose in service.exposes.iter().filter(|expose| expose.is_http()) {
        for host in &expose.hosts {
            if !status.uris.contains(host) {
                status.uris.push(host.clone());
            }
        }
    }
    let mut available = std::collections::BTreeSet::new();
    let mut updated = std::collections::BTreeSet::new();
    for fact in facts {
        let name = replica_name(&fact.service, &fact.hash, fact.index);
        if fact.hash == hash && fact.index < service.count {
            updated.insert(fact.index);
        }
        if fact.state == ReplicaState::Running {
            available.insert(fact.index);
            for expose in &service.exposes {
                let Some(ip) = fact.ip else { continue };
                status.targets.push(Target {
                    replica: name.clone(),
                    ip,
                    port: expose.port,
                    external_port: expose.effective_port(),
                    proto: expose.proto,
                    http: expose.is_http(),
                    hosts: expose.hosts.clone(),
                    options: expose.http.clone(),
                });
            }
        }
        for &(port, proto, external_port) in &fact.forwarded {
            let host = want.public_hostname.clone();
            let entry =
                ForwardedPort { host, port, external_port, proto, name: fact.service.clone() };
            if !status.forwarded_ports.contains(&entry) {
                status.forwarded_ports.push(entry);
            }
        }
        status.replicas.push(Replica {
            name,
            id: fact.id.clone(),
            index: fact.index,
            state: fact.state,
            restarts: fact.restarts,
            exit_code: fact.exit_code,
            note: fact.note.clone(),
        });
    }
    let number =
        |set: &std::collections::BTreeSet<u32>| u32::try_from(set.len()).unwrap_or(u32::MAX);
    status.available = number(&available).min(service.count);
    status.updated = number(&updated);
    status
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_expand_as_in_kubernetes() {
        let env = [("A".to_owned(), "1".to_owned())];
        assert_eq!(expand("$(A) $$(A) $(B) $A 5$", &env), "1 $(A) $(B) $A 5$");
        assert_eq!(expand("$(A", &env), "$(A");
    }

    #[test]
    fn one_port_exposed_twice_is_forwarded_once() {
        let expose = Expose { port: 22, global: true, ..Expose::default() };
        let other = Expose { external_port: 23, ..expose.clone() };
        let udp = Expose { proto: Proto::Udp, ..expose.clone() };
        let service = Service { exposes: vec![expose, other, udp], ..Service::default() };
        assert_eq!(forwarded(&service).count(), 2);
    }
}
