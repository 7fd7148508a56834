//! How a port is reached (spec `sdl.md` 12.4, `provider.md` 5.11 to 5.14).

use super::{PortExplained, Reach};
use crate::explain::words;
use crate::manifest::{Expose, Service};

/// The ports of a service in the order of its manifest.
pub(super) fn explain(service: &Service) -> Vec<PortExplained> {
    service.exposes().iter().map(|it| port(service, it)).collect()
}

fn port(service: &Service, expose: &Expose) -> PortExplained {
    let outside = expose.effective_external_port();
    let hosts = expose.hosts.clone().unwrap_or_default();
    let mut reach = Vec::new();
    let mut ways: Vec<String> = Vec::new();
    if expose.global {
        if expose.is_shared_http() {
            reach.push(Reach::Http);
            ways.push(match hosts.as_slice() {
                [] => "the world, over HTTP on ports 80 and 443, at a host name that the provider makes"
                    .to_owned(),
                hosts => format!(
                    "the world, over HTTP on ports 80 and 443, at {} (point its DNS at the provider)",
                    words::list(hosts, "and")
                ),
            });
        } else {
            reach.push(Reach::RandomPort);
            ways.push(format!(
                "the world, at the provider's address on a port that it picks (not {outside})"
            ));
        }
        if !expose.ip.is_empty() {
            reach.push(Reach::LeasedIp);
            ways.push(format!(
                "the world, at the leased address `{}` on port {outside}",
                expose.ip
            ));
        }
    }
    // Only what is not global, or is HTTP, gets a name inside the group.
    if !expose.global || expose.is_shared_http() {
        reach.push(Reach::Internal);
        ways.push(match expose.global {
            true => format!("the group's services, at `{}:{outside}`", service.name),
            false => format!("only the group's services, at `{}:{outside}`", service.name),
        });
    }
    let known = !reach.contains(&Reach::RandomPort) || reach.contains(&Reach::LeasedIp);
    PortExplained {
        port: expose.port,
        outside: known.then_some(outside),
        proto: expose.proto.clone(),
        reach,
        hosts,
        words: format!("{}/{}: {}", expose.port, expose.proto, ways.join("; ")),
    }
}
