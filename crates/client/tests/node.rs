//! Transactions and events against a node that misbehaves in every way a real one may.

#![expect(clippy::unwrap_used, reason = "a failing test may panic")]

mod mock;

use std::{sync::Arc, time::Duration};

use client::{
    Chain, Endpoints, Error, LocalSigner, Policy, Signer, Wallet, any, events, keys::PrivateKey,
};
use types::wire::cosmos::{bank::v1beta1::MsgSend, base::v1beta1::Coin};

fn send(from: &str) -> MsgSend {
    MsgSend {
        from_address: from.to_owned(),
        to_address: from.to_owned(),
        amount: vec![Coin { denom: "uakt".to_owned(), amount: "1".to_owned() }],
    }
}

fn policy() -> Policy {
    Policy { wait: Duration::from_secs(20), ..Policy::default() }
}

async fn wallet(node: &mock::Running, policy: Policy) -> Wallet {
    let signer = Arc::new(LocalSigner::new(PrivateKey::generate()));
    node.lock().accounts.insert(signer.address().to_owned(), 4);
    let chain = Chain::connect(&Endpoints::rpc(node.url())).await.unwrap();
    Wallet::new(chain, signer, policy)
}

#[tokio::test]
async fn a_transaction_is_sent_and_its_block_is_found() {
    let node = mock::start().await;
    let wallet = wallet(&node, policy()).await;
    let done = wallet.send_one(&send(wallet.address())).await.unwrap();
    let results = wallet.chain().rpc().block_results(Some(done.height)).await.unwrap();
    assert_eq!(results.txs_results.len(), 1);
    // 60001 gas at 150 per cent, rounded up, at 0.025 each, rounded up.
    assert_eq!(done.fee, [Coin { denom: "uakt".to_owned(), amount: "2251".to_owned() }]);
    assert_eq!(done.gas_used, 90);
}

