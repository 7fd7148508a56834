//! Pages of lists over objects that have states (chain.md 1.5): which way a list is walked, where
//! a page ends, and the key it can be resumed with.
//!
//! A list that asks for one state of one owner or provider walks an index of just those
//! ([`OwnIndex`]), so that what has ended costs nothing to whoever asks for what lives.
//!
//! A page holds [`ledger::PAGE_MAX`] items at most, and a walk that costs too much ends it early:
//! with fewer items, maybe none, and a page key to go on with.
//!
//! Called by: escrow, deployment, market, bme, cert. Calls: the kernel's page keys. Owns: nothing.

use ledger::{
    Budget, Codec, Ctx, DEFAULT_LIMIT, Fault, Follows, Index, Indexed, Key, Map, PAGE_MAX, Result,
    StateKey, View, offset_too_far,
};
use types::wire::cosmos::base::query::v1beta1::{PageRequest, PageResponse};

/// The states to walk: all, or the one that was asked for by name.
pub(crate) fn states(
    all: &[u8],
    named: &str,
    number: impl Fn(&str) -> Option<i32>,
) -> Result<Vec<u8>> {
    if named.is_empty() {
        return Ok(all.to_vec());
    }
    let known = number(named).and_then(|it| u8::try_from(it).ok()).filter(|it| all.contains(it));
    known.map(|it| vec![it]).ok_or_else(|| Fault::invalid_argument("invalid state value"))
}

/// Items of a page, and where the next one begins.
type Page<T> = (Vec<T>, PageResponse);

fn page<T>(items: Vec<T>, next_key: Vec<u8>) -> Page<T> {
    let total = u64::try_from(items.len()).unwrap_or(u64::MAX);
    (items, PageResponse { next_key, total })
}

/// How many items a page of this request holds.
pub(crate) fn limit(request: &PageRequest) -> usize {
    let limit = if request.limit == 0 { DEFAULT_LIMIT } else { request.limit.min(PAGE_MAX) };
    usize::try_from(limit).unwrap_or(usize::MAX)
}

// Lists whose keys in the store begin with the state: escrow and cert.

/// A walk of one store prefix per state over a map with its own prefix `root`. `under` is the bytes
/// behind it that every key of that state begins with; `malformed` answers a page key of no such
/// list.
pub(crate) fn by_prefix<K: Key, V, C: Codec<V>, T>(
    view: &View,
    (root, map): (&'static [u8], &Map<K, V, C>),
    states: Vec<u8>,
    request: Option<PageRequest>,
    under: impl Fn(u8) -> Vec<u8>,
    malformed: impl Fn(Fault) -> Fault,
    show: impl Fn(K, V) -> T,
) -> Result<Page<T>> {
    let request = request.unwrap_or_default();
    let limit = limit(&request);
    let resume = match request.key.as_slice() {
        [] => None,
        key => Some(StateKey::decode(key)?),
    };
    let states = resume.as_ref().map_or(states, |it| it.states.clone());
    let mut resume = resume;
    let budget = Budget::new(view);
    let mut items = Vec::new();
    for (at, state) in states.iter().enumerate() {
        let (prefix, start) = match resume.take() {
            Some(key) => {
                let wrong = || malformed(ledger::broken_key());
                let prefix = key.prefix.strip_prefix(root).ok_or_else(wrong)?.to_vec();
                let whole = [prefix.as_slice(), &key.pk].concat();
                K::read_last(&whole).map_err(&malformed)?;
                if whole.first() != Some(state) {
                    return Err(wrong());
                }
                (prefix, Some(key.pk))
            }
            None => (under(*state), None),
        };
        let mut walk = map.walk().under_bytes(&prefix);
        if let Some(start) = start {
            walk = walk.from_bytes(start);
        }
        let mut entries = walk.iter(view);
        while let Some(entry) = entries.next_with_page_key() {
            let (pk, key, value) = entry?;
            // Every entry is an item, so only an empty page would not get on.
            if items.len() == limit || (!items.is_empty() && budget.is_spent(view)) {
                let states = states.get(at..).unwrap_or_default().to_vec();
                let prefix = [root, &prefix].concat();
                return Ok(page(items, StateKey { states, prefix, pk, uns: Vec::new() }.encode()?));
            }
            items.push(show(key, value));
        }
    }
    Ok(page(items, Vec::new()))
}

// Lists over rows with a state index: deployments, orders, bids, leases.

/// How the first page of a list is walked. The number is what a page key calls the way by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// The rows of one owner, whatever their state.
    Owner(String),
    /// The entries of one provider in the provider index.
    Provider(String),
    /// State after state.
    States,
}

