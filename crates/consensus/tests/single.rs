//! One validator: blocks, transactions, restarts, and what the store answers afterwards.
#![expect(clippy::unwrap_used, reason = "tests")]

mod common;

use std::{sync::Arc, time::Duration};

use common::{Toy, Trap, config, genesis, log, reach};
use consensus::{StartError, SubmitError};
use types::wire::tendermint::types as tm;

#[tokio::test(flavor = "multi_thread")]
async fn an_idle_validator_makes_blocks_and_a_transaction_does_not_wait() {
    log();
    let home = tempfile::tempdir().unwrap();
    let mut config = config(home.path(), 0);
    config.block_time = Duration::from_millis(1_500);
    let toy = Toy::new();
    let node = consensus::start(config, genesis(&[10]), toy.clone()).await.unwrap();
    let mut blocks = node.subscribe();
    reach(&node, 2).await;

    let begin = std::time::Instant::now();
    let answer = node.submit_tx("a=1".into()).await.unwrap();
    assert_eq!(answer.code, 0);
    let height = loop {
        let block = blocks.recv().await.unwrap();
        assert_eq!(block.block.header.height, i64::try_from(block.height).unwrap());
        if !block.block.data.txs.is_empty() {
            break block.height;
        }
    };
    assert!(begin.elapsed() < Duration::from_millis(1_200), "{:?}", begin.elapsed());
    assert_eq!(toy.get("a").as_deref(), Some("1"));

    let hash = consensus::core::merkle::sha256(b"a=1");
    let place = node.tx_position(&hash).unwrap().unwrap();
    assert_eq!((place.height, place.index), (height, 0));
    assert_eq!(node.results(height).unwrap().unwrap().tx_results.len(), 1);
    assert!(matches!(node.submit_tx("a=1".into()).await, Err(SubmitError::InCache)));
    assert_eq!(node.submit_tx("refuse".into()).await.unwrap().code, 1);
    assert_eq!(node.mempool(10).total, 0);

    // The next header carries what executing this block gave.
    reach(&node, height + 1).await;
    let next = node.block_meta(height + 1).unwrap().unwrap().header;
    let results = node.results(height).unwrap().unwrap();
    assert_eq!(next.app_hash, results.app_hash);
    assert_eq!(next.last_results_hash, consensus::core::state::results_hash(&results.tx_results));
    node.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_continues_where_the_chain_was() {
    log();
    let home = tempfile::tempdir().unwrap();
    let toy = Toy::in_folder(&home.path().join("app"));
    let node = consensus::start(config(home.path(), 0), genesis(&[10]), toy).await.unwrap();
    node.submit_tx("a=1".into()).await.unwrap();
    reach(&node, 5).await;

    // A second process cannot take the same home.
    let second = consensus::start(config(home.path(), 0), genesis(&[10]), Toy::new()).await;
    assert!(matches!(second, Err(StartError::Locked { .. })));

    node.shutdown().await.unwrap();
    let before = node.height();
    let first = node.block(2).unwrap().unwrap();
    drop(node);
    tokio::time::sleep(Duration::from_millis(100)).await;

    let toy = Toy::in_folder(&home.path().join("app"));
    let node = restart(&home, toy.clone()).await;
    assert!(node.height() >= before);
    reach(&node, before + 3).await;
    assert_eq!(node.block(2).unwrap().unwrap(), first);
    assert_eq!(toy.get("a").as_deref(), Some("1"));
    assert!(linked(&node));
    node.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_application_that_lost_everything_is_brought_back() {
    log();
    let home = tempfile::tempdir().unwrap();
    let toy = Toy::new();
    let node = consensus::start(config(home.path(), 0), genesis(&[10]), toy.clone()).await.unwrap();
    node.submit_tx("a=1".into()).await.unwrap();
    reach(&node, 6).await;
    node.shutdown().await.unwrap();
    let height = node.height();
    drop(node);
    tokio::time::sleep(Duration::from_millis(100)).await;

    let fresh = Toy::new();
    let node = restart(&home, fresh.clone()).await;
    assert!(fresh.height() >= height);
    assert_eq!(fresh.get("a").as_deref(), Some("1"));
    reach(&node, height + 2).await;
    node.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_application_ahead_of_the_blocks_is_refused() {
    log();
    let home = tempfile::tempdir().unwrap();
    let app = home.path().join("app");
    let node = consensus::start(config(home.path(), 0), genesis(&[10]), Toy::in_folder(&app))
        .await
        .unwrap();
    reach(&node, 2).await;
    node.shutdown().await.unwrap();
    drop(node);
    let other = home.path().join("other");
    let refused = consensus::start(config(&other, 0), genesis(&[10]), Toy::in_folder(&app)).await;
    let text = refused.err().unwrap().to_string();
    assert!(text.contains("the block store was lost"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_validator_change_takes_effect_two_heights_later() {
    log();
    let home = tempfile::tempdir().unwrap();
    let node = consensus::start(config(home.path(), 0), genesis(&[10]), Toy::new()).await.unwrap();
    // More power for the only validator.
    let key = hex::encode(common::key(0).public_key());
    let mut blocks = node.subscribe();
    node.submit_tx(format!("power:{key}=33").into()).await.unwrap();
    let height = loop {
        let block = blocks.recv().await.unwrap();
        if !block.block.data.txs.is_empty() {
            break block.height;
        }
    };
    reach(&node, height + 3).await;
    let power = |height| node.validators(height).unwrap().unwrap().total_voting_power;
    assert_eq!([power(height), power(height + 1), power(height + 2)], [10, 10, 33]);
    let header = |height| node.block_meta(height).unwrap().unwrap().header;
    assert_eq!(header(height + 1).next_validators_hash, header(height + 2).validators_hash);
    assert_ne!(header(height + 1).validators_hash, header(height + 2).validators_hash);
    node.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failing_application_stops_the_node() {
    log();
    let home = tempfile::tempdir().unwrap();
    let node = consensus::start(config(home.path(), 0), genesis(&[10]), Toy::new()).await.unwrap();
    node.submit_tx("halt".into()).await.unwrap();
    let halt = tokio::time::timeout(Duration::from_secs(20), node.stopped()).await.unwrap();
    assert!(halt.unwrap().to_string().contains("the toy's disk is full"));
    assert!(node.health().halted.is_some());
    let height = node.height();
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(node.height(), height);
    let refused = node.submit_tx("b=1".into()).await.unwrap_err();
    assert_eq!(refused.to_string(), "the node is stopping");
    // The decided block is not lost: it is executed at the next start, and fails again.
    node.shutdown().await.unwrap();
    drop(node);
    tokio::time::sleep(Duration::from_millis(100)).await;
    let again = consensus::start(config(home.path(), 0), genesis(&[10]), Toy::new()).await;
    assert!(again.err().unwrap().to_string().contains("the toy's disk is full"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_break_at_any_moment_of_a_block_executes_it_exactly_once() {
    log();
    for trap in [Trap::BeforeExecution, Trap::BeforeCommit, Trap::AfterCommit] {
        let home = tempfile::tempdir().unwrap();
        let app = home.path().join("app");
        let toy = Toy::in_folder(&app);
        *toy.trap.lock().unwrap() = Some(trap);
        let node = consensus::start(config(home.path(), 0), genesis(&[10]), toy).await.unwrap();
        node.submit_tx("a=1".into()).await.unwrap();
        let halt = tokio::time::timeout(Duration::from_secs(20), node.stopped()).await.unwrap();
        assert!(halt.unwrap().to_string().contains("trapped"), "{trap:?}");
        node.shutdown().await.unwrap();
        let broke_at = node.height() + 1;
        drop(node);
        tokio::time::sleep(Duration::from_millis(100)).await;

        let toy = Toy::in_folder(&app);
        assert_eq!(toy.txs(), u64::from(trap == Trap::AfterCommit), "{trap:?}");
        let node = restart(&home, toy.clone()).await;
        assert!(node.height() >= broke_at, "{trap:?}");
        reach(&node, broke_at + 2).await;
        assert_eq!((toy.txs(), toy.get("a").as_deref()), (1, Some("1")), "{trap:?}");
        assert_eq!(node.block(broke_at).unwrap().unwrap().1.data.txs, [b"a=1"], "{trap:?}");
        assert!(linked(&node), "{trap:?}");
        node.shutdown().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_application_that_writes_behind_gets_its_last_blocks_again() {
    log();
    let home = tempfile::tempdir().unwrap();
    let app = home.path().join("app");
    let toy = Toy::in_folder(&app);
    toy.write_every.store(5, std::sync::atomic::Ordering::Relaxed);
    let node = consensus::start(config(home.path(), 0), genesis(&[10]), toy).await.unwrap();
    reach(&node, 6).await;
    node.submit_tx("a=1".into()).await.unwrap();
    while node.mempool(0).total > 0 || node.height().is_multiple_of(5) {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    node.shutdown().await.unwrap();
    let (height, app_hash) = (node.height(), node.latest().unwrap().unwrap().app_hash);
    drop(node);
    tokio::time::sleep(Duration::from_millis(100)).await;

    let toy = Toy::in_folder(&app);
    assert!(toy.height() <= height);
    let node = restart(&home, toy.clone()).await;
    assert_eq!(node.results(height).unwrap().unwrap().app_hash, app_hash);
    assert_eq!(toy.txs(), 1);
    reach(&node, height + 2).await;
    node.shutdown().await.unwrap();
    drop(node);

    // A state that is not the one the chain went through is noticed.
    tokio::time::sleep(Duration::from_millis(100)).await;
    let file = app.join("state");
    let mut bytes = std::fs::read(&file).unwrap();
    // After the height and the length of the hash.
    bytes[12] ^= 1;
    std::fs::write(&file, bytes).unwrap();
    let refused = consensus::start(config(home.path(), 0), genesis(&[10]), Toy::in_folder(&app));
    let text = refused.await.err().unwrap().to_string();
    assert!(text.contains("the application's hash"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_work_is_said_in_one_sentence() {
    log();
    let home = tempfile::tempdir().unwrap();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let mut busy = config(&home.path().join("a"), 0);
    let port = taken.local_addr().unwrap().port();
    busy.listen_addr = format!("/ip4/127.0.0.1/tcp/{port}");
    let refused = consensus::start(busy, genesis(&[10]), Toy::new()).await.err().unwrap();
    assert!(refused.to_string().contains(&format!("127.0.0.1 port {port}")), "{refused}");

    let mut slow = config(&home.path().join("b"), 0);
    slow.block_time_busy = Duration::from_secs(60);
    let refused = consensus::start(slow, genesis(&[10]), Toy::new()).await.err().unwrap();
    assert!(refused.to_string().contains("block_time_busy"), "{refused}");

    let node = consensus::start(config(home.path(), 0), genesis(&[10]), Toy::new()).await.unwrap();
    reach(&node, 1).await;
    node.shutdown().await.unwrap();
    drop(node);
    let mut other = genesis(&[10]);
    other.chain_id = "toy-2".to_owned();
    let refused = consensus::start(config(home.path(), 0), other, Toy::new()).await.err().unwrap();
    assert!(refused.to_string().contains("belongs to chain toy-1"), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn vote_extensions_reach_the_next_proposer() {
    log();
    let home = tempfile::tempdir().unwrap();
    let mut doc = genesis(&[10]);
    doc.consensus_params.abci.as_mut().unwrap().vote_extensions_enable_height = 3;
    let toy = Toy::new();
    let node = consensus::start(config(home.path(), 0), doc, toy.clone()).await.unwrap();
    reach(&node, 3).await;
    assert!(toy.extensions() <= 1);
    reach(&node, 6).await;
    assert!(toy.extensions() >= 2);
    node.shutdown().await.unwrap();
}

async fn restart(home: &tempfile::TempDir, toy: Arc<Toy>) -> consensus::Handle {
    consensus::start(config(home.path(), 0), genesis(&[10]), toy).await.unwrap()
}

/// Every block names the one before, and carries its commit.
fn linked(node: &consensus::Handle) -> bool {
    let mut last: Option<tm::BlockId> = None;
    (1..=node.height()).all(|height| {
        let (id, block) = node.block(height).unwrap().unwrap();
        let good = last.as_ref().is_none_or(|last| {
            block.header.last_block_id == *last
                && block.last_commit.is_some_and(|it| it.block_id == *last)
        });
        last = Some(id);
        good
    })
}
