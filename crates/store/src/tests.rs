#![allow(clippy::unwrap_used, reason = "tests stop at the first surprise")]

use std::collections::BTreeMap;

use ics23::HostFunctionsManager;
use proptest::prelude::*;
use prost_013::Message as _;

use crate::{
    Changes, Error, Hash, Import, Options, Range, Snapshot, Store, StoreChanges, hash, tree::Tree,
};

fn options(history: u64) -> Options {
    Options { stores: vec!["bank", "acc", "market"], history }
}

fn set(store: &'static str, pairs: &[(&[u8], Option<&[u8]>)]) -> Changes {
    let pairs = pairs.iter().map(|(key, value)| (key.to_vec(), value.map(<[u8]>::to_vec)));
    BTreeMap::from([(store, pairs.collect())])
}

fn dump(snapshot: &Snapshot, store: &str) -> Vec<(Vec<u8>, Vec<u8>)> {
    snapshot.range(store, Range::all(), false).unwrap().map(Result::unwrap).collect()
}

/// The tree by its definition: no sharing, no updates.
fn naive_root(mut leaves: Vec<(Hash, Hash)>, depth: usize) -> Hash {
    match leaves.len() {
        0 => Hash::EMPTY,
        1 => leaves.first().unwrap().1,
        _ => {
            let right = leaves.split_off(leaves.partition_point(|(key, _)| !key.bit(depth)));
            hash::inner(&naive_root(leaves, depth + 1), &naive_root(right, depth + 1))
        }
    }
}

#[test]
fn a_commit_is_read_back_and_survives_a_restart() {
    let home = tempfile::tempdir().unwrap();
    let first = {
        let store = Store::open(home.path(), options(10)).unwrap();
        store.commit(1, &set("bank", &[(b"a", Some(b"1")), (b"b", Some(b"2"))]), true).unwrap()
    };
    let store = Store::open(home.path(), options(10)).unwrap();
    assert_eq!(store.version(), first);
    assert_eq!(store.latest().get("bank", b"b").unwrap().unwrap(), b"2");
    assert_eq!(store.latest().get("acc", b"b").unwrap(), None);
}

#[test]
fn heights_come_in_order() {
    let store = Store::memory(options(10)).unwrap();
    store.commit(7, &Changes::new(), false).unwrap();
    assert!(matches!(store.commit(7, &Changes::new(), false), Err(Error::OutOfOrder { .. })));
    assert!(matches!(store.commit(9, &Changes::new(), false), Err(Error::OutOfOrder { .. })));
    store.commit(8, &Changes::new(), false).unwrap();
}

#[test]
fn an_unknown_store_is_refused_before_anything_is_written() {
    let store = Store::memory(options(10)).unwrap();
    let before = store.version();
    assert!(matches!(store.commit(1, &set("nft", &[]), false), Err(Error::NoSuchStore(_))));
    assert_eq!(store.version(), before);
}

#[test]
fn a_damaged_value_is_noticed_at_start() {
    let home = tempfile::tempdir().unwrap();
    let store = Store::open(home.path(), options(10)).unwrap();
    store.commit(1, &set("bank", &[(b"a", Some(b"1"))]), true).unwrap();
    drop(store);
    {
        let database = fjall::Database::builder(home.path()).open().unwrap();
        let bank = database.keyspace("store.bank", fjall::KeyspaceCreateOptions::default).unwrap();
        bank.insert("a", "2").unwrap();
    }
    let refused = Store::open(home.path(), options(10)).err().unwrap();
    assert!(matches!(refused, Error::Damaged { height: 1, .. }), "{refused}");
}

#[test]
fn the_root_of_nothing_is_the_root_of_empty_stores() {
    let store = Store::memory(Options { stores: vec!["one"], history: 1 }).unwrap();
    let leaf = Hash::of(&[&[0], &[3], b"one", &[32], &Hash::of(&[&[0; 32]]).0]);
    assert_eq!(store.version().root, leaf);
}

