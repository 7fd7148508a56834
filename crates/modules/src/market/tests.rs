//! The worked examples of chain.md 21 that take the whole market, the close cascade in the order
//! of its events, and random sessions in which money in equals money out.

use ledger::Status;
use prost_types::Duration;
use types::{
    BidId, GroupId, LeaseId,
    wire::akash::{
        base::resources::v1beta4::Resources,
        deployment::v1beta4::{
            MsgCloseGroup, MsgPauseGroup, MsgStartGroup, MsgUpdateDeployment,
            QueryDeploymentRequest, QueryDeploymentResponse, QueryDeploymentsRequest,
            QueryDeploymentsResponse,
        },
        escrow::types::v1::State as EscrowState,
        market::{
            v1::lease,
            v1beta5::{
                BidFilters, OrderFilters, QueryBidsRequest, QueryBidsResponse, QueryOrdersRequest,
                QueryOrdersResponse, ResourceOffer, bid,
            },
        },
        provider::v1beta4::MsgDeleteProvider,
    },
};

use crate::testing::*;

const ACTIVE: i32 = lease::State::Active as i32;
const NO_FUNDS: i32 = lease::State::InsufficientFunds as i32;
const CLOSED: i32 = lease::State::Closed as i32;
const RECLAIMING: i32 = lease::State::Reclaiming as i32;
const BY_OWNER: i32 = 1;
const UNSTABLE: i32 = 10_000;
const DECOMMISSION: i32 = 10_001;
const OUT_OF_MONEY: i32 = 20_000;

fn first_group(dseq: u64) -> GroupId {
    deployment(dseq).group(1)
}

fn bid_of(dseq: u64, gseq: u32, oseq: u32, provider: u8) -> BidId {
    deployment(dseq).group(gseq).order(oseq).bid(who(provider))
}

fn refused<T: std::fmt::Debug>(answer: ledger::Result<T>, space: &str, code: u32) {
    let fault = answer.unwrap_err();
    assert_eq!((fault.codespace(), fault.code()), (space, code), "{fault}");
}

#[test]
fn money_in_equals_money_out_over_a_whole_lease() {
    for denom in ["uact", "uakt", "uusdc"] {
        let mut world = World::new();
        let id = world.leased(1, 5_000_000, &format!("100{denom}"));
        world.blocks(10);
        world.withdraw(&id).unwrap();
        assert_eq!(world.balance(P1, denom), RICH - 500_000 + 1000);
        world.blocks(5);
        world.top_up(1, FRIEND, 2_000_000, denom).unwrap();
        world.close(1).unwrap();
        assert_eq!(world.balance(P1, denom), RICH + 1500);
        assert_eq!(world.balance(TENANT, denom), RICH - 1500);
        assert_eq!(world.balance(FRIEND, denom), RICH);
        assert_eq!(world.vault(denom), 0);
        world.chain.assert_invariants();
    }
}

#[test]
fn example_7_4_closing_a_deployment_tells_what_ended_in_order() {
    let mut world = World::new();
    let id = world.leased(1, 5_000_000, "100uact");
    world.blocks(10);
    let events = world.close(1).unwrap();
    assert_eq!(
        kinds(&events),
        [
            "EventDeploymentClosed",
            "EventGroupClosed",
            "EventOrderClosed",
            "EventBidClosed",
            "EventLeaseClosed"
        ]
    );
    let (provider, tenant) = (who(P1).to_string(), who(TENANT).to_string());
    let paid = [(&provider, "1000uact"), (&tenant, "4999000uact"), (&provider, "500000uact")];
    let expected: Vec<_> = paid.map(|(to, it)| (to.clone(), it.to_owned())).into();
    assert_eq!(transfers(&events), expected);
    assert_eq!(world.ended(&id), (CLOSED, BY_OWNER));
    refused(world.close(1), "deployment", 5);
}

