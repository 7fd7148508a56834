//! What a service asks of a machine: memory, GPUs, volumes.

use super::images::ImageRef;
use super::{Cx, is_there};
use crate::ast::{Gpu, Resources, Service};
use crate::build::Pair;
use crate::diagnostics::{Diagnostic, Sink, Span};
use crate::rules::Rule;
use crate::suggest;
use crate::yaml::Kind;
use std::collections::BTreeMap;

/// How many places are looked up in the tree; beyond, a warning points at the number of GPUs.
const MOST_LOOKUPS: usize = 64;

pub(super) fn check(cx: &Cx<'_, '_, '_>, sink: &mut Sink) {
    let mut users: BTreeMap<&str, Vec<&Pair<'_, '_>>> = BTreeMap::new();
    for pair in cx.pairs {
        users.entry(pair.deployed.profile.text.as_ref()).or_default().push(pair);
    }
    let mut lookups = MOST_LOOKUPS;
    for (name, users) in users {
        let Some(resources) = users.first().and_then(|it| it.resources()) else { continue };
        memory(cx, resources, sink);
        if let Some(gpu) = resources.gpu.as_ref().filter(|it| it.units.value > 0) {
            gpus(cx, name, gpu, &mut lookups, sink);
        }
        unmounted(resources, &users, sink);
    }
    for pair in cx.pairs {
        let (Some(service), Some(resources)) = (pair.service, pair.resources()) else { continue };
        read_only(&service.value, resources, sink);
        database(pair.service_name, &service.value, resources, sink);
    }
}

/// Volumes that cost extra and that no service mounts.
fn unmounted(resources: &Resources<'_>, users: &[&Pair<'_, '_>], sink: &mut Sink) {
    for volume in resources.storage.iter().filter(|it| it.attribute("class").is_some()) {
        let is_mounted = users.iter().any(|it| {
            let params = it.service.and_then(|it| it.value.params.as_ref());
            params.is_some_and(|it| it.storage.contains_key(volume.name.as_ref()))
        });
        if is_mounted {
            continue;
        }
        let message = format!(
            "no service mounts the {} volume `{}`, yet it is paid for",
            if volume.is_persistent() { "persistent" } else { "in-memory" },
            volume.name
        );
        let span = if is_there(volume.size.span) { volume.size.span } else { volume.span };
        sink.push(Diagnostic::new(Rule::UnmountedVolume, span, message).hint(format!(
            "write `params: {{storage: {{{}: {{mount: /data}}}}}}` in the service, or remove the volume",
            volume.name
        )));
    }
}

/// `512M` is 488 MiB; who writes a power of two means one.
fn memory(cx: &Cx<'_, '_, '_>, resources: &Resources<'_>, sink: &mut Sink) {
    let Some(memory) = resources.memory else { return };
    let written = cx.written(memory.span);
    let Some((number, suffix)) =
        written.len().checked_sub(1).and_then(|it| written.split_at_checked(it))
    else {
        return;
    };
    if !matches!(suffix, "M" | "G" | "k") {
        return;
    }
    let Ok(value) = number.parse::<u64>() else { return };
    // 512, 768, 1024, …: a power of two, or one and a half times one.
    let odd = value >> value.trailing_zeros().min(63);
    let is_binary = value > 0 && matches!(odd, 1 | 3) && (suffix == "G" || value >= 64);
    if !is_binary {
        return;
    }
    let mebi = memory.value >> 20;
    let missing = match suffix {
        "G" => value.saturating_mul(1 << 30),
        "M" => value.saturating_mul(1 << 20),
        _ => value.saturating_mul(1 << 10),
    };
    let lacking = missing.saturating_sub(memory.value).saturating_mul(100);
    let percent = lacking.saturating_add(missing / 2) / missing.max(1);
    let message = format!("`{written}` is {mebi} MiB, {percent} % less than `{number}{suffix}i`");
    sink.push(
        Diagnostic::new(Rule::DecimalMemory, memory.span, message)
            .hint(format!("write `{number}{suffix}i`, if that was meant")),
    );
}

// GPUs.

