use ledger::{
    Config,
    testing::{Node, Signer},
};
use proptest::prelude::*;
use prost::Message;
use serde_json::json;
use types::{
    Coin, Int,
    wire::{
        cosmos::{
            auth::v1beta1::{BaseAccount, QueryAccountInfoRequest, QueryAccountInfoResponse},
            bank::v1beta1::{
                MsgSend, QueryAllBalancesRequest, QueryAllBalancesResponse, QueryBalanceRequest,
                QueryBalanceResponse,
            },
            tx::v1beta1::{TxBody, TxRaw},
        },
        tendermint::abci::ResponseCheckTx,
    },
};

ledger::runtime! {
    /// Accounts and money.
    struct Accounts;
    modules: crate::auth::Auth, crate::bank::Bank;
    ante: super::Ante;
    pre_block: "auth";
    genesis: "auth", "bank";
    begin_block: "auth", "bank";
    end_block: "auth", "bank";
}

const RICH: u64 = 1_000_000_000;

/// Signers 0 and 1 are rich and have account numbers 0 and 1.
fn signer(seed: u64) -> Signer {
    let mut signer = Signer::new(seed, "test-1");
    signer.account_number = seed;
    signer.fee = vec![Coin::new("uakt", 5000u64).into()];
    signer
}

fn node() -> Node<Accounts> {
    node_with(Config::default(), -1)
}

fn node_with(config: Config, max_gas: i64) -> Node<Accounts> {
    let account = |seed: u64| {
        json!({
            "@type": "/cosmos.auth.v1beta1.BaseAccount",
            "address": signer(seed).address(),
            "pub_key": null,
            "account_number": seed.to_string(),
            "sequence": "0",
        })
    };
    let balance = |seed: u64| {
        let coins = json!([{ "denom": "uakt", "amount": RICH.to_string() }]);
        json!({ "address": signer(seed).address(), "coins": coins })
    };
    let mut auth = types::json::to_value(&crate::auth::default_params()).unwrap();
    auth = json!({ "params": auth, "accounts": [account(0), account(1)] });
    let bank = json!({
        "params": { "send_enabled": [], "default_send_enabled": true },
        "balances": [balance(0), balance(1)],
        "supply": [], "denom_metadata": [], "send_enabled": [],
    });
    let store = store::Store::memory(store::Options {
        stores: ledger::store_names::<Accounts>(),
        history: 10,
    })
    .unwrap();
    let mut node = Node::over(store, &json!({ "auth": auth, "bank": bank }), config, max_gas);
    node.block(Vec::new());
    node
}

fn send(from: &Signer, to: u64, amount: u64) -> MsgSend {
    MsgSend {
        from_address: from.address().to_string(),
        to_address: signer(to).address().to_string(),
        amount: vec![Coin::new("uakt", amount).into()],
    }
}

fn balance(node: &Node<Accounts>, seed: u64) -> u64 {
    let request = QueryBalanceRequest {
        address: signer(seed).address().to_string(),
        denom: "uakt".to_owned(),
    };
    let answer: QueryBalanceResponse =
        node.query("/cosmos.bank.v1beta1.Query/Balance", &request).unwrap();
    Coin::try_from(answer.balance.unwrap()).unwrap().amount.to_u64().unwrap()
}

fn account(node: &Node<Accounts>, seed: u64) -> BaseAccount {
    let request = QueryAccountInfoRequest { address: signer(seed).address().to_string() };
    let answer: QueryAccountInfoResponse =
        node.query("/cosmos.auth.v1beta1.Query/AccountInfo", &request).unwrap();
    answer.info.unwrap()
}

fn root(node: &Node<Accounts>) -> store::Hash {
    node.app.store().version().root
}

#[test]
fn a_send_pays_its_fee_moves_its_coins_and_steps_the_sequence() {
    let mut node = node();
    let alice = signer(0);
    let result = node.block(vec![alice.sign_one(&send(&alice, 7, 100))]);
    assert_eq!(result.tx_results[0].code, 0, "{}", result.tx_results[0].log);
    assert_eq!(balance(&node, 0), RICH - 100 - 5000);
    assert_eq!(balance(&node, 7), 100);
    assert_eq!(account(&node, 0).sequence, 1);
    assert!(account(&node, 0).pub_key.is_some());
}

#[test]
fn a_message_that_fails_costs_the_fee_and_the_sequence_only() {
    let mut node = node();
    let alice = signer(0);
    let result = node.block(vec![alice.sign_one(&send(&alice, 7, RICH * 2))]);
    assert_eq!((result.tx_results[0].codespace.as_str(), result.tx_results[0].code), ("sdk", 5));
    assert_eq!(balance(&node, 0), RICH - 5000);
    assert_eq!(account(&node, 0).sequence, 1);
    assert_eq!(result.tx_results[0].events.len(), 7);
}

