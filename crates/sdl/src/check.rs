//! Rules that need the whole file (spec `sdl.md` 14.3 to 14.6, 15), in the reference's order.
//!
//! Called by `compile` after `build`. Reports only; what was already reported for an entry is not reported
//! again through its consequences. This file holds the references between the parts of a file (14.3);
//! `groups` and `manifest` hold the rules about what was built.

mod groups;
mod manifest;
mod repair;

pub(crate) use groups::groups;
pub(crate) use manifest::{host_hint, manifest};
pub(crate) use repair::{Misspelt, repair};

use crate::Language;
use crate::ast;
use crate::ast::File;
use crate::build::Pair;
use crate::diagnostics::{Diagnostic, Sink, Span};
use crate::names;
use crate::quantity;
use crate::rules::Rule;
use crate::suggest;
use std::collections::{BTreeMap, BTreeSet};

/// How many names are searched for the one that was meant.
const MOST_CANDIDATES: usize = 256;

fn candidates<'s, T>(section: &'s ast::Section<'_, T>) -> Vec<&'s str> {
    section.names().take(MOST_CANDIDATES).collect()
}

fn did_you_mean(word: &str, known: &[&str], otherwise: &str) -> String {
    if let Some(near) = suggest::nearest(word, known.iter().copied()) {
        return format!("did you mean `{near}`?");
    }
    let mut names: Vec<_> = known.iter().take(9).map(|it| format!("`{it}`")).collect();
    if names.len() > 8 {
        names.truncate(8);
        names.push("…".to_owned());
    }
    match names.is_empty() {
        true => otherwise.to_owned(),
        false => format!("{otherwise}; known: {}", names.join(", ")),
    }
}

// References between the parts of the file (14.3).

/// Checks 14.3. Returns the reclamation window in nanoseconds.
pub(crate) fn semantics(
    file: &File<'_>,
    pairs: &[Pair<'_, '_>],
    language: Language,
    sink: &mut Sink,
) -> Option<i64> {
    let window = file.reclamation.as_ref().and_then(|it| reclamation(it, sink));
    declared_endpoints(file, sink);
    let mut taken = BTreeMap::new();
    for pair in pairs {
        references(file, pair, sink);
        let Some(service) = pair.service else { continue };
        if let Some(credentials) = &service.value.credentials {
            complete_credentials(credentials, pair, sink);
        }
        leased_addresses(file, pair, &service.value, &mut taken, sink);
        if let Some(resources) = pair.resources() {
            mounts(pair, &service.value, resources, language, sink);
        }
    }
    unused_endpoints(file, sink);
    unlikely(file, sink);
    window
}

/// What the reference allows and nobody means: services that nothing deploys.
fn unlikely(file: &File<'_>, sink: &mut Sink) {
    let is_deployed = |name: &str| file.deployment.get(name).is_some_and(|it| !it.value.is_empty());
    if file.deployment.is_broken || file.deployment.entries.is_empty() {
        return;
    }
    // A deployed service that does not exist is probably one of these, misspelt.
    let is_misspelt = file.deployment.names().any(|it| file.services.get(it).is_none());
    for (name, entry) in &file.services.entries {
        if !is_deployed(name) && is_misspelt {
            continue;
        }
        if !is_deployed(name) {
            let message = format!("the service `{name}` is defined, but not deployed");
            sink.push(
                Diagnostic::new(Rule::UndeployedService, entry.name, message)
                    .hint("name it under `deployment`, or remove it"),
            );
            continue;
        }
        for to in entry.value.expose.iter().flat_map(|it| &it.to) {
            if !to.service.is_empty() && !is_deployed(&to.service.text) {
                let target = &to.service.text;
                let message = format!("a port is open to `{target}`, which is not deployed");
                let known = candidates(&file.deployment);
                sink.push(
                    Diagnostic::new(Rule::UnknownTarget, to.service.span, message)
                        .hint(did_you_mean(target, &known, "name a service that is deployed")),
                );
            }
        }
    }
}

