//! Pages: the standard ones (cosmos.md 3.4) and the keys of multi-state lists (chain.md 1.5).

use types::wire::cosmos::base::query::v1beta1::{PageRequest, PageResponse};

use crate::{Fault, Key, Result, View, keys::Codec, typed::Walk};

/// How many entries a page holds when the request does not say.
pub const DEFAULT_LIMIT: u64 = 100;

/// The most entries of a page, whatever the request asks for. More of them are one `next_key` away.
pub const PAGE_MAX: u64 = 10_000;

/// What the walk for one page may cost, in gas: some 100,000 rows, or 300,000 entries of an index.
/// A page whose walk costs more ends early, with a `next_key`, and a total counts no further.
pub const WALK_GAS: u64 = 120_000_000;

/// What is left of [`WALK_GAS`].
#[derive(Clone, Copy, Debug)]
pub struct Budget {
    until: u64,
}

impl Budget {
    /// The whole, from now on.
    pub fn new(view: &View) -> Self {
        Self { until: view.gas().used().saturating_add(WALK_GAS) }
    }

    pub fn is_spent(&self, view: &View) -> bool {
        view.gas().used() >= self.until
    }
}

/// The refusal of an offset that the walk did not reach.
pub fn offset_too_far() -> Fault {
    Fault::invalid_argument("the offset reaches too far; page by key instead")
}

/// A request's settings after the defaults.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Paging {
    pub key: Vec<u8>,
    pub offset: u64,
    pub limit: u64,
    pub count_total: bool,
    pub reverse: bool,
}

impl Paging {
    /// No request or limit 0 means 100 entries and a total; key and offset exclude each other.
    /// No limit exceeds [`PAGE_MAX`].
    pub fn of(request: Option<PageRequest>) -> Result<Self> {
        let PageRequest { key, offset, limit, count_total, reverse } = request.unwrap_or_default();
        if offset > 0 && !key.is_empty() {
            return Err(Fault::invalid_argument(
                "invalid request, either offset or key is expected, got both",
            ));
        }
        let unlimited = limit == 0;
        Ok(Self {
            key,
            offset,
            limit: if unlimited { DEFAULT_LIMIT } else { limit.min(PAGE_MAX) },
            count_total: count_total || unlimited,
            reverse,
        })
    }
}

/// A page over a walk. `pick` maps an entry to an item, or to none to filter it out: the limit
/// counts picked items, and so does the total when the request asks for one.
pub fn paginate<K: Key, V, C: Codec<V>, T>(
    view: &View,
    walk: Walk<K, V, C>,
    request: Option<PageRequest>,
    pick: impl FnMut(K, V) -> Result<Option<T>>,
) -> Result<(Vec<T>, PageResponse)> {
    page(view, walk, request, true, pick)
}

/// The same for a list in which every entry is an item: those that are skipped or only counted are
/// not even read.
pub fn paginate_all<K: Key, V, C: Codec<V>, T>(
    view: &View,
    walk: Walk<K, V, C>,
    request: Option<PageRequest>,
    mut show: impl FnMut(K, V) -> Result<T>,
) -> Result<(Vec<T>, PageResponse)> {
    page(view, walk, request, false, |key, value| show(key, value).map(Some))
}

fn page<K: Key, V, C: Codec<V>, T>(
    view: &View,
    walk: Walk<K, V, C>,
    request: Option<PageRequest>,
    is_filtered: bool,
    mut pick: impl FnMut(K, V) -> Result<Option<T>>,
) -> Result<(Vec<T>, PageResponse)> {
    let paging = Paging::of(request)?;
    let mut walk = walk.reversed(paging.reverse);
    let by_key = !paging.key.is_empty();
    if by_key {
        walk = walk.from_bytes(paging.key);
    }
    let counts = paging.count_total && !by_key;
    let budget = Budget::new(view);
    let mut items = Vec::new();
    let mut seen = 0u64;
    let mut next_key = Vec::new();
    let end = paging.offset.saturating_add(paging.limit);
    let mut entries = walk.iter(view);
    // The first entry is always taken, so that a client who follows the keys gets on.
    let mut is_first = true;
    while let Some(pair) = entries.next_pair() {
        let pair = pair?;
        let is_spent = !is_first && budget.is_spent(view);
        is_first = false;
        let is_full = seen >= end;
        if (is_full || is_spent) && next_key.is_empty() {
            if !is_full && seen < paging.offset {
                return Err(offset_too_far());
            }
            next_key = entries.page_key(&pair);
            if !counts {
                break;
            }
        }
        if is_spent {
            break;
        }
        let is_wanted = !is_full && seen >= paging.offset;
        if is_wanted || is_filtered {
            let (key, value) = entries.read(&pair);
            match pick(key, value)? {
                None => continue,
                Some(item) if is_wanted => items.push(item),
                Some(_) => {}
            }
        }
        seen = seen.saturating_add(1);
    }
    let total = if counts { seen } else { 0 };
    Ok((items, PageResponse { next_key, total }))
}