#[test]
fn a_withdrawal_that_finds_no_money_ends_everything() {
    let mut world = World::new();
    let id = world.leased(1, 500_000, "100000uact");
    world.blocks(6);
    let events = world.withdraw(&id).unwrap();
    assert_eq!(
        kinds(&events),
        [
            "EventDeploymentClosed",
            "EventGroupClosed",
            "EventOrderClosed",
            "EventBidClosed",
            "EventLeaseClosed"
        ]
    );
    assert_eq!(world.ended(&id), (NO_FUNDS, OUT_OF_MONEY));
    assert_eq!(world.balance(P1, "uact"), RICH + 500_000);
    refused(world.withdraw(&id), "escrow", 7);
    world.blocks(1);
    // The debt of one block is paid later, the rest returns; the market does not change.
    world.top_up(1, FRIEND, 150_000, "uact").unwrap();
    assert_eq!(world.balance(P1, "uact"), RICH + 600_000);
    assert_eq!(world.balance(FRIEND, "uact"), RICH - 100_000);
    assert_eq!(world.ended(&id), (NO_FUNDS, OUT_OF_MONEY));
    world.blocks(1);
}

/// A deposit of 500000 at 50000 per block, found two blocks too late: 100000 are owed.
fn late(act: impl FnOnce(&mut World, &LeaseId)) -> (World, LeaseId) {
    let mut world = World::new();
    let id = world.leased(1, 500_000, "50000uact");
    world.blocks(12);
    act(&mut world, &id);
    let payment = world.lease_of(&id).escrow_payment.state;
    assert_eq!(payment.state, i32::from(EscrowState::Overdrawn));
    assert_eq!(payment.withdrawn.amount, "500000");
    assert_eq!(payment.unsettled.amount, "100000000000000000000000");
    world.blocks(1);
    (world, id)
}

#[test]
fn example_21_4_the_message_that_finds_the_overdraft_decides_how_the_lease_ended() {
    let (world, id) = late(|world, _| drop(world.close(1).unwrap()));
    assert_eq!(world.ended(&id), (NO_FUNDS, OUT_OF_MONEY));

    let (world, id) = late(|world, id| {
        let events = world.close_lease(id).unwrap();
        assert!(!kinds(&events).contains(&"EventOrderCreated"), "no order on a dead account");
    });
    assert_eq!(world.ended(&id), (CLOSED, BY_OWNER));

    let (mut world, id) = late(|world, id| {
        world.close_bid(&id.bid(), DECOMMISSION).unwrap();
    });
    assert_eq!(world.ended(&id), (CLOSED, DECOMMISSION));
    world.top_up(1, TENANT, 100_000, "uact").unwrap();
    let payment = world.lease_of(&id).escrow_payment.state;
    assert_eq!(payment.state, i32::from(EscrowState::Closed));
    assert_eq!(world.ended(&id), (CLOSED, DECOMMISSION));
    assert_eq!(world.vault("uact"), 0);
}

#[test]
fn example_21_9_the_chosen_bid_wins_and_all_others_are_refunded() {
    let mut world = World::new();
    world.create(1, 5_000_000, "100uact").unwrap();
    let group = first_group(1);
    world.bid(P1, &group, 1, "90uact").unwrap();
    world.bid(P2, &group, 1, "95uact").unwrap();
    world.bid(P3, &group, 1, "100uact").unwrap();
    refused(world.bid(P3, &group, 1, "100.000000000000000001uact"), "market", 22);
    refused(world.bid(P3, &group, 1, "100uakt"), "market", 22);
    let events = world.lease(&bid_of(1, 1, 1, P2)).unwrap();
    assert_eq!(kinds(&events), ["EventLeaseCreated"]);
    for (provider, state, left) in [
        (P1, bid::State::Lost, RICH),
        (P2, bid::State::Active, RICH - 500_000),
        (P3, bid::State::Lost, RICH),
    ] {
        assert_eq!(world.bid_of(&bid_of(1, 1, 1, provider)).bid.state, i32::from(state));
        assert_eq!(world.balance(provider, "uact"), left);
    }
    let lease = world.lease_of(&bid_of(1, 1, 1, P2).lease());
    assert_eq!(lease.lease.price, price_of("95uact"));
    assert_eq!(lease.escrow_payment.state.rate, price_of("95uact"));
    world.chain.assert_invariants();
}

