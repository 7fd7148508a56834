//! `haggle node replay` and `haggle node vectors` as a person and as a program runs them: all as
//! recorded, one planted difference, and folders that are no recordings.
//!
//! `recording/` holds the first blocks of `conformance/market-happy` and a few of its queries.

#![expect(clippy::unwrap_used, reason = "a failing test may panic")]

mod common;

use std::{
    fs,
    path::{Path, PathBuf},
};

use common::{Home, Run};
use serde_json::{Value, json};

fn conformance() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../conformance")
}

/// A recording of a few blocks in a folder of the test.
fn planted(home: &Home) -> PathBuf {
    let folder = home.path().join("planted");
    fs::create_dir(&folder).unwrap();
    let ours = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/recording");
    for name in ["blocks.jsonl", "queries.jsonl"] {
        fs::copy(ours.join(name), folder.join(name)).unwrap();
    }
    let genesis = conformance().join("market-happy/genesis.json");
    fs::copy(genesis, folder.join("genesis.json")).unwrap();
    folder
}

/// Changes one line of a file.
fn change(folder: &Path, file: &str, line: usize, change: impl FnOnce(&mut Value)) {
    let path = folder.join(file);
    let text = fs::read_to_string(&path).unwrap();
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    let mut value: Value = serde_json::from_str(&lines[line]).unwrap();
    change(&mut value);
    lines[line] = value.to_string();
    fs::write(path, lines.join("\n")).unwrap();
}

fn replay(home: &Home, folder: &Path, more: &[&str]) -> Run {
    let folder = folder.to_str().unwrap();
    home.run(&[&["node", "replay", folder], more].concat())
}

/// The one report of a replay for programs.
fn report(home: &Home, folder: &Path, more: &[&str]) -> (i32, Value) {
    let run = replay(home, folder, &[&["--json"], more].concat());
    assert_eq!(run.stderr, "");
    let reports: Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(reports.as_array().unwrap().len(), 1);
    (run.code, reports[0].clone())
}

#[test]
fn a_recording_that_matches_ends_with_a_summary_and_0() {
    let home = Home::new();
    let folder = planted(&home);
    let run = replay(&home, &folder, &["--invariants"]);
    assert_eq!(run.code, 0, "{}{}", run.stdout, run.stderr);
    assert!(run.stdout.contains("planted: 5 blocks, 1 result"), "{}", run.stdout);
    assert!(run.stdout.contains("3 rest, 1 grpc"), "{}", run.stdout);
    assert!(run.stdout.ends_with("planted: all as recorded\n"), "{}", run.stdout);

    let (code, report) = report(&home, &folder, &["--no-queries", "--until", "2"]);
    assert_eq!((code, &report["clean"], &report["height"]), (0, &json!(true), &json!(2)));
    assert_eq!(report["compared"]["result"], 1);
    assert_eq!(report["compared"].get("rest"), None);
    assert_eq!(report["differences"], json!([]));
}

#[test]
fn a_whole_scenario_of_the_project_matches() {
    let home = Home::new();
    let run = replay(&home, &conformance().join("market-happy"), &[]);
    assert_eq!(run.code, 0, "{}{}", run.stdout, run.stderr);
    assert!(run.stdout.contains("market-happy: 57 blocks, 25 result"), "{}", run.stdout);
}

#[test]
fn a_planted_attribute_is_shown_with_height_transaction_event_and_both_values() {
    let home = Home::new();
    let folder = planted(&home);
    change(&folder, "blocks.jsonl", 1, |block| {
        let attribute = &mut block["tx_results"][0]["events"][1]["attributes"][1];
        assert_eq!(attribute["key"], "amount");
        attribute["value"] = json!("5001uakt\u{1b}[31m");
    });
    let run = replay(&home, &folder, &[]);
    assert_eq!(run.code, 1);
    let told: Vec<&str> = run.stdout.lines().take(4).collect();
    assert_eq!(told[0], "height 2, transaction 0 (MsgAddPriceEntry): events differs");
    assert_eq!(told[1], "  where     event 1 (coin_received), attribute amount");
    assert_eq!(told[2], "  ours      amount=5000uakt");
    assert!(told[3].starts_with("  recorded  amount=5001uakt"), "{}", told[3]);
    assert!(!run.stdout.contains('\u{1b}'), "a recording must not steer the terminal");
    assert!(run.stdout.contains("1 events (1 DIFFER)"), "{}", run.stdout);
    assert!(
        run.stdout.ends_with("planted: 1 differences; blocks are as recorded up to height 1\n"),
        "{}",
        run.stdout
    );

    let (code, report) = report(&home, &folder, &[]);
    assert_eq!((code, &report["clean"]), (1, &json!(false)));
    assert_eq!(report["first_block_difference"], 2);
    assert_eq!(report["differ"], json!({ "events": 1 }));
    assert_eq!(report["differences"][0]["ours"], "amount=5000uakt");
    let before = replay(&home, &folder, &["--until", "1"]);
    assert_eq!(before.code, 0, "{}", before.stdout);
    let other = replay(&home, &folder, &["--only", "result,grpc"]);
    assert_eq!(other.code, 0, "{}", other.stdout);
}

