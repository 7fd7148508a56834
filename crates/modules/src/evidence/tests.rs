use super::{Error, decode_hex, submit};
use types::wire::cosmos::evidence::v1beta1::MsgSubmitEvidence;

#[test]
fn hashes_that_are_no_hex_are_refused_in_the_words_of_the_reference() {
    assert_eq!(decode_hex("00aF"), Ok(vec![0, 0xAF]));
    assert_eq!(decode_hex("zz").unwrap_err(), "encoding/hex: invalid byte: U+007A 'z'");
    assert_eq!(decode_hex("abc").unwrap_err(), "encoding/hex: odd length hex string");
}

#[test]
fn transactions_carry_no_evidence() {
    let mut cx = ledger::testing::ctx();
    let message = MsgSubmitEvidence::default();
    assert!(submit(&mut cx, message).unwrap_err().is(Error::Invalid));
    let message = MsgSubmitEvidence { evidence: Some(Default::default()), ..Default::default() };
    assert!(submit(&mut cx, message).unwrap_err().is(Error::NoHandler));
}
