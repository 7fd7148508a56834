//! Attribute lists: which are valid, and which satisfy which (chain.md 3.2).

use std::collections::BTreeSet;

use ledger::Result;
use types::wire::akash::base::attributes::v1::Attribute;

use super::{Error, glob};

/// How keys are written.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Keys {
    /// A key may end in `*`: requests and audited attributes.
    Wildcard,
    /// No `*`: what providers register.
    Strict,
}

/// In list order the first failure wins: `akash/2` for a key's form, `akash/1` for a repeated one.
pub fn validate(attributes: &[Attribute], keys: Keys) -> Result {
    let mut seen = BTreeSet::new();
    for attribute in attributes {
        if !valid_key(&attribute.key, keys) {
            return Err(Error::AttributeKey.into());
        }
        if !seen.insert(attribute.key.as_str()) {
            return Err(Error::DuplicateAttribute.into());
        }
    }
    Ok(())
}

/// A letter, then 1 to 126 of letters, digits and `_/.-`; the wildcard form may end in one more
/// letter, digit, `_` or `*`.
fn valid_key(key: &str, keys: Keys) -> bool {
    let word = |it: &u8| it.is_ascii_alphanumeric() || *it == b'_';
    let inner = |it: &u8| word(it) || matches!(it, b'/' | b'.' | b'-');
    let strict = |key: &[u8]| match key {
        [first, rest @ ..] => {
            first.is_ascii_alphabetic() && (1..=126).contains(&rest.len()) && rest.iter().all(inner)
        }
        [] => false,
    };
    let key = key.as_bytes();
    let ends_freely = match key.split_last() {
        Some((last, start)) => (word(last) || *last == b'*') && strict(start),
        None => false,
    };
    strict(key) || (keys == Keys::Wildcard && ends_freely)
}

/// Whether one requested attribute is met by an offered one: the key globs, the value is equal.
#[must_use]
pub fn matches(requested: &Attribute, offered: &Attribute) -> bool {
    requested.value == offered.value && glob::matches(&requested.key, &offered.key)
}

/// Whether every requested attribute is met by an offered one. Nothing requested is met always.
#[must_use]
pub fn subset(requested: &[Attribute], offered: &[Attribute]) -> bool {
    requested.iter().all(|it| offered.iter().any(|offer| matches(it, offer)))
}

/// Whether at least one requested attribute is met. Nothing requested is never met.
#[must_use]
pub fn any_of(requested: &[Attribute], offered: &[Attribute]) -> bool {
    requested.iter().any(|it| offered.iter().any(|offer| matches(it, offer)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(pairs: &[(&str, &str)]) -> Vec<Attribute> {
        pairs
            .iter()
            .map(|(key, value)| Attribute { key: (*key).into(), value: (*value).into() })
            .collect()
    }

    #[test]
    fn keys_of_the_wildcard_form() {
        let check = |key: &str, wildcard: bool, strict: bool| {
            assert_eq!(valid_key(key, Keys::Wildcard), wildcard, "{key:?}");
            assert_eq!(valid_key(key, Keys::Strict), strict, "{key:?}");
        };
        check("ab", true, true);
        check("a", false, false);
        check("1a", false, false);
        check("a b", false, false);
        check("ab*", true, false);
        check("a*", false, false);
        check("a*b", false, false);
        check("capabilities/gpu/vendor/nvidia", true, true);
        check(&"x".repeat(127), true, true);
        check(&"x".repeat(128), true, false);
        check(&"x".repeat(129), false, false);
        check(&format!("{}-", "x".repeat(127)), false, false);
    }

    #[test]
    fn the_first_failure_in_list_order_wins() {
        let check = |pairs: &[(&str, &str)], code: Option<u32>| {
            let answer = validate(&list(pairs), Keys::Strict);
            assert_eq!(answer.err().map(|it| it.code()), code, "{pairs:?}");
        };
        check(&[], None);
        check(&[("aa", "1"), ("aa", "2"), ("1", "")], Some(1));
        check(&[("aa", "1"), ("1", ""), ("aa", "2")], Some(2));
    }

    #[test]
    fn subset_and_any_of() {
        let offered = list(&[("region", "us-west"), ("tier", "community")]);
        assert!(subset(&[], &offered));
        assert!(!any_of(&[], &offered));
        assert!(subset(&list(&[("reg*", "us-west")]), &offered));
        assert!(!subset(&list(&[("region", "US-west")]), &offered));
        assert!(!subset(&list(&[("region", "us-west"), ("tier", "x")]), &offered));
        assert!(any_of(&list(&[("region", "x"), ("tier", "community")]), &offered));
    }
}
