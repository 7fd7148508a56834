//! The hash tree of CometBFT: RFC 6962, SHA-256, the empty list hashing to the empty string.

use sha2::{Digest, Sha256};
use types::wire::tendermint::crypto::Proof;

/// A SHA-256 value.
pub type Hash = [u8; 32];

/// SHA-256.
#[must_use]
pub fn sha256(bytes: &[u8]) -> Hash {
    Sha256::digest(bytes).into()
}

/// The root over `leaves`, in order.
#[must_use]
pub fn root<T: AsRef<[u8]>>(leaves: &[T]) -> Hash {
    let hashes: Vec<Hash> = leaves.iter().map(|it| leaf(it.as_ref())).collect();
    root_of_hashes(&hashes)
}

/// The root and, for every leaf, the proof that it is under the root.
#[must_use]
pub fn proofs<T: AsRef<[u8]>>(leaves: &[T]) -> (Hash, Vec<Proof>) {
    let hashes: Vec<Hash> = leaves.iter().map(|it| leaf(it.as_ref())).collect();
    let total = i64::try_from(hashes.len()).unwrap_or(i64::MAX);
    let mut proofs: Vec<Proof> = hashes
        .iter()
        .zip(0_i64..)
        .map(|(hash, index)| Proof { total, index, leaf_hash: hash.to_vec(), aunts: Vec::new() })
        .collect();
    let root = add_aunts(&hashes, &mut proofs);
    (root, proofs)
}

fn leaf(bytes: &[u8]) -> Hash {
    let mut hasher = Sha256::new();
    hasher.update([0]);
    hasher.update(bytes);
    hasher.finalize().into()
}

fn inner(left: &Hash, right: &Hash) -> Hash {
    let mut hasher = Sha256::new();
    hasher.update([1]);
    hasher.update(left);
    hasher.update(right);
    hasher.finalize().into()
}

fn root_of_hashes(hashes: &[Hash]) -> Hash {
    match hashes {
        [] => sha256(&[]),
        [one] => *one,
        many => {
            let (left, right) = many.split_at(split(many.len()));
            inner(&root_of_hashes(left), &root_of_hashes(right))
        }
    }
}

/// Aunts are listed from the leaf upwards.
fn add_aunts(hashes: &[Hash], proofs: &mut [Proof]) -> Hash {
    match hashes {
        [] => sha256(&[]),
        [one] => *one,
        many => {
            let at = split(many.len());
            let (left, right) = many.split_at(at);
            let (left_proofs, right_proofs) = proofs.split_at_mut(at.min(proofs.len()));
            let left = add_aunts(left, left_proofs);
            let right = add_aunts(right, right_proofs);
            left_proofs.iter_mut().for_each(|it| it.aunts.push(right.to_vec()));
            right_proofs.iter_mut().for_each(|it| it.aunts.push(left.to_vec()));
            inner(&left, &right)
        }
    }
}

/// The largest power of two below `len`, which is at least 2.
fn split(len: usize) -> usize {
    len.div_ceil(2).next_power_of_two()
}

#[cfg(test)]
#[expect(clippy::indexing_slicing, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn the_empty_list_hashes_to_the_empty_string() {
        assert_eq!(
            hex::encode_upper(root::<Vec<u8>>(&[])),
            "E3B0C44298FC1C149AFBF4C8996FB92427AE41E4649B934CA495991B7852B855"
        );
    }

    #[test]
    fn the_split_is_the_largest_power_of_two_below() {
        let splits: Vec<usize> = (2..=17).map(split).collect();
        assert_eq!(splits, [1, 2, 2, 4, 4, 4, 4, 8, 8, 8, 8, 8, 8, 8, 8, 16]);
    }

    #[test]
    fn proofs_lead_to_the_root() {
        for count in 1_u8..9 {
            let leaves: Vec<Vec<u8>> = (0..count).map(|it| vec![it; 3]).collect();
            let (top, proofs) = proofs(&leaves);
            assert_eq!(top, root(&leaves));
            // Seven leaves split 4 + 3; the fifth has the sixth, the seventh, the left four.
            if count == 7 {
                assert_eq!(proofs[4].aunts.len(), 3);
                assert_eq!(proofs[6].aunts.len(), 2);
            }
            assert!(proofs.iter().all(|it| it.total == i64::from(count)));
        }
    }
}
