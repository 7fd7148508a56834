//! A compiled file as an [`Explanation`].

use super::cost::Cost;
use super::{
    Explanation, GroupExplained, MountExplained, Options, Reclamation, ServiceExplained,
    StorageTotal, Totals, UnitExplained, VolumeExplained, gpu, outlook, ports, words,
};
use crate::groups::{GroupSpec, Requirements, ResourceUnit};
use crate::manifest::{Service, StorageParams, Tee};
use crate::quantity::Price;
use crate::resources::{EndpointKind, Volume};
use crate::{Compiled, Language};
use std::collections::{BTreeMap, BTreeSet};

pub(super) fn explain(compiled: &Compiled, options: &Options) -> Explanation {
    let prices = compiled.max_prices();
    let mut sum = Sum::default();
    let mut groups = Vec::new();
    for (index, spec) in compiled.group_specs().iter().enumerate() {
        let price = prices.get(index).map_or(Price::from_atto(0), |it| it.amount);
        let services =
            compiled.manifest.group(&spec.name).map(|it| it.services()).unwrap_or_default();
        groups.push(group(spec, services, price, options));
        sum.add_group(spec);
    }
    let price = prices.iter().fold(Price::from_atto(0), |sum, it| sum.plus(it.amount));
    let denom = prices.first().map(|it| it.denom.as_str()).unwrap_or_default();
    let has_one_denom = prices.iter().all(|it| it.denom == denom);
    let cost = (has_one_denom && !prices.is_empty()).then(|| Cost::new(price, denom, options));
    let mut explanation = Explanation {
        summary: String::new(),
        language: match compiled.language {
            Language::V2_0 => "2.0".to_owned(),
            Language::V2_1 => "2.1".to_owned(),
        },
        version: compiled.version_hex(),
        groups,
        total: sum.finish(),
        cost,
        deposit: super::Deposit::new(price, denom, options),
        reclamation: compiled.reclamation_ns.map(reclamation),
        lifetime: outlook::lifetime(compiled),
        obstacles: outlook::obstacles(compiled),
        unknowns: outlook::unknowns(compiled, options),
    };
    explanation.summary = summary(&explanation);
    explanation
}

fn summary(it: &Explanation) -> String {
    let services: usize = it.groups.iter().map(|group| group.services.len()).sum();
    let services = words::plural(u128::try_from(services).unwrap_or_default(), "service");
    let replicas = words::plural(u128::from(it.total.replicas), "replica");
    let groups = u128::try_from(it.groups.len()).unwrap_or_default();
    let mut parts = vec![it.total.cpu.clone(), format!("{} of memory", it.total.memory)];
    if it.total.gpu > 0 {
        parts.push(words::plural(it.total.gpu, "GPU"));
    }
    parts.extend(it.total.storage.iter().map(|it| it.words.clone()));
    let leases = match groups {
        1 => "one lease".to_owned(),
        more => format!("{} (one for each group)", words::plural(more, "lease")),
    };
    let cost = it.cost.as_ref().map_or_else(String::new, |it| {
        let month = &it.per_month;
        let usd = month.usd.as_ref().map_or_else(String::new, |it| format!(" ({it})"));
        format!(", for at most {}{usd} a month", month.words)
    });
    format!("{services} with {replicas} on {leases}: {}{cost}.", words::list(&parts, "and"))
}

fn group(
    spec: &GroupSpec,
    services: &[Service],
    price: Price,
    options: &Options,
) -> GroupExplained {
    let mut sum = Sum::default();
    sum.add_group(spec);
    let denom = spec.resources.first().map(|it| it.price.denom.as_str()).unwrap_or_default();
    GroupExplained {
        name: spec.name.clone(),
        requirements: requirements(&spec.requirements),
        units: spec.resources.iter().map(|it| unit(it, services)).collect(),
        services: services.iter().map(service).collect(),
        total: sum.finish(),
        cost: Cost::new(price, denom, options),
    }
}

