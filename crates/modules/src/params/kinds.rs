//! What a legacy parameter holds: each kind reads JSON as the reference does and writes the one
//! text that is kept. Numbers of 64 bits and decimals are texts.

use std::collections::BTreeSet;

use serde_json::{Map, Value};
use types::{Dec, Int, validate_denom};

/// Deposits of deployments are below this.
const DEPOSIT_BOUND: i64 = i32::MAX as i64;

type Read = Result<String, &'static str>;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Bool,
    /// A signed number above zero; spans are nanoseconds.
    Positive,
    /// An unsigned number above zero.
    Natural,
    /// An unsigned number.
    Whole,
    /// A number of 32 bits between two.
    Small(u32, u32),
    /// A decimal from 0 to 1.
    Share,
    Denom,
    /// Which denoms may be sent.
    Switches,
    /// Texts that are not blank.
    Names,
    /// A coin of which nothing is checked.
    AnyCoin,
    /// A coin that may be zero.
    Fee,
    /// Sorted positive coins.
    Coins,
    /// Deposits by denom, `uakt` among them.
    LeastDeposits,
    DepositRules,
    VotingRules,
    TallyRules,
}

impl Kind {
    /// The text that is kept of a value, or why it is none.
    pub(super) fn canonical(self, json: &Value) -> Read {
        match self {
            Self::Bool => Ok(truth(Some(json))?.to_string()),
            Self::Positive => Ok(quoted(positive(Some(json))?)),
            Self::Natural => match unsigned(json)? {
                0 => Err("must be positive"),
                it => Ok(quoted(it)),
            },
            Self::Whole => Ok(quoted(unsigned(json)?)),
            Self::Small(least, most) => small(json, least, most),
            Self::Share => share(json),
            Self::Denom => denom(json.as_str().unwrap_or_default()).map(quoted),
            Self::Switches => switches(json),
            Self::Names => names(json),
            Self::AnyCoin => {
                let coin = Coin::read(json)?;
                Ok(coin.text(&coin.amount.unwrap_or(Int::ZERO)))
            }
            Self::Fee => fee(json),
            Self::Coins => coins(json),
            Self::LeastDeposits => least_deposits(json),
            Self::DepositRules => deposit_rules(json),
            Self::VotingRules => {
                let period = positive(object(json)?.get("voting_period"))?;
                Ok(format!("{{\"voting_period\":\"{period}\"}}"))
            }
            Self::TallyRules => tally_rules(json),
        }
    }
}

fn quoted(it: impl ToString) -> String {
    Value::String(it.to_string()).to_string()
}

/// The members of an object; `null` has none.
fn object(json: &Value) -> Result<Map<String, Value>, &'static str> {
    match json {
        Value::Null => Ok(Map::new()),
        Value::Object(it) => Ok(it.clone()),
        _ => Err("no object"),
    }
}

/// The entries of a list; `null` has none.
fn list(json: &Value) -> Result<&[Value], &'static str> {
    match json {
        Value::Null => Ok(&[]),
        Value::Array(it) => Ok(it),
        _ => Err("no list"),
    }
}

fn truth(json: Option<&Value>) -> Result<bool, &'static str> {
    match json {
        None | Some(Value::Null) => Ok(false),
        Some(Value::Bool(it)) => Ok(*it),
        Some(_) => Err("neither true nor false"),
    }
}

/// A number that is written as text, in the shortest way.
fn number<N: std::str::FromStr + ToString>(text: &str) -> Result<N, &'static str> {
    match text.parse::<N>() {
        Ok(it) if it.to_string() == text => Ok(it),
        _ => Err("no number"),
    }
}

fn unsigned(json: &Value) -> Result<u64, &'static str> {
    match json {
        Value::Null => Ok(0),
        _ => number(json.as_str().ok_or("no text of a number")?),
    }
}

fn positive(json: Option<&Value>) -> Result<i64, &'static str> {
    let text = json.and_then(Value::as_str).ok_or("no text of a number")?;
    match number::<i64>(text)? {
        ..=0 => Err("must be positive"),
        it => Ok(it),
    }
}

fn small(json: &Value, least: u32, most: u32) -> Read {
    let it = if json.is_null() { Some(0) } else { json.as_u64() };
    let it = it.and_then(|it| u32::try_from(it).ok()).ok_or("no number of 32 bits")?;
    if it < least || it > most { Err("out of bounds") } else { Ok(it.to_string()) }
}

fn decimal(text: &str) -> Result<Dec, &'static str> {
    text.parse().map_err(|_| "no decimal")
}

fn share(json: &Value) -> Read {
    let it = decimal(json.as_str().ok_or("no text of a decimal")?)?;
    if it.is_negative() || it > Dec::ONE { Err("not between 0 and 1") } else { Ok(quoted(it)) }
}

fn denom(text: &str) -> Result<&str, &'static str> {
    validate_denom(text).map(|_| text).map_err(|_| "invalid denom")
}

/// Writes a list; one without entries is `null`.
fn array(entries: &[String]) -> String {
    if entries.is_empty() { "null".to_owned() } else { format!("[{}]", entries.join(",")) }
}

