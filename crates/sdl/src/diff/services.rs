//! Differences of the services of one group.

use super::compare::{Both, List, command, unit};
use super::{Consequence, Effect, mask};
use crate::explain::{gpu, words};
use crate::manifest::{Expose, HttpOptions, Service, StorageParams};
use crate::resources::{Resources, Volume};
use std::collections::{BTreeMap, BTreeSet};

use Consequence::{ManifestUpdate, NewDeployment};
use Effect::{AddressChange, DataLoss, Restart};

const FIXED: &str = "What was ordered is fixed on chain; a provider refuses a manifest that asks for anything else.";
const RESTARTS: &str = "Its containers are replaced.";

pub(super) fn compare(both: &Both<'_>, list: &mut List) {
    let find = |services: &'_ [Service], name: &str| services.iter().position(|it| it.name == name);
    for old in both.old.services() {
        if find(both.new.services(), &old.name).is_none() {
            let keeps = old.resources.volumes().iter().any(Volume::is_persistent);
            list.push(
                format!("services.{}", old.name),
                (Some(old.image.clone()), None),
                NewDeployment,
                if keeps { &[DataLoss] } else { &[] },
                "A provider refuses a manifest whose services are not the ones it runs.",
            );
        }
    }
    for new in both.new.services() {
        match both.old.services().iter().find(|it| it.name == new.name) {
            Some(old) => service(both, old, new, list),
            None => list.push(
                format!("services.{}", new.name),
                (None, Some(new.image.clone())),
                NewDeployment,
                &[],
                "A provider refuses a manifest whose services are not the ones it runs.",
            ),
        }
    }
}

fn service(both: &Both<'_>, old: &Service, new: &Service, list: &mut List) {
    let path = |rest: &str| format!("services.{}.{rest}", new.name);
    if old.image != new.image {
        let pair = (Some(old.image.clone()), Some(new.image.clone()));
        list.push(path("image"), pair, ManifestUpdate, &[Restart], RESTARTS);
    }
    for (key, a, b) in [("command", &old.command, &new.command), ("args", &old.args, &new.args)] {
        if a != b {
            let pair = (command(a.as_ref()), command(b.as_ref()));
            list.push(path(key), pair, ManifestUpdate, &[Restart], RESTARTS);
        }
    }
    environment(old, new, list);
    credentials(old, new, list);
    params(old, new, list);
    resources(both.name, old, new, list);
    count(both, old, new, list);
    exposes(both, old, new, list);
}

fn environment(old: &Service, new: &Service, list: &mut List) {
    fn by_name(it: &Service) -> BTreeMap<&str, &str> {
        it.env.iter().flatten().map(|it| it.split_once('=').unwrap_or((it, ""))).collect()
    }
    let (olds, news) = (by_name(old), by_name(new));
    let names: BTreeSet<&str> = olds.keys().chain(news.keys()).copied().collect();
    let mut found = false;
    for name in names {
        let (a, b) = (olds.get(name), news.get(name));
        if a != b {
            found = true;
            let show = |it: Option<&&str>| it.map(|it| mask::env_value(name, it));
            list.push(
                format!("services.{}.env.{name}", new.name),
                (show(a), show(b)),
                ManifestUpdate,
                &[Restart],
                RESTARTS,
            );
        }
    }
    let count = |it: &Service| it.env.as_ref().map_or(0, Vec::len);
    if !found && old.env != new.env && count(old) + count(new) > 0 {
        list.push(
            format!("services.{}.env", new.name),
            (None, None),
            ManifestUpdate,
            &[Restart],
            "The same variables in another order or way of writing: its containers are replaced all the same.",
        );
    }
}

fn credentials(old: &Service, new: &Service, list: &mut List) {
    let (a, b) = (&old.credentials, &new.credentials);
    if a == b {
        return;
    }
    let show = |it: &Option<crate::manifest::Credentials>| {
        it.as_ref().map(|it| format!("{} at {}, password {}", it.username, it.host, mask::HIDDEN))
    };
    let (effects, why): (&[Effect], &str) = match a.is_some() == b.is_some() {
        true => (&[], "The new registry login is used when an image is pulled next."),
        false => (&[Restart], RESTARTS),
    };
    let path = format!("services.{}.credentials", new.name);
    list.push(path, (show(a), show(b)), ManifestUpdate, effects, why);
}

