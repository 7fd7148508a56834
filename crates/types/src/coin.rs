//! Money: amounts of a denomination, whole and decimal, and sorted lists of them.
//!
//! Source: chain.md 1.1, cosmos.md 4.1. A [`Coins`] or [`DecCoins`] is sorted by denomination,
//! without duplicates and without amounts that are zero or negative, by construction.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::{
    dec::Dec,
    int::{Int, NumberError},
    wire::cosmos::base::v1beta1 as wire,
};

/// Why money could not be read or computed. The texts are the reference's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CoinError {
    #[error("invalid denom: {0}")]
    Denom(String),
    #[error("invalid decimal coin expression: {0}")]
    Malformed(String),
    #[error("duplicate denomination {0}")]
    Duplicate(String),
    #[error("denomination {0} is not sorted")]
    Unsorted(String),
    #[error("coin {0} amount is not positive")]
    NotPositive(String),
    #[error("negative coin amount")]
    Negative,
    #[error(transparent)]
    Number(#[from] NumberError),
}

type Result<T> = std::result::Result<T, CoinError>;

/// Checks a denomination: a letter, then 2 to 127 of letters, digits and `/:._-`.
pub fn validate_denom(denom: &str) -> Result<()> {
    let bytes = denom.as_bytes();
    let valid = (3..=128).contains(&bytes.len())
        && bytes.first().is_some_and(u8::is_ascii_alphabetic)
        && bytes.iter().all(|it| it.is_ascii_alphanumeric() || b"/:._-".contains(it));
    if valid { Ok(()) } else { Err(CoinError::Denom(denom.to_owned())) }
}

/// Splits `5.5uakt` into the digits and the denomination.
fn split(text: &str) -> Result<(&str, &str)> {
    let malformed = || CoinError::Malformed(text.to_owned());
    let trimmed = text.trim();
    let is_amount = |it: char| it.is_ascii_digit() || it == '.';
    let end = trimmed.find(|it| !is_amount(it)).ok_or_else(malformed)?;
    let (amount, rest) = trimmed.split_at(end);
    let denom = rest.trim_start_matches([' ', '\t', '\n', '\u{c}', '\r']);
    validate_denom(denom).map_err(|_| malformed())?;
    if amount.is_empty() {
        return Err(malformed());
    }
    Ok((amount, denom))
}

/// What [`Coin`] and [`DecCoin`] share, so that the lists are written once.
trait Money: Clone + fmt::Display + Sized {
    type Amount: Copy + Ord;
    fn make(denom: &str, amount: Self::Amount) -> Self;
    fn denom(&self) -> &str;
    fn amount(&self) -> Self::Amount;
    fn plus(a: Self::Amount, b: Self::Amount) -> std::result::Result<Self::Amount, NumberError>;
    fn negated(a: Self::Amount) -> Self::Amount;
    fn zero() -> Self::Amount;
}

/// Walks two sorted lists and joins what has the same denomination; zeros are left out.
fn merge<M: Money>(
    left: &[M],
    right: &[M],
    join: impl Fn(M::Amount, M::Amount) -> std::result::Result<M::Amount, NumberError>,
) -> Result<Vec<M>> {
    let mut merged = Vec::with_capacity(left.len().saturating_add(right.len()));
    let (mut left, mut right) = (left.iter().peekable(), right.iter().peekable());
    loop {
        let (denom, a, b) = match (left.peek(), right.peek()) {
            (None, None) => return Ok(merged),
            (Some(a), None) => (a.denom(), a.amount(), M::zero()),
            (None, Some(b)) => (b.denom(), M::zero(), b.amount()),
            (Some(a), Some(b)) => match a.denom().cmp(b.denom()) {
                std::cmp::Ordering::Less => (a.denom(), a.amount(), M::zero()),
                std::cmp::Ordering::Greater => (b.denom(), M::zero(), b.amount()),
                std::cmp::Ordering::Equal => (a.denom(), a.amount(), b.amount()),
            },
        };
        let amount = join(a, b)?;
        if amount != M::zero() {
            merged.push(M::make(denom, amount));
        }
        let denom = denom.to_owned();
        let _ = left.next_if(|it| it.denom() == denom);
        let _ = right.next_if(|it| it.denom() == denom);
    }
}

fn amount_of<M: Money>(list: &[M], denom: &str) -> M::Amount {
    list.iter().find(|it| it.denom() == denom).map_or_else(M::zero, Money::amount)
}

