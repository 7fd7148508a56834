//! Deposits: put down for a proposal, and given back, burned or charged in its end.

use ledger::{Ctx, Prefixed, Result, Sdk, View};
use types::{
    Address, Coin, Coins,
    wire::cosmos::{
        base::v1beta1 as coin,
        gov::v1::{Deposit, Params, ProposalStatus},
    },
};

use super::{ACTIVE, DEPOSITS, Error, INACTIVE, NAME, must_find, params, save};
use crate::{
    auth, bank,
    base::{self, moment::Moment},
};

/// A list of coins as people read it, valid or not.
pub(super) fn text_of(list: &[coin::Coin]) -> String {
    let texts: Vec<_> = list.iter().map(|it| format!("{}{}", it.amount, it.denom)).collect();
    texts.join(",")
}

/// Coins of a message: sorted, positive, without duplicates; none at all are fine.
pub(super) fn read(list: &[coin::Coin]) -> Result<Coins> {
    Coins::from_wire(list).map_err(|_| Sdk::InvalidCoins.wrap(text_of(list)))
}

/// Only denominations of the minimum deposit count.
pub(super) fn check_denoms(params: &Params, amount: &Coins) -> Result {
    let accepted: Vec<_> = params.min_deposit.iter().map(|it| it.denom.as_str()).collect();
    if amount.iter().all(|it| accepted.contains(&it.denom.as_str())) {
        return Ok(());
    }
    let accepted = accepted.join(" ");
    let text =
        format!("deposited {amount}, but gov accepts only the following denom(s): [{accepted}]");
    Err(Error::InvalidDenom.wrap(text))
}

/// What the proposer must put down at once.
pub(super) fn check_initial(params: &Params, expedited: bool, amount: &Coins) -> Result {
    let ratio = params::ratio(&params.min_initial_deposit_ratio)?;
    if ratio.is_zero() {
        return Ok(());
    }
    let mut least = Vec::new();
    for coin in &params::min_deposit(params, expedited)? {
        let part = types::Dec::from_int(coin.amount).mul(ratio)?.round_int()?;
        least.push(Coin::new(coin.denom.clone(), part));
    }
    let least = Coins::new(least)?;
    if amount.covers(&least) {
        return Ok(());
    }
    Err(Error::DepositTooSmall.wrap(format!("was ({amount}), need ({least})")))
}

/// Takes a deposit; true if the vote starts with it.
pub(super) fn add(cx: &mut Ctx, id: u64, depositor: &Address, amount: &Coins) -> Result<bool> {
    let mut proposal = must_find(cx, id)?;
    if !matches!(proposal.status(), ProposalStatus::DepositPeriod | ProposalStatus::VotingPeriod) {
        return Err(Error::InactiveProposal.wrap(id));
    }
    let params = params::get(cx)?;
    let least = params::min_deposit(&params, proposal.expedited)?;
    check_denoms(&params, amount)?;
    check_share(&params, &least, amount)?;
    bank::send_to_module(cx, depositor, NAME, amount)?;

    let total = Coins::from_wire(&proposal.total_deposit)?.add(amount)?;
    proposal.total_deposit = total.to_wire();
    let starts = proposal.status() == ProposalStatus::DepositPeriod && total.covers(&least);
    if starts {
        let period =
            if proposal.expedited { params.expedited_voting_period } else { params.voting_period };
        let now = cx.time();
        let end = base::time::after(&now, &period.unwrap_or_default());
        proposal.voting_start_time = Some(now);
        proposal.voting_end_time = Some(end);
        proposal.set_status(ProposalStatus::VotingPeriod);
        let deposit_end = proposal.deposit_end_time.unwrap_or_default();
        INACTIVE.del(cx, &(Moment(deposit_end), id))?;
        ACTIVE.set(cx, &(Moment(end), id), &id)?;
    }
    save(cx, &proposal)?;

    let key = (id, Prefixed(depositor.as_bytes().to_vec()));
    let before = match DEPOSITS.get(cx, &key)? {
        Some(deposit) => Coins::from_wire(&deposit.amount)?,
        None => Coins::default(),
    };
    let deposit = Deposit {
        proposal_id: id,
        depositor: depositor.to_string(),
        amount: before.add(amount)?.to_wire(),
    };
    DEPOSITS.set(cx, &key, &deposit)?;
    cx.emit_plain(
        "proposal_deposit",
        [
            ("depositor", &*deposit.depositor),
            ("amount", &amount.to_string()),
            ("proposal_id", &id.to_string()),
        ],
    );
    Ok(starts)
}

