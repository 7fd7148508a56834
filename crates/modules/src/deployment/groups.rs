//! What a group may ask for and what it may cost (chain.md 3.4, 3.5). Quantities are compared as
//! 64-bit numbers; one that is absent, negative or larger is refused here.

use std::collections::BTreeSet;

use ledger::{Fault, Result};
use types::{
    Dec, DecCoin, validate_denom,
    wire::akash::{
        base::{
            attributes::v1::Attribute,
            resources::v1beta4::{ResourceValue, Resources},
        },
        deployment::v1beta4::{GroupSpec, ResourceUnit},
    },
};

use super::Error;
use crate::base::{
    attributes::{self, Keys},
    money, number,
};

const CPU_MILLI: (u64, u64) = (10, 384_000);
const GPU_DEVICES: (u64, u64) = (0, 24);
const MEMORY_BYTES: (u64, u64) = (1 << 20, 2 << 40);
const STORAGE_BYTES: (u64, u64) = (5 << 20, 32 << 40);
const TOTAL_CPU_MILLI: u128 = 19_200_000;
const TOTAL_GPU_DEVICES: u128 = 1200;
const TOTAL_MEMORY_BYTES: u128 = 100 << 40;
/// Per replica and block.
const MAX_UNIT_PRICE: u64 = 10_000_000;

/// Checks one group: name, each unit, totals, prices. The limits on the number of units and of
/// replicas that the reference declares and never applies are not applied here either (D-17).
pub fn validate(spec: &GroupSpec) -> Result {
    if spec.name.is_empty() {
        return refuse("empty group spec name denomination");
    }
    let mut ids = BTreeSet::new();
    for unit in &spec.resources {
        validate_unit(&unit.resource)?;
        let id = unit.resource.id;
        if !ids.insert(id) {
            return refuse(format!("duplicate resources ID ({id}) within group"));
        }
    }
    validate_totals(&spec.resources)?;
    validate_prices(spec)
}

fn refuse<T>(why: impl std::fmt::Display) -> Result<T> {
    Err(Error::GroupSpecInvalid.wrap(why))
}

/// An absent or malformed quantity, as the reference would panic over.
fn quantity(value: &ResourceValue) -> Result<u64> {
    let text = std::str::from_utf8(&value.val).unwrap_or_default();
    let digits = !text.is_empty() && text.bytes().all(|it| it.is_ascii_digit());
    match text.parse() {
        Ok(value) if digits => Ok(value),
        _ => refuse("a quantity is absent or no 64-bit number"),
    }
}

fn within((low, high): (u64, u64), value: u64, what: &str, shown: (u64, u64)) -> Result {
    if (low..=high).contains(&value) {
        return Ok(());
    }
    refuse(format_args!("error: invalid unit {what} ({} > {value} > {} fails)", shown.0, shown.1))
}

/// Keeps the code of the attribute rule that is broken.
fn valid_attributes(list: &[Attribute], what: &str) -> Result {
    attributes::validate(list, Keys::Wildcard)
        .map_err(|it: Fault| it.context(format_args!("error: invalid {what} attributes")))
}

fn validate_unit(unit: &Resources) -> Result {
    if unit.id == 0 {
        return refuse("error: invalid resources ID (> 0 fails)");
    }
    // The reference prints the upper bound on both sides of some refusals.
    let twice = |(_, high): (u64, u64)| (high, high);
    let nil = |what: &str| refuse(format_args!("error: invalid unit {what}, cannot be nil"));

    let Some(cpu) = &unit.cpu else { return nil("CPU") };
    within(CPU_MILLI, quantity(&cpu.units)?, "CPU", twice(CPU_MILLI))?;
    valid_attributes(&cpu.attributes, "CPU")?;

    let Some(gpu) = &unit.gpu else { return nil("GPU") };
    let devices = quantity(&gpu.units)?;
    within(GPU_DEVICES, devices, "GPU", twice(GPU_DEVICES))?;
    if devices == 0 && !gpu.attributes.is_empty() {
        return refuse("error: invalid GPU state. attributes cannot be present if units == 0");
    }
    valid_attributes(&gpu.attributes, "GPU")?;

    let Some(memory) = &unit.memory else { return nil("memory") };
    within(MEMORY_BYTES, quantity(&memory.quantity)?, "memory", twice(MEMORY_BYTES))?;
    valid_attributes(&memory.attributes, "Memory")?;

    if unit.storage.is_empty() {
        return nil("storage");
    }
    for volume in &unit.storage {
        let bytes = quantity(&volume.quantity)?;
        within(STORAGE_BYTES, bytes, "storage", (STORAGE_BYTES.1, STORAGE_BYTES.0))?;
        valid_attributes(&volume.attributes, "Storage")?;
    }
    Ok(())
}

