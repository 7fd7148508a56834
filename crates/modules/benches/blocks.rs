//! Checks of transactions, and blocks of bank sends, each as a ratio to bare verification of the
//! same signatures in the same run.
//!
//! `cargo bench -p modules --bench blocks`
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a bench reports and may panic")]
#![expect(clippy::disallowed_types, reason = "a benchmark has a clock")]

use std::{
    hint::black_box,
    time::{Duration, Instant},
};

use ledger::{
    Config, Tx,
    sign::{self, SignerData, verify_secp256k1},
    store_names,
    testing::{Node, Signer},
};
use modules::Market;
use serde_json::{Value, json};
use store::{Options, Store};
use types::{Coin, wire::cosmos::bank::v1beta1::MsgSend};

const SENDS: u64 = 2_000;
const ROUNDS: u64 = 5;

fn main() {
    let mut signers: Vec<Signer> = (0..SENDS)
        .map(|number| {
            let mut signer = Signer::new(number, "test-1");
            signer.account_number = number;
            signer.gas_limit = 200_000;
            signer.fee = vec![Coin::new("uakt", 5_000u64).into()];
            signer
        })
        .collect();
    let genesis = genesis(&signers);

    let txs = sign_all(&signers);
    let bare = bare_verification(&signers, &txs);
    println!("bare signature verification, one core: {}", per(bare, SENDS));

    let node = Node::<Market>::new(&genesis, Config::default());
    let mut node = node;
    node.block(Vec::new());
    let started = Instant::now();
    for tx in &txs {
        assert_eq!(node.check(tx.clone()).code, 0);
    }
    let checked = started.elapsed();
    println!("ledger::check_tx/txs={SENDS}: {}, {}", per(checked, SENDS), ratio(checked, bare));
    block("ledger::block/sends=2000/store=memory/after_check", &mut node, txs, bare);

    for signer in &mut signers {
        signer.sequence += 1;
    }
    let txs = sign_all(&signers);
    block("ledger::block/sends=2000/store=memory/unseen", &mut node, txs, bare);

    for durable in [false, true] {
        let folder = tempfile::tempdir().unwrap();
        let options = Options { stores: store_names::<Market>(), history: 10 };
        let store = Store::open(folder.path(), options).unwrap();
        let config = Config { durable, ..Config::default() };
        let mut node = Node::<Market>::over(store, &genesis, config, -1);
        node.block(Vec::new());
        for round in 0..ROUNDS {
            for signer in &mut signers {
                signer.sequence = round;
            }
            let txs = sign_all(&signers);
            for tx in &txs {
                node.check(tx.clone());
            }
            let name = format!("ledger::block/sends=2000/store=disk/durable={durable}/after_check");
            block(&name, &mut node, txs, bare);
        }
    }
}

fn genesis(signers: &[Signer]) -> Value {
    let accounts: Vec<Value> = signers
        .iter()
        .map(|it| {
            json!({
                "@type": "/cosmos.auth.v1beta1.BaseAccount", "address": it.address(),
                "pub_key": null, "account_number": it.account_number.to_string(), "sequence": "0",
            })
        })
        .collect();
    let balances: Vec<Value> = signers
        .iter()
        .map(|it| {
            let coins = json!([{ "denom": "uakt", "amount": "1000000000" }]);
            json!({ "address": it.address(), "coins": coins })
        })
        .collect();
    let params = types::json::to_value(&modules::auth::default_params()).unwrap();
    json!({
        "auth": { "params": params, "accounts": accounts },
        "bank": {
            "params": { "send_enabled": [], "default_send_enabled": true }, "balances": balances,
            "supply": [], "denom_metadata": [], "send_enabled": [],
        },
    })
}

/// Each signer sends one coin to the next.
fn sign_all(signers: &[Signer]) -> Vec<Vec<u8>> {
    let mut txs = Vec::new();
    for (from, to) in signers.iter().zip(signers.iter().cycle().skip(1)) {
        txs.push(from.sign_one(&MsgSend {
            from_address: from.address().to_string(),
            to_address: to.address().to_string(),
            amount: vec![Coin::new("uakt", 1u64).into()],
        }));
    }
    txs
}

fn bare_verification(signers: &[Signer], txs: &[Vec<u8>]) -> Duration {
    let prepared: Vec<_> = signers
        .iter()
        .zip(txs)
        .map(|(signer, bytes)| {
            let tx = Tx::decode(bytes).unwrap();
            let data = SignerData {
                chain_id: "test-1",
                address: &signer.address(),
                account_number: signer.account_number,
                sequence: 0,
                index: 0,
            };
            let message = sign::sign_bytes(&tx, 1, &data).unwrap();
            (signer.public_key(), message, tx.signatures.first().unwrap().clone())
        })
        .collect();
    let started = Instant::now();
    for (key, message, signature) in &prepared {
        assert!(verify_secp256k1(black_box(key), message, signature));
    }
    started.elapsed()
}

fn block(name: &str, node: &mut Node<Market>, txs: Vec<Vec<u8>>, bare: Duration) {
    let started = Instant::now();
    let results = node.block(txs).tx_results;
    let took = started.elapsed();
    assert!(results.iter().all(|it| it.code == 0), "{:?}", results.iter().find(|it| it.code != 0));
    println!("{name}: {}, {}", per(took, SENDS), ratio(took, bare));
}

fn per(took: Duration, count: u64) -> String {
    let micros = took.as_micros();
    let each = micros / u128::from(count);
    let rate = u128::from(count) * 1_000_000 / micros.max(1);
    format!("{each} us each, {rate} per second")
}

fn ratio(took: Duration, bare: Duration) -> String {
    let hundredths = took.as_micros() * 100 / bare.as_micros().max(1);
    format!("{}.{:02} x bare verification", hundredths / 100, hundredths % 100)
}
