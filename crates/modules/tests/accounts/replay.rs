//! Runs recorded scenarios through the app and compares what must match (conformance README).

use std::{
    fs,
    path::{Path, PathBuf},
};

use base64::{Engine, engine::general_purpose::STANDARD};
use ledger::{App, Config, store_names};
use modules::Market;
use serde_json::Value;
use store::{Options, Store};
use types::wire::tendermint::{
    abci::{
        Event, RequestCheckTx, RequestCommit, RequestFinalizeBlock, RequestInitChain, RequestQuery,
        ResponseFinalizeBlock,
    },
    types::{BlockParams, ConsensusParams, EvidenceParams, ValidatorParams},
};

/// A recorded scenario and the app that replays it.
pub(crate) struct Scenario {
    folder: PathBuf,
    pub(crate) app: App<Market>,
    pub(crate) blocks: Vec<Value>,
    pub(crate) queries: Vec<Value>,
}

/// Opens a scenario; none (with a word on it) where the recordings are not at hand.
pub(crate) fn open(name: &str, min_gas_prices: &str) -> Option<Scenario> {
    let folder =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/conformance").join(name);
    if !folder.exists() {
        println!("skipped: no recordings at {}", folder.display());
        return None;
    }
    let stores = Options { stores: store_names::<Market>(), history: 10 };
    let store = Store::memory(stores).unwrap();
    let config = Config { min_gas_prices: min_gas_prices.parse().unwrap(), ..Config::default() };
    let app = App::new(store, config).unwrap();
    let lines = |file: &str| -> Vec<Value> {
        let text = fs::read_to_string(folder.join(file)).unwrap();
        text.lines().map(|it| serde_json::from_str(it).unwrap()).collect()
    };
    let (blocks, queries) = (lines("blocks.jsonl"), lines("queries.jsonl"));
    Some(Scenario { folder, app, blocks, queries })
}

fn number(value: &Value) -> i64 {
    value.as_i64().or_else(|| value.as_str()?.parse().ok()).unwrap()
}

impl Scenario {
    pub(crate) fn init(&self) {
        let text = fs::read_to_string(self.folder.join("genesis.json")).unwrap();
        let genesis: Value = serde_json::from_str(&text).unwrap();
        let params = &genesis["consensus"]["params"];
        let consensus_params = ConsensusParams {
            block: Some(BlockParams {
                max_bytes: number(&params["block"]["max_bytes"]),
                max_gas: number(&params["block"]["max_gas"]),
            }),
            evidence: Some(EvidenceParams {
                max_age_num_blocks: number(&params["evidence"]["max_age_num_blocks"]),
                max_age_duration: prost_types::Duration {
                    seconds: number(&params["evidence"]["max_age_duration"]) / 1_000_000_000,
                    nanos: 0,
                },
                max_bytes: number(&params["evidence"]["max_bytes"]),
            }),
            validator: Some(ValidatorParams { pub_key_types: vec!["ed25519".to_owned()] }),
            ..ConsensusParams::default()
        };
        let request = RequestInitChain {
            chain_id: genesis["chain_id"].as_str().unwrap().to_owned(),
            time: types::timestamp::parse(genesis["genesis_time"].as_str().unwrap()).unwrap(),
            consensus_params: Some(consensus_params),
            app_state_bytes: serde_json::to_vec(&genesis["app_state"]).unwrap(),
            initial_height: 1,
            ..RequestInitChain::default()
        };
        self.app.init_chain(request).unwrap();
    }

    /// Executes and commits one recorded block.
    pub(crate) fn execute(&self, block: &Value) -> ResponseFinalizeBlock {
        let request = RequestFinalizeBlock {
            txs: block["txs"].as_array().unwrap().iter().map(bytes).collect(),
            height: number(&block["height"]),
            time: types::timestamp::parse(block["time"].as_str().unwrap()).unwrap(),
            ..RequestFinalizeBlock::default()
        };
        let response = self.app.finalize_block(request).unwrap();
        self.app.commit(RequestCommit {}).unwrap();
        response
    }

