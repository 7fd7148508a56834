//! Who reaches whom: what the exposes of the services come to.
//!
//! A service without any expose is left alone: workers, bots and miners reach out and are not reached.

use super::{Cx, is_there};
use crate::ast::{Expose, Service};
use crate::diagnostics::{Diagnostic, Sink, Span};
use crate::rules::Rule;
use std::collections::BTreeMap;

/// Ports that belong to databases and caches, most of which trust whoever reaches them.
const DATABASES: [(u32, &str); 19] = [
    (1433, "Microsoft SQL Server"),
    (1521, "Oracle"),
    (2375, "the Docker engine"),
    (2379, "etcd"),
    (3306, "MySQL"),
    (5432, "PostgreSQL"),
    (5984, "CouchDB"),
    (6379, "Redis"),
    (7687, "Neo4j"),
    (8086, "InfluxDB"),
    (8123, "ClickHouse"),
    (9042, "Cassandra"),
    (9200, "Elasticsearch"),
    (9300, "Elasticsearch"),
    (11211, "memcached"),
    (26257, "CockroachDB"),
    (27017, "MongoDB"),
    (28015, "RethinkDB"),
    (33060, "MySQL"),
];

/// The port outside.
fn outside(expose: &Expose<'_>) -> u32 {
    match expose.external.value {
        0 => expose.port.value,
        other => other,
    }
}

fn is_udp(expose: &Expose<'_>) -> bool {
    expose.proto.text.eq_ignore_ascii_case("udp")
}

/// Served by the provider's HTTP ingress (spec `sdl.md` 12.4).
fn is_http(expose: &Expose<'_>) -> bool {
    !is_udp(expose) && outside(expose) == 80 && expose.to.iter().any(|it| it.global)
}

/// Open to the world through the provider's own address.
fn is_shared(expose: &Expose<'_>) -> bool {
    expose.to.iter().any(|it| it.global && it.ip.is_empty())
}

pub(super) fn check(cx: &Cx<'_, '_, '_>, sink: &mut Sink) {
    for (name, entry) in cx.deployed() {
        let service = &entry.value;
        for expose in &service.expose {
            targets(cx, name, service, expose, sink);
            outside_port(expose, sink);
        }
        same_port(name, service, sink);
    }
}

fn targets(
    cx: &Cx<'_, '_, '_>,
    name: &str,
    service: &Service<'_>,
    expose: &Expose<'_>,
    sink: &mut Sink,
) {
    let port = expose.port.value;
    let reaches = |it: &crate::ast::To<'_>| it.global || !it.service.is_empty();
    if !expose.to.iter().any(reaches) {
        let is_alone = cx.file.deployment.entries.len() < 2;
        let hint = match is_alone {
            true => "write `to:` with `- global: true` below it, or remove the entry".to_owned(),
            false => "write `to:` with `- global: true` or `- service: <name>` below it".to_owned(),
        };
        // The first few tell; a hostile file has thousands.
        let mut others = service.expose.iter().take(64).filter(|it| it.port.value == port);
        let message = match others.any(|it| it.to.iter().any(reaches)) {
            true => format!("this entry names nobody in `to`, so it opens port {port} to nobody"),
            false => {
                format!("port {port} of `{name}` names nobody in `to`, so it is open to nobody")
            }
        };
        sink.push(Diagnostic::new(Rule::ReachesNobody, expose.port.span, message).hint(hint));
    }
    let Some(own) = cx.file.deployment.get(name).filter(|it| it.value.len() <= 64) else { return };
    for to in expose.to.iter().filter(|it| !it.service.is_empty() && !it.global) {
        let Some(theirs) = cx.file.deployment.get(&to.service.text) else { continue };
        if theirs.value.is_empty() || own.value.keys().any(|it| theirs.value.contains_key(it)) {
            continue;
        }
        let place = |it: &crate::ast::Named<'_, crate::ast::Deployed<'_>>| {
            it.keys().map(|it| format!("`{it}`")).collect::<Vec<_>>().join(", ")
        };
        let message = format!(
            "`{}` runs in {}, `{name}` in {}: they may be on different providers and cannot reach each other",
            to.service.text,
            place(&theirs.value),
            place(&own.value)
        );
        sink.push(
            Diagnostic::new(Rule::OtherPlacement, to.service.span, message)
                .hint("deploy both to the same placement, or open the port with `global: true`"),
        );
    }
}

