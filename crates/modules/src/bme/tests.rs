use ledger::testing::{Chain, attribute};
use serde_json::{Value, json};
use types::wire::{
    akash::bme::v1::{
        EventLedgerRecordExecuted, LedgerRecordFilters, LedgerRecordStatus, MintStatus, MsgBurnAct,
        MsgBurnMint, MsgBurnMintResponse, MsgFundVault, MsgMintAct, MsgMintActResponse,
        MsgUpdateParams, Params, QueryLedgerRecordsRequest, QueryLedgerRecordsResponse,
        QueryStatusRequest, QueryStatusResponse, Status, ledger_canceled_record::BmCancelReason,
    },
    akash::oracle::v2::{DataId, MsgAddPriceEntry},
    cosmos::base::query::v1beta1::PageRequest,
    tendermint::abci::Event,
};

use prost::Name;
use types::{Coin, Dec, Int};

use super::{
    state::{
        BURNED, CANCELED, CREDITS, EXECUTED, Epoch, MINTED, PENDING, PENDING_BALANCES, STATUS,
        amount,
    },
    *,
};
use crate::{Market, auth, bank};

const A: u8 = 1;
const B: u8 = 2;
const SOURCE: u8 = 9;
const RICH: i64 = 1_000_000_000_000;
/// As in chain.md 21.12.
const VAULT: i64 = 1_000_000_000_000;

fn who(name: u8) -> Address {
    Address::new([name; 20]).unwrap()
}

fn dec(text: &str) -> Dec {
    text.parse().unwrap()
}

fn coin(denom: &str, amount: i64) -> types::wire::cosmos::base::v1beta1::Coin {
    Coin::new(denom, amount).into()
}

struct World {
    chain: Chain<Market>,
}

impl World {
    /// A vault of [`VAULT`] uakt, `supply` uact in all, and a price; healthy in block 3.
    fn new(price: &str, supply: i64, change: impl FnOnce(&mut Params)) -> Self {
        let mut params = params::default_params();
        change(&mut params);
        let mut genesis = genesis::default();
        genesis.params = params;
        let balance = |address: String, akt: i64, act: i64| {
            let coins = [("uact", act), ("uakt", akt)];
            let coins = coins.into_iter().filter(|it| it.1 > 0);
            let coins: Vec<Value> =
                coins.map(|it| json!({ "denom": it.0, "amount": it.1.to_string() })).collect();
            json!({ "address": address, "coins": coins })
        };
        let chain = Chain::new(json!({
            "bank": { "balances": [
                balance(who(A).to_string(), RICH, supply),
                balance(who(B).to_string(), RICH, 0),
                balance(vault().to_string(), VAULT, 0),
            ]},
            "oracle": {
                "params": {
                    "sources": [who(SOURCE).to_string()], "min_price_sources": 1,
                    "max_price_staleness_period": "600s", "twap_window": "5s",
                    "max_price_deviation_bps": "150", "feed_contracts_params": [],
                    "price_retention": "86400s", "prune_epoch": "hour",
                    "max_prune_per_epoch": "1000", "max_future_time_drift": "10s",
                },
                "prices": [], "latest_prices_ids": [], "source_ids": [], "source_seq": "0",
            },
            "bme": types::json::to_value(&genesis).unwrap(),
        }));
        let mut world = Self { chain };
        world.report(price);
        world.blocks(2);
        world
    }

    /// A price that is the average two blocks later.
    fn report(&mut self, price: &str) {
        let id = DataId { denom: "akt".to_owned(), base_denom: "usd".to_owned() };
        let timestamp = self.chain.view().time();
        let price = dec(price).to_wire();
        let signer = who(SOURCE).to_string();
        self.chain.run(&MsgAddPriceEntry { signer, id, price, timestamp }).unwrap();
    }

    fn blocks(&mut self, count: usize) -> Vec<Event> {
        (0..count).flat_map(|_| self.chain.next_block(6)).collect()
    }

