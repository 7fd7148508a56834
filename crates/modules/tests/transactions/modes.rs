//! Which signatures are taken, and what is said of the others (cosmos.md 1.4, 1.7, 1.10).

use ledger::testing::{Draft, Secret};
use prost::Message;
use prost_types::{Any, Timestamp};
use types::wire::cosmos::{
    crypto::multisig::v1beta1::MultiSignature,
    tx::{
        signing::v1beta1::SignMode,
        v1beta1::{AuthInfo, TxRaw, mode_info},
    },
};

use super::World;

const SINGLE: usize = 0;
const MULTISIG: usize = 4;
const NESTED: usize = 5;

#[test]
fn every_kind_of_key_signs_in_every_enabled_mode() {
    let mut world = World::new();
    for mode in [SignMode::Direct, SignMode::LegacyAminoJson] {
        for who in 0..world.secrets.len() {
            let tx = world.draft(vec![world.party(who, mode)], vec![world.gift(who, 5)]).signed();
            let answer = world.deliver(tx);
            assert_eq!(answer.1, 0, "{who} in {mode:?}: {}", answer.2);
        }
    }
}

#[test]
fn members_of_a_multisig_may_sign_in_different_modes() {
    let mut world = World::new();
    let draft =
        world.draft(vec![world.party(MULTISIG, SignMode::Direct)], vec![world.gift(MULTISIG, 5)]);
    let tx = changed(&draft, |info, _| {
        // The first member's mode becomes amino, then both sign the new whole.
        let single = Secret::secp256k1(0);
        multi_of(info).mode_infos[0] = single.mode_info(SignMode::LegacyAminoJson);
    });
    let tx = resigned(&world, &draft, tx);
    let answer = world.deliver(tx);
    assert_eq!(answer.1, 0, "{}", answer.2);
}

/// Signs what each mode in the transaction asks of the two members that sign.
fn resigned(world: &World, draft: &Draft, raw: TxRaw) -> Vec<u8> {
    let Secret::Multisig { members, signing, .. } = &world.secrets[MULTISIG] else {
        panic!("no multisig")
    };
    let tx = ledger::Tx::decode(&raw.encode_to_vec()).unwrap();
    let mut info = AuthInfo::decode(raw.auth_info_bytes.as_slice()).unwrap();
    let modes = multi_of(&mut info).mode_infos.clone();
    let party = &draft.parties[0];
    let signatures = signing.iter().zip(modes).map(|(at, mode)| {
        let Some(mode_info::Sum::Single(single)) = mode.sum else { panic!("not single") };
        let address = party.secret.address();
        let signer = ledger::sign::SignerData {
            chain_id: "test-1",
            address: &address,
            account_number: party.account_number,
            sequence: party.sequence,
            index: 0,
        };
        members[*at].sign(&ledger::sign::sign_bytes(&tx, single.mode, &signer).unwrap())
    });
    let signature = MultiSignature { signatures: signatures.collect() }.encode_to_vec();
    TxRaw { signatures: vec![signature], ..raw }.encode_to_vec()
}

fn multi_of(info: &mut AuthInfo) -> &mut mode_info::Multi {
    match info.signer_infos[0].mode_info.as_mut().unwrap().sum.as_mut().unwrap() {
        mode_info::Sum::Multi(multi) => multi,
        mode_info::Sum::Single(_) => panic!("not a multisig"),
    }
}

/// A signed transaction with other signer entries or signatures.
fn changed(draft: &Draft, change: impl FnOnce(&mut AuthInfo, &mut Vec<Vec<u8>>)) -> TxRaw {
    let mut raw = TxRaw::decode(draft.signed().as_slice()).unwrap();
    let mut info = AuthInfo::decode(raw.auth_info_bytes.as_slice()).unwrap();
    change(&mut info, &mut raw.signatures);
    raw.auth_info_bytes = info.encode_to_vec();
    raw
}

fn check_multisig(
    change: impl FnOnce(&mut AuthInfo, &mut Vec<Vec<u8>>),
    codespace: &str,
    code: u32,
    text: &str,
) {
    let mut world = World::new();
    let mode = SignMode::LegacyAminoJson;
    let draft = world.draft(vec![world.party(MULTISIG, mode)], vec![world.gift(MULTISIG, 5)]);
    let tx = changed(&draft, change).encode_to_vec();
    let answer = world.deliver(tx);
    assert_eq!((answer.0.as_str(), answer.1), (codespace, code), "{}", answer.2);
    assert!(answer.2.contains(text), "{}", answer.2);
}

fn members_of(signature: &[u8]) -> Vec<Vec<u8>> {
    MultiSignature::decode(signature).unwrap().signatures
}

