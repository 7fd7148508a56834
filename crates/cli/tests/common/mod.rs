//! Runs the binary with a home folder of its own.

#![allow(
    dead_code,
    clippy::allow_attributes,
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "not every test file uses everything"
)]

pub(crate) mod sdl;

use std::{
    io::Write,
    path::Path,
    process::{Command, Stdio},
};

pub(crate) const BINARY: &str = env!("CARGO_BIN_EXE_haggle");

/// A folder of settings and keys, gone in the end.
pub(crate) struct Home(tempfile::TempDir);

/// How a run ended.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Home {
    pub(crate) fn new() -> Home {
        Home(tempfile::tempdir().unwrap())
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(BINARY);
        // Nothing of the machine's own settings.
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("HAGGLE_") {
                command.env_remove(name);
            }
        }
        command
            .env_remove("COLUMNS")
            .env("HAGGLE_LOG", "error")
            .env("HAGGLE_HOME", self.path())
            .env("HAGGLE_KEYRING_PASSWORD", "secret")
            .current_dir(self.path());
        command
    }

    pub(crate) fn run(&self, args: &[&str]) -> Run {
        self.run_with(args, "", &[])
    }

    pub(crate) fn run_ok(&self, args: &[&str]) -> Run {
        let run = self.run(args);
        assert_eq!(run.code, 0, "{args:?}: {}{}", run.stdout, run.stderr);
        run
    }

    pub(crate) fn run_with(&self, args: &[&str], stdin: &str, env: &[(&str, &str)]) -> Run {
        let mut child = self
            .command()
            .args(args)
            .envs(env.iter().copied())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut pipe = child.stdin.take().unwrap();
        // A command that does not read is free to close its end.
        let _ = pipe.write_all(stdin.as_bytes());
        drop(pipe);
        let output = child.wait_with_output().unwrap();
        Run {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }
}
