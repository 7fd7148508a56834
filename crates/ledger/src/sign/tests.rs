use types::wire::cosmos::{
    crypto::{
        multisig::v1beta1::{CompactBitArray, MultiSignature},
        secp256r1,
    },
    tx::v1beta1::mode_info::{Multi, Single},
};

use super::*;

fn bits(extra_bits_stored: u32, elems: &[u8]) -> CompactBitArray {
    CompactBitArray { extra_bits_stored, elems: elems.to_vec() }
}

fn keys(count: u8) -> Vec<PublicKey> {
    (0..count).map(|it| PublicKey::Secp256k1([it; 33])).collect()
}

fn one(mode: i32) -> Signed {
    Signed::One { mode, signature: vec![1; 64] }
}

/// The places whose signatures are asked for, of `parts` that are there.
fn marked(bits: &CompactBitArray, keys: &[PublicKey], parts: usize) -> Result<Vec<usize>, String> {
    let parts = vec![one(1); parts];
    let members = Signed::members(keys, bits, &parts)?;
    Ok(members.into_iter().map(|(at, ..)| at).collect())
}

#[test]
fn bits_are_counted_from_the_most_significant() {
    assert_eq!(marked(&bits(3, &[0b1010_0000]), &keys(3), 2), Ok(vec![0, 2]));
    assert_eq!(marked(&bits(0, &[0b0000_0001]), &keys(8), 1), Ok(vec![7]));
    assert_eq!(marked(&bits(1, &[0, 0b1000_0000]), &keys(9), 1), Ok(vec![8]));
    // What lies behind the last stored bit does not count.
    assert_eq!(marked(&bits(2, &[0b1011_1111]), &keys(2), 1), Ok(vec![0]));
}

#[test]
fn a_bit_array_that_says_more_than_it_holds_is_refused() {
    assert!(marked(&bits(11, &[0xFF]), &keys(11), 11).is_err());
    assert!(marked(&bits(u32::MAX, &[]), &keys(1), 0).is_err());
    assert!(marked(&bits(9, &[]), &keys(1), 1).is_err());
    assert_eq!(signed::size(&bits(8, &[])), 0);
    assert_eq!(signed::size(&bits(3, &[])), -5);
    assert_eq!(marked(&bits(3, &[]), &keys(3), 0), Ok(vec![]));
}

#[test]
fn marks_without_keys_or_signatures_are_refused() {
    assert!(marked(&bits(3, &[0b1110_0000]), &keys(2), 3).is_err());
    assert!(marked(&bits(3, &[0b1110_0000]), &keys(3), 2).is_err());
}

fn multi(count: usize, bytes: Vec<u8>) -> Result<Signed, String> {
    let single = ModeInfo { sum: Some(mode_info::Sum::Single(Single { mode: 127 })) };
    let multi = Multi { bitarray: Some(bits(3, &[0xE0])), mode_infos: vec![single; count] };
    Signed::unpack(&ModeInfo { sum: Some(mode_info::Sum::Multi(multi)) }, &bytes)
}

#[test]
fn a_multisig_has_one_mode_for_each_signature_and_nothing_else() {
    let two = MultiSignature { signatures: vec![vec![1], vec![2]] }.encode_to_vec();
    let Signed::Many { parts, .. } = multi(2, two.clone()).unwrap() else { panic!("not many") };
    assert_eq!(parts.len(), 2);
    assert!(multi(1, two.clone()).is_err());
    assert!(multi(3, two.clone()).is_err());
    // Another field would change the transaction's hash and nothing else.
    let with_more = [two.as_slice(), &[0x12, 0]].concat();
    assert!(multi(2, with_more).unwrap_err().contains("unrecognized"));
    assert!(multi(2, two.split_last().unwrap().1.to_vec()).is_err());
    assert!(Signed::unpack(&ModeInfo::default(), &[]).is_err());
}

#[test]
fn a_threshold_of_none_is_left_out_of_the_amino_form() {
    let with = PublicKey::Multisig { threshold: 1, keys: keys(1) }.amino();
    let without = PublicKey::Multisig { threshold: 0, keys: keys(1) }.amino();
    assert_eq!(with.len(), without.len() + 2);
}

#[test]
fn the_other_curve_wants_a_low_s_and_a_key_on_it() {
    use p256::ecdsa::{SigningKey, signature::Signer as _};
    let secret = SigningKey::from_slice(&[7; 32]).unwrap();
    let key = secret.verifying_key().to_encoded_point(true).as_bytes().to_vec();
    let any = |key: Vec<u8>| prost_types::Any {
        type_url: "/cosmos.crypto.secp256r1.PubKey".to_owned(),
        value: secp256r1::PubKey { key }.encode_to_vec(),
    };
    let mut public_bytes = key.clone();
    let public = PublicKey::from_any(&any(key)).unwrap();
    assert_eq!(public.address().as_ref().len(), 32);
    let made: p256::ecdsa::Signature = secret.sign(b"text");
    let low = made.normalize_s().unwrap_or(made);
    assert!(public.verifies(b"text", &low.to_bytes()));
    assert!(!public.verifies(b"other", &low.to_bytes()));
    let (r, s) = low.split_scalars();
    let high = p256::ecdsa::Signature::from_scalars(r, -*s).unwrap();
    assert!(!public.verifies(b"text", &high.to_bytes()));
    // A form without a sign, whose coordinate may well be on the curve.
    assert!(PublicKey::from_any(&any(vec![5; 33])).is_err());
    public_bytes[0] = 5;
    assert!(PublicKey::from_any(&any(public_bytes)).is_err());
    assert!(PublicKey::from_any(&any(vec![2; 32])).is_err());
}

#[test]
fn ed25519_signs_the_message_itself() {
    let secret = ed25519_consensus::SigningKey::from([9; 32]);
    let public = PublicKey::Ed25519(secret.verification_key().to_bytes());
    let signature = secret.sign(b"text").to_bytes();
    assert!(public.verifies(b"text", &signature));
    assert!(!public.verifies(b"text", &signature[..63]));
    assert!(!public.verifies(b"texts", &signature));
}

#[test]
fn an_open_multisig_is_one_with_too_few_marks() {
    let key = PublicKey::Multisig { threshold: 2, keys: keys(3) };
    let many =
        |elems: u8, parts| Signed::Many { bits: bits(3, &[elems]), parts: vec![one(127); parts] };
    assert!(!many(0xA0, 2).is_open(&key));
    assert!(many(0x80, 1).is_open(&key));
    assert!(many(0, 0).is_open(&key));
    assert!(!one(1).is_open(&key));
    assert!(signing_keys(&key, &one(1)).is_err());
    assert_eq!(signing_keys(&key, &many(0xA0, 2)).unwrap().len(), 2);
}

#[test]
fn events_name_every_signature_and_each_level_as_one() {
    let many = |parts| Signed::Many { bits: bits(0, &[]), parts };
    let leaf = |byte: u8| Signed::One { mode: 1, signature: vec![byte] };
    let whole =
        |signatures: &[Vec<u8>]| MultiSignature { signatures: signatures.to_vec() }.encode_to_vec();
    let inner = whole(&[vec![1]]);
    let expected = vec![vec![1], inner, vec![2]];
    let mut with_whole = expected.clone();
    with_whole.push(whole(&expected));
    assert_eq!(many(vec![many(vec![leaf(1)]), leaf(2)]).signatures(), with_whole);
}
