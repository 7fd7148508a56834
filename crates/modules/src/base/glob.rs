//! Path globbing over `/`-separated text, as requests match the keys that providers offer
//! (chain.md 3.2). Called by `attributes`; owns nothing.
//!
//! The pattern is scanned chunk by chunk from the left, each chunk taking its first fit after a
//! star and never going back: work is bounded by pattern length times text length.

/// One element of a chunk, the text between two stars.
enum Token {
    Char(char),
    /// `?`: any character but `/`.
    AnyOne,
    /// `[...]`, inverted by `[^...]`.
    Class {
        negated: bool,
        ranges: Vec<(char, char)>,
    },
}

/// What stands between stars: `after_star` says whether text may be skipped before it.
struct Chunk {
    after_star: bool,
    tokens: Vec<Token>,
}

/// Whether `pattern` matches the whole of `text`. A malformed pattern never matches.
#[must_use]
pub fn matches(pattern: &str, text: &str) -> bool {
    let Some(chunks) = parse(pattern) else { return false };
    let text: Vec<char> = text.chars().collect();
    let mut rest: &[char] = &text;
    let last = chunks.len().saturating_sub(1);
    for (at, chunk) in chunks.iter().enumerate() {
        if chunk.after_star && chunk.tokens.is_empty() {
            // A star at the end takes what is left of this path segment.
            return !rest.contains(&'/');
        }
        match first_fit(chunk, rest, at == last) {
            Some(left) => rest = left,
            None => return false,
        }
    }
    rest.is_empty()
}

/// What is left of `text` after the first place where the chunk fits.
fn first_fit<'a>(chunk: &Chunk, text: &'a [char], must_exhaust: bool) -> Option<&'a [char]> {
    let mut rest = text;
    loop {
        match strip(&chunk.tokens, rest) {
            Some(left) if left.is_empty() || !must_exhaust => return Some(left),
            _ => {}
        }
        match rest {
            [skipped, tail @ ..] if chunk.after_star && *skipped != '/' => rest = tail,
            _ => return None,
        }
    }
}

fn strip<'a>(tokens: &[Token], text: &'a [char]) -> Option<&'a [char]> {
    let mut rest = text;
    for token in tokens {
        let [first, tail @ ..] = rest else { return None };
        let fits = match token {
            Token::Char(it) => it == first,
            Token::AnyOne => *first != '/',
            Token::Class { negated, ranges } => {
                ranges.iter().any(|(low, high)| low <= first && first <= high) != *negated
            }
        };
        if !fits {
            return None;
        }
        rest = tail;
    }
    Some(rest)
}

/// None when the pattern is malformed anywhere.
fn parse(pattern: &str) -> Option<Vec<Chunk>> {
    let mut chunks = Vec::new();
    let mut current = Chunk { after_star: false, tokens: Vec::new() };
    let mut chars = pattern.chars().peekable();
    while let Some(next) = chars.next() {
        match next {
            '*' => {
                if current.after_star || !current.tokens.is_empty() {
                    let empty_star = current.after_star && current.tokens.is_empty();
                    if !empty_star {
                        chunks.push(current);
                    }
                }
                current = Chunk { after_star: true, tokens: Vec::new() };
            }
            '?' => current.tokens.push(Token::AnyOne),
            '\\' => current.tokens.push(Token::Char(chars.next()?)),
            '[' => {
                let negated = chars.next_if_eq(&'^').is_some();
                let mut ranges = Vec::new();
                loop {
                    if !ranges.is_empty() && chars.next_if_eq(&']').is_some() {
                        break;
                    }
                    let low = class_char(&mut chars)?;
                    let high = match chars.next_if_eq(&'-') {
                        Some(_) => class_char(&mut chars)?,
                        None => low,
                    };
                    ranges.push((low, high));
                }
                current.tokens.push(Token::Class { negated, ranges });
            }
            other => current.tokens.push(Token::Char(other)),
        }
    }
    if current.after_star || !current.tokens.is_empty() {
        chunks.push(current);
    }
    Some(chunks)
}

fn class_char(chars: &mut std::iter::Peekable<std::str::Chars<'_>>) -> Option<char> {
    match chars.next()? {
        '-' | ']' => None,
        '\\' => chars.next(),
        other => Some(other),
    }
}

#[cfg(test)]
mod tests {
    use super::matches;

    fn check(pattern: &str, text: &str, expected: bool) {
        assert_eq!(matches(pattern, text), expected, "{pattern:?} against {text:?}");
    }

    #[test]
    fn a_star_stays_within_its_segment() {
        check("vendor/nvidia/model/*", "vendor/nvidia/model/a100", true);
        check("vendor/nvidia/model/*", "vendor/nvidia/model/a100/ram/80Gi", false);
        check("vendor/*/model/*", "vendor/nvidia/model/a100", true);
        check("*", "region", true);
        check("*", "a/b", false);
        check("**", "region", true);
        check("a*b*c", "axxbyyc", true);
        check("a*b*c", "axxbyyd", false);
        check("a*", "a", true);
        check("*a", "banana", true);
    }

    #[test]
    fn single_characters_and_classes() {
        check("reg?on", "region", true);
        check("a?b", "a/b", false);
        check("[a-c]x", "bx", true);
        check("[^a-c]x", "bx", false);
        check("[^a-c]x", "dx", true);
        check("a\\*", "a*", true);
        check("a\\*", "ab", false);
        check("[\\]]", "]", true);
    }

    #[test]
    fn the_pattern_covers_the_whole_key() {
        check("region", "region", true);
        check("region", "regions", false);
        check("regions", "region", false);
        check("", "", true);
        check("", "a", false);
    }

    #[test]
    fn a_malformed_pattern_never_matches() {
        for pattern in ["[", "[]a]", "[a", "[a-", "[-]", "a\\", "[^]", "[a-]", "x["] {
            check(pattern, "a", false);
            check(pattern, "x", false);
        }
    }
}
