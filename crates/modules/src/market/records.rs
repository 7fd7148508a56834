//! What the market keeps beyond the reference: why leases ended, and declines of orders. And two
//! promises to providers and to whoever pays for blocks: losing deposits return at once, lists by
//! state are the lists by owner or provider.

use ledger::Result;
use serde_json::json;
use types::{
    Address, GroupId, LeaseId,
    wire::{
        akash::{
            deployment::v1beta4::{MsgCloseGroup, MsgPauseGroup, MsgStartGroup},
            market::{
                v1::LeaseFilters,
                v1beta5::{
                    BidFilters, OrderFilters, QueryBidsRequest, QueryBidsResponse,
                    QueryLeasesRequest, QueryLeasesResponse, QueryOrdersRequest,
                    QueryOrdersResponse,
                },
            },
        },
        cosmos::base::query::v1beta1::PageRequest,
        haggle::market::v1::{
            Decline, Dimension, LeaseEnd, LeaseEndCause, MsgDeclineOrder, MsgUpdateParams, Params,
            QueryDeclinesRequest, QueryDeclinesResponse, QueryLeaseEndRequest,
            QueryLeaseEndResponse, QueryLeaseEndsRequest, QueryLeaseEndsResponse,
        },
        tendermint::abci::Event,
    },
};

use crate::{escrow, testing::*};

fn group_of(dseq: u64) -> GroupId {
    deployment(dseq).group(1)
}

fn end_of(world: &World, id: &LeaseId) -> Result<LeaseEnd> {
    let request = QueryLeaseEndRequest { id: id.into() };
    let answer = world.chain.query("/haggle.market.v1.Query/LeaseEnd", &request);
    answer.map(|it: QueryLeaseEndResponse| it.end)
}

