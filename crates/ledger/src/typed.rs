//! Typed state, declared once as constants: [`Item`], [`Map`], [`Indexed`] with its [`Index`]es.
//!
//! Undecodable state halts the node: it is a damaged disk or a bug, never a failed transaction.

use std::marker::PhantomData;

use crate::{
    Ctx, Fault, Key, Result, View,
    context::Pairs,
    halt,
    keys::{Codec, Plain, Proto, Unit},
    state::prefix_end,
};

type Phantom<T> = PhantomData<fn() -> T>;

fn decode<V, C: Codec<V>>(store: &str, key: &[u8], bytes: &[u8]) -> V {
    C::decode(bytes)
        .unwrap_or_else(|| halt(format!("undecodable value in store {store} at {key:02x?}")))
}

/// One value under one key.
pub struct Item<V, C = Proto> {
    store: &'static str,
    key: &'static [u8],
    of: Phantom<(V, C)>,
}

impl<V, C: Codec<V>> Item<V, C> {
    pub const fn new(store: &'static str, key: &'static [u8]) -> Self {
        Self { store, key, of: PhantomData }
    }

    pub fn get(&self, view: &View) -> Result<Option<V>> {
        let bytes = view.read(self.store, self.key)?;
        Ok(bytes.map(|it| decode::<V, C>(self.store, self.key, &it)))
    }

    pub fn get_or_default(&self, view: &View) -> Result<V>
    where
        V: Default,
    {
        Ok(self.get(view)?.unwrap_or_default())
    }

    pub fn set(&self, cx: &mut Ctx, value: &V) -> Result {
        cx.write(self.store, self.key, C::encode(value))
    }

    pub fn del(&self, cx: &mut Ctx) -> Result {
        cx.delete(self.store, self.key)
    }
}

/// Values by key, in the order of the keys' bytes.
pub struct Map<K, V, C = Proto> {
    store: &'static str,
    prefix: &'static [u8],
    of: Phantom<(K, V, C)>,
}

impl<K: Key, V, C: Codec<V>> Map<K, V, C> {
    pub const fn new(store: &'static str, prefix: &'static [u8]) -> Self {
        Self { store, prefix, of: PhantomData }
    }

    /// The key in the store.
    pub fn key(&self, key: &K) -> Vec<u8> {
        let mut out = self.prefix.to_vec();
        key.write_last(&mut out);
        out
    }

    pub fn get(&self, view: &View, key: &K) -> Result<Option<V>> {
        let key = self.key(key);
        let bytes = view.read(self.store, &key)?;
        Ok(bytes.map(|it| decode::<V, C>(self.store, &key, &it)))
    }

    pub fn has(&self, view: &View, key: &K) -> Result<bool> {
        view.has(self.store, &self.key(key))
    }

    pub fn set(&self, cx: &mut Ctx, key: &K, value: &V) -> Result {
        cx.write(self.store, &self.key(key), C::encode(value))
    }

    /// Charges what `get` costs, for a value that is not needed.
    pub fn charge_get(&self, view: &View, key: &K) -> Result {
        view.read(self.store, &self.key(key)).map(|_| ())
    }

    /// Charges what `set` costs, for an entry that is known to be there already.
    pub fn charge_set(&self, view: &View, key: &K, value: &V) -> Result {
        view.charge_write(self.key(key).len().saturating_add(C::encode(value).len()))
    }

    pub fn del(&self, cx: &mut Ctx, key: &K) -> Result {
        cx.delete(self.store, &self.key(key))
    }

    /// Starts a walk: `MAP.walk().under(&owner).rev().iter(view)`. Default: all, ascending.
    pub fn walk(&self) -> Walk<K, V, C> {
        Walk {
            store: self.store,
            prefix: self.prefix.to_vec(),
            start: None,
            reverse: false,
            of: PhantomData,
            skip: self.prefix.len(),
        }
    }

    /// All entries in key order.
    pub fn iter<'a>(&self, view: &'a View) -> Entries<'a, K, V, C> {
        self.walk().iter(view)
    }

    pub fn values<'a>(&self, view: &'a View) -> impl Iterator<Item = Result<V>> + use<'a, K, V, C> {
        self.iter(view).map(|it| Ok(it?.1))
    }

    pub fn keys<'a>(&self, view: &'a View) -> impl Iterator<Item = Result<K>> + use<'a, K, V, C> {
        self.iter(view).map(|it| Ok(it?.0))
    }
}

