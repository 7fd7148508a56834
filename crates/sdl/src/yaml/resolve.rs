//! What a scalar means where a text, a number or a flag is wanted (spec `sdl.md` 3.1, 3.2).

use super::{Kind, Node, Style};
use std::borrow::Cow;

/// Why a scalar does not fit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ScalarError {
    /// It is a mapping or a list.
    NotScalar,
    /// It means something else: the wanted kind is the caller's to say.
    Mismatch,
    /// Its explicit tag contradicts its text.
    Tag(String),
}

/// What a scalar means by itself.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Meaning {
    Null,
    Bool(bool),
    /// A whole number; those beyond 64 bits become `Float`.
    Int(i128),
    Float(f64),
    Text,
}

impl Node<'_> {
    fn scalar(&self) -> Option<(&str, Style)> {
        match &self.kind {
            Kind::Scalar { text, style } => Some((text, *style)),
            _ => None,
        }
    }

    /// The literal text, whatever the node is; empty for mappings and lists.
    pub(crate) fn literal(&self) -> &str {
        self.scalar().map_or("", |it| it.0)
    }

    /// Whether the node is a scalar in quotes or a block.
    pub(crate) fn is_quoted(&self) -> bool {
        self.scalar().is_some_and(|it| it.1 != Style::Plain)
    }

    /// Whether the node is the key `<<`, which merges.
    pub(crate) fn is_merge_key(&self) -> bool {
        match (self.scalar(), self.tag.as_deref()) {
            (Some(("<<", style)), None) => style == Style::Plain,
            (Some(("<<", _)), Some("!" | "!!merge")) => true,
            _ => false,
        }
    }

    /// Whether the node counts as absent: plain and empty, `~`, or a spelling of null.
    pub(crate) fn is_null(&self) -> bool {
        match (self.scalar(), self.tag.as_deref()) {
            (Some((text, _)), Some("!!null")) | (Some((text, Style::Plain)), None | Some("!")) => {
                is_null_text(text)
            }
            _ => false,
        }
    }

    /// The tag that the reference resolves a plain scalar to; dates are texts here.
    pub(crate) fn resolved_tag(&self) -> &'static str {
        if self.is_merge_key() {
            return "!!merge";
        }
        match self.meaning() {
            Ok(Meaning::Null) => "!!null",
            Ok(Meaning::Bool(_)) => "!!bool",
            Ok(Meaning::Int(_)) => "!!int",
            Ok(Meaning::Float(_)) => "!!float",
            _ => "!!str",
        }
    }

    fn meaning(&self) -> Result<Meaning, ScalarError> {
        let Some((text, style)) = self.scalar() else { return Err(ScalarError::NotScalar) };
        let tag = match self.tag.as_deref() {
            None | Some("!") if style == Style::Plain => return Ok(plain_meaning(text)),
            None | Some("!") => return Ok(Meaning::Text),
            Some(tag) => tag,
        };
        let meaning = match tag {
            "!!bool" | "!!int" | "!!float" | "!!null" => plain_meaning(text),
            "!!timestamp" if is_timestamp(text) => return Ok(Meaning::Text),
            "!!timestamp" => return Err(ScalarError::Tag(tag.to_owned())),
            _ => return Ok(Meaning::Text),
        };
        let fits = matches!(
            (tag, meaning),
            ("!!bool", Meaning::Bool(_))
                | ("!!int" | "!!float", Meaning::Int(_))
                | ("!!float", Meaning::Float(_))
                | ("!!null", Meaning::Null)
        );
        if fits { Ok(meaning) } else { Err(ScalarError::Tag(tag.to_owned())) }
    }

    /// The text of a string field; `None` if the node counts as absent.
    pub(crate) fn text(&self) -> Result<Option<Cow<'_, str>>, ScalarError> {
        match self.meaning()? {
            Meaning::Null => return Ok(None),
            _ if self.tag.as_deref() == Some("!!binary") => {}
            _ => return Ok(Some(Cow::Borrowed(self.literal()))),
        }
        let bytes = base64(self.literal()).ok_or_else(|| ScalarError::Tag("!!binary".into()))?;
        Ok(Some(Cow::Owned(lossy(&bytes))))
    }

    /// The number of an unsigned 32-bit field; `None` if the node counts as absent.
    pub(crate) fn uint32(&self) -> Result<Option<u32>, ScalarError> {
        let value = match self.meaning()? {
            Meaning::Null => return Ok(None),
            Meaning::Int(value) => u32::try_from(value).ok(),
            Meaning::Float(value) => truncate(value),
            _ => None,
        };
        value.map(Some).ok_or(ScalarError::Mismatch)
    }

    /// The flag of a boolean field; `None` if the node counts as absent.
    pub(crate) fn boolean(&self) -> Result<Option<bool>, ScalarError> {
        match self.meaning()? {
            Meaning::Null => Ok(None),
            Meaning::Bool(value) => Ok(Some(value)),
            Meaning::Text => match self.text()?.as_deref().unwrap_or_default() {
                "y" | "Y" | "yes" | "Yes" | "YES" | "on" | "On" | "ON" => Ok(Some(true)),
                "n" | "N" | "no" | "No" | "NO" | "off" | "Off" | "OFF" => Ok(Some(false)),
                _ => Err(ScalarError::Mismatch),
            },
            _ => Err(ScalarError::Mismatch),
        }
    }
}

