//! The rules, first match wins.

use ledger::{Ctx, Result, Sdk};
use types::wire::akash::wasm::v1::EventMsgBlocked;

/// A message of a contract, as far as the rules look into it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ContractMessage {
    BankSend {
        to_address: String,
    },
    BankBurn,
    /// A message of bank that is neither.
    BankUnknown,
    Staking,
    Distribution,
    Gov,
    Ibc,
    Ibc2,
    Custom,
    Any {
        type_url: String,
    },
    /// Execute, instantiate and the like.
    Wasm,
    Unknown,
}

/// The one message that contracts may pass on: a price, by those who are sources.
const PRICE_ENTRY: &str = "/akash.oracle.v2.MsgAddPriceEntry";

/// Refuses with `sdk/4` what contracts may not send, and emits why.
pub fn judge(cx: &mut Ctx, contract: &str, message: &ContractMessage) -> Result {
    use ContractMessage as It;
    let unknown = || Some("Unknown message type not allowed".to_owned());
    let (kind, reason) = match message {
        It::BankSend { to_address } => {
            let blocked = super::params(cx)?.blocked_addresses.contains(to_address);
            let why = format!("Transfers to {to_address} blocked (critical address)");
            ("bank.send", blocked.then_some(why))
        }
        It::BankBurn => ("bank.burn", Some("Burn is not allowed".to_owned())),
        It::BankUnknown => ("bank.unknown", unknown()),
        It::Staking => ("staking", Some("Staking operations not allowed".to_owned())),
        It::Distribution => {
            ("distribution", Some("Distribution operations not allowed".to_owned()))
        }
        It::Gov => ("gov", Some("Governance operations not allowed".to_owned())),
        It::Ibc => ("ibc", Some("IBC messages not allowed".to_owned())),
        It::Ibc2 => ("ibc2", Some("IBC2 messages not allowed".to_owned())),
        It::Custom => ("custom", Some("Custom messages not allowed".to_owned())),
        It::Any { type_url } if type_url == PRICE_ENTRY => (type_url.as_str(), None),
        It::Any { type_url } => {
            (type_url.as_str(), Some(format!("Any message type {type_url} not allowed")))
        }
        It::Wasm => ("wasm", None),
        It::Unknown => ("unknown", unknown()),
    };
    let Some(reason) = reason else { return Ok(()) };
    cx.emit(EventMsgBlocked {
        contract_address: contract.to_owned(),
        msg_type: kind.to_owned(),
        reason: reason.clone(),
    });
    Err(Sdk::Unauthorized.wrap(reason))
}

#[cfg(test)]
mod tests {
    use ledger::{Module, testing};
    use types::Address;

    use super::{super::Awasm, *};

    #[test]
    fn contracts_may_report_prices_call_each_other_and_pay_ordinary_accounts() {
        let mut cx = testing::ctx();
        Awasm::init(&mut cx, Awasm::default_genesis()).unwrap();
        let gov = Address::of_module("gov").to_string();
        let mut refusal = |message: ContractMessage| {
            judge(&mut cx, "akash1contract", &message).err().map(|it| it.to_string())
        };
        let any = |type_url: &str| ContractMessage::Any { type_url: type_url.to_owned() };
        let send = |to: &str| ContractMessage::BankSend { to_address: to.to_owned() };
        assert_eq!(refusal(any(PRICE_ENTRY)), None);
        assert_eq!(refusal(ContractMessage::Wasm), None);
        assert_eq!(refusal(send("akash1someone")), None);
        for (message, reason) in [
            (send(&gov), format!("Transfers to {gov} blocked (critical address)")),
            (ContractMessage::BankBurn, "Burn is not allowed".to_owned()),
            (ContractMessage::Gov, "Governance operations not allowed".to_owned()),
            (any("/x.Y"), "Any message type /x.Y not allowed".to_owned()),
            (ContractMessage::Unknown, "Unknown message type not allowed".to_owned()),
        ] {
            assert_eq!(refusal(message), Some(format!("{reason}: unauthorized")));
        }
        let blocked = cx.events().last().unwrap();
        assert_eq!(testing::attribute(blocked, "msg_type"), "\"unknown\"");
        assert_eq!(cx.events().len(), 5);
    }
}
