//! Times as the chain uses them: protobuf timestamps, compared and printed as Go does.

use std::fmt;

use prost_types::Timestamp;
use time::{OffsetDateTime, format_description::well_known::Rfc3339 as Format};

const NANOS_PER_SECOND: i64 = 1_000_000_000;

/// Go's zero time, 0001-01-01T00:00:00Z: the time of an absent signature.
pub const ZERO: Timestamp = Timestamp { seconds: -62_135_596_800, nanos: 0 };

/// Nanoseconds since 1970. `None` outside the years 1678 to 2261.
#[must_use]
pub fn to_nanos(time: &Timestamp) -> Option<i64> {
    time.seconds.checked_mul(NANOS_PER_SECOND)?.checked_add(i64::from(time.nanos))
}

/// The inverse of [`to_nanos`].
#[must_use]
pub fn from_nanos(nanos: i64) -> Timestamp {
    Timestamp {
        seconds: nanos.div_euclid(NANOS_PER_SECOND),
        nanos: i32::try_from(nanos.rem_euclid(NANOS_PER_SECOND)).unwrap_or(0),
    }
}

/// Reads RFC 3339 with up to nine decimals.
#[must_use]
pub fn parse(text: &str) -> Option<Timestamp> {
    let time = OffsetDateTime::parse(text, &Format).ok()?;
    Some(Timestamp {
        seconds: time.unix_timestamp(),
        nanos: i32::try_from(time.nanosecond()).ok()?,
    })
}

/// Prints as Go's RFC3339Nano: UTC, no trailing zeros.
pub struct Rfc3339<'a>(pub &'a Timestamp);

impl fmt::Display for Rfc3339<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let time = OffsetDateTime::from_unix_timestamp(self.0.seconds)
            .ok()
            .zip(u32::try_from(self.0.nanos).ok())
            .and_then(|(time, nanos)| time.replace_nanosecond(nanos).ok())
            .ok_or(fmt::Error)?;
        f.write_str(&time.format(&Format).map_err(|_| fmt::Error)?)
    }
}

/// A vote's time and what it weighs.
#[derive(Clone, Copy, Debug)]
pub struct WeightedTime {
    /// Nanoseconds since 1970.
    pub nanos: i64,
    /// Voting power.
    pub weight: i64,
}

/// The time of a block: the median of the times in its last commit, weighted by power.
/// `None` when there are no votes. (CometBFT `types/time`, weighted median.)
#[must_use]
pub fn weighted_median(mut times: Vec<WeightedTime>) -> Option<i64> {
    times.sort_by_key(|it| it.nanos);
    let total = times.iter().fold(0_i64, |sum, it| sum.saturating_add(it.weight));
    let mut median = total / 2;
    for it in times {
        if median <= it.weight {
            return Some(it.nanos);
        }
        median = median.saturating_sub(it.weight);
    }
    None
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn text_and_nanoseconds_go_both_ways() {
        for text in
            ["2026-11-21T16:13:56Z", "2026-11-21T16:13:56.5Z", "2026-11-30T00:53:20.987654321Z"]
        {
            let time = parse(text).unwrap();
            assert_eq!(Rfc3339(&time).to_string(), text);
            assert_eq!(from_nanos(to_nanos(&time).unwrap()), time);
        }
        assert_eq!(Rfc3339(&ZERO).to_string(), "0001-01-01T00:00:00Z");
        assert_eq!(from_nanos(-1), Timestamp { seconds: -1, nanos: 999_999_999 });
    }

    #[test]
    fn the_median_leans_to_the_greater_power() {
        let times = |list: &[(i64, i64)]| {
            weighted_median(
                list.iter().map(|&(nanos, weight)| WeightedTime { nanos, weight }).collect(),
            )
        };
        assert_eq!(times(&[]), None);
        assert_eq!(times(&[(5, 1)]), Some(5));
        assert_eq!(times(&[(30, 10), (10, 10), (20, 10)]), Some(20));
        assert_eq!(times(&[(30, 10), (10, 1), (20, 1)]), Some(30));
        assert_eq!(times(&[(40, 10), (10, 10), (20, 10), (30, 10)]), Some(20));
    }
}
