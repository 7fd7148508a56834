//! Sending the manifest and waiting until everything runs.

use std::{collections::BTreeMap, time::Duration};

use client::gateway::{Gateway, LeaseStatus};
use serde_json::{Value, json};
use tokio::time::Instant;
use types::wire::akash::market::v1::{LeaseId, lease};

use super::{Args, Deployment};
use crate::{
    context::Context,
    failure::{Failure, Result, UNREACHABLE},
    numbers,
    printer::{Column, clean},
};

/// The pause between two looks at the status.
const POLL: Duration = Duration::from_millis(400);
/// How long a provider may take until it has seen the lease and takes the manifest.
const MANIFEST_PATIENCE: Duration = Duration::from_secs(90);

/// What runs for one lease.
pub(super) struct Running {
    lease: LeaseId,
    gateway: String,
    status: LeaseStatus,
}

impl Running {
    pub(super) fn json(&self) -> Value {
        json!({
            "gseq": self.lease.gseq, "oseq": self.lease.oseq, "provider": self.lease.provider,
            "gateway": self.gateway, "status": self.status,
        })
    }
}

/// Sends the manifest to every provider and waits until all services are there.
pub(super) async fn bring_up(
    cx: &Context,
    args: &Args,
    deployment: &Deployment,
    leases: &[LeaseId],
    manifest: &str,
) -> Result<Vec<Running>> {
    let chain = deployment.chain();
    let mut gateways: BTreeMap<String, Gateway> = BTreeMap::new();
    for lease in leases {
        if gateways.contains_key(&lease.provider) {
            continue;
        }
        let _progress = cx.printer.progress(format!("sending the manifest to {}", lease.provider));
        let signer = deployment.wallet.signer().clone();
        let gateway = Gateway::connect(chain, &lease.provider, Some(signer)).await?;
        gateway.send_manifest(deployment.dseq, manifest, MANIFEST_PATIENCE).await?;
        cx.printer.done(format!("manifest taken by {}", numbers::brief(&lease.provider)));
        gateways.insert(lease.provider.clone(), gateway);
    }

    let progress = cx.printer.progress("starting");
    let limit = Duration::from_secs(args.ready_timeout);
    let start = Instant::now();
    let mut running = Vec::new();
    for lease in leases {
        let Some(gateway) = gateways.get(&lease.provider) else { continue };
        let status = loop {
            let asked = gateway.lease_status(lease).await;
            if let Ok(status) = &asked {
                if status.is_ready() {
                    break status.clone();
                }
                progress.set(format!("starting: {}", counts(status)));
            }
            still_open(deployment, lease).await?;
            if start.elapsed() >= limit {
                let text = match asked {
                    Ok(status) => counts(&status),
                    Err(error) => error.to_string(),
                };
                return Err(Failure::new(format!(
                    "not everything runs after {}: {text}",
                    numbers::duration(limit)
                ))
                .code(UNREACHABLE));
            }
            tokio::time::sleep(POLL).await;
        };
        running.push(Running { lease: lease.clone(), gateway: gateway.uri().to_owned(), status });
    }
    Ok(running)
}

/// `web 0/1, db 1/1`.
fn counts(status: &LeaseStatus) -> String {
    if status.services.is_empty() {
        return "nothing yet".to_owned();
    }
    let services = status.services.values();
    let texts = services.map(|it| format!("{} {}/{}", clean(&it.name), it.available, it.total));
    texts.collect::<Vec<_>>().join(", ")
}

/// A lease that the provider closed will never be ready.
async fn still_open(deployment: &Deployment, id: &LeaseId) -> Result {
    let found = match deployment.chain().lease(id).await {
        Ok(found) => found,
        Err(error) if error.is_transient() => return Ok(()),
        Err(error) => return Err(error.into()),
    };
    let Some(found) = found else { return Ok(()) };
    if found.lease.state == i32::from(lease::State::Active) {
        return Ok(());
    }
    let reason = types::wire::akash::market::v1::LeaseClosedReason::try_from(found.lease.reason)
        .map_or("no reason given", |it| it.as_str_name());
    Err(Failure::new(format!("the lease was closed in block {}: {reason}", found.lease.closed_on)))
}

/// Shows what runs and where it answers.
pub(super) fn show(cx: &Context, running: &[Running]) {
    let mut rows = Vec::new();
    for it in running {
        for service in it.status.services.values() {
            let ports = it.status.forwarded_ports.get(&service.name).into_iter().flatten();
            let ports = ports.map(|it| format!("{}:{} -> {}", it.host, it.external_port, it.port));
            let ways: Vec<String> =
                service.uris.iter().map(|it| format!("http://{it}")).chain(ports).collect();
            rows.push(vec![
                service.name.clone(),
                format!("{}/{}", service.available, service.total),
                ways.join("\n"),
            ]);
        }
    }
    let columns = [Column::Text("service"), Column::Number("ready"), Column::Text("reachable at")];
    cx.printer.table(&columns, &rows);
}
