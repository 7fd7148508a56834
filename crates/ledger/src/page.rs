//! Pages: the standard ones (cosmos.md 3.4) and the keys of multi-state lists (chain.md 1.5).

use types::wire::cosmos::base::query::v1beta1::{PageRequest, PageResponse};

use crate::{Fault, Key, Result, View, keys::Codec, typed::Walk};

/// How many entries a page holds when the request does not say.
pub const DEFAULT_LIMIT: u64 = 100;

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
            limit: if unlimited { DEFAULT_LIMIT } else { limit },
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
    mut pick: impl FnMut(K, V) -> Result<Option<T>>,
) -> Result<(Vec<T>, PageResponse)> {
    let paging = Paging::of(request)?;
    let mut walk = walk.reversed(paging.reverse);
    let by_key = !paging.key.is_empty();
    if by_key {
        walk = walk.from_bytes(paging.key);
    }
    let mut items = Vec::new();
    let mut seen = 0u64;
    let mut next_key = Vec::new();
    let end = paging.offset.saturating_add(paging.limit);
    let mut entries = walk.iter(view);
    while let Some(entry) = entries.next_with_page_key() {
        let (page_key, key, value) = entry?;
        let full = seen >= end;
        if full && next_key.is_empty() {
            next_key = page_key;
            if by_key || !paging.count_total {
                break;
            }
        }
        if let Some(item) = pick(key, value)? {
            if !full && seen >= paging.offset {
                items.push(item);
            }
            seen = seen.saturating_add(1);
        }
    }
    let total = if by_key || !paging.count_total { 0 } else { seen };
    Ok((items, PageResponse { next_key, total }))
}

/// A page of a list that is in memory already, e.g. by name; `key_of` gives each item's page key.
pub fn paginate_items<T>(
    mut all: Vec<T>,
    request: Option<PageRequest>,
    key_of: impl Fn(&T) -> Vec<u8>,
) -> Result<(Vec<T>, PageResponse)> {
    let paging = Paging::of(request)?;
    if paging.reverse {
        all.reverse();
    }
    let count = all.len();
    let start = if paging.key.is_empty() {
        usize::try_from(paging.offset).unwrap_or(usize::MAX).min(count)
    } else {
        all.iter().position(|it| key_of(it) == paging.key).unwrap_or(count)
    };
    let limit = usize::try_from(paging.limit).unwrap_or(usize::MAX);
    let end = start.saturating_add(limit).min(count);
    let next_key = all.get(end).map(&key_of).unwrap_or_default();
    let total = if paging.key.is_empty() && paging.count_total { count } else { 0 };
    let items = all.drain(start..end).collect();
    let total = u64::try_from(total).unwrap_or(u64::MAX);
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
