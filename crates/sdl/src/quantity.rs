//! Numbers as the reference reads them (spec `sdl.md` 11): cores, bytes, GPU counts, prices, durations.
//!
//! Each function takes the literal text of a scalar; quoting plays no part. Called by `decode`.

use serde::Serialize;
use std::fmt;

/// Why a quantity is refused, with the text of the reference where it has one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum QuantityError {
    /// Not a decimal number after the suffix is taken off.
    Float(String),
    /// A number that no double can hold.
    FloatRange(String),
    /// Not a string of digits.
    Uint(String),
    /// Digits, but too many.
    UintRange(String),
    /// Below zero.
    Negative,
    /// More than the reference can hold without wrapping around.
    TooLarge,
}

impl QuantityError {
    /// The reference's words.
    #[must_use]
    pub fn reference(&self) -> String {
        match self {
            Self::Float(text) => format!("strconv.ParseFloat: parsing {text:?}: invalid syntax"),
            Self::FloatRange(text) => {
                format!("strconv.ParseFloat: parsing {text:?}: value out of range")
            }
            Self::Uint(text) => format!("strconv.ParseUint: parsing {text:?}: invalid syntax"),
            Self::UintRange(text) => {
                format!("strconv.ParseUint: parsing {text:?}: value out of range")
            }
            Self::Negative => "invalid: negative value not allowed".into(),
            Self::TooLarge => "value out of range".into(),
        }
    }
}

/// Binary suffixes, which `ram` of a GPU takes too.
const BINARY: [(&str, f64); 6] = [
    ("Ki", 1024.0),
    ("Mi", 1_048_576.0),
    ("Gi", 1_073_741_824.0),
    ("Ti", 1_099_511_627_776.0),
    ("Pi", 1_125_899_906_842_624.0),
    ("Ei", 1_152_921_504_606_846_976.0),
];

/// Decimal suffixes.
const DECIMAL: [(&str, f64); 6] =
    [("k", 1e3), ("M", 1e6), ("G", 1e9), ("T", 1e12), ("P", 1e15), ("E", 1e18)];

/// Every suffix a size may have, for messages.
pub const SIZE_SUFFIXES: &str = "k M G T P E Ki Mi Gi Ti Pi Ei";

/// `cpu.units` in milli-CPU (11.2).
///
/// # Errors
/// Not a number, negative, or 2^32 milli-CPU and more.
pub fn cpu(text: &str) -> Result<u32, QuantityError> {
    if let Some(digits) = text.strip_suffix('m') {
        return u32::try_from(uint(digits)?)
            .map_err(|_| QuantityError::UintRange(digits.to_owned()));
    }
    let milli = float(text)? * 1000.0;
    if milli < 0.0 {
        return Err(QuantityError::Negative);
    }
    u32::try_from(truncate(milli)).map_err(|_| QuantityError::TooLarge)
}

/// `memory.size` or a volume's `size` in bytes (11.3). Sizes past 2^64 saturate; limits refuse them.
///
/// # Errors
/// Not a number or negative.
pub fn bytes(text: &str) -> Result<u64, QuantityError> {
    sized(text, &[&BINARY, &DECIMAL])
}

/// The `ram` of a GPU in bytes (11.4): binary suffixes only.
///
/// # Errors
/// Not a number or negative.
pub fn gpu_ram(text: &str) -> Result<u64, QuantityError> {
    sized(text, &[&BINARY])
}

/// `gpu.units` (11.4): decimal digits only.
///
/// # Errors
/// Anything else, or more than 64 bits.
pub fn uint(text: &str) -> Result<u64, QuantityError> {
    if text.is_empty() {
        return Err(QuantityError::Uint(text.to_owned()));
    }
    // From the left, so that of two mistakes the reference's is named.
    let mut value: u64 = 0;
    for byte in text.bytes() {
        if !byte.is_ascii_digit() {
            return Err(QuantityError::Uint(text.to_owned()));
        }
        value = value
            .checked_mul(10)
            .and_then(|it| it.checked_add(u64::from(byte - b'0')))
            .ok_or_else(|| QuantityError::UintRange(text.to_owned()))?;
    }
    Ok(value)
}

fn sized(text: &str, tables: &[&[(&str, f64)]]) -> Result<u64, QuantityError> {
    let suffixes = tables.iter().copied().flatten();
    let (number, factor) = suffixes
        .filter_map(|(suffix, factor)| Some((text.strip_suffix(suffix)?, *factor)))
        .next()
        .unwrap_or((text, 1.0));
    let value = float(number)? * factor;
    if value < 0.0 {
        return Err(QuantityError::Negative);
    }
    Ok(truncate(value))
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "truncation is the rule, and the cast saturates"
)]
fn truncate(value: f64) -> u64 {
    value as u64
}

