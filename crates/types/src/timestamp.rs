//! Points in time and spans, between their wire form and the texts that the reference prints.
//!
//! Source: chain.md 1.1, cosmos.md 2.2 and 3.5. Only proleptic Gregorian arithmetic on integers:
//! there is no clock here.

pub use prost_types::{Duration, Timestamp};

/// Go's zero time, `0001-01-01T00:00:00Z`: what an unset `time.Time` encodes as.
pub const ZERO_TIME: Timestamp = Timestamp { seconds: -62_135_596_800, nanos: 0 };

/// Last second that has a text: `9999-12-31T23:59:59Z`.
const LAST_SECOND: i64 = 253_402_300_799;

const SECONDS_PER_DAY: i64 = 86_400;

/// Year, month and day of a number of days since 1970-01-01.
fn civil(days: i64) -> (i64, i64, i64) {
    // Eras of 400 years, each beginning on 1 March, so that the leap day comes last.
    let shifted = days.saturating_add(719_468);
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, day)
}

/// Days since 1970-01-01; the inverse of [`civil`].
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let month_from_march = if month > 2 { month - 3 } else { month + 9 };
    let day_of_year = (153 * month_from_march + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

/// Whether the wire value is a time that has a text.
#[must_use]
pub fn is_valid(time: &Timestamp) -> bool {
    (ZERO_TIME.seconds..=LAST_SECOND).contains(&time.seconds)
        && (0..1_000_000_000).contains(&time.nanos)
}

fn seconds_text(time: &Timestamp) -> String {
    let (year, month, day) = civil(time.seconds.div_euclid(SECONDS_PER_DAY));
    let second = time.seconds.rem_euclid(SECONDS_PER_DAY);
    let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}")
}

/// A fraction of a second in 0, 3, 6 or 9 digits with its point, as proto JSON prints it.
fn fraction(nanos: u32) -> String {
    match nanos {
        0 => String::new(),
        it if it % 1_000_000 == 0 => format!(".{:03}", it / 1_000_000),
        it if it % 1_000 == 0 => format!(".{:06}", it / 1_000),
        it => format!(".{it:09}"),
    }
}

/// Proto JSON: RFC 3339 in UTC with 0, 3, 6 or 9 fractional digits.
#[must_use]
pub fn proto_text(time: &Timestamp) -> String {
    format!("{}{}Z", seconds_text(time), fraction(time.nanos.unsigned_abs()))
}

/// CometBFT and amino JSON: RFC 3339 in UTC with as many fractional digits as it takes.
#[must_use]
pub fn nano_text(time: &Timestamp) -> String {
    let mut text = seconds_text(time);
    if time.nanos != 0 {
        let digits = format!("{:09}", time.nanos.unsigned_abs());
        text.push('.');
        text.push_str(digits.trim_end_matches('0'));
    }
    text.push('Z');
    text
}

/// Whole seconds: RFC 3339 in UTC without a fraction, as transaction answers print block times.
#[must_use]
pub fn whole_seconds_text(time: &Timestamp) -> String {
    format!("{}Z", seconds_text(time))
}

fn digits(text: &str, from: usize, len: usize) -> Option<i64> {
    let part = text.get(from..from.checked_add(len)?)?;
    if part.bytes().all(|it| it.is_ascii_digit()) { part.parse().ok() } else { None }
}

/// Reads a date, `2006-01-02`, as its first second in UTC.
#[must_use]
pub fn parse_date(text: &str) -> Option<Timestamp> {
    if text.len() != 10 {
        return None;
    }
    let (year, month, day) = (digits(text, 0, 4)?, digits(text, 5, 2)?, digits(text, 8, 2)?);
    if text.get(4..5)? != "-" || text.get(7..8)? != "-" || !(1..=12).contains(&month) {
        return None;
    }
    let number = days(year, month, day);
    // A day that the month does not have comes back as another date.
    if civil(number) != (year, month, day) {
        return None;
    }
    Some(Timestamp { seconds: number * SECONDS_PER_DAY, nanos: 0 })
}

/// Reads RFC 3339 with any offset and any number of fractional digits (beyond nine are dropped).
#[must_use]
pub fn parse(text: &str) -> Option<Timestamp> {
    let date = parse_date(text.get(..10)?)?;
    if !matches!(text.get(10..11)?, "T" | "t") {
        return None;
    }
    let (hour, minute, second) = (digits(text, 11, 2)?, digits(text, 14, 2)?, digits(text, 17, 2)?);
    if text.get(13..14)? != ":" || text.get(16..17)? != ":" {
        return None;
    }
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let mut rest = text.get(19..)?;
    let mut nanos = 0i32;
    if let Some(after) = rest.strip_prefix('.') {
        let end = after.find(|it: char| !it.is_ascii_digit()).unwrap_or(after.len());
        let (fraction, zone) = after.split_at(end);
        if fraction.is_empty() {
            return None;
        }
        let nine: String = fraction.chars().chain(std::iter::repeat('0')).take(9).collect();
        nanos = nine.parse().ok()?;
        rest = zone;
    }
    let offset = match rest {
        "Z" | "z" => 0,
        _ => {
            let sign = match rest.get(..1)? {
                "+" => 1,
                "-" => -1,
                _ => return None,
            };
            let (hours, minutes) = (digits(rest, 1, 2)?, digits(rest, 4, 2)?);
            if rest.len() != 6 || rest.get(3..4)? != ":" || hours > 24 || minutes > 59 {
                return None;
            }
            sign * (hours * 3_600 + minutes * 60)
        }
    };
    let seconds = date.seconds + hour * 3_600 + minute * 60 + second - offset;
    let time = Timestamp { seconds, nanos };
    is_valid(&time).then_some(time)
}

