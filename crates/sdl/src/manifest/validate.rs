//! Checks of a manifest by itself (spec `provider.md` 4.10, `sdl.md` 14.5), with the reference's texts.
//!
//! The provider calls [`Manifest::validate`] on what it receives. The compiler has the same rules in
//! `check::manifest`, with spans; a test holds the two together.

use super::{Expose, Manifest, Resources, Service};
use crate::names;
use std::cmp::Ordering;
use std::collections::BTreeSet;

/// Why a manifest is refused; the text is the one that clients of the reference know.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ManifestError {
    /// The manifest itself is malformed: `invalid manifest: …`.
    #[error("invalid manifest: {0}")]
    Structure(String),
    /// A service lacks a resource: no prefix.
    #[error("{0}")]
    Resources(&'static str),
    /// The groups on chain are others than those of the manifest: `invalid manifest: …`.
    #[error("invalid manifest: {0}")]
    Groups(String),
    /// The manifest and the groups on chain disagree: `manifest cross-validation error: …`.
    #[error("manifest cross-validation error: {0}")]
    Cross(String),
}

impl Manifest {
    /// Checks everything that can be checked without the chain.
    ///
    /// # Errors
    /// The first rule that is broken, in the reference's order.
    pub fn validate(&self) -> Result<(), ManifestError> {
        let structure = |text: String| Err(ManifestError::Structure(text));
        if self.0.is_empty() {
            return structure("manifest is empty".into());
        }
        let mut hosts = BTreeSet::new();
        let mut has_global = false;
        for group in &self.0 {
            let services = group.services();
            if services.is_empty() {
                return structure(format!("group {} contains no services", quote(&group.name)));
            }
            if !services.is_sorted_by(|a, b| a.name <= b.name) {
                return structure(format!("group {} services is not sorted", quote(&group.name)));
            }
            for service in services {
                validate_service(service, &mut hosts)?;
                has_global |= service.exposes().iter().any(|it| it.global);
            }
        }
        let mut names = BTreeSet::new();
        for group in &self.0 {
            if !names.insert(&group.name) {
                return structure(format!("duplicate group {}", quote(&group.name)));
            }
        }
        if !has_global {
            return structure("zero global services".into());
        }
        Ok(())
    }
}

fn validate_service<'a>(
    service: &'a Service,
    hosts: &mut BTreeSet<&'a str>,
) -> Result<(), ManifestError> {
    let structure = |text: String| Err(ManifestError::Structure(text));
    let name = quote(&service.name);
    if service.name.is_empty() {
        return structure("service name is empty".into());
    }
    if !names::is_service_name(&service.name) {
        return structure(format!("service {name} name is invalid"));
    }
    if service.image.is_empty() {
        return structure(format!("service {name} has empty image name"));
    }
    resources_complete(&service.resources)?;
    for env in service.env.as_deref().unwrap_or_default() {
        let key = env.split('=').next().unwrap_or_default();
        if !names::is_env_name(key) {
            return structure(format!(
                "service {name} defines an env. var. with an invalid name {}",
                quote(key)
            ));
        }
    }
    let exposes = service.exposes();
    if !exposes.is_sorted_by(|a, b| expose_order(a, b) != Ordering::Greater) {
        return structure(format!("service {name}: expose is not sorted"));
    }
    for expose in exposes {
        if expose.port == 0 || expose.port > 65535 {
            return structure(format!("service {name}: port value must be 0 < value <= 65535 "));
        }
        if !matches!(expose.proto.as_str(), "TCP" | "UDP") {
            return structure(format!("service {name}: protocol {} unknown", quote(&expose.proto)));
        }
        for host in expose.hosts.as_deref().unwrap_or_default() {
            if !names::is_hostname(host) {
                return structure(format!("service {name}: has invalid hostname {}", quote(host)));
            }
            if !hosts.insert(host.as_str()) {
                return structure(format!(
                    "service {name}: hostname {} is duplicated, this is not allowed",
                    quote(host)
                ));
            }
        }
    }
    Ok(())
}

/// Every part of the resources must be there.
fn resources_complete(resources: &Resources) -> Result<(), ManifestError> {
    let missing = if resources.id == 0 {
        "resources ID must be > 0"
    } else if resources.cpu.is_none() {
        "CPU must not be nil"
    } else if resources.gpu.is_none() {
        "GPU must not be nil"
    } else if resources.memory.is_none() {
        "memory must not be nil"
    } else if resources.storage.is_none() {
        "storage must not be nil"
    } else if resources.endpoints.is_none() {
        "endpoints must not be nil"
    } else {
        return Ok(());
    };
    Err(ManifestError::Resources(missing))
}

/// The order of exposes: service, port, protocol, then global before local (spec `sdl.md` 12.3).
pub(crate) fn expose_order(a: &Expose, b: &Expose) -> Ordering {
    a.service
        .cmp(&b.service)
        .then_with(|| a.port.cmp(&b.port))
        .then_with(|| a.proto.cmp(&b.proto))
        .then_with(|| b.global.cmp(&a.global))
}

/// Text in quotes, as Go's `%q` prints it for ordinary text.
pub(crate) fn quote(text: &str) -> String {
    format!("{text:?}")
}
