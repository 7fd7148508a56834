//! The gas meter and its price list (cosmos.md 1.11). Every price is wire format.

use std::cell::Cell;

use crate::{Fault, Result};

pub const HAS_FLAT: u64 = 1000;
pub const DELETE_FLAT: u64 = 1000;
pub const READ_FLAT: u64 = 1000;
pub const READ_PER_BYTE: u64 = 3;
pub const WRITE_FLAT: u64 = 2000;
pub const WRITE_PER_BYTE: u64 = 30;
pub const ITER_NEXT_FLAT: u64 = 30;

/// Counts gas and refuses what goes over the limit. Without a limit it only counts.
///
/// Once it has refused it stays tripped, so a handler that swallows the fault fails all the same.
#[derive(Debug, Default)]
pub struct Gas {
    limit: Option<u64>,
    used: Cell<u64>,
    tripped: Cell<Option<&'static str>>,
}

impl Gas {
    pub fn unlimited() -> Self {
        Self::default()
    }

    pub fn limited(limit: u64) -> Self {
        Self { limit: Some(limit), ..Self::default() }
    }

    /// The limit; an unlimited meter answers the highest number, as the reference prints it.
    pub fn limit(&self) -> u64 {
        self.limit.unwrap_or(u64::MAX)
    }

    pub fn used(&self) -> u64 {
        self.used.get()
    }

    /// Charges `amount`; `location` names the charge in the out-of-gas text.
    pub fn consume(&self, amount: u64, location: &'static str) -> Result {
        let used = self.used.get().saturating_add(amount);
        self.used.set(used);
        match self.limit {
            Some(limit) if used > limit => {
                if self.tripped.get().is_none() {
                    self.tripped.set(Some(location));
                }
                Err(Fault::out_of_gas(location))
            }
            _ => Ok(()),
        }
    }

    /// The first charge that was refused, if one was.
    pub fn tripped(&self) -> Option<&'static str> {
        self.tripped.get()
    }

    /// `flat + per_byte * bytes`, without overflow.
    pub(crate) fn price(flat: u64, per_byte: u64, bytes: usize) -> u64 {
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        flat.saturating_add(per_byte.saturating_mul(bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tripped_meter_stays_tripped() {
        let gas = Gas::limited(10);
        assert!(gas.consume(10, "a").is_ok());
        assert!(gas.consume(1, "b").is_err_and(|it| it.out_of_gas_location() == Some("b")));
        assert!(gas.consume(0, "c").is_err());
        assert_eq!(gas.tripped(), Some("b"));
        assert_eq!(gas.used(), 11);
    }
}
