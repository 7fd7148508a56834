//! Makes what runs equal to what is leased: [`plan`] decides, [`act`] does, this loops the two on a
//! timer and on hints.
//!
//! Called by: [`crate::run`]. Calls: the machine room; the chain, for leases that nobody knows.

pub mod act;
pub mod plan;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::task::JoinSet;
use types::ids::LeaseId;

use crate::{service::Service, workload};
use act::Failure;
use plan::{Step, plan};

const BACKOFF_MIN: Duration = Duration::from_secs(1);
const BACKOFF_MAX: Duration = Duration::from_secs(60);
/// What cannot work without a change is tried again this rarely.
const HOPELESS: Duration = Duration::from_secs(600);

/// Steps that failed: how often in a row, and when they may be tried again.
#[derive(Debug, Default)]
struct Backoff(BTreeMap<LeaseId, (Step, u32, Instant)>);

impl Backoff {
    /// Whether the step has to wait. A step that differs from the one that failed has not.
    fn holds(&self, step: &Step, now: Instant) -> bool {
        self.0.get(step.lease()).is_some_and(|(failed, _, until)| failed == step && *until > now)
    }

    fn failed(&mut self, step: Step, now: Instant, hopeless: bool) -> Duration {
        let times = match self.0.get(step.lease()) {
            Some((failed, times, _)) if *failed == step => times.saturating_add(1),
            _ => 0,
        };
        let grown = BACKOFF_MIN.saturating_mul(1 << times.min(10)).min(BACKOFF_MAX);
        let pause = if hopeless { HOPELESS } else { grown };
        self.0.insert(step.lease().clone(), (step, times, now + pause));
        pause
    }

    fn worked(&mut self, lease: &LeaseId) {
        self.0.remove(lease);
    }

    fn next(&self) -> Option<Instant> {
        self.0.values().map(|it| it.2).min()
    }
}

/// Runs until it is dropped; steps under way end with it and are found again by the next one.
pub(crate) async fn run(service: Arc<Service>) {
    let mut backoff = Backoff::default();
    let mut running = JoinSet::new();
    let mut busy = BTreeSet::new();
    let mut well = true;
    loop {
        match service.backend.list().await {
            Ok(found) => {
                well = true;
                let steps = {
                    let mut state = service.state();
                    let wanted = wanted(&service, &state);
                    let again = std::mem::take(&mut state.heal);
                    plan(&wanted, &state.over, &again, &found)
                };
                let now = Instant::now();
                for step in steps {
                    if busy.contains(step.lease()) || backoff.holds(&step, now) {
                        continue;
                    }
                    busy.insert(step.lease().clone());
                    if matches!(step, Step::Apply(..)) {
                        service.state().applying.insert(step.lease().clone());
                    }
                    let service = Arc::clone(&service);
                    running.spawn(async move {
                        let result = act::act(&service, &step).await;
                        (step, result)
                    });
                }
            }
            Err(error) => {
                if std::mem::replace(&mut well, false) {
                    tracing::warn!(%error, "the machine room does not say what runs");
                }
            }
        }
        let period = service.config.timers.reconcile_period.0;
        let wait = backoff.next().map_or(period, |it| {
            it.saturating_duration_since(Instant::now()).clamp(Duration::from_millis(50), period)
        });
        tokio::select! {
            () = service.hint.notified() => {}
            () = tokio::time::sleep(wait) => {}
            Some(done) = running.join_next() => match done {
                Ok((step, result)) => {
                    busy.remove(step.lease());
                    settle(&service, &mut backoff, step, result);
                }
                Err(error) => {
                    tracing::error!(%error, "a step of the reconciler ended badly");
                    // Whose step it was is not known any more: let all be tried again.
                    running.abort_all();
                    while running.join_next().await.is_some() {}
                    busy.clear();
                    service.state().applying.clear();
                }
            },
        }
    }
}

/// Every lease that binds us, with what should run for it once there is a manifest.
fn wanted(
    service: &Service,
    state: &crate::state::State,
) -> BTreeMap<LeaseId, Option<backend::Workload>> {
    let workload = |id: &LeaseId| {
        let kept = state.kept.get(id)?;
        let group = id.group();
        Some(workload::of(kept, &service.around, |host| state.hostnames.holds(&group, host)))
    };
    state.leases.keys().map(|id| (id.clone(), workload(id))).collect()
}

fn settle(service: &Service, backoff: &mut Backoff, step: Step, result: Result<(), Failure>) {
    let lease = step.lease().clone();
    service.state().applying.remove(&lease);
    match result {
        Ok(()) => {
            backoff.worked(&lease);
            let mut state = service.state();
            match step {
                Step::Apply(..) => {
                    state.ledger.mark(&lease.order(), true);
                    if let Some(held) = state.leases.get_mut(&lease) {
                        held.error = None;
                        held.monitor_at = Instant::now();
                    }
                }
                Step::Remove(_) => {
                    // A lease that came back to life is not possible: its id is used up.
                    state.over.remove(&lease);
                    state.ledger.release(&lease.order());
                }
                Step::Verify(_) => {}
            }
        }
        Err(failure) => {
            let pause = backoff.failed(step.clone(), Instant::now(), failure.hopeless);
            tracing::warn!(
                %lease, step = step.name(), error = %failure.text, retry_after_ms = %pause.as_millis(),
                "cannot bring a lease where it should be"
            );
            if let Some(held) = service.state().leases.get_mut(&lease) {
                held.error = Some(failure.text);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::lease;

    #[test]
    fn a_failed_step_waits_longer_each_time_and_a_changed_one_does_not_wait() {
        let mut backoff = Backoff::default();
        let now = Instant::now();
        let step = Step::Remove(lease(1));
        assert_eq!(backoff.failed(step.clone(), now, false), BACKOFF_MIN);
        assert_eq!(backoff.failed(step.clone(), now, false), BACKOFF_MIN * 2);
        assert!(backoff.holds(&step, now));
        assert!(!backoff.holds(&step, now + BACKOFF_MIN * 2));
        assert!(!backoff.holds(&Step::Verify(lease(1)), now));
        for _ in 0..50 {
            backoff.failed(step.clone(), now, false);
        }
        assert_eq!(backoff.failed(step.clone(), now, false), BACKOFF_MAX);
        backoff.worked(&lease(1));
        assert!(!backoff.holds(&step, now));
    }
}
