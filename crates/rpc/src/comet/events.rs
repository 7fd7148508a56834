//! What subscriptions tell of a committed block (cosmos.md 2.9).

use serde_json::{Map, Value, json};
use types::wire::tendermint::abci::{Event, EventAttribute};

use super::shapes::{self, hex, number};
use crate::{chain::CommittedBlock, search::tx_hash};

/// One thing that happened: what subscribers get, and the events that queries look at.
pub(crate) struct Happening {
    pub(crate) data: Value,
    pub(crate) events: Vec<Event>,
}

/// A key of its own, such as `tm.event`.
fn own(kind: &str, key: &str, value: String) -> Event {
    let attribute = EventAttribute { key: key.to_owned(), value, index: true };
    Event { r#type: kind.to_owned(), attributes: vec![attribute] }
}

fn happening(name: &str, value: Value, mut events: Vec<Event>) -> Happening {
    events.push(own("tm", "event", name.to_owned()));
    let data = json!({"type": format!("tendermint/event/{name}"), "value": value});
    Happening { data, events }
}

/// Everything a block makes happen, in the order in which it is published.
pub(crate) fn of_block(committed: &CommittedBlock) -> Vec<Happening> {
    let CommittedBlock { block_id, block, results } = committed;
    let height = block.header.height;
    let mut all = vec![
        happening(
            "NewBlock",
            json!({
                "block": shapes::block(block),
                "block_id": shapes::block_id(block_id),
                "result_finalize_block": shapes::finalize_block(results),
            }),
            results.events.clone(),
        ),
        happening("NewBlockHeader", json!({"header": shapes::header(&block.header)}), Vec::new()),
        happening(
            "NewBlockEvents",
            json!({
                "height": number(height),
                "events": shapes::block_events(&results.events),
                "num_txs": number(block.data.txs.len()),
            }),
            results.events.clone(),
        ),
    ];
    for evidence in &block.evidence.evidence {
        let value = json!({"height": number(height), "evidence": shapes::evidence(evidence)});
        all.push(happening("NewEvidence", value, Vec::new()));
    }
    for (index, (tx, result)) in block.data.txs.iter().zip(&results.tx_results).enumerate() {
        let mut shown = Map::new();
        shown.insert("height".into(), number(height));
        if index != 0 {
            shown.insert("index".into(), Value::from(index));
        }
        shown.insert("tx".into(), shapes::base64(tx));
        shown.insert("result".into(), shapes::sparse_tx_result(result));
        let mut events = result.events.clone();
        events.push(own("tx", "hash", hex(&tx_hash(tx))));
        events.push(own("tx", "height", height.to_string()));
        all.push(happening("Tx", json!({"TxResult": shown}), events));
    }
    if !results.validator_updates.is_empty() {
        let updates: Vec<_> =
            results.validator_updates.iter().map(shapes::changed_validator).collect();
        let value = json!({"validator_updates": updates});
        all.push(happening("ValidatorSetUpdates", value, Vec::new()));
    }
    all
}

/// The `events` of a message: every value under each `type.key`.
pub(crate) fn by_key(events: &[Event]) -> Value {
    let mut all = Map::new();
    for event in events.iter().filter(|it| !it.r#type.is_empty()) {
        for attribute in event.attributes.iter().filter(|it| !it.key.is_empty()) {
            let values = all
                .entry(format!("{}.{}", event.r#type, attribute.key))
                .or_insert_with(|| Value::Array(Vec::new()));
            if let Value::Array(list) = values {
                list.push(Value::from(attribute.value.clone()));
            }
        }
    }
    Value::Object(all)
}
