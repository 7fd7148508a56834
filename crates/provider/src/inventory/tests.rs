use backend::{Amount, Gpu, Node, Pool};
use types::wire::akash::base::attributes::v1::Attribute;

use super::*;
use crate::testing::{Job, TENANT, account};

fn order(oseq: u32) -> OrderId {
    OrderId { owner: account(TENANT), dseq: 1, gseq: 1, oseq }
}

fn device(index: u32, name: &str) -> Gpu {
    Gpu {
        uuid: format!("{name}-{index}"),
        vendor: "nvidia".into(),
        name: name.into(),
        memory_size: "80Gi".into(),
        interface: "SXM4".into(),
        ..Gpu::default()
    }
}

fn node(name: &str, cpu_milli: u64, gpus: Vec<Gpu>) -> Node {
    Node {
        name: name.into(),
        cpu_milli: Amount::of(cpu_milli),
        memory_bytes: Amount::of(8 << 30),
        ephemeral_bytes: Amount::of(100 << 30),
        gpus,
        storage_classes: vec!["beta2".into()],
        ..Node::default()
    }
}

fn report(nodes: Vec<Node>) -> Inventory {
    let pool = Pool { class: "beta2".into(), bytes: Amount::of(10 << 30) };
    Inventory { nodes, storage: vec![pool] }
}

fn ledger(nodes: Vec<Node>) -> Ledger {
    let mut ledger = Ledger::new(Commit::default(), Caps::default());
    ledger.refresh(report(nodes));
    ledger
}

/// One unit of that much CPU, so often.
fn group(cpu_milli: u64, count: u32) -> GroupSpec {
    let mut group = Job::web().group;
    group.resources[0].resource.cpu.as_mut().unwrap().units = quantity::write(cpu_milli);
    group.resources[0].count = count;
    group
}

fn with_gpu(mut group: GroupSpec, units: u64, keys: &[&str]) -> GroupSpec {
    let gpu = group.resources[0].resource.gpu.as_mut().unwrap();
    gpu.units = quantity::write(units);
    gpu.attributes =
        keys.iter().map(|it| Attribute { key: (*it).into(), value: "true".into() }).collect();
    group
}

fn free_cpu(ledger: &Ledger) -> Vec<u64> {
    ledger.rooms().unwrap().1.nodes.iter().map(|it| it.cpu_milli).collect()
}

#[test]
fn nothing_is_reserved_before_the_first_report() {
    let mut ledger = Ledger::new(Commit::default(), Caps::default());
    let refused = ledger.reserve(&order(1), &group(100, 1)).unwrap_err();
    assert_eq!(refused.dimension, Dimension::Unknown);
}

#[test]
fn replicas_fill_the_first_node_before_the_next() {
    let mut ledger = ledger(vec![node("a", 2000, vec![]), node("b", 2000, vec![])]);
    ledger.reserve(&order(1), &group(600, 4)).unwrap();
    assert_eq!(free_cpu(&ledger), [200, 1400]);
    // The next order begins at the first node again.
    ledger.reserve(&order(2), &group(200, 1)).unwrap();
    assert_eq!(free_cpu(&ledger), [0, 1400]);
}

#[test]
fn the_last_unit_is_placed_first() {
    let mut ledger = ledger(vec![node("a", 1000, vec![]), node("b", 900, vec![])]);
    let mut both = group(1000, 1);
    let mut second = group(900, 1).resources.remove(0);
    second.resource.id = 2;
    both.resources.push(second);
    // In the order of the group both would fit; from the end, the small one takes the big node.
    let refused = ledger.reserve(&order(1), &both).unwrap_err();
    assert_eq!((refused.dimension, refused.unit), (Dimension::Cpu, 1));
    assert_eq!(free_cpu(&ledger), [1000, 900], "a refusal takes nothing");
}

#[test]
fn a_wildcard_becomes_the_model_that_was_found_and_stays_it() {
    let gpus = || vec![device(0, "a100"), device(1, "a100")];
    let mut ledger = ledger(vec![node("a", 8000, gpus()), node("b", 8000, vec![device(0, "t4")])]);
    let any = ["vendor/nvidia/model/*/ram/80Gi"];
    let made = ledger.reserve(&order(1), &with_gpu(group(100, 2), 1, &any)).unwrap();
    let gpu = made.allocated[0].gpu.as_ref().unwrap();
    assert_eq!(gpu.attributes[0].key, "vendor/nvidia/model/a100/ram/80Gi");
    assert_eq!(made.schedulers[&1].gpu_model, "a100");
    // A third replica of the same group could only be of another model.
    ledger.release(&order(1));
    let refused = ledger.reserve(&order(1), &with_gpu(group(100, 3), 1, &any)).unwrap_err();
    assert_eq!(refused.dimension, Dimension::Gpu);
}