/// Which entries of a map to walk, and in which direction.
pub struct Walk<K, V, C = Proto> {
    store: &'static str,
    prefix: Vec<u8>,
    start: Option<Vec<u8>>,
    reverse: bool,
    of: Phantom<(K, V, C)>,
    /// Bytes of the map's own prefix, before the key.
    skip: usize,
}

impl<K: Key, V, C: Codec<V>> Walk<K, V, C> {
    /// Only keys that begin with this first part (or tuple of first parts).
    #[must_use]
    pub fn under<P: Key>(mut self, first: &P) -> Self {
        first.write(&mut self.prefix);
        self
    }

    /// Only keys that begin with these bytes (after what `under` wrote).
    #[must_use]
    pub fn under_bytes(mut self, bytes: &[u8]) -> Self {
        self.prefix.extend_from_slice(bytes);
        self
    }

    /// Starts at this key, inclusive, in the direction of the walk.
    #[must_use]
    pub fn from(self, key: &K) -> Self {
        let mut bytes = Vec::new();
        key.write_last(&mut bytes);
        let skip = self.prefix.len().saturating_sub(self.skip);
        let suffix = bytes.split_off(skip.min(bytes.len()));
        self.from_bytes(suffix)
    }

    /// Starts at the key with this suffix behind the prefix, inclusive: a page's `next_key`.
    #[must_use]
    pub fn from_bytes(mut self, suffix: Vec<u8>) -> Self {
        self.start = Some(suffix);
        self
    }

    #[must_use]
    pub fn rev(self) -> Self {
        self.reversed(true)
    }

    #[must_use]
    pub fn reversed(mut self, reverse: bool) -> Self {
        self.reverse = reverse;
        self
    }

    pub fn iter(self, view: &View) -> Entries<'_, K, V, C> {
        let lowest = self.prefix.clone();
        let highest = prefix_end(&self.prefix);
        let from = self.start.map(|suffix| [self.prefix.as_slice(), &suffix].concat());
        let (start, end) = match from {
            // The end is exclusive, so a descending walk ends right after its first key.
            Some(mut from) if self.reverse => {
                from.push(0);
                (lowest, Some(from))
            }
            Some(from) => (from, highest),
            None => (lowest, highest),
        };
        Entries {
            pairs: view.range(self.store, &start, end.as_deref(), self.reverse),
            store: self.store,
            skip: self.skip,
            page_skip: self.prefix.len(),
            of: PhantomData,
        }
    }
}

/// Typed entries of a walk.
pub struct Entries<'a, K, V, C = Proto> {
    pairs: Pairs<'a>,
    store: &'static str,
    skip: usize,
    page_skip: usize,
    of: Phantom<(K, V, C)>,
}

impl<K: Key, V, C: Codec<V>> Entries<'_, K, V, C> {
    /// The next entry together with its page key (the bytes behind the walk's prefix).
    pub fn next_with_page_key(&mut self) -> Option<Result<(Vec<u8>, K, V)>> {
        let pair = match self.next_pair()? {
            Ok(pair) => pair,
            Err(fault) => return Some(Err(fault)),
        };
        let (key, value) = self.read(&pair);
        Some(Ok((self.page_key(&pair), key, value)))
    }

    /// The next entry as it lies in the store, charged for.
    pub(crate) fn next_pair(&mut self) -> Option<Result<store::Pair>> {
        self.pairs.next()
    }

    pub(crate) fn page_key(&self, (key, _): &store::Pair) -> Vec<u8> {
        key.get(self.page_skip..).unwrap_or_default().to_vec()
    }

    pub(crate) fn read(&self, (key, value): &store::Pair) -> (K, V) {
        let typed = K::read_last(key.get(self.skip..).unwrap_or_default()).unwrap_or_else(|_| {
            halt(format!("undecodable key in store {} {key:02x?}", self.store))
        });
        (typed, decode::<V, C>(self.store, key, value))
    }
}

impl<K: Key, V, C: Codec<V>> Iterator for Entries<'_, K, V, C> {
    type Item = Result<(K, V)>;

    fn next(&mut self) -> Option<Self::Item> {
        Some(self.next_pair()?.map(|pair| self.read(&pair)))
    }
}

