//! Leases from the order to the teardown, through kills and bad days.

use std::time::Duration;

use backend::Backend as _;
use types::wire::akash::market::v1::{LeaseClosedReason, Reclamation, lease as lease_wire};

use super::doors::{Door, put};
use crate::{
    chain::Msg,
    config::Span,
    testing::{FakeChain, Job, PROVIDER, TENANT, World, account, eventually, running},
};

fn withdrawals(chain: &FakeChain) -> usize {
    chain.count(|it| matches!(it, Msg::WithdrawLease(_)))
}

/// Waits until exactly these leases have something running.
async fn runs(world: &World, leases: &[&types::ids::LeaseId], what: &str) {
    for _ in 0..500 {
        let now = running(&world.room).await;
        if now.len() == leases.len() && leases.iter().all(|it| now.contains(*it)) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("{what}: {:?}", running(&world.room).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_becomes_a_bid_a_lease_a_workload_a_payment_and_nothing() {
    let world = World::new();
    let handle =
        world.start_with(|it| it.timers.withdrawal_period = Span(Duration::from_millis(300))).await;
    let record = world.chain.record().expect("the provider registers itself");
    assert_eq!(record.host_uri, "https://localhost:8443");
    assert_eq!(world.chain.published().len(), 1, "the gateway's certificate is on chain");

    let job = Job::web();
    let lease = world.lease(TENANT, 7, &job).await;
    let door = Door::open(&world, &handle, TENANT);
    door.accepts(7, &job).await;
    runs(&world, &[&lease], "the workload starts").await;

    let found = world.room.list().await.unwrap().remove(0).workload.unwrap();
    let service = found.service("web").unwrap();
    assert_eq!(service.image, "nginx:1.27");
    assert_eq!(service.resources.cpu_milli, 500);
    for env in
        ["A=1", "AKASH_DEPLOYMENT_SEQUENCE=7", "AKASH_CLUSTER_PUBLIC_HOSTNAME=provider.example.com"]
    {
        assert!(service.env.iter().any(|it| it == env), "{env} in {:?}", service.env);
    }
    assert!(service.exposes[0].hosts.iter().any(|it| it == "app.example.com"));
    assert!(service.exposes[0].hosts.iter().any(|it| it.ends_with(".ingress.example.com")));

    let status = door.status_when_ready(&lease).await;
    assert_eq!(status["services"]["web"]["available"], 1);
    assert_eq!(status["services"]["web"]["observed_generation"], 1);
    eventually("a withdrawal", || withdrawals(&world.chain) > 0).await;

    world.chain.close_lease(&lease, LeaseClosedReason::LeaseClosedOwner);
    runs(&world, &[], "the workload goes").await;
    eventually("the reservation is released", || handle.counters().leases == 0).await;
    assert_eq!(std::fs::read_dir(world.dir.path().join("leases")).unwrap().count(), 0);
    let bids = world.chain.count(|it| matches!(it, Msg::CreateBid(_)));
    assert_eq!((bids, world.chain.count(|it| matches!(it, Msg::CloseBid(_)))), (1, 0));
    handle.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_provider_adopts_what_runs_and_closes_nothing() {
    let world = World::new();
    let first = world.start().await;
    let job = Job::web();
    let lease = world.lease(TENANT, 7, &job).await;
    Door::open(&world, &first, TENANT).accepts(7, &job).await;
    runs(&world, &[&lease], "the workload starts").await;
    let applied = world.room.calls("apply");
    drop(first);

    let second = world.start().await;
    eventually("the lease is held again", || second.counters().leases == 1).await;
    let door = Door::open(&world, &second, TENANT);
    door.status_when_ready(&lease).await;
    tokio::time::sleep(Duration::from_millis(600)).await;
    assert_eq!(world.room.calls("apply"), applied, "what runs as it should is left alone");
    assert_eq!(world.chain.count(|it| matches!(it, Msg::CloseBid(_))), 0);
    assert_eq!(world.chain.count(|it| matches!(it, Msg::CreateProvider(_))), 1);
    assert_eq!(world.chain.published().len(), 1, "the certificate is found again");
    // Its capacity is taken, too: 500 of 2000 milli-CPU.
    let status = door.get("/status").await;
    assert_eq!(status["cluster"]["inventory"]["available"]["nodes"][0]["available"]["cpu"], 1500);
    second.shutdown().await;
    runs(&world, &[&lease], "a shutdown leaves workloads alone").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lease_that_closed_while_the_provider_was_away_is_torn_down() {
    let world = World::new();
    let first = world.start().await;
    let job = Job::web();
    let lease = world.lease(TENANT, 7, &job).await;
    Door::open(&world, &first, TENANT).accepts(7, &job).await;
    runs(&world, &[&lease], "the workload starts").await;
    drop(first);
    world.chain.close_lease(&lease, LeaseClosedReason::LeaseClosedOwner);
    let second = world.start().await;
    runs(&world, &[], "the workload goes").await;
    second.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lease_won_before_a_restart_takes_its_manifest_after_it() {
    let world = World::new();
    let first = world.start().await;
    let job = Job::web();
    let lease = world.lease(TENANT, 7, &job).await;
    eventually("the lease is held", || first.counters().leases == 1).await;
    drop(first);
    let second = world.start().await;
    Door::open(&world, &second, TENANT).accepts(7, &job).await;
    runs(&world, &[&lease], "the workload starts").await;
    second.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bid_that_was_open_before_a_restart_is_kept_and_not_repeated() {
    let world = World::new();
    let first = world.start().await;
    let job = Job::web();
    let order = world.chain.deploy(TENANT, 7, &job);
    eventually("a bid", || world.chain.bid_state(&order).is_some()).await;
    first.shutdown().await;
    let second = world.start().await;
    eventually("the bid is known", || second.counters().open_bids == 1).await;
    let lease = world.chain.take_bid(&order, &account(PROVIDER));
    Door::open(&world, &second, TENANT).accepts(7, &job).await;
    runs(&world, &[&lease], "the workload starts").await;
    assert_eq!(world.chain.count(|it| matches!(it, Msg::CreateBid(_))), 1);
    second.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lease_without_an_accepted_manifest_is_closed_in_time_and_a_bad_manifest_buys_none() {
    let world = World::new();
    let handle =
        world.start_with(|it| it.timers.manifest_timeout = Span(Duration::from_millis(700))).await;
    let lease = world.lease(TENANT, 7, &Job::web()).await;
    let door = Door::open(&world, &handle, TENANT);
    eventually("the lease is held", || handle.counters().leases == 1).await;
    let (status, text) = put(&door, 7, b"[]".to_vec()).await;
    assert_eq!((status, text.as_str()), (422, "invalid manifest: manifest is empty\n"));
    eventually("the lease is closed", || {
        world.chain.lease_state(&lease)
            == (lease_wire::State::Closed, LeaseClosedReason::ManifestTimeout)
    })
    .await;
    handle.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bid_without_a_lease_is_taken_back_in_time() {
    use types::wire::akash::market::v1beta5::bid;
    let world = World::new();
    let handle =
        world.start_with(|it| it.timers.bid_timeout = Span(Duration::from_millis(300))).await;
    let order = world.chain.deploy(TENANT, 7, &Job::web());
    eventually("the bid is closed", || world.chain.bid_state(&order) == Some(bid::State::Closed))
        .await;
    // Not bid again, although the order is still open, and the capacity is free again.
    tokio::time::sleep(Duration::from_millis(800)).await;
    assert_eq!(world.chain.count(|it| matches!(it, Msg::CreateBid(_))), 1);
    let door = Door::open(&world, &handle, TENANT);
    let status = door.get("/status").await;
    assert_eq!(status["cluster"]["inventory"]["available"]["nodes"][0]["available"]["cpu"], 2000);
    handle.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_or_closed_order_gives_its_capacity_back() {
    let world = World::new();
    let handle = world.start().await;
    let door = Door::open(&world, &handle, TENANT);
    let free = async || {
        door.get("/status").await["cluster"]["inventory"]["available"]["nodes"][0]["available"]["cpu"]
            .as_u64()
    };
    let lost = world.chain.deploy(TENANT, 7, &Job::web());
    let closed = world.chain.deploy(TENANT, 8, &Job::web());
    eventually("two bids", || handle.counters().open_bids == 2 && handle.counters().bids_sent == 2)
        .await;
    assert_eq!(free().await, Some(1000));
    world.chain.take_bid(&lost, &account(9));
    world.chain.close_order(&closed);
    eventually("both are forgotten", || handle.counters().open_bids == 0).await;
    assert_eq!(free().await, Some(2000));
    handle.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_update_of_the_manifest_reaches_what_runs() {
    let world = World::new();
    let handle = world.start().await;
    let lease = world.lease(TENANT, 7, &Job::web()).await;
    let door = Door::open(&world, &handle, TENANT);
    door.accepts(7, &Job::web()).await;
    runs(&world, &[&lease], "the workload starts").await;

    let mut next = Job::web();
    next.manifest[0]["services"][0]["image"] = "nginx:1.28".into();
    let (status, text) = put(&door, 7, next.body()).await;
    assert_eq!((status, text.as_str()), (422, "manifest version validation failed\n"));
    world.chain.update(&lease.deployment(), next.hash());
    door.accepts(7, &next).await;
    for _ in 0..500 {
        let found = world.room.list().await.unwrap().remove(0).workload.unwrap();
        if found.services[0].image == "nginx:1.28" {
            assert_eq!(found.generation, 2);
            handle.shutdown().await;
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("the new image never ran");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_was_missed_is_made_up_for() {
    let world = World::new();
    let handle = world.start().await;
    let lease = world.lease(TENANT, 7, &Job::web()).await;
    Door::open(&world, &handle, TENANT).accepts(7, &Job::web()).await;
    runs(&world, &[&lease], "the workload starts").await;
    world.chain.close_lease_silently(&lease, LeaseClosedReason::InsufficientFunds);
    runs(&world, &[], "the workload goes").await;
    handle.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn while_the_chain_is_away_everything_stays_as_it_is() {
    let world = World::new();
    let handle = world.start().await;
    let lease = world.lease(TENANT, 7, &Job::web()).await;
    Door::open(&world, &handle, TENANT).accepts(7, &Job::web()).await;
    runs(&world, &[&lease], "the workload starts").await;
    world.chain.set_down(true);
    tokio::time::sleep(Duration::from_millis(800)).await;
    runs(&world, &[&lease], "the workload stays").await;
    world.chain.set_down(false);
    world.chain.close_lease(&lease, LeaseClosedReason::LeaseClosedOwner);
    runs(&world, &[], "the workload goes when the chain says so").await;
    handle.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_machine_room_that_is_away_costs_no_lease_its_life() {
    let world = World::new();
    let handle = world.start_with(|it| it.timers.monitor_max_retries = 2).await;
    let lease = world.lease(TENANT, 7, &Job::web()).await;
    let door = Door::open(&world, &handle, TENANT);
    door.accepts(7, &Job::web()).await;
    door.status_when_ready(&lease).await;
    let away = || backend::Error::Unreachable { endpoint: "memory".into(), cause: "away".into() };
    for _ in 0..30 {
        world.room.fail_next(backend::memory::Call::Status, away());
    }
    tokio::time::sleep(Duration::from_millis(1500)).await;
    assert_eq!(world.chain.lease_state(&lease).0, lease_wire::State::Active);
    handle.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_workload_that_never_gets_well_ends_the_lease_with_its_reason() {
    let world = World::new();
    let handle = world.start_with(|it| it.timers.monitor_max_retries = 3).await;
    world.room.forget_image("nginx:1.27");
    let lease = world.lease(TENANT, 7, &Job::web()).await;
    let door = Door::open(&world, &handle, TENANT);
    door.accepts(7, &Job::web()).await;
    eventually("the lease is closed as unstable", || {
        world.chain.lease_state(&lease) == (lease_wire::State::Closed, LeaseClosedReason::Unstable)
    })
    .await;
    runs(&world, &[], "nothing is left").await;
    handle.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lease_with_a_promise_of_notice_gets_its_notice() {
    let world = World::new();
    let handle =
        world.start_with(|it| it.timers.manifest_timeout = Span(Duration::from_millis(300))).await;
    let order = world.chain.deploy(TENANT, 7, &Job::web());
    eventually("a bid", || world.chain.bid_state(&order).is_some()).await;
    let lease = world.chain.take_bid(&order, &account(PROVIDER));
    world.chain.edit_lease(&lease, |it| {
        let window = prost_types::Duration { seconds: 3600, nanos: 0 };
        it.reclamation = Some(Reclamation { window, ..Reclamation::default() });
    });
    eventually("notice is given", || {
        world.chain.lease_state(&lease).0 == lease_wire::State::Reclaiming
    })
    .await;
    assert_eq!(world.chain.count(|it| matches!(it, Msg::CloseBid(_))), 0);
    handle.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lease_out_of_funds_is_withdrawn_from_at_once() {
    let world = World::new();
    let handle = world.start_with(|it| it.timers.withdrawal_period = Span::default()).await;
    let lease = world.lease(TENANT, 7, &Job::web()).await;
    eventually("the lease is held", || handle.counters().leases == 1).await;
    assert_eq!(withdrawals(&world.chain), 0);
    world.chain.edit_deployment(&lease.deployment(), |it| it.escrow.funds = 0);
    eventually("a withdrawal", || withdrawals(&world.chain) > 0).await;
    handle.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_differs_from_the_configuration_is_updated_on_chain() {
    let world = World::new();
    world.start().await.shutdown().await;
    let handle = world
        .start_with(|it| {
            it.attributes.insert("tier".into(), "gold".into());
        })
        .await;
    assert_eq!(world.chain.count(|it| matches!(it, Msg::UpdateProvider(_))), 1);
    assert!(world.chain.record().unwrap().attributes.iter().any(|it| it.value == "gold"));
    handle.shutdown().await;
    // A certificate that was revoked is replaced.
    world.chain.revoke_all();
    world.start().await.shutdown().await;
    assert_eq!(world.chain.published().len(), 1);
}
