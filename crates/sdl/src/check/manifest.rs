//! What a manifest may say (spec `sdl.md` 14.5), with places in the file.
//!
//! `crate::manifest` has the same rules without places, for a received manifest.

use crate::ast;
use crate::build::{BuiltGroup, BuiltService};
use crate::diagnostics::{Diagnostic, Sink, Span};
use crate::names;
use crate::rules::Rule;
use std::collections::BTreeMap;

/// Checks 14.5.
pub(crate) fn manifest(built: &[BuiltGroup<'_, '_>], sink: &mut Sink) {
    let mut hosts = BTreeMap::new();
    let mut is_certain = !built.is_empty();
    let mut has_global = false;
    for group in built {
        for service in &group.services {
            is_certain &= !service.is_broken;
            has_global |= service.service.exposes().iter().any(|it| it.global);
            if !service.is_broken {
                manifest_service(service, &mut hosts, sink);
            }
        }
    }
    if is_certain && !has_global {
        let span = built.iter().flat_map(|it| &it.services).next().map(|it| it.source.name);
        sink.push(
            Diagnostic::new(
                Rule::NoGlobal,
                span.unwrap_or_default(),
                "nothing is open to the world",
            )
            .hint("add `to: [{global: true}]` to a port of a service")
            .reference("invalid manifest: zero global services"),
        );
    }
}

fn manifest_service<'b>(
    built: &'b BuiltService<'_, '_>,
    hosts: &mut BTreeMap<&'b str, Span>,
    sink: &mut Sink,
) {
    let source = &built.source.value;
    let service = &built.service;
    let name = &service.name;
    let reference = |text: String| format!("invalid manifest: service {name:?}{text}");
    if !names::is_service_name(name) {
        sink.push(
            Diagnostic::new(
                Rule::ServiceName,
                built.deployed,
                format!("`{name}` is not a name for a service"),
            )
            .hint("use lower-case letters, digits and `-`, a letter first and no `-` last")
            .related(built.source.name, "the service")
            .reference(reference(" name is invalid".to_owned())),
        );
    }
    if service.image.is_empty() {
        let span = source.image.as_ref().map_or(built.source.name, |it| it.span);
        sink.push(
            Diagnostic::new(Rule::Image, span, format!("the service `{name}` has no image"))
                .hint("write `image: name:tag`")
                .reference(reference(" has empty image name".to_owned())),
        );
    }
    for env in source.env.as_deref().unwrap_or_default() {
        let key = env.text.split('=').next().unwrap_or_default();
        if !names::is_env_name(key) {
            let message = format!("`{key}` is not a name for an environment variable");
            let hint = match key.trim() {
                trimmed if names::is_env_name(trimmed) => {
                    format!("write `{trimmed}=…`, without spaces around the name")
                }
                _ if env.text.contains(": ") => "write `NAME=value`, with `=`".to_owned(),
                _ => "use letters, digits, `-`, `_` and `.`, no digit first".to_owned(),
            };
            sink.push(Diagnostic::new(Rule::EnvName, env.span, message).hint(hint).reference(
                reference(format!(" defines an env. var. with an invalid name {key:?}")),
            ));
        }
    }
    for expose in &source.expose {
        let port = expose.port;
        if port.value == 0 || port.value > 65535 {
            let span = if port.span == Span::default() { expose.span } else { port.span };
            let message = match port.span == Span::default() {
                true => "an exposed port needs its `port`".to_owned(),
                false => format!("{} is not a port", port.value),
            };
            sink.push(
                Diagnostic::new(Rule::Port, span, message)
                    .hint("write a number from 1 to 65535")
                    .reference(reference(": port value must be 0 < value <= 65535 ".to_owned())),
            );
        }
    }
    for expose in &source.expose {
        for host in expose.accept.as_deref().unwrap_or_default() {
            // Each `to` entry carries all hosts, so a second one repeats them.
            for _ in 0..expose.to.len().max(1) {
                hostname(host, hosts, &reference, sink);
            }
        }
    }
}

fn hostname<'b>(
    host: &'b ast::Text<'_>,
    hosts: &mut BTreeMap<&'b str, Span>,
    reference: &dyn Fn(String) -> String,
    sink: &mut Sink,
) {
    let text = host.text.as_ref();
    if !names::is_hostname(text) {
        let hint = match names::is_hostname(&text.to_ascii_lowercase()) {
            true => format!("write it in lower case: `{}`", text.to_ascii_lowercase()),
            false => "write a name like `www.example.com`; `*` and `_` are not allowed".to_owned(),
        };
        sink.push(
            Diagnostic::new(Rule::Hostname, host.span, format!("`{text}` is not a host name"))
                .hint(hint)
                .reference(reference(format!(": has invalid hostname {text:?}"))),
        );
        return;
    }
    if let Some(first) = hosts.insert(text, host.span) {
        let again = first == host.span;
        let message = match again {
            true => format!("`{text}` is accepted in more than one place"),
            false => format!("`{text}` is accepted twice"),
        };
        let hint = match again {
            true => "an exposed port with `accept` takes one `to` entry, in one placement",
            false => "each host name can lead to one port only",
        };
        sink.push(
            Diagnostic::new(Rule::DuplicateHostname, host.span, message)
                .hint(hint)
                .related(first, "first here")
                .reference(reference(format!(
                    ": hostname {text:?} is duplicated, this is not allowed"
                ))),
        );
    }
}