/// Models as providers name them, in the list of devices that they are configured with.
const MODELS: [&str; 104] = [
    "a10",
    "a100",
    "a16",
    "a2",
    "a2000",
    "a30",
    "a40",
    "a4000",
    "a4500",
    "a5000",
    "a6000",
    "a800",
    "b100",
    "b200",
    "b300",
    "gb200",
    "gb300",
    "gh200",
    "gt1030",
    "gtx1050",
    "gtx1050ti",
    "gtx1060",
    "gtx1070",
    "gtx1070ti",
    "gtx1080",
    "gtx1080ti",
    "gtx1650",
    "gtx1650super",
    "gtx1650ti",
    "gtx1660",
    "gtx1660super",
    "gtx1660ti",
    "gtx960",
    "gtx970",
    "gtx980",
    "gtx980ti",
    "h100",
    "h200",
    "h20",
    "h800",
    "l4",
    "l40",
    "l40s",
    "m4000",
    "mx150",
    "p100",
    "p2000",
    "p4",
    "p40",
    "p4000",
    "p5000",
    "p6000",
    "pro6000",
    "pro6000se",
    "pro6000we",
    "rtx2000eada",
    "rtx2060",
    "rtx2060super",
    "rtx2070",
    "rtx2070super",
    "rtx2080",
    "rtx2080super",
    "rtx2080ti",
    "rtx3050",
    "rtx3060",
    "rtx3060ti",
    "rtx3070",
    "rtx3070ti",
    "rtx3080",
    "rtx3080ti",
    "rtx3090",
    "rtx3090ti",
    "rtx4000",
    "rtx4000ada",
    "rtx4000sffada",
    "rtx4060",
    "rtx4060ti",
    "rtx4070",
    "rtx4070super",
    "rtx4070ti",
    "rtx4070tisuper",
    "rtx4080",
    "rtx4080super",
    "rtx4090",
    "rtx4500ada",
    "rtx5000",
    "rtx5000ada",
    "rtx5060",
    "rtx5060ti",
    "rtx5070",
    "rtx5070ti",
    "rtx5080",
    "rtx5090",
    "rtx6000",
    "rtx6000ada",
    "rtx8000",
    "rtxa2000",
    "rtxa4000",
    "rtxa4500",
    "rtxa5000",
    "rtxa5500",
    "rtxa6000",
    "t4",
    "v100",
];

/// Models as providers name them.
pub(crate) fn gpu_models() -> &'static [&'static str] {
    &MODELS
}

/// Models that are made with different memory, and with which.
const SIZES: [(&str, &str, &str); 7] = [
    ("a100", "40Gi", "80Gi"),
    ("v100", "16Gi", "32Gi"),
    ("p100", "12Gi", "16Gi"),
    ("rtx3060", "8Gi", "12Gi"),
    ("rtx3080", "10Gi", "12Gi"),
    ("rtx4060ti", "8Gi", "16Gi"),
    ("gtx1060", "3Gi", "6Gi"),
];

fn gpus(cx: &Cx<'_, '_, '_>, profile: &str, gpu: &Gpu, lookups: &mut usize, sink: &mut Sink) {
    for attribute in &gpu.attributes {
        let Some(rest) = attribute.key.strip_prefix("vendor/nvidia/model/") else { continue };
        let mut parts = rest.split('/');
        let model = parts.next().unwrap_or_default();
        let has_ram = parts.next() == Some("ram");
        let mut span = || {
            *lookups = lookups.checked_sub(1)?;
            model_span(cx, profile, model)
        };
        let mut span = || span().unwrap_or(gpu.units.span);
        if model == "*" {
            let message = "any NVIDIA GPU will do, so the price must allow for the dearest";
            sink.push(
                Diagnostic::new(Rule::GpuWildcard, span(), message).hint(
                    "list the models that are good enough: `nvidia:` with `- model: rtx4090`, `- model: a100` below it",
                ),
            );
            continue;
        }
        if !MODELS.contains(&model) {
            if let Some(near) = known_model(model) {
                let message = format!("no provider calls a GPU `{model}`");
                sink.push(
                    Diagnostic::new(Rule::GpuModel, span(), message)
                        .hint(format!("did you mean `{near}`?")),
                );
            }
            continue;
        }
        if let Some((_, small, large)) = SIZES.iter().find(|it| it.0 == model && !has_ram) {
            let message = format!(
                "`{model}` is made with {small} and with {large} of memory, and either may come"
            );
            sink.push(
                Diagnostic::new(Rule::GpuRam, span(), message)
                    .hint(format!("add `ram: {large}` if {small} will not do")),
            );
        }
    }
}

/// Where a profile names a model; the vendor for the wildcard that stands for nothing written.
fn model_span(cx: &Cx<'_, '_, '_>, profile: &str, model: &str) -> Option<Span> {
    let path = ["profiles", "compute", profile, "resources", "gpu", "attributes", "vendor"];
    let vendor = cx.find(&path)?;
    let (key, list) = cx.child(vendor, "nvidia")?;
    if let Kind::Sequence(items) = &cx.tree.get(list).kind {
        for item in items {
            if let Some((_, value)) = cx.child(*item, "model")
                && cx.tree.get(value).literal() == model
            {
                return Some(cx.tree.raw(value).span);
            }
        }
    }
    Some(cx.tree.raw(key).span)
}

