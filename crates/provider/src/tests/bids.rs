//! Orders that get a bid, and the reason of each that gets none.

use crate::{
    chain::Msg,
    config::Span,
    quantity::{self, ONE},
    testing::{AUDITOR, Job, PROVIDER, TENANT, World, account, eventually},
};
use types::wire::akash::{
    base::attributes::v1::Attribute, deployment::v1::DeploymentReclamation,
    deployment::v1beta4::GroupSpec, market::v1beta5::MsgCreateBid,
};

fn attribute(key: &str, value: &str) -> Attribute {
    Attribute { key: key.into(), value: value.into() }
}

fn bids(world: &World) -> Vec<MsgCreateBid> {
    let sent = world.chain.sent().into_iter();
    sent.filter_map(|it| if let Msg::CreateBid(it) = it { Some(it) } else { None }).collect()
}

/// Puts an order of a changed group on chain and waits for the reason why it gets no bid.
async fn declined(
    world: &World,
    handle: &crate::Handle,
    dseq: u64,
    change: impl FnOnce(&mut GroupSpec),
) -> crate::Decline {
    let mut job = Job::web();
    change(&mut job.group);
    let order = world.chain.deploy(TENANT, dseq, &job);
    let find = || handle.declines().into_iter().find(|it| it.order == order.to_string());
    eventually("a decline", || find().is_some()).await;
    find().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bid_has_the_price_of_the_table_the_offer_that_was_asked_for_and_the_deposit() {
    let world = World::new();
    let handle =
        world.start_with(|it| it.reclamation_window = Some("24h".parse::<Span>().unwrap())).await;
    let job = Job::web();
    world.chain.deploy(TENANT, 7, &job);
    eventually("a bid", || !bids(&world).is_empty()).await;
    let bid = bids(&world).remove(0);
    // 500 x 0.004 + 64 x 0.0016 + 128 x 0.00016 + 1
    assert_eq!(bid.price.amount, "3122880000000000000");
    assert_eq!(
        (bid.price.denom.as_str(), bid.id.provider),
        ("uact", account(PROVIDER).to_string())
    );
    assert_eq!(
        (bid.deposit.amount.denom.as_str(), bid.deposit.amount.amount.as_str()),
        ("uact", "500000")
    );
    assert_eq!(bid.deposit.sources, [1]);
    assert_eq!(bid.resources_offer.len(), 1);
    assert_eq!(bid.resources_offer[0].resources, job.group.resources[0].resource);
    assert_eq!(bid.reclamation_window.map(|it| it.seconds), Some(86_400));
    handle.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_decline_says_its_dimension() {
    let world = World::new();
    let handle = world.start().await;
    let unit = |it: &mut GroupSpec| it.resources[0].resource.clone();
    let mut dseq = 0;
    let mut next = || {
        dseq += 1;
        dseq
    };
    macro_rules! declines {
        ($dimension:literal, $text:expr, $change:expr) => {{
            let it = declined(&world, &handle, next(), $change).await;
            assert_eq!(it.dimension, $dimension, "{it:?}");
            assert!(it.reason.contains($text), "{it:?}");
            it
        }};
    }
    declines!("attributes", "incompatible provider attributes: region=eu missing", |it| {
        it.requirements.attributes.push(attribute("region", "eu"));
    });
    declines!("storage_class", "has a class that is not offered", |it| {
        it.resources[0].resource.storage[0].attributes =
            vec![attribute("class", "beta3"), attribute("persistent", "true")];
    });
    declines!("gpu_model", "no GPU model of resource 1 is offered", |it| {
        let gpu = it.resources[0].resource.gpu.as_mut().unwrap();
        gpu.units = quantity::write(1);
        gpu.attributes.push(attribute("vendor/nvidia/model/a100", "true"));
    });
    declines!("volumes", "more than 4 volumes", |it| {
        let volume = unit(it).storage[0].clone();
        it.resources[0].resource.storage = vec![volume; 5];
    });
    declines!("signatures", "attribute signature requirements not met: one of", |it| {
        it.requirements.signed_by.any_of.push(account(AUDITOR).to_string());
    });
    declines!("group", "the group is not valid", |it| it.resources[0].count = 51);
    let short = declines!("cpu", "insufficient capacity: cpu: needs 3000m, 2000m free", |it| {
        it.resources[0].resource.cpu.as_mut().unwrap().units = quantity::write(3000);
    });
    assert_eq!((short.wanted, short.free, short.shortfall), (Some(3000), Some(2000), Some(1000)));
    declines!("memory", "memory: needs 8Gi, 4Gi free", |it| {
        it.resources[0].resource.memory.as_mut().unwrap().quantity = quantity::write(8 << 30);
    });
    declines!("ephemeral_storage", "ephemeral storage: needs 30Gi, 20Gi free", |it| {
        it.resources[0].resource.storage[0].quantity = quantity::write(30 << 30);
    });
    declines!("addresses", "leased IPs: needs 1, 0 free", |it| {
        it.resources[0].resource.endpoints[0].kind = 2;
    });
    declines!("price", "is above the order's maximum 1uact", |it| {
        it.resources[0].price.amount = ONE.to_string();
    });
    declines!("denomination", "no prices configured for denomination \"uusdc\"", |it| {
        "uusdc".clone_into(&mut it.resources[0].price.denom);
    });
    assert!(bids(&world).is_empty());
    handle.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_may_keep_to_orders_with_a_marker() {
    let world = World::new();
    let handle = world
        .start_with(|it| {
            it.order_attributes.insert("region".into(), "us-west".into());
        })
        .await;
    let it = declined(&world, &handle, 1, |_| {}).await;
    assert_eq!(it.dimension, "order_attributes");
    let mut job = Job::web();
    job.group.requirements.attributes.push(attribute("region", "us-west"));
    world.chain.deploy(TENANT, 2, &job);
    eventually("a bid", || bids(&world).len() == 1).await;
    handle.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_that_wants_notice_gets_no_bid_without_a_window_long_enough() {
    let world = World::new();
    let handle =
        world.start_with(|it| it.reclamation_window = Some("1h".parse::<Span>().unwrap())).await;
    // The order is edited before the provider can see it: its event comes with the next block.
    world.chain.set_down(true);
    let order = world.chain.deploy(TENANT, 1, &Job::web());
    world.chain.edit_order(&order, |it| {
        let min_window = prost_types::Duration { seconds: 7200, nanos: 0 };
        it.reclamation = Some(DeploymentReclamation { min_window });
    });
    world.chain.set_down(false);
    let find = || handle.declines().into_iter().find(|it| it.dimension == "reclamation");
    eventually("a decline", || find().is_some()).await;
    assert!(find().unwrap().reason.contains("wants 7200 s notice"), "{:?}", find());
    handle.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_signature_of_an_auditor_counts_at_once() {
    let world = World::new();
    let handle = world.start().await;
    let signed = |it: &mut GroupSpec| {
        it.requirements.attributes.push(attribute("region", "us-west"));
        it.requirements.signed_by.all_of.push(account(AUDITOR).to_string());
    };
    let it = declined(&world, &handle, 1, signed).await;
    assert_eq!(it.dimension, "signatures");
    world.chain.sign_attributes(AUDITOR, vec![attribute("region", "us-west")]);
    let mut job = Job::web();
    signed(&mut job.group);
    world.chain.deploy(TENANT, 2, &job);
    eventually("a bid", || bids(&world).len() == 1).await;
    handle.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn our_own_orders_are_none_of_our_business() {
    let world = World::new();
    let handle = world.start().await;
    world.chain.deploy(PROVIDER, 1, &Job::web());
    let find = || handle.declines().into_iter().find(|it| it.dimension == "own_order");
    eventually("a decline", || find().is_some()).await;
    handle.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn caps_of_the_operator_bound_what_is_promised() {
    let world = World::new();
    let handle = world.start_with(|it| it.capacity.cpu_milli = Some(700)).await;
    world.chain.deploy(TENANT, 1, &Job::web());
    eventually("a bid", || bids(&world).len() == 1).await;
    let it = declined(&world, &handle, 2, |_| {}).await;
    assert_eq!((it.dimension.as_str(), it.free), ("cpu", Some(200)));
    handle.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn orders_from_before_the_start_are_found() {
    let world = World::new();
    world.chain.deploy(TENANT, 1, &Job::web());
    let handle = world.start().await;
    eventually("a bid", || bids(&world).len() == 1).await;
    handle.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_chain_is_told_the_first_dimension_that_fails_and_what_is_missing() {
    use types::wire::haggle::market::v1::{Dimension, MsgDeclineOrder};

    let world = World::new();
    let handle = world.start().await;
    let told = |world: &World| -> Vec<MsgDeclineOrder> {
        let sent = world.chain.sent().into_iter();
        sent.filter_map(|it| if let Msg::DeclineOrder(it) = it { Some(it) } else { None }).collect()
    };
    let mut expected = Vec::new();
    let mut dseq = 0;
    macro_rules! tells {
        ($dimension:ident, $subject:expr, $shortfall:expr, $change:expr) => {{
            dseq += 1;
            declined(&world, &handle, dseq, $change).await;
            expected.push((Dimension::$dimension, $subject.to_owned(), $shortfall.to_owned()));
            eventually("a receipt", || told(&world).len() == expected.len()).await;
        }};
    }
    tells!(Cpu, "", "1000", |it| {
        it.resources[0].resource.cpu.as_mut().unwrap().units = quantity::write(3000);
    });
    tells!(Memory, "", (4_u64 << 30).to_string(), |it| {
        it.resources[0].resource.memory.as_mut().unwrap().quantity = quantity::write(8 << 30);
    });
    tells!(Region, "region=eu", "", |it| {
        it.requirements.attributes.push(attribute("region", "eu"));
    });
    tells!(Attribute, "tier=gold", "", |it| {
        it.requirements.attributes.push(attribute("tier", "gold"));
    });
    tells!(StorageClass, "default", "", |it| {
        it.resources[0].resource.storage[0].attributes =
            vec![attribute("class", "beta3"), attribute("persistent", "true")];
    });
    tells!(GpuModel, "resource 1", "", |it| {
        let gpu = it.resources[0].resource.gpu.as_mut().unwrap();
        gpu.units = quantity::write(1);
        gpu.attributes.push(attribute("vendor/nvidia/model/a100", "true"));
    });
    tells!(Auditor, account(AUDITOR).to_string(), "", |it| {
        it.requirements.signed_by.any_of.push(account(AUDITOR).to_string());
    });
    tells!(Price, "uact", "2.12288", |it| it.resources[0].price.amount = ONE.to_string());
    let found: Vec<_> =
        told(&world).into_iter().map(|it| (it.dimension(), it.subject, it.shortfall)).collect();
    assert_eq!(found, expected);
    handle.shutdown().await;

    let world = World::new();
    let handle = world.start_with(|it| it.publish_declines = false).await;
    declined(&world, &handle, 1, |it| it.resources[0].count = 51).await;
    world.chain.deploy(TENANT, 2, &Job::web());
    eventually("a bid", || !bids(&world).is_empty()).await;
    assert_eq!(told(&world), [], "nothing is told when the configuration says so");
    handle.shutdown().await;
}
