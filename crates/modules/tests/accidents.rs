//! The known accidents of the reference network (chain.md 20), each with our behaviour.
//!
//! [`TABLE`] says which is tested where; a test holds it against the sources. Those that stand here
//! are told with the commands of `scenarios/`.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]

#[path = "scenarios/commands.rs"]
mod commands;

use commands::World;

/// Number, what we do, and the test that shows it: a file below this crate and a name in it. A
/// file alone: the code itself is the answer, as the text says.
const TABLE: [(u8, &str, &str, &str); 33] = [
    (
        1,
        "every section of a genesis is complete",
        "src/runtime.rs",
        "the_default_genesis_holds_and_comes_back_from_its_export",
    ),
    (2, "there are no contracts to debug", "src/lib.rs", ""),
    (3, "one least gas price, set by the operator alone", "src/ante/tests.rs", ""),
    (
        4,
        "metadata lists the base unit first and shows whole units",
        "tests/local.rs",
        "a_local_network_says_what_it_can_be_paid_in",
    ),
    (5, "there are no consensus versions of modules to go stale", "src/runtime.rs", ""),
    (6, "one list binds routes and hooks", "src/runtime.rs", "every_chapter_stands_in_every_order"),
    (
        7,
        "a group of a closed deployment is left alone",
        "tests/accidents.rs",
        "d07_groups_of_a_dead_deployment_stay_dead",
    ),
    (
        8,
        "an order takes order_max_bids bids",
        "src/market/tests.rs",
        "an_order_takes_so_many_bids_and_no_more",
    ),
    (
        9,
        "a bid in another denomination is refused",
        "tests/accidents.rs",
        "d09_a_price_in_another_denomination_is_refused",
    ),
    (
        10,
        "every losing bid is lost and refunded",
        "tests/accidents.rs",
        "d10_every_losing_bid_is_refunded",
    ),
    (
        11,
        "settling twice in a block still closes and pays",
        "tests/accidents.rs",
        "d11_a_second_settlement_in_a_block_still_closes",
    ),
    (
        12,
        "the tenant's close is told as the tenant's",
        "tests/accidents.rs",
        "d12_a_closed_deployment_ends_its_lease_as_the_owners",
    ),
    (
        13,
        "accounts are matched whole",
        "tests/accidents.rs",
        "d13_numbers_that_begin_alike_are_different_accounts",
    ),
    (
        14,
        "funds are zero when AKT paid the whole debt",
        "src/escrow/tests.rs",
        "example_21_8_a_shortage_is_paid_in_akt_while_minting_is_halted",
    ),
    (
        15,
        "a debt takes its own denomination only",
        "tests/accidents.rs",
        "d15_a_debt_takes_its_own_denomination",
    ),
    (16, "refusals keep codespace and code", "tests/accidents.rs", "d16_refusals_keep_their_codes"),
    (
        17,
        "sizes have limits; those that the reference declares and never applies are not applied either",
        "tests/accidents.rs",
        "d17_sizes_have_limits",
    ),
    (
        18,
        "a tenant's close is the owner's, whatever reason it names",
        "tests/accidents.rs",
        "d18_the_reason_of_a_tenant_is_the_owners",
    ),
    (
        19,
        "a provider without leases can be deleted",
        "tests/accidents.rs",
        "d19_a_provider_without_leases_goes",
    ),
    (
        20,
        "every invariant is checked after every block of a test",
        "tests/accidents.rs",
        "d20_invariants_are_registered",
    ),
    (21, "there are no contracts, so no queries of them", "src/lib.rs", ""),
    (
        22,
        "fractions are cut at every settlement, as on the reference network",
        "tests/accidents.rs",
        "d22_fractions_are_cut_at_every_settlement",
    ),
    (
        23,
        "a grant that has ended does not stop a refund",
        "tests/accidents.rs",
        "d23_a_grant_that_ends_now_stops_no_refund",
    ),
    (
        24,
        "closed accounts are imported as they are",
        "tests/accidents.rs",
        "d24_closed_bids_are_imported",
    ),
    (
        25,
        "swaps under way are exported",
        "src/bme/tests.rs",
        "d25_an_exported_ledger_comes_back_whole",
    ),
    (
        26,
        "outages of the oracle count as no attempts",
        "src/bme/tests.rs",
        "d26_an_outage_of_the_oracle_is_nobodys_attempt",
    ),
    (
        27,
        "prices of the future are refused, lost sources are noticed",
        "src/oracle/tests.rs",
        "d27_a_pair_that_lost_all_its_sources_is_not_healthy_any_more",
    ),
    (
        28,
        "an auditor's records list that auditor alone",
        "tests/accidents.rs",
        "d28_records_of_an_auditor_are_that_auditors",
    ),
    (
        29,
        "serial numbers keep their value, also zero",
        "src/cert.rs",
        "serial_numbers_keep_their_value",
    ),
    (
        30,
        "a provider's deletion is told",
        "tests/accidents.rs",
        "d19_a_provider_without_leases_goes",
    ),
    (
        31,
        "a deposit beyond 64 bits is refused",
        "src/escrow/tests.rs",
        "a_deposit_that_does_not_fit_64_bits_is_refused",
    ),
    (
        32,
        "a second lease leaves the first one's earnings",
        "tests/accidents.rs",
        "d32_a_second_lease_keeps_what_the_first_one_earned",
    ),
    (
        33,
        "a GPU is matched by any of its attributes, as on the reference network",
        "tests/accidents.rs",
        "d33_any_attribute_of_a_gpu_matches",
    ),
];

