//! Decimals with 18 fractional digits, as the reference's `LegacyDec`.
//!
//! Source: chain.md 1.2, cosmos.md 4.1. The rounding is in the name of each operation; what the
//! reference refuses by panic is a [`NumberError`].

use std::{cmp::Ordering, fmt, str::FromStr};

use ruint::{Uint, aliases::U256};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::int::{Int, NumberError, scan};

type Result<T> = std::result::Result<T, NumberError>;

/// Magnitude of a decimal: at most [`MAX_BITS`] bits are used.
type Units = Uint<320, 5>;
/// Products and widened numerators: twice 315 bits, or 315 bits and 10^36, fit.
type Wide = Uint<640, 10>;

/// Largest magnitude in bits: 256 of the integer part, 60 of the fraction, less one.
const MAX_BITS: usize = 315;

/// Number of fractional digits.
pub const PRECISION: u32 = 18;

/// Units in one: 10^18.
const ONE_U64: u64 = 1_000_000_000_000_000_000;

/// A signed decimal: an integer count of units of 10^-18. Zero is never negative.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Dec {
    negative: bool,
    units: Units,
}

/// What to do with the part that a division leaves.
#[derive(Clone, Copy)]
enum Rounding {
    /// Half goes to the even neighbour.
    HalfEven,
    /// Toward zero.
    Truncate,
    /// Away from zero when the result is positive, toward zero when it is negative.
    Up,
}

impl Dec {
    pub const ZERO: Self = Self { negative: false, units: Units::ZERO };
    pub const ONE: Self = Self { negative: false, units: Units::from_limbs([ONE_U64, 0, 0, 0, 0]) };
    /// 10^-18.
    pub const SMALLEST: Self = Self { negative: false, units: Units::from_limbs([1, 0, 0, 0, 0]) };

    fn from_parts(negative: bool, units: Units) -> Result<Self> {
        if units.bit_len() > MAX_BITS {
            return Err(NumberError::Overflow);
        }
        Ok(Self { negative: negative && !units.is_zero(), units })
    }

    fn from_wide(negative: bool, units: Wide) -> Result<Self> {
        Self::from_parts(negative, Units::checked_from(units).ok_or(NumberError::Overflow)?)
    }

    /// `value` with `places` of its digits after the point: `new(15, 1)` is 1.5.
    pub fn new(value: impl Into<Int>, places: u32) -> Result<Self> {
        let value = value.into();
        let missing = PRECISION.checked_sub(places).ok_or(NumberError::Precision)?;
        let scale = Wide::from(10u64).checked_pow(Wide::from(missing));
        let units = Wide::from(value.magnitude())
            .checked_mul(scale.ok_or(NumberError::Overflow)?)
            .ok_or(NumberError::Overflow)?;
        Self::from_wide(value.is_negative(), units)
    }

    /// The whole number `value`.
    pub fn from_int(value: impl Into<Int>) -> Self {
        let value: Int = value.into();
        // 256 bits times 10^18 (60 bits) fit into 320; the reference does not check this either.
        let units = Units::from(value.magnitude()).saturating_mul(Units::from(ONE_U64));
        Self { negative: value.is_negative(), units }
    }

    /// Reads the wire form: the integer count of units of 10^-18. The empty text is
    /// [`NumberError::Empty`].
    pub fn from_wire(text: &str) -> Result<Self> {
        let (negative, units) = scan(text)?;
        Self::from_parts(negative, units)
    }

    /// Reads the wire form where an empty text stands for zero.
    pub fn from_wire_or_zero(text: &str) -> Result<Self> {
        if text.is_empty() { Ok(Self::ZERO) } else { Self::from_wire(text) }
    }

    /// The wire form: the integer count of units of 10^-18.
    #[must_use]
    pub fn to_wire(&self) -> String {
        let sign = if self.negative { "-" } else { "" };
        format!("{sign}{}", self.units)
    }

    #[must_use]
    pub fn is_zero(&self) -> bool {
        self.units.is_zero()
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
        Self { negative: false, units: self.units }
    }

    /// Whether nothing stands after the point.
    #[must_use]
    pub fn is_integer(&self) -> bool {
        (self.units % Units::from(ONE_U64)).is_zero()
    }

    pub fn add(&self, other: Self) -> Result<Self> {
        if self.negative == other.negative {
            // Two of 315 bits need 316, which fit.
            return Self::from_parts(self.negative, self.units.wrapping_add(other.units));
        }
        if self.units >= other.units {
            Self::from_parts(self.negative, self.units.wrapping_sub(other.units))
        } else {
            Self::from_parts(other.negative, other.units.wrapping_sub(self.units))
        }
    }

    pub fn sub(&self, other: Self) -> Result<Self> {
        self.add(-other)
    }

