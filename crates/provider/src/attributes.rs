//! Does what a tenant asks for match what a provider offers (spec `provider.md` 2.3 and 2.4)?
//!
//! Called by: `bids::filters`. Pure.

use std::collections::BTreeMap;

use types::wire::akash::{
    base::{
        attributes::v1::{Attribute, PlacementRequirements},
        resources::v1beta4::Resources,
    },
    deployment::v1beta4::GroupSpec,
};

const STORAGE_PREFIX: &str = "capabilities/storage/";
const GPU_PREFIX: &str = "capabilities/gpu/";

/// One requested attribute against one offered: equal values, and the requested key, read as a
/// path pattern, matches the offered key.
pub fn satisfied(requested: &Attribute, offered: &Attribute) -> bool {
    requested.value == offered.value && glob(&requested.key, &offered.key)
}

/// Every requested attribute is satisfied by some offered one; nothing requested is satisfied.
pub fn subset(requested: &[Attribute], offered: &[Attribute]) -> bool {
    requested.iter().all(|it| offered.iter().any(|off| satisfied(it, off)))
}

/// The requested attributes that nothing offered satisfies, in order.
pub fn missing<'a>(requested: &'a [Attribute], offered: &[Attribute]) -> Vec<&'a Attribute> {
    requested.iter().filter(|it| !offered.iter().any(|off| satisfied(it, off))).collect()
}

/// Shell-style path matching: `*` any run without `/`, `?` one character without `/`, `[…]`
/// classes, `\` escapes. The whole text must match; a malformed pattern never does.
pub fn glob(pattern: &str, text: &str) -> bool {
    let pattern: Vec<char> = pattern.chars().collect();
    let text: Vec<char> = text.chars().collect();
    well_formed(&pattern) && glob_at(&pattern, &text)
}

fn well_formed(mut pattern: &[char]) -> bool {
    while let Some((first, rest)) = pattern.split_first() {
        pattern = match first {
            '\\' if rest.is_empty() => return false,
            '\\' => rest.get(1..).unwrap_or_default(),
            '[' => match class(rest, 'x') {
                Some((_, after)) => after,
                None => return false,
            },
            _ => rest,
        };
    }
    true
}

fn glob_at(pattern: &[char], text: &[char]) -> bool {
    let Some((first, rest)) = pattern.split_first() else {
        return text.is_empty();
    };
    if *first == '*' {
        let run = text.iter().position(|it| *it == '/').unwrap_or(text.len());
        return (0..=run).any(|skip| glob_at(rest, text.get(skip..).unwrap_or_default()));
    }
    let Some((head, tail)) = text.split_first() else {
        return false;
    };
    match first {
        '?' => *head != '/' && glob_at(rest, tail),
        '[' => match class(rest, *head) {
            Some((true, after)) => glob_at(after, tail),
            _ => false,
        },
        '\\' => match rest.split_first() {
            Some((escaped, after)) => escaped == head && glob_at(after, tail),
            None => false,
        },
        literal => literal == head && glob_at(rest, tail),
    }
}

/// Reads a character class after its `[`: whether it holds `it`, and the pattern after `]`.
fn class(pattern: &[char], it: char) -> Option<(bool, &[char])> {
    let (negated, mut rest) = match pattern.split_first() {
        Some(('^', rest)) => (true, rest),
        _ => (false, pattern),
    };
    let mut found = false;
    let mut ranges = 0_usize;
    loop {
        if let Some((']', after)) = rest.split_first()
            && ranges > 0
        {
            return Some((found != negated, after));
        }
        let (low, after) = class_char(rest)?;
        let (high, after) = match after.split_first() {
            Some(('-', after)) => class_char(after)?,
            _ => (low, after),
        };
        found |= (low..=high).contains(&it);
        ranges += 1;
        rest = after;
    }
}

fn class_char(pattern: &[char]) -> Option<(char, &[char])> {
    match pattern.split_first()? {
        ('-' | ']', _) => None,
        ('\\', rest) => rest.split_first().map(|(it, rest)| (*it, rest)),
        (it, rest) => Some((*it, rest)),
    }
}

/// A volume or GPU request that the provider's own attributes do not offer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unmet {
    /// Resource id and volume name.
    Storage(u32, String),
    /// Resource id.
    Gpu(u32),
}

/// Storage and GPU attributes of every unit against the provider's capabilities; the first unmet.
pub fn resources_unmet(group: &GroupSpec, offered: &[Attribute]) -> Option<Unmet> {
    let classes = storage_groups(offered);
    let gpus: Vec<Attribute> = offered
        .iter()
        .filter_map(|it| {
            let key = it.key.strip_prefix(GPU_PREFIX)?;
            Some(Attribute { key: key.to_owned(), value: it.value.clone() })
        })
        .collect();
    group.resources.iter().find_map(|unit| unit_unmet(&unit.resource, &classes, &gpus))
}

