//! Ports: `8080:80`, `127.0.0.1:8080-8090:80-90/udp`, `{target: 80, published: 8080}`.

use super::model::{Published, Service};
use super::notes::Notes;
use super::value::{Data, Value};
use crate::diagnostics::Span;
use crate::template::{Audience, known_image};

/// More ports than anybody means to open.
const MOST_PORTS: usize = 64;

/// Ports of protocols that are not HTTP.
const NOT_HTTP: &[u16] = &[
    20, 21, 22, 23, 25, 53, 69, 88, 110, 119, 123, 137, 138, 139, 143, 161, 389, 443, 445, 465,
    514, 554, 587, 636, 853, 873, 989, 990, 993, 995, 1080, 1194, 1433, 1521, 1812, 1883, 1935,
    2049, 2181, 2222, 2376, 2379, 2380, 3306, 3389, 3478, 4222, 5060, 5222, 5269, 5349, 5432, 5671,
    5672, 5900, 5938, 6222, 6379, 6380, 6443, 6667, 6697, 7000, 7687, 8333, 8443, 8448, 8883, 9042,
    9092, 9093, 9094, 9300, 9418, 11211, 19132, 25565, 25575, 26257, 27015, 27017, 30303, 33060,
    50051, 51820,
];

/// One port of the short form.
fn short(text: &str) -> Result<Vec<Published>, String> {
    let bad = || format!("`{text}` is no port");
    let (ports, protocol) = text.rsplit_once('/').unwrap_or((text, "tcp"));
    let is_udp = match protocol.to_ascii_lowercase().as_str() {
        "tcp" => false,
        "udp" => true,
        other => return Err(format!("`{other}` is neither `tcp` nor `udp`")),
    };
    // An address may stand before: `127.0.0.1:`, `[::1]:`.
    let rest = match ports.strip_prefix('[') {
        Some(after) => after.split_once("]:").ok_or_else(bad)?.1,
        None => ports,
    };
    let mut parts: Vec<&str> = rest.split(':').collect();
    let target = range(parts.pop().unwrap_or_default()).ok_or_else(bad)?;
    let outside = match parts.pop().filter(|it| !it.is_empty()) {
        None => None,
        Some(text) => Some(range(text).ok_or_else(bad)?),
    };
    if parts.len() > 1 {
        return Err(bad());
    }
    let count = target.1 - target.0;
    let outside = match outside {
        // A range outside of one port inside: any of them, so the first.
        Some((start, end)) if count == 0 => Some((start, end)),
        Some((start, end)) if end - start == count => Some((start, end)),
        Some(_) => return Err(format!("`{text}`: the ranges are not of the same length")),
        None => None,
    };
    if usize::from(count) >= MOST_PORTS {
        return Err(format!(
            "`{text}` opens {} ports, and each is an entry of its own in SDL",
            u32::from(count) + 1
        ));
    }
    let ports = (target.0..=target.1).enumerate();
    Ok(ports
        .map(|(index, port)| Published {
            port,
            outside: outside.map(|it| it.0.saturating_add(u16::try_from(index).unwrap_or(0))),
            is_udp,
            is_http: false,
            span: Span::default(),
        })
        .collect())
}

fn range(text: &str) -> Option<(u16, u16)> {
    let number = |it: &str| it.trim().parse::<u16>().ok().filter(|it| *it > 0);
    match text.split_once('-') {
        None => number(text).map(|it| (it, it)),
        Some((start, end)) => {
            let (start, end) = (number(start)?, number(end)?);
            (start <= end).then_some((start, end))
        }
    }
}

/// `ports`.
pub(super) fn published(service: &mut Service, ports: &Value, path: &str, notes: &mut Notes<'_>) {
    for item in ports.items() {
        let mut is_local = false;
        let text = match &item.data {
            Data::Scalar(text) => text.clone(),
            Data::Map(_) => {
                let field = |key| item.text_of(key).unwrap_or_default();
                is_local = is_loopback(field("host_ip"));
                let protocol = item.text_of("protocol").unwrap_or("tcp");
                match field("published") {
                    "" => format!("{}/{protocol}", field("target")),
                    published => format!("{published}:{}/{protocol}", field("target")),
                }
            }
            _ => {
                notes.lost(item.span, path, "this is no port", "Write for example `\"8080:80\"`.");
                continue;
            }
        };
        is_local |= is_loopback(&text);
        let list = match short(&text) {
            Ok(list) => list,
            Err(text) => {
                let advice = "Write for example `\"8080:80\"` or `\"53:53/udp\"`.";
                notes.lost(item.span, path, text, advice);
                continue;
            }
        };
        if is_local {
            let text = format!(
                "`{text}` was open on the Docker host only, which a provider does not have: only other services can connect"
            );
            let advice = "Add `- global: true` to its `to` if the world may connect.";
            notes.changed(item.span, path, text, advice);
        }
        for port in list {
            let is_known = |it: &Published| it.port == port.port && it.is_udp == port.is_udp;
            if is_local {
                let inner = (port.port, port.is_udp);
                if !service.internal.contains(&inner) && service.internal.len() < MOST_PORTS {
                    service.internal.push(inner);
                }
            } else if service.published.iter().any(is_known) {
                let text = format!("port {} is published twice; once is enough", port.port);
                notes.changed(item.span, path, text, "");
            } else if service.published.len() < MOST_PORTS {
                service.published.push(Published { span: item.span, ..port });
            } else {
                let text = format!("more than {MOST_PORTS} ports; the rest is left out");
                notes.lost(item.span, path, text, "Open only what is needed.");
            }
        }
    }
}

