//! A state on its way to another machine: all pairs of all stores, in order, in chunks.
//!
//! A chunk stands for itself: entries of one byte of kind and length-prefixed fields, where
//! `STORE name` says whose the `PAIR key value` entries after it are. The same state always gives
//! the same chunks, so that several machines can serve one snapshot. What arrives is checked against
//! the root that the caller expects; chunks may come in any order.

use std::{iter::Peekable, path::Path, sync::Arc};

use crate::{
    Error, Hash, Options, Pair, Range, Result, Snapshot, Store, Version, check_names,
    engine::{self, Ages, Disk, Engine as _},
    hash, rebuild,
    snapshot::index_of,
};

/// About how long a chunk is: it ends with the pair that fills it.
pub const CHUNK_BYTES: usize = 8 << 20;
/// No chunk is longer, whatever its last pair is; a longer one is refused unread.
pub const CHUNK_BYTES_MAX: usize = 64 << 20;

/// No store has longer keys, nor an empty one: the disk takes neither.
const KEY_BYTES_MAX: usize = 65_535;

const STORE: u8 = 0;
const PAIR: u8 = 1;

/// The state of one height, ready to leave.
#[derive(Clone)]
pub struct Export {
    snapshot: Snapshot,
    stores: Vec<&'static str>,
}

impl Store {
    /// The state after `height`, inside the window of [`Options::history`].
    pub fn export(&self, height: u64) -> Result<Export> {
        let snapshot = self.at(height)?;
        let mut stores = self.read().ages.at(&self.names, height);
        stores.sort_unstable();
        Ok(Export { snapshot, stores })
    }
}

impl Export {
    /// Height and root of what leaves.
    pub fn version(&self) -> Version {
        self.snapshot.version()
    }

    /// The stores that make the root, by name.
    pub fn stores(&self) -> &[&'static str] {
        &self.stores
    }

    /// The state, chunk after chunk.
    pub fn chunks(&self) -> Chunks<'_> {
        Chunks { export: self, store: 0, pairs: None }
    }
}

type Pairs<'a> = Peekable<Box<dyn Iterator<Item = Result<Pair>> + Send + 'a>>;

/// See [`Export::chunks`].
pub struct Chunks<'a> {
    export: &'a Export,
    /// Of `pairs`, or of the next ones.
    store: usize,
    pairs: Option<Pairs<'a>>,
}

impl Chunks<'_> {
    fn fill(&mut self) -> Result<Option<Vec<u8>>> {
        let mut out = Vec::new();
        while let Some(name) = self.export.stores.get(self.store) {
            let mut pairs = match self.pairs.take() {
                Some(begun) => begun,
                None => self.export.snapshot.range(name, Range::all(), false)?.peekable(),
            };
            if pairs.peek().is_some() {
                out.push(STORE);
                put(&mut out, name.as_bytes());
            }
            while let Some(pair) = pairs.next() {
                let (key, value) = pair?;
                out.push(PAIR);
                put(&mut out, &key);
                put(&mut out, &value);
                if out.len() >= CHUNK_BYTES {
                    self.pairs = Some(pairs);
                    return Ok(Some(out));
                }
            }
            self.store = self.store.saturating_add(1);
        }
        Ok((!out.is_empty()).then_some(out))
    }
}

impl Iterator for Chunks<'_> {
    type Item = Result<Vec<u8>>;

    fn next(&mut self) -> Option<Self::Item> {
        self.fill().transpose()
    }
}

/// A new store in the making. Until [`Import::finish`] the folder holds no state that opens.
pub struct Import {
    disk: Disk,
    names: Arc<[&'static str]>,
}

impl Import {
    /// Begins in an empty folder.
    ///
    /// # Errors
    /// [`Error::NotEmpty`] if there is a state already.
    pub fn begin(path: &Path, options: &Options) -> Result<Self> {
        check_names(&options.stores)?;
        let disk = Disk::open(path, &options.stores)?;
        if engine::stored_version(disk.snapshot().as_ref())?.is_some() {
            return Err(Error::NotEmpty);
        }
        Ok(Self { disk, names: options.stores.clone().into() })
    }

    /// Takes a chunk.
    ///
    /// # Errors
    /// [`Error::Chunk`] if it is malformed, [`Error::NewerStore`] if this build lacks a store of it.
    pub fn chunk(&self, bytes: &[u8]) -> Result<()> {
        if bytes.len() > CHUNK_BYTES_MAX {
            return Err(Error::Chunk("it is too long"));
        }
        let mut rest = Rest(bytes);
        let mut store = None;
        let mut pairs = Vec::new();
        while let Some(kind) = rest.kind() {
            match (kind, store) {
                (STORE, _) => store = Some(self.index(rest.field()?)?),
                (PAIR, Some(index)) => {
                    let (key, value) = (rest.field()?.to_vec(), rest.field()?.to_vec());
                    if key.is_empty() || key.len() > KEY_BYTES_MAX {
                        return Err(Error::Chunk("a key is empty or too long"));
                    }
                    pairs.push((index, (key, value)));
                }
                (PAIR, None) => return Err(Error::Chunk("a pair stands before any store")),
                _ => return Err(Error::Chunk("an entry is of no known kind")),
            }
        }
        self.disk.load(pairs)
    }

    /// Makes what came the state of `expected.height`, durably, if `stores` (those that make the
    /// root) give the expected root over it.
    ///
    /// # Errors
    /// [`Error::WrongRoot`].
    pub fn finish(self, expected: Version, stores: &[String]) -> Result<()> {
        let mut ages = Ages(vec![None; self.names.len()]);
        for name in stores {
            let index = self.index(name.as_bytes())?;
            if let Some(age) = ages.0.get_mut(index) {
                *age = Some(0);
            }
        }
        let reader = self.disk.snapshot();
        let found: Hash = hash::latest(&self.names, &rebuild(reader.as_ref(), &ages)?);
        if found != expected.root {
            return Err(Error::WrongRoot { expected: expected.root, found });
        }
        self.disk.write(&engine::Write {
            version: expected,
            changes: &[],
            undo: None,
            ages: Some(ages.record(&self.names)),
            expired: None,
            durable: true,
        })?;
        self.disk.flush()
    }

    fn index(&self, name: &[u8]) -> Result<usize> {
        let name = str::from_utf8(name).map_err(|_| Error::Chunk("a store has no name"))?;
        index_of(&self.names, name).map_err(|_| Error::NewerStore(name.to_owned()))
    }
}

/// Reads entries from the front.
struct Rest<'a>(&'a [u8]);

impl<'a> Rest<'a> {
    fn kind(&mut self) -> Option<u8> {
        let (kind, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*kind)
    }

    fn field(&mut self) -> Result<&'a [u8]> {
        let (length, rest) =
            self.0.split_first_chunk::<4>().ok_or(Error::Chunk("it ends inside an entry"))?;
        let length = usize::try_from(u32::from_be_bytes(*length)).unwrap_or(usize::MAX);
        let (field, rest) =
            rest.split_at_checked(length).ok_or(Error::Chunk("it ends inside an entry"))?;
        self.0 = rest;
        Ok(field)
    }
}

/// Keys are below 64 KiB and values below 4 GiB in every engine.
fn put(out: &mut Vec<u8>, bytes: &[u8]) {
    out.extend(u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_be_bytes());
    out.extend(bytes);
}
