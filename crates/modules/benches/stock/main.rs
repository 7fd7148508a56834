//! Blocks of what a Cosmos chain does (sends, delegations, votes, sends of multisigs of two in
//! three), as ratios to bare verification of the same signatures in the same run; and what every
//! block costs of itself on a network with 100 validators, 100,000 delegations and 10,000 entries
//! that unbond.
//!
//! `cargo bench -p modules --bench stock`; exit 1 when the begin and end of blocks take more than
//! 30 ms at the 95th percentile, of the time that the thread ran. Elapsed time stands beside it. The
//! block in which a thousand entries mature is listed apart.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::indexing_slicing,
    reason = "a bench reports and may panic"
)]
#![expect(clippy::disallowed_types, reason = "a benchmark has a clock")]

#[path = "../common/mod.rs"]
mod common;

use std::time::Duration;

use common::*;
use ledger::{
    Tx,
    sign::{self, SignerData, verify_secp256k1},
    store_names,
    testing::{Draft, Party, Secret, Signer},
};
use modules::{
    Market,
    genesis::{FirstValidator, bond},
    staking::{BONDED_POOL, NOT_BONDED_POOL},
};
use prost::{Message, Name};
use prost_types::Timestamp;
use serde_json::{Value, json};
use store::{Options, Store};
use types::{
    Address, Coin, ConsAddress, ValAddress,
    timestamp::proto_text,
    wire::{
        cosmos::{
            bank::v1beta1::MsgSend,
            crypto::multisig::v1beta1::MultiSignature,
            gov::v1::{MsgSubmitProposal, MsgVote, VoteOption},
            staking::v1beta1::MsgDelegate,
            tx::{
                signing::v1beta1::SignMode,
                v1beta1::{Fee, TxBody},
            },
        },
        tendermint::{
            abci::{Validator, VoteInfo},
            types::BlockIdFlag,
        },
    },
};

const VALIDATORS: u64 = 100;
const DELEGATIONS: u64 = 100_000;
const UNBONDINGS: u64 = 10_000;
/// Of those, so many mature one in each measured block, and so many in one block.
const ONE_BY_ONE: u64 = 200;
const AT_ONCE: u64 = 1_000;
/// A delegation, and an entry that unbonds.
const STAKE: u64 = 1_000_000;

const PEOPLE: u64 = 500;
const ROUNDS: usize = 4;
const BLOCKS: usize = 200;
/// The first of the measured blocks; those of messages come before.
const FIRST: u64 = 3 + 2 * 4 * ROUNDS as u64;
const AT_ONCE_HEIGHT: u64 = FIRST + BLOCKS as u64 + 3;
const HOOKS_MAX: Duration = Duration::from_millis(30);

fn main() {
    let mut people = signers(0, PEOPLE);
    let mut groups: Vec<Party> = (0..PEOPLE).map(group).collect();
    let validators = validators();
    let folder = tempfile::tempdir().unwrap();
    let store =
        Store::open(folder.path(), Options { stores: store_names::<Market>(), history: 10 })
            .unwrap();
    let mut chain = Chain::new(store, &genesis(&people, &groups, &validators));
    chain.votes = votes(&validators, 0);

    messages(&mut chain, &mut people, &mut groups, &validators);
    let mut missed = Vec::new();
    hooks(&mut chain, &validators, &mut missed);
    verdict(&missed);
}

// Messages.

/// Makes the next block of a kind, and measures bare verification of its signatures.
type Kind<'a> = (&'static str, Box<dyn FnMut() -> (Vec<Vec<u8>>, Duration) + 'a>);

