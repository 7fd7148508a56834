//! One validator with durable writes must commit thousands of transactions per second, end to
//! end: admission, block, execution, commit.
#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "tests")]

mod common;

use std::time::{Duration, Instant};

use common::{Toy, config, genesis, log};

/// In an unoptimised build on a shared machine; an optimised one does far more.
const LEAST_PER_SECOND: f64 = 1_000.0;
const TXS: usize = 6_000;
const CLIENTS: usize = 16;

#[tokio::test(flavor = "multi_thread")]
async fn thousands_of_transactions_per_second_are_committed() {
    log();
    let home = tempfile::tempdir().unwrap();
    let mut config = config(home.path(), 0);
    config.block_time = Duration::from_millis(500);
    config.block_time_busy = Duration::from_millis(100);
    config.mempool.max_txs = TXS;
    let toy = Toy::in_folder(&home.path().join("app"));
    let node = consensus::start(config, genesis(&[10]), toy).await.unwrap();
    let mut blocks = node.subscribe();
    let begin = Instant::now();
    let clients: Vec<_> = (0..CLIENTS)
        .map(|client| {
            let node = node.clone();
            tokio::spawn(async move {
                for number in (client..TXS).step_by(CLIENTS) {
                    // About the size of a signed bank send.
                    let tx = format!("key{}={number:0>300}", number % 1_000);
                    assert_eq!(node.submit_tx(tx.into()).await.unwrap().code, 0);
                }
            })
        })
        .collect();
    let mut committed = 0;
    let mut largest = 0;
    while committed < TXS {
        let block = blocks.recv().await.unwrap();
        committed += block.block.data.txs.len();
        largest = largest.max(block.block.data.txs.len());
    }
    let elapsed = begin.elapsed();
    for client in clients {
        client.await.unwrap();
    }
    #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
    let rate = TXS as f64 / elapsed.as_secs_f64();
    println!("{TXS} transactions in {elapsed:?}: {rate:.0} per second, {largest} in one block");
    assert!(rate > LEAST_PER_SECOND, "{rate:.0} per second");
    node.shutdown().await.unwrap();
}
