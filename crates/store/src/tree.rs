//! The sparse Merkle tree of one store, with the versions inside the window.
//!
//! A subtree with one key is that key's leaf; an empty one hashes to 32 zero bytes. The path of a
//! key is the bits of its SHA-256, most significant first.
//!
//! Nodes live in two flat arrays and never change: what a height changes are new nodes, made in a
//! [`Draft`] and moved in by [`Tree::commit`]. The places of those that it replaced are used again
//! once no version inside the window needs them. So a change of a key costs its path, and neither
//! an allocation nor a counter per node.

use std::collections::VecDeque;

use crate::{Hash, Result, StoreChanges, hash, snapshot::Pair};

/// Where a node is: nowhere, or in one of four arrays.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Link(u64);

/// Set for leaves; the others are inner nodes.
const LEAF: u64 = 1 << 63;
/// Set for nodes of a draft.
const DRAFT: u64 = 1 << 62;

impl Link {
    const NONE: Self = Self(0);

    fn new(flags: u64, index: usize) -> Self {
        Self(flags | u64::try_from(index).unwrap_or(!(LEAF | DRAFT)).saturating_add(1))
    }

    fn has(self, flag: u64) -> bool {
        self.0 & flag != 0
    }

    fn index(self) -> usize {
        usize::try_from((self.0 & !(LEAF | DRAFT)).wrapping_sub(1)).unwrap_or(usize::MAX)
    }
}

/// A subtree: where it begins, and its hash. Hashes stand with the parent, so that the hash of a
/// path needs no look at what is beside it.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Child {
    pub(crate) hash: Hash,
    pub(crate) link: Link,
}

impl Child {
    const NONE: Self = Self { hash: Hash::EMPTY, link: Link::NONE };

    fn is_none(&self) -> bool {
        self.link == Link::NONE
    }
}

/// A version of the tree: where it begins.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Root {
    top: Child,
    /// Nothing was ever written to the store, which is younger than the chain: it is not in the
    /// root of the state yet.
    is_new: bool,
}

#[derive(Clone, Copy)]
pub(crate) struct Inner {
    pub(crate) left: Child,
    pub(crate) right: Child,
}

#[derive(Default)]
pub(crate) struct Leaf {
    pub(crate) key_hash: Hash,
    /// The key itself: a proof of absence names its neighbours.
    pub(crate) key: Box<[u8]>,
}

#[derive(Clone, Copy)]
pub(crate) enum Node<'a> {
    Leaf(&'a Leaf),
    Inner(&'a Inner),
}

#[derive(Default)]
struct Arena {
    inners: Vec<Inner>,
    leaves: Vec<Leaf>,
}

impl Arena {
    fn node(&self, link: Link) -> Option<Node<'_>> {
        match link.has(LEAF) {
            true => self.leaves.get(link.index()).map(Node::Leaf),
            false => self.inners.get(link.index()).map(Node::Inner),
        }
    }
}

/// All versions inside the window.
#[derive(Default)]
pub(crate) struct Tree {
    arena: Arena,
    root: Root,
    /// Places that no version needs.
    free_inners: Vec<Link>,
    free_leaves: Vec<Link>,
    /// What each height replaced, the oldest first.
    retired: VecDeque<(u64, Vec<Link>)>,
}

/// One version, to read.
#[derive(Clone, Copy)]
pub(crate) struct View<'a> {
    arena: &'a Arena,
    root: Root,
}

impl<'a> View<'a> {
    pub(crate) fn root(&self) -> Hash {
        self.root.top.hash
    }

    /// The root of a store that counts; none while it is not in the root of the state.
    pub(crate) fn known(&self) -> Option<Hash> {
        (!self.root.is_new).then(|| self.root())
    }

    pub(crate) fn link(&self) -> Link {
        self.root.top.link
    }

    pub(crate) fn node(&self, link: Link) -> Option<Node<'a>> {
        self.arena.node(link)
    }
}

/// What changes would make of the latest version.
pub(crate) struct Draft {
    made: Arena,
    root: Root,
    /// Nodes of the tree that the draft does without.
    replaced: Vec<Link>,
    known: Vec<bool>,
}

impl Draft {
    /// The root with the changes.
    pub(crate) fn root(&self) -> Hash {
        self.root.top.hash
    }

    pub(crate) fn is_new(&self) -> bool {
        self.root.is_new
    }

    /// For each change, in key order, whether its key was there before.
    pub(crate) fn known(&self) -> &[bool] {
        &self.known
    }
}

