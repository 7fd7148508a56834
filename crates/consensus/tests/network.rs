//! Four validators on loopback: agreement, gossip, full commits, light clients, catching up.
#![expect(clippy::unwrap_used, reason = "tests")]

mod common;

use std::time::Duration;

use common::{Toy, log, network, reach};
use consensus::{
    EvidenceError, Handle,
    core::{
        evidence,
        validators::{Change, ValidatorSet},
        vote::{BlockId, VoteKind, sign_bytes},
    },
};
use prost::Message;
use tendermint_light_client_verifier::{
    ProdVerifier, Verdict, Verifier as _,
    options::Options,
    types::{LightBlock, TrustThreshold},
};
use tendermint_proto::Protobuf;
use types::wire::tendermint::types as tm;

/// Long enough for an unoptimised network on a busy machine to decide well before.
const BLOCK_TIME: Duration = Duration::from_millis(1_200);

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn four_validators_decide_the_same_blocks_and_light_clients_follow() {
    log();
    let home = tempfile::tempdir().unwrap();
    let mut nodes = network(home.path(), &[10, 20, 30, 40], BLOCK_TIME).await;
    for (node, _) in &nodes {
        reach(node, 2).await;
    }

    // Evidence given to one node enters a block that the others check.
    let evidence = double_vote(&nodes[1].0, &[10, 20, 30, 40]);
    assert_eq!(nodes[1].0.submit_evidence(&evidence).unwrap(), Ok(()));

    // A transaction given to one node is told to the others, and every node executes it.
    let answer = nodes[3].0.submit_tx("a=1".into()).await.unwrap();
    assert_eq!(answer.code, 0);
    let told = async {
        while nodes[0].1.get("a").is_none() && nodes[0].1.checks() == 0 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), told).await.unwrap();
    // Power moves while the chain runs.
    let key = hex::encode(common::key(0).public_key());
    nodes[1].0.submit_tx(format!("power:{key}=35").into()).await.unwrap();
    for (node, _) in &nodes {
        reach(node, 10).await;
    }
    let mut full = 0;
    for height in 1..=10 {
        let (id, block) = nodes[0].0.block(height).unwrap().unwrap();
        for (node, _) in &nodes {
            assert_eq!(node.block(height).unwrap().unwrap(), (id.clone(), block.clone()));
            assert_eq!(node.results(height).unwrap(), nodes[0].0.results(height).unwrap());
        }
        let commit = block.last_commit.unwrap();
        full +=
            usize::from(commit.signatures.iter().filter(|it| it.block_id_flag == 2).count() == 4);
    }
    assert_eq!(nodes[2].1.get("a").as_deref(), Some("1"));
    let reports = nodes[3].1.misbehavior();
    assert_eq!(reports.len(), 1);
    assert_eq!(reports[0].validator.address, common::key(0).address());
    assert_eq!((reports[0].validator.power, reports[0].total_voting_power), (10, 100));
    let again = nodes[2].0.submit_evidence(&evidence).unwrap();
    assert_eq!(again, Err(EvidenceError::Committed));
    assert_eq!(nodes[2].0.validators(10).unwrap().unwrap().total_voting_power, 125);
    // Two or three signatures are a quorum here. The target time lets the others in too, though
    // on a machine this busy not every time.
    assert!(full >= 2, "{full} commits with everybody's signature");
    assert_light_clients_follow(&nodes[1].0, 9);
    assert!(!nodes[0].0.peers().await.is_empty());

    // One leaves; the power of the others goes on; it comes back and catches up, although its
    // application forgot everything.
    let (gone, _) = nodes.remove(0);
    let (gone_at, address) = (gone.height(), gone.identity().listen_addr.clone());
    let doc = gone.genesis().clone();
    gone.shutdown().await.unwrap();
    drop(gone);
    reach(&nodes[0].0, gone_at + 4).await;
    let mut config = common::config(&home.path().join("n0"), 0);
    config.listen_addr = address;
    config.persistent_peers =
        nodes.iter().map(|(it, _)| it.identity().listen_addr.clone()).collect();
    config.block_time = BLOCK_TIME;
    let toy = Toy::new();
    let back = consensus::start(config, doc, toy.clone()).await.unwrap();
    reach(&back, gone_at + 4).await;
    let block = |node: &Handle| node.block(gone_at + 4).unwrap().unwrap();
    assert_eq!(block(&back), block(&nodes[0].0));
    assert_eq!(toy.get("a").as_deref(), Some("1"));
    for (node, _) in nodes {
        node.shutdown().await.unwrap();
    }
    back.shutdown().await.unwrap();
}