/// The opaque page key of lists over objects that have states (chain.md 1.5).
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct StateKey {
    /// States still to be walked, the first one being where to resume.
    pub states: Vec<u8>,
    pub prefix: Vec<u8>,
    /// Primary key of the first item not yet returned.
    pub pk: Vec<u8>,
    /// Which iteration path was in use; empty: omitted.
    pub uns: Vec<u8>,
}

impl StateKey {
    pub fn encode(&self) -> Result<Vec<u8>> {
        for (part, text) in [
            (&self.states, "states cannot be empty"),
            (&self.prefix, "prefix cannot be empty"),
            (&self.pk, "key cannot be empty"),
        ] {
            if part.is_empty() {
                return Err(Fault::plain(text));
            }
        }
        let mut body = Vec::new();
        for part in [&self.states, &self.prefix, &self.pk] {
            part.write(&mut body);
        }
        if !self.uns.is_empty() {
            self.uns.write(&mut body);
        }
        let mut key = crc32(&body).to_be_bytes().to_vec();
        key.append(&mut body);
        Ok(key)
    }

    /// Errors are InvalidArgument, with the reference's texts.
    pub fn decode(key: &[u8]) -> Result<Self> {
        let refuse =
            |text: &str| Fault::invalid_argument(format!("pagination: invalid key: {text}"));
        if key.len() < 5 {
            return Err(refuse("invalid key length"));
        }
        let (checksum, mut body) = key.split_at(4);
        let expected = u32::read_last(checksum)?;
        let computed = crc32(body);
        if expected != computed {
            let text = format!("invalid checksum, 0x{expected:08x} != 0x{computed:08x}");
            return Err(refuse(&text));
        }
        let mut part = || -> Result<Vec<u8>> {
            Vec::<u8>::read(&mut body).map_err(|_| refuse("invalid state length"))
        };
        let mut decoded = Self { states: part()?, prefix: part()?, pk: part()?, uns: Vec::new() };
        if !body.is_empty() {
            decoded.uns = Vec::<u8>::read(&mut body).map_err(|_| refuse("invalid state length"))?;
            if !body.is_empty() {
                return Err(refuse("invalid state length"));
            }
        }
        Ok(decoded)
    }
}