fn messages(
    chain: &mut Chain,
    people: &mut [Signer],
    groups: &mut [Party],
    validators: &[ValidatorOfGenesis],
) {
    let proposal = MsgSubmitProposal {
        initial_deposit: vec![Coin::new("uakt", 50_000_000u64).into()],
        proposer: people[0].address().to_string(),
        metadata: "ipfs://bench".to_owned(),
        title: "A benchmark".to_owned(),
        summary: "Everybody votes".to_owned(),
        ..MsgSubmitProposal::default()
    };
    let proposal = sign(&mut people[0], &proposal);
    chain.block(vec![proposal]);

    let people = std::cell::RefCell::new(people);
    let single = |message: &dyn Fn(usize, &mut Signer) -> Vec<u8>| {
        let mut people = people.borrow_mut();
        let signed: Vec<(Signer, Vec<u8>)> = people
            .iter_mut()
            .enumerate()
            .map(|(at, signer)| {
                let before = signer.clone();
                (before, message(at, signer))
            })
            .collect();
        let bare = bare_verification(&signed);
        (signed.into_iter().map(|it| it.1).collect(), bare)
    };
    let kinds: [Kind<'_>; 4] = [
        (
            "sends",
            Box::new(|| {
                single(&|_, signer| {
                    let message = send(&signer.address());
                    sign(signer, &message)
                })
            }),
        ),
        (
            "delegations",
            Box::new(|| {
                single(&|at, signer| {
                    let message = MsgDelegate {
                        delegator_address: signer.address().to_string(),
                        validator_address: validators[at % validators.len()].operator(),
                        amount: Coin::new("uakt", STAKE).into(),
                    };
                    sign(signer, &message)
                })
            }),
        ),
        (
            "votes",
            Box::new(|| {
                single(&|_, signer| {
                    let message = MsgVote {
                        proposal_id: 1,
                        voter: signer.address().to_string(),
                        option: VoteOption::Yes.into(),
                        metadata: String::new(),
                    };
                    sign(signer, &message)
                })
            }),
        ),
        ("sends of 2 in 3", Box::new(|| together(groups))),
    ];
    println!(
        "blocks of {PEOPLE} transactions, executed and committed over {DELEGATIONS} delegations"
    );
    for (name, mut make) in kinds {
        let (mut ahead, mut unseen, mut bare) = (Took::default(), Took::default(), Duration::ZERO);
        let count = usize::try_from(PEOPLE).unwrap() * ROUNDS;
        for _ in 0..ROUNDS {
            let (txs, verified) = make();
            bare += verified;
            chain.check(&txs);
            ahead += on_one_core(|| chain.block(txs));
            let (txs, verified) = make();
            bare += verified;
            unseen += chain.block(txs);
        }
        let bare = bare / 2;
        println!(
            "ledger::block/{name:<16} without checks, one core: {:>6} tx/s, {} x bare verification; \
             with checks, all cores, elapsed: {:>6} tx/s, {} x",
            per_second(count, ahead.ran),
            ratio(ahead.ran, bare),
            per_second(count, unseen.elapsed),
            ratio(unseen.elapsed, bare),
        );
    }
}

fn send(from: &Address) -> MsgSend {
    MsgSend {
        from_address: from.to_string(),
        to_address: Address::from([7; 20]).to_string(),
        amount: vec![Coin::new("uakt", 1u64).into()],
    }
}

/// The first and the last of three sign.
fn group(number: u64) -> Party {
    let members = (0..3).map(|it| Secret::secp256k1(1_000_000 + number * 3 + it)).collect();
    Party {
        secret: Secret::multisig(2, members, &[0, 2]),
        account_number: PEOPLE + number,
        sequence: 0,
        mode: SignMode::LegacyAminoJson,
    }
}

