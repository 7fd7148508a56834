//! What a price per block comes to. Exact: decimals with 18 digits, each rounding named; costs are rounded up,
//! durations down, so that nobody pays more or gets less than it says here.

use super::Options;
use super::words;
use crate::quantity::Price;
use serde::Serialize;
use types::{Dec, Int, NumberError};

/// The average block time that clients of the network count with, in milliseconds (spec `chain.md` 2.7).
pub const BLOCK_TIME_MS: u64 = 6_500;

/// The smallest first deposit in micro units, unless governance has changed it (spec `chain.md` 4.2).
pub const MIN_DEPOSIT: u64 = 500_000;

/// The only denomination in which new deployments are priced and funded (spec `chain.md` 4.3, steps 3 and 6).
pub(crate) const CHAIN_DENOM: &str = "uact";

pub(crate) const HOUR_MS: u64 = 3_600_000;
pub(crate) const DAY_MS: u64 = 86_400_000;
/// A month is a twelfth of 365.25 days.
pub(crate) const MONTH_MS: u64 = 2_629_800_000;

/// What something costs at the most.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Cost {
    /// Denomination, e.g. `uact`.
    pub denom: String,
    /// Per block.
    pub per_block: Amount,
    /// Per hour.
    pub per_hour: Amount,
    /// Per day of 24 hours.
    pub per_day: Amount,
    /// Per month of 30.4375 days.
    pub per_month: Amount,
}

/// An amount of money.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Amount {
    /// In the denomination itself, as a plain decimal: exact to 18 digits and rounded up there.
    pub amount: String,
    /// In whole units with their symbol, rounded up to the sixth digit: `1.25 ACT`.
    pub words: String,
    /// In US dollars, rounded up to the cent, where a rate is known.
    pub usd: Option<String>,
}

/// What has to be paid in, and how long it lasts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Deposit {
    /// The smallest deposit that the chain takes, in micro units.
    pub minimum: u64,
    /// The denomination of deposits.
    pub denom: String,
    /// The minimum in whole units.
    pub words: String,
    /// Whole blocks that the minimum lasts at the highest price, rounded down.
    pub lasts_blocks: String,
    /// The same as a time, rounded down.
    pub lasts: String,
    /// What a month takes, in whole units.
    pub one_month: String,
}

fn dec(price: Price) -> Result<Dec, NumberError> {
    Dec::from_wire(&price.atto().to_string())
}

/// `per_block` over a time, rounded up.
fn over(per_block: Dec, ms: u64, block_time_ms: u64) -> Result<Dec, NumberError> {
    per_block.mul_int(Int::from(ms))?.quo_round_up(Dec::from(block_time_ms.max(1)))
}

/// `per_block` over a month at a block time, rounded up; absent when no number can hold it.
pub(crate) fn per_month_round_up(per_block: Price, block_time_ms: u64) -> Option<Dec> {
    over(dec(per_block).ok()?, MONTH_MS, block_time_ms).ok()
}

/// The price per block of one of `replicas` that stays within `micro_per_month`, rounded down to `digits` digits.
pub(crate) fn price_for_budget(
    micro_per_month: Dec,
    replicas: u32,
    block_time_ms: u64,
    digits: u32,
) -> Result<Dec, NumberError> {
    let scale = Int::from(10_u64.pow(digits.min(18)));
    micro_per_month
        .mul_int(Int::from(block_time_ms.max(1)))?
        .quo_truncate(Dec::from(MONTH_MS))?
        .quo_int(Int::from(u64::from(replicas.max(1))))?
        .mul_int(scale)?
        .truncate()
        .quo_int(scale)
}

impl Cost {
    pub(super) fn new(per_block: Price, denom: &str, options: &Options) -> Self {
        let amount = |ms: Option<u64>| {
            let value = dec(per_block).and_then(|it| match ms {
                Some(ms) => over(it, ms, options.block_time_ms),
                None => Ok(it),
            });
            Amount::new(value.ok(), denom, options)
        };
        Self {
            denom: denom.to_owned(),
            per_block: amount(None),
            per_hour: amount(Some(HOUR_MS)),
            per_day: amount(Some(DAY_MS)),
            per_month: amount(Some(MONTH_MS)),
        }
    }
}

