//! Genesis import and export.

use ledger::{Ctx, Fault, Module, Result, View};
use types::{
    Address, ConsAddress, DecCoins, ValAddress,
    wire::cosmos::distribution::v1beta1::{
        DelegatorStartingInfoRecord, DelegatorWithdrawInfo, GenesisState,
        ValidatorAccumulatedCommissionRecord, ValidatorCurrentRewardsRecord,
        ValidatorHistoricalRewardsRecord, ValidatorOutstandingRewardsRecord,
        ValidatorSlashEventRecord,
    },
};

use super::{
    Distribution, msgs, params,
    state::{
        self, COMMISSION, CURRENT, FEE_POOL, HISTORY, OUTSTANDING, PARAMS, PREVIOUS_PROPOSER,
        SLASHES, STARTS, WITHDRAW_TO, bytes, past,
    },
};
use crate::{auth, bank};

pub(super) fn init(cx: &mut Ctx, genesis: GenesisState) -> Result {
    msgs::check(&genesis.params)?;
    FEE_POOL.set(cx, &genesis.fee_pool)?;
    PARAMS.set(cx, &genesis.params)?;
    for it in &genesis.delegator_withdraw_infos {
        let (from, to) = (address(&it.delegator_address)?, address(&it.withdraw_address)?);
        WITHDRAW_TO.set(cx, &bytes(&from), &to.into_bytes())?;
    }
    let proposer = match genesis.previous_proposer.as_str() {
        "" => Vec::new(),
        text => text.parse::<ConsAddress>()?.into_bytes(),
    };
    PREVIOUS_PROPOSER.set(cx, &proposer)?;
    let mut owed = DecCoins::from_wire(&genesis.fee_pool.community_pool)?;
    for it in &genesis.outstanding_rewards {
        let rewards = DecCoins::from_wire(&it.outstanding_rewards)?;
        owed = owed.add(&rewards)?;
        state::set_outstanding(cx, &operator(&it.validator_address)?, &rewards)?;
    }
    for it in &genesis.validator_accumulated_commissions {
        COMMISSION.set(cx, &bytes(operator(&it.validator_address)?), &it.accumulated)?;
    }
    for it in &genesis.validator_historical_rewards {
        HISTORY.set(cx, &past(&operator(&it.validator_address)?, it.period), &it.rewards)?;
    }
    for it in &genesis.validator_current_rewards {
        CURRENT.set(cx, &bytes(operator(&it.validator_address)?), &it.rewards)?;
    }
    for it in &genesis.delegator_starting_infos {
        let key = (bytes(operator(&it.validator_address)?), bytes(address(&it.delegator_address)?));
        STARTS.set(cx, &key, &it.starting_info)?;
    }
    for it in &genesis.validator_slash_events {
        let key = (bytes(operator(&it.validator_address)?), it.height, it.period);
        SLASHES.set(cx, &key, &it.validator_slash_event)?;
    }
    let (owed, _) = owed.truncate_decimal()?;
    let held = bank::balances(cx, &auth::module_address(Distribution::NAME))?;
    if owed != held {
        return Err(Fault::plain(format!(
            "distribution module balance does not match the module holdings: {held} <-> {owed}"
        )));
    }
    Ok(())
}

fn address(text: &str) -> Result<Address> {
    auth::parse_address(text)
}

fn operator(text: &str) -> Result<ValAddress> {
    Ok(text.parse()?)
}

fn shown_operator(bytes: Vec<u8>) -> Result<String> {
    Ok(ValAddress::new(bytes)?.to_string())
}

fn shown(bytes: Vec<u8>) -> Result<String> {
    Ok(Address::new(bytes)?.to_string())
}

pub(super) fn export(view: &View) -> Result<GenesisState> {
    let withdraw = WITHDRAW_TO.iter(view).map(|it| {
        let (from, to) = it?;
        Ok(DelegatorWithdrawInfo {
            delegator_address: shown(from.0)?,
            withdraw_address: shown(to)?,
        })
    });
    let proposer = match PREVIOUS_PROPOSER.get_or_default(view)? {
        none if none.is_empty() => String::new(),
        bytes => ConsAddress::new(bytes)?.to_string(),
    };
    let outstanding = OUTSTANDING.iter(view).map(|it| {
        let (key, found) = it?;
        Ok(ValidatorOutstandingRewardsRecord {
            validator_address: shown_operator(key.0)?,
            outstanding_rewards: found.rewards,
        })
    });
    let commissions = COMMISSION.iter(view).map(|it| {
        let (key, accumulated) = it?;
        let validator_address = shown_operator(key.0)?;
        Ok(ValidatorAccumulatedCommissionRecord { validator_address, accumulated })
    });
    let history = HISTORY.iter(view).map(|it| {
        let ((key, period), rewards) = it?;
        let validator_address = shown_operator(key.0)?;
        let period = u64::from_le_bytes(period);
        Ok(ValidatorHistoricalRewardsRecord { validator_address, period, rewards })
    });
    let current = CURRENT.iter(view).map(|it| {
        let (key, rewards) = it?;
        let validator_address = shown_operator(key.0)?;
        Ok(ValidatorCurrentRewardsRecord { validator_address, rewards })
    });
    let starts = STARTS.iter(view).map(|it| {
        let ((key, delegator), starting_info) = it?;
        Ok(DelegatorStartingInfoRecord {
            delegator_address: shown(delegator.0)?,
            validator_address: shown_operator(key.0)?,
            starting_info,
        })
    });
    let slashes = SLASHES.iter(view).map(|it| {
        let ((key, height, period), validator_slash_event) = it?;
        let validator_address = shown_operator(key.0)?;
        Ok(ValidatorSlashEventRecord { validator_address, height, period, validator_slash_event })
    });
    Ok(GenesisState {
        params: params(view)?,
        fee_pool: FEE_POOL.get_or_default(view)?,
        delegator_withdraw_infos: withdraw.collect::<Result<_>>()?,
        previous_proposer: proposer,
        outstanding_rewards: outstanding.collect::<Result<_>>()?,
        validator_accumulated_commissions: commissions.collect::<Result<_>>()?,
        validator_historical_rewards: history.collect::<Result<_>>()?,
        validator_current_rewards: current.collect::<Result<_>>()?,
        delegator_starting_infos: starts.collect::<Result<_>>()?,
        validator_slash_events: slashes.collect::<Result<_>>()?,
    })
}