/// The bytes by which page keys name the ways; none: not written.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Names {
    pub(crate) owner: u8,
    pub(crate) provider: Option<u8>,
    pub(crate) states: Option<u8>,
}

/// Deployments and orders.
pub(crate) const TWO_WAYS: Names = Names { owner: 1, provider: None, states: None };
/// Bids and leases.
pub(crate) const THREE_WAYS: Names = Names { owner: 2, provider: Some(1), states: Some(0) };

/// An index that the reference does not have: its upkeep is not charged, so that a transaction needs
/// no more gas here than there.
pub(crate) struct OwnIndex<I: 'static, K: 'static, V: 'static>(pub(crate) Index<I, K, V>);

impl<I: Key, K: Key + Clone, V> Follows<K, V> for OwnIndex<I, K, V> {
    fn added(&self, cx: &mut Ctx, key: &K, value: &V) -> Result {
        cx.without_gas(|cx| self.0.added(cx, key, value))
    }
    fn removed(&self, cx: &mut Ctx, key: &K, value: &V) -> Result {
        cx.without_gas(|cx| self.0.removed(cx, key, value))
    }
    fn charge_removed(&self, _: &mut Ctx) -> Result {
        Ok(())
    }
    fn moved(&self, cx: &mut Ctx, key: &K, old: &V, new: &V) -> Result {
        cx.without_gas(|cx| self.0.moved(cx, key, old, new))
    }
    fn has(&self, view: &View, key: &K, value: &V) -> Result<bool> {
        self.0.has(view, key, value)
    }
    fn count(&self, view: &View) -> Result<usize> {
        self.0.count(view)
    }
}

/// The index of an owner's, or a provider's, rows by state.
pub(crate) type StateOf<K, V> = OwnIndex<(String, u8), K, V>;

/// The bytes that keys with this first part begin with.
pub(crate) fn leading<P: Key>(first: &P) -> Vec<u8> {
    let mut bytes = Vec::new();
    first.write(&mut bytes);
    bytes
}

/// A list over the rows `rows` with index `by_state` and, where there is one, `by_provider`.
pub(crate) struct List<'a, K: 'static, V: 'static> {
    pub(crate) rows: &'a Indexed<K, V>,
    pub(crate) by_state: &'a Index<u8, K, V>,
    /// The rows of an owner in one state.
    pub(crate) by_owner_state: &'a StateOf<K, V>,
    pub(crate) by_provider: Option<&'a Index<String, K, V>>,
    /// The rows of a provider in one state.
    pub(crate) by_provider_state: Option<&'a StateOf<K, V>>,
    pub(crate) state_of: fn(&V) -> u8,
    pub(crate) owner_of: fn(&K) -> &str,
    pub(crate) provider_of: fn(&K) -> &str,
    pub(crate) names: Names,
}

/// What a request asks of a list.
pub(crate) struct Asked {
    pub(crate) way: Way,
    /// What every key that fits begins with, owner first; empty when the owner is not named.
    pub(crate) under: Vec<u8>,
    pub(crate) states: Vec<u8>,
    /// Whether the request named a state: only then may it skip items.
    pub(crate) state_given: bool,
    pub(crate) page: Option<PageRequest>,
}

/// Keys on a way through a list, with the row where the way itself leads over rows.
type Steps<'a, K, V> = Box<dyn Iterator<Item = Result<(K, Option<V>)>> + 'a>;