fn new_order_with_notice(world: &mut World) -> LeaseId {
    let mut message = new_deployment(1, 5_000_000, &["100uact"]);
    message.reclamation = Some(notice_of(86_400));
    world.run(&message).unwrap();
    let mut offer = new_bid(P1, &first_group(1), 1, "100uact");
    refused(world.run(&offer), "market", 40);
    offer.reclamation_window = Some(Duration { seconds: 43_200, nanos: 0 });
    refused(world.run(&offer), "market", 41);
    offer.reclamation_window = Some(Duration { seconds: 86_400, nanos: 0 });
    world.run(&offer).unwrap();
    let id = bid_of(1, 1, 1, P1);
    world.lease(&id).unwrap();
    id.lease()
}

#[test]
fn example_21_14_a_provider_gives_notice_before_it_leaves() {
    let mut world = World::new();
    let id = new_order_with_notice(&mut world);
    refused(world.close_bid(&id.bid(), UNSTABLE), "market", 37);
    let (height, now) = (world.chain.cx.height(), world.chain.cx.unix_seconds());
    let events = world.notice(&id, UNSTABLE).unwrap();
    assert_eq!(kinds(&events), ["EventLeaseReclaimStarted"]);
    let lease = world.lease_of(&id).lease;
    let notice = lease.reclamation.unwrap();
    assert_eq!(lease.state, RECLAIMING);
    assert_eq!((notice.started_at, notice.deadline), (height, now + 86_400));
    refused(world.notice(&id, UNSTABLE), "market", 10);
    world.chain.next_block(86_399);
    refused(world.close_bid(&id.bid(), DECOMMISSION), "market", 38);
    world.chain.next_block(1);
    world.withdraw(&id).unwrap();
    world.close_bid(&id.bid(), DECOMMISSION).unwrap();
    assert_eq!(world.ended(&id), (CLOSED, DECOMMISSION));
    world.blocks(1);
}

#[test]
fn during_notice_the_tenant_may_leave_at_once() {
    let mut world = World::new();
    let id = new_order_with_notice(&mut world);
    world.notice(&id, UNSTABLE).unwrap();
    let events = world.close_lease(&id).unwrap();
    assert!(kinds(&events).contains(&"EventOrderCreated"), "the requirement stays on offer");
    assert_eq!(world.ended(&id), (CLOSED, BY_OWNER));
    refused(world.bid(P2, &first_group(1), 2, "1uact"), "market", 40);
}

#[test]
fn a_window_nobody_asked_for_must_be_within_the_parameters() {
    let mut world = World::new();
    world.create(1, 5_000_000, "100uact").unwrap();
    let mut offer = new_bid(P1, &first_group(1), 1, "100uact");
    for (seconds, nanos) in [(59, 999_999_999), (2_592_000, 1)] {
        offer.reclamation_window = Some(Duration { seconds, nanos });
        refused(world.run(&offer), "market", 39);
    }
    offer.reclamation_window = Some(Duration { seconds: 60, nanos: 0 });
    world.run(&offer).unwrap();
    let mut message = new_deployment(2, 5_000_000, &["100uact"]);
    message.reclamation = Some(notice_of(59));
    refused(world.run(&message), "deployment", 26);
}

#[test]
fn example_21_15_orders_of_a_group_follow_each_other() {
    let mut world = World::new();
    let first = world.leased(1, 5_000_000, "100uact");
    world.close_lease(&first).unwrap();
    world.bid(P2, &first_group(1), 2, "100uact").unwrap();
    let second = bid_of(1, 1, 2, P2);
    world.lease(&second).unwrap();
    world.blocks(2);
    let events = world.close_bid(&second, UNSTABLE).unwrap();
    assert_eq!(
        kinds(&events),
        ["EventGroupPaused", "EventLeaseClosed", "EventBidClosed", "EventOrderClosed"]
    );
    let id = first_group(1);
    world.run(&MsgStartGroup { id: (&id).into() }).unwrap();
    refused(world.run(&MsgStartGroup { id: (&id).into() }), "deployment", 16);
    let events = world.run(&MsgCloseGroup { id: (&id).into() }).unwrap();
    assert_eq!(kinds(&events), ["EventGroupClosed", "EventOrderClosed"]);
    for answer in [
        world.run(&MsgStartGroup { id: (&id).into() }),
        world.run(&MsgPauseGroup { id: (&id).into() }),
        world.run(&MsgCloseGroup { id: (&id).into() }),
    ] {
        refused(answer, "deployment", 15);
    }
    let request = QueryOrdersRequest {
        filters: OrderFilters { owner: who(TENANT).to_string(), ..OrderFilters::default() },
        pagination: None,
    };
    let orders: QueryOrdersResponse =
        world.chain.query("/akash.market.v1beta5.Query/Orders", &request).unwrap();
    let numbers: Vec<_> = orders.orders.iter().map(|it| (it.id.oseq, it.state)).collect();
    assert_eq!(numbers, [(1, 3), (2, 3), (3, 3)]);
    world.close(1).unwrap();
    assert_eq!(world.vault("uact"), 0);
    world.blocks(1);
}