#[test]
fn present_and_absent_keys_are_proven_to_a_light_client() {
    let store = Store::memory(options(3)).unwrap();
    let mut changes = StoreChanges::new();
    for n in 0u32..300 {
        changes.insert(n.to_be_bytes().to_vec(), Some(format!("value {n}").into_bytes()));
    }
    store.commit(1, &BTreeMap::from([("market", changes)]), false).unwrap();
    store.commit(2, &set("market", &[(&5u32.to_be_bytes(), None)]), false).unwrap();
    let root = store.version().root;
    for n in 0u32..400 {
        let key = n.to_be_bytes();
        let proof = store.prove("market", &key, 2).unwrap();
        assert_eq!(proof.root, root);
        assert_eq!(proof.value.is_some(), n < 300 && n != 5);
        verify(&proof, &key, root);
    }
    // The state before the deletion still proves its key against its own root.
    let old = store.prove("market", &5u32.to_be_bytes(), 1).unwrap();
    assert!(old.value.is_some() && old.root != root);
    verify(&old, &5u32.to_be_bytes(), old.root);
    // A store without any key proves absence too.
    let empty = store.prove("acc", b"x", 2).unwrap();
    assert_eq!(empty.value, None);
}

fn verify(proof: &crate::Proof, key: &[u8], root: Hash) {
    let [inner, outer] = proof.ops.as_slice() else { panic!("two steps") };
    let inner = ics23::CommitmentProof::decode(inner.data.as_slice()).unwrap();
    let outer_proof = ics23::CommitmentProof::decode(outer.data.as_slice()).unwrap();
    let Some(ics23::commitment_proof::Proof::Exist(store_root)) = &outer_proof.proof else {
        panic!("the store exists")
    };
    let store_root = store_root.value.clone();
    let outer_spec = ics23::tendermint_spec();
    assert!(ics23::verify_membership::<HostFunctionsManager>(
        &outer_proof,
        &outer_spec,
        &root.0.to_vec(),
        &outer.key,
        &store_root,
    ));
    let spec = ics23::smt_spec();
    let proven = match &proof.value {
        Some(value) => {
            ics23::verify_membership::<HostFunctionsManager>(&inner, &spec, &store_root, key, value)
        }
        None => {
            ics23::verify_non_membership::<HostFunctionsManager>(&inner, &spec, &store_root, key)
        }
    };
    assert!(proven, "key {key:?} against its store root");
    let forged = ics23::verify_membership::<HostFunctionsManager>(
        &inner,
        &spec,
        &store_root,
        key,
        b"another value",
    );
    assert!(!forged);
}

#[test]
fn heights_outside_the_window_are_refused_with_the_window() {
    let store = Store::memory(options(2)).unwrap();
    for height in 1..=9u64 {
        store.commit(height, &set("bank", &[(b"h", Some(&height.to_be_bytes()))]), false).unwrap();
    }
    for height in 7..=9u64 {
        let seen = store.at(height).unwrap().get("bank", b"h").unwrap().unwrap();
        assert_eq!(seen, height.to_be_bytes());
        store.prove("bank", b"h", height).unwrap();
    }
    for height in [0, 6, 10] {
        let refused = store.at(height).err().unwrap();
        assert!(matches!(refused, Error::NoSuchHeight { lowest: 7, latest: 9, .. }), "{refused}");
        assert!(store.prove("bank", b"h", height).is_err());
    }
}

fn key() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(0u8..4, 1..4)
}

