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

#[cfg(test)]
mod tests {
    use ledger::testing::Chain;
    use serde_json::json;
    use types::{
        Address, Coin, Coins,
        ids::{DeploymentId, LeaseId},
        wire::akash::base::deposit::v1::Source,
    };

    use super::super::{
        AccountId, Deposit, close_account, create, create_payment, deposit, find_account,
        find_payment, withdraw_payment,
    };
    use super::*;
    use crate::{Market, bank};

    const TENANT: u8 = 1;
    const PROVIDER: u8 = 2;
    const RICH: i64 = 1_000_000;

    fn who(name: u8) -> Address {
        Address::new([name; 20]).unwrap()
    }

    /// AKT at 1.25 for good. Minting is halted unless the vault covers the compute credit.
    fn chain(vault: i64) -> Chain<Market> {
        let coins = |list: &[(&str, i64)]| {
            let coins = list.iter().filter(|it| it.1 > 0).map(|it| Coin::new(it.0, it.1));
            Coins::new(coins).unwrap()
        };
        let priced_at = "2023-01-01T00:00:00Z";
        let long = "3155760000s";
        Chain::new(json!({
            "bank": { "balances": [
                { "address": who(TENANT).to_string(),
                  "coins": coins(&[("uact", RICH), ("uakt", RICH)]) },
                { "address": bme::vault().to_string(), "coins": coins(&[("uakt", vault)]) },
            ]},
            "oracle": {
                "params": {
                    "sources": [who(9).to_string()], "min_price_sources": 1,
                    "max_price_staleness_period": long, "twap_window": "5s",
                    "max_price_deviation_bps": "150", "feed_contracts_params": [],
                    "price_retention": long, "prune_epoch": "hour",
                    "max_prune_per_epoch": "1000", "max_future_time_drift": "10s",
                },
                "prices": [{
                    "id": { "source": 1, "denom": "akt", "base_denom": "usd",
                            "timestamp": priced_at, "sequence": "0" },
                    "state": { "price": "1.250000000000000000" },
                }],
                "latest_prices_ids": [{
                    "id": { "source": 1, "denom": "akt", "base_denom": "usd" },
                    "state": { "timestamp": priced_at, "sequence": "0" },
                }],
                "source_ids": [{ "address": who(9).to_string(), "id": 1 }],
                "source_seq": "1",
            },
        }))
    }

    fn account_id() -> AccountId {
        AccountId::Deployment(DeploymentId { owner: who(TENANT), dseq: 1 })
    }

    fn lease() -> LeaseId {
        DeploymentId { owner: who(TENANT), dseq: 1 }.group(1).order(1).bid(who(PROVIDER)).lease()
    }

    fn paid_in(cx: &Ctx, denom: &str, amount: i64) -> Vec<Deposit> {
        let balance = DecCoin::new(denom, Dec::from(amount));
        vec![Deposit { owner: who(TENANT), height: cx.height(), source: Source::Balance, balance }]
    }

    /// 1000uact and some uakt in the account, 30 per block, withdrawn after 50 blocks.
    fn after_50_blocks(vault: i64, uakt: i64) -> Chain<Market> {
        let mut chain = chain(vault);
        chain.next_block(6);
        let cx = &mut chain.cx;
        let first = paid_in(cx, "uact", 1000);
        create(cx, account_id(), who(TENANT), first).unwrap();
        let second = paid_in(cx, "uakt", uakt);
        deposit(cx, &account_id(), second).unwrap();
        let rate = DecCoin::new("uact", Dec::from(30u64));
        create_payment(cx, &lease(), who(PROVIDER), &rate).unwrap();
        chain.next_blocks(50, 6);
        let _ = withdraw_payment(&mut chain.cx, &lease()).unwrap();
        chain.assert_invariants();
        chain
    }

    /// States of account and payment, debt, funds by denomination, withdrawn, and what the
    /// provider has.
    fn check(
        chain: &Chain<Market>,
        (account_state, state): (State, State),
        unsettled: i64,
        funds: [i64; 2],
        has: [i64; 2],
    ) {
        let cx = chain.view();
        let account = find_account(cx, &account_id()).unwrap().unwrap();
        let payment = find_payment(cx, &lease()).unwrap().unwrap();
        assert_eq!((account.state, payment.state), (account_state, state));
        assert_eq!(payment.unsettled, Dec::from(unsettled));
        let found: Vec<Dec> = account.funds.iter().map(|it| it.amount).collect();
        assert_eq!(found, funds.map(Dec::from));
        let of = |denom| bank::balance(cx, &who(PROVIDER), denom).unwrap().to_i64().unwrap();
        assert_eq!(["uact", "uakt"].map(of), has);
    }

    #[test]
    fn example_21_8_a_shortage_is_paid_in_akt_and_the_lease_goes_on() {
        let mut chain = after_50_blocks(0, 500);
        check(&chain, (State::Open, State::Open), 0, [0, 100], [1000, 400]);
        // D-14: charging goes on. Two blocks later 60 are owed: 48uakt.
        chain.next_blocks(2, 6);
        let _ = withdraw_payment(&mut chain.cx, &lease()).unwrap();
        check(&chain, (State::Open, State::Open), 0, [0, 52], [1000, 448]);
        let _ = close_account(&mut chain.cx, &account_id()).unwrap();
        check(&chain, (State::Closed, State::Closed), 0, [0, 0], [1000, 448]);
        chain.assert_invariants();
        let rest = bank::balance(chain.view(), &who(TENANT), "uakt").unwrap();
        assert_eq!(rest.to_i64().unwrap(), RICH - 448);
    }

    #[test]
    fn example_21_8_akt_that_does_not_reach_pays_a_part() {
        let mut chain = after_50_blocks(0, 300);
        // The account keeps the debt it had, the payment what is left of it.
        check(&chain, (State::Overdrawn, State::Overdrawn), 125, [-500, 0], [1000, 300]);
        let more = paid_in(&chain.cx, "uact", 200);
        deposit(&mut chain.cx, &account_id(), more).unwrap();
        check(&chain, (State::Closed, State::Closed), 0, [0, 0], [1125, 300]);
        chain.assert_invariants();
    }

    #[test]
    fn example_21_8_nothing_is_paid_in_akt_while_minting_goes_on() {
        let chain = after_50_blocks(2 * RICH, 500);
        check(&chain, (State::Overdrawn, State::Overdrawn), 500, [-500, 0], [1000, 0]);
        let back = bank::balance(chain.view(), &who(TENANT), "uakt").unwrap();
        assert_eq!(back.to_i64().unwrap(), RICH);
    }
}