fn outside_port(expose: &Expose<'_>, sink: &mut Sink) {
    let is_global = expose.to.iter().any(|it| it.global);
    if !is_udp(expose)
        && is_global
        && let Some((port, what)) = DATABASES.iter().find(|it| it.0 == expose.port.value)
    {
        let message = format!("port {port}, that of {what}, is open to the whole world");
        sink.push(Diagnostic::new(Rule::OpenDatabase, expose.port.span, message).hint(
            "open it to the service that needs it: `- service: <name>` instead of `- global: true`",
        ));
    }
    if !is_udp(expose) && is_shared(expose) && outside(expose) == 443 {
        let span =
            if is_there(expose.external.span) { expose.external.span } else { expose.port.span };
        sink.push(
            Diagnostic::new(
                Rule::HttpsPort,
                span,
                "outside port 443 becomes some high port of the provider, without TLS",
            )
            .hint("write `as: 80` and speak HTTP inside: the provider serves it as HTTP and as HTTPS, by host name"),
        );
        return;
    }
    if is_http(expose) {
        return;
    }
    let host = expose.accept.iter().flatten().next().map(|it| (it.span, "`accept`"));
    let http = &expose.http;
    let options: [Span; 6] = [
        http.max_body_size.span,
        http.read_timeout.span,
        http.send_timeout.span,
        http.next_tries.span,
        http.next_timeout.span,
        http.proxy_buffer_size.span,
    ];
    let option = options.into_iter().find(|it| is_there(*it)).map(|it| (it, "`http_options`"));
    if let Some((span, what)) = host.or(option) {
        let why = match (is_global, is_udp(expose)) {
            (false, _) => "this port is not open to the world".to_owned(),
            (true, true) => "UDP is not HTTP".to_owned(),
            (true, false) => {
                format!(
                    "only outside port 80 is served as HTTP, and this one is {}",
                    outside(expose)
                )
            }
        };
        let hint = match is_global && !is_udp(expose) {
            true => "write `as: 80`, or remove it".to_owned(),
            false => format!("remove {what}"),
        };
        let message = format!("{what} has no effect here: {why}");
        sink.push(Diagnostic::new(Rule::NotHttp, span, message).hint(hint));
    }
}

/// Two ports of a service under one outside port: a provider can serve only one of them.
fn same_port(name: &str, service: &Service<'_>, sink: &mut Sink) {
    if service.expose.len() < 2 {
        return;
    }
    let mut seen: BTreeMap<(u32, bool), &Expose<'_>> = BTreeMap::new();
    for expose in service.expose.iter().filter(|it| is_shared(it)) {
        // Host names tell the two apart.
        if expose.accept.as_ref().is_some_and(|it| !it.is_empty()) {
            continue;
        }
        let number = outside(expose);
        let Some(first) = seen.insert((number, is_udp(expose)), expose) else { continue };
        let message = match first.port.value == expose.port.value {
            true => format!("port {number} of `{name}` is opened to the world twice"),
            false => format!(
                "`{name}` opens its ports {} and {} both as {number}; only one of them can be reached",
                first.port.value, expose.port.value
            ),
        };
        let hint = match first.port.value == expose.port.value {
            true => "remove one of the two".to_owned(),
            false => "give one of them another `as`".to_owned(),
        };
        sink.push(
            Diagnostic::new(Rule::SameOutsidePort, expose.port.span, message)
                .hint(hint)
                .related(first.port.span, "the other"),
        );
    }
}
