//! Grants for deposits into escrow (chain.md 6.3, 6.5, 6.10): drawn from when a tenant or provider
//! pays with somebody else's money, raised again when it comes back.
//!
//! Called by: escrow. The errors are escrow's, which stands above this module.

use std::collections::BTreeSet;

use ledger::{Ctx, Result, Sdk};
use prost::{Message, Name};
use prost_types::Any;
use types::{
    Address, Coin, Coins, Int,
    wire::{
        akash::{
            deployment::v1beta4::MsgCreateDeployment,
            escrow::{
                id::v1::Scope as AccountScope,
                v1::{DepositAuthorization, MsgAccountDeposit},
            },
            market::v1beta5::MsgCreateBid,
        },
        cosmos::base::v1beta1 as wire,
    },
};

pub use types::wire::akash::escrow::v1::deposit_authorization::Scope;

use super::{GrantId, authorization::Authorization, find, save, state::next_granter};
use crate::{
    base::{money, number},
    limits,
};

mod escrow {
    ledger::errors_in! { "escrow";
        15 UnauthorizedScope "unauthorized deposit scope" => PermissionDenied,
        17 InvalidScope "invalid authz scope" => InvalidArgument,
    }
}

/// The denomination in which the old, single limit says that it is not used.
const LEGACY_DENOM: &str = "uakt";

/// How much of a deposit a grant has to cover.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// All of it, `sdk/5` otherwise.
    Whole,
    /// As much as it can.
    AsFarAsItGoes,
}

/// What must hold when it is granted.
pub(super) fn validate(it: &DepositAuthorization) -> Result {
    use escrow::Error::InvalidScope;
    if it.scopes.is_empty() {
        return Err(InvalidScope.wrap("empty scope"));
    }
    let mut seen = BTreeSet::new();
    for number in &it.scopes {
        let name =
            Scope::try_from(*number).map_or(number.to_string(), |it| it.as_str_name().into());
        if !matches!(Scope::try_from(*number), Ok(Scope::Deployment | Scope::Bid)) {
            return Err(InvalidScope.wrap(format!("invalid scope {name:?}")));
        }
        if !seen.insert(number) {
            return Err(InvalidScope.wrap(format!("duplicate scope {name:?}")));
        }
    }
    let legacy = Coin::try_from(&it.spend_limit);
    let Some(legacy) = legacy.ok().filter(|it| it.validate().is_ok()) else {
        return Err(Sdk::InvalidCoins.wrap("spend limit is not valid"));
    };
    if !legacy.is_zero() {
        return Err(Sdk::InvalidCoins.wrap("spend limit is deprecated and must be zero"));
    }
    if Coins::from_wire(&it.spend_limits).is_err() {
        return Err(Sdk::InvalidCoins.wrap("spend limits are not valid"));
    }
    Ok(())
}

/// The limits, the legacy one among them.
fn limits(it: &DepositAuthorization) -> Result<Coins> {
    let limits = Coins::sum_of_wire(&it.spend_limits).map_err(money)?;
    match Coin::try_from(&it.spend_limit) {
        Ok(legacy) if legacy.is_positive() => limits.add_coin(&legacy).map_err(money),
        _ => Ok(limits),
    }
}

fn with_limits(it: &DepositAuthorization, limits: &Coins) -> DepositAuthorization {
    DepositAuthorization {
        spend_limit: wire::Coin { denom: LEGACY_DENOM.to_owned(), amount: "0".to_owned() },
        scopes: it.scopes.clone(),
        spend_limits: limits.to_wire(),
    }
}

/// Scope and amount of the deposit that a message makes.
pub(super) fn asked(message: &Any) -> Result<(Scope, wire::Coin)> {
    fn read<M: Message + Default>(value: &[u8]) -> Result<M> {
        M::decode(value).map_err(|it| Sdk::UnpackAny.wrap(it))
    }
    let Any { type_url, value } = message;
    match type_url.as_str() {
        it if it == MsgAccountDeposit::type_url() => {
            let it: MsgAccountDeposit = read(value)?;
            let scope = match AccountScope::try_from(it.id.scope) {
                Ok(AccountScope::Deployment) => Scope::Deployment,
                Ok(AccountScope::Bid) => Scope::Bid,
                _ => return Err(escrow::Error::UnauthorizedScope.into()),
            };
            Ok((scope, it.deposit.amount))
        }
        it if it == MsgCreateDeployment::type_url() => {
            let it: MsgCreateDeployment = read(value)?;
            Ok((Scope::Deployment, it.deposit.amount))
        }
        it if it == MsgCreateBid::type_url() => {
            let it: MsgCreateBid = read(value)?;
            Ok((Scope::Bid, it.deposit.amount))
        }
        it => {
            let text = format!("{it:?} is unsupported authorization msg for deposit");
            Err(Sdk::InvalidType.wrap(text))
        }
    }
}

