//! Paying what compute credit cannot: while minting is halted nobody can make more of it, so the
//! account's own AKT covers the shortage at the oracle's price (chain.md 6.6, D-14).

use ledger::{Ctx, Result};
use types::{Dec, DecCoin, wire::akash::escrow::types::v1::State};

use super::{
    calls::{deduct, entry, pay, whole},
    state::{Account, Payment},
};
use crate::{base::number, bme, oracle};

/// What can be covered, and with what.
const CREDIT: &str = "uact";
const COLLATERAL: &str = "uakt";

/// Covers the shortage of an account that was just found overdrawn, in the order of its payments.
/// True when all of it is covered: then the account goes on as it `was`. A part leaves the account
/// overdrawn, with the whole shortage as its debt and the rest as its payments'.
pub(super) fn cover(
    cx: &mut Ctx,
    account: &mut Account,
    was: State,
    payments: &mut [Payment],
) -> Result<bool> {
    let has_collateral =
        account.funds.iter().any(|it| it.denom == COLLATERAL && it.amount.is_positive());
    if !has_collateral || !bme::is_halted(cx)? {
        return Ok(false);
    }
    let Some(price) = oracle::price(cx, COLLATERAL).ok().filter(Dec::is_positive) else {
        return Ok(false);
    };
    for payment in payments.iter_mut() {
        if payment.denom != CREDIT || !payment.unsettled.is_positive() {
            continue;
        }
        let need = payment.unsettled.quo(price).map_err(number)?;
        let paid = deduct(account, COLLATERAL, need)?;
        let short = paid < need;
        if short {
            entry(&mut account.funds, COLLATERAL).amount = Dec::ZERO;
        }
        if paid.is_zero() {
            continue;
        }
        // A fraction of a unit stays in the vault, and is in nobody's books.
        pay(cx, &payment.owner, whole(&DecCoin::new(COLLATERAL, paid))?)?;
        let covered = paid.mul(price).map_err(number)?.min(payment.unsettled);
        payment.unsettled = payment.unsettled.sub(covered).map_err(number)?;
        if short {
            break;
        }
    }
    if payments.iter().any(|it| it.unsettled.is_positive()) {
        return Ok(false);
    }
    for payment in payments {
        payment.state = State::Open;
    }
    account.state = was;
    // The reference leaves the debt, and nothing is ever charged again (D-14).
    entry(&mut account.funds, CREDIT).amount = Dec::ZERO;
    Ok(true)
}