fn params(old: &Service, new: &Service, list: &mut List) {
    let path = |rest: &str| format!("services.{}.params.{rest}", new.name);
    fn mounts(it: &Service) -> BTreeMap<&str, &StorageParams> {
        let list = it.params.iter().flat_map(|it| it.storage.iter().flatten());
        list.map(|it| (it.name.as_str(), it)).collect()
    }
    let (olds, news) = (mounts(old), mounts(new));
    let names: BTreeSet<&str> = olds.keys().chain(news.keys()).copied().collect();
    for name in names {
        let (a, b) = (olds.get(name), news.get(name));
        if a == b {
            continue;
        }
        let show = |it: Option<&&StorageParams>| {
            it.map(|it| format!("{}{}", it.mount, if it.read_only { ", read-only" } else { "" }))
        };
        let moved = a.map(|it| &it.mount) != b.map(|it| &it.mount);
        let why = match (moved, b.is_some()) {
            (true, true) => {
                "Its containers are replaced. The volume and its data stay and appear at the new place."
            }
            (true, false) => {
                "Its containers are replaced. The volume and its data stay, and nothing sees them."
            }
            (false, _) => RESTARTS,
        };
        list.push(
            path(&format!("storage.{name}")),
            (show(a), show(b)),
            ManifestUpdate,
            &[Restart],
            why,
        );
    }
    let read = |it: &Service| {
        let list =
            it.params.as_ref().and_then(|it| it.permissions.as_ref()).map(|it| it.read.clone());
        list.filter(|it| !it.is_empty()).map(|it| it.join(", "))
    };
    if read(old) != read(new) {
        list.push(
            path("permissions.read"),
            (read(old), read(new)),
            ManifestUpdate,
            &[Restart],
            RESTARTS,
        );
    }
    let tee =
        |it: &Service| it.params.as_ref().and_then(|it| it.tee.as_ref()).map(|it| it.kind.clone());
    if tee(old) != tee(new) {
        let why = "Confidential computing is something a provider must offer, which is part of the order.";
        list.push(path("tee"), (tee(old), tee(new)), NewDeployment, &[], why);
    }
}

fn resources(group: &str, old: &Service, new: &Service, list: &mut List) {
    let path = |rest: &str| format!("deployment.{}.{group}.profile.{rest}", new.name);
    let (a, b) = (&old.resources, &new.resources);
    let arch = |it: &Resources| {
        let attributes = it.cpu.iter().flat_map(|it| &it.attributes);
        let list: Vec<String> = attributes.map(|it| format!(" {}", it.value)).collect();
        list.concat()
    };
    let cpu = |it: &Resources| format!("{}{}", words::cpu(u128::from(it.cpu_milli())), arch(it));
    let memory = |it: &Resources| words::bytes(u128::from(it.memory_bytes()));
    let gpu = |it: &Resources| {
        let gpu = it.gpu.as_ref().filter(|it| it.units.0 > 0)?;
        let models: Vec<String> = gpu.attributes.iter().map(|it| gpu::model(&it.key)).collect();
        Some(format!("{} × {}", gpu.units.0, words::list(&models, "or")))
    };
    let is_same = |key: &str| match key {
        "cpu" => a.cpu == b.cpu,
        "memory" => a.memory_bytes() == b.memory_bytes(),
        _ => a.gpu == b.gpu,
    };
    for (key, pair) in [
        ("cpu", (Some(cpu(a)), Some(cpu(b)))),
        ("memory", (Some(memory(a)), Some(memory(b)))),
        ("gpu", (gpu(a), gpu(b))),
    ] {
        if !is_same(key) {
            list.push(path(key), pair, NewDeployment, &[], FIXED);
        }
    }
    let names: BTreeSet<&str> =
        a.volumes().iter().chain(b.volumes()).map(|it| it.name.as_str()).collect();
    for name in names {
        let find = |it: &Resources| it.volumes().iter().find(|it| it.name == name).cloned();
        let (a, b) = (find(a), find(b));
        if a == b {
            continue;
        }
        let show = |it: &Option<Volume>| {
            it.as_ref().map(|it| {
                let class = words::class_of(it);
                format!("{} {}", words::bytes(u128::from(it.size.0)), words::storage_class(&class))
            })
        };
        let was_persistent = a.as_ref().is_some_and(Volume::is_persistent);
        let (effects, why): (&[Effect], &str) = match (was_persistent, b.is_some()) {
            (true, true) => {
                (&[DataLoss], "A volume cannot be resized or moved in place: the new one is empty.")
            }
            (true, false) => (
                &[DataLoss],
                "The volume and its data are gone. A volume that was renamed is a new, empty one.",
            ),
            (false, _) => (&[], FIXED),
        };
        list.push(
            path(&format!("storage.{name}")),
            (show(&a), show(&b)),
            NewDeployment,
            effects,
            why,
        );
    }
}

