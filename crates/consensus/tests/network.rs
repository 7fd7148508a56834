//! Four validators on loopback: agreement, gossip, full commits, light clients, catching up.
#![expect(clippy::unwrap_used, reason = "tests")]

mod common;

use std::time::Duration;

use common::{Toy, log, network, reach};
use consensus::{Handle, core::validators::ValidatorSet};
use prost::Message;
use tendermint_light_client_verifier::{
    ProdVerifier, Verdict, Verifier as _,
    options::Options,
    types::{LightBlock, TrustThreshold},
};
use tendermint_proto::Protobuf;
use types::wire::tendermint::types as tm;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn four_validators_decide_the_same_blocks_and_light_clients_follow() {
    log();
    let home = tempfile::tempdir().unwrap();
    let nodes = network(home.path(), &[10, 20, 30, 40], Duration::from_millis(700)).await;
    reach(&nodes[0].0, 2).await;

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
        reach(node, 12).await;
    }
    let mut signatures = 0;
    let mut entries = 0;
    for height in 1..=12 {
        let (id, block) = nodes[0].0.block(height).unwrap().unwrap();
        for (node, _) in &nodes {
            assert_eq!(node.block(height).unwrap().unwrap(), (id.clone(), block.clone()));
            assert_eq!(node.results(height).unwrap(), nodes[0].0.results(height).unwrap());
        }
        let commit = block.last_commit.unwrap();
        entries += commit.signatures.len();
        signatures += commit.signatures.iter().filter(|it| it.block_id_flag == 2).count();
    }
    assert_eq!(nodes[2].1.get("a").as_deref(), Some("1"));
    assert_eq!(nodes[2].0.validators(12).unwrap().unwrap().total_voting_power, 125);
    // The target time lets late precommits in: commits are full but for stragglers.
    assert!(signatures * 10 >= entries * 9, "{signatures} of {entries} signatures");
    assert_light_clients_follow(&nodes[1].0, 11);
    assert!(!nodes[0].0.peers().await.is_empty());

    // One leaves; three quarters of the power go on; it comes back and catches up.
    let (last, rest) = nodes.split_first().unwrap();
    let config_home = home.path().join("n0");
    let gone_at = last.0.height();
    last.0.shutdown().await.unwrap();
    reach(&rest[0].0, gone_at + 4).await;
    let mut config = common::config(&config_home, 0);
    config.listen_addr = last.0.identity().listen_addr.clone();
    config.persistent_peers =
        rest.iter().map(|(it, _)| it.identity().listen_addr.clone()).collect();
    config.block_time = Duration::from_millis(700);
    let doc = last.0.genesis().clone();
    let toy = Toy::new();
    let back = restart(config, doc, toy.clone(), &last.0).await;
    reach(&back, gone_at + 4).await;
    let (ours, theirs) = (back.block(gone_at + 4).unwrap(), rest[0].0.block(gone_at + 4).unwrap());
    assert_eq!(ours, theirs);
    for (node, _) in rest {
        node.shutdown().await.unwrap();
    }
    back.shutdown().await.unwrap();
}

/// The old handle still reads its store; a new node needs the database alone, so this waits
/// for nothing but gives the new node another folder with the same key.
async fn restart(
    mut config: consensus::Config,
    doc: consensus::GenesisDoc,
    toy: std::sync::Arc<Toy>,
    _old: &Handle,
) -> Handle {
    let fresh = config.home.join("again");
    std::fs::create_dir_all(&fresh).unwrap();
    config.home = fresh;
    consensus::start(config, doc, toy).await.unwrap()
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

/// The set itself is not needed here, but its type must stay public for light clients in tests
/// of other crates.
#[test]
fn validator_sets_are_public() {
    assert!(ValidatorSet::default().is_empty());
}
