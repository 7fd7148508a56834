//! The books: what a key spent, by the hour and the type of message. A day is the running hour and
//! the 24 before it, so that in no 24 hours more than the cap leaves; no midnight doubles it.

use ledger::{Ctx, Result, View, holds};
use prost::{Message, Name};
use prost_types::Any;
use types::{
    Address, Coins,
    wire::{
        akash::deployment::v1beta4::MsgCreateDeployment,
        cosmos::authz::v1beta1::MsgExec,
        haggle::limits::v1::{EventSpent, Hour, Rule, Spending},
    },
};

use super::{
    Error, FEE,
    rule::{cap, charged},
    state::{self, Key, RULES},
};
use crate::{
    bank,
    base::{self, money},
};

const HOUR_SECONDS: i64 = 3600;
/// Hours that count beside the running one.
const DAY_HOURS: i64 = 24;

/// Whole hours since 1970.
pub(super) fn hour(view: &View) -> i64 {
    view.unix_seconds().div_euclid(HOUR_SECONDS)
}

/// The hours that count at an hour.
pub(super) fn counting(hours: &[Hour], now: i64) -> Vec<Hour> {
    let first = now.saturating_sub(DAY_HOURS);
    hours.iter().filter(|it| it.hour >= first).cloned().collect()
}

/// What all types of messages and fees spent.
pub(super) fn total(hours: &[Hour]) -> Result<Coins> {
    sum(hours.iter().flat_map(|it| &it.spending))
}

fn sum<'a>(spending: impl Iterator<Item = &'a Spending>) -> Result<Coins> {
    spending.into_iter().try_fold(Coins::default(), |sum, it| {
        sum.add(&Coins::from_wire(&it.amount).map_err(money)?).map_err(money)
    })
}

/// How many messages of a type there were, and what they spent.
pub(super) fn of_type(hours: &[Hour], type_url: &str) -> Result<(u32, Coins)> {
    let those = || hours.iter().flat_map(|it| &it.spending).filter(|it| it.type_url == type_url);
    let count = those().fold(0u32, |sum, it| sum.saturating_add(it.count));
    Ok((count, sum(those())?))
}

/// What remains of a cap, of the denominations that it lists.
pub(super) fn left(cap: &Coins, spent: &Coins) -> Result<Coins> {
    let (rest, _) = cap.safe_sub(spent).map_err(money)?;
    Coins::new(rest.into_iter().filter(types::Coin::is_positive)).map_err(money)
}

fn shown(coins: &Coins) -> String {
    if coins.is_empty() { "nothing".to_owned() } else { coins.to_string() }
}

/// Books what a message spent that was executed in the owner's name, and refuses it if that is past
/// the rule: the caller's transaction undoes it. `from` is the number of events before it.
pub fn settle(cx: &mut Ctx, owner: &Address, key: &Address, message: &Any, from: usize) -> Result {
    let spent = bank::spent_since(cx, from, owner)?;
    cx.without_gas(|cx| {
        let id = (owner.clone(), key.clone());
        book(cx, &id, &message.type_url, &spent)?;
        if message.type_url == MsgCreateDeployment::type_url() {
            let created = MsgCreateDeployment::decode(message.value.as_slice());
            let dseq = created.map_err(|it| ledger::Sdk::UnpackAny.wrap(it))?.id.dseq;
            state::record(cx, &id, dseq)?;
        }
        Ok(())
    })
}

/// Books a fee that the owner is to pay for a transaction of the key. It pays for what the key does
/// under grants, and for nothing else. A failed transaction keeps its fee, and so do the books.
pub fn pay_fee(
    cx: &mut Ctx,
    owner: &Address,
    key: &Address,
    fee: &Coins,
    msg_types: &[&str],
) -> Result {
    let id = (owner.clone(), key.clone());
    charged(cx, &id)?;
    if let Some(other) = msg_types.iter().find(|it| **it != MsgExec::type_url()) {
        return Err(Error::NotAllowed(format!("fees for {other}")).into());
    }
    cx.without_gas(|cx| book(cx, &id, FEE, fee))
}

