//! `cargo xtask demo`, whole: the end-to-end test. `cargo xtask test` runs it with an engine and the
//! images ready.

#![expect(clippy::print_stdout, reason = "a skipped test says why")]

use std::{
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

const XTASK: &str = env!("CARGO_BIN_EXE_xtask");

/// The binary that was built together with these tests.
fn haggle() -> Option<PathBuf> {
    Some(Path::new(XTASK).with_file_name("haggle")).filter(|it| it.exists())
}

fn demo() -> Command {
    let mut command = Command::new(XTASK);
    command.arg("demo").stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    if let Some(haggle) = haggle() {
        command.env("HAGGLE_BIN", haggle);
    }
    command
}

/// One test: both demos use the folder `target/demo`.
#[test]
fn the_demo_runs_the_whole_market_and_cleans_up_also_when_it_is_interrupted() {
    if std::env::var_os("HAGGLE_TEST_DEMO").is_none() {
        println!("skipped: it needs a Docker Engine and images; `cargo xtask test` sees to them");
        return;
    }
    whole();
    interrupted();
}

fn whole() {
    let output = demo().output().expect("the demo starts");
    let told = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{told}{errors}");
    for wanted in [
        "harbor",
        "quarry",
        "per month",
        "attic stays out",
        "Hello from the market",
        "viewed 2 times, says Redis at db:6379",
        "withdrawn so far",
        "ACT in escrow",
        "USDC in escrow",
        "it adds up to the last micro-unit",
        "lease to ready",
        "no container, volume or network is left",
    ] {
        assert!(told.contains(wanted), "{wanted:?} is missing:\n{told}");
    }
    assert_eq!(told.matches("it adds up").count(), 2, "two deployments settle:\n{told}");
}

fn interrupted() {
    let mut child = demo().spawn().expect("the demo starts");
    let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines();
    let begun = lines.by_ref().map_while(Result::ok).any(|it| it.contains("lease with"));
    assert!(begun, "the demo came to a lease");
    let id = child.id().to_string();
    assert!(Command::new("kill").args(["-INT", &id]).status().expect("kill runs").success());
    let rest: Vec<String> = lines.map_while(Result::ok).collect();
    let status = child.wait().expect("the demo ends");
    assert!(!status.success(), "an interrupted demo has not succeeded");
    let rest = rest.join("\n");
    assert!(rest.contains("every process has ended"), "it cleans up:\n{rest}");
}
