//! From one build to the next, and from one node to another: a node that stops before a height, and
//! one that begins at a checkpoint.
#![expect(clippy::unwrap_used, reason = "tests")]

mod common;

use std::{fs, path::Path, sync::Arc};

use common::{Toy, config, free_ports, genesis, log, reach};
use consensus::{Application, Checkpoint, CheckpointError, StartError};
use types::wire::tendermint::abci;

/// Everything that a node has written for its next votes.
fn votes(home: &Path) -> Vec<u8> {
    fs::read(home.join("wal/consensus.wal")).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_node_stops_before_a_height_that_is_not_for_it_and_signs_nothing() {
    log();
    let home = tempfile::tempdir().unwrap();
    let toy = Toy::new();
    *toy.not_ready_at.lock().unwrap() = Some(5);
    let start = || consensus::start(config(home.path(), 0), genesis(&[10]), toy.clone());
    let node = start().await.unwrap();
    let halt = node.stopped().await.unwrap();
    assert!(halt.is_planned());
    assert_eq!((halt.to_string().as_str(), node.height(), toy.height()), ("not for 5", 4, 4));
    node.shutdown().await.unwrap();
    drop(node);

    let before = votes(home.path());
    for _ in 0..2 {
        match start().await.err().unwrap() {
            StartError::Halt(halt) => assert!(halt.is_planned(), "{halt}"),
            other => panic!("{other}"),
        }
    }
    assert_eq!(votes(home.path()), before);
    // An application that lost its blocks is not brought past the height, either.
    let again = Toy::new();
    *again.not_ready_at.lock().unwrap() = Some(3);
    let lost = consensus::start(config(home.path(), 0), genesis(&[10]), again.clone());
    assert!(lost.await.err().unwrap().to_string().contains("not for 3"));
    assert_eq!(again.height(), 2);
    assert_eq!(votes(home.path()), before);

    // The next build begins where the old one stopped.
    *toy.not_ready_at.lock().unwrap() = None;
    let node = start().await.unwrap();
    reach(&node, 7).await;
    assert!(node.block(5).unwrap().is_some());
    node.shutdown().await.unwrap();
}

/// An application that executed empty blocks up to a height.
fn executed(height: u64) -> Arc<Toy> {
    let toy = Toy::new();
    toy.init_chain(abci::RequestInitChain::default()).unwrap();
    for height in 1..=i64::try_from(height).unwrap() {
        let block = abci::RequestFinalizeBlock { height, ..Default::default() };
        toy.finalize_block(block).unwrap();
        toy.commit(abci::RequestCommit {}).unwrap();
    }
    toy
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_node_that_begins_at_a_checkpoint_follows_the_chain_without_its_past() {
    log();
    let folder = tempfile::tempdir().unwrap();
    let (first, second) = (folder.path().join("first"), folder.path().join("second"));
    let (doc, toy) = (genesis(&[10]), Toy::new());
    let node = consensus::start(config(&first, 0), doc.clone(), toy.clone()).await.unwrap();
    reach(&node, 7).await;
    let live = node.checkpoint(4).unwrap();
    assert!(node.checkpoint(node.height() + 1).is_err());
    node.shutdown().await.unwrap();
    drop(node);

    let checkpoint = Checkpoint::read(&first, Some(4), u64::MAX).unwrap();
    assert_eq!(checkpoint, live);
    assert_eq!(Checkpoint::read(&first, None, 5).unwrap().height(), 5);
    assert!(Checkpoint::read(&first, Some(1_000), u64::MAX).is_err());
    assert_eq!(checkpoint.app_hash(), executed(4).app_hash());
    assert_is_refused_when_changed(&checkpoint);

    checkpoint.write(&second).unwrap();
    assert!(checkpoint.write(&second).unwrap_err().to_string().contains("blocks already"));
    // A state of another height is noticed before anything starts.
    let other = consensus::start(config(&second, 1), doc.clone(), executed(5)).await;
    assert!(other.err().unwrap().to_string().contains("height 5"));

    let mut settings = config(&first, 0);
    settings.listen_addr = format!("/ip4/127.0.0.1/tcp/{}", free_ports(1)[0]);
    let node = consensus::start(settings.clone(), doc.clone(), toy).await.unwrap();
    let copy = executed(4);
    let mut follower = config(&second, 1);
    follower.persistent_peers = vec![settings.listen_addr];
    let restored = consensus::start(follower, doc, copy.clone()).await.unwrap();
    assert_eq!((restored.height(), restored.base().unwrap()), (4, 4));
    let last = node.height() + 5;
    reach(&restored, last).await;
    for height in [4, 5, last] {
        assert_eq!(restored.block(height).unwrap(), node.block(height).unwrap());
        assert_eq!(restored.results(height).unwrap(), node.results(height).unwrap());
        assert_eq!(restored.validators(height).unwrap(), node.validators(height).unwrap());
        let params = restored.consensus_params(height).unwrap();
        assert_eq!(params, node.consensus_params(height).unwrap());
    }
    assert_eq!(restored.block(3).unwrap(), None);
    // What was restored can be handed on.
    let handed = restored.checkpoint(6).unwrap();
    handed.verify(node.genesis(), Some(&node_hash(&node, 7))).unwrap();
    restored.shutdown().await.unwrap();
    node.shutdown().await.unwrap();
}

fn node_hash(node: &consensus::Handle, height: u64) -> [u8; 32] {
    node.block_meta(height).unwrap().unwrap().block_id.hash.try_into().unwrap()
}

fn assert_is_refused_when_changed(checkpoint: &Checkpoint) {
    let doc = genesis(&[10]);
    let bytes = checkpoint.to_bytes().unwrap();
    let read = Checkpoint::from_bytes(&bytes).unwrap();
    assert_eq!(&read, checkpoint);
    read.verify(&doc, None).unwrap();
    read.verify(&doc, Some(&read.block_hash())).unwrap();
    read.verify(&doc, Some(&read.next_block_hash())).unwrap();
    let untrusted = read.verify(&doc, Some(&[7; 32])).unwrap_err();
    assert!(matches!(untrusted, CheckpointError::Untrusted { height: 4, .. }), "{untrusted}");
    let mut other = doc.clone();
    other.chain_id = "toy-2".to_owned();
    let wrong = read.verify(&other, None).unwrap_err();
    assert!(matches!(wrong, CheckpointError::WrongChain { .. }), "{wrong}");

    // A turned bit is noticed, but where no header fixes it: priorities of proposers, events of
    // results, and parameters of evidence, which the application tells again with the next block.
    let facts = |it: &Checkpoint| {
        (it.height(), it.block_hash(), it.next_block_hash(), it.app_hash().to_vec())
    };
    let mut unnoticed = 0;
    for at in 0..bytes.len() {
        let mut turned = bytes.clone();
        turned[at] ^= 1;
        let Ok(turned) = Checkpoint::from_bytes(&turned) else { continue };
        if turned.verify(&doc, None).is_ok() {
            unnoticed += 1;
            assert_eq!(facts(&turned), facts(checkpoint), "byte {at}");
        }
    }
    assert!(unnoticed < bytes.len() / 10, "{unnoticed} of {} turned bits", bytes.len());
    assert!(Checkpoint::from_bytes(&bytes[1..]).is_err());
    assert!(Checkpoint::from_bytes(&[]).is_err());
}