/// A single deposit must be a share of the minimum in one denomination at least.
fn check_share(params: &Params, least: &Coins, amount: &Coins) -> Result {
    let ratio = params::ratio(&params.min_deposit_ratio)?;
    if ratio.is_zero() {
        return Ok(());
    }
    let mut shares = Vec::new();
    for coin in least {
        let share = types::Dec::from_int(coin.amount).mul(ratio)?.truncate_int()?;
        if amount.iter().any(|it| it.denom == coin.denom && it.amount >= share) {
            return Ok(());
        }
        shares.push(Coin::new(coin.denom.clone(), share).to_string());
    }
    let text =
        format!("received {amount} but need at least one of the following: {}", shares.join(","));
    Err(Error::DepositTooSmall.wrap(text))
}

/// All deposits of a proposal, in the order of their depositors' addresses.
fn of(view: &View, id: u64) -> Result<Vec<((u64, Prefixed), Coins)>> {
    let mut all = Vec::new();
    for entry in DEPOSITS.walk().under(&id).iter(view) {
        let (key, deposit) = entry?;
        all.push((key, Coins::from_wire(&deposit.amount)?));
    }
    Ok(all)
}

/// Gives every depositor back what they put down.
pub(super) fn refund(cx: &mut Ctx, id: u64) -> Result {
    for (key, amount) in of(cx, id)? {
        give_back(cx, id, &key.1, &amount)?;
        DEPOSITS.del(cx, &key)?;
    }
    Ok(())
}

/// Pays a depositor. A passed proposal may have spent the coins meanwhile: then there is nothing to
/// give, and the block goes on (the reference stops there).
fn give_back(cx: &mut Ctx, id: u64, depositor: &Prefixed, amount: &Coins) -> Result {
    let to = Address::new(depositor.0.clone())?;
    let paid = cx.attempt(|cx| bank::send(cx, &auth::module_address(NAME), &to, amount));
    if let Err(fault) = paid {
        cx.emit_plain(
            "proposal_deposit_lost",
            [
                ("proposal_id", &*id.to_string()),
                ("depositor", &to.to_string()),
                ("amount", &amount.to_string()),
                ("reason", &fault.to_string()),
            ],
        );
    }
    Ok(())
}

/// Destroys all deposits of a proposal.
pub(super) fn burn(cx: &mut Ctx, id: u64) -> Result {
    let mut sum = Coins::default();
    for (key, amount) in of(cx, id)? {
        sum = sum.add(&amount)?;
        DEPOSITS.del(cx, &key)?;
    }
    burn_held(cx, id, &sum)
}

fn burn_held(cx: &mut Ctx, id: u64, sum: &Coins) -> Result {
    let burned = cx.attempt(|cx| bank::burn(cx, NAME, sum));
    if let Err(fault) = burned {
        let (id, amount, reason) = (id.to_string(), sum.to_string(), fault.to_string());
        cx.emit_plain(
            "proposal_deposit_lost",
            [("proposal_id", &*id), ("amount", &amount), ("reason", &reason)],
        );
    }
    Ok(())
}

/// Ends the deposits of a cancelled proposal: a share of each is burned or sent on, the rest is
/// refunded.
pub(super) fn charge(cx: &mut Ctx, id: u64, params: &Params) -> Result {
    let ratio = params::ratio(&params.proposal_cancel_ratio)?;
    let mut charged = Coins::default();
    for (key, amount) in of(cx, id)? {
        let mut cost = Vec::new();
        for coin in &amount {
            let part = types::Dec::from_int(coin.amount).mul(ratio)?.truncate_int()?;
            cost.push(Coin::new(coin.denom.clone(), part));
        }
        let cost = Coins::new(cost)?;
        let rest = amount.sub(&cost)?;
        if !rest.is_empty() {
            let to = Address::new(key.1.0.clone())?;
            bank::send(cx, &auth::module_address(NAME), &to, &rest)?;
        }
        charged = charged.add(&cost)?;
        DEPOSITS.del(cx, &key)?;
    }
    if charged.is_empty() {
        return Ok(());
    }
    let to = &params.proposal_cancel_dest;
    if to.is_empty() {
        return bank::burn(cx, NAME, &charged);
    }
    let to = auth::parse_address(to)?;
    if to == auth::module_address("distribution") {
        return crate::distribution::fund_community_pool(cx, &auth::module_address(NAME), &charged);
    }
    bank::send_from_module(cx, NAME, &to, &charged)
}
