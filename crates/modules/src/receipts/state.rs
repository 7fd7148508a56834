//! The records, and the calls by which the market makes them. Nothing is charged for looking
//! whether records are kept, so that a chain without them needs no more gas than the reference.

use ledger::{Ctx, Map, Result, View, holds};
use types::{
    Address, Dec,
    wire::{
        akash::market::v1::{LeaseId, OrderId},
        haggle::market::v1::{
            Decline, Dimension, EventLeaseEnded, EventOrderDeclined, LeaseEnd, LeaseEndCause,
            MsgDeclineOrder,
        },
    },
};

use super::{Error, MAX_DECLINES, Receipts, params};

/// Owner's text, dseq, gseq, oseq.
type OrderKey = (String, u64, u32, u32);
/// Owner's text, dseq, gseq, oseq, provider's text.
type Key = (String, u64, u32, u32, String);

const STORE: &str = <Receipts as ledger::Module>::NAME;

pub(super) const ENDS: Map<Key, LeaseEnd> = Map::new(STORE, &[0x01]);
pub(super) const DECLINES: Map<Key, Decline> = Map::new(STORE, &[0x02]);

/// Bytes.
const SUBJECT_MAX: usize = 128;
/// Bytes: sixty digits and a point.
const SHORTFALL_MAX: usize = 61;

pub(super) fn order_key(id: &OrderId) -> OrderKey {
    (id.owner.clone(), id.dseq, id.gseq, id.oseq)
}

pub(super) fn end_key(id: &LeaseId) -> Key {
    (id.owner.clone(), id.dseq, id.gseq, id.oseq, id.provider.clone())
}

pub(super) fn decline_key(id: &OrderId, provider: &str) -> Key {
    (id.owner.clone(), id.dseq, id.gseq, id.oseq, provider.to_owned())
}

/// Records how a lease ended in this block and says so, if ends are recorded.
pub fn ended(
    cx: &mut Ctx,
    id: LeaseId,
    cause: LeaseEndCause,
    actor: &Address,
    reason: i32,
) -> Result {
    if !cx.without_gas(|cx| params(cx))?.lease_ends {
        return Ok(());
    }
    let (cause, actor, height) = (cause.into(), actor.to_string(), cx.height());
    let end = LeaseEnd { id, cause, actor, height, reason };
    ENDS.set(cx, &end_key(&end.id), &end)?;
    let LeaseEnd { id, cause, actor, height, reason } = end;
    cx.emit(EventLeaseEnded { id, cause, actor, height, reason });
    Ok(())
}

/// What a decline says must be readable and small. The market's stateless check.
pub fn check_decline(dimension: i32, subject: &str, shortfall: &str) -> Result {
    match Dimension::try_from(dimension) {
        Ok(Dimension::Unspecified) | Err(_) => return Err(Error::InvalidDimension.into()),
        Ok(_) => {}
    }
    if subject.len() > SUBJECT_MAX || subject.chars().any(char::is_control) {
        return Err(Error::InvalidSubject.into());
    }
    let number = |text: &str| text.parse::<Dec>().is_ok_and(|it| it > Dec::ZERO);
    let plain = |text: &str| text.bytes().all(|it| it.is_ascii_digit() || it == b'.');
    let short = shortfall.len() <= SHORTFALL_MAX && plain(shortfall) && number(shortfall);
    if !shortfall.is_empty() && !short {
        return Err(Error::InvalidShortfall.into());
    }
    Ok(())
}

/// Keeps a decline until its order closes. The caller has seen that the order is open and that the
/// provider is registered and does not bid on it.
pub fn decline(cx: &mut Ctx, msg: MsgDeclineOrder) -> Result {
    let most = cx.without_gas(|cx| params(cx))?.max_declines;
    if most == 0 {
        return Err(Error::Disabled.into());
    }
    let key = decline_key(&msg.id, &msg.provider);
    if DECLINES.has(cx, &key)? {
        return Err(Error::Declined.into());
    }
    let count = count(cx, &order_key(&msg.id))?;
    if count >= most {
        return Err(Error::Full(count).into());
    }
    let MsgDeclineOrder { id, provider, dimension, subject, shortfall } = msg;
    let height = cx.height();
    let decline = Decline { id, provider, dimension, subject, shortfall, height };
    DECLINES.set(cx, &key, &decline)?;
    let Decline { id, provider, dimension, subject, shortfall, .. } = decline;
    cx.emit(EventOrderDeclined { id, provider, dimension, subject, shortfall });
    Ok(())
}

fn count(view: &View, order: &OrderKey) -> Result<u32> {
    let mut found = DECLINES.walk().under(order).iter(view);
    found.try_fold(0u32, |sum, it| it.map(|_| sum.saturating_add(1)))
}

/// The provider bids after all: its decline goes. Costs nothing, with or without one.
pub fn retract(cx: &mut Ctx, order: &OrderId, provider: &str) -> Result {
    cx.without_gas(|cx| {
        let key = decline_key(order, provider);
        if DECLINES.has(cx, &key)? { DECLINES.del(cx, &key) } else { Ok(()) }
    })
}

/// The order is closed: its declines go. Whoever closes it does not pay for them; they are at most
/// [`MAX_DECLINES`].
pub fn forget(cx: &mut Ctx, order: &OrderId) -> Result {
    cx.without_gas(|cx| {
        let of_order = DECLINES.walk().under(&order_key(order)).iter(cx);
        let keys: Vec<Key> = of_order.map(|it| Ok(it?.0)).collect::<Result<_>>()?;
        keys.iter().try_for_each(|key| DECLINES.del(cx, key))
    })
}

/// Every recorded end, for the market's invariants.
pub fn ends(view: &View) -> impl Iterator<Item = Result<LeaseEnd>> {
    ENDS.values(view)
}

/// Every decline that is kept, for the market's invariants.
pub fn declines(view: &View) -> impl Iterator<Item = Result<Decline>> {
    DECLINES.values(view)
}

// Invariants.

pub(super) fn records_are_whole(view: &View) -> Result {
    for row in ENDS.iter(view) {
        let (key, end) = row?;
        holds!(key == end_key(&end.id), "the end of {:?} is recorded elsewhere", end.id)?;
        let known = LeaseEndCause::try_from(end.cause)
            .is_ok_and(|it| it != LeaseEndCause::LeaseEndUnspecified);
        let past = end.height <= view.height() && end.actor.parse::<Address>().is_ok();
        holds!(known && past, "the end of {:?} has no cause, actor or past height", end.id)?;
    }
    for row in DECLINES.iter(view) {
        let (key, it) = row?;
        let place = decline_key(&it.id, &it.provider);
        holds!(key == place, "a decline of {:?} is recorded elsewhere", it.id)?;
        check_decline(it.dimension, &it.subject, &it.shortfall)?;
    }
    Ok(())
}

pub(super) fn declines_are_bounded(view: &View) -> Result {
    let mut last: Option<OrderKey> = None;
    let mut count = 0u32;
    for row in DECLINES.iter(view) {
        let (owner, dseq, gseq, oseq, _) = row?.0;
        let order = Some((owner, dseq, gseq, oseq));
        count = if order == last { count.saturating_add(1) } else { 1 };
        holds!(count <= MAX_DECLINES, "{order:?} has more than {MAX_DECLINES} declines")?;
        last = order;
    }
    Ok(())
}
