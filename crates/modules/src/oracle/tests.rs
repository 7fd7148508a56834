use ledger::{Fault, Key, testing::Chain};
use serde_json::{Value, json};
use types::{
    Address,
    timestamp::{self, Duration, Timestamp},
    wire::{
        akash::oracle::v2::{
            DataId, MsgAddPriceEntry, MsgUpdateParams, Params, QueryAggregatedPriceRequest,
            QueryAggregatedPriceResponse, QueryPricesRequest, QueryPricesResponse,
        },
        cosmos::base::query::v1beta1::PageRequest,
        tendermint::abci::Event,
    },
};

use super::{aggregate::*, *};
use crate::{Market, auth};

const A: u8 = 1;
const B: u8 = 2;
const NOW: i64 = 1_700_000_000;

fn who(name: u8) -> Address {
    Address::new([name; 20]).unwrap()
}

fn dec(text: &str) -> Dec {
    text.parse().unwrap()
}

/// A time `millis` before [`NOW`].
fn ago(millis: i64) -> Timestamp {
    let at = NOW * 1000 - millis;
    Timestamp {
        seconds: at.div_euclid(1000),
        nanos: i32::try_from(at.rem_euclid(1000)).unwrap() * 1_000_000,
    }
}

// The arithmetic, with the examples of chain.md 21.13.

#[test]
fn example_21_13_a_price_weighs_as_long_as_it_held() {
    let check = |records: &[(i64, &str)], expected: &str| {
        let history: History = records.iter().map(|(age, it)| (ago(*age), dec(it))).collect();
        assert_eq!(over_time(&history, ago(0)).unwrap(), Some(dec(expected)));
    };
    check(&[(1000, "1.20"), (3000, "1.10"), (5000, "1.00")], "1.08");
    check(&[(1000, "1.20"), (3000, "1.10"), (5000, "1.05")], "1.1");
    check(&[(1500, "0.7312"), (4000, "0.7301"), (5000, "0.7299")], "0.73039");
    check(&[(0, "1.14")], "1.14");
    check(&[(0, "1.02"), (0, "1.00")], "1.01");
    assert_eq!(over_time(&History::new(), ago(0)).unwrap(), None);
}

#[test]
fn example_21_13_sources_are_averaged_and_measured_against_each_other() {
    let of = |prices: &[&str], averages: &[&str]| {
        let list = |texts: &[&str]| texts.iter().map(|it| dec(it)).collect::<Vec<_>>();
        let found = summary("akt", ago(0), list(prices), &list(averages)).unwrap();
        let read = |text: &str| Dec::from_wire(text).unwrap();
        (read(&found.twap), read(&found.median_price), found.num_sources, found.deviation_bps)
    };
    let expected = (dec("1.115"), dec("1.115"), 2, 272);
    assert_eq!(of(&["1.13", "1.10"], &["1.11", "1.12"]), expected);
    assert_eq!(of(&["1.00", "1.01"], &["1"]).3, 100);
    assert_eq!(of(&["1.00", "1.016"], &["1"]).3, 160);
    assert_eq!(of(&["1", "3", "2"], &["1"]).1, dec("2"));
    // Only reports of the future: no average, so no price.
    assert_eq!(of(&["1"], &[]), (Dec::ZERO, Dec::ZERO, 0, 0));
}

#[test]
fn a_key_has_its_time_as_text_in_the_order_of_time() {
    let time = timestamp::parse("2025-03-05T08:09:07.012034056Z").unwrap();
    let bytes = state::Stamp(time).to_bytes();
    assert_eq!(bytes, b"2025.03.05.08.09.07.012.034.056");
    assert_eq!(state::Stamp::read_last(&bytes).unwrap(), state::Stamp(time));
    assert!(state::Stamp::read_last(b"2025.03.05").is_err());
}

// On a chain. Block 1 is at NOW.

fn params(sources: &[u8]) -> Params {
    Params {
        sources: sources.iter().map(|it| who(*it).to_string()).collect(),
        price_retention: Duration { seconds: 60, nanos: 0 },
        prune_epoch: "minute".to_owned(),
        ..params::default_params()
    }
}

