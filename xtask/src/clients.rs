//! The packages of the ecosystem that `tests/clients` runs against a node: from npm and from PyPI,
//! as the lock files there say, hashes included.
//!
//! Called by `tests`. Beside each set of packages lies a copy of the lock file that it was installed
//! from; while both are the same there is nothing to do.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail};

use crate::{docker, proc, root, say};

/// Installs what is missing.
///
/// # Errors
/// When Node.js or Python is missing and cannot be installed, or a package cannot be had.
pub(crate) fn ensure() -> Result<()> {
    let folder = root().join("tests/clients");
    npm(&folder)?;
    python(&folder)
}

/// `node_modules`, from `package-lock.json`.
fn npm(folder: &Path) -> Result<()> {
    let Some(lock) = Lock::changed(folder.join("package-lock.json"), folder.join("node_modules"))?
    else {
        return Ok(());
    };
    if docker::find("npm").is_none() {
        if !docker::is_debian() {
            bail!("the tests of npm clients need Node.js 20 with npm; install them");
        }
        say("installing Debian's nodejs and npm for the tests of npm clients");
        docker::install(&["nodejs", "npm"])?;
    }
    say("installing the npm packages of tests/clients");
    let mut command = Command::new("npm");
    command.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]);
    proc::output("npm ci", command.current_dir(folder))?;
    lock.keep()
}

/// `.venv`, from `requirements.txt`.
fn python(folder: &Path) -> Result<()> {
    let made = folder.join(".venv");
    let Some(lock) = Lock::changed(folder.join("requirements.txt"), made.clone())? else {
        return Ok(());
    };
    say("installing the Python packages of tests/clients");
    if environment(folder).is_err() {
        if !docker::is_debian() {
            bail!("the tests of cosmpy need Python 3.10 or later with venv; install them");
        }
        say("installing Debian's python3-venv for the tests of cosmpy");
        docker::install(&["python3", "python3-venv"])?;
        environment(folder)?;
    }
    let mut command = Command::new(made.join("bin/python"));
    command.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]);
    command.args(["--require-hashes", "--only-binary", ":all:", "-r", "requirements.txt"]);
    proc::output("pip install", command.current_dir(folder))?;
    lock.keep()
}

/// A new, empty environment in the place of an old one.
fn environment(folder: &Path) -> Result<()> {
    let mut command = Command::new("python3");
    command.args(["-m", "venv", "--clear", ".venv"]).current_dir(folder);
    proc::output("python3 -m venv", &mut command).map(drop)
}

/// A lock file that differs from what is installed.
struct Lock {
    wanted: Vec<u8>,
    copy: PathBuf,
}

impl Lock {
    fn changed(file: PathBuf, installed: PathBuf) -> Result<Option<Self>> {
        let wanted = fs::read(&file).with_context(|| format!("read {}", file.display()))?;
        let copy = installed.join(".lock-copy");
        let same = fs::read(&copy).is_ok_and(|it| it == wanted);
        Ok((!same).then_some(Self { wanted, copy }))
    }

    fn keep(self) -> Result<()> {
        fs::write(&self.copy, self.wanted)?;
        Ok(())
    }
}
