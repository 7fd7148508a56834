//! The kinds of allowances and what a fee takes of them.

use ledger::{Ctx, Fault, Result, Sdk, nanos};
use prost::{Message, Name};
use prost_types::{Any, Duration, Timestamp};
use types::{
    Coins,
    wire::cosmos::{
        base::v1beta1::Coin as WireCoin,
        feegrant::v1beta1::{AllowedMsgAllowance, BasicAllowance, PeriodicAllowance},
    },
};

use super::Error;
use crate::base::moment::Moment;

/// An allowance of any kind, unpacked.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Allowance {
    /// A sum, or no limit when there is none; until a time.
    Basic(BasicAllowance),
    /// A sum per period within a basic one.
    Periodic(PeriodicAllowance),
    /// Any other one, for messages of some types.
    Messages { inner: Box<Allowance>, allowed: Vec<String> },
}

/// What becomes of an allowance that paid a fee.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Remains,
    UsedUp,
}

/// Gas for each type of message that is compared.
const MESSAGE_GAS: u64 = 10;
/// Allowances may stand inside each other this deep.
const DEPTH_MAX: u8 = 8;

fn read<M: Message + Default>(value: &[u8]) -> Result<M> {
    M::decode(value).map_err(|it| Sdk::UnpackAny.wrap(it))
}

fn pack<M: Message + Name>(message: &M) -> Any {
    Any { type_url: M::type_url(), value: message.encode_to_vec() }
}

impl Allowance {
    /// `sdk/29` for what is no allowance; `feegrant/5` for none at all.
    pub(super) fn from_any(any: Option<&Any>) -> Result<Self> {
        Self::at_depth(any, 0)
    }

    fn at_depth(any: Option<&Any>, depth: u8) -> Result<Self> {
        let Some(Any { type_url, value }) = any else {
            return Err(Error::NoAllowance.wrap("allowance should not be empty"));
        };
        if depth > DEPTH_MAX {
            return Err(Sdk::InvalidType.wrap("allowances are nested too deeply"));
        }
        if *type_url == BasicAllowance::type_url() {
            return read(value).map(Self::Basic);
        }
        if *type_url == PeriodicAllowance::type_url() {
            return read(value).map(Self::Periodic);
        }
        if *type_url == AllowedMsgAllowance::type_url() {
            let it: AllowedMsgAllowance = read(value)?;
            let inner = Self::at_depth(it.allowance.as_ref(), depth.saturating_add(1))?;
            return Ok(Self::Messages { inner: Box::new(inner), allowed: it.allowed_messages });
        }
        Err(Sdk::InvalidType.wrap(format!("expected an allowance, got {type_url}")))
    }

    pub(super) fn to_any(&self) -> Any {
        match self {
            Self::Basic(it) => pack(it),
            Self::Periodic(it) => pack(it),
            Self::Messages { inner, allowed } => pack(&AllowedMsgAllowance {
                allowance: Some(inner.to_any()),
                allowed_messages: allowed.clone(),
            }),
        }
    }

    /// When it ends, if it does.
    pub(super) fn expiration(&self) -> Option<Timestamp> {
        match self {
            Self::Basic(it) => it.expiration,
            Self::Periodic(it) => it.basic.expiration,
            Self::Messages { inner, .. } => inner.expiration(),
        }
    }

    /// What must hold when it is granted.
    pub(super) fn validate(&self) -> Result {
        match self {
            Self::Basic(it) => validate_basic(it),
            Self::Periodic(it) => validate_periodic(it),
            Self::Messages { allowed, .. } if allowed.is_empty() => {
                Err(Error::NoMessages.wrap("allowed messages shouldn't be empty"))
            }
            Self::Messages { inner, .. } => inner.validate(),
        }
    }

    /// Takes a fee for messages of these types, or says why not. Refused, it must not be stored.
    pub(super) fn accept(&mut self, cx: &Ctx, fee: &Coins, msg_types: &[&str]) -> Result<Verdict> {
        match self {
            Self::Basic(it) => accept_basic(cx, it, fee),
            Self::Periodic(it) => accept_periodic(cx, it, fee),
            Self::Messages { inner, allowed } => {
                let compared = allowed.len().saturating_add(msg_types.len());
                let compared = u64::try_from(compared).unwrap_or(u64::MAX);
                cx.consume_gas(MESSAGE_GAS.saturating_mul(compared), "check msg")?;
                if !msg_types.iter().all(|it| allowed.iter().any(|allowed| allowed == it)) {
                    let text = "message does not exist in allowed messages";
                    return Err(Error::MessageNotAllowed.wrap(text));
                }
                inner.accept(cx, fee, msg_types)
            }
        }
    }
}

