//! One violation planted per invariant of deployment, market, escrow, provider and receipts, each
//! of which must be seen.

use std::collections::BTreeSet;

use ledger::{Ctx, Key, Module, testing::Chain};
use prost::Message;
use types::{
    Coin, Coins, Dec,
    wire::{
        akash::{
            escrow::types::v1::AccountState, market::v1beta5::bid, provider::v1beta4::Provider,
        },
        haggle::market::v1::{Decline, Dimension, LeaseEndCause},
    },
};

use super::state::{find_bid, store_bid};
use crate::{Market, bank, deployment as deployments, escrow, receipts, testing::*};

/// Takes away the first entry under a prefix.
fn drop_first(cx: &mut Ctx, store: &'static str, prefix: &[u8]) {
    let (key, _) = cx.prefixed(store, prefix, false).next().unwrap().unwrap();
    cx.delete(store, &key).unwrap();
}

/// Deployment 1 has a lease of P1, deployment 2 an open order with a bid of P2.
fn world() -> World {
    let mut world = World::new();
    world.leased(1, 5_000_000, "100uact");
    world.create(2, 500_000, "100uact").unwrap();
    world.bid(P2, &deployment(2).group(1), 1, "90uact").unwrap();
    world.chain.assert_invariants();
    world
}

type Plant = (&'static str, fn(&mut Ctx));

const PLANTS: &[Plant] = &[
    ("each order, bid and lease is in its indexes", |cx| drop_first(cx, "market", &[0x12, 0x10])),
    ("a deployment is active while its account is open", |cx| {
        let outcome = escrow::close_account(cx, &escrow::AccountId::Deployment(deployment(2)));
        drop(outcome.unwrap());
    }),
    ("a living order is the last of an open group", |cx| {
        let group = deployments::group_of(cx, &deployment(2).group(1)).unwrap();
        deployments::pause_group(cx, group).unwrap();
    }),
    ("an active order has one active bid and a running lease", |cx| {
        let id = deployment(1).group(1).order(1).bid(who(P1));
        let mut bid = find_bid(cx, &id).unwrap().unwrap();
        bid.state = bid::State::Lost.into();
        store_bid(cx, &bid).unwrap();
    }),
    ("a bid lives while its order does and its deposit is held", |cx| {
        let id = deployment(2).group(1).order(1).bid(who(P2));
        drop(escrow::close_account(cx, &escrow::AccountId::Bid(id)).unwrap());
    }),
    ("a lease runs while it is paid for", |cx| {
        let id = deployment(1).group(1).order(1).bid(who(P1)).lease();
        drop(escrow::close_payment(cx, &id).unwrap());
    }),
    ("records are of leases that ended and orders that live", |cx| {
        let id = deployment(1).group(1).order(1).bid(who(P1)).lease();
        let cause = LeaseEndCause::LeaseEndTenantClosedLease;
        receipts::ended(cx, (&id).into(), cause, &who(TENANT), 1).unwrap();
    }),
    ("each deployment and group is in its indexes", |cx| {
        drop_first(cx, "deployment", &[0x11, 0x10]);
    }),
    ("groups of a closed deployment have ended", |cx| {
        let deployment = deployments::deployment_of(cx, &deployment(2)).unwrap();
        deployments::close(cx, deployment).unwrap();
    }),
    ("the vault covers deposits and earnings", |cx| {
        let coins = Coins::new([Coin::new("uact", 1u64)]).unwrap();
        bank::send(cx, &escrow::vault(), &who(FRIEND), &coins).unwrap();
    }),
    ("the books of every account balance", |cx| {
        let found = cx.prefixed("escrow", &[0x11, 0x00], false).next().unwrap();
        let (key, bytes) = found.unwrap();
        let mut state = AccountState::decode(bytes.as_slice()).unwrap();
        state.funds[0].amount = Dec::ONE.to_wire();
        cx.write("escrow", &key, state.encode_to_vec()).unwrap();
    }),
    ("a provider's record is under its own address", |cx| {
        let owner = who(P1).to_string();
        let record = Provider { owner, ..Provider::default() };
        let (mut key, _) = cx.prefixed("provider", &[], true).next().unwrap().unwrap();
        *key.last_mut().unwrap() ^= 1;
        cx.write("provider", &key, record.encode_to_vec()).unwrap();
    }),
    ("records of the market are complete and in place", |cx| {
        let id = deployment(1).group(1).order(1).bid(who(P1)).lease();
        let cause = LeaseEndCause::LeaseEndUnspecified;
        receipts::ended(cx, (&id).into(), cause, &who(TENANT), 1).unwrap();
    }),
    ("an order has no more declines than it may have", |cx| {
        let order = deployment(2).group(1).order(1);
        for number in 0..=receipts::MAX_DECLINES {
            let decline = Decline {
                id: (&order).into(),
                provider: format!("provider {number}"),
                dimension: Dimension::Price.into(),
                ..Decline::default()
            };
            let place = (order.owner.to_string(), 2u64, 1u32, 1u32, decline.provider.clone());
            let key = [&[0x02], place.to_bytes().as_slice()].concat();
            cx.write("receipts", &key, decline.encode_to_vec()).unwrap();
        }
    }),
];

fn broken(chain: &Chain<Market>) -> BTreeSet<&'static str> {
    ledger::broken_invariants::<Market>(chain.view()).into_iter().map(|it| it.0).collect()
}

#[test]
fn every_violation_is_seen() {
    for (name, plant) in PLANTS {
        let mut world = world();
        plant(&mut world.chain.cx);
        let seen = broken(&world.chain);
        assert!(seen.contains(name), "planted against {name:?}, seen by {seen:?}");
    }
}

#[test]
fn every_invariant_of_the_market_has_a_violation() {
    let all = [
        super::Market::INVARIANTS,
        deployments::Deployment::INVARIANTS,
        escrow::Escrow::INVARIANTS,
        crate::provider::Provider::INVARIANTS,
        receipts::Receipts::INVARIANTS,
    ];
    let mut all: BTreeSet<&str> = all.into_iter().flatten().map(|it| it.0).collect();
    // Needs a key under a rule: the tests of `limits` plant against it.
    assert!(all.remove("a deployment that a key opened is active"));
    let planted: BTreeSet<&str> = PLANTS.iter().map(|it| it.0).collect();
    assert_eq!(planted, all);
}
