//! One Compose service, key by key.

use super::model::Service;
use super::notes::Notes;
use super::value::{Data, Value};
use super::volumes::Declared;
use super::{Options, env, keys, ports, resources, volumes, words};
use crate::template::{images, known_image};
use std::collections::BTreeMap;

/// What the rest of the file says that services refer to.
pub(super) struct Context<'o> {
    pub(super) options: &'o Options,
    pub(super) declared: Declared,
    /// Secrets and configs by name, with their contents where they are known.
    pub(super) secrets: BTreeMap<String, Option<String>>,
}

/// More replicas than providers of one machine run.
const MOST_REPLICAS: u32 = 50;

/// Reads a service; absent when nothing of it runs.
pub(super) fn read(
    name: &str,
    body: &Value,
    cx: &mut Context<'_>,
    notes: &mut Notes<'_>,
) -> Option<Service> {
    let path = |key: &str| format!("services.{name}.{key}");
    let mut service =
        Service { name: name.to_owned(), span: body.span, count: 1, ..Service::default() };
    if let Some(profiles) = body.get("profiles") {
        let wanted: Vec<&str> = profiles.items().iter().filter_map(Value::text).collect();
        if !wanted.iter().any(|it| cx.options.profiles.iter().any(|on| on == it || on == "*")) {
            let text = format!("only runs with the profile {}, which is off", wanted.join(" or "));
            notes.lost(
                profiles.span,
                &path("profiles"),
                text,
                "Convert again with that profile if it is wanted.",
            );
            return None;
        }
    }
    replicas(&mut service, body, notes);
    if service.count == 0 {
        notes.lost(
            body.span,
            &format!("services.{name}"),
            "runs in no replica, so it is left out",
            "",
        );
        return None;
    }
    service.sdl_name = words::name(name);
    image(&mut service, body, cx, notes);
    process(&mut service, body, notes);
    env::read(&mut service, body, &cx.secrets, cx.options, notes);
    if let Some(list) = body.get("ports") {
        ports::published(&mut service, list, &path("ports"), notes);
    }
    if let Some(list) = body.get("expose") {
        ports::internal(&mut service, list, &path("expose"), notes);
    }
    labels(&mut service, body, notes);
    if let Some(list) = body.get("volumes") {
        volumes::mounts(&mut service, list, &mut cx.declared, notes);
    }
    if let Some(list) = body.get("tmpfs") {
        volumes::tmpfs(&mut service, list, notes);
    }
    if let Some(size) = body.get("shm_size")
        && let Some(bytes) = size.text().and_then(words::bytes)
    {
        volumes::ram(&mut service, "/dev/shm", bytes, size.span, &path("shm_size"), notes);
    }
    let directory = service
        .volumes
        .iter()
        .filter(|it| !it.is_ram)
        .find_map(|it| images::data_directory(&service.image, &it.mount))
        .filter(|wanted| !service.env.iter().any(|it| it.0 == wanted.0));
    if let Some((variable, value)) = directory {
        let text = format!(
            "`{variable}={value}` is added: a new disk holds `lost+found`, and the database wants an empty directory"
        );
        notes.changed(service.span, &path("environment"), text, "");
        service.env.push((variable.to_owned(), value.to_owned()));
    }
    if service.count > 1 && service.volumes.iter().any(|it| !it.is_ram) {
        let text = format!(
            "each of the {} replicas has volumes of its own; they share nothing",
            service.count
        );
        let advice = "Run one replica, or keep what they share in a database or object storage.";
        notes.changed(service.span, &path("volumes"), text, advice);
    }
    if let Some(data) = volumes::forgotten(&service) {
        let text = format!(
            "this image keeps its data in {data}, where no volume is mounted: it is lost on each restart"
        );
        notes.changed(
            service.span,
            &format!("services.{name}"),
            text,
            "Mount a named volume there to keep it.",
        );
    }
    resources::read(&mut service, body, notes);
    relations(&mut service, body, notes);
    for key in ["secrets", "configs"] {
        for item in body.get(key).map(Value::items).unwrap_or_default() {
            let source = item.text().or_else(|| item.text_of("source")).unwrap_or_default();
            let place = item.text_of("target").unwrap_or(source);
            let place = match (place.starts_with('/'), key) {
                (true, _) => place.to_owned(),
                (false, "secrets") => format!("/run/secrets/{place}"),
                (false, _) => format!("/{place}"),
            };
            let what =
                format!("the file of `{source}` (at `{place}`) is not there: SDL has no {key}");
            notes.lost(item.span, &path(key), what, "Give it as a variable, or write the file at the beginning of the command from one.");
        }
    }
    rest(&service, body, notes);
    Some(service)
}