/// A double as Go's `ParseFloat` reads it, without infinities and NaN (11.1).
fn float(text: &str) -> Result<f64, QuantityError> {
    let syntax = || QuantityError::Float(text.to_owned());
    let plain = without_underscores(text).ok_or_else(syntax)?;
    let unsigned = plain.strip_prefix(['+', '-']).unwrap_or(&plain);
    let value = match unsigned.strip_prefix("0x").or_else(|| unsigned.strip_prefix("0X")) {
        Some(hex) => {
            let value = hex_float(hex).ok_or_else(syntax)?;
            if plain.starts_with('-') { -value } else { value }
        }
        None if is_decimal_float(unsigned) => plain.parse().map_err(|_| syntax())?,
        None => return Err(syntax()),
    };
    if value.is_infinite() {
        return Err(QuantityError::FloatRange(text.to_owned()));
    }
    Ok(value)
}

/// Drops underscores; each must stand between two digits, or between a base prefix and a digit.
pub(crate) fn without_underscores(text: &str) -> Option<String> {
    if !text.contains('_') {
        return Some(text.to_owned());
    }
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let is_hex = unsigned.starts_with("0x") || unsigned.starts_with("0X");
    let is_digit = |it: &u8| it.is_ascii_digit() || (is_hex && it.is_ascii_hexdigit());
    let bytes = text.as_bytes();
    let prefix_end = if is_hex { text.len() - unsigned.len() + 2 } else { 0 };
    for (index, _) in bytes.iter().enumerate().filter(|(_, it)| **it == b'_') {
        let before = index.checked_sub(1).and_then(|it| bytes.get(it));
        let after_digit = before.is_some_and(is_digit) || (is_hex && index == prefix_end);
        if !after_digit || !bytes.get(index + 1).is_some_and(is_digit) {
            return None;
        }
    }
    Some(text.replace('_', ""))
}

/// `(digits[.digits?] | .digits)([eE][-+]?digits)?`.
pub(crate) fn is_decimal_float(text: &str) -> bool {
    let (mantissa, exponent) = match text.find(['e', 'E']) {
        Some(at) => (text.get(..at).unwrap_or_default(), text.get(at + 1..)),
        None => (text, None),
    };
    let digits = |it: &str| it.bytes().all(|it| it.is_ascii_digit());
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    if !digits(whole) || !digits(fraction) || (whole.is_empty() && fraction.is_empty()) {
        return false;
    }
    exponent.is_none_or(|it| {
        let it = it.strip_prefix(['+', '-']).unwrap_or(it);
        !it.is_empty() && digits(it)
    })
}

/// What stands after `0x`: hexadecimal mantissa and a mandatory binary exponent.
fn hex_float(text: &str) -> Option<f64> {
    let (mantissa, exponent) = text.split_once(['p', 'P'])?;
    let negative = exponent.starts_with('-');
    let digits = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
    if digits.is_empty() || !digits.bytes().all(|it| it.is_ascii_digit()) {
        return None;
    }
    // Beyond this the value is zero or infinite whatever the mantissa of a bounded text is.
    let exponent = digits.parse::<i64>().unwrap_or(i64::MAX).min(1 << 40);
    let mut exponent = if negative { -exponent } else { exponent };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    // 124 bits are kept; what falls off only matters as "not exactly half", which the last bit keeps.
    let mut value: u128 = 0;
    let digits = whole.chars().map(|it| (it, 0)).chain(fraction.chars().map(|it| (it, 4)));
    for (digit, shift) in digits {
        let digit = u128::from(digit.to_digit(16)?);
        exponent -= shift;
        if value >> 120 == 0 {
            value = (value << 4) | digit;
        } else {
            value |= u128::from(digit != 0);
            exponent += 4;
        }
    }
    Some(scale(value, exponent))
}

/// `value * 2^exponent`, rounded to the nearest double, ties to even.
fn scale(value: u128, exponent: i64) -> f64 {
    if value == 0 {
        return 0.0;
    }
    let bits = 128 - i64::from(value.leading_zeros());
    let top = exponent + bits - 1;
    if top > 1023 {
        return f64::INFINITY;
    }
    // The weight of the last bit a double can hold here.
    let last = (top - 52).max(-1074);
    let drop = last - exponent;
    let (mut kept, exact) = if drop <= 0 {
        let Ok(up) = u32::try_from(-drop) else { return 0.0 };
        (value.checked_shl(up).unwrap_or(0), true)
    } else if drop > 127 {
        (0, false)
    } else {
        (value >> drop, false)
    };
    if !exact && drop <= 127 {
        let rest = value & ((1_u128 << drop) - 1);
        let half = 1_u128 << (drop - 1);
        if rest > half || (rest == half && kept & 1 == 1) {
            kept += 1;
        }
    }
    // At most 2^53, so the conversion is exact; two steps keep each power in range.
    let Ok(kept) = u64::try_from(kept) else { return f64::INFINITY };
    let half = last / 2;
    exact_f64(kept) * power_of_two(half) * power_of_two(last - half)
}