    /// The product, rounded half to even at 18 digits.
    pub fn mul(&self, other: Self) -> Result<Self> {
        self.product(other, Rounding::HalfEven)
    }

    /// The product, rounded toward zero at 18 digits.
    pub fn mul_truncate(&self, other: Self) -> Result<Self> {
        self.product(other, Rounding::Truncate)
    }

    /// The product, rounded up at 18 digits (away from zero; toward zero when negative).
    pub fn mul_round_up(&self, other: Self) -> Result<Self> {
        self.product(other, Rounding::Up)
    }

    /// The exact product with a whole number.
    pub fn mul_int(&self, other: impl Into<Int>) -> Result<Self> {
        let other: Int = other.into();
        let product = Wide::from(self.units)
            .checked_mul(Wide::from(other.magnitude()))
            .ok_or(NumberError::Overflow)?;
        Self::from_wide(self.negative != other.is_negative(), product)
    }

    /// The quotient, truncated at 36 digits, then rounded half to even at 18.
    pub fn quo(&self, other: Self) -> Result<Self> {
        self.quotient(other, Rounding::HalfEven)
    }

    /// The quotient, rounded toward zero at 18 digits.
    pub fn quo_truncate(&self, other: Self) -> Result<Self> {
        self.quotient(other, Rounding::Truncate)
    }

    /// The quotient, truncated toward zero at 18 digits, plus one unit when that lost anything and
    /// the sign did not get lost with it (so 1 / -3 is -0.333333333333333332).
    pub fn quo_round_up(&self, other: Self) -> Result<Self> {
        let negative = self.negative != other.negative;
        let numerator =
            Wide::from(self.units).checked_mul(Wide::from(ONE_U64)).ok_or(NumberError::Overflow)?;
        let divisor = Wide::from(other.units);
        let units = numerator.checked_div(divisor).ok_or(NumberError::DivisionByZero)?;
        let lost = numerator.wrapping_sub(units.wrapping_mul(divisor));
        let truncated = Self::from_wide(negative, units)?;
        if lost.is_zero() || (negative && truncated.is_zero()) {
            return Ok(truncated);
        }
        truncated.add(Self::SMALLEST)
    }

    /// The quotient by a whole number, truncated toward zero at 18 digits.
    pub fn quo_int(&self, other: impl Into<Int>) -> Result<Self> {
        let other: Int = other.into();
        let divisor = Units::from(other.magnitude());
        let units = self.units.checked_div(divisor).ok_or(NumberError::DivisionByZero)?;
        Self::from_parts(self.negative != other.is_negative(), units)
    }

    /// This to the power `exponent`, each multiplication rounded half to even.
    pub fn power(&self, exponent: u64) -> Result<Self> {
        if exponent == 0 {
            return Ok(Self::ONE);
        }
        let (mut base, mut odd, mut left) = (*self, Self::ONE, exponent);
        while left > 1 {
            if left % 2 == 1 {
                odd = odd.mul(base)?;
            }
            left /= 2;
            base = base.mul(base)?;
        }
        base.mul(odd)
    }

    /// The whole part, toward zero.
    pub fn truncate_int(&self) -> Result<Int> {
        to_int(self.negative, self.units / Units::from(ONE_U64))
    }

    /// The whole part as a decimal, toward zero.
    #[must_use]
    pub fn truncate(&self) -> Self {
        let rest = self.units % Units::from(ONE_U64);
        let units = self.units.wrapping_sub(rest);
        Self { negative: self.negative && !units.is_zero(), units }
    }

    /// The nearest whole number, half to even.
    pub fn round_int(&self) -> Result<Int> {
        let units = divide(Wide::from(self.units), self.negative, Rounding::HalfEven);
        to_int(self.negative, Units::checked_from(units).ok_or(NumberError::Overflow)?)
    }

    /// The smallest whole number that is not smaller.
    pub fn ceil(&self) -> Result<Self> {
        let truncated = self.truncate();
        if truncated == *self || self.negative { Ok(truncated) } else { truncated.add(Self::ONE) }
    }

    /// [`Dec::ceil`] as an integer.
    pub fn ceil_int(&self) -> Result<Int> {
        self.ceil()?.truncate_int()
    }

    fn product(&self, other: Self, rounding: Rounding) -> Result<Self> {
        let negative = self.negative != other.negative;
        let product = Wide::from(self.units)
            .checked_mul(Wide::from(other.units))
            .ok_or(NumberError::Overflow)?;
        Self::from_wide(negative, divide(product, negative, rounding))
    }

