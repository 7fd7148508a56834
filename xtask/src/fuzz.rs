//! Runs the fuzz targets of `fuzz/`, each for a while, and installs what they need.
//!
//! Called by `cargo xtask fuzz`. New inputs go into `target/fuzz-corpus`, so that a run leaves the tree as
//! it was; `--keep` merges those that reach new code into `fuzz/corpus`, which `cargo test` replays.
//! An input that breaks a promise lies in `fuzz/artifacts/TARGET` and ends the run.

use anyhow::{Context, Result, bail, ensure};
use std::{
    path::{Path, PathBuf},
    process::Command,
};

/// What to run.
pub(crate) struct Options {
    /// One target; all of them without a name.
    pub(crate) target: Option<String>,
    /// How long each target runs.
    pub(crate) seconds: u32,
    /// Whether the kept corpus is made anew from what was found.
    pub(crate) keep: bool,
}

impl Options {
    pub(crate) fn parse(args: &[&str]) -> Result<Self> {
        let mut options = Self { target: None, seconds: 60, keep: false };
        let mut rest = args.iter();
        while let Some(arg) = rest.next() {
            match *arg {
                "--keep" => options.keep = true,
                "--seconds" => {
                    let value = rest.next().context("`--seconds` wants a number")?;
                    options.seconds =
                        value.parse().with_context(|| format!("{value:?} is no number"))?;
                }
                name if !name.starts_with('-') && options.target.is_none() => {
                    options.target = Some(name.to_owned());
                }
                other => bail!("fuzz has no option {other:?}; it has TARGET, --seconds N, --keep"),
            }
        }
        Ok(options)
    }
}

pub(crate) fn run(options: &Options) -> Result<()> {
    let home = crate::root().join("fuzz");
    let all = targets(&home)?;
    let chosen: Vec<&String> = match &options.target {
        None => all.iter().collect(),
        Some(name) => all.iter().filter(|it| *it == name).collect(),
    };
    ensure!(!chosen.is_empty(), "the targets are {}", all.join(", "));
    install()?;
    for target in chosen {
        crate::say(&format!("fuzz: {target}, {} s", options.seconds));
        let kept = home.join("corpus").join(corpus(target));
        let found = crate::root().join("target/fuzz-corpus").join(corpus(target));
        for folder in [&kept, &found] {
            std::fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
        }
        let time = format!("-max_total_time={}", options.seconds);
        let limits = ["-timeout=5", "-rss_limit_mb=1024", "-max_len=6000"];
        fuzz(&home, target, &[&found, &kept], &[&[time.as_str()], &limits[..]].concat())?;
        if options.keep {
            keep(&home, target, &found, &kept)?;
        }
    }
    Ok(())
}

/// The names of the targets: the files of `fuzz/targets`.
fn targets(home: &Path) -> Result<Vec<String>> {
    let folder = home.join("targets");
    let mut names = Vec::new();
    for entry in std::fs::read_dir(&folder).with_context(|| folder.display().to_string())? {
        let path = entry?.path();
        names.extend(path.file_stem().map(|it| it.to_string_lossy().into_owned()));
    }
    names.sort();
    Ok(names)
}

/// The folder of a target's inputs; those that read deployment files share theirs.
fn corpus(target: &str) -> &str {
    match target {
        "fmt" | "ide" | "twice" => "text",
        other => other,
    }
}

/// A nightly compiler and `cargo-fuzz`, if they are missing.
fn install() -> Result<()> {
    if !works(Command::new("rustup").args(["run", "nightly", "rustc", "--version"])) {
        step(Command::new("rustup").args(["toolchain", "install", "nightly"]))?;
    }
    if !works(Command::new("cargo").args(["fuzz", "--version"])) {
        step(Command::new("cargo").args(["install", "cargo-fuzz", "--locked"]))?;
    }
    Ok(())
}

fn fuzz(home: &Path, target: &str, corpora: &[&PathBuf], flags: &[&str]) -> Result<()> {
    let mut command = Command::new("rustup");
    // No sanitizer: there is no unsafe code here, and without it ten times as many inputs are tried.
    command.args(["run", "nightly", "cargo", "fuzz", "run", "--fuzz-dir"]).arg(home);
    command.args(["--sanitizer", "none", target]).args(corpora).arg("--").args(flags);
    step(&mut command)
}

/// Makes the kept corpus anew: the fewest inputs that reach what all inputs reach.
fn keep(home: &Path, target: &str, found: &PathBuf, kept: &PathBuf) -> Result<()> {
    let merged = crate::root().join("target/fuzz-merged").join(target);
    if merged.exists() {
        std::fs::remove_dir_all(&merged)?;
    }
    std::fs::create_dir_all(&merged)?;
    fuzz(home, target, &[&merged, kept, found], &["-merge=1", "-max_len=6000"])?;
    std::fs::remove_dir_all(kept)?;
    std::fs::create_dir_all(kept)?;
    for entry in std::fs::read_dir(&merged)? {
        let entry = entry?;
        std::fs::copy(entry.path(), kept.join(entry.file_name()))?;
    }
    Ok(())
}

fn works(command: &mut Command) -> bool {
    command.output().is_ok_and(|it| it.status.success())
}

fn step(command: &mut Command) -> Result<()> {
    // Cargo tells its children which compiler to use; the fuzzer needs another.
    for name in ["RUSTUP_TOOLCHAIN", "RUSTC", "RUSTDOC", "CARGO"] {
        command.env_remove(name);
    }
    let status = command.status().with_context(|| format!("run {command:?}"))?;
    ensure!(status.success(), "{command:?} failed");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_a_target_and_a_time() -> Result<()> {
        let options = Options::parse(&["text", "--seconds", "5"])?;
        assert_eq!(options.target.as_deref(), Some("text"));
        assert_eq!((options.seconds, options.keep), (5, false));
        assert!(Options::parse(&["--second", "5"]).is_err());
        assert!(Options::parse(&["--seconds"]).is_err());
        Ok(())
    }

    #[test]
    fn every_target_is_declared_and_has_a_corpus() -> Result<()> {
        let home = crate::root().join("fuzz");
        let manifest = std::fs::read_to_string(home.join("Cargo.toml"))?;
        for target in targets(&home)? {
            assert!(manifest.contains(&format!("name = \"{target}\"")), "{target}");
            assert!(home.join("corpus").join(corpus(&target)).is_dir(), "{target}");
        }
        Ok(())
    }
}