fn chain(sources: &[u8]) -> Chain<Market> {
    let params = types::json::to_value(&params(sources)).unwrap();
    Chain::new(json!({ "oracle": {
        "params": params, "prices": [], "latest_prices_ids": [], "source_ids": [], "source_seq": "0",
    }}))
}

fn report_at(
    chain: &mut Chain<Market>,
    source: u8,
    price: &str,
    timestamp: Timestamp,
) -> Result<Vec<Event>> {
    let id = DataId { denom: "akt".to_owned(), base_denom: "usd".to_owned() };
    let price = dec(price).to_wire();
    chain.run(&MsgAddPriceEntry { signer: who(source).to_string(), id, price, timestamp })
}

fn report(chain: &mut Chain<Market>, source: u8, price: &str) {
    let now = chain.view().time();
    report_at(chain, source, price, now).unwrap();
}

/// What the oracle tells at the end of a block, as last words.
fn told(events: &[Event]) -> Vec<&str> {
    events.iter().filter_map(|it| it.r#type.strip_prefix("akash.oracle.v2.Event")).collect()
}

fn price_now(chain: &Chain<Market>) -> Result<Dec> {
    price(chain.view(), "uakt")
}

#[test]
fn a_price_recovers_holds_and_goes_stale() {
    let mut chain = chain(&[A]);
    let fault = price_now(&chain).unwrap_err();
    assert_eq!((fault.codespace(), fault.code()), ("oracle.v2", 4));
    assert_eq!(told(&chain.next_block(6)), Vec::<&str>::new());
    report(&mut chain, A, "1.14");
    assert_eq!(told(&chain.next_block(6)), ["PriceRecovered", "AggregatedPrice"]);
    assert_eq!(price_now(&chain).unwrap(), dec("1.14"));
    assert_eq!(price(chain.view(), "uact").unwrap(), dec("1"));
    // Thirty seconds are not too old; more are.
    chain.next_block(24);
    assert_eq!(told(&chain.next_block(1)), ["AggregatedPrice"]);
    assert_eq!(told(&chain.next_block(6)), ["PriceStaled"]);
    assert_eq!(told(&chain.next_block(6)), Vec::<&str>::new());
    assert!(price_now(&chain).is_err());
    assert_eq!(last_price(chain.view(), "uakt").unwrap(), Some(dec("1.14")));
    let shown = shown(&chain);
    assert_eq!(shown.price_health.failure_reason, ["insufficient price sources: 0 < 1"]);
    assert_eq!(shown.price_health.total_sources, 1);
}

fn shown(chain: &Chain<Market>) -> QueryAggregatedPriceResponse {
    let request = QueryAggregatedPriceRequest { denom: "akt".to_owned() };
    chain.query("/akash.oracle.v2.Query/AggregatedPrice", &request).unwrap()
}

#[test]
fn sources_that_disagree_have_no_price() {
    let mut chain = chain(&[A, B]);
    report(&mut chain, A, "1.10");
    report(&mut chain, B, "1.13");
    assert_eq!(told(&chain.next_block(6)), ["PriceStaled"]);
    let request = QueryAggregatedPriceRequest { denom: "akt".to_owned() };
    let path = "/akash.oracle.v2.Query/AggregatedPrice";
    let fault = chain.query::<_, QueryAggregatedPriceResponse>(path, &request).unwrap_err().grpc();
    assert_eq!(fault.0, ledger::Status::Unknown);
    report(&mut chain, B, "1.101");
    assert_eq!(told(&chain.next_block(6)), ["PriceRecovered", "AggregatedPrice"]);
    assert_eq!(shown(&chain).aggregated_price.num_sources, 2);
}

#[test]
fn reports_are_refused_in_the_order_of_the_rules() {
    let mut chain = chain(&[A]);
    let now = chain.view().time();
    let mut code = |source: u8, denom: &str, base: &str, price: &str, timestamp: Timestamp| {
        let id = DataId { denom: denom.to_owned(), base_denom: base.to_owned() };
        let signer = who(source).to_string();
        let message = MsgAddPriceEntry { signer, id, price: price.to_owned(), timestamp };
        let fault: Fault = chain.run(&message).err()?;
        Some((fault.codespace(), fault.code()))
    };
    let one = Dec::from(1u64).to_wire();
    assert_eq!(code(B, "akt", "usd", &one, now), Some(("sdk", 4)));
    assert_eq!(code(A, "uakt", "usd", &one, now), Some(("sdk", 18)));
    assert_eq!(code(A, "akt", "eur", &one, now), Some(("sdk", 18)));
    for price in ["", "0", "-1", "x"] {
        assert_eq!(code(A, "akt", "usd", price, now), Some(("sdk", 18)));
    }
    // A first report may be twelve seconds old, and ten seconds early (D-27).
    assert_eq!(code(A, "akt", "usd", &one, ago(12_001)), Some(("sdk", 18)));
    assert_eq!(code(A, "akt", "usd", &one, ago(-10_001)), Some(("oracle.v2", 2)));
    assert_eq!(code(A, "akt", "usd", &one, ago(12_000)), None);
    assert_eq!(code(A, "akt", "usd", &one, ago(12_000)), None);
    assert_eq!(code(A, "akt", "usd", &one, ago(12_001)), Some(("sdk", 18)));
    let numbers: Vec<u64> = state::RECORDS.keys(chain.view()).map(|it| it.unwrap().4).collect();
    assert_eq!(numbers, [0, 1]);
}

#[test]
fn d27_a_pair_that_lost_all_its_sources_is_not_healthy_any_more() {
    let mut chain = chain(&[A]);
    report(&mut chain, A, "1.14");
    chain.next_block(6);
    let authority = auth::authority_address();
    let update =
        |sources: &[u8]| MsgUpdateParams { authority: authority.clone(), params: params(sources) };
    chain.run(&update(&[B])).unwrap();
    assert_eq!(told(&chain.next_block(6)), ["PriceStaled"]);
    assert!(price_now(&chain).is_err());
    assert!(report_at(&mut chain, A, "1.14", ago(0)).is_err());
    // Ids are permanent.
    chain.run(&update(&[B, A])).unwrap();
    let ids: Vec<u32> = state::SOURCE_IDS.values(chain.view()).map(Result::unwrap).collect();
    assert_eq!(ids, [1, 2]);
    let stranger = MsgUpdateParams { authority: who(A).to_string(), params: params(&[A]) };
    let fault = chain.run(&stranger).unwrap_err();
    assert_eq!((fault.codespace(), fault.code()), ("gov", 13));
}

#[test]
fn old_records_are_pruned_when_their_epoch_ends_and_not_too_many_at_once() {
    let mut chain = chain(&[A]);
    let mut few = params(&[A]);
    few.max_prune_per_epoch = 3;
    let authority = auth::authority_address();
    chain.run(&MsgUpdateParams { authority, params: few }).unwrap();
    for _ in 0..5 {
        report(&mut chain, A, "1.14");
        chain.next_block(1);
    }
    let left = |chain: &Chain<Market>| state::RECORDS.iter(chain.view()).count();
    chain.next_block(50);
    assert_eq!(left(&chain), 5);
    // The minute ends, and only then; sixty seconds are not over for all of them.
    chain.next_block(10);
    assert_eq!(left(&chain), 2);
    chain.next_block(60);
    assert_eq!(left(&chain), 0);
    assert_eq!(state::LATEST.iter(chain.view()).count(), 1);
}

fn prices_of(chain: &Chain<Market>, request: QueryPricesRequest) -> QueryPricesResponse {
    chain.query("/akash.oracle.v2.Query/Prices", &request).unwrap()
}

#[test]
fn prices_are_listed_newest_first_page_by_page() {
    let mut chain = chain(&[A, B]);
    for price in ["1.1", "1.2", "1.3"] {
        report(&mut chain, A, price);
        report(&mut chain, B, price);
        chain.next_block(6);
    }
    let mut request = QueryPricesRequest {
        pagination: Some(PageRequest { limit: 4, ..PageRequest::default() }),
        ..QueryPricesRequest::default()
    };
    let list = |answer: &QueryPricesResponse| -> Vec<(u32, i64)> {
        answer.prices.iter().map(|it| (it.id.source, it.id.timestamp.seconds - NOW)).collect()
    };
    let first = prices_of(&chain, request.clone());
    assert_eq!(list(&first), [(2, 12), (2, 6), (2, 0), (1, 12)]);
    request.pagination.as_mut().unwrap().key = first.pagination.unwrap().next_key;
    assert_eq!(list(&prices_of(&chain, request.clone())), [(1, 6), (1, 0)]);
    let page = PageRequest { reverse: true, limit: 1, ..PageRequest::default() };
    request.pagination = Some(page);
    assert_eq!(list(&prices_of(&chain, request.clone())), [(1, 0)]);
    request.pagination = None;
    request.filters.start_time = ago(-6000);
    request.filters.end_time = ago(-6000);
    assert_eq!(list(&prices_of(&chain, request)), [(2, 6), (1, 6)]);
}

#[test]
fn an_exported_oracle_comes_back_with_its_prices() {
    let mut chain = chain(&[B, A]);
    report(&mut chain, A, "1.14");
    chain.next_block(6);
    let exported = chain.export();
    let mut again = Chain::<Market>::new(exported.clone());
    assert_eq!(again.export()["oracle"], exported["oracle"]);
    // The clock of the new chain stands where the old one began.
    assert_eq!(price_now(&again).unwrap(), dec("1.14"));
    assert!(!told(&again.next_block(6)).contains(&"PriceStaled"));
}

#[test]
fn parameters_are_refused_in_the_words_of_the_reference() {
    let refusal = |change: fn(&mut Params)| {
        let mut changed = params(&[A]);
        change(&mut changed);
        params::check(&changed).unwrap_err().to_string()
    };
    assert_eq!(refusal(|it| it.min_price_sources = 0), "min_price_sources must be at least 1");
    assert_eq!(
        refusal(|it| it.max_price_staleness_period = Duration::default()),
        "max_price_staleness_period must be greater than 0"
    );
    assert_eq!(refusal(|it| it.twap_window.seconds = -1), "twap_window must be greater than 0");
    assert_eq!(
        refusal(|it| it.max_price_deviation_bps = 0),
        "max_price_deviation_bps must be greater than 0"
    );
    assert_eq!(
        refusal(|it| it.price_retention.seconds = 1),
        "price_retention (1s) must be at least twap_window (5s)"
    );
    assert_eq!(refusal(|it| it.prune_epoch.clear()), "prune_epoch must not be empty");
    assert_eq!(
        refusal(|it| it.max_prune_per_epoch = -1),
        "max_prune_per_epoch must be non-negative"
    );
    assert!(
        refusal(|it| it.sources.push("akash1bad".to_owned()))
            .starts_with("invalid source address \"akash1bad\": ")
    );
    assert!(refusal(|it| it.sources = vec![who(A).to_string(); 1001]).contains("1000"));
}

#[test]
fn a_healthy_price_without_an_aggregate_is_found() {
    let mut chain = chain(&[A]);
    report(&mut chain, A, "1.14");
    chain.next_block(6);
    chain.assert_invariants();
    state::AGGREGATES.del(&mut chain.cx, &state::pair(AKT, USD)).unwrap();
    assert!(healthy_prices_exist(chain.view()).is_err());
}

#[test]
fn a_genesis_that_would_stop_every_block_is_refused() {
    let mut cx = ledger::testing::ctx();
    let entry = |price: &str| -> Value {
        json!({
            "params": types::json::to_value(&params(&[A])).unwrap(),
            "prices": [{
                "id": { "source": 1, "denom": "akt", "base_denom": "usd",
                        "timestamp": "2023-01-01T00:00:00Z", "sequence": "0" },
                "state": { "price": price },
            }],
            "latest_prices_ids": [], "source_ids": [], "source_seq": "0",
        })
    };
    let mut init =
        |price: &str| Oracle::init(&mut cx, types::json::from_value(&entry(price)).unwrap());
    init("1.000000000000000000").unwrap();
    assert!(init("0.000000000000000000").is_err());
}