#[test]
fn the_table_names_every_accident_and_tests_that_exist() {
    for (at, (number, what, file, test)) in TABLE.iter().enumerate() {
        assert_eq!(usize::from(*number), at + 1);
        let path = format!("{}/{file}", env!("CARGO_MANIFEST_DIR"));
        let text = std::fs::read_to_string(&path).unwrap_or_else(|_| panic!("D-{number}: {path}"));
        let stands = test.is_empty() || text.contains(&format!("fn {test}("));
        assert!(stands, "D-{number}, {what}: no {test} in {file}");
    }
}

/// Runs commands, the outcome of the last one; all must be understood.
fn tell(world: &mut World, commands: &[&str]) -> Vec<String> {
    let mut last = Vec::new();
    for command in commands {
        last = world.run(command).unwrap_or_else(|it| panic!("{command}: {it}"));
    }
    last
}

/// p1 leases deployment 1 of alice.
fn leased(price: &str) -> World {
    let mut world = World::new();
    let create = format!("alice create 1 {price} {price}");
    let bid = format!("p1 bid alice/1/1/1 {price}");
    let told = tell(
        &mut world,
        &["p1 register", "p2 register", &create, &bid, "alice lease alice/1/1/1/p1"],
    );
    assert!(told[0].starts_with("LeaseCreated"), "{told:?}");
    world
}

fn refused(told: &[String], code: &str) {
    assert!(told[0].starts_with(&format!("refused, {code}:")), "{told:?}");
}

#[test]
fn d07_groups_of_a_dead_deployment_stay_dead() {
    let mut world = leased("100000uact");
    tell(&mut world, &["blocks 6", "p1 withdraw alice/1/1/1/p1"]);
    for verb in ["start", "pause", "close"] {
        refused(&tell(&mut world, &[&format!("alice {verb} alice/1/1")]), "deployment/5");
    }
    world.end();
}

#[test]
fn d09_a_price_in_another_denomination_is_refused() {
    let mut world = World::new();
    tell(&mut world, &["p1 register", "alice create 1 100uact"]);
    refused(&tell(&mut world, &["p1 bid alice/1/1/1 50uakt"]), "market/22");
    world.end();
}

