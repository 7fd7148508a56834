//! The store: totals, credits, and every swap that was ever asked for, in one of three lists
//! (chain.md 9.1).

use ledger::{Ctx, Fault, Item, Map, Module, Plain, Prefixed, Result, Text, View, halt};
use types::{
    Address, Coin, Int,
    wire::{
        akash::bme::v1::{
            LedgerCanceledRecord, LedgerPendingRecord, LedgerRecord, LedgerRecordId, Params, Status,
        },
        cosmos::base::v1beta1 as coin,
    },
};

use super::Bme;
use crate::base::number;

const STORE: &str = Bme::NAME;

/// Burned and minted denomination, owner, height, number in the block: so a route's records are
/// in the order of owners' bytes, then of time.
pub(super) type RecordKey = (Prefixed, Prefixed, Address, u64, u64);

/// By denomination.
type Amounts = Map<String, Int, Text>;

pub(super) const CREDITS: Amounts = Map::new(STORE, &[0x01, 0x00]);
pub(super) const BURNED: Amounts = Map::new(STORE, &[0x02, 0x01]);
pub(super) const MINTED: Amounts = Map::new(STORE, &[0x02, 0x02]);
pub(super) const PENDING: Map<RecordKey, LedgerPendingRecord> = Map::new(STORE, &[0x03, 0x01]);
pub(super) const EXECUTED: Map<RecordKey, LedgerRecord> = Map::new(STORE, &[0x03, 0x02]);
/// What pending records hold in the vault.
pub(super) const PENDING_BALANCES: Amounts = Map::new(STORE, &[0x03, 0x03]);
pub(super) const CANCELED: Map<RecordKey, LedgerCanceledRecord> = Map::new(STORE, &[0x03, 0x04]);
/// Block and last number of a request in it.
const NUMBERS: Item<(i64, u64), Plain> = Item::new(STORE, &[0x03, 0x05]);
pub(super) const STATUS: Item<Status> = Item::new(STORE, &[0x04, 0x00]);
/// Heights of the next swaps, by `mint` and `burn`.
const EPOCHS: Map<String, i64, Plain> = Map::new(STORE, &[0x04, 0x01]);
pub(super) const PARAMS: Item<Params> = Item::new(STORE, &[0x09, 0x00]);
/// What the invariants measure from: supply of ACT without what was minted and burned here, and
/// credits without what records accrued and issued. Never changes.
pub(super) const BASE: Amounts = Map::new(STORE, &[0xF0]);

/// The two epochs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Epoch {
    Mint,
    Burn,
}

impl Epoch {
    fn key(self) -> String {
        match self {
            Self::Mint => "mint".to_owned(),
            Self::Burn => "burn".to_owned(),
        }
    }

    /// The height of its next swaps.
    pub(super) fn get(self, view: &View) -> Result<i64> {
        Ok(EPOCHS.get(view, &self.key())?.unwrap_or_default())
    }

    pub(super) fn set(self, cx: &mut Ctx, height: i64) -> Result {
        EPOCHS.set(cx, &self.key(), &height)
    }
}

pub(super) fn amount(view: &View, of: &Amounts, denom: &str) -> Result<Int> {
    Ok(of.get(view, &denom.to_owned())?.unwrap_or_default())
}

pub(super) fn add(cx: &mut Ctx, to: &Amounts, denom: &str, more: Int) -> Result {
    let sum = amount(cx, to, denom)?.add(more).map_err(number)?;
    to.set(cx, &denom.to_owned(), &sum)
}

/// Takes what is known to be there.
pub(super) fn sub(cx: &mut Ctx, from: &Amounts, denom: &str, less: Int) -> Result {
    let rest = amount(cx, from, denom)?.sub(less).map_err(number)?;
    if rest.is_negative() {
        return Err(Fault::plain(format!("less than {less}{denom} is booked")));
    }
    from.set(cx, &denom.to_owned(), &rest)
}

pub(super) fn coins(view: &View, of: &Amounts) -> Result<Vec<coin::Coin>> {
    of.iter(view).map(|row| row.map(|(denom, amount)| Coin::new(denom, amount).into())).collect()
}

/// The next number of a request in this block, from 1; all routes share it.
pub(super) fn next_number(cx: &mut Ctx) -> Result<u64> {
    let number = match NUMBERS.get(cx)? {
        Some((height, last)) if height == cx.height() => last.saturating_add(1),
        _ => 1,
    };
    NUMBERS.set(cx, &(cx.height(), number))?;
    Ok(number)
}

pub(super) fn part(text: &str) -> Prefixed {
    Prefixed(text.as_bytes().to_vec())
}

/// The key of a record. The source must be an address, height and number not negative.
pub(super) fn key(id: &LedgerRecordId) -> Result<RecordKey> {
    let number = |it: i64| u64::try_from(it).map_err(|_| Fault::plain("a record id is negative"));
    let source = id.source.parse()?;
    Ok((part(&id.denom), part(&id.to_denom), source, number(id.height)?, number(id.sequence)?))
}

pub(super) fn id((denom, to_denom, source, height, sequence): &RecordKey) -> LedgerRecordId {
    let text = |it: &Prefixed| String::from_utf8_lossy(&it.0).into_owned();
    LedgerRecordId {
        denom: text(denom),
        to_denom: text(to_denom),
        source: source.to_string(),
        height: i64::try_from(*height).unwrap_or(i64::MAX),
        sequence: i64::try_from(*sequence).unwrap_or(i64::MAX),
    }
}

/// The oldest `limit` requests of a route, in key order.
pub(super) fn pending(
    view: &View,
    denom: &str,
    to_denom: &str,
    limit: usize,
) -> Result<Vec<(RecordKey, LedgerPendingRecord)>> {
    PENDING.walk().under(&(part(denom), part(to_denom))).iter(view).take(limit).collect()
}

/// A coin that this module stored: an unreadable one is a damaged disk.
pub(super) fn stored(coin: &coin::Coin) -> Coin {
    Coin::try_from(coin).unwrap_or_else(|it| halt(format!("bme holds a broken coin: {it}")))
}
