//! ICS-23 proofs: first the key in its store (`smt`), then the store in the root (`tendermint`).

use prost::Message as _;
use types::wire::cosmos::ics23::v1::{
    CommitmentProof, ExistenceProof, HashOp, InnerOp, LeafOp, LengthOp, NonExistenceProof,
    commitment_proof,
};

use crate::{
    Error, Hash, Result, Snapshot, hash,
    tree::{Inner, Leaf, Link, Node, View},
};

/// A proven answer.
#[derive(Clone, Debug)]
pub struct Proof {
    /// The value, or that there is none.
    pub value: Option<Vec<u8>>,
    /// The root it is proven against: the app hash after the height asked for.
    pub root: Hash,
    /// The steps, inner first, as `abci_query` returns them.
    pub ops: Vec<ProofOp>,
}

/// One step: a `CommitmentProof` under a key.
#[derive(Clone, Debug)]
pub struct ProofOp {
    /// `ics23:smt` or `ics23:simple`.
    pub kind: &'static str,
    /// The key that this step proves.
    pub key: Vec<u8>,
    /// The encoded `cosmos.ics23.v1.CommitmentProof`.
    pub data: Vec<u8>,
}

pub(crate) fn prove(
    snapshot: &Snapshot,
    names: &[&'static str],
    trees: &[View<'_>],
    index: usize,
    key: &[u8],
    root: Hash,
) -> Result<Proof> {
    let name = names.get(index).copied().unwrap_or_default();
    let tree = trees.get(index).copied().filter(|it| it.known().is_some());
    let tree = tree.ok_or_else(|| Error::NoSuchStore(name.to_owned()))?;
    let roots: Vec<Option<Hash>> = trees.iter().map(View::known).collect();
    let value = snapshot.get_at(index, key)?;
    let inner = match &value {
        Some(value) => commitment_proof::Proof::Exist(exists(tree, key, value)),
        None => commitment_proof::Proof::Nonexist(absent(snapshot, tree, index, key)?),
    };
    let outer = commitment_proof::Proof::Exist(store_exists(names, &roots, name, tree.root()));
    let ops = vec![
        ProofOp { kind: "ics23:smt", key: key.to_vec(), data: encoded(inner) },
        ProofOp { kind: "ics23:simple", key: name.as_bytes().to_vec(), data: encoded(outer) },
    ];
    Ok(Proof { value, root, ops })
}

fn encoded(proof: commitment_proof::Proof) -> Vec<u8> {
    CommitmentProof { proof: Some(proof) }.encode_to_vec()
}

fn exists(tree: View<'_>, key: &[u8], value: &[u8]) -> ExistenceProof {
    let mut path = Vec::new();
    let key_hash = Hash::of(&[key]);
    let mut link = tree.link();
    let mut depth = 0;
    while let Some(Node::Inner(Inner { left, right, .. })) = tree.node(link) {
        let bit = key_hash.bit(depth);
        path.push(step(bit, if bit { left.hash } else { right.hash }));
        link = if bit { right.link } else { left.link };
        depth += 1;
    }
    path.reverse();
    let leaf = LeafOp {
        hash: HashOp::Sha256.into(),
        prehash_key: HashOp::Sha256.into(),
        prehash_value: HashOp::Sha256.into(),
        length: LengthOp::NoPrefix.into(),
        prefix: vec![0],
    };
    ExistenceProof { key: key.to_vec(), value: value.to_vec(), leaf: Some(leaf), path }
}

fn step(right_child: bool, Hash(sibling): Hash) -> InnerOp {
    let (prefix, suffix) = match right_child {
        true => ([&[1][..], &sibling].concat(), Vec::new()),
        false => (vec![1], sibling.to_vec()),
    };
    InnerOp { hash: HashOp::Sha256.into(), prefix, suffix }
}

/// The neighbours, in the order of key hashes, of a key that is not there.
fn absent(
    snapshot: &Snapshot,
    tree: View<'_>,
    index: usize,
    key: &[u8],
) -> Result<NonExistenceProof> {
    let wanted = Hash::of(&[key]);
    let neighbour = |leaf: Option<&Leaf>| -> Result<Option<ExistenceProof>> {
        let Some(leaf) = leaf else { return Ok(None) };
        let value = snapshot.get_at(index, &leaf.key)?.ok_or(Error::Undecodable("tree"))?;
        Ok(Some(exists(tree, &leaf.key, &value)))
    };
    Ok(NonExistenceProof {
        key: key.to_vec(),
        left: neighbour(below(tree, tree.link(), &wanted, 0))?,
        right: neighbour(above(tree, tree.link(), &wanted, 0))?,
    })
}

/// The largest leaf below `wanted` in this subtree, which shares its first `depth` bits.
fn below<'a>(tree: View<'a>, link: Link, wanted: &Hash, depth: usize) -> Option<&'a Leaf> {
    match tree.node(link)? {
        Node::Leaf(leaf) => (leaf.key_hash < *wanted).then_some(leaf),
        Node::Inner(Inner { left, right, .. }) => match wanted.bit(depth) {
            true => {
                below(tree, right.link, wanted, depth + 1).or_else(|| edge(tree, left.link, true))
            }
            false => below(tree, left.link, wanted, depth + 1),
        },
    }
}

