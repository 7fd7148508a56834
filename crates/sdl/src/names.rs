//! The patterns that names have to match (spec `sdl.md` 9, 14.5, 14.6), written out by hand.
//!
//! Used by `check`, `decode` and `manifest::validate`.

fn is_lower_alphanumeric(byte: u8) -> bool {
    byte.is_ascii_lowercase() || byte.is_ascii_digit()
}

/// `^[a-z]([-a-z0-9]*[a-z0-9])?$`, the name of a service.
#[must_use]
pub(crate) fn is_service_name(name: &str) -> bool {
    name.as_bytes().first().is_some_and(u8::is_ascii_lowercase) && is_dns_label(name)
}

/// `[a-z0-9]([-a-z0-9]*[a-z0-9])?`.
fn is_dns_label(label: &str) -> bool {
    let bytes = label.as_bytes();
    match (bytes.first(), bytes.last()) {
        (Some(&first), Some(&last)) => {
            is_lower_alphanumeric(first)
                && is_lower_alphanumeric(last)
                && bytes.iter().all(|&it| it == b'-' || is_lower_alphanumeric(it))
        }
        _ => false,
    }
}

/// A DNS-1123 subdomain of at most 253 characters: what `accept` may name.
#[must_use]
pub(crate) fn is_hostname(host: &str) -> bool {
    host.len() <= 253 && host.split('.').all(is_dns_label)
}

/// `^[a-z]+[a-z\-_0-9]+$`, the name of an endpoint: at least two characters.
#[must_use]
pub(crate) fn is_endpoint_name(name: &str) -> bool {
    name.len() >= 2
        && name.as_bytes().first().is_some_and(u8::is_ascii_lowercase)
        && name.bytes().all(|it| it == b'-' || it == b'_' || is_lower_alphanumeric(it))
}

/// `[-._a-zA-Z][-._a-zA-Z0-9]*`, not `.`, not beginning with `..`: an environment variable.
#[must_use]
pub(crate) fn is_env_name(name: &str) -> bool {
    let allowed = |it: u8| matches!(it, b'-' | b'.' | b'_') || it.is_ascii_alphanumeric();
    name.as_bytes().first().is_some_and(|it| !it.is_ascii_digit())
        && name.bytes().all(allowed)
        && name != "."
        && !name.starts_with("..")
}

/// `^[a-zA-Z][A-Za-z0-9_/.\-]{1,126}[A-Za-z0-9_*]?$`, the key of a resource attribute.
#[must_use]
pub(crate) fn is_attribute_key(key: &str) -> bool {
    let middle = |it: u8| matches!(it, b'_' | b'/' | b'.' | b'-') || it.is_ascii_alphanumeric();
    let bytes = key.as_bytes();
    let Some((&first, rest)) = bytes.split_first() else { return false };
    if !first.is_ascii_alphabetic() || rest.is_empty() || rest.len() > 127 {
        return false;
    }
    let Some((&last, body)) = rest.split_last() else { return false };
    if !body.iter().all(|&it| middle(it)) {
        return false;
    }
    let ends_well = last == b'_' || last == b'*' || last.is_ascii_alphanumeric();
    // Either the last character is the optional one, or it belongs to the middle.
    (ends_well && !body.is_empty()) || (middle(last) && rest.len() <= 126)
}

/// `^[a-zA-Z][a-zA-Z0-9/:._-]{2,127}$`, a denomination.
#[must_use]
pub(crate) fn is_denom(denom: &str) -> bool {
    (3..=128).contains(&denom.len())
        && denom.as_bytes().first().is_some_and(u8::is_ascii_alphabetic)
        && denom
            .bytes()
            .all(|it| matches!(it, b'/' | b':' | b'.' | b'_' | b'-') || it.is_ascii_alphanumeric())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn service_names_are_lower_case_labels_that_begin_with_a_letter() {
        for good in ["a", "web", "a-b", "a1", "a--b"] {
            assert!(is_service_name(good), "{good}");
        }
        for bad in ["", "1a", "-a", "a-", "A", "a_b", "a.b", "é"] {
            assert!(!is_service_name(bad), "{bad}");
        }
    }

    #[test]
    fn hostnames_are_subdomains() {
        for good in ["a", "a.b", "1.example", "x-y.z"] {
            assert!(is_hostname(good), "{good}");
        }
        let long = format!("{}.example", "a".repeat(250));
        for bad in ["", ".", "a.", ".a", "A.b", "*.example", "a_b", long.as_str()] {
            assert!(!is_hostname(bad), "{bad}");
        }
    }

    #[test]
    fn attribute_keys_take_a_star_only_at_the_end() {
        let longest = format!("a{}", "b".repeat(127));
        for good in ["ab", "vendor/nvidia/model/*", "a.b", "a-", "arch", longest.as_str()] {
            assert!(is_attribute_key(good), "{good}");
        }
        let too_long = format!("a{}", "b".repeat(128));
        let star_too_short = "a*";
        let bad_end = format!("a{}-", "b".repeat(126));
        for bad in ["", "a", "1a", "a b", "a*b", "a/*/c", star_too_short, &too_long, &bad_end] {
            assert!(!is_attribute_key(bad), "{bad}");
        }
    }

    #[test]
    fn env_names_follow_the_kubernetes_rule() {
        for good in ["A", "_a", "-x", ".a", "a.b-c_d9", "."] {
            assert_eq!(is_env_name(good), good != ".", "{good}");
        }
        for bad in ["", "9a", "..", "..a", "a b", "é"] {
            assert!(!is_env_name(bad), "{bad}");
        }
    }

    #[test]
    fn endpoint_and_denom_names() {
        assert!(is_endpoint_name("ab") && is_endpoint_name("a1") && is_endpoint_name("a-_9"));
        assert!(!is_endpoint_name("a") && !is_endpoint_name("Ab") && !is_endpoint_name("1a"));
        assert!(is_denom("uakt") && is_denom("ibc/27A0") && !is_denom("ua") && !is_denom("1akt"));
    }
}
