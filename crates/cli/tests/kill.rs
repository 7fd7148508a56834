//! A node that is killed again and again under load loses no block that it has shown and corrupts
//! nothing: heights keep their hashes, and executing all blocks anew gives the same state roots.

#![expect(clippy::unwrap_used, reason = "a failing test may panic")]

mod common;

use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader},
    process::{Child, Stdio},
    time::{Duration, Instant},
};

use client::{Chain, Endpoints, LocalSigner, tx::Unsigned};
use common::Home;
use serde_json::Value;
use types::wire::cosmos::{bank::v1beta1::MsgSend, base::v1beta1::Coin};

/// How often the node is killed.
const KILLS: u64 = 30;

struct Running {
    child: Child,
    rpc: String,
}

impl Running {
    fn start(home: &Home) -> Running {
        let any = "127.0.0.1:0";
        let mut child = home
            .command()
            .args(["node", "start", "--json"])
            .args(["--rpc-listen", any, "--rest-listen", any, "--grpc-listen", any])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let endpoints: Value = serde_json::from_str(&line)
            .unwrap_or_else(|_| panic!("the node did not start again: {line}"));
        Running { child, rpc: endpoints["rpc"].as_str().unwrap().to_owned() }
    }

    async fn chain(&self) -> Chain {
        let end = Instant::now() + Duration::from_secs(30);
        loop {
            match Chain::connect(&Endpoints::rpc(self.rpc.as_str())).await {
                Ok(chain) => return chain,
                Err(error) => assert!(Instant::now() < end, "{error}"),
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// SIGKILL: nothing of the process gets another turn.
    fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

/// Height, hash and state root of the block before, as the node shows them.
async fn block(chain: &Chain, height: u64) -> Option<(String, String)> {
    let params = serde_json::json!({ "height": height.to_string() });
    let answer: Value = chain.rpc().call("ask for a block", "block", params).await.ok()?;
    let hash = answer["block_id"]["hash"].as_str()?.to_owned();
    let root = answer["block"]["header"]["app_hash"].as_str()?.to_owned();
    Some((hash, root))
}

async fn height(chain: &Chain) -> u64 {
    chain.status().await.map_or(0, |it| it.latest_height)
}

/// Sends until the node is gone; each coin moves from the first to the second account.
async fn load(chain: Chain, signer: LocalSigner, to: String) {
    let from = client::keys::Signer::address(&signer).to_owned();
    let Ok(account) = chain.account(&from).await else { return };
    for sequence in account.sequence.. {
        let amount = vec![Coin { denom: "uakt".to_owned(), amount: "1".to_owned() }];
        let message = MsgSend { from_address: from.clone(), to_address: to.clone(), amount };
        let fee = vec![Coin { denom: "uakt".to_owned(), amount: "5000".to_owned() }];
        let tx = Unsigned {
            messages: vec![client::tx::any(&message)],
            fee,
            gas_limit: 200_000,
            ..Unsigned::default()
        };
        let bytes = tx.sign(&signer, chain.chain_id(), account.account_number, sequence);
        match chain.rpc().broadcast_sync(&bytes).await {
            Ok(checked) if checked.code == 0 => {}
            _ => return,
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_killed_thirty_times_under_load_keeps_every_block_and_every_root() {
    let home = Home::new();
    let made: Value = serde_json::from_str(
        &home
            .run_ok(&[
                "node",
                "init",
                "--json",
                "--block-time-ms",
                "150",
                "--account",
                "a",
                "--account",
                "b",
            ])
            .stdout,
    )
    .unwrap();
    let phrase = made["accounts"][0]["phrase"].as_str().unwrap().to_owned();
    let to = made["accounts"][1]["address"].as_str().unwrap().to_owned();

    let mut seen: BTreeMap<u64, (String, String)> = BTreeMap::new();
    let mut random: u64 = 0x5DEE_CE66_D175_1A2B;
    for round in 0..KILLS {
        let node = Running::start(&home);
        let chain = node.chain().await;
        for (height, known) in &seen {
            let now = block(&chain, *height).await;
            assert_eq!(now.as_ref(), Some(known), "height {height} after {round} kills");
        }
        let signer = LocalSigner::from_phrase(&phrase).unwrap();
        let sending = tokio::spawn(load(chain.clone(), signer, to.clone()));
        // Somewhere between the first commit after the start and a second later.
        random =
            random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let end = Instant::now() + Duration::from_millis(200 + (random >> 33) % 800);
        while Instant::now() < end {
            let top = height(&chain).await;
            if top > 0
                && let Some(shown) = block(&chain, top).await
            {
                seen.insert(top, shown);
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        node.kill();
        let _ = sending.await;
    }
    let top = *seen.keys().next_back().expect("blocks were made");
    assert!(top > KILLS, "the chain went on between the kills: height {top}");

    // Everything once more from the blocks alone: the state must come out the same, or the node
    // would refuse to start over its own headers.
    let node = Running::start(&home);
    let chain = node.chain().await;
    let moved = chain.balance(&to, "uakt").await.unwrap().amount;
    let at = height(&chain).await;
    assert!(at >= top);
    node.kill();
    std::fs::remove_dir_all(home.path().join("node/data/state")).unwrap();
    let node = Running::start(&home);
    let chain = node.chain().await;
    assert!(height(&chain).await >= at);
    for (height, known) in &seen {
        assert_eq!(block(&chain, *height).await.as_ref(), Some(known), "height {height} replayed");
    }
    let replayed = chain.balance(&to, "uakt").await.unwrap().amount;
    let (moved, replayed): (u128, u128) = (moved.parse().unwrap(), replayed.parse().unwrap());
    assert!(replayed >= moved, "coins were lost: {moved} before, {replayed} after");
    assert!(moved > 1_000_000_000_000, "transactions were committed between the kills");
    node.kill();
}