    /// To inside of a block; events on the way.
    fn until(&mut self, height: i64) -> Vec<Event> {
        let left = height - self.chain.view().height();
        self.blocks(usize::try_from(left).unwrap())
    }

    fn mint(&mut self, of: u8, amount: i64) -> Result<MsgMintActResponse> {
        let owner = who(of).to_string();
        let message = MsgMintAct { to: owner.clone(), owner, coins_to_burn: coin("uakt", amount) };
        self.chain.deliver(&message).map(|it| it.0)
    }

    fn burn(&mut self, of: u8, amount: i64) -> Result<Vec<Event>> {
        let owner = who(of).to_string();
        self.chain.run(&MsgBurnAct {
            to: owner.clone(),
            owner,
            coins_to_burn: coin("uact", amount),
        })
    }

    fn balance(&self, of: &Address, denom: &str) -> i64 {
        bank::balance(self.chain.view(), of, denom).unwrap().to_i64().unwrap()
    }

    fn booked(&self, of: &ledger::Map<String, Int, ledger::Text>, denom: &str) -> i64 {
        amount(self.chain.view(), of, denom).unwrap().to_i64().unwrap()
    }

    fn status(&self) -> Status {
        status::get(self.chain.view()).unwrap()
    }
}

fn codes(result: Result<impl Sized>) -> (&'static str, u32) {
    let fault = result.err().unwrap();
    (fault.codespace(), fault.code())
}

fn ended(events: &[Event]) -> Vec<&str> {
    events
        .iter()
        .filter_map(|it| match it.r#type.strip_prefix("akash.bme.v1.EventLedgerRecord")? {
            "Canceled" => Some(attribute(it, "cancel_reason").trim_matches('"')),
            done => Some(done),
        })
        .collect()
}

// Prices: chain.md 21.10 and 21.11.

fn check_quote(world: &World, burned: (&str, i64), expected: Result<(i64, i64), u32>) {
    let to = if burned.0 == AKT { ACT } else { AKT };
    let quote = swap::quote(world.chain.view(), &Coin::new(burned.0, burned.1), to);
    let found = quote
        .map(|it| (it.made.to_i64().unwrap(), it.spread.to_i64().unwrap()))
        .map_err(|it| it.code());
    assert_eq!(found, expected, "{burned:?}");
}

#[test]
fn example_21_10_mints_are_cut_to_whole_units_and_keep_a_spread() {
    let world = World::new("1.14", 1_000_000, |_| {});
    check_quote(&world, (AKT, 10_000_000), Ok((11_400_000, 28_500)));
    check_quote(&world, (AKT, 8_771_929), Err(17));
    check_quote(&world, (AKT, 8_771_930), Ok((10_000_000, 25_000)));
    check_quote(&world, (AKT, 0), Err(8));
}

#[test]
fn example_21_11_burns_are_cut_to_whole_units() {
    let world = World::new("3", 1_000_000_000, |_| {});
    check_quote(&world, (ACT, 1), Err(16));
    check_quote(&world, (ACT, 3), Err(16));
    check_quote(&world, (ACT, 4), Ok((1, 0)));
    check_quote(&world, (ACT, 1_000_000), Ok((333_333, 0)));
    check_quote(&world, (ACT, 1_000_000_001), Err(7));
    let world = World::new("3", 1_000_000_000, |it| it.settle_spread_bps = 100);
    check_quote(&world, (ACT, 1_000_000), Ok((333_333, 3333)));
    let world = World::new("3", 1_000_000_000, |it| it.settle_spread_bps = 1000);
    check_quote(&world, (ACT, 4), Ok((1, 0)));
    let world = World::new("1.14", 1_000_000_000, |_| {});
    check_quote(&world, (ACT, 100_000_000), Ok((87_719_298, 0)));
}

