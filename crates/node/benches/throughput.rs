//! Committed transactions per second of one validator with durable writes, from bytes handed to
//! the pool to blocks that are executed, committed and indexed; against bare signature
//! verification on the same cores in the same run.
//!
//! `cargo bench -p node --bench throughput [-- TRANSACTIONS]`

#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::float_arithmetic,
    reason = "a benchmark prints, and stops at the first surprise"
)]

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use client::{
    LocalSigner,
    keys::{PrivateKey, Signer},
    tx::Unsigned,
};
use node::{Config, Member, NewNetwork};
use types::{
    Address, Coins,
    wire::cosmos::{bank::v1beta1::MsgSend, base::v1beta1::Coin},
};

const ACCOUNTS: usize = 200;
const CHAIN: &str = "bench";

fn main() {
    let count: usize = std::env::args().skip(1).find_map(|it| it.parse().ok()).unwrap_or(30_000);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(run(count));
}

async fn run(count: usize) {
    let signers: Vec<LocalSigner> =
        (0..ACCOUNTS).map(|_| LocalSigner::new(PrivateKey::generate())).collect();
    let home = tempfile::tempdir().unwrap();
    let any = "127.0.0.1:0".parse().unwrap();
    let config = Config {
        block_time_ms: 1_000,
        block_time_busy_ms: 100,
        rpc_listen: any,
        rest_listen: any,
        grpc_listen: any,
        p2p_listen: "/ip4/127.0.0.1/tcp/0".to_owned(),
        mempool_txs: 20_000,
        ..Config::default()
    };
    let coins: Coins = "1000000000000uakt".parse().unwrap();
    let funded: Vec<(Address, Coins)> =
        signers.iter().map(|it| (it.address().parse().unwrap(), coins.clone())).collect();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let network = NewNetwork {
        chain_id: CHAIN.to_owned(),
        genesis_time_s: i64::try_from(now).unwrap(),
        app_state: node::modules::genesis::local(&funded),
        members: vec![Member {
            home: home.path().to_owned(),
            operator: funded[0].0.clone(),
            config: config.clone(),
        }],
    };
    node::init(network).unwrap();
    let node = node::start(home.path(), config).await.unwrap();
    node.first_block(Duration::from_secs(30)).await.unwrap();

    let txs: Vec<Bytes> = (0..count).map(|n| tx(&signers, n)).collect();
    let verification = verify_all(&txs, &signers);

    // The load comes as clients bring it: many at a time, each waiting for its answer. When the
    // pool is full they wait a moment and try again.
    let before = node.consensus().height();
    let started = Instant::now();
    let lanes: Vec<Vec<Bytes>> = (0..16)
        .map(|lane| {
            txs.iter()
                .enumerate()
                .filter(|(n, _)| n % ACCOUNTS % 16 == lane)
                .map(|(_, tx)| tx.clone())
                .collect()
        })
        .collect();
    let mut tasks = Vec::new();
    for lane in lanes {
        let handle = node.consensus().clone();
        tasks.push(tokio::spawn(async move {
            for tx in lane {
                loop {
                    match handle.submit_tx(tx.clone()).await {
                        Ok(answer) => {
                            assert_eq!(answer.code, 0, "{}", answer.log);
                            break;
                        }
                        Err(consensus::SubmitError::Full { .. }) => {
                            tokio::time::sleep(Duration::from_millis(5)).await;
                        }
                        Err(error) => panic!("{error}"),
                    }
                }
            }
        }));
    }
    for task in tasks {
        task.await.unwrap();
    }
    let mut committed = 0;
    let mut height = before;
    let mut blocks = 0u32;
    while committed < count {
        if height < node.consensus().height() {
            height += 1;
            let results = node.consensus().results(height).unwrap().unwrap().tx_results;
            assert!(results.iter().all(|it| it.code == 0));
            committed += results.len();
            blocks += u32::from(!results.is_empty());
        } else {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
    let elapsed = started.elapsed();
    let rate = count as f64 / elapsed.as_secs_f64();
    let bare = count as f64 / verification.as_secs_f64();
    println!("node::throughput/validators=1/txs={count}");
    println!("  committed            {rate:>9.0} tx/s in {blocks} blocks, durable, indexed");
    println!("  bare verification    {bare:>9.0} tx/s on the same cores");
    println!("  ratio                {:>9.2} of bare verification", rate / bare);
    node.shutdown().await.unwrap();
}

fn tx(signers: &[LocalSigner], n: usize) -> Bytes {
    let from = &signers[n % ACCOUNTS];
    let to = &signers[(n + 1) % ACCOUNTS];
    let coin = |amount: &str| vec![Coin { denom: "uakt".to_owned(), amount: amount.to_owned() }];
    let message = MsgSend {
        from_address: from.address().to_owned(),
        to_address: to.address().to_owned(),
        amount: coin("1"),
    };
    let unsigned = Unsigned {
        messages: vec![client::tx::any(&message)],
        fee: coin("5000"),
        gas_limit: 200_000,
        ..Unsigned::default()
    };
    let (number, sequence) = ((n % ACCOUNTS) as u64, (n / ACCOUNTS) as u64);
    unsigned.sign(from, CHAIN, number, sequence).into()
}

/// How long the signatures alone take with all cores and the same library.
fn verify_all(txs: &[Bytes], signers: &[LocalSigner]) -> Duration {
    use prost::Message as _;
    use types::wire::cosmos::tx::v1beta1::TxRaw;
    let prepared: Vec<_> = txs
        .iter()
        .enumerate()
        .map(|(n, tx)| {
            let raw = TxRaw::decode(tx.clone()).unwrap();
            let number = (n % ACCOUNTS) as u64;
            let document =
                client::tx::sign_bytes(&raw.body_bytes, &raw.auth_info_bytes, CHAIN, number);
            let key = signers[n % ACCOUNTS].public_key().to_bytes();
            (document, key, raw.signatures.into_iter().next().unwrap())
        })
        .collect();
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let share = prepared.len().div_ceil(cores);
    let started = Instant::now();
    std::thread::scope(|scope| {
        for part in prepared.chunks(share) {
            scope.spawn(move || {
                for (document, key, signature) in part {
                    assert!(ledger::sign::verify_secp256k1(key, document, signature));
                }
            });
        }
    });
    started.elapsed()
}