/// Sums over the group, each unit as often as it is replicated. 128 bits hold any sum of 64-bit
/// products that fits into a message.
fn validate_totals(units: &[ResourceUnit]) -> Result {
    let (mut cpu, mut gpu, mut memory) = (0u128, 0u128, 0u128);
    for unit in units {
        let times = u128::from(unit.count);
        let add = |sum: &mut u128, value: Option<&ResourceValue>| -> Result {
            let value = value.map(quantity).transpose()?.unwrap_or_default();
            *sum = sum.saturating_add(u128::from(value).saturating_mul(times));
            Ok(())
        };
        add(&mut cpu, unit.resource.cpu.as_ref().map(|it| &it.units))?;
        add(&mut gpu, unit.resource.gpu.as_ref().map(|it| &it.units))?;
        add(&mut memory, unit.resource.memory.as_ref().map(|it| &it.quantity))?;
    }
    let total = |what: &str, limit: u128, value: u128| {
        refuse(format_args!("invalid total {what} ({limit} > {value} > 0 fails)"))
    };
    if cpu == 0 || cpu > TOTAL_CPU_MILLI {
        return total("CPU", TOTAL_CPU_MILLI, cpu);
    }
    if gpu > TOTAL_GPU_DEVICES {
        return total("GPU", TOTAL_GPU_DEVICES, gpu);
    }
    if memory == 0 || memory > TOTAL_MEMORY_BYTES {
        return total("memory", TOTAL_MEMORY_BYTES, memory);
    }
    Ok(())
}

fn validate_prices(spec: &GroupSpec) -> Result {
    let refuse = |why: String| -> Result {
        Err(Error::InvalidPrice.wrap(format_args!("group {}: error: {why}", spec.name)))
    };
    let mut first: Option<&str> = None;
    for unit in &spec.resources {
        let price = DecCoin::try_from(&unit.price);
        let Ok(price) = price else { return refuse("invalid price object".to_owned()) };
        if validate_denom(&price.denom).is_err() || price.amount.is_negative() {
            return refuse("invalid price object".to_owned());
        }
        if price.amount > Dec::from(MAX_UNIT_PRICE) {
            return refuse(format!("invalid unit price ({MAX_UNIT_PRICE} > {price} fails)"));
        }
        let denom = unit.price.denom.as_str();
        match first {
            Some(first) if first != denom => {
                let why = format_args!("multi-denonimation group: ({denom} == {first} fails)");
                return Err(Error::InvalidPrice.wrap(why));
            }
            _ => first = Some(denom),
        }
    }
    Ok(())
}

/// What a whole group costs at most per block: the units' prices times their replicas, in the
/// denomination of the first unit. `None` for a group without units.
pub fn price(spec: &GroupSpec) -> Result<Option<DecCoin>> {
    let mut sum: Option<DecCoin> = None;
    for unit in &spec.resources {
        let price = DecCoin::try_from(&unit.price).map_err(money)?;
        let amount = price.amount.mul_int(u64::from(unit.count)).map_err(number)?;
        sum = Some(match sum {
            Some(so_far) => {
                DecCoin { amount: so_far.amount.add(amount).map_err(number)?, denom: so_far.denom }
            }
            None => DecCoin { denom: price.denom, amount },
        });
    }
    Ok(sum)
}

/// The denomination a group is priced in; empty for a group without units.
#[must_use]
pub fn denom(spec: &GroupSpec) -> &str {
    spec.resources.first().map_or("", |it| it.price.denom.as_str())
}
