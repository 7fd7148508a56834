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

/// The accounts that must sign `message`, in order; one that is named twice is there twice.
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
        let payer = address("fee.payer", fee_payer, Form::Account)?;
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
        let form = if field.operator { Form::Operator } else { Form::Account };
        match field.kind {
            Kind::Message(inner) => {
                for it in values {
                    collect(inner, bytes_of(*it), depth + 1, signers)?;
                }
            }
            _ if values.is_empty() && field.repeat == crate::registry::Repeat::One => {
                add(name, "", form, signers)?;
            }
            _ => {
                for it in values {
                    add(name, text_of(*it)?, form, signers)?;
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
        _ => {
            let text = text_of(values.last().copied().unwrap_or(Raw::Bytes(&[])))?;
            add(path, text, Form::Account, signers)
        }
    }
}

/// How a signer is written: as an account, or as the operator of a validator, for whom the account
/// of the same bytes signs. The descriptor tells which; the other form is refused.
#[derive(Clone, Copy)]
enum Form {
    Account,
    Operator,
}

fn add(path: &str, text: &str, form: Form, signers: &mut Vec<Address>) -> Result<()> {
    signers.push(address(path, text, form)?);
    Ok(())
}

fn address(path: &str, text: &str, form: Form) -> Result<Address> {
    let wrong =
        |cause| SignerError::Address { path: path.to_owned(), text: text.to_owned(), cause };
    match form {
        Form::Account => text.parse().map_err(wrong),
        Form::Operator => {
            let operator: crate::ValAddress = text.parse().map_err(wrong)?;
            Ok(Address::from(&operator))
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use prost::{Message, Name};
    use prost_types::Any;

    use super::{SignerError, of_message};
    use crate::{
        Address, AddressError, ValAddress,
        wire::cosmos::{bank::v1beta1::MsgSend, slashing::v1beta1::MsgUnjail},
    };

    fn any<M: Message + Name>(message: &M) -> Any {
        Any { type_url: M::type_url(), value: message.encode_to_vec() }
    }

    #[test]
    fn an_account_and_an_operator_do_not_stand_for_each_other() {
        let account = Address::new([7; 20]).unwrap();
        let operator = ValAddress::from(&account);
        let send = |from_address: String| any(&MsgSend { from_address, ..MsgSend::default() });
        let unjail = |validator_addr: String| any(&MsgUnjail { validator_addr });
        assert_eq!(of_message(&send(account.to_string())), Ok(vec![account.clone()]));
        assert_eq!(of_message(&unjail(operator.to_string())), Ok(vec![account.clone()]));
        for wrong in [send(operator.to_string()), unjail(account.to_string())] {
            let refused = of_message(&wrong).unwrap_err();
            let SignerError::Address { cause: AddressError::Prefix { .. }, .. } = refused else {
                panic!("{refused:?}");
            };
        }
    }
}