#[test]
fn pausing_a_group_ends_its_lease_and_leaves_the_others() {
    let mut world = World::new();
    world.run(&new_deployment(1, 5_000_000, &["100uact", "200uact"])).unwrap();
    for gseq in [1, 2] {
        world.bid(P1, &deployment(1).group(gseq), 1, "100uact").unwrap();
        world.lease(&bid_of(1, gseq, 1, P1)).unwrap();
    }
    world.blocks(3);
    let id = deployment(1).group(1);
    let events = world.run(&MsgPauseGroup { id: (&id).into() }).unwrap();
    assert_eq!(
        kinds(&events),
        ["EventGroupPaused", "EventOrderClosed", "EventBidClosed", "EventLeaseClosed"]
    );
    refused(world.run(&MsgPauseGroup { id: (&id).into() }), "deployment", 17);
    assert_eq!(world.ended(&bid_of(1, 1, 1, P1).lease()), (CLOSED, BY_OWNER));
    assert_eq!(world.ended(&bid_of(1, 2, 1, P1).lease()), (ACTIVE, 0));
    world.blocks(1);
}

#[test]
fn a_group_of_a_dead_deployment_cannot_be_revived() {
    let mut world = World::new();
    let id = world.leased(1, 500_000, "100000uact");
    world.blocks(6);
    world.withdraw(&id).unwrap();
    let group = first_group(1);
    refused(world.run(&MsgStartGroup { id: (&group).into() }), "deployment", 5);
    refused(world.run(&MsgPauseGroup { id: (&group).into() }), "deployment", 5);
    refused(world.run(&MsgCloseGroup { id: (&group).into() }), "deployment", 5);
}

#[test]
fn an_order_takes_so_many_bids_and_no_more() {
    let mut world = World::with(|state| {
        state["market"]["params"]["order_max_bids"] = 2.into();
    });
    world.create(1, 5_000_000, "100uact").unwrap();
    let group = first_group(1);
    world.bid(P1, &group, 1, "90uact").unwrap();
    world.bid(P2, &group, 1, "90uact").unwrap();
    refused(world.bid(P3, &group, 1, "90uact"), "market", 31);
    // A bid that was taken back still counts.
    world.close_bid(&bid_of(1, 1, 1, P1), UNSTABLE).unwrap();
    refused(world.bid(P3, &group, 1, "90uact"), "market", 31);
}

#[test]
fn the_first_failing_check_of_a_bid_wins() {
    let mut world = World::new();
    let group = first_group(1);
    let mut message = new_bid(TENANT, &deployment(1).group(1), 1, "0uact");
    message.id.owner = who(FRIEND).to_string();
    refused(world.run(&message), "market", 19);
    let mut message = new_bid(FRIEND, &group, 1, "101uact");
    message.deposit = funds(499_999, "uact");
    refused(world.run(&message), "market", 28);
    message.deposit = funds(500_000, "uatom");
    refused(world.run(&message), "market", 28);
    message.deposit = funds(500_000, "uact");
    refused(world.run(&message), "market", 15);
    world.create(1, 5_000_000, "100uact").unwrap();
    refused(world.run(&message), "market", 22);
    message.price = price_of("100uact");
    message.resources_offer = vec![ResourceOffer {
        resources: Resources { id: 9, ..Resources::default() },
        count: 1,
        prices: None,
    }];
    refused(world.run(&message), "market", 32);
    message.resources_offer.clear();
    refused(world.run(&message), "market", 30);
    message.id.provider = who(P1).to_string();
    message.deposit = funds(2 * RICH.unsigned_abs(), "uact");
    refused(world.run(&message), "market", 28);
    message.deposit = funds(500_000, "uakt");
    world.run(&message).unwrap();
    refused(world.run(&message), "market", 21);
    assert_eq!(world.balance(P1, "uakt"), RICH - 500_000);
}

