//! Recorded answers of the reference: a gRPC response decoded with the method's output type prints
//! as the REST body of the same query at the same height.

#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "tests")]

use std::{collections::BTreeMap, io::Read, path::Path};

use base64::{Engine, prelude::BASE64_STANDARD};
use serde_json::Value;
use types::{json, registry::registry, timestamp};

fn lines(path: &Path) -> Vec<Value> {
    let mut text = String::new();
    let file = std::fs::File::open(path).unwrap();
    if path.extension().is_some_and(|it| it == "gz") {
        flate2::read::GzDecoder::new(file).read_to_string(&mut text).unwrap();
    } else {
        let mut file = file;
        file.read_to_string(&mut text).unwrap();
    }
    text.lines().map(|it| serde_json::from_str(it).unwrap()).collect()
}

/// Every `queries.jsonl` or `queries.jsonl.gz` of the corpus, with the scenario's name.
fn scenarios() -> Vec<(String, Vec<Value>)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/conformance");
    let Ok(folders) = std::fs::read_dir(&root) else {
        eprintln!("skipped: {} is not here", root.display());
        return Vec::new();
    };
    let mut all = Vec::new();
    for folder in folders {
        let folder = folder.unwrap().path();
        for name in ["queries.jsonl", "queries.jsonl.gz"] {
            let path = folder.join(name);
            if path.exists() {
                let name = folder.file_name().unwrap().to_string_lossy().into_owned();
                all.push((name, lines(&path)));
            }
        }
    }
    all.sort_by(|a, b| a.0.cmp(&b.0));
    all
}

/// Bodies of the scenario by height, to be found again by content.
#[test]
fn grpc_answers_print_as_the_gateway_prints_them() {
    let (mut checked, mut paired, mut wrong) = (0, 0, Vec::new());
    for (scenario, lines) in scenarios() {
        let mut bodies: BTreeMap<i64, Vec<&Value>> = BTreeMap::new();
        for line in lines.iter().filter(|it| it["kind"] == "rest" && it["status"] == 200) {
            bodies.entry(line["height"].as_i64().unwrap()).or_default().push(&line["body"]);
        }
        for line in lines.iter().filter(|it| it["kind"] == "grpc") {
            let Some(response) = line.get("response").and_then(Value::as_str) else { continue };
            let path = format!("/{}", line["method"].as_str().unwrap());
            let method = registry().method(&path).unwrap();
            let name = &registry().message(method.output).full_name;
            let bytes = BASE64_STANDARD.decode(response).unwrap();
            let printed = match json::value_of(name, &bytes) {
                Ok(it) => it,
                Err(cause) => {
                    wrong.push(format!("{scenario} {path}: {cause}"));
                    continue;
                }
            };
            checked += 1;
            // The corpus asks most gRPC queries over REST as well, at the same height.
            let at = bodies.get(&line["height"].as_i64().unwrap());
            if at.is_some_and(|it| it.contains(&&printed)) {
                paired += 1;
            }
            // And what is printed reads back to the same bytes.
            let read = json::bytes_of(name, &printed, json::Unknown::Refuse);
            if read.as_deref() != Ok(bytes.as_slice()) {
                let again = json::reencode(name, &bytes);
                if read != again {
                    wrong.push(format!(
                        "{scenario} {path} reads back differently: {read:?} {again:?}"
                    ));
                }
            }
        }
    }
    if checked == 0 {
        return;
    }
    assert!(wrong.is_empty(), "{} of {checked} wrong:\n{}", wrong.len(), wrong.join("\n"));
    // The others are asked with other parameters over REST; `rpc` pairs them by request.
    assert!(paired * 10 > checked * 8, "only {paired} of {checked} found among the REST bodies");
}

/// Every block of the corpus, with the scenario's name.
fn blocks() -> Vec<(String, Vec<Value>)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/conformance");
    let Ok(folders) = std::fs::read_dir(&root) else {
        eprintln!("skipped: {} is not here", root.display());
        return Vec::new();
    };
    let mut all = Vec::new();
    for folder in folders {
        let folder = folder.unwrap().path();
        for name in ["blocks.jsonl", "blocks.jsonl.gz"] {
            let path = folder.join(name);
            if path.exists() {
                all.push((
                    folder.file_name().unwrap().to_string_lossy().into_owned(),
                    lines(&path),
                ));
            }
        }
    }
    all
}

