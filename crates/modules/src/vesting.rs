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
    fund(cx, &from, &to, amount, message.end_time, schedule)
}

fn create_permanent(cx: &mut Ctx, message: MsgCreatePermanentLockedAccount) -> Result {
    let from = parse("from", &message.from_address)?;
    let to = parse("to", &message.to_address)?;
    let amount = bank::positive(&message.amount)?;
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
    let mut end_time = start_time;
    let mut total = Coins::default();
    for (index, period) in periods.iter().enumerate() {
        if period.length < 1 {
            return Err(Sdk::InvalidRequest.wrap(format!(
                "invalid period length of {} in period {index}, length must be greater than 0",
                period.length
            )));
        }
        total = total.add(&bank::positive(&period.amount)?)?;
        end_time = end_time
            .checked_add(period.length)
            .ok_or_else(|| Sdk::InvalidRequest.wrap("periods end after the end of time"))?;
    }
    if total.is_empty() {
        return Err(Sdk::InvalidCoins.into());
    }
    fund(cx, &from, &to, total, end_time, Schedule::Periodic { start_time, periods })
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
    bank::require_send_enabled(cx, &original)?;
    if bank::is_blocked(to) {
        return Err(Sdk::Unauthorized.wrap(format!("{to} is not allowed to receive funds")));
    }
    if auth::exists(cx, to)? {
        return Err(Sdk::InvalidRequest.wrap(format!("account {to} already exists")));
    }
    let amount = original.clone();
    let (delegated_free, delegated_vesting) = (Coins::default(), Coins::default());
    let vesting = auth::Vesting { original, delegated_free, delegated_vesting, end_time, schedule };
    auth::create(cx, to, Kind::Vesting(vesting))?;
    bank::send(cx, from, to, &amount)
}

fn parse(role: &str, text: &str) -> Result<Address> {
    text.parse().map_err(|it| Sdk::InvalidAddress.wrap(format!("invalid '{role}' address: {it}")))
}