/// Ends a lease of P1 in some way and checks what is told about it, everywhere.
fn ends(
    cause: LeaseEndCause,
    actor: &Address,
    reason: i32,
    act: impl FnOnce(&mut World, &LeaseId) -> Result<Vec<Event>>,
) {
    let mut world = World::new();
    let group = group_of(1);
    world.run(&new_deployment(1, 500_000, &["50000uact"])).unwrap();
    let mut bid = new_bid(P1, &group, 1, "50000uact");
    if cause == LeaseEndCause::LeaseEndProviderReclaimed {
        bid.reclamation_window = Some(prost_types::Duration { seconds: 60, nanos: 0 });
    }
    world.run(&bid).unwrap();
    let id = group.order(1).bid(who(P1));
    world.lease(&id).unwrap();
    let id = id.lease();
    assert_eq!(end_of(&world, &id).unwrap_err().code(), 8);
    world.blocks(1);
    let events = act(&mut world, &id).unwrap();
    let height = world.chain.cx.height();

    let told: Vec<&Event> =
        events.iter().filter(|it| it.r#type == "haggle.market.v1.EventLeaseEnded").collect();
    assert_eq!(told.len(), 1, "{cause:?}");
    let attribute = |key: &str| ledger::testing::attribute(told[0], key).trim_matches('"');
    assert_eq!(attribute("cause"), cause.as_str_name());
    assert_eq!(attribute("actor"), actor.to_string());
    assert_eq!(attribute("height"), height.to_string());

    let end = end_of(&world, &id).unwrap();
    assert_eq!((end.cause(), end.actor, end.height), (cause, actor.to_string(), height));
    let lease = world.lease_of(&id).lease;
    assert_eq!((end.reason, lease.reason, lease.closed_on), (reason, reason, height));
    for dseq in [0, 1] {
        let owner = who(TENANT).to_string();
        let request = QueryLeaseEndsRequest { owner, dseq, pagination: None };
        let list: QueryLeaseEndsResponse =
            world.chain.query("/haggle.market.v1.Query/LeaseEnds", &request).unwrap();
        assert_eq!(list.ends.len(), 1);
    }
    world.blocks(1);
}

#[test]
fn a_lease_says_why_it_ended_and_who_ended_it() {
    use LeaseEndCause as C;
    let (tenant, provider) = (who(TENANT), who(P1));
    ends(C::LeaseEndTenantClosedLease, &tenant, 1, |world, id| world.close_lease(id));
    ends(C::LeaseEndTenantClosedGroup, &tenant, 1, |world, id| {
        world.run(&MsgCloseGroup { id: id.group().into() })
    });
    ends(C::LeaseEndTenantPausedGroup, &tenant, 1, |world, id| {
        world.run(&MsgPauseGroup { id: id.group().into() })
    });
    ends(C::LeaseEndTenantClosedDeployment, &tenant, 1, |world, _| world.close(1));
    ends(C::LeaseEndProviderClosed, &provider, 10_001, |world, id| {
        world.close_bid(&id.bid(), 10_001)
    });
    ends(C::LeaseEndProviderReclaimed, &provider, 10_000, |world, id| {
        world.notice(id, 10_000).unwrap();
        world.chain.next_block(61);
        world.close_bid(&id.bid(), 10_000)
    });
    ends(C::LeaseEndInsufficientFunds, &escrow::vault(), 20_000, |world, id| {
        world.blocks(20);
        world.withdraw(id)
    });
    // Whoever closes finds that the money ran out before: that is why it ended.
    ends(C::LeaseEndInsufficientFunds, &escrow::vault(), 20_000, |world, _| {
        world.blocks(20);
        world.close(1)
    });
}

#[test]
fn nothing_is_recorded_unless_genesis_says_so() {
    let mut world = World::with(|it| {
        it.as_object_mut().unwrap().remove("receipts");
    });
    let id = world.leased(1, 500_000, "1uact");
    let events = world.close_lease(&id).unwrap();
    assert!(events.iter().all(|it| !it.r#type.starts_with("haggle.")));
    assert_eq!(end_of(&world, &id).unwrap_err().code(), 8);
    let fault = world.run(&decline(P2, 1, 2)).unwrap_err();
    assert_eq!((fault.codespace(), fault.code()), ("receipts", 1));
    world.blocks(1);
}

fn decline(provider: u8, dseq: u64, oseq: u32) -> MsgDeclineOrder {
    MsgDeclineOrder {
        id: (&group_of(dseq).order(oseq)).into(),
        provider: who(provider).to_string(),
        dimension: Dimension::Memory.into(),
        subject: String::new(),
        shortfall: "1073741824".to_owned(),
    }
}

fn declines(world: &World, dseq: u64, oseq: u32) -> Vec<Decline> {
    let id = (&group_of(dseq).order(oseq)).into();
    let request = QueryDeclinesRequest { id, pagination: None };
    let path = "/haggle.market.v1.Query/Declines";
    world.chain.query::<_, QueryDeclinesResponse>(path, &request).unwrap().declines
}

fn refused<T: std::fmt::Debug>(answer: Result<T>, space: &str, code: u32) {
    let fault = answer.unwrap_err();
    assert_eq!((fault.codespace(), fault.code()), (space, code), "{fault}");
}

#[test]
fn a_decline_is_kept_until_its_order_closes() {
    let mut world = World::new();
    world.create(1, 500_000, "1uact").unwrap();
    let balance = world.balance(P1, "uact");
    let events = world.run(&decline(P1, 1, 1)).unwrap();
    assert_eq!(events.len(), 1);
    assert_eq!(events[0].r#type, "haggle.market.v1.EventOrderDeclined");
    world.run(&decline(P2, 1, 1)).unwrap();
    assert_eq!(world.balance(P1, "uact"), balance, "a decline takes no deposit");
    let kept = declines(&world, 1, 1);
    assert_eq!(kept.iter().map(|it| it.provider.clone()).collect::<Vec<_>>(), {
        let mut both = [P1, P2].map(|it| who(it).to_string());
        both.sort();
        both
    });
    assert_eq!(
        (kept[0].dimension(), kept[0].shortfall.as_str()),
        (Dimension::Memory, "1073741824")
    );
    world.blocks(1);
    // A lease does not end the order; closing it does.
    world.bid(P3, &group_of(1), 1, "1uact").unwrap();
    world.lease(&group_of(1).order(1).bid(who(P3))).unwrap();
    assert_eq!(declines(&world, 1, 1).len(), 2);
    world.close_lease(&group_of(1).order(1).bid(who(P3)).lease()).unwrap();
    assert_eq!(declines(&world, 1, 1), []);
    world.run(&decline(P1, 1, 2)).unwrap();
    world.run(&MsgPauseGroup { id: group_of(1).into() }).unwrap();
    assert_eq!(declines(&world, 1, 2), []);
    world.run(&MsgStartGroup { id: group_of(1).into() }).unwrap();
    world.run(&decline(P1, 1, 3)).unwrap();
    world.close(1).unwrap();
    assert_eq!(declines(&world, 1, 3), []);
    world.blocks(1);
}

#[test]
fn a_provider_that_bids_after_all_takes_its_decline_back() {
    let mut world = World::new();
    world.create(1, 500_000, "1uact").unwrap();
    world.run(&decline(P1, 1, 1)).unwrap();
    world.bid(P1, &group_of(1), 1, "1uact").unwrap();
    assert_eq!(declines(&world, 1, 1), []);
    refused(world.run(&decline(P1, 1, 1)), "receipts", 9);
    world.blocks(1);
}

#[test]
fn declines_come_from_providers_once_per_open_order_and_never_without_end() {
    let mut world = World::with(|it| it["receipts"]["params"]["max_declines"] = json!(2));
    refused(world.run(&decline(P1, 1, 1)), "market", 15);
    world.create(1, 500_000, "1uact").unwrap();
    refused(world.run(&decline(FRIEND, 1, 1)), "market", 30);
    refused(world.run(&decline(TENANT, 1, 1)), "market", 2);
    let spoiled = |change: fn(&mut MsgDeclineOrder)| {
        let mut message = decline(P1, 1, 1);
        change(&mut message);
        message
    };
    refused(world.run(&spoiled(|it| it.dimension = 0)), "receipts", 4);
    refused(world.run(&spoiled(|it| it.dimension = 10)), "receipts", 4);
    refused(world.run(&spoiled(|it| it.subject = "x".repeat(129))), "receipts", 5);
    refused(world.run(&spoiled(|it| it.subject = "a\nb".to_owned())), "receipts", 5);
    for bad in ["0", "-1", "+1", "1e9", "x", ".", "1.2.3"] {
        let mut message = decline(P1, 1, 1);
        bad.clone_into(&mut message.shortfall);
        refused(world.run(&message), "receipts", 6);
    }
    refused(world.run(&spoiled(|it| it.provider = String::new())), "market", 1);
    world.run(&spoiled(|it| it.shortfall = "0.5".to_owned())).unwrap();
    refused(world.run(&decline(P1, 1, 1)), "receipts", 2);
    world.run(&decline(P2, 1, 1)).unwrap();
    refused(world.run(&decline(P3, 1, 1)), "receipts", 3);
    world.bid(P3, &group_of(1), 1, "1uact").unwrap();
    world.lease(&group_of(1).order(1).bid(who(P3))).unwrap();
    refused(world.run(&decline(P1, 1, 1)), "market", 23);
    world.close(1).unwrap();
    refused(world.run(&decline(P1, 1, 1)), "market", 24);
    world.blocks(1);

    let update = |authority: Address, max_declines: u32| MsgUpdateParams {
        authority: authority.to_string(),
        params: Params { lease_ends: true, max_declines },
    };
    refused(world.run(&update(who(TENANT), 1)), "gov", 13);
    refused(world.run(&update(Address::of_module("gov"), 501)), "receipts", 7);
    world.run(&update(Address::of_module("gov"), 0)).unwrap();
    world.create(2, 500_000, "1uact").unwrap();
    refused(world.run(&decline(P1, 2, 1)), "receipts", 1);
}

#[test]
fn records_come_back_from_an_export() {
    let mut world = World::new();
    let id = world.leased(1, 500_000, "1uact");
    world.close_lease(&id).unwrap();
    world.run(&decline(P1, 1, 2)).unwrap();
    let exported = world.chain.export();
    assert_eq!(exported["receipts"]["lease_ends"].as_array().unwrap().len(), 1);
    assert_eq!(exported["receipts"]["declines"].as_array().unwrap().len(), 1);
    let back = ledger::testing::Chain::<crate::Market>::new(exported.clone());
    same_market(&back.export(), &exported);
}

/// Whatever ends an order: in that block, everyone who lost has the deposit back.
#[test]
fn losing_bids_are_refunded_in_the_block_that_ends_their_order() {
    type Way = (&'static str, fn(&mut World) -> Result<Vec<Event>>);
    let ways: [Way; 5] = [
        ("a lease for somebody else", |world| world.lease(&group_of(1).order(1).bid(who(P1)))),
        ("the group is closed", |world| world.run(&MsgCloseGroup { id: group_of(1).into() })),
        ("the group is paused", |world| world.run(&MsgPauseGroup { id: group_of(1).into() })),
        ("the deployment is closed", |world| world.close(1)),
        ("the money of another group runs out", |world| {
            world.blocks(40);
            world.withdraw(&deployment(1).group(2).order(1).bid(who(P1)).lease())
        }),
    ];
    for (way, act) in ways {
        let mut world = World::new();
        world.run(&new_deployment(1, 500_000, &["50000uact", "50000uact"])).unwrap();
        world.bid(P1, &deployment(1).group(2), 1, "50000uact").unwrap();
        world.lease(&deployment(1).group(2).order(1).bid(who(P1))).unwrap();
        let before = [P2, P3].map(|it| world.balance(it, "uact"));
        for provider in [P1, P2, P3] {
            world.bid(provider, &group_of(1), 1, "10uact").unwrap();
        }
        world.blocks(1);
        act(&mut world).unwrap();
        assert_eq!([P2, P3].map(|it| world.balance(it, "uact")), before, "{way}");
        world.chain.assert_invariants();
    }
}

/// Many deployments of two tenants' worth of states: pages of one state of one owner or provider
/// hold exactly what the list of all states holds of it, in the same order, in both directions.
#[test]
fn pages_of_one_state_are_the_pages_of_all_states_without_the_others() {
    let mut world = World::new();
    for dseq in 1..=12 {
        world.run(&new_deployment(dseq, 500_000, &["10uact", "10uact"])).unwrap();
        for gseq in [1, 2] {
            let group = deployment(dseq).group(gseq);
            for provider in [P1, P2] {
                world.bid(provider, &group, 1, "5uact").unwrap();
            }
            if dseq % 2 == 0 {
                let id = group.order(1).bid(who(if dseq % 3 == 0 { P1 } else { P2 }));
                world.lease(&id).unwrap();
                if gseq == 1 && dseq % 4 == 0 {
                    world.close_lease(&id.lease()).unwrap();
                }
            }
        }
        if dseq % 5 == 0 {
            world.close(dseq).unwrap();
        }
    }
    world.blocks(1);
    let owners = [who(TENANT).to_string(), String::new()];
    let providers = [who(P1).to_string(), who(P2).to_string(), String::new()];
    for reverse in [false, true] {
        for dseq in [0, 4, 5] {
            for owner in &owners {
                let list = |state: &str| orders(&world, owner, dseq, state, reverse);
                same(list, &["open", "active", "closed"], owner.is_empty());
                for provider in &providers {
                    let by_state = owner.is_empty() && provider.is_empty();
                    let list = |state: &str| bids(&world, owner, provider, dseq, state, reverse);
                    same(list, &["open", "active", "lost", "closed"], by_state);
                    let list = |state: &str| leases(&world, owner, provider, dseq, state, reverse);
                    let states = ["active", "insufficient_funds", "closed", "reclaiming"];
                    same(list, &states, by_state);
                }
            }
        }
    }
}

/// What a list holds: a text per row, and the row's state.
type Rows = Vec<(String, i32)>;

fn same(list: impl Fn(&str) -> Rows, states: &[&str], by_state: bool) {
    let all = list("");
    let mut together = 0;
    for (number, state) in (1..).zip(states) {
        let own = list(state);
        let expected: Rows = all.iter().filter(|it| it.1 == number).cloned().collect();
        assert_eq!(own, expected, "{state}");
        together += own.len();
    }
    assert_eq!(together, all.len());
    let mut texts: Vec<&String> = all.iter().map(|it| &it.0).collect();
    let sorted = texts.is_sorted() || texts.iter().rev().is_sorted();
    assert!(sorted || by_state, "{texts:?}");
    texts.sort();
    texts.dedup();
    assert_eq!(texts.len(), all.len());
}

/// All pages of three rows.
fn pages<T>(reverse: bool, mut ask: impl FnMut(PageRequest) -> (Vec<T>, Vec<u8>)) -> Vec<T> {
    let mut rows = Vec::new();
    let mut key = Vec::new();
    loop {
        let (page, next) = ask(PageRequest { key, limit: 3, reverse, ..PageRequest::default() });
        assert!(page.len() <= 3);
        rows.extend(page);
        if next.is_empty() {
            return rows;
        }
        key = next;
    }
}

fn orders(world: &World, owner: &str, dseq: u64, state: &str, reverse: bool) -> Rows {
    pages(reverse, |page| {
        let filters = OrderFilters {
            owner: owner.to_owned(),
            dseq,
            state: state.to_owned(),
            ..OrderFilters::default()
        };
        let request = QueryOrdersRequest { filters, pagination: Some(page) };
        let answer: QueryOrdersResponse =
            world.chain.query("/akash.market.v1beta5.Query/Orders", &request).unwrap();
        let text = |it: &types::wire::akash::market::v1::OrderId| {
            format!("{:03}/{}/{}", it.dseq, it.gseq, it.oseq)
        };
        let rows = answer.orders.iter().map(|it| (text(&it.id), it.state)).collect();
        (rows, answer.pagination.unwrap().next_key)
    })
}

fn bids(world: &World, owner: &str, provider: &str, dseq: u64, state: &str, reverse: bool) -> Rows {
    pages(reverse, |page| {
        let filters = BidFilters {
            owner: owner.to_owned(),
            provider: provider.to_owned(),
            dseq,
            state: state.to_owned(),
            ..BidFilters::default()
        };
        let request = QueryBidsRequest { filters, pagination: Some(page) };
        let answer: QueryBidsResponse =
            world.chain.query("/akash.market.v1beta5.Query/Bids", &request).unwrap();
        let row = |it: &types::wire::akash::market::v1beta5::Bid| {
            let id = &it.id;
            (format!("{:03}/{}/{}/{}", id.dseq, id.gseq, id.oseq, id.provider), it.state)
        };
        let rows = answer.bids.iter().map(|it| row(&it.bid)).collect();
        (rows, answer.pagination.unwrap().next_key)
    })
}

fn leases(
    world: &World,
    owner: &str,
    provider: &str,
    dseq: u64,
    state: &str,
    reverse: bool,
) -> Rows {
    pages(reverse, |page| {
        let filters = LeaseFilters {
            owner: owner.to_owned(),
            provider: provider.to_owned(),
            dseq,
            state: state.to_owned(),
            ..LeaseFilters::default()
        };
        let request = QueryLeasesRequest { filters, pagination: Some(page) };
        let answer: QueryLeasesResponse =
            world.chain.query("/akash.market.v1beta5.Query/Leases", &request).unwrap();
        let row = |it: &types::wire::akash::market::v1::Lease| {
            let id = &it.id;
            (format!("{:03}/{}/{}/{}", id.dseq, id.gseq, id.oseq, id.provider), it.state)
        };
        let rows = answer.leases.iter().map(|it| row(&it.lease)).collect();
        (rows, answer.pagination.unwrap().next_key)
    })
}
