//! A chain of four validators made by the pure core alone: blocks, commits, time, changes,
//! evidence, and every refusal.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "tests"
)]

use types::wire::tendermint::types::evidence::Sum;

use super::*;
use crate::{
    core::{
        commit::{Certificate, CommitError, Precommit},
        evidence::EvidenceError,
        vote::{self, VoteKind},
    },
    genesis::{GenesisDoc, GenesisValidator},
    keys::ValidatorKey,
};

const SECOND: i64 = 1_000_000_000;
const GENESIS: i64 = 1_700_000_000 * SECOND;

fn keys() -> Vec<ValidatorKey> {
    (1..=4).map(|it| ValidatorKey::from_seed([it; 32])).collect()
}

fn doc() -> GenesisDoc {
    let validators = keys()
        .iter()
        .map(|it| GenesisValidator { pub_key: it.public_key(), power: 10, name: String::new() })
        .collect();
    GenesisDoc::new("toy-1", time::from_nanos(GENESIS), validators, "{}").unwrap()
}

fn members() -> Vec<Change> {
    keys().iter().map(|it| Change { public_key: it.public_key(), power: 10 }).collect()
}

fn genesis() -> State {
    State::genesis(&doc(), &members(), 0, &abci::ResponseInitChain::default()).unwrap()
}

/// Precommits for a block by the validators of `state`, the n-th `late[n]` nanoseconds after it;
/// `None` is absent.
fn certificate(state: &State, sealed: &Sealed, late: &[Option<i64>]) -> Certificate {
    let keys = keys();
    let begin = time::to_nanos(&sealed.block.header.time).unwrap();
    let precommits = state
        .validators
        .validators()
        .iter()
        .zip(late)
        .filter_map(|(validator, late)| {
            let time_nanos = begin + (*late)?;
            let key = keys.iter().find(|it| it.address() == validator.address)?;
            let message = vote::sign_bytes(
                &state.chain_id,
                VoteKind::Precommit,
                sealed.height(),
                0,
                Some(&sealed.id),
                time::from_nanos(time_nanos),
            );
            Some(Precommit {
                address: validator.address,
                time_nanos,
                signature: key.sign(&message),
                extension: None,
            })
        })
        .collect();
    Certificate { height: sealed.height(), round: 0, block_id: sealed.id, precommits }
}

fn results(app_hash: u8, txs: usize) -> abci::ResponseFinalizeBlock {
    abci::ResponseFinalizeBlock {
        app_hash: vec![app_hash; 32],
        tx_results: vec![abci::ExecTxResult { gas_used: 5, ..Default::default() }; txs],
        ..Default::default()
    }
}

fn proposer(state: &State) -> ConsAddress {
    state.validators.proposer().unwrap().address
}

/// The first block, the state after it, and its certificate.
fn first() -> (State, Sealed, State, Certificate) {
    let state = genesis();
    let sealed = state.make_block(vec![b"a".to_vec()], commit::none(), vec![], &proposer(&state));
    state.check_block(&Sealed::open(sealed.bytes.clone()).unwrap()).unwrap();
    let times = [Some(4 * SECOND), Some(SECOND), Some(3 * SECOND), Some(2 * SECOND)];
    let certificate = certificate(&state, &sealed, &times);
    let after = state.after(&sealed, &results(1, 1)).unwrap();
    (state, sealed, after, certificate)
}

#[test]
fn the_first_block_has_genesis_time_and_an_empty_commit() {
    let (_, sealed, after, _) = first();
    let header = &sealed.block.header;
    assert_eq!(header.time, time::from_nanos(GENESIS));
    assert_eq!(header.last_block_id, tm::BlockId::default());
    assert_eq!(
        hex::encode(&header.last_commit_hash),
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    );
    assert_eq!(header.last_commit_hash, header.last_results_hash);
    assert_eq!(after.next_height(), 2);
    assert_eq!(after.app_hash, [1; 32]);
}

#[test]
fn the_second_block_carries_the_commit_and_its_median_time() {
    let (_, sealed, after, certificate) = first();
    let commit = certificate.to_commit(&after.last_validators);
    let next = after.make_block(vec![], commit, vec![], &proposer(&after));
    after.check_block(&Sealed::open(next.bytes.clone()).unwrap()).unwrap();
    // Of 1, 2, 3, 4 seconds with equal powers: the second.
    assert_eq!(next.block.header.time, time::from_nanos(GENESIS + 2 * SECOND));
    assert_eq!(next.block.header.last_block_id, sealed.id.to_wire());
    assert_eq!(next.block.header.app_hash, [1; 32]);
    let info = finalize_request(&next, &after.last_validators);
    assert_eq!(info.decided_last_commit.votes.len(), 4);
    assert!(info.decided_last_commit.votes.iter().all(|it| it.block_id_flag == 2));
}