#[test]
fn d10_every_losing_bid_is_refunded() {
    let mut world = World::new();
    tell(&mut world, &["alice create 1 100uact"]);
    for provider in ["p1", "p2", "p3", "p4"] {
        tell(
            &mut world,
            &[&format!("{provider} register"), &format!("{provider} bid alice/1/1/1 9uact")],
        );
    }
    let told = tell(&mut world, &["alice lease alice/1/1/1/p2"]);
    let refunds = told.iter().filter(|it| it.starts_with("500000uact: escrow -> p"));
    assert_eq!(refunds.count(), 3, "{told:?}");
    for provider in ["p1", "p3", "p4"] {
        let told = tell(&mut world, &[&format!("show alice/1/1/1/{provider}")]);
        assert_eq!(told, ["bid lost at 9uact"]);
    }
    world.end();
}

#[test]
fn d11_a_second_settlement_in_a_block_still_closes() {
    let mut world = leased("100uact");
    tell(&mut world, &["blocks 3", "p1 withdraw alice/1/1/1/p1"]);
    assert_eq!(tell(&mut world, &["p1 withdraw alice/1/1/1/p1"]), ["ok"]);
    tell(&mut world, &["p1 leave alice/1/1/1/p1 unstable"]);
    let told = tell(&mut world, &["show alice/1/1/1/p1"]);
    assert_eq!(told[2], "payment closed: 300uact withdrawn, 0 credited, 0 owed");
    tell(&mut world, &["blocks 10", "alice close alice/1"]);
    assert_eq!(tell(&mut world, &["show escrow"]), ["escrow has nothing"]);
    world.end();
}

#[test]
fn d12_a_closed_deployment_ends_its_lease_as_the_owners() {
    let mut world = leased("100uact");
    let told = tell(&mut world, &["blocks 3", "alice close alice/1"]);
    assert!(told.contains(&"LeaseClosed alice/1/1/1/p1, reason lease_closed_owner".to_owned()));
    world.end();
}

#[test]
fn d13_numbers_that_begin_alike_are_different_accounts() {
    let mut world = leased("100uact");
    tell(
        &mut world,
        &["alice create 12 100uact", "p1 bid alice/12/1/1 100uact", "alice lease alice/12/1/1/p1"],
    );
    tell(&mut world, &["blocks 5", "alice close alice/1"]);
    let told = tell(&mut world, &["show alice/12"]);
    assert_eq!(told[2], "account open: 500000uact left, 0uact paid, settled at 1");
    world.end();
}

#[test]
fn d15_a_debt_takes_its_own_denomination() {
    let mut world = leased("100000uact");
    tell(&mut world, &["blocks 6", "p1 withdraw alice/1/1/1/p1"]);
    refused(&tell(&mut world, &["bob deposit alice/1 5uakt"]), "escrow/5");
    world.end();
}

#[test]
fn d16_refusals_keep_their_codes() {
    let mut world = leased("100uact");
    for (command, code) in [
        ("bob create 1 100uact deposit=20000000uact", "market/28"),
        ("p1 bid alice/1/2/1 5uact deposit=1uact", "market/28"),
        ("p1 bid alice/1/2/1 5uact deposit=500000uother", "market/28"),
        ("alice close alice/2", "deployment/4"),
        ("p2 withdraw alice/1/1/1/p2", "market/7"),
        ("alice lease alice/1/1/1/p2", "market/18"),
    ] {
        refused(&tell(&mut world, &[command]), code);
    }
    world.end();
}

#[test]
fn d17_sizes_have_limits() {
    let mut world = World::new();
    for command in [
        "alice create 1 100uact count=0",
        "alice create 1 100uact cpu=0",
        "alice create 1 100uact cpu=99999999999999",
    ] {
        let told = tell(&mut world, &[command]);
        assert!(told[0].starts_with("refused, deployment/"), "{command}: {told:?}");
    }
    world.end();
}

#[test]
fn d18_the_reason_of_a_tenant_is_the_owners() {
    let mut world = leased("100uact");
    let told = tell(&mut world, &["alice close alice/1/1/1/p1"]);
    assert!(told.contains(&"LeaseClosed alice/1/1/1/p1, reason lease_closed_owner".to_owned()));
    world.end();
}

