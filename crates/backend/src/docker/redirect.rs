//! `port: 8080`, `as: 80`: inside a lease a service answers at the port it is exposed as.
//!
//! A cluster has virtual addresses for this; here each replica's own network name space redirects what arrives at the
//! outer port to the container's port. The rule is gone when a container restarts, so it is put back at every
//! start the engine tells of. Needs root, `nsenter` and `iptables`; where they are missing, the service answers
//! at its container port only, and the log says so.

use std::{collections::BTreeSet, process::Command, sync::Weak, time::Duration};

use bollard::query_parameters as query;
use futures::StreamExt;

use super::{
    Docker, Inner,
    names::{self, filter},
};
use crate::{Proto, Service};

/// A broken event stream is opened again after this long.
const AGAIN: Duration = Duration::from_secs(1);

/// Transport, outer port, container port: what has to be redirected. A port that the container itself uses is left alone.
pub(super) fn wanted(service: &Service) -> BTreeSet<(Proto, u16, u16)> {
    let own: BTreeSet<(Proto, u16)> =
        service.exposes.iter().map(|expose| (expose.proto, expose.port)).collect();
    let mut outer = BTreeSet::new();
    let all = service.exposes.iter().filter(|expose| {
        let port = (expose.proto, expose.effective_port());
        // An outer port used twice leads to the first.
        !own.contains(&port) && outer.insert(port)
    });
    all.map(|expose| (expose.proto, expose.effective_port(), expose.port)).collect()
}

/// Puts redirections back at every start of a container, until the backend is gone.
pub(super) async fn forever(backend: Weak<Inner>) {
    loop {
        let Some(inner) = backend.upgrade() else { return };
        if !inner.endpoint.starts_with("unix://") {
            return;
        }
        let mut filters = filter(&[(names::OWNER, &inner.config.owner)]);
        filters.insert("event".to_owned(), vec!["start".to_owned()]);
        let options = query::EventsOptionsBuilder::default().filters(&filters).build();
        let mut events = inner.engine.clone().events(Some(options)).boxed();
        drop(inner);
        // A quiet stream must not keep the backend alive, so its end is looked for now and then.
        loop {
            match tokio::time::timeout(AGAIN, events.next()).await {
                Ok(Some(Ok(event))) => {
                    let Some(inner) = backend.upgrade() else { return };
                    let Some(actor) = event.actor else { continue };
                    let attributes = actor.attributes.unwrap_or_default();
                    let lease = attributes.get(names::LEASE).and_then(|it| it.parse().ok());
                    let (Some(id), Some(lease)) = (actor.id, lease) else { continue };
                    let Some(service) = attributes.get(names::SERVICE) else { continue };
                    let docker = Docker { inner };
                    let Ok((records, _)) = docker.records(Some(&lease)).await else { continue };
                    let record = records.get(&lease).and_then(|filed| filed.record.as_ref());
                    if let Some(service) = record.and_then(|it| it.workload.service(service)) {
                        docker.redirect(service, &id).await;
                    }
                }
                Ok(Some(Err(_)) | None) => break,
                Err(_) if backend.strong_count() == 0 => return,
                Err(_) => {}
            }
        }
        tokio::time::sleep(AGAIN).await;
    }
}

impl Docker {
    /// Makes a running container answer at the outer ports of its service. A failure is only logged.
    pub(super) async fn redirect(&self, service: &Service, id: &str) {
        let rules = wanted(service);
        if rules.is_empty() || !self.endpoint().starts_with("unix://") {
            return;
        }
        let Ok(found) = self.engine().inspect_container(id, None).await else { return };
        let pid = found.state.and_then(|state| state.pid).filter(|pid| *pid > 1);
        let Some(pid) = pid else { return };
        let done = tokio::task::spawn_blocking(move || apply(pid, &rules)).await;
        if let Ok(Err(cause)) = done {
            let name = &service.name;
            tracing::warn!(service = name, cause, "service answers at its container port only");
        }
    }
}

fn apply(pid: i64, rules: &BTreeSet<(Proto, u16, u16)>) -> Result<(), String> {
    for (proto, outer, inner) in rules {
        let (outer, inner) = (outer.to_string(), inner.to_string());
        let proto = proto.as_str().to_lowercase();
        let rule = ["-p", &proto, "--dport", &outer, "-j", "REDIRECT", "--to-ports", &inner];
        if inside(pid, "-C", &rule).is_err() {
            inside(pid, "-A", &rule)?;
        }
    }
    Ok(())
}

/// One rule in the network name space of a process.
fn inside(pid: i64, action: &str, rule: &[&str]) -> Result<(), String> {
    let done = Command::new("nsenter")
        .args(["--net", "--target", &pid.to_string(), "iptables", "-w", "-t", "nat", action])
        .arg("PREROUTING")
        .args(rule)
        .output()
        .map_err(|error| format!("nsenter does not start: {error}"))?;
    if done.status.success() {
        return Ok(());
    }
    Err(String::from_utf8_lossy(&done.stderr).trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Expose;

    #[test]
    fn only_ports_that_differ_and_are_free_are_redirected() {
        let expose = |port, external_port| Expose { port, external_port, ..Expose::default() };
        let exposes = vec![
            expose(8080, 80),
            expose(9090, 80),
            expose(5432, 0),
            expose(5432, 5432),
            expose(7000, 8080),
        ];
        let service = Service { exposes, ..Service::default() };
        assert_eq!(wanted(&service), BTreeSet::from([(Proto::Tcp, 80, 8080)]));
    }
}