fn book(cx: &mut Ctx, id: &Key, type_url: &str, spent: &Coins) -> Result {
    let mut rule = RULES.get(cx, id)?.ok_or(Error::NotFound)?;
    let now = hour(cx);
    let mut hours = counting(&rule.hours, now);
    let per_day = cap(&rule.limits.per_day)?;
    let so_far = total(&hours)?;
    let after = so_far.add(spent).map_err(money)?;
    // A cap that was lowered under what is spent stops nothing that costs nothing.
    if !spent.is_empty() && !per_day.covers(&after) {
        return Err(Error::OverDay(shown(&left(&per_day, &so_far)?)).into());
    }
    check_type(&rule, &hours, type_url, spent)?;

    if hours.last().is_none_or(|it| it.hour != now) {
        hours.push(Hour { hour: now, spending: Vec::new() });
    }
    let running = hours.last_mut().map(|it| &mut it.spending).ok_or(Error::NotFound)?;
    match running.iter_mut().find(|it| it.type_url == type_url) {
        Some(it) => {
            it.count = it.count.saturating_add(1);
            let sum = Coins::from_wire(&it.amount).and_then(|it| it.add(spent)).map_err(money)?;
            it.amount = sum.to_wire();
        }
        None => running.push(Spending {
            type_url: type_url.to_owned(),
            count: 1,
            amount: spent.to_wire(),
        }),
    }
    rule.hours = hours;
    RULES.set(cx, id, &rule)?;
    cx.emit(EventSpent {
        owner: rule.owner,
        key: rule.key,
        type_url: type_url.to_owned(),
        amount: spent.to_wire(),
        left: left(&per_day, &after)?.to_wire(),
    });
    Ok(())
}

/// The cap of one type of message, or of fees.
fn check_type(rule: &Rule, hours: &[Hour], type_url: &str, spent: &Coins) -> Result {
    let (count, so_far) = of_type(hours, type_url)?;
    let of = if type_url == FEE {
        Some(cap(&rule.limits.fees_per_day)?)
    } else {
        let listed = rule.limits.messages.iter().find(|it| it.type_url == type_url);
        let listed = listed.ok_or_else(|| Error::NotAllowed(type_url.to_owned()))?;
        if listed.count_per_day > 0 && count >= listed.count_per_day {
            return Err(Error::TooMany(type_url.to_owned(), listed.count_per_day).into());
        }
        let of = cap(&listed.per_day)?;
        (!of.is_empty()).then_some(of)
    };
    let Some(of) = of else { return Ok(()) };
    let after = so_far.add(spent).map_err(money)?;
    if !spent.is_empty() && !of.covers(&after) {
        let rest = shown(&left(&of, &so_far)?);
        return Err(Error::OverType(type_url.to_owned(), rest).into());
    }
    Ok(())
}

/// The invariant: since a rule was set, nothing was booked that it does not cover.
pub(super) fn nothing_is_past_its_rule(view: &View) -> Result {
    for rule in RULES.values(view) {
        let rule = rule?;
        // The window that ended with the latest booking, or with the rule's setting.
        let last = rule.hours.last().map_or(0, |it| it.hour);
        let hours = counting(&rule.hours, last);
        let ordered = rule.hours.windows(2).all(|it| matches!(it, [a, b] if a.hour < b.hour));
        holds!(ordered, "the books of {} for {} are out of order", rule.owner, rule.key)?;
        let most = cap(&rule.limits.per_day)?;
        let before = Coins::from_wire(&rule.before).map_err(base::money)?;
        let spent = total(&hours)?;
        let most = most.max(&before).map_err(money)?;
        holds!(
            most.covers(&spent),
            "{} spent {spent} of {}, at most {most}",
            rule.key,
            rule.owner
        )?;
    }
    Ok(())
}
