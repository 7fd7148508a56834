//! What a price per block is per hour and per month.
//!
//! Called by the command line and the provider. Pure. The average block time is a parameter:
//! [`BLOCK_TIME_MS`] on the reference network, whatever it is on a local one.

use types::{Dec, NumberError, wire::cosmos::base::v1beta1::DecCoin};

/// The average block time that the reference network counts with, in milliseconds.
pub const BLOCK_TIME_MS: u64 = 6_500;
const HOUR_MS: u64 = 3_600_000;
/// A month is a twelfth of 365.25 days.
const MONTH_MS: u64 = 2_629_800_000;

/// A price of the wire (whole-number text of the amount times 10^18) as a number, per block.
pub fn per_block(price: &DecCoin) -> Result<Dec, NumberError> {
    Dec::from_wire_or_zero(&price.amount)
}

/// A price per block as a price per hour.
pub fn per_hour(per_block: Dec, block_time_ms: u64) -> Result<Dec, NumberError> {
    per_block.mul_int(HOUR_MS)?.quo_int(block_time_ms.max(1))
}

/// A price per block as a price per month of 30.4375 days.
pub fn per_month(per_block: Dec, block_time_ms: u64) -> Result<Dec, NumberError> {
    per_block.mul_int(MONTH_MS)?.quo_int(block_time_ms.max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_price_is_multiplied_by_the_blocks_of_an_hour_and_a_month() {
        let price = Dec::from_int(13);
        assert_eq!(per_hour(price, BLOCK_TIME_MS).unwrap(), Dec::from_int(7_200));
        assert_eq!(per_month(price, BLOCK_TIME_MS).unwrap(), Dec::from_int(5_259_600));
        assert_eq!(per_hour(price, 1_000).unwrap(), Dec::from_int(46_800));
    }

    #[test]
    fn a_price_of_the_wire_has_eighteen_digits_of_fraction() {
        let price = DecCoin { denom: "uact".into(), amount: "1500000000000000000".into() };
        assert_eq!(per_block(&price).unwrap().to_string(), "1.500000000000000000");
    }

    #[test]
    fn a_block_time_of_zero_does_not_divide_by_zero() {
        assert!(per_hour(Dec::ONE, 0).is_ok());
    }
}
