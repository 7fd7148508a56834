//! Messages: swaps of anyone, funding of the vault by governance (chain.md 9.4, 9.7).

use ledger::{Ctx, Module, Result, Sdk};
use types::{
    Address, Coin, Coins, Int, validate_denom,
    wire::{
        akash::bme::v1::{
            EventVaultFunded, LedgerRecordStatus, MsgBurnAct, MsgBurnActResponse, MsgBurnMint,
            MsgBurnMintResponse, MsgFundVault, MsgMintAct, MsgMintActResponse,
        },
        cosmos::base::v1beta1 as coin,
    },
};

use super::{ACT, AKT, Bme, Error, params, swap, vault};
use crate::{
    auth::{self, Kind},
    bank,
    base::money,
};

fn check_swap(owner: &str, to: &str, burned: &coin::Coin) -> Result {
    let address = |what: &str, text: &str| -> Result<Address> {
        let context = format_args!("invalid {what} address");
        text.parse().map_err(|it| Sdk::InvalidAddress.wrap(it).context(context))
    };
    address("owner", owner)?;
    address("to", to)?;
    if owner != to {
        return Err(Error::Unauthorized.wrap("owner and to addresses must match"));
    }
    if amount_of(burned)?.is_zero() {
        return Err(Error::InvalidAmount.wrap("amount must not be 0"));
    }
    Ok(())
}

fn amount_of(burned: &coin::Coin) -> Result<Coin> {
    let wrong = |it| Sdk::InvalidCoins.wrap(it).context("invalid coins");
    let coin = Coin::try_from(burned).map_err(wrong)?;
    coin.validate().map_err(wrong)?;
    Ok(coin)
}

pub(super) fn check_burn_mint(msg: &MsgBurnMint) -> Result {
    check_swap(&msg.owner, &msg.to, &msg.coins_to_burn)?;
    validate_denom(&msg.denom_to_mint)
        .map_err(|it| Error::InvalidDenom.wrap(it).context("invalid denom to mint"))
}

pub(super) fn check_mint_act(msg: &MsgMintAct) -> Result {
    check_swap(&msg.owner, &msg.to, &msg.coins_to_burn)
}

pub(super) fn check_burn_act(msg: &MsgBurnAct) -> Result {
    check_swap(&msg.owner, &msg.to, &msg.coins_to_burn)
}

/// The reference leaves the status unset (D-26).
const PENDING: LedgerRecordStatus = LedgerRecordStatus::Pending;

pub(super) fn burn_mint(cx: &mut Ctx, msg: MsgBurnMint) -> Result<MsgBurnMintResponse> {
    let coin = amount_of(&msg.coins_to_burn)?;
    let id = swap::request(cx, &msg.owner.parse()?, &msg.to, coin, &msg.denom_to_mint)?;
    Ok(MsgBurnMintResponse { id, status: PENDING.into() })
}

pub(super) fn mint_act(cx: &mut Ctx, msg: MsgMintAct) -> Result<MsgMintActResponse> {
    let coin = amount_of(&msg.coins_to_burn)?;
    let id = swap::request(cx, &msg.owner.parse()?, &msg.to, coin, ACT)?;
    Ok(MsgMintActResponse { id, status: PENDING.into() })
}

pub(super) fn burn_act(cx: &mut Ctx, msg: MsgBurnAct) -> Result<MsgBurnActResponse> {
    let coin = amount_of(&msg.coins_to_burn)?;
    let id = swap::request(cx, &msg.owner.parse()?, &msg.to, coin, AKT)?;
    Ok(MsgBurnActResponse { id, status: PENDING.into() })
}

pub(super) fn check_fund(msg: &MsgFundVault) -> Result {
    params::authority(&msg.authority)?;
    funds_of(msg).map(drop)
}

fn funds_of(msg: &MsgFundVault) -> Result<Coin> {
    let amount = Coin::try_from(&msg.amount).ok();
    let amount = amount.filter(|it| it.validate().is_ok() && it.amount > Int::ZERO);
    let amount = amount.ok_or_else(|| Error::InvalidAmount.wrap("amount must be positive"))?;
    if amount.denom != AKT {
        return Err(Error::InvalidDenom.wrap(format!("expected {AKT}, got {}", amount.denom)));
    }
    Ok(amount)
}

/// Moves coins of an account that need not agree: governance decides.
pub(super) fn fund(cx: &mut Ctx, msg: MsgFundVault) -> Result {
    auth::require_authority(&msg.authority)?;
    let amount = funds_of(&msg)?;
    let source: Address = msg.source.parse()?;
    let Some(account) = auth::account(cx, &source)? else {
        return Err(Error::InvalidAddress.wrap(format!("account {source} does not exist")));
    };
    if matches!(account.kind, Kind::Module { .. }) {
        let text = format!("source address {source} must not be module account");
        return Err(Error::InvalidAddress.wrap(text));
    }
    let coins = Coins::new([amount.clone()]).map_err(money)?;
    bank::send_to_module(cx, &source, Bme::NAME, &coins)?;
    let new_vault_balance = Coin::new(AKT, bank::balance(cx, &vault(), AKT)?).into();
    cx.emit(EventVaultFunded { amount: amount.into(), source: msg.source, new_vault_balance });
    Ok(())
}
