//! Rules, the deployments opened under them, and the calls by which authz and deployment keep them.
//! Whether a pair has a rule costs no gas, so that a chain without rules needs no more than the
//! reference.

use ledger::{Ctx, Index, Indexed, Map, Plain, Prefixed, Result, View, holds, nanos};
use prost::Name;
use prost_types::Timestamp;
use types::{
    Address, DeploymentId,
    wire::haggle::limits::v1::{EventRuleSet, Rule, RuledDeployment, SpendingLimitAuthorization},
};

use super::{Error, Limits, books, params, rule};
use crate::base::moment::Moment;

/// Owner, key.
pub(super) type Key = (Address, Address);
/// Owner, dseq.
pub(super) type DeploymentKey = (Address, u64);

const STORE: &str = <Limits as ledger::Module>::NAME;

pub(super) static BY_KEY: Index<String, Key, Rule> =
    Index::new(STORE, &[0x02], |_, it| it.key.clone());
pub(super) static RULES: Indexed<Key, Rule> = Indexed::new(STORE, &[0x01], &[&BY_KEY]);

/// (Owner's text, key's text), of deployments.
static BY_RULE: Index<(String, String), DeploymentKey, RuledDeployment> =
    Index::new(STORE, &[0x04], |_, it| (it.owner.clone(), it.key.clone()));
pub(super) static DEPLOYMENTS: Indexed<DeploymentKey, RuledDeployment> =
    Indexed::new(STORE, &[0x03], &[&BY_RULE]);

/// (Dead-man date, owner, key).
pub(super) const RETURNS: Map<(Moment, Address, Prefixed), bool, Plain> = Map::new(STORE, &[0x05]);

pub(super) fn place(at: Timestamp, id: &Key) -> (Moment, Address, Prefixed) {
    (Moment(at), id.0.clone(), Prefixed(id.1.as_bytes().to_vec()))
}

/// The type URL of the authorization, which is also what its grant is about: a rule is about many
/// types of messages.
#[must_use]
pub fn type_url() -> String {
    SpendingLimitAuthorization::type_url()
}

/// Whether an owner has put a key under a rule and not taken it back, whether it has ended or not.
pub fn governs(cx: &mut Ctx, owner: &Address, key: &Address) -> Result<bool> {
    cx.without_gas(|cx| RULES.has(cx, &(owner.clone(), key.clone())))
}

/// Whether the key may still do something.
#[must_use]
pub fn stands(rule: &Rule, now: &Timestamp) -> bool {
    let expired = rule.expiration.is_some_and(|it| Moment(it).is_before(now));
    let due = rule.limits.return_at.is_some_and(|it| nanos(&it) <= nanos(now));
    !expired && !due && !rule.returned
}

/// The rule of a pair that has one, `limits/3` if it has ended.
pub(super) fn standing(view: &View, id: &Key) -> Result<Rule> {
    let rule = RULES.get(view, id)?.ok_or(Error::NotFound)?;
    if stands(&rule, &view.time()) { Ok(rule) } else { Err(Error::Ended.into()) }
}

/// Puts a key under a rule, or under a new one: what it spent of the day and what it opened stays.
pub fn bind(
    cx: &mut Ctx,
    owner: &Address,
    key: &Address,
    limits: &SpendingLimitAuthorization,
    expiration: Option<Timestamp>,
) -> Result {
    if !params(cx)?.enabled {
        return Err(Error::Disabled.into());
    }
    let now = cx.time();
    if limits.return_at.is_some_and(|it| nanos(&it) <= nanos(&now)) {
        return Err(Error::Invalid("the return date has passed".to_owned()).into());
    }
    put(cx, owner, key, limits, expiration)?;
    cx.emit(EventRuleSet { owner: owner.to_string(), key: key.to_string() });
    Ok(())
}

/// [`bind`] for a grant of the genesis document, which the section `limits` may know more about.
pub fn adopt(
    cx: &mut Ctx,
    owner: &Address,
    key: &Address,
    limits: &SpendingLimitAuthorization,
    expiration: Option<Timestamp>,
) -> Result {
    rule::validate(limits)?;
    put(cx, owner, key, limits, expiration)
}

fn put(
    cx: &mut Ctx,
    owner: &Address,
    key: &Address,
    limits: &SpendingLimitAuthorization,
    expiration: Option<Timestamp>,
) -> Result {
    let id = (owner.clone(), key.clone());
    let mut hours = Vec::new();
    if let Some(old) = RULES.get(cx, &id)? {
        dequeue(cx, &id, &old)?;
        hours = old.hours;
    }
    let before = books::total(&hours)?.to_wire();
    let (owner, key) = (owner.to_string(), key.to_string());
    let limits = limits.clone();
    let rule = Rule { owner, key, limits, expiration, returned: false, hours, before };
    store(cx, &id, &rule)
}

