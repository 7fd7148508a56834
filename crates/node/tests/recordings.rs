//! Recorded sessions of the reference network, replayed: one test per scenario of `conformance/`.
#![allow(clippy::print_stderr, clippy::unwrap_used, reason = "tests")]

use std::{io::Read, path::PathBuf};

use node::{
    replay::{Kind, Options, replay},
    vectors,
};

fn folder(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../conformance").join(name)
}

/// Replays a whole scenario: every result and answer, the rules of the modules after each block, and
/// the state at the end, which must come back from its export.
fn check(name: &str) {
    let options = Options { keep: 20, invariants: true, export: true, ..Options::default() };
    let report = replay(&folder(name), &options, &mut |_, _| {}).unwrap();
    eprintln!("{}", report.text());
    assert!(report.is_clean(), "{}", report.text());
    assert!(report.height > 1, "only {} blocks were executed", report.height);
}

/// A test per scenario.
macro_rules! scenarios {
    ($($test:ident: $name:literal;)*) => {
        $(
            #[test]
            fn $test() {
                check($name);
            }
        )*

        #[test]
        fn every_scenario_is_replayed() {
            let replayed = [$($name),*];
            for entry in std::fs::read_dir(folder("")).unwrap() {
                let path = entry.unwrap().path();
                if path.join("genesis.json").exists() {
                    let name = path.file_name().unwrap().to_str().unwrap();
                    assert!(replayed.contains(&name), "no test replays {name}");
                }
            }
        }
    };
}

scenarios! {
    market_happy: "market-happy";
    market_groups: "market-groups";
    market_escrow: "market-escrow";
    market_reclamation: "market-reclamation";
    market_bme: "market-bme";
    market_errors: "market-errors";
    market_queries: "market-queries";
    fuzz_1: "fuzz-1";
    fuzz_2: "fuzz-2";
    fuzz_3: "fuzz-3";
    fuzz_4: "fuzz-4";
    tx_ante: "tx-ante";
    tx_edge: "tx-edge";
    bank_authz_feegrant: "bank-authz-feegrant";
    staking_dist_slash: "staking-dist-slash";
    cosmos_random: "cosmos-random";
    cosmos_random_2: "cosmos-random-2";
    random_params: "random-params";
    random_legacy_params: "random-legacy-params";
    random_import: "random-import";
    random_market: "random-market";
    random_staking: "random-staking";
    gov_params_upgrade: "gov-params-upgrade";
    evidence_misc: "evidence-misc";
    rpc_surface: "rpc-surface";
}

/// Gas need not match, but where transfers alone happen it is near.
#[test]
fn gas_of_transfers_is_nearly_that_of_the_reference() {
    let options = Options { until: Some(17), queries: false, ..Options::default() };
    let report = replay(&folder("bank-authz-feegrant"), &options, &mut |_, _| {}).unwrap();
    let (apart, place) = report.gas_apart.unwrap();
    assert!(apart <= 100, "{apart} at {place}");
}

/// A copy of a scenario with one recorded word changed.
fn forged(name: &str, from: &str, to: &str) -> tempfile::TempDir {
    let copy = tempfile::tempdir().unwrap();
    std::fs::copy(folder(name).join("genesis.json"), copy.path().join("genesis.json")).unwrap();
    let packed = std::fs::File::open(folder(name).join("blocks.jsonl.gz")).unwrap();
    let mut text = String::new();
    flate2::read::GzDecoder::new(packed).read_to_string(&mut text).unwrap();
    assert!(text.contains(from), "{from} is not in {name}");
    std::fs::write(copy.path().join("blocks.jsonl"), text.replacen(from, to, 1)).unwrap();
    copy
}

#[test]
fn a_difference_is_found_and_told_with_its_place() {
    let copy = forged("market-happy", "akash.market.v1.EventOrderCreated", "akash.EventForged");
    let options = Options { keep: 5, ..Options::default() };
    let report = replay(copy.path(), &options, &mut |_, _| {}).unwrap();
    assert_eq!(report.count(), 1, "{}", report.text());
    let found = report.differences.first().unwrap();
    assert_eq!(found.kind, Kind::Events);
    assert!(found.place.contains("MsgCreateDeployment"), "{}", found.place);
    assert!(found.what.starts_with("event "), "{}", found.what);
    assert!(found.ours.contains("EventOrderCreated"), "{}", found.ours);
    assert!(found.recorded.contains("EventForged"), "{}", found.recorded);
}

#[test]
fn a_replay_may_be_asked_for_within_a_runtime() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let options = Options { until: Some(5), ..Options::default() };
    let report = runtime
        .block_on(async { replay(&folder("market-happy"), &options, &mut |_, _| {}).unwrap() });
    assert!(report.is_clean(), "{}", report.text());
}

#[test]
fn a_folder_without_a_recording_is_refused_by_name() {
    let empty = tempfile::tempdir().unwrap();
    let error = replay(empty.path(), &Options::default(), &mut |_, _| {}).err().unwrap();
    assert!(error.to_string().contains("there is no genesis.json"), "{error}");
}

#[test]
fn every_vector_gives_what_the_reference_gives() {
    let report = vectors::check(&folder("sign-vectors"), 20, &mut |_, _, _| {}).unwrap();
    eprintln!("{}", report.text());
    assert!(report.is_clean(), "{}", report.text());
    assert!(report.checked() > 10_000, "only {} were computed", report.checked());
}