impl<K: Key + Clone, V: prost::Message + Default> List<'_, K, V> {
    /// The page: every row of the way that `fits`, in a state that is asked for.
    pub(crate) fn page<T>(
        &self,
        view: &View,
        asked: Asked,
        fits: impl Fn(&K) -> bool,
        mut show: impl FnMut(K, V) -> Result<T>,
    ) -> Result<Page<T>> {
        let request = asked.page.unwrap_or_default();
        let (limit, reverse) = (limit(&request), request.reverse);
        let mut skip = request.offset;
        let (way, states, mut start) = if request.key.is_empty() {
            if skip > 0 && !asked.state_given {
                return Err(Fault::invalid_argument(
                    "invalid request parameters. if offset is set, filter.state must be provided",
                ));
            }
            let mut states = asked.states;
            if reverse && asked.way == Way::States {
                states.reverse();
            }
            (asked.way, states, None)
        } else {
            skip = 0;
            let key = StateKey::decode(&request.key)?;
            let (way, start) = self.resumed(asked.way, &key)?;
            (way, key.states, Some(start))
        };
        let name = match way {
            Way::Owner(_) => Some(self.names.owner),
            Way::Provider(_) => self.names.provider,
            Way::States => self.names.states,
        };
        // State after state, or one walk over all that are asked for.
        let walks = if way == Way::States { states.len() } else { 1 };

        let budget = Budget::new(view);
        let mut items = Vec::new();
        // The first key is always taken, so that a client who follows the page keys gets on.
        let mut is_first = true;
        for at in 0..walks {
            let left = states.get(at..).unwrap_or_default();
            let (steps, has_state) =
                self.steps(view, &way, left, &asked.under, start.take(), reverse);
            for step in steps {
                let (key, value) = step?;
                let is_spent = !is_first && budget.is_spent(view);
                is_first = false;
                if is_spent {
                    if skip > 0 {
                        return Err(offset_too_far());
                    }
                    return Ok(page(items, resume_at(left, &key, name)?));
                }
                if !fits(&key) {
                    continue;
                }
                let mut row = value;
                if !has_state {
                    let found = row.map_or_else(|| self.row(view, &key), Ok)?;
                    if !states.contains(&(self.state_of)(&found)) {
                        continue;
                    }
                    row = Some(found);
                }
                if skip > 0 {
                    skip = skip.saturating_sub(1);
                    continue;
                }
                if items.len() == limit {
                    return Ok(page(items, resume_at(left, &key, name)?));
                }
                let row = row.map_or_else(|| self.row(view, &key), Ok)?;
                items.push(show(key, row)?);
            }
        }
        Ok(page(items, Vec::new()))
    }

    /// A walk over what a way leads to, and whether all of it is in the first of `states`.
    fn steps<'a>(
        &self,
        view: &'a View,
        way: &Way,
        states: &[u8],
        under: &[u8],
        start: Option<K>,
        reverse: bool,
    ) -> (Steps<'a, K, V>, bool) {
        match way {
            Way::Owner(owner) => {
                let whose = leading(owner);
                // A page key of other rows than those that fit continues among all of the owner.
                let start = start.as_ref().map(Key::to_bytes);
                let is_under = |bytes: &Vec<u8>| bytes.starts_with(under);
                let under = match under.starts_with(&whose) && start.as_ref().is_none_or(is_under) {
                    true => under.to_vec(),
                    false => whose,
                };
                let begins = start.as_ref().is_none_or(|it| it.starts_with(&under));
                let suffix = start.map(|it| it.get(under.len()..).unwrap_or_default().to_vec());
                if let ([state], true) = (states, begins) {
                    let walk = self.by_owner_state.0.walk().under(&(owner.clone(), *state));
                    let mut walk = walk.under_bytes(&under).reversed(reverse);
                    if let Some(suffix) = suffix {
                        walk = walk.from_bytes(suffix);
                    }
                    let steps = walk.iter(view).map(|it| it.map(|((_, key), ())| (key, None)));
                    return (Box::new(steps), true);
                }
                let mut walk = self.rows.walk().under_bytes(&under).reversed(reverse);
                if let Some(suffix) = suffix {
                    walk = walk.from_bytes(suffix);
                }
                let steps = walk.iter(view).map(|it| it.map(|(key, row)| (key, Some(row))));
                (Box::new(steps), false)
            }
            Way::Provider(provider) => {
                if let ([state], Some(index)) = (states, self.by_provider_state) {
                    let whose = (provider.clone(), *state);
                    let mut walk = index.0.walk().under(&whose).reversed(reverse);
                    if let Some(start) = start {
                        walk = walk.from(&(whose, start));
                    }
                    let steps = walk.iter(view).map(|it| it.map(|((_, key), ())| (key, None)));
                    return (Box::new(steps), true);
                }
                let Some(index) = self.by_provider else {
                    return (Box::new(std::iter::empty()), false);
                };
                let mut walk = index.walk().under(provider).reversed(reverse);
                if let Some(start) = start {
                    walk = walk.from(&(provider.clone(), start));
                }
                let steps = walk.iter(view).map(|it| it.map(|((_, key), ())| (key, None)));
                (Box::new(steps), false)
            }
            Way::States => {
                let Some(state) = states.first() else {
                    return (Box::new(std::iter::empty()), true);
                };
                let mut walk = self.by_state.walk().under(state).reversed(reverse);
                if let Some(start) = start {
                    walk = walk.from(&(*state, start));
                }
                let steps = walk.iter(view).map(|it| it.map(|((_, key), ())| (key, None)));
                (Box::new(steps), true)
            }
        }
    }

    /// The way that a page key continues, and where. An owner or provider that the request does
    /// not name again is the one of the row that comes next.
    fn resumed(&self, asked: Way, key: &StateKey) -> Result<(Way, K)> {
        let name = match (key.uns.as_slice(), self.names.states) {
            ([name], _) => Some(*name),
            (_, None) => None,
            (_, Some(_)) => return Err(Fault::invalid_argument("invalid pagination key")),
        };
        let start = K::read_last(&key.pk)?;
        let way = if name == Some(self.names.owner) {
            match asked {
                Way::Owner(_) => asked,
                _ => Way::Owner((self.owner_of)(&start).to_owned()),
            }
        } else if name.is_some() && name == self.names.provider {
            match asked {
                Way::Provider(_) => asked,
                _ => Way::Provider((self.provider_of)(&start).to_owned()),
            }
        } else {
            Way::States
        };
        Ok((way, start))
    }

    /// The one row that a request names in full, if it is in a state that is asked for.
    pub(crate) fn single<T>(
        &self,
        view: &View,
        key: &K,
        states: &[u8],
        show: impl FnOnce(K, V) -> Result<T>,
    ) -> Result<Page<T>> {
        let found = self.rows.get(view, key)?;
        let found = found.filter(|it| states.contains(&(self.state_of)(it)));
        let shown = found.map(|it| show(key.clone(), it)).transpose()?;
        Ok(page(shown.into_iter().collect(), Vec::new()))
    }

    fn row(&self, view: &View, key: &K) -> Result<V> {
        self.rows.get(view, key)?.ok_or_else(|| Fault::internal("an index entry has no row"))
    }
}

