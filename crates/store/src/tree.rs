//! The sparse Merkle tree of one store: immutable nodes, shared between versions.
//!
//! A subtree with one key is that key's leaf; an empty one hashes to 32 zero bytes. The path of a
//! key is the bits of its SHA-256, most significant first.

use std::sync::Arc;

use crate::{Hash, Result, StoreChanges, hash, snapshot::Pair};

/// One version of a tree. Cloning is cheap.
#[derive(Clone, Default)]
pub(crate) struct Tree {
    link: Link,
    /// Nothing was ever written to the store, which is younger than the chain: it is not in the
    /// root yet.
    is_new: bool,
}

pub(crate) type Link = Option<Arc<Node>>;

pub(crate) enum Node {
    Leaf(Leaf),
    Inner { hash: Hash, left: Link, right: Link },
}

#[derive(Clone)]
pub(crate) struct Leaf {
    pub(crate) hash: Hash,
    pub(crate) key_hash: Hash,
    /// The key itself: a proof of absence names its neighbours.
    pub(crate) key: Box<[u8]>,
}

/// A change on its way down: where it goes, and the new leaf or none.
struct Change {
    key_hash: Hash,
    leaf: Option<Leaf>,
}

impl Tree {
    pub(crate) fn from_pairs(pairs: impl Iterator<Item = Result<Pair>>) -> Result<Self> {
        let mut leaves = Vec::new();
        for pair in pairs {
            let (key, value) = pair?;
            leaves.push(Leaf::new(&key, &value));
        }
        leaves.sort_unstable_by_key(|leaf| leaf.key_hash);
        Ok(Self { link: build(leaves.as_slice(), 0), is_new: false })
    }

    /// Of a store that the chain does not know yet.
    pub(crate) fn new() -> Self {
        Self { link: None, is_new: true }
    }

    pub(crate) fn is_new(&self) -> bool {
        self.is_new
    }

    pub(crate) fn root(&self) -> Hash {
        hash_of(&self.link)
    }

    pub(crate) fn link(&self) -> &Link {
        &self.link
    }

    pub(crate) fn update(&mut self, changes: &StoreChanges) {
        let mut changes: Vec<Change> = changes
            .iter()
            .map(|(key, value)| match value {
                Some(value) => {
                    let leaf = Leaf::new(key, value);
                    Change { key_hash: leaf.key_hash, leaf: Some(leaf) }
                }
                None => Change { key_hash: Hash::of(&[key]), leaf: None },
            })
            .collect();
        changes.sort_unstable_by_key(|change| change.key_hash);
        self.is_new &= changes.is_empty();
        self.link = apply(self.link.take(), &changes, 0);
    }
}

impl Leaf {
    fn new(key: &[u8], value: &[u8]) -> Self {
        let key_hash = Hash::of(&[key]);
        let hash = hash::leaf(&key_hash, &Hash::of(&[value]));
        Self { hash, key_hash, key: key.into() }
    }
}

pub(crate) fn hash_of(link: &Link) -> Hash {
    match link.as_deref() {
        None => Hash::EMPTY,
        Some(Node::Leaf(leaf)) => leaf.hash,
        Some(Node::Inner { hash, .. }) => *hash,
    }
}

/// `changes` are sorted by key hash and all share the first `depth` bits.
fn apply(link: Link, changes: &[Change], depth: usize) -> Link {
    if changes.is_empty() {
        return link;
    }
    match link.as_deref() {
        None => build(&kept(changes, None), depth),
        Some(Node::Leaf(leaf)) => build(&kept(changes, Some(leaf)), depth),
        Some(Node::Inner { left, right, .. }) => {
            let at = changes.partition_point(|change| !change.key_hash.bit(depth));
            let (low, high) = changes.split_at(at);
            join(apply(left.clone(), low, depth + 1), apply(right.clone(), high, depth + 1))
        }
    }
}

/// The leaves that `changes` leave where there was at most one, in order.
fn kept(changes: &[Change], old: Option<&Leaf>) -> Vec<Leaf> {
    let mut leaves: Vec<Leaf> = changes.iter().filter_map(|change| change.leaf.clone()).collect();
    if let Some(old) = old {
        let hit = changes.binary_search_by_key(&old.key_hash, |change| change.key_hash);
        if hit.is_err() {
            let at = leaves.partition_point(|leaf| leaf.key_hash < old.key_hash);
            leaves.insert(at, old.clone());
        }
    }
    leaves
}

fn build(leaves: &[Leaf], depth: usize) -> Link {
    match leaves {
        [] => None,
        [one] => Some(Arc::new(Node::Leaf(one.clone()))),
        many => {
            let at = many.partition_point(|leaf| !leaf.key_hash.bit(depth));
            let (low, high) = many.split_at(at);
            join(build(low, depth + 1), build(high, depth + 1))
        }
    }
}

/// Puts two halves together; a half with one leaf beside an empty one moves up.
fn join(left: Link, right: Link) -> Link {
    match (left.as_deref(), right.as_deref()) {
        (None, None) => None,
        (Some(Node::Leaf(_)), None) => left,
        (None, Some(Node::Leaf(_))) => right,
        _ => {
            let hash = hash::inner(&hash_of(&left), &hash_of(&right));
            Some(Arc::new(Node::Inner { hash, left, right }))
        }
    }
}
