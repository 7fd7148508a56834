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
            is_certain &= !service.source.is_broken;
            has_global |= service.service.exposes().iter().any(|it| it.global);
            manifest_service(service, &mut hosts, sink);
        }
    }
    if is_certain && !has_global {
        nothing_global(built, sink);
    }
}

/// Says so at the port that was probably meant to be open: the first that serves HTTP, else the first.
fn nothing_global(built: &[BuiltGroup<'_, '_>], sink: &mut Sink) {
    let services = || built.iter().flat_map(|it| &it.services);
    let exposes = || services().flat_map(|it| &it.source.value.expose);
    let outside = |it: &ast::Expose<'_>| match it.external.value {
        0 => it.port.value,
        port => port,
    };
    let meant = exposes().find(|it| outside(it) == 80).or_else(|| exposes().next());
    let (span, hint) = match meant {
        Some(expose) => (
            expose.port.span,
            match expose.to.is_empty() {
                true => "add `to: [{global: true}]` below the port that the world shall reach",
                false => "add `- global: true` to the `to` of the port that the world shall reach",
            },
        ),
        None => (
            services().next().map(|it| it.source.name).unwrap_or_default(),
            "add `expose: [{port: 80, to: [{global: true}]}]` to a service",
        ),
    };
    sink.push(
        Diagnostic::new(Rule::NoGlobal, span, "no port of any service is open to the world")
            .hint(hint)
            .reference("invalid manifest: zero global services"),
    );
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
        let hint = match name_like(name) {
            Some(near) => {
                format!("call it `{near}`, wherever it is named")
            }
            None => {
                "use lower-case letters, digits and `-`, a letter first and no `-` last".to_owned()
            }
        };
        sink.push(
            Diagnostic::new(
                Rule::ServiceName,
                built.deployed,
                format!("`{name}` is not a name for a service"),
            )
            .hint(hint)
            .related(built.source.name, "the service")
            .reference(reference(" name is invalid".to_owned())),
        );
    }
    if service.image.is_empty() && !source.image.as_ref().is_some_and(|it| it.is_broken) {
        let span = source.image.as_ref().map_or(built.source.name, |it| it.span);
        sink.push(
            Diagnostic::new(Rule::Image, span, format!("the service `{name}` has no image"))
                .hint("write `image: name:tag`")
                .reference(reference(" has empty image name".to_owned())),
        );
    }
    for env in source.env.as_deref().unwrap_or_default() {
        env_name(env, name, sink);
    }
    // In the order of the manifest, in which the reference looks at them.
    for index in &built.exposes {
        let Some(expose) = source.expose.get(*index) else { continue };
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
        // Each `to` entry carries all hosts, so a second one repeats them.
        for host in expose.accept.as_deref().unwrap_or_default() {
            hostname(host, hosts, &reference, sink);
        }
    }
}

/// A name for a service that is near one that is not allowed.
fn name_like(name: &str) -> Option<String> {
    let plain: String = name
        .chars()
        .map(|it| match it {
            '_' | '.' | ' ' | '/' | ':' => '-',
            other => other.to_ascii_lowercase(),
        })
        .collect();
    let plain = plain.trim_matches('-');
    names::is_service_name(plain).then(|| plain.to_owned())
}

fn env_name(env: &ast::Text<'_>, service: &str, sink: &mut Sink) {
    let key = env.text.split('=').next().unwrap_or_default();
    if names::is_env_name(key) {
        return;
    }
    // `NAME: value`, in quotes: what follows the colon may be a secret.
    let (shown, has_colon) = match key.split_once(':') {
        Some((before, _)) => (before, true),
        None => (key, false),
    };
    let shown: String = shown.chars().take(64).collect();
    let has_equals = env.text.contains('=');
    let trimmed = shown.trim();
    let message = match (trimmed.is_empty(), has_colon) {
        (true, _) => "an environment variable has no name".to_owned(),
        (_, true) => format!("the environment variable `{trimmed}` is not set with `=`"),
        _ => format!("`{shown}` is not a name for an environment variable"),
    };
    let upper: String = trimmed
        .chars()
        .map(|it| if it.is_ascii_alphanumeric() || "-._".contains(it) { it } else { '_' })
        .collect();
    let hint = match () {
        () if trimmed.is_empty() => "write `NAME=value`".to_owned(),
        () if has_colon && names::is_env_name(trimmed) => format!("write `{trimmed}=…`"),
        () if has_equals && trimmed.starts_with("export ") => {
            format!("write `{}=…`", trimmed.trim_start_matches("export").trim())
        }
        () if names::is_env_name(trimmed) => {
            format!("write `{trimmed}=…`, without spaces around the name")
        }
        () if names::is_env_name(&upper) && has_equals => format!("write `{upper}=…`"),
        () => "use letters, digits, `-`, `_` and `.`, no digit first".to_owned(),
    };
    let told =
        if has_colon && shown.len() < key.len() { format!("{shown}:…") } else { key.into() };
    sink.push(
        Diagnostic::new(Rule::EnvName, beginning(env, &shown), message)
            .hint(hint)
            .reference(format!(
                "invalid manifest: service {service:?} defines an env. var. with an invalid name {told:?}"
            ))
            .conceal(rest(env, &shown)),
    );
}

/// How many bytes stand before a text in the file: a quote, or nothing. `None` if it is written with
/// escapes or over several lines.
fn lead(text: &ast::Text<'_>) -> Option<u32> {
    let length = u32::try_from(text.text.len()).ok()?;
    match text.span.end.checked_sub(text.span.start)?.checked_sub(length)? {
        0 => Some(0),
        2 => Some(1),
        _ => None,
    }
}

/// Where the beginning of a text stands.
fn beginning(text: &ast::Text<'_>, part: &str) -> Span {
    let start = text.span.start;
    match (lead(text), u32::try_from(part.len())) {
        (Some(lead), Ok(length)) => Span { start: start + lead, end: start + lead + length.max(1) },
        _ => Span { start, end: start + 1 },
    }
}

/// Where the rest of a text stands.
fn rest(text: &ast::Text<'_>, part: &str) -> Span {
    Span { start: beginning(text, part).end, end: text.span.end }
}

fn hostname<'b>(
    host: &'b ast::Text<'_>,
    hosts: &mut BTreeMap<&'b str, Span>,
    reference: &dyn Fn(String) -> String,
    sink: &mut Sink,
) {
    let text = host.text.as_ref();
    if !names::is_hostname(text) {
        let hint = host_hint(text);
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

/// The host name that a text was probably meant to be.
pub(crate) fn host_hint(text: &str) -> String {
    let lower = text.trim().to_ascii_lowercase();
    let bare = lower.split_once("://").map_or(lower.as_str(), |it| it.1);
    let bare = bare.split(['/', '?', '#', ':']).next().unwrap_or_default().trim_end_matches('.');
    match () {
        () if bare.starts_with("*.") => "there are no wildcards: write each host name".to_owned(),
        () if bare != text && names::is_hostname(bare) => {
            format!("write the host name alone: `{bare}`")
        }
        () if bare.contains('_') => "a host name has no `_`".to_owned(),
        () => "write a host name like `www.example.com`".to_owned(),
    }
}
