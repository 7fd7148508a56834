//! Calls open to other modules: draw, create, settle, withdraw, close (chain.md 6.3 to 6.10).
//!
//! Money moves in whole units, between accounts of `bank` and the vault only. What the market has
//! to know, that a deployment ran out of money or was closed, is a return value: [`Outcome`].

use ledger::{Ctx, Module, Result};
use types::{
    Address, Coin, Coins, Dec, DecCoin, Int,
    ids::{DeploymentId, LeaseId},
    wire::akash::{
        base::deposit::v1::{self as wire, Source},
        escrow::types::v1::State,
    },
};

use super::{
    Error, Escrow, fallback,
    state::{
        Account, AccountId, Deposit, Payment, find_account, find_payment, payments_of,
        store_account, store_payment,
    },
    vault,
};
use crate::{
    authz::{self, deposit::Scope},
    bank,
    base::{self, number},
};

/// A deployment whose account this call closed or found overdrawn, if it did. Whoever calls
/// closes what the account paid for (chain.md 7.1).
#[must_use = "the market closes what the account paid for"]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome(pub Option<Ended>);

/// See [`Outcome`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ended {
    pub deployment: DeploymentId,
    /// The money ran out; otherwise the account was closed on purpose.
    pub overdrawn: bool,
}

/// Decides who pays a deposit, source by source in the order given (chain.md 6.3). Nothing moves
/// yet. `market/28` when the sources do not reach.
pub fn draw(
    cx: &mut Ctx,
    signer: &Address,
    scope: Scope,
    deposit: &wire::Deposit,
) -> Result<Vec<Deposit>> {
    let denom = &deposit.amount.denom;
    let mut missing = Int::from_wire(&deposit.amount.amount).map_err(number)?;
    if missing.is_negative() || missing.to_i64().is_err() {
        return Err(Error::InvalidDeposit.wrap("amount is negative or does not fit 64 bits"));
    }
    let mut drawn = Vec::new();
    for source in &deposit.sources {
        match Source::try_from(*source) {
            Ok(Source::Balance) => {
                let spendable = bank::spendable_of(cx, signer, denom)?;
                if spendable.is_positive() {
                    let part = spendable.min(missing);
                    missing = missing.sub(part).map_err(number)?;
                    drawn.push(Deposit {
                        owner: signer.clone(),
                        height: cx.height(),
                        source: Source::Balance,
                        balance: DecCoin::new(denom, Dec::from_int(part)),
                    });
                }
            }
            Ok(Source::Grant) => {
                for (granter, part) in authz::deposit::draw(cx, signer, scope, denom, missing)? {
                    missing = missing.sub(part).map_err(number)?;
                    drawn.push(Deposit {
                        owner: granter,
                        height: cx.height(),
                        source: Source::Grant,
                        balance: DecCoin::new(denom, Dec::from_int(part)),
                    });
                }
            }
            Ok(Source::Invalid) | Err(_) => return Err(base::Error::InvalidDepositSource.into()),
        }
        if missing.is_zero() {
            break;
        }
    }
    if missing.is_zero() { Ok(drawn) } else { Err(base::deposit::insufficient()) }
}

/// Opens an account and moves its first deposits into the vault (chain.md 6.4).
pub fn create(cx: &mut Ctx, id: AccountId, owner: Address, deposits: Vec<Deposit>) -> Result {
    if find_account(cx, &id)?.is_some() {
        return Err(Error::AccountExists.into());
    }
    let mut account = Account {
        id,
        owner,
        state: State::Open,
        transferred: Vec::new(),
        settled_at: cx.height(),
        funds: Vec::new(),
        deposits: Vec::new(),
    };
    add_deposits(cx, &mut account, deposits)?;
    store_account(cx, &account, None)
}

