use ledger::testing;

use super::*;

fn to(subspace: &str, key: &str, value: &str) -> ParamChange {
    let [subspace, key, value] = [subspace, key, value].map(str::to_owned);
    ParamChange { subspace, key, value }
}

fn shown(view: &View, subspace: &str, key: &str) -> Result<String> {
    let request = QueryParamsRequest { subspace: subspace.to_owned(), key: key.to_owned() };
    show(view, request).map(|it| it.param.value)
}

#[test]
fn a_change_is_shown_and_listed() {
    let mut cx = testing::ctx();
    assert_eq!(shown(&cx, "gov", "votingparams").unwrap(), "");
    change(&mut cx, &[to("staking", "MaxEntries", " 9")]).unwrap();
    assert_eq!(shown(&cx, "staking", "MaxEntries").unwrap(), "9");
    let listed = subspaces(&cx, QuerySubspacesRequest {}).unwrap().subspaces;
    assert_eq!(listed.len(), 11);
    let keys = |name: &str| listed.iter().find(|it| it.subspace == name).unwrap().keys.clone();
    assert_eq!(keys("staking"), ["MaxEntries"]);
    assert_eq!(keys("bank"), [""; 0]);
}

#[test]
fn unknown_places_and_wrong_values_are_refused() {
    let mut cx = testing::ctx();
    let refused = |cx: &mut Ctx, it: ParamChange| {
        let fault = change(cx, &[it]).unwrap_err();
        (fault.codespace(), fault.code())
    };
    assert_eq!(refused(&mut cx, to("nosuch", "X", "1")), ("params", 2));
    assert_eq!(refused(&mut cx, to("staking", "X", "1")), ("params", 3));
    assert_eq!(refused(&mut cx, to("staking", "MaxEntries", "\"9\"")), ("params", 3));
    assert_eq!(refused(&mut cx, to("staking", "MaxEntries", "{")), ("params", 3));
    let fault = shown(&cx, "baseapp", "BlockParams").unwrap_err();
    assert_eq!(fault.grpc().1, "codespace params code 2: unknown subspace: baseapp");
    assert_eq!(shown(&cx, "bank", "").unwrap_err().grpc().0, ledger::Status::InvalidArgument);
}