/// Whether a port is bound to the Docker host itself.
fn is_loopback(address: &str) -> bool {
    ["127.", "[::1]", "::1", "localhost"].iter().any(|it| address.starts_with(it))
}

/// `expose`.
pub(super) fn internal(service: &mut Service, ports: &Value, path: &str, notes: &mut Notes<'_>) {
    for item in ports.items() {
        match item.text().map(short) {
            Some(Ok(list)) => {
                for port in list.into_iter().map(|it| (it.port, it.is_udp)) {
                    if !service.internal.contains(&port) && service.internal.len() < MOST_PORTS {
                        service.internal.push(port);
                    }
                }
            }
            Some(Err(text)) => notes.lost(item.span, path, text, "Write for example `\"3000\"`."),
            None => notes.lost(item.span, path, "this is no port", "Write for example `\"3000\"`."),
        }
    }
}

/// Chooses the one port that the HTTP ingress serves, and says where the others are.
pub(super) fn choose_http(service: &mut Service, notes: &mut Notes<'_>) {
    let known = known_image(&service.image);
    let labelled = service.labelled_port;
    let rank = |it: &Published| -> Option<u32> {
        if it.is_udp {
            return None;
        }
        if labelled == Some(it.port) {
            return Some(0);
        }
        if let Some((_, _, audience)) =
            known.and_then(|known| known.ports.iter().find(|known| known.0 == it.port))
        {
            return (*audience == Audience::Web).then_some(1);
        }
        if NOT_HTTP.contains(&it.port) {
            return None;
        }
        Some(match (it.port, it.outside) {
            (80, _) => 2,
            (_, Some(80)) => 3,
            (8080 | 8000 | 3000 | 5000 | 8888 | 9000 | 4000, _) => 4,
            (_, Some(443 | 8080)) => 5,
            _ => 6,
        })
    };
    let best =
        service.published.iter().enumerate().filter_map(|(at, it)| Some((rank(it)?, at))).min();
    if let Some(port) = best.and_then(|it| service.published.get_mut(it.1)) {
        port.is_http = true;
    }
    let path = format!("services.{}.ports", service.name);
    let has_http = best.is_some();
    for port in &service.published {
        let protocol = if port.is_udp { "UDP" } else { "TCP" };
        let outside = port.outside.unwrap_or(port.port);
        if port.is_http {
            let not =
                if outside == 80 { String::new() } else { format!(", not on port {outside}") };
            let text = format!(
                "port {} is taken for HTTP: it is reached by host name on ports 80 and 443{not}",
                port.port
            );
            let advice = "Remove `as: 80` if it does not speak HTTP.";
            notes.changed(port.span, &path, text, advice);
        } else if port.port == 443 && has_http {
            notes.changed(
                port.span,
                &path,
                "port 443 is carried as a port that the provider picks; HTTPS by host name is answered on the provider's side \
                 for the HTTP port",
                "Remove this port if it only served the same site with a certificate.",
            );
        } else {
            let text = format!(
                "port {}/{protocol} is open to the world on a port that the provider picks, not on {outside}",
                port.port
            );
            // A database behind an application needs no door of its own.
            let is_inner = known.is_some_and(|known| {
                known.ports.iter().any(|it| it.0 == port.port && it.2 == Audience::Internal)
            });
            let advice = match is_inner {
                true => "Remove it unless clients outside of the deployment need it.",
                false => "The lease's status tells the port; a leased IP address keeps the number.",
            };
            notes.changed(port.span, &path, text, advice);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Vec<(u16, Option<u16>, bool)>, String> {
        short(text).map(|it| it.into_iter().map(|it| (it.port, it.outside, it.is_udp)).collect())
    }

    #[test]
    fn every_short_form_is_read() {
        assert_eq!(read("80"), Ok(vec![(80, None, false)]));
        assert_eq!(read("8080:80"), Ok(vec![(80, Some(8080), false)]));
        assert_eq!(read("53:53/udp"), Ok(vec![(53, Some(53), true)]));
        assert_eq!(read("127.0.0.1:8001:8001"), Ok(vec![(8001, Some(8001), false)]));
        assert_eq!(read("127.0.0.1::80"), Ok(vec![(80, None, false)]));
        assert_eq!(read("[::1]:6000:6001"), Ok(vec![(6001, Some(6000), false)]));
        assert_eq!(
            read("9090-9091:8080-8081"),
            Ok(vec![(8080, Some(9090), false), (8081, Some(9091), false)])
        );
        assert_eq!(read("8000-9000:80"), Ok(vec![(80, Some(8000), false)]));
        assert_eq!(read("3000-3001"), Ok(vec![(3000, None, false), (3001, None, false)]));
        for bad in ["", "a", "0", "70000", "1:2:3:4", "80/sctp", "3-1", "1-5:1-2", "1000-2000"] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }
}
