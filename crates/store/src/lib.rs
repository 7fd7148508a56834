//! What remembers: a flat, ordered, versioned key-value store with an authenticated root.
//!
//! - Keys live in named **stores** (one per ledger module) under their real bytes, so that a prefix
//!   scan is a plain range read. The flat state is the truth.
//! - Beside it each store has a sparse Merkle tree in memory over (SHA-256 of key, SHA-256 of
//!   value), hashed by the Celestia SMT rules; the **root** of a height is the simple Merkle map
//!   over (store name, tree root). Proofs are ICS-23: `[smt, tendermint]`.
//! - A commit writes changes, height, root and the undo record of the height in one atomic batch.
//!   Undo records give historical reads over a window of heights.
//! - At start the trees are rebuilt from the flat state and must give the stored root.
//! - A store that a later build adds counts from the first height that writes to it, so that the
//!   roots of before stay what they were.
//! - The state of a height leaves in [`Chunks`] and comes in by an [`Import`].
//!
//! Called by `ledger` (reads, commits) and `node` (open, close). Calls `types`. Owns every key on
//! disk. Knows nothing of messages, modules or gas.

mod engine;
mod error;
mod hash;
mod history;
mod proof;
mod snapshot;
mod transfer;
mod tree;

#[cfg(test)]
mod tests;

use std::{
    collections::BTreeMap,
    path::Path,
    sync::{Arc, RwLock},
};

pub use error::Error;
pub use hash::Hash;
pub use proof::{Proof, ProofOp};
pub use snapshot::{Pair, Range, Snapshot};
pub use transfer::{CHUNK_BYTES, CHUNK_BYTES_MAX, Chunks, Export, Import};

use engine::{Ages, Engine};
use history::History;
use tree::{Draft, Root, Tree};

/// New values (`Some`) and deletions (`None`) of one store, in key order.
pub type StoreChanges = BTreeMap<Vec<u8>, Option<Vec<u8>>>;

/// The changes of one height, by store name.
pub type Changes = BTreeMap<&'static str, StoreChanges>;

/// A result of this crate. Every error is local to the machine: the caller halts.
pub type Result<T> = std::result::Result<T, Error>;

/// How a store is laid out and how much history it keeps.
#[derive(Clone, Debug)]
pub struct Options {
    /// Names of the stores, each at most 64 bytes. One that is added later is in the root from the
    /// first height that writes to it; one that a chain has must stay in the list.
    pub stores: Vec<&'static str>,
    /// For how many heights below the latest reads and proofs answer. At least 1.
    pub history: u64,
}

/// A committed height and its root hash (the app hash).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Version {
    /// The height; 0 before the first commit.
    pub height: u64,
    /// The root over all stores after that height.
    pub root: Hash,
}

/// The state of a chain: shared, one writer, any number of readers.
pub struct Store {
    engine: Arc<dyn Engine>,
    names: Arc<[&'static str]>,
    history: u64,
    head: RwLock<Head>,
    overlays: History,
}

/// What a height that is not committed yet makes of the trees.
pub struct Prepared {
    before: Version,
    root: Hash,
    /// By store; the others stay as they are.
    drafts: BTreeMap<usize, Draft>,
}

impl Prepared {
    /// The root after the changes.
    pub fn root(&self) -> Hash {
        self.root
    }
}

/// What the latest commit left behind.
struct Head {
    version: Version,
    trees: Vec<Tree>,
    ages: Ages,
    /// Where the heights inside the window begin in each of `trees`.
    past: BTreeMap<u64, (Hash, Vec<Root>)>,
    snapshot: Snapshot,
}

impl Head {
    fn roots(&self) -> Vec<Root> {
        self.trees.iter().map(Tree::latest).collect()
    }
}

impl Store {
    /// An empty store in memory, for tests and simulation.
    pub fn memory(options: Options) -> Result<Self> {
        Self::start(Arc::new(engine::Memory::new(&options.stores)), options)
    }

