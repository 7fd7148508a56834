//! Unmodified packages of the ecosystem against a running node: `tests/clients/` in the project's
//! root, with `@cosmjs/stargate` and `@akashnetwork/chain-sdk` from npm.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a failing test may panic, a skipped one says so"
)]

mod common;

use std::{
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use common::Home;
use serde_json::Value;

fn scripts() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/clients")
}

/// Whether the packages are installed; `cargo xtask test` sees to that.
fn installed() -> bool {
    let there = scripts().join("node_modules/@akashnetwork/chain-sdk/package.json").exists();
    if !there {
        println!("skipped: run `cargo xtask setup` (or `npm ci` in tests/clients) first");
    }
    there
}

struct Node(Child);

impl Drop for Node {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn stargate_and_chain_sdk_send_coins_deploy_accept_a_bid_and_read_the_lease() {
    if !installed() {
        return;
    }
    let home = Home::new();
    let any = "127.0.0.1:0";
    let listen = ["--rpc-listen", any, "--rest-listen", any, "--grpc-listen", any];
    let init = ["node", "init", "--json", "--block-time-ms", "300"];
    let made: Value = serde_json::from_str(&home.run_ok(&init).stdout).unwrap();
    let mut child = home
        .command()
        .args(["node", "start", "--json"])
        .args(listen)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let node = Node(child);
    let endpoints: Value = serde_json::from_str(&line).unwrap();
    let phrase = |name: &str| {
        let accounts = made["accounts"].as_array().unwrap();
        let account = accounts.iter().find(|it| it["name"] == name).unwrap();
        account["phrase"].as_str().unwrap().to_owned()
    };
    let output = Command::new("node")
        .arg("market.mjs")
        .current_dir(scripts())
        .env("RPC", endpoints["rpc"].as_str().unwrap())
        .env("GRPC", endpoints["grpc"].as_str().unwrap())
        .env("TENANT", phrase("tenant"))
        .env("PROVIDER", phrase("provider"))
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{told}{errors}");
    assert!(told.ends_with("all steps passed\n"), "{told}{errors}");
    drop(node);
}
