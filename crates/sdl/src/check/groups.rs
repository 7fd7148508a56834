//! What a group may ask for (spec `sdl.md` 14.4, 14.6, 15).

use crate::ast::{self, File};
use crate::build::{BuiltGroup, BuiltUnit, Pair};
use crate::diagnostics::{Diagnostic, Sink, Span};
use crate::names;
use crate::quantity;
use crate::resources::{Attribute, Resources};
use crate::rules::Rule;
use std::collections::BTreeSet;

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

/// Checks 14.4.
pub(crate) fn groups(
    file: &File<'_>,
    pairs: &[Pair<'_, '_>],
    built: &[BuiltGroup<'_, '_>],
    sink: &mut Sink,
) {
    let is_known = |section: &ast::Section<'_, _>| {
        !section.is_broken && section.entries.values().all(|it| !it.is_broken)
    };
    if pairs.is_empty() && is_known(&file.deployment) {
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
        for built in &group.units {
            unit(built, sink);
        }
        totals(group, sink);
        for built in &group.units {
            price(group.name, built, sink);
        }
    }
}

fn denominations(group: &BuiltGroup<'_, '_>, first: Option<&BuiltUnit<'_, '_>>, sink: &mut Sink) {
    let Some(first) = first else { return };
    let wanted = &first.unit.price.denom;
    if first.pricing.value.denom.is_broken {
        return;
    }
    for built in &group.units {
        let denom = &built.unit.price.denom;
        if denom != wanted && !built.pricing.value.denom.is_broken {
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
                let message = match cpu.units.value {
                    0 => "the profile asks for no CPU".to_owned(),
                    units => format!(
                        "{} cores for one replica: the network allows {} to {}",
                        milli(units.into()),
                        milli(least),
                        milli(most)
                    ),
                };
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
                let message = match size.value {
                    0 => "the profile asks for no memory".to_owned(),
                    size => {
                        format!(
                            "{} of memory for one replica: the network allows {} to {}",
                            binary(size),
                            binary(least),
                            binary(most)
                        )
                    }
                };
                sink.push(
                    Diagnostic::new(Rule::Limit, size.span, message)
                        .hint(size_hint(size.value, least, most))
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
            let message = match volume.size.value {
                0 => format!("the volume `{}` has no size", volume.name),
                size => format!(
                    "the volume `{}` has {}: the network allows {} to {}",
                    volume.name,
                    binary(size),
                    binary(least),
                    binary(most)
                ),
            };
            sink.push(
                Diagnostic::new(Rule::Limit, volume.size.span, message)
                    .hint(size_hint(volume.size.value, least, most))
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
    if group.is_incomplete || group.units.iter().any(|it| it.is_broken) {
        return;
    }
    let sum = |of: fn(&Resources) -> u64| -> u128 {
        group
            .units
            .iter()
            .map(|it| u128::from(of(&it.unit.resource)) * u128::from(it.unit.count))
            .fold(0, u128::saturating_add)
    };
    // A unit beyond its own limit was reported; that the sum is beyond as well is no news.
    let is_beyond = |of: fn(&Resources) -> u64, most: u64| {
        group.units.iter().any(|it| of(&it.unit.resource) > most)
    };
    let cpu = (Resources::cpu_milli as fn(&Resources) -> u64, limits::CPU.1);
    let gpu = (Resources::gpu_units as fn(&Resources) -> u64, limits::GPU.1);
    let memory = (Resources::memory_bytes as fn(&Resources) -> u64, limits::MEMORY.1);
    for (what, (of, unit_most), least, most) in [
        ("CPU", cpu, 1, limits::GROUP_CPU),
        ("GPU", gpu, 0, limits::GROUP_GPU),
        ("memory", memory, 1, limits::GROUP_MEMORY),
    ] {
        let value = sum(of);
        if (least..=most).contains(&value) || (value > most && is_beyond(of, unit_most)) {
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
                "the placement `{}` asks for {} in total, more than {}",
                group.name,
                amount(what, value),
                amount(what, most)
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

/// What to write instead of a size beyond its limits: a bare small number probably lacks its suffix.
fn size_hint(value: u64, least: u64, most: u64) -> String {
    match value {
        0 => format!("write `size:` with {} to {}", binary(least), binary(most)),
        1..=65_536 => format!("a plain number counts bytes: did you mean `{value}Mi`?"),
        _ => format!("write {} to {}", binary(least), binary(most)),
    }
}

/// A total in words.
fn amount(what: &str, value: u128) -> String {
    let value = u64::try_from(value).unwrap_or(u64::MAX);
    match what {
        "CPU" => format!("{} cores", milli(value)),
        "GPU" => format!("{value} GPUs"),
        _ => format!("{} of memory", binary(value)),
    }
}

/// Thousandths as a decimal number.
fn milli(value: u64) -> String {
    let text = format!("{}.{:03}", value / 1000, value % 1000);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// Bytes with the largest binary suffix, and up to two digits after the point.
fn binary(bytes: u64) -> String {
    const SUFFIXES: [&str; 7] = ["", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"];
    if bytes < 1024 {
        return if bytes == 1 { "1 byte".to_owned() } else { format!("{bytes} bytes") };
    }
    let steps = bytes.ilog2() / 10;
    let suffix = usize::try_from(steps).ok().and_then(|it| SUFFIXES.get(it)).unwrap_or(&"");
    let unit = 1_u128 << (10 * steps);
    let hundredths = u128::from(bytes) * 100 / unit;
    let text = format!("{}.{:02}", hundredths / 100, hundredths % 100);
    format!("{}{suffix}", text.trim_end_matches('0').trim_end_matches('.'))
}