#[expect(clippy::cast_precision_loss, reason = "at most 2^53")]
fn exact_f64(value: u64) -> f64 {
    value as f64
}

fn power_of_two(exponent: i64) -> f64 {
    i32::try_from(exponent).map_or(0.0, |it| 2_f64.powi(it))
}

/// A price in units of 10^-18 of its denomination (11.5).
///
/// Amounts beyond 128 bits saturate: each is far above what a unit may cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Price(u128);

/// Why an amount is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PriceError {
    /// Not a decimal number: the reference's words.
    Syntax(&'static str),
    /// Zero.
    Zero,
    /// Below zero.
    Negative,
}

impl Price {
    /// One whole unit of the denomination.
    pub const ONE: u128 = 1_000_000_000_000_000_000;

    /// A price of so many 10^-18.
    #[must_use]
    pub const fn from_atto(atto: u128) -> Self {
        Self(atto)
    }

    /// The price in 10^-18, which is how it stands on the wire.
    #[must_use]
    pub const fn atto(self) -> u128 {
        self.0
    }

    /// The price of `count` replicas, saturating.
    #[must_use]
    pub fn times(self, count: u32) -> Self {
        Self(self.0.saturating_mul(u128::from(count)))
    }

    /// The sum of two prices, saturating.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }

    /// Reads the text of an `amount`.
    ///
    /// # Errors
    /// Not `[-+]?digits[.digits{1,18}]`, zero, or negative.
    pub fn parse(text: &str) -> Result<Self, PriceError> {
        let (negative, rest) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let rest = if negative { rest } else { rest.strip_prefix('+').unwrap_or(rest) };
        if rest.is_empty() {
            return Err(PriceError::Syntax("decimal string cannot be empty"));
        }
        let (whole, fraction) = match rest.split_once('.') {
            None => (rest, ""),
            Some((whole, fraction)) if !whole.is_empty() && !fraction.is_empty() => {
                (whole, fraction)
            }
            Some(_) => return Err(PriceError::Syntax("invalid decimal length")),
        };
        let digits = |it: &str| it.bytes().all(|it| it.is_ascii_digit());
        if !digits(whole) || !digits(fraction) {
            return Err(PriceError::Syntax("invalid decimal string"));
        }
        if fraction.len() > 18 {
            return Err(PriceError::Syntax("exceeds max precision of 18 decimal places"));
        }
        // 315 bits are what a decimal of the reference holds.
        if whole.trim_start_matches('0').len() > 77 {
            return Err(PriceError::Syntax("decimal out of range"));
        }
        let padding = std::iter::repeat_n(b'0', 18 - fraction.len());
        let mut value: u128 = 0;
        for digit in whole.bytes().chain(fraction.bytes()).chain(padding) {
            value = value.saturating_mul(10).saturating_add(u128::from(digit - b'0'));
        }
        match value {
            0 => Err(PriceError::Zero),
            _ if negative => Err(PriceError::Negative),
            _ => Ok(Self(value)),
        }
    }
}

impl fmt::Display for Price {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:018}", self.0 / Self::ONE, self.0 % Self::ONE)
    }
}

