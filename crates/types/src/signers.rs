//! Who must sign a message.
//!
//! Source: cosmos.md 1.3. From the `cosmos.msg.v1.signer` option of each message; the few whose
//! signer sits inside an id are named here, as the reference names them in code.

use prost_types::Any;

use crate::{
    Address, AddressError,
    encoded::{MAX_DEPTH, Raw, WireError, bytes_of, merged, slots, text_of},
    registry::{Kind, MessageIndex, registry},
};

/// Why the signers of a message cannot be told.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignerError {
    #[error("unable to resolve type URL {0}")]
    UnknownType(String),
    #[error("no cosmos.msg.v1.signer option found for message {0}")]
    NoOption(String),
    #[error("error decoding {path} address \"{text}\": {cause}")]
    Address { path: String, text: String, cause: AddressError },
    #[error(transparent)]
    Wire(#[from] WireError),
}

type Result<T> = std::result::Result<T, SignerError>;

/// Signers inside an id: the message, and the path to the text.
const NESTED: &[(&str, &str)] = &[
    ("akash.deployment.v1beta4.MsgCreateDeployment", "id.owner"),
    ("akash.deployment.v1beta4.MsgUpdateDeployment", "id.owner"),
    ("akash.deployment.v1beta4.MsgCloseDeployment", "id.owner"),
    ("akash.deployment.v1beta4.MsgCloseGroup", "id.owner"),
    ("akash.deployment.v1beta4.MsgPauseGroup", "id.owner"),
    ("akash.deployment.v1beta4.MsgStartGroup", "id.owner"),
    ("akash.market.v1beta5.MsgCreateBid", "id.provider"),
    ("akash.market.v1beta5.MsgCloseBid", "id.provider"),
    ("akash.market.v1beta5.MsgWithdrawLease", "id.provider"),
    ("akash.market.v1beta5.MsgLeaseStartReclaim", "id.provider"),
    ("akash.market.v1beta5.MsgCreateLease", "bid_id.owner"),
    ("akash.market.v1beta5.MsgCloseLease", "id.owner"),
    ("akash.cert.v1.MsgRevokeCertificate", "id.owner"),
];

/// The accounts that must sign `message`, in order, without duplicates.
pub fn of_message(message: &Any) -> Result<Vec<Address>> {
    let index = registry()
        .resolve(&message.type_url)
        .ok_or_else(|| SignerError::UnknownType(message.type_url.clone()))?;
    let mut signers = Vec::new();
    collect(index, &message.value, 0, &mut signers)?;
    Ok(signers)
}

/// The accounts that must sign a transaction with these messages and this fee payer (empty for
/// none). The first one is the default fee payer.
pub fn of_transaction(messages: &[Any], fee_payer: &str) -> Result<Vec<Address>> {
    let mut signers = Vec::new();
    for message in messages {
        for signer in of_message(message)? {
            if !signers.contains(&signer) {
                signers.push(signer);
            }
        }
    }
    if !fee_payer.is_empty() {
        let payer = address("fee.payer", fee_payer)?;
        if !signers.contains(&payer) {
            signers.push(payer);
        }
    }
    Ok(signers)
}

fn collect(
    index: MessageIndex,
    bytes: &[u8],
    depth: usize,
    signers: &mut Vec<Address>,
) -> Result<()> {
    if depth > MAX_DEPTH {
        return Err(WireError::Depth.into());
    }
    let message = registry().message(index);
    if let Some((_, path)) = NESTED.iter().find(|(name, _)| *name == message.full_name) {
        return follow(index, bytes, path, path, signers);
    }
    if message.signers.is_empty() {
        return Err(SignerError::NoOption(message.full_name.clone()));
    }
    let slots = slots(message, bytes)?;
    for name in &message.signers {
        let Some((at, field)) = message.field_by_name(name) else {
            return Err(SignerError::NoOption(message.full_name.clone()));
        };
        let values = slots.get(at).map(Vec::as_slice).unwrap_or_default();
        match field.kind {
            Kind::Message(inner) => {
                for it in values {
                    collect(inner, bytes_of(*it), depth + 1, signers)?;
                }
            }
            _ if values.is_empty() && field.repeat == crate::registry::Repeat::One => {
                add(name, "", signers)?;
            }
            _ => {
                for it in values {
                    add(name, text_of(*it)?, signers)?;
                }
            }
        }
    }
    Ok(())
}

/// Walks a dotted path to a text.
fn follow(
    index: MessageIndex,
    bytes: &[u8],
    path: &str,
    rest: &str,
    signers: &mut Vec<Address>,
) -> Result<()> {
    let message = registry().message(index);
    let (name, deeper) = match rest.split_once('.') {
        Some((name, deeper)) => (name, Some(deeper)),
        None => (rest, None),
    };
    let slots = slots(message, bytes)?;
    let (at, field) = message
        .field_by_name(name)
        .ok_or_else(|| SignerError::NoOption(message.full_name.clone()))?;
    let values = slots.get(at).map(Vec::as_slice).unwrap_or_default();
    match (field.kind, deeper) {
        (Kind::Message(inner), Some(deeper)) => {
            follow(inner, &merged(values), path, deeper, signers)
        }
        _ => add(path, text_of(values.last().copied().unwrap_or(Raw::Bytes(&[])))?, signers),
    }
}

fn add(path: &str, text: &str, signers: &mut Vec<Address>) -> Result<()> {
    let signer = address(path, text)?;
    if !signers.contains(&signer) {
        signers.push(signer);
    }
    Ok(())
}

/// An account, from its own text or from that of its validator.
fn address(path: &str, text: &str) -> Result<Address> {
    let wrong =
        |cause| SignerError::Address { path: path.to_owned(), text: text.to_owned(), cause };
    if text.starts_with(crate::ValAddress::PREFIX) {
        let operator: crate::ValAddress = text.parse().map_err(wrong)?;
        return Ok(Address::from(&operator));
    }
    text.parse().map_err(wrong)
}
