//! The kinds of authorizations: what each allows, and what is left of it afterwards.

use ledger::{Ctx, Fault, Result, Sdk};
use prost::{Message, Name};
use prost_types::Any;
use types::{
    Coins, Int,
    wire::{
        akash::escrow::v1::{DepositAuthorization, MsgAccountDeposit},
        cosmos::{
            authz::v1beta1::GenericAuthorization,
            bank::v1beta1::{MsgSend, SendAuthorization},
            base::v1beta1::Coin,
            staking::v1beta1::{
                AuthorizationType, MsgBeginRedelegate, MsgCancelUnbondingDelegation, MsgDelegate,
                MsgUndelegate, StakeAuthorization, stake_authorization::ValidatorsOneOf,
            },
        },
        haggle::limits::v1::SpendingLimitAuthorization,
        ibc::applications::transfer::v1::{MsgTransfer, TransferAuthorization},
    },
};

use super::{Error, deposit};
use crate::{bank, limits};

/// An authorization of any kind, unpacked.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Authorization {
    /// Anything of one type.
    Generic(GenericAuthorization),
    /// Transfers up to a sum.
    Send(SendAuthorization),
    /// Delegations and their like, by validator and sum.
    Stake(StakeAuthorization),
    /// Deposits into escrow.
    Deposit(DepositAuthorization),
    /// Transfers to other chains: kept, not executed here.
    Transfer(TransferAuthorization),
    /// A rule: many types of messages, and a cap over all of them. Kept by limits.
    Rule(Box<SpendingLimitAuthorization>),
}

/// What an authorization says to a message.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Verdict {
    /// Yes; the authorization stays as it is.
    Same,
    /// Yes; this is what remains.
    Reduced(Authorization),
    /// Yes; nothing remains.
    UsedUp,
    /// No, without a reason of its own.
    Refused,
}

/// Gas for each entry of a list that a check passes.
const LIST_GAS: u64 = 10;

fn read<M: Message + Default>(value: &[u8]) -> Result<M> {
    M::decode(value).map_err(|it| Sdk::UnpackAny.wrap(it))
}

fn pack<M: Message + Name>(message: &M) -> Any {
    Any { type_url: M::type_url(), value: message.encode_to_vec() }
}

impl Authorization {
    /// `sdk/29` for what is no authorization.
    pub(super) fn from_any(any: Option<&Any>) -> Result<Self> {
        let Some(Any { type_url, value }) = any else {
            return Err(Sdk::InvalidType.wrap("expected an authorization, got none"));
        };
        match type_url.as_str() {
            it if it == GenericAuthorization::type_url() => read(value).map(Self::Generic),
            it if it == SendAuthorization::type_url() => read(value).map(Self::Send),
            it if it == StakeAuthorization::type_url() => read(value).map(Self::Stake),
            it if it == DepositAuthorization::type_url() => read(value).map(Self::Deposit),
            it if it == TransferAuthorization::type_url() => read(value).map(Self::Transfer),
            it if it == SpendingLimitAuthorization::type_url() => {
                read(value).map(|it| Self::Rule(Box::new(it)))
            }
            it => Err(Sdk::InvalidType.wrap(format!("expected an authorization, got {it}"))),
        }
    }

    pub(super) fn to_any(&self) -> Any {
        match self {
            Self::Generic(it) => pack(it),
            Self::Send(it) => pack(it),
            Self::Stake(it) => pack(it),
            Self::Deposit(it) => pack(it),
            Self::Transfer(it) => pack(it),
            Self::Rule(it) => pack(&**it),
        }
    }

    /// What must hold when it is granted.
    pub(super) fn validate(&self) -> Result {
        match self {
            Self::Generic(_) => Ok(()),
            Self::Send(it) => validate_send(it),
            Self::Stake(it) => validate_stake(it),
            Self::Deposit(it) => deposit::validate(it),
            Self::Transfer(it) if it.allocations.is_empty() => {
                let fault = Fault::registered("transfer", 10, "invalid transfer authorization");
                Err(fault.context("allocations cannot be empty"))
            }
            Self::Transfer(_) => Ok(()),
            Self::Rule(it) => limits::validate(it),
        }
    }

    /// The type URL of the messages it is about.
    pub(super) fn msg_type(&self) -> String {
        match self {
            Self::Generic(it) => it.msg.clone(),
            Self::Send(_) => MsgSend::type_url(),
            Self::Stake(it) => match it.authorization_type() {
                AuthorizationType::Delegate => MsgDelegate::type_url(),
                AuthorizationType::Undelegate => MsgUndelegate::type_url(),
                AuthorizationType::Redelegate => MsgBeginRedelegate::type_url(),
                AuthorizationType::CancelUnbondingDelegation => {
                    MsgCancelUnbondingDelegation::type_url()
                }
                AuthorizationType::Unspecified => String::new(),
            },
            Self::Deposit(_) => MsgAccountDeposit::type_url(),
            Self::Transfer(_) => MsgTransfer::type_url(),
            Self::Rule(_) => limits::type_url(),
        }
    }

    /// Whether a message may be sent, and what remains afterwards.
    pub(super) fn accept(self, cx: &Ctx, message: &Any) -> Result<Verdict> {
        match self {
            Self::Generic(_) => Ok(Verdict::Same),
            Self::Send(it) => accept_send(cx, it, message),
            Self::Stake(it) => accept_stake(cx, it, message),
            Self::Deposit(it) => accept_deposit(&it, message),
            Self::Transfer(_) => {
                let text = format!("unrecognized message route: {}", message.type_url);
                Err(Sdk::UnknownRequest.wrap(text))
            }
            // Asked in limits, before any grant is looked for.
            Self::Rule(_) => Ok(Verdict::Refused),
        }
    }
}

