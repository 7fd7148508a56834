//! Style rules that a program can check. Runs as a test (`cargo test -p xtask`) and in
//! `cargo xtask tidy`; each finding names the file and the rule.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};

/// Which crates each crate may use (`ARCHITECTURE.md`, "Walls").
const WALLS: &[(&str, &[&str])] = &[
    ("types", &[]),
    ("sdl", &["types"]),
    ("lsp", &["sdl"]),
    ("sdl-wasm", &["sdl"]),
    ("store", &["types"]),
    ("ledger", &["store", "types"]),
    ("modules", &["ledger", "store", "types"]),
    ("consensus", &["types"]),
    ("rpc", &["types"]),
    ("client", &["types"]),
    ("backend", &["types"]),
    ("provider", &["backend", "client", "sdl", "types"]),
    ("node", &["modules", "ledger", "store", "consensus", "rpc", "types"]),
    ("cli", &["node", "provider", "client", "lsp", "sdl", "backend", "types"]),
];

/// Sources whose results all machines must agree on.
const DETERMINISTIC: &[&str] = &[
    "crates/types/src",
    "crates/store/src",
    "crates/ledger/src",
    "crates/modules/src",
    "crates/consensus/src/core",
];

/// What those may not mention, and why.
const FORBIDDEN: &[(&str, &str)] = &[
    ("HashMap", "hash order differs between machines; use BTreeMap"),
    ("HashSet", "hash order differs between machines; use BTreeSet"),
    ("std::time::", "the block header is the only clock"),
    ("SystemTime", "the block header is the only clock"),
    ("Instant::", "the block header is the only clock"),
    ("tokio::", "deterministic crates are synchronous"),
    ("std::env", "the environment is not part of the state"),
    ("rand::", "randomness is not part of the state"),
    ("f64", "floats round differently; use Dec"),
    ("f32", "floats round differently; use Dec"),
];

/// Everything that is wrong under `root`, in path order.
pub(crate) fn check(root: &Path) -> Result<Vec<String>> {
    let mut findings = Vec::new();
    walls(root, &mut findings)?;
    let architecture = read(&root.join("ARCHITECTURE.md"))?;
    for (name, _) in WALLS {
        if !architecture.contains(&format!("`{name}`")) {
            findings.push(format!("ARCHITECTURE.md: no paragraph for the crate `{name}`"));
        }
    }
    let mut sources = Vec::new();
    for folder in ["crates", "xtask"] {
        walk(&root.join(folder), &mut sources)?;
    }
    sources.sort();
    for path in sources {
        let text = read(&path)?;
        let shown = path.strip_prefix(root).unwrap_or(&path).display().to_string();
        source(&shown, &text, &mut findings);
    }
    Ok(findings)
}

fn walls(root: &Path, findings: &mut Vec<String>) -> Result<()> {
    let known: BTreeSet<&str> = WALLS.iter().map(|(name, _)| *name).collect();
    for entry in fs::read_dir(root.join("crates"))? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if !known.contains(name.as_str()) {
            findings
                .push(format!("crates/{name}: no walls are declared for it in xtask/src/tidy.rs"));
        }
    }
    for (name, allowed) in WALLS {
        let path = root.join("crates").join(name).join("Cargo.toml");
        let manifest = read(&path)?;
        let dependencies = manifest
            .split("\n[")
            .find_map(|table| table.strip_prefix("dependencies]"))
            .unwrap_or_default();
        for line in dependencies.lines() {
            let dependency = line.split(['.', ' ', '=']).next().unwrap_or_default();
            if known.contains(dependency) && !allowed.contains(&dependency) {
                findings
                    .push(format!("crates/{name}/Cargo.toml: `{name}` may not use `{dependency}`"));
            }
        }
    }
    Ok(())
}

fn source(path: &str, text: &str, findings: &mut Vec<String>) {
    if path.ends_with("tidy.rs") {
        return;
    }
    let is_test =
        path.contains("/tests/") || path.ends_with("tests.rs") || path.contains("/benches/");
    if !text.starts_with("//!") && !is_test && path.ends_with("/lib.rs") {
        findings.push(format!(
            "{path}: a crate begins with `//!`: what for, who calls it, what it owns"
        ));
    }
    let deterministic = !is_test && DETERMINISTIC.iter().any(|it| path.starts_with(it));
    for (index, line) in text.lines().enumerate() {
        let at = index + 1;
        let code = line.split("//").next().unwrap_or_default();
        for (pattern, rule) in [
            ("#[ignore", "tests are never ignored"),
            ("#[should_panic", "tests check values, not panics"),
            ("todo!(", "no stubs"),
            ("unimplemented!(", "no stubs"),
            ("dbg!(", "left over from debugging"),
        ] {
            if code.contains(pattern) {
                findings.push(format!("{path}:{at}: {rule}"));
            }
        }
        if line.contains("TODO") && !line.contains("TODO(#") {
            findings.push(format!("{path}:{at}: a TODO carries an issue number: TODO(#12)"));
        }
        if deterministic {
            for (word, rule) in FORBIDDEN {
                if mentions(code, word) {
                    findings.push(format!("{path}:{at}: {word}: {rule}"));
                }
            }
        }
        if deterministic && code.trim() == "mod tests {" {
            break;
        }
    }
}

/// Whether `word` stands in `code` by itself, not inside a longer name or a text.
fn mentions(code: &str, word: &str) -> bool {
    code.match_indices(word).any(|(at, _)| {
        let before = code.get(..at).unwrap_or_default();
        let after = code.get(at + word.len()..).unwrap_or_default();
        let part = |c: char| c.is_alphanumeric() || c == '_';
        let inside = !word.ends_with(':') && after.starts_with(part) || before.ends_with(part);
        let quoted = before.matches('"').count() % 2 == 1;
        !inside && !quoted
    })
}

fn walk(folder: &Path, out: &mut Vec<PathBuf>) -> Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let foreign = ["target", "node_modules", ".venv"].iter().any(|it| path.ends_with(it));
        if path.is_dir() && !foreign {
            walk(&path, out)?;
        } else if path.extension().is_some_and(|it| it == "rs") {
            out.push(path);
        }
    }
    Ok(())
}

fn read(path: &Path) -> Result<String> {
    fs::read_to_string(path).with_context(|| format!("read {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tree_keeps_the_style() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("inside the workspace");
        let findings = check(root).expect("the tree can be read");
        assert!(findings.is_empty(), "\n{}", findings.join("\n"));
    }

    #[test]
    fn a_word_inside_another_or_inside_a_text_is_no_finding() {
        assert!(mentions("let x: f64 = y;", "f64"));
        assert!(mentions("use std::time::Duration;", "std::time::"));
        assert!(!mentions("let a = my_f64;", "f64"));
        assert!(!mentions("let a = f64x2;", "f64"));
        assert!(!mentions(r#"let a = "f64";"#, "f64"));
    }
}
