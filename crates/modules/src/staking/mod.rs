//! Who validates and who backs them: validators, delegations, what unbonds and what moves.
//!
//! Called by: ante of genesis transactions, evidence and slashing (`slash`, jails), distribution
//! and governance (reads). Calls: auth, bank. Tells the chapters above it what happens as
//! [`facts`]; they hook it. Owns: store `staking`, the pools of bonded and not bonded tokens, and
//! what consensus is told of the validator set (cosmos.md 4.8).

mod calls;
mod facts;
mod genesis;
mod invariants;
mod msgs;
mod query;
mod set;
mod slash;
mod state;
#[cfg(test)]
mod tests;

use ledger::{Ctx, Invariant, Module, Result, Routes, View};
use types::{
    Dec,
    wire::cosmos::staking::v1beta1::{GenesisState, Params},
};

pub use calls::{
    BONDED_POOL, NOT_BONDED_POOL, bond_denom, bonded_ratio, bonded_validators, delegation,
    delegations_of, delegations_to, params, total_bonded, validator, validator_by_consensus,
    validators,
};
pub use facts::{
    DelegationChanged, DelegationCreating, SharesChanging, ValidatorBonded, ValidatorCreated,
    ValidatorRemoved, ValidatorSlashing,
};
pub use set::{apply_updates, jail_validator, unjail_validator};
pub use slash::slash;
pub use state::{Commission, POWER_REDUCTION, Validator};

pub struct Staking;

impl Module for Staking {
    const NAME: &'static str = "staking";
    const INVARIANTS: &'static [Invariant] = invariants::ALL;
    type Genesis = GenesisState;

    fn routes(r: &mut Routes<'_>) {
        r.msg(msgs::create_validator)
            .msg(msgs::edit_validator)
            .msg(msgs::delegate_message)
            .msg(msgs::undelegate)
            .msg(msgs::begin_redelegate)
            .msg(msgs::cancel_unbonding)
            .msg(msgs::update_params);
        query::routes(r);
    }

    fn default_genesis() -> GenesisState {
        GenesisState {
            params: default_params(),
            last_total_power: b"0".to_vec(),
            ..GenesisState::default()
        }
    }

    fn init(cx: &mut Ctx, genesis: GenesisState) -> Result {
        genesis::init(cx, genesis)
    }

    fn export(view: &View) -> Result<GenesisState> {
        genesis::export(view)
    }

    fn begin_block(cx: &mut Ctx) -> Result {
        set::begin_block(cx)
    }

    fn end_block(cx: &mut Ctx) -> Result {
        set::end_block(cx)
    }
}

/// Those of the reference without a genesis document: 21 days, a hundred validators, no least
/// commission.
pub fn default_params() -> Params {
    Params {
        unbonding_time: prost_types::Duration { seconds: 1_814_400, nanos: 0 },
        max_validators: 100,
        max_entries: 7,
        historical_entries: 10_000,
        bond_denom: "uakt".to_owned(),
        min_commission_rate: Dec::ZERO.to_wire(),
    }
}

// Errors: the numbers are on the wire.
ledger::errors! { Staking;
    2 EmptyOperator "empty validator address",
    3 NoValidator "validator does not exist",
    4 OperatorTaken "validator already exist for this operator address; must use new validator operator address",
    5 PublicKeyTaken "validator already exist for this pubkey; must use new validator pubkey",
    6 PublicKeyKind "validator pubkey type is not supported",
    7 Jailed "validator for this address is currently jailed",
    8 NotRemovable "failed to remove validator",
    9 NegativeCommission "commission must be positive",
    10 HugeCommission "commission cannot be more than 100%",
    11 CommissionAboveMax "commission cannot be more than the max rate",
    12 CommissionChangedLately "commission cannot be changed more than once in 24h",
    13 NegativeChangeRate "commission change rate must be positive",
    14 ChangeRateAboveMax "commission change rate cannot be more than the max rate",
    15 CommissionChangeTooBig "commission cannot be changed more than max change rate",
    16 SelfDelegationTooSmall "validator's self delegation must be greater than their minimum self delegation",
    17 MinSelfDelegationLowered "minimum self delegation cannot be decrease",
    18 EmptyDelegator "empty delegator address",
    19 NoDelegation "no delegation for (address, validator) tuple",
    20 UnknownDelegator "delegator does not exist with address",
    21 NoDelegationOfDelegator "delegator does not contain delegation",
    22 InsufficientShares "insufficient delegation shares",
    23 EmptyValidator "cannot delegate to an empty validator",
    24 NotEnoughShares "not enough delegation shares",
    25 NotMature "entry not mature",
    26 NoUnbonding "no unbonding delegation found",
    27 TooManyUnbondings "too many unbonding delegation entries for (delegator, validator) tuple",
    28 NoRedelegation "no redelegation found",
    29 SelfRedelegation "cannot redelegate to the same validator",
    30 TinyRedelegation "too few tokens to redelegate (truncates to zero tokens)",
    31 NoDestination "redelegation destination validator not found",
    32 TransitiveRedelegation "redelegation to this validator already in progress; first redelegation to this validator must complete before next redelegation",
    33 TooManyRedelegations "too many redelegation entries for (delegator, src-validator, dst-validator) tuple",
    34 InvalidRate "cannot delegate to validators with invalid (zero) ex-rate",
    35 SharesAndPercent "both shares amount and shares percent provided",
    36 NoSharesNorPercent "neither shares amount nor shares percent provided",
    37 InvalidHistory "invalid historical info",
    38 NoHistory "no historical info found",
    39 NoPublicKey "empty validator public key",
    40 CommissionBelowMin "commission cannot be less than min rate",
    41 NoUnbondingOperation "unbonding operation not found",
    42 NotOnHold "cannot un-hold unbonding operation that is not on hold",
    43 WrongAuthority "expected authority account as only signer for proposal message",
    44 NoSource "redelegation source validator not found",
    45 NoUnbondingKind "unbonding type not found",
}