/// The known model that a word means: the same letters and digits in other dress, or one slip away from it
/// with the same digits (another number is another card).
fn known_model(word: &str) -> Option<&'static str> {
    let digits = |text: &str| text.chars().filter(char::is_ascii_digit).collect::<String>();
    let mut plain: String = word
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .map(|it| it.to_ascii_lowercase())
        .collect();
    for noise in ["nvidia", "geforce", "tesla", "quadro"] {
        plain = plain.replace(noise, "");
    }
    if let Some(found) = MODELS.iter().find(|it| **it == plain) {
        return Some(found);
    }
    // `4090` and `a100-80gb`.
    let with_prefix = format!("rtx{plain}");
    if plain.len() >= 4
        && let Some(found) = MODELS.iter().find(|it| **it == with_prefix)
    {
        return Some(found);
    }
    for end in ["40gb", "80gb", "16gb", "32gb", "40g", "80g", "pcie", "sxm", "sxm4", "sxm5"] {
        if let Some(rest) = plain.strip_suffix(end)
            && let Some(found) = MODELS.iter().find(|it| **it == rest)
        {
            return Some(found);
        }
    }
    // In short names every letter counts: an `h300` is no `b300`.
    if plain.len() < 6 {
        return None;
    }
    let own = digits(&plain);
    suggest::nearest(&plain, MODELS.iter().copied().filter(|it| digits(it) == own))
}

// Volumes.

fn read_only(service: &Service<'_>, resources: &Resources<'_>, sink: &mut Sink) {
    let Some(params) = &service.params else { return };
    for (name, entry) in &params.storage {
        let flag = entry.value.read_only;
        let volume = resources.storage.iter().find(|it| it.name == *name);
        if flag.value && volume.is_some_and(|it| !it.is_persistent()) {
            let message = format!(
                "the volume `{name}` begins empty each time, and nothing may write into it"
            );
            sink.push(
                Diagnostic::new(Rule::PointlessReadOnly, flag.span, message)
                    .hint("remove `readOnly`, or the volume"),
            );
        }
    }
}

/// Images that keep what they are given, and where.
const DATABASES: [(&str, &str); 22] = [
    ("postgres", "/var/lib/postgresql/data"),
    ("postgresql", "/bitnami/postgresql"),
    ("postgis", "/var/lib/postgresql/data"),
    ("timescaledb", "/var/lib/postgresql/data"),
    ("pgvector", "/var/lib/postgresql/data"),
    ("mysql", "/var/lib/mysql"),
    ("mariadb", "/var/lib/mysql"),
    ("percona", "/var/lib/mysql"),
    ("mongo", "/data/db"),
    ("mongodb", "/bitnami/mongodb"),
    ("couchdb", "/opt/couchdb/data"),
    ("cassandra", "/var/lib/cassandra"),
    ("elasticsearch", "/usr/share/elasticsearch/data"),
    ("opensearch", "/usr/share/opensearch/data"),
    ("influxdb", "/var/lib/influxdb2"),
    ("clickhouse-server", "/var/lib/clickhouse"),
    ("neo4j", "/data"),
    ("cockroach", "/cockroach/cockroach-data"),
    ("rethinkdb", "/data"),
    ("arangodb", "/var/lib/arangodb3"),
    ("qdrant", "/qdrant/storage"),
    ("etcd", "/etcd-data"),
];

/// Owners whose images of these names are the databases themselves.
const OWNERS: [&str; 14] = [
    "postgis",
    "timescale",
    "pgvector",
    "mysql",
    "percona",
    "clickhouse",
    "opensearchproject",
    "elasticsearch",
    "cockroachdb",
    "qdrant",
    "coreos",
    "neo4j",
    "supabase",
    "mongodb",
];

fn database(name: &str, service: &Service<'_>, resources: &Resources<'_>, sink: &mut Sink) {
    let Some(image) = &service.image else { return };
    let parts = ImageRef::parse(&image.text);
    let Some((what, path)) = DATABASES.iter().find(|it| it.0 == parts.short()) else { return };
    let is_theirs = parts.name.split('/').any(|it| OWNERS.contains(&it));
    if !(parts.is_official() || is_theirs) || resources.storage.iter().any(|it| it.is_persistent())
    {
        return;
    }
    let message = format!(
        "`{name}` runs {what} without a persistent volume: its data is lost with the container"
    );
    sink.push(
        Diagnostic::new(Rule::EphemeralDatabase, image.span, message).hint(format!(
            "add a volume with `attributes: {{persistent: true, class: beta3}}` to the profile, and mount it at `{path}`"
        )),
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn models_are_recognized_in_other_dress_and_never_as_another_card() {
        for (word, model) in [
            ("RTX4090", Some("rtx4090")),
            ("rtx-4090", Some("rtx4090")),
            ("4090", Some("rtx4090")),
            ("geforce-rtx-3060-ti", Some("rtx3060ti")),
            ("nvidia-a100", Some("a100")),
            ("a100-80gb", Some("a100")),
            ("rxt4090", Some("rtx4090")),
            ("Tesla-T4", Some("t4")),
            ("rtx6090", None),
            ("h300", None),
            ("x1", None),
        ] {
            assert_eq!(known_model(word), model, "{word}");
        }
    }

    #[test]
    fn models_are_in_order_of_nothing_but_stand_once() {
        let mut list = MODELS.to_vec();
        list.sort_unstable();
        list.dedup();
        assert_eq!(list.len(), MODELS.len());
    }
}
