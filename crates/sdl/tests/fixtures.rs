//! The compiler against what the reference compiler made of the same files.
//!
//! Reads `../shared/fixtures/sdl` beside the project; skipped, with a word, where that is absent.

#![allow(clippy::unwrap_used, reason = "a failing test may panic")]
#![allow(clippy::print_stdout, reason = "a skipped test says so")]

use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};

fn fixtures(folder: &str) -> Option<PathBuf> {
    let path =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/fixtures/sdl").join(folder);
    if path.is_dir() {
        return Some(path);
    }
    println!("skipped: there are no fixtures at {}", path.display());
    None
}

fn files(folder: &Path, suffix: &str) -> Vec<PathBuf> {
    let mut found: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|it| it.unwrap().path())
        .filter(|it| it.to_string_lossy().ends_with(suffix))
        .collect();
    found.sort();
    found
}

fn read_json(path: &Path) -> Value {
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

/// Compares one file with an expected result; returns what differs.
fn compare(
    source: &Path,
    accepted: bool,
    groups: &Value,
    manifest: &Value,
    hex: &str,
) -> Option<String> {
    let name = source.file_name().unwrap().to_string_lossy().into_owned();
    let text = fs::read_to_string(source).unwrap();
    let compiled = match sdl::compile(&text) {
        Ok(_) if !accepted => return Some(format!("{name}: compiled, but is refused")),
        Err(_) if !accepted => return None,
        Err(found) => return Some(format!("{name}: refused:\n{}", found.with_name(&name))),
        Ok(compiled) => compiled,
    };
    if compiled.groups_json() != *groups {
        return Some(format!("{name}: other groups\n{}\n{groups}", compiled.groups_json()));
    }
    let own = serde_json::to_value(&compiled.manifest).unwrap();
    if own != *manifest {
        return Some(format!("{name}: other manifest\n{own}\n{manifest}"));
    }
    if compiled.version_hex() != hex {
        return Some(format!("{name}: other hash {}, not {hex}", compiled.version_hex()));
    }
    // What was made must pass the provider's checks, and survive being sent.
    if let Err(error) = compiled.manifest.validate() {
        return Some(format!("{name}: the provider refuses it: {error}"));
    }
    if let Err(error) = compiled.manifest.check_against(&compiled.groups) {
        return Some(format!("{name}: the provider refuses it: {error}"));
    }
    let received = sdl::Manifest::from_json(&compiled.manifest_json()).unwrap();
    if received != compiled.manifest || received.version() != compiled.version() {
        return Some(format!("{name}: the manifest changes when it is read back"));
    }
    let document = sdl::manifest::document_version(&compiled.manifest_json());
    (document != Some(compiled.version())).then(|| format!("{name}: other hash of the document"))
}

fn assert_none(found: &[String], of: usize) {
    assert!(found.is_empty(), "{} of {of} differ:\n{}", found.len(), found.join("\n"));
}

#[test]
fn real_files_compile_as_with_the_reference() {
    let Some(folder) = fixtures("real") else { return };
    let suffix = ".go.expected.json";
    let expected = files(&folder, suffix);
    assert!(expected.len() >= 190, "only {} fixtures", expected.len());
    let mut differing = Vec::new();
    let mut accepted = 0;
    for path in &expected {
        let want = read_json(path);
        let source = PathBuf::from(path.to_string_lossy().strip_suffix(suffix).unwrap());
        let is_accepted = want["accepted"] == true;
        accepted += usize::from(is_accepted);
        let hex = want["manifestVersionHex"].as_str().unwrap_or_default();
        differing.extend(compare(&source, is_accepted, &want["groups"], &want["manifest"], hex));
        let Some(error) = want["errors"].get(0).and_then(Value::as_str) else { continue };
        let found = sdl::compile(&fs::read_to_string(&source).unwrap()).unwrap_err();
        let first = found.first_error().unwrap();
        if first.reference.as_deref() != Some(error) {
            differing.push(format!("{}: other first error\n{found:?}\n{error}", source.display()));
        }
        assert!(first.hint.is_some(), "{found}");
        assert!(found.position(first.span).line > 1, "{found}");
    }
    assert_none(&differing, expected.len());
    println!("{accepted} of {} accepted", expected.len());
}

#[test]
fn official_pairs_are_reproduced() {
    let Some(folder) = fixtures("parity") else { return };
    let mut differing = Vec::new();
    let mut count = 0;
    for version in ["v2.0", "v2.1"] {
        for case in files(&folder.join(version), "") {
            count += 1;
            let hex = fs::read_to_string(case.join("version.hex")).unwrap();
            differing.extend(
                compare(
                    &case.join("input.yaml"),
                    true,
                    &read_json(&case.join("group-specs.json")),
                    &read_json(&case.join("manifest.json")),
                    hex.trim(),
                )
                .map(|it| format!("{}: {it}", case.display())),
            );
        }
    }
    assert_eq!(count, 8);
    assert_none(&differing, count);
}

#[test]
fn invalid_files_are_refused_with_the_reference_s_reason() {
    let Some(folder) = fixtures("invalid") else { return };
    let results = read_json(&folder.join("results.json"));
    let results = results.as_object().unwrap();
    assert_eq!(results.len(), 14);
    for (name, want) in results {
        let text = fs::read_to_string(folder.join(name)).unwrap();
        match sdl::compile(&text) {
            Ok(compiled) => {
                assert_eq!(want["accepted"], true, "{name}");
                assert_eq!(want["manifestVersionHex"], compiled.version_hex(), "{name}");
            }
            Err(found) => {
                assert_eq!(want["accepted"], false, "{name}: {found}");
                let first = found.first_error().unwrap();
                assert_eq!(want["error"].as_str(), first.reference.as_deref(), "{name}: {found}");
            }
        }
    }
}