fn count(both: &Both<'_>, old: &Service, new: &Service, list: &mut List) {
    if old.count == new.count {
        return;
    }
    let total = |spec, id| unit(spec, id).map(|it| it.count);
    let same_total = old.resources.id == new.resources.id
        && total(both.old_spec, old.resources.id) == total(both.new_spec, new.resources.id);
    let (consequence, why) = match same_total {
        true => (
            ManifestUpdate,
            "The services share a profile, and the sum of its replicas stays what was ordered.",
        ),
        false => {
            (NewDeployment, "The number of replicas was ordered, and exactly that many must run.")
        }
    };
    let loses = new.count < old.count && new.resources.volumes().iter().any(Volume::is_persistent);
    let effects: &[Effect] = if loses { &[DataLoss] } else { &[] };
    let path = format!("deployment.{}.{}.count", new.name, both.name);
    list.push(
        path,
        (Some(old.count.to_string()), Some(new.count.to_string())),
        consequence,
        effects,
        why,
    );
}

/// How many endpoints of each kind the services of a unit use.
fn endpoints(services: &[Service], id: u32) -> [usize; 3] {
    let mut found = [0; 3];
    let exposes = services.iter().filter(|it| it.resources.id == id).flat_map(|it| it.exposes());
    for expose in exposes.filter(|it| it.global) {
        let [http, port, ip] = &mut found;
        *(if expose.is_shared_http() { http } else { port }) += 1;
        *ip += usize::from(!expose.ip.is_empty());
    }
    found
}

/// What tells one expose from another for a reader of the file.
type Key<'a> = (u32, &'a str, bool, &'a str, &'a str);

fn exposes(both: &Both<'_>, old: &Service, new: &Service, list: &mut List) {
    fn key(it: &Expose) -> Key<'_> {
        (it.port, &it.proto, it.global, &it.service, &it.ip)
    }
    let fits = endpoints(both.old.services(), old.resources.id)
        == endpoints(both.new.services(), new.resources.id);
    let bought = |kinds: &str| {
        match fits {
        true => format!("It uses the {kinds} that was bought already. {RESTARTS}"),
        false => "Ways in were ordered by kind and number (HTTP, port, leased address), and all of them must be used."
            .to_owned(),
    }
    };
    let mut rest: Vec<&Expose> = old.exposes().iter().collect();
    let mut added: Vec<&Expose> = Vec::new();
    for b in new.exposes() {
        match rest.iter().position(|a| key(a) == key(b)) {
            Some(at) => expose(fits, rest.remove(at), b, new, list),
            None => added.push(b),
        }
    }
    // A port that moved is one change, not two.
    for b in added {
        let is_kind = |a: &&Expose| {
            a.global == b.global && a.ip == b.ip && a.is_shared_http() == b.is_shared_http()
        };
        let a = rest.iter().position(is_kind).map(|at| rest.remove(at));
        let is_free = !b.global && a.is_none_or(|it| !it.global);
        let consequence = if fits || is_free { ManifestUpdate } else { NewDeployment };
        let why = if is_free {
            format!("Only services of the group notice. {RESTARTS}")
        } else {
            bought(kind(b))
        };
        let port = a.map_or(b.port, |it| it.port);
        let outside = |it: &Expose| (it.proto.clone(), it.effective_external_port());
        let stays = a.is_some_and(|it| outside(it) == outside(b));
        let effects: &[Effect] = if stays { &[Restart] } else { &[Restart, AddressChange] };
        let path = format!("services.{}.expose.{port}", new.name);
        list.push(path, (a.map(show), Some(show(b))), consequence, effects, why);
    }
    for a in rest {
        let consequence = if fits || !a.global { ManifestUpdate } else { NewDeployment };
        let why = if a.global {
            bought(kind(a))
        } else {
            format!("Only services of the group notice. {RESTARTS}")
        };
        let path = format!("services.{}.expose.{}", new.name, a.port);
        list.push(path, (Some(show(a)), None), consequence, &[Restart, AddressChange], why);
    }
}

fn kind(it: &Expose) -> &'static str {
    match (it.is_shared_http(), it.ip.is_empty()) {
        (true, _) => "HTTP endpoint",
        (false, true) => "port endpoint",
        (false, false) => "leased address",
    }
}

