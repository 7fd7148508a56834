//! The methods of services by the message they take, compiled once from the registry.

use std::{collections::BTreeMap, sync::OnceLock};

use types::registry::{Field, Message, Method, registry};

/// A method and whether its service takes transactions' messages.
pub(crate) struct Taker {
    pub(crate) method: &'static Method,
    pub(crate) is_msg: bool,
}

/// The methods that take the message of this full name.
pub(crate) fn takers(input: &str) -> &'static [Taker] {
    static TAKERS: OnceLock<BTreeMap<&'static str, Vec<Taker>>> = OnceLock::new();
    let takers = TAKERS.get_or_init(|| {
        let mut takers: BTreeMap<&'static str, Vec<Taker>> = BTreeMap::new();
        for service in registry().services() {
            for method in &service.methods {
                let input = registry().message(method.input).full_name.as_str();
                takers.entry(input).or_default().push(Taker { method, is_msg: service.is_msg });
            }
        }
        takers
    });
    takers.get(input).map_or(&[], Vec::as_slice)
}

/// Whether a service takes this message as a transaction's.
pub(crate) fn is_msg(full_name: &str) -> bool {
    takers(full_name).iter().any(|it| it.is_msg)
}

/// The full name of a method's reply.
pub(crate) fn reply_of(method: &Method) -> &'static str {
    &registry().message(method.output).full_name
}

const MSG: &str = "cosmos.base.v1beta1.Msg";
const PUBLIC_KEY: &str = "cosmos.crypto.PubKey";
const EVIDENCE: &str = "cosmos.evidence.v1beta1.Evidence";

/// Fields whose option does not say what they take, and the code of the reference does.
const UNSAID: &[(&str, &str, &str)] = &[
    ("cosmos.tx.v1beta1.TxBody", "messages", MSG),
    ("cosmos.gov.v1.MsgSubmitProposal", "messages", MSG),
    ("cosmos.tx.v1beta1.SignerInfo", "public_key", PUBLIC_KEY),
    ("cosmos.crypto.multisig.LegacyAminoPubKey", "public_keys", PUBLIC_KEY),
];

const PUBLIC_KEYS: &[&str] = &[
    "cosmos.crypto.ed25519.PubKey",
    "cosmos.crypto.multisig.LegacyAminoPubKey",
    "cosmos.crypto.secp256k1.PubKey",
    "cosmos.crypto.secp256r1.PubKey",
];

/// The kind of message that a field of type `Any` takes, when it does not take all.
pub(crate) fn wanted<'a>(message: &Message, field: &'a Field) -> Option<&'a str> {
    let unsaid = UNSAID
        .iter()
        .find(|(name, of, _)| *name == message.full_name && *of == field.name)
        .map(|(.., kind)| *kind);
    unsaid.or(field.accepts.as_deref())
}

/// Whether a message is of a kind.
pub(crate) fn is(message: &Message, kind: &str) -> bool {
    let name = message.full_name.as_str();
    match kind {
        MSG => is_msg(name),
        PUBLIC_KEY => PUBLIC_KEYS.contains(&name),
        EVIDENCE => name == "cosmos.evidence.v1beta1.Equivocation",
        _ => message.implements.iter().any(|it| it == kind),
    }
}