/// CRC-32 with the IEEE polynomial.
fn crc32(bytes: &[u8]) -> u32 {
    let mut crc = u32::MAX;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8u8 {
            let carry = crc & 1 == 1;
            crc >>= 1u32;
            if carry {
                crc ^= 0xEDB8_8320;
            }
        }
    }
    !crc
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Ctx, Map, Plain, testing};

    const NUMBERS: Map<u64, u64, Plain> = Map::new("test", &[1]);
    /// Of a walk over ten entries, each as dear as a quarter of the whole budget.
    const DEAR: u64 = WALK_GAS / 4 + 1;

    fn numbers(to: u64) -> Ctx {
        let mut cx = testing::ctx();
        (0..to).for_each(|it| NUMBERS.set(&mut cx, &it, &it).unwrap());
        cx
    }

    fn dear(cx: &Ctx, request: PageRequest) -> Result<(Vec<u64>, PageResponse)> {
        paginate(cx, NUMBERS.walk(), Some(request), |_, it| {
            cx.consume_gas(DEAR, "test")?;
            Ok((it != 1).then_some(it))
        })
    }

    #[test]
    fn no_page_holds_more_than_the_maximum() {
        let cx = numbers(PAGE_MAX + 2);
        let all = |request| paginate_all(&cx, NUMBERS.walk(), Some(request), |_, it| Ok(it));
        let request = PageRequest { limit: u64::MAX, count_total: true, ..Default::default() };
        let (items, page) = all(request).unwrap();
        assert_eq!((items.len() as u64, page.total), (PAGE_MAX, PAGE_MAX + 2));
        let next = PageRequest { key: page.next_key, limit: u64::MAX, ..Default::default() };
        let (items, page) = all(next).unwrap();
        assert_eq!((items, page.next_key), (vec![PAGE_MAX, PAGE_MAX + 1], Vec::new()));
    }

    #[test]
    fn a_dear_walk_ends_its_page_early_and_its_key_leads_on() {
        let cx = numbers(10);
        let (mut seen, mut key, mut pages) = (Vec::new(), Vec::new(), 0);
        loop {
            let request = PageRequest { key, limit: 9, ..PageRequest::default() };
            let (items, page) = dear(&cx, request).unwrap();
            assert!(items.len() < 9, "{items:?}");
            seen.extend(items);
            pages += 1;
            if page.next_key.is_empty() {
                break;
            }
            key = page.next_key;
        }
        assert_eq!((seen, pages), (vec![0, 2, 3, 4, 5, 6, 7, 8, 9], 3));
    }

    #[test]
    fn an_entry_dearer_than_the_whole_walk_is_a_page() {
        let cx = numbers(2);
        let request = PageRequest { limit: 5, ..PageRequest::default() };
        let (items, page) = paginate_all(&cx, NUMBERS.walk(), Some(request), |_, it| {
            cx.consume_gas(WALK_GAS, "test")?;
            Ok(it)
        })
        .unwrap();
        assert_eq!((items, page.next_key.is_empty()), (vec![0], false));
    }

    #[test]
    fn a_total_counts_no_further_than_the_walk() {
        let cx = numbers(10);
        let request = PageRequest { limit: 1, count_total: true, ..PageRequest::default() };
        let (items, page) = dear(&cx, request).unwrap();
        assert_eq!((items, page.total), (vec![0], 3));
        assert_eq!(page.next_key, 1u64.to_be_bytes());
    }

    #[test]
    fn an_offset_that_the_walk_does_not_reach_is_refused() {
        let cx = numbers(10);
        let request = |offset| PageRequest { offset, limit: 1, ..PageRequest::default() };
        assert_eq!(dear(&cx, request(2)).unwrap().0, [3]);
        let fault = dear(&cx, request(7)).unwrap_err();
        assert_eq!(fault, offset_too_far());
    }

    #[test]
    fn what_is_skipped_or_counted_is_not_read() {
        let cx = numbers(10);
        let mut read = Vec::new();
        let request =
            PageRequest { offset: 3, limit: 2, count_total: true, ..PageRequest::default() };
        let (_, page) = paginate_all(&cx, NUMBERS.walk(), Some(request), |_, it| {
            read.push(it);
            Ok(it)
        })
        .unwrap();
        assert_eq!((read, page.total), (vec![3, 4], 10));
    }

    fn check(key: StateKey, expected: &[u8]) {
        assert_eq!(key.encode().unwrap(), expected);
        assert_eq!(StateKey::decode(expected).unwrap(), key);
    }

    #[test]
    fn state_keys_are_those_of_the_specification() {
        let key = StateKey { states: vec![1], prefix: vec![2], pk: vec![3], uns: vec![] };
        check(key.clone(), b"\x7c\xd4\x88\x46\x01\x01\x01\x02\x01\x03");
        check(
            StateKey { uns: vec![4], ..key },
            b"\x1a\xef\x78\xe2\x01\x01\x01\x02\x01\x03\x01\x04",
        );
    }

    #[test]
    fn damaged_state_keys_are_refused_with_the_reason() {
        let text = |key: &[u8]| StateKey::decode(key).unwrap_err().grpc().1;
        assert_eq!(text(b"\x7c\xd4"), "pagination: invalid key: invalid key length");
        assert!(text(b"\x7c\xd4\x88\x46\x01\x01\x01\x02\x01\x04").contains("invalid checksum"));
    }
}