/// The rules of a list, in the order in which the reference finds them broken.
fn validate<M: Money>(list: &[M]) -> Result<()> {
    let mut last: Option<&str> = None;
    let mut seen = std::collections::BTreeSet::new();
    for coin in list {
        validate_denom(coin.denom())?;
        if let Some(last) = last {
            if seen.contains(coin.denom()) {
                return Err(CoinError::Duplicate(coin.denom().to_owned()));
            }
            if coin.denom() < last {
                return Err(CoinError::Unsorted(coin.denom().to_owned()));
            }
        }
        if coin.amount() <= M::zero() {
            return Err(CoinError::NotPositive(coin.to_string()));
        }
        seen.insert(coin.denom());
        last = Some(coin.denom());
    }
    Ok(())
}

fn write_list<M: Money>(list: &[M], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    for (at, coin) in list.iter().enumerate() {
        if at > 0 {
            f.write_str(",")?;
        }
        fmt::Display::fmt(coin, f)?;
    }
    Ok(())
}

macro_rules! money {
    (
        $(#[$coin_doc:meta])* $coin:ident,
        $(#[$coins_doc:meta])* $coins:ident,
        $amount:ident, $wire:ident, $from_wire:expr, $to_wire:expr
    ) => {
        $(#[$coin_doc])*
        #[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[serde(deny_unknown_fields)]
        pub struct $coin {
            pub denom: String,
            pub amount: $amount,
        }

        impl $coin {
            pub fn new(denom: impl Into<String>, amount: impl Into<$amount>) -> Self {
                Self { denom: denom.into(), amount: amount.into() }
            }

            /// Checks the denomination, and that the amount is not negative.
            pub fn validate(&self) -> Result<()> {
                validate_denom(&self.denom)?;
                if self.amount.is_negative() { Err(CoinError::Negative) } else { Ok(()) }
            }

            #[must_use]
            pub fn is_zero(&self) -> bool {
                self.amount.is_zero()
            }

            #[must_use]
            pub fn is_positive(&self) -> bool {
                self.amount.is_positive()
            }
        }

        impl Money for $coin {
            type Amount = $amount;
            fn make(denom: &str, amount: $amount) -> Self {
                Self { denom: denom.to_owned(), amount }
            }
            fn denom(&self) -> &str {
                &self.denom
            }
            fn amount(&self) -> $amount {
                self.amount
            }
            fn plus(a: $amount, b: $amount) -> std::result::Result<$amount, NumberError> {
                a.add(b)
            }
            fn negated(a: $amount) -> $amount {
                -a
            }
            fn zero() -> $amount {
                $amount::ZERO
            }
        }

        impl fmt::Display for $coin {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}{}", self.amount, self.denom)
            }
        }

        impl fmt::Debug for $coin {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl TryFrom<&wire::$wire> for $coin {
            type Error = CoinError;
            /// Reads the numbers; whether the coin is valid is another question.
            fn try_from(coin: &wire::$wire) -> Result<Self> {
                let read: fn(&str) -> std::result::Result<$amount, NumberError> = $from_wire;
                Ok(Self { denom: coin.denom.clone(), amount: read(&coin.amount)? })
            }
        }

        impl TryFrom<wire::$wire> for $coin {
            type Error = CoinError;
            fn try_from(coin: wire::$wire) -> Result<Self> {
                Self::try_from(&coin)
            }
        }

        impl From<&$coin> for wire::$wire {
            fn from(coin: &$coin) -> Self {
                let write: fn(&$amount) -> String = $to_wire;
                Self { denom: coin.denom.clone(), amount: write(&coin.amount) }
            }
        }

        impl From<$coin> for wire::$wire {
            fn from(coin: $coin) -> Self {
                Self::from(&coin)
            }
        }

        $(#[$coins_doc])*
        #[derive(Clone, Default, PartialEq, Eq, Hash, Serialize)]
        #[serde(transparent)]
        pub struct $coins(Vec<$coin>);

        impl $coins {
            /// Sorts, drops zeros, and refuses duplicates, negative amounts and bad denominations.
            pub fn new(list: impl IntoIterator<Item = $coin>) -> Result<Self> {
                let mut list: Vec<_> = list.into_iter().filter(|it| !it.is_zero()).collect();
                list.sort_by(|a, b| a.denom.cmp(&b.denom));
                validate(&list)?;
                Ok(Self(list))
            }

            /// Takes a list that must be valid already: sorted, positive, without duplicates.
            pub fn strict(list: impl IntoIterator<Item = $coin>) -> Result<Self> {
                let list: Vec<_> = list.into_iter().collect();
                validate(&list)?;
                Ok(Self(list))
            }

            /// Reads a wire list that must be valid already ([`Self::strict`]).
            pub fn from_wire(list: &[wire::$wire]) -> Result<Self> {
                let list: Result<Vec<_>> = list.iter().map($coin::try_from).collect();
                Self::strict(list?)
            }

            /// Reads a wire list in any order, with zeros and duplicates, and adds it up.
            pub fn sum_of_wire(list: &[wire::$wire]) -> Result<Self> {
                let mut sum = Self::default();
                for coin in list {
                    sum = sum.add(&Self::new([$coin::try_from(coin)?])?)?;
                }
                Ok(sum)
            }

            #[must_use]
            pub fn to_wire(&self) -> Vec<wire::$wire> {
                self.0.iter().map(Into::into).collect()
            }

            #[must_use]
            pub fn is_empty(&self) -> bool {
                self.0.is_empty()
            }

            #[must_use]
            pub fn len(&self) -> usize {
                self.0.len()
            }

            #[must_use]
            pub fn as_slice(&self) -> &[$coin] {
                &self.0
            }

            pub fn iter(&self) -> std::slice::Iter<'_, $coin> {
                self.0.iter()
            }

            /// The amount of `denom`; zero when there is none.
            #[must_use]
            pub fn amount_of(&self, denom: &str) -> $amount {
                amount_of(&self.0, denom)
            }

            pub fn add(&self, other: &Self) -> Result<Self> {
                Ok(Self(merge(&self.0, &other.0, $coin::plus)?))
            }

            /// Adds one coin, which must be valid.
            pub fn add_coin(&self, coin: &$coin) -> Result<Self> {
                self.add(&Self::new([coin.clone()])?)
            }

            /// The difference; [`CoinError::Negative`] when any amount would be below zero.
            pub fn sub(&self, other: &Self) -> Result<Self> {
                let (list, negative) = self.safe_sub(other)?;
                if negative { Err(CoinError::Negative) } else { Ok(Self(list)) }
            }

            /// Takes one coin away, which must be valid.
            pub fn sub_coin(&self, coin: &$coin) -> Result<Self> {
                self.sub(&Self::new([coin.clone()])?)
            }

            /// The difference with negative amounts kept, and whether there are any.
            pub fn safe_sub(&self, other: &Self) -> Result<(Vec<$coin>, bool)> {
                let list = merge(&self.0, &other.0, |a, b| $coin::plus(a, $coin::negated(b)))?;
                let negative = list.iter().any(|it: &$coin| it.amount.is_negative());
                Ok((list, negative))
            }

            /// The smaller amount of each denomination that both have.
            #[must_use]
            pub fn min(&self, other: &Self) -> Self {
                let common = self.0.iter().map(|it| $coin {
                    denom: it.denom.clone(),
                    amount: it.amount.min(other.amount_of(&it.denom)),
                });
                Self(common.filter(|it| !it.is_zero()).collect())
            }

            /// The larger amount of each denomination that either has.
            pub fn max(&self, other: &Self) -> Result<Self> {
                Ok(Self(merge(&self.0, &other.0, |a, b| Ok(a.max(b)))?))
            }

            /// Whether this has at least `other` of everything `other` has.
            #[must_use]
            pub fn covers(&self, other: &Self) -> bool {
                other.0.iter().all(|it| self.amount_of(&it.denom) >= it.amount)
            }

            /// Whether every denomination of this is one of `other`.
            #[must_use]
            pub fn denoms_subset_of(&self, other: &Self) -> bool {
                self.0.iter().all(|it| !other.amount_of(&it.denom).is_zero())
            }
        }

        impl fmt::Display for $coins {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write_list(&self.0, f)
            }
        }

        impl fmt::Debug for $coins {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "[{self}]")
            }
        }

        impl FromStr for $coins {
            type Err = CoinError;

            /// Reads `5uact,10uakt` in any order; the empty text is no coins.
            fn from_str(text: &str) -> Result<Self> {
                if text.trim().is_empty() {
                    return Ok(Self::default());
                }
                let list: Result<Vec<$coin>> = text.split(',').map(str::parse).collect();
                Self::new(list?)
            }
        }

        impl<'de> Deserialize<'de> for $coins {
            fn deserialize<D: serde::Deserializer<'de>>(
                deserializer: D,
            ) -> std::result::Result<Self, D::Error> {
                let list = Vec::<$coin>::deserialize(deserializer)?;
                Self::strict(list).map_err(serde::de::Error::custom)
            }
        }

        impl From<$coins> for Vec<$coin> {
            fn from(coins: $coins) -> Self {
                coins.0
            }
        }

        impl<'a> IntoIterator for &'a $coins {
            type Item = &'a $coin;
            type IntoIter = std::slice::Iter<'a, $coin>;
            fn into_iter(self) -> Self::IntoIter {
                self.0.iter()
            }
        }

        impl IntoIterator for $coins {
            type Item = $coin;
            type IntoIter = std::vec::IntoIter<$coin>;
            fn into_iter(self) -> Self::IntoIter {
                self.0.into_iter()
            }
        }
    };
}

