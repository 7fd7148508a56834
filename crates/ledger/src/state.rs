//! Uncommitted state: one ordered overlay per store over a committed base, with a journal that
//! undoes everything since a checkpoint. Owned by `View`; nothing else writes.

use std::{
    collections::{BTreeMap, btree_map},
    ops::Bound,
    sync::Arc,
};

/// Key and value.
pub type Pair = (Vec<u8>, Vec<u8>);

/// Committed state of one height, by store name. Implemented over the `store` crate's snapshots
/// and in memory for tests.
pub trait Base: Send + Sync {
    fn get(&self, store: &str, key: &[u8]) -> Option<Vec<u8>>;

    /// Pairs with `start <= key < end` (no end: to the last), in key order or reversed.
    fn range<'a>(
        &'a self,
        store: &'a str,
        start: &[u8],
        end: Option<&[u8]>,
        reverse: bool,
    ) -> Box<dyn Iterator<Item = Pair> + 'a>;
}

/// The changes of a block: store name, key, new value (none: deleted).
pub type Changes = BTreeMap<&'static str, BTreeMap<Vec<u8>, Option<Vec<u8>>>>;

/// A place in the journal to come back to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Checkpoint(usize);

type Undo = (&'static str, Vec<u8>, Option<Option<Vec<u8>>>);

pub(crate) struct State {
    base: Arc<dyn Base>,
    changes: Changes,
    /// What each write since the outermost checkpoint replaced in `changes`.
    journal: Vec<Undo>,
    depth: usize,
}

impl State {
    pub(crate) fn new(base: Arc<dyn Base>) -> Self {
        Self { base, changes: Changes::new(), journal: Vec::new(), depth: 0 }
    }

    pub(crate) fn set_changes(&mut self, changes: Changes) {
        self.changes = changes;
    }

    pub(crate) fn into_changes(self) -> Changes {
        self.changes
    }

    pub(crate) fn get(&self, store: &str, key: &[u8]) -> Option<Vec<u8>> {
        match self.changes.get(store).and_then(|it| it.get(key)) {
            Some(changed) => changed.clone(),
            None => self.base.get(store, key),
        }
    }

    pub(crate) fn has(&self, store: &str, key: &[u8]) -> bool {
        match self.changes.get(store).and_then(|it| it.get(key)) {
            Some(changed) => changed.is_some(),
            None => self.base.get(store, key).is_some(),
        }
    }

    pub(crate) fn write(&mut self, store: &'static str, key: &[u8], value: Option<Vec<u8>>) {
        let old = self.changes.entry(store).or_default().insert(key.to_vec(), value);
        if self.depth > 0 {
            self.journal.push((store, key.to_vec(), old));
        }
    }

    pub(crate) fn checkpoint(&mut self) -> Checkpoint {
        self.depth = self.depth.saturating_add(1);
        Checkpoint(self.journal.len())
    }

    /// Keeps the writes since the checkpoint; an outer checkpoint can still undo them.
    pub(crate) fn keep(&mut self, _: Checkpoint) {
        self.depth = self.depth.saturating_sub(1);
        if self.depth == 0 {
            self.journal.clear();
        }
    }

    /// Undoes every write since the checkpoint.
    pub(crate) fn undo(&mut self, to: Checkpoint) {
        while self.journal.len() > to.0 {
            let Some((store, key, old)) = self.journal.pop() else { break };
            let changes = self.changes.entry(store).or_default();
            match old {
                Some(old) => changes.insert(key, old),
                None => changes.remove(&key),
            };
        }
        self.depth = self.depth.saturating_sub(1);
    }

    pub(crate) fn depth(&self) -> usize {
        self.depth
    }

    /// Forgets nested checkpoints that a panic left open.
    pub(crate) fn set_depth(&mut self, depth: usize) {
        self.depth = depth;
    }

    pub(crate) fn range<'a>(
        &'a self,
        store: &'a str,
        start: &[u8],
        end: Option<&[u8]>,
        reverse: bool,
    ) -> Merge<'a> {
        let base = self.base.range(store, start, end, reverse);
        let nothing_between = end.is_some_and(|end| end <= start);
        let changed: ChangedRange<'a> = match self.changes.get(store) {
            Some(changes) if !nothing_between => {
                let end = end.map_or(Bound::Unbounded, Bound::Excluded);
                let range = changes.range::<[u8], _>((Bound::Included(start), end));
                if reverse { ChangedRange::Down(range.rev()) } else { ChangedRange::Up(range) }
            }
            _ => ChangedRange::Empty,
        };
        let mut merge = Merge { base, changed, next_base: None, next_changed: None, reverse };
        merge.next_base = merge.base.next();
        merge.next_changed = merge.changed.next();
        merge
    }
}

enum ChangedRange<'a> {
    Empty,
    Up(btree_map::Range<'a, Vec<u8>, Option<Vec<u8>>>),
    Down(std::iter::Rev<btree_map::Range<'a, Vec<u8>, Option<Vec<u8>>>>),
}

impl<'a> Iterator for ChangedRange<'a> {
    type Item = (&'a Vec<u8>, &'a Option<Vec<u8>>);

    fn next(&mut self) -> Option<Self::Item> {
        match self {
            Self::Empty => None,
            Self::Up(range) => range.next(),
            Self::Down(range) => range.next(),
        }
    }
}

/// Base and overlay read as one ordered sequence; the overlay wins, deleted keys are skipped.
pub(crate) struct Merge<'a> {
    base: Box<dyn Iterator<Item = Pair> + 'a>,
    changed: ChangedRange<'a>,
    next_base: Option<Pair>,
    next_changed: Option<(&'a Vec<u8>, &'a Option<Vec<u8>>)>,
    reverse: bool,
}

