//! Snapshots: made beside a running node and of a stopped one, restored, and refused when anything
//! about them is wrong.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::{
    fs,
    ops::ControlFlow,
    path::{Path, PathBuf},
    time::Duration,
};

use node::{
    Config, Error, Member, NewNetwork, home,
    snapshots::{self, Manifest, SnapshotError},
};
use serde_json::{Value, json};
use types::Address;

const CHAIN: &str = "snapshots-1";
const PATIENCE: Duration = Duration::from_secs(120);

fn config() -> Config {
    let any = "127.0.0.1:0".parse().unwrap();
    Config {
        rpc_listen: any,
        rest_listen: any,
        grpc_listen: any,
        p2p_listen: "/ip4/127.0.0.1/tcp/0".to_owned(),
        block_time_ms: 50,
        block_time_busy_ms: 50,
        snapshot_every_blocks: 4,
        ..Config::default()
    }
}

/// A network of one validator.
fn begin(path: &Path) {
    let operator = Address::from([7; 20]);
    let funds = "1000000000000uakt".parse().unwrap();
    node::init(NewNetwork {
        chain_id: CHAIN.to_owned(),
        genesis_time_s: 1_700_000_000,
        app_state: node::modules::genesis::local(&[(operator.clone(), funds)]),
        members: vec![Member { home: path.to_owned(), operator, config: config() }],
    })
    .unwrap();
}

/// A home with the genesis document of another one.
fn join(path: &Path, of: &Path) {
    node::join(path, &node::load_genesis(of).unwrap(), &config()).unwrap();
}

fn restore(path: &Path, from: &Path, trusted: Option<[u8; 32]>) -> Result<u64, Error> {
    let mut steps = Vec::new();
    let restored = snapshots::restore(path, &config(), from, trusted, &mut |done, all| {
        steps.push((done, all));
        ControlFlow::Continue(())
    })?;
    assert_eq!(steps.last(), Some(&(steps.len(), Some(steps.len()))));
    Ok(restored.height)
}

fn go_on(_: usize, _: Option<usize>) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

fn hash(hex: &str) -> [u8; 32] {
    hex::decode(hex).unwrap().try_into().unwrap()
}

/// A copy of a snapshot, to be spoilt.
fn copied(from: &Path, to: PathBuf) -> PathBuf {
    fs::create_dir_all(&to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
    }
    to
}

