//! Values of flags that several commands of `haggle sdl` take.

use std::ffi::OsStr;

use clap::{
    Arg, Command,
    builder::{PossibleValue, TypedValueParser},
};
use sdl::{Budget, Rule};

/// The prefix that every code has; nobody needs to type it.
const PREFIX: &str = "sdl::";
/// Digits behind the point that a price of AKT may have.
const MOST_DECIMALS: usize = 6;
/// Millionths in one.
const MICRO: u64 = 1_000_000;

/// One rule, or a family of rules.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rules(pub(crate) Vec<Rule>);

/// Parses the code of a rule or of a family (`schema`, `sdl::schema::*`), with or without the
/// prefix. Shells complete the codes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RuleCodes;

impl TypedValueParser for RuleCodes {
    type Value = Rules;

    fn parse_ref(
        &self,
        command: &Command,
        arg: Option<&Arg>,
        value: &OsStr,
    ) -> Result<Rules, clap::Error> {
        (rules as fn(&str) -> Result<Rules, String>).parse_ref(command, arg, value)
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        Some(Box::new(Rule::ALL.iter().map(|it| PossibleValue::new(short(*it)))))
    }
}

/// The code of a rule as people type it.
pub(crate) fn short(rule: Rule) -> &'static str {
    rule.code().strip_prefix(PREFIX).unwrap_or(rule.code())
}

fn rules(text: &str) -> Result<Rules, String> {
    let text = text.trim();
    let found = Rule::matching(text);
    if !found.is_empty() {
        return Ok(Rules(found));
    }
    let words = Rule::ALL.iter().map(|it| short(*it));
    let typed = text.strip_prefix(PREFIX).unwrap_or(text);
    // Who remembers one half of a code gets the other.
    let mut codes = Rule::ALL.iter().map(|it| short(*it));
    let half = codes.find(|it| it.split("::").any(|it| it == typed));
    Err(match sdl::suggest::nearest(typed, words).or(half) {
        Some(near) => format!("there is no rule `{text}`; did you mean `{near}`?"),
        None => format!("there is no rule `{text}`; `haggle sdl rules` lists them all"),
    })
}

/// Reads `NAME=VALUE`.
pub(crate) fn assignment(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err(format!("`{text}` is not NAME=VALUE")),
    }
}

/// What may be spent in a month.
pub(crate) fn budget(text: &str) -> Result<Budget, String> {
    text.parse().map_err(|it: sdl::lint::BudgetError| it.to_string())
}

/// A budget in whole dollars, as decimal text.
pub(crate) fn whole(budget: Budget) -> String {
    let micro = budget.micro_usd_per_month;
    let text = format!("{}.{:06}", micro / MICRO, micro % MICRO);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// Dollars for one AKT.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AktPrice {
    /// In millionths of a dollar.
    pub micro_usd: u64,
}

impl std::str::FromStr for AktPrice {
    type Err = String;

    fn from_str(text: &str) -> Result<AktPrice, String> {
        let wrong = || format!("`{text}` is no price in dollars; write one like `1.25`");
        let number = text.trim().trim_start_matches('$');
        let number = number.to_ascii_lowercase();
        let number = number.strip_suffix("usd").unwrap_or(&number).trim();
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        let is_number = |it: &str| it.bytes().all(|it| it.is_ascii_digit());
        if whole.is_empty() || !is_number(whole) || !is_number(fraction) {
            return Err(wrong());
        }
        if fraction.len() > MOST_DECIMALS {
            return Err(format!("`{text}` has more than {MOST_DECIMALS} digits behind the point"));
        }
        let dollars: u64 = whole.parse().map_err(|_| wrong())?;
        let rest: u64 = format!("{fraction:0<MOST_DECIMALS$}").parse().map_err(|_| wrong())?;
        let micro_usd = dollars.checked_mul(MICRO).and_then(|it| it.checked_add(rest));
        let micro_usd = micro_usd.filter(|it| *it > 0).ok_or_else(wrong)?;
        Ok(AktPrice { micro_usd })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prices_of_akt_are_exact() {
        let micro = |text: &str| text.parse::<AktPrice>().map(|it| it.micro_usd);
        assert_eq!(micro("1.25"), Ok(1_250_000));
        assert_eq!(micro("$0.4"), Ok(400_000));
        assert_eq!(micro("3 USD"), Ok(3_000_000));
        for wrong in ["", "0", "-1", "1.0000001", "1,5", "x", "."] {
            assert!(micro(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn budgets_are_written_short() {
        let written = |text: &str| budget(text).map(whole);
        assert_eq!(written("40 usd/month"), Ok("40".to_owned()));
        assert_eq!(written("12.50"), Ok("12.5".to_owned()));
    }

    #[test]
    fn rules_are_found_with_and_without_their_prefix_and_by_family() {
        assert_eq!(rules("sdl::yaml::syntax"), Ok(Rules(vec![Rule::YamlSyntax])));
        assert_eq!(rules("yaml::syntax"), Ok(Rules(vec![Rule::YamlSyntax])));
        assert!(rules("sdl::yaml::*").is_ok_and(|it| it.0.len() > 3));
        assert_eq!(rules("yaml"), rules("sdl::yaml::*"));
        let said = |text: &str| rules(text).err().unwrap_or_default();
        assert!(said("yaml::sintax").contains("did you mean `yaml::syntax`?"));
        assert!(said("syntax").contains("did you mean `yaml::syntax`?"));
        assert!(said("weather").contains("`haggle sdl rules` lists them all"));
    }
}
