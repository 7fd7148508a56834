//! Two validators as `haggle node testnet` makes them, and a node that joins.

#![expect(clippy::unwrap_used, reason = "a failing test may panic")]

mod common;

use std::{
    io::{BufRead, BufReader},
    net::TcpListener,
    process::{Child, Stdio},
    time::{Duration, Instant},
};

use client::rpc::Rpc;
use common::Home;
use serde_json::Value;

struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Starts the node of a home; gives its RPC address.
fn start(home: &Home, folder: &str, flags: &[&str]) -> (Running, String) {
    let mut child = home
        .command()
        .args(["--home", folder, "node", "start", "--json"])
        .args(flags)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let told: Value = serde_json::from_str(&line).unwrap_or_else(|_| panic!("not JSON: {line}"));
    (Running(child), told["rpc"].as_str().unwrap().to_owned())
}

async fn reach(url: &str, height: u64) {
    let rpc = Rpc::new(url).unwrap();
    let end = Instant::now() + Duration::from_secs(120);
    loop {
        match rpc.status().await {
            Ok(status) if status.latest_height >= height => return,
            _ => assert!(Instant::now() < end, "{url} does not reach height {height}"),
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// A port with this many free ones behind it.
fn free_ports(count: u16) -> u16 {
    loop {
        let first = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = first.local_addr().unwrap().port();
        let behind = (1..count).map(|it| port.checked_add(it).map(|it| ("127.0.0.1", it)));
        if behind.into_iter().all(|it| it.is_some_and(|it| TcpListener::bind(it).is_ok())) {
            return port;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_network_of_two_decides_blocks_and_a_third_node_follows() {
    let home = Home::new();
    let base = free_ports(20).to_string();
    let made = home.run_ok(&[
        "node",
        "testnet",
        "--validators",
        "2",
        "--output",
        "net",
        "--base-port",
        &base,
        "--block-time-ms",
        "300",
        "--json",
    ]);
    let made: Value = serde_json::from_str(&made.stdout).unwrap();
    let nodes = made["nodes"].as_array().unwrap();
    assert_eq!(nodes.len(), 2);
    assert_eq!(nodes[0]["accounts"].as_array().unwrap().len(), 4);
    let again = home.run(&["node", "testnet", "--validators", "2", "--output", "net"]);
    assert_eq!(again.code, 2, "{}", again.stderr);
    assert!(again.stderr.contains("already has a genesis"), "{}", again.stderr);

    let (_first, first) = start(&home, "net/node0", &[]);
    assert_eq!(nodes[0]["rpc"], Value::String(first.clone()));
    let (_second, second) = start(&home, "net/node1", &[]);
    reach(&first, 3).await;
    reach(&second, 3).await;

    let peer = nodes[1]["peer"].as_str().unwrap();
    let other = ["--chain-id", "another", "node", "join", "--genesis", &first, "--peer", peer];
    let refused = home.run(&[&["--home", "third"][..], &other].concat());
    assert_eq!(refused.code, 2);
    assert!(refused.stderr.contains("haggle-local, not another"), "{}", refused.stderr);
    let any = "127.0.0.1:0";
    let joined = home.run_ok(&[
        "--home",
        "third",
        "node",
        "join",
        "--genesis",
        &first,
        "--peer",
        peer,
        "--json",
    ]);
    let joined: Value = serde_json::from_str(&joined.stdout).unwrap();
    assert_eq!(joined["consensus_key"]["@type"], "/cosmos.crypto.ed25519.PubKey");
    let listen = ["--rpc-listen", any, "--rest-listen", any, "--grpc-listen", any];
    let (_third, third) = start(&home, "third", &listen);
    reach(&third, 5).await;
    let hash = async |url: &str| {
        let block: Value = Rpc::new(url)
            .unwrap()
            .call("fetch a block", "block", serde_json::json!({ "height": "4" }))
            .await
            .unwrap();
        block["block_id"]["hash"].clone()
    };
    assert_eq!(hash(&first).await, hash(&third).await);
    assert_eq!(hash(&first).await, hash(&second).await);
}
