//! Checks of a manifest against the groups on chain (spec `provider.md` 4.10, points 6 to 10).

use super::validate::{ManifestError, quote};
use super::{Attribute, EndpointKind, Group, Manifest, Service};
use std::collections::BTreeMap;
use types::wire::akash::base::attributes::v1::Attribute as WireAttribute;
use types::wire::akash::base::resources::v1beta4::{ResourceValue, Resources as WireResources};
use types::wire::akash::deployment::v1beta4::GroupSpec;

impl Manifest {
    /// Checks that the manifest asks for exactly what the groups on chain paid for.
    ///
    /// # Errors
    /// The first disagreement, in the reference's order. Another number of groups or an unknown group
    /// is [`ManifestError::Groups`], everything else [`ManifestError::Cross`].
    pub fn check_against(&self, groups: &[GroupSpec]) -> Result<(), ManifestError> {
        if self.0.len() != groups.len() {
            return Err(ManifestError::Groups(format!(
                "group count mismatch ({} != {})",
                self.0.len(),
                groups.len()
            )));
        }
        for group in &self.0 {
            let Some(spec) = groups.iter().find(|it| it.name == group.name) else {
                return Err(ManifestError::Groups(format!(
                    "unknown deployment group ('{}')",
                    group.name
                )));
            };
            group.check_against(spec).map_err(|text| {
                ManifestError::Cross(format!("group {}: {text}", quote(&group.name)))
            })?;
        }
        Ok(())
    }
}

/// What is still unused of one resource unit.
struct Unit<'a> {
    resources: &'a WireResources,
    replicas: u32,
    http: u32,
    port: u32,
    ip: u32,
}

impl Group {
    fn check_against(&self, spec: &GroupSpec) -> Result<(), String> {
        let mut units: BTreeMap<u32, Unit<'_>> = BTreeMap::new();
        for unit in &spec.resources {
            let resources = &unit.resource;
            let mut entry = Unit { resources, replicas: unit.count, http: 0, port: 0, ip: 0 };
            for endpoint in &resources.endpoints {
                let left = match EndpointKind::from(endpoint.kind) {
                    EndpointKind::SharedHttp => &mut entry.http,
                    EndpointKind::RandomPort => &mut entry.port,
                    EndpointKind::LeasedIp => &mut entry.ip,
                    EndpointKind::Other(_) => continue,
                };
                *left = left.saturating_add(1);
            }
            units.insert(resources.id, entry);
        }
        for service in self.services() {
            let id = service.resources.id;
            let name = quote(&service.name);
            let Some(unit) = units.get_mut(&id) else {
                return Err(format!(
                    "service {name}: not found deployment group resources with ID = {id}"
                ));
            };
            consume(service, unit).map_err(|text| format!("service {name}: {text}"))?;
        }
        for (id, unit) in &units {
            for (left, what) in [
                (unit.http, "HTTP endpoints"),
                (unit.port, "PORT endpoints"),
                (unit.ip, "IP endpoints"),
                (unit.replicas, "resources"),
            ] {
                if left > 0 {
                    return Err(format!("resources ID ({id}): under-utilized ({left}) {what}"));
                }
            }
        }
        Ok(())
    }
}

/// Takes what a service uses out of its unit.
fn consume(service: &Service, unit: &mut Unit<'_>) -> Result<(), String> {
    let id = service.resources.id;
    let Some(left) = unit.replicas.checked_sub(service.count) else {
        return Err(format!(
            "over-utilized replicas ({}) > group spec resources count ({})",
            service.count, unit.replicas
        ));
    };
    unit.replicas = left;
    if let Some(what) = mismatch(service, unit.resources) {
        return Err(format!("{what} resources mismatch for ID {id}"));
    }
    for expose in service.exposes().iter().filter(|it| it.global) {
        let (left, kind) = if expose.is_shared_http() {
            (&mut unit.http, "HTTP")
        } else {
            (&mut unit.port, "PORT")
        };
        let over = |kind| format!("resource ID {id}: over-utilized {kind} endpoints");
        *left = left.checked_sub(1).ok_or_else(|| over(kind))?;
        if !expose.ip.is_empty() {
            unit.ip = unit.ip.checked_sub(1).ok_or_else(|| over("IP"))?;
        }
    }
    Ok(())
}

/// The first resource in which service and unit differ.
fn mismatch(service: &Service, unit: &WireResources) -> Option<&'static str> {
    let own = &service.resources;
    let same = |value: u64, list: &[Attribute], other: &ResourceValue, others: &[WireAttribute]| {
        quantity(other) == Some(value)
            && list.len() == others.len()
            && list.iter().zip(others).all(|(a, b)| a.key == b.key && a.value == b.value)
    };
    let cpu = match (&own.cpu, &unit.cpu) {
        (Some(a), Some(b)) => same(a.units.0, &a.attributes, &b.units, &b.attributes),
        (a, b) => a.is_none() && b.is_none(),
    };
    if !cpu {
        return Some("CPU");
    }
    let gpu = match (&own.gpu, &unit.gpu) {
        (Some(a), Some(b)) => same(a.units.0, &a.attributes, &b.units, &b.attributes),
        (a, b) => a.is_none() && b.is_none(),
    };
    if !gpu {
        return Some("GPU");
    }
    let memory = match (&own.memory, &unit.memory) {
        (Some(a), Some(b)) => same(a.size.0, &a.attributes, &b.quantity, &b.attributes),
        (a, b) => a.is_none() && b.is_none(),
    };
    if !memory {
        return Some("Memory");
    }
    // The reference compares by the index of the manifest's list; a different length is a mismatch here.
    let volumes = own.volumes();
    let storage = volumes.len() == unit.storage.len()
        && volumes
            .iter()
            .zip(&unit.storage)
            .all(|(a, b)| same(a.size.0, &a.attributes, &b.quantity, &b.attributes));
    (!storage).then_some("Storage")
}

fn quantity(value: &ResourceValue) -> Option<u64> {
    std::str::from_utf8(&value.val).ok()?.parse().ok()
}
