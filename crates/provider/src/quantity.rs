//! Quantities as the wire carries them: decimal text inside bytes.
//!
//! Called by: everything here that counts CPU, memory, storage or GPUs. Pure.

use types::wire::akash::{
    base::{attributes::v1::Attribute, resources::v1beta4::ResourceValue},
    deployment::v1beta4::GroupSpec,
};

/// The quantity, or `None` where it is absent, negative, or larger than 64 bits.
pub(crate) fn read(value: &ResourceValue) -> Option<u64> {
    let text = std::str::from_utf8(&value.val).ok()?;
    text.bytes().all(|it| it.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
pub(crate) fn write(quantity: u64) -> ResourceValue {
    ResourceValue { val: quantity.to_string().into_bytes() }
}

pub(crate) fn attribute<'a>(attributes: &'a [Attribute], key: &str) -> Option<&'a str> {
    attributes.iter().find(|it| it.key == key).map(|it| it.value.as_str())
}

/// 10^18: a decimal on the wire is an integer that counts these parts.
pub(crate) const ONE: u128 = 1_000_000_000_000_000_000;

/// A decimal as the wire holds it: an integer count of 10^-18.
pub(crate) fn read_decimal(text: &str) -> Option<u128> {
    text.bytes().all(|it| it.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

/// The highest price per block that the group accepts, in its denomination: each unit's price
/// times its count. `None` without units, with two denominations, or out of range.
pub(crate) fn group_price(group: &GroupSpec) -> Option<(String, u128)> {
    let denom = group.resources.first()?.price.denom.clone();
    let mut sum = 0_u128;
    for unit in &group.resources {
        if unit.price.denom != denom {
            return None;
        }
        let price = read_decimal(&unit.price.amount)?;
        sum = sum.checked_add(price.checked_mul(u128::from(unit.count))?)?;
    }
    Some((denom, sum))
}

/// A count of 10^-18 as people and scripts read it, always with 18 digits after the point.
pub(crate) fn show_decimal(parts: u128) -> String {
    format!("{}.{:018}", parts / ONE, parts % ONE)
}

/// The same without trailing zeros.
pub(crate) fn show_decimal_short(parts: u128) -> String {
    let text = show_decimal(parts);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// Plain decimal text with at most 18 digits after the point, never rounded: an optional sign `+`,
/// digits, and optionally a point with digits on both sides (recorded: `.5` and `3.` are refused).
pub(crate) fn parse_decimal(text: &str) -> Option<u128> {
    let text = text.strip_prefix('+').unwrap_or(text);
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |it: &str| !it.is_empty() && it.bytes().all(|c| c.is_ascii_digit());
    if !digits(whole) || !digits(fraction) || fraction.len() > 18 {
        return None;
    }
    let fraction: u128 = format!("{fraction:0<18}").parse().ok()?;
    whole.parse::<u128>().ok()?.checked_mul(ONE)?.checked_add(fraction)
}

/// Binary sizes for people: `512Mi`, `1.5Gi`.
pub(crate) fn show_bytes(bytes: u64) -> String {
    for (unit, shift) in [("Ti", 40), ("Gi", 30), ("Mi", 20), ("Ki", 10)] {
        let size = 1_u64 << shift;
        if bytes >= size {
            let tenths = bytes.checked_mul(10).map_or(bytes / size * 10, |it| it / size);
            return match tenths % 10 {
                0 => format!("{}{unit}", tenths / 10),
                rest => format!("{}.{rest}{unit}", tenths / 10),
            };
        }
    }
    format!("{bytes}B")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_are_read_as_the_reference_reads_script_output() {
        for (text, want) in [
            ("5", Some(5 * ONE)),
            ("+4", Some(4 * ONE)),
            ("1.123456789012345678", Some(1_123_456_789_012_345_678)),
            ("0.000000000000000001", Some(1)),
            (".5", None),
            ("3.", None),
            ("1e2", None),
            ("5,5", None),
            ("1\n2", None),
            ("-1", None),
            ("1.1234567890123456789", None),
            ("", None),
        ] {
            assert_eq!(parse_decimal(text), want, "{text}");
        }
    }

    #[test]
    fn sizes_read_well() {
        assert_eq!(show_bytes(536_870_912), "512Mi");
        assert_eq!(show_bytes(1_610_612_736), "1.5Gi");
        assert_eq!(show_bytes(12), "12B");
    }
}