/// The page key of the row to go on with.
fn resume_at<K: Key>(states: &[u8], key: &K, name: Option<u8>) -> Result<Vec<u8>> {
    let prefix = states.first().copied().into_iter().collect();
    let uns = name.into_iter().collect();
    StateKey { states: states.to_vec(), prefix, pk: key.to_bytes(), uns }.encode()
}

#[cfg(test)]
mod tests {
    use ledger::{WALK_GAS, testing};
    use types::wire::akash::deployment::v1::Deployment;

    use super::*;

    type Row = (String, u64);

    static BY_STATE: Index<u8, Row, Deployment> = Index::new("test", &[2], |_, it| state(it));
    static OF_OWNER: StateOf<Row, Deployment> =
        OwnIndex(Index::new("test", &[3], |key: &Row, it| (key.0.clone(), state(it))));
    static ROWS: Indexed<Row, Deployment> = Indexed::new("test", &[1], &[&BY_STATE, &OF_OWNER]);
    static LIST: List<Row, Deployment> = List {
        rows: &ROWS,
        by_state: &BY_STATE,
        by_owner_state: &OF_OWNER,
        by_provider: None,
        by_provider_state: None,
        state_of: state,
        owner_of: |key| &key.0,
        provider_of: |_| "",
        names: TWO_WAYS,
    };