fn together(groups: &mut [Party]) -> (Vec<Vec<u8>>, Duration) {
    let mut txs = Vec::new();
    let mut prepared = Vec::new();
    for party in groups {
        let message = send(&party.secret.address());
        let any =
            prost_types::Any { type_url: MsgSend::type_url(), value: message.encode_to_vec() };
        let fee = vec![Coin::new("uakt", 5_000u64).into()];
        let draft = Draft {
            body: TxBody { messages: vec![any], ..TxBody::default() },
            fee: Fee { gas_limit: 500_000, amount: fee, ..Fee::default() },
            parties: vec![party.clone()],
            chain_id: CHAIN.to_owned(),
        };
        let bytes = draft.signed();
        let tx = Tx::decode(&bytes).unwrap();
        let signer = SignerData {
            chain_id: CHAIN,
            address: &party.secret.address(),
            account_number: party.account_number,
            sequence: party.sequence,
            index: 0,
        };
        let document = sign::sign_bytes(&tx, SignMode::LegacyAminoJson.into(), &signer).unwrap();
        let signatures = MultiSignature::decode(tx.signatures[0].as_slice()).unwrap().signatures;
        let Secret::Multisig { members, signing, .. } = &party.secret else { panic!("a multisig") };
        for (member, signature) in signing.iter().zip(signatures) {
            let Secret::Secp256k1(key) = &members[*member] else { panic!("a single key") };
            prepared.push((key.public_key().serialize(), document.clone(), signature));
        }
        txs.push(bytes);
        party.sequence += 1;
    }
    let (_, took) = measured(|| {
        for (key, document, signature) in &prepared {
            assert!(verify_secp256k1(key, document, signature));
        }
    });
    (txs, took.ran)
}

// Hooks.

fn hooks(chain: &mut Chain, validators: &[ValidatorOfGenesis], missed: &mut Vec<String>) {
    let (mut hooks, mut commits) = (Vec::new(), Vec::new());
    for at in 0..BLOCKS {
        // One in fifty does not sign.
        chain.votes = votes(validators, at);
        let (executed, committed) = chain.block_in_parts(Vec::new());
        hooks.push(executed);
        commits.push(committed);
    }
    println!(
        "begin and end of a block, with the new root: {VALIDATORS} validators, {DELEGATIONS} \
         delegations, {UNBONDINGS} entries, of which one matures"
    );
    let of = |times: &[Took], pick: fn(&Took) -> Duration, percent| {
        part(&times.iter().map(pick).collect::<Vec<_>>(), percent).as_micros()
    };
    for (name, times) in [("begin and end", &hooks), ("commit", &commits)] {
        println!(
            "ledger::hooks/{name}: p50 {} us, p95 {} us; elapsed p50 {} us, p95 {} us",
            of(times, |it| it.ran, 50),
            of(times, |it| it.ran, 95),
            of(times, |it| it.elapsed, 50),
            of(times, |it| it.elapsed, 95),
        );
    }
    let p95 = part(&hooks.iter().map(|it| it.ran).collect::<Vec<_>>(), 95);
    if p95 > HOOKS_MAX {
        missed.push(format!("begin and end within {} ms", HOOKS_MAX.as_millis()));
    }

    while chain.height + 1 < i64::try_from(AT_ONCE_HEIGHT).unwrap() {
        chain.block(Vec::new());
    }
    let (executed, _) = chain.block_in_parts(Vec::new());
    println!(
        "ledger::hooks/a block in which {AT_ONCE} entries mature: {} us, elapsed {} us",
        executed.ran.as_micros(),
        executed.elapsed.as_micros()
    );
}

// Genesis.

struct ValidatorOfGenesis {
    owner: Address,
    key: [u8; 32],
    moniker: String,
}

impl ValidatorOfGenesis {
    fn operator(&self) -> String {
        ValAddress::from(&self.owner).to_string()
    }
}

fn numbered(kind: u8, number: u64) -> [u8; 20] {
    let mut bytes = [kind; 20];
    bytes[..8].copy_from_slice(&number.to_be_bytes());
    bytes
}

fn validators() -> Vec<ValidatorOfGenesis> {
    (0..VALIDATORS)
        .map(|number| {
            let mut key = [9; 32];
            key[..8].copy_from_slice(&number.to_be_bytes());
            let owner = Address::from(numbered(1, number));
            ValidatorOfGenesis { owner, key, moniker: format!("validator {number}") }
        })
        .collect()
}

