//! Facts that hold after every block.

use std::collections::BTreeMap;

use ledger::{Fault, Module, Result, View, holds};
use types::{DecCoins, ValAddress};

use super::{
    Distribution,
    state::{self, CURRENT, HISTORY, OUTSTANDING, SLASHES, STARTS, bytes},
};
use crate::{auth, bank};

/// Outstanding rewards and the community's pool, fractions added up, are what the account holds.
pub(super) fn holds_what_it_owes(view: &View) -> Result {
    let mut owed = state::community_pool(view)?;
    for found in OUTSTANDING.values(view) {
        owed = owed.add(&DecCoins::from_wire(&found?.rewards)?)?;
    }
    let held = bank::balances(view, &auth::module_address(Distribution::NAME))?;
    let exact = DecCoins::from_coins(&held);
    holds!(exact == owed, "the account holds {held}, owed are {owed}")
}

/// Each end of a period is needed by as many records as it counts: the running period, slashes,
/// and delegations that began there.
pub(super) fn references_match(view: &View) -> Result {
    let mut needed = BTreeMap::new();
    let mut need = |operator: Vec<u8>, period: u64| {
        let count = needed.entry((operator, period)).or_insert(0u32);
        *count = count.saturating_add(1);
    };
    for entry in CURRENT.iter(view) {
        let (operator, current) = entry?;
        need(operator.0, current.period.saturating_sub(1));
    }
    for entry in SLASHES.iter(view) {
        let ((operator, _, period), _) = entry?;
        need(operator.0, period);
    }
    for entry in STARTS.iter(view) {
        let ((operator, _), start) = entry?;
        need(operator.0, start.previous_period);
    }
    for entry in HISTORY.iter(view) {
        let ((operator, period), record) = entry?;
        let period = u64::from_le_bytes(period);
        let found = needed.remove(&(operator.0, period)).unwrap_or_default();
        let counted = record.reference_count;
        holds!(found == counted, "period {period} counts {counted} references, has {found}")?;
    }
    match needed.keys().next() {
        None => Ok(()),
        Some((_, period)) => Err(Fault::plain(format!("period {period} is needed but forgotten"))),
    }
}

/// A validator's commission and the rewards of its running period are part of what it has
/// outstanding.
pub(super) fn shares_are_outstanding(view: &View) -> Result {
    for entry in CURRENT.keys(view) {
        let operator = ValAddress::new(entry?.0)?;
        let outstanding = state::outstanding(view, &operator)?;
        let (running, _) = state::current(view, &operator)?;
        let parts = running.add(&state::commission(view, &operator)?)?;
        holds!(
            OUTSTANDING.has(view, &bytes(&operator))? && outstanding.covers(&parts),
            "{operator} has {outstanding} outstanding, but commission and rewards of {parts}"
        )?;
    }
    Ok(())
}
