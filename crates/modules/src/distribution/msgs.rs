//! Messages: withdrawals, gifts to the community and to validators, what governance may do.

use ledger::{Ctx, Fault, Module, Result, Routes, Sdk};
use types::{
    Address, Coins, Dec, DecCoins, ValAddress,
    wire::cosmos::{
        base::v1beta1::Coin as WireCoin,
        distribution::v1beta1::{
            MsgCommunityPoolSpend, MsgDepositValidatorRewardsPool, MsgFundCommunityPool,
            MsgSetWithdrawAddress, MsgUpdateParams, MsgWithdrawDelegatorReward,
            MsgWithdrawDelegatorRewardResponse, MsgWithdrawValidatorCommission,
            MsgWithdrawValidatorCommissionResponse, Params,
        },
    },
};

use super::{
    Distribution, Error, allocate, fund_community_pool, params, rewards,
    state::{self, PARAMS, WITHDRAW_TO, bytes},
};
use crate::{auth, bank, staking};

pub(super) fn routes(r: &mut Routes<'_>) {
    r.msg(set_withdraw_address).msg(withdraw_reward).msg(withdraw_commission);
    r.msg(fund_pool).msg(deposit_rewards);
    r.msg(update_params).msg(spend_pool);
}

fn parse<T: std::str::FromStr<Err = types::AddressError>>(role: &str, text: &str) -> Result<T> {
    text.parse().map_err(|error: types::AddressError| {
        Sdk::InvalidAddress.wrap(format!("invalid {role} address: {error}"))
    })
}

fn refuse_blocked(to: &Address) -> Result {
    if bank::is_blocked(to) {
        let text = format!("{to} is not allowed to receive external funds");
        return Err(Sdk::Unauthorized.wrap(text));
    }
    Ok(())
}

fn amount(coins: &[WireCoin]) -> Result<Coins> {
    if coins.is_empty() {
        return Err(Sdk::InvalidCoins.wrap("amount cannot be nil"));
    }
    bank_amount(coins)
}

/// As the bank reads amounts: none is an amount.
fn bank_amount(coins: &[WireCoin]) -> Result<Coins> {
    Coins::from_wire(coins).map_err(|_| {
        let text: Vec<_> = coins.iter().map(|it| format!("{}{}", it.amount, it.denom)).collect();
        Sdk::InvalidCoins.wrap(text.join(","))
    })
}

fn set_withdraw_address(cx: &mut Ctx, msg: MsgSetWithdrawAddress) -> Result {
    let delegator: Address = parse("delegator", &msg.delegator_address)?;
    let to: Address = parse("withdraw", &msg.withdraw_address)?;
    refuse_blocked(&to)?;
    if !params(cx)?.withdraw_addr_enabled {
        return Err(Error::WithdrawDisabled.into());
    }
    let text = to.to_string();
    cx.emit_plain("set_withdraw_address", [("withdraw_address", &*text)]);
    WITHDRAW_TO.set(cx, &bytes(&delegator), &to.into_bytes())
}

fn withdraw_reward(
    cx: &mut Ctx,
    msg: MsgWithdrawDelegatorReward,
) -> Result<MsgWithdrawDelegatorRewardResponse> {
    let operator: ValAddress = parse("validator", &msg.validator_address)?;
    let delegator: Address = parse("delegator", &msg.delegator_address)?;
    let validator = rewards::must_validator(cx, &operator)?;
    let shares = staking::delegation(cx, &delegator, &operator)?
        .ok_or_else(|| Fault::from(staking::Error::NoDelegation))?;
    let paid = rewards::pay(cx, &validator, &delegator, shares)?;
    rewards::begin(cx, &delegator, &operator)?;
    Ok(MsgWithdrawDelegatorRewardResponse { amount: paid.iter().map(Into::into).collect() })
}

fn withdraw_commission(
    cx: &mut Ctx,
    msg: MsgWithdrawValidatorCommission,
) -> Result<MsgWithdrawValidatorCommissionResponse> {
    let operator: ValAddress = parse("validator", &msg.validator_address)?;
    let paid = rewards::pay_commission(cx, &operator)?;
    Ok(MsgWithdrawValidatorCommissionResponse { amount: paid.to_wire() })
}

fn fund_pool(cx: &mut Ctx, msg: MsgFundCommunityPool) -> Result {
    let depositor: Address = parse("depositor", &msg.depositor)?;
    fund_community_pool(cx, &depositor, &amount(&msg.amount)?)
}

fn deposit_rewards(cx: &mut Ctx, msg: MsgDepositValidatorRewardsPool) -> Result {
    let depositor: Address = msg.depositor.parse()?;
    let coins = bank_amount(&msg.amount)?;
    bank::send_to_module(cx, &depositor, Distribution::NAME, &coins)?;
    let validator = rewards::must_validator(cx, &msg.validator_address.parse()?)?;
    allocate::to_validator(cx, &validator, &DecCoins::from_coins(&coins))
}

fn spend_pool(cx: &mut Ctx, msg: MsgCommunityPoolSpend) -> Result {
    auth::require_authority(&msg.authority)?;
    let coins = amount(&msg.amount)?;
    let to: Address = msg.recipient.parse()?;
    refuse_blocked(&to)?;
    let left = state::community_pool(cx)?.sub(&DecCoins::from_coins(&coins));
    let left = left.map_err(|_| Fault::from(Error::PoolTooSmall))?;
    bank::send_from_module(cx, Distribution::NAME, &to, &coins)?;
    state::set_community_pool(cx, &left)
}

fn update_params(cx: &mut Ctx, msg: MsgUpdateParams) -> Result {
    auth::require_authority(&msg.authority)?;
    let base = Dec::from_wire_or_zero(&msg.params.base_proposer_reward)?;
    let bonus = Dec::from_wire_or_zero(&msg.params.bonus_proposer_reward)?;
    if !base.is_zero() || !bonus.is_zero() {
        return Err(Sdk::InvalidRequest.wrap(
            "cannot update base or bonus proposer reward because these are deprecated fields",
        ));
    }
    check(&msg.params)?;
    PARAMS.set(cx, &msg.params)
}

/// The rules that parameters obey, in genesis, too.
pub(super) fn check(params: &Params) -> Result {
    if params.community_tax.is_empty() {
        return Err(Fault::plain("community tax must be not nil"));
    }
    let tax = Dec::from_wire(&params.community_tax)?;
    if tax.is_negative() {
        return Err(Fault::plain(format!("community tax must be positive: {tax}")));
    }
    if tax > Dec::ONE {
        return Err(Fault::plain(format!("community tax too large: {tax}")));
    }
    Ok(())
}
