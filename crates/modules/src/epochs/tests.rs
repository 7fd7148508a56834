use types::timestamp::Timestamp;

use super::*;

/// Ids, numbers and start times in the events of a block.
fn told(events: &[types::wire::tendermint::abci::Event]) -> Vec<String> {
    events
        .iter()
        .filter_map(|it| {
            let kind = it.r#type.strip_prefix("akash.epochs.v1beta1.EventEpoch")?;
            let values: Vec<&str> =
                it.attributes.iter().map(|it| it.value.trim_matches('"')).collect();
            Some(format!("{kind} {}", values.join(" ")))
        })
        .collect()
}

/// Midnight.
const START: i64 = 1_700_006_400;

fn at(cx: &mut Ctx, height: i64, seconds: i64, run: fn(&mut Ctx) -> Result) -> Vec<String> {
    let mut next = ledger::testing::ctx_at(height, seconds);
    for epoch in EPOCHS.values(cx).collect::<Result<Vec<_>>>().unwrap() {
        EPOCHS.set(&mut next, &epoch.id, &epoch).unwrap();
    }
    run(&mut next).unwrap();
    *cx = next;
    told(cx.events())
}

/// The example of chain.md 21.16.
#[test]
fn an_epoch_ends_strictly_after_its_span_and_catches_up_one_per_block() {
    let mut cx = ledger::testing::ctx_at(1, START);
    let hour = EpochInfo {
        id: "hour".to_owned(),
        start_time: ZERO_TIME,
        duration: Duration { seconds: 3_600, nanos: 0 },
        current_epoch_start_time: ZERO_TIME,
        ..EpochInfo::default()
    };
    Epochs::init(&mut cx, GenesisState { epochs: vec![hour] }).unwrap();
    let hours = |hours: i64| START + hours * 3_600;
    let mut block = |height, seconds| at(&mut cx, height, seconds, Epochs::begin_block);
    assert_eq!(block(1, START), [format!("Start 1 {START}")]);
    assert_eq!(block(2, hours(1)), Vec::<String>::new());
    assert_eq!(block(3, hours(1) + 1), ["End 1".to_owned(), format!("Start 2 {}", hours(1))]);
    assert_eq!(block(4, hours(5)), ["End 2".to_owned(), format!("Start 3 {}", hours(2))]);
    assert_eq!(block(5, hours(5) + 1), ["End 3".to_owned(), format!("Start 4 {}", hours(3))]);
    let found = EPOCHS.get(&cx, &"hour".to_owned()).unwrap().unwrap();
    assert_eq!((found.current_epoch, found.current_epoch_start_height), (4, 5));
    assert_eq!(found.current_epoch_start_time, Timestamp { seconds: hours(3), nanos: 0 });
}

#[test]
fn an_epoch_waits_for_its_start_and_a_bad_one_is_refused() {
    let mut cx = ledger::testing::ctx_at(1, START);
    let mut late = Epochs::default_genesis().epochs.remove(0);
    late.start_time = Timestamp { seconds: START + 10, nanos: 0 };
    Epochs::init(&mut cx, GenesisState { epochs: vec![late.clone()] }).unwrap();
    Epochs::begin_block(&mut cx).unwrap();
    assert_eq!(told(cx.events()), Vec::<String>::new());
    assert_eq!(
        at(&mut cx, 2, START + 10, Epochs::begin_block),
        [format!("Start 1 {}", START + 10)]
    );

    let mut refused = |change: fn(&mut EpochInfo), why: &str| {
        let mut epoch = late.clone();
        change(&mut epoch);
        let fault = Epochs::init(&mut cx, GenesisState { epochs: vec![epoch] }).unwrap_err();
        assert_eq!(fault.to_string(), why);
    };
    refused(|it| it.id.clear(), "epoch identifier should NOT be empty");
    refused(|it| it.duration.seconds = 0, "epoch duration should NOT be 0");
    refused(|it| it.current_epoch = -1, "epoch CurrentEpoch must be non-negative");
    let twice = GenesisState { epochs: vec![late.clone(), late.clone()] };
    let fault = Epochs::init(&mut cx, twice).unwrap_err();
    assert_eq!(fault.to_string(), "epoch identifier should be unique");
}

#[test]
fn the_current_epoch_is_asked_by_name() {
    let mut cx = ledger::testing::ctx_at(1, START);
    Epochs::init(&mut cx, Epochs::default_genesis()).unwrap();
    Epochs::begin_block(&mut cx).unwrap();
    let ask = |id: &str| current(&cx, QueryCurrentEpochRequest { identifier: id.to_owned() });
    assert_eq!(ask("week").unwrap().current_epoch, 1);
    assert_eq!(ask("").unwrap_err().grpc().1, "identifier is empty");
    assert_eq!(
        ask("nope").unwrap_err().grpc(),
        (ledger::Status::Unknown, "not available identifier".to_owned())
    );
    let names: Vec<String> =
        list(&cx, QueryEpochInfosRequest {}).unwrap().epochs.into_iter().map(|it| it.id).collect();
    assert_eq!(names, ["day", "hour", "minute", "week"]);
}
