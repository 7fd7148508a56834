//! The keys of the store, and the records behind them as sums of money.

use ledger::{Ctx, Item, Map, Prefixed, Raw, Result, View};
use types::{
    Address, Dec, DecCoins, ValAddress,
    wire::cosmos::distribution::v1beta1::{
        DelegatorStartingInfo, FeePool, Params, ValidatorAccumulatedCommission,
        ValidatorCurrentRewards, ValidatorHistoricalRewards, ValidatorOutstandingRewards,
        ValidatorSlashEvent,
    },
};

const STORE: &str = "distribution";

pub(super) const FEE_POOL: Item<FeePool> = Item::new(STORE, &[0x00]);
/// Consensus address of the proposer of the latest block, as a `BytesValue`.
pub(super) const PREVIOUS_PROPOSER: Item<Vec<u8>> = Item::new(STORE, &[0x01]);
/// By operator: all that is owed by reason of the validator, commission included.
pub(super) const OUTSTANDING: Map<Prefixed, ValidatorOutstandingRewards> = Map::new(STORE, &[0x02]);
/// By delegator: where its rewards go, if elsewhere.
pub(super) const WITHDRAW_TO: Map<Prefixed, Vec<u8>, Raw> = Map::new(STORE, &[0x03]);
/// By operator and delegator.
pub(super) const STARTS: Map<(Prefixed, Prefixed), DelegatorStartingInfo> =
    Map::new(STORE, &[0x04]);
/// By operator and period, the latter little-endian as in the reference.
pub(super) const HISTORY: Map<(Prefixed, [u8; 8]), ValidatorHistoricalRewards> =
    Map::new(STORE, &[0x05]);
pub(super) const CURRENT: Map<Prefixed, ValidatorCurrentRewards> = Map::new(STORE, &[0x06]);
pub(super) const COMMISSION: Map<Prefixed, ValidatorAccumulatedCommission> =
    Map::new(STORE, &[0x07]);
/// By operator, height, and the period that the slash ended.
pub(super) const SLASHES: Map<(Prefixed, u64, u64), ValidatorSlashEvent> = Map::new(STORE, &[0x08]);
pub(super) const PARAMS: Item<Params> = Item::new(STORE, &[0x09]);

pub(super) fn bytes(address: impl AsRef<[u8]>) -> Prefixed {
    Prefixed(address.as_ref().to_vec())
}

pub(super) fn past(operator: &ValAddress, period: u64) -> (Prefixed, [u8; 8]) {
    (bytes(operator), period.to_le_bytes())
}

/// The height of the block, as it stands in records.
pub(super) fn height(view: &View) -> u64 {
    u64::try_from(view.height()).unwrap_or_default()
}

// Sums.

pub(super) fn community_pool(view: &View) -> Result<DecCoins> {
    Ok(DecCoins::from_wire(&FEE_POOL.get_or_default(view)?.community_pool)?)
}

pub(super) fn set_community_pool(cx: &mut Ctx, pool: &DecCoins) -> Result {
    FEE_POOL.set(cx, &FeePool { community_pool: pool.to_wire() })
}

pub(super) fn add_to_community_pool(cx: &mut Ctx, more: &DecCoins) -> Result {
    let pool = community_pool(cx)?.add(more)?;
    set_community_pool(cx, &pool)
}

pub(super) fn outstanding(view: &View, operator: &ValAddress) -> Result<DecCoins> {
    let found = OUTSTANDING.get(view, &bytes(operator))?.unwrap_or_default();
    Ok(DecCoins::from_wire(&found.rewards)?)
}

pub(super) fn set_outstanding(cx: &mut Ctx, operator: &ValAddress, rewards: &DecCoins) -> Result {
    OUTSTANDING.set(
        cx,
        &bytes(operator),
        &ValidatorOutstandingRewards { rewards: rewards.to_wire() },
    )
}

pub(super) fn commission(view: &View, operator: &ValAddress) -> Result<DecCoins> {
    let found = COMMISSION.get(view, &bytes(operator))?.unwrap_or_default();
    Ok(DecCoins::from_wire(&found.commission)?)
}

pub(super) fn set_commission(cx: &mut Ctx, operator: &ValAddress, amount: &DecCoins) -> Result {
    COMMISSION.set(
        cx,
        &bytes(operator),
        &ValidatorAccumulatedCommission { commission: amount.to_wire() },
    )
}

/// The rewards of the period that is running, and its number.
pub(super) fn current(view: &View, operator: &ValAddress) -> Result<(DecCoins, u64)> {
    let found = CURRENT.get(view, &bytes(operator))?.unwrap_or_default();
    Ok((DecCoins::from_wire(&found.rewards)?, found.period))
}

pub(super) fn set_current(
    cx: &mut Ctx,
    operator: &ValAddress,
    rewards: &DecCoins,
    period: u64,
) -> Result {
    let record = ValidatorCurrentRewards { rewards: rewards.to_wire(), period };
    CURRENT.set(cx, &bytes(operator), &record)
}

/// Rewards per token from the validator's beginning to the end of a period.
pub(super) fn ratio(view: &View, operator: &ValAddress, period: u64) -> Result<DecCoins> {
    let found = HISTORY.get(view, &past(operator, period))?.unwrap_or_default();
    Ok(DecCoins::from_wire(&found.cumulative_reward_ratio)?)
}

/// Where a delegation's present rewards begin.
#[derive(Clone, Debug)]
pub(super) struct Start {
    pub(super) period: u64,
    /// Tokens then.
    pub(super) stake: Dec,
    pub(super) height: u64,
}

pub(super) fn start(
    view: &View,
    operator: &ValAddress,
    delegator: &Address,
) -> Result<Option<Start>> {
    let Some(it) = STARTS.get(view, &(bytes(operator), bytes(delegator)))? else {
        return Ok(None);
    };
    let stake = Dec::from_wire_or_zero(&it.stake)?;
    Ok(Some(Start { period: it.previous_period, stake, height: it.height }))
}

pub(super) fn set_start(
    cx: &mut Ctx,
    operator: &ValAddress,
    delegator: &Address,
    start: &Start,
) -> Result {
    let record = DelegatorStartingInfo {
        previous_period: start.period,
        stake: start.stake.to_wire(),
        height: start.height,
    };
    STARTS.set(cx, &(bytes(operator), bytes(delegator)), &record)
}

/// Where the rewards of an account go: itself, unless it chose another.
pub(super) fn withdraw_address(view: &View, account: &Address) -> Result<Address> {
    match WITHDRAW_TO.get(view, &bytes(account))? {
        Some(found) => Ok(Address::new(found)?),
        None => Ok(account.clone()),
    }
}