fn is_null_text(text: &str) -> bool {
    matches!(text, "" | "~" | "null" | "Null" | "NULL")
}

fn plain_meaning(text: &str) -> Meaning {
    match text {
        "true" | "True" | "TRUE" => return Meaning::Bool(true),
        "false" | "False" | "FALSE" => return Meaning::Bool(false),
        _ if is_null_text(text) => return Meaning::Null,
        _ => {}
    }
    let first = text.as_bytes().first().copied().unwrap_or_default();
    if !(first.is_ascii_digit() || matches!(first, b'+' | b'-' | b'.')) {
        return Meaning::Text;
    }
    if first == b'.' {
        return match text {
            ".inf" | ".Inf" | ".INF" => Meaning::Float(f64::INFINITY),
            ".nan" | ".NaN" | ".NAN" => Meaning::Float(f64::NAN),
            // Here underscores may only stand between digits.
            _ => crate::quantity::without_underscores(text).map_or(Meaning::Text, |it| float(&it)),
        };
    }
    let plain: Cow<'_, str> =
        if text.contains('_') { text.replace('_', "").into() } else { text.into() };
    if let Some(value) = integer(&plain) {
        return Meaning::Int(value);
    }
    match plain.as_ref() {
        "+.inf" | "+.Inf" | "+.INF" => Meaning::Float(f64::INFINITY),
        "-.inf" | "-.Inf" | "-.INF" => Meaning::Float(f64::NEG_INFINITY),
        _ => float(&plain),
    }
}

fn float(text: &str) -> Meaning {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    match crate::quantity::is_decimal_float(unsigned) {
        true => match text.parse::<f64>() {
            Ok(value) if value.is_finite() => Meaning::Float(value),
            _ => Meaning::Text,
        },
        false => Meaning::Text,
    }
}

/// A whole number with an optional base prefix; a leading zero means octal.
fn integer(text: &str) -> Option<i128> {
    let (negative, digits) = match text.as_bytes().first()? {
        b'-' => (true, text.get(1..)?),
        b'+' => (false, text.get(1..)?),
        _ => (false, text),
    };
    let (negative, base, digits) = match digits.get(..2) {
        Some("0x" | "0X") => (negative, 16, digits.get(2..)?),
        // These two are read again after the prefix, sign and all.
        Some(prefix @ ("0b" | "0o")) if !text.starts_with(['+', '-']) => {
            let rest = digits.get(2..)?;
            let base = if prefix == "0b" { 2 } else { 8 };
            match rest.strip_prefix('-') {
                Some(digits) => (true, base, digits),
                None => (false, base, rest.strip_prefix('+').unwrap_or(rest)),
            }
        }
        Some("0b" | "0B") => (negative, 2, digits.get(2..)?),
        Some("0o" | "0O") => (negative, 8, digits.get(2..)?),
        _ if digits.len() > 1 && digits.starts_with('0') => (negative, 8, digits.get(1..)?),
        _ => (negative, 10, digits),
    };
    if digits.starts_with(['+', '-']) {
        return None;
    }
    let value = i128::from(u64::from_str_radix(digits, base).ok()?);
    Some(if negative { -value } else { value })
}