/// What a provider must be, one sentence each.
fn requirements(it: &Requirements) -> Vec<String> {
    let mut list: Vec<String> = it
        .attributes
        .as_deref()
        .unwrap_or_default()
        .iter()
        .map(|it| match (it.key.as_str(), it.value.as_str()) {
            ("tee/type", value) => format!("offers confidential computing of type `{value}`"),
            (key, "true") => format!("has `{key}`"),
            (key, "") => format!("has `{key}` with an empty value"),
            (key, value) => format!("has `{key}` = `{value}`"),
        })
        .collect();
    let names =
        |list: &[String]| -> Vec<String> { list.iter().map(|it| format!("`{it}`")).collect() };
    match it.signed_by.all_of.as_deref() {
        None | Some([]) => {}
        Some(all) => {
            list.push(format!("its attributes are signed by {}", words::list(&names(all), "and")))
        }
    }
    match it.signed_by.any_of.as_deref() {
        None | Some([]) => {}
        Some([one]) => list.push(format!("its attributes are signed by `{one}`")),
        Some(any) => {
            list.push(format!(
                "its attributes are signed by one of {}",
                words::list(&names(any), "or")
            ));
        }
    }
    if list.is_empty() {
        list.push("any provider may bid, audited or not".to_owned());
    }
    list
}

fn unit(it: &ResourceUnit, services: &[Service]) -> UnitExplained {
    let resource = &it.resource;
    let mut cpu = words::cpu(u128::from(resource.cpu_milli()));
    let architectures: Vec<&str> = resource
        .cpu
        .iter()
        .flat_map(|it| &it.attributes)
        .filter(|it| it.key == "arch")
        .map(|it| it.value.as_str())
        .collect();
    if !architectures.is_empty() {
        cpu.push_str(&format!(" ({})", architectures.join(", ")));
    }
    UnitExplained {
        id: resource.id,
        services: services
            .iter()
            .filter(|it| it.resources.id == resource.id)
            .map(|it| it.name.clone())
            .collect(),
        count: it.count,
        cpu_milli: resource.cpu_milli(),
        cpu,
        memory_bytes: resource.memory_bytes(),
        memory: words::bytes(u128::from(resource.memory_bytes())),
        gpu: resource.gpu.as_ref().and_then(gpu::explain),
        volumes: resource.volumes().iter().map(volume).collect(),
        price_per_block: format!(
            "{} {}",
            super::cost::trimmed(&it.price.amount.to_string()),
            it.price.denom
        ),
    }
}

fn volume(it: &Volume) -> VolumeExplained {
    let class = words::class_of(it);
    let size = words::bytes(u128::from(it.size.0));
    VolumeExplained {
        name: it.name.clone(),
        size_bytes: it.size.0,
        words: format!("{size} {}", words::storage_class(&class)),
        size,
        class,
        persistent: it.is_persistent(),
    }
}

fn service(it: &Service) -> ServiceExplained {
    let params = it.params.as_ref();
    let mounts = params.and_then(|it| it.storage.as_deref()).unwrap_or_default();
    ServiceExplained {
        name: it.name.clone(),
        image: it.image.clone(),
        count: it.count,
        unit: it.resources.id,
        starts: starts(it),
        env: it
            .env
            .iter()
            .flatten()
            .map(|it| it.split_once('=').map_or(it.as_str(), |it| it.0).to_owned())
            .collect(),
        ports: ports::explain(it),
        mounts: mounts
            .iter()
            .filter(|it| !it.mount.is_empty())
            .map(|mount| mounted(mount, it))
            .collect(),
        private_registry: it.credentials.as_ref().map(|it| it.host.clone()),
        permissions: params
            .and_then(|it| it.permissions.as_ref())
            .map(|it| it.read.clone())
            .unwrap_or_default(),
        tee: params.and_then(|it| it.tee.as_ref()).map(tee),
    }
}

