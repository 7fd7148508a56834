//! Does one step of a plan.
//!
//! Called by: the reconciler. Calls: the machine room, and the chain for [`Step::Verify`].

use std::time::Duration;

use super::plan::Step;
use crate::{chain::live::is_live, service::Service};

/// Applying takes as long as images are pulled, but not for ever.
const APPLY_LIMIT: Duration = Duration::from_secs(30 * 60);

/// Why a step did not work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    pub text: String,
    /// Trying again without a change cannot help.
    pub hopeless: bool,
}

pub(crate) async fn act(service: &Service, step: &Step) -> Result<(), Failure> {
    let told = |it: backend::Error| Failure { hopeless: !it.is_transient(), text: it.to_string() };
    match step {
        Step::Apply(lease, workload) => {
            tracing::info!(%lease, generation = workload.generation, "applying a workload");
            let apply = service.backend.apply(lease, workload);
            match tokio::time::timeout(APPLY_LIMIT, apply).await {
                Ok(done) => done.map_err(told),
                Err(_) => Err(Failure {
                    text: format!("not done after {} minutes", APPLY_LIMIT.as_secs() / 60),
                    hopeless: false,
                }),
            }
        }
        Step::Remove(lease) => {
            service.backend.remove(lease).await.map_err(told)?;
            tracing::info!(%lease, "everything of the lease is removed");
            Ok(())
        }
        Step::Verify(lease) => {
            let told = |it: crate::chain::Error| Failure { text: it.to_string(), hopeless: false };
            match service.chain.lease(lease).await.map_err(told)? {
                Some(found) if is_live(&found) => {
                    tracing::info!(%lease, "something runs for a lease that was not known yet");
                }
                _ => {
                    tracing::info!(%lease, "something runs for a lease that is over");
                    service.lost(lease);
                }
            }
            Ok(())
        }
    }
}
