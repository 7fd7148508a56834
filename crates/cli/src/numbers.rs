//! How amounts and times are written for a person.
//!
//! Called by the commands. Pure. A person sees whole tokens (`0.05 ACT`); settlement tables and
//! JSON show exact micro-units.

use std::time::Duration;

use types::{
    Dec, Int,
    wire::cosmos::base::v1beta1::{Coin, DecCoin},
};

use crate::failure::{Failure, Result};

/// `uact` is a millionth of `ACT`: the name to show, and how many digits it is scaled by.
pub fn display_denom(denom: &str) -> (String, u32) {
    match denom.strip_prefix('u') {
        Some(name) if name.len() >= 2 && name.chars().all(|it| it.is_ascii_lowercase()) => {
            (name.to_uppercase(), 6)
        }
        _ => (denom.to_owned(), 0),
    }
}

/// An amount of micro-units in whole tokens, with at most `digits` digits of fraction, at least
/// two significant ones where the amount is small.
pub fn tokens(amount: Dec, denom: &str, digits: usize) -> String {
    let (name, scale) = display_denom(denom);
    let scaled = (0..scale).try_fold(amount, |it, _| it.quo_int(10u64)).unwrap_or(amount);
    format!("{} {name}", short(scaled, digits))
}

/// A number with at most `digits` digits of fraction; small ones keep two significant digits.
pub fn short(number: Dec, digits: usize) -> String {
    let text = number.to_string();
    let Some((whole, fraction)) = text.split_once('.') else { return text };
    let zeros = fraction.len() - fraction.trim_start_matches('0').len();
    let digits = if whole.trim_start_matches('-') == "0" { digits.max(zeros + 2) } else { digits };
    let fraction: String = fraction.chars().take(digits).collect();
    let fraction = fraction.trim_end_matches('0');
    let dot = if fraction.is_empty() { "" } else { "." };
    format!("{whole}{dot}{fraction}")
}

/// A coin in whole tokens.
pub fn coin(coin: &Coin) -> String {
    match coin.amount.parse::<Int>() {
        Ok(amount) => tokens(Dec::from_int(amount), &coin.denom, 6),
        Err(_) => format!("{} {}", coin.amount, coin.denom),
    }
}

/// Coins in whole tokens; `nothing` when there are none.
pub fn coins(list: &[Coin]) -> String {
    if list.is_empty() {
        return "nothing".to_owned();
    }
    list.iter().map(coin).collect::<Vec<_>>().join(", ")
}

/// Coins as the chain writes them: `5000uakt,10uact`.
pub fn exact(list: &[Coin]) -> String {
    list.iter().map(|it| format!("{}{}", it.amount, it.denom)).collect::<Vec<_>>().join(",")
}

/// A price or an amount of the wire (scaled by 10^18) as a number.
pub fn dec_coin(coin: &DecCoin) -> Result<Dec> {
    Ok(Dec::from_wire_or_zero(&coin.amount)?)
}

/// `5000000uact` or `5000000` with a denomination to fall back on.
pub fn parse_coin(text: &str, default_denom: Option<&str>) -> Result<Coin> {
    let wrong = || {
        Failure::input(format!("`{text}` is not an amount such as 5000000uact"))
            .hint("write a whole number of micro-units and the denomination, without a space")
    };
    let end = text.find(|it: char| !it.is_ascii_digit()).unwrap_or(text.len());
    let (amount, denom) = text.split_at(end);
    let denom = if denom.is_empty() { default_denom.unwrap_or_default() } else { denom };
    if amount.is_empty() || denom.is_empty() || types::validate_denom(denom).is_err() {
        return Err(wrong());
    }
    let amount: Int = amount.parse().map_err(|_| wrong())?;
    Ok(Coin { denom: denom.to_owned(), amount: amount.to_string() })
}

/// `1_234_567` for a long whole number.
pub fn grouped(number: &str) -> String {
    let (sign, digits) = match number.strip_prefix('-') {
        Some(digits) => ("-", digits),
        None => ("", number),
    };
    let mut out = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at) % 3 == 0 {
            out.push('_');
        }
        out.push(digit);
    }
    format!("{sign}{out}")
}

/// `3.2 s`, `1 min 5 s`.
pub fn duration(time: Duration) -> String {
    let tenths = time.as_millis() / 100;
    if tenths < 600 {
        return format!("{}.{} s", tenths / 10, tenths % 10);
    }
    let seconds = time.as_secs();
    match (seconds / 3600, seconds % 3600 / 60, seconds % 60) {
        (0, minutes, seconds) => format!("{minutes} min {seconds} s"),
        (hours, minutes, _) => format!("{hours} h {minutes} min"),
    }
}

/// `akash19rl...mq6x0`: enough of an address to tell it from others.
pub fn brief(address: &str) -> String {
    match (address.get(..9), address.len().checked_sub(5).and_then(|it| address.get(it..))) {
        (Some(start), Some(end)) if address.len() > 20 => format!("{start}...{end}"),
        _ => address.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dec(text: &str) -> Dec {
        text.parse().expect("a number")
    }

    #[test]
    fn micro_units_are_shown_in_whole_tokens() {
        assert_eq!(tokens(dec("1500000"), "uact", 6), "1.5 ACT");
        assert_eq!(tokens(dec("2"), "uakt", 6), "0.000002 AKT");
        assert_eq!(tokens(dec("5"), "ibc/ABC", 2), "5 ibc/ABC");
    }

    #[test]
    fn a_small_number_keeps_two_significant_digits() {
        assert_eq!(short(dec("0.000012345"), 4), "0.000012");
        assert_eq!(short(dec("12.34567"), 2), "12.34");
        assert_eq!(short(dec("12"), 2), "12");
    }

    #[test]
    fn an_amount_needs_digits_and_a_denomination() {
        assert_eq!(exact(&[parse_coin("5uact", None).expect("good")]), "5uact");
        assert_eq!(exact(&[parse_coin("5", Some("uakt")).expect("good")]), "5uakt");
        for bad in ["", "uact", "5", "5.5uact", "-5uact", "5 uact"] {
            assert!(parse_coin(bad, None).is_err(), "{bad}");
        }
    }

    #[test]
    fn long_numbers_are_grouped() {
        assert_eq!(grouped("1234567"), "1_234_567");
        assert_eq!(grouped("-123456"), "-123_456");
        assert_eq!(grouped("12"), "12");
    }

    #[test]
    fn times_are_short() {
        assert_eq!(duration(Duration::from_millis(3249)), "3.2 s");
        assert_eq!(duration(Duration::from_secs(65)), "1 min 5 s");
        assert_eq!(duration(Duration::from_secs(7300)), "2 h 1 min");
    }
}