/// The last record that was executed.
fn executed(events: &[Event]) -> &Event {
    events.iter().rfind(|it| it.r#type == EventLedgerRecordExecuted::full_name()).unwrap()
}

#[test]
fn example_21_10_a_mint_is_paid_and_one_below_the_minimum_is_given_back() {
    let mut world = World::new("1.14", 1_000_000, |_| {});
    let answer = world.mint(A, 10_000_000).unwrap();
    assert_eq!(answer.status, i32::from(LedgerRecordStatus::Pending));
    assert_eq!((answer.id.height, answer.id.sequence), (3, 1));
    assert_eq!(world.mint(B, 8_771_929).unwrap().id.sequence, 2);
    assert_eq!(world.booked(&PENDING_BALANCES, AKT), 18_771_929);
    // Block 2 had the first healthy price, and the first mint is ten blocks later.
    assert_eq!(ended(&world.until(12)), Vec::<&str>::new());
    assert_eq!(ended(&world.until(13)), ["Executed", "minimum_mint"]);
    assert_eq!(world.balance(&who(A), ACT), 1_000_000 + 11_371_500);
    assert_eq!(world.balance(&who(B), AKT), RICH);
    assert_eq!(world.balance(&vault(), AKT), VAULT + 10_000_000);
    assert_eq!(world.balance(&vault(), ACT), 28_500);
    assert_eq!(world.booked(&CREDITS, AKT), 10_000_000);
    assert_eq!(world.booked(&MINTED, ACT), 11_400_000);
    assert_eq!(world.booked(&PENDING_BALANCES, AKT), 0);
    assert_eq!(
        (EXECUTED.iter(world.chain.view()).count(), PENDING.iter(world.chain.view()).count()),
        (1, 0)
    );
}

#[test]
fn example_21_11_a_burn_is_paid_from_credit_before_anything_is_minted() {
    for (credit, minted, left) in [(10_000_000, 0, 7_500_000), (1_000_000, 1_500_000, 0)] {
        let mut world = World::new("2", 100_000_000, |_| {});
        CREDITS.set(&mut world.chain.cx, &AKT.to_owned(), &Int::from(credit)).unwrap();
        state::BASE.set(&mut world.chain.cx, &AKT.to_owned(), &Int::from(credit)).unwrap();
        world.burn(A, 5_000_000).unwrap();
        let events = world.until(11);
        let done = executed(&events);
        let issued = credit - left;
        let coin_price = |amount: i64| {
            format!(
                r#"{{"coin":{{"denom":"uakt","amount":"{amount}"}},"price":"2.000000000000000000"}}"#
            )
        };
        let expected = if minted == 0 { "null".to_owned() } else { coin_price(minted) };
        assert_eq!(attribute(done, "minted"), expected);
        assert_eq!(attribute(done, "remint_credit_issued"), coin_price(issued));
        assert_eq!(world.booked(&CREDITS, AKT), left);
        assert_eq!((world.booked(&BURNED, ACT), world.booked(&MINTED, AKT)), (5_000_000, minted));
        assert_eq!(world.balance(&who(A), AKT), RICH + 2_500_000);
        assert_eq!(world.balance(&vault(), AKT), VAULT - issued);
    }
}

// Collateral ratio and status: chain.md 21.12.

#[test]
fn example_21_12_pauses_grow_as_the_ratio_falls() {
    let params = params::default_params();
    let expected = [
        (9500, 10),
        (9490, 11),
        (9480, 12),
        (9450, 16),
        (9400, 25),
        (9300, 67),
        (9200, 174),
        (9100, 452),
        (9000, 1173),
        (8900, 3044),
        (0, 14_400),
        (9489, 11),
        (9015, 970),
        (9183, 191),
    ];
    for (bps, blocks) in expected {
        assert_eq!(status::pause(&params, bps), blocks, "{bps}");
    }
    // D-26: extreme parameters end at the longest pause.
    let extreme =
        Params { epoch_blocks_backoff_percent: 100, min_epoch_blocks: i64::MAX, ..params };
    assert_eq!(status::pause(&extreme, 0), i64::MAX);
}

#[test]
fn example_21_12_the_ratio_decides_the_status() {
    for (price, ratio, status, pause) in [
        ("0.4650", "0.948979591836734694", MintStatus::Warning, 11),
        ("0.4500", "0.918367346938775510", MintStatus::Warning, 191),
        // Halted from the start: the pause stays that of genesis.
        ("0.4400", "0.897959183673469388", MintStatus::HaltCr, 10),
    ] {
        let world = World::new(price, 490_000_000_000, |_| {});
        let found = status::ratio_at(world.chain.view(), dec(price)).unwrap();
        assert_eq!(found, dec(ratio));
        let shown = world.status();
        assert_eq!((shown.status(), shown.epoch_height_diff), (status, pause), "{price}");
    }
    // What waits in the vault covers nothing.
    let mut world = World::new("0.4650", 490_000_000_000, |_| {});
    let waiting = Int::from(50_000_000_000i64);
    PENDING_BALANCES.set(&mut world.chain.cx, &AKT.to_owned(), &waiting).unwrap();
    let found = status::ratio_at(world.chain.view(), dec("0.4650")).unwrap();
    assert_eq!(found, dec("0.901530612244897959"));
}

#[test]
fn d26_a_ratio_beyond_all_measure_is_healthy() {
    let world = World::new("999999999999999999", 1, |_| {});
    assert_eq!(world.status().status(), MintStatus::Healthy);
}

/// The timeline of chain.md 21.12, sooner.
#[test]
fn example_21_12_mints_wait_for_recovery_and_burns_do_not() {
    let mut world = World::new("0.60", 490_000_000_000, |_| {});
    assert_eq!(world.status().status(), MintStatus::Healthy);
    assert_eq!(Epoch::Mint.get(world.chain.view()).unwrap(), 12);
    world.mint(B, 20_000_000).unwrap();
    world.until(13);
    assert_eq!(Epoch::Mint.get(world.chain.view()).unwrap(), 22);
    world.mint(B, 30_000_000).unwrap();
    world.report("0.44");
    world.until(16);
    let halted = world.status();
    assert_eq!(
        (halted.status(), halted.previous_status()),
        (MintStatus::HaltCr, MintStatus::Healthy)
    );
    assert_eq!(codes(world.mint(B, 20_000_000)), ("bme", 6));
    world.burn(A, 1_000_000).unwrap();
    assert_eq!(ended(&world.until(23)), ["Executed"]);
    assert_eq!(Epoch::Mint.get(world.chain.view()).unwrap(), 22);
    world.report("0.47");
    world.until(26);
    let recovered = world.status();
    assert_eq!(
        (recovered.status(), recovered.previous_status()),
        (MintStatus::Healthy, MintStatus::HaltCr)
    );
    // The average of block 24 is all of the new price, so the status followed in block 25.
    assert_eq!(Epoch::Mint.get(world.chain.view()).unwrap(), 35);
    assert_eq!(ended(&world.until(35)), Vec::<&str>::new());
    assert_eq!(ended(&world.until(36)), ["Executed"]);
}

#[test]
fn d26_an_outage_of_the_oracle_is_nobodys_attempt() {
    let mut world = World::new("2", 100_000_000, |_| {});
    world.burn(A, 5_000_000).unwrap();
    // The price goes stale before the first burns, and stays so over four epochs.
    for _ in 0..40 {
        world.chain.next_block(601);
    }
    assert_eq!(world.status().status(), MintStatus::HaltOracle);
    assert_eq!(codes(world.burn(A, 1)), ("oracle.v2", 4));
    let attempts: Vec<u32> =
        PENDING.values(world.chain.view()).map(|it| it.unwrap().attempts).collect();
    assert_eq!(attempts, [0]);
    // The last ratio is known all the same.
    let shown: QueryStatusResponse =
        world.chain.query("/akash.bme.v1.Query/Status", &QueryStatusRequest {}).unwrap();
    assert_eq!(shown.collateral_ratio, dec("20000").to_wire());
    assert_eq!((shown.mints_allowed, shown.refunds_allowed), (false, false));
    world.report("2");
    world.blocks(1);
    assert_eq!(ended(&world.blocks(12)), ["Executed"]);
}

#[test]
fn a_swap_that_fails_too_often_is_given_back() {
    let mut world = World::new("2", 100_000_000, |_| {});
    world.burn(A, 5_000_000).unwrap();
    let all = world.balance(&who(A), ACT) + 5_000_000;
    // Only damage can bring a record of the same id: the swap cannot be executed then.
    let (key, _) = PENDING.iter(world.chain.view()).next().unwrap().unwrap();
    EXECUTED.set(&mut world.chain.cx, &key, &Default::default()).unwrap();
    let mut attempts = Vec::new();
    for _ in 0..3 {
        let mut handled = swap::Handled::default();
        swap::process(&mut world.chain.cx, &mut handled, ACT, AKT).unwrap();
        let left = PENDING.values(world.chain.view()).next();
        attempts.push(left.map(|it| it.unwrap().attempts));
    }
    assert_eq!(attempts, [Some(1), Some(2), None]);
    assert_eq!(world.balance(&who(A), ACT), all);
    let canceled = CANCELED.get(world.chain.view(), &key).unwrap().unwrap();
    assert_eq!(canceled.cancel_reason, i32::from(BmCancelReason::MaxAttempts));
}

#[test]
fn a_block_handles_no_more_records_than_it_may() {
    let mut world = World::new("2", 100_000_000, |it| it.max_endblocker_records = 2);
    for _ in 0..3 {
        world.burn(A, 1000).unwrap();
    }
    for _ in 0..2 {
        world.mint(B, 10_000_000).unwrap();
    }
    assert_eq!(ended(&world.until(11)), ["Executed", "Executed"]);
    // Block 12 mints, block 20 burns the rest.
    assert_eq!(ended(&world.until(13)), ["Executed", "Executed"]);
    assert_eq!(ended(&world.until(21)), ["Executed"]);
}

#[test]
fn requests_are_refused_in_the_order_of_the_rules() {
    let mut world = World::new("2", 100_000_000, |_| {});
    let mut swap = |owner: &str, to: &str, burned: (&str, &str), made: &str| {
        let coins_to_burn = types::wire::cosmos::base::v1beta1::Coin {
            denom: burned.0.to_owned(),
            amount: burned.1.to_owned(),
        };
        let (owner, to, denom_to_mint) = (owner.to_owned(), to.to_owned(), made.to_owned());
        let message = MsgBurnMint { owner, to, coins_to_burn, denom_to_mint };
        codes(world.chain.deliver::<_, MsgBurnMintResponse>(&message))
    };
    let (a, b) = (who(A).to_string(), who(B).to_string());
    assert_eq!(swap("akash1bad", "akash1bad", ("x!", "0"), "1bad!"), ("sdk", 7));
    assert_eq!(swap(&a, "akash1bad", ("x!", "0"), "1bad!"), ("sdk", 7));
    assert_eq!(swap(&a, &b, ("x!", "0"), "1bad!"), ("bme", 3));
    assert_eq!(swap(&a, &a, ("x!", "0"), "1bad!"), ("sdk", 10));
    assert_eq!(swap(&a, &a, (AKT, "-5"), "1bad!"), ("sdk", 10));
    assert_eq!(swap(&a, &a, (AKT, ""), "1bad!"), ("sdk", 10));
    assert_eq!(swap(&a, &a, (AKT, "0"), "1bad!"), ("bme", 8));
    assert_eq!(swap(&a, &a, (AKT, "5"), "1bad!"), ("bme", 9));
    assert_eq!(swap(&a, &a, (AKT, "5"), AKT), ("bme", 9));
    assert_eq!(swap(&a, &a, (AKT, "5"), "uusd"), ("bme", 9));
    assert_eq!(swap(&a, &a, (ACT, "100000001"), AKT), ("sdk", 5));
    assert_eq!(codes(world.mint(A, RICH + 1)), ("sdk", 5));
    assert_eq!(world.booked(&PENDING_BALANCES, AKT), 0);
    // The refused ones took no number.
    assert_eq!(world.mint(A, 1).unwrap().id.sequence, 1);
}

#[test]
fn governance_funds_the_vault_from_an_ordinary_account() {
    let mut world = World::new("2", 100_000_000, |_| {});
    let mut fund = |authority: &str, denom: &str, amount: i64, source: &str| {
        let (authority, source) = (authority.to_owned(), source.to_owned());
        world.chain.run(&MsgFundVault { authority, amount: coin(denom, amount), source })
    };
    let gov = auth::authority_address();
    let b = who(B).to_string();
    assert_eq!(codes(fund("x", AKT, 5, &b)), ("bme", 3));
    assert_eq!(codes(fund(&gov, AKT, 0, &b)), ("bme", 8));
    assert_eq!(codes(fund(&gov, ACT, 5, &b)), ("bme", 9));
    assert_eq!(codes(fund(&b, AKT, 5, &b)), ("gov", 13));
    assert_eq!(codes(fund(&gov, AKT, 5, &who(77).to_string())), ("bme", 10));
    assert_eq!(codes(fund(&gov, AKT, 5, &gov)), ("bme", 10));
    auth::ensure_account(&mut world.chain.cx, &who(B)).unwrap();
    let message = MsgFundVault { authority: gov, amount: coin(AKT, 5), source: b };
    let events = world.chain.run(&message).unwrap();
    let funded = events.last().unwrap();
    assert_eq!(
        attribute(funded, "new_vault_balance"),
        format!(r#"{{"denom":"uakt","amount":"{}"}}"#, VAULT + 5)
    );
}

#[test]
fn the_ledger_is_one_list_over_three_page_by_page() {
    let mut world = World::new("1.14", 100_000_000, |_| {});
    world.burn(A, 1).unwrap();
    world.burn(A, 1_000_000).unwrap();
    world.until(11);
    world.mint(B, 10_000_000).unwrap();
    world.burn(A, 2_000_000).unwrap();
    let ask = |status: &str, page: PageRequest| {
        let filters =
            LedgerRecordFilters { status: status.to_owned(), ..LedgerRecordFilters::default() };
        let request = QueryLedgerRecordsRequest { filters, pagination: Some(page) };
        world
            .chain
            .query::<_, QueryLedgerRecordsResponse>("/akash.bme.v1.Query/LedgerRecords", &request)
    };
    let list = |answer: &QueryLedgerRecordsResponse| -> Vec<(i32, i64)> {
        answer.records.iter().map(|it| (it.status, it.id.sequence)).collect()
    };
    let pages = |reverse: bool| {
        let mut key = Vec::new();
        let mut seen = Vec::new();
        loop {
            // Only the first page says which way: the key knows.
            let reverse = reverse && key.is_empty();
            let answer =
                ask("", PageRequest { key, limit: 1, reverse, ..PageRequest::default() }).unwrap();
            seen.extend(list(&answer));
            key = answer.pagination.unwrap().next_key;
            if key.is_empty() {
                return seen;
            }
        }
    };
    // Pending by route, then executed, then canceled.
    assert_eq!(pages(false), [(1, 2), (1, 1), (2, 2), (3, 1)]);
    assert_eq!(pages(true), [(3, 1), (2, 2), (1, 1), (1, 2)]);
    let offset = |status: &str| ask(status, PageRequest { offset: 1, ..PageRequest::default() });
    assert_eq!(list(&offset("ledger_record_status_pending").unwrap()), [(1, 1)]);
    let refusal = |result: Result<QueryLedgerRecordsResponse>| result.unwrap_err().grpc();
    assert_eq!(refusal(offset("")).0, ledger::Status::InvalidArgument);
    assert_eq!(refusal(offset("bogus")).1, "invalid status filter value");
    let canceled = CANCELED.values(world.chain.view()).next().unwrap().unwrap();
    assert_eq!(canceled.cancel_reason, i32::from(BmCancelReason::Epsilon));
}

#[test]
fn d25_an_exported_ledger_comes_back_whole() {
    let mut world = World::new("1.14", 100_000_000, |_| {});
    world.burn(A, 1).unwrap();
    world.burn(A, 1_000_000).unwrap();
    world.until(11);
    world.mint(B, 10_000_000).unwrap();
    let exported = world.chain.export();
    let mut again = Chain::<Market>::new(exported.clone());
    assert_eq!(again.export()["bme"], exported["bme"]);
    again.assert_invariants();
    // What waits is executed; the new chain begins at height 1 and keeps its appointments.
    let mut events = Vec::new();
    while again.view().height() < 14 {
        events.extend(again.next_block(1));
    }
    assert_eq!(ended(&events), ["Executed"]);
}

#[test]
fn parameters_are_refused_in_the_words_of_the_reference() {
    let refusal = |change: fn(&mut Params)| {
        let mut changed = params::default_params();
        change(&mut changed);
        params::check(&changed).err().map(|it| it.to_string())
    };
    let refused = |change, why: &str| assert_eq!(refusal(change), Some(why.to_owned()));
    refused(|it| it.min_epoch_blocks = 0, "min_epoch_blocks must be positive");
    refused(
        |it| it.circuit_breaker_warn_threshold = 10_001,
        "circuit_breaker_warn_threshold cannot exceed 10000",
    );
    refused(
        |it| it.circuit_breaker_halt_threshold = 10_001,
        "circuit_breaker_halt_threshold cannot exceed 10000",
    );
    refused(
        |it| it.circuit_breaker_halt_threshold = 9500,
        "warn threshold must be greater than halt threshold",
    );
    refused(|it| it.mint_spread_bps = 1001, "mint_spread_bps cannot exceed 1000 (10%)");
    refused(|it| it.settle_spread_bps = 1001, "settle_spread_bps cannot exceed 1000 (10%)");
    refused(|it| it.epoch_blocks_backoff_percent = 101, "epoch_blocks_backoff cannot exceed 100%");
    refused(|it| it.min_mint.push(coin("a!", 1)), "min_mint coins are invalid");
    assert_eq!(refusal(|it| it.max_endblocker_records = 0), None);
    let mut world = World::new("2", 1, |_| {});
    let message =
        MsgUpdateParams { authority: who(A).to_string(), params: params::default_params() };
    assert_eq!(codes(world.chain.run(&message)), ("gov", 13));
}

// One planted violation per invariant.

fn broken(plant: impl FnOnce(&mut ledger::Ctx)) -> Vec<&'static str> {
    let mut world = World::new("2", 100_000_000, |_| {});
    world.burn(A, 1_000_000).unwrap();
    world.until(11);
    world.burn(A, 1_000_000).unwrap();
    world.chain.assert_invariants();
    plant(&mut world.chain.cx);
    Bme::INVARIANTS.iter().filter(|it| it.1(world.chain.view()).is_err()).map(|it| it.0).collect()
}

#[test]
fn every_planted_violation_is_found() {
    let akt = || AKT.to_owned();
    assert_eq!(
        broken(|cx| PENDING_BALANCES.set(cx, &ACT.to_owned(), &Int::from(1)).unwrap()),
        ["the vault holds what waits to be swapped"]
    );
    assert_eq!(
        broken(|cx| MINTED.set(cx, &ACT.to_owned(), &Int::from(1)).unwrap()),
        ["compute credit is what was minted and not burned"]
    );
    assert_eq!(
        broken(|cx| CREDITS.set(cx, &akt(), &Int::from(1)).unwrap()),
        ["remint credit is what was accrued and not issued"]
    );
    assert_eq!(
        broken(|cx| {
            let (key, _) = PENDING.iter(cx).next().unwrap().unwrap();
            EXECUTED.set(cx, &key, &Default::default()).unwrap();
        }),
        ["a swap is in exactly one list"]
    );
    let mut cx = ledger::testing::ctx();
    let healthy = Status { status: MintStatus::Healthy.into(), ..Status::default() };
    STATUS.set(&mut cx, &healthy).unwrap();
    let found: Vec<_> =
        Bme::INVARIANTS.iter().filter(|it| it.1(&cx).is_err()).map(|it| it.0).collect();
    assert_eq!(found, ["minting goes on only with a price"]);
}
