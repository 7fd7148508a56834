//! Small grammars of Compose: command lines, sizes, names.

/// Splits a command line as Compose does: blanks between words, single quotes, double quotes, backslashes.
pub(crate) fn split(text: &str) -> Result<Vec<String>, &'static str> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut chars = text.chars();
    while let Some(it) = chars.next() {
        match it {
            it if it.is_whitespace() => words.extend(word.take()),
            '\'' => {
                let word = word.get_or_insert_with(String::new);
                loop {
                    match chars.next() {
                        None => return Err("a single quote is never closed"),
                        Some('\'') => break,
                        Some(it) => word.push(it),
                    }
                }
            }
            '"' => {
                let word = word.get_or_insert_with(String::new);
                loop {
                    match chars.next() {
                        None => return Err("a double quote is never closed"),
                        Some('"') => break,
                        Some('\\') => match chars.next() {
                            None => return Err("a double quote is never closed"),
                            Some('\n') => {}
                            Some(it @ ('"' | '\\' | '$' | '`')) => word.push(it),
                            Some(it) => word.extend(['\\', it]),
                        },
                        Some(it) => word.push(it),
                    }
                }
            }
            '\\' => match chars.next() {
                None => return Err("a backslash stands at the end"),
                Some('\n') => {}
                Some(it) => word.get_or_insert_with(String::new).push(it),
            },
            it => word.get_or_insert_with(String::new).push(it),
        }
    }
    words.extend(word);
    Ok(words)
}

/// A size in bytes as Compose reads it: `512m`, `1gb`, `1.5G`, `1073741824`. All units are binary there.
pub(super) fn bytes(text: &str) -> Option<u64> {
    let lower = text.trim().to_ascii_lowercase();
    let number_end =
        lower.find(|it: char| it != '.' && !it.is_ascii_digit()).unwrap_or(lower.len());
    let (number, unit) = lower.split_at(number_end);
    let shift = match unit.trim().trim_end_matches('b').trim_end_matches('i') {
        "" => 0,
        "k" => 10,
        "m" => 20,
        "g" => 30,
        "t" => 40,
        "p" => 50,
        _ => return None,
    };
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if (whole.is_empty() && fraction.is_empty()) || fraction.contains('.') {
        return None;
    }
    let whole: u128 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
    let mut value = whole.checked_mul(1 << shift)?;
    let (mut numerator, mut denominator) = (0_u128, 1_u128);
    for digit in fraction.bytes().take(12) {
        numerator = numerator * 10 + u128::from(digit - b'0');
        denominator *= 10;
    }
    value = value.checked_add((numerator << shift) / denominator)?;
    u64::try_from(value).ok()
}

/// Cores as thousandths, rounded up: `0.5`, `2`, `.25`.
pub(super) fn milli_cpu(text: &str) -> Option<u64> {
    let (whole, fraction) = text.trim().split_once('.').unwrap_or((text.trim(), ""));
    let digits = |it: &str| it.bytes().all(|it| it.is_ascii_digit());
    if !digits(whole) || !digits(fraction) || (whole.is_empty() && fraction.is_empty()) {
        return None;
    }
    let whole: u64 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
    let padded: String = fraction.chars().chain("000".chars()).take(3).collect();
    let rest = u64::from(fraction.bytes().skip(3).any(|it| it != b'0'));
    whole.checked_mul(1000)?.checked_add(padded.parse::<u64>().ok()?)?.checked_add(rest)
}

/// Bytes as SDL writes them, in the largest binary unit that fits; rounded up to whole MiB from 1 MiB on.
pub(super) fn sdl_bytes(value: u64) -> String {
    const MI: u64 = 1 << 20;
    let value = if value >= MI { value.div_ceil(MI).saturating_mul(MI) } else { value };
    for (unit, size) in [("Ti", 1_u64 << 40), ("Gi", 1 << 30), ("Mi", MI), ("Ki", 1 << 10)] {
        if value >= size && value.is_multiple_of(size) {
            return format!("{}{unit}", value / size);
        }
    }
    value.to_string()
}

/// Thousandths of a core as SDL writes them.
pub(super) fn sdl_cpu(milli: u64) -> String {
    let fraction = format!("{:03}", milli % 1000);
    match fraction.trim_end_matches('0') {
        "" => (milli / 1000).to_string(),
        fraction => format!("{}.{fraction}", milli / 1000),
    }
}

/// A name that SDL takes: lower-case letters, digits and dashes, beginning with a letter, at most 32 characters.
pub(crate) fn name(text: &str) -> String {
    let mut out = String::new();
    for it in text.chars().map(|it| it.to_ascii_lowercase()) {
        match it {
            'a'..='z' | '0'..='9' => out.push(it),
            _ if !out.is_empty() && !out.ends_with('-') => out.push('-'),
            _ => {}
        }
        if out.len() == 32 {
            break;
        }
    }
    let trimmed = out.trim_end_matches('-');
    match trimmed.chars().next() {
        Some('a'..='z') => trimmed.to_owned(),
        Some(_) => format!("s{trimmed}"),
        None => "service".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn command_lines_split_as_a_shell_splits_them() {
        for (text, words) in [
            ("a  b\tc", vec!["a", "b", "c"]),
            ("sh -c 'a b' \"c d\"", vec!["sh", "-c", "a b", "c d"]),
            (r#"--x="y z" a\ b "\"q\"" '' "\n""#, vec!["--x=y z", "a b", "\"q\"", "", "\\n"]),
            ("", vec![]),
            ("a \\\n b", vec!["a", "b"]),
        ] {
            assert_eq!(split(text).unwrap(), words, "{text}");
        }
        assert!(split("'a").is_err() && split("\"a").is_err() && split("a\\").is_err());
    }

    #[test]
    fn sizes_are_binary_whatever_their_unit() {
        for (text, value) in [
            ("512m", 512 << 20),
            ("512M", 512 << 20),
            ("512MB", 512 << 20),
            ("1g", 1 << 30),
            ("1.5gb", 3 << 29),
            ("100", 100),
            ("64k", 64 << 10),
            ("1 GiB", 1 << 30),
            ("2b", 2),
            (".5g", 1 << 29),
        ] {
            assert_eq!(bytes(text), Some(value), "{text}");
        }
        for text in ["", "x", "1x", "1.2.3", "-1", "99999999999999999999p"] {
            assert_eq!(bytes(text), None, "{text}");
        }
        for (value, text) in
            [(512 << 20, "512Mi"), (1 << 30, "1Gi"), ((1 << 30) + 1, "1025Mi"), (1000, "1000")]
        {
            assert_eq!(sdl_bytes(value), text);
        }
    }

    #[test]
    fn cores_are_rounded_up() {
        for (text, milli) in
            [("0.5", 500), ("2", 2000), (".25", 250), ("0.0001", 1), ("1.2345", 1235)]
        {
            assert_eq!(milli_cpu(text), Some(milli), "{text}");
        }
        assert_eq!(milli_cpu("0.5x"), None);
        assert_eq!(
            (sdl_cpu(500), sdl_cpu(2000), sdl_cpu(1235)),
            ("0.5".into(), "2".into(), "1.235".into())
        );
    }

    #[test]
    fn names_become_host_names() {
        for (text, expected) in [
            ("web", "web"),
            ("my_db", "my-db"),
            ("My.App", "my-app"),
            ("1st", "s1st"),
            ("_", "service"),
            ("a_", "a"),
        ] {
            assert_eq!(name(text), expected);
        }
    }
}