/// A number cut to 32 bits towards zero, if it fits.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the range is checked before the cast"
)]
fn truncate(value: f64) -> Option<u32> {
    let whole = value.trunc();
    (whole >= 0.0 && whole <= f64::from(u32::MAX)).then_some(whole as u32)
}

/// `year-month-day`, alone or with a time that `T`, `t` or one space parts from it.
fn is_timestamp(text: &str) -> bool {
    let (date, time) = match text.find(['T', 't', ' ']) {
        Some(at) => (text.get(..at).unwrap_or_default(), text.get(at..)),
        None => (text, None),
    };
    let mut parts = date.split('-');
    let [Some(year), Some(month), Some(day), None] = std::array::from_fn(|_| parts.next()) else {
        return false;
    };
    let number = |text: &str, most: usize| -> Option<u32> {
        let is_digits =
            (1..=most).contains(&text.len()) && text.bytes().all(|it| it.is_ascii_digit());
        if is_digits { text.parse().ok() } else { None }
    };
    let (Some(years), Some(month), Some(day)) = (number(year, 4), number(month, 2), number(day, 2))
    else {
        return false;
    };
    let is_leap = years % 4 == 0 && (years % 100 != 0 || years % 400 == 0);
    let days = match month {
        2 if is_leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        _ => return false,
    };
    if year.len() != 4 || !(1..=days).contains(&day) {
        return false;
    }
    let Some(time) = time else { return true };
    let has_zone = !time.starts_with(' ');
    let time = time.get(1..).unwrap_or_default();
    let time = if has_zone { time } else { time.trim_start_matches(' ') };
    let zone_at = if has_zone { time.find(['Z', '+', '-']) } else { Some(time.len()) };
    let Some((clock, zone)) = zone_at.map(|it| time.split_at(it)) else { return false };
    let (clock, fraction) = match clock.split_once(['.', ',']) {
        Some((clock, fraction)) => (clock, Some(fraction)),
        None => (clock, None),
    };
    let mut parts = clock.split(':');
    let [Some(hour), Some(minute), Some(second), None] = std::array::from_fn(|_| parts.next())
    else {
        return false;
    };
    let in_range = |text: &str, most: u32| number(text, 2).is_some_and(|it| it <= most);
    let is_fraction = |it: &str| !it.is_empty() && it.bytes().all(|it| it.is_ascii_digit());
    let zone_fits = match zone.as_bytes() {
        [] => !has_zone,
        [b'Z'] => true,
        [b'+' | b'-', rest @ ..] if rest.len() == 5 => {
            let digits = |it: &[u8]| it.iter().all(u8::is_ascii_digit);
            let hours = zone.get(1..3).and_then(|it| it.parse::<u32>().ok());
            let minutes = zone.get(4..).and_then(|it| it.parse::<u32>().ok());
            matches!(rest, [a, b, b':', c, d] if digits(&[*a, *b, *c, *d]))
                && hours.is_some_and(|it| it <= 24)
                && minutes.is_some_and(|it| it <= 60)
        }
        _ => false,
    };
    in_range(hour, 23)
        && in_range(minute, 59)
        && in_range(second, 59)
        && fraction.is_none_or(is_fraction)
        && zone_fits
}

/// Standard base64 with padding; line ends in between are allowed.
fn base64(text: &str) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(text.len() / 4 * 3);
    let mut group = [0_u8; 4];
    let mut filled = 0;
    let mut padding = 0;
    for byte in text.bytes() {
        let value = match byte {
            b'\n' | b'\r' => continue,
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            b'=' if filled >= 2 => {
                padding += 1;
                0
            }
            _ => return None,
        };
        if padding > 0 && byte != b'=' {
            return None;
        }
        *group.get_mut(filled)? = value;
        filled += 1;
        if filled == 4 {
            let [a, b, c, d] = group;
            let bytes = [(a << 2) | (b >> 4), (b << 4) | (c >> 2), (c << 6) | d];
            out.extend_from_slice(bytes.get(..3 - padding)?);
            filled = 0;
            if padding > 0 {
                // Nothing may follow the padding.
                padding = 3;
            }
        } else if padding > 2 {
            return None;
        }
    }
    (filled == 0).then_some(out)
}

/// Text of bytes, each byte that is not UTF-8 replaced by itself (as in Go's JSON).
fn lossy(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        out.push_str(chunk.valid());
        out.extend(chunk.invalid().iter().map(|_| '\u{fffd}'));
    }
    out
}