/// An index of an [`Indexed`] map: entries (index key, primary key) without a value.
pub struct Index<I, K, V> {
    entries: Map<(I, K), (), Unit>,
    of: fn(&K, &V) -> I,
}

impl<I: Key, K: Key, V> Index<I, K, V> {
    pub const fn new(store: &'static str, prefix: &'static [u8], of: fn(&K, &V) -> I) -> Self {
        Self { entries: Map::new(store, prefix), of }
    }

    /// The entries, for walks and pages: `BY_STATE.walk().under(&state)` yields `((I, K), ())`.
    pub fn walk(&self) -> Walk<(I, K), (), Unit> {
        self.entries.walk()
    }

    /// Primary keys under an index key, ascending.
    pub fn of<'a, P: Key>(
        &self,
        view: &'a View,
        first: &P,
    ) -> impl Iterator<Item = Result<K>> + use<'a, I, K, V, P> {
        self.walk().under(first).iter(view).map(|it| Ok(it?.0.1))
    }
}

/// What an [`Indexed`] map asks of its indexes.
pub trait Follows<K, V>: Sync {
    fn added(&self, cx: &mut Ctx, key: &K, value: &V) -> Result;
    fn removed(&self, cx: &mut Ctx, key: &K, value: &V) -> Result;
    /// Charges what `removed` costs.
    fn charge_removed(&self, cx: &mut Ctx) -> Result;
    /// `added`, over a row whose `removed` is charged but not done: moves the entry if the row has
    /// another one now.
    fn moved(&self, cx: &mut Ctx, key: &K, old: &V, new: &V) -> Result;
    fn has(&self, view: &View, key: &K, value: &V) -> Result<bool>;
    fn count(&self, view: &View) -> Result<usize>;
}

impl<I: Key, K: Key + Clone, V> Follows<K, V> for Index<I, K, V> {
    fn added(&self, cx: &mut Ctx, key: &K, value: &V) -> Result {
        self.entries.set(cx, &((self.of)(key, value), key.clone()), &())
    }
    fn removed(&self, cx: &mut Ctx, key: &K, value: &V) -> Result {
        self.entries.del(cx, &((self.of)(key, value), key.clone()))
    }
    fn charge_removed(&self, cx: &mut Ctx) -> Result {
        cx.charge_delete()
    }
    fn moved(&self, cx: &mut Ctx, key: &K, old: &V, new: &V) -> Result {
        let old = self.entries.key(&((self.of)(key, old), key.clone()));
        let new = self.entries.key(&((self.of)(key, new), key.clone()));
        cx.charge_write(new.len())?;
        if old != new {
            cx.replace(self.entries.store, &old, &new);
        }
        Ok(())
    }
    fn has(&self, view: &View, key: &K, value: &V) -> Result<bool> {
        self.entries.has(view, &((self.of)(key, value), key.clone()))
    }
    fn count(&self, view: &View) -> Result<usize> {
        self.entries.iter(view).try_fold(0usize, |sum, it| it.map(|_| sum.saturating_add(1)))
    }
}

/// A map that keeps its indexes in step with every write.
///
/// ```text
/// static BY_STATE: Index<u8, OrderId, Order> = Index::new("market", &[0x11, 2], |_, it| state(it));
/// static ORDERS: Indexed<OrderId, Order> = Indexed::new("market", &[0x11, 1], &[&BY_STATE]);
/// ```
pub struct Indexed<K: 'static, V: 'static, C = Proto> {
    rows: Map<K, V, C>,
    indexes: &'static [&'static dyn Follows<K, V>],
}

