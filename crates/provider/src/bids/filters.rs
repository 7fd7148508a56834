//! The filters of an order, in the reference's order: the first that fails declines (spec
//! `provider.md` 2.2).
//!
//! Called by: `bids::engine`. Pure.

use std::collections::{BTreeMap, BTreeSet};

use types::{
    Address,
    wire::akash::{
        base::{attributes::v1::Attribute, resources::v1beta4::Resources},
        deployment::v1beta4::GroupSpec,
        market::v1beta5::Order,
    },
};

use super::VOLUMES_MAX;
use crate::{attributes, declines::Reason, quantity};

/// What a provider knows about itself when it looks at an order.
#[derive(Debug, Clone, Default)]
pub struct Facts {
    /// As registered on chain.
    pub attributes: Vec<Attribute>,
    /// By auditor.
    pub audited: BTreeMap<String, Vec<Attribute>>,
    /// The order must require all of these.
    pub order_attributes: Vec<Attribute>,
    pub reclamation_window_seconds: Option<i64>,
}

/// `Ok` when nothing speaks against a bid but capacity and price.
pub fn pass(order: &Order, provider: &Address, facts: &Facts) -> Result<(), Reason> {
    let group = &order.spec;
    if order.id.owner == provider.to_string() {
        return Err(Reason::OwnOrder);
    }
    let wanted = &group.requirements.attributes;
    let missing = attributes::missing(wanted, &facts.attributes);
    if !missing.is_empty() {
        return Err(Reason::Attributes(missing.into_iter().map(show).collect()));
    }
    let missing = attributes::missing(&facts.order_attributes, wanted);
    if !missing.is_empty() {
        return Err(Reason::NotForUs(missing.into_iter().map(show).collect()));
    }
    if let Some(unmet) = attributes::resources_unmet(group, &facts.attributes) {
        return Err(Reason::Capability(unmet));
    }
    for unit in &group.resources {
        if unit.resource.storage.len() > VOLUMES_MAX {
            return Err(Reason::Volumes { unit: unit.resource.id });
        }
    }
    if !attributes::signatures_met(&group.requirements, &facts.audited) {
        let by = &group.requirements.signed_by;
        return Err(Reason::Signatures { all_of: by.all_of.clone(), any_of: by.any_of.clone() });
    }
    if let Some(rule) = broken_rule(group) {
        return Err(Reason::Group(rule));
    }
    if let Some(wanted) = &order.reclamation {
        let wanted_seconds = wanted.min_window.seconds;
        let offered_seconds = facts.reclamation_window_seconds;
        if offered_seconds.is_none_or(|it| it < wanted_seconds) {
            return Err(Reason::Reclamation { wanted_seconds, offered_seconds });
        }
    }
    Ok(())
}

fn show(it: &Attribute) -> String {
    format!("{}={}", it.key, it.value)
}

/// The limits of the network (2.5).
fn broken_rule(group: &GroupSpec) -> Option<String> {
    let mut ids = BTreeSet::new();
    if group.resources.is_empty() || group.resources.len() > 20 {
        return Some(format!("{} resource units, must be 1 to 20", group.resources.len()));
    }
    for unit in &group.resources {
        let id = unit.resource.id;
        if !ids.insert(id) {
            return Some(format!("resource id {id} twice"));
        }
        if !(1..=50).contains(&unit.count) {
            return Some(format!("count {} of resource {id}, must be 1 to 50", unit.count));
        }
        if let Some(rule) = unit_rule(&unit.resource) {
            return Some(format!("resource {id}: {rule}"));
        }
        if quantity::read_decimal(&unit.price.amount).is_none_or(|it| it == 0) {
            return Some(format!("resource {id}: the price must be above zero"));
        }
    }
    quantity::group_price(group).is_none().then(|| "prices in several denominations".to_owned())
}

fn unit_rule(unit: &Resources) -> Option<String> {
    const MI: u64 = 1 << 20;
    let within = |name: &str, it: Option<u64>, low: u64, high: u64| match it {
        Some(it) if (low..=high).contains(&it) => None,
        Some(it) => Some(format!("{name} {it}, must be {low} to {high}")),
        None => Some(format!("{name} is missing")),
    };
    let cpu = unit.cpu.as_ref().and_then(|it| quantity::read(&it.units));
    let memory = unit.memory.as_ref().and_then(|it| quantity::read(&it.quantity));
    let gpu = unit.gpu.as_ref().and_then(|it| quantity::read(&it.units));
    within("cpu", cpu, 10, 384_000)
        .or_else(|| within("gpu", gpu, 0, 24))
        .or_else(|| within("memory", memory, MI, 2 << 40))
        .or_else(|| {
            unit.storage
                .iter()
                .find_map(|it| within("storage", quantity::read(&it.quantity), 5 * MI, 32 << 40))
        })
        .or_else(|| {
            let attributes = unit.gpu.as_ref().is_some_and(|it| !it.attributes.is_empty());
            (gpu == Some(0) && attributes).then(|| "GPU attributes without a GPU".to_owned())
        })
}
