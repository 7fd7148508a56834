//! Import without refunds and hooks, export of everything (chain.md 18; D-24).

use std::collections::BTreeSet;

use ledger::{Ctx, Result, View};
use types::{
    Dec,
    wire::akash::escrow::{types::v1::State, v1::GenesisState},
};

use super::{
    Error,
    state::{
        ACCOUNTS, Account, AccountId, PAYMENTS, Payment, find_account, lease_of, store_account,
        store_payment,
    },
};

pub(super) fn init(cx: &mut Ctx, genesis: &GenesisState) -> Result {
    let mut seen = BTreeSet::new();
    for account in &genesis.accounts {
        let account = Account::parse(AccountId::try_from(&account.id)?, &account.state)?;
        if !seen.insert(account.id.to_string()) {
            return Err(Error::AccountExists.wrap(account.id));
        }
        store_account(cx, &account, None)?;
    }
    let mut seen = BTreeSet::new();
    for payment in &genesis.payments {
        let payment = Payment::parse(lease_of(&payment.id)?, &payment.state)?;
        let refuse =
            |why: &str| Err(Error::InvalidPayment.wrap(format_args!("{}: {why}", payment.id)));
        if !seen.insert(payment.id.clone()) {
            return Err(Error::PaymentExists.wrap(&payment.id));
        }
        if payment.rate <= Dec::ZERO {
            return refuse("rate is zero");
        }
        let Some(account) = find_account(cx, &AccountId::Deployment(payment.id.deployment()))?
        else {
            return refuse("no account");
        };
        if payment.state != State::Closed && payment.state != account.state {
            return refuse("its account is in another state");
        }
        store_payment(cx, &payment, None)?;
    }
    Ok(())
}

pub(super) fn export(view: &View) -> Result<GenesisState> {
    Ok(GenesisState {
        accounts: ACCOUNTS
            .iter(view)
            .map(|it| it.map(|(place, state)| Account::at(&place, &state).to_wire()))
            .collect::<Result<_>>()?,
        payments: PAYMENTS
            .iter(view)
            .map(|it| it.map(|(place, state)| Payment::at(&place, &state).to_wire()))
            .collect::<Result<_>>()?,
    })
}
