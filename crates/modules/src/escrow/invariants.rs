//! What holds after every block (chain.md 19, numbers 10 to 15).

use std::collections::BTreeMap;

use ledger::{Fault, Invariant, Result, View, holds};
use types::{
    Coins, Dec, DecCoin, DecCoins, Int,
    wire::akash::escrow::types::v1::{AccountState, PaymentState, State},
};

use super::{
    state::{ACCOUNTS, PAYMENTS, Place, byte},
    vault,
};
use crate::{
    bank,
    base::{money, number},
};

pub(super) const ALL: &[Invariant] = &[
    Invariant("the vault covers deposits and earnings", vault_covers_its_owners),
    Invariant("the books of every account balance", books_balance),
];

fn vault_covers_its_owners(view: &View) -> Result {
    let mut owed = DecCoins::default();
    for state in ACCOUNTS.values(view) {
        for deposit in state?.deposits {
            let left = DecCoin::try_from(&deposit.balance).map_err(money)?;
            owed = owed.add_coin(&left).map_err(money)?;
        }
    }
    for state in PAYMENTS.values(view) {
        let balance = DecCoin::try_from(&state?.balance).map_err(money)?;
        owed = owed.add_coin(&balance).map_err(money)?;
    }
    let held: Coins = bank::balances(view, &vault())?;
    let covers = owed.iter().all(|it| Dec::from_int(held.amount_of(&it.denom)) >= it.amount);
    holds!(covers, "accounts and payments own {owed}, the vault holds {held}")
}

fn books_balance(view: &View) -> Result {
    let mut payments: BTreeMap<String, Vec<PaymentState>> = BTreeMap::new();
    for entry in PAYMENTS.iter(view) {
        let (Place { state, text }, payment) = entry?;
        in_place(&text, state, payment.state)?;
        // Group, order and provider stand behind the account's own text.
        let account = text.rsplitn(4, '/').last().unwrap_or_default();
        payments.entry(account.to_owned()).or_default().push(payment);
    }
    for entry in ACCOUNTS.iter(view) {
        let (Place { state, text }, account) = entry?;
        in_place(&text, state, account.state)?;
        let own = payments.remove(&text).unwrap_or_default();
        funds_match_deposits(&text, &account, &own)?;
        transfers_arrive(&text, &account, &own)?;
        states_agree(&text, &account, &own)?;
        let past = account.settled_at <= view.height();
        holds!(past, "{text} is settled at {}", account.settled_at)?;
    }
    holds!(payments.is_empty(), "payments without an account: {:?}", payments.keys())
}

/// An object lives under its own state.
fn in_place(text: &str, place: u8, state: i32) -> Result {
    holds!(i32::from(place) == state, "{text} in state {state} lives under {place}")
}

fn dec(text: &str) -> Result<Dec> {
    Dec::from_wire_or_zero(text).map_err(number)
}

fn sum(amounts: impl Iterator<Item = Result<Dec>>) -> Result<Dec> {
    let mut sum = Dec::ZERO;
    for amount in amounts {
        sum = sum.add(amount?).map_err(number)?;
    }
    Ok(sum)
}

fn is(state: i32, expected: State) -> bool {
    state == i32::from(byte(expected))
}

/// What pays a shortage while minting is halted: it leaves the account beside the payments' books.
const FALLBACK: &str = "uakt";

/// Whether a shortage was paid in part: then the account keeps the debt it had before.
fn fell_back(account: &AccountState) -> Result<bool> {
    let others = account.transferred.iter().skip(1).find(|it| it.denom == FALLBACK);
    Ok(others.map(|it| dec(&it.amount)).transpose()?.is_some_and(|it| it.is_positive()))
}

/// Funds are what is left of the deposits, or minus the debt of an overdrawn account.
fn funds_match_deposits(text: &str, account: &AccountState, payments: &[PaymentState]) -> Result {
    let debt = sum(payments.iter().map(|it| dec(&it.unsettled.amount)))?;
    let empty = is(account.state, State::Open) || account.deposits.is_empty();
    holds!(empty, "{text} has ended and still holds deposits")?;
    for (at, funds) in account.funds.iter().enumerate() {
        let of_denom = account.deposits.iter().filter(|it| it.balance.denom == funds.denom);
        let left = sum(of_denom.map(|it| dec(&it.balance.amount)))?;
        let indebted = is(account.state, State::Overdrawn) && at == 0;
        let expected = if indebted { -debt } else { left };
        let found = dec(&funds.amount)?;
        let agrees = found == expected || indebted && found < expected && fell_back(account)?;
        holds!(agrees, "{text} has {found}{}, expected {expected}", funds.denom)?;
    }
    Ok(())
}

/// What left the account arrived at its payments. They are in the denomination that decides
/// settlement; nothing else is transferred but what covers a shortage.
fn transfers_arrive(text: &str, account: &AccountState, payments: &[PaymentState]) -> Result {
    let arrived = sum(payments.iter().flat_map(|it| {
        let withdrawn = Int::from_wire_or_zero(&it.withdrawn.amount).map_err(number);
        [dec(&it.balance.amount), withdrawn.map(Dec::from_int)]
    }))?;
    let mut left = account.transferred.iter();
    let first = left.next().map(|it| dec(&it.amount)).transpose()?.unwrap_or_default();
    let nothing_else =
        left.all(|it| it.denom == FALLBACK || dec(&it.amount).is_ok_and(|it| it.is_zero()));
    holds!(
        first == arrived && nothing_else,
        "{text} transferred {first}, its payments got {arrived}"
    )
}

/// A payment that has not ended is in the state of its account; only an overdrawn one owes.
fn states_agree(text: &str, account: &AccountState, payments: &[PaymentState]) -> Result {
    for payment in payments {
        let ended = is(payment.state, State::Closed);
        let agrees = ended || payment.state == account.state;
        let clear =
            is(payment.state, State::Overdrawn) || dec(&payment.unsettled.amount)?.is_zero();
        if !(agrees && clear) {
            let why = format!("{text} in state {} has payment {payment:?}", account.state);
            return Err(Fault::plain(why));
        }
    }
    Ok(())
}