fn change_manifest(path: &Path, change: impl FnOnce(&mut Value)) {
    let file = path.join("manifest.json");
    let mut manifest: Value = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
    change(&mut manifest);
    fs::write(file, manifest.to_string()).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_snapshot_is_made_beside_a_node_or_of_a_stopped_one_and_restored_elsewhere() {
    let folder = tempfile::tempdir().unwrap();
    let (first, second) = (folder.path().join("first"), folder.path().join("second"));
    begin(&first);
    let own = snapshots::folder(&first);
    fs::create_dir_all(own.join("3.new")).unwrap();
    let node = node::start(&first, config()).await.unwrap();
    // Two are kept, while blocks go on.
    let kept = async {
        loop {
            let found = snapshots::list(&own).unwrap();
            if found.last().is_some_and(|(_, it)| it.height >= 12) {
                return found;
            }
            assert!(node.health().halted.is_none());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let kept = tokio::time::timeout(PATIENCE, kept).await.unwrap();
    assert!(kept.len() <= 3 && kept.iter().all(|(_, it)| it.height % 4 == 0));
    assert!(!own.join("3.new").exists());
    let running = snapshots::create(&first, &config(), &own, None, &mut go_on);
    assert!(matches!(running, Err(Error::HomeLocked(_))));
    node.shutdown().await.unwrap();

    let to = folder.path().join("made");
    let make = |height| snapshots::create(&first, &config(), &to, height, &mut go_on);
    let (path, made) = make(None).unwrap();
    assert_eq!(path, to.join(made.height.to_string()));
    assert!(matches!(make(None), Err(Error::Snapshot(SnapshotError::Exists(_)))));
    for height in [0, made.height + 1, 1_000_000] {
        let refused = make(Some(height));
        assert!(matches!(refused, Err(Error::Snapshot(SnapshotError::NoHeight(_)))));
    }
    // One that is not wanted any more leaves nothing.
    let beside = &kept.first().unwrap().1;
    let mut stop = |_, _| ControlFlow::Break(());
    let stopped = snapshots::create(&first, &config(), &to, Some(beside.height), &mut stop);
    assert!(matches!(stopped, Err(Error::Snapshot(SnapshotError::Stopped))));
    assert_eq!(fs::read_dir(&to).unwrap().count(), 1);
    // The same height gives the same state, whoever writes it.
    let (_, again) = make(Some(beside.height)).unwrap();
    assert_eq!((&again.chunks, &again.app_hash), (&beside.chunks, &beside.app_hash));

    assert_refusals(folder.path(), &first, &path, &made);

    join(&second, &first);
    // What a restore that was killed has left is no obstacle.
    fs::create_dir_all(home::restoring(&second).join("state")).unwrap();
    fs::write(home::restoring(&second).join("state/half"), "x").unwrap();
    let height = restore(&second, &path, Some(hash(&made.next_block_hash))).unwrap();
    assert_eq!(height, made.height);
    assert!(!home::restoring(&second).exists());
    let twice = restore(&second, &path, None);
    assert!(matches!(twice, Err(Error::Snapshot(SnapshotError::HasData(_)))));
    let node = node::start(&second, config()).await.unwrap();
    assert_eq!(node.consensus().height(), made.height);
    let hash_here = node.consensus().latest().unwrap().unwrap().block_id.hash;
    assert_eq!(hex::encode_upper(hash_here), made.block_hash);
    node.shutdown().await.unwrap();
}

/// Nothing that is wrong gets in, and nothing of it stays.
fn assert_refusals(folder: &Path, first: &Path, path: &Path, made: &Manifest) {
    use SnapshotError as E;

    type Spoil = fn(&Path);
    type Expected = fn(&SnapshotError) -> bool;
    let cases: [(&str, Spoil, Expected); 10] = [
        (
            "no manifest",
            |it| fs::remove_file(it.join("manifest.json")).unwrap(),
            |it| matches!(it, E::NotOne(..)),
        ),
        (
            "half a manifest",
            |it| fs::write(it.join("manifest.json"), "{").unwrap(),
            |it| matches!(it, E::NotOne(..)),
        ),
        (
            "another format",
            |it| change_manifest(it, |it| it["format"] = json!(2)),
            |it| matches!(it, E::Format(_, 2)),
        ),
        (
            "another chain",
            |it| change_manifest(it, |it| it["chain_id"] = json!("x")),
            |it| matches!(it, E::WrongChain { .. }),
        ),
        (
            "no state",
            |it| fs::remove_file(it.join("state-00000.gz")).unwrap(),
            |it| matches!(it, E::Damaged(..)),
        ),
        ("cut state", |it| cut(&it.join("state-00000.gz")), |it| matches!(it, E::Damaged(..))),
        ("cut consensus", |it| cut(&it.join("consensus.gz")), |it| matches!(it, E::Damaged(..))),
        ("exchanged files", exchange, |it| matches!(it, E::Damaged(..))),
        (
            "a bomb",
            |it| change_manifest(it, |it| it["chunks"][0]["bytes"] = json!(1_u64 << 40)),
            |it| matches!(it, E::Damaged(..)),
        ),
        (
            "a store less",
            |it| change_manifest(it, drop_store),
            |it| matches!(it, E::State(_, store::Error::WrongRoot { .. })),
        ),
    ];
    for (name, spoil, expected) in cases {
        let target = folder.join(format!("refuses {name}"));
        join(&target, first);
        let spoilt = copied(path, folder.join(format!("snapshot with {name}")));
        spoil(&spoilt);
        let Err(Error::Snapshot(error)) = restore(&target, &spoilt, None) else { panic!("{name}") };
        assert!(expected(&error), "{name}: {error}");
        assert!(!home::data(&target).exists() && !home::restoring(&target).exists(), "{name}");
    }
    let target = folder.join("trusts another");
    join(&target, first);
    let other = restore(&target, path, Some([1; 32]));
    assert!(matches!(other, Err(Error::Snapshot(E::Refused(..)))));
    restore(&target, path, Some(hash(&made.block_hash))).unwrap();
    // A home without genesis has nothing to hold a snapshot against.
    assert!(matches!(restore(&folder.join("empty"), path, None), Err(Error::NoGenesis(_))));
}

fn cut(file: &Path) {
    let bytes = fs::read(file).unwrap();
    fs::write(file, &bytes[..bytes.len() / 2]).unwrap();
}

fn exchange(path: &Path) {
    fs::copy(path.join("consensus.gz"), path.join("state-00000.gz")).unwrap();
}

fn drop_store(manifest: &mut Value) {
    let stores = manifest["stores"].as_array_mut().unwrap();
    stores.retain(|it| it != "bank");
}