impl Serialize for Price {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// A Go duration in nanoseconds (spec `sdl.md` 10).
///
/// # Errors
/// A text that is no duration or does not fit into 64 bits: the reference's words.
pub fn duration(text: &str) -> Result<i64, String> {
    let invalid = || format!("time: invalid duration {text:?}");
    let (negative, mut rest) = match text.as_bytes().first() {
        Some(b'-') => (true, text.get(1..).unwrap_or_default()),
        Some(b'+') => (false, text.get(1..).unwrap_or_default()),
        _ => (false, text),
    };
    if rest == "0" {
        return Ok(0);
    }
    if rest.is_empty() {
        return Err(invalid());
    }
    // -2^63 has no positive twin, so the sum may reach 2^63.
    const MOST: u64 = 1 << 63;
    let mut total: u64 = 0;
    while !rest.is_empty() {
        let number_end =
            rest.find(|it: char| it != '.' && !it.is_ascii_digit()).unwrap_or(rest.len());
        let (number, tail) = rest.split_at(number_end);
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        if (whole.is_empty() && fraction.is_empty()) || fraction.contains('.') {
            return Err(invalid());
        }
        let unit_end = tail.find(|it: char| it == '.' || it.is_ascii_digit()).unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(unit_end);
        let scale: u64 = match unit {
            "" => return Err(format!("time: missing unit in duration {text:?}")),
            "ns" => 1,
            "us" | "µs" | "μs" => 1_000,
            "ms" => 1_000_000,
            "s" => 1_000_000_000,
            "m" => 60_000_000_000,
            "h" => 3_600_000_000_000,
            _ => return Err(format!("time: unknown unit {unit:?} in duration {text:?}")),
        };
        let whole: u64 = if whole.is_empty() { 0 } else { whole.parse().map_err(|_| invalid())? };
        let part = whole.checked_mul(scale).filter(|it| *it <= MOST).ok_or_else(invalid)?;
        let part = part.checked_add(fraction_of(fraction, scale)).ok_or_else(invalid)?;
        total = total.checked_add(part).filter(|it| *it <= MOST).ok_or_else(invalid)?;
        rest = tail;
    }
    if negative {
        return Ok(0_i64.checked_sub_unsigned(total).unwrap_or(i64::MIN));
    }
    i64::try_from(total).map_err(|_| invalid())
}

/// `0.fraction * scale`, truncated; digits past the eighteenth cannot matter.
fn fraction_of(fraction: &str, scale: u64) -> u64 {
    let mut value: u128 = 0;
    let mut divisor: u128 = 1;
    for digit in fraction.bytes().take(18) {
        value = value * 10 + u128::from(digit - b'0');
        divisor *= 10;
    }
    u64::try_from(value * u128::from(scale) / divisor).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cores_are_truncated_to_thousandths() {
        for (text, milli) in [
            ("1", 1000),
            ("0.1", 100),
            ("1.001", 1000),
            ("0.0099", 9),
            ("100m", 100),
            ("1e1", 10_000),
            (".5", 500),
            ("5.", 5000),
            ("+1", 1000),
            ("1_0", 10_000),
            ("0x1p1", 2000),
            ("-0", 0),
        ] {
            assert_eq!(cpu(text), Ok(milli), "{text}");
        }
        assert_eq!(cpu("-1"), Err(QuantityError::Negative));
        assert_eq!(cpu("4294968"), Err(QuantityError::TooLarge));
        assert_eq!(cpu("4294967296m"), Err(QuantityError::UintRange("4294967296".into())));
        for text in ["1.5m", "-100m", "+100m", "m"] {
            let rest = text.trim_end_matches('m').to_owned();
            assert_eq!(cpu(text), Err(QuantityError::Uint(rest)), "{text}");
        }
        for text in ["", " 1", "1 ", "one", "1__0", "_1", "1_", "0x1", "inf", "nan", "1e", "."] {
            assert_eq!(cpu(text), Err(QuantityError::Float(text.into())), "{text}");
        }
        assert_eq!(cpu("1e999"), Err(QuantityError::FloatRange("1e999".into())));
    }

    #[test]
    fn sizes_know_twelve_suffixes() {
        for (text, size) in [
            ("0.1Gi", 107_374_182),
            ("1.9999999Mi", 2_097_151),
            ("1k", 1000),
            ("1M", 1_000_000),
            ("1G", 1_000_000_000),
            ("1T", 1_000_000_000_000),
            ("1P", 1_000_000_000_000_000),
            ("1E", 1_000_000_000_000_000_000),
            ("1Ki", 1024),
            ("1Mi", 1 << 20),
            ("1Gi", 1 << 30),
            ("1Ti", 1 << 40),
            ("1Pi", 1 << 50),
            ("1Ei", 1 << 60),
            ("1E3", 1000),
            ("512", 512),
            ("0x1p30", 1 << 30),
            ("0x_1.8p1", 3),
            ("100E", u64::MAX),
        ] {
            assert_eq!(bytes(text), Ok(size), "{text}");
        }
        for text in ["1K", "1B", "1KB", "1MB", "1Mb", "1GB", "1mi", "1gi", "1g", "1 Gi", "", "Gi"] {
            assert!(matches!(bytes(text), Err(QuantityError::Float(_))), "{text}");
        }
        assert_eq!(bytes("-1Gi"), Err(QuantityError::Negative));
        assert_eq!(gpu_ram("80Gi"), Ok(80 << 30));
        assert_eq!(gpu_ram("80G"), Err(QuantityError::Float("80G".into())));
    }

    #[test]
    fn hexadecimal_floats_round_to_even() {
        assert_eq!(float("0x1p-1074"), Ok(5e-324));
        assert_eq!(float("0x1.8p-1074"), Ok(1e-323));
        assert_eq!(float("0x1p-1075"), Ok(0.0));
        assert_eq!(float("0x1.00000000000008p0"), Ok(1.0));
        assert_eq!(
            float("0x1.000000000000080000000000000000000000000001p0"),
            Ok(1.0 + f64::EPSILON)
        );
        assert_eq!(float("0x1.fffffffffffffp1023"), Ok(f64::MAX));
        assert!(matches!(float("0x1p1024"), Err(QuantityError::FloatRange(_))));
        assert_eq!(float("-0xAp0"), Ok(-10.0));
        assert_eq!(
            float("0x1p99999999999999999999"),
            Err(QuantityError::FloatRange("0x1p99999999999999999999".into()))
        );
    }

    #[test]
    fn gpu_counts_are_digits() {
        assert_eq!(uint("08"), Ok(8));
        for text in ["", "1.0", "+1", "0x1", "-1", " 1"] {
            assert_eq!(uint(text), Err(QuantityError::Uint(text.into())), "{text}");
        }
        assert!(matches!(uint("18446744073709551616"), Err(QuantityError::UintRange(_))));
    }

    #[test]
    fn prices_have_eighteen_decimals() {
        for (text, out) in [
            ("100", "100.000000000000000000"),
            ("12.5", "12.500000000000000000"),
            ("+1", "1.000000000000000000"),
            ("0.000000000000000001", "0.000000000000000001"),
            ("007", "7.000000000000000000"),
        ] {
            assert_eq!(Price::parse(text).unwrap().to_string(), out, "{text}");
        }
        assert_eq!(Price::parse("0.0"), Err(PriceError::Zero));
        assert_eq!(Price::parse("-0"), Err(PriceError::Zero));
        assert_eq!(Price::parse("-1"), Err(PriceError::Negative));
        for text in ["", ".5", "5.", "1e3", "1_0", "1.2.3", "-+1", "++1", "0.0000000000000000001"] {
            assert!(matches!(Price::parse(text), Err(PriceError::Syntax(_))), "{text}");
        }
        assert_eq!(Price::parse(&"9".repeat(70)), Ok(Price(u128::MAX)));
    }

    #[test]
    fn durations_are_go_durations() {
        for (text, ns) in [
            ("36h", 129_600_000_000_000),
            ("1h30m", 5_400_000_000_000),
            ("1.5s", 1_500_000_000),
            (".5s", 500_000_000),
            ("1.s", 1_000_000_000),
            ("-1ns", -1),
            ("+1us", 1000),
            ("1µs", 1000),
            ("1μs", 1000),
            ("0", 0),
            ("-0", 0),
        ] {
            assert_eq!(duration(text), Ok(ns), "{text}");
        }
        for text in ["", "+", "1", "1d", "1 h", "h", ".s", "1.2.3s", "3000000h", "1h 2m"] {
            assert!(duration(text).is_err(), "{text}");
        }
        assert_eq!(duration("-9223372036854775808ns"), Ok(i64::MIN));
    }

    /// Recorded answers of Go's `ParseFloat`, `ParseUint` and `ParseDuration`: `=value`, `^` for out of
    /// range, `!` for another refusal. The same file holds texts as Go's JSON writes them.
    #[test]
    fn numbers_are_those_of_the_reference() {
        let range = |it: &QuantityError| match it {
            QuantityError::FloatRange(_) | QuantityError::UintRange(_) => "^".to_owned(),
            _ => "!".to_owned(),
        };
        for line in include_str!("../tests/vectors/numbers.jsonl").lines() {
            let case: serde_json::Value = serde_json::from_str(line).unwrap();
            if let Some(text) = case["j"].as_str() {
                let mut out = Vec::new();
                crate::manifest::canonical::string(&mut out, text);
                assert_eq!(String::from_utf8(out).unwrap(), case["e"].as_str().unwrap());
                continue;
            }
            let text = case["n"].as_str().unwrap();
            let found =
                float(text).map_or_else(|it| range(&it), |it| format!("={:016x}", it.to_bits()));
            assert_eq!(found, case["f"].as_str().unwrap(), "float {text:?}");
            let found = uint(text).map_or_else(|it| range(&it), |it| format!("={it}"));
            assert_eq!(found, case["u"].as_str().unwrap(), "uint {text:?}");
            let found = duration(text).map_or_else(|_| "!".into(), |it| format!("={it}"));
            assert_eq!(found, case["d"].as_str().unwrap(), "duration {text:?}");
        }
    }
}