#[test]
fn placement_is_met_by_what_auditors_signed_when_they_are_asked() {
    use types::wire::akash::{
        audit::v1::{MsgDeleteProviderAttributes, MsgSignProviderAttributes},
        base::attributes::v1::SignedBy,
    };
    let mut world = World::new();
    let mut message = new_deployment(1, 5_000_000, &["100uact"]);
    message.groups[0].requirements.attributes = list(&[("region", "us-west")]);
    message.groups[0].requirements.signed_by =
        SignedBy { all_of: vec![who(FRIEND).to_string()], any_of: Vec::new() };
    world.run(&message).unwrap();
    refused(world.bid(P1, &first_group(1), 1, "1uact"), "market", 5);
    world
        .run(&MsgSignProviderAttributes {
            owner: who(P1).to_string(),
            auditor: who(FRIEND).to_string(),
            attributes: list(&[("tier", "x"), ("region", "us-west")]),
        })
        .unwrap();
    world.bid(P1, &first_group(1), 1, "1uact").unwrap();
    let delete = |keys: &[&str]| MsgDeleteProviderAttributes {
        owner: who(P1).to_string(),
        auditor: who(FRIEND).to_string(),
        keys: keys.iter().map(|it| (*it).to_owned()).collect(),
    };
    refused(world.run(&delete(&["region", "region"])), "audit", 3);
    world.run(&delete(&["region", "tier"])).unwrap();
    refused(world.run(&delete(&[])), "audit", 1);
}

#[test]
fn a_provider_stays_while_a_lease_of_it_runs() {
    let mut world = World::new();
    let id = world.leased(1, 5_000_000, "100uact");
    let delete = MsgDeleteProvider { owner: who(P1).to_string() };
    refused(world.run(&delete), "provider", 10);
    world.close_lease(&id).unwrap();
    let events = world.run(&delete).unwrap();
    assert_eq!(kinds(&events), ["EventProviderDeleted"]);
    refused(world.run(&delete), "provider", 3);
    world.register(P1, &[("region", "eu")]).unwrap();
}

#[test]
fn the_default_genesis_prices_in_uact_alone() {
    let mut world = World::with(|state| {
        state.as_object_mut().unwrap().remove("denoms");
    });
    world.create(1, 500_000, "1uact").unwrap();
    refused(world.create(2, 500_000, "1uakt"), "deployment", 20);
    refused(world.create(2, 500_000, "1uusdc"), "deployment", 24);
    refused(world.create(2, 500_000, "1uatom"), "deployment", 20);
}

#[test]
fn stateless_checks_of_a_deployment_come_in_order() {
    let mut world = World::new();
    let base = new_deployment(1, 500_000, &["1uact"]);
    let mut check =
        |change: &dyn Fn(&mut types::wire::akash::deployment::v1beta4::MsgCreateDeployment),
         space: &str,
         code: u32| {
            let mut message = base.clone();
            change(&mut message);
            refused(world.run(&message), space, code);
        };
    check(&|it| it.id.dseq = 0, "sdk", 3);
    check(&|it| it.id.owner = "x".to_owned(), "sdk", 7);
    check(&|it| it.deposit.amount.denom = "1x".to_owned(), "sdk", 10);
    check(&|it| it.deposit.amount.amount = "-5".to_owned(), "sdk", 10);
    check(&|it| it.deposit.sources.clear(), "akash", 4);
    check(&|it| it.deposit.sources = vec![2, 2], "akash", 4);
    check(&|it| it.deposit.sources = vec![0], "akash", 4);
    check(&|it| it.groups.clear(), "deployment", 7);
    check(&|it| it.hash.clear(), "deployment", 9);
    check(&|it| it.hash.truncate(31), "deployment", 10);
    check(&|it| it.reclamation = Some(notice_of(-1)), "deployment", 26);
    check(&|it| it.deposit.amount.denom = "uakt".to_owned(), "deployment", 20);
    check(&|it| it.groups[0].name.clear(), "deployment", 19);
    check(&|it| it.groups[0].resources.clear(), "deployment", 19);
    check(&|it| it.groups[0].resources[0].resource.id = 0, "deployment", 19);
    check(&|it| it.groups[0].resources[0].resource.cpu = None, "deployment", 19);
    check(&|it| it.groups[0].resources[0].resource.storage.clear(), "deployment", 19);
    check(&|it| it.groups[0].resources[0].count = 0, "deployment", 19);
    check(&|it| it.groups[0].resources[0].count = 19_201, "deployment", 19);
    check(
        &|it| it.groups[0].resources[0].resource.cpu.as_mut().unwrap().units = value("9"),
        "deployment",
        19,
    );
    check(
        &|it| it.groups[0].resources[0].resource.cpu.as_mut().unwrap().units = value(""),
        "deployment",
        19,
    );
    check(
        &|it| {
            let storage = &mut it.groups[0].resources[0].resource.storage[0];
            storage.attributes = list(&[("1", "x")]);
        },
        "akash",
        2,
    );
    check(
        &|it| {
            it.groups[0].resources[0].price = price_of("10000000.000000000000000001uact");
        },
        "deployment",
        24,
    );
    check(&|it| it.groups.push(group("a", "1uact")), "deployment", 7);
    check(&|it| it.deposit.amount.amount = "499999".to_owned(), "deployment", 20);
}

