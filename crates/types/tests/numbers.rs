//! Numbers, coins and addresses, whatever they hold. The reference's vectors of them are computed by
//! `haggle node vectors` and the tests of `node`.

#![allow(clippy::unwrap_used, reason = "tests")]

use proptest::prelude::*;
use types::{Address, Coins, Dec, DecCoins, Int};

/// Any number that is small enough for everything below.
fn dec() -> impl Strategy<Value = Dec> {
    (any::<i64>(), any::<u32>()).prop_map(|(units, scale)| {
        let wire = format!("{}{:010}", units, scale);
        Dec::from_wire(&wire).unwrap()
    })
}

proptest! {
    #[test]
    fn every_text_reads_back(number in dec(), whole in any::<i128>()) {
        prop_assert_eq!(number.to_string().parse::<Dec>(), Ok(number));
        prop_assert_eq!(Dec::from_wire(&number.to_wire()), Ok(number));
        let int = Int::from(whole);
        prop_assert_eq!(int.to_string(), whole.to_string());
        prop_assert_eq!(int.to_string().parse::<Int>(), Ok(int));
        prop_assert_eq!(int.to_i128(), Ok(whole));
    }

    #[test]
    fn sums_undo_and_order_agrees(a in dec(), b in dec()) {
        let sum = a.add(b).unwrap();
        prop_assert_eq!(sum.sub(b), Ok(a));
        prop_assert_eq!(a < b, a.sub(b).unwrap().is_negative());
        prop_assert_eq!(-(-a), a);
    }

    #[test]
    fn rounding_stays_within_one_unit(a in dec(), b in dec()) {
        let nearest = a.mul(b).unwrap();
        let truncated = a.mul_truncate(b).unwrap();
        prop_assert!(nearest.sub(truncated).unwrap().abs() <= Dec::SMALLEST);
        if !b.is_zero() {
            let nearest = a.quo(b).unwrap();
            let truncated = a.quo_truncate(b).unwrap();
            prop_assert!(nearest.sub(truncated).unwrap().abs() <= Dec::SMALLEST);
        }
        prop_assert!(a.truncate().abs() <= a.abs());
        prop_assert!(a.ceil().unwrap() >= a);
    }

    #[test]
    fn no_text_makes_a_parser_panic(text in "\\PC{0,40}") {
        let _ = text.parse::<Dec>();
        let _ = text.parse::<Int>();
        let _ = text.parse::<Coins>();
        let _ = text.parse::<DecCoins>();
        let _ = text.parse::<Address>();
        let _ = text.parse::<types::LeaseId>();
    }

    #[test]
    fn no_bytes_make_the_json_printer_panic(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
        for name in ["cosmos.tx.v1beta1.Tx", "akash.market.v1beta5.MsgCreateBid"] {
            let _ = types::json::text_of(name, &bytes);
            let _ = types::json::reencode(name, &bytes);
        }
    }
}
