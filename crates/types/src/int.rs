//! Whole amounts: signed integers of at most 256 bits, as the reference's `math.Int`.
//!
//! Source: chain.md 1.1-1.2, cosmos.md 4.1. Nothing here panics: whatever the reference refuses by
//! panic (overflow, division by zero) is a [`NumberError`].

use std::{fmt, str::FromStr};

use ruint::aliases::U256;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// Why a number could not be read or computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NumberError {
    #[error("integer overflow")]
    Overflow,
    #[error("division by zero")]
    DivisionByZero,
    #[error("not a number")]
    Malformed,
    #[error("empty number")]
    Empty,
    #[error("more than 18 decimal places")]
    Precision,
    #[error("number out of the range of the wanted type")]
    OutOfRange,
}

type Result<T> = std::result::Result<T, NumberError>;

/// A signed integer with a magnitude of at most 256 bits. Zero is never negative.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Int {
    negative: bool,
    magnitude: U256,
}

impl Int {
    pub const ZERO: Self = Self { negative: false, magnitude: U256::ZERO };
    pub const ONE: Self = Self { negative: false, magnitude: U256::from_limbs([1, 0, 0, 0]) };

    /// The number of this sign and magnitude.
    #[must_use]
    pub fn from_parts(negative: bool, magnitude: U256) -> Self {
        Self { negative: negative && !magnitude.is_zero(), magnitude }
    }

    #[must_use]
    pub const fn magnitude(&self) -> U256 {
        self.magnitude
    }

    #[must_use]
    pub fn is_zero(&self) -> bool {
        self.magnitude.is_zero()
    }

    #[must_use]
    pub const fn is_negative(&self) -> bool {
        self.negative
    }

    #[must_use]
    pub fn is_positive(&self) -> bool {
        !self.negative && !self.is_zero()
    }

    #[must_use]
    pub const fn abs(&self) -> Self {
        Self { negative: false, magnitude: self.magnitude }
    }

    pub fn add(&self, other: Self) -> Result<Self> {
        if self.negative == other.negative {
            let sum = self.magnitude.checked_add(other.magnitude).ok_or(NumberError::Overflow)?;
            return Ok(Self::from_parts(self.negative, sum));
        }
        // Opposite signs: the larger magnitude decides, and nothing can overflow.
        if self.magnitude >= other.magnitude {
            Ok(Self::from_parts(self.negative, self.magnitude.wrapping_sub(other.magnitude)))
        } else {
            Ok(Self::from_parts(other.negative, other.magnitude.wrapping_sub(self.magnitude)))
        }
    }

    pub fn sub(&self, other: Self) -> Result<Self> {
        self.add(-other)
    }

    pub fn mul(&self, other: Self) -> Result<Self> {
        let product = self.magnitude.checked_mul(other.magnitude).ok_or(NumberError::Overflow)?;
        Ok(Self::from_parts(self.negative != other.negative, product))
    }

    /// The quotient, truncated toward zero.
    pub fn quo(&self, other: Self) -> Result<Self> {
        let quotient =
            self.magnitude.checked_div(other.magnitude).ok_or(NumberError::DivisionByZero)?;
        Ok(Self::from_parts(self.negative != other.negative, quotient))
    }

    /// The Euclidean remainder: never negative.
    pub fn modulo(&self, other: Self) -> Result<Self> {
        let rest =
            self.magnitude.checked_rem(other.magnitude).ok_or(NumberError::DivisionByZero)?;
        if self.negative && !rest.is_zero() {
            return Ok(Self::from_parts(false, other.magnitude.wrapping_sub(rest)));
        }
        Ok(Self::from_parts(false, rest))
    }

    /// The exact sum of all.
    pub fn sum(all: impl IntoIterator<Item = Self>) -> Result<Self> {
        all.into_iter().try_fold(Self::ZERO, |sum, it| sum.add(it))
    }

    /// As `i64`, or [`NumberError::OutOfRange`].
    pub fn to_i64(&self) -> Result<i64> {
        i64::try_from(self.to_i128()?).map_err(|_| NumberError::OutOfRange)
    }

    /// As `u64`, or [`NumberError::OutOfRange`].
    pub fn to_u64(&self) -> Result<u64> {
        u64::try_from(self.to_i128()?).map_err(|_| NumberError::OutOfRange)
    }

