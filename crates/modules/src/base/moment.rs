//! A point in time as a part of a key: text of fixed length, so that byte order is time order.

use ledger::{Key, Result, broken_key, nanos};
use prost_types::Timestamp;
use types::timestamp;

/// `2006-01-02T15:04:05.000000000`, in UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment(pub Timestamp);

/// Length of the text.
const BYTES: usize = 29;

impl Moment {
    /// Whether this is earlier than a time.
    #[must_use]
    pub fn is_before(&self, time: &Timestamp) -> bool {
        nanos(&self.0) < nanos(time)
    }
}

impl Key for Moment {
    fn write_last(&self, out: &mut Vec<u8>) {
        let whole = timestamp::whole_seconds_text(&self.0);
        let whole = whole.trim_end_matches('Z');
        out.extend_from_slice(format!("{whole}.{:09}", self.0.nanos.unsigned_abs()).as_bytes());
    }

    fn read(bytes: &mut &[u8]) -> Result<Self> {
        let (text, rest) = bytes.split_at_checked(BYTES).ok_or_else(broken_key)?;
        *bytes = rest;
        let text = std::str::from_utf8(text).map_err(|_| broken_key())?;
        timestamp::parse(&format!("{text}Z")).map(Self).ok_or_else(broken_key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_texts_of_one_length_in_the_order_of_time() {
        let early = Moment(Timestamp { seconds: 1_795_000_000, nanos: 5 });
        let late = Moment(Timestamp { seconds: 1_795_000_000, nanos: 40 });
        assert_eq!(early.to_bytes(), b"2026-11-18T11:06:40.000000005");
        assert!(early.to_bytes() < late.to_bytes());
        assert_eq!(Moment::read_last(&late.to_bytes()).unwrap(), late);
        assert!(early.is_before(&late.0) && !early.is_before(&early.0));
    }
}
