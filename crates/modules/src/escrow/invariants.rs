//! What holds after every block (chain.md 19, numbers 10 to 15).

use ledger::{Fault, Invariant, Result, View, holds};
use types::{Coins, Dec, DecCoin, DecCoins, wire::akash::escrow::types::v1::State};

use super::{
    state::{ACCOUNTS, Account, AccountId, PAYMENTS, Payment, find_account, payments_of},
    vault,
};
use crate::{
    bank,
    base::money,
};

pub(super) const ALL: &[Invariant] = &[
    Invariant("the vault covers deposits and earnings", vault_covers_its_owners),
    Invariant("funds are what is left of the deposits, or minus the debt", funds_match_deposits),
    Invariant("what left an account arrived at its payments", transfers_arrive),
    Invariant("only overdrawn payments are in debt", debts_are_overdrawn),
    Invariant("no account is settled in the future", settled_until_now),
];

fn accounts(view: &View) -> impl Iterator<Item = Result<Account>> {
    ACCOUNTS.iter(view).map(|it| it.map(|(place, state)| Account::at(&place, &state)))
}

fn payments(view: &View) -> impl Iterator<Item = Result<Payment>> {
    PAYMENTS.iter(view).map(|it| it.map(|(place, state)| Payment::at(&place, &state)))
}

fn vault_covers_its_owners(view: &View) -> Result {
    let mut owed = DecCoins::default();
    for account in accounts(view) {
        for deposit in account?.deposits {
            owed = owed.add_coin(&deposit.balance).map_err(money)?;
        }
    }
    for payment in payments(view) {
        let payment = payment?;
        if !payment.balance.is_zero() {
            let earned = DecCoin::new(&payment.denom, payment.balance);
            owed = owed.add_coin(&earned).map_err(money)?;
        }
    }
    let held: Coins = bank::balances(view, &vault())?;
    let covers = owed.iter().all(|it| Dec::from_int(held.amount_of(&it.denom)) >= it.amount);
    holds!(covers, "accounts and payments own {owed}, the vault holds {held}")
}

fn funds_match_deposits(view: &View) -> Result {
    for account in accounts(view) {
        let account = account?;
        let mut debt = Dec::ZERO;
        for payment in payments_under(view, &account.id, State::Overdrawn)? {
            debt = debt.add(payment.unsettled).map_err(crate::base::number)?;
        }
        for (at, funds) in account.funds.iter().enumerate() {
            let mut left = Dec::ZERO;
            for deposit in account.deposits.iter().filter(|it| it.balance.denom == funds.denom) {
                left = left.add(deposit.balance.amount).map_err(crate::base::number)?;
            }
            let expected = if account.state == State::Overdrawn && at == 0 { -debt } else { left };
            let closed_has_none = account.state == State::Open || account.deposits.is_empty();
            holds!(
                funds.amount == expected && closed_has_none,
                "{} has funds of {funds}, expected {expected}",
                account.id
            )?;
        }
    }
    Ok(())
}

fn transfers_arrive(view: &View) -> Result {
    for account in accounts(view) {
        let account = account?;
        let mut arrived = Dec::ZERO;
        for state in [State::Open, State::Closed, State::Overdrawn] {
            for payment in payments_under(view, &account.id, state)? {
                let earned = payment.balance.add(Dec::from_int(payment.withdrawn));
                arrived = earned.and_then(|it| arrived.add(it)).map_err(crate::base::number)?;
            }
        }
        // Payments are in the denomination that decides settlement; nothing else is transferred.
        let mut left = account.transferred.iter().map(|it| it.amount);
        let first = left.next().unwrap_or_default();
        holds!(
            first == arrived && left.all(|it| it.is_zero()),
            "{} transferred {first}, its payments got {arrived}",
            account.id
        )?;
    }
    Ok(())
}

fn payments_under(view: &View, id: &AccountId, state: State) -> Result<Vec<Payment>> {
    match id {
        AccountId::Deployment(_) => payments_of(view, id, state),
        AccountId::Bid(_) => Ok(Vec::new()),
    }
}

fn debts_are_overdrawn(view: &View) -> Result {
    for payment in payments(view) {
        let payment = payment?;
        let clear = payment.unsettled.is_zero() || payment.state == State::Overdrawn;
        holds!(clear, "{} owes {} in state {:?}", payment.id, payment.unsettled, payment.state)?;
        let account = find_account(view, &AccountId::Deployment(payment.id.deployment()))?
            .ok_or_else(|| Fault::plain(format!("payment {} has no account", payment.id)))?;
        let agrees = payment.state == State::Closed || payment.state == account.state;
        holds!(agrees, "{} is {:?}, its account {:?}", payment.id, payment.state, account.state)?;
    }
    Ok(())
}

fn settled_until_now(view: &View) -> Result {
    for account in accounts(view) {
        let account = account?;
        let past = account.settled_at <= view.height();
        holds!(past, "{} is settled at {}", account.id, account.settled_at)?;
    }
    Ok(())
}
