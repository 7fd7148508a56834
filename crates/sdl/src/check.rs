//! Rules that need the whole file (spec `sdl.md` 14.3 to 14.6, 15), in the reference's order.
//!
//! Called by `compile` after `build`. Reports only; what was already reported for an entry is not reported
//! again through its consequences.

use crate::Language;
use crate::ast;
use crate::ast::File;
use crate::build::{BuiltGroup, BuiltService, BuiltUnit, Pair};
use crate::diagnostics::{Diagnostic, Sink, Span};
use crate::names;
use crate::quantity;
use crate::resources::Attribute;
use crate::rules::Rule;
use crate::suggest;
use std::collections::{BTreeMap, BTreeSet};

/// What one unit may have, and a group in total (spec 15).
mod limits {
    pub(super) const CPU: (u64, u64) = (10, 384_000);
    pub(super) const GPU: (u64, u64) = (0, 24);
    pub(super) const MEMORY: (u64, u64) = (1 << 20, 2 << 40);
    pub(super) const VOLUME: (u64, u64) = (5 << 20, 32 << 40);
    pub(super) const GROUP_CPU: u128 = 19_200_000;
    pub(super) const GROUP_GPU: u128 = 1200;
    pub(super) const GROUP_MEMORY: u128 = 100 << 40;
    /// In whole units of the denomination.
    pub(super) const PRICE: u128 = 10_000_000;
}

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
        false => format!("{otherwise}; there are {}", names.join(", ")),
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
    window
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