fn unit_unmet(
    unit: &Resources,
    classes: &BTreeMap<String, Vec<Attribute>>,
    gpus: &[Attribute],
) -> Option<Unmet> {
    for volume in unit.storage.iter().filter(|it| !it.attributes.is_empty()) {
        if !classes.values().any(|offered| subset(&volume.attributes, offered)) {
            return Some(Unmet::Storage(unit.id, volume.name.clone()));
        }
    }
    let gpu = unit.gpu.as_ref()?;
    let wanted = crate::quantity::read(&gpu.units).unwrap_or(0) > 0 && !gpu.attributes.is_empty();
    let met = gpu.attributes.iter().any(|it| gpus.iter().any(|off| satisfied(it, off)));
    (wanted && !met).then_some(Unmet::Gpu(unit.id))
}

/// `capabilities/storage/<n>/<name> = value`, collected by `<n>` into `<name> = value`.
fn storage_groups(offered: &[Attribute]) -> BTreeMap<String, Vec<Attribute>> {
    let mut groups = BTreeMap::<String, Vec<Attribute>>::new();
    for it in offered {
        let Some(rest) = it.key.strip_prefix(STORAGE_PREFIX) else { continue };
        let Some((number, name)) = rest.split_once('/') else { continue };
        if !name.contains('/') {
            let attribute = Attribute { key: name.to_owned(), value: it.value.clone() };
            groups.entry(number.to_owned()).or_default().push(attribute);
        }
    }
    groups
}

/// Auditor signatures (2.4). `audited` holds each auditor's list of signed attributes for us.
pub fn signatures_met(
    wanted: &PlacementRequirements,
    audited: &BTreeMap<String, Vec<Attribute>>,
) -> bool {
    let signed = |auditor: &String| {
        audited.get(auditor).is_some_and(|list| subset(&wanted.attributes, list))
    };
    let by = &wanted.signed_by;
    by.all_of.iter().all(signed) && (by.any_of.is_empty() || by.any_of.iter().any(signed))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stays_within_one_path_segment() {
        let pattern = "capabilities/gpu/vendor/nvidia/model/*";
        assert!(glob(pattern, "capabilities/gpu/vendor/nvidia/model/a100"));
        assert!(!glob(pattern, "capabilities/gpu/vendor/nvidia/model/a100/ram/80Gi"));
    }

    #[test]
    fn patterns_know_classes_escapes_and_single_characters() {
        for (pattern, text, want) in [
            ("a?c", "abc", true),
            ("a?c", "a/c", false),
            ("a[b-d]e", "ace", true),
            ("a[^b-d]e", "ace", false),
            ("a[^b-d]e", "axe", true),
            (r"a\*", "a*", true),
            (r"a\*", "ab", false),
            ("a[", "a", false),
            ("[]a]", "]", false),
            ("*", "", true),
            ("", "", true),
            ("*/*", "x/y", true),
            ("ab*", "abcdef", true),
            ("a*d", "abc", false),
            (r"a\", "a", false),
        ] {
            assert_eq!(glob(pattern, text), want, "{pattern} against {text}");
        }
    }

    #[test]
    fn signed_by_needs_all_of_and_one_of_any() {
        let list = |pairs: &[(&str, &str)]| -> Vec<Attribute> {
            pairs
                .iter()
                .map(|(key, value)| Attribute { key: (*key).into(), value: (*value).into() })
                .collect()
        };
        let audited = BTreeMap::from([
            ("a".to_owned(), list(&[("region", "us"), ("host", "akash")])),
            ("b".to_owned(), list(&[("host", "akash")])),
        ]);
        let wanted = |all: &[&str], any: &[&str]| {
            let mut it = PlacementRequirements {
                attributes: list(&[("region", "us")]),
                ..Default::default()
            };
            it.signed_by.all_of = all.iter().map(ToString::to_string).collect();
            it.signed_by.any_of = any.iter().map(ToString::to_string).collect();
            it
        };
        assert!(signatures_met(&wanted(&[], &[]), &audited));
        assert!(signatures_met(&wanted(&["a"], &[]), &audited));
        assert!(!signatures_met(&wanted(&["a", "b"], &[]), &audited));
        assert!(signatures_met(&wanted(&[], &["b", "a"]), &audited));
        assert!(!signatures_met(&wanted(&[], &["b", "c"]), &audited));
        assert!(!signatures_met(&wanted(&["a"], &["c"]), &audited));
    }
}
