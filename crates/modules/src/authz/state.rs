//! Grants, their indexes and their expiry queue. Calls open to other modules: find, save, delete.

use ledger::{Ctx, Fault, Map, Module, Plain, Prefixed, Result, View, holds};
use prost_types::{Any, Timestamp};
use types::{
    Address, timestamp,
    wire::cosmos::authz::v1beta1::{EventGrant, EventRevoke, Grant, GrantQueueItem},
};

use super::{Authz, Error};
use crate::base::moment::Moment;

/// Names a grant: one per granter, grantee and type of message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GrantId {
    pub granter: Address,
    pub grantee: Address,
    /// Type URL of the messages that may be sent.
    pub msg_type: String,
}

impl GrantId {
    pub fn new(granter: Address, grantee: Address, msg_type: impl Into<String>) -> Self {
        Self { granter, grantee, msg_type: msg_type.into() }
    }

    fn key(&self) -> Row {
        (self.granter.clone(), self.grantee.clone(), self.type_part())
    }

    fn type_part(&self) -> Prefixed {
        Prefixed(self.msg_type.clone().into_bytes())
    }
}

/// Granter, grantee, type of message.
pub(super) type Row = (Address, Address, Prefixed);

pub(super) const GRANTS: Map<Row, Grant> = Map::new(Authz::NAME, &[1]);
/// (Expiry, granter, grantee): the types of messages whose grants expire then.
const QUEUE: Map<(Moment, Address, Prefixed), GrantQueueItem> = Map::new(Authz::NAME, &[2]);
/// (Grantee, granter, type).
pub(super) const BY_GRANTEE: Map<Row, u8, Plain> = Map::new(Authz::NAME, &[3]);
/// (Grantee, type, granter).
const BY_TYPE: Map<(Address, Prefixed, Prefixed), u8, Plain> = Map::new(Authz::NAME, &[4]);
/// What an index entry holds.
const ENTRY: u8 = 1;

/// Longest type URL: its length is one byte of the key.
const MSG_TYPE_BYTES_MAX: usize = 255;
/// Entries of the queue that one block purges at most; the rest waits, expired as it is.
const PURGED_PER_BLOCK: usize = 200;
/// Gas for each type of message that a look through a queue entry passes.
const QUEUE_GAS: u64 = 20;

pub fn find(view: &View, id: &GrantId) -> Result<Option<Grant>> {
    if id.msg_type.len() > MSG_TYPE_BYTES_MAX {
        return Ok(None);
    }
    GRANTS.get(view, &id.key())
}

/// Writes a grant over the one that was there, `authz/3` unless it expires later than now.
pub fn save(
    cx: &mut Ctx,
    id: &GrantId,
    authorization: Any,
    expiration: Option<Timestamp>,
) -> Result {
    if let Some(expiration) = expiration {
        let now = cx.time();
        if !timestamp::is_valid(&expiration) || !Moment(now).is_before(&expiration) {
            return Err(Error::InvalidExpiration.wrap(format!(
                "expiration must be after the current block time ({}), got {}",
                timestamp::whole_seconds_text(&now),
                timestamp::whole_seconds_text(&expiration)
            )));
        }
    }
    put(cx, id, authorization, expiration)?;
    cx.emit(EventGrant {
        msg_type_url: id.msg_type.clone(),
        granter: id.granter.to_string(),
        grantee: id.grantee.to_string(),
    });
    Ok(())
}

/// [`save`] without a look at the clock and without an event.
pub(super) fn put(
    cx: &mut Ctx,
    id: &GrantId,
    authorization: Any,
    expiration: Option<Timestamp>,
) -> Result {
    if id.msg_type.len() > MSG_TYPE_BYTES_MAX {
        return Err(Error::UnknownType.into());
    }
    let old = find(cx, id)?;
    let queued = old.as_ref().and_then(|it| it.expiration);
    if queued != expiration {
        if let Some(at) = queued {
            dequeue(cx, id, at)?;
        }
        if let Some(at) = expiration {
            enqueue(cx, id, at)?;
        }
    }
    if old.is_none() {
        BY_GRANTEE.set(cx, &by_grantee(id), &ENTRY)?;
        BY_TYPE.set(cx, &by_type(id), &ENTRY)?;
    }
    GRANTS.set(cx, &id.key(), &Grant { authorization: Some(authorization), expiration })
}

/// Books what is left of an authorization: neither expiry nor indexes change, nobody is told.
pub(super) fn reduce(
    cx: &mut Ctx,
    id: &GrantId,
    authorization: Any,
    expiration: Option<Timestamp>,
) -> Result {
    GRANTS.set(cx, &id.key(), &Grant { authorization: Some(authorization), expiration })
}

/// Takes a grant back, `authz/2` if there is none.
pub fn delete(cx: &mut Ctx, id: &GrantId) -> Result {
    let GrantId { granter, grantee, msg_type } = id;
    let Some(grant) = find(cx, id)? else {
        let text = format!("failed to delete grant with key {granter}/{grantee}/{msg_type}");
        return Err(Error::NotFound.wrap(text));
    };
    remove(cx, id)?;
    if let Some(at) = grant.expiration {
        dequeue(cx, id, at)?;
    }
    tell_revoked(cx, id);
    Ok(())
}