fn mounted(it: &StorageParams, service: &Service) -> MountExplained {
    let volume = service.resources.volumes().iter().find(|volume| volume.name == it.name);
    let what = volume.map_or_else(
        || "a volume that the profile lacks".to_owned(),
        |it| {
            let class = words::class_of(it);
            let size = words::bytes(u128::from(it.size.0));
            format!("{size} {}", words::storage_class(&class))
        },
    );
    let read_only = if it.read_only { ", read-only" } else { "" };
    MountExplained {
        volume: it.name.clone(),
        path: it.mount.clone(),
        read_only: it.read_only,
        words: format!("{} is `{}`, {what}{read_only}", it.mount, it.name),
    }
}

/// What is started instead of what the image says; long scripts are cut.
fn starts(it: &Service) -> Option<String> {
    if it.command.is_none() && it.args.is_none() {
        return None;
    }
    let words: Vec<String> = it.command.iter().chain(&it.args).flatten().cloned().collect();
    // What looks like a secret is hidden, as in `diff`.
    let line = crate::diff::mask::command_line(&words);
    let text = match it.command.as_deref() {
        None | Some([]) => format!("(the image's entry point) {line}").trim_end().to_owned(),
        Some(_) => line,
    };
    match text.char_indices().nth(200) {
        Some((at, _)) => Some(format!("{}…", text.get(..at).unwrap_or_default())),
        None => Some(text),
    }
}

fn tee(it: &Tee) -> String {
    match it.kind.as_str() {
        "cpu" => "in an encrypted machine (CPU), with attestation".to_owned(),
        "cpu-gpu" => "in an encrypted machine (CPU and GPU), with attestation".to_owned(),
        other => format!("confidential computing of type `{other}`"),
    }
}

fn reclamation(ns: i64) -> Reclamation {
    let ms = u128::try_from(ns).unwrap_or_default() / 1_000_000;
    Reclamation {
        min_window_ns: ns,
        words: format!(
            "A provider that wants the resources back must give at least {} of notice; only \
             providers that promise it can bid, and the price goes on during the notice.",
            words::duration_ms(ms)
        ),
    }
}

/// Resources summed up.
#[derive(Default)]
struct Sum {
    totals: Totals,
    storage: BTreeMap<String, u128>,
    addresses: BTreeSet<u32>,
}

impl Sum {
    fn add_group(&mut self, spec: &GroupSpec) {
        for unit in &spec.resources {
            let (count, resource) = (u128::from(unit.count), &unit.resource);
            let totals = &mut self.totals;
            totals.replicas = totals.replicas.saturating_add(u64::from(unit.count));
            totals.cpu_milli += u128::from(resource.cpu_milli()) * count;
            totals.memory_bytes += u128::from(resource.memory_bytes()) * count;
            totals.gpu += u128::from(resource.gpu_units()) * count;
            for volume in resource.volumes() {
                let bytes = u128::from(volume.size.0) * count;
                *self.storage.entry(words::class_of(volume)).or_default() += bytes;
            }
            for endpoint in resource.endpoints.iter().flatten() {
                match endpoint.kind {
                    EndpointKind::SharedHttp => totals.http_endpoints += 1,
                    EndpointKind::RandomPort => totals.random_ports += 1,
                    EndpointKind::LeasedIp => {
                        self.addresses.insert(endpoint.sequence_number);
                    }
                    EndpointKind::Other(_) => {}
                }
            }
        }
    }

    fn finish(self) -> Totals {
        let mut totals = self.totals;
        totals.cpu = words::cpu(totals.cpu_milli);
        totals.memory = words::bytes(totals.memory_bytes);
        totals.leased_ips = u64::try_from(self.addresses.len()).unwrap_or(u64::MAX);
        totals.storage = self
            .storage
            .into_iter()
            .map(|(class, bytes)| StorageTotal {
                words: format!("{} {}", words::bytes(bytes), words::storage_class(&class)),
                class,
                bytes,
            })
            .collect();
        totals
    }
}