fn block() -> impl Strategy<Value = Vec<(bool, Vec<u8>, Option<Vec<u8>>)>> {
    let value = prop::option::of(prop::collection::vec(any::<u8>(), 0..5));
    prop::collection::vec((any::<bool>(), key(), value), 0..12)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Any history of sets and deletes: the root is that of the definition, the content that of a
    /// plain map, old heights stay readable in both directions, and a restart changes nothing.
    #[test]
    fn a_store_is_a_plain_map_with_the_root_of_the_definition(
        blocks in prop::collection::vec(block(), 1..12),
        from in key(),
        prefix in prop::collection::vec(0u8..4, 0..2),
    ) {
        let home = tempfile::tempdir().unwrap();
        let mut store = Store::open(home.path(), options(100)).unwrap();
        let mut models: Vec<[BTreeMap<Vec<u8>, Vec<u8>>; 2]> = vec![Default::default()];
        for block in &blocks {
            let height = models.len() as u64;
            let mut model = models.last().unwrap().clone();
            let mut changes = Changes::new();
            for (second, key, value) in block {
                let (name, index) = if *second { ("acc", 1) } else { ("bank", 0) };
                changes.entry(name).or_default().insert(key.clone(), value.clone());
                match value {
                    Some(value) => model[index].insert(key.clone(), value.clone()),
                    None => model[index].remove(key),
                };
            }
            let foreseen = store.root_with(&changes).unwrap();
            let version = store.commit(height, &changes, false).unwrap();
            prop_assert_eq!(foreseen, version.root);
            models.push(model);
        }
        let version = store.version();
        let naive: Vec<Hash> = models.last().unwrap().iter().map(|model| {
            let mut leaves: Vec<(Hash, Hash)> = model
                .iter()
                .map(|(k, v)| (Hash::of(&[k]), hash::leaf(&Hash::of(&[k]), &Hash::of(&[v]))))
                .collect();
            leaves.sort_unstable();
            naive_root(leaves, 0)
        }).collect();
        let latest = store.latest();
        for (index, name) in ["bank", "acc"].into_iter().enumerate() {
            let tree = Tree::from_pairs(latest.range(name, Range::all(), false).unwrap()).unwrap();
            prop_assert_eq!(tree.root(), naive[index]);
        }
        drop(latest);
        drop(store);
        store = Store::open(home.path(), options(100)).unwrap();
        prop_assert_eq!(store.version(), version);
        for (height, model) in models.iter().enumerate() {
            let snapshot = store.at(height as u64).unwrap();
            for (index, name) in ["bank", "acc"].into_iter().enumerate() {
                let model = &model[index];
                let all: Vec<_> = model.clone().into_iter().collect();
                prop_assert_eq!(dump(&snapshot, name), all);
                let range = Range { start: std::ops::Bound::Excluded(from.clone()), ..Range::all() };
                let back: Vec<_> = snapshot.range(name, range, true).unwrap().map(|it| it.unwrap().0).collect();
                let expected: Vec<_> = model.keys().rev().filter(|k| **k > from).cloned().collect();
                prop_assert_eq!(back, expected);
                let under: Vec<_> = snapshot.range(name, Range::prefix(&prefix), false).unwrap().map(|it| it.unwrap().0).collect();
                let expected: Vec<_> = model.keys().filter(|k| k.starts_with(&prefix)).cloned().collect();
                prop_assert_eq!(under, expected);
            }
        }
    }
}

#[test]
fn a_store_of_a_later_build_counts_from_its_first_write() {
    let home = tempfile::tempdir().unwrap();
    let wider = || Options { stores: vec!["bank", "acc", "market", "limits"], history: 10 };
    let row = |store| set(store, &[(b"a", Some(b"1"))]);
    let plain = Store::memory(options(10)).unwrap();
    let old = Store::open(home.path(), options(10)).unwrap();
    let first = old.commit(1, &row("bank"), true).unwrap();
    assert_eq!(plain.commit(1, &row("bank"), false).unwrap(), first);
    drop(old);

    let new = Store::open(home.path(), wider()).unwrap();
    assert_eq!(new.version(), first);
    // Reads know it as empty, proofs not at all, and the root is as if it were not there.
    assert_eq!(new.latest().get("limits", b"a").unwrap(), None);
    assert!(matches!(new.prove("limits", b"a", 1), Err(Error::NoSuchStore(_))));
    let second = new.commit(2, &row("acc"), true).unwrap();
    assert_eq!(plain.commit(2, &row("acc"), false).unwrap(), second);
    let third = new.commit(3, &row("limits"), true).unwrap();
    assert_ne!(plain.commit(3, &Changes::new(), false).unwrap(), third);
    assert!(new.prove("limits", b"a", 3).is_ok());
    let with = |height| new.export(height).unwrap().stores().contains(&"limits");
    assert!(!with(2) && with(3));
    drop(new);
    assert_eq!(Store::open(home.path(), wider()).unwrap().version(), third);
    // The old build sees at once that the state is not its own.
    let refused = Store::open(home.path(), options(10)).err().unwrap();
    assert!(matches!(&refused, Error::NewerStore(name) if name == "limits"), "{refused}");

    // A chain that begins with the wider build has the store from the start.
    let fresh = Store::memory(wider()).unwrap();
    assert_ne!(fresh.commit(1, &row("bank"), false).unwrap().root, first.root);
}

