//! The module under Node gives the bytes that the native compiler gives, for every fixture and for hostile
//! files.
//!
//! Builds the module itself, in `target/wasm`, since no other build of the workspace has its target. Skipped,
//! with a word, where Node or the target is missing (`cargo xtask setup` adds the target).

#![allow(clippy::unwrap_used, reason = "a failing test may panic")]
#![allow(clippy::print_stdout, reason = "a skipped test says so")]

use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const TARGET: &str = "wasm32-unknown-unknown";

/// What is asked of the module for each file, and the same asked natively.
type Operation = fn(&[u8], &[u8]) -> String;
const OPERATIONS: [(&str, Operation); 4] = [
    ("compile", sdl_wasm::compile),
    ("check", sdl_wasm::check),
    ("format", sdl_wasm::format),
    ("explain", sdl_wasm::explain),
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// Why the module cannot be built and run here, if so.
fn obstacle() -> Option<&'static str> {
    let node = Command::new("node").arg("--version").output();
    if !node.is_ok_and(|it| it.status.success()) {
        return Some("there is no Node.js");
    }
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let folder = Command::new(rustc)
        .args(["--print", "target-libdir", "--target", TARGET])
        .current_dir(root())
        .output();
    let has_target = folder.is_ok_and(|it| {
        it.status.success() && Path::new(String::from_utf8_lossy(&it.stdout).trim()).is_dir()
    });
    (!has_target).then_some(
        "the target wasm32-unknown-unknown is not installed; `cargo xtask setup` adds it",
    )
}

fn build() -> PathBuf {
    let folder = root().join("target/wasm");
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command
        .args(["build", "-p", "sdl-wasm", "--profile", "wasm", "--target", TARGET])
        .arg("--target-dir")
        .arg(&folder)
        .current_dir(root())
        // The module is built as it ships, not as the tests around it are.
        .env_remove("CARGO_RESOLVER_FEATURE_UNIFICATION")
        .env_remove("CARGO_UNSTABLE_FEATURE_UNIFICATION")
        .env_remove("RUSTFLAGS")
        .env_remove("CARGO_ENCODED_RUSTFLAGS")
        .env_remove("CARGO_BUILD_TARGET");
    let out = command.output().unwrap();
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    folder.join(TARGET).join("wasm/sdl_wasm.wasm")
}

/// Files that mean no good, as `crates/sdl/tests/hostile.rs` has them, and more.
fn hostile() -> Vec<(&'static str, Vec<u8>)> {
    let many_services = || {
        let mut text = "version: '2.0'\nservices:\n".to_owned();
        for at in 0..10_000 {
            text.push_str(&format!("  s{at}: {{image: a}}\n"));
        }
        text
    };
    let bomb = || {
        let mut text = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n".to_owned();
        for at in 1..30 {
            let before = at - 1;
            text.push_str(&format!(
                "a{at}: &a{at} [{}]\n",
                vec![format!("*a{before}"); 9].join(", ")
            ));
        }
        format!("version: '2.0'\nservices: *a29\n{text}")
    };
    vec![
        ("empty", Vec::new()),
        ("nul", b"version: \0\n".to_vec()),
        ("not-utf8", b"version: '2.0'\nservices: {web: {image: \xff\xfe}}\n".to_vec()),
        ("utf16", [0xff, 0xfe].into_iter().chain("version: '2.0'\n".encode_utf16().flat_map(u16::to_le_bytes)).collect()),
        ("mark-and-crlf", "\u{feff}version: '2.0'\r\nservices:\r\n  wéb: {imagé: 1}\r\n".into()),
        ("deep-flow", "[".repeat(100_000).into_bytes()),
        ("deep-block", (0..5000).map(|at| format!("{}a:\n", " ".repeat(at % 400))).collect::<String>().into_bytes()),
        ("deep-braces", "{a: ".repeat(120).into_bytes()),
        ("too-large", vec![b'#'; (1 << 20) + 5]),
        ("just-fits", vec![b'#'; 1 << 20]),
        ("one-line", format!("version: '2.0'\nservices: {{{}", "x: 1, ".repeat(30_000)).into_bytes()),
        ("many-services", many_services().into_bytes()),
        ("bomb", bomb().into_bytes()),
        ("cycle", b"version: '2.0'\nservices: &a {web: *a}\n".to_vec()),
        ("numbers", b"version: '2.0'\nprofiles: {compute: {a: {resources: {cpu: {units: 1e308}, memory: {size: 99999999999999999999Ei}, storage: {size: 0x1p1023}}}}}\n".to_vec()),
        ("escapes", "version: '2.0'\nservices: {\"\\u2028<&>\\b\": {image: \"\\x1b[31m\"}}\n".into()),
    ]
}

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    let mut entries: Vec<_> = fs::read_dir(folder).unwrap().map(|it| it.unwrap().path()).collect();
    entries.sort();
    for path in entries {
        let is_yaml = path.extension().is_some_and(|it| it == "yaml" || it == "yml");
        if path.is_dir() {
            files(&path, found);
        } else if is_yaml {
            found.push(path);
        }
    }
}