pub(super) fn tell_revoked(cx: &mut Ctx, id: &GrantId) {
    cx.emit(EventRevoke {
        msg_type_url: id.msg_type.clone(),
        granter: id.granter.to_string(),
        grantee: id.grantee.to_string(),
    });
}

fn remove(cx: &mut Ctx, id: &GrantId) -> Result {
    GRANTS.del(cx, &id.key())?;
    BY_GRANTEE.del(cx, &by_grantee(id))?;
    BY_TYPE.del(cx, &by_type(id))
}

/// Deletes what expired before this block, oldest first.
pub(super) fn purge(cx: &mut Ctx) -> Result {
    let now = cx.time();
    let due = QUEUE
        .iter(cx)
        .take_while(|it| it.as_ref().map_or(true, |((at, ..), _)| at.is_before(&now)))
        .take(PURGED_PER_BLOCK)
        .collect::<Result<Vec<_>>>()?;
    for (key, item) in due {
        let (_, granter, Prefixed(grantee)) = &key;
        let grantee = Address::new(grantee.as_slice())?;
        for msg_type in item.msg_type_urls {
            remove(cx, &GrantId::new(granter.clone(), grantee.clone(), msg_type))?;
        }
        QUEUE.del(cx, &key)?;
    }
    Ok(())
}

fn place(id: &GrantId, at: Timestamp) -> (Moment, Address, Prefixed) {
    (Moment(at), id.granter.clone(), Prefixed(id.grantee.as_bytes().to_vec()))
}

fn by_grantee(id: &GrantId) -> Row {
    (id.grantee.clone(), id.granter.clone(), id.type_part())
}

fn by_type(id: &GrantId) -> (Address, Prefixed, Prefixed) {
    (id.grantee.clone(), id.type_part(), Prefixed(id.granter.as_bytes().to_vec()))
}

fn enqueue(cx: &mut Ctx, id: &GrantId, at: Timestamp) -> Result {
    let place = place(id, at);
    let mut item = QUEUE.get(cx, &place)?.unwrap_or_default();
    item.msg_type_urls.push(id.msg_type.clone());
    QUEUE.set(cx, &place, &item)
}

fn dequeue(cx: &mut Ctx, id: &GrantId, at: Timestamp) -> Result {
    let place = place(id, at);
    let mut item = QUEUE.get(cx, &place)?.unwrap_or_default();
    let passed = u64::try_from(item.msg_type_urls.len()).unwrap_or(u64::MAX);
    cx.consume_gas(QUEUE_GAS.saturating_mul(passed), "grant queue")?;
    item.msg_type_urls.retain(|it| *it != id.msg_type);
    if item.msg_type_urls.is_empty() { QUEUE.del(cx, &place) } else { QUEUE.set(cx, &place, &item) }
}

/// Every grant, by granter, grantee and type.
pub(super) fn all(view: &View) -> impl Iterator<Item = Result<(GrantId, Grant)>> + '_ {
    GRANTS.iter(view).map(|entry| {
        let ((granter, grantee, Prefixed(msg_type)), grant) = entry?;
        Ok((GrantId::new(granter, grantee, text(msg_type)), grant))
    })
}

/// Type URLs of stored grants were texts when they were written.
pub(super) fn text(msg_type: Vec<u8>) -> String {
    String::from_utf8(msg_type).unwrap_or_default()
}

/// The granter that follows in the order of addresses, among those who granted this type.
pub(super) fn next_granter(
    view: &View,
    grantee: &Address,
    msg_type: &str,
    after: Option<&Address>,
) -> Result<Option<Address>> {
    let under = (grantee.clone(), Prefixed(msg_type.as_bytes().to_vec()));
    let mut walk = BY_TYPE.walk().under(&under);
    if let Some(after) = after {
        let id = GrantId::new(after.clone(), grantee.clone(), msg_type);
        walk = walk.from(&by_type(&id));
    }
    for entry in walk.iter(view) {
        let ((_, _, Prefixed(granter)), _) = entry?;
        let granter = Address::new(granter)?;
        if after != Some(&granter) {
            return Ok(Some(granter));
        }
    }
    Ok(None)
}

/// The invariant: a grant has one entry per index, and is queued for its expiry.
pub(super) fn is_whole(view: &View) -> Result {
    let mut grants = 0usize;
    let mut expiring = 0usize;
    for entry in all(view) {
        let (id, grant) = entry?;
        grants = grants.saturating_add(1);
        let indexed =
            BY_GRANTEE.has(view, &by_grantee(&id))? && BY_TYPE.has(view, &by_type(&id))?;
        holds!(indexed, "grant {id:?} is not in its indexes")?;
        if let Some(at) = grant.expiration {
            expiring = expiring.saturating_add(1);
            let item = QUEUE.get(view, &place(&id, at))?.unwrap_or_default();
            holds!(item.msg_type_urls.contains(&id.msg_type), "grant {id:?} is not queued")?;
        }
    }
    let queued = QUEUE
        .values(view)
        .try_fold(0usize, |sum, it| Ok::<_, Fault>(sum.saturating_add(it?.msg_type_urls.len())))?;
    let entries = (BY_GRANTEE.keys(view).count(), BY_TYPE.keys(view).count());
    holds!(
        entries == (grants, grants) && queued == expiring,
        "{grants} grants, {expiring} of them expiring; entries {entries:?}, queued {queued}"
    )
}