#[test]
fn devices_in_use_are_told_apart_by_model() {
    let gpus = vec![device(0, "a100"), device(1, "t4")];
    let mut ledger = ledger(vec![node("a", 8000, gpus)]);
    let a100 = |count| with_gpu(group(100, 1), count, &["vendor/nvidia/model/a100"]);
    ledger.reserve(&order(1), &a100(1)).unwrap();
    let refused = ledger.reserve(&order(2), &a100(1)).unwrap_err();
    assert_eq!((refused.dimension, refused.wanted, refused.free), (Dimension::Gpu, 1, 0));
    ledger.reserve(&order(3), &with_gpu(group(100, 1), 1, &["vendor/nvidia/model/t4"])).unwrap();
}

#[test]
fn volumes_go_where_their_attributes_say() {
    let attribute = |key: &str, value: &str| Attribute { key: key.into(), value: value.into() };
    let with = |bytes: u64, attributes: Vec<Attribute>| {
        let mut group = group(100, 1);
        group.resources[0].resource.storage[0].quantity = quantity::write(bytes);
        group.resources[0].resource.storage[0].attributes = attributes;
        group
    };
    let mut ledger = ledger(vec![node("a", 8000, vec![])]);
    let persistent = |class: &str| vec![attribute("persistent", "true"), attribute("class", class)];
    ledger.reserve(&order(1), &with(9 << 30, persistent("beta2"))).unwrap();
    let short = ledger.reserve(&order(2), &with(2 << 30, persistent("beta2"))).unwrap_err();
    assert_eq!(short.to_string(), "storage class beta2: needs 2Gi, 1Gi free");
    let absent = ledger.reserve(&order(3), &with(1 << 30, persistent("beta3"))).unwrap_err();
    assert_eq!(absent.dimension, Dimension::StorageClass);
    let bad = ledger.reserve(&order(4), &with(1 << 30, persistent("ram"))).unwrap_err();
    assert_eq!(bad.dimension, Dimension::Request);
    // A volume in memory counts as memory.
    let ram = vec![attribute("persistent", "false"), attribute("class", "ram")];
    let short = ledger.reserve(&order(5), &with(8 << 30, ram)).unwrap_err();
    assert_eq!(short.dimension, Dimension::Memory);
}

#[test]
fn what_is_released_is_free_again_and_what_is_reserved_survives_a_report() {
    let mut ledger = ledger(vec![node("a", 2000, vec![])]);
    ledger.reserve(&order(1), &group(1500, 1)).unwrap();
    ledger.reserve(&order(2), &group(500, 1)).unwrap();
    assert_eq!(
        ledger.reserve(&order(1), &group(1500, 1)).unwrap().order,
        order(1),
        "no second one"
    );
    assert_eq!(ledger.refresh(report(vec![node("a", 2000, vec![])])), []);
    assert_eq!(free_cpu(&ledger), [0]);
    assert_eq!(ledger.refresh(report(vec![node("a", 1800, vec![])])), [order(2)], "fits no more");
    assert_eq!(ledger.reservations().len(), 2);
    ledger.release(&order(1));
    assert_eq!(free_cpu(&ledger), [1300]);
}

#[test]
fn overcommit_promises_more_than_there_is_and_offers_what_was_asked_for() {
    let commit = Commit { cpu_percent: 100, ..Commit::default() };
    let mut ledger = Ledger::new(commit, Caps::default());
    ledger.refresh(report(vec![node("a", 1000, vec![])]));
    let made = ledger.reserve(&order(1), &group(1500, 1)).unwrap();
    let cpu = made.allocated[0].cpu.as_ref().unwrap();
    assert_eq!(quantity::read(&cpu.units), Some(1500));
    assert_eq!(free_cpu(&ledger), [250]);
}

#[test]
fn a_lease_that_runs_is_held_even_where_it_does_not_fit() {
    let mut ledger = ledger(vec![node("a", 100, vec![])]);
    ledger.adopt(&order(1), &group(500, 1), true);
    assert!(ledger.of_order(&order(1)).is_some_and(|it| it.deployed));
}