fn switches(json: &Value) -> Read {
    let mut seen = BTreeSet::new();
    let mut entries = Vec::new();
    for it in list(json)? {
        let it = object(it)?;
        let name = denom(it.get("denom").and_then(Value::as_str).unwrap_or_default())?.to_owned();
        let enabled = if truth(it.get("enabled"))? { ",\"enabled\":true" } else { "" };
        entries.push(format!("{{\"denom\":{}{enabled}}}", quoted(&name)));
        if !seen.insert(name) {
            return Err("a denom twice");
        }
    }
    Ok(array(&entries))
}

fn names(json: &Value) -> Read {
    let mut entries = Vec::new();
    for it in list(json)? {
        match it.as_str() {
            Some(name) if !name.trim().is_empty() => entries.push(quoted(name)),
            _ => return Err("blank, or no text"),
        }
    }
    Ok(array(&entries))
}

struct Coin {
    denom: String,
    amount: Option<Int>,
}

impl Coin {
    fn read(json: &Value) -> Result<Self, &'static str> {
        let it = object(json)?;
        let denom = match it.get("denom") {
            None | Some(Value::Null) => "",
            Some(text) => text.as_str().ok_or("a denom is a text")?,
        };
        let amount = match it.get("amount") {
            None | Some(Value::Null) => None,
            Some(Value::String(text)) => Some(text.parse::<Int>().map_err(|_| "no amount")?),
            Some(_) => return Err("an amount is a text"),
        };
        Ok(Self { denom: denom.to_owned(), amount })
    }

    fn text(&self, amount: &Int) -> String {
        let amount = quoted(amount);
        match self.denom.as_str() {
            "" => format!("{{\"amount\":{amount}}}"),
            denom => format!("{{\"denom\":{},\"amount\":{amount}}}", quoted(denom)),
        }
    }
}

fn fee(json: &Value) -> Read {
    let coin = Coin::read(json)?;
    denom(&coin.denom)?;
    match coin.amount {
        Some(amount) if !amount.is_negative() => Ok(coin.text(&amount)),
        _ => Err("invalid constant fee"),
    }
}

/// Sorted positive coins, as texts.
fn entries(json: &Value) -> Result<Vec<String>, &'static str> {
    let mut last = String::new();
    let mut entries = Vec::new();
    for it in list(json)? {
        let coin = Coin::read(it)?;
        denom(&coin.denom)?;
        let amount = coin.amount.filter(Int::is_positive).ok_or("amount is not positive")?;
        if coin.denom <= last {
            return Err("denoms are not sorted");
        }
        entries.push(coin.text(&amount));
        last = coin.denom;
    }
    Ok(entries)
}

fn coins(json: &Value) -> Read {
    Ok(format!("[{}]", entries(json)?.join(",")))
}

fn least_deposits(json: &Value) -> Read {
    let mut seen = BTreeSet::new();
    let mut entries = Vec::new();
    for it in list(json)? {
        let coin = Coin::read(it)?;
        let amount = coin.amount.ok_or("a deposit without amount")?;
        if amount.is_negative() || amount >= Int::from(DEPOSIT_BOUND) {
            return Err("deposit out of bounds");
        }
        entries.push(coin.text(&amount));
        if !seen.insert(coin.denom) {
            return Err("a denom twice");
        }
    }
    if seen.contains("uakt") { Ok(array(&entries)) } else { Err("uakt not given") }
}

fn deposit_rules(json: &Value) -> Read {
    let members = object(json)?;
    let least = entries(members.get("min_deposit").unwrap_or(&Value::Null))?;
    let period = positive(members.get("max_deposit_period"))?;
    let least = match least.as_slice() {
        [] => String::new(),
        least => format!("\"min_deposit\":[{}],", least.join(",")),
    };
    Ok(format!("{{{least}\"max_deposit_period\":\"{period}\"}}"))
}

fn tally_rules(json: &Value) -> Read {
    let members = object(json)?;
    let part = |name: &str| -> Result<(Dec, String), &'static str> {
        let text = match members.get(name) {
            None | Some(Value::Null) => "0",
            Some(it) => it.as_str().ok_or("no text of a decimal")?,
        };
        let it = decimal(text)?;
        let shown = it.to_string();
        Ok((it, shown.trim_end_matches('0').trim_end_matches('.').to_owned()))
    };
    let (quorum, quorum_text) = part("quorum")?;
    let (threshold, threshold_text) = part("threshold")?;
    let (veto, veto_text) = part("veto_threshold")?;
    let none_above_one = [quorum, threshold, veto].iter().all(|it| *it <= Dec::ONE);
    if quorum.is_negative() || !threshold.is_positive() || !veto.is_positive() || !none_above_one {
        return Err("shares of votes out of bounds");
    }
    Ok(format!(
        "{{\"quorum\":\"{quorum_text}\",\"threshold\":\"{threshold_text}\",\"veto_threshold\":\"{veto_text}\"}}"
    ))
}
