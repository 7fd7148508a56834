//! Values read or written lately, kept in memory in front of a disk.
//!
//! Called by: engine, which owns one per snapshot. Calls: nothing. A commit takes what the latest
//! snapshot has, puts its changes on top and gives it to the next snapshot; the older one goes on
//! with an empty one. So each always has what its own height has, and nothing is copied.
#![expect(
    clippy::disallowed_types,
    reason = "looked up by key, never walked: no order to depend on"
)]

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use crate::StoreChanges;

/// Bytes of keys and values per generation, by [`weight`]; there are two generations.
const GENERATION_MAX: usize = 64 << 20;
/// Longer values are left to the disk.
const VALUE_MAX: usize = 64 << 10;
/// What an entry takes beside its bytes, about.
const OVERHEAD: usize = 96;

/// By store and key; none: known to be absent.
type Generation = Vec<HashMap<Vec<u8>, Option<Vec<u8>>>>;

/// Recent values of every store.
pub(crate) struct Recent(Mutex<Generations>);

/// The older generation is dropped when the younger one is full. Of two entries the younger one
/// is right.
struct Generations {
    young: Generation,
    old: Generation,
    /// Of the younger one. What was replaced stays counted, so that it is never too small.
    weight: usize,
}

impl Recent {
    pub(crate) fn new(stores: usize) -> Self {
        Self(Mutex::new(Generations::new(stores)))
    }

    /// What is known of a key: its value, that it has none, or nothing.
    pub(crate) fn get(&self, store: usize, key: &[u8]) -> Option<Option<Vec<u8>>> {
        let mut all = self.lock();
        if let Some(known) = all.young.get(store)?.get(key) {
            return Some(known.clone());
        }
        let (key, value) = all.old.get_mut(store)?.remove_entry(key)?;
        all.insert(store, key, value.clone());
        Some(value)
    }

    /// Remembers what the disk said.
    pub(crate) fn learn(&self, store: usize, key: &[u8], value: Option<&[u8]>) {
        if value.is_none_or(|it| it.len() <= VALUE_MAX) {
            self.lock().insert(store, key.to_vec(), value.map(<[u8]>::to_vec));
        }
    }

    /// Everything, for the next height; nothing is left here.
    pub(crate) fn take(&self) -> Self {
        let mut all = self.lock();
        let empty = Generations::new(all.young.len());
        Self(Mutex::new(std::mem::replace(&mut *all, empty)))
    }

    /// Follows a commit.
    pub(crate) fn apply(&self, store: usize, changes: &StoreChanges) {
        let mut all = self.lock();
        for (key, value) in changes {
            if value.as_ref().is_none_or(|it| it.len() <= VALUE_MAX) {
                all.insert(store, key.clone(), value.clone());
            } else {
                all.forget(store, key);
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Generations> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Generations {
    fn new(stores: usize) -> Self {
        let empty = || (0..stores).map(|_| HashMap::new()).collect();
        Self { young: empty(), old: empty(), weight: 0 }
    }

    fn insert(&mut self, store: usize, key: Vec<u8>, value: Option<Vec<u8>>) {
        let bytes = key.len().saturating_add(value.as_ref().map_or(0, Vec::len));
        let weight = bytes.saturating_add(OVERHEAD);
        if self.weight.saturating_add(weight) > GENERATION_MAX {
            let stores = self.young.len();
            let Self { young, .. } = std::mem::replace(self, Self::new(stores));
            self.old = young;
        }
        self.weight = self.weight.saturating_add(weight);
        if let Some(young) = self.young.get_mut(store) {
            young.insert(key, value);
        }
    }

    fn forget(&mut self, store: usize, key: &[u8]) {
        for generation in [&mut self.young, &mut self.old] {
            if let Some(entries) = generation.get_mut(store) {
                entries.remove(key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn changes(key: &[u8], value: Option<Vec<u8>>) -> StoreChanges {
        StoreChanges::from([(key.to_vec(), value)])
    }

    #[test]
    fn a_commit_moves_what_is_known_and_replaces_what_it_changed() {
        let before = Recent::new(2);
        before.learn(0, b"a", Some(b"1"));
        before.learn(0, b"b", None);
        let after = before.take();
        after.apply(0, &changes(b"a", Some(b"2".to_vec())));
        after.apply(0, &changes(b"b", Some(b"3".to_vec())));
        assert_eq!(before.get(0, b"a"), None);
        before.learn(0, b"a", Some(b"1"));
        assert_eq!(before.get(0, b"a"), Some(Some(b"1".to_vec())));
        assert_eq!(after.get(0, b"a"), Some(Some(b"2".to_vec())));
        assert_eq!(after.get(0, b"b"), Some(Some(b"3".to_vec())));
        assert_eq!(after.get(1, b"a"), None);
        after.apply(0, &changes(b"a", None));
        assert_eq!(after.get(0, b"a"), Some(None));
    }

    #[test]
    fn a_long_value_is_not_kept_and_hides_no_newer_one() {
        let recent = Recent::new(1);
        recent.learn(0, b"a", Some(b"1"));
        recent.apply(0, &changes(b"a", Some(vec![0; VALUE_MAX + 1])));
        assert_eq!(recent.get(0, b"a"), None);
        recent.learn(0, b"a", Some(&vec![0; VALUE_MAX + 1]));
        assert_eq!(recent.get(0, b"a"), None);
    }

    #[test]
    fn it_is_bounded_and_keeps_what_is_asked_for() {
        let recent = Recent::new(1);
        recent.learn(0, b"hot", Some(b"1"));
        recent.learn(0, b"cold", Some(b"1"));
        let value = vec![0; VALUE_MAX];
        for number in 0..3 * GENERATION_MAX / VALUE_MAX {
            recent.learn(0, &number.to_be_bytes(), Some(&value));
            assert_eq!(recent.get(0, b"hot"), Some(Some(b"1".to_vec())));
        }
        assert_eq!(recent.get(0, b"cold"), None);
        let all = recent.lock();
        let held = |it: &Generation| it.iter().flat_map(|it| it.values().flatten()).count();
        assert!((held(&all.young) + held(&all.old)) * VALUE_MAX <= 2 * GENERATION_MAX);
    }
}
