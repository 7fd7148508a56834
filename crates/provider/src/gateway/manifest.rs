//! Receiving manifests, and giving them back (spec `provider.md` 4.8 to 4.10).
//!
//! Called by: `gateway`. Calls: the chain (what was promised), the store (what was received).

use std::{collections::BTreeMap, sync::Arc};

use axum::response::Response;
use http::StatusCode;
use sdl::{Manifest, ManifestError};
use types::{
    Address,
    ids::{DeploymentId, LeaseId},
};

use super::answer::{self, Refused, Result};
use crate::{
    chain::{self, Deployment, group_specs},
    service::Service,
    store::Kept,
    workload,
};

/// What the chain could not say, in the status that clients retry on.
fn of_chain(error: chain::Error) -> Refused {
    let status = match error {
        chain::Error::Unreachable(_) => StatusCode::SERVICE_UNAVAILABLE,
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    };
    Refused::text(status, error.to_string())
}

fn unprocessable(text: impl Into<String>) -> Refused {
    Refused::text(StatusCode::UNPROCESSABLE_ENTITY, text)
}

fn of_manifest(error: &ManifestError) -> Refused {
    let status = match error {
        ManifestError::Structure(_) | ManifestError::Cross(_) => StatusCode::UNPROCESSABLE_ENTITY,
        ManifestError::Resources(_) | ManifestError::Groups(_) => StatusCode::INTERNAL_SERVER_ERROR,
    };
    Refused::text(status, error.to_string())
}

/// Checks a manifest against the chain and keeps it for every lease of the deployment here. What
/// runs follows later.
pub(crate) async fn put(
    service: &Arc<Service>,
    owner: &Address,
    dseq: u64,
    body: &[u8],
) -> Result<()> {
    let manifest = Manifest::from_json(body).map_err(unprocessable)?;
    let id = DeploymentId { owner: owner.clone(), dseq };
    let none = || Refused::text(StatusCode::NOT_FOUND, "no lease for deployment");
    let deployment = match dseq {
        0 => None,
        _ => service.chain.deployment(&id).await.map_err(of_chain)?,
    };
    // The reference answers 500 here; clients retry on this text, so it is given instead (4.8).
    let deployment = deployment.filter(|it| it.active).ok_or_else(none)?;
    let leases = leases(service, &id).await?;
    if leases.is_empty() {
        return Err(none());
    }
    manifest.validate().map_err(|it| of_manifest(&it))?;
    check_version(service, &id, &deployment, &manifest, body)?;
    manifest.check_against(&group_specs(&deployment)).map_err(|it| of_manifest(&it))?;
    accept(service, &deployment, &leases, &manifest)
}

/// Our live leases of a deployment. A lease whose event has not arrived yet is asked for.
async fn leases(service: &Arc<Service>, id: &DeploymentId) -> Result<Vec<LeaseId>> {
    let known = service.state().leases_of(id);
    if !known.is_empty() {
        return Ok(known);
    }
    let fresh = service.chain.leases().await.map_err(of_chain)?;
    let fresh = fresh.iter().filter_map(|it| LeaseId::try_from(&it.id).ok());
    Ok(fresh.filter(|it| it.deployment() == *id).collect())
}

fn check_version(
    service: &Service,
    id: &DeploymentId,
    deployment: &Deployment,
    manifest: &Manifest,
    body: &[u8],
) -> Result<()> {
    let announced = service.state().hashes.get(id).cloned();
    let good = |hash: &[u8]| hash == deployment.hash || Some(hash) == announced.as_deref();
    let decoded = manifest.version();
    let document = sdl::manifest::document_version(body);
    if good(&decoded) || document.is_some_and(|it| good(&it)) {
        Ok(())
    } else {
        Err(unprocessable("manifest version validation failed"))
    }
}

fn accept(
    service: &Arc<Service>,
    deployment: &Deployment,
    leases: &[LeaseId],
    manifest: &Manifest,
) -> Result<()> {
    let version = hex::encode(manifest.version());
    let mut pairs = Vec::new();
    for lease in leases {
        let name = deployment.groups.iter().find(|it| it.id.gseq == lease.gseq);
        let name = name.map(|it| it.group_spec.name.as_str()).unwrap_or_default();
        let group = manifest.group(name).ok_or_else(|| {
            let text = format!("invalid manifest: unknown deployment group ('{name}')");
            Refused::text(StatusCode::INTERNAL_SERVER_ERROR, text)
        })?;
        if service.config.ingress.domain.is_empty() {
            needs_hosts(group)?;
        }
        pairs.push((lease, group));
    }
    let refused = |it: crate::hostnames::Refusal| {
        Refused::text(StatusCode::INTERNAL_SERVER_ERROR, it.to_string())
    };
    let mut state = service.state();
    for (lease, group) in &pairs {
        state.hostnames.check(&lease.group(), workload::hosts(group)).map_err(refused)?;
    }
    for (lease, group) in pairs {
        let before = state.kept.get(lease);
        let same = before.is_some_and(|it| it.group == *group && it.version == version);
        if same {
            continue;
        }
        let generation = before.map_or(1, |it| it.generation + 1);
        let schedulers = state.ledger.of_order(&lease.order()).map(|it| it.schedulers.clone());
        let gpus =
            schedulers.unwrap_or_default().into_iter().filter(|it| !it.1.gpu_vendor.is_empty());
        let gpus: BTreeMap<u32, (String, String)> =
            gpus.map(|(id, it)| (id, (it.gpu_vendor, it.gpu_model))).collect();
        let kept = Kept {
            lease: lease.clone(),
            generation,
            version: version.clone(),
            group: group.clone(),
            gpus,
        };
        // Kept before it is promised: a manifest that was answered with 200 survives.
        service.store.put(&kept).map_err(|it| {
            tracing::error!(%lease, error = %it, "cannot keep a manifest");
            Refused::text(StatusCode::INTERNAL_SERVER_ERROR, "the manifest cannot be kept")
        })?;
        state.kept.insert(lease.clone(), kept);
        state.hostnames.reserve(&lease.group(), workload::hosts(group)).map_err(refused)?;
        tracing::info!(%lease, generation, "manifest accepted");
    }
    service.keep_hostnames(&state.hostnames);
    for lease in leases {
        if let Some(held) = state.leases.get_mut(lease) {
            held.manifest_until = None;
            held.failures = 0;
        }
    }
    drop(state);
    service.hint.notify_one();
    Ok(())
}

/// Without generated names, an HTTP service needs one of the tenant's (4.8).
fn needs_hosts(group: &sdl::manifest::Group) -> Result<()> {
    for it in group.services() {
        for expose in it.exposes() {
            if expose.is_ingress() && expose.hosts.iter().flatten().next().is_none() {
                return Err(unprocessable(format!(
                    "manifest rejected: service {:?} exposed on {}:{} must have a hostname",
                    it.name, expose.port, expose.proto
                )));
            }
        }
    }
    Ok(())
}

/// The group of the lease as it was received. Endpoints are not part of what is kept (recorded).
pub(crate) fn get(service: &Service, lease: &LeaseId) -> Result<Response> {
    let group = service.state().kept.get(lease).map(|it| it.group.clone());
    let Some(mut group) = group else {
        return Err(Refused::text(StatusCode::NOT_FOUND, "lease not found"));
    };
    for it in group.services.iter_mut().flatten() {
        it.resources.endpoints = None;
    }
    Ok(answer::json(&[group]))
}