fn reclamation(it: &ast::Reclamation<'_>, sink: &mut Sink) -> Option<i64> {
    let text = &it.min_window.text;
    let hint = "write a duration like `36h` or `90m`";
    match quantity::duration(text) {
        Ok(window) if window > 0 => Some(window),
        Ok(_) => {
            sink.push(
                Diagnostic::new(
                    Rule::Reclamation,
                    it.min_window.span,
                    "the reclamation window must be longer than nothing",
                )
                .hint(hint)
                .reference("SDL invalid: reclamation min_window must be > 0"),
            );
            None
        }
        Err(reason) => {
            let message = match text.is_empty() {
                true => "the reclamation window (`min_window`) is missing".to_owned(),
                false => format!("`{text}` is not a duration"),
            };
            let hint = duration_hint(text).unwrap_or_else(|| hint.to_owned());
            sink.push(
                Diagnostic::new(Rule::Reclamation, it.min_window.span, message)
                    .hint(hint)
                    .reference(format!(
                        "SDL invalid: invalid reclamation min_window {text:?}: {reason}"
                    )),
            );
            None
        }
    }
}

/// The duration that a text was probably meant to be.
fn duration_hint(text: &str) -> Option<String> {
    let end = text.find(|it: char| !it.is_ascii_digit())?;
    let (number, unit) = text.split_at(end);
    let count: u64 = number.parse().ok()?;
    let meant = match unit.trim().to_ascii_lowercase().as_str() {
        "d" | "day" | "days" => format!("{}h", count.checked_mul(24)?),
        "w" | "week" | "weeks" => format!("{}h", count.checked_mul(168)?),
        "h" | "hr" | "hrs" | "hour" | "hours" => format!("{count}h"),
        "m" | "min" | "mins" | "minute" | "minutes" => format!("{count}m"),
        "s" | "sec" | "secs" | "second" | "seconds" => format!("{count}s"),
        _ => return None,
    };
    Some(format!("did you mean `{meant}`? The units are `h`, `m` and `s`"))
}

fn declared_endpoints(file: &File<'_>, sink: &mut Sink) {
    for (name, entry) in &file.endpoints.entries {
        if !names::is_endpoint_name(name) {
            let message = format!("`{name}` is not a name for an endpoint");
            let lower: String =
                name.chars().map(|it| if it == '.' || it == ' ' { '-' } else { it }).collect();
            let lower = lower.to_ascii_lowercase();
            let hint = match names::is_endpoint_name(&lower) {
                true => format!("call it `{lower}`, wherever it is named"),
                false => "use two or more lower-case letters, digits, `-` and `_`, a letter first"
                    .to_owned(),
            };
            sink.push(
                Diagnostic::new(Rule::Endpoint, entry.name, message)
                    .hint(hint)
                    .reference(format!("SDL invalid: endpoint named {name:?} is not a valid name")),
            );
        }
        let kind = &entry.value.kind;
        if kind.is_broken || kind.text == "ip" {
            continue;
        }
        let diagnostic = match kind.is_empty() {
            true => Diagnostic::new(
                Rule::Endpoint,
                entry.name,
                format!("the endpoint `{name}` has no kind"),
            )
            .reference(format!("SDL invalid: endpoint named {name:?} has no kind")),
            false => Diagnostic::new(
                Rule::Endpoint,
                kind.span,
                format!("`{}` is not a kind of endpoint", kind.text),
            )
            .reference(format!(
                "SDL invalid: endpoint named {name:?} unknown kind {:?}",
                kind.text
            )),
        };
        sink.push(diagnostic.hint("write `kind: ip`, the only kind there is"));
    }
}

