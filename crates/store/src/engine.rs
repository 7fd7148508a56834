//! Where the flat state lives: one trait, a disk (fjall) and a memory implementation.
//!
//! Nothing here depends on features of one engine, so that another can be added beside them.

use std::{
    collections::BTreeMap,
    path::Path,
    sync::{Arc, Mutex, PoisonError},
};

use fjall::{Database, Keyspace, KeyspaceCreateOptions, PersistMode, Readable};

use crate::{Error, Hash, Range, Result, StoreChanges, Version, snapshot::Pair};

/// What one commit writes, all or nothing.
pub(crate) struct Write<'a> {
    pub(crate) version: Version,
    pub(crate) changes: &'a [(usize, &'a StoreChanges)],
    pub(crate) undo: &'a [u8],
    /// The height whose undo record has left the window.
    pub(crate) expired: Option<u64>,
    pub(crate) durable: bool,
}

/// A place for flat state.
pub(crate) trait Engine: Send + Sync {
    fn snapshot(&self) -> Arc<dyn Reader>;
    fn write(&self, write: &Write<'_>) -> Result<()>;
    fn flush(&self) -> Result<()>;
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

impl Disk {
    pub(crate) fn open(path: &Path, names: &[&'static str]) -> Result<Self> {
        let database = Database::builder(path).cache_size(256 << 20).open()?;
        let open = |name: &str| database.keyspace(name, KeyspaceCreateOptions::default);
        let stores = names
            .iter()
            .map(|name| open(&format!("store.{name}")))
            .collect::<fjall::Result<Vec<_>>>()?
            .into();
        let (undo, meta) = (open("undo")?, open("meta")?);
        Ok(Self { database, stores, undo, meta })
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
        batch.insert(&self.undo, write.version.height.to_be_bytes(), write.undo);
        if let Some(height) = write.expired {
            batch.remove(&self.undo, height.to_be_bytes());
        }
        batch.insert(&self.meta, VERSION, version_record(write.version));
        Ok(batch.commit()?)
    }

    fn flush(&self) -> Result<()> {
        Ok(self.database.persist(PersistMode::SyncAll)?)
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
        undo.insert(write.version.height, write.undo.to_vec());
        if let Some(height) = write.expired {
            undo.remove(&height);
        }
        Arc::make_mut(&mut contents.meta).insert(VERSION.to_owned(), version_record(write.version));
        Ok(())
    }

    fn flush(&self) -> Result<()> {
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