money! {
    /// A whole amount of one denomination: `5uakt`.
    Coin,
    /// Whole amounts, sorted by denomination, all positive.
    Coins,
    Int, Coin, Int::from_wire, ToString::to_string
}
money! {
    /// A decimal amount of one denomination: `0.500000000000000000uakt`.
    DecCoin,
    /// Decimal amounts, sorted by denomination, all positive.
    DecCoins,
    Dec, DecCoin, Dec::from_wire, Dec::to_wire
}

impl FromStr for Coin {
    type Err = CoinError;

    /// Reads `5uakt`; a fraction is cut off, as the reference does.
    fn from_str(text: &str) -> Result<Self> {
        let coin = DecCoin::from_str(text)?;
        Ok(Self { denom: coin.denom, amount: coin.amount.truncate_int()? })
    }
}

impl FromStr for DecCoin {
    type Err = CoinError;

    fn from_str(text: &str) -> Result<Self> {
        let (amount, denom) = split(text)?;
        let amount = amount.parse().map_err(|it| match it {
            NumberError::Overflow | NumberError::Precision => CoinError::Number(it),
            _ => CoinError::Malformed(text.to_owned()),
        })?;
        Ok(Self { denom: denom.to_owned(), amount })
    }
}

impl From<&Coin> for DecCoin {
    fn from(coin: &Coin) -> Self {
        Self { denom: coin.denom.clone(), amount: Dec::from_int(coin.amount) }
    }
}

