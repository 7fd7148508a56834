//! What holds after every block (chain.md 19, numbers 10 to 15).

use ledger::{Invariant, Result, View, holds};
use types::{Coins, Dec, DecCoin, DecCoins, wire::akash::escrow::types::v1::State};

use super::{
    state::{ACCOUNTS, Account, AccountId, PAYMENTS, Payment, find_account, payments_of},
    vault,
};
use crate::{
    bank,
    base::{money, number},
};

pub(super) const ALL: &[Invariant] = &[
    Invariant("the vault covers deposits and earnings", vault_covers_its_owners),
    Invariant("the books of every account balance", books_balance),
    Invariant("every payment has an account in its state", payments_have_accounts),
];

fn vault_covers_its_owners(view: &View) -> Result {
    let mut owed = DecCoins::default();
    for entry in ACCOUNTS.iter(view) {
        let (place, state) = entry?;
        for deposit in Account::at(&place, &state).deposits {
            owed = owed.add_coin(&deposit.balance).map_err(money)?;
        }
    }
    for entry in PAYMENTS.values(view) {
        let balance = DecCoin::try_from(&entry?.balance).map_err(money)?;
        owed = owed.add_coin(&balance).map_err(money)?;
    }
    let held: Coins = bank::balances(view, &vault())?;
    let covers = owed.iter().all(|it| Dec::from_int(held.amount_of(&it.denom)) >= it.amount);
    holds!(covers, "accounts and payments own {owed}, the vault holds {held}")
}

fn books_balance(view: &View) -> Result {
    for entry in ACCOUNTS.iter(view) {
        let (place, state) = entry?;
        let account = Account::at(&place, &state);
        let mut payments = Vec::new();
        if let AccountId::Deployment(_) = account.id {
            for state in [State::Open, State::Closed, State::Overdrawn] {
                payments.extend(payments_of(view, &account.id, state)?);
            }
        }
        funds_match_deposits(&account, &payments)?;
        transfers_arrive(&account, &payments)?;
        let past = account.settled_at <= view.height();
        holds!(past, "{} is settled at {}", account.id, account.settled_at)?;
    }
    Ok(())
}

fn sum(amounts: impl Iterator<Item = Dec>) -> Result<Dec> {
    let mut sum = Dec::ZERO;
    for amount in amounts {
        sum = sum.add(amount).map_err(number)?;
    }
    Ok(sum)
}

/// Funds are what is left of the deposits, or minus the debt of an overdrawn account.
fn funds_match_deposits(account: &Account, payments: &[Payment]) -> Result {
    let debt = sum(payments.iter().map(|it| it.unsettled))?;
    let indebted = payments.iter().all(|it| it.unsettled.is_zero() || it.state == State::Overdrawn);
    holds!(indebted, "{} has a debt that is not overdrawn", account.id)?;
    for (at, funds) in account.funds.iter().enumerate() {
        let of_denom = account.deposits.iter().filter(|it| it.balance.denom == funds.denom);
        let left = sum(of_denom.map(|it| it.balance.amount))?;
        let expected = if account.state == State::Overdrawn && at == 0 { -debt } else { left };
        let closed_has_none = account.state == State::Open || account.deposits.is_empty();
        holds!(
            funds.amount == expected && closed_has_none,
            "{} has funds of {funds}, expected {expected}",
            account.id
        )?;
    }
    Ok(())
}

/// What left the account arrived at its payments. They are in the denomination that decides
/// settlement; nothing else is transferred.
fn transfers_arrive(account: &Account, payments: &[Payment]) -> Result {
    let paid = payments.iter().flat_map(|it| [it.balance, Dec::from_int(it.withdrawn)]);
    let arrived = sum(paid)?;
    let mut left = account.transferred.iter().map(|it| it.amount);
    let first = left.next().unwrap_or_default();
    holds!(
        first == arrived && left.all(|it| it.is_zero()),
        "{} transferred {first}, its payments got {arrived}",
        account.id
    )
}

fn payments_have_accounts(view: &View) -> Result {
    for entry in PAYMENTS.iter(view) {
        let (place, state) = entry?;
        let payment = Payment::at(&place, &state);
        let account = find_account(view, &AccountId::Deployment(payment.id.deployment()))?;
        let agrees =
            account.is_some_and(|it| payment.state == State::Closed || payment.state == it.state);
        holds!(agrees, "{} is {:?}, its account is not", payment.id, payment.state)?;
    }
    Ok(())
}
