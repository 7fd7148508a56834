//! The least deposit per denomination (chain.md 4.2, 4.9).

use std::collections::BTreeSet;

use ledger::{Ctx, Item, Result, View};
use types::{
    Coin, Int,
    wire::{
        akash::deployment::v1beta4::{
            MsgUpdateParams, Params, QueryParamsRequest, QueryParamsResponse,
        },
        cosmos::base::v1beta1 as coin,
    },
};

use super::Error;
use crate::{auth, base::money};

const PARAMS: Item<Params> = Item::new("deployment", &[0x14, 0x00]);

/// Exclusive.
const MAX_MIN_DEPOSIT: i64 = i32::MAX as i64;

pub(super) fn defaults() -> Params {
    let half = |denom: &str| coin::Coin { denom: denom.to_owned(), amount: "500000".to_owned() };
    Params { min_deposits: vec![half("uakt"), half("uact")] }
}

pub(super) fn get(view: &View) -> Result<Params> {
    Ok(PARAMS.get(view)?.unwrap_or_else(defaults))
}

pub(super) fn set(cx: &mut Ctx, params: &Params) -> Result {
    check(params)?;
    PARAMS.set(cx, params)
}

fn check(params: &Params) -> Result {
    let mut seen = BTreeSet::new();
    for entry in &params.min_deposits {
        let least = Coin::try_from(entry).map_err(money)?;
        if !seen.insert(entry.denom.as_str()) {
            let why = format_args!("duplicate Min Deposit for denom ({least})");
            return Err(Error::InvalidParam.wrap(why));
        }
        if least.amount.is_negative() || least.amount >= Int::from(MAX_MIN_DEPOSIT) {
            return Err(Error::InvalidParam.wrap(format_args!(
                "Min Deposit ({}) - too large: {}",
                least.denom, least.amount
            )));
        }
    }
    if !seen.contains("uact") {
        return Err(Error::InvalidParam.wrap("Min Deposits - uact not given"));
    }
    Ok(())
}

pub(super) fn check_update(msg: &MsgUpdateParams) -> Result {
    if let Err(it) = msg.authority.parse::<types::Address>() {
        return Err(ledger::Sdk::InvalidAddress.wrap(it).context("invalid authority address"));
    }
    check(&msg.params)
}

pub(super) fn update(cx: &mut Ctx, msg: MsgUpdateParams) -> Result {
    auth::require_authority(&msg.authority)?;
    PARAMS.set(cx, &msg.params)
}

pub(super) fn show(view: &View, _: QueryParamsRequest) -> Result<QueryParamsResponse> {
    Ok(QueryParamsResponse { params: get(view)? })
}

/// Whether a new deployment may start with this deposit: `deployment/20` when not.
pub fn check_deposit(view: &View, deposit: &Coin) -> Result {
    let params = get(view)?;
    let Some(least) = params.min_deposits.iter().find(|it| it.denom == deposit.denom) else {
        let why = format_args!("Invalid deposit denomination {}", deposit.denom);
        return Err(Error::InvalidDeposit.wrap(why));
    };
    let least = Coin::try_from(least).map_err(money)?;
    if deposit.amount < least.amount {
        let why = format_args!("Deposit too low - {} < {least}", deposit.amount);
        return Err(Error::InvalidDeposit.wrap(why));
    }
    Ok(())
}