impl From<Coin> for DecCoin {
    fn from(coin: Coin) -> Self {
        Self::from(&coin)
    }
}

impl DecCoin {
    /// The whole part and what is left of it.
    pub fn truncate_decimal(&self) -> Result<(Coin, Self)> {
        let whole = self.amount.truncate_int()?;
        let rest = self.amount.sub(self.amount.truncate())?;
        Ok((
            Coin { denom: self.denom.clone(), amount: whole },
            Self { denom: self.denom.clone(), amount: rest },
        ))
    }
}

impl Coins {
    /// Every amount times `factor`.
    pub fn mul_int(&self, factor: Int) -> Result<Self> {
        let mut list = Vec::with_capacity(self.len());
        for coin in self {
            list.push(Coin { denom: coin.denom.clone(), amount: coin.amount.mul(factor)? });
        }
        Self::new(list)
    }

    /// Whether `other` is not empty and this has more of everything `other` has.
    #[must_use]
    pub fn is_all_greater(&self, other: &Self) -> bool {
        !self.is_empty() && other.iter().all(|it| self.amount_of(&it.denom) > it.amount)
    }

    /// Whether this has at least as much as `other` of any denomination of `other`.
    #[must_use]
    pub fn covers_any(&self, other: &Self) -> bool {
        other.iter().any(|it| {
            let held = self.amount_of(&it.denom);
            held.is_positive() && held >= it.amount
        })
    }
}

impl DecCoins {
    /// The decimal twin of whole coins.
    #[must_use]
    pub fn from_coins(coins: &Coins) -> Self {
        Self(coins.iter().map(DecCoin::from).collect())
    }

    /// Whole coins and what is left of them.
    pub fn truncate_decimal(&self) -> Result<(Coins, Self)> {
        let (mut whole, mut rest) = (Vec::new(), Vec::new());
        for coin in self {
            let (integer, fraction) = coin.truncate_decimal()?;
            whole.push(integer);
            rest.push(fraction);
        }
        Ok((Coins::new(whole)?, Self::new(rest)?))
    }

    pub fn mul_dec(&self, factor: Dec) -> Result<Self> {
        self.each(|it| it.mul(factor))
    }

    pub fn mul_dec_truncate(&self, factor: Dec) -> Result<Self> {
        self.each(|it| it.mul_truncate(factor))
    }

    pub fn quo_dec(&self, divisor: Dec) -> Result<Self> {
        if divisor.is_zero() {
            return Err(NumberError::DivisionByZero.into());
        }
        self.each(|it| it.quo(divisor))
    }

    pub fn quo_dec_truncate(&self, divisor: Dec) -> Result<Self> {
        if divisor.is_zero() {
            return Err(NumberError::DivisionByZero.into());
        }
        self.each(|it| it.quo_truncate(divisor))
    }

    fn each(&self, act: impl Fn(Dec) -> std::result::Result<Dec, NumberError>) -> Result<Self> {
        let mut list = Vec::with_capacity(self.len());
        for coin in self {
            list.push(DecCoin { denom: coin.denom.clone(), amount: act(coin.amount)? });
        }
        Self::new(list)
    }
}
