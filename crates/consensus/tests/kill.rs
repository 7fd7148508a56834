//! Kills a validator under load, again and again, at random moments, and checks that no
//! committed block is lost and nothing is corrupted.
//!
//! This binary is its own child: called with `CONSENSUS_KILL_HOME` it is a node that runs until
//! it is killed, printing every committed height.
#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "tests")]

mod common;

use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use common::{Toy, config, genesis};

const KILLS: usize = 12;

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    match std::env::var("CONSENSUS_KILL_HOME") {
        Ok(home) => runtime.block_on(node(Path::new(&home))),
        Err(_) if std::env::args().any(|it| it == "--list") => {
            println!("kill -9 under load loses nothing: test");
        }
        Err(_) => {
            kill_minus_nine_under_load_loses_nothing(&runtime);
            println!("test kill_minus_nine_under_load_loses_nothing ... ok");
        }
    }
}

/// The child: a node under load.
async fn node(home: &Path) {
    let toy = Toy::in_folder(&home.join("app"));
    let mut config = config(home, 0);
    config.block_time = Duration::from_millis(20);
    let node = consensus::start(config, genesis(&[10]), toy).await.unwrap();
    let mut blocks = node.subscribe();
    let sender = node.clone();
    tokio::spawn(async move {
        for number in 0_u64.. {
            let begin = std::time::SystemTime::now()
                .duration_since(std::time::UNIX_EPOCH)
                .unwrap()
                .as_nanos();
            let _ = sender.submit_tx(format!("k{}={begin}", number % 100).into()).await;
            tokio::time::sleep(Duration::from_micros(500)).await;
        }
    });
    while let Ok(block) = blocks.recv().await {
        println!(
            "{} {} {}",
            block.height,
            hex::encode(&block.block_id.hash),
            hex::encode(&block.results.app_hash)
        );
    }
}

fn kill_minus_nine_under_load_loses_nothing(runtime: &tokio::runtime::Runtime) {
    let home = tempfile::tempdir().unwrap();
    // height -> block hash, app hash: everything any child said was committed.
    let mut committed: BTreeMap<u64, (String, String)> = BTreeMap::new();
    let mut random = 0x2545_F491_4F6C_DD1D_u64;
    for round in 0..KILLS {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        let before = committed.len();
        let mut child = spawn(home.path());
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        // The reading ends at the child's end, so a thread kills it.
        let pause = Duration::from_millis(60 + random % 500);
        let killer = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(150) + pause);
            child.kill().unwrap();
            child.wait().unwrap();
        });
        for line in lines {
            let Ok(line) = line else { break };
            let mut words = line.split(' ').map(str::to_owned);
            let (Some(height), Some(block), Some(app)) = (words.next(), words.next(), words.next())
            else {
                break;
            };
            if app.len() != 64 {
                break;
            }
            let height: u64 = height.parse().unwrap();
            if let Some(known) = committed.insert(height, (block.clone(), app.clone())) {
                assert_eq!(known, (block, app), "height {height} was decided twice, differently");
            }
        }
        killer.join().unwrap();
        println!("kill {round}: {} blocks, {before} before", committed.len());
    }
    assert!(committed.len() > KILLS, "the node hardly ran: {} blocks", committed.len());
    runtime.block_on(verify(home.path(), &committed));
}

fn spawn(home: &Path) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .env("CONSENSUS_KILL_HOME", home)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Opens what is left and reads it whole.
async fn verify(home: &Path, committed: &BTreeMap<u64, (String, String)>) {
    let toy = Toy::in_folder(&home.join("app"));
    let node = consensus::start(config(home, 0), genesis(&[10]), toy.clone()).await.unwrap();
    let last = *committed.keys().next_back().unwrap();
    assert!(node.height() >= last, "block {last} was committed, {} is left", node.height());
    for (height, (hash, app_hash)) in committed {
        let (id, block) = node.block(*height).unwrap().unwrap();
        assert_eq!(hex::encode(&id.hash), *hash);
        assert_eq!(hex::encode(consensus::core::block::header_hash(&block.header)), *hash);
        assert_eq!(hex::encode(node.results(*height).unwrap().unwrap().app_hash), *app_hash);
        for tx in &block.data.txs {
            let place = node.tx_position(&consensus::core::merkle::sha256(tx)).unwrap().unwrap();
            assert_eq!(place.height, *height);
        }
    }
    let begin = Instant::now();
    while node.height() < last + 5 {
        assert!(begin.elapsed() < Duration::from_secs(30), "no blocks after the last restart");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    // An application that never saw a block comes to the same state.
    node.shutdown().await.unwrap();
    let height = node.height();
    let app_hash = node.latest().unwrap().unwrap().app_hash;
    drop(node);
    tokio::time::sleep(Duration::from_millis(100)).await;
    let fresh = Toy::new();
    let node = consensus::start(config(home, 0), genesis(&[10]), fresh.clone()).await.unwrap();
    let replayed = match node.results(height).unwrap() {
        Some(results) => results.app_hash,
        None => Vec::new(),
    };
    assert_eq!(replayed, app_hash);
    node.shutdown().await.unwrap();
}