fn votes(validators: &[ValidatorOfGenesis], block: usize) -> Vec<VoteInfo> {
    validators
        .iter()
        .enumerate()
        .map(|(at, it)| {
            let signed = !(at + block).is_multiple_of(50);
            let flag = if signed { BlockIdFlag::Commit } else { BlockIdFlag::Absent };
            let address = ConsAddress::from_ed25519(&it.key).into_bytes();
            let validator = Validator { address, power: 1_000 };
            VoteInfo { validator, block_id_flag: flag.into() }
        })
        .collect()
}

fn genesis(people: &[Signer], groups: &[Party], validators: &[ValidatorOfGenesis]) -> Value {
    let coins = || types::Coins::new([Coin::new("uakt", 1_000_000_000_000u64)]).unwrap();
    let people = people.iter().map(Signer::address);
    let accounts: Vec<_> =
        people.chain(groups.iter().map(|it| it.secret.address())).map(|it| (it, coins())).collect();
    let mut state = modules::genesis::local(&accounts);
    let first: Vec<FirstValidator<'_>> = validators
        .iter()
        .map(|it| FirstValidator {
            operator: &it.owner,
            public_key: &it.key,
            moniker: &it.moniker,
            power: 1,
        })
        .collect();
    bond(&mut state, &first, GENESIS_SECONDS);
    state["gov"]["params"]["voting_period"] = json!("604800s");

    // Each validator has its own stake and a thousandth of the delegations.
    let per_validator = DELEGATIONS / VALIDATORS * STAKE;
    let tokens = STAKE + per_validator;
    for validator in state["staking"]["validators"].as_array_mut().unwrap() {
        validator["tokens"] = json!(tokens.to_string());
        validator["delegator_shares"] = json!(format!("{tokens}.000000000000000000"));
    }
    let delegations = state["staking"]["delegations"].as_array_mut().unwrap();
    for number in 0..DELEGATIONS {
        delegations.push(json!({
            "delegator_address": Address::from(numbered(2, number)).to_string(),
            "validator_address": validators[usize::try_from(number % VALIDATORS).unwrap()].operator(),
            "shares": format!("{STAKE}.000000000000000000"),
        }));
    }
    state["staking"]["unbonding_delegations"] =
        (0..UNBONDINGS).map(|it| unbonding(it, validators)).collect();
    let bonded = Address::of_module(BONDED_POOL).to_string();
    let balances = state["bank"]["balances"].as_array_mut().unwrap();
    for balance in balances.iter_mut().filter(|it| it["address"] == bonded.as_str()) {
        balance["coins"][0]["amount"] = json!((VALIDATORS * tokens).to_string());
    }
    balances.push(json!({
        "address": Address::of_module(NOT_BONDED_POOL).to_string(),
        "coins": [{ "denom": "uakt", "amount": (UNBONDINGS * STAKE).to_string() }],
    }));
    state
}

/// Each of the measured blocks has one entry that matures in it.
fn unbonding(number: u64, validators: &[ValidatorOfGenesis]) -> Value {
    let height = if number < ONE_BY_ONE {
        FIRST + number
    } else if number < ONE_BY_ONE + AT_ONCE {
        AT_ONCE_HEIGHT
    } else {
        1_000_000 + number
    };
    let seconds = GENESIS_SECONDS + i64::try_from(height).unwrap() * 6;
    json!({
        "delegator_address": Address::from(numbered(3, number)).to_string(),
        "validator_address": validators[usize::try_from(number % VALIDATORS).unwrap()].operator(),
        "entries": [{
            "creation_height": "0",
            "completion_time": proto_text(&Timestamp { seconds, nanos: 0 }),
            "initial_balance": STAKE.to_string(),
            "balance": STAKE.to_string(),
            "unbonding_id": (number + 1).to_string(),
            "unbonding_on_hold_ref_count": "0",
        }],
    })
}
