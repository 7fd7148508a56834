use ledger::testing;

use super::*;

fn plan(name: &str, height: i64) -> MsgSoftwareUpgrade {
    let plan = Plan { name: name.to_owned(), height, time: NO_TIME, ..Plan::default() };
    MsgSoftwareUpgrade { authority: auth::authority_address(), plan }
}

fn planned(view: &View) -> Option<String> {
    current_plan(view, QueryCurrentPlanRequest {}).unwrap().plan.map(|it| it.name)
}

#[test]
fn a_plan_replaces_the_one_before_and_can_be_cancelled() {
    let mut cx = testing::ctx_at(10, 1_700_000_000);
    assert_eq!(planned(&cx), None);
    software_upgrade(&mut cx, plan("v2", 50)).unwrap();
    software_upgrade(&mut cx, plan("v3", 10)).unwrap();
    assert_eq!(planned(&cx).as_deref(), Some("v3"));
    let authority = auth::authority_address();
    cancel_upgrade(&mut cx, MsgCancelUpgrade { authority: authority.clone() }).unwrap();
    cancel_upgrade(&mut cx, MsgCancelUpgrade { authority }).unwrap();
    assert_eq!(planned(&cx), None);
}

#[test]
fn a_bad_plan_is_refused() {
    let mut cx = testing::ctx_at(10, 1_700_000_000);
    DONE.set(&mut cx, &(5, "v1".to_owned()), &()).unwrap();
    let mut timed = plan("v2", 50);
    timed.plan.time = Timestamp { seconds: 1_700_000_000, nanos: 0 };
    for (bad, text) in [
        (plan("v2", 9), "upgrade cannot be scheduled in the past: invalid request"),
        (plan("", 50), "name cannot be empty: invalid request"),
        (plan("v2", 0), "height must be greater than 0: invalid request"),
        (plan("v1", 50), "upgrade with name v1 has already been completed: invalid request"),
        (timed, "time-based upgrades have been deprecated in the SDK: invalid request"),
    ] {
        assert_eq!(software_upgrade(&mut cx, bad).unwrap_err().to_string(), text);
    }
    let stranger = MsgSoftwareUpgrade { authority: "akash1x".to_owned(), ..plan("v2", 50) };
    let fault = software_upgrade(&mut cx, stranger).unwrap_err();
    assert_eq!((fault.codespace(), fault.code()), ("upgrade", 6));
    let applied = QueryAppliedPlanRequest { name: "v1".to_owned() };
    assert_eq!(applied_plan(&cx, applied).unwrap().height, 5);
}

const V2: Handler = Handler {
    name: "v2",
    // Stands for any change of state.
    migrate: |cx| VERSIONS.set(cx, &"migrated".to_owned(), &1),
    versions: &[("bank", 5), ("new", 1)],
};

fn at(height: i64) -> Ctx {
    let mut cx = testing::ctx_at(height, 1_700_000_000);
    Upgrade::init(&mut cx, ()).unwrap();
    cx
}

/// The line with which a build that knows these upgrades stops before that height.
fn stops(cx: &Ctx, height: i64, skips: bool, known: &[Handler]) -> Option<String> {
    match course::of(cx, height, skips, known).unwrap() {
        Course::Stop(stop) => Some(stop.to_string()),
        _ => None,
    }
}

#[test]
fn the_block_of_a_plan_is_not_executed_by_a_build_that_does_not_know_it() {
    let mut cx = at(10);
    let mut msg = plan("v2", 11);
    msg.plan.info = "see\nthe notes".to_owned();
    software_upgrade(&mut cx, msg).unwrap();
    assert_eq!(stops(&cx, 10, false, &[]), None);
    let line = "UPGRADE \"v2\" NEEDED at height: 11: see the notes";
    assert_eq!(stops(&cx, 11, false, &[]).as_deref(), Some(line));
    // Heights that were missed somehow are no way around it.
    assert_eq!(stops(&cx, 12, false, &[]).as_deref(), Some(line));
    let stopped = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        let course = course::of(&cx, 11, false, &[]).unwrap();
        follow(&mut cx, course).unwrap();
    }));
    let halt = stopped.unwrap_err().downcast::<ledger::Halt>().unwrap();
    assert_eq!(halt.0, line);
}

