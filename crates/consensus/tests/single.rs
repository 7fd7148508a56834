//! One validator: blocks, transactions, restarts, and what the store answers afterwards.
#![expect(clippy::unwrap_used, reason = "tests")]

mod common;

use std::{sync::Arc, time::Duration};

use common::{Toy, config, genesis, log, reach};
use consensus::{StartError, SubmitError};
use types::wire::tendermint::types as tm;

#[tokio::test(flavor = "multi_thread")]
async fn an_idle_validator_makes_blocks_and_a_transaction_does_not_wait() {
    log();
    let home = tempfile::tempdir().unwrap();
    let mut config = config(home.path(), 0);
    config.block_time = Duration::from_millis(300);
    let toy = Toy::new();
    let node = consensus::start(config, genesis(&[10]), toy.clone()).await.unwrap();
    let mut blocks = node.subscribe();
    reach(&node, 3).await;

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
    assert!(begin.elapsed() < Duration::from_millis(250), "{:?}", begin.elapsed());
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
