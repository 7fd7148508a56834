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

/// As recorded from the reference: what it keeps of a value, or that it refuses it.
#[test]
fn values_are_read_by_their_kind() {
    let coins = r#"[{"denom":"uact","amount":"5"},{"denom":"uakt","amount":"5"}]"#;
    let unsorted = r#"[{"denom":"uakt","amount":"5"},{"denom":"uact","amount":"5"}]"#;
    let no_akt = r#"[{"denom":"uact","amount":"5"}]"#;
    let rules = r#"{"quorum":"0","threshold":"1","veto_threshold":"0.3"}"#;
    let no_quorum = r#"{"threshold":"1","veto_threshold":"0.3"}"#;
    let no_veto = r#"{"quorum":"0.3","threshold":"0.5","veto_threshold":"0"}"#;
    for (subspace, key, value, kept) in [
        ("auth", "TxSigLimit", "\"18446744073709551615\"", Some("\"18446744073709551615\"")),
        ("auth", "TxSigLimit", "\"0\"", None),
        ("staking", "UnbondingTime", "\"05\"", None),
        ("staking", "HistoricalEntries", "null", Some("0")),
        ("staking", "MaxValidators", "0", None),
        ("staking", "MinCommissionRate", "\"-0\"", Some("\"0.000000000000000000\"")),
        ("staking", "MinCommissionRate", "\"1.5\"", None),
        ("staking", "BondDenom", "\"uabc\"", Some("\"uabc\"")),
        ("staking", "BondDenom", "\"5\"", None),
        ("slashing", "SignedBlocksWindow", "\"9223372036854775808\"", None),
        ("distribution", "baseproposerreward", "\"0.5\"", None),
        ("transfer", "SendEnabled", "null", Some("false")),
        ("ibc", "AllowedClients", "[]", Some("null")),
        ("ibc", "AllowedClients", "[\" \"]", None),
        ("ibc", "MaxExpectedTimePerBlock", "null", Some("\"0\"")),
        (
            "bank",
            "SendEnabled",
            r#"[{"denom":"uakt","amount":"5"},{"denom":"abc","enabled":true}]"#,
            Some(r#"[{"denom":"uakt"},{"denom":"abc","enabled":true}]"#),
        ),
        ("bank", "SendEnabled", r#"[{"denom":"uakt"},{"denom":"uakt"}]"#, None),
        ("market", "BidMinDeposit", "{}", Some(r#"{"amount":"0"}"#)),
        ("market", "BidMinDeposit", r#"{"denom":"uakt","amount":5}"#, None),
        ("market", "BidMinDeposits", "null", Some("[]")),
        ("market", "BidMinDeposits", coins, Some(coins)),
        ("market", "BidMinDeposits", unsorted, None),
        ("market", "OrderMaxBids", "501", None),
        ("deployment", "MinDeposits", unsorted, Some(unsorted)),
        ("deployment", "MinDeposits", no_akt, None),
        ("crisis", "ConstantFee", r#"{"denom":"uakt"}"#, None),
        ("gov", "votingparams", r#"{"voting_period":"0"}"#, None),
        (
            "gov",
            "depositparams",
            r#"{"min_deposit":[],"max_deposit_period":"7"}"#,
            Some(r#"{"max_deposit_period":"7"}"#),
        ),
        ("gov", "tallyparams", no_quorum, Some(rules)),
        ("gov", "tallyparams", no_veto, None),
    ] {
        let mut cx = testing::ctx();
        let changed = change(&mut cx, &[to(subspace, key, value)]);
        assert_eq!(changed.is_ok(), kept.is_some(), "{key}: {value}: {changed:?}");
        assert_eq!(shown(&cx, subspace, key).unwrap(), kept.unwrap_or_default(), "{key}: {value}");
    }
}
