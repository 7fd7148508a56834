//! What ends by itself: deposit periods and votes, in the order of their ends (cosmos.md 4.11,
//! EndBlock).

use ledger::{Ctx, Fault, Map, Plain, Result};
use prost_types::Any;
use types::wire::cosmos::gov::v1::{Proposal, ProposalStatus};

use super::{ACTIVE, INACTIVE, PROPOSALS, deposits, forget, params, save, tally, votes};
use crate::base::{self, moment::Moment};

/// Proposals that end in one block, at most, of each kind; the others wait for the next block.
const ENDINGS_MAX: usize = 1000;

pub(super) fn end_block(cx: &mut Ctx) -> Result {
    for (end, id) in due(cx, &INACTIVE)? {
        INACTIVE.del(cx, &(end, id))?;
        if let Some(proposal) = PROPOSALS.get(cx, &id)? {
            drop_proposal(cx, &proposal)?;
        }
    }
    for (end, id) in due(cx, &ACTIVE)? {
        ACTIVE.del(cx, &(end, id))?;
        if let Some(proposal) = PROPOSALS.get(cx, &id)? {
            close_vote(cx, proposal)?;
        }
    }
    votes::sweep(cx)
}

/// What has ended by now.
fn due(cx: &Ctx, queue: &Map<(Moment, u64), u64, Plain>) -> Result<Vec<(Moment, u64)>> {
    let now = cx.time();
    let is_due = |it: &Result<(Moment, u64)>| match it {
        Ok((end, _)) => !Moment(now).is_before(&end.0),
        Err(_) => true,
    };
    queue.keys(cx).take_while(is_due).take(ENDINGS_MAX).collect()
}

/// Deletes a proposal whose deposit stayed too small.
fn drop_proposal(cx: &mut Ctx, proposal: &Proposal) -> Result {
    let id = proposal.id;
    forget(cx, proposal)?;
    if params::get(cx)?.burn_proposal_deposit_prevote {
        deposits::burn(cx, id)?;
    } else {
        deposits::refund(cx, id)?;
    }
    cx.emit_plain(
        "inactive_proposal",
        [("proposal_id", &*id.to_string()), ("proposal_result", "proposal_dropped")],
    );
    Ok(())
}

fn close_vote(cx: &mut Ctx, mut proposal: Proposal) -> Result {
    let id = proposal.id;
    let outcome = tally::count(cx, &proposal)?;
    let converts = proposal.expedited && !outcome.passes;
    if converts {
        votes::begin_again(cx, id)?;
    } else {
        votes::end(cx, id)?;
        if outcome.burns {
            deposits::burn(cx, id)?;
        } else {
            deposits::refund(cx, id)?;
        }
    }

    let (result, log) = if outcome.passes {
        match execute(cx, &proposal.messages) {
            None => {
                proposal.set_status(ProposalStatus::Passed);
                ("proposal_passed", "passed".to_owned())
            }
            Some((at, fault)) => {
                proposal.set_status(ProposalStatus::Failed);
                proposal.failed_reason = fault.to_string();
                let kind = proposal.messages.get(at).map_or("", |it| it.type_url.as_str());
                let log = format!("passed, but msg {at} ({kind}) failed on execution: {fault}");
                ("proposal_failed", log)
            }
        }
    } else if proposal.expedited {
        proposal.expedited = false;
        let start = proposal.voting_start_time.unwrap_or_default();
        let period = params::get(cx)?.voting_period.unwrap_or_default();
        let end = base::time::after(&start, &period);
        proposal.voting_end_time = Some(end);
        ACTIVE.set(cx, &(Moment(end), id), &id)?;
        ("expedited_proposal_rejected", "expedited proposal converted to regular".to_owned())
    } else {
        proposal.set_status(ProposalStatus::Rejected);
        proposal.failed_reason = "proposal did not get enough votes to pass".to_owned();
        ("proposal_rejected", "rejected".to_owned())
    };
    proposal.final_tally_result = Some(outcome.result);
    save(cx, &proposal)?;
    cx.emit_plain(
        "active_proposal",
        [("proposal_id", &*id.to_string()), ("proposal_result", result), ("proposal_log", &log)],
    );
    Ok(())
}

/// Executes the messages of a passed proposal, all or none; returns which one failed, and why.
fn execute(cx: &mut Ctx, messages: &[Any]) -> Option<(usize, Fault)> {
    let mut reached = 0usize;
    let outcome = cx.guarded(|cx| {
        for (at, message) in messages.iter().enumerate() {
            reached = at;
            cx.dispatch(message)?;
        }
        Ok(())
    });
    outcome.err().map(|fault| (reached, fault))
}
