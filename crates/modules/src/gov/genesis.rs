//! Genesis of governance (cosmos.md 4.11).

use ledger::{Ctx, Fault, Prefixed, Result, View};
use types::{
    Coins,
    wire::cosmos::gov::v1::{GenesisState, ProposalStatus},
};

use super::{
    ACTIVE, CONSTITUTION, DEPOSITS, Error, INACTIVE, NAME, NEXT_ID, PARAMS, PROPOSALS, params,
    save, votes,
};
use crate::{auth, bank, base::moment::Moment};

pub(super) fn default() -> GenesisState {
    GenesisState {
        starting_proposal_id: 1,
        params: Some(params::defaults()),
        ..GenesisState::default()
    }
}

pub(super) fn init(cx: &mut Ctx, genesis: GenesisState) -> Result {
    // A document without the module's number starts at 1: there is no proposal 0.
    NEXT_ID.set(cx, genesis.starting_proposal_id.max(1))?;
    let given = genesis.params.unwrap_or_else(params::defaults);
    params::check(&given).map_err(|it| Error::InvalidGenesis.wrap(it))?;
    PARAMS.set(cx, &given)?;
    CONSTITUTION.set(cx, &genesis.constitution)?;

    let mut held = Coins::default();
    for deposit in &genesis.deposits {
        let depositor = auth::parse_address(&deposit.depositor)?;
        let key = (deposit.proposal_id, Prefixed(depositor.into_bytes()));
        held = held.add(&Coins::from_wire(&deposit.amount)?)?;
        DEPOSITS.set(cx, &key, deposit)?;
    }
    for vote in &genesis.votes {
        let voter = auth::parse_address(&vote.voter)?;
        votes::cast(cx, Prefixed(voter.into_bytes()), vote)?;
    }
    for proposal in &genesis.proposals {
        let id = proposal.id;
        let queue = match proposal.status() {
            ProposalStatus::DepositPeriod => Some((&INACTIVE, proposal.deposit_end_time)),
            ProposalStatus::VotingPeriod => Some((&ACTIVE, proposal.voting_end_time)),
            _ => None,
        };
        if let Some((queue, end)) = queue {
            let end = end.ok_or_else(|| {
                Error::InvalidGenesis.wrap(format!("proposal {id} has no end of its period"))
            })?;
            queue.set(cx, &(Moment(end), id), &id)?;
        }
        save(cx, proposal)?;
    }
    let balance = bank::balances(cx, &auth::module_address(NAME))?;
    if balance != held {
        return Err(Fault::plain(format!(
            "expected module account was {balance} but we got {held}"
        )));
    }
    Ok(())
}

pub(super) fn export(view: &View) -> Result<GenesisState> {
    Ok(GenesisState {
        starting_proposal_id: NEXT_ID.peek(view)?,
        deposits: DEPOSITS.values(view).collect::<Result<_>>()?,
        votes: votes::export(view)?,
        proposals: PROPOSALS.values(view).collect::<Result<_>>()?,
        params: Some(params::get(view)?),
        constitution: CONSTITUTION.get(view)?.unwrap_or_default(),
        ..GenesisState::default()
    })
}
