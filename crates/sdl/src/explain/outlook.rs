//! What lasts, what will be refused, and what cannot be known.

use super::cost::{CHAIN_DENOM, DAY_MS, HOUR_MS};
use super::{Options, words};
use crate::Compiled;
use crate::manifest::Service;
use std::collections::{BTreeMap, BTreeSet};

fn services(compiled: &Compiled) -> impl Iterator<Item = &Service> {
    compiled.manifest.groups().iter().flat_map(|it| it.services())
}

/// Services with the names to call them by: a service of several groups is told with its group.
fn named(compiled: &Compiled) -> impl Iterator<Item = (String, &Service)> {
    let is_alone = compiled.manifest.groups().len() == 1;
    compiled.manifest.groups().iter().flat_map(move |group| {
        group.services().iter().map(move |it| match is_alone {
            true => (format!("`{}`", it.name), it),
            false => (format!("`{}` in group `{}`", it.name, group.name), it),
        })
    })
}

/// What is kept and what is lost (spec `provider.md` 5.4, 5.7, 5.15, 5.16).
pub(super) fn lifetime(compiled: &Compiled) -> Vec<String> {
    let mut list = Vec::new();
    let mut keeps_anything = false;
    for (name, service) in named(compiled) {
        let mounts =
            service.params.as_ref().and_then(|it| it.storage.as_deref()).unwrap_or_default();
        let mut kept: Vec<String> = Vec::new();
        for volume in service.resources.volumes().iter().filter(|it| it.is_persistent()) {
            let mount = mounts.iter().find(|it| it.name == volume.name && !it.mount.is_empty());
            match mount {
                Some(mount) => kept.push(format!("`{}`", mount.mount)),
                None => list.push(format!(
                    "{name} does not mount its persistent volume `{}`: it is paid for and not used.",
                    volume.name
                )),
            }
        }
        if kept.is_empty() {
            continue;
        }
        keeps_anything = true;
        let copies = match service.count {
            0 | 1 => String::new(),
            more => {
                format!(" Each of its {more} replicas has a volume of its own; they share nothing.")
            }
        };
        list.push(format!(
            "{name} keeps what is in {} when it restarts and when the deployment is updated.{copies}",
            words::list(&kept, "and")
        ));
    }
    list.push(match keeps_anything {
        true => "Everything else that a container writes is lost when it restarts, and each update of its \
                 service restarts it."
            .to_owned(),
        false => "Nothing is kept: what a container writes is lost when it restarts, and each update of its \
                  service restarts it."
            .to_owned(),
    });
    if keeps_anything {
        list.push(
            "Persistent volumes are deleted too when the deployment is closed, when the lease ends, or when \
             the deposit runs out."
                .to_owned(),
        );
    }
    list.push(
        "An update can change image, command, args, env, host names and HTTP options. Resources, counts, kinds \
         of ports, prices and placement stay as they are until the deployment is closed."
            .to_owned(),
    );
    list
}

/// What compiles and will still not work.
pub(super) fn obstacles(compiled: &Compiled) -> Vec<String> {
    let mut list = Vec::new();
    let denoms: BTreeSet<&str> = compiled
        .group_specs()
        .iter()
        .flat_map(|it| &it.resources)
        .map(|it| it.price.denom.as_str())
        .collect();
    for denom in denoms.into_iter().filter(|it| *it != CHAIN_DENOM) {
        list.push(format!(
            "Prices are in `{denom}`: the chain opens new deployments only with prices and deposit in \
             `{CHAIN_DENOM}`. Write `denom: {CHAIN_DENOM}` and an amount for it."
        ));
    }
    if let Some(ns) = compiled.reclamation_ns {
        let ms = u128::try_from(ns).unwrap_or_default() / 1_000_000;
        let (least, most) = (u128::from(HOUR_MS), u128::from(DAY_MS) * 30);
        if ms < least || ms > most {
            list.push(format!(
                "A notice of {} is outside of what the chain takes, 1 hour to 30 days unless governance has \
                 changed it.",
                words::duration_ms(ms)
            ));
        }
    }
    for spec in compiled.group_specs() {
        for unit in &spec.resources {
            let volumes = unit.resource.volumes();
            let what = format!("unit {} of group `{}`", unit.resource.id, spec.name);
            if volumes.len() > 4 {
                list.push(format!(
                    "{what} has {} volumes: providers refuse more than 4 unless they are set up otherwise.",
                    volumes.len()
                ));
            }
            if volumes.iter().filter(|it| words::class_of(it) == "ephemeral").count() > 1 {
                list.push(format!(
                    "{what} has several volumes without class: they are one disk, and only the last size counts \
                     for its limit. Use one volume, or give the others a class."
                ));
            }
            for volume in
                volumes.iter().filter(|it| it.is_persistent() && it.attribute("class").is_none())
            {
                list.push(format!(
                    "Volume `{}` of {what} is persistent without a class: providers refuse it. Write `class: \
                     default`.",
                    volume.name
                ));
            }
        }
    }
    for (name, service) in named(compiled) {
        list.extend(service_obstacles(&name, service));
    }
    list
}

