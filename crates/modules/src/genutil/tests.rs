//! A chain that starts from a signed genesis transaction.

use ledger::testing::{Chain, Signer};
use prost::{Message, Name};
use serde_json::{Value, json};
use types::{
    Coin, Coins, ConsAddress, Dec, ValAddress,
    wire::cosmos::{
        crypto::ed25519,
        staking::v1beta1::{CommissionRates, Description, MsgCreateValidator},
        tx::v1beta1::Tx,
    },
};

use crate::{Market, auth, genesis, staking};

/// The genesis of a network whose only validator is in a transaction, signed for a chain.
fn app_state(chain_id: &str) -> (Signer, Value) {
    let signer = Signer::new(1, chain_id);
    let coins = Coins::new([Coin::new("uakt", 50_000_000)]).unwrap();
    let other = (types::Address::from([9; 20]), Coins::default());
    let mut state = genesis::local(&[other, (signer.address(), coins)]);
    let key = ed25519::PubKey { key: vec![3; 32] };
    let rate = |percent: u64| Dec::new(percent, 2).unwrap().to_wire();
    let bytes = signer.sign_one(&MsgCreateValidator {
        description: Description { moniker: "first".to_owned(), ..Description::default() },
        commission: CommissionRates {
            rate: rate(10),
            max_rate: rate(20),
            max_change_rate: rate(1),
        },
        min_self_delegation: "1".to_owned(),
        validator_address: ValAddress::from(&signer.address()).to_string(),
        pubkey: Some(prost_types::Any {
            type_url: ed25519::PubKey::type_url(),
            value: key.encode_to_vec(),
        }),
        value: Coin::new("uakt", 20_000_000).into(),
        ..MsgCreateValidator::default()
    });
    let tx = Tx::decode(bytes.as_slice()).unwrap();
    state["genutil"] = json!({ "gen_txs": [types::json::to_value(&tx).unwrap()] });
    (signer, state)
}

#[test]
fn a_genesis_transaction_makes_a_bonded_validator_whatever_the_accounts_number() {
    let (signer, state) = app_state("test-1");
    let mut chain = Chain::<Market>::new(state);
    let address = ConsAddress::from_ed25519(&[3; 32]);
    let validator = staking::validator_by_consensus(chain.view(), &address).unwrap().unwrap();
    assert!(validator.is_bonded());
    assert_eq!(validator.power(), Ok(20));
    let account = auth::account(chain.view(), &signer.address()).unwrap().unwrap();
    assert_eq!((account.base.account_number, account.base.sequence), (1, 1));
    chain.next_blocks(3, 5);
    assert_eq!(chain.export()["genutil"], json!({ "gen_txs": [] }));
}

#[test]
fn a_chain_does_not_start_from_a_transaction_of_another_chain() {
    let (_, state) = app_state("other-1");
    let outcome = std::panic::catch_unwind(|| Chain::<Market>::new(state));
    let payload = outcome.err().unwrap();
    let text = payload.downcast_ref::<String>().cloned().unwrap_or_default();
    assert!(text.contains("genesis transaction 0"), "{text}");
    assert!(text.contains("signature verification failed"), "{text}");
}