/// What a grant gives to a deposit and what is left of it; none when it has no limit in that
/// denomination.
pub(super) fn accept(
    it: &DepositAuthorization,
    scope: Scope,
    amount: &wire::Coin,
    part: Part,
) -> Result<Option<(Int, DepositAuthorization)>> {
    if !it.scopes.contains(&i32::from(scope)) {
        return Err(escrow::Error::UnauthorizedScope.into());
    }
    let limits = limits(it)?;
    let limit = limits.amount_of(&amount.denom);
    if limit.is_zero() {
        return Ok(None);
    }
    let wanted = Int::from_wire(&amount.amount).map_err(number)?;
    if wanted.is_negative() {
        return Err(Sdk::InvalidCoins.wrap(format!("negative coin amount: {wanted}")));
    }
    if limit < wanted && part == Part::Whole {
        return Err(Sdk::InsufficientFunds.into());
    }
    let given = wanted.min(limit);
    let left = limits.sub_coin(&Coin::new(amount.denom.clone(), given)).map_err(money)?;
    Ok(Some((given, with_limits(it, &left))))
}

/// Takes up to `missing` of a denomination from the grants that others gave to `grantee`, in the
/// order of their addresses (chain.md 6.3), and says who gives how much. No coin moves. A grant
/// stays even when its limit is used up: what comes back is booked on it.
pub fn draw(
    cx: &mut Ctx,
    grantee: &Address,
    scope: Scope,
    denom: &str,
    missing: Int,
) -> Result<Vec<(Address, Int)>> {
    let msg_type = MsgAccountDeposit::type_url();
    let (mut missing, mut drawn) = (missing, Vec::new());
    let mut last = None;
    // Bounded by the gas of the transaction, as every entry costs some.
    while missing.is_positive() {
        let Some(granter) = next_granter(cx, grantee, &msg_type, last.as_ref())? else { break };
        let id = GrantId::new(granter.clone(), grantee.clone(), &*msg_type);
        last = Some(granter.clone());
        // Who is under a rule spends by it alone.
        if limits::governs(cx, &granter, grantee)? {
            continue;
        }
        let Some(grant) = find(cx, &id)? else { continue };
        // A grant that expires with this block cannot be written any more.
        if grant.expiration.is_some_and(|it| !is_later(&it, cx)) {
            continue;
        }
        let Ok(Authorization::Deposit(it)) = Authorization::from_any(grant.authorization.as_ref())
        else {
            continue;
        };
        let wanted = wire::Coin { denom: denom.to_owned(), amount: missing.to_string() };
        let Ok(Some((given, rest))) = accept(&it, scope, &wanted, Part::AsFarAsItGoes) else {
            continue;
        };
        if given.is_zero() {
            continue;
        }
        save(cx, &id, Authorization::Deposit(rest).to_any(), grant.expiration)?;
        missing = missing.sub(given).map_err(number)?;
        drawn.push((granter, given));
    }
    Ok(drawn)
}

fn is_later(time: &prost_types::Timestamp, cx: &Ctx) -> bool {
    ledger::nanos(time) > cx.unix_nanos()
}

/// Raises the limit of the grant that a deposit came from by what returns of it (chain.md 6.10).
/// A grant that was revoked or has expired meanwhile stays away; the coins return all the same.
pub fn refund(cx: &mut Ctx, granter: &Address, grantee: &Address, coin: &Coin) -> Result {
    let id = GrantId::new(granter.clone(), grantee.clone(), MsgAccountDeposit::type_url());
    let Some(grant) = find(cx, &id)? else { return Ok(()) };
    if grant.expiration.is_some_and(|it| !is_later(&it, cx)) {
        return Ok(());
    }
    let Ok(Authorization::Deposit(it)) = Authorization::from_any(grant.authorization.as_ref())
    else {
        return Ok(());
    };
    let limits = limits(&it)?.add_coin(coin).map_err(money)?;
    let raised = Authorization::Deposit(with_limits(&it, &limits)).to_any();
    save(cx, &id, raised, grant.expiration)
}
