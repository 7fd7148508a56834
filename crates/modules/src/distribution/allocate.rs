//! Sharing money among validators: the fees of a block, and gifts to one of them.

use ledger::{Ctx, Result};
use types::{ConsAddress, Dec, DecCoins};

use super::{Distribution, params, state};
use crate::{
    auth::{self, FEE_COLLECTOR},
    bank,
    staking::{self, Validator},
};
use ledger::Module;

/// Moves what the fee collector holds here, and shares it by the power of the previous block's
/// votes, whether they signed or not. Tax and dust go to the community (cosmos.md 4.7).
///
/// A vote of a validator that staking does not know leaves its share to the community, too.
pub(super) fn all_fees(cx: &mut Ctx) -> Result {
    let collected = bank::balances(cx, &auth::module_address(FEE_COLLECTOR))?;
    bank::send_between_modules(cx, FEE_COLLECTOR, Distribution::NAME, &collected)?;
    let fees = DecCoins::from_coins(&collected);

    let votes = cx.block().last_commit.votes.clone();
    let total = votes.iter().map(|it| i128::from(it.validator.power)).sum::<i128>();
    if total <= 0 {
        return state::add_to_community_pool(cx, &fees);
    }
    let total = Dec::from_int(total);
    let tax = Dec::from_wire_or_zero(&params(cx)?.community_tax)?;
    let shared = fees.mul_dec_truncate(Dec::ONE.sub(tax)?)?;
    let mut left = fees;
    for vote in &votes {
        let consensus = ConsAddress::new(vote.validator.address.as_slice())?;
        let Some(validator) = staking::validator_by_consensus(cx, &consensus)? else { continue };
        let fraction = Dec::from_int(vote.validator.power).quo_truncate(total)?;
        let reward = shared.mul_dec_truncate(fraction)?;
        to_validator(cx, &validator, &reward)?;
        left = left.sub(&reward)?;
    }
    state::add_to_community_pool(cx, &left)
}

/// Books a reward that is here already: commission for the operator, the rest for the delegators.
pub(super) fn to_validator(cx: &mut Ctx, validator: &Validator, reward: &DecCoins) -> Result {
    let operator = &validator.operator;
    let name = operator.to_string();
    let commission = reward.mul_dec(validator.commission_rate())?;
    let shared = reward.sub(&commission)?;

    let text = commission.to_string();
    cx.emit_plain("commission", [("amount", &*text), ("validator", &*name)]);
    let sum = state::commission(cx, operator)?.add(&commission)?;
    state::set_commission(cx, operator, &sum)?;

    let (current, period) = state::current(cx, operator)?;
    state::set_current(cx, operator, &current.add(&shared)?, period)?;

    let text = reward.to_string();
    cx.emit_plain("rewards", [("amount", &*text), ("validator", &*name)]);
    let sum = state::outstanding(cx, operator)?.add(reward)?;
    state::set_outstanding(cx, operator, &sum)
}