#[tokio::test]
async fn a_transaction_that_fails_in_its_block_is_an_error_with_height_and_code() {
    let node = mock::start().await;
    node.lock().fail_memo = "bad".to_owned();
    let wallet = wallet(&node, Policy { memo: "bad".to_owned(), ..policy() }).await;
    match wallet.send_one(&send(wallet.address())).await {
        Err(error @ Error::Failed { code: 5, .. }) => {
            assert!(error.to_string().contains("insufficient funds (sdk/5)"), "{error}");
            assert!(error.hint().unwrap().contains("needs more coins"));
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_stale_sequence_is_corrected_from_the_refusal() {
    let node = mock::start().await;
    let wallet = wallet(&node, policy()).await;
    // Others of this account wait in the pool: the committed sequence is behind.
    node.lock().checked.insert(wallet.address().to_owned(), 9);
    wallet.send_one(&send(wallet.address())).await.unwrap();
    assert_eq!(node.lock().checked[wallet.address()], 10);
    // With a fixed gas limit the correction comes from the broadcast instead of the simulation.
    let fixed = wallet.with_policy(Policy { gas: Some(100_000), ..policy() });
    node.lock().checked.insert(wallet.address().to_owned(), 20);
    fixed.send_one(&send(wallet.address())).await.unwrap();
    assert_eq!(node.lock().checked[wallet.address()], 21);
}

#[tokio::test]
async fn many_tasks_that_share_a_wallet_never_collide() {
    let node = mock::start().await;
    let wallet = wallet(&node, policy()).await;
    let tasks: Vec<_> = (0..12)
        .map(|_| {
            let wallet = wallet.clone();
            tokio::spawn(async move { wallet.send_one(&send(wallet.address())).await })
        })
        .collect();
    for task in tasks {
        task.await.unwrap().unwrap();
    }
    let node = node.lock();
    assert_eq!(node.broadcasts, 12);
    assert_eq!(node.accounts[wallet.address()], 4 + 12);
}

#[tokio::test]
async fn an_answer_that_is_cut_off_neither_loses_nor_doubles_a_transaction() {
    let node = mock::start().await;
    let wallet = wallet(&node, policy()).await;
    node.lock().cut_off = 2;
    wallet.send_one(&send(wallet.address())).await.unwrap();
    let node = node.lock();
    assert_eq!(node.blocks.values().flatten().count(), 1);
    assert!(node.broadcasts >= 2);
}

#[tokio::test]
async fn waiting_survives_a_node_that_is_away() {
    let mut node = mock::start().await;
    let wallet = wallet(&node, policy()).await;
    node.lock().halted = true;
    let pending = wallet.broadcast(vec![any(&send(wallet.address()))]).await.unwrap();
    let waiting = tokio::spawn({
        let wallet = wallet.clone();
        async move { wallet.wait(&pending).await }
    });
    tokio::time::sleep(Duration::from_millis(300)).await;
    node.stop().await;
    node.lock().halted = false;
    tokio::time::sleep(Duration::from_millis(500)).await;
    node.restart().await;
    waiting.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_transaction_that_is_forgotten_expires_for_certain() {
    let node = mock::start().await;
    node.lock().forgets = true;
    let wallet = wallet(&node, Policy { timeout_blocks: 5, ..policy() }).await;
    match wallet.send_one(&send(wallet.address())).await {
        Err(Error::Expired { timeout_height, .. }) => assert!(node.lock().height > timeout_height),
        other => panic!("{other:?}"),
    }
    // The next one is not confused by the sequence number that was never used.
    {
        let mut state = node.lock();
        state.forgets = false;
        state.pool.clear();
        state.checked.clear();
    }
    wallet.send_one(&send(wallet.address())).await.unwrap();
}

#[tokio::test]
async fn a_chain_without_blocks_is_said_to_have_halted() {
    let node = mock::start().await;
    let wallet = wallet(&node, Policy { wait: Duration::from_secs(1), ..policy() }).await;
    node.lock().halted = true;
    let error = wallet.send_one(&send(wallet.address())).await.unwrap_err();
    assert!(matches!(error, Error::Halted { .. }), "{error}");
    assert!(error.to_string().contains("has halted"));
}

#[tokio::test]
async fn a_low_balance_and_a_missing_account_have_their_own_errors() {
    let node = mock::start().await;
    let wallet = wallet(&node, policy()).await;
    let text = "spendable balance 5uakt is smaller than 2251uakt: insufficient funds";
    node.lock().refuse = Some((5, text.to_owned()));
    let error = wallet.send_one(&send(wallet.address())).await.unwrap_err();
    assert!(matches!(error, Error::LowBalance { .. }), "{error}");
    assert!(error.to_string().contains(text));
    assert!(error.hint().unwrap().contains("send coins to akash1"));

    node.lock().refuse = None;
    node.lock().accounts.clear();
    let error = wallet.send_one(&send(wallet.address())).await.unwrap_err();
    assert!(matches!(error, Error::NoAccount { .. }), "{error}");
}

#[tokio::test]
async fn another_chain_than_the_one_asked_for_is_refused() {
    let node = mock::start().await;
    let endpoints =
        Endpoints { chain_id: Some("akashnet-2".to_owned()), ..Endpoints::rpc(node.url()) };
    let error = Chain::connect(&endpoints).await.err().unwrap();
    assert!(matches!(error, Error::WrongChain { .. }));
    assert!(error.to_string().contains("`mock-1`, not `akashnet-2`"), "{error}");
}

#[tokio::test]
async fn nobody_at_the_address_is_one_clear_sentence() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let error = Chain::connect(&Endpoints::rpc(&url)).await.err().unwrap();
    assert!(matches!(error, Error::Unreachable { .. }));
    assert!(error.to_string().contains(&format!("no answer from the node at {url}")), "{error}");
    assert!(error.hint().is_some());

    for bad in ["", "ftp://x", "http://"] {
        let error = Chain::connect(&Endpoints::rpc(bad)).await.err().unwrap();
        assert!(matches!(error, Error::BadUrl { .. }), "{bad}: {error}");
    }
}

#[tokio::test]
async fn a_server_that_is_no_node_is_said_so() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let server = tokio::spawn(async move {
        let app = axum::Router::new().fallback(|| async { "hello" });
        let _ = axum::serve(listener, app).await;
    });
    let error = Chain::connect(&Endpoints::rpc(&url)).await.err().unwrap();
    assert!(matches!(error, Error::BadAnswer { .. }), "{error}");
    server.abort();
}

#[tokio::test]
async fn every_page_of_a_list_is_read() {
    let node = mock::start().await;
    let chain = Chain::connect(&Endpoints::rpc(node.url())).await.unwrap();
    let coins = chain.balances("anyone").await.unwrap();
    assert_eq!(coins.len(), 250);
    assert_eq!(coins[249].denom, "coin249");
}

#[tokio::test]
async fn blocks_are_followed_without_gaps_across_a_restart() {
    let mut node = mock::start().await;
    let chain = Chain::connect(&Endpoints::rpc(node.url())).await.unwrap();
    let mut follower = events::follow(chain, 3);
    let mut next = 3;
    for round in 0..3 {
        let until = next + 12;
        while next < until {
            let block = follower.next().await.unwrap();
            assert_eq!(block.height, next);
            let marker = block.all().find(|it| it.kind == "marker").unwrap();
            assert_eq!(marker.get("height"), Some(next.to_string().as_str()));
            next += 1;
        }
        if round < 2 {
            node.stop().await;
            tokio::time::sleep(Duration::from_millis(200)).await;
            node.restart().await;
        }
    }
    assert_eq!(follower.height(), next);
}

#[tokio::test]
async fn dropping_a_wait_half_way_loses_no_block() {
    let node = mock::start().await;
    let chain = Chain::connect(&Endpoints::rpc(node.url())).await.unwrap();
    let mut follower = events::follow(chain, 1);
    let mut seen = Vec::new();
    while seen.len() < 20 {
        // Short enough to cut off many calls in the middle.
        let limit = Duration::from_millis(seen.len() as u64 % 5);
        if let Ok(block) = tokio::time::timeout(limit, follower.next()).await {
            seen.push(block.unwrap().height);
        }
    }
    assert_eq!(seen, (1..=20).collect::<Vec<u64>>());
}

#[tokio::test]
async fn a_height_that_is_gone_is_an_error_instead_of_a_gap() {
    let node = mock::start().await;
    node.lock().earliest = 8;
    let chain = Chain::connect(&Endpoints::rpc(node.url())).await.unwrap();
    match events::follow(chain, 3).next().await {
        Err(Error::Pruned { height: 3, lowest: 8 }) => {}
        other => panic!("{other:?}"),
    }
}