fn service_obstacles(name: &str, service: &Service) -> Vec<String> {
    let mut list = Vec::new();
    let mounts = service.params.as_ref().and_then(|it| it.storage.as_deref()).unwrap_or_default();
    for mount in mounts.iter().filter(|it| !it.mount.is_empty()) {
        let volume = service.resources.volumes().iter().find(|it| it.name == mount.name);
        if volume.is_some_and(|it| words::class_of(it) == "ephemeral") {
            list.push(format!(
                "{name} mounts `{}`, which is an ephemeral volume without class: providers cannot mount it. Make it \
                 persistent, give it `class: ram`, or drop the mount: the container's own disk is writable.",
                mount.name
            ));
        }
    }
    if service.count == 0 {
        list.push(format!("{name} has a count of 0: nothing of it runs."));
    }
    let mut taken: BTreeMap<(bool, u32), &str> = BTreeMap::new();
    for expose in service.exposes() {
        let inside = !expose.global || expose.is_shared_http();
        let outside = expose.effective_external_port();
        match taken.get(&(inside, outside)) {
            Some(first) if *first != expose.proto => list.push(format!(
                "{name} opens port {outside} for {first} and {}: providers on Kubernetes open it for {first} only. \
                 Use another outside port (`as`) for one of them.",
                expose.proto
            )),
            Some(_) => {}
            None => {
                taken.insert((inside, outside), &expose.proto);
            }
        }
    }
    list
}

/// What the file does not say.
pub(super) fn unknowns(compiled: &Compiled, options: &Options) -> Vec<String> {
    let mut list = vec![
        "Who will bid, and for how much: prices here are the most that you accept, offers are usually lower."
            .to_owned(),
        format!(
            "How fast blocks come: {} between two of them is assumed.",
            match options.block_time_ms {
                ms if ms % 1000 == 0 => format!("{} s", ms / 1000),
                ms => format!("{} s", super::cost::plain(&format!("{}.{:03}", ms / 1000, ms % 1000))),
            }
        ),
    ];
    let exposes = || services(compiled).flat_map(|it| it.exposes()).filter(|it| it.global);
    if exposes().any(|it| it.is_shared_http()) {
        list.push("Host names that the provider makes: known once the lease exists.".to_owned());
    }
    if exposes().any(|it| !it.is_shared_http()) {
        list.push("Ports that the provider picks: known once the lease exists.".to_owned());
    }
    if exposes().any(|it| !it.ip.is_empty()) {
        list.push(
            "Leased addresses: known once the lease exists; not every provider has some."
                .to_owned(),
        );
    }
    let denoms: BTreeSet<&str> = compiled
        .group_specs()
        .iter()
        .flat_map(|it| &it.resources)
        .map(|it| it.price.denom.as_str())
        .collect();
    for denom in denoms {
        match denom {
            "uact" => list.push(
                "The rate of ACT: it is meant to be worth 1 USD, and that is assumed.".to_owned(),
            ),
            "uakt" if options.akt_price_usd.is_none() => {
                list.push(
                    "What AKT is worth: no price was given, so there are no dollars here."
                        .to_owned(),
                );
            }
            "uakt" => {}
            other => list.push(format!("What `{other}` is worth, and how many digits it has.")),
        }
    }
    list
}