/// Two precommits of validator 0 for different blocks of height 2.
fn double_vote(node: &Handle, powers: &[i64]) -> tm::Evidence {
    let members: Vec<Change> = powers
        .iter()
        .zip(0_u8..)
        .map(|(power, index)| Change { public_key: common::key(index).public_key(), power: *power })
        .collect();
    let set = ValidatorSet::new(&members).unwrap();
    let key = common::key(0);
    let vote = |hash: u8| {
        let block_id = Some(BlockId { hash: [hash; 32], parts_total: 1, parts_hash: [hash; 32] });
        let time_nanos = 1_700_000_000_000_000_000;
        let time = consensus::core::time::from_nanos(time_nanos);
        let message = sign_bytes("toy-1", VoteKind::Precommit, 2, 0, block_id.as_ref(), time);
        let signature = key.sign(&message);
        let kind = VoteKind::Precommit;
        evidence::SignedVote { kind, height: 2, round: 0, block_id, time_nanos, signature }
    };
    let time = node.block_meta(2).unwrap().unwrap().header.time;
    let item = evidence::duplicate_vote(&vote(1), &vote(2), &key.address(), &set, time).unwrap();
    tm::Evidence { sum: Some(tm::evidence::Sum::DuplicateVoteEvidence(item)) }
}

/// What a 07-tendermint client of another chain would do with our headers, one by one and in
/// leaps of five.
fn assert_light_clients_follow(node: &Handle, last: u64) {
    let blocks: Vec<LightBlock> = (1..=last).map(|height| light_block(node, height)).collect();
    let options = Options {
        trust_threshold: TrustThreshold::ONE_THIRD,
        trusting_period: Duration::from_secs(10 * 365 * 86_400),
        clock_drift: Duration::from_secs(10),
    };
    let now = tendermint::Time::now();
    for step in [1, 5] {
        for height in (step..blocks.len()).step_by(step) {
            let verdict = ProdVerifier::default().verify_update_header(
                blocks[height].as_untrusted_state(),
                blocks[height - step].as_trusted_state(),
                &options,
                now,
            );
            assert_eq!(verdict, Verdict::Success, "height {} step {step}", height + 1);
        }
    }
}

fn light_block(node: &Handle, height: u64) -> LightBlock {
    let header = node.block_meta(height).unwrap().unwrap().header;
    let (commit, canonical) = node.commit(height).unwrap().unwrap();
    assert!(canonical);
    let signed = tm::SignedHeader { header: Some(header), commit: Some(commit) };
    LightBlock {
        signed_header: <tendermint::block::signed_header::SignedHeader as Protobuf<
            tendermint_proto::v0_38::types::SignedHeader,
        >>::decode_vec(&signed.encode_to_vec())
        .unwrap(),
        validators: set(&node.validators(height).unwrap().unwrap()),
        next_validators: set(&node.validators(height + 1).unwrap().unwrap()),
        provider: "0000000000000000000000000000000000000000".parse().unwrap(),
    }
}

fn set(set: &tm::ValidatorSet) -> tendermint::validator::Set {
    <tendermint::validator::Set as Protobuf<tendermint_proto::v0_38::types::ValidatorSet>>::decode_vec(
        &set.encode_to_vec(),
    )
    .unwrap()
}
