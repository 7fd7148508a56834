//! Everything that the tests need, and then the tests.

use std::{fs, process::Command, thread};

use anyhow::{Result, bail};

use crate::{
    clients,
    docker::{self, DockerHost},
    images, proc, root, say,
};

/// Runs all tests of the workspace, or those that match `filter`.
///
/// The engine, the images and the packages of `tests/clients` are got ready while the tests are compiled.
pub(crate) fn run(filter: &[&str]) -> Result<()> {
    let ready = thread::spawn(prepare);
    let compiled = crate::cargo(&["test", "--workspace", "--no-run"]);
    let prepared = ready.join().unwrap_or_else(|_| bail!("the set-up panicked"));
    compiled?;
    let mut engine = prepared?;
    let mut args = vec!["test", "--workspace", "--no-fail-fast"];
    args.extend(filter);
    let endpoint = engine.endpoint().to_owned();
    let variables = [("DOCKER_HOST", endpoint.as_str()), (WITH_DEMO, "1")];
    let outcome = crate::cargo_with(&args, &variables);
    let stopped = engine.stop();
    outcome.and(stopped)?;
    if filter.is_empty() {
        crate::cargo(&MODEL)?;
    }
    Ok(())
}

/// A million random operations on escrow take as long with optimisation as some ten thousand without.
const MODEL: [&str; 6] = ["test", "--release", "-p", "modules", "--lib", "escrow::model"];

/// Set for the tests, so that the demo is part of them.
const WITH_DEMO: &str = "HAGGLE_TEST_DEMO";

/// Installs what tests and demo need, and leaves it installed.
pub(crate) fn setup() -> Result<()> {
    let mut engine = prepare()?;
    engine.stop()?;
    say("everything that tests and demo need is there");
    Ok(())
}

fn prepare() -> Result<DockerHost> {
    let target = root().join("target");
    fs::create_dir_all(&target)?;
    clients::ensure()?;
    registry()?;
    wasm_target();
    let engine = docker::ensure(&target, &mut |text| say(text))?;
    images::ensure(&engine, &target, &mut |text| say(text))?;
    Ok(engine)
}

/// The compiler's target for browsers. Its test is skipped, with a word, where rustup is missing or cannot
/// reach its server, so that is no reason to stop.
fn wasm_target() {
    const TARGET: &str = "wasm32-unknown-unknown";
    let mut command = Command::new("rustup");
    command.args(["target", "add", TARGET]).current_dir(root());
    if let Err(error) = proc::output("rustup target add", &mut command) {
        say(&format!("without the target {TARGET}, whose test will be skipped: {error:#}"));
    }
}

/// A private image registry, for the test of registry credentials.
fn registry() -> Result<()> {
    if docker::find("docker-registry").is_none() && docker::is_debian() && docker::is_root() {
        say("installing Debian's docker-registry for the test of private images");
        docker::install(&["docker-registry", "apache2-utils"])?;
    }
    Ok(())
}