    fn state(row: &Deployment) -> u8 {
        u8::try_from(row.state).unwrap()
    }

    /// Twelve rows of `a`, half of them in state 1, and one of `b`.
    fn filled() -> Ctx {
        let mut cx = testing::ctx();
        let mut add = |owner: &str, number: u64, state| {
            let row = Deployment { state, ..Deployment::default() };
            ROWS.set(&mut cx, &(owner.to_owned(), number), &row).unwrap();
        };
        (0..12).for_each(|it| add("a", it, 1 + i32::try_from(it % 2).unwrap()));
        add("b", 12, 1);
        cx
    }

    /// A page of a walk in which each key that is looked at costs a quarter of the budget.
    fn dear(cx: &Ctx, way: Way, states: &[u8], page: PageRequest) -> Result<Page<u64>> {
        let (states, state_given) = (states.to_vec(), true);
        let asked = Asked { way, under: Vec::new(), states, state_given, page: Some(page) };
        let fits = |key: &Row| {
            cx.consume_gas(WALK_GAS / 4 + 1, "test").unwrap();
            key.1 > 1
        };
        LIST.page(cx, asked, fits, |key, _| Ok(key.1))
    }

    fn all_pages(way: &Way, states: &[u8]) -> (Vec<u64>, usize) {
        let cx = filled();
        let (mut seen, mut key, mut pages) = (Vec::new(), Vec::new(), 0);
        loop {
            let request = PageRequest { key, limit: 100, ..PageRequest::default() };
            let (items, page) = dear(&cx, way.clone(), states, request).unwrap();
            assert!(items.len() <= 4, "{items:?}");
            seen.extend(items);
            pages += 1;
            if page.next_key.is_empty() {
                return (seen, pages);
            }
            key = page.next_key;
        }
    }

    #[test]
    fn dear_walks_end_their_pages_early_and_their_keys_lead_on() {
        let owner = Way::Owner("a".to_owned());
        assert_eq!(all_pages(&owner, &[1]), (vec![2, 4, 6, 8, 10], 2));
        assert_eq!(all_pages(&owner, &[1, 2]), ((2..12).collect(), 3));
        let even = [2, 4, 6, 8, 10, 12, 3, 5, 7, 9, 11];
        assert_eq!(all_pages(&Way::States, &[1, 2]), (even.to_vec(), 4));
    }

    #[test]
    fn an_offset_that_the_walk_does_not_reach_is_refused() {
        let cx = filled();
        let request = |offset| PageRequest { offset, limit: 1, ..PageRequest::default() };
        assert_eq!(dear(&cx, Way::States, &[1], request(1)).unwrap().0, [4]);
        let fault = dear(&cx, Way::States, &[1], request(5)).unwrap_err();
        assert_eq!(fault, offset_too_far());
    }

    #[test]
    fn no_page_holds_more_than_the_maximum() {
        let request = |limit| PageRequest { limit, ..PageRequest::default() };
        assert_eq!(limit(&request(u64::MAX)), usize::try_from(PAGE_MAX).unwrap());
        assert_eq!(limit(&request(0)), 100);
    }

    #[test]
    fn rows_that_are_skipped_are_not_read() {
        let cx = filled();
        let page = PageRequest { offset: 4, limit: 1, ..PageRequest::default() };
        let page = Some(page);
        let asked =
            Asked { way: Way::States, under: Vec::new(), states: vec![1], state_given: true, page };
        let before = cx.gas().used();
        LIST.page(&cx, asked, |_| true, |key, _| Ok(key.1)).unwrap();
        let used = cx.gas().used() - before;
        assert!(used < 2000, "{used} gas for one row");
    }
}