/// Coins that are valid and none of them zero; none at all is for the caller to judge.
fn limit(coins: &[WireCoin], what: &str) -> Result<Coins> {
    Coins::from_wire(coins).map_err(|error| Sdk::InvalidCoins.wrap(format!("{what}: {error}")))
}

fn validate_basic(it: &BasicAllowance) -> Result {
    limit(&it.spend_limit, "send amount is invalid")?;
    validate_time(it.expiration.as_ref())
}

fn validate_time(time: Option<&Timestamp>) -> Result {
    match time {
        Some(it) if it.seconds < 0 || !types::timestamp::is_valid(it) => {
            Err(Error::InvalidDuration.wrap("expiration time cannot be negative"))
        }
        _ => Ok(()),
    }
}

fn validate_periodic(it: &PeriodicAllowance) -> Result {
    validate_basic(&it.basic)?;
    let per_period = limit(&it.period_spend_limit, "spend amount is invalid")?;
    if per_period.is_empty() {
        return Err(Sdk::InvalidCoins.wrap("spend limit must be positive"));
    }
    limit(&it.period_can_spend, "can spend amount is invalid")?;
    let basic = limit(&it.basic.spend_limit, "send amount is invalid")?;
    if !basic.is_empty() && !per_period.denoms_subset_of(&basic) {
        let text = "period spend limit has different currency than basic spend limit";
        return Err(Sdk::InvalidCoins.wrap(text));
    }
    if it.period.seconds < 0 {
        return Err(Error::InvalidDuration.wrap("negative clock step"));
    }
    Ok(())
}

fn accept_basic(cx: &Ctx, it: &mut BasicAllowance, fee: &Coins) -> Result<Verdict> {
    if it.expiration.is_some_and(|at| Moment(at).is_before(&cx.time())) {
        return Err(Error::Expired.wrap("basic allowance"));
    }
    if it.spend_limit.is_empty() {
        return Ok(Verdict::Remains);
    }
    let left = take(&it.spend_limit, fee, "basic allowance")?;
    it.spend_limit = left.to_wire();
    Ok(verdict(&left))
}

fn accept_periodic(cx: &Ctx, it: &mut PeriodicAllowance, fee: &Coins) -> Result<Verdict> {
    if it.basic.expiration.is_some_and(|at| Moment(at).is_before(&cx.time())) {
        return Err(Error::Expired.wrap("fee allowance expired"));
    }
    begin_period(cx, it)?;
    it.period_can_spend = take(&it.period_can_spend, fee, "period limit")?.to_wire();
    if it.basic.spend_limit.is_empty() {
        return Ok(Verdict::Remains);
    }
    let left = take(&it.basic.spend_limit, fee, "absolute limit")?;
    it.basic.spend_limit = left.to_wire();
    Ok(verdict(&left))
}

fn take(limit: &[WireCoin], fee: &Coins, which: &str) -> Result<Coins> {
    Coins::from_wire(limit)?.sub(fee).map_err(|_| Error::LimitExceeded.wrap(which))
}

fn verdict(left: &Coins) -> Verdict {
    if left.is_empty() { Verdict::UsedUp } else { Verdict::Remains }
}

/// Fills up what can be spent once a period is over. The next one ends where it would have ended
/// anyway, or a whole period from now when even that is past.
fn begin_period(cx: &Ctx, it: &mut PeriodicAllowance) -> Result {
    let now = cx.time();
    if nanos(&now) < nanos(&it.period_reset) {
        return Ok(());
    }
    let basic = Coins::from_wire(&it.basic.spend_limit)?;
    let per_period = Coins::from_wire(&it.period_spend_limit)?;
    let fills = if !basic.is_empty() && !basic.covers(&per_period) { basic } else { per_period };
    it.period_can_spend = fills.to_wire();
    it.period_reset = after(&it.period_reset, &it.period)?;
    if nanos(&it.period_reset) < nanos(&now) {
        it.period_reset = after(&now, &it.period)?;
    }
    Ok(())
}

fn after(time: &Timestamp, span: &Duration) -> Result<Timestamp> {
    let end = nanos(time).saturating_add(
        i128::from(span.seconds)
            .saturating_mul(NANOS_PER_SECOND)
            .saturating_add(i128::from(span.nanos)),
    );
    let seconds = i64::try_from(end.div_euclid(NANOS_PER_SECOND));
    let nanos = i32::try_from(end.rem_euclid(NANOS_PER_SECOND));
    match (seconds, nanos) {
        (Ok(seconds), Ok(nanos)) => Ok(Timestamp { seconds, nanos }),
        _ => Err(Fault::from(Error::InvalidDuration)),
    }
}

const NANOS_PER_SECOND: i128 = 1_000_000_000;