    /// Opens or creates a store in the folder `path`.
    ///
    /// # Errors
    /// [`Error::Damaged`] if the rebuilt root is not the stored one; [`Error::Disk`] if the folder
    /// cannot be used.
    pub fn open(path: &Path, options: Options) -> Result<Self> {
        Self::start(Arc::new(engine::Disk::open(path, &options.stores)?), options)
    }

    fn start(engine: Arc<dyn Engine>, options: Options) -> Result<Self> {
        let names: Arc<[&'static str]> = options.stores.into();
        check_names(&names)?;
        let reader = engine.snapshot();
        let ages = Ages::read(reader.as_ref(), &names)?;
        let trees = rebuild(reader.as_ref(), &ages)?;
        let root = hash::latest(&names, &trees);
        let version = match engine::stored_version(reader.as_ref())? {
            Some(stored) if stored.root == root => stored,
            Some(stored) => {
                return Err(Error::Damaged {
                    height: stored.height,
                    stored: stored.root,
                    found: root,
                });
            }
            None => Version { height: 0, root },
        };
        let snapshot = Snapshot::latest(version, names.clone(), reader);
        let past =
            BTreeMap::from([(version.height, (root, trees.iter().map(Tree::latest).collect()))]);
        Ok(Self {
            engine,
            names,
            history: options.history.max(1),
            head: RwLock::new(Head { version, trees, ages, past, snapshot }),
            overlays: History::default(),
        })
    }

    /// The latest committed height and root.
    pub fn version(&self) -> Version {
        self.read().version
    }

    /// The state after the latest commit. Cheap; stays as it is while later heights are committed.
    pub fn latest(&self) -> Snapshot {
        self.read().snapshot.clone()
    }

    /// The state after `height`.
    ///
    /// # Errors
    /// [`Error::NoSuchHeight`] outside the window of [`Options::history`].
    pub fn at(&self, height: u64) -> Result<Snapshot> {
        let head = self.read().snapshot.clone();
        let latest = head.version();
        if height == latest.height {
            return Ok(head);
        }
        let lowest = latest.height.saturating_sub(self.history);
        if height > latest.height || height < lowest {
            return Err(Error::NoSuchHeight { height, lowest, latest: latest.height });
        }
        self.overlays.snapshot(&head, height)
    }

    /// Makes `changes` the state of `height`, which must follow the latest one (any height may be
    /// the first). Atomic: after a crash either all of it is there or nothing.
    ///
    /// `durable` waits for the disk; without it a power failure may lose the last heights, which
    /// are then executed again from the block store.
    pub fn commit(&self, height: u64, changes: &Changes, durable: bool) -> Result<Version> {
        let prepared = self.prepare(changes)?;
        self.commit_prepared(height, changes, prepared, durable)
    }

    /// Computes the trees that `changes` would give on top of the latest height, without writing
    /// anything.
    pub fn prepare(&self, changes: &Changes) -> Result<Prepared> {
        let indexed = self.indexed(changes)?;
        let head = self.read();
        let mut drafts = BTreeMap::new();
        for (index, store) in indexed {
            if let Some(tree) = head.trees.get(index) {
                drafts.insert(index, tree.draft(store));
            }
        }
        let mut roots = hash::known(&head.trees, &head.roots());
        for (index, draft) in &drafts {
            if let Some(root) = roots.get_mut(*index) {
                *root = (!draft.is_new()).then(|| draft.root());
            }
        }
        Ok(Prepared { before: head.version, root: hash::root(&self.names, &roots), drafts })
    }

    /// [`Store::commit`] with what [`Store::prepare`] gave for the same changes, so that nothing is
    /// hashed twice. What was prepared over another height is prepared anew.
    pub fn commit_prepared(
        &self,
        height: u64,
        changes: &Changes,
        prepared: Prepared,
        durable: bool,
    ) -> Result<Version> {
        let (before, snapshot, known) = {
            let head = self.read();
            (head.version, head.snapshot.clone(), head.ages.clone())
        };
        let follows = before.height.checked_add(1) == Some(height) || before.height == 0;
        if !follows || height == 0 {
            return Err(Error::OutOfOrder { height, latest: before.height });
        }
        let Prepared { root, drafts, .. } = match prepared.before == before {
            true => prepared,
            false => self.prepare(changes)?,
        };
        let indexed = self.indexed(changes)?;
        let undo = history::undo(&snapshot, &indexed, &drafts)?;
        let version = Version { height, root };
        let mut ages = known.clone();
        for (index, draft) in &drafts {
            if let Some(age @ None) = ages.0.get_mut(*index)
                && !draft.is_new()
            {
                *age = Some(height);
            }
        }
        let is_first = before.height == 0;
        let expired = height.checked_sub(self.history.saturating_add(1));
        self.engine.write(&engine::Write {
            version,
            changes: &indexed,
            undo: Some(&undo),
            ages: (is_first || ages != known).then(|| ages.record(&self.names)),
            expired,
            durable,
        })?;

        let snapshot = Snapshot::latest(version, self.names.clone(), self.engine.snapshot());
        let mut head = self.write();
        head.version = version;
        head.ages = ages;
        for (index, draft) in drafts {
            if let Some(tree) = head.trees.get_mut(index) {
                tree.commit(height, draft);
            }
        }
        let roots = head.roots();
        head.past.insert(height, (version.root, roots));
        let lowest = height.saturating_sub(self.history);
        head.past = head.past.split_off(&lowest);
        let lowest = head.past.keys().next().copied().unwrap_or(height);
        head.trees.iter_mut().for_each(|it| it.forget(lowest));
        head.snapshot = snapshot;
        Ok(version)
    }

    /// The root that `changes` would give on top of the latest height, without writing anything.
    pub fn root_with(&self, changes: &Changes) -> Result<Hash> {
        Ok(self.prepare(changes)?.root)
    }

    /// Proves that `key` has its value, or none, in `store` after `height`.
    pub fn prove(&self, store: &str, key: &[u8], height: u64) -> Result<Proof> {
        let index = self.index(store)?;
        let snapshot = self.at(height)?;
        // Held to the end: a commit may use the places of nodes that have left the window.
        let head = self.read();
        let Some((root, roots)) = head.past.get(&height) else {
            let lowest = head.past.keys().next().copied().unwrap_or_default();
            let latest = head.version.height;
            return Err(Error::NoSuchHeight { height, lowest, latest });
        };
        let views: Vec<_> = head.trees.iter().zip(roots).map(|(it, root)| it.view(*root)).collect();
        proof::prove(&snapshot, &self.names, &views, index, key, *root)
    }

    /// Waits until everything committed so far is on disk.
    pub fn flush(&self) -> Result<()> {
        self.engine.flush()
    }

    /// Waits until everything committed so far is in sorted tables and none of them waits to be
    /// merged, as after a while without writes. For whoever measures reads.
    pub fn settle(&self) -> Result<()> {
        self.engine.settle()
    }

    fn indexed<'a>(&self, changes: &'a Changes) -> Result<Vec<(usize, &'a StoreChanges)>> {
        changes.iter().map(|(name, store)| Ok((self.index(name)?, store))).collect()
    }

    fn index(&self, store: &str) -> Result<usize> {
        snapshot::index_of(&self.names, store)
    }

    fn read(&self) -> std::sync::RwLockReadGuard<'_, Head> {
        self.head.read().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn write(&self) -> std::sync::RwLockWriteGuard<'_, Head> {
        self.head.write().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// The trees over the flat state.
fn rebuild(reader: &dyn engine::Reader, ages: &Ages) -> Result<Vec<Tree>> {
    let tree = |(index, age): (usize, &Option<u64>)| match age {
        Some(_) => Tree::from_pairs(reader.range(index, Range::all(), false)),
        None => Ok(Tree::new()),
    };
    ages.0.iter().enumerate().map(tree).collect()
}

fn check_names(names: &[&'static str]) -> Result<()> {
    for (index, name) in names.iter().enumerate() {
        let seen = names.iter().take(index).any(|it| it == name);
        if name.is_empty() || name.len() > 64 || seen {
            return Err(Error::NoSuchStore((*name).to_owned()));
        }
    }
    Ok(())
}