/// Adds deposits that were drawn. An overdrawn account pays its debts from them and, when all are
/// paid, closes; what is left goes back (chain.md 6.11). No market object changes by it: what an
/// overdrawn account paid for was closed when the money ran out.
pub fn deposit(cx: &mut Ctx, id: &AccountId, deposits: Vec<Deposit>) -> Result {
    let mut account = load_account(cx, id)?;
    let was = account.state;
    if was == State::Closed {
        return Err(Error::AccountClosed.into());
    }
    let debt = account.funds.first().filter(|it| it.amount.is_negative());
    if debt.is_some_and(|debt| deposits.iter().any(|it| it.balance.denom != debt.denom)) {
        // It could pay no debt and would go back at once (D-15).
        return Err(Error::InvalidDenomination.into());
    }
    add_deposits(cx, &mut account, deposits)?;
    if was == State::Open {
        return store_account(cx, &account, Some(was));
    }
    let (mut payments, overdrawn) = settle(cx, &mut account)?;
    for payment in &mut payments {
        close_open(cx, payment)?;
    }
    if !overdrawn {
        account.state = State::Closed;
    }
    // The deployment ended when the account was found overdrawn.
    let Outcome(_) = save(cx, account, was, &payments)?;
    Ok(())
}

/// Closes an account: what was earned is paid, the rest returns to the depositors (chain.md 6.7).
/// A shortage found on the way leaves it overdrawn instead, which is no error.
pub fn close_account(cx: &mut Ctx, id: &AccountId) -> Result<Outcome> {
    let mut account = load_account(cx, id)?;
    let was = account.state;
    if was == State::Closed {
        return Err(Error::AccountClosed.into());
    }
    let (mut payments, _) = settle(cx, &mut account)?;
    if account.state == State::Open {
        account.state = State::Closed;
    }
    for payment in &mut payments {
        close_open(cx, payment)?;
    }
    save(cx, account, was, &payments)
}

/// Starts paying for a lease (chain.md 6.6). The account must not be short of money.
pub fn create_payment(cx: &mut Ctx, id: &LeaseId, owner: Address, rate: &DecCoin) -> Result {
    let mut account = load_account(cx, &AccountId::Deployment(id.deployment()))?;
    let was = account.state;
    let (payments, overdrawn) = settle(cx, &mut account)?;
    if overdrawn {
        return Err(Error::AccountOverdrawn.into());
    }
    if account.funds.first().is_none_or(|it| it.denom != rate.denom) {
        return Err(Error::InvalidDenomination.into());
    }
    if rate.is_zero() {
        return Err(Error::PaymentRateZero.into());
    }
    if find_payment(cx, id)?.is_some() {
        return Err(Error::PaymentExists.into());
    }
    // The account is still open, so no deployment ended.
    let Outcome(_) = save(cx, account, was, &payments)?;
    let payment = Payment {
        id: id.clone(),
        owner,
        state: State::Open,
        denom: rate.denom.clone(),
        rate: rate.amount,
        balance: Dec::ZERO,
        unsettled: Dec::ZERO,
        withdrawn: Int::ZERO,
    };
    store_payment(cx, &payment, None)
}

/// Pays out what a lease has earned (chain.md 6.8).
pub fn withdraw_payment(cx: &mut Ctx, id: &LeaseId) -> Result<Outcome> {
    let mut account = load_account(cx, &AccountId::Deployment(id.deployment()))?;
    let payment = load_payment(cx, id)?;
    if payment.state != State::Open {
        return Err(Error::PaymentClosed.into());
    }
    let was = account.state;
    let (mut payments, overdrawn) = settle(cx, &mut account)?;
    if !overdrawn {
        for payment in payments.iter_mut().filter(|it| it.id == *id) {
            withdraw(cx, payment)?;
        }
    }
    save(cx, account, was, &payments)
}

