//! The market told as stories: every file of `scenarios/` is prose, commands and what came of them.
//!
//! ```text
//! alice create 1 100uact deposit=500000uact     a command: who, what, with what
//!   DeploymentCreated alice/1                    what the ledger told, one line per event
//!   500000uact: alice -> escrow                  which coins moved
//! ```
//!
//! A run compares what came of each command; with `HAGGLE_UPDATE_SNAPSHOTS=1` it writes that into the
//! files instead, to be reviewed like code. All invariants are checked after every block. The world:
//! tenants alice, bob and carol, auditor ada, providers p1 to p4, each with 10,000,000 of uact and
//! uakt. Blocks take six seconds.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]

#[path = "scenarios/commands.rs"]
mod commands;

use std::{fmt::Write as _, fs, path::PathBuf};

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/scenarios")
}

/// The text again, with what came of its commands.
fn retold(text: &str) -> Result<String, String> {
    let mut world = commands::World::new();
    let mut told = String::new();
    let mut inside = false;
    for (number, line) in text.lines().enumerate() {
        if line.starts_with("```") {
            inside = !inside;
        } else if inside && line.starts_with("  ") {
            // What came of it last time.
            continue;
        }
        writeln!(told, "{line}").unwrap();
        let command = line.split('#').next().unwrap_or_default().trim();
        if inside && !command.is_empty() && !line.starts_with("```") {
            let outcome = world.run(command).map_err(|it| format!("line {}: {it}", number + 1))?;
            for line in outcome {
                writeln!(told, "  {line}").unwrap();
            }
        }
    }
    world.end();
    Ok(told)
}

#[test]
fn every_scenario_tells_what_happens() {
    let update = std::env::var_os("HAGGLE_UPDATE_SNAPSHOTS").is_some();
    let mut files: Vec<_> = fs::read_dir(folder())
        .unwrap()
        .map(|it| it.unwrap().path())
        .filter(|it| it.extension().is_some_and(|it| it == "md"))
        .collect();
    files.sort();
    assert!(files.len() >= 30, "only {} scenarios", files.len());
    let mut wrong = Vec::new();
    for file in files {
        let name = file.file_name().unwrap().to_string_lossy().into_owned();
        let text = fs::read_to_string(&file).unwrap();
        assert!(text.starts_with("# "), "{name} begins with its title");
        match retold(&text) {
            Err(why) => wrong.push(format!("{name}, {why}")),
            Ok(told) if told == text => {}
            Ok(told) if update => fs::write(&file, told).unwrap(),
            Ok(told) => {
                let (at, (was, is)) = text
                    .lines()
                    .chain(std::iter::repeat(""))
                    .zip(told.lines().chain([""]))
                    .enumerate()
                    .find(|(_, (was, is))| was != is)
                    .unwrap();
                wrong.push(format!("{name}, line {}:\n  written: {was}\n  now:     {is}", at + 1));
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "{}\nHAGGLE_UPDATE_SNAPSHOTS=1 cargo test -p modules --test scenarios writes what is now",
        wrong.join("\n")
    );
}
