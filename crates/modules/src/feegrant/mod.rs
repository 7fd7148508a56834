//! Who pays the fees of whom: allowances (cosmos.md 4.13).
//!
//! Calls: auth, bank (whom a grant may create), limits (fees under a rule). Called by: ante, when a
//! transaction names a granter. Owns: store `feegrant`: allowances under 00, their expiry queue
//! under 01, an index by granter under 02.

mod allowance;
mod query;
#[cfg(test)]
mod tests;

use ledger::{
    Ctx, Invariant, Map, Module, Plain, Prefixed, Result, Routes, Sdk, View, errors, holds,
};
use prost_types::{Any, Timestamp};
use types::{
    Address, Coins,
    wire::cosmos::feegrant::v1beta1::{
        GenesisState, Grant, MsgGrantAllowance, MsgPruneAllowances, MsgRevokeAllowance,
    },
};

use crate::{auth, bank, base::moment::Moment, limits};
use allowance::{Allowance, Verdict};

pub struct Feegrant;

impl Module for Feegrant {
    const NAME: &'static str = "feegrant";
    const INVARIANTS: &'static [Invariant] =
        &[Invariant("every allowance is in the index of its granter", is_whole)];
    type Genesis = GenesisState;

    fn routes(r: &mut Routes<'_>) {
        r.msg(grant_allowance).msg(revoke_allowance).msg(prune_allowances);
        r.query(query::allowance).query(query::allowances).query(query::by_granter);
    }

    fn init(cx: &mut Ctx, genesis: GenesisState) -> Result {
        for Grant { granter, grantee, allowance } in genesis.allowances {
            let id = GrantId { granter: granter.parse()?, grantee: grantee.parse()? };
            let allowance = Allowance::from_any(allowance.as_ref())?;
            allowance.validate()?;
            put(cx, &id, &allowance)?;
        }
        Ok(())
    }

    fn export(view: &View) -> Result<GenesisState> {
        Ok(GenesisState { allowances: ALLOWANCES.values(view).collect::<Result<_>>()? })
    }

    fn end_block(cx: &mut Ctx) -> Result {
        prune(cx, PRUNED_PER_BLOCK)
    }
}

// State.

/// Names an allowance: one per granter and grantee.
#[derive(Clone, Debug, PartialEq, Eq)]
struct GrantId {
    granter: Address,
    grantee: Address,
}

/// Two addresses, the first one deciding the order.
type Row = (Address, Prefixed);

/// By (grantee, granter).
const ALLOWANCES: Map<Row, Grant> = Map::new(Feegrant::NAME, &[0]);
/// By (expiry, grantee, granter).
const QUEUE: Map<(Moment, Address, Prefixed), bool, Plain> = Map::new(Feegrant::NAME, &[1]);
/// By (granter, grantee), so that a granter's list costs no look at those of others.
const BY_GRANTER: Map<Row, bool, Plain> = Map::new(Feegrant::NAME, &[2]);

/// Expired allowances that the end of a block prunes at most.
const PRUNED_PER_BLOCK: usize = 200;
/// Expired allowances that a message prunes at most.
const PRUNED_PER_MESSAGE: usize = 75;

fn row(first: &Address, second: &Address) -> Row {
    (first.clone(), Prefixed(second.as_bytes().to_vec()))
}

impl GrantId {
    fn key(&self) -> Row {
        row(&self.grantee, &self.granter)
    }

    fn by_granter(&self) -> Row {
        row(&self.granter, &self.grantee)
    }

    fn is_known(&self, view: &View) -> Result<bool> {
        ALLOWANCES.has(view, &self.key())
    }

    fn tell(&self, cx: &mut Ctx, kind: &str) {
        let (granter, grantee) = (self.granter.to_string(), self.grantee.to_string());
        cx.emit_plain(kind, [("granter", &*granter), ("grantee", &grantee)]);
    }
}

fn set(cx: &mut Ctx, id: &GrantId, allowance: Any) -> Result {
    let (granter, grantee) = (id.granter.to_string(), id.grantee.to_string());
    ALLOWANCES.set(cx, &id.key(), &Grant { granter, grantee, allowance: Some(allowance) })
}

fn put(cx: &mut Ctx, id: &GrantId, allowance: &Allowance) -> Result {
    if let Some(at) = allowance.expiration() {
        QUEUE.set(cx, &place(at, &id.grantee, &id.granter), &true)?;
    }
    BY_GRANTER.set(cx, &id.by_granter(), &true)?;
    set(cx, id, allowance.to_any())
}

fn place(at: Timestamp, first: &Address, second: &Address) -> (Moment, Address, Prefixed) {
    (Moment(at), first.clone(), Prefixed(second.as_bytes().to_vec()))
}

// Messages.