#[test]
fn the_module_gives_the_bytes_of_the_native_compiler() {
    if let Some(why) = obstacle() {
        println!("skipped: {why}");
        return;
    }
    let module = build();
    println!("{} bytes: {}", fs::metadata(&module).unwrap().len(), module.display());
    let folder = tempfile::tempdir().unwrap();
    let mut cases = vec![];
    for (name, bytes) in hostile() {
        let path = folder.path().join(name);
        fs::write(&path, bytes).unwrap();
        cases.push(path);
    }
    let fixtures = root().join("../shared/fixtures/sdl");
    match fixtures.is_dir() {
        true => files(&fixtures, &mut cases),
        false => println!("without fixtures: there are none at {}", fixtures.display()),
    }
    let options = json!({
        "name": "dir/file.yaml",
        "monthlyBudget": "50 usd/month",
        "aktPriceUsd": "1.25",
        "deny": ["sdl::schema::*"],
    });
    let operations: Vec<&str> = OPERATIONS.iter().map(|it| it.0).collect();
    let list: Vec<Value> = cases
        .iter()
        .flat_map(|path| [json!({}), options.clone()].map(|it| (path, it)))
        .map(
            |(file, options)| json!({ "file": file, "operations": operations, "options": options }),
        )
        .collect();
    let (list_path, answers) = (folder.path().join("list.json"), folder.path().join("answers"));
    fs::write(&list_path, serde_json::to_vec(&list).unwrap()).unwrap();
    let out = Command::new("node")
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/answer.mjs"))
        .args([&module, &list_path, &answers])
        .output()
        .unwrap();
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));

    let answers = fs::read_to_string(&answers).unwrap();
    let mut answers = answers.lines();
    let mut accepted = 0;
    for case in &list {
        let file = case["file"].as_str().unwrap();
        let bytes = fs::read(file).unwrap();
        let options = case["options"].to_string();
        for (name, function) in OPERATIONS {
            let expected = function(&bytes, options.as_bytes());
            let found = answers.next().unwrap();
            assert!(found == expected, "{name} of {file}:\n{found:.2000}\n{expected:.2000}");
            if name == "compile" {
                accepted += usize::from(is_what_the_crate_says(file, &bytes, found));
            }
        }
    }
    assert_eq!(answers.next(), Some(sdl_wasm::schema().as_str()));
    assert_eq!(answers.next(), None);
    println!("{} files, {accepted} of {} answers accepted", cases.len(), list.len());
    assert!(accepted > 300 || !fixtures.is_dir());
}

/// Holds an answer against the library itself, and against the record of the reference if there is one;
/// says whether the file was accepted.
fn is_what_the_crate_says(file: &str, bytes: &[u8], answer: &str) -> bool {
    let answer: Value = serde_json::from_str(answer).unwrap();
    let native = match sdl::compile_bytes(bytes) {
        Ok(native) => native,
        Err(_) => {
            assert_eq!(answer["ok"], false, "{file}");
            return false;
        }
    };
    if answer["ok"] == false {
        // A warning was denied.
        return false;
    }
    assert_eq!(answer["hash"], native.version_hex(), "{file}");
    assert_eq!(answer["manifest"].as_str().unwrap().as_bytes(), native.manifest_json(), "{file}");
    assert_eq!(answer["groups"], native.groups_json(), "{file}");
    let recorded = PathBuf::from(format!("{file}.go.expected.json"));
    if let Ok(recorded) = fs::read(&recorded) {
        let recorded: Value = serde_json::from_slice(&recorded).unwrap();
        assert_eq!(answer["hash"], recorded["manifestVersionHex"], "{file}");
        assert_eq!(answer["groups"], recorded["groups"], "{file}");
    }
    true
}