#[test]
fn a_manifest_can_be_replaced_while_the_deployment_lives() {
    let mut world = World::new();
    world.create(1, 500_000, "1uact").unwrap();
    let update = |hash: u8| MsgUpdateDeployment { id: deployment(1).into(), hash: vec![hash; 32] };
    refused(world.run(&update(7)), "deployment", 10);
    let events = world.run(&update(8)).unwrap();
    assert_eq!(kinds(&events), ["EventDeploymentUpdated"]);
    world.close(1).unwrap();
    refused(world.run(&update(9)), "deployment", 5);
}

#[test]
fn a_deployment_is_shown_with_its_groups_and_its_account() {
    let mut world = World::new();
    world.run(&new_deployment(1, 5_000_000, &["100uact", "200uact"])).unwrap();
    let request = QueryDeploymentRequest { id: deployment(1).into() };
    let path = "/akash.deployment.v1beta4.Query/Deployment";
    let shown: QueryDeploymentResponse = world.chain.query(path, &request).unwrap();
    assert_eq!(shown.groups.iter().map(|it| it.id.gseq).collect::<Vec<_>>(), [1, 2]);
    assert_eq!(shown.escrow_account.state.funds[0].amount, "5000000000000000000000000");
    let missing = QueryDeploymentRequest { id: deployment(2).into() };
    let fault = world.chain.query::<_, QueryDeploymentResponse>(path, &missing).unwrap_err();
    assert_eq!(
        fault.grpc(),
        (Status::NotFound, "codespace deployment code 4: Deployment not found".into())
    );
}

#[test]
fn lists_are_paged_over_states_without_gaps_or_repeats() {
    let mut world = World::new();
    for dseq in 1..=7 {
        world.create(dseq, 500_000, "1uact").unwrap();
    }
    for dseq in [2, 5, 6] {
        world.close(dseq).unwrap();
    }
    let ask = |world: &World, reverse: bool, owner: &str, limit: u64| {
        let mut pages = Vec::new();
        let mut key = Vec::new();
        loop {
            let request = QueryDeploymentsRequest {
                filters: types::wire::akash::deployment::v1beta4::DeploymentFilters {
                    owner: owner.to_owned(),
                    ..Default::default()
                },
                pagination: Some(types::wire::cosmos::base::query::v1beta1::PageRequest {
                    key,
                    limit,
                    reverse,
                    ..Default::default()
                }),
            };
            let path = "/akash.deployment.v1beta4.Query/Deployments";
            let answer: QueryDeploymentsResponse = world.chain.query(path, &request).unwrap();
            pages.extend(answer.deployments.iter().map(|it| it.deployment.id.dseq));
            key = answer.pagination.unwrap().next_key;
            if key.is_empty() {
                return pages;
            }
        }
    };
    let owner = who(TENANT).to_string();
    for limit in [1, 2, 3, 100] {
        assert_eq!(ask(&world, false, "", limit), [1, 3, 4, 7, 2, 5, 6]);
        assert_eq!(ask(&world, true, "", limit), [6, 5, 2, 7, 4, 3, 1]);
        assert_eq!(ask(&world, false, &owner, limit), [1, 2, 3, 4, 5, 6, 7]);
        assert_eq!(ask(&world, true, &owner, limit), [7, 6, 5, 4, 3, 2, 1]);
    }
}