/// A change on its way down: its place among the changes, where it goes, and the new leaf or none.
struct Change {
    place: usize,
    key_hash: Hash,
    leaf: Child,
}

impl Tree {
    pub(crate) fn from_pairs(pairs: impl Iterator<Item = Result<Pair>>) -> Result<Self> {
        let mut leaves = Vec::new();
        for pair in pairs {
            let (key, value) = pair?;
            leaves.push(Leaf::new(&key, &value));
        }
        leaves.sort_unstable_by_key(|(leaf, _)| leaf.key_hash);
        let places = leaves.iter().zip(0..).map(|((leaf, hash), at)| {
            (leaf.key_hash, Child { hash: *hash, link: Link::new(LEAF, at) })
        });
        let places: Vec<(Hash, Child)> = places.collect();
        let leaves = leaves.into_iter().map(|(leaf, _)| leaf).collect();
        let old = Arena { inners: Vec::new(), leaves };
        let mut maker = Maker { old: &old, made: Arena::default(), flag: 0, replaced: Vec::new() };
        let top = maker.build(&places, 0);
        let inners = maker.made.inners;
        let root = Root { top, is_new: false };
        Ok(Self { arena: Arena { inners, ..old }, root, ..Self::default() })
    }

    /// Of a store that the chain does not know yet.
    pub(crate) fn new() -> Self {
        Self { root: Root { is_new: true, ..Root::default() }, ..Self::default() }
    }

    /// The latest version.
    pub(crate) fn latest(&self) -> Root {
        self.root
    }

    pub(crate) fn view(&self, root: Root) -> View<'_> {
        View { arena: &self.arena, root }
    }

    /// The latest version with changes, which stays as it is until [`Tree::commit`].
    pub(crate) fn draft(&self, changes: &StoreChanges) -> Draft {
        let mut made = Arena::default();
        let mut sorted: Vec<Change> = Vec::with_capacity(changes.len());
        for (place, (key, value)) in changes.iter().enumerate() {
            let (key_hash, leaf) = match value {
                Some(value) => {
                    let (leaf, hash) = Leaf::new(key, value);
                    let link = Link::new(LEAF | DRAFT, made.leaves.len());
                    let key_hash = leaf.key_hash;
                    made.leaves.push(leaf);
                    (key_hash, Child { hash, link })
                }
                None => (Hash::of(&[key]), Child::NONE),
            };
            sorted.push(Change { place, key_hash, leaf });
        }
        sorted.sort_unstable_by_key(|change| change.key_hash);
        let mut known = vec![false; changes.len()];
        let mut maker = Maker { old: &self.arena, made, flag: DRAFT, replaced: Vec::new() };
        let top = maker.apply(self.root.top, &sorted, 0, &mut known);
        let is_new = self.root.is_new && changes.is_empty();
        let Maker { made, replaced, .. } = maker;
        Draft { made, root: Root { top, is_new }, replaced, known }
    }

    /// Makes a draft of the latest version the latest version, that of `height`.
    pub(crate) fn commit(&mut self, height: u64, mut draft: Draft) {
        let link = self.take_in(&mut draft.made, draft.root.top.link);
        self.root = Root { top: Child { link, ..draft.root.top }, ..draft.root };
        if !draft.replaced.is_empty() {
            self.retired.push_back((height, draft.replaced));
        }
    }

    /// Forgets the versions below `lowest`.
    pub(crate) fn forget(&mut self, lowest: u64) {
        while let Some((_, replaced)) = self.retired.pop_front_if(|it| it.0 <= lowest) {
            for link in &replaced {
                if link.has(LEAF)
                    && let Some(leaf) = self.arena.leaves.get_mut(link.index())
                {
                    leaf.key = Box::default();
                }
            }
            let (leaves, inners): (Vec<Link>, Vec<Link>) =
                replaced.into_iter().partition(|it| it.has(LEAF));
            self.free_leaves.extend(leaves);
            self.free_inners.extend(inners);
        }
    }

    /// Moves a node of a draft, and what is below it, into the tree.
    fn take_in(&mut self, made: &mut Arena, link: Link) -> Link {
        if !link.has(DRAFT) {
            return link;
        }
        let Arena { inners, leaves } = &mut self.arena;
        if link.has(LEAF) {
            let Some(leaf) = made.leaves.get_mut(link.index()).map(std::mem::take) else {
                return Link::NONE;
            };
            return put(leaves, &mut self.free_leaves, LEAF, leaf);
        }
        let Some(inner) = made.inners.get(link.index()).copied() else { return Link::NONE };
        let place = put(inners, &mut self.free_inners, 0, inner);
        let left = self.take_in(made, inner.left.link);
        let right = self.take_in(made, inner.right.link);
        if let Some(it) = self.arena.inners.get_mut(place.index()) {
            (it.left.link, it.right.link) = (left, right);
        }
        place
    }

    #[cfg(test)]
    pub(crate) fn root(&self) -> Hash {
        self.view(self.root).root()
    }

    /// How many places there are: of nodes that some version needs, and free ones.
    #[cfg(test)]
    pub(crate) fn places(&self) -> usize {
        self.arena.inners.len() + self.arena.leaves.len()
    }
}

