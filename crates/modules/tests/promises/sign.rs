//! Promises about what is signed: texts for devices, and the bit arrays of multisigs.

use ledger::testing::Signer;
use prost::{Message, Name};
use prost_types::Any;
use serde_json::Value;
use types::{
    Coin, amino,
    json::{self, Unknown},
    wire::cosmos::{
        bank::v1beta1::MsgSend,
        crypto::{
            multisig::{
                LegacyAminoPubKey,
                v1beta1::{CompactBitArray, MultiSignature},
            },
            secp256k1::PubKey,
        },
        tx::{
            signing::v1beta1::SignMode,
            v1beta1::{AuthInfo, Fee, ModeInfo, SignDoc, SignerInfo, TxBody, TxRaw, mode_info},
        },
    },
};

use super::{TOWN, line, town::TENANT};

/// Bytes of output for each byte of input, at most: an empty message prints all its fields.
const GROWTH_MAX: usize = 2000;

/// Any bytes may come as a message to sign as text, its type the first line: the text is refused,
/// or it is the one canonical JSON of its content and not much longer than the bytes.
pub(crate) fn amino(bytes: &[u8]) {
    let (name, value) = line(bytes);
    let message = Any { type_url: name, value: value.to_vec() };
    let body = TxBody { messages: vec![message.clone()], ..TxBody::default() };
    let info = AuthInfo { fee: Some(fee()), ..AuthInfo::default() };
    let signer = amino::Signer { chain_id: "test-1", account_number: 1, sequence: 2 };
    let text = amino::sign_text(&body.encode_to_vec(), &info.encode_to_vec(), signer);
    if let Ok(text) = text {
        let read: Value = serde_json::from_str(&text).unwrap_or_else(|it| panic!("{it}: {text}"));
        assert_eq!(json::sorted_text(&read), text, "the text is not canonical");
        assert_eq!(read["msgs"][0], amino::message(&message).unwrap());
        assert!(text.len() <= GROWTH_MAX * (bytes.len() + 10), "{} bytes", text.len());
    }
}

/// Any text may come as the JSON of a message, its type the first line: it is refused, or what it
/// says prints and reads as the same.
pub(crate) fn json_text(bytes: &[u8]) {
    let (name, text) = line(bytes);
    let Ok(value) = serde_json::from_slice::<Value>(text) else { return };
    for unknown in [Unknown::Refuse, Unknown::Ignore] {
        let Ok(read) = json::bytes_of(&name, &value, unknown) else { continue };
        let printed = json::value_of(&name, &read).unwrap_or_else(|it| panic!("{name}: {it}"));
        let again = json::bytes_of(&name, &printed, Unknown::Refuse);
        let again = again.unwrap_or_else(|it| panic!("{name} does not read {printed}: {it}"));
        assert_eq!(json::value_of(&name, &again).unwrap(), printed, "{name}");
        assert!(printed.to_string().len() <= GROWTH_MAX * (bytes.len() + 10));
    }
}

fn fee() -> Fee {
    let amount = vec![Coin::new("uakt", 5000u64).into()];
    Fee { amount, gas_limit: 2_000_000, ..Fee::default() }
}

/// The members of the multisig, two of whom must sign.
pub(crate) fn members() -> [Signer; 3] {
    [100, 101, 102].map(|seed| Signer::new(seed, "test-1"))
}

pub(crate) fn multisig_key() -> Any {
    let any = |signer: &Signer| Any {
        type_url: PubKey::type_url(),
        value: PubKey { key: signer.public_key().to_vec() }.encode_to_vec(),
    };
    let key = LegacyAminoPubKey { threshold: 2, public_keys: members().iter().map(any).collect() };
    Any { type_url: LegacyAminoPubKey::type_url(), value: key.encode_to_vec() }
}

/// One signature as the input asks for it.
#[derive(Clone, Copy, Debug)]
struct Slot {
    /// Who signs; nobody from 3 on.
    member: usize,
    mode: i32,
}

impl Slot {
    fn of(byte: u8) -> Self {
        let mode = match byte >> 6 {
            0 => SignMode::Direct.into(),
            1 => SignMode::LegacyAminoJson.into(),
            2 => SignMode::DirectAux.into(),
            _ => i32::from(byte),
        };
        Self { member: usize::from(byte % 5), mode }
    }

