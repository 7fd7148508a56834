//! Whether a provider may serve a group (chain.md 3.3, 3.6, 3.7): placement, capabilities, offer.

use std::collections::BTreeMap;

use ledger::{Result, View};
use types::{
    Address,
    wire::akash::{
        base::{
            attributes::v1::{Attribute, PlacementRequirements},
            resources::v1beta4::Resources,
        },
        deployment::v1beta4::GroupSpec,
        market::v1beta5::ResourceOffer,
    },
};

use crate::{
    audit,
    base::attributes::{any_of, subset},
};

/// Whether the provider meets a group's placement requirements. Without auditors its own
/// registered attributes count; with auditors only what they signed.
pub(super) fn placement(
    view: &View,
    wanted: &PlacementRequirements,
    provider: &Address,
    registered: &[Attribute],
) -> Result<bool> {
    let (all, any) = (&wanted.signed_by.all_of, &wanted.signed_by.any_of);
    if all.is_empty() && any.is_empty() {
        return Ok(subset(&wanted.attributes, registered));
    }
    let records: BTreeMap<String, Vec<Attribute>> =
        audit::records_of(view, provider)?.into_iter().collect();
    if records.is_empty() {
        return Ok(false);
    }
    let signed = |auditor: &String| {
        records.get(auditor).is_some_and(|signed| subset(&wanted.attributes, signed))
    };
    Ok(all.iter().all(signed) && (any.is_empty() || any.iter().any(signed)))
}

/// Whether the provider has the storage classes and GPU models that the group names.
pub(super) fn capabilities(spec: &GroupSpec, registered: &[Attribute]) -> bool {
    let storage = storage_classes(registered);
    let gpus = gpu_models(registered);
    spec.resources
        .iter()
        .all(|unit| stores(&unit.resource, &storage) && computes(&unit.resource, &gpus))
}

/// Every volume that names attributes has a storage class with all of them.
fn stores(unit: &Resources, classes: &BTreeMap<&str, Vec<Attribute>>) -> bool {
    unit.storage
        .iter()
        .filter(|it| !it.attributes.is_empty())
        .all(|volume| classes.values().any(|offered| subset(&volume.attributes, offered)))
}

/// A unit with GPUs that names attributes finds at least one of them.
fn computes(unit: &Resources, models: &[Attribute]) -> bool {
    let Some(gpu) = &unit.gpu else { return true };
    let none = gpu.units.val.iter().all(|it| *it == b'0');
    none || gpu.attributes.is_empty() || any_of(&gpu.attributes, models)
}

/// `capabilities/storage/1/class` = `beta2` gives class 1 the attribute `class`.
fn storage_classes(registered: &[Attribute]) -> BTreeMap<&str, Vec<Attribute>> {
    let mut classes: BTreeMap<&str, Vec<Attribute>> = BTreeMap::new();
    for Attribute { key, value } in registered {
        let Some(rest) = key.strip_prefix("capabilities/") else { continue };
        if !rest.starts_with("storage") {
            continue;
        }
        if let [_, class, name] = rest.split('/').collect::<Vec<_>>().as_slice() {
            let attribute = Attribute { key: (*name).to_owned(), value: value.clone() };
            classes.entry(class).or_default().push(attribute);
        }
    }
    classes
}

/// `capabilities/gpu/vendor/nvidia/model/a100` gives `vendor/nvidia/model/a100`.
fn gpu_models(registered: &[Attribute]) -> Vec<Attribute> {
    let mut models = Vec::new();
    for Attribute { key, value } in registered {
        let Some(rest) = key.strip_prefix("capabilities/") else { continue };
        if !rest.starts_with("gpu") {
            continue;
        }
        if let Some((_, name)) = rest.split_once('/').filter(|(_, name)| name.contains('/')) {
            models.push(Attribute { key: name.to_owned(), value: value.clone() });
        }
    }
    models
}

/// Whether an offer, if there is one, names units of the group, each once and as often as it is
/// replicated.
pub(super) fn offer(offer: &[ResourceOffer], spec: &GroupSpec) -> bool {
    let mut counts: BTreeMap<u32, u32> =
        spec.resources.iter().map(|it| (it.resource.id, it.count)).collect();
    offer.iter().all(|it| counts.remove(&it.resources.id) == Some(it.count))
}

#[cfg(test)]
mod tests {
    use types::wire::akash::{
        base::resources::v1beta4::{Gpu, ResourceValue, Storage},
        deployment::v1beta4::ResourceUnit,
    };

    use super::*;

    fn list(pairs: &[(&str, &str)]) -> Vec<Attribute> {
        pairs
            .iter()
            .map(|(key, value)| Attribute { key: (*key).into(), value: (*value).into() })
            .collect()
    }

    fn spec(unit: Resources) -> GroupSpec {
        let unit = ResourceUnit { resource: unit, count: 1, ..Default::default() };
        GroupSpec { resources: vec![unit], ..Default::default() }
    }

    #[test]
    fn a_gpu_needs_one_model_of_those_named() {
        let offered = list(&[("capabilities/gpu/vendor/nvidia/model/a100", "true")]);
        let check = |attributes: &[(&str, &str)], units: &str, expected: bool| {
            let gpu =
                Gpu { units: ResourceValue { val: units.into() }, attributes: list(attributes) };
            let spec = spec(Resources { gpu: Some(gpu), ..Default::default() });
            assert_eq!(capabilities(&spec, &offered), expected, "{attributes:?}");
        };
        check(&[("vendor/nvidia/model/a100", "true")], "1", true);
        check(&[("vendor/nvidia/model/*", "true")], "1", true);
        check(&[("vendor/nvidia/model/a100/ram/80Gi", "true")], "1", false);
        check(&[("vendor/amd", "true"), ("vendor/nvidia/model/a100", "true")], "1", true);
        check(&[("vendor/amd/model/*", "true")], "1", false);
        check(&[], "1", true);
        check(&[("vendor/amd/model/*", "true")], "0", true);
    }

    #[test]
    fn a_volume_needs_one_class_with_all_it_names() {
        let offered = list(&[
            ("capabilities/storage/1/class", "beta2"),
            ("capabilities/storage/1/persistent", "true"),
            ("capabilities/storage/2/class", "beta3"),
            ("capabilities/storage/odd", "x"),
        ]);
        let check = |attributes: &[(&str, &str)], expected: bool| {
            let volume = Storage { attributes: list(attributes), ..Default::default() };
            let spec = spec(Resources { storage: vec![volume], ..Default::default() });
            assert_eq!(capabilities(&spec, &offered), expected, "{attributes:?}");
        };
        check(&[], true);
        check(&[("class", "beta2"), ("persistent", "true")], true);
        check(&[("class", "beta3"), ("persistent", "true")], false);
        check(&[("class", "beta1")], false);
    }

    #[test]
    fn an_offer_names_each_unit_at_most_once_with_its_count() {
        let spec = spec(Resources { id: 7, ..Default::default() });
        let entry = |id: u32, count: u32| ResourceOffer {
            resources: Resources { id, ..Default::default() },
            count,
            prices: None,
        };
        assert!(offer(&[], &spec));
        assert!(offer(&[entry(7, 1)], &spec));
        assert!(!offer(&[entry(7, 2)], &spec));
        assert!(!offer(&[entry(8, 1)], &spec));
        assert!(!offer(&[entry(7, 1), entry(7, 1)], &spec));
    }
}