#[test]
fn bids_are_found_by_provider() {
    let mut world = World::new();
    for dseq in 1..=3 {
        world.create(dseq, 500_000, "10uact").unwrap();
        world.bid(P1, &first_group(dseq), 1, "5uact").unwrap();
        world.bid(P2, &first_group(dseq), 1, "5uact").unwrap();
    }
    world.lease(&bid_of(2, 1, 1, P1)).unwrap();
    let request = QueryBidsRequest {
        filters: BidFilters { provider: who(P2).to_string(), ..BidFilters::default() },
        pagination: None,
    };
    let answer: QueryBidsResponse =
        world.chain.query("/akash.market.v1beta5.Query/Bids", &request).unwrap();
    let found: Vec<_> = answer.bids.iter().map(|it| (it.bid.id.dseq, it.bid.state)).collect();
    assert_eq!(found, [(1, 1), (2, 3), (3, 1)]);
}

#[test]
fn an_exported_market_comes_back_the_same() {
    let mut world = World::new();
    let id = world.leased(1, 500_000, "100000uact");
    world.leased(2, 5_000_000, "3.5uusdc");
    world.create(3, 500_000, "1uakt").unwrap();
    world.bid(P2, &first_group(3), 1, "0.5uakt").unwrap();
    world.blocks(6);
    world.withdraw(&id).unwrap();
    let exported = world.chain.export();
    let back = ledger::testing::Chain::<crate::Market>::new(exported.clone());
    same_market(&back.export(), &exported);
}

#[test]
fn parameters_change_by_governance_alone() {
    use types::{
        Address,
        wire::{
            akash::{
                deployment::v1beta4 as deployments,
                market::v1beta5::{MsgUpdateParams, QueryParamsRequest, QueryParamsResponse},
            },
            haggle::deployment::v1 as denoms,
        },
    };
    let mut world = World::new();
    let path = "/akash.market.v1beta5.Query/Params";
    let shown: QueryParamsResponse = world.chain.query(path, &QueryParamsRequest {}).unwrap();
    let update = |authority: &Address, max: u32| {
        let mut params = shown.params.clone();
        params.order_max_bids = max;
        MsgUpdateParams { authority: authority.to_string(), params }
    };
    let gov = Address::of_module("gov");
    refused(world.run(&update(&who(TENANT), 5)), "gov", 13);
    refused(world.run(&update(&gov, 0)), "market", 29);
    refused(world.run(&update(&gov, 501)), "market", 29);
    world.run(&update(&gov, 5)).unwrap();

    let set = |authority: &Address, coins: &[(&str, &str)]| deployments::MsgUpdateParams {
        authority: authority.to_string(),
        params: deployments::Params {
            min_deposits: coins
                .iter()
                .map(|(denom, amount)| types::wire::cosmos::base::v1beta1::Coin {
                    denom: (*denom).to_owned(),
                    amount: (*amount).to_owned(),
                })
                .collect(),
        },
    };
    refused(world.run(&set(&who(TENANT), &[("uact", "5")])), "gov", 13);
    refused(world.run(&set(&gov, &[("uakt", "5")])), "deployment", 22);
    refused(world.run(&set(&gov, &[("uact", "5"), ("uact", "6")])), "deployment", 22);
    refused(world.run(&set(&gov, &[("uact", "2147483647")])), "deployment", 22);
    world.run(&set(&gov, &[("uact", "700000")])).unwrap();
    refused(world.create(1, 699_999, "1uact"), "deployment", 20);
    refused(world.create(1, 700_000, "1uakt"), "deployment", 20);

    let price_in = |authority: &Address, denoms: &[&str]| denoms::MsgUpdateParams {
        authority: authority.to_string(),
        params: denoms::Params { denoms: denoms.iter().map(|it| (*it).to_owned()).collect() },
    };
    refused(world.run(&price_in(&who(TENANT), &["uact"])), "gov", 13);
    refused(world.run(&price_in(&gov, &[])), "denoms", 1);
    refused(world.run(&price_in(&gov, &["uact", "uact"])), "denoms", 2);
    refused(world.run(&price_in(&gov, &["1x"])), "sdk", 10);
    world.run(&price_in(&gov, &["uusdc"])).unwrap();
    refused(world.create(1, 700_000, "1uact"), "deployment", 24);
    world.blocks(1);
}