    /// Asks what the recording asked of `check_tx` and `simulate` at a height.
    pub(crate) fn ask(&self, height: i64) -> Vec<String> {
        let mut wrong = Vec::new();
        for query in self.queries.iter().filter(|it| number(&it["height"]) == height) {
            let label = || format!("{} at {height}: {}", query["kind"], query["label"]);
            match query["kind"].as_str().unwrap() {
                "check_tx" => {
                    let request =
                        RequestCheckTx { tx: bytes(&query["tx"]), ..RequestCheckTx::default() };
                    let answer = self.app.check_tx(request).unwrap();
                    let got = (answer.codespace.as_str(), i64::from(answer.code));
                    let expected =
                        (query["codespace"].as_str().unwrap_or(""), number(&query["code"]));
                    // Recorded `undefined`: any refusal is right.
                    let same = got == expected || (expected.0 == "undefined" && got.1 != 0);
                    if !same {
                        wrong.push(format!(
                            "{} {got:?} instead of {expected:?} {}: {}",
                            label(),
                            query["log"],
                            answer.log
                        ));
                    }
                }
                "simulate" => {
                    let request = RequestQuery {
                        path: "/app/simulate".to_owned(),
                        data: bytes(&query["tx"]),
                        ..RequestQuery::default()
                    };
                    let answer = self.app.query(request).unwrap();
                    let failed = !query["error"].as_str().unwrap_or("").is_empty();
                    if failed != (answer.code != 0) {
                        wrong.push(format!("{} {}: {}", label(), query["error"], answer.log));
                    }
                }
                _ => {}
            }
        }
        wrong
    }
}

impl Scenario {
    /// What differs in the gRPC answers of these chapters at a height, and how many were compared.
    pub(crate) fn answers(&self, height: i64) -> (Vec<String>, usize) {
        let (mut wrong, mut compared) = (Vec::new(), 0);
        for query in &self.queries {
            let method = query["method"].as_str().unwrap_or_default();
            let ours = ["cosmos.auth.", "cosmos.bank.", "cosmos.consensus."];
            if query["kind"] != "grpc"
                || number(&query["height"]) != height
                || !ours.iter().any(|it| method.starts_with(it))
                // Inflation is the mint chapter's, which is not here yet.
                || method.contains("Supply")
            {
                continue;
            }
            compared += 1;
            let path = format!("/{method}");
            let output = types::registry::registry().method(&path).unwrap().output;
            let name = &types::registry::registry().message(output).full_name;
            let json = |bytes: &[u8]| types::json::value_of(name, bytes).unwrap();
            let answer = self.app.grpc_query(&path, &bytes(&query["request"]), height).unwrap();
            match (answer, query.get("error")) {
                (Ok((answer, _)), None) => {
                    let (got, expected) = (json(&answer), json(&bytes(&query["response"])));
                    if got != expected {
                        wrong.push(format!("{method}: {got} instead of {expected}"));
                    }
                }
                (Err((status, _)), Some(error))
                    if i64::from(status.number()) == number(&error["code"]) => {}
                (answer, error) => wrong.push(format!("{method}: {answer:?}, not {error:?}")),
            }
        }
        (wrong, compared)
    }
}

fn bytes(value: &Value) -> Vec<u8> {
    STANDARD.decode(value.as_str().unwrap()).unwrap()
}

/// What differs between a recorded result of a transaction and ours.
pub(crate) fn differences(height: i64, block: &Value, ours: &ResponseFinalizeBlock) -> Vec<String> {
    let mut wrong = Vec::new();
    let recorded = block["tx_results"].as_array().unwrap();
    for (index, (theirs, ours)) in recorded.iter().zip(&ours.tx_results).enumerate() {
        let expected = (theirs["codespace"].as_str().unwrap_or(""), number(&theirs["code"]));
        let got = (ours.codespace.as_str(), i64::from(ours.code));
        let same = got == expected || (expected.0 == "undefined" && got.1 != 0);
        let mut push = |what: String| wrong.push(format!("{height}/{index}: {what}"));
        if !same {
            push(format!("{got:?} instead of {expected:?}: {} / {}", ours.log, theirs["log"]));
            continue;
        }
        if ours.data != bytes(&theirs["data"]) {
            push("data differs".to_owned());
        }
        let fits = number(&theirs["gas_used"]) <= number(&theirs["gas_wanted"]);
        if fits && ours.gas_used > ours.gas_wanted && got.1 == 0 {
            push(format!("gas {} of {}", ours.gas_used, ours.gas_wanted));
        }
        let expected = theirs["events"].as_array().unwrap();
        if expected.len() != ours.events.len() {
            push(format!("{} events instead of {}", ours.events.len(), expected.len()));
        }
        for (theirs, ours) in expected.iter().zip(&ours.events) {
            if let Some(difference) = event_difference(theirs, ours) {
                push(difference);
                break;
            }
        }
    }
    wrong
}

fn event_difference(theirs: &Value, ours: &Event) -> Option<String> {
    let pairs = |it: &Value| {
        let text = |key: &str| it[key].as_str().unwrap_or("").to_owned();
        (text("key"), text("value"))
    };
    let theirs_attributes: Vec<_> =
        theirs["attributes"].as_array().unwrap().iter().map(pairs).collect();
    let ours_attributes: Vec<_> =
        ours.attributes.iter().map(|it| (it.key.clone(), it.value.clone())).collect();
    let same =
        theirs["type"].as_str() == Some(&ours.r#type) && theirs_attributes == ours_attributes;
    (!same).then(|| format!("event {} {ours_attributes:?} instead of {theirs}", ours.r#type))
}
