//! Does one step of a plan.
//!
//! Called by: the reconciler. Calls: the machine room, and the chain for [`Step::Verify`].

use super::plan::Step;
use crate::{chain::live::is_live, service::Service};

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
            service.backend.apply(lease, workload).await.map_err(told)
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