/// A generator that gives the same numbers everywhere.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }

    fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        of[usize::try_from(self.roll(u64::try_from(of.len()).unwrap())).unwrap()]
    }
}

/// Everybody does anything at any time. After every block all invariants hold, and the sum of
/// what people and the vault have never changes; when all is closed, the vault is empty.
#[test]
fn random_sessions_keep_every_invariant_and_every_coin() {
    let mut done = 0;
    for seed in 1..=40 {
        let mut world = World::new();
        let mut dice = Dice(seed);
        for _ in 0..250 {
            done += u32::from(act(&mut world, &mut dice).is_ok());
            conserved(&world);
        }
        for dseq in 1..=3 {
            drop(world.close(dseq));
            // What is still owed is paid by a friend.
            drop(world.top_up(dseq, FRIEND, 1_000_000_000, "uact"));
        }
        world.blocks(1);
        conserved(&world);
        for denom in crate::genesis::DENOMS {
            assert_eq!(world.vault(denom), 0, "seed {seed}: {denom} is left in the vault");
        }
    }
    assert!(done > 1500, "the sessions must do something: {done}");
}

fn conserved(world: &World) {
    for denom in crate::genesis::DENOMS {
        let people = [TENANT, FRIEND, P1, P2, P3].map(|it| world.balance(it, denom));
        assert_eq!(people.iter().sum::<i64>() + world.vault(denom), 5 * RICH);
    }
}

fn act(world: &mut World, dice: &mut Dice) -> ledger::Result<()> {
    let dseq = dice.roll(3) + 1;
    let gseq = u32::try_from(dice.roll(2)).unwrap() + 1;
    let oseq = u32::try_from(dice.roll(3)).unwrap() + 1;
    let provider = dice.pick(&[P1, P2, P3]);
    let group = deployment(dseq).group(gseq);
    let bid = group.order(oseq).bid(who(provider));
    match dice.roll(16) {
        0 | 1 => {
            let deposit = 500_000 + dice.roll(1_000_000);
            world.run(&new_deployment(dseq, deposit, &["60000.7uact", "30000uact"])).map(drop)
        }
        2..=4 => {
            let price = dice.pick(&["25000.123456789uact", "30000uact", "60000uact"]);
            let mut message = new_bid(provider, &group, oseq, price);
            message.deposit = funds(500_000, dice.pick(&["uact", "uakt", "uusdc"]));
            if dice.roll(3) == 0 {
                message.reclamation_window = Some(Duration { seconds: 60, nanos: 0 });
            }
            world.run(&message).map(drop)
        }
        5..=7 => world.lease(&bid).map(drop),
        8 => world.withdraw(&bid.lease()).map(drop),
        9 => world.close_lease(&bid.lease()).map(drop),
        10 => world.close_bid(&bid, UNSTABLE).map(drop),
        11 => world.notice(&bid.lease(), UNSTABLE).map(drop),
        12 => {
            let from = dice.pick(&[TENANT, FRIEND]);
            let denom = dice.pick(&["uact", "uakt", "uact"]);
            world.top_up(dseq, from, dice.roll(400_000) + 1, denom).map(drop)
        }
        13 => match dice.roll(4) {
            0 => world.close(dseq).map(drop),
            1 => world.run(&MsgCloseGroup { id: group.into() }).map(drop),
            _ => world.run(&MsgPauseGroup { id: group.into() }).map(drop),
        },
        14 => world.run(&MsgStartGroup { id: group.into() }).map(drop),
        _ => {
            world.chain.next_blocks(usize::try_from(dice.roll(6)).unwrap(), 20);
            Ok(())
        }
    }
}
