//! Blocks of mixed market transactions (create, bid, lease, withdraw, close), executed and
//! committed, as a ratio to bare verification of the same signatures in the same run.
//!
//! `cargo bench -p modules --bench market`. Execution is one thread by design; "ahead" means that
//! the mempool has verified the signatures, which on a node happens on another core.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a bench reports and may panic")]
#![expect(clippy::disallowed_types, reason = "a benchmark has a clock")]

#[path = "../common/mod.rs"]
mod common;

use std::time::Duration;

use common::*;
use ledger::{store_names, testing::Signer};
use modules::Market;
use store::{Options, Store};

/// Lives in each of the five stages at a time; a block has five times as many transactions.
const LIVES: usize = 400;
const ROUNDS: u64 = 4;
/// Transactions per second with signatures verified ahead, which is what the second core does.
const TARGET: u128 = 4_000;

fn main() {
    // Every life has a tenant and a provider of its own, so that one block may have all stages.
    let count = u64::try_from(LIVES * 5).unwrap();
    let mut tenants = signers(0, count);
    let mut providers = signers(count, count);
    let folder = tempfile::tempdir().unwrap();
    let options = Options { stores: store_names::<Market>(), history: 10 };
    let store = Store::open(folder.path(), options).unwrap();
    let mut chain = Chain::new(store, &genesis(&[&tenants, &providers]));
    chain.block(providers.iter_mut().map(|it| sign(it, &register(it))).collect());
    // A fifth of the lives begins in each of the blocks before.
    let mut stage = vec![0u64; 5];
    let mut dseq = vec![1u64; 5];
    for started in 0..5 {
        for cohort in 0..started {
            let signed = step(&mut tenants, &mut providers, cohort, &mut stage, &mut dseq);
            chain.block(signed.into_iter().map(|it| it.1).collect());
        }
    }
    let mut slowest_ahead = u128::MAX;
    for ahead in [false, true] {
        let (mut took, mut bare, mut count) = (Duration::ZERO, Duration::ZERO, 0);
        for _ in 0..ROUNDS {
            let mut signed = Vec::new();
            for cohort in 0..5 {
                signed.extend(step(&mut tenants, &mut providers, cohort, &mut stage, &mut dseq));
            }
            bare += bare_verification(&signed);
            let txs: Vec<Vec<u8>> = signed.into_iter().map(|it| it.1).collect();
            count += txs.len();
            if ahead {
                chain.check(&txs);
            }
            took += chain.block(txs);
        }
        let name = if ahead { "signatures verified ahead" } else { "with signature checks" };
        let rate = per_second(count, took);
        println!(
            "market::block/txs={}/{name}: {rate} tx/s on one core, {} x bare verification ({} \
             verifications per second)",
            LIVES * 5,
            ratio(took, bare),
            per_second(count, bare),
        );
        if ahead {
            slowest_ahead = slowest_ahead.min(rate);
        }
    }
    if slowest_ahead < TARGET {
        println!("below the target of {TARGET} tx/s with checks on another core");
        std::process::exit(1);
    }
}

/// The next transaction of each life of a cohort, with the signer as it was before signing.
fn step(
    tenants: &mut [Signer],
    providers: &mut [Signer],
    cohort: usize,
    stage: &mut [u64],
    dseq: &mut [u64],
) -> Vec<(Signer, Vec<u8>)> {
    let mut signed = Vec::new();
    for at in cohort * LIVES..(cohort + 1) * LIVES {
        let (tenant, provider) = (&mut tenants[at], &mut providers[at]);
        let dseq = dseq[cohort];
        let before = |it: &Signer| it.clone();
        signed.push(match stage[cohort] {
            0 => (before(tenant), sign(tenant, &create(tenant, dseq))),
            1 => (before(provider), sign(provider, &bid(tenant, dseq, provider))),
            2 => (before(tenant), sign(tenant, &lease(tenant, dseq, provider))),
            3 => (before(provider), sign(provider, &withdraw(tenant, dseq, provider))),
            _ => (before(tenant), sign(tenant, &close(tenant, dseq))),
        });
    }
    stage[cohort] = (stage[cohort] + 1) % 5;
    if stage[cohort] == 0 {
        dseq[cohort] += 1;
    }
    signed
}