fn references(file: &File<'_>, pair: &Pair<'_, '_>, sink: &mut Sink) {
    let (service, placement) = (pair.service_name, pair.placement_name);
    let profile = &pair.deployed.profile;
    let profile_span = if profile.is_absent() { pair.deployed.span } else { profile.span };
    let prefix = format!("SDL invalid: {service}.{placement}:");
    if pair.compute.is_none() && !file.compute.is_broken && !profile.is_broken {
        let known = candidates(&file.compute);
        let (message, hint) = match (profile.is_empty(), known.as_slice()) {
            (true, []) => (
                format!("`{service}` in `{placement}` says no `profile`"),
                "define one under `profiles.compute`, and name it".to_owned(),
            ),
            (true, [first, ..]) => (
                format!("`{service}` in `{placement}` says no `profile`"),
                format!("write `profile: {first}`, or another that `profiles.compute` defines"),
            ),
            (false, _) => (
                format!("no compute profile is named `{}`", profile.text),
                did_you_mean(&profile.text, &known, "define it under `profiles.compute`"),
            ),
        };
        sink.push(
            Diagnostic::new(Rule::UnknownProfile, profile_span, message)
                .hint(hint)
                .reference(format!("{prefix} no compute profile named {}", profile.text)),
        );
    }
    if pair.compute.is_some_and(|it| it.value.resources.is_none()) {
        let span = pair.compute.map_or(profile_span, |it| it.name);
        let message = format!("the profile `{}` has no `resources`", profile.text);
        sink.push(
            Diagnostic::new(Rule::MissingResource, span, message)
                .hint("write `resources:` with `cpu`, `memory` and `storage` below it"),
        );
    }
    match pair.placement {
        None if !file.placement.is_broken => {
            let message = format!("no placement is named `{placement}`");
            let hint = did_you_mean(
                placement,
                &candidates(&file.placement),
                "define it under `profiles.placement`",
            );
            sink.push(
                Diagnostic::new(Rule::UnknownPlacement, pair.deployed.span, message)
                    .hint(hint)
                    .reference(format!("{prefix} no placement profile named {placement}")),
            );
        }
        // A profile that does not exist lacks a price as well; once it is named right, it may have one.
        Some(entry)
            if pair.pricing().is_none()
                && pair.compute.is_some()
                && !entry.value.is_pricing_broken =>
        {
            let message = format!(
                "the placement `{placement}` has no price for the profile `{}`",
                profile.text
            );
            let unused = || {
                let defined = |it: &str| file.compute.get(it).is_some();
                entry.value.pricing.keys().map(AsRef::as_ref).filter(move |it| !defined(it))
            };
            let near = suggest::nearest(&profile.text, unused());
            let hint = match near {
                Some(near) => {
                    format!("under its `pricing`, did you mean `{}` by `{near}`?", profile.text)
                }
                None => format!(
                    "write `{}: {{denom: uact, amount: 100}}` under its `pricing`",
                    profile.text
                ),
            };
            sink.push(
                Diagnostic::new(Rule::NoPricing, profile_span, message)
                    .hint(hint)
                    .related(entry.name, "the placement")
                    .reference(format!("{prefix} no pricing for profile {}", profile.text)),
            );
        }
        _ => {}
    }
    if pair.service.is_none() && !file.services.is_broken {
        let span = file.deployment.get(service).map_or(pair.deployed.span, |it| it.name);
        let message = format!("no service is named `{service}`");
        let hint = did_you_mean(service, &candidates(&file.services), "define it under `services`");
        sink.push(
            Diagnostic::new(Rule::UnknownService, span, message)
                .hint(hint)
                .reference(format!("{prefix} no service profile named {service}")),
        );
    }
}

fn complete_credentials(it: &ast::Credentials<'_>, pair: &Pair<'_, '_>, sink: &mut Sink) {
    let parts = [
        ("host", "Host", &it.host),
        ("username", "Username", &it.username),
        ("password", "Password", &it.password),
    ];
    let missing: Vec<_> = parts
        .into_iter()
        .filter(|part| part.2.text.trim().is_empty() && !part.2.is_broken)
        .collect();
    let Some((_, first, _)) = missing.first() else { return };
    let keys: Vec<_> = missing.iter().map(|it| format!("`{}`", it.0)).collect();
    let message = format!("the registry credentials lack {}", keys.join(" and "));
    let hint = match missing.iter().any(|it| it.0 == "host") {
        true => "write `host:`, `username:` and `password:`; the host is like `ghcr.io`".to_owned(),
        false => format!("write {} below `credentials`", keys.join(" and ")),
    };
    sink.push(Diagnostic::new(Rule::Credentials, it.span, message).hint(hint).reference(format!(
        "SDL invalid: {}.{}: service Credentials missing {first}",
        pair.service_name, pair.placement_name
    )));
}

