//! Import and export. A rule is in the section of authz, too, as a grant; this section comes later
//! and knows what was spent.

use std::collections::BTreeSet;

use ledger::{Ctx, Fault, Result, View};
use types::{Address, Coins, wire::haggle::limits::v1::GenesisState};

use super::{
    PARAMS, params, rule,
    state::{self, DEPLOYMENTS, RULES},
};

/// As many as a rule may allow at a time.
const OPEN_DEPLOYMENTS: usize = rule::OPEN_DEPLOYMENTS_MAX as usize;

pub(super) fn init(cx: &mut Ctx, genesis: GenesisState) -> Result {
    PARAMS.set(cx, &genesis.params)?;
    let mut seen = BTreeSet::new();
    for it in &genesis.rules {
        let id: (Address, Address) = (it.owner.parse()?, it.key.parse()?);
        if !seen.insert(id.clone()) {
            return Err(Fault::plain("a rule is listed twice"));
        }
        rule::validate(&it.limits)?;
        for spending in it.hours.iter().flat_map(|it| &it.spending) {
            Coins::from_wire(&spending.amount)?;
        }
        // What authz's grant put there.
        state::unbind(cx, &id.0, &id.1)?;
        state::store(cx, &id, it)?;
    }
    for it in &genesis.deployments {
        let (owner, key): (Address, Address) = (it.owner.parse()?, it.key.parse()?);
        let place = (owner.clone(), it.dseq);
        if !RULES.has(cx, &(owner.clone(), key.clone()))? || DEPLOYMENTS.has(cx, &place)? {
            let text = format!("deployment {}/{} is under no rule, or twice", it.owner, it.dseq);
            return Err(Fault::plain(text));
        }
        let id = (owner, key);
        if state::deployments_of(cx, &id)?.len() >= OPEN_DEPLOYMENTS {
            return Err(Fault::plain(format!("{} has too many open deployments", it.key)));
        }
        state::record(cx, &id, it.dseq)?;
    }
    Ok(())
}

pub(super) fn export(view: &View) -> Result<GenesisState> {
    Ok(GenesisState {
        params: params(view)?,
        rules: RULES.values(view).collect::<Result<_>>()?,
        deployments: DEPLOYMENTS.values(view).collect::<Result<_>>()?,
    })
}