#[test]
fn a_planted_code_and_a_planted_answer_are_both_told_when_asked_for() {
    let home = Home::new();
    let folder = planted(&home);
    change(&folder, "blocks.jsonl", 1, |block| {
        block["tx_results"][0]["code"] = json!(5);
        block["tx_results"][0]["codespace"] = json!("sdk");
    });
    change(&folder, "queries.jsonl", 0, |query| {
        query["body"]["vault_state"]["balances"][0]["amount"] = json!("1200000000001");
    });
    let run = replay(&home, &folder, &["--all", "10"]);
    assert_eq!(run.code, 1);
    assert!(run.stdout.starts_with("height 2, transaction 0 (MsgAddPriceEntry): result differs"));
    assert!(run.stdout.contains("sdk/5"), "{}", run.stdout);
    assert!(run.stdout.contains("height 5, "), "{}", run.stdout);
    assert!(run.stdout.contains("/akash/bme/v1/vault"), "{}", run.stdout);
    assert!(run.stdout.contains("1200000000001"), "{}", run.stdout);
    let first = replay(&home, &folder, &[]);
    assert!(!first.stdout.contains("1200000000001"), "only the first is told: {}", first.stdout);
    let without = replay(&home, &folder, &["--leave-out", "bme", "--only", "rest"]);
    assert_eq!(without.code, 0, "{}", without.stdout);
}

/// Folders that are missing, empty, cut off or packed badly: the file and line are named.
#[test]
fn what_is_no_recording_is_wrong_input() {
    let home = Home::new();
    let refused = |folder: &Path, names: &[&str]| {
        for command in ["replay", "vectors"] {
            let run = home.run(&["node", command, folder.to_str().unwrap()]);
            assert_eq!(run.code, 2, "{}{}", run.stdout, run.stderr);
            assert_eq!(run.stdout, "");
            if command == "replay" {
                assert!(names.iter().all(|it| run.stderr.contains(it)), "{}", run.stderr);
            }
            assert!(run.stderr.contains("conformance/README.md"), "{}", run.stderr);
            assert!(!run.stderr.contains("panicked"), "{}", run.stderr);
        }
    };
    refused(&home.path().join("nowhere"), &["nowhere", "genesis.json"]);
    let folder = planted(&home);
    let blocks = fs::read_to_string(folder.join("blocks.jsonl")).unwrap();
    fs::write(folder.join("blocks.jsonl"), &blocks[..blocks.len() - 100]).unwrap();
    refused(&folder, &["blocks.jsonl, line 5"]);
    fs::remove_file(folder.join("blocks.jsonl")).unwrap();
    refused(&folder, &["there is no blocks.jsonl"]);
    fs::write(folder.join("blocks.jsonl.gz"), b"\x1f\x8b\x08 not packed").unwrap();
    refused(&folder, &["blocks.jsonl.gz"]);
    fs::write(folder.join("genesis.json"), "{}").unwrap();
    refused(&folder, &["genesis.json"]);
    let run = home.run(&["node", "replay"]);
    assert_eq!(run.code, 2, "a folder must be named");
}

const VECTORS: [&str; 3] = [
    r#"{"args":["-0.5","0.333333333333333333"],"op":"dec.sub","result":"-0.833333333333333333"}"#,
    r#"{"args":["-123456789.987654321","-3"],"op":"dec.quoRoundUp","result":"41152263.329218107000000000"}"#,
    r#"{"args":["100aaa,100zzz","10bbb,1zzz"],"op":"coins.min","result":"1zzz"}"#,
];

#[test]
fn vectors_that_match_end_with_0_and_a_planted_one_with_1() {
    let home = Home::new();
    let file = home.path().join("dec-vectors.jsonl");
    let folder = home.path().to_str().unwrap();
    fs::write(&file, VECTORS.join("\n")).unwrap();
    let run = home.run_ok(&["node", "vectors", folder]);
    assert!(run.stdout.ends_with("3 vectors: all as recorded\n"), "{}", run.stdout);

    fs::write(&file, VECTORS.join("\n").replace("3292", "3293")).unwrap();
    let run = home.run(&["node", "vectors", folder]);
    assert_eq!(run.code, 1);
    assert!(run.stdout.contains("dec.quoRoundUp"), "{}", run.stdout);
    assert!(run.stdout.contains("ours      \"41152263.3292"), "{}", run.stdout);
    assert!(run.stdout.contains("recorded  \"41152263.3293"), "{}", run.stdout);
    assert!(run.stdout.ends_with("3 vectors: 1 differ\n"), "{}", run.stdout);
    let run = home.run(&["--json", "node", "vectors", folder]);
    assert_eq!((run.code, run.stderr.as_str()), (1, ""));
    let report: Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!((&report["clean"], &report["wrong"]), (&json!(false), &json!(1)));

    fs::write(&file, format!("{}\n{{\"op\":", VECTORS[0])).unwrap();
    let run = home.run(&["node", "vectors", folder]);
    assert_eq!(run.code, 2);
    assert!(run.stderr.contains("dec-vectors.jsonl, line 2"), "{}", run.stderr);
}

/// Neither `NO_COLOR` nor a pipe gets colours; what is told stays the same.
#[test]
fn no_color_is_respected() {
    let home = Home::new();
    let folder = planted(&home);
    change(&folder, "blocks.jsonl", 1, |block| block["tx_results"][0]["code"] = json!(5));
    let args = ["node", "replay", folder.to_str().unwrap()];
    let plain = home.run_with(&args, "", &[("NO_COLOR", "1")]);
    let piped = home.run(&args);
    assert!(!plain.stdout.contains('\u{1b}') && !plain.stderr.contains('\u{1b}'));
    assert_eq!((plain.code, plain.stdout), (1, piped.stdout));
}
