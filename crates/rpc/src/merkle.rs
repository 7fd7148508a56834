//! RFC 6962 Merkle trees, for the proof that a transaction is in a block (cosmos.md 2.11).

use sha2::{Digest, Sha256};

type Hash = [u8; 32];

fn leaf(data: &[u8]) -> Hash {
    Sha256::new().chain_update([0]).chain_update(data).finalize().into()
}

fn inner(left: &Hash, right: &Hash) -> Hash {
    Sha256::new().chain_update([1]).chain_update(left).chain_update(right).finalize().into()
}

/// Place of the split: the largest power of two smaller than `len`, which is at least 2.
fn split(len: usize) -> usize {
    len.next_power_of_two() / 2
}

fn root(leaves: &[Hash]) -> Hash {
    match leaves {
        [] => Sha256::digest([]).into(),
        [one] => *one,
        _ => {
            let (left, right) = leaves.split_at(split(leaves.len()));
            inner(&root(left), &root(right))
        }
    }
}

/// The proof of one item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Proof {
    pub(crate) root: Hash,
    pub(crate) leaf: Hash,
    /// Siblings from the leaf up.
    pub(crate) aunts: Vec<Hash>,
}

/// Proves that `items[index]` is in the tree of all of them.
pub(crate) fn prove<T: AsRef<[u8]>>(items: &[T], index: usize) -> Option<Proof> {
    let leaves: Vec<_> = items.iter().map(|it| leaf(it.as_ref())).collect();
    let mut aunts = Vec::new();
    let (mut part, mut at) = (leaves.as_slice(), index);
    while part.len() > 1 {
        let (left, right) = part.split_at(split(part.len()));
        if at < left.len() {
            aunts.push(root(right));
            part = left;
        } else {
            aunts.push(root(left));
            at -= left.len();
            part = right;
        }
    }
    aunts.reverse();
    Some(Proof { root: root(&leaves), leaf: *leaves.get(index)?, aunts })
}
