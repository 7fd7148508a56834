//! The one message of this chapter (chain.md 6.11).

use ledger::{Ctx, Result, Sdk};
use types::{Address, Int, wire::akash::escrow::v1::MsgAccountDeposit};

use super::{AccountId, Error, Scope, calls};
use crate::base::{self, number};

pub(super) fn check_deposit(msg: &MsgAccountDeposit) -> Result {
    signer(msg)?;
    AccountId::try_from(&msg.id)?;
    let amount = Int::from_wire(&msg.deposit.amount.amount).map_err(number)?;
    if amount.is_zero() {
        return Err(Error::InvalidDeposit.into());
    }
    base::deposit::validate_sources(&msg.deposit.sources)
}

/// Anyone may deposit into any account, in any denomination.
pub(super) fn deposit(cx: &mut Ctx, msg: MsgAccountDeposit) -> Result {
    let id = AccountId::try_from(&msg.id)?;
    let scope = match id {
        AccountId::Deployment(_) => Scope::Deployment,
        AccountId::Bid(_) => Scope::Bid,
    };
    let drawn = calls::draw(cx, &signer(&msg)?, scope, &msg.deposit)?;
    calls::deposit(cx, &id, drawn)
}

fn signer(msg: &MsgAccountDeposit) -> Result<Address> {
    msg.signer.parse().map_err(|it| Sdk::InvalidAddress.wrap(it))
}