/// Writes a rule and its place in the queue.
pub(super) fn store(cx: &mut Ctx, id: &Key, rule: &Rule) -> Result {
    RULES.set(cx, id, rule)?;
    match rule.limits.return_at {
        Some(at) if !rule.returned => RETURNS.set(cx, &place(at, id), &true),
        _ => Ok(()),
    }
}

fn dequeue(cx: &mut Ctx, id: &Key, rule: &Rule) -> Result {
    match rule.limits.return_at {
        Some(at) => RETURNS.del(cx, &place(at, id)),
        None => Ok(()),
    }
}

/// Takes a rule back, with its books; true if there was one. What the key opened is the owner's to
/// look after.
pub fn unbind(cx: &mut Ctx, owner: &Address, key: &Address) -> Result<bool> {
    let id = (owner.clone(), key.clone());
    let Some(rule) = RULES.get(cx, &id)? else { return Ok(false) };
    dequeue(cx, &id, &rule)?;
    for dseq in deployments_of(cx, &id)? {
        DEPLOYMENTS.del(cx, &(owner.clone(), dseq))?;
    }
    RULES.del(cx, &id)?;
    Ok(true)
}

/// A rule, ended or not.
pub fn find(view: &View, owner: &Address, key: &Address) -> Result<Option<Rule>> {
    RULES.get(view, &(owner.clone(), key.clone()))
}

/// Every rule, for authz's invariant.
pub fn rules(view: &View) -> impl Iterator<Item = Result<Rule>> {
    RULES.values(view)
}

/// Every deployment that a key opened, for the market's invariant.
pub fn deployments(view: &View) -> impl Iterator<Item = Result<RuledDeployment>> {
    DEPLOYMENTS.values(view)
}

/// The deployments that a key opened and that are open, by dseq. At most
/// [`rule::OPEN_DEPLOYMENTS_MAX`].
pub(super) fn deployments_of(view: &View, id: &Key) -> Result<Vec<u64>> {
    let under = (id.0.to_string(), id.1.to_string());
    BY_RULE.of(view, &under).map(|it| Ok(it?.1)).collect()
}

/// The key that opened a deployment of an owner.
pub(super) fn opener(view: &View, owner: &Address, dseq: u64) -> Result<Option<Address>> {
    let found = DEPLOYMENTS.get(view, &(owner.clone(), dseq))?;
    Ok(found.and_then(|it| it.key.parse().ok()))
}

/// The key opened a deployment.
pub(super) fn record(cx: &mut Ctx, id: &Key, dseq: u64) -> Result {
    let (owner, key) = (id.0.to_string(), id.1.to_string());
    DEPLOYMENTS.set(cx, &(id.0.clone(), dseq), &RuledDeployment { owner, dseq, key })
}

/// A deployment is closed: whoever opened it may open another. Costs nothing.
pub fn closed(cx: &mut Ctx, id: &DeploymentId) -> Result {
    cx.without_gas(|cx| {
        let key = (id.owner.clone(), id.dseq);
        if DEPLOYMENTS.has(cx, &key)? { DEPLOYMENTS.del(cx, &key) } else { Ok(()) }
    })
}

// Invariants.

pub(super) fn is_whole(view: &View) -> Result {
    RULES.indexes_match(view)?;
    DEPLOYMENTS.indexes_match(view)?;
    let mut waiting = 0usize;
    for row in RULES.iter(view) {
        let (id, rule) = row?;
        let named = rule.owner == id.0.to_string() && rule.key == id.1.to_string();
        holds!(named, "the rule of {} for {} is stored elsewhere", rule.owner, rule.key)?;
        rule::validate(&rule.limits)?;
        if let Some(at) = rule.limits.return_at
            && !rule.returned
        {
            waiting = waiting.saturating_add(1);
            let queued = RETURNS.has(view, &place(at, &id))?;
            holds!(queued, "the return of {} to {} is not queued", rule.key, rule.owner)?;
        }
    }
    let queued = RETURNS.keys(view).count();
    holds!(queued == waiting, "{waiting} rules wait for their return, {queued} are queued")?;
    for row in DEPLOYMENTS.iter(view) {
        let ((owner, dseq), it) = row?;
        let placed = it.owner == owner.to_string() && it.dseq == dseq;
        let ruled = match it.key.parse() {
            Ok(key) => RULES.has(view, &(owner, key))?,
            Err(_) => false,
        };
        holds!(placed && ruled, "deployment {}/{dseq} was opened under no rule", it.owner)?;
    }
    Ok(())
}