/// The smallest leaf above `wanted` in this subtree.
fn above<'a>(tree: View<'a>, link: Link, wanted: &Hash, depth: usize) -> Option<&'a Leaf> {
    match tree.node(link)? {
        Node::Leaf(leaf) => (leaf.key_hash > *wanted).then_some(leaf),
        Node::Inner(Inner { left, right, .. }) => match wanted.bit(depth) {
            true => above(tree, right.link, wanted, depth + 1),
            false => {
                above(tree, left.link, wanted, depth + 1).or_else(|| edge(tree, right.link, false))
            }
        },
    }
}

/// The largest or the smallest leaf of a subtree.
fn edge(tree: View<'_>, link: Link, largest: bool) -> Option<&Leaf> {
    match tree.node(link)? {
        Node::Leaf(leaf) => Some(leaf),
        Node::Inner(Inner { left, right, .. }) => {
            let (first, second) =
                if largest { (right.link, left.link) } else { (left.link, right.link) };
            edge(tree, first, largest).or_else(|| edge(tree, second, largest))
        }
    }
}

fn store_exists(
    names: &[&'static str],
    roots: &[Option<Hash>],
    name: &str,
    tree_root: Hash,
) -> ExistenceProof {
    let leaves = hash::map_leaves(names, roots);
    let sorted = hash::sorted(names, roots);
    let at = sorted.iter().position(|(it, _)| *it == name).unwrap_or_default();
    let mut path = Vec::new();
    simple_path(&leaves, at, &mut path);
    let leaf = LeafOp {
        hash: HashOp::Sha256.into(),
        prehash_key: HashOp::NoHash.into(),
        prehash_value: HashOp::Sha256.into(),
        length: LengthOp::VarProto.into(),
        prefix: vec![0],
    };
    ExistenceProof {
        key: name.as_bytes().to_vec(),
        value: tree_root.0.to_vec(),
        leaf: Some(leaf),
        path,
    }
}

/// Collects the siblings of leaf `at`, from the leaf up.
fn simple_path(leaves: &[Hash], at: usize, path: &mut Vec<InnerOp>) {
    if leaves.len() < 2 {
        return;
    }
    let (left, right) = leaves.split_at(hash::split_point(leaves.len()));
    let (sibling, right_child) = match at.checked_sub(left.len()) {
        None => {
            simple_path(left, at, path);
            (hash::simple_root(right), false)
        }
        Some(at) => {
            simple_path(right, at, path);
            (hash::simple_root(left), true)
        }
    };
    let (prefix, suffix) = match right_child {
        true => ([&[1][..], &sibling.0].concat(), Vec::new()),
        false => (vec![1], sibling.0.to_vec()),
    };
    path.push(InnerOp { hash: HashOp::Sha256.into(), prefix, suffix });
}
