//! What has to be done so that what runs equals what is leased. Pure.
//!
//! Called by: the reconciler. A plan that was carried out gives an empty plan.

use std::collections::{BTreeMap, BTreeSet};

use backend::{Found, Workload};
use types::ids::LeaseId;

use crate::workload::without_secrets;

/// One thing to do for one lease.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Make it run, or make it run as it should.
    Apply(LeaseId, Workload),
    /// Take everything away: the chain said that the lease is over.
    Remove(LeaseId),
    /// Something runs for a lease that we do not hold: ask the chain before anything is removed.
    Verify(LeaseId),
}

impl Step {
    pub fn lease(&self) -> &LeaseId {
        match self {
            Step::Apply(it, _) | Step::Remove(it) | Step::Verify(it) => it,
        }
    }

    pub fn name(&self) -> &'static str {
        match self {
            Step::Apply(..) => "apply",
            Step::Remove(_) => "remove",
            Step::Verify(_) => "verify",
        }
    }
}

/// `wanted` holds every lease that binds us, with its workload once there is a manifest; `over` those
/// that the chain said are over; `again` those that run badly and should be applied once more.
pub fn plan(
    wanted: &BTreeMap<LeaseId, Option<Workload>>,
    over: &BTreeSet<LeaseId>,
    again: &BTreeSet<LeaseId>,
    found: &[Found],
) -> Vec<Step> {
    let there: BTreeMap<&LeaseId, &Found> = found.iter().map(|it| (&it.lease, it)).collect();
    let mut steps = Vec::new();
    for (lease, workload) in wanted {
        let Some(workload) = workload else { continue };
        let bare = without_secrets(workload);
        let runs = there.get(lease).is_some_and(|it| it.workload.as_ref() == Some(&bare));
        if !runs || again.contains(lease) {
            steps.push(Step::Apply(lease.clone(), workload.clone()));
        }
    }
    let gone = over.iter().filter(|it| !wanted.contains_key(*it));
    steps.extend(gone.map(|it| Step::Remove(it.clone())));
    let unknown = there.keys().filter(|it| !wanted.contains_key(**it) && !over.contains(**it));
    steps.extend(unknown.map(|it| Step::Verify((*it).clone())));
    steps
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::testing::{lease, workload};

    fn found(dseq: u64, workload: Option<Workload>) -> Found {
        Found { lease: lease(dseq), workload }
    }

    #[test]
    fn a_lease_without_a_manifest_is_left_alone() {
        let wanted = BTreeMap::from([(lease(1), None)]);
        let runs = [found(1, Some(workload("a")))];
        assert_eq!(plan(&wanted, &BTreeSet::new(), &BTreeSet::new(), &runs), []);
    }

    #[test]
    fn what_runs_for_nobody_is_asked_about_before_it_is_removed() {
        let runs = [found(1, None)];
        let none = BTreeSet::new();
        assert_eq!(plan(&BTreeMap::new(), &none, &none, &runs), [Step::Verify(lease(1))]);
        let over = BTreeSet::from([lease(1)]);
        assert_eq!(plan(&BTreeMap::new(), &over, &none, &runs), [Step::Remove(lease(1))]);
    }

    #[test]
    fn credentials_make_no_difference_to_what_was_found() {
        let mut secret = workload("a");
        secret.services[0].credentials = Some(Default::default());
        let wanted = BTreeMap::from([(lease(1), Some(secret.clone()))]);
        let runs = [found(1, Some(without_secrets(&secret)))];
        let none = BTreeSet::new();
        assert_eq!(plan(&wanted, &none, &none, &runs), []);
        let again = BTreeSet::from([lease(1)]);
        assert_eq!(plan(&wanted, &none, &again, &runs), [Step::Apply(lease(1), secret)]);
    }

    /// What a machine room and a chain would make of the steps.
    fn carry_out(
        steps: &[Step],
        over: &mut BTreeSet<LeaseId>,
        found: &mut BTreeMap<LeaseId, Found>,
    ) {
        for step in steps {
            match step {
                Step::Apply(lease, workload) => {
                    let workload = Some(without_secrets(workload));
                    found.insert(lease.clone(), Found { lease: lease.clone(), workload });
                }
                Step::Remove(lease) => {
                    found.remove(lease);
                    over.remove(lease);
                }
                Step::Verify(lease) => {
                    over.insert(lease.clone());
                }
            }
        }
    }

    proptest! {
        #[test]
        fn a_plan_that_was_carried_out_leaves_nothing_to_do(
            wanted in proptest::collection::btree_map(0_u64..12, proptest::option::of(0_u8..3), 0..8),
            over in proptest::collection::btree_set(0_u64..12, 0..6),
            runs in proptest::collection::btree_map(0_u64..12, proptest::option::of(0_u8..3), 0..8),
        ) {
            let named = |it: u8| workload(&format!("image-{it}"));
            let wanted: BTreeMap<LeaseId, Option<Workload>> =
                wanted.into_iter().map(|(id, it)| (lease(id), it.map(named))).collect();
            let mut over: BTreeSet<LeaseId> = over.into_iter().map(lease).collect();
            over.retain(|it| !wanted.contains_key(it));
            let mut runs: BTreeMap<LeaseId, Found> = runs
                .into_iter()
                .map(|(id, it)| (lease(id), found(id, it.map(named))))
                .collect();
            let none = BTreeSet::new();
            // Twice, because what nobody knows is asked about first and removed then.
            for _ in 0..2 {
                let list: Vec<Found> = runs.values().cloned().collect();
                let steps = plan(&wanted, &over, &none, &list);
                // Never two steps for one lease, and nothing that is wanted is ever removed.
                let leases: BTreeSet<&LeaseId> = steps.iter().map(Step::lease).collect();
                prop_assert_eq!(leases.len(), steps.len());
                for step in &steps {
                    if !matches!(step, Step::Apply(..)) {
                        prop_assert!(!wanted.contains_key(step.lease()));
                    }
                }
                carry_out(&steps, &mut over, &mut runs);
            }
            let list: Vec<Found> = runs.values().cloned().collect();
            prop_assert_eq!(plan(&wanted, &over, &none, &list), Vec::new());
            for (lease, want) in &wanted {
                if let Some(want) = want {
                    prop_assert_eq!(runs.get(lease).and_then(|it| it.workload.as_ref()), Some(want));
                }
            }
        }
    }
}
