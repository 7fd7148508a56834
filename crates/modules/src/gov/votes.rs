//! Votes, and how they go: a count ends a poll for everybody who asks, and its votes are deleted some
//! per block, so that no block is long because many people voted.
//!
//! An expedited proposal that fails is voted on again in a poll of its own, with another number.

use std::collections::BTreeSet;

use ledger::{Ctx, Map, Prefixed, Result, Unit, View, Walk};
use types::wire::cosmos::gov::v1::Vote;

use super::{ByPerson, NAME, VOTING};

/// By poll and voter. The number of a poll is its proposal's, or with [`AGAIN`] set.
pub(super) const VOTES: Map<ByPerson, Vote> = Map::new(NAME, &[32]);
/// Proposals that are voted on again.
const SECOND: Map<u64, (), Unit> = Map::new(NAME, &[5]);
/// Polls that are counted and may have votes left.
const COUNTED: Map<u64, (), Unit> = Map::new(NAME, &[6]);

/// Set in the number of a second poll. No proposal has such a number.
const AGAIN: u64 = 1 << 63;
/// A poll that nobody votes in.
const NONE: u64 = u64::MAX;

/// Votes of counted polls that a block deletes at most; what is left waits for the next block.
pub(super) const SWEPT_PER_BLOCK: usize = 1000;

/// Where a proposal is voted on now.
fn poll(view: &View, proposal: u64) -> Result<u64> {
    Ok(if SECOND.has(view, &proposal)? { proposal | AGAIN } else { proposal })
}

/// The poll whose votes are there for whoever asks.
fn shown(view: &View, proposal: u64) -> Result<u64> {
    if proposal >= AGAIN {
        return Ok(NONE);
    }
    let poll = poll(view, proposal)?;
    Ok(if COUNTED.has(view, &poll)? { NONE } else { poll })
}

/// A person's vote on a proposal.
pub(super) fn find(view: &View, (proposal, voter): &ByPerson) -> Result<Option<Vote>> {
    VOTES.get(view, &(shown(view, *proposal)?, voter.clone()))
}

/// The votes on a proposal, by voter.
pub(super) fn of(view: &View, proposal: u64) -> Result<Walk<ByPerson, Vote>> {
    Ok(VOTES.walk().under(&shown(view, proposal)?))
}

/// Stores a vote in place of the voter's earlier one.
pub(super) fn cast(cx: &mut Ctx, voter: Prefixed, vote: &Vote) -> Result {
    // The reference knows one poll only.
    let poll = cx.without_gas(|cx| poll(cx, vote.proposal_id))?;
    VOTES.set(cx, &(poll, voter), vote)
}

/// Ends the poll of a proposal.
pub(super) fn end(cx: &mut Ctx, proposal: u64) -> Result {
    let poll = poll(cx, proposal)?;
    COUNTED.set(cx, &poll, &())?;
    SECOND.del(cx, &proposal)
}

/// Ends the poll of a proposal and begins another one.
pub(super) fn begin_again(cx: &mut Ctx, proposal: u64) -> Result {
    end(cx, proposal)?;
    SECOND.set(cx, &proposal, &())
}

/// Deletes the votes on a proposal at once, paid by whoever wants it.
pub(super) fn delete(cx: &mut Ctx, proposal: u64) -> Result {
    let poll = cx.without_gas(|cx| -> Result<u64> {
        let poll = poll(cx, proposal)?;
        SECOND.del(cx, &proposal)?;
        Ok(poll)
    })?;
    let keys = VOTES.walk().under(&poll).iter(cx).map(|it| Ok(it?.0));
    let keys = keys.collect::<Result<Vec<_>>>()?;
    keys.iter().try_for_each(|it| VOTES.del(cx, it))
}

/// Deletes votes of counted polls, the oldest proposal's first.
pub(super) fn sweep(cx: &mut Ctx) -> Result {
    let mut budget = SWEPT_PER_BLOCK;
    while budget > 0 {
        let Some(poll) = COUNTED.keys(cx).next().transpose()? else { return Ok(()) };
        let keys = VOTES.walk().under(&poll).iter(cx).take(budget).map(|it| Ok(it?.0));
        let keys = keys.collect::<Result<Vec<_>>>()?;
        keys.iter().try_for_each(|it| VOTES.del(cx, it))?;
        if keys.len() < budget {
            COUNTED.del(cx, &poll)?;
        }
        // A poll without votes costs a look, too.
        budget = budget.saturating_sub(keys.len().max(1));
    }
    Ok(())
}

/// The votes that still count.
pub(super) fn export(view: &View) -> Result<Vec<Vote>> {
    let counted = COUNTED.keys(view).collect::<Result<BTreeSet<u64>>>()?;
    let mut votes = Vec::new();
    for entry in VOTES.iter(view) {
        let ((poll, _), vote) = entry?;
        if !counted.contains(&poll) {
            votes.push(vote);
        }
    }
    // Those of second polls stand behind all others.
    votes.sort_by_key(|it| it.proposal_id);
    Ok(votes)
}

/// The invariant: each vote is in a poll that goes on, or was counted.
pub(super) fn belong(view: &View) -> Result {
    for key in VOTES.keys(view) {
        let (at, _) = key?;
        let proposal = at & !AGAIN;
        let goes_on = VOTING.has(view, &proposal)? && poll(view, proposal)? == at;
        ledger::holds!(
            goes_on || COUNTED.has(view, &at)?,
            "a vote names proposal {proposal}, which takes none"
        )?;
    }
    Ok(())
}