fn image(service: &mut Service, body: &Value, cx: &Context<'_>, notes: &mut Notes<'_>) {
    let given = cx.options.images.get(&service.name).cloned();
    let written = body.text_of("image").map(str::to_owned).filter(|it| !it.is_empty());
    let build = body.entry("build").filter(|it| !it.value.is_null());
    let path = format!("services.{}", service.name);
    let placeholder = format!("docker.io/change-me/{}:1.0", service.sdl_name);
    let advice = "Build it, push it to a registry (`docker build -t NAME . && docker push NAME`), and write NAME here. The \
                  machine must be x86-64.";
    service.image = match (given, written, build) {
        (Some(image), _, _) => image,
        (None, Some(image), Some(build)) => {
            let text = format!("providers build nothing; `{image}` must be in a registry");
            notes.changed(build.key_span, &format!("{path}.build"), text, advice);
            service.image_comment = Some("Build and push this image first.".to_owned());
            image
        }
        (None, None, Some(build)) => {
            notes.lost(
                build.key_span,
                &format!("{path}.build"),
                "providers build nothing, and no image is named",
                advice,
            );
            service.image_comment =
                Some("Put the name of the image that you have built and pushed here.".to_owned());
            placeholder
        }
        (None, Some(image), None) => image,
        (None, None, None) => {
            notes.lost(service.span, &path, "names neither an image nor a build", advice);
            service.image_comment =
                Some("The Compose file names no image; put one here.".to_owned());
            placeholder
        }
    };
    let (name, tag) = images::parts(&service.image);
    if !service.image.contains('@') && tag.is_none_or(|it| it == "latest" || it.is_empty()) {
        let span = body.entry("image").map_or(service.span, |it| it.value.span);
        let example = known_image(&service.image).map_or("1.0", |it| it.tag);
        let text = format!(
            "`{}` names no version: what runs is whatever is newest when a machine pulls it",
            service.image
        );
        notes.changed(
            span,
            &format!("{path}.image"),
            text,
            &format!("Write a version, for example `{name}:{example}`."),
        );
    }
    if let Some(platform) = body.get("platform") {
        let text = platform.text().unwrap_or_default();
        match text.split('/').nth(1) {
            Some("amd64") | None => {}
            Some(arch) => {
                service.arch = Some(arch.to_owned());
                let text = format!("asks for CPUs of type `{arch}`, which few providers have");
                notes.changed(
                    platform.span,
                    &format!("{path}.platform"),
                    text,
                    "Build the image for `linux/amd64` too, and remove the attribute.",
                );
            }
        }
    }
}

/// Entry point and command.
fn process(service: &mut Service, body: &Value, notes: &mut Notes<'_>) {
    let path = |key: &str| format!("services.{}.{key}", service.name);
    let mut read = |key: &str| -> Option<Vec<String>> {
        let value = body.get(key)?;
        match &value.data {
            Data::Scalar(text) => match words::split(text) {
                Ok(words) => Some(words),
                Err(error) => {
                    let text = format!("{error}, so this is passed to a shell as it is");
                    notes.changed(value.span, &path(key), text, "Write it as a list.");
                    Some(vec![
                        "sh".to_owned(),
                        "-c".to_owned(),
                        value.text().unwrap_or_default().to_owned(),
                    ])
                }
            },
            Data::List(items) => {
                Some(items.iter().map(|it| it.text().unwrap_or_default().to_owned()).collect())
            }
            _ => None,
        }
    };
    let command = read("entrypoint");
    let args = read("command");
    if command.as_ref().is_some_and(|it| it.iter().all(String::is_empty)) {
        let text = "an empty entry point takes the image's away, which SDL cannot say";
        notes.changed(
            service.span,
            &path("entrypoint"),
            text,
            "Write what is started as `command`.",
        );
    }
    service.command = command.filter(|it| !it.iter().all(String::is_empty));
    service.args = args.filter(|it| !it.is_empty());
    // Compose drops the image's arguments when the entry point is replaced, and so does a provider.
}