fn exported() -> (Store, Vec<Vec<u8>>) {
    let store = Store::memory(options(10)).unwrap();
    let value = vec![7; 3 << 20];
    let keys = (0..4_u8).map(|it| (vec![it], Some(value.clone())));
    let large = BTreeMap::from([("acc", keys.collect::<StoreChanges>())]);
    store.commit(5, &large, false).unwrap();
    store.commit(6, &set("bank", &[(b"a", Some(b"1")), (b"c", Some(b""))]), false).unwrap();
    store.commit(7, &set("bank", &[(b"a", None), (b"b", Some(b"2"))]), false).unwrap();
    let chunks = store.export(6).unwrap().chunks().map(Result::unwrap).collect();
    (store, chunks)
}

#[test]
fn an_exported_state_is_imported_with_the_same_root() {
    let (store, chunks) = exported();
    assert_eq!(chunks.len(), 2);
    let again = store.export(6).unwrap();
    assert_eq!(again.chunks().map(Result::unwrap).collect::<Vec<_>>(), chunks);
    let names: Vec<String> = again.stores().iter().map(|it| (*it).to_owned()).collect();
    assert_eq!(names, ["acc", "bank", "market"]);

    let home = tempfile::tempdir().unwrap();
    let import = Import::begin(home.path(), &options(10)).unwrap();
    chunks.iter().rev().for_each(|it| import.chunk(it).unwrap());
    import.finish(again.version(), &names).unwrap();
    assert!(matches!(Import::begin(home.path(), &options(10)), Err(Error::NotEmpty)));
    let copy = Store::open(home.path(), options(10)).unwrap();
    assert_eq!(copy.version(), store.at(6).unwrap().version());
    for name in ["bank", "acc", "market"] {
        assert_eq!(dump(&copy.latest(), name), dump(&store.at(6).unwrap(), name));
    }
    // It goes on like the original, and knows nothing of before.
    let next = set("bank", &[(b"a", None), (b"b", Some(b"2"))]);
    assert_eq!(copy.commit(7, &next, true).unwrap(), store.version());
    assert_eq!(copy.at(6).unwrap().get("bank", b"a").unwrap().unwrap(), b"1");
    assert!(matches!(copy.at(5), Err(Error::NoSuchHeight { .. })));
}