#[test]
fn fewer_signatures_than_the_threshold_are_refused() {
    check_multisig(
        |info, signatures| {
            let multi = multi_of(info);
            multi.bitarray.as_mut().unwrap().elems = vec![0x80];
            multi.mode_infos.truncate(1);
            let signatures_of = members_of(&signatures[0]);
            let one = MultiSignature { signatures: signatures_of[..1].to_vec() };
            signatures[0] = one.encode_to_vec();
        },
        "sdk",
        4,
        "signature verification failed",
    );
}

#[test]
fn a_bit_array_of_another_size_is_refused() {
    let sized = |extra: u32| {
        move |info: &mut AuthInfo, _: &mut Vec<Vec<u8>>| {
            multi_of(info).bitarray.as_mut().unwrap().extra_bits_stored = extra;
        }
    };
    // A bit that says it is there and is not: the reference panics.
    check_multisig(sized(11), "sdk", 4, "bit array");
    check_multisig(sized(4), "sdk", 4, "signature verification failed");
}

#[test]
fn one_signature_for_two_marked_members_is_refused() {
    check_multisig(
        |_, signatures| {
            let one = MultiSignature { signatures: members_of(&signatures[0])[..1].to_vec() };
            signatures[0] = one.encode_to_vec();
        },
        "sdk",
        4,
        "multisig",
    );
}

#[test]
fn a_good_signature_beyond_the_marks_is_let_pass() {
    // As the reference lets it: the third key's mark is not set, so nobody looks at it.
    check_multisig(
        |info, signatures| {
            let multi = multi_of(info);
            let mode = multi.mode_infos[0].clone();
            multi.mode_infos.push(mode);
            let mut all = members_of(&signatures[0]);
            all.push(vec![1; 64]);
            signatures[0] = MultiSignature { signatures: all }.encode_to_vec();
        },
        "",
        0,
        "",
    );
}

#[test]
fn another_field_beside_the_signatures_is_refused() {
    check_multisig(|_, signatures| signatures[0].extend([0x12, 0]), "sdk", 4, "unrecognized");
}

#[test]
fn a_single_mode_for_a_multisig_and_several_for_a_single_key_are_refused() {
    check_multisig(
        |info, _| {
            let mode = Secret::secp256k1(0).mode_info(SignMode::LegacyAminoJson);
            info.signer_infos[0].mode_info = Some(mode);
        },
        "sdk",
        4,
        "expected *signing.MultiSignatureData",
    );
    let mut world = World::new();
    let draft =
        world.draft(vec![world.party(SINGLE, SignMode::Direct)], vec![world.gift(SINGLE, 5)]);
    let tx = changed(&draft, |info, signatures| {
        let mode = world.secrets[MULTISIG].mode_info(SignMode::Direct);
        info.signer_infos[0].mode_info = Some(mode);
        let one = signatures[0].clone();
        signatures[0] = MultiSignature { signatures: vec![one; 2] }.encode_to_vec();
    });
    let answer = world.deliver(tx.encode_to_vec());
    assert_eq!((answer.0.as_str(), answer.1), ("sdk", 4), "{}", answer.2);
}

#[test]
fn one_key_may_stand_twice_in_a_multisig_and_signs_for_each_place() {
    let mut world = World::new();
    let key = || Secret::secp256k1(41);
    let doubled = Secret::multisig(2, vec![key(), key(), Secret::secp256k1(42)], &[0, 1]);
    let address = doubled.address();
    let fund = types::wire::cosmos::bank::v1beta1::MsgSend {
        from_address: world.secrets[SINGLE].address().to_string(),
        to_address: address.to_string(),
        amount: vec![types::Coin::new("uakt", 1_000_000u64).into()],
    };
    let party = world.party(SINGLE, SignMode::Direct);
    let funded = world.draft(vec![party], vec![super::any(&fund)]).signed();
    assert_eq!(world.deliver(funded).1, 0);
    world.secrets.push(doubled);
    let last = world.secrets.len() - 1;
    let mode = SignMode::LegacyAminoJson;
    let tx = world.draft(vec![world.party(last, mode)], vec![world.gift(last, 5)]).signed();
    let answer = world.deliver(tx);
    assert_eq!(answer.1, 0, "{}", answer.2);
}

#[test]
fn modes_that_are_not_enabled_are_named() {
    for (mode, text) in [
        (SignMode::Textual, "SIGN_MODE_TEXTUAL"),
        (SignMode::Eip191, "SIGN_MODE_EIP_191"),
        (SignMode::Unspecified, "SIGN_MODE_UNSPECIFIED"),
        (SignMode::DirectAux, "cannot sign with SIGN_MODE_DIRECT_AUX"),
    ] {
        let mut world = World::new();
        let tx = world.draft(vec![world.party(SINGLE, mode)], vec![world.gift(SINGLE, 5)]).signed();
        let answer = world.deliver(tx);
        assert_eq!((answer.0.as_str(), answer.1), ("sdk", 4), "{}", answer.2);
        assert!(answer.2.contains(text), "{}", answer.2);
    }
}

