//! SHA-256 and the two hash rules: sparse Merkle tree (Celestia SMT) and simple Merkle map.

use std::fmt;

use sha2::{Digest, Sha256};

use crate::tree::{Root, Tree};

/// A SHA-256 digest.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hash(pub [u8; 32]);

impl Hash {
    /// The hash of an empty (sub)tree.
    pub const EMPTY: Self = Self([0; 32]);

    /// SHA-256 over the concatenation of `parts`.
    pub fn of(parts: &[&[u8]]) -> Self {
        let mut hasher = Sha256::new();
        for part in parts {
            hasher.update(part);
        }
        Self(hasher.finalize().into())
    }

    /// The bit at `depth`, counted from the most significant; past the end it is 0.
    pub(crate) fn bit(&self, depth: usize) -> bool {
        let byte = self.0.get(depth / 8).copied().unwrap_or_default();
        byte & (0x80 >> (depth % 8)) != 0
    }
}

impl AsRef<[u8]> for Hash {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02X}"))
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

pub(crate) fn leaf(key_hash: &Hash, value_hash: &Hash) -> Hash {
    Hash::of(&[&[0], &key_hash.0, &value_hash.0])
}

pub(crate) fn inner(left: &Hash, right: &Hash) -> Hash {
    Hash::of(&[&[1], &left.0, &right.0])
}

/// The roots of versions of trees; none for a store that is not in the root of the state yet.
pub(crate) fn known(trees: &[Tree], versions: &[Root]) -> Vec<Option<Hash>> {
    trees.iter().zip(versions).map(|(tree, version)| tree.view(*version).known()).collect()
}

/// [`root`] over the latest versions.
pub(crate) fn latest(names: &[&'static str], trees: &[Tree]) -> Hash {
    let versions: Vec<Root> = trees.iter().map(Tree::latest).collect();
    root(names, &known(trees, &versions))
}

/// The root over all stores that the chain knows: a simple Merkle map of (name, tree root), sorted
/// by name, as the reference's multistore has it (cosmos.md 7.3).
pub(crate) fn root(names: &[&'static str], roots: &[Option<Hash>]) -> Hash {
    simple_root(&map_leaves(names, roots))
}

/// The hashed leaves of the simple map, in name order.
pub(crate) fn map_leaves(names: &[&'static str], roots: &[Option<Hash>]) -> Vec<Hash> {
    sorted(names, roots)
        .into_iter()
        .map(|(name, root)| {
            Hash::of(&[&[0], &uvarint(name.len()), name.as_bytes(), &[32], &Hash::of(&[&root.0]).0])
        })
        .collect()
}

pub(crate) fn sorted(names: &[&'static str], roots: &[Option<Hash>]) -> Vec<(&'static str, Hash)> {
    let known = names.iter().zip(roots).filter_map(|(name, root)| Some((*name, (*root)?)));
    let mut pairs: Vec<_> = known.collect();
    pairs.sort_unstable();
    pairs
}

/// RFC 6962 over hashed leaves: split at the largest power of two below the length.
pub(crate) fn simple_root(leaves: &[Hash]) -> Hash {
    match leaves {
        [] => Hash::of(&[]),
        [one] => *one,
        many => {
            let (left, right) = many.split_at(split_point(many.len()));
            inner(&simple_root(left), &simple_root(right))
        }
    }
}

pub(crate) fn split_point(len: usize) -> usize {
    len.next_power_of_two() / 2
}

/// Lengths of names are below 128 ([`crate::Options::stores`]), so one byte is enough.
fn uvarint(len: usize) -> [u8; 1] {
    [u8::try_from(len & 0x7f).unwrap_or_default()]
}
