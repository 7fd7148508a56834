//! From an open order to a bid, or to a reason why not (spec `provider.md` 2).
//!
//! Called by: the service, for every order. [`filters`] is pure; [`engine`] asks the chain, reserves,
//! prices and sends.

pub mod engine;
pub mod filters;

use types::{
    Address,
    ids::OrderId,
    wire::{
        akash::{
            base::{
                deposit::v1::{Deposit, Source},
                resources::v1beta4::Resources,
            },
            deployment::v1beta4::GroupSpec,
            market::v1beta5::{MsgCreateBid, ResourceOffer},
        },
        cosmos::base::v1beta1::{Coin, DecCoin},
    },
};

/// At most this many volumes per resource unit.
pub const VOLUMES_MAX: usize = 4;

/// The bid message (2.8). The offer carries the amounts that were asked for, with GPU attributes
/// narrowed; the price is in 10^-18 of `denom` per block.
pub fn message(
    order: &OrderId,
    provider: &Address,
    group: &GroupSpec,
    allocated: &[Resources],
    price: (u128, &str),
    deposit: &(u128, String),
    reclamation_window: Option<std::time::Duration>,
) -> MsgCreateBid {
    let offers = group.resources.iter().enumerate().map(|(index, unit)| ResourceOffer {
        resources: allocated.get(index).unwrap_or(&unit.resource).clone(),
        count: unit.count,
        prices: None,
    });
    MsgCreateBid {
        id: order.bid(provider.clone()).into(),
        price: DecCoin { denom: price.1.to_owned(), amount: price.0.to_string() },
        deposit: Deposit {
            amount: Coin { denom: deposit.1.clone(), amount: deposit.0.to_string() },
            sources: vec![Source::Balance.into()],
        },
        resources_offer: offers.collect(),
        reclamation_window: reclamation_window.map(|it| prost_types::Duration {
            seconds: i64::try_from(it.as_secs()).unwrap_or(i64::MAX),
            nanos: 0,
        }),
    }
}
