//! Where the flat state lives: one trait, a disk (fjall) and a memory implementation.
//!
//! Nothing here depends on features of one engine, so that another can be added beside them.

use std::{
    collections::BTreeMap,
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use fjall::{
    Database, Keyspace, KeyspaceCreateOptions, PersistMode, Readable,
    config::{CompressionPolicy, PartitioningPolicy, PinningPolicy},
};

use crate::{Error, Hash, Range, Result, StoreChanges, Version, snapshot::Pair};

/// What one commit writes, all or nothing.
pub(crate) struct Write<'a> {
    pub(crate) version: Version,
    pub(crate) changes: &'a [(usize, &'a StoreChanges)],
    /// What the height changed; none for an imported one.
    pub(crate) undo: Option<&'a [u8]>,
    /// When each store came, if that has changed ([`Ages::record`]).
    pub(crate) ages: Option<Vec<u8>>,
    /// The height whose undo record has left the window.
    pub(crate) expired: Option<u64>,
    pub(crate) durable: bool,
}

/// A place for flat state.
pub(crate) trait Engine: Send + Sync {
    fn snapshot(&self) -> Arc<dyn Reader>;
    fn write(&self, write: &Write<'_>) -> Result<()>;
    fn flush(&self) -> Result<()>;
    /// Waits until nothing is left to do in the background.
    fn settle(&self) -> Result<()>;
}

/// A frozen view of an [`Engine`].
pub(crate) trait Reader: Send + Sync {
    fn get(&self, store: usize, key: &[u8]) -> Result<Option<Vec<u8>>>;
    fn range(&self, store: usize, range: Range, backwards: bool) -> Pairs<'_>;
    /// The undo record of a height, if it is still kept.
    fn undo(&self, height: u64) -> Result<Option<Vec<u8>>>;
    fn meta(&self, key: &str) -> Result<Option<Vec<u8>>>;
}

pub(crate) type Pairs<'a> = Box<dyn Iterator<Item = Result<Pair>> + Send + 'a>;

const VERSION: &str = "version";
const AGES: &str = "stores";

/// Since which height each store is in the root; none: not yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Ages(pub(crate) Vec<Option<u64>>);

impl Ages {
    /// As stored, by the order of `names`. Absent in an empty database and in one older than the
    /// record: then all stores were there from the start.
    pub(crate) fn read(reader: &dyn Reader, names: &[&'static str]) -> Result<Self> {
        let Some(bytes) = reader.meta(AGES)? else { return Ok(Self(vec![Some(0); names.len()])) };
        let mut ages = vec![None; names.len()];
        let mut rest = bytes.as_slice();
        while !rest.is_empty() {
            let (since, name, left) = age(rest).ok_or(Error::Undecodable(AGES))?;
            let known = names.iter().position(|it| *it == name);
            let known = known.and_then(|index| ages.get_mut(index));
            *known.ok_or_else(|| Error::NewerStore(name.to_owned()))? = Some(since);
            rest = left;
        }
        Ok(Self(ages))
    }

    /// One entry per store: 8 bytes of height, one of length, the name.
    pub(crate) fn record(&self, names: &[&'static str]) -> Vec<u8> {
        let mut out = Vec::new();
        for (name, since) in names.iter().zip(&self.0) {
            let (Some(since), Ok(length)) = (since, u8::try_from(name.len())) else { continue };
            out.extend(since.to_be_bytes());
            out.push(length);
            out.extend(name.as_bytes());
        }
        out
    }

    /// The stores that were in the root after `height`.
    pub(crate) fn at(&self, names: &[&'static str], height: u64) -> Vec<&'static str> {
        let there = names.iter().zip(&self.0).filter(|(_, it)| it.is_some_and(|it| it <= height));
        there.map(|(name, _)| *name).collect()
    }
}

fn age(bytes: &[u8]) -> Option<(u64, &str, &[u8])> {
    let (since, rest) = bytes.split_first_chunk::<8>()?;
    let (length, rest) = rest.split_first()?;
    let (name, rest) = rest.split_at_checked(usize::from(*length))?;
    Some((u64::from_be_bytes(*since), str::from_utf8(name).ok()?, rest))
}

/// The committed height and root, in one record: 8 bytes big-endian and 32 bytes.
pub(crate) fn stored_version(reader: &dyn Reader) -> Result<Option<Version>> {
    let Some(bytes) = reader.meta(VERSION)? else { return Ok(None) };
    let (height, root) = bytes.split_first_chunk::<8>().ok_or(Error::Undecodable(VERSION))?;
    let root = root.try_into().map_err(|_| Error::Undecodable(VERSION))?;
    Ok(Some(Version { height: u64::from_be_bytes(*height), root: Hash(root) }))
}

fn version_record(version: Version) -> Vec<u8> {
    [&version.height.to_be_bytes()[..], &version.root.0].concat()
}

/// A folder on disk.
pub(crate) struct Disk {
    database: Database,
    stores: Arc<[Keyspace]>,
    undo: Keyspace,
    meta: Keyspace,
}

/// Filters and indexes of tables stay in memory: some ten bytes for each key or less, so that a look
/// for a key that is not there reads nothing, and one for a key that is reads one block. Blocks are
/// read far more often than there is time to unpack them.
fn tables() -> KeyspaceCreateOptions {
    KeyspaceCreateOptions::default()
        .filter_block_pinning_policy(PinningPolicy::all(true))
        .index_block_pinning_policy(PinningPolicy::all(true))
        .filter_block_partitioning_policy(PartitioningPolicy::all(false))
        .index_block_partitioning_policy(PartitioningPolicy::all(false))
        .data_block_compression_policy(CompressionPolicy::disabled())
}

impl Disk {
    pub(crate) fn open(path: &Path, names: &[&'static str]) -> Result<Self> {
        let database = Database::builder(path).cache_size(256 << 20).open()?;
        let open = |name: &str| database.keyspace(name, tables);
        let stores = names
            .iter()
            .map(|name| open(&format!("store.{name}")))
            .collect::<fjall::Result<Vec<_>>>()?
            .into();
        let (undo, meta) = (open("undo")?, open("meta")?);
        Ok(Self { database, stores, undo, meta })
    }
}

impl Disk {
    /// Writes pairs without a height: an import, which nothing reads before it is whole.
    pub(crate) fn load(&self, pairs: Vec<(usize, Pair)>) -> Result<()> {
        let mut batch = self.database.batch().durability(Some(PersistMode::Buffer));
        for (index, (key, value)) in pairs {
            let Some(keyspace) = self.stores.get(index) else { continue };
            batch.insert(keyspace, key, value);
        }
        Ok(batch.commit()?)
    }
}

impl Engine for Disk {
    fn snapshot(&self) -> Arc<dyn Reader> {
        Arc::new(DiskReader {
            snapshot: self.database.snapshot(),
            stores: self.stores.clone(),
            undo: self.undo.clone(),
            meta: self.meta.clone(),
        })
    }

    fn write(&self, write: &Write<'_>) -> Result<()> {
        let mode = if write.durable { PersistMode::SyncData } else { PersistMode::Buffer };
        let mut batch = self.database.batch().durability(Some(mode));
        for (index, store) in write.changes {
            let Some(keyspace) = self.stores.get(*index) else { continue };
            for (key, value) in *store {
                match value {
                    Some(value) => batch.insert(keyspace, key.as_slice(), value.as_slice()),
                    None => batch.remove(keyspace, key.as_slice()),
                }
            }
        }
        if let Some(undo) = write.undo {
            batch.insert(&self.undo, write.version.height.to_be_bytes(), undo);
        }
        if let Some(height) = write.expired {
            batch.remove(&self.undo, height.to_be_bytes());
        }
        if let Some(ages) = &write.ages {
            batch.insert(&self.meta, AGES, ages.as_slice());
        }
        batch.insert(&self.meta, VERSION, version_record(write.version));
        Ok(batch.commit()?)
    }

    fn flush(&self) -> Result<()> {
        Ok(self.database.persist(PersistMode::SyncAll)?)
    }

    fn settle(&self) -> Result<()> {
        for keyspace in self.stores.iter().chain([&self.undo, &self.meta]) {
            keyspace.rotate_memtable_and_wait()?;
        }
        // One merge asks for the next: it is over when none has come for a second.
        let (mut idle, mut done) = (0u32, self.database.compactions_completed());
        while idle < 10 {
            std::thread::sleep(Duration::from_millis(100));
            let now = self.database.compactions_completed();
            idle = match self.database.active_compactions() == 0 && now == done {
                true => idle.saturating_add(1),
                false => 0,
            };
            done = now;
        }
        Ok(())
    }
}

struct DiskReader {
    snapshot: fjall::Snapshot,
    stores: Arc<[Keyspace]>,
    undo: Keyspace,
    meta: Keyspace,
}

impl Reader for DiskReader {
    fn get(&self, store: usize, key: &[u8]) -> Result<Option<Vec<u8>>> {
        let Some(keyspace) = self.stores.get(store) else { return Ok(None) };
        Ok(self.snapshot.get(keyspace, key)?.map(|value| value.to_vec()))
    }

    fn range(&self, store: usize, range: Range, backwards: bool) -> Pairs<'_> {
        let Some(keyspace) = self.stores.get(store) else { return Box::new(std::iter::empty()) };
        let pairs = self.snapshot.range::<&[u8], _>(keyspace, range.bounds());
        let read = |guard: fjall::Guard| {
            let (key, value) = guard.into_inner()?;
            Ok((key.to_vec(), value.to_vec()))
        };
        match backwards {
            false => Box::new(pairs.map(read)),
            true => Box::new(pairs.rev().map(read)),
        }
    }

    fn undo(&self, height: u64) -> Result<Option<Vec<u8>>> {
        Ok(self.snapshot.get(&self.undo, height.to_be_bytes())?.map(|value| value.to_vec()))
    }

    fn meta(&self, key: &str) -> Result<Option<Vec<u8>>> {
        Ok(self.snapshot.get(&self.meta, key)?.map(|value| value.to_vec()))
    }
}

/// A map per store. Snapshots share it; a commit copies what a living snapshot still holds.
pub(crate) struct Memory(Mutex<Contents>);

#[derive(Clone, Default)]
struct Contents {
    stores: Vec<Arc<BTreeMap<Vec<u8>, Vec<u8>>>>,
    undo: Arc<BTreeMap<u64, Vec<u8>>>,
    meta: Arc<BTreeMap<String, Vec<u8>>>,
}

impl Memory {
    pub(crate) fn new(names: &[&'static str]) -> Self {
        let stores = vec![Arc::default(); names.len()];
        Self(Mutex::new(Contents { stores, ..Contents::default() }))
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Contents> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Engine for Memory {
    fn snapshot(&self) -> Arc<dyn Reader> {
        Arc::new(self.lock().clone())
    }

    fn write(&self, write: &Write<'_>) -> Result<()> {
        let mut contents = self.lock();
        for (index, changes) in write.changes {
            let Some(store) = contents.stores.get_mut(*index) else { continue };
            let store = Arc::make_mut(store);
            for (key, value) in *changes {
                match value {
                    Some(value) => store.insert(key.clone(), value.clone()),
                    None => store.remove(key),
                };
            }
        }
        let undo = Arc::make_mut(&mut contents.undo);
        if let Some(record) = write.undo {
            undo.insert(write.version.height, record.to_vec());
        }
        if let Some(height) = write.expired {
            undo.remove(&height);
        }
        let meta = Arc::make_mut(&mut contents.meta);
        if let Some(ages) = &write.ages {
            meta.insert(AGES.to_owned(), ages.clone());
        }
        meta.insert(VERSION.to_owned(), version_record(write.version));
        Ok(())
    }

    fn flush(&self) -> Result<()> {
        Ok(())
    }

    fn settle(&self) -> Result<()> {
        Ok(())
    }
}

impl Reader for Contents {
    fn get(&self, store: usize, key: &[u8]) -> Result<Option<Vec<u8>>> {
        Ok(self.stores.get(store).and_then(|store| store.get(key).cloned()))
    }

    fn range(&self, store: usize, range: Range, backwards: bool) -> Pairs<'_> {
        let Some(store) = self.stores.get(store) else { return Box::new(std::iter::empty()) };
        let pairs = store.range::<[u8], _>(range.bounds());
        let read = |(key, value): (&Vec<u8>, &Vec<u8>)| Ok((key.clone(), value.clone()));
        match backwards {
            false => Box::new(pairs.map(read)),
            true => Box::new(pairs.rev().map(read)),
        }
    }

    fn undo(&self, height: u64) -> Result<Option<Vec<u8>>> {
        Ok(self.undo.get(&height).cloned())
    }

    fn meta(&self, key: &str) -> Result<Option<Vec<u8>>> {
        Ok(self.meta.get(key).cloned())
    }
}
