//! Points in time and spans as nanoseconds, for rules that add and compare them.

use ledger::nanos;
use types::timestamp::{Duration, Timestamp};

const NANOS_PER_SECOND: i128 = 1_000_000_000;

/// Nanoseconds of a span.
#[must_use]
pub fn span_nanos(span: &Duration) -> i128 {
    i128::from(span.seconds).saturating_mul(NANOS_PER_SECOND).saturating_add(i128::from(span.nanos))
}

/// The inverse of [`ledger::nanos`]; beyond what a timestamp can say, its last second.
#[must_use]
pub fn from_nanos(nanos: i128) -> Timestamp {
    let seconds = i64::try_from(nanos.div_euclid(NANOS_PER_SECOND));
    let rest = i32::try_from(nanos.rem_euclid(NANOS_PER_SECOND)).unwrap_or_default();
    Timestamp { seconds: seconds.unwrap_or(i64::MAX), nanos: rest }
}

/// The time a span after another.
#[must_use]
pub fn after(time: &Timestamp, span: &Duration) -> Timestamp {
    from_nanos(nanos(time).saturating_add(span_nanos(span)))
}
