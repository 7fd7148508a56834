//! Pages of lists over objects that have states (chain.md 1.5): which way a list is walked, where
//! a page ends, and the key it can be resumed with.
//!
//! A list that asks for one state of one owner or provider walks an index of just those
//! ([`OwnIndex`]), so that what has ended costs nothing to whoever asks for what lives.
//!
//! Called by: escrow, deployment, market, cert. Calls: the kernel's page keys. Owns: nothing.

use std::collections::VecDeque;

use ledger::{
    Codec, Ctx, DEFAULT_LIMIT, Fault, Follows, Index, Indexed, Key, Map, Result, StateKey, View,
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

fn limit(request: &PageRequest) -> usize {
    let limit = if request.limit == 0 { DEFAULT_LIMIT } else { request.limit };
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
            if items.len() == limit {
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

impl<K: Key + Clone, V: prost::Message + Default> List<'_, K, V> {
    /// The page: every row of the way, in a state that is asked for, that `pick` shows.
    pub(crate) fn page<T>(
        &self,
        view: &View,
        asked: Asked,
        mut pick: impl FnMut(K, V) -> Result<Option<T>>,
    ) -> Result<Page<T>> {
        let request = asked.page.unwrap_or_default();
        let limit = limit(&request);
        let reverse = request.reverse;
        let mut skip = request.offset;
        let (way, states, start) = if request.key.is_empty() {
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

        let mut items = Vec::new();
        let mut take = |key: K, value: V| -> Result<bool> {
            let Some(item) = pick(key, value)? else { return Ok(true) };
            if skip > 0 {
                skip = skip.saturating_sub(1);
                return Ok(true);
            }
            if items.len() == limit {
                return Ok(false);
            }
            items.push(item);
            Ok(true)
        };
        let resume_at = |states: &[u8], key: &K, name: Option<u8>| {
            let prefix = states.first().copied().into_iter().collect();
            let uns = name.into_iter().collect();
            StateKey { states: states.to_vec(), prefix, pk: key.to_bytes(), uns }.encode()
        };
        let listed = |value: &V| states.contains(&(self.state_of)(value));

        match &way {
            Way::Owner(owner) => {
                let whose = leading(owner);
                let mut under = whose.clone();
                // A page key of other rows than those that fit continues among all of the owner.
                let start = start.as_ref().map(Key::to_bytes);
                if asked.under.starts_with(&whose)
                    && start.as_ref().is_none_or(|it| it.starts_with(&asked.under))
                {
                    under = asked.under;
                }
                let suffix = start.as_ref().map(|it| it.get(under.len()..).unwrap_or_default());
                let begins = start.as_ref().is_none_or(|it| it.starts_with(&under));
                if let ([state], true) = (states.as_slice(), begins) {
                    let index = &self.by_owner_state.0;
                    let mut walk = index.walk().under(&(owner.clone(), *state)).under_bytes(&under);
                    if let Some(suffix) = suffix {
                        walk = walk.from_bytes(suffix.to_vec());
                    }
                    for entry in walk.reversed(reverse).iter(view) {
                        let ((_, key), ()) = entry?;
                        let value = self.row(view, &key)?;
                        if !take(key.clone(), value)? {
                            let next = resume_at(&states, &key, Some(self.names.owner))?;
                            return Ok(page(items, next));
                        }
                    }
                    return Ok(page(items, Vec::new()));
                }
                let mut walk = self.rows.walk().under_bytes(&under).reversed(reverse);
                if let Some(suffix) = suffix {
                    walk = walk.from_bytes(suffix.to_vec());
                }
                for row in walk.iter(view) {
                    let (key, value) = row?;
                    if listed(&value) && !take(key.clone(), value)? {
                        let next = resume_at(&states, &key, Some(self.names.owner))?;
                        return Ok(page(items, next));
                    }
                }
            }
            Way::Provider(provider) => {
                if let ([state], Some(index)) = (states.as_slice(), self.by_provider_state) {
                    let whose = (provider.clone(), *state);
                    let mut walk = index.0.walk().under(&whose).reversed(reverse);
                    if let Some(start) = start {
                        walk = walk.from(&(whose, start));
                    }
                    for entry in walk.iter(view) {
                        let ((_, key), ()) = entry?;
                        let value = self.row(view, &key)?;
                        if !take(key.clone(), value)? {
                            let next = resume_at(&states, &key, self.names.provider)?;
                            return Ok(page(items, next));
                        }
                    }
                    return Ok(page(items, Vec::new()));
                }
                let Some(index) = self.by_provider else { return Ok(page(items, Vec::new())) };
                let mut walk = index.walk().under(provider).reversed(reverse);
                if let Some(start) = start {
                    walk = walk.from(&(provider.clone(), start));
                }
                for entry in walk.iter(view) {
                    let ((_, key), ()) = entry?;
                    let value = self.row(view, &key)?;
                    if listed(&value) && !take(key.clone(), value)? {
                        let next = resume_at(&states, &key, self.names.provider)?;
                        return Ok(page(items, next));
                    }
                }
            }
            Way::States => {
                let mut left: VecDeque<u8> = states.iter().copied().collect();
                let mut start = start;
                while let Some(state) = left.front().copied() {
                    let mut walk = self.by_state.walk().under(&state).reversed(reverse);
                    if let Some(start) = start.take() {
                        walk = walk.from(&(state, start));
                    }
                    for entry in walk.iter(view) {
                        let ((_, key), ()) = entry?;
                        let value = self.row(view, &key)?;
                        if !take(key.clone(), value)? {
                            let left: Vec<u8> = left.into_iter().collect();
                            let next = resume_at(&left, &key, self.names.states)?;
                            return Ok(page(items, next));
                        }
                    }
                    left.pop_front();
                }
            }
        }
        Ok(page(items, Vec::new()))
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
        mut pick: impl FnMut(K, V) -> Result<Option<T>>,
    ) -> Result<Page<T>> {
        let found = match self.rows.get(view, key)? {
            Some(value) if states.contains(&(self.state_of)(&value)) => pick(key.clone(), value)?,
            _ => None,
        };
        Ok(page(found.into_iter().collect(), Vec::new()))
    }

    fn row(&self, view: &View, key: &K) -> Result<V> {
        self.rows.get(view, key)?.ok_or_else(|| Fault::internal("an index entry has no row"))
    }
}