/// Who holds a port of a leased address: endpoint, outside port as written, protocol as written.
type Taken<'f> = BTreeMap<(&'f str, u32, &'f str), (&'f str, Span)>;

fn leased_addresses<'f>(
    file: &File<'_>,
    pair: &Pair<'f, '_>,
    service: &'f ast::Service<'_>,
    taken: &mut Taken<'f>,
    sink: &mut Sink,
) {
    let name = pair.service_name;
    for expose in &service.expose {
        for to in expose.to.iter().filter(|it| !it.ip.is_empty() && !it.ip.is_broken) {
            let ip = to.ip.text.as_ref();
            if !to.global {
                sink.push(
                    Diagnostic::new(
                        Rule::EndpointUse,
                        to.ip.span,
                        format!("a leased address (`ip: {ip}`) must be open to the world"),
                    )
                    .hint("add `global: true` beside it")
                    .reference(format!(
                        "SDL invalid: error on {name:?} if an IP is declared the directive must be declared as global"
                    )),
                );
            }
            if file.endpoints.get(ip).is_none() && !file.endpoints.is_broken {
                let hint = did_you_mean(
                    ip,
                    &candidates(&file.endpoints),
                    "declare it as `endpoints:` with `kind: ip`",
                );
                sink.push(
                    Diagnostic::new(
                        Rule::EndpointUse,
                        to.ip.span,
                        format!("no endpoint is named `{ip}`"),
                    )
                    .hint(hint)
                    .reference(format!(
                        "SDL invalid: error on service {name:?} no endpoint named {ip:?} exists"
                    )),
                );
            }
            let key = (ip, expose.external.value, expose.proto.text.as_ref());
            if let Some((other, span)) = taken.insert(key, (name, to.ip.span)) {
                let message = match other == name {
                    true => format!("`{name}` uses the same port of the endpoint `{ip}` twice"),
                    false => {
                        format!("`{name}` and `{other}` use the same port of the endpoint `{ip}`")
                    }
                };
                sink.push(
                    Diagnostic::new(Rule::EndpointClash, to.ip.span, message)
                        .hint("give each an `as` of its own; ports without `as` count as the same")
                        .related(span, "the other use")
                        .reference(format!(
                            "SDL invalid: IP endpoint {ip:?} port: {} protocol: {} specified by service {name:?} already in use by {other:?}",
                            expose.port.value, expose.proto.text
                        )),
                );
            }
        }
    }
}