fn replicas(service: &mut Service, body: &Value, notes: &mut Notes<'_>) {
    let deploy = body.get("deploy");
    let written = deploy.and_then(|it| it.get("replicas")).or_else(|| body.get("scale"));
    let path = format!("services.{}.deploy.replicas", service.name);
    if let Some(value) = written {
        match value.text().and_then(|it| it.parse::<u32>().ok()) {
            Some(count) if count > MOST_REPLICAS => {
                service.count = MOST_REPLICAS;
                notes.changed(
                    value.span,
                    &path,
                    format!("{count} replicas become {MOST_REPLICAS}"),
                    "Raise `count` if a provider has room for them.",
                );
            }
            Some(count) => service.count = count,
            None => notes.lost(value.span, &path, "this is no number of replicas; one runs", ""),
        }
    }
    if let Some(mode) =
        deploy.and_then(|it| it.get("mode")).filter(|it| it.text() == Some("global"))
    {
        notes.changed(
            mode.span,
            &format!("services.{}.deploy.mode", service.name),
            "`global` runs one on each machine; here one runs",
            "Set `count`.",
        );
    }
}

/// `depends_on`, `links`, networks, `restart`, names.
fn relations(service: &mut Service, body: &Value, notes: &mut Notes<'_>) {
    let name = service.name.clone();
    let path = |key: &str| format!("services.{name}.{key}");
    if let Some(depends) = body.get("depends_on") {
        let listed: Vec<String> = match &depends.data {
            Data::Map(entries) => entries.iter().map(|it| it.key.clone()).collect(),
            _ => depends.items().iter().filter_map(|it| it.text().map(str::to_owned)).collect(),
        };
        let text = "all services start at once: SDL knows no order and no health";
        notes.changed(
            depends.span,
            &path("depends_on"),
            text,
            "Let the program try again until what it needs answers.",
        );
        service.depends.extend(listed);
    }
    for link in body.get("links").map(Value::items).unwrap_or_default() {
        let text = link.text().unwrap_or_default();
        let (target, alias) = text.split_once(':').unwrap_or((text, text));
        if alias != target {
            notes.lost(
                link.span,
                &path("links"),
                format!(
                    "the name `{alias}` does not exist; services are reached by their own names"
                ),
                &format!("Use `{target}`."),
            );
        }
        service.depends.push(target.to_owned());
    }
    if let Some(networks) = body.get("networks") {
        for it in networks.entries() {
            for alias in it.value.get("aliases").map(Value::items).unwrap_or_default() {
                let text = format!(
                    "the name `{}` does not exist; services are reached by their own names",
                    alias.text().unwrap_or_default()
                );
                notes.lost(alias.span, &path("networks"), text, &format!("Use `{name}`."));
            }
            if let Some(address) = it.value.get("ipv4_address") {
                notes.lost(
                    address.span,
                    &path("networks"),
                    "addresses cannot be chosen",
                    &format!("Use the name `{name}`."),
                );
            }
        }
    }
    if let Some(mode) = body.get("network_mode") {
        match mode.text().unwrap_or_default() {
            "bridge" | "default" => {}
            "none" => {
                notes.changed(mode.span, &path("network_mode"), "every container has a network", "")
            }
            "host" => notes.lost(
                mode.span,
                &path("network_mode"),
                "a container never sees the host's network",
                "Publish each port under `ports`.",
            ),
            other => notes.lost(
                mode.span,
                &path("network_mode"),
                format!("`{other}`: containers cannot share a network address"),
                "Talk to the other service by its name.",
            ),
        }
    }
    let restart =
        body.get("restart").or_else(|| body.get("deploy").and_then(|it| it.get("restart_policy")));
    if let Some(restart) = restart {
        let text = restart.text().or_else(|| restart.text_of("condition")).unwrap_or_default();
        if text == "no" || text == "none" || text.starts_with("on-failure") {
            notes.changed(
                restart.span,
                &path("restart"),
                format!("`{text}`: providers always start a container again, even after success"),
                "Let a job that is done sleep: `… && sleep infinity`.",
            );
        }
    }
    for key in ["container_name", "hostname"] {
        if let Some(value) = body.get(key).filter(|it| it.text() != Some(name.as_str())) {
            let text = format!(
                "the name `{}` does not exist; others reach it as `{}`",
                value.text().unwrap_or_default(),
                service.sdl_name
            );
            notes.changed(value.span, &path(key), text, "");
        }
    }
}