#[test]
fn d19_a_provider_without_leases_goes() {
    let mut world = leased("100uact");
    refused(&tell(&mut world, &["p1 unregister"]), "provider/10");
    assert_eq!(tell(&mut world, &["p2 unregister"]), ["ProviderDeleted, owner p2"]);
    refused(&tell(&mut world, &["p2 bid alice/1/2/1 50uact"]), "market/30");
    world.end();
}

#[test]
fn d20_invariants_are_registered() {
    use ledger::Module;
    assert!(modules::escrow::Escrow::INVARIANTS.len() >= 2);
    assert!(modules::market::Market::INVARIANTS.len() >= 2);
    assert_ne!(modules::deployment::Deployment::INVARIANTS.len(), 0);
    assert_ne!(modules::bank::Bank::INVARIANTS.len(), 0);
}

#[test]
fn d22_fractions_are_cut_at_every_settlement() {
    let mut world = World::new();
    tell(&mut world, &["p1 register", "alice create 1 1uact", "p1 bid alice/1/1/1 0.3uact"]);
    tell(&mut world, &["alice lease alice/1/1/1/p1", "blocks 3"]);
    assert_eq!(tell(&mut world, &["p1 withdraw alice/1/1/1/p1"]), ["ok"]);
    assert_eq!(
        tell(&mut world, &["blocks 4", "p1 withdraw alice/1/1/1/p1"]),
        ["1uact: escrow -> p1"]
    );
    world.end();
}

#[test]
fn d23_a_grant_that_ends_now_stops_no_refund() {
    let mut world = World::new();
    tell(&mut world, &["carol grant alice 600000uact seconds=60"]);
    tell(&mut world, &["alice create 1 100uact deposit=600000uact sources=grant", "wait 60"]);
    let told = tell(&mut world, &["alice close alice/1"]);
    assert_eq!(told[0], "600000uact: escrow -> carol");
    assert_eq!(tell(&mut world, &["show carol"]), ["carol has 10000000uact, 10000000uakt"]);
    world.end();
}

#[test]
fn d24_closed_bids_are_imported() {
    let mut world = leased("100uact");
    tell(
        &mut world,
        &["p2 bid alice/1/2/1 50uact", "p2 leave alice/1/2/1/p2 unstable", "blocks 1"],
    );
    let exported = world.export();
    let again = ledger::testing::Chain::<modules::Market>::new(exported.clone()).export();
    assert!(again["escrow"] == exported["escrow"] && again["market"] == exported["market"]);
    assert!(exported["escrow"].to_string().contains("\"closed\""));
    world.end();
}

#[test]
fn d28_records_of_an_auditor_are_that_auditors() {
    let mut world = World::new();
    tell(&mut world, &["p1 register", "ada sign p1 region=eu", "carol sign p1 tier=a"]);
    let shown = world.audited_by("ada");
    assert_eq!(shown, ["p1: region=eu"]);
    world.end();
}

#[test]
fn d32_a_second_lease_keeps_what_the_first_one_earned() {
    let mut world = leased("100uact");
    tell(&mut world, &["blocks 5", "p2 bid alice/1/2/1 50uact", "alice lease alice/1/2/1/p2"]);
    let told = tell(&mut world, &["show alice/1/1/1/p1"]);
    assert_eq!(told[2], "payment open: 0uact withdrawn, 500 credited, 0 owed");
    world.end();
}

#[test]
fn d33_any_attribute_of_a_gpu_matches() {
    let mut world = World::new();
    tell(&mut world, &["p1 register capabilities/gpu/vendor/nvidia/model/t4=true"]);
    tell(&mut world, &["alice create 2 100uact gpu=nvidia/t4+amd/mi300"]);
    let told = tell(&mut world, &["p1 bid alice/2/1/1 50uact"]);
    assert!(told[0].starts_with("BidCreated"), "{told:?}");
    world.end();
}