#[test]
fn a_build_that_knows_the_plan_stops_before_every_earlier_block() {
    let mut cx = at(10);
    assert_eq!(stops(&cx, 10, false, &[V2]), None);
    software_upgrade(&mut cx, plan("v2", 12)).unwrap();
    let line = "BINARY UPDATED BEFORE TRIGGER! UPGRADE \"v2\" - in binary but not executed on \
                chain. Downgrade your binary";
    assert_eq!(stops(&cx, 10, false, &[V2]).as_deref(), Some(line));
    assert_eq!(stops(&cx, 11, false, &[V2]).as_deref(), Some(line));
    assert_eq!(stops(&cx, 12, false, &[V2]), None);
}

#[test]
fn an_upgrade_changes_the_state_once_and_is_asked_for_ever_after() {
    let mut cx = at(11);
    software_upgrade(&mut cx, plan("v2", 11)).unwrap();
    let course = course::of(&cx, 11, false, &[V2]).unwrap();
    assert!(matches!(course, Course::Apply(..)));
    follow(&mut cx, course).unwrap();
    assert_eq!(planned(&cx), None);
    let applied = QueryAppliedPlanRequest { name: "v2".to_owned() };
    assert_eq!(applied_plan(&cx, applied).unwrap().height, 11);
    let version = |name: &str| VERSIONS.get(&cx, &name.to_owned()).unwrap();
    assert_eq!([version("bank"), version("new"), version("acc")], [Some(5), Some(1), None]);
    assert_eq!((version("migrated"), APPLIED.get(&cx).unwrap()), (Some(1), Some(1)));
    // The same build goes on, the old one does not, at whatever height.
    assert!(matches!(course::of(&cx, 12, false, &[V2]).unwrap(), Course::On));
    let line = "wrong app version 0, upgrade handler is missing for v2 upgrade plan";
    assert_eq!(stops(&cx, 12, false, &[]).as_deref(), Some(line));
    assert_eq!(stops(&cx, 12, true, &[]).as_deref(), Some(line));
    // The last one counts.
    DONE.set(&mut cx, &(20, "v3".to_owned()), &()).unwrap();
    assert!(stops(&cx, 21, false, &[V2]).unwrap().contains("missing for v3"));
}

#[test]
fn an_operator_may_leave_a_plan_out() {
    let mut cx = at(11);
    software_upgrade(&mut cx, plan("v2", 11)).unwrap();
    for known in [&[] as &[Handler], &[V2]] {
        assert!(matches!(course::of(&cx, 11, true, known).unwrap(), Course::Skip(_)));
    }
    let course = course::of(&cx, 11, true, &[]).unwrap();
    follow(&mut cx, course).unwrap();
    assert_eq!((planned(&cx), done_at(&cx, "v2").unwrap()), (None, None));
    assert!(matches!(course::of(&cx, 12, false, &[V2]).unwrap(), Course::On));
}

#[test]
fn the_list_of_upgrades_names_each_once() {
    let mut names: Vec<_> = upgrades::names().collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), upgrades::ALL.len());
    assert_eq!(upgrades::version(), 1 + u64::try_from(names.len()).unwrap());
}

#[cfg(feature = "upgrade-rehearsal")]
#[test]
fn the_rehearsal_changes_a_parameter_of_the_market() {
    let mut cx = at(11);
    software_upgrade(&mut cx, plan("rehearsal", 11)).unwrap();
    Upgrade::pre_block(&mut cx).unwrap();
    assert_eq!(VERSIONS.get(&cx, &"market".to_owned()).unwrap(), Some(10));
}

#[test]
fn versions_are_listed_by_name() {
    let mut cx = testing::ctx();
    Upgrade::init(&mut cx, ()).unwrap();
    let of = |name: &str| {
        let request = QueryModuleVersionsRequest { module_name: name.to_owned() };
        module_versions(&cx, request).map(|it| it.module_versions)
    };
    assert_eq!(of("").unwrap().len(), 29);
    assert_eq!(of("bank").unwrap(), [ModuleVersion { name: "bank".to_owned(), version: 4 }]);
    assert_eq!(
        of("nosuch").unwrap_err().grpc().1,
        "codespace upgrade code 2: module version not found: x/upgrade: QueryModuleVersions module nosuch not found"
    );
}
