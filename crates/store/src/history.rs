//! Undo records and the older states made from them.
//!
//! The record of height H holds, for every key that H changed, the value before. The state of an
//! older height is the latest one under an overlay: for each key the *earliest* record above it.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use crate::{
    Error, Result, Snapshot, StoreChanges, Version,
    hash::Hash,
    snapshot::{empty_overlay, index_of},
    tree::Draft,
};

/// Overlays that were asked for lately, by (latest height, height).
#[derive(Default)]
pub(crate) struct History(Mutex<BTreeMap<(u64, u64), Snapshot>>);

/// How many older snapshots stay ready. Each holds what changed since its height.
const KEPT: usize = 8;

/// The old values of everything in `changes`, and the root they belong to. `drafts` know which keys
/// had none, so that nobody looks for them.
pub(crate) fn undo(
    before: &Snapshot,
    changes: &[(usize, &StoreChanges)],
    drafts: &BTreeMap<usize, Draft>,
) -> Result<Vec<u8>> {
    let mut out = before.version().root.0.to_vec();
    for (index, store) in changes {
        let name = before.names().get(*index).copied().unwrap_or_default();
        put(&mut out, name.as_bytes());
        out.extend(length(store.len()));
        let known = drafts.get(index).map(Draft::known).unwrap_or_default();
        for (place, key) in store.keys().enumerate() {
            put(&mut out, key);
            let old = match known.get(place) {
                Some(false) => None,
                _ => before.get_at(*index, key)?,
            };
            match old {
                None => out.push(0),
                Some(value) => {
                    out.push(1);
                    put(&mut out, &value);
                }
            }
        }
    }
    Ok(out)
}

impl History {
    /// The state of `height`, below `latest` and inside the window.
    pub(crate) fn snapshot(&self, latest: &Snapshot, height: u64) -> Result<Snapshot> {
        let top = latest.version().height;
        if let Some(ready) = self.lock().get(&(top, height)) {
            return Ok(ready.clone());
        }
        let mut overlay = empty_overlay(latest.names().len());
        let mut root = latest.version().root;
        for above in (height.saturating_add(1)..=top).rev() {
            let lowest = above;
            let record = latest.reader().undo(above)?;
            let record = record.ok_or(Error::NoSuchHeight { height, lowest, latest: top })?;
            root = Reader(&record).into(latest.names(), &mut overlay)?;
        }
        let older = latest.hidden_by(Version { height, root }, Arc::new(overlay));
        let mut ready = self.lock();
        ready.retain(|(for_top, _), _| *for_top == top);
        if ready.len() >= KEPT {
            ready.pop_first();
        }
        ready.insert((top, height), older.clone());
        Ok(older)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<(u64, u64), Snapshot>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Reads an undo record from the front.
struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    /// Puts the record on top of `overlay`, which came from higher heights; gives the root before.
    fn into(mut self, names: &[&'static str], overlay: &mut [StoreChanges]) -> Result<Hash> {
        let root = self.take(32)?.try_into().map_err(|_| damaged())?;
        while !self.0.is_empty() {
            let name = self.field()?;
            let name = str::from_utf8(name).map_err(|_| damaged())?;
            let store = index_of(names, name).ok().and_then(|index| overlay.get_mut(index));
            let mut store = store;
            for _ in 0..self.number()? {
                let key = self.field()?.to_vec();
                let value = match self.take(1)? {
                    [0] => None,
                    _ => Some(self.field()?.to_vec()),
                };
                if let Some(store) = store.as_deref_mut() {
                    store.insert(key, value);
                }
            }
        }
        Ok(Hash(root))
    }

    fn field(&mut self) -> Result<&[u8]> {
        let len = self.number()?;
        self.take(usize::try_from(len).map_err(|_| damaged())?)
    }

    fn number(&mut self) -> Result<u32> {
        Ok(u32::from_be_bytes(self.take(4)?.try_into().map_err(|_| damaged())?))
    }

    fn take(&mut self, len: usize) -> Result<&[u8]> {
        let (taken, rest) = self.0.split_at_checked(len).ok_or_else(damaged)?;
        self.0 = rest;
        Ok(taken)
    }
}

fn damaged() -> Error {
    Error::Undecodable("undo")
}

fn put(out: &mut Vec<u8>, bytes: &[u8]) {
    out.extend(length(bytes.len()));
    out.extend(bytes);
}

/// Keys are below 64 KiB and values below 4 GiB in every engine.
fn length(len: usize) -> [u8; 4] {
    u32::try_from(len).unwrap_or(u32::MAX).to_be_bytes()
}
