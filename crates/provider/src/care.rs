//! Looking after a lease while it lives: is it well, and is it paid? (spec `provider.md` 6.1, 6.3)
//!
//! Called by: the service's clock. Calls: the machine room, the chain.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use types::{ids::LeaseId, wire::akash::market::v1::LeaseClosedReason};

use crate::{
    chain::{self, Deployment, Msg},
    service::Service,
};

/// After an error, funds are asked for again this soon.
const FUNDS_RETRY: Duration = Duration::from_secs(60);

impl Service {
    /// One look at how a lease does. Only a machine room that answers can make a lease unhealthy.
    pub(crate) async fn look_after(self: &Arc<Self>, id: &LeaseId) {
        let status = match self.backend.status(id).await {
            Ok(it) => it,
            Err(error) => {
                tracing::warn!(lease = %id, %error, "cannot see how a lease does");
                return;
            }
        };
        let ready = status.as_ref().is_some_and(backend::Status::is_ready);
        let timers = &self.config.timers;
        let mut state = self.state();
        state.ledger.mark(&id.order(), ready);
        let applying = state.applying.contains(id);
        let Some(held) = state.leases.get_mut(id) else { return };
        if ready != held.ready {
            tracing::info!(lease = %id, ready, "the state of a lease changed");
        }
        held.ready = ready;
        if ready {
            held.failures = 0;
            held.monitor_at = Instant::now() + timers.monitor_healthcheck_period.0;
            return;
        }
        held.monitor_at =
            Instant::now() + timers.monitor_retry_period.0 + jitter(timers.monitor_retry_jitter.0);
        if applying {
            // Images are still on their way: that is not the workload's fault.
            return;
        }
        held.failures = held.failures.saturating_add(1);
        if held.failures > timers.monitor_max_retries && held.closing.is_none() {
            tracing::warn!(lease = %id, looks = held.failures, "a lease never got well");
            held.closing = Some((LeaseClosedReason::Unstable, Instant::now()));
            return;
        }
        state.heal.insert(id.clone());
        drop(state);
        self.hint.notify_one();
    }

    /// Looks at the escrow account, withdraws when that is due or funds are used up.
    pub(crate) async fn check_funds(self: &Arc<Self>, id: &LeaseId) {
        let most = self.config.timers.funds_interval.0;
        let pause = match self.funds_left(id).await {
            Ok(Some(blocks)) => {
                let now = Instant::now();
                let due = {
                    let state = self.state();
                    let Some(held) = state.leases.get(id) else { return };
                    held.withdraw_at.is_some_and(|it| it <= now)
                };
                let empty = blocks == 0;
                if due || empty {
                    self.withdraw(id).await;
                }
                if empty {
                    most
                } else {
                    let lasts = u32::try_from(blocks).unwrap_or(u32::MAX);
                    self.config.timers.block_time.0.saturating_mul(lasts).min(most)
                }
            }
            Ok(None) => most,
            Err(error) => {
                tracing::warn!(lease = %id, %error, "cannot read the funds of a lease");
                FUNDS_RETRY.min(most)
            }
        };
        let pause = pause.max(Duration::from_millis(100));
        if let Some(held) = self.state().leases.get_mut(id) {
            held.check_funds_at = Instant::now() + pause;
        }
    }

    /// For how many blocks the deployment's funds last; `None` where nothing is drawn.
    async fn funds_left(&self, id: &LeaseId) -> Result<Option<u64>, chain::Error> {
        let Some(deployment) = self.chain.deployment(&id.deployment()).await? else {
            return Ok(None);
        };
        Ok(blocks_left(&deployment, self.chain.height().await?))
    }

    async fn withdraw(self: &Arc<Self>, id: &LeaseId) {
        let period = self.config.timers.withdrawal_period.0;
        if let Some(held) = self.state().leases.get_mut(id) {
            held.withdraw_at = (!period.is_zero()).then(|| Instant::now() + period);
        }
        match self.chain.send(vec![Msg::withdraw(id)]).await {
            Ok(()) => {
                self.state().withdrawals += 1;
                tracing::info!(lease = %id, "payments withdrawn");
            }
            // Not tried again until it is due again (6.3).
            Err(error) => tracing::warn!(lease = %id, %error, "cannot withdraw payments"),
        }
    }
}

/// A random part of `most`, so that leases are not all looked at in the same moment.
fn jitter(most: Duration) -> Duration {
    use std::hash::{BuildHasher as _, RandomState};
    let parts = u32::try_from(RandomState::new().hash_one(0_u8) % 1000).unwrap_or(0);
    most * parts / 1000
}

/// Blocks from `height` until the funds are used up by all leases of the deployment.
fn blocks_left(deployment: &Deployment, height: u64) -> Option<u64> {
    if deployment.rate == 0 {
        return None;
    }
    let blocks = u128::from(height.saturating_sub(deployment.escrow.settled_at));
    let owed = blocks.saturating_mul(deployment.rate);
    let left = deployment.escrow.funds.saturating_sub(owed) / deployment.rate;
    Some(u64::try_from(left).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chain::Escrow;

    #[test]
    fn funds_last_as_long_as_all_leases_together_leave() {
        let with = |funds, settled_at, rate| Deployment {
            hash: Vec::new(),
            active: true,
            groups: Vec::new(),
            escrow: Escrow { denom: "uact".into(), funds, settled_at },
            rate,
        };
        assert_eq!(blocks_left(&with(1000, 10, 10), 10), Some(100));
        assert_eq!(blocks_left(&with(1000, 10, 10), 60), Some(50));
        assert_eq!(blocks_left(&with(1000, 10, 10), 110), Some(0));
        assert_eq!(blocks_left(&with(1000, 10, 10), 500), Some(0));
        assert_eq!(blocks_left(&with(1000, 10, 0), 10), None);
    }
}