#[test]
fn an_auxiliary_signer_and_a_fee_payer_of_another_kind_sign_together() {
    let mut world = World::new();
    let payer = world.party(3, SignMode::Direct);
    let parties = vec![world.party(SINGLE, SignMode::DirectAux), payer];
    let mut draft = world.draft(parties, vec![world.gift(SINGLE, 5)]);
    draft.fee.payer = world.secrets[3].address().to_string();
    let answer = world.deliver(draft.signed());
    assert_eq!(answer.1, 0, "{}", answer.2);
}

#[test]
fn a_multisig_inside_another_counts_its_members() {
    // Seven are the most: 4 and 4 are too many.
    let mut world = World::new();
    let four =
        |from: u64| Secret::multisig(1, (from..from + 4).map(Secret::secp256k1).collect(), &[0]);
    let eight = Secret::multisig(1, vec![four(50), four(60)], &[0]);
    let fund = types::wire::cosmos::bank::v1beta1::MsgSend {
        from_address: world.secrets[SINGLE].address().to_string(),
        to_address: eight.address().to_string(),
        amount: vec![types::Coin::new("uakt", 1_000_000u64).into()],
    };
    let party = world.party(SINGLE, SignMode::Direct);
    let funded = world.draft(vec![party], vec![super::any(&fund)]).signed();
    assert_eq!(world.deliver(funded).1, 0);
    world.secrets.push(eight);
    let last = world.secrets.len() - 1;
    let mode = SignMode::LegacyAminoJson;
    let tx = world.draft(vec![world.party(last, mode)], vec![world.gift(last, 5)]).signed();
    let answer = world.deliver(tx);
    assert_eq!((answer.0.as_str(), answer.1), ("sdk", 14), "{}", answer.2);
    assert!(answer.2.starts_with("signatures: 8, limit: 7"), "{}", answer.2);
}

#[test]
fn unordered_transactions_of_any_key_leave_sequences_alone_and_serve_once() {
    let mut world = World::new();
    // Give the multisig a sequence: unordered documents say 0 all the same.
    let mode = SignMode::LegacyAminoJson;
    let first = world.draft(vec![world.party(NESTED, mode)], vec![world.gift(NESTED, 5)]).signed();
    assert_eq!(world.deliver(first).1, 0);
    let mut draft = world.draft(vec![world.party(NESTED, mode)], vec![world.gift(NESTED, 6)]);
    draft.parties[0].sequence = 0;
    draft.body.unordered = true;
    let now = world.town.node.time().seconds;
    draft.body.timeout_timestamp = Some(Timestamp { seconds: now + 60, nanos: 1 });
    let tx = draft.signed();
    let answer = world.deliver(tx.clone());
    assert_eq!(answer.1, 0, "{}", answer.2);
    assert_eq!(world.account(&world.secrets[NESTED].address()).sequence, 1);
    let answer = world.deliver(tx);
    assert_eq!((answer.0.as_str(), answer.1), ("sdk", 18), "{}", answer.2);
}

#[test]
fn a_deadline_in_the_first_second_of_1970_is_none() {
    let mut world = World::new();
    let mut draft =
        world.draft(vec![world.party(SINGLE, SignMode::Direct)], vec![world.gift(SINGLE, 5)]);
    draft.body.timeout_timestamp = Some(Timestamp { seconds: 0, nanos: 5 });
    assert_eq!(world.deliver(draft.signed()).1, 0);
    let mut draft =
        world.draft(vec![world.party(SINGLE, SignMode::Direct)], vec![world.gift(SINGLE, 5)]);
    draft.body.timeout_timestamp = Some(Timestamp { seconds: 1, nanos: 0 });
    assert_eq!(world.deliver(draft.signed()).1, 42);
}

#[test]
fn a_key_that_is_none_does_not_decode() {
    let mut world = World::new();
    let draft =
        world.draft(vec![world.party(SINGLE, SignMode::Direct)], vec![world.gift(SINGLE, 5)]);
    let with = |key: Any| {
        changed(&draft, |info, _| info.signer_infos[0].public_key = Some(key)).encode_to_vec()
    };
    let message = world.gift(SINGLE, 5);
    let answer = world.deliver(with(message));
    assert_eq!((answer.0.as_str(), answer.1), ("sdk", 2), "{}", answer.2);
    let answer = world.deliver(with(Any::default()));
    assert_eq!((answer.0.as_str(), answer.1), ("sdk", 2), "{}", answer.2);
}
