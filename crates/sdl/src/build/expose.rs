//! Exposes of a service, and the endpoints that they need (spec `sdl.md` 5.1, 5.2, 12.3, 12.4).

use crate::ast;
use crate::diagnostics::{Diagnostic, Sink};
use crate::gosort;
use crate::manifest::expose_order;
use crate::manifest::{Endpoint, EndpointKind, Expose, HttpOptions};
use crate::rules::Rule;
use crate::suggest;
use std::cmp::Ordering;
use std::collections::BTreeMap;

/// The exposes in their order, and for each the entry of the file that it comes from.
pub(super) fn exposes(
    service: &ast::Service<'_>,
    numbers: &BTreeMap<&str, u32>,
    sink: &mut Sink,
) -> (Vec<Expose>, Vec<usize>) {
    let mut found = Vec::with_capacity(service.expose.len());
    for (index, expose) in service.expose.iter().enumerate() {
        let proto = protocol(&expose.proto, sink);
        let http_options = http_options(&expose.http, sink);
        let hosts = expose
            .accept
            .as_ref()
            .map(|it| it.iter().map(ast::Text::to_owned_text).collect::<Vec<_>>());
        let base = Expose {
            port: expose.port.value,
            external_port: expose.external.value,
            proto: proto.to_owned(),
            hosts,
            http_options,
            ..Expose::default()
        };
        if expose.to.is_empty() {
            found.push((base, index));
            continue;
        }
        for to in &expose.to {
            let number = match to.global && !to.ip.is_empty() {
                true => numbers.get(to.ip.text.as_ref()).copied().unwrap_or_default(),
                false => 0,
            };
            let expose = Expose {
                service: to.service.to_owned_text(),
                global: to.global,
                ip: to.ip.to_owned_text(),
                endpoint_sequence_number: number,
                ..base.clone()
            };
            found.push((expose, index));
        }
    }
    gosort::sort(&mut found, |a, b| expose_order(&a.0, &b.0) == Ordering::Less);
    found.into_iter().unzip()
}

fn protocol(text: &ast::Text<'_>, sink: &mut Sink) -> &'static str {
    match text.text.to_uppercase().as_str() {
        "" | "TCP" => "TCP",
        "UDP" => "UDP",
        other => {
            let hint = match other {
                "HTTP" => {
                    "write `TCP`, or nothing; TCP on outside port 80 (`as: 80`) is served as HTTP by host name"
                }
                "HTTPS" | "TLS" | "SSL" => {
                    "write `TCP`; what is on outside port 80 (`as: 80`) is served by host name, with HTTPS in front"
                }
                "WS" | "WSS" | "GRPC" | "HTTP2" => "write `TCP`, which carries it",
                "BOTH" | "ALL" | "ANY" | "TCP/UDP" | "TCP,UDP" | "TCP_UDP" => {
                    "write the port twice, once with `TCP` and once with `UDP`"
                }
                other => match suggest::nearest(other, ["TCP", "UDP"]) {
                    Some("TCP") => "did you mean `TCP`?",
                    Some(_) => "did you mean `UDP`?",
                    None => "write `TCP` or `UDP`",
                },
            };
            let message = format!("`{}` is not a protocol", text.text);
            sink.push(
                Diagnostic::new(Rule::Protocol, text.span, message)
                    .hint(hint)
                    .reference("unsupported service protocol"),
            );
            "TCP"
        }
    }
}

fn http_options(options: &ast::HttpOptions<'_>, sink: &mut Sink) -> HttpOptions {
    const MAX_BODY: u32 = 104_857_600;
    const MAX_BUFFER: u32 = 1_048_576;
    const MAX_TIMEOUT: u32 = 60_000;
    for (key, it, most, reference) in [
        (
            "max_body_size",
            options.max_body_size,
            MAX_BODY,
            "body size cannot be greater than 104857600 bytes",
        ),
        (
            "proxy_buffer_size",
            options.proxy_buffer_size,
            MAX_BUFFER,
            "proxy buffer size cannot be greater than 1048576 bytes",
        ),
        (
            "read_timeout",
            options.read_timeout,
            MAX_TIMEOUT,
            "read timeout cannot be greater than 60000 ms",
        ),
        (
            "send_timeout",
            options.send_timeout,
            MAX_TIMEOUT,
            "send timeout cannot be greater than 60000 ms",
        ),
    ] {
        if it.value > most {
            let message = format!("`{key}` is {}, more than {most}", it.value);
            sink.push(
                Diagnostic::new(Rule::HttpOption, it.span, message)
                    .hint(format!("write {most} or less"))
                    .reference(format!("http option not allowed: {reference}")),
            );
        }
    }
    let or = |it: ast::At<u32>, default: u32| if it.value == 0 { default } else { it.value };
    HttpOptions {
        max_body_size: or(options.max_body_size, 1_048_576),
        read_timeout: or(options.read_timeout, MAX_TIMEOUT),
        send_timeout: or(options.send_timeout, MAX_TIMEOUT),
        next_tries: or(options.next_tries, 3),
        next_timeout: options.next_timeout.value,
        next_cases: next_cases(&options.next_cases, sink),
        proxy_buffer_size: options.proxy_buffer_size.value,
    }
}

fn next_cases(cases: &[ast::Text<'_>], sink: &mut Sink) -> Vec<String> {
    const KNOWN: [&str; 10] =
        ["error", "timeout", "500", "502", "503", "504", "403", "404", "429", "off"];
    if cases.is_empty() {
        return vec!["error".to_owned(), "timeout".to_owned()];
    }
    for case in cases {
        if !KNOWN.contains(&case.text.as_ref()) {
            let message = format!("`{}` is not a case for trying the next replica", case.text);
            let plain = case.text.trim_start_matches("http_").to_ascii_lowercase();
            let is_code = |it: &str| it.bytes().all(|it| it.is_ascii_digit());
            let near = match is_code(&plain) {
                true => KNOWN.iter().copied().find(|it| *it == plain),
                false => suggest::nearest(&plain, KNOWN.iter().copied().filter(|it| !is_code(it))),
            };
            let hint = match near {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("the cases are {}", KNOWN.join(", ")),
            };
            sink.push(Diagnostic::new(Rule::HttpOption, case.span, message).hint(hint).reference(
                format!("http option not allowed: next case is unknown: {:?}", case.text),
            ));
        }
    }
    if let (Some(off), true) = (cases.iter().find(|it| it.text == "off"), cases.len() > 1) {
        sink.push(
            Diagnostic::new(Rule::HttpOption, off.span, "`off` must be the only case")
                .hint("remove `off`, or everything else")
                .reference(
                    "http option not allowed: if 'off' is specified, no other cases may be specified",
                ),
        );
    }
    cases.iter().map(ast::Text::to_owned_text).collect()
}

pub(super) fn endpoints(exposes: &[Expose]) -> Vec<Endpoint> {
    let mut found = Vec::new();
    for expose in exposes.iter().filter(|it| it.global) {
        let kind = match expose.is_shared_http() {
            true => EndpointKind::SharedHttp,
            false => EndpointKind::RandomPort,
        };
        found.push(Endpoint { kind, sequence_number: 0 });
        if !expose.ip.is_empty() {
            found.push(Endpoint {
                kind: EndpointKind::LeasedIp,
                sequence_number: expose.endpoint_sequence_number,
            });
        }
    }
    found
}