/// Stops paying for a lease and pays out what it has earned (chain.md 6.9). The account stays.
pub fn close_payment(cx: &mut Ctx, id: &LeaseId) -> Result<Outcome> {
    let mut account = load_account(cx, &AccountId::Deployment(id.deployment()))?;
    let payment = load_payment(cx, id)?;
    if payment.state == State::Closed {
        return Err(Error::PaymentClosed.into());
    }
    let was = account.state;
    let (mut payments, _) = settle(cx, &mut account)?;
    for payment in payments.iter_mut().filter(|it| it.id == *id) {
        close_open(cx, payment)?;
    }
    save(cx, account, was, &payments)
}

fn load_account(cx: &Ctx, id: &AccountId) -> Result<Account> {
    find_account(cx, id)?.ok_or_else(|| Error::AccountNotFound.into())
}

fn load_payment(cx: &Ctx, id: &LeaseId) -> Result<Payment> {
    find_payment(cx, id)?.ok_or_else(|| Error::PaymentNotFound.into())
}

fn add_deposits(cx: &mut Ctx, account: &mut Account, deposits: Vec<Deposit>) -> Result {
    for deposit in &deposits {
        let amount = whole(&deposit.balance)?;
        let funds = entry(&mut account.funds, &deposit.balance.denom);
        if funds.amount.is_negative() {
            // The debt is kept by the payments.
            funds.amount = Dec::ZERO;
        }
        funds.amount = funds.amount.add(deposit.balance.amount).map_err(number)?;
        entry(&mut account.transferred, &deposit.balance.denom);
        take(cx, &deposit.owner, amount)?;
    }
    account.deposits.extend(deposits);
    Ok(())
}

/// Charges the account up to this block and credits its payments (chain.md 6.6). Returns every
/// payment it touched, not yet stored, and whether the account is overdrawn. Of an overdrawn
/// account all payments are paid out at once.
fn settle(cx: &mut Ctx, account: &mut Account) -> Result<(Vec<Payment>, bool)> {
    if account.state == State::Closed {
        return Err(Error::AccountClosed.into());
    }
    if account.funds.first().is_some_and(|it| it.amount.is_negative()) {
        return Ok((Vec::new(), true));
    }
    let mut payments = payments_of(cx, &account.id, State::Overdrawn)?;
    payments.extend(payments_of(cx, &account.id, State::Open)?);
    let was = account.state;
    let short = charge(account, &mut payments, cx.height())?;
    let overdrawn = short && !fallback::cover(cx, account, was, &mut payments)?;
    if overdrawn {
        for payment in &mut payments {
            withdraw(cx, payment)?;
        }
    }
    Ok((payments, overdrawn))
}

/// The arithmetic of a settlement at `height`: debts of overdrawn payments, then what open ones
/// accrued, each cut to whole units, in the order of the payments. True when the money ran out.
pub(super) fn charge(account: &mut Account, payments: &mut [Payment], height: i64) -> Result<bool> {
    let mut blocks = 0;
    if account.state != State::Overdrawn {
        blocks = height
            .checked_sub(account.settled_at)
            .filter(|it| *it >= 0)
            .ok_or_else(|| Error::InvalidSettlement.wrap("settled at a later height"))?;
        account.settled_at = height;
    }
    let mut short = false;
    for payment in payments.iter_mut() {
        let owed = match payment.state {
            State::Overdrawn => std::mem::take(&mut payment.unsettled),
            _ => payment.rate.mul_int(blocks).map_err(number)?.truncate(),
        };
        let paid = deduct(account, &payment.denom, owed)?;
        payment.balance = payment.balance.add(paid).map_err(number)?;
        payment.unsettled = owed.sub(paid).map_err(number)?;
        short |= !payment.unsettled.is_zero();
    }
    let state = if short { State::Overdrawn } else { State::Open };
    for payment in payments {
        payment.state = state;
    }
    if short {
        account.state = State::Overdrawn;
    }
    Ok(short)
}