fn declared_endpoints(file: &File<'_>, sink: &mut Sink) {
    for (name, entry) in &file.endpoints.entries {
        if !names::is_endpoint_name(name) {
            let message = format!("`{name}` is not a name for an endpoint");
            sink.push(
                Diagnostic::new(Rule::Endpoint, entry.name, message)
                    .hint("use two or more lower-case letters, digits, `-` and `_`, a letter first")
                    .reference(format!("SDL invalid: endpoint named {name:?} is not a valid name")),
            );
        }
        let kind = &entry.value.kind;
        if entry.is_broken || kind.text == "ip" {
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
        sink.push(diagnostic.hint("write `kind: ip`"));
    }
}

fn references(file: &File<'_>, pair: &Pair<'_, '_>, sink: &mut Sink) {
    let (service, placement) = (pair.service_name, pair.placement_name);
    let profile = &pair.deployed.profile;
    let profile_span = match profile.span == Span::default() {
        true => pair.deployed.span,
        false => profile.span,
    };
    let prefix = format!("SDL invalid: {service}.{placement}:");
    if pair.compute.is_none() && !file.compute.is_broken {
        let message = match profile.is_empty() {
            true => format!("`{service}` in `{placement}` says no `profile`"),
            false => format!("no compute profile is named `{}`", profile.text),
        };
        let hint = did_you_mean(
            &profile.text,
            &candidates(&file.compute),
            "define it under `profiles.compute`",
        );
        sink.push(
            Diagnostic::new(Rule::UnknownProfile, profile_span, message)
                .hint(hint)
                .reference(format!("{prefix} no compute profile named {}", profile.text)),
        );
    }
    if pair.compute.is_some_and(|it| it.value.resources.is_none() && !it.is_broken) {
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
        Some(entry) if pair.pricing().is_none() && !entry.value.is_pricing_broken => {
            let message = format!(
                "the placement `{placement}` has no price for the profile `{}`",
                profile.text
            );
            sink.push(
                Diagnostic::new(Rule::NoPricing, profile_span, message)
                    .hint(format!(
                        "write `{}: {{denom: uact, amount: 100}}` under its `pricing`",
                        profile.text
                    ))
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
    for (key, word, value) in [
        ("host", "Host", &it.host),
        ("username", "Username", &it.username),
        ("password", "Password", &it.password),
    ] {
        if value.text.trim().is_empty() && !pair.is_broken {
            let message = format!("the registry credentials lack `{key}`");
            sink.push(
                Diagnostic::new(Rule::Credentials, it.span, message)
                    .hint(format!("write `{key}:` below `credentials`"))
                    .reference(format!(
                        "SDL invalid: {}.{}: service Credentials missing {word}",
                        pair.service_name, pair.placement_name
                    )),
            );
        }
    }
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
        for to in expose.to.iter().filter(|it| !it.ip.is_empty()) {
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
                            expose.external.value, expose.proto.text
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
        if volume.is_none() && !pair.is_broken {
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
        let span = if mount.span == Span::default() { entry.name } else { mount.span };
        if !mount.text.starts_with('/') && !entry.is_broken {
            let message = match mount.is_empty() {
                true => format!("the volume `{volume_name}` has no `mount`"),
                false => format!("the mount `{}` is not an absolute path", mount.text),
            };
            sink.push(
                Diagnostic::new(Rule::Mount, span, message)
                    .hint("write a path that begins with `/`")
                    .reference(format!(
                        "SDL invalid: invalid value for \"service.{name}.params.{volume_name}.mount\" parameter. expected absolute path"
                    )),
            );
        } else if let Some((other, first)) = mounted.insert(&mount.text, (volume_name, span))
            && !entry.is_broken
        {
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

// Groups (14.4).

/// Checks 14.4.
pub(crate) fn groups(
    file: &File<'_>,
    pairs: &[Pair<'_, '_>],
    built: &[BuiltGroup<'_, '_>],
    sink: &mut Sink,
) {
    if pairs.is_empty() && !file.deployment.is_broken {
        let span = file.deployment_span.unwrap_or(file.span);
        sink.push(
            Diagnostic::new(Rule::NothingDeployed, span, "nothing is deployed")
                .hint("name a service, a placement, a profile and a count under `deployment`")
                .reference("Invalid groups"),
        );
    }
    let first = built.iter().flat_map(|it| &it.units).next();
    for group in built {
        denominations(group, first, sink);
        if group.name.is_empty() {
            sink.push(
                Diagnostic::new(Rule::GroupName, group.span, "a placement has no name")
                    .hint("give it a name")
                    .reference("empty group spec name denomination"),
            );
        }
        for built in group.units.iter().filter(|it| !it.is_broken) {
            unit(built, sink);
        }
        totals(group, sink);
        for built in group.units.iter().filter(|it| !it.is_broken) {
            price(group.name, built, sink);
        }
    }
}

fn denominations(group: &BuiltGroup<'_, '_>, first: Option<&BuiltUnit<'_, '_>>, sink: &mut Sink) {
    let Some(first) = first else { return };
    let wanted = &first.unit.price.denom;
    for built in group.units.iter().filter(|it| !it.is_broken && !first.is_broken) {
        let denom = &built.unit.price.denom;
        if denom != wanted {
            let message = format!("prices are in `{denom}` and in `{wanted}`");
            sink.push(
                Diagnostic::new(Rule::MixedDenoms, built.pricing.value.denom.span, message)
                    .hint(format!("write `denom: {wanted}` everywhere"))
                    .related(first.pricing.value.denom.span, "the other denomination")
                    .reference(format!("inconsistent group denomination: {wanted} != {denom}")),
            );
        }
    }
}

/// Whether a quantity is within its limits; the reference's text if not.
fn beyond(what: &str, value: u64, (least, most): (u64, u64), shown: u64) -> Option<String> {
    let is_within = (least..=most).contains(&value);
    (!is_within).then(|| format!("error: invalid unit {what} ({most} > {value} > {shown} fails)"))
}

fn unit(built: &BuiltUnit<'_, '_>, sink: &mut Sink) {
    let resources = built.resources;
    let missing = |what: &str, key: &str| {
        Diagnostic::new(
            Rule::MissingResource,
            resources.span,
            format!("the profile has no `{key}`"),
        )
        .hint(format!("write `{key}:` below `resources`"))
        .reference(format!("error: invalid unit {what}, cannot be nil"))
    };
    match &resources.cpu {
        None => sink.push(missing("CPU", "cpu")),
        Some(cpu) => {
            let (least, most) = limits::CPU;
            if let Some(text) = beyond("CPU", cpu.units.value.into(), limits::CPU, most) {
                let message = format!(
                    "{} cores are outside of what the network allows",
                    milli(cpu.units.value.into())
                );
                sink.push(
                    Diagnostic::new(Rule::Limit, cpu.units.span, message)
                        .hint(format!("write {} to {} cores", milli(least), milli(most)))
                        .reference(text),
                );
            }
            attribute_keys("CPU", &cpu.attributes, cpu.units.span, sink);
        }
    }
    if let Some(gpu) = &resources.gpu {
        let (_, most) = limits::GPU;
        if let Some(text) = beyond("GPU", gpu.units.value, limits::GPU, most) {
            let message = format!("{} GPUs are more than the network allows", gpu.units.value);
            sink.push(
                Diagnostic::new(Rule::Limit, gpu.units.span, message)
                    .hint(format!("write at most {most}"))
                    .reference(text),
            );
        }
        if gpu.units.value == 0 && !gpu.attributes.is_empty() {
            sink.push(
                Diagnostic::new(Rule::Gpu, gpu.units.span, "a kind of GPU, but no GPU")
                    .hint("write `units: 1`, or remove `attributes`")
                    .reference(
                        "error: invalid GPU state. attributes cannot be present if units == 0",
                    ),
            );
        }
        attribute_keys("GPU", &gpu.attributes, gpu.units.span, sink);
    }
    match resources.memory {
        None => sink.push(missing("memory", "memory")),
        Some(size) => {
            let (least, most) = limits::MEMORY;
            if let Some(text) = beyond("memory", size.value, limits::MEMORY, most) {
                let message = format!(
                    "{} of memory are outside of what the network allows",
                    binary(size.value)
                );
                sink.push(
                    Diagnostic::new(Rule::Limit, size.span, message)
                        .hint(format!("write {} to {}", binary(least), binary(most)))
                        .reference(text),
                );
            }
        }
    }
    if resources.storage.is_empty() {
        sink.push(missing("storage", "storage"));
    }
    for volume in &resources.storage {
        let (least, most) = limits::VOLUME;
        if let Some(text) = beyond("storage", volume.size.value, limits::VOLUME, least) {
            let message = format!(
                "the volume `{}` of {} is outside of what the network allows",
                volume.name,
                binary(volume.size.value)
            );
            sink.push(
                Diagnostic::new(Rule::Limit, volume.size.span, message)
                    .hint(format!("write {} to {}", binary(least), binary(most)))
                    .reference(text),
            );
        }
        attribute_keys("storage", &volume.attributes, volume.span, sink);
    }
}

fn attribute_keys(what: &str, list: &[Attribute], span: Span, sink: &mut Sink) {
    let mut seen = BTreeSet::new();
    for attribute in list {
        let reason = if !names::is_attribute_key(&attribute.key) {
            "attribute key does not match regexp"
        } else if !seen.insert(&attribute.key) {
            "attributes cannot have duplicate keys"
        } else {
            continue;
        };
        let message = format!("`{}` cannot be an attribute of {what} here", attribute.key);
        sink.push(
            Diagnostic::new(Rule::AttributeKey, span, message)
                .reference(format!("error: invalid {what} attributes: {reason}")),
        );
    }
}

fn totals(group: &BuiltGroup<'_, '_>, sink: &mut Sink) {
    let Some(first) = group.units.first() else { return };
    if group.units.iter().any(|it| it.is_broken) {
        return;
    }
    let sum = |of: fn(&crate::manifest::Resources) -> u64| -> u128 {
        group
            .units
            .iter()
            .map(|it| u128::from(of(&it.unit.resource)) * u128::from(it.unit.count))
            .fold(0, u128::saturating_add)
    };
    for (what, plain, value, least, most) in [
        ("CPU", "milli-CPU", sum(crate::manifest::Resources::cpu_milli), 1, limits::GROUP_CPU),
        ("GPU", "GPUs", sum(crate::manifest::Resources::gpu_units), 0, limits::GROUP_GPU),
        (
            "memory",
            "bytes of memory",
            sum(crate::manifest::Resources::memory_bytes),
            1,
            limits::GROUP_MEMORY,
        ),
    ] {
        if (least..=most).contains(&value) {
            continue;
        }
        let is_empty = value == 0;
        // A unit without the resource was already reported; a count of zero was not.
        let is_counted = group.units.iter().any(|it| it.unit.count > 0);
        if is_empty && is_counted {
            continue;
        }
        let message = match is_empty {
            true => format!("the placement `{}` asks for no replica", group.name),
            false => format!(
                "the placement `{}` asks for {value} {plain} in total, more than {most}",
                group.name
            ),
        };
        let span = if first.count == Span::default() { group.span } else { first.count };
        sink.push(
            Diagnostic::new(Rule::GroupLimit, span, message)
                .hint(if is_empty {
                    "write `count: 1`"
                } else {
                    "deploy fewer or smaller replicas"
                })
                .reference(format!("invalid total {what} ({most} > {value} > 0 fails)")),
        );
    }
}

fn price(group: &str, built: &BuiltUnit<'_, '_>, sink: &mut Sink) {
    let price = &built.unit.price;
    if price.amount.atto() > limits::PRICE * quantity::Price::ONE {
        let message = format!("the price {} is more than {}", price.amount, limits::PRICE);
        sink.push(
            Diagnostic::new(Rule::PriceLimit, built.pricing.value.amount.span, message)
                .hint("the price is per block and replica, in millionths")
                .reference(format!(
                    "group {group}: error: invalid unit price ({} > {}{} fails)",
                    limits::PRICE,
                    price.amount,
                    price.denom
                )),
        );
    }
}

/// Thousandths as a decimal number.
fn milli(value: u64) -> String {
    let text = format!("{}.{:03}", value / 1000, value % 1000);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// Bytes with the largest suffix that leaves a whole number.
fn binary(bytes: u64) -> String {
    const SUFFIXES: [&str; 7] = ["", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"];
    let steps = if bytes == 0 { 0 } else { (bytes.trailing_zeros() / 10).min(6) };
    let suffix = usize::try_from(steps).ok().and_then(|it| SUFFIXES.get(it)).unwrap_or(&"");
    format!("{}{suffix}", bytes >> (10 * steps))
}

// The manifest (14.5).

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
