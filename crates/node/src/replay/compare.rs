//! Compares what a block did here with what it did when it was recorded.

use base64::{Engine, prelude::BASE64_STANDARD};
use serde_json::{Map, Value, json};
use types::wire::{
    cosmos::tx::v1beta1::{TxBody, TxRaw},
    tendermint::{
        abci::{ExecTxResult, ResponseFinalizeBlock, ValidatorUpdate},
        crypto::public_key::Sum,
        types::ConsensusParams,
    },
};

use super::{
    recording::{Block, Event, Recording, TxResult, base64},
    report::{Kind, Report},
    rules::{self, Verdict},
};

const DELETE_PROVIDER: &str = "/akash.provider.v1beta4.MsgDeleteProvider";

/// Compares a whole block.
pub(super) fn block(
    block: &Block,
    ours: &ResponseFinalizeBlock,
    recording: &Recording,
    report: &mut Report,
) {
    let height = block.height;
    let none = ExecTxResult::default();
    for (at, recorded) in block.tx_results.iter().enumerate() {
        let bytes = block.txs.get(at).map(|it| base64(it)).unwrap_or_default();
        let messages = messages(&bytes);
        let own = ours.tx_results.get(at).unwrap_or(&none);
        tx(height, at, &messages, own, recorded, recording, report);
    }
    report.compared(Kind::BlockEvents);
    if let Some((what, ours, recorded)) = events_differ(&ours.events, &block.finalize_block_events)
    {
        report.differ(Kind::BlockEvents, height, "events of the block", what, ours, recorded);
    }
    report.compared(Kind::ValidatorUpdates);
    let ours_updates = ours.validator_updates.iter().map(update);
    let ours_updates: Vec<_> = ours_updates.collect();
    let recorded: Vec<_> = block
        .validator_updates
        .iter()
        .map(|it| format!("{} {}: {}", it.pub_key.r#type, it.pub_key.value, it.power))
        .collect();
    if ours_updates != recorded {
        let place = "validator updates";
        let (ours, recorded) = (ours_updates.join(", "), recorded.join(", "));
        report.differ(Kind::ValidatorUpdates, height, place, "", ours, recorded);
    }
    report.compared(Kind::Params);
    let ours_params = ours.consensus_param_updates.as_ref().map_or(Value::Null, params);
    if ours_params != block.consensus_param_updates {
        let (ours, recorded) = (ours_params.to_string(), block.consensus_param_updates.to_string());
        report.differ(Kind::Params, height, "consensus parameters", "", ours, recorded);
    }
}

/// The types of a transaction's messages; empty when it cannot be read.
pub(super) fn messages(bytes: &[u8]) -> Vec<String> {
    use prost::Message as _;
    let body = TxRaw::decode(bytes).and_then(|it| TxBody::decode(it.body_bytes.as_slice()));
    body.map(|it| it.messages.into_iter().map(|it| it.type_url).collect()).unwrap_or_default()
}

/// `MsgSend, MsgVote` for people.
pub(super) fn short(messages: &[String]) -> String {
    let names = messages.iter().map(|it| it.rsplit('.').next().unwrap_or(it));
    names.collect::<Vec<_>>().join(", ")
}

fn subject(messages: &[String]) -> String {
    let mut names: Vec<_> = messages.iter().map(|it| it.trim_start_matches('/')).collect();
    names.dedup();
    names.join(", ")
}

fn tx(
    height: i64,
    at: usize,
    messages: &[String],
    ours: &ExecTxResult,
    recorded: &TxResult,
    recording: &Recording,
    report: &mut Report,
) {
    let place = format!("transaction {at} ({})", short(messages));
    let subject = subject(messages);
    report.compared(Kind::Result);
    let own = (ours.codespace.as_str(), i64::from(ours.code));
    let theirs = (recorded.codespace.as_str(), recorded.code);
    let deletes = messages.iter().any(|it| it == DELETE_PROVIDER);
    let mut verdict = rules::codes(own, theirs, deletes);
    if let (Verdict::Known(_), Some((space, code))) =
        (&verdict, recording.about.right.get(&(height, at)))
        && own != (space.as_str(), i64::from(*code))
    {
        verdict = Verdict::Different;
    }
    match verdict {
        Verdict::Same if own.1 != 0 && ours.log != recorded.log => {
            let (ours, recorded) = (ours.log.as_str(), recorded.log.as_str());
            report.differ_in(
                &subject,
                Kind::Wording,
                height,
                place.clone(),
                "log",
                (ours, recorded),
            );
        }
        Verdict::Same => {}
        Verdict::Known(rule) => report.known(rule),
        Verdict::Different => {
            let right = recording.about.right.get(&(height, at));
            let right = right.map(|(space, code)| format!(", right is {space}/{code}"));
            report.differ_in(
                &subject,
                Kind::Result,
                height,
                place,
                "",
                (
                    format!("{}/{} {}", own.0, own.1, ours.log),
                    format!(
                        "{}/{} {}{}",
                        theirs.0,
                        theirs.1,
                        recorded.log,
                        right.unwrap_or_default()
                    ),
                ),
            );
            return;
        }
    }
    if own.1 == 0 && theirs.1 != 0 {
        // A known defect: what follows is ours alone.
        return;
    }
    report.compared(Kind::Data);
    let theirs_data = base64(&recorded.data);
    if ours.data != theirs_data {
        let shown =
            |bytes: &[u8]| types::json::value_of("cosmos.base.abci.v1beta1.TxMsgData", bytes);
        match (shown(&ours.data), shown(&theirs_data)) {
            (Ok(ours), Ok(theirs)) if rules::only_swap_status(&ours, &theirs) => {
                report.known(rules::SWAP_STATUS);
            }
            _ => {
                let (ours, theirs) = (data_text(&ours.data), data_text(&theirs_data));
                report.differ_in(&subject, Kind::Data, height, place.clone(), "", (ours, theirs));
            }
        }
    }
    report.compared(Kind::Events);
    if let Some((what, ours, theirs)) = events_differ(&ours.events, &recorded.events) {
        report.differ_in(&subject, Kind::Events, height, place.clone(), what, (ours, theirs));
    }
    if recorded.gas_used <= recorded.gas_wanted {
        report.compared(Kind::Gas);
        let at = || format!("height {height}, {place}");
        report.gas(at, ours.gas_used, recorded.gas_used);
        if ours.gas_used > ours.gas_wanted {
            let used = format!("used {} of {}", ours.gas_used, ours.gas_wanted);
            let theirs = format!("used {} of {}", recorded.gas_used, recorded.gas_wanted);
            report.differ_in(&subject, Kind::Gas, height, place, "", (used, theirs));
        }
    }
}

fn data_text(bytes: &[u8]) -> String {
    match types::json::text_of("cosmos.base.abci.v1beta1.TxMsgData", bytes) {
        Ok(text) => text,
        Err(_) => BASE64_STANDARD.encode(bytes),
    }
}

type OwnEvent = types::wire::tendermint::abci::Event;

fn own_text(event: &OwnEvent) -> String {
    let pairs = event.attributes.iter().map(|it| format!("{}={}", it.key, it.value));
    format!("{} {{{}}}", event.r#type, pairs.collect::<Vec<_>>().join(", "))
}

fn recorded_text(event: &Event) -> String {
    let pairs = event.attributes.iter().map(|it| format!("{}={}", it.key, it.value));
    format!("{} {{{}}}", event.r#type, pairs.collect::<Vec<_>>().join(", "))
}

/// Where two lists of events part first: the place, ours and the recorded.
fn events_differ(ours: &[OwnEvent], recorded: &[Event]) -> Option<(String, String, String)> {
    let counts = format!("{} events, recorded {}", ours.len(), recorded.len());
    for at in 0..ours.len().max(recorded.len()) {
        let (own, theirs) = match (ours.get(at), recorded.get(at)) {
            (Some(own), Some(theirs)) => (own, theirs),
            (own, theirs) => {
                let none = || "(no event)".to_owned();
                let own = own.map_or_else(none, own_text);
                let theirs = theirs.map_or_else(none, recorded_text);
                return Some((format!("event {at} ({counts})"), own, theirs));
            }
        };
        let (own_line, their_line) = (own_text(own), recorded_text(theirs));
        if own_line == their_line && own.attributes.len() == theirs.attributes.len() {
            continue;
        }
        if own.r#type != theirs.r#type || own.attributes.len() != theirs.attributes.len() {
            return Some((format!("event {at} ({counts})"), own_line, their_line));
        }
        let pairs = own.attributes.iter().zip(&theirs.attributes);
        let first = pairs.enumerate().find(|(_, (a, b))| a.key != b.key || a.value != b.value);
        let (own_pair, their_pair) = first.map(|(_, pair)| pair)?;
        let what = format!("event {at} ({}), attribute {}", own.r#type, their_pair.key);
        let own = format!("{}={}", own_pair.key, own_pair.value);
        let theirs = format!("{}={}", their_pair.key, their_pair.value);
        return Some((what, own, theirs));
    }
    None
}

fn update(update: &ValidatorUpdate) -> String {
    let (kind, key) = match &update.pub_key.sum {
        Some(Sum::Ed25519(key)) => ("ed25519", key.as_slice()),
        Some(Sum::Secp256k1(key)) => ("secp256k1", key.as_slice()),
        None => ("none", [].as_slice()),
    };
    format!("{kind} {}: {}", BASE64_STANDARD.encode(key), update.power)
}

/// Parameters in the form of the recordings: absent parts and zeros left out, 64-bit numbers in
/// quotes, durations in nanoseconds.
fn params(params: &ConsensusParams) -> Value {
    let mut shown = Map::new();
    let part = |members: Vec<(&str, Value, bool)>| -> Value {
        let kept = members.into_iter().filter(|(_, _, keep)| *keep);
        kept.map(|(name, it, _)| (name.to_owned(), it)).collect::<Map<_, _>>().into()
    };
    let number = |name: &'static str, it: i64| (name, json!(it.to_string()), it != 0);
    if let Some(it) = &params.block {
        let members = vec![number("max_bytes", it.max_bytes), number("max_gas", it.max_gas)];
        shown.insert("block".to_owned(), part(members));
    }
    if let Some(it) = &params.evidence {
        let age = i128::from(it.max_age_duration.seconds)
            .saturating_mul(1_000_000_000)
            .saturating_add(i128::from(it.max_age_duration.nanos));
        let members = vec![
            number("max_age_num_blocks", it.max_age_num_blocks),
            ("max_age_duration", json!(age.to_string()), true),
            number("max_bytes", it.max_bytes),
        ];
        shown.insert("evidence".to_owned(), part(members));
    }
    if let Some(it) = &params.validator {
        let keys = &it.pub_key_types;
        let members = vec![("pub_key_types", json!(keys), !keys.is_empty())];
        shown.insert("validator".to_owned(), part(members));
    }
    if let Some(it) = &params.version {
        let members = vec![("app", json!(it.app.to_string()), it.app != 0)];
        shown.insert("version".to_owned(), part(members));
    }
    if let Some(it) = &params.abci {
        let height = it.vote_extensions_enable_height;
        shown
            .insert("abci".to_owned(), part(vec![number("vote_extensions_enable_height", height)]));
    }
    Value::Object(shown)
}
