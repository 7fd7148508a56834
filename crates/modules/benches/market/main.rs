//! Blocks of mixed market transactions (create, bid, lease, withdraw, close), executed and
//! committed, as a ratio to bare verification of the same signatures in the same run.
//!
//! `cargo bench -p modules --bench market`; exit 1 below 4,000 transactions per second with checks on
//! two cores. Execution is one thread by design: "without checks" means that the mempool has verified
//! the signatures before, "all cores" that other cores verify while this one executes. Times of one
//! core are those that the thread ran, that of all cores is elapsed: let the machine be idle.
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
/// Transactions per second with checks on two cores.
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
    println!(
        "mixed blocks of {} transactions; transactions per second executed and committed",
        LIVES * 5
    );
    let (mut missed, mut bare, mut verified) = (Vec::new(), Duration::ZERO, 0);
    let mut ways = [Took::default(); 3];
    let mut count = 0;
    // By turns, so that whatever else the machine does hits all.
    for _ in 0..ROUNDS {
        for (way, took) in ways.iter_mut().enumerate() {
            let mut signed = Vec::new();
            for cohort in 0..5 {
                signed.extend(step(&mut tenants, &mut providers, cohort, &mut stage, &mut dseq));
            }
            bare += bare_verification(&signed);
            verified += signed.len();
            let txs: Vec<Vec<u8>> = signed.into_iter().map(|it| it.1).collect();
            count += if way == 0 { txs.len() } else { 0 };
            if way == 0 {
                chain.check(&txs);
            }
            *took += if way < 2 { on_one_core(|| chain.block(txs)) } else { chain.block(txs) };
        }
    }
    let each = bare / u32::try_from(verified).unwrap() * u32::try_from(count).unwrap();
    println!(
        "market::block/bare verification, one core: {} per second",
        per_second(verified, bare)
    );
    let rows = [
        ("without checks, one core", ways[0].ran),
        ("with checks, one core", ways[1].ran),
        ("with checks, all cores, elapsed", ways[2].elapsed),
    ];
    for (name, took) in rows {
        let rate = per_second(count, took);
        println!("market::block/{name}: {rate} tx/s, {} x bare verification", ratio(took, each));
    }
    let cores = rayon::current_num_threads();
    if per_second(count, ways[2].elapsed) < TARGET {
        missed.push(format!("{TARGET} tx/s with checks on {cores} cores"));
    }
    verdict(&missed);
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
