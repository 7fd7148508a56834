//! How well the vault covers what was minted, whether minting goes on, and when swaps are executed
//! (chain.md 9.3, 9.6).

use ledger::{Ctx, Result, View};
use types::{
    Dec,
    wire::akash::bme::v1::{EventMintStatusChange, MintStatus, Params, Status},
};

use super::{
    ACT, AKT, params,
    state::{Epoch, PENDING_BALANCES, STATUS, amount},
    swap::{Handled, process},
    vault,
};
use crate::{bank, base::number, oracle};

/// The longest pause between mints, in blocks: about a day.
const MAX_PAUSE_BLOCKS: i64 = 14_400;

pub(super) fn get(view: &View) -> Result<Status> {
    STATUS.get_or_default(view)
}

/// Whether minting is halted, for whatever reason. Escrow pays in AKT then (chain.md 6.6).
pub fn is_halted(view: &View) -> Result<bool> {
    Ok(get(view)?.status >= i32::from(MintStatus::HaltCr))
}

/// Halts minting or lets it go on, for tests of those who ask.
#[cfg(test)]
pub(crate) fn set_halted(cx: &mut Ctx, halted: bool) -> Result {
    let status = if halted { MintStatus::HaltCr } else { MintStatus::Healthy };
    STATUS.set(cx, &Status { status: status.into(), ..Status::default() })
}

/// Value of the vault over what was minted, at this price of AKT. Without any ACT: the value.
pub(super) fn ratio_at(view: &View, price: Dec) -> Result<Dec> {
    let rate = price.quo(oracle::price(view, ACT)?).map_err(number)?;
    let pending = amount(view, &PENDING_BALANCES, AKT)?;
    let held = bank::balance(view, &vault(), AKT)?.sub(pending).map_err(number)?;
    let value = Dec::from_int(held).mul(rate).map_err(number)?;
    let supply = bank::supply(view, ACT)?;
    if supply.is_positive() { value.quo(Dec::from_int(supply)).map_err(number) } else { Ok(value) }
}

/// In basis points, cut to whole ones and to what fits 32 bits (D-26).
fn basis_points(ratio: Dec) -> u32 {
    let most = Dec::from(u64::from(u32::MAX));
    let bps = match ratio.mul(Dec::from(u64::from(params::BASIS_POINTS))) {
        Ok(bps) if bps < most => bps,
        _ => most,
    };
    let whole = bps.truncate_int().ok().and_then(|it| it.to_u64().ok());
    // A negative ratio is as bad as none.
    whole.and_then(|it| u32::try_from(it).ok()).unwrap_or_default()
}

/// The pause between mints at a ratio, in blocks: longer the closer it is to the halt.
pub(super) fn pause(params: &Params, bps: u32) -> i64 {
    let least = params.min_epoch_blocks;
    let steps = params.circuit_breaker_warn_threshold.saturating_sub(bps) / 10;
    if params.epoch_blocks_backoff_percent == 0 || steps == 0 {
        return least;
    }
    let percent = params.epoch_blocks_backoff_percent.saturating_add(100);
    let most = Dec::from(MAX_PAUSE_BLOCKS);
    let blocks = Dec::new(u64::from(percent), 2)
        .and_then(|factor| factor.power(u64::from(steps)))
        .and_then(|it| Dec::from(least).mul(it))
        .map_or(most, |it| it.min(most));
    blocks
        .truncate_int()
        .ok()
        .and_then(|it| it.to_i64().ok())
        .unwrap_or(MAX_PAUSE_BLOCKS)
        .max(least)
}

/// Brings the status up to date; returns it, and whether it changed.
fn refresh(cx: &mut Ctx) -> Result<(Status, bool)> {
    let params = params::get(cx)?;
    let old = get(cx)?;
    let mut new = old;
    let ratio = match oracle::price(cx, AKT) {
        Ok(price) if !price.is_zero() => ratio_at(cx, price).map_err(|_| MintStatus::HaltCr),
        _ => Err(MintStatus::HaltOracle),
    };
    let status = match ratio {
        Err(halted) => halted,
        Ok(ratio) => {
            let bps = basis_points(ratio);
            if bps > params.circuit_breaker_halt_threshold {
                new.epoch_height_diff = pause(&params, bps);
            }
            if bps > params.circuit_breaker_warn_threshold {
                MintStatus::Healthy
            } else if bps > params.circuit_breaker_halt_threshold {
                MintStatus::Warning
            } else {
                MintStatus::HaltCr
            }
        }
    };
    new.set_status(status);
    if new.status == old.status && new.epoch_height_diff == old.epoch_height_diff {
        return Ok((old, false));
    }
    new.previous_status = old.status;
    STATUS.set(cx, &new)?;
    cx.emit(EventMintStatusChange {
        previous_status: old.status,
        new_status: new.status,
        collateral_ratio: ratio.unwrap_or(Dec::ZERO).to_wire(),
    });
    Ok((new, true))
}

/// Burns at their epoch, whatever the status; then the status; then mints at theirs, unless
/// minting is halted or has only just recovered.
pub(super) fn end_block(cx: &mut Ctx) -> Result {
    let height = cx.height();
    let mut handled = Handled::default();
    if Epoch::Burn.get(cx)? <= height {
        process(cx, &mut handled, ACT, AKT)?;
        let blocks = params::get(cx)?.min_epoch_blocks;
        Epoch::Burn.set(cx, height.saturating_add(blocks))?;
    }
    let (status, changed) = refresh(cx)?;
    if status.status > i32::from(MintStatus::Warning) {
        return Ok(());
    }
    let next = height.saturating_add(status.epoch_height_diff);
    if changed && status.previous_status >= i32::from(MintStatus::HaltCr) {
        return Epoch::Mint.set(cx, next);
    }
    // Not only at that height: an import may begin after it (D-26).
    if Epoch::Mint.get(cx)? <= height {
        Epoch::Mint.set(cx, next)?;
        process(cx, &mut handled, AKT, ACT)?;
        refresh(cx)?;
    }
    Ok(())
}