impl<K: Key + Clone, V, C: Codec<V>> Indexed<K, V, C> {
    pub const fn new(
        store: &'static str,
        prefix: &'static [u8],
        indexes: &'static [&'static dyn Follows<K, V>],
    ) -> Self {
        Self { rows: Map::new(store, prefix), indexes }
    }

    pub fn get(&self, view: &View, key: &K) -> Result<Option<V>> {
        self.rows.get(view, key)
    }

    pub fn has(&self, view: &View, key: &K) -> Result<bool> {
        self.rows.has(view, key)
    }

    /// Writes the row and moves its index entries where their keys changed. Charges for all of
    /// them: the reference deletes and writes each.
    pub fn set(&self, cx: &mut Ctx, key: &K, value: &V) -> Result {
        match self.rows.get(cx, key)? {
            Some(old) => {
                self.indexes.iter().try_for_each(|it| it.charge_removed(cx))?;
                self.indexes.iter().try_for_each(|it| it.moved(cx, key, &old, value))?;
            }
            None => self.indexes.iter().try_for_each(|it| it.added(cx, key, value))?,
        }
        self.rows.set(cx, key, value)
    }

    pub fn del(&self, cx: &mut Ctx, key: &K) -> Result {
        if let Some(old) = self.rows.get(cx, key)? {
            self.indexes.iter().try_for_each(|it| it.removed(cx, key, &old))?;
        }
        self.rows.del(cx, key)
    }

    pub fn walk(&self) -> Walk<K, V, C> {
        self.rows.walk()
    }

    pub fn iter<'a>(&self, view: &'a View) -> Entries<'a, K, V, C> {
        self.rows.iter(view)
    }

    pub fn values<'a>(&self, view: &'a View) -> impl Iterator<Item = Result<V>> + use<'a, K, V, C> {
        self.rows.values(view)
    }

    /// The rows as a plain map, to read.
    pub fn rows(&self) -> &Map<K, V, C> {
        &self.rows
    }

    /// The invariant of every indexed map: each row has its entries, and there are no others.
    pub fn indexes_match(&self, view: &View) -> Result {
        let mut count = 0usize;
        for row in self.rows.iter(view) {
            let (key, value) = row?;
            count = count.saturating_add(1);
            for index in self.indexes {
                if !index.has(view, &key, &value)? {
                    return Err(Fault::plain(format!(
                        "a row of {} has no index entry: {:02x?}",
                        self.rows.store,
                        self.rows.key(&key)
                    )));
                }
            }
        }
        for index in self.indexes {
            let entries = index.count(view)?;
            if entries != count {
                return Err(Fault::plain(format!(
                    "{} rows in {} but {entries} index entries",
                    count, self.rows.store
                )));
            }
        }
        Ok(())
    }
}

/// A number that counts up: `next` returns the present value and stores the following one.
pub struct Counter(Item<u64, Plain>);

impl Counter {
    pub const fn new(store: &'static str, key: &'static [u8]) -> Self {
        Self(Item::new(store, key))
    }

    pub fn peek(&self, view: &View) -> Result<u64> {
        self.0.get_or_default(view)
    }

    pub fn next(&self, cx: &mut Ctx) -> Result<u64> {
        let value = self.peek(cx)?;
        let following = value.checked_add(1).ok_or_else(|| Fault::plain("counter is exhausted"))?;
        self.0.set(cx, &following)?;
        Ok(value)
    }

    pub fn set(&self, cx: &mut Ctx, value: u64) -> Result {
        self.0.set(cx, &value)
    }
}

#[cfg(test)]
mod tests {
    use types::wire::cosmos::base::query::v1beta1::{PageRequest, PageResponse};

    use super::*;
    use crate::{gas, page::paginate, testing};

    static BY_PARITY: Index<u8, u64, u64> = Index::new("test", &[2], |_, value| parity(*value));
    static ROWS: Indexed<u64, u64, Plain> = Indexed::new("test", &[1], &[&BY_PARITY]);
    const PAIRS: Map<(String, u64), u64, Plain> = Map::new("test", &[3]);

    fn parity(value: u64) -> u8 {
        u8::from(value % 2 == 1)
    }

    #[test]
    fn an_index_follows_every_write() {
        let mut cx = testing::ctx();
        for key in 0..6 {
            ROWS.set(&mut cx, &key, &key).unwrap();
        }
        ROWS.set(&mut cx, &0, &1).unwrap();
        ROWS.del(&mut cx, &3).unwrap();
        let odd: Vec<u64> = BY_PARITY.of(&cx, &1u8).map(Result::unwrap).collect();
        assert_eq!(odd, [0, 1, 5]);
        ROWS.indexes_match(&cx).unwrap();
        cx.delete("test", &BY_PARITY.entries.key(&(1, 5))).unwrap();
        assert!(ROWS.indexes_match(&cx).is_err());
    }

