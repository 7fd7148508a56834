//! One state, frozen: point reads and ordered ranges.

use std::{collections::BTreeMap, ops::Bound, sync::Arc};

use crate::{Error, Result, StoreChanges, Version, engine::Reader};

/// A key with its value.
pub type Pair = (Vec<u8>, Vec<u8>);

/// A range of keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Range {
    /// Where it begins.
    pub start: Bound<Vec<u8>>,
    /// Where it ends.
    pub end: Bound<Vec<u8>>,
}

impl Range {
    /// Every key.
    pub const fn all() -> Self {
        Self { start: Bound::Unbounded, end: Bound::Unbounded }
    }

    /// Every key that begins with `prefix`.
    pub fn prefix(prefix: &[u8]) -> Self {
        let end = successor(prefix).map_or(Bound::Unbounded, Bound::Excluded);
        Self { start: Bound::Included(prefix.to_vec()), end }
    }

    /// `start` up to but without `end`.
    pub fn between(start: &[u8], end: &[u8]) -> Self {
        Self { start: Bound::Included(start.to_vec()), end: Bound::Excluded(end.to_vec()) }
    }

    pub(crate) fn bounds(&self) -> (Bound<&[u8]>, Bound<&[u8]>) {
        (self.start.as_ref().map(Vec::as_slice), self.end.as_ref().map(Vec::as_slice))
    }

    /// Whether the range has no room for any key; `BTreeMap::range` panics on some of those.
    pub(crate) fn is_empty(&self) -> bool {
        use Bound::{Excluded, Included, Unbounded};
        match (&self.start, &self.end) {
            (Unbounded, _) | (_, Unbounded) => false,
            (Included(start), Included(end)) => start > end,
            (Included(start) | Excluded(start), Excluded(end) | Included(end)) => start >= end,
        }
    }
}

/// The smallest key above every key with this prefix; none if there is no such key.
pub(crate) fn successor(prefix: &[u8]) -> Option<Vec<u8>> {
    let mut end = prefix.to_vec();
    while let Some(last) = end.pop() {
        if let Some(next) = last.checked_add(1) {
            end.push(next);
            return Some(end);
        }
    }
    None
}

/// The state after one height. Cheap to clone; any thread may read it.
#[derive(Clone)]
pub struct Snapshot {
    version: Version,
    names: Arc<[&'static str]>,
    reader: Arc<dyn Reader>,
    /// Older values that hide what the reader has, by store; empty for the latest height.
    overlay: Arc<Vec<StoreChanges>>,
}

impl Snapshot {
    pub(crate) fn latest(
        version: Version,
        names: Arc<[&'static str]>,
        reader: Arc<dyn Reader>,
    ) -> Self {
        Self { version, names, reader, overlay: Arc::new(Vec::new()) }
    }

    pub(crate) fn hidden_by(&self, version: Version, overlay: Arc<Vec<StoreChanges>>) -> Self {
        Self { version, overlay, ..self.clone() }
    }

    pub(crate) fn reader(&self) -> &dyn Reader {
        self.reader.as_ref()
    }

    pub(crate) fn names(&self) -> &[&'static str] {
        &self.names
    }

    /// The height this is the state of, and its root.
    pub fn version(&self) -> Version {
        self.version
    }

    /// The value of `key` in `store`.
    pub fn get(&self, store: &str, key: &[u8]) -> Result<Option<Vec<u8>>> {
        self.get_at(index_of(&self.names, store)?, key)
    }

    pub(crate) fn get_at(&self, index: usize, key: &[u8]) -> Result<Option<Vec<u8>>> {
        match self.overlay.get(index).and_then(|store| store.get(key)) {
            Some(old) => Ok(old.clone()),
            None => self.reader.get(index, key),
        }
    }

    /// The pairs of `store` inside `range`, in key order, or backwards.
    pub fn range<'a>(
        &'a self,
        store: &str,
        range: Range,
        backwards: bool,
    ) -> Result<Box<dyn Iterator<Item = Result<Pair>> + Send + 'a>> {
        let index = index_of(&self.names, store)?;
        if range.is_empty() {
            return Ok(Box::new(std::iter::empty()));
        }
        let hidden = self.overlay.get(index).filter(|it| !it.is_empty());
        let Some(hidden) = hidden else {
            return Ok(self.reader.range(index, range, backwards));
        };
        let over = hidden.range::<[u8], _>(range.bounds());
        let under = self.reader.range(index, range.clone(), backwards);
        Ok(match backwards {
            false => Box::new(Merge { over: over.peekable(), under: under.peekable(), backwards }),
            true => {
                Box::new(Merge { over: over.rev().peekable(), under: under.peekable(), backwards })
            }
        })
    }
}

pub(crate) fn index_of(names: &[&'static str], store: &str) -> Result<usize> {
    let found = names.iter().position(|name| std::ptr::eq(*name, store) || *name == store);
    found.ok_or_else(|| Error::NoSuchStore(store.to_owned()))
}

/// Two ordered runs as one; on equal keys `over` wins, and its `None` hides the key.
struct Merge<A: Iterator, B: Iterator> {
    over: std::iter::Peekable<A>,
    under: std::iter::Peekable<B>,
    backwards: bool,
}

impl<'a, A, B> Iterator for Merge<A, B>
where
    A: Iterator<Item = (&'a Vec<u8>, &'a Option<Vec<u8>>)>,
    B: Iterator<Item = Result<Pair>>,
{
    type Item = Result<Pair>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let order = match (self.over.peek(), self.under.peek()) {
                (None, _) => return self.under.next(),
                (Some(_), Some(Err(_))) => return self.under.next(),
                (Some(_), None) => std::cmp::Ordering::Less,
                (Some((key, _)), Some(Ok((other, _)))) => match self.backwards {
                    false => key.as_slice().cmp(other),
                    true => other.as_slice().cmp(key),
                },
            };
            match order {
                std::cmp::Ordering::Greater => return self.under.next(),
                std::cmp::Ordering::Equal => drop(self.under.next()),
                std::cmp::Ordering::Less => {}
            }
            if let Some((key, Some(value))) = self.over.next() {
                return Some(Ok((key.clone(), value.clone())));
            }
        }
    }
}

/// An overlay with one entry per store, ready to be filled.
pub(crate) fn empty_overlay(stores: usize) -> Vec<StoreChanges> {
    vec![BTreeMap::new(); stores]
}
