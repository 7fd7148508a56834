//! Commit of 2,000 writes on a store of many keys, against bare SHA-256 in the same run.
//!
//! `cargo bench -p store --bench commit [-- KEYS]` (200,000 keys unless said otherwise)

#![expect(
    clippy::disallowed_types,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a benchmark prints and may stop"
)]

use std::{collections::BTreeMap, hint::black_box, time::Instant};

use sha2::{Digest, Sha256};
use store::{Changes, Options, Store, StoreChanges};

const WRITES: u64 = 2_000;
const BLOCKS: u64 = 50;

fn key(n: u64) -> Vec<u8> {
    let mut key = b"prefix/of/some/module/".to_vec();
    key.extend(Sha256::digest(n.to_be_bytes()));
    key
}

fn value(n: u64) -> Vec<u8> {
    let hash = Sha256::digest(n.to_le_bytes());
    [&hash[..], &[0; 68], &hash[..], &hash[..]].concat()
}

fn main() {
    let keys: u64 = std::env::args().skip(1).find_map(|it| it.parse().ok()).unwrap_or(200_000);
    let home = tempfile::tempdir().unwrap();
    let store = Store::open(home.path(), Options { stores: vec!["bank"], history: 100 }).unwrap();
    let load: StoreChanges = (0..keys).map(|n| (key(n), Some(value(n)))).collect();
    store.commit(1, &BTreeMap::from([("bank", load)]), true).unwrap();

    let blocks: Vec<Changes> = (0..BLOCKS)
        .map(|block| {
            let changes = (0..WRITES).map(|n| {
                let at = block * WRITES + n;
                let known = n % 5 != 0;
                let id =
                    if known { at.wrapping_mul(0x9E37_79B9_7F4A_7C15) % keys } else { keys + at };
                (key(id), Some(value(at)))
            });
            BTreeMap::from([("bank", changes.collect())])
        })
        .collect();
    let started = Instant::now();
    for (height, changes) in (2..).zip(&blocks) {
        store.commit(height, changes, true).unwrap();
    }
    let commit = started.elapsed();

    // The least that any such commit must hash: key, value, leaf and the path above each key.
    let depth = keys.ilog2();
    let started = Instant::now();
    for n in 0..BLOCKS * WRITES {
        black_box(Sha256::digest(key(n)));
        black_box(Sha256::digest(value(n)));
        for _ in 0..=depth {
            black_box(Sha256::digest([1u8; 65]));
        }
    }
    let hashing = started.elapsed();

    let writes = (BLOCKS * WRITES) as f64;
    println!("store::commit/keys={keys}/writes={WRITES}");
    println!(
        "  durable commit       {:>9.2} ms a block",
        1e3 * commit.as_secs_f64() / BLOCKS as f64
    );
    println!("  writes               {:>9.0} a second", writes / commit.as_secs_f64());
    println!("  bare SHA-256         {:>9.0} writes a second", writes / hashing.as_secs_f64());
    println!(
        "  ratio                {:>9.2} of bare hashing",
        hashing.as_secs_f64() / commit.as_secs_f64()
    );
}
