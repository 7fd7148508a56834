//! What holds after every block (chain.md 19, numbers 17 to 21).

use std::collections::BTreeMap;

use ledger::{Invariant, Result, View, holds};
use types::{Int, wire::akash::bme::v1::MintStatus};

use super::{
    ACT, AKT, genesis,
    state::{
        BASE, BURNED, CANCELED, CREDITS, EXECUTED, MINTED, PENDING, PENDING_BALANCES, amount, id,
        stored,
    },
    status, vault,
};
use crate::{bank, base::number, oracle};

pub(super) const ALL: &[Invariant] = &[
    Invariant("the vault holds what waits to be swapped", vault_holds_what_waits),
    Invariant("compute credit is what was minted and not burned", supply_is_booked),
    Invariant("remint credit is what was accrued and not issued", credits_are_booked),
    Invariant("a swap is in exactly one list", records_are_in_one_list),
    Invariant("minting goes on only with a price", minting_has_a_price),
];

fn vault_holds_what_waits(view: &View) -> Result {
    let mut waiting: BTreeMap<String, Int> = BTreeMap::new();
    for record in PENDING.values(view) {
        let coin = stored(&record?.coins_to_burn);
        let sum = waiting.entry(coin.denom).or_default();
        *sum = sum.add(coin.amount).map_err(number)?;
    }
    for row in PENDING_BALANCES.iter(view) {
        let (denom, booked) = row?;
        let sum = waiting.remove(&denom).unwrap_or_default();
        let held = bank::balance(view, &vault(), &denom)?;
        holds!(
            sum == booked && held >= booked,
            "{sum}{denom} wait, {booked} are booked, the vault holds {held}"
        )?;
    }
    holds!(waiting.is_empty(), "{waiting:?} wait and are not booked")
}

fn supply_is_booked(view: &View) -> Result {
    let base = amount(view, &BASE, ACT)?;
    let minted = amount(view, &MINTED, ACT)?;
    let burned = amount(view, &BURNED, ACT)?;
    let booked = base.add(minted).and_then(|it| it.sub(burned)).map_err(number)?;
    let supply = bank::supply(view, ACT)?;
    holds!(supply == booked, "{supply} of {booked} that are booked")
}

fn credits_are_booked(view: &View) -> Result {
    let credits = amount(view, &CREDITS, AKT)?;
    let expected = amount(view, &BASE, AKT)?.add(genesis::credited(view)?).map_err(number)?;
    holds!(
        credits == expected && !credits.is_negative(),
        "{credits} of credit, {expected} by the records"
    )
}

fn records_are_in_one_list(view: &View) -> Result {
    for key in PENDING.keys(view) {
        let key = key?;
        let twice = EXECUTED.has(view, &key)? || CANCELED.has(view, &key)?;
        holds!(!twice, "{:?} waits and has ended", id(&key))?;
    }
    for key in CANCELED.keys(view) {
        let key = key?;
        holds!(!EXECUTED.has(view, &key)?, "{:?} has ended twice", id(&key))?;
    }
    Ok(())
}

fn minting_has_a_price(view: &View) -> Result {
    let status = status::get(view)?;
    let goes_on = status.status <= i32::from(MintStatus::Warning);
    let known = oracle::last_price(view, AKT)?.is_some_and(|it| it.is_positive());
    holds!(known || !goes_on, "minting goes on without a price")
}
