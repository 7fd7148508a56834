//! Counting votes: what stake said what, and whether that is enough (cosmos.md 4.11, Tally).

use std::collections::BTreeMap;

use ledger::{Result, View};
use types::{
    Address, Dec, Int,
    wire::cosmos::gov::v1::{Params, Proposal, TallyResult, VoteOption, WeightedVoteOption},
};

use super::{params, votes};
use crate::staking;

/// What a count says about a proposal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Outcome {
    pub(super) passes: bool,
    /// Whether the deposits are destroyed.
    pub(super) burns: bool,
    pub(super) result: TallyResult,
}

/// No stake behind anything.
pub(super) fn nothing() -> TallyResult {
    Sums::default().result().unwrap_or_default()
}

#[derive(Clone, Copy, Debug, Default)]
struct Sums {
    yes: Dec,
    abstain: Dec,
    no: Dec,
    veto: Dec,
    total: Dec,
}

impl Sums {
    /// Adds power behind a vote, in shares by its weights.
    fn add(&mut self, options: &[WeightedVoteOption], power: Dec) -> Result {
        for option in options {
            let part = power.mul(params::ratio(&option.weight)?)?;
            let sum = match option.option() {
                VoteOption::Yes => &mut self.yes,
                VoteOption::Abstain => &mut self.abstain,
                VoteOption::No => &mut self.no,
                VoteOption::NoWithVeto => &mut self.veto,
                VoteOption::Unspecified => continue,
            };
            *sum = sum.add(part)?;
        }
        self.total = self.total.add(power)?;
        Ok(())
    }

    fn result(&self) -> Result<TallyResult> {
        let text = |it: Dec| Ok::<_, ledger::Fault>(it.truncate_int()?.to_string());
        Ok(TallyResult {
            yes_count: text(self.yes)?,
            abstain_count: text(self.abstain)?,
            no_count: text(self.no)?,
            no_with_veto_count: text(self.veto)?,
        })
    }
}

/// A validator whose stake counts.
struct Bonded {
    tokens: Int,
    shares: Dec,
    /// Shares whose owners voted themselves.
    deductions: Dec,
    vote: Vec<WeightedVoteOption>,
}

impl Bonded {
    fn power(&self, shares: Dec) -> Result<Dec> {
        Ok(shares.mul_int(self.tokens)?.quo(self.shares)?)
    }
}

/// Counts the votes on a proposal as they are now.
pub(super) fn count(view: &View, proposal: &Proposal) -> Result<Outcome> {
    let mut validators = BTreeMap::new();
    // Who was jailed in this block is bonded until its end, but counts no more.
    for it in staking::bonded_validators(view)?.into_iter().filter(|it| !it.jailed) {
        let (tokens, shares) = (it.tokens, it.shares);
        let bonded = Bonded { tokens, shares, deductions: Dec::ZERO, vote: Vec::new() };
        validators.insert(it.operator.as_bytes().to_vec(), bonded);
    }
    let mut sums = Sums::default();
    for entry in votes::of(view, proposal.id)?.iter(view) {
        let ((_, voter), vote) = entry?;
        if let Some(validator) = validators.get_mut(&voter.0) {
            validator.vote.clone_from(&vote.options);
        }
        for (operator, shares) in staking::delegations_of(view, &Address::new(voter.0)?)? {
            if let Some(validator) = validators.get_mut(operator.as_bytes()) {
                validator.deductions = validator.deductions.add(shares)?;
                sums.add(&vote.options, validator.power(shares)?)?;
            }
        }
    }
    for validator in validators.values().filter(|it| !it.vote.is_empty()) {
        let rest = validator.shares.sub(validator.deductions)?;
        sums.add(&validator.vote, validator.power(rest)?)?;
    }
    let (passes, burns) =
        decide(&sums, staking::total_bonded(view)?, &params::get(view)?, proposal.expedited)?;
    Ok(Outcome { passes, burns, result: sums.result()? })
}

/// Whether the proposal passes, and whether its deposits burn.
fn decide(sums: &Sums, bonded: Int, params: &Params, expedited: bool) -> Result<(bool, bool)> {
    if bonded.is_zero() {
        return Ok((false, false));
    }
    if sums.total.quo(Dec::from_int(bonded))? < params::ratio(&params.quorum)? {
        return Ok((false, params.burn_vote_quorum));
    }
    let decided = sums.total.sub(sums.abstain)?;
    if decided.is_zero() {
        return Ok((false, false));
    }
    if sums.veto.quo(sums.total)? > params::ratio(&params.veto_threshold)? {
        return Ok((false, params.burn_vote_veto));
    }
    let needed = if expedited { &params.expedited_threshold } else { &params.threshold };
    Ok((sums.yes.quo(decided)? > params::ratio(needed)?, false))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sums(yes: i64, abstain: i64, no: i64, veto: i64) -> Sums {
        let dec = |it: i64| Dec::from_int(it);
        let total = dec(yes + abstain + no + veto);
        Sums { yes: dec(yes), abstain: dec(abstain), no: dec(no), veto: dec(veto), total }
    }

    fn check(sums: Sums, expedited: bool, expected: (bool, bool)) {
        let params =
            Params { burn_vote_quorum: true, quorum: "0.334".to_owned(), ..params::defaults() };
        assert_eq!(decide(&sums, Int::from(100), &params, expedited).unwrap(), expected);
    }

    #[test]
    fn quorum_veto_and_threshold_are_asked_in_this_order() {
        check(sums(33, 0, 0, 0), false, (false, true));
        check(sums(0, 0, 0, 33), false, (false, true));
        check(sums(34, 0, 0, 0), false, (true, false));
        check(sums(0, 40, 0, 0), false, (false, false));
        check(sums(60, 0, 0, 40), false, (false, true));
        check(sums(50, 0, 50, 0), false, (false, false));
        check(sums(51, 0, 49, 0), false, (true, false));
        check(sums(51, 0, 49, 0), true, (false, false));
        check(sums(67, 0, 33, 0), true, (true, false));
        check(sums(30, 60, 10, 0), true, (true, false));
    }

    #[test]
    fn without_bonded_stake_nothing_passes_and_nothing_burns() {
        let outcome = decide(&sums(1, 0, 0, 0), Int::ZERO, &params::defaults(), false).unwrap();
        assert_eq!(outcome, (false, false));
    }

    #[test]
    fn a_split_vote_shares_its_power_by_weight() {
        let mut sums = Sums::default();
        let option = |option: VoteOption, weight: &str| WeightedVoteOption {
            option: option.into(),
            weight: weight.to_owned(),
        };
        let options = [option(VoteOption::Yes, "0.7"), option(VoteOption::NoWithVeto, "0.3")];
        sums.add(&options, Dec::from_int(11)).unwrap();
        let result = sums.result().unwrap();
        assert_eq!((result.yes_count.as_str(), result.no_with_veto_count.as_str()), ("7", "3"));
        assert_eq!(sums.total, Dec::from_int(11));
    }
}