/// What reverse proxies read from labels: host names and a port.
fn labels(service: &mut Service, body: &Value, notes: &mut Notes<'_>) {
    let Some(labels) = body.get("labels") else { return };
    let list: Vec<(String, String)> = match &labels.data {
        Data::Map(entries) => entries
            .iter()
            .map(|it| (it.key.clone(), it.value.text().unwrap_or_default().to_owned()))
            .collect(),
        _ => labels
            .items()
            .iter()
            .filter_map(|it| {
                it.text()?.split_once('=').map(|it| (it.0.to_owned(), it.1.to_owned()))
            })
            .collect(),
    };
    for (key, value) in &list {
        if key.starts_with("traefik.http.routers.") && key.ends_with(".rule") {
            service.hosts.extend(hosts_of(value));
        }
        if key.starts_with("traefik.http.services.") && key.ends_with(".loadbalancer.server.port") {
            service.labelled_port = value.parse().ok().filter(|it| *it > 0);
        }
        // The proxy of the `caddy` labels.
        if key == "caddy" {
            service
                .hosts
                .extend(value.split_whitespace().filter(|it| is_host(it)).map(str::to_owned));
        }
    }
    service.hosts.dedup();
    let path = format!("services.{}.labels", service.name);
    if !service.hosts.is_empty() {
        let text = format!("the proxy's host names are carried: {}", service.hosts.join(", "));
        notes.changed(
            labels.span,
            &path,
            text,
            "Point their DNS at the provider; its own certificate is shown for them.",
        );
    } else if list.iter().any(|it| it.0.starts_with("traefik.") || it.0.starts_with("caddy")) {
        notes.lost(
            labels.span,
            &path,
            "nobody reads labels",
            "Write host names into `accept` of the port.",
        );
    }
}

/// The names in ``Host(`a.example`) || Host(`b.example`)``.
fn hosts_of(rule: &str) -> Vec<String> {
    let mut hosts = Vec::new();
    for part in rule.split("Host(").skip(1) {
        let inner = part.split(')').next().unwrap_or_default();
        for host in inner.split(',').map(|it| it.trim().trim_matches(['`', '"', '\''])) {
            if is_host(host) && !hosts.iter().any(|it| it == host) {
                hosts.push(host.to_owned());
            }
        }
    }
    hosts
}

/// A host name as SDL takes it, with at least one dot.
pub(super) fn is_host(text: &str) -> bool {
    let is_inner = |it: u8| it.is_ascii_lowercase() || it.is_ascii_digit() || it == b'-';
    let is_label = |it: &str| {
        !it.is_empty() && it.bytes().all(is_inner) && !it.starts_with('-') && !it.ends_with('-')
    };
    text.len() <= 253 && text.contains('.') && text.split('.').all(is_label)
}

/// Every other key.
fn rest(service: &Service, body: &Value, notes: &mut Notes<'_>) {
    for entry in body.entries() {
        let key = entry.key.as_str();
        let path = format!("services.{}.{key}", service.name);
        if entry.value.is_null()
            || keys::READ.contains(&key)
            || keys::SILENT.contains(&key)
            || key.starts_with("x-")
        {
            continue;
        }
        let is_off = matches!(entry.value.text(), Some("false" | "no" | ""));
        match keys::LOST.iter().find(|it| it.key == key) {
            Some(_) if is_off => {}
            Some(it) => notes.lost(entry.key_span, &path, it.text, it.advice),
            None => {
                let near = crate::suggest::nearest(key, keys::all());
                let near = near.map_or_else(String::new, |it| format!("; did you mean `{it}`?"));
                notes.lost(entry.key_span, &path, format!("Compose knows no `{key}`{near}"), "");
            }
        }
    }
}
