//! A signature is verified once on its way through a node: when the transaction comes in, and never
//! again when a block with it is proposed, judged and executed. One test alone in its process, since
//! it counts.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may panic")]

use ledger::{
    Config,
    sign::verified_total,
    testing::{Draft, Node, Party, Secret, Signer},
};
use modules::Market;
use prost::{Message, Name};
use types::{
    Address, Coin, Coins,
    wire::{
        cosmos::{
            bank::v1beta1::MsgSend,
            tx::{
                signing::v1beta1::SignMode,
                v1beta1::{Fee, TxBody},
            },
        },
        tendermint::abci::{RequestPrepareProposal, RequestProcessProposal},
    },
};

const CHAIN: &str = "test-1";

fn any(from: &Address) -> prost_types::Any {
    let send = MsgSend {
        from_address: from.to_string(),
        to_address: Address::from([7; 20]).to_string(),
        amount: vec![Coin::new("uakt", 1u64).into()],
    };
    prost_types::Any { type_url: MsgSend::type_url(), value: send.encode_to_vec() }
}

/// One that signs alone, and two of three that sign together.
fn people() -> (Signer, Secret) {
    let members = (1..=3).map(Secret::secp256k1).collect();
    (Signer::new(9, CHAIN), Secret::multisig(2, members, &[0, 2]))
}

fn node() -> Node<Market> {
    let (alone, together) = people();
    let coins = Coins::new([Coin::new("uakt", 1_000_000_000u64)]).unwrap();
    let accounts = [(alone.address(), coins.clone()), (together.address(), coins)];
    let mut node = Node::new(&modules::genesis::local(&accounts), Config::default());
    node.block(Vec::new());
    node
}

fn txs(sequence: u64) -> [Vec<u8>; 2] {
    let (mut alone, together) = people();
    alone.sequence = sequence;
    let draft = Draft {
        body: TxBody { messages: vec![any(&together.address())], ..TxBody::default() },
        fee: Fee { gas_limit: 500_000, ..Fee::default() },
        parties: vec![Party {
            secret: together,
            account_number: 1,
            sequence,
            mode: SignMode::LegacyAminoJson,
        }],
        chain_id: CHAIN.to_owned(),
    };
    [alone.sign(&[any(&alone.address())]), draft.signed()]
}

/// A block as a node meets it: proposed, judged, executed, committed.
fn decide(node: &mut Node<Market>, txs: &[Vec<u8>]) -> Vec<(u32, String, i64)> {
    let request = RequestPrepareProposal {
        txs: txs.to_vec(),
        max_tx_bytes: 1_000_000,
        ..RequestPrepareProposal::default()
    };
    let proposed = node.app.prepare_proposal(request).unwrap().txs;
    assert_eq!(proposed, txs);
    let request = RequestProcessProposal { txs: proposed.clone(), ..Default::default() };
    node.app.process_proposal(request).unwrap();
    let results = node.block(proposed).tx_results;
    results.into_iter().map(|it| (it.code, it.log, it.gas_used)).collect()
}

#[test]
fn each_signature_is_verified_once_and_the_outcome_is_that_of_verifying_in_place() {
    let (mut node, mut other) = (node(), node());
    let mut counted = verified_total();
    let mut more = |expected: u64, what: &str| {
        let now = verified_total();
        assert_eq!(now - counted, expected, "{what}");
        counted = now;
    };

    let first = txs(0);
    for (tx, signatures) in first.iter().zip([1, 2]) {
        assert_eq!(node.check(tx.clone()).code, 0);
        more(signatures, "on the way into the mempool");
    }
    let outcome = decide(&mut node, &first);
    assert!(outcome.iter().all(|it| it.0 == 0), "{outcome:?}");
    more(0, "after the mempool");

    // A block of transactions that nobody has seen, one of them with a bad signature.
    let mut unseen = txs(1).to_vec();
    let mut forged = txs(2)[0].clone();
    *forged.last_mut().unwrap() ^= 1;
    unseen.push(forged);
    let outcome = decide(&mut node, &unseen);
    assert_eq!(outcome.iter().map(|it| it.0).collect::<Vec<_>>(), [0, 0, 4], "{outcome:?}");
    more(1 + 2 + 1, "when a proposal brings them");

    // On another machine, with one core and nothing verified ahead.
    let alone = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
    alone.install(|| {
        other.block(first.to_vec());
        let results = other.block(unseen.clone()).tx_results;
        let results: Vec<_> =
            results.into_iter().map(|it| (it.code, it.log, it.gas_used)).collect();
        assert_eq!(results, outcome);
    });
    more(1 + 2 + 1 + 2 + 1, "in place");
    assert_eq!(other.app.store().version(), node.app.store().version());
}
