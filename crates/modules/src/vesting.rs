//! Accounts whose coins become spendable over time: the messages that create them
//! (cosmos.md 4.4). What such an account may spend is `auth`'s to say.
//!
//! Calls: auth, bank. Called by: nobody. Owns: no state.

use ledger::{Ctx, Module, Result, Routes, Sdk, View};
use types::{
    Address, Coins,
    wire::cosmos::vesting::v1beta1::{
        MsgCreatePeriodicVestingAccount, MsgCreatePermanentLockedAccount, MsgCreateVestingAccount,
    },
};

use crate::{
    auth::{self, Auth, Kind, Schedule},
    bank,
};

pub struct Vesting;

impl Module for Vesting {
    const NAME: &'static str = "vesting";
    /// Its accounts are those of `auth`.
    const STORE: &'static str = Auth::STORE;
    type Genesis = ();

    fn routes(r: &mut Routes<'_>) {
        r.msg(create).msg(create_permanent).msg(create_periodic);
    }

    fn init(_: &mut Ctx, (): ()) -> Result {
        Ok(())
    }

    fn export(_: &View) -> Result<()> {
        Ok(())
    }
}

fn create(cx: &mut Ctx, message: MsgCreateVestingAccount) -> Result {
    let from = parse("from", &message.from_address)?;
    let to = parse("to", &message.to_address)?;
    let amount = bank::positive(&message.amount)?;
    if message.end_time <= 0 {
        return Err(Sdk::InvalidRequest.wrap("invalid end time"));
    }
    let schedule = if message.delayed {
        Schedule::Delayed
    } else {
        Schedule::Continuous { start_time: cx.unix_seconds() }
    };
    bank::require_send_enabled(cx, &amount)?;
    require_new(cx, &to)?;
    fund(cx, &from, &to, amount, message.end_time, schedule)
}

fn create_permanent(cx: &mut Ctx, message: MsgCreatePermanentLockedAccount) -> Result {
    let from = parse("from", &message.from_address)?;
    let to = parse("to", &message.to_address)?;
    let amount = bank::positive(&message.amount)?;
    bank::require_send_enabled(cx, &amount)?;
    require_new(cx, &to)?;
    fund(cx, &from, &to, amount, 0, Schedule::Permanent)
}

fn create_periodic(cx: &mut Ctx, message: MsgCreatePeriodicVestingAccount) -> Result {
    let from = parse("from", &message.from_address)?;
    let to = parse("to", &message.to_address)?;
    let MsgCreatePeriodicVestingAccount { start_time, vesting_periods: periods, .. } = message;
    if start_time < 1 {
        return Err(Sdk::InvalidRequest
            .wrap(format!("invalid start time of {start_time}, length must be greater than 0")));
    }
    let mut end_time = Some(start_time);
    let mut total = Coins::default();
    for (index, period) in periods.iter().enumerate() {
        if period.length < 1 {
            return Err(Sdk::InvalidRequest.wrap(format!(
                "invalid period length of {} in period {index}, length must be greater than 0",
                period.length
            )));
        }
        total = total.add(&bank::positive(&period.amount)?)?;
        end_time = end_time.and_then(|it| it.checked_add(period.length));
    }
    require_new(cx, &to)?;
    bank::require_send_enabled(cx, &total)?;
    let Some(end_time) = end_time.filter(|it| *it > start_time) else {
        return Err(Sdk::InvalidRequest.wrap("vesting start-time cannot be before end-time"));
    };
    fund(cx, &from, &to, total, end_time, Schedule::Periodic { start_time, periods })
}

/// Refuses a recipient that may not receive or exists.
fn require_new(cx: &Ctx, to: &Address) -> Result {
    if bank::is_blocked(to) {
        return Err(Sdk::Unauthorized.wrap(format!("{to} is not allowed to receive funds")));
    }
    if auth::exists(cx, to)? {
        return Err(Sdk::InvalidRequest.wrap(format!("account {to} already exists")));
    }
    Ok(())
}

/// Creates the account and sends it what it keeps.
fn fund(
    cx: &mut Ctx,
    from: &Address,
    to: &Address,
    original: Coins,
    end_time: i64,
    schedule: Schedule,
) -> Result {
    let amount = original.clone();
    let (delegated_free, delegated_vesting) = (Coins::default(), Coins::default());
    let vesting = auth::Vesting { original, delegated_free, delegated_vesting, end_time, schedule };
    auth::create(cx, to, Kind::Vesting(vesting))?;
    bank::send(cx, from, to, &amount)
}

fn parse(role: &str, text: &str) -> Result<Address> {
    text.parse().map_err(|it| Sdk::InvalidAddress.wrap(format!("invalid '{role}' address: {it}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{town, who};
    use types::wire::cosmos::vesting::v1beta1::Period;

    fn coins(text: &str) -> Coins {
        text.parse().unwrap()
    }

    fn new(to: u8, amount: &str, seconds: i64, delayed: bool) -> MsgCreateVestingAccount {
        MsgCreateVestingAccount {
            from_address: who(1).to_string(),
            to_address: who(to).to_string(),
            amount: coins(amount).to_wire(),
            end_time: seconds,
            delayed,
        }
    }

    #[test]
    fn coins_become_spendable_as_the_kind_says() {
        let mut chain = town(&[1]);
        let now = chain.cx.unix_seconds();
        chain.run(&new(2, "100uakt", now + 10, false)).unwrap();
        chain.run(&new(3, "100uakt", now + 10, true)).unwrap();
        let (from_address, to_address) = (who(1).to_string(), who(4).to_string());
        let amount = coins("100uakt").to_wire();
        let permanent = MsgCreatePermanentLockedAccount { from_address, to_address, amount };
        chain.run(&permanent).unwrap();
        let period = |length| Period { length, amount: coins("50uakt").to_wire() };
        let periodic = MsgCreatePeriodicVestingAccount {
            from_address: who(1).to_string(),
            to_address: who(5).to_string(),
            start_time: now,
            vesting_periods: vec![period(3), period(7)],
        };
        chain.run(&periodic).unwrap();
        let spendable = |chain: &ledger::testing::Chain<_>| -> Vec<i64> {
            let of = |name: u8| bank::spendable_of(chain.view(), &who(name), "uakt").unwrap();
            (2..=5).map(|it| of(it).to_i64().unwrap()).collect()
        };
        assert_eq!(spendable(&chain), [0, 0, 0, 0]);
        chain.next_block(5);
        assert_eq!(spendable(&chain), [50, 0, 0, 50]);
        chain.next_block(5);
        assert_eq!(spendable(&chain), [100, 100, 0, 100]);
    }

    #[test]
    fn existing_and_blocked_recipients_are_refused_before_anything_moves() {
        let mut chain = town(&[1]);
        let refused = |chain: &mut ledger::testing::Chain<crate::testing::Town>, message, code| {
            let message: MsgCreateVestingAccount = message;
            assert_eq!(chain.run(&message).unwrap_err().code(), code);
        };
        auth::ensure_account(&mut chain.cx, &who(1)).unwrap();
        refused(&mut chain, new(1, "1uakt", 5, true), 18);
        refused(&mut chain, new(2, "1uakt", 0, true), 18);
        refused(&mut chain, new(2, "", 5, true), 10);
        let to_address = Address::of_module("gov").to_string();
        refused(&mut chain, MsgCreateVestingAccount { to_address, ..new(2, "1uakt", 5, true) }, 4);
        refused(&mut chain, new(2, "1000001uakt", 5, true), 5);
        assert!(!auth::exists(chain.view(), &who(2)).unwrap());
    }
}
