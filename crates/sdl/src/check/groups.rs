//! What a group may ask for (spec `sdl.md` 14.4, 14.6, 15).

use crate::ast::File;
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
                let message = match cpu.units.value {
                    0 => "the profile asks for no CPU".to_owned(),
                    units => format!(
                        "{} cores are outside of what the network allows",
                        milli(units.into())
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
                        format!("memory of {} is outside of what the network allows", binary(size))
                    }
                };
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
            let message = match volume.size.value {
                0 => format!("the volume `{}` has no size", volume.name),
                size => format!(
                    "the volume `{}` of {} is outside of what the network allows",
                    volume.name,
                    binary(size)
                ),
            };
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
    let sum = |of: fn(&Resources) -> u64| -> u128 {
        group
            .units
            .iter()
            .map(|it| u128::from(of(&it.unit.resource)) * u128::from(it.unit.count))
            .fold(0, u128::saturating_add)
    };
    for (what, plain, value, least, most) in [
        ("CPU", "milli-CPU", sum(Resources::cpu_milli), 1, limits::GROUP_CPU),
        ("GPU", "GPUs", sum(Resources::gpu_units), 0, limits::GROUP_GPU),
        ("memory", "bytes of memory", sum(Resources::memory_bytes), 1, limits::GROUP_MEMORY),
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
