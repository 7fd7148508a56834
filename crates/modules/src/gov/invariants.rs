//! Facts of governance that hold after every block.

use std::collections::BTreeSet;

use ledger::{Invariant, Result, View, holds};
use types::{Coins, wire::cosmos::gov::v1::ProposalStatus};

use super::{ACTIVE, DEPOSITS, INACTIVE, NAME, PROPOSALS, VOTING, votes};
use crate::{auth, bank, base::moment::Moment};

pub(super) const ALL: &[Invariant] = &[
    Invariant("the account covers all deposits", account_covers_deposits),
    Invariant("deposits add up to what proposals say", deposits_add_up),
    Invariant("each live proposal stands in its queue once", queues_match),
    Invariant("votes belong to proposals that may be voted on", votes::belong),
];

fn account_covers_deposits(view: &View) -> Result {
    let mut sum = Coins::default();
    for deposit in DEPOSITS.values(view) {
        sum = sum.add(&Coins::from_wire(&deposit?.amount)?)?;
    }
    let held = bank::balances(view, &auth::module_address(NAME))?;
    holds!(held.covers(&sum), "deposits are {sum}, the account holds {held}")
}

fn deposits_add_up(view: &View) -> Result {
    for proposal in PROPOSALS.values(view) {
        let proposal = proposal?;
        let mut sum = Coins::default();
        for entry in DEPOSITS.walk().under(&proposal.id).iter(view) {
            sum = sum.add(&Coins::from_wire(&entry?.1.amount)?)?;
        }
        let live = is_live(proposal.status());
        let expected =
            if live { Coins::from_wire(&proposal.total_deposit)? } else { Coins::default() };
        holds!(
            sum == expected,
            "deposits of proposal {} are {sum}, it says {expected}",
            proposal.id
        )?;
    }
    for key in DEPOSITS.keys(view) {
        let (id, _) = key?;
        holds!(PROPOSALS.has(view, &id)?, "a deposit names proposal {id}, which does not exist")?;
    }
    Ok(())
}

fn is_live(status: ProposalStatus) -> bool {
    matches!(status, ProposalStatus::DepositPeriod | ProposalStatus::VotingPeriod)
}

fn queues_match(view: &View) -> Result {
    let (mut waiting, mut voted) = (BTreeSet::new(), BTreeSet::new());
    for proposal in PROPOSALS.values(view) {
        let proposal = proposal?;
        let (queue, end, all) = match proposal.status() {
            ProposalStatus::DepositPeriod => (&INACTIVE, proposal.deposit_end_time, &mut waiting),
            ProposalStatus::VotingPeriod => (&ACTIVE, proposal.voting_end_time, &mut voted),
            _ => continue,
        };
        all.insert(proposal.id);
        let key = (Moment(end.unwrap_or_default()), proposal.id);
        holds!(queue.has(view, &key)?, "proposal {} does not stand in its queue", proposal.id)?;
    }
    let count = |queue: &ledger::Map<(Moment, u64), u64, ledger::Plain>| {
        queue.keys(view).try_fold(0usize, |sum, it| it.map(|_| sum.saturating_add(1)))
    };
    let (inactive, active) = (count(&INACTIVE)?, count(&ACTIVE)?);
    holds!(inactive == waiting.len(), "{inactive} in the deposit queue, {} wait", waiting.len())?;
    holds!(active == voted.len(), "{active} in the voting queue, {} are voted on", voted.len())?;
    let listed = VOTING.keys(view).collect::<Result<BTreeSet<u64>>>()?;
    holds!(listed == voted, "listed as voted on are {listed:?}, in truth {voted:?}")
}
