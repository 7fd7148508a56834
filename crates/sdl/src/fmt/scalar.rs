//! How a single value is written: whether it needs quotes, and which.

/// Suffixes after which a number is a quantity, a text for every reader of YAML.
const UNITS: [&str; 12] = ["m", "k", "M", "G", "T", "P", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"];

/// Longer texts stay in quotes: a key must end within 1024 characters.
const LONGEST_PLAIN: usize = 500;

/// Whether a text means itself, as a text, without quotes, wherever it stands.
///
/// Cautious: whatever another reader of YAML (1.1 or 1.2) might take for a number, a flag, a date or
/// something else than text needs quotes.
pub(crate) fn is_plain(text: &str) -> bool {
    let Some(first) = text.chars().next() else { return false };
    let fits = |it: char| {
        it.is_ascii_alphanumeric()
            || matches!(it, ' ' | '_' | '-' | '.' | '/' | ':' | '=' | '@' | '+' | '%' | '~' | '$')
            || (!it.is_ascii() && it.is_alphanumeric())
    };
    if text.len() > LONGEST_PLAIN || !text.chars().all(fits) {
        return false;
    }
    if text.ends_with([' ', ':']) || text.contains(": ") || text.starts_with("..") {
        return false;
    }
    if first.is_ascii_digit() {
        return is_quantity(text);
    }
    let begins_well = first.is_alphabetic() || matches!(first, '/' | '_' | '$' | '.');
    begins_well
        && !is_word_of_yaml(text)
        && !text.starts_with(".inf")
        && !text.starts_with(".nan")
        && !starts_like_number(text)
}

/// `.5` is a number.
fn starts_like_number(text: &str) -> bool {
    text.strip_prefix('.')
        .is_some_and(|it| it.starts_with(|c: char| c.is_ascii_digit() || c == '_'))
        || text.eq_ignore_ascii_case(".inf")
        || text.eq_ignore_ascii_case(".nan")
}

fn is_quantity(text: &str) -> bool {
    let digits = text.trim_start_matches(|it: char| it.is_ascii_digit());
    let rest = match digits.strip_prefix('.') {
        Some(fraction) => fraction.trim_start_matches(|it: char| it.is_ascii_digit()),
        None => digits,
    };
    UNITS.contains(&rest)
}

fn is_word_of_yaml(text: &str) -> bool {
    const WORDS: [&str; 9] = ["true", "false", "null", "yes", "no", "on", "off", "y", "n"];
    WORDS.iter().any(|it| it.eq_ignore_ascii_case(text))
}

/// A text in double quotes without escapes, if it can be written so.
pub(super) fn quoted(text: &str) -> Option<String> {
    let is_simple = |it: char| {
        !it.is_control()
            && !matches!(it, '"' | '\\' | '\u{85}' | '\u{2028}' | '\u{2029}' | '\u{feff}')
    };
    text.chars().all(is_simple).then(|| format!("\"{text}\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_be_taken_for_something_else_needs_quotes() {
        for text in [
            "",
            " a",
            "a ",
            "true",
            "No",
            "NULL",
            "~",
            "1",
            "1.5",
            "0x1f",
            "12:30",
            "2024-01-01",
            ".5",
            ".inf",
            "-c",
            "- a",
            "a: b",
            "a:",
            "#a",
            "a #b",
            "a, b",
            "[a]",
            "{a}",
            "*a",
            "&a",
            "!a",
            "|",
            ">",
            "@a",
            "`a`",
            "'a",
            "%a",
            "<<",
            "=",
            "...",
            "---",
            "1e3",
            "1_000",
            "5E",
        ] {
            assert!(!is_plain(text), "{text:?}");
        }
        for text in [
            "a",
            "nginx:1.27",
            "A=b c",
            "/bin/sh",
            "512Mi",
            "0.5Gi",
            "100m",
            "http://a.b/c",
            "ü",
            "./run.sh",
            "$HOME/x",
            "a-b",
            "uakt",
            "ibc/ABC",
        ] {
            assert!(is_plain(text), "{text:?}");
        }
    }
}
