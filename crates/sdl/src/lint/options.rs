//! What a caller wants to hear.

use crate::rules::Rule;
use std::fmt;
use std::str::FromStr;

/// What a caller wants to hear, and what it knows that the file does not say.
///
/// The default is every lint, no budget, no price of AKT.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckOptions {
    /// Run the lints at all. Warnings of the compiler itself (ignored keys) come in any case.
    pub lints: bool,
    /// Say where Console and the JavaScript SDK would refuse the file (`sdl::schema::*`, spec `sdl.md` 21).
    pub schema: bool,
    /// What the whole deployment may cost per month; a file may state its own
    /// (`# haggle: budget 50 usd/month`), which wins.
    pub monthly_budget: Option<Budget>,
    /// What one AKT costs, in millionths of a dollar. Without it prices in `uakt` are not compared with money.
    pub akt_price_micro_usd: Option<u64>,
    /// Rules that are not reported. Only warnings can be silenced.
    pub allow: Vec<Rule>,
    /// Warnings that count as errors.
    pub deny: Vec<Rule>,
}

impl Default for CheckOptions {
    fn default() -> Self {
        Self {
            lints: true,
            schema: true,
            monthly_budget: None,
            akt_price_micro_usd: None,
            allow: Vec::new(),
            deny: Vec::new(),
        }
    }
}

/// Money per month, in millionths of a dollar.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Budget {
    /// Millionths of a dollar per month of 30 days.
    pub micro_usd_per_month: u64,
}

/// A text that is no budget.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a monthly budget; write one like `50 usd/month`")]
pub struct BudgetError(pub String);

impl FromStr for Budget {
    type Err = BudgetError;

    /// Reads `50`, `$50`, `49.90 usd`, `50usd/month`, `50 USD per month`.
    fn from_str(text: &str) -> Result<Self, BudgetError> {
        let error = || BudgetError(text.trim().to_owned());
        let lower = text.trim().to_ascii_lowercase();
        let number = lower.strip_prefix('$').unwrap_or(&lower).trim_start();
        let end = number.find(|it: char| !it.is_ascii_digit() && it != '.').unwrap_or(number.len());
        let (number, unit) = number.split_at_checked(end).ok_or_else(error)?;
        let unit: String = unit.split_ascii_whitespace().collect();
        let is_known = matches!(
            unit.as_str(),
            "" | "usd"
                | "$"
                | "dollars"
                | "/month"
                | "usd/month"
                | "usd/mo"
                | "usdpermonth"
                | "usdamonth"
                | "permonth"
                | "/mo"
        );
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        if !is_known || whole.is_empty() || fraction.len() > 6 || fraction.contains('.') {
            return Err(error());
        }
        let dollars: u64 = whole.parse().map_err(|_| error())?;
        let millionths: u64 = format!("{fraction:0<6}").parse().map_err(|_| error())?;
        let micro = dollars.checked_mul(1_000_000).and_then(|it| it.checked_add(millionths));
        micro.filter(|it| *it > 0).map(|it| Self { micro_usd_per_month: it }).ok_or_else(error)
    }
}

impl fmt::Display for Budget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let cents = self.micro_usd_per_month.div_ceil(10_000);
        write!(f, "{}.{:02} USD/month", cents / 100, cents % 100)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn budgets_are_read_in_the_ways_people_write_them() {
        for text in ["50", "$50", "50 usd", "50usd/month", "50.00 USD per month", " 50/mo "] {
            let budget: Budget = text.parse().unwrap();
            assert_eq!(budget.micro_usd_per_month, 50_000_000, "{text}");
        }
        assert_eq!("49.9".parse::<Budget>().unwrap().to_string(), "49.90 USD/month");
        for text in ["", "0", "-5", "fifty", "50 eur", "5.5.5", "1.0000001", "99999999999999999999"]
        {
            assert!(text.parse::<Budget>().is_err(), "{text}");
        }
    }
}