/// Proto JSON of a span: `3600s`, with 3, 6 or 9 fractional digits when it is not whole.
#[must_use]
pub fn duration_text(span: &Duration) -> String {
    let sign = if span.seconds < 0 || span.nanos < 0 { "-" } else { "" };
    let (seconds, nanos) = (span.seconds.unsigned_abs(), span.nanos.unsigned_abs());
    format!("{sign}{seconds}{}s", fraction(nanos))
}

/// How the reference's logs write a span: `1h30m0.25s`, `14s`, `1.5µs`, `0s`.
#[must_use]
pub fn span_text(span: &Duration) -> String {
    let nanos = i128::from(span.seconds) * 1_000_000_000 + i128::from(span.nanos);
    let sign = if nanos < 0 { "-" } else { "" };
    let nanos = nanos.unsigned_abs();
    // A number of units with the rest as a fraction of so many digits.
    let number = |unit: u128, digits: usize| {
        let text = format!("{}.{:0digits$}", nanos / unit, nanos % unit);
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    };
    match nanos {
        0 => "0s".to_owned(),
        1..1_000 => format!("{sign}{nanos}ns"),
        1_000..1_000_000 => format!("{sign}{}µs", number(1_000, 3)),
        1_000_000..1_000_000_000 => format!("{sign}{}ms", number(1_000_000, 6)),
        _ => {
            let minutes = nanos / 60_000_000_000;
            let rest = nanos % 60_000_000_000;
            let seconds = format!("{}.{:09}", rest / 1_000_000_000, rest % 1_000_000_000);
            let seconds = seconds.trim_end_matches('0').trim_end_matches('.');
            match (minutes / 60, minutes % 60) {
                (0, 0) => format!("{sign}{seconds}s"),
                (0, minutes) => format!("{sign}{minutes}m{seconds}s"),
                (hours, minutes) => format!("{sign}{hours}h{minutes}m{seconds}s"),
            }
        }
    }
}

/// Reads the proto JSON of a span.
#[must_use]
pub fn parse_duration(text: &str) -> Option<Duration> {
    let number = text.strip_suffix('s')?;
    let (negative, number) = match number.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, number),
    };
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    let all_digits = |it: &str| !it.is_empty() && it.bytes().all(|it| it.is_ascii_digit());
    if !all_digits(whole) || !all_digits(fraction) || fraction.len() > 9 {
        return None;
    }
    let nine: String = fraction.chars().chain(std::iter::repeat('0')).take(9).collect();
    let (seconds, nanos) = (whole.parse::<i64>().ok()?, nine.parse::<i32>().ok()?);
    Some(if negative {
        Duration { seconds: -seconds, nanos: -nanos }
    } else {
        Duration { seconds, nanos }
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn every_day_of_the_calendar_survives_the_round_trip() {
        for day in (-719_162..=2_932_896).step_by(13) {
            let (year, month, date) = civil(day);
            assert_eq!(days(year, month, date), day);
        }
        assert_eq!(civil(-719_162), (1, 1, 1));
        assert_eq!(civil(2_932_896), (9999, 12, 31));
    }

    #[test]
    fn texts_have_the_digits_that_each_form_wants() {
        let time = |nanos| Timestamp { seconds: 1_777_377_600, nanos };
        assert_eq!(proto_text(&time(0)), "2026-04-28T12:00:00Z");
        assert_eq!(proto_text(&time(120_000_000)), "2026-04-28T12:00:00.120Z");
        assert_eq!(proto_text(&time(120_500_000)), "2026-04-28T12:00:00.120500Z");
        assert_eq!(proto_text(&time(1)), "2026-04-28T12:00:00.000000001Z");
        assert_eq!(nano_text(&time(120_000_000)), "2026-04-28T12:00:00.12Z");
        assert_eq!(proto_text(&ZERO_TIME), "0001-01-01T00:00:00Z");
    }

    #[test]
    fn times_are_read_with_offsets_and_refused_when_they_do_not_exist() {
        let read = |text| parse(text).map(|it| (it.seconds, it.nanos));
        assert_eq!(read("1970-01-01T01:00:00.5+01:00"), Some((0, 500_000_000)));
        assert_eq!(read("1969-12-31T19:00:00-05:00"), Some((0, 0)));
        for wrong in [
            "2026-02-30T00:00:00Z",
            "2026-01-01T24:00:00Z",
            "2026-01-01",
            "2026-01-01T00:00:00",
            "",
        ] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn spans_keep_sign_and_fraction() {
        for text in ["3600s", "0s", "-0.500s", "1.000000001s", "-3.000001s"] {
            assert_eq!(duration_text(&parse_duration(text).unwrap()), text);
        }
        assert_eq!(parse_duration("5"), None);
        assert_eq!(parse_duration("1.s"), None);
    }
}