#[test]
fn three_of_four_are_enough_and_two_are_not() {
    let (before, sealed, after, _) = first();
    let with = |late: &[Option<i64>]| {
        let certificate = certificate(&before, &sealed, late);
        let commit = certificate.to_commit(&after.last_validators);
        let block = after.make_block(vec![], commit, vec![], &proposer(&after));
        after.check_block(&Sealed::open(block.bytes).unwrap())
    };
    let on = Some(SECOND);
    assert_eq!(with(&[on, None, on, on]), Ok(()));
    assert_eq!(
        with(&[on, None, None, on]),
        Err(BlockError::LastCommit(CommitError::Power { got: 20, total: 40 }))
    );
}

#[test]
fn every_wrong_field_is_refused() {
    type Spoil = fn(&mut tm::Block);
    let (_, _, after, certificate) = first();
    let commit = certificate.to_commit(&after.last_validators);
    let good = after.make_block(vec![b"b".to_vec()], commit, vec![], &proposer(&after));
    // The content hashes are made to fit again, so that the state's own checks are reached.
    let cases: [(&str, Spoil); 14] = [
        ("version", |it| it.header.version.block = 10),
        ("version", |it| it.header.version.app = 1),
        ("chain_id", |it| it.header.chain_id = "toy-2".to_owned()),
        ("height", |it| it.header.height = 3),
        ("last_block_id", |it| it.header.last_block_id.hash[0] ^= 1),
        ("last_block_id", |it| it.header.last_block_id.part_set_header.total = 2),
        ("app_hash", |it| it.header.app_hash[0] ^= 1),
        ("consensus_hash", |it| it.header.consensus_hash[0] ^= 1),
        ("last_results_hash", |it| it.header.last_results_hash[0] ^= 1),
        ("validators_hash", |it| it.header.validators_hash[0] ^= 1),
        ("next_validators_hash", |it| it.header.next_validators_hash[0] ^= 1),
        ("proposer_address", |it| it.header.proposer_address[0] ^= 1),
        ("time", |it| it.header.time.nanos += 1),
        ("signature 1", |it| it.last_commit.as_mut().unwrap().signatures[1].signature[5] ^= 1),
    ];
    for (field, spoil) in cases {
        let mut block = good.block.clone();
        spoil(&mut block);
        block.header.last_commit_hash = commit::hash(block.last_commit.as_ref().unwrap()).to_vec();
        let error = after.check_block(&Sealed::seal(block)).unwrap_err().to_string();
        assert!(error.contains(field), "{field}: {error}");
    }
}

#[test]
fn content_that_does_not_fit_its_header_is_refused() {
    let (_, sealed, ..) = first();
    let spoils: [fn(&mut tm::Block); 4] = [
        |it| it.data.txs.push(vec![1]),
        |it| it.last_commit = None,
        |it| it.header.evidence_hash = vec![0; 32],
        |it| it.header.proposer_address = vec![0; 19],
    ];
    for spoil in spoils {
        let mut block = sealed.block.clone();
        spoil(&mut block);
        assert!(Sealed::open(Sealed::seal(block).bytes).is_err());
    }
    let mut trailing = sealed.bytes.to_vec();
    // An unknown field: decodable, but nobody writes it so.
    trailing.extend([0xf8, 0x01, 0x00]);
    assert!(matches!(Sealed::open(trailing.into()), Err(BlockError::Malformed(_))));
    assert!(Sealed::open(vec![1, 2, 3].into()).is_err());
}

#[test]
fn changes_of_the_application_take_effect_when_they_should() {
    let (_, _, after, certificate) = first();
    let commit = certificate.to_commit(&after.last_validators);
    let block = after.make_block(vec![], commit, vec![], &proposer(&after));
    let newcomer = ValidatorKey::from_seed([9; 32]);
    let answer = abci::ResponseFinalizeBlock {
        validator_updates: vec![abci::ValidatorUpdate {
            pub_key: GenesisValidator {
                pub_key: newcomer.public_key(),
                power: 0,
                name: String::new(),
            }
            .wire_key(),
            power: 7,
        }],
        consensus_param_updates: Some(tm::ConsensusParams {
            block: Some(tm::BlockParams { max_bytes: 5_000_000, max_gas: 9 }),
            version: Some(tm::VersionParams { app: 3 }),
            ..Default::default()
        }),
        ..results(2, 0)
    };
    let next = after.after(&block, &answer).unwrap();
    // Executed at 2: parameters for 3, validators for 4.
    assert_eq!((next.next_height(), next.params.block.unwrap().max_gas), (3, 9));
    assert_eq!(next.params.evidence, after.params.evidence);
    assert_eq!(next.app_version, 3);
    assert_eq!((next.validators.len(), next.next_validators.len()), (4, 5));
    assert_ne!(params::hash(&next.params), params::hash(&after.params));

    let unusable = [
        abci::ResponseFinalizeBlock {
            consensus_param_updates: Some(tm::ConsensusParams {
                block: Some(tm::BlockParams { max_bytes: 0, max_gas: 9 }),
                ..Default::default()
            }),
            ..results(2, 0)
        },
        results(2, 1),
    ];
    for answer in unusable {
        assert!(after.after(&block, &answer).is_err());
    }
}