/// Takes `owed` from the deposits, first in first out. What is not there becomes debt. Returns
/// what was taken.
pub(super) fn deduct(account: &mut Account, denom: &str, owed: Dec) -> Result<Dec> {
    let mut missing = owed;
    for deposit in account.deposits.iter_mut().filter(|it| it.balance.denom == denom) {
        let part = deposit.balance.amount.min(missing);
        deposit.balance.amount = deposit.balance.amount.sub(part).map_err(number)?;
        missing = missing.sub(part).map_err(number)?;
        if missing.is_zero() {
            break;
        }
    }
    account.deposits.retain(|it| !it.balance.is_zero());
    let taken = owed.sub(missing).map_err(number)?;
    let transferred = entry(&mut account.transferred, denom);
    transferred.amount = transferred.amount.add(taken).map_err(number)?;
    let funds = entry(&mut account.funds, denom);
    funds.amount = funds.amount.sub(owed).map_err(number)?;
    Ok(taken)
}

/// The entry of a denomination; a new one goes to the end.
pub(super) fn entry<'a>(coins: &'a mut Vec<DecCoin>, denom: &str) -> &'a mut DecCoin {
    let at = coins.iter().position(|it| it.denom == denom).unwrap_or(coins.len());
    if at == coins.len() {
        coins.push(DecCoin::new(denom, Dec::ZERO));
    }
    #[expect(clippy::indexing_slicing, reason = "found or pushed above")]
    &mut coins[at]
}

/// Pays out the whole units of the balance.
fn withdraw(cx: &mut Ctx, payment: &mut Payment) -> Result {
    let earned = whole(&DecCoin::new(&payment.denom, payment.balance))?;
    if earned.is_zero() {
        return Ok(());
    }
    payment.withdrawn = payment.withdrawn.add(earned.amount).map_err(number)?;
    payment.balance = payment.balance.sub(Dec::from_int(earned.amount)).map_err(number)?;
    pay(cx, &payment.owner, earned)
}

fn close_open(cx: &mut Ctx, payment: &mut Payment) -> Result {
    if payment.state == State::Open {
        payment.state = State::Closed;
    }
    withdraw(cx, payment)
}

/// Stores an account, refunding what is left in it unless it is open, then its payments
/// (chain.md 6.10).
fn save(cx: &mut Ctx, mut account: Account, was: State, payments: &[Payment]) -> Result<Outcome> {
    if account.state != State::Open {
        for deposit in std::mem::take(&mut account.deposits) {
            let funds = entry(&mut account.funds, &deposit.balance.denom);
            funds.amount = funds.amount.sub(deposit.balance.amount).map_err(number)?;
            let rest = whole(&deposit.balance)?;
            pay(cx, &deposit.owner, rest.clone())?;
            if deposit.source == Source::Grant && !rest.is_zero() {
                authz::deposit::refund(cx, &deposit.owner, &account.owner, &rest)?;
            }
        }
    }
    store_account(cx, &account, Some(was))?;
    for payment in payments {
        let stored = find_payment(cx, &payment.id)?.map(|it| it.state);
        store_payment(cx, payment, stored)?;
    }
    let ended = match account.id {
        AccountId::Deployment(deployment) if account.state != was => {
            Some(Ended { deployment, overdrawn: account.state == State::Overdrawn })
        }
        _ => None,
    };
    Ok(Outcome(ended))
}

pub(super) fn whole(amount: &DecCoin) -> Result<Coin> {
    Ok(Coin::new(&amount.denom, amount.amount.truncate_int().map_err(number)?))
}

/// Into the vault.
fn take(cx: &mut Ctx, from: &Address, amount: Coin) -> Result {
    if amount.is_zero() {
        return Ok(());
    }
    let amount = Coins::new([amount]).map_err(base::money)?;
    bank::send_to_module(cx, from, Escrow::NAME, &amount)
}

/// Out of the vault, also to an account that users may not send to: whoever paid in is paid back.
pub(super) fn pay(cx: &mut Ctx, to: &Address, amount: Coin) -> Result {
    if amount.is_zero() {
        return Ok(());
    }
    let amount = Coins::new([amount]).map_err(base::money)?;
    bank::send(cx, &vault(), to, &amount)
}