    /// As `i128`, or [`NumberError::OutOfRange`].
    pub fn to_i128(&self) -> Result<i128> {
        let magnitude = u128::try_from(self.magnitude).map_err(|_| NumberError::OutOfRange)?;
        let value = if self.negative {
            0i128.checked_sub_unsigned(magnitude)
        } else {
            0i128.checked_add_unsigned(magnitude)
        };
        value.ok_or(NumberError::OutOfRange)
    }

    /// Reads what the wire holds: like [`FromStr`], but the empty text is [`NumberError::Empty`]
    /// (the reference leaves such a value unset and fails when it is used).
    pub fn from_wire(text: &str) -> Result<Self> {
        text.parse()
    }

    /// Reads what the wire holds where an empty text stands for zero.
    pub fn from_wire_or_zero(text: &str) -> Result<Self> {
        if text.is_empty() { Ok(Self::ZERO) } else { text.parse() }
    }
}

impl std::ops::Neg for Int {
    type Output = Self;
    fn neg(self) -> Self {
        Self::from_parts(!self.negative, self.magnitude)
    }
}

impl PartialOrd for Int {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Int {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        match (self.negative, other.negative) {
            (false, false) => self.magnitude.cmp(&other.magnitude),
            (true, true) => other.magnitude.cmp(&self.magnitude),
            (false, true) => std::cmp::Ordering::Greater,
            (true, false) => std::cmp::Ordering::Less,
        }
    }
}

macro_rules! from_unsigned {
    ($($small:ty),*) => {$(
        impl From<$small> for Int {
            fn from(value: $small) -> Self {
                Self::from_parts(false, U256::from(value))
            }
        }
    )*};
}
macro_rules! from_signed {
    ($($small:ty),*) => {$(
        impl From<$small> for Int {
            fn from(value: $small) -> Self {
                Self::from_parts(value < 0, U256::from(value.unsigned_abs()))
            }
        }
    )*};
}
from_unsigned!(u8, u16, u32, u64, u128);
from_signed!(i8, i16, i32, i64, i128);

impl fmt::Display for Int {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad_integral(!self.negative, "", &self.magnitude.to_string())
    }
}

impl fmt::Debug for Int {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Int {
    type Err = NumberError;

    /// Reads what the reference reads: an optional sign, then digits in base 10, or in another base
    /// after `0x`, `0b`, `0o` or a leading `0` (octal); single underscores may separate digits.
    fn from_str(text: &str) -> Result<Self> {
        let (negative, magnitude) = scan::<256, 4>(text)?;
        Ok(Self::from_parts(negative, magnitude))
    }
}

/// The sign and magnitude of an integer text, in the syntax of [`Int::from_str`].
pub(crate) fn scan<const BITS: usize, const LIMBS: usize>(
    text: &str,
) -> Result<(bool, ruint::Uint<BITS, LIMBS>)> {
    if text.is_empty() {
        return Err(NumberError::Empty);
    }
    let (negative, digits) = match text.as_bytes() {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        rest => (false, rest),
    };
    // `after_digit` says whether an underscore may stand here.
    let (base, digits, mut after_digit) = match digits {
        [b'0', b'x' | b'X', rest @ ..] => (16u64, rest, true),
        [b'0', b'b' | b'B', rest @ ..] => (2, rest, true),
        [b'0', b'o' | b'O', rest @ ..] => (8, rest, true),
        [b'0', rest @ ..] if !rest.is_empty() => (8, digits, false),
        rest => (10, rest, false),
    };
    let base_wide = ruint::Uint::<BITS, LIMBS>::from(base);
    let mut value = ruint::Uint::<BITS, LIMBS>::ZERO;
    let mut seen = 0usize;
    for &it in digits {
        if it == b'_' {
            if !after_digit {
                return Err(NumberError::Malformed);
            }
            after_digit = false;
            continue;
        }
        let digit = char::from(it)
            .to_digit(36)
            .map(u64::from)
            .filter(|digit| *digit < base)
            .ok_or(NumberError::Malformed)?;
        value = value
            .checked_mul(base_wide)
            .and_then(|it| it.checked_add(ruint::Uint::from(digit)))
            .ok_or(NumberError::Overflow)?;
        seen = seen.saturating_add(1);
        after_digit = true;
    }
    if seen == 0 || !after_digit {
        return Err(NumberError::Malformed);
    }
    Ok((negative, value))
}

impl Serialize for Int {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Int {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}
