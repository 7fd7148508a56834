//! Import and export of everything (chain.md 18; D-25).

use std::collections::BTreeMap;

use ledger::{Ctx, Fault, Result, View};
use types::{
    Int,
    wire::{
        akash::bme::v1::{
            GenesisLedgerPendingRecord, GenesisLedgerRecord, GenesisLedgerState, GenesisVaultState,
            LedgerRecord, MintStatus, Status,
        },
        cosmos::base::v1beta1::Coin,
        haggle::bme::v1::{CanceledRecord, GenesisState},
    },
};

use super::{
    ACT, AKT, params,
    state::{
        BASE, BURNED, CANCELED, CREDITS, EXECUTED, Epoch, MINTED, PARAMS, PENDING,
        PENDING_BALANCES, STATUS, amount, coins, id, key, stored,
    },
    status,
};
use crate::{
    bank,
    base::{money, number},
};

pub(super) fn default() -> GenesisState {
    let zero = |denom: &str| Coin { denom: denom.to_owned(), amount: "0".to_owned() };
    GenesisState {
        params: params::default_params(),
        state: GenesisVaultState {
            total_burned: vec![zero(ACT), zero(AKT)],
            total_minted: vec![zero(ACT), zero(AKT)],
            remint_credits: vec![zero(AKT)],
        },
        ..GenesisState::default()
    }
}

pub(super) fn init(cx: &mut Ctx, genesis: GenesisState) -> Result {
    params::check(&genesis.params)?;
    PARAMS.set(cx, &genesis.params)?;
    let GenesisVaultState { total_burned, total_minted, remint_credits } = &genesis.state;
    for (list, map) in
        [(total_burned, &BURNED), (total_minted, &MINTED), (remint_credits, &CREDITS)]
    {
        for coin in list {
            let coin = types::Coin::try_from(coin).map_err(money)?;
            if coin.amount.is_negative() {
                return Err(Fault::plain(format!("{coin} is negative")));
            }
            map.set(cx, &coin.denom, &coin.amount)?;
        }
    }
    records(cx, &genesis)?;
    let blocks = genesis.params.min_epoch_blocks;
    let halted = Status {
        status: MintStatus::HaltCr.into(),
        epoch_height_diff: blocks,
        ..Status::default()
    };
    STATUS.set(cx, &genesis.status.unwrap_or(halted))?;
    for (epoch, height) in [(Epoch::Mint, genesis.mint_epoch), (Epoch::Burn, genesis.burn_epoch)] {
        epoch.set(cx, if height == 0 { blocks } else { height })?;
    }
    remember_base(cx)
}

fn records(cx: &mut Ctx, genesis: &GenesisState) -> Result {
    let ledger = genesis.ledger.clone().unwrap_or_default();
    for it in &ledger.records {
        EXECUTED.set(cx, &key(&it.id)?, &it.record)?;
    }
    for it in &genesis.canceled_records {
        CANCELED.set(cx, &key(&it.id)?, &it.record)?;
    }
    let mut held: BTreeMap<String, Int> = BTreeMap::new();
    for GenesisLedgerPendingRecord { id, record } in &ledger.pending_records {
        let coin = types::Coin::try_from(&record.coins_to_burn).map_err(money)?;
        let sum = held.entry(coin.denom).or_default();
        *sum = sum.add(coin.amount).map_err(number)?;
        PENDING.set(cx, &key(id)?, record)?;
    }
    held.iter().try_for_each(|(denom, sum)| PENDING_BALANCES.set(cx, denom, sum))
}

/// What the invariants measure from.
fn remember_base(cx: &mut Ctx) -> Result {
    let minted = amount(cx, &MINTED, ACT)?;
    let burned = amount(cx, &BURNED, ACT)?;
    let supply = bank::supply(cx, ACT)?;
    let supply = supply.sub(minted).and_then(|it| it.add(burned)).map_err(number)?;
    BASE.set(cx, &ACT.to_owned(), &supply)?;
    let credits = amount(cx, &CREDITS, AKT)?.sub(credited(cx)?).map_err(number)?;
    BASE.set(cx, &AKT.to_owned(), &credits)
}

/// Credits that the executed records accrued, less those they issued.
pub(super) fn credited(view: &View) -> Result<Int> {
    let mut sum = Int::ZERO;
    for record in EXECUTED.values(view) {
        let LedgerRecord { remint_credit_accrued, remint_credit_issued, .. } = record?;
        if let Some(it) = remint_credit_accrued {
            sum = sum.add(stored(&it.coin).amount).map_err(number)?;
        }
        if let Some(it) = remint_credit_issued {
            sum = sum.sub(stored(&it.coin).amount).map_err(number)?;
        }
    }
    Ok(sum)
}

pub(super) fn export(view: &View) -> Result<GenesisState> {
    let executed = EXECUTED.iter(view).map(|row| {
        let (key, record) = row?;
        Ok(GenesisLedgerRecord { id: id(&key), record })
    });
    let pending = PENDING.iter(view).map(|row| {
        let (key, record) = row?;
        Ok(GenesisLedgerPendingRecord { id: id(&key), record })
    });
    let canceled = CANCELED.iter(view).map(|row| {
        let (key, record) = row?;
        Ok(CanceledRecord { id: id(&key), record })
    });
    Ok(GenesisState {
        params: params::get(view)?,
        state: GenesisVaultState {
            total_burned: coins(view, &BURNED)?,
            total_minted: coins(view, &MINTED)?,
            remint_credits: coins(view, &CREDITS)?,
        },
        ledger: Some(GenesisLedgerState {
            records: executed.collect::<Result<_>>()?,
            pending_records: pending.collect::<Result<_>>()?,
        }),
        canceled_records: canceled.collect::<Result<_>>()?,
        status: Some(status::get(view)?),
        mint_epoch: Epoch::Mint.get(view)?,
        burn_epoch: Epoch::Burn.get(view)?,
    })
}