/// A typed event's attributes are the compact JSON of its fields, to the letter.
#[test]
fn typed_events_are_written_as_they_were_recorded() {
    let (mut checked, mut wrong) = (0, Vec::new());
    for (scenario, blocks) in blocks() {
        for block in &blocks {
            let of_txs = block["tx_results"].as_array().unwrap().iter().map(|it| &it["events"]);
            let events = of_txs
                .chain([&block["finalize_block_events"]])
                .flat_map(|it| it.as_array().into_iter().flatten());
            for event in events {
                let name = event["type"].as_str().unwrap();
                if registry().message_by_name(name).is_none() {
                    continue;
                }
                let attributes: BTreeMap<&str, &str> = event["attributes"]
                    .as_array()
                    .unwrap()
                    .iter()
                    .map(|it| (it["key"].as_str().unwrap(), it["value"].as_str().unwrap()))
                    .filter(|(key, _)| !matches!(*key, "mode" | "msg_index" | "authz_msg_index"))
                    .collect();
                let members: serde_json::Map<String, Value> = attributes
                    .iter()
                    .map(|(key, it)| ((*key).to_owned(), serde_json::from_str(it).unwrap()))
                    .collect();
                let bytes = json::bytes_of(name, &Value::Object(members), json::Unknown::Refuse);
                let written = bytes.and_then(|it| json::fields_of(name, &it)).unwrap();
                checked += 1;
                let written: BTreeMap<_, _> =
                    written.iter().map(|(key, it)| (key.as_str(), it.as_str())).collect();
                if written != attributes {
                    wrong.push(format!("{scenario} {name}: {written:?}, want {attributes:?}"));
                }
            }
        }
    }
    if checked > 0 {
        wrong.sort();
        wrong.dedup();
        assert!(wrong.is_empty(), "{} of {checked} wrong:\n{}", wrong.len(), wrong.join("\n"));
        assert!(checked > 1000, "{checked}");
    }
}

/// The genesis documents that the node wrote read back, and print the same again.
#[test]
fn genesis_states_survive_the_round_trip() {
    const STATES: [(&str, &str); 14] = [
        ("audit", "akash.audit.v1.GenesisState"),
        ("auth", "cosmos.auth.v1beta1.GenesisState"),
        ("bank", "cosmos.bank.v1beta1.GenesisState"),
        ("bme", "akash.bme.v1.GenesisState"),
        ("cert", "akash.cert.v1.GenesisState"),
        ("deployment", "akash.deployment.v1beta4.GenesisState"),
        ("distribution", "cosmos.distribution.v1beta1.GenesisState"),
        ("epochs", "akash.epochs.v1beta1.GenesisState"),
        ("escrow", "akash.escrow.v1.GenesisState"),
        ("gov", "cosmos.gov.v1.GenesisState"),
        ("market", "akash.market.v1beta5.GenesisState"),
        ("mint", "cosmos.mint.v1beta1.GenesisState"),
        ("provider", "akash.provider.v1beta4.GenesisState"),
        ("staking", "cosmos.staking.v1beta1.GenesisState"),
    ];
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/conformance");
    for scenario in ["market-happy", "staking-dist-slash", "evidence-misc"] {
        let path = root.join(scenario).join("genesis.json");
        let Ok(text) = std::fs::read_to_string(&path) else {
            eprintln!("skipped: {} is not here", path.display());
            return;
        };
        let genesis: Value = serde_json::from_str(&text).unwrap();
        let mut seen = 0;
        for (module, name) in STATES {
            let Some(state) = genesis["app_state"].get(module) else { continue };
            if registry().message_by_name(name).is_none() {
                panic!("no message {name}");
            }
            let bytes = json::bytes_of(name, state, json::Unknown::Refuse)
                .unwrap_or_else(|it| panic!("{scenario} {module}: {it}"));
            let again = json::value_of(name, &bytes).unwrap();
            let difference = difference(module, &again, state);
            assert_eq!(difference, None, "{scenario}");
            seen += 1;
        }
        assert!(seen > 10, "{scenario}: {seen}");
    }
}

/// Where two values differ first; what a document leaves out may be there with nothing in it.
fn difference(path: &str, got: &Value, wanted: &Value) -> Option<String> {
    let nothing = |it: &Value| {
        it.is_null()
            || it.as_array().is_some_and(Vec::is_empty)
            || matches!(it.as_str(), Some("" | "0"))
            || it == &Value::Bool(false)
            || it.as_u64() == Some(0)
    };
    match (got, wanted) {
        (Value::Object(a), Value::Object(b)) => a
            .keys()
            .chain(b.keys())
            .find_map(|it| difference(&format!("{path}.{it}"), &got[it], &wanted[it])),
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => a
            .iter()
            .zip(b)
            .enumerate()
            .find_map(|(at, (a, b))| difference(&format!("{path}[{at}]"), a, b)),
        (_, Value::Null) if nothing(got) => None,
        // Documents written by hand have times in shorter forms.
        (Value::String(a), Value::String(b))
            if timestamp::parse(a).is_some() && timestamp::parse(a) == timestamp::parse(b) =>
        {
            None
        }
        _ if got == wanted => None,
        _ => Some(format!("{path}: got {got}, want {wanted}")),
    }
}