    fn quotient(&self, other: Self, rounding: Rounding) -> Result<Self> {
        let negative = self.negative != other.negative;
        // Twice the scale is 120 bits: 315 + 120 bits fit.
        let scale = Wide::from(u128::from(ONE_U64) * u128::from(ONE_U64));
        let quotient = Wide::from(self.units)
            .checked_mul(scale)
            .ok_or(NumberError::Overflow)?
            .checked_div(Wide::from(other.units))
            .ok_or(NumberError::DivisionByZero)?;
        Self::from_wide(negative, divide(quotient, negative, rounding))
    }
}

/// `value` / 10^18, rounded.
fn divide(value: Wide, negative: bool, rounding: Rounding) -> Wide {
    let one = Wide::from(ONE_U64);
    let (quotient, rest) = value.div_rem(one);
    let up = match rounding {
        Rounding::Truncate => false,
        Rounding::Up => !negative && !rest.is_zero(),
        Rounding::HalfEven => match rest.cmp(&Wide::from(ONE_U64 / 2)) {
            Ordering::Less => false,
            Ordering::Greater => true,
            Ordering::Equal => quotient.bit(0),
        },
    };
    if up { quotient.wrapping_add(Wide::from(1u64)) } else { quotient }
}

fn to_int(negative: bool, whole: Units) -> Result<Int> {
    Ok(Int::from_parts(negative, U256::checked_from(whole).ok_or(NumberError::Overflow)?))
}

/// Conversions between widths that say when a value does not fit.
trait CheckedFrom<T>: Sized {
    fn checked_from(value: T) -> Option<Self>;
}

impl CheckedFrom<Wide> for Units {
    fn checked_from(value: Wide) -> Option<Self> {
        Self::checked_from_limbs_slice(value.as_limbs())
    }
}

impl CheckedFrom<Units> for U256 {
    fn checked_from(value: Units) -> Option<Self> {
        Self::checked_from_limbs_slice(value.as_limbs())
    }
}

impl std::ops::Neg for Dec {
    type Output = Self;
    fn neg(self) -> Self {
        Self { negative: !self.negative && !self.units.is_zero(), units: self.units }
    }
}

impl PartialOrd for Dec {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Dec {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self.negative, other.negative) {
            (false, false) => self.units.cmp(&other.units),
            (true, true) => other.units.cmp(&self.units),
            (false, true) => Ordering::Greater,
            (true, false) => Ordering::Less,
        }
    }
}

impl From<Int> for Dec {
    fn from(value: Int) -> Self {
        Self::from_int(value)
    }
}

impl From<u64> for Dec {
    fn from(value: u64) -> Self {
        Self::from_int(value)
    }
}

impl From<i64> for Dec {
    fn from(value: i64) -> Self {
        Self::from_int(value)
    }
}

impl fmt::Display for Dec {
    /// Always 18 fractional digits: `-0.500000000000000000`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, fraction) = self.units.div_rem(Units::from(ONE_U64));
        let sign = if self.negative { "-" } else { "" };
        write!(f, "{sign}{whole}.{fraction:018}", fraction = fraction.as_limbs()[0])
    }
}

impl fmt::Debug for Dec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Dec {
    type Err = NumberError;

    /// Reads the decimal text: digits, then optionally a point and 1 to 18 digits. Like the
    /// reference it accepts a second sign after a leading minus (`--1` is 1).
    fn from_str(text: &str) -> Result<Self> {
        let (minus, text) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        if text.is_empty() {
            return Err(NumberError::Empty);
        }
        let mut parts = text.split('.');
        let whole = parts.next().unwrap_or_default();
        let fraction = parts.next();
        if parts.next().is_some() || whole.is_empty() || fraction.is_some_and(str::is_empty) {
            return Err(NumberError::Malformed);
        }
        let fraction = fraction.unwrap_or_default();
        let missing = u32::try_from(fraction.len())
            .ok()
            .and_then(|places| PRECISION.checked_sub(places))
            .ok_or(NumberError::Precision)?;
        let (negative, whole) = match whole.as_bytes() {
            [b'-', rest @ ..] => (!minus, rest),
            [b'+', rest @ ..] => (minus, rest),
            rest => (minus, rest),
        };
        let mut units = Units::ZERO;
        let mut any = false;
        for it in whole.iter().chain(fraction.as_bytes()) {
            if !it.is_ascii_digit() {
                return Err(NumberError::Malformed);
            }
            any = true;
            units = units
                .checked_mul(Units::from(10u64))
                .and_then(|value| value.checked_add(Units::from(it - b'0')))
                .ok_or(NumberError::Overflow)?;
        }
        if !any {
            return Err(NumberError::Malformed);
        }
        let scale = Units::from(10u64).pow(Units::from(missing));
        Self::from_parts(negative, units.checked_mul(scale).ok_or(NumberError::Overflow)?)
    }
}

impl Serialize for Dec {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Dec {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}