/// Puts a node into a free place, or behind the last one.
fn put<T>(nodes: &mut Vec<T>, free: &mut Vec<Link>, flag: u64, node: T) -> Link {
    if let Some(link) = free.pop()
        && let Some(place) = nodes.get_mut(link.index())
    {
        *place = node;
        return link;
    }
    nodes.push(node);
    Link::new(flag, nodes.len().saturating_sub(1))
}

impl Leaf {
    /// With its hash.
    fn new(key: &[u8], value: &[u8]) -> (Self, Hash) {
        let key_hash = Hash::of(&[key]);
        let hash = hash::leaf(&key_hash, &Hash::of(&[value]));
        (Self { key_hash, key: key.into() }, hash)
    }
}

/// Makes nodes beside those that are there.
struct Maker<'a> {
    old: &'a Arena,
    made: Arena,
    /// What marks the inner nodes that are made.
    flag: u64,
    replaced: Vec<Link>,
}

impl Maker<'_> {
    /// `changes` are sorted by key hash and all share the first `depth` bits; `child` is of the old
    /// version.
    fn apply(
        &mut self,
        child: Child,
        changes: &[Change],
        depth: usize,
        known: &mut [bool],
    ) -> Child {
        if changes.is_empty() {
            return child;
        }
        match self.old.node(child.link) {
            None => self.build(&kept(changes, None), depth),
            Some(Node::Leaf(leaf)) => {
                let hit = changes.binary_search_by_key(&leaf.key_hash, |it| it.key_hash).ok();
                let hit = hit.and_then(|at| changes.get(at));
                if let Some(change) = hit {
                    self.replaced.push(child.link);
                    if let Some(it) = known.get_mut(change.place) {
                        *it = true;
                    }
                    if let [only] = changes {
                        return only.leaf;
                    }
                }
                let stays = hit.is_none().then_some((leaf.key_hash, child));
                self.build(&kept(changes, stays), depth)
            }
            Some(Node::Inner(inner)) => {
                let Inner { left, right } = *inner;
                self.replaced.push(child.link);
                let at = changes.partition_point(|change| !change.key_hash.bit(depth));
                let (low, high) = changes.split_at(at);
                let left = self.apply(left, low, depth.saturating_add(1), known);
                let right = self.apply(right, high, depth.saturating_add(1), known);
                self.join(left, right)
            }
        }
    }

    /// The subtree over leaves in the order of their key hashes.
    fn build(&mut self, leaves: &[(Hash, Child)], depth: usize) -> Child {
        match leaves {
            [] => Child::NONE,
            [(_, one)] => *one,
            many => {
                let at = many.partition_point(|(key_hash, _)| !key_hash.bit(depth));
                let (low, high) = many.split_at(at);
                let left = self.build(low, depth.saturating_add(1));
                let right = self.build(high, depth.saturating_add(1));
                self.join(left, right)
            }
        }
    }

    /// Puts two halves together; a half with one leaf beside an empty one moves up.
    fn join(&mut self, left: Child, right: Child) -> Child {
        let moves_up = |it: &Child| it.is_none() || it.link.has(LEAF);
        if left.is_none() && moves_up(&right) {
            return right;
        }
        if right.is_none() && moves_up(&left) {
            return left;
        }
        let hash = hash::inner(&left.hash, &right.hash);
        self.made.inners.push(Inner { left, right });
        Child { hash, link: Link::new(self.flag, self.made.inners.len().saturating_sub(1)) }
    }
}

/// The leaves that `changes` leave, and the one that stays, in order.
fn kept(changes: &[Change], stays: Option<(Hash, Child)>) -> Vec<(Hash, Child)> {
    let there = changes.iter().filter(|it| !it.leaf.is_none());
    let mut leaves: Vec<(Hash, Child)> = there.map(|it| (it.key_hash, it.leaf)).collect();
    if let Some(stays) = stays {
        let at = leaves.partition_point(|it| it.0 < stays.0);
        leaves.insert(at, stays);
    }
    leaves
}
