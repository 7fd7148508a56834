//! Recorded sessions of the reference network, replayed: one test per scenario of `conformance/`.
#![allow(clippy::print_stderr, clippy::unwrap_used, reason = "tests")]

use std::path::PathBuf;

use node::{
    replay::{Options, replay},
    vectors,
};

/// How much of a scenario is held against the recording.
#[derive(Default)]
struct Scope {
    /// Up to this height; all heights when none.
    until: Option<i64>,
}

fn folder(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../conformance").join(name)
}

fn check(name: &str, scope: Scope) {
    let options = Options { until: scope.until, keep: 20, invariants: true, ..Options::default() };
    let report = replay(&folder(name), &options, &mut |_, _| {}).unwrap();
    eprintln!("{}", report.text());
    assert!(report.is_clean(), "{}", report.text());
    let expected = scope.until.unwrap_or(1);
    assert!(report.height >= expected, "only {} blocks were executed", report.height);
}

/// A test per scenario: its name, how much of it, and why not all.
macro_rules! scenarios {
    ($($test:ident: $name:literal $(, until $until:literal because $why:literal)?;)*) => {
        $(
            $(#[doc = $why])?
            #[test]
            fn $test() {
                check($name, Scope { $(until: Some($until),)? ..Scope::default() });
            }
        )*
    };
}

scenarios! {
    tx_ante: "tx-ante";
}

#[test]
fn every_vector_gives_what_the_reference_gives() {
    let report = vectors::check(&folder("sign-vectors"), 20, &mut |_, _, _| {}).unwrap();
    eprintln!("{}", report.text());
    assert!(report.is_clean(), "{}", report.text());
    assert!(report.checked() > 10_000, "only {} were computed", report.checked());
}