fn validate_send(it: &SendAuthorization) -> Result {
    if it.spend_limit.is_empty() {
        return Err(Sdk::InvalidCoins.wrap("spend limit cannot be nil"));
    }
    // Denoms and their order are not looked at.
    for coin in &it.spend_limit {
        if !Int::from_wire_or_zero(&coin.amount)?.is_positive() {
            return Err(Sdk::InvalidCoins.wrap("spend limit must be positive"));
        }
    }
    let mut seen = std::collections::BTreeSet::new();
    if it.allow_list.iter().all(|address| seen.insert(address)) {
        return Ok(());
    }
    Err(bank::Error::DuplicateEntry.into())
}

fn accept_send(cx: &Ctx, it: SendAuthorization, message: &Any) -> Result<Verdict> {
    if message.type_url != MsgSend::type_url() {
        return Err(Sdk::InvalidType.wrap("type mismatch"));
    }
    let MsgSend { to_address, amount, .. } = read(&message.value)?;
    for coin in &amount {
        let limit = it.spend_limit.iter().find(|it| it.denom == coin.denom);
        let limit = limit.map_or("0", |it| it.amount.as_str());
        if Int::from_wire_or_zero(limit)? < Int::from_wire_or_zero(&coin.amount)? {
            let text = "requested amount is more than spend limit";
            return Err(Sdk::InsufficientFunds.wrap(text));
        }
    }
    if !it.allow_list.is_empty() && !passes(cx, &it.allow_list, &to_address, "send authorization")?
    {
        return Err(Sdk::Unauthorized.wrap(format!("cannot send to {to_address} address")));
    }
    // The transfer itself refuses an amount that is no list of coins.
    let Ok(amount) = Coins::from_wire(&amount) else { return Ok(Verdict::Same) };
    let left = Coins::from_wire(&it.spend_limit)?.sub(&amount)?;
    if left.is_empty() {
        return Ok(Verdict::UsedUp);
    }
    let rest = SendAuthorization { spend_limit: left.to_wire(), ..it };
    Ok(Verdict::Reduced(Authorization::Send(rest)))
}

/// Whether a list has an entry; each one passed costs gas.
fn passes(cx: &Ctx, list: &[String], wanted: &str, location: &'static str) -> Result<bool> {
    for entry in list {
        cx.consume_gas(LIST_GAS, location)?;
        if entry == wanted {
            return Ok(true);
        }
    }
    Ok(false)
}

fn validate_stake(it: &StakeAuthorization) -> Result {
    if let Some(Coin { denom, amount }) = &it.max_tokens
        && Int::from_wire_or_zero(amount)?.is_negative()
    {
        let text = format!("negative coin amount: {amount}{denom}");
        return Err(Error::NegativeMaxTokens.wrap(text));
    }
    if AuthorizationType::try_from(it.authorization_type)
        .is_ok_and(|it| it != AuthorizationType::Unspecified)
    {
        return Ok(());
    }
    Err(Error::UnknownType.into())
}

fn accept_stake(cx: &Ctx, it: StakeAuthorization, message: &Any) -> Result<Verdict> {
    let value = &message.value;
    let (validator, amount) = match message.type_url.as_str() {
        url if url == MsgDelegate::type_url() => {
            let it: MsgDelegate = read(value)?;
            (it.validator_address, it.amount)
        }
        url if url == MsgUndelegate::type_url() => {
            let it: MsgUndelegate = read(value)?;
            (it.validator_address, it.amount)
        }
        url if url == MsgBeginRedelegate::type_url() => {
            let it: MsgBeginRedelegate = read(value)?;
            (it.validator_dst_address, it.amount)
        }
        url if url == MsgCancelUnbondingDelegation::type_url() => {
            let it: MsgCancelUnbondingDelegation = read(value)?;
            (it.validator_address, it.amount)
        }
        _ => return Err(Sdk::InvalidRequest.wrap("unknown msg type")),
    };
    let location = "stake authorization";
    let allowed = match &it.validators {
        Some(ValidatorsOneOf::AllowList(list)) => {
            list.address.is_empty() || passes(cx, &list.address, &validator, location)?
        }
        Some(ValidatorsOneOf::DenyList(list)) => !passes(cx, &list.address, &validator, location)?,
        None => true,
    };
    if !allowed {
        let text = format!("cannot delegate/undelegate to {validator} validator");
        return Err(Sdk::Unauthorized.wrap(text));
    }
    let Some(Coin { denom, amount: limit }) = &it.max_tokens else { return Ok(Verdict::Same) };
    if *denom != amount.denom {
        let text = format!("invalid coin denominations; {denom}, {}", amount.denom);
        return Err(Sdk::InvalidCoins.wrap(text));
    }
    let left = Int::from_wire_or_zero(limit)?.sub(Int::from_wire_or_zero(&amount.amount)?)?;
    if left.is_negative() {
        // Unregistered in the reference.
        let text = format!("negative coin amount: {left}{denom}");
        return Err(Sdk::InsufficientFunds.wrap(text));
    }
    if left.is_zero() {
        return Ok(Verdict::UsedUp);
    }
    let max_tokens = Some(Coin { denom: denom.clone(), amount: left.to_string() });
    Ok(Verdict::Reduced(Authorization::Stake(StakeAuthorization { max_tokens, ..it })))
}

fn accept_deposit(it: &DepositAuthorization, message: &Any) -> Result<Verdict> {
    let (scope, amount) = deposit::asked(message)?;
    let Some((_, rest)) = deposit::accept(it, scope, &amount, deposit::Part::Whole)? else {
        return Ok(Verdict::Refused);
    };
    if rest.spend_limits.is_empty() {
        return Ok(Verdict::UsedUp);
    }
    Ok(Verdict::Reduced(Authorization::Deposit(rest)))
}