fn refused(tx: Vec<u8>, codespace: &str, code: u32) {
    let mut node = node();
    let empty = { node_with(Config::default(), -1).block(Vec::new()).app_hash };
    let result = node.block(vec![tx]);
    let tx_result = &result.tx_results[0];
    assert_eq!(
        (tx_result.codespace.as_str(), tx_result.code),
        (codespace, code),
        "{}",
        tx_result.log
    );
    assert!(tx_result.events.is_empty());
    assert_eq!(result.app_hash, empty, "a refused transaction changed state");
}

#[test]
fn a_sequence_that_is_not_next_is_refused() {
    let alice = Signer { sequence: 1, ..signer(0) };
    refused(alice.sign_one(&send(&alice, 1, 1)), "sdk", 32);
}

#[test]
fn another_chain_or_account_number_is_a_wrong_signature() {
    let alice = Signer { chain_id: "other-1".to_owned(), ..signer(0) };
    refused(alice.sign_one(&send(&alice, 1, 1)), "sdk", 4);
    let alice = Signer { account_number: 9, ..signer(0) };
    refused(alice.sign_one(&send(&alice, 1, 1)), "sdk", 4);
}

#[test]
fn a_key_that_is_not_the_signers_is_refused() {
    refused(signer(1).sign_one(&send(&signer(0), 1, 1)), "sdk", 8);
}

#[test]
fn an_unknown_signer_is_refused() {
    refused(signer(5).sign_one(&send(&signer(5), 1, 1)), "sdk", 9);
}

#[test]
fn a_fee_above_the_balance_is_refused() {
    let alice = Signer { fee: vec![Coin::new("uakt", RICH + 1).into()], ..signer(0) };
    refused(alice.sign_one(&send(&alice, 1, 1)), "sdk", 5);
}

