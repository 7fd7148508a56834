//! Messages inside messages inside messages: what holds an `Any` may hold another one.

use prost::Message;
use prost_types::Any;
use types::{
    amino, json,
    wire::cosmos::tx::v1beta1::{SimulateRequest, TxBody},
};

use super::{
    TOWN,
    mutate::put_varint,
    town::{PROVIDER, TENANT, Town},
};

/// A type that holds one: its name, the fields that lead to it, and a field for an address.
type Holder = (&'static str, &'static [u64], u64);

pub(crate) const HOLDERS: [Holder; 16] = [
    ("cosmos.authz.v1beta1.MsgExec", &[2], 1),
    ("cosmos.gov.v1.MsgSubmitProposal", &[1], 3),
    ("cosmos.gov.v1.MsgExecLegacyContent", &[1], 2),
    ("cosmos.gov.v1beta1.MsgSubmitProposal", &[1], 3),
    ("cosmos.authz.v1beta1.MsgGrant", &[3, 1], 1),
    ("cosmos.feegrant.v1beta1.MsgGrantAllowance", &[3], 1),
    ("cosmos.feegrant.v1beta1.AllowedMsgAllowance", &[1], 2),
    ("cosmos.evidence.v1beta1.MsgSubmitEvidence", &[2], 1),
    ("cosmos.staking.v1beta1.MsgCreateValidator", &[6], 4),
    ("cosmos.crypto.multisig.LegacyAminoPubKey", &[2], 0),
    ("google.protobuf.Any", &[], 0),
    ("cosmos.tx.v1beta1.Tx", &[1, 1], 0),
    ("cosmos.tx.v1beta1.TxBody", &[1], 0),
    ("cosmos.tx.v1beta1.TxBody", &[1023], 0),
    ("cosmos.auth.v1beta1.BaseAccount", &[2], 1),
    ("cosmos.gov.v1.Proposal", &[2], 13),
];

/// A message without any, of those that a town has: a transfer.
const LEAF: usize = 9;

/// What an input grows into, at most.
const BYTES_MAX: usize = 64 << 10;

fn put(number: u64, bytes: &[u8], out: &mut Vec<u8>) {
    put_varint(number << 3 | 2, out);
    put_varint(u64::try_from(bytes.len()).unwrap(), out);
    out.extend(bytes);
}

/// A holder of a message.
pub(crate) fn held(holder: &Holder, inner: &Any, address: &str) -> Any {
    let (name, path, names) = holder;
    let mut value = inner.encode_to_vec();
    for number in path.iter().rev() {
        let mut outer = Vec::new();
        put(*number, &value, &mut outer);
        value = outer;
    }
    if *names != 0 {
        put(*names, address.as_bytes(), &mut value);
    }
    Any { type_url: format!("/{name}"), value }
}

/// Pairs of bytes, which holder and how often, then the holders of those.
fn grown(bytes: &[u8], town: &Town) -> Any {
    let address = town.address(TENANT).to_string();
    let leaves = town.other_messages(&town.address(TENANT), &town.address(PROVIDER));
    let (first, rest) = bytes.split_first().unwrap_or((&0, &[]));
    let mut any = leaves[usize::from(*first) % leaves.len()].1.clone();
    for pair in rest.chunks(2) {
        let holder = &HOLDERS[usize::from(pair[0]) % HOLDERS.len()];
        for _ in 0..=pair.get(1).copied().unwrap_or_default() {
            if any.value.len() > BYTES_MAX {
                return any;
            }
            any = held(holder, &any, &address);
        }
    }
    any
}

/// Whatever is held however deep: it is answered, as a message, a simulation, a public key and in
/// print.
pub(crate) fn nesting(bytes: &[u8]) {
    TOWN.with(|town| answered(town, &grown(bytes, town)));
}

/// The same of a message that is there already.
pub(crate) fn answered(town: &Town, any: &Any) {
    let signer = &town.people[TENANT];
    let tx = signer.sign(std::slice::from_ref(any));
    town.node.check(tx.clone());
    let (_, leaf) = town.other_messages(&signer.address(), &signer.address()).swap_remove(LEAF);
    let claims =
        signer.sign_claiming(TxBody { messages: vec![leaf], ..TxBody::default() }, any.clone());
    town.node.check(claims.clone());
    town.node.finalize(vec![tx.clone(), claims]);
    let request = SimulateRequest { tx_bytes: tx, ..SimulateRequest::default() };
    let simulated = town.node.app.grpc_query(
        "/cosmos.tx.v1beta1.Service/Simulate",
        &request.encode_to_vec(),
        0,
    );
    let _refusal = simulated.unwrap_or_else(|it| panic!("the node halted: {it}"));
    let _texts = (amino::message(any), json::value_of("google.protobuf.Any", &any.encode_to_vec()));
}