impl Iterator for Merge<'_> {
    type Item = Pair;

    fn next(&mut self) -> Option<Pair> {
        loop {
            let order = match (&self.next_base, self.next_changed) {
                (None, None) => return None,
                (Some(_), None) => std::cmp::Ordering::Less,
                (None, Some(_)) => std::cmp::Ordering::Greater,
                (Some((base, _)), Some((changed, _))) if self.reverse => changed.cmp(base),
                (Some((base, _)), Some((changed, _))) => base.cmp(changed),
            };
            if order.is_le() {
                let pair = self.next_base.take();
                self.next_base = self.base.next();
                if order.is_lt() {
                    return pair;
                }
            }
            let Some((key, value)) = self.next_changed.take() else { continue };
            self.next_changed = self.changed.next();
            if let Some(value) = value {
                return Some((key.clone(), value.clone()));
            }
        }
    }
}

/// A committed state in memory, for tests and for the time before genesis.
#[derive(Clone, Debug, Default)]
pub struct MemoryBase(pub BTreeMap<String, BTreeMap<Vec<u8>, Vec<u8>>>);

impl Base for MemoryBase {
    fn get(&self, store: &str, key: &[u8]) -> Option<Vec<u8>> {
        self.0.get(store)?.get(key).cloned()
    }

    fn range<'a>(
        &'a self,
        store: &'a str,
        start: &[u8],
        end: Option<&[u8]>,
        reverse: bool,
    ) -> Box<dyn Iterator<Item = Pair> + 'a> {
        if end.is_some_and(|end| end <= start) {
            return Box::new(std::iter::empty());
        }
        let Some(rows) = self.0.get(store) else { return Box::new(std::iter::empty()) };
        let end = end.map_or(Bound::Unbounded, Bound::Excluded);
        let range = rows
            .range::<[u8], _>((Bound::Included(start), end))
            .map(|(key, value)| (key.clone(), value.clone()));
        if reverse { Box::new(range.rev()) } else { Box::new(range) }
    }
}

/// The first key after every key that starts with `prefix`; none when the prefix is all 0xFF.
pub fn prefix_end(prefix: &[u8]) -> Option<Vec<u8>> {
    let mut end = prefix.to_vec();
    while let Some(last) = end.pop() {
        if let Some(next) = last.checked_add(1) {
            end.push(next);
            return Some(end);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[derive(Clone, Debug)]
    enum Step {
        Write(u8, u8),
        Delete(u8),
        Checkpoint,
        Keep,
        Undo,
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let step = prop_oneof![
            4 => (0u8..12, any::<u8>()).prop_map(|(key, value)| Step::Write(key, value)),
            2 => (0u8..12).prop_map(Step::Delete),
            1 => Just(Step::Checkpoint),
            1 => Just(Step::Keep),
            1 => Just(Step::Undo),
        ];
        prop::collection::vec(step, 0..80)
    }

    proptest! {
        /// Against a model that copies the whole map at each checkpoint.
        #[test]
        fn an_overlay_reads_and_undoes_like_a_copied_map(steps in steps(), from in 0u8..12, to in 0u8..12) {
            let rows: BTreeMap<Vec<u8>, Vec<u8>> =
                (0..12u8).step_by(3).map(|it| (vec![it], vec![it])).collect();
            let base = MemoryBase(BTreeMap::from([("s".to_owned(), rows.clone())]));
            let mut state = State::new(Arc::new(base));
            let mut model = rows;
            let mut open = Vec::new();
            for step in steps {
                match step {
                    Step::Write(key, value) => {
                        state.write("s", &[key], Some(vec![value]));
                        model.insert(vec![key], vec![value]);
                    }
                    Step::Delete(key) => {
                        state.write("s", &[key], None);
                        model.remove([key].as_slice());
                    }
                    Step::Checkpoint => open.push((state.checkpoint(), model.clone())),
                    Step::Keep => {
                        if let Some((checkpoint, _)) = open.pop() {
                            state.keep(checkpoint);
                        }
                    }
                    Step::Undo => {
                        if let Some((checkpoint, before)) = open.pop() {
                            state.undo(checkpoint);
                            model = before;
                        }
                    }
                }
            }
            for key in 0..12u8 {
                prop_assert_eq!(state.get("s", &[key]), model.get([key].as_slice()).cloned());
                prop_assert_eq!(state.has("s", &[key]), model.contains_key([key].as_slice()));
            }
            let expected: Vec<Pair> = if from < to {
                let range = model.range(vec![from]..vec![to]);
                range.map(|(key, value)| (key.clone(), value.clone())).collect()
            } else {
                Vec::new()
            };
            let up: Vec<Pair> = state.range("s", &[from], Some(&[to]), false).collect();
            let mut down: Vec<Pair> = state.range("s", &[from], Some(&[to]), true).collect();
            down.reverse();
            prop_assert_eq!(&up, &expected);
            prop_assert_eq!(&down, &expected);
        }
    }

    #[test]
    fn the_end_of_a_prefix_is_the_next_one() {
        assert_eq!(prefix_end(&[1, 2]), Some(vec![1, 3]));
        assert_eq!(prefix_end(&[1, 0xFF]), Some(vec![2]));
        assert_eq!(prefix_end(&[0xFF]), None);
    }
}