fn grant_allowance(cx: &mut Ctx, message: MsgGrantAllowance) -> Result {
    let MsgGrantAllowance { granter, grantee, allowance } = message;
    if grantee.eq_ignore_ascii_case(&granter) {
        return Err(Sdk::InvalidAddress.wrap("cannot self-grant fee authorization"));
    }
    let grantee = auth::parse_address(&grantee)?;
    let id = GrantId { granter: auth::parse_address(&granter)?, grantee };
    if id.is_known(cx)? {
        return Err(Sdk::InvalidRequest.wrap("fee allowance already exists"));
    }
    let allowance = Allowance::from_any(allowance.as_ref())?;
    allowance.validate()?;
    if !auth::exists(cx, &id.grantee)? {
        if bank::is_blocked(&id.grantee) {
            let text = format!("{} is not allowed to receive funds", id.grantee);
            return Err(Sdk::Unauthorized.wrap(text));
        }
        auth::ensure_account(cx, &id.grantee)?;
    }
    if allowance.expiration().is_some_and(|at| Moment(at).is_before(&cx.time())) {
        return Err(Sdk::InvalidRequest.wrap("expiration is before current block time"));
    }
    put(cx, &id, &allowance)?;
    id.tell(cx, "set_feegrant");
    Ok(())
}

fn revoke_allowance(cx: &mut Ctx, message: MsgRevokeAllowance) -> Result {
    let MsgRevokeAllowance { granter, grantee } = message;
    if grantee == granter {
        return Err(Sdk::InvalidAddress.wrap("addresses must be different"));
    }
    let grantee = auth::parse_address(&grantee)?;
    let id = GrantId { granter: auth::parse_address(&granter)?, grantee };
    let Some(stored) = ALLOWANCES.get(cx, &id.key())? else { return Err(not_found()) };
    revoke(cx, &id, &Allowance::from_any(stored.allowance.as_ref())?)
}

fn prune_allowances(cx: &mut Ctx, MsgPruneAllowances { pruner }: MsgPruneAllowances) -> Result {
    prune(cx, PRUNED_PER_MESSAGE)?;
    cx.emit_plain("prune_feegrant", [("pruner", &*pruner)]);
    Ok(())
}

// Calls open to other modules.

/// Charges a fee to the allowance that `granter` gave to `grantee`, for messages of these types, or
/// to the rule that it put `grantee` under, which replaces allowances.
/// `sdk/38` when there is none; the allowance's own reasons otherwise. The coins are the caller's
/// to move.
pub fn charge(
    cx: &mut Ctx,
    granter: &Address,
    grantee: &Address,
    fee: &Coins,
    msg_types: &[&str],
) -> Result {
    if limits::governs(cx, granter, grantee)? {
        return limits::pay_fee(cx, granter, grantee, fee, msg_types);
    }
    let id = GrantId { granter: granter.clone(), grantee: grantee.clone() };
    let Some(stored) = ALLOWANCES.get(cx, &id.key())? else { return Err(not_found()) };
    let mut allowance = Allowance::from_any(stored.allowance.as_ref())?;
    match allowance.accept(cx, fee, msg_types)? {
        Verdict::UsedUp => {
            revoke(cx, &id, &allowance)?;
            id.tell(cx, "use_feegrant");
        }
        Verdict::Remains => {
            id.tell(cx, "use_feegrant");
            set(cx, &id, allowance.to_any())?;
            id.tell(cx, "update_feegrant");
        }
    }
    Ok(())
}

fn not_found() -> ledger::Fault {
    Sdk::NotFound.wrap("fee-grant not found")
}

/// The reference looks for the queue's entry with the addresses in the wrong order, so that the
/// entry of this allowance stays, and prunes whatever the two agreed on until then (cosmos.md
/// 4.13). Blocks show it, so we do the same.
fn revoke(cx: &mut Ctx, id: &GrantId, allowance: &Allowance) -> Result {
    ALLOWANCES.del(cx, &id.key())?;
    BY_GRANTER.del(cx, &id.by_granter())?;
    if let Some(at) = allowance.expiration() {
        QUEUE.del(cx, &place(at, &id.granter, &id.grantee))?;
    }
    id.tell(cx, "revoke_feegrant");
    Ok(())
}

/// Deletes what has expired, oldest first, up to a number of entries.
fn prune(cx: &mut Ctx, limit: usize) -> Result {
    let now = cx.time();
    let due = QUEUE
        .keys(cx)
        .take_while(|it| {
            it.as_ref().map_or(true, |(at, ..)| *at == Moment(now) || at.is_before(&now))
        })
        .take(limit)
        .collect::<Result<Vec<_>>>()?;
    for key in due {
        let (_, grantee, Prefixed(granter)) = &key;
        let id = GrantId { granter: Address::new(granter.as_slice())?, grantee: grantee.clone() };
        ALLOWANCES.del(cx, &id.key())?;
        BY_GRANTER.del(cx, &id.by_granter())?;
        QUEUE.del(cx, &key)?;
    }
    Ok(())
}

fn is_whole(view: &View) -> Result {
    let mut count = 0usize;
    for entry in ALLOWANCES.keys(view) {
        let (grantee, Prefixed(granter)) = entry?;
        let id = GrantId { granter: Address::new(granter)?, grantee };
        count = count.saturating_add(1);
        holds!(BY_GRANTER.has(view, &id.by_granter())?, "allowance {id:?} is not in the index")?;
    }
    let entries = BY_GRANTER.keys(view).count();
    holds!(entries == count, "{count} allowances, {entries} index entries")
}

errors! { Feegrant;
    2 LimitExceeded "fee limit exceeded",
    3 Expired "fee allowance expired",
    4 InvalidDuration "invalid duration",
    5 NoAllowance "no allowance",
    6 NoMessages "allowed messages are empty",
    7 MessageNotAllowed "message not allowed",
}