fn show(it: &Expose) -> String {
    let mut text = format!("{}/{}", it.port, it.proto);
    if it.external_port != 0 && it.external_port != it.port {
        text.push_str(&format!(" as {}", it.external_port));
    }
    match (it.global, it.service.as_str()) {
        (true, _) => text.push_str(" to the world"),
        (false, "") => text.push_str(" to the group"),
        (false, service) => text.push_str(&format!(" to {service}")),
    }
    if !it.ip.is_empty() {
        text.push_str(&format!(" at leased address {}", it.ip));
    }
    text
}

/// One expose that both files have.
fn expose(fits: bool, a: &Expose, b: &Expose, service: &Service, list: &mut List) {
    let path = |rest: &str| format!("services.{}.expose.{}.{rest}", service.name, b.port);
    if a.external_port != b.external_port {
        let shown = |it: &Expose| (it.external_port != 0).then(|| it.external_port.to_string());
        let same = a.effective_external_port() == b.effective_external_port();
        let same_kind = a.is_shared_http() == b.is_shared_http();
        let (consequence, effects, why): (_, &[Effect], &str) = match (
            same,
            b.global && !same_kind && !fits,
        ) {
            (true, _) => {
                (ManifestUpdate, &[], "The outside port is the same; only the hash changes.")
            }
            (false, true) => (
                NewDeployment,
                &[AddressChange],
                "Outside port 80 over TCP is HTTP, everything else is a port of its own; which of them was fixed on chain.",
            ),
            (false, false) => {
                (ManifestUpdate, &[Restart, AddressChange], "Callers must use the new port.")
            }
        };
        list.push(path("as"), (shown(a), shown(b)), consequence, effects, why);
    }
    if a.hosts != b.hosts {
        let shown =
            |it: &Expose| it.hosts.as_ref().filter(|it| !it.is_empty()).map(|it| it.join(", "));
        if shown(a) != shown(b) {
            let why = "The provider's ingress serves the new names; nothing restarts. Point their DNS at the provider.";
            list.push(path("accept"), (shown(a), shown(b)), ManifestUpdate, &[AddressChange], why);
        }
    }
    if a.http_options != b.http_options {
        options(&a.http_options, &b.http_options, &path, list);
    }
    if a.endpoint_sequence_number != b.endpoint_sequence_number {
        list.push(
            path("ip"),
            (None, None),
            ManifestUpdate,
            &[],
            format!(
                "The number of the leased address in the manifest goes from {} to {}: numbers count every `to` of the \
                 file. The address stays.",
                a.endpoint_sequence_number, b.endpoint_sequence_number
            ),
        );
    }
}

fn options(a: &HttpOptions, b: &HttpOptions, path: &dyn Fn(&str) -> String, list: &mut List) {
    const WHY: &str = "The provider's ingress is set anew; nothing restarts.";
    let fields = |it: &HttpOptions| {
        [
            ("max_body_size", it.max_body_size.to_string()),
            ("read_timeout", it.read_timeout.to_string()),
            ("send_timeout", it.send_timeout.to_string()),
            ("next_tries", it.next_tries.to_string()),
            ("next_timeout", it.next_timeout.to_string()),
            ("next_cases", it.next_cases.join(", ")),
            ("proxy_buffer_size", it.proxy_buffer_size.to_string()),
        ]
    };
    for ((name, old), (_, new)) in fields(a).into_iter().zip(fields(b)) {
        if old != new {
            let path = path(&format!("http_options.{name}"));
            list.push(path, (Some(old), Some(new)), ManifestUpdate, &[], WHY);
        }
    }
}

/// Kinds of endpoints are compared by the manifest's rules; the specs list the same.
#[cfg(test)]
mod tests {
    use super::*;
    use crate::resources::EndpointKind;

    #[test]
    fn endpoints_of_the_manifest_are_those_of_the_groups() {
        let text = include_str!("../../tests/tools/files/shop.yaml");
        let compiled = crate::compile(text).unwrap();
        for spec in compiled.group_specs() {
            let services = compiled.manifest.group(&spec.name).unwrap().services();
            for unit in &spec.resources {
                let count = |kind| {
                    let list = unit.resource.endpoints.iter().flatten();
                    list.filter(|it| it.kind == kind).count()
                };
                let kinds =
                    [EndpointKind::SharedHttp, EndpointKind::RandomPort, EndpointKind::LeasedIp];
                assert_eq!(endpoints(services, unit.resource.id), kinds.map(count));
            }
        }
    }
}
