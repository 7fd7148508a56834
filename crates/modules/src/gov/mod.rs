//! Governance: proposals, the deposits behind them, the votes on them, and what a passed one does
//! (cosmos.md 4.11).
//!
//! Called by: nobody. Calls: staking (whose stake a vote carries), distribution (where a cancelled
//! proposal's charge may go), params (old parameter changes), bank, auth; and by [`Ctx::dispatch`]
//! whatever a proposal's messages reach. Owns: store `gov`. The old interface, `v1beta1`, is a
//! translation of this one (`legacy.rs`).

mod deposits;
mod ending;
mod genesis;
mod invariants;
mod legacy;
mod messages;
mod params;
mod query;
mod tally;
#[cfg(test)]
mod tests;
mod votes;

use ledger::{
    Counter, Ctx, Invariant, Item, Map, Module, Plain, Prefixed, Result, Routes, Text, Unit, View,
    errors,
};
use types::wire::cosmos::gov::v1::{Deposit, GenesisState, Params, Proposal, ProposalStatus};

use crate::base::moment::Moment;

#[derive(Clone, Copy, Debug)]
pub struct Gov;

impl Module for Gov {
    const NAME: &'static str = NAME;
    const INVARIANTS: &'static [Invariant] = invariants::ALL;
    type Genesis = GenesisState;

    fn routes(r: &mut Routes<'_>) {
        messages::routes(r);
        legacy::routes(r);
        query::routes(r);
    }

    fn default_genesis() -> GenesisState {
        genesis::default()
    }

    fn init(cx: &mut Ctx, genesis: GenesisState) -> Result {
        genesis::init(cx, genesis)
    }

    fn export(view: &View) -> Result<GenesisState> {
        genesis::export(view)
    }

    fn end_block(cx: &mut Ctx) -> Result {
        ending::end_block(cx)
    }
}

const NAME: &str = "gov";

// State.
type ByPerson = (u64, Prefixed);

const PROPOSALS: Map<u64, Proposal> = Map::new(NAME, &[0]);
/// Proposals in their voting period, by its end.
const ACTIVE: Map<(Moment, u64), u64, Plain> = Map::new(NAME, &[1]);
/// Proposals in their deposit period, by its end.
const INACTIVE: Map<(Moment, u64), u64, Plain> = Map::new(NAME, &[2]);
const NEXT_ID: Counter = Counter::new(NAME, &[3]);
/// Which proposals may be voted on.
const VOTING: Map<u64, (), Unit> = Map::new(NAME, &[4]);
const DEPOSITS: Map<ByPerson, Deposit> = Map::new(NAME, &[16]);
const PARAMS: Item<Params> = Item::new(NAME, &[48]);
const CONSTITUTION: Item<String, Text> = Item::new(NAME, &[49]);

/// Stores a proposal and keeps the index of those that may be voted on.
fn save(cx: &mut Ctx, proposal: &Proposal) -> Result {
    if proposal.status() == ProposalStatus::VotingPeriod {
        VOTING.set(cx, &proposal.id, &())?;
    } else {
        VOTING.del(cx, &proposal.id)?;
    }
    PROPOSALS.set(cx, &proposal.id, proposal)
}

/// Deletes a proposal from wherever it is listed. Its deposits and votes are gone already.
fn forget(cx: &mut Ctx, proposal: &Proposal) -> Result {
    if let Some(end) = proposal.deposit_end_time {
        INACTIVE.del(cx, &(Moment(end), proposal.id))?;
    }
    if let Some(end) = proposal.voting_end_time {
        ACTIVE.del(cx, &(Moment(end), proposal.id))?;
        VOTING.del(cx, &proposal.id)?;
    }
    PROPOSALS.del(cx, &proposal.id)
}

/// A proposal that a message names.
fn must_find(view: &View, id: u64) -> Result<Proposal> {
    let missing = || {
        Error::UnknownProposal.wrap(format!(
            "collections: not found: key '{id}' of type github.com/cosmos/gogoproto/cosmos.gov.v1.Proposal"
        ))
    };
    PROPOSALS.get(view, &id)?.ok_or_else(missing)
}

errors! { Gov;
    2 UnknownProposal "unknown proposal" => NotFound,
    3 InactiveProposal "inactive proposal",
    4 AlreadyActive "proposal already active",
    5 InvalidContent "invalid proposal content",
    6 InvalidType "invalid proposal type",
    7 InvalidVote "invalid vote option",
    8 InvalidGenesis "invalid genesis state",
    9 NoHandler "no handler exists for proposal type",
    10 Unroutable "proposal message not recognized by router",
    11 NoMessages "no messages proposed",
    12 InvalidMessage "invalid proposal message",
    13 WrongSigner "expected gov account as only signer for proposal message",
    15 MetadataTooLong "metadata too long",
    16 DepositTooSmall "minimum deposit is too small",
    18 InvalidProposer "invalid proposer",
    20 VotingEnded "voting period already ended",
    21 InvalidProposal "invalid proposal",
    22 SummaryTooLong "summary too long",
    23 InvalidDenom "invalid deposit denom",
}
