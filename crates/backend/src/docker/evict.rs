//! Writable layers have a size, and this engine does not hold them to it: measure, and throw away what outgrew it, as
//! a cluster evicts. The provider makes a fresh container at its next look.

use std::sync::Weak;

use bollard::query_parameters as query;

use super::{
    Docker, Inner,
    converge::identity,
    names::{self, filter},
};
use crate::{ChangeKind, Result, spec};

/// Measures until the backend is gone.
pub(super) async fn forever(backend: Weak<Inner>) {
    loop {
        let Some(period) = backend.upgrade().map(|inner| inner.config.measure_every) else {
            return;
        };
        tokio::time::sleep(period).await;
        let Some(inner) = backend.upgrade() else { return };
        if let Err(error) = (Docker { inner }).evict().await {
            tracing::debug!(%error, "cannot measure writable layers");
        }
    }
}

impl Docker {
    async fn evict(&self) -> Result {
        let (records, _) = self.records(None).await?;
        if records.is_empty() {
            return Ok(());
        }
        let mine = [(names::OWNER, self.config().owner.as_str()), (names::KIND, "container")];
        let options = query::ListContainersOptionsBuilder::default()
            .all(true)
            .size(true)
            .filters(&filter(&mine))
            .build();
        let found = self.engine().list_containers(Some(options)).await;
        for container in found.map_err(|error| self.failed("measuring containers", &error))? {
            let Some((service, index, hash)) = identity(&container) else { continue };
            let lease = container.labels.as_ref().and_then(|it| it.get(names::LEASE));
            let Some(filed) = lease.and_then(|it| it.parse().ok()).and_then(|it| records.get(&it))
            else {
                continue;
            };
            let workload = filed.record.as_ref().map(|record| &record.workload);
            let wanted = workload.and_then(|it| it.service(&service));
            let limit = wanted.map_or(0, |it| it.resources.ephemeral_bytes());
            let size = container.size_rw.and_then(|size| u64::try_from(size).ok()).unwrap_or(0);
            if limit == 0 || size <= limit {
                continue;
            }
            let _turn = self.turn(&filed.lease).await;
            let replica = spec::replica_name(&service, &hash, index);
            let note = format!("Evicted: the container wrote {size} bytes, its limit is {limit}");
            tracing::warn!(lease = %filed.lease, replica, size, limit, "container evicted");
            self.remove_container(&filed.lease, &container).await?;
            self.hint(&filed.lease, &service, &replica, ChangeKind::Failed, note);
        }
        Ok(())
    }
}