#[test]
fn a_damaged_or_foreign_state_is_not_imported() {
    let (store, chunks) = exported();
    let version = store.at(6).unwrap().version();
    let names = ["acc", "bank", "market"].map(str::to_owned);
    let import = |spoil: &dyn Fn(&mut Vec<Vec<u8>>)| -> Result<(), Error> {
        let home = tempfile::tempdir().unwrap();
        let import = Import::begin(home.path(), &options(10))?;
        let mut chunks = chunks.clone();
        spoil(&mut chunks);
        chunks.iter().try_for_each(|it| import.chunk(it))?;
        import.finish(version, &names)?;
        Store::open(home.path(), options(10)).map(drop)
    };
    import(&|_| ()).unwrap();
    for at in [1, 20, 1 << 20] {
        // Cut anywhere, and with a byte changed anywhere, it is malformed or has another root.
        let cut = import(&|it| {
            let last = it[1].len() - 1;
            it[1].truncate(at.min(last));
        });
        assert!(matches!(cut, Err(Error::Chunk(_) | Error::WrongRoot { .. })), "{cut:?}");
        let changed = import(&|it| it[0][at] ^= 0x40);
        assert!(
            matches!(
                changed,
                Err(Error::Chunk(_) | Error::WrongRoot { .. } | Error::NewerStore(_))
            ),
            "{changed:?}"
        );
    }
    assert!(matches!(import(&|it| drop(it.pop())), Err(Error::WrongRoot { .. })));
    let foreign = import(&|it| it.push([&[0, 0, 0, 0, 1][..], b"x"].concat()));
    assert!(matches!(foreign, Err(Error::NewerStore(_))), "{foreign:?}");
    assert!(matches!(import(&|it| it.push(vec![1])), Err(Error::Chunk(_))));
    assert!(matches!(import(&|it| it.push(vec![9])), Err(Error::Chunk(_))));
    let no_key = [&[0, 0, 0, 0, 4][..], b"bank", &[1, 0, 0, 0, 0, 0, 0, 0, 0]].concat();
    assert!(matches!(import(&|it| it.push(no_key.clone())), Err(Error::Chunk(_))));
}

#[test]
fn places_of_what_left_the_window_are_used_again() {
    let mut tree = Tree::from_pairs(std::iter::empty()).unwrap();
    let mut places = 0;
    for height in 1..200u64 {
        let changes = (0..50u64).map(|at| {
            let value = (at % 7 != height % 7).then(|| height.to_be_bytes().to_vec());
            (at.to_be_bytes().to_vec(), value)
        });
        let draft = tree.draft(&changes.collect());
        let foreseen = draft.root();
        tree.commit(height, draft);
        assert_eq!(tree.root(), foreseen);
        tree.forget(height.saturating_sub(3));
        if height == 20 {
            places = tree.places();
        }
    }
    assert!(tree.places() <= places + 20, "{} places, {places} at first", tree.places());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Versions inside the window keep their roots whatever is committed after them, and a draft
    /// knows which keys were there.
    #[test]
    fn versions_of_a_tree_stay_as_they_are(
        blocks in prop::collection::vec(
            prop::collection::btree_map(key(), prop::option::of(any::<u8>()), 0..12),
            1..20,
        ),
    ) {
        const WINDOW: u64 = 4;
        let mut tree = Tree::from_pairs(std::iter::empty()).unwrap();
        let mut model: BTreeMap<Vec<u8>, u8> = BTreeMap::new();
        let mut versions = vec![(tree.latest(), tree.root())];
        for (height, block) in (1u64..).zip(blocks) {
            let changes: StoreChanges =
                block.iter().map(|(key, value)| (key.clone(), value.map(|it| vec![it]))).collect();
            let draft = tree.draft(&changes);
            let expected: Vec<bool> = block.keys().map(|key| model.contains_key(key)).collect();
            prop_assert_eq!(draft.known(), expected.as_slice());
            tree.commit(height, draft);
            for (key, value) in block {
                match value {
                    Some(value) => model.insert(key, value),
                    None => model.remove(&key),
                };
            }
            let mut leaves: Vec<(Hash, Hash)> = model
                .iter()
                .map(|(k, v)| (Hash::of(&[k]), hash::leaf(&Hash::of(&[k]), &Hash::of(&[&[*v]]))))
                .collect();
            leaves.sort_unstable();
            prop_assert_eq!(tree.root(), naive_root(leaves, 0));
            versions.push((tree.latest(), tree.root()));
            let lowest = height.saturating_sub(WINDOW);
            tree.forget(lowest);
            for (version, root) in versions.iter().skip(usize::try_from(lowest).unwrap()) {
                prop_assert_eq!(tree.view(*version).root(), *root);
            }
        }
    }
}
