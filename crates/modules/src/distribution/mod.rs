//! Who earns what from staking: fees and provisions are shared among validators, their operators
//! and delegators, and the community (cosmos.md 4.7, "F1").
//!
//! Nobody is paid in a block: a validator's rewards per token are added up, and a delegation
//! remembers where it began, so that paying costs the same whatever lies in between.
//!
//! Called by: gov. Calls: auth, bank, staking, and listens to staking's facts. Owns: store
//! `distribution`, the money of the module account `distribution`.

mod allocate;
mod genesis;
mod hooks;
mod invariants;
mod msgs;
mod query;
mod rewards;
mod state;
#[cfg(test)]
mod tests;

use ledger::{Ctx, Invariant, Module, Result, Routes, View};
use types::{
    Address, Coins, DecCoins,
    wire::cosmos::distribution::v1beta1::{GenesisState, Params},
};

pub struct Distribution;

impl Module for Distribution {
    const NAME: &'static str = "distribution";
    const INVARIANTS: &'static [Invariant] = &[
        Invariant("distribution holds what it owes", invariants::holds_what_it_owes),
        Invariant("rewards of the past are referred to", invariants::references_match),
        Invariant("commission and rewards are outstanding", invariants::shares_are_outstanding),
    ];
    type Genesis = GenesisState;

    fn routes(r: &mut Routes<'_>) {
        msgs::routes(r);
        query::routes(r);
        hooks::routes(r);
    }

    fn default_genesis() -> GenesisState {
        GenesisState { params: default_params(), ..GenesisState::default() }
    }

    fn init(cx: &mut Ctx, genesis: GenesisState) -> Result {
        genesis::init(cx, genesis)
    }

    fn export(view: &View) -> Result<GenesisState> {
        genesis::export(view)
    }

    /// Shares what the fee collector holds among those who may have signed the previous block.
    fn begin_block(cx: &mut Ctx) -> Result {
        if cx.height() > 1 {
            allocate::all_fees(cx)?;
        }
        let proposer = cx.block().proposer.clone();
        state::PREVIOUS_PROPOSER.set(cx, &proposer)
    }
}

pub(crate) fn default_params() -> Params {
    Params {
        community_tax: types::Dec::new(2, 2).unwrap_or_default().to_wire(),
        base_proposer_reward: types::Dec::ZERO.to_wire(),
        bonus_proposer_reward: types::Dec::ZERO.to_wire(),
        withdraw_addr_enabled: true,
    }
}

// Calls open to other modules.

pub fn params(view: &View) -> Result<Params> {
    Ok(state::PARAMS.get(view)?.unwrap_or_else(default_params))
}

/// What belongs to the community.
pub fn community_pool(view: &View) -> Result<DecCoins> {
    state::community_pool(view)
}

/// Moves coins of an account into the community's pool.
pub fn fund_community_pool(cx: &mut Ctx, from: &Address, amount: &Coins) -> Result {
    crate::bank::send_to_module(cx, from, Distribution::NAME, amount)?;
    state::add_to_community_pool(cx, &DecCoins::from_coins(amount))
}

// Errors: the numbers are on the wire.
ledger::errors! { Distribution;
    2 EmptyDelegator "delegator address is empty",
    3 EmptyWithdraw "withdraw address is empty",
    4 EmptyValidator "validator address is empty",
    5 NoStartingInfo "no delegation distribution info",
    6 NoValidatorInfo "no validator distribution info",
    7 NoCommission "no validator commission to withdraw",
    8 WithdrawDisabled "set withdraw address disabled",
    9 PoolTooSmall "community pool does not have sufficient coins to distribute",
    10 InvalidSpendAmount "invalid community pool spend proposal amount",
    11 InvalidSpendRecipient "invalid community pool spend proposal recipient",
    12 NoValidator "validator does not exist",
    13 NoDelegation "delegation does not exist",
}