fn mounts(
    pair: &Pair<'_, '_>,
    service: &ast::Service<'_>,
    resources: &ast::Resources<'_>,
    language: Language,
    sink: &mut Sink,
) {
    let name = pair.service_name;
    let empty = BTreeMap::new();
    let storage = service.params.as_ref().map_or(&empty, |it| &it.storage);
    let mut mounted: BTreeMap<&str, (&str, Span)> = BTreeMap::new();
    for (volume_name, entry) in storage {
        let params = &entry.value;
        let volume = resources.storage.iter().find(|it| it.name == *volume_name);
        if volume.is_none() && !resources.is_storage_broken {
            let known: Vec<&str> = resources.storage.iter().map(|it| it.name.as_ref()).collect();
            let message = format!(
                "the profile `{}` has no volume named `{volume_name}`",
                pair.deployed.profile.text
            );
            sink.push(
                Diagnostic::new(Rule::Mount, entry.name, message)
                    .hint(did_you_mean(volume_name, &known, "define it in the profile's `storage`"))
                    .reference(format!(
                        "SDL invalid: service {name:?} references to no-existing compute volume named {volume_name:?}"
                    )),
            );
        }
        let mount = &params.mount;
        let span = if mount.is_absent() { entry.name } else { mount.span };
        if mount.is_broken {
            continue;
        }
        if !mount.text.starts_with('/') {
            let message = match mount.is_empty() {
                true => format!("the volume `{volume_name}` has no `mount`"),
                false => format!("the mount `{}` is not an absolute path", mount.text),
            };
            sink.push(
                Diagnostic::new(Rule::Mount, span, message)
                    .hint(mount_hint(&mount.text))
                    .reference(format!(
                        "SDL invalid: invalid value for \"service.{name}.params.{volume_name}.mount\" parameter. expected absolute path"
                    )),
            );
        } else if let Some((other, first)) = mounted.insert(&mount.text, (volume_name, span)) {
            let message = format!("two volumes are mounted at `{}`", mount.text);
            sink.push(
                Diagnostic::new(Rule::Mount, span, message)
                    .hint("mount each volume in a place of its own")
                    .related(first, "the other")
                    .reference(format!(
                        "sdl: duplicated mount point: mount {:?} already in use by volume {other:?}",
                        mount.text
                    )),
            );
        }
        let is_ram = volume.is_some_and(|it| it.attribute("class") == Some("ram"));
        if language == Language::V2_1 && is_ram && params.read_only.value {
            sink.push(
                Diagnostic::new(
                    Rule::Mount,
                    params.read_only.span,
                    format!("the volume `{volume_name}` is in memory and cannot be read-only"),
                )
                .hint("remove `readOnly`")
                .reference(format!(
                    "SDL invalid: services.{name}.params.storage.{volume_name} has readOnly=true which is not allowed for storage class \"ram\""
                )),
            );
        }
    }
    // The reference only looks for unmounted volumes if nothing is mounted at all, and only in 2.0.
    if language == Language::V2_0 && storage.is_empty() {
        for volume in resources.storage.iter().filter(|it| it.is_persistent()) {
            let message =
                format!("the persistent volume `{}` is not mounted by `{name}`", volume.name);
            sink.push(
                Diagnostic::new(Rule::PersistentUnmounted, volume.span, message)
                    .hint(format!(
                        "write `params: {{storage: {{{}: {{mount: /data}}}}}}` in the service",
                        volume.name
                    ))
                    .reference(format!(
                        "SDL invalid: compute.storage.{0} has persistent=true which requires service.{name}.params.storage.{0} to have mount",
                        volume.name
                    )),
            );
        }
    }
}

fn mount_hint(text: &str) -> String {
    let inside = text.split(':').nth(1).filter(|it| it.starts_with('/'));
    match (text.strip_prefix("./").or(text.strip_prefix("~/")).unwrap_or(text), inside) {
        (_, Some(inside)) => format!("write the path in the container: `{inside}`"),
        ("", _) => "write `mount: /data`, or wherever the service keeps its data".to_owned(),
        (path, _) => format!("did you mean `/{path}`? A mount begins with `/`"),
    }
}

fn unused_endpoints(file: &File<'_>, sink: &mut Sink) {
    let mut used = BTreeSet::new();
    for (name, entry) in &file.deployment.entries {
        if entry.value.is_empty() {
            continue;
        }
        let exposes = file.services.get(name).map(|it| &it.value.expose);
        used.extend(exposes.into_iter().flatten().flat_map(|it| &it.to).map(|it| &*it.ip.text));
    }
    let is_certain = !file.services.is_broken
        && !file.deployment.is_broken
        && file.services.entries.values().all(|it| !it.is_broken);
    for (name, entry) in &file.endpoints.entries {
        if is_certain && !used.contains(name.as_ref()) {
            let message =
                format!("the endpoint `{name}` is declared, but no deployed service uses it");
            sink.push(
                Diagnostic::new(Rule::UnusedEndpoint, entry.name, message)
                    .hint(format!("remove it, or add `ip: {name}` to a global `to` entry"))
                    .reference(format!("SDL invalid: endpoint {name:?} declared but never used")),
            );
        }
    }
}