    fn is_plain(self) -> bool {
        [SignMode::Direct, SignMode::LegacyAminoJson].iter().any(|it| i32::from(*it) == self.mode)
    }
}

/// Any bit array and any signatures may come for a multisig of three: a transaction counts only
/// with the signatures of two members, each in the place of its bit; and then it does count.
pub(crate) fn multisig(bytes: &[u8]) {
    let mut input = bytes.iter().copied();
    let mut next = || input.next().unwrap_or_default();
    let extra_bits_stored = u32::from(next());
    let elems: Vec<u8> = (0..next() % 4).map(|_| next()).collect();
    let slots: Vec<Slot> = (0..next() % 6).map(|_| Slot::of(next())).collect();
    let code = TOWN.with(|town| {
        let to = town.address(TENANT).to_string();
        let send = MsgSend {
            from_address: town.multisig.to_string(),
            to_address: to,
            amount: vec![Coin::new("uakt", 1u64).into()],
        };
        let body = TxBody {
            messages: vec![Any { type_url: MsgSend::type_url(), value: send.encode_to_vec() }],
            ..TxBody::default()
        };
        let bits = CompactBitArray { extra_bits_stored, elems: elems.clone() };
        let tx = signed(&body, bits, &slots, town.multisig_number);
        town.node.check(tx.clone());
        town.node.finalize(vec![tx]).tx_results[0].code
    });
    // What stands behind the bits of the three is not looked at: neither bits nor signatures.
    let bits = elems.iter().flat_map(|byte| (0..8).map(move |at| byte >> (7 - at) & 1 == 1));
    let set: Vec<usize> =
        (0..3).zip(bits).filter_map(|(at, is_set)| is_set.then_some(at)).collect();
    let in_place = (2..=slots.len()).contains(&set.len())
        && slots.iter().zip(&set).all(|(slot, at)| slot.member == *at);
    let shown = || format!("{extra_bits_stored} {elems:02x?} {slots:?}");
    assert!(code != 0 || in_place, "{} counts as signed", shown());
    let is_regular = extra_bits_stored == 3 && elems.len() == 1 && slots.len() == set.len();
    if in_place && is_regular && slots.iter().all(|it| it.is_plain()) {
        assert_eq!(code, 0, "{} does not count as signed", shown());
    }
}

fn signed(body: &TxBody, bits: CompactBitArray, slots: &[Slot], account_number: u64) -> Vec<u8> {
    let single = |mode| ModeInfo { sum: Some(mode_info::Sum::Single(mode_info::Single { mode })) };
    let multi = mode_info::Multi {
        bitarray: Some(bits),
        mode_infos: slots.iter().map(|it| single(it.mode)).collect(),
    };
    let info = SignerInfo {
        public_key: Some(multisig_key()),
        mode_info: Some(ModeInfo { sum: Some(mode_info::Sum::Multi(multi)) }),
        sequence: 0,
    };
    let info = AuthInfo { signer_infos: vec![info], fee: Some(fee()), ..AuthInfo::default() };
    let (body_bytes, auth_info_bytes) = (body.encode_to_vec(), info.encode_to_vec());
    let text = amino::Signer { chain_id: "test-1", account_number, sequence: 0 };
    let text = amino::sign_text(&body_bytes, &auth_info_bytes, text).unwrap().into_bytes();
    let document = SignDoc {
        body_bytes: body_bytes.clone(),
        auth_info_bytes: auth_info_bytes.clone(),
        chain_id: "test-1".to_owned(),
        account_number,
    }
    .encode_to_vec();
    let people = members();
    let signatures = slots.iter().map(|slot| {
        let is_text = slot.mode == i32::from(SignMode::LegacyAminoJson);
        let document = if is_text { &text } else { &document };
        people.get(slot.member).map_or_else(Vec::new, |it| it.sign_bytes(document))
    });
    let signature = MultiSignature { signatures: signatures.collect() }.encode_to_vec();
    TxRaw { body_bytes, auth_info_bytes, signatures: vec![signature] }.encode_to_vec()
}