#[test]
fn a_fee_is_of_numbers_that_are_there() {
    let fee = |amount: &str| {
        let amount = amount.to_owned();
        vec![types::wire::cosmos::base::v1beta1::Coin { denom: "uakt".to_owned(), amount }]
    };
    let alice = Signer { fee: fee(""), ..signer(0) };
    refused(alice.sign_one(&send(&alice, 1, 1)), "sdk", 13);
    let alice = Signer { fee: fee("-5"), ..signer(0) };
    refused(alice.sign_one(&send(&alice, 1, 1)), "sdk", 13);
    // Printed as the number that it is.
    let mut node = node();
    let alice = Signer { fee: fee("+50"), ..signer(0) };
    let result = node.block(vec![alice.sign_one(&send(&alice, 1, 1))]);
    let event = result.tx_results[0].events.iter().find(|it| it.r#type == "tx").unwrap();
    assert_eq!(ledger::testing::attribute(event, "fee"), "50uakt");
}

#[test]
fn a_long_memo_is_refused() {
    let alice = signer(0);
    let any = prost_types::Any {
        type_url: "/cosmos.bank.v1beta1.MsgSend".to_owned(),
        value: send(&alice, 1, 1).encode_to_vec(),
    };
    let memo = "m".repeat(257);
    let body = TxBody { messages: vec![any], memo, ..TxBody::default() };
    refused(alice.sign_body(body), "sdk", 12);
}

#[test]
fn a_passed_timeout_height_is_refused() {
    let alice = signer(0);
    let any = prost_types::Any {
        type_url: "/cosmos.bank.v1beta1.MsgSend".to_owned(),
        value: send(&alice, 1, 1).encode_to_vec(),
    };
    let body = TxBody { messages: vec![any], timeout_height: 1, ..TxBody::default() };
    refused(alice.sign_body(body), "sdk", 30);
}

#[test]
fn no_message_and_no_transaction_are_refused() {
    refused(signer(0).sign(&[]), "sdk", 18);
    refused(vec![1, 2, 3], "sdk", 2);
}

fn code(answer: &ResponseCheckTx) -> (&str, u32) {
    (&answer.codespace, answer.code)
}

#[test]
fn checks_queue_sequences_until_a_commit_starts_anew() {
    let mut node = node();
    let first = signer(0);
    let second = Signer { sequence: 1, ..signer(0) };
    let (tx1, tx2) = (first.sign_one(&send(&first, 1, 1)), second.sign_one(&send(&second, 1, 2)));
    assert_eq!(code(&node.check(tx2.clone())), ("sdk", 32));
    assert_eq!(code(&node.check(tx1.clone())), ("", 0));
    assert_eq!(code(&node.check(tx2.clone())), ("", 0));
    assert_eq!(code(&node.check(tx1.clone())), ("sdk", 32));
    node.block(Vec::new());
    assert_eq!(code(&node.check(tx1)), ("", 0));
}

#[test]
fn the_least_gas_price_counts_in_the_mempool_only() {
    let min_gas_prices = "0.025uakt".parse().unwrap();
    let mut node = node_with(Config { min_gas_prices, ..Config::default() }, -1);
    let alice = signer(0);
    let tx = alice.sign_one(&send(&alice, 1, 1));
    assert_eq!(code(&node.check(tx.clone())), ("sdk", 13));
    assert_eq!(node.block(vec![tx]).tx_results[0].code, 0);
    let alice = Signer { sequence: 1, fee: vec![Coin::new("uakt", 50_000u64).into()], ..signer(0) };
    assert_eq!(code(&node.check(alice.sign_one(&send(&alice, 1, 1)))), ("", 0));
}

#[test]
fn too_little_gas_is_called_that_wherever_it_ends() {
    for gas_limit in (500..60_000).step_by(500) {
        let alice = Signer { gas_limit, ..signer(0) };
        let result = node().check(alice.sign_one(&send(&alice, 7, 100)));
        if result.code == 0 {
            continue;
        }
        assert_eq!(code(&result), ("sdk", 11), "{gas_limit}: {}", result.log);
        let said = format!("gasWanted: {gas_limit}, gasUsed: ");
        assert!(result.log.contains(&said), "{}", result.log);
    }
}

#[test]
fn what_crosses_the_gas_of_a_block_fails_and_the_rest_is_not_run() {
    let mut node = node_with(Config::default(), 120_000);
    let txs = (0..4u64).map(|sequence| {
        let alice = Signer { sequence, gas_limit: 120_000, ..signer(0) };
        alice.sign_one(&send(&alice, 1, 1))
    });
    let results = node.block(txs.collect()).tx_results;
    let codes: Vec<u32> = results.iter().map(|it| it.code).collect();
    assert_eq!(codes, [0, 11, 11, 11]);
    assert!(results[1].log.contains("block gas meter"), "{}", results[1].log);
    assert!(results[2].log.contains("no block gas left"), "{}", results[2].log);
    assert_eq!(results[2].gas_wanted, 0);
    assert_eq!(account(&node, 0).sequence, 2);
}

#[test]
fn executing_a_block_twice_gives_the_same_root_and_commits_once() {
    let mut node = node();
    let alice = signer(0);
    let txs = vec![alice.sign_one(&send(&alice, 7, 100))];
    let first = node.finalize(txs.clone());
    let second = node.block(txs);
    assert_eq!(first, second);
    assert_eq!(root(&node).0.to_vec(), second.app_hash);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Whatever a transaction says: money is conserved, and a failed one changes only what its
    /// fee and its signer's account are.
    #[test]
    fn money_is_conserved_and_failures_cost_the_fee_only(
        sends in prop::collection::vec((0u64..2, 0u64..4, 0u64..RICH * 2, 0u64..3), 1..8)
    ) {
        let mut node = node();
        let mut sequences = [0u64; 2];
        for (from, to, amount, skew) in sends {
            let at = usize::try_from(from).unwrap();
            let sequence = sequences[at] + skew / 2;
            let alice = Signer { sequence, ..signer(from) };
            let before = (balance(&node, from), balance(&node, to), account(&node, from).sequence);
            let result = node.block(vec![alice.sign_one(&send(&alice, to, amount))]);
            let after = (balance(&node, from), balance(&node, to), account(&node, from).sequence);
            let result = &result.tx_results[0];
            let paid = result.events.iter().any(|it| it.r#type == "tx");
            let fee = if paid { 5000 } else { 0 };
            let sent = if result.code == 0 { amount } else { 0 };
            prop_assert_eq!(after.2, before.2 + u64::from(paid));
            if from == to {
                prop_assert_eq!(after.0, before.0 - fee);
            } else {
                prop_assert_eq!(after.0, before.0 - fee - sent);
                prop_assert_eq!(after.1, before.1 + sent);
            }
            sequences[at] = after.2;
            let held = (0..4).map(|it| balance(&node, it)).sum::<u64>() + collected(&node);
            prop_assert_eq!(held, RICH * 2);
        }
    }

    #[test]
    fn decoding_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = ledger::Tx::decode(&bytes);
    }

    #[test]
    fn damaged_transactions_never_panic(at in 0usize..300, bit in 0u8..8) {
        let alice = signer(0);
        let mut tx = alice.sign_one(&send(&alice, 1, 1));
        let at = at % tx.len();
        tx[at] ^= 1 << bit;
        prop_assert_ne!(node().block(vec![tx]).tx_results[0].code, 0);
    }
}

fn collected(node: &Node<Accounts>) -> u64 {
    let request = QueryAllBalancesRequest {
        address: crate::auth::module_address("fee_collector").to_string(),
        ..Default::default()
    };
    let answer: QueryAllBalancesResponse =
        node.query("/cosmos.bank.v1beta1.Query/AllBalances", &request).unwrap();
    let sum = answer.balances.iter().map(|it| it.amount.parse::<Int>().unwrap());
    Int::sum(sum).unwrap().to_u64().unwrap()
}

#[test]
fn a_raw_transaction_round_trips_through_its_decoded_form() {
    let alice = signer(0);
    let bytes = alice.sign_one(&send(&alice, 1, 1));
    let tx = ledger::Tx::decode(&bytes).unwrap();
    assert_eq!(tx.signers().unwrap(), [alice.address()]);
    let raw = TxRaw {
        body_bytes: tx.body_bytes.clone(),
        auth_info_bytes: tx.auth_info_bytes.clone(),
        signatures: tx.signatures.clone(),
    };
    assert_eq!(raw.encode_to_vec(), bytes);
}
