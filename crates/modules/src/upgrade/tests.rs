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

#[test]
fn the_block_of_a_plan_is_not_executed() {
    let mut cx = testing::ctx_at(10, 1_700_000_000);
    software_upgrade(&mut cx, plan("v2", 11)).unwrap();
    Upgrade::pre_block(&mut cx).unwrap();
    let mut at = testing::ctx_at(11, 1_700_000_005);
    software_upgrade(&mut at, plan("v2", 11)).unwrap();
    let stopped = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        Upgrade::pre_block(&mut at).unwrap();
    }));
    let halt = stopped.unwrap_err().downcast::<ledger::Halt>().unwrap();
    assert_eq!(halt.0, "UPGRADE \"v2\" NEEDED at height: 11: ");
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