    fn filled() -> Ctx {
        let mut cx = testing::ctx();
        for owner in ["a", "b"] {
            for number in 0..5 {
                PAIRS.set(&mut cx, &(owner.to_owned(), number), &number).unwrap();
            }
        }
        cx
    }

    #[test]
    fn walks_stay_under_their_first_part_and_start_where_they_are_told() {
        let cx = filled();
        let keys = |walk: Walk<(String, u64), u64, Plain>| -> Vec<u64> {
            walk.iter(&cx).map(|it| it.unwrap().1).collect()
        };
        let under = || PAIRS.walk().under(&"b".to_owned());
        assert_eq!(keys(under()), [0, 1, 2, 3, 4]);
        assert_eq!(keys(under().rev()), [4, 3, 2, 1, 0]);
        assert_eq!(keys(under().from(&("b".to_owned(), 3))), [3, 4]);
        assert_eq!(keys(under().from(&("b".to_owned(), 3)).rev()), [3, 2, 1, 0]);
    }

    fn page(cx: &Ctx, request: PageRequest) -> (Vec<u64>, PageResponse) {
        let walk = PAIRS.walk().under(&"a".to_owned());
        paginate(cx, walk, Some(request), |_, value| Ok((value != 1).then_some(value))).unwrap()
    }

    #[test]
    fn pages_follow_each_other_in_both_directions_and_count_only_what_is_picked() {
        let cx = filled();
        for (reverse, expected) in [(false, [0, 2, 3, 4]), (true, [4, 3, 2, 0])] {
            let mut seen = Vec::new();
            let mut key = Vec::new();
            loop {
                let request = PageRequest { key, limit: 3, reverse, ..PageRequest::default() };
                let (items, next) = page(&cx, request);
                seen.extend(items);
                assert_eq!(next.total, 0);
                if next.next_key.is_empty() {
                    break;
                }
                key = next.next_key;
            }
            assert_eq!(seen, expected);
        }
        let (items, next) = page(&cx, PageRequest { offset: 1, limit: 2, ..Default::default() });
        assert_eq!((items, next.total, next.next_key.is_empty()), (vec![2, 3], 0, false));
        let (items, next) = page(&cx, PageRequest::default());
        assert_eq!((items, next.total), (vec![0, 2, 3, 4], 4));
        let both = PageRequest { key: vec![1], offset: 1, ..Default::default() };
        let fault = paginate(&cx, PAIRS.walk(), Some(both), |_, it| Ok(Some(it))).unwrap_err();
        assert_eq!(fault.grpc().1, "invalid request, either offset or key is expected, got both");
    }

    #[test]
    fn state_access_costs_what_the_price_list_says() {
        let mut cx = testing::ctx();
        let used = |cx: &Ctx, before: u64| cx.gas().used() - before;
        PAIRS.set(&mut cx, &("a".to_owned(), 1), &7).unwrap();
        let bytes = 1 + 2 + 8 + 8;
        assert_eq!(cx.gas().used(), gas::WRITE_FLAT + gas::WRITE_PER_BYTE * bytes);
        let before = cx.gas().used();
        PAIRS.get(&cx, &("a".to_owned(), 1)).unwrap();
        assert_eq!(used(&cx, before), gas::READ_FLAT + gas::READ_PER_BYTE * bytes);
        let before = cx.gas().used();
        assert_eq!(PAIRS.iter(&cx).count(), 1);
        assert_eq!(used(&cx, before), gas::ITER_NEXT_FLAT + gas::READ_PER_BYTE * bytes);
    }

    #[test]
    fn an_attempt_that_fails_leaves_no_write_and_no_event() {
        let mut cx = testing::ctx();
        let failed: Result = cx.attempt(|cx| {
            ROWS.set(cx, &1, &1)?;
            cx.emit_plain("happened", []);
            cx.attempt(|cx| ROWS.set(cx, &2, &2))?;
            Err(Fault::plain("no"))
        });
        assert!(failed.is_err());
        assert_eq!(ROWS.iter(&cx).count(), 0);
        assert!(cx.events().is_empty());
        cx.rehearse(|cx| ROWS.set(cx, &1, &1)).unwrap();
        assert_eq!(ROWS.iter(&cx).count(), 0);
    }
}
