//! The dead-man date: the key can do nothing more, its grant goes, and what it opened is closed, so
//! that deposits return to the owner.

use ledger::{Ctx, Prefixed, Result};
use types::{Address, DeploymentId, wire::haggle::limits::v1::EventReturned};

use super::{
    Error,
    state::{self, RETURNS, RULES},
};

/// Rules that one block ends at most; the others wait. Their keys can do nothing from their date on,
/// whether it has been carried out or not.
const RULES_PER_BLOCK: usize = 20;
/// Deployments that one block closes at most.
const DEPLOYMENTS_PER_BLOCK: usize = 100;

/// Told when a dead-man date has come. Whoever stands above closes the deployments and takes the
/// grant away.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Returned {
    pub owner: Address,
    pub key: Address,
    /// Open ones, opened by the key in the owner's name.
    pub deployments: Vec<DeploymentId>,
}

pub(super) fn end_block(cx: &mut Ctx) -> Result {
    let now = cx.time();
    let due = RETURNS
        .keys(cx)
        .take_while(|it| it.as_ref().map_or(true, |(at, ..)| !is_later(at, &now)))
        .take(RULES_PER_BLOCK)
        .collect::<Result<Vec<_>>>()?;
    let mut room = DEPLOYMENTS_PER_BLOCK;
    for place in due {
        let (_, owner, Prefixed(key)) = &place;
        let id = (owner.clone(), Address::new(key.as_slice())?);
        let open = state::deployments_of(cx, &id)?;
        if open.len() > room {
            break;
        }
        room = room.saturating_sub(open.len());
        RETURNS.del(cx, &place)?;
        let mut rule = RULES.get(cx, &id)?.ok_or(Error::NotFound)?;
        rule.returned = true;
        RULES.set(cx, &id, &rule)?;
        let (owner, key) = id;
        let deployments =
            open.iter().map(|dseq| DeploymentId { owner: owner.clone(), dseq: *dseq }).collect();
        let fact = Returned { owner, key, deployments };
        cx.tell(&fact)?;
        // Whatever could not be closed is the owner's to look after.
        fact.deployments.iter().try_for_each(|it| state::closed(cx, it))?;
        cx.emit(EventReturned { owner: fact.owner.to_string(), key: fact.key.to_string() });
    }
    Ok(())
}

fn is_later(at: &crate::base::moment::Moment, now: &prost_types::Timestamp) -> bool {
    ledger::nanos(&at.0) > ledger::nanos(now)
}