impl Amount {
    fn new(value: Option<Dec>, denom: &str, options: &Options) -> Self {
        let Some(value) = value else {
            let words = "more than any number here can hold".to_owned();
            return Self { amount: words.clone(), words, usd: None };
        };
        Self {
            amount: plain(&value.to_string()),
            words: whole(value, denom),
            usd: usd(value, denom, options),
        }
    }
}

/// The symbol of a denomination's whole unit, of 10^6.
pub(crate) fn symbol(denom: &str) -> Option<&'static str> {
    match denom {
        "uact" => Some("ACT"),
        "uakt" => Some("AKT"),
        _ => None,
    }
}

/// Micro units as whole ones, rounded up to the sixth digit; other denominations stay as they are.
pub(crate) fn whole(micro: Dec, denom: &str) -> String {
    let Some(symbol) = symbol(denom) else {
        return format!("{} {denom}", trimmed(&micro.to_string()));
    };
    let rounded = micro.ceil().and_then(|it| it.quo_int(Int::from(1_000_000_u64)));
    match rounded {
        Ok(value) => format!("{} {symbol}", trimmed(&value.to_string())),
        Err(_) => format!("{} {denom}", trimmed(&micro.to_string())),
    }
}

/// US dollars rounded up to the cent, and below one cent to the sixth digit.
fn usd(micro: Dec, denom: &str, options: &Options) -> Option<String> {
    let rate = match denom {
        "uact" => Dec::ONE,
        "uakt" => dec(options.akt_price_usd?).ok()?,
        _ => return None,
    };
    let micro = micro.mul_round_up(rate).ok()?;
    if micro < Dec::from(10_000_u64) {
        let small = micro.ceil().ok()?.quo_int(Int::from(1_000_000_u64)).ok()?;
        return Some(format!("{} USD", trimmed(&small.to_string())));
    }
    let cents = micro.quo_round_up(Dec::from(10_000_u64)).ok()?;
    let cents = cents.ceil().ok()?;
    let text = cents.quo_int(Int::from(100_u64)).ok()?.to_string();
    let (units, fraction) = text.split_once('.').unwrap_or((&text, ""));
    let fraction: String = fraction.chars().chain("00".chars()).take(2).collect();
    Some(format!("{} USD", grouped(&format!("{units}.{fraction}"))))
}

/// Without zeros at the end of the fraction, the whole part in groups of three.
pub(crate) fn trimmed(text: &str) -> String {
    grouped(&plain(text))
}

/// Without zeros at the end of the fraction.
pub(crate) fn plain(text: &str) -> String {
    match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text.to_owned(),
    }
}

/// The whole part in groups of three: `12,345.6`.
pub(crate) fn grouped(text: &str) -> String {
    let (whole, fraction) = match text.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (text, None),
    };
    let mut out = String::with_capacity(text.len() + whole.len() / 3);
    for (index, digit) in whole.chars().enumerate() {
        if index > 0 && (whole.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    if let Some(fraction) = fraction {
        out.push('.');
        out.push_str(fraction);
    }
    out
}

impl Deposit {
    /// The deposit for a deployment of this price.
    pub(super) fn new(per_block: Price, denom: &str, options: &Options) -> Option<Self> {
        let block_time_ms = options.block_time_ms.max(1);
        let per_block = dec(per_block).ok()?;
        let blocks = Dec::from(MIN_DEPOSIT).quo_truncate(per_block).ok()?.truncate_int().ok()?;
        let blocks_small: u128 = blocks.to_string().parse().unwrap_or(u128::MAX);
        let ms = blocks_small.saturating_mul(u128::from(block_time_ms));
        Some(Self {
            minimum: MIN_DEPOSIT,
            denom: denom.to_owned(),
            words: whole(Dec::from(MIN_DEPOSIT), denom),
            lasts_blocks: blocks.to_string(),
            lasts: words::duration_ms(ms),
            one_month: whole(over(per_block, MONTH_MS, block_time_ms).ok()?, denom),
        })
    }
}