#[test]
fn the_application_may_name_validators_and_parameters_at_genesis() {
    let key = ValidatorKey::from_seed([9; 32]);
    let pub_key =
        GenesisValidator { pub_key: key.public_key(), power: 0, name: String::new() }.wire_key();
    let answer = abci::ResponseInitChain {
        validators: vec![abci::ValidatorUpdate { pub_key, power: 7 }],
        app_hash: vec![4; 32],
        ..Default::default()
    };
    let state = State::genesis(&doc(), &[], 2, &answer).unwrap();
    assert_eq!(state.validators.total_power(), 7);
    assert_eq!((state.app_hash, state.app_version), (vec![4; 32], 2));
    let nobody = State::genesis(&doc(), &[], 0, &abci::ResponseInitChain::default());
    assert_eq!(nobody, Err(AnswerError::NoValidators));
}

#[test]
fn the_state_survives_its_encoding() {
    let (_, _, after, _) = first();
    let bytes = borsh::to_vec(&after).unwrap();
    assert_eq!(borsh::from_slice::<State>(&bytes).unwrap(), after);
}

fn double_vote(state: &State, second_hash: u8) -> tm::Evidence {
    let key = &keys()[0];
    let vote = |hash: u8| {
        let block_id = Some(BlockId { hash: [hash; 32], parts_total: 1, parts_hash: [hash; 32] });
        let message = vote::sign_bytes(
            &state.chain_id,
            VoteKind::Prevote,
            1,
            0,
            block_id.as_ref(),
            time::from_nanos(GENESIS),
        );
        evidence::SignedVote {
            kind: VoteKind::Prevote,
            height: 1,
            round: 0,
            block_id,
            time_nanos: GENESIS,
            signature: key.sign(&message),
        }
    };
    let (first, second) = (vote(9), vote(second_hash));
    let item = evidence::duplicate_vote(
        &first,
        &second,
        &key.address(),
        &state.validators,
        time::from_nanos(GENESIS),
    );
    tm::Evidence { sum: Some(Sum::DuplicateVoteEvidence(item.unwrap())) }
}

#[test]
fn two_votes_of_one_validator_are_evidence() {
    let state = genesis();
    let item = double_vote(&state, 5);
    let when = time::from_nanos(GENESIS);
    evidence::verify("toy-1", &item, &state.validators, &when).unwrap();
    let Some(Sum::DuplicateVoteEvidence(inner)) = &item.sum else { unreachable!() };
    // The smaller block id comes first.
    assert_eq!(inner.vote_a.as_ref().unwrap().block_id.hash, [5; 32]);
    assert_eq!((inner.validator_power, inner.total_voting_power), (10, 40));
    let told = evidence::misbehavior(std::slice::from_ref(&item));
    assert_eq!(told.len(), 1);
    assert_eq!(told[0].validator.address, keys()[0].address());
    assert_eq!((told[0].r#type, told[0].height, told[0].total_voting_power), (1, 1, 40));

    // In a block, it enters the header.
    let block = state.make_block(vec![], commit::none(), vec![item.clone()], &proposer(&state));
    state.check_block(&Sealed::open(block.bytes).unwrap()).unwrap();
    assert_ne!(block.block.header.evidence_hash, merkle::root::<Vec<u8>>(&[]));

    let verdict = |spoil: fn(&mut tm::DuplicateVoteEvidence)| {
        let mut item = item.clone();
        let Some(Sum::DuplicateVoteEvidence(inner)) = &mut item.sum else { unreachable!() };
        spoil(inner);
        evidence::verify("toy-1", &item, &state.validators, &when).unwrap_err()
    };
    assert_eq!(verdict(|it| it.validator_power = 11), EvidenceError::Wrong("power"));
    assert_eq!(verdict(|it| it.timestamp.seconds += 1), EvidenceError::Wrong("time"));
    assert_eq!(
        verdict(|it| it.vote_a.as_mut().unwrap().signature[3] ^= 1),
        EvidenceError::Wrong("signature")
    );
    assert_eq!(verdict(|it| it.vote_b = None), EvidenceError::Unknown);
    assert!(matches!(verdict(|it| it.vote_b = it.vote_a.clone()), EvidenceError::NoConflict(_)));
    assert!(matches!(
        verdict(|it| std::mem::swap(&mut it.vote_a, &mut it.vote_b)),
        EvidenceError::NoConflict(_)
    ));
}

#[test]
fn evidence_expires_by_blocks_and_time_together() {
    let params = tm::EvidenceParams {
        max_age_num_blocks: 10,
        max_age_duration: prost_types::Duration { seconds: 60, nanos: 0 },
        max_bytes: 0,
    };
    let expired = |blocks: u64, seconds: i64| {
        evidence::expired(&params, 5, GENESIS, 5 + blocks, GENESIS + seconds * SECOND)
    };
    assert!(!expired(10, 61));
    assert!(!expired(11, 60));
    assert!(expired(11, 61));
}
