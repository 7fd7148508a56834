//! Recorded sessions of the reference network, executed by this ledger: results, events, refusals
//! and answers of the market chapters must be those that were recorded.
//!
//! A transaction of chapters that are not here yet is executed as well (its fee is paid, its
//! signer's sequence goes up, its message is refused) and not compared; where its effects are
//! missing later, the scenario below says so.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::print_stderr, reason = "tests")]

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    io::Read,
    path::PathBuf,
};

use base64::{Engine, engine::general_purpose::STANDARD};
use ledger::{Admission, App, Claim, Config, Ctx, Runtime, Stage, Status, Tx, View};
use modules::{
    Market, audit, auth, bank, cert, consensus, denoms, deployment, escrow, market, provider,
};
use serde_json::{Value, json};
use types::{
    json::{bytes_of_text, value_of},
    registry::registry,
    wire::tendermint::{
        abci::{
            CheckTxType, CommitInfo, Event, RequestCheckTx, RequestCommit, RequestFinalizeBlock,
            RequestInitChain,
        },
        types::ConsensusParams,
    },
};

/// The recordings, or a word about why there are none.
fn recordings() -> Option<PathBuf> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/conformance");
    if root.is_dir() {
        return Some(root);
    }
    eprintln!("skipped: no recordings at {}", root.display());
    None
}

fn lines(scenario: &str, file: &str) -> Vec<Value> {
    let folder = recordings().unwrap().join(scenario);
    let plain = folder.join(file);
    let text = if plain.is_file() {
        fs::read_to_string(plain).unwrap()
    } else {
        let packed = fs::File::open(folder.join(format!("{file}.gz"))).unwrap();
        let mut text = String::new();
        flate2::read::GzDecoder::new(packed).read_to_string(&mut text).unwrap();
        text
    };
    text.lines().map(|it| serde_json::from_str(it).unwrap()).collect()
}

/// Admits whatever was recorded: where chapters are absent, sequences and fees are not those of
/// the recording.
struct Open;

impl Admission for Open {
    fn admit(_: &mut Ctx, _: &Tx, _: Stage) -> ledger::Result {
        Ok(())
    }

    fn claims(_: &View, _: &Tx) -> Vec<Claim> {
        Vec::new()
    }
}

ledger::runtime! {
    /// The market without admission.
    struct Unsigned;
    modules: auth::Auth, bank::Bank, consensus::Consensus, escrow::Escrow, provider::Provider,
        audit::Audit, cert::Cert, denoms::Denoms, deployment::Deployment, market::Market;
    ante: Open;
    pre_block: "auth";
    genesis: "auth", "bank", "audit", "consensus", "cert", "denoms", "deployment", "provider",
        "market", "escrow";
    begin_block: "auth";
    end_block: "auth";
}

/// What a scenario needs and what it lacks here.
#[derive(Default)]
struct Scenario {
    name: &'static str,
    /// Coins that the recording mints by a chapter that is not here: given at genesis.
    gifts: &'static [(&'static str, &'static str)],
    /// Transactions of an absent chapter that an account sent before any other: they count.
    sequences: &'static [(&'static str, u64)],
    /// Compared up to this height.
    until: i64,
    /// Whether absent chapters take part all along. Then transactions are executed without
    /// admission, only the events of messages and no queries are compared, and deployments that
    /// an absent chapter had a hand in are left out from then on.
    mixed: bool,
}

struct Replay<R> {
    app: App<R>,
    scenario: Scenario,
    wrong: Vec<String>,
    compared: BTreeMap<&'static str, usize>,
    /// Deployments that an absent chapter had a hand in.
    tainted: BTreeSet<String>,
}

fn replay(scenario: Scenario, at_least: &[(&'static str, usize)]) {
    if scenario.mixed {
        replay_on::<Unsigned>(scenario, at_least);
    } else {
        replay_on::<Market>(scenario, at_least);
    }
}

fn replay_on<R: Runtime>(scenario: Scenario, at_least: &[(&'static str, usize)]) {
    if recordings().is_none() {
        return;
    }
    let genesis = fs::read(recordings().unwrap().join(scenario.name).join("genesis.json")).unwrap();
    let mut genesis: Value = serde_json::from_slice(&genesis).unwrap();
    for (address, coins) in scenario.gifts {
        give(&mut genesis, address, coins);
    }
    for (address, sequence) in scenario.sequences {
        let accounts = genesis["app_state"]["auth"]["accounts"].as_array_mut().unwrap();
        let own = accounts.iter_mut().find(|it| it["address"] == *address).unwrap();
        own["sequence"] = json!(sequence.to_string());
    }
    let stores = ledger::store_names::<R>();
    let store = store::Store::memory(store::Options { stores, history: 1000 }).unwrap();
    let app = App::<R>::new(store, Config::default()).unwrap();
    let params = ConsensusParams::default();
    app.init_chain(RequestInitChain {
        chain_id: genesis["chain_id"].as_str().unwrap().to_owned(),
        consensus_params: Some(params),
        initial_height: 1,
        app_state_bytes: serde_json::to_vec(&genesis["app_state"]).unwrap(),
        ..RequestInitChain::default()
    })
    .unwrap();

    let mut queries: BTreeMap<i64, Vec<Value>> = BTreeMap::new();
    for query in lines(scenario.name, "queries.jsonl") {
        queries.entry(query["height"].as_i64().unwrap()).or_default().push(query);
    }
    let (wrong, compared, tainted) = Default::default();
    let mut replay = Replay { app, scenario, wrong, compared, tainted };
    for block in lines(replay.scenario.name, "blocks.jsonl") {
        let height = block["height"].as_i64().unwrap();
        if height > replay.scenario.until {
            break;
        }
        replay.block(height, &block);
        for query in queries.remove(&height).unwrap_or_default() {
            replay.query(height, &query);
        }
    }
    let Replay { wrong, compared, scenario, .. } = replay;
    eprintln!("{}: compared {compared:?}", scenario.name);
    let count = wrong.len();
    assert!(wrong.is_empty(), "{count} differences:\n{}", wrong[..count.min(40)].join("\n"));
    for (what, least) in at_least {
        let found = compared.get(what).copied().unwrap_or_default();
        assert!(found >= *least, "only {found} {what} were compared, expected {least}");
    }
}

fn give(genesis: &mut Value, address: &str, coins: &str) {
    let coins: types::Coins = coins.parse().unwrap();
    let bank = &mut genesis["app_state"]["bank"];
    let add = |list: &mut Value| {
        let old: Vec<types::Coin> = serde_json::from_value(list.take()).unwrap();
        let sum = types::Coins::new(old).unwrap().add(&coins).unwrap();
        *list = json!(sum);
    };
    let balances = bank["balances"].as_array_mut().unwrap();
    let own = balances.iter_mut().find(|it| it["address"] == address).unwrap();
    add(&mut own["coins"]);
    add(&mut bank["supply"]);
}

fn bytes(text: &Value) -> Vec<u8> {
    STANDARD.decode(text.as_str().unwrap_or_default()).unwrap()
}

fn time(text: &str) -> prost_types::Timestamp {
    text.parse().unwrap()
}

/// Types and attributes of an event that was recorded.
fn recorded_event(event: &Value) -> (String, Vec<(String, String)>) {
    let text = |it: &Value| it.as_str().unwrap_or_default().to_owned();
    let attributes = event["attributes"].as_array().unwrap();
    let pairs = attributes.iter().map(|it| (text(&it["key"]), text(&it["value"]))).collect();
    (text(&event["type"]), pairs)
}

fn own_event(event: &Event) -> (String, Vec<(String, String)>) {
    let pairs = event.attributes.iter().map(|it| (it.key.clone(), it.value.clone())).collect();
    (event.r#type.clone(), pairs)
}

impl<R: Runtime> Replay<R> {
    /// Whether every message of a transaction has its chapter here.
    fn is_ours(&self, tx: &[u8]) -> bool {
        match Tx::decode(tx) {
            Ok(tx) => tx.body.messages.iter().all(|it| self.app.router().has_msg(&it.type_url)),
            Err(_) => true,
        }
    }

    /// Whether a transaction is the business of the chapters that are here, and does not build on
    /// what an absent one did.
    fn is_comparable(&mut self, tx: &[u8], own_code: u32, recorded: &Value) -> bool {
        let ours = self.is_ours(tx);
        if !self.scenario.mixed {
            return ours;
        }
        let mentioned = deployments_in(tx);
        let happened = recorded["code"].as_u64().unwrap_or_default() == 0;
        let tainted = mentioned.iter().any(|it| self.tainted.contains(it));
        // Here nobody grants deposits.
        let drew = |it: &Value| it["type"] == "cosmos.authz.v1beta1.EventGrant";
        let granted =
            happened && (own_code == 28 || recorded["events"].as_array().unwrap().iter().any(drew));
        if (!ours && happened) || granted || tainted {
            self.tainted.extend(mentioned);
            return false;
        }
        ours
    }

    fn count(&mut self, what: &'static str) {
        *self.compared.entry(what).or_default() += 1;
    }

    fn block(&mut self, height: i64, block: &Value) {
        let txs: Vec<Vec<u8>> = block["txs"].as_array().unwrap().iter().map(bytes).collect();
        let answer = self
            .app
            .finalize_block(RequestFinalizeBlock {
                txs: txs.clone(),
                decided_last_commit: CommitInfo::default(),
                height,
                time: time(block["time"].as_str().unwrap()),
                proposer_address: hex(block["proposer_address"].as_str().unwrap()),
                hash: hex(block["hash"].as_str().unwrap()),
                ..RequestFinalizeBlock::default()
            })
            .unwrap();
        self.app.commit(RequestCommit {}).unwrap();
        for (at, (tx, own)) in txs.iter().zip(&answer.tx_results).enumerate() {
            let recorded = &block["tx_results"][at];
            if !self.is_comparable(tx, own.code, recorded) {
                continue;
            }
            self.count("transactions");
            let place = format!("height {height}, tx {at}");
            let code = recorded["code"].as_u64().unwrap_or_default();
            let codespace = recorded["codespace"].as_str().unwrap_or_default();
            let same_code = if codespace == "undefined" {
                // An error that lost its number; ours names the chapter's own.
                own.code != 0 && own.codespace != "undefined"
            } else if (codespace, code) == ("provider", 10) {
                own.codespace == "provider"
            } else {
                (own.codespace.as_str(), u64::from(own.code)) == (codespace, code)
            };
            if !same_code {
                let text = format!(
                    "{place}: {}/{} ({}), recorded {codespace}/{code} ({})",
                    own.codespace, own.code, own.log, recorded["log"]
                );
                self.wrong.push(text);
                continue;
            }
            if own.data != bytes(&recorded["data"]) {
                self.wrong.push(format!("{place}: other data"));
            }
            let mixed = self.scenario.mixed;
            let counts = |it: &(String, Vec<(String, String)>)| {
                !mixed || it.1.iter().any(|(key, _)| key == "msg_index")
            };
            let expected = recorded["events"].as_array().unwrap().iter().map(recorded_event);
            let expected: Vec<_> = expected.filter(counts).collect();
            let found: Vec<_> = own.events.iter().map(own_event).filter(counts).collect();
            if found != expected {
                let first = found.iter().zip(&expected).find(|(a, b)| a != b);
                let text = format!(
                    "{place}: {} events, recorded {}; first difference {first:?}",
                    found.len(),
                    expected.len()
                );
                self.wrong.push(text);
            }
        }
    }

    fn query(&mut self, height: i64, query: &Value) {
        if self.scenario.mixed {
            return;
        }
        match query["kind"].as_str().unwrap() {
            "check_tx" => self.check_tx(height, query),
            "rest" => self.rest(height, query),
            "grpc" => self.grpc(height, query),
            _ => {}
        }
    }

    fn check_tx(&mut self, height: i64, query: &Value) {
        let tx = bytes(&query["tx"]);
        if !self.is_ours(&tx) {
            return;
        }
        self.count("refusals");
        let request = RequestCheckTx { tx, r#type: CheckTxType::New.into() };
        let own = self.app.check_tx(request).unwrap();
        let (space, code) = (query["codespace"].as_str().unwrap(), query["code"].as_u64().unwrap());
        let same = if space == "undefined" {
            own.code != 0 && own.codespace != "undefined"
        } else {
            (own.codespace.as_str(), u64::from(own.code)) == (space, code)
        };
        if !same {
            let text = format!(
                "check_tx at {height}: {}/{} ({}), recorded {space}/{code} ({})",
                own.codespace, own.code, own.log, query["log"]
            );
            self.wrong.push(text);
        }
    }

    fn grpc(&mut self, height: i64, query: &Value) {
        let path = format!("/{}", query["method"].as_str().unwrap());
        if !self.app.router().queries().any(|it| it == path) || !path.starts_with("/akash.") {
            return;
        }
        self.count("queries");
        let output = &registry().method(&path).unwrap().output;
        let output = &registry().message(*output).full_name;
        let shown = |bytes: &[u8]| value_of(output, bytes).unwrap();
        let same = match self.app.grpc_query(&path, &bytes(&query["request"]), height).unwrap() {
            Ok((own, _)) => {
                query["error"].is_null() && shown(&own) == shown(&bytes(&query["response"]))
            }
            Err((code, _)) => query["error"]["code"].as_u64() == Some(u64::from(code.number())),
        };
        if !same {
            self.wrong.push(format!("{path} at {height} over gRPC: another answer"));
        }
    }

    fn rest(&mut self, height: i64, query: &Value) {
        let path = query["path"].as_str().unwrap();
        let ours = ["deployment", "market", "escrow", "provider", "audit", "cert"];
        if !ours.iter().any(|it| path.starts_with(&format!("/akash/{it}/"))) {
            return;
        }
        let Some((method, output, request)) = rest_request(path) else { return };
        self.count("queries");
        let status = query["status"].as_u64().unwrap();
        match self.app.grpc_query(&method, &request, height).unwrap() {
            Ok((bytes, _)) => {
                let body = value_of(&output, &bytes).unwrap();
                if status != 200 || body != query["body"] {
                    let text = format!(
                        "{path} at {height}: {body}\n  recorded {status} {}",
                        query["body"]
                    );
                    self.wrong.push(text);
                }
            }
            Err((code, message)) => {
                let http = match code {
                    Status::InvalidArgument | Status::FailedPrecondition => 400,
                    Status::NotFound => 404,
                    _ => 500,
                };
                if (http, u64::from(code.number()))
                    != (status, query["body"]["code"].as_u64().unwrap_or(0))
                {
                    let text = format!(
                        "{path} at {height}: {http} {code:?} {message}\n  recorded {status} {}",
                        query["body"]
                    );
                    self.wrong.push(text);
                }
            }
        }
    }
}

/// The dseq of every deployment that a transaction names, in fields and in account ids.
fn deployments_in(tx: &[u8]) -> BTreeSet<String> {
    let Ok(tx) = Tx::decode(tx) else { return BTreeSet::new() };
    let mut found = BTreeSet::new();
    for message in &tx.body.messages {
        let name = message.type_url.trim_start_matches('/');
        collect(&value_of(name, &message.value).unwrap_or_default(), &mut found);
    }
    found
}

fn collect(json: &Value, found: &mut BTreeSet<String>) {
    match json {
        Value::Object(fields) => {
            for (name, value) in fields {
                match value {
                    Value::String(text) if name == "dseq" => drop(found.insert(text.clone())),
                    Value::String(text) if name == "xid" => {
                        found.extend(text.split('/').nth(1).map(str::to_owned));
                    }
                    _ => collect(value, found),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|it| collect(it, found)),
        _ => {}
    }
}

fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> =
        text.bytes().filter_map(|it| u8::try_from((it as char).to_digit(16)?).ok()).collect();
    digits.chunks(2).map(|it| it[0] * 16 + it[1]).collect()
}

/// Method, output type and request bytes of a recorded path. `None` for a path without a method
/// and for texts that no request can hold.
fn rest_request(path: &str) -> Option<(String, String, Vec<u8>)> {
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let mut found = None;
    for method in registry().services().iter().flat_map(|it| &it.methods) {
        for rule in method.http.iter().filter(|it| it.verb == "GET") {
            if let Some(captured) = captures(&rule.template, path) {
                let literal = captured.is_empty();
                if found.is_none() || literal {
                    found = Some((method, captured));
                }
            }
        }
    }
    let (method, mut fields) = found?;
    for pair in query.split('&').filter(|it| !it.is_empty()) {
        let (key, value) = pair.split_once('=')?;
        fields.push((decode(key), decode(value)));
    }
    let input = &registry().message(method.input).full_name;
    let mut request = Vec::new();
    for (field, text) in fields {
        request.extend(bytes_of_text(input, &field, &[text.as_str()]).ok()??);
    }
    let output = registry().message(method.output).full_name.clone();
    Some((method.path.clone(), output, request))
}

fn captures(template: &str, path: &str) -> Option<Vec<(String, String)>> {
    let (template, path): (Vec<_>, Vec<_>) =
        (template.split('/').collect(), path.split('/').collect());
    if template.len() != path.len() {
        return None;
    }
    let mut captured = Vec::new();
    for (pattern, part) in template.iter().zip(&path) {
        match pattern.strip_prefix('{').and_then(|it| it.strip_suffix('}')) {
            Some(field) => captured.push((field.to_owned(), decode(part))),
            None if pattern == part => {}
            None => return None,
        }
    }
    Some(captured)
}

/// Undoes percent encoding.
fn decode(text: &str) -> String {
    let mut out = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        match byte {
            b'%' => {
                let pair: String = rest.by_ref().take(2).map(char::from).collect();
                out.push(u8::from_str_radix(&pair, 16).unwrap());
            }
            b'+' => out.push(b' '),
            other => out.push(other),
        }
    }
    String::from_utf8(out).unwrap()
}

#[test]
fn market_groups() {
    replay(
        Scenario { name: "market-groups", until: 1000, ..Scenario::default() },
        &[("transactions", 130), ("queries", 2300)],
    );
}

#[test]
fn market_reclamation() {
    replay(
        Scenario { name: "market-reclamation", until: 1000, ..Scenario::default() },
        &[("transactions", 45), ("queries", 1500)],
    );
}

#[test]
fn market_happy() {
    // t1 and t2 mint uact first.
    let gifts = &[("akash1msqz556cpztwkeq4r4ynd8p8yf84er8sazxpad", "249375000uact")];
    let sequences = &[("akash1msqz556cpztwkeq4r4ynd8p8yf84er8sazxpad", 1)];
    replay(
        Scenario { name: "market-happy", gifts, sequences, until: 1000, ..Scenario::default() },
        &[("transactions", 20), ("queries", 1300)],
    );
}

#[test]
fn market_errors() {
    replay(
        // From height 106 on authz and governance take part.
        Scenario { name: "market-errors", until: 105, ..Scenario::default() },
        &[("transactions", 65), ("refusals", 80), ("queries", 500)],
    );
}

#[test]
fn market_escrow() {
    replay(
        // From height 147 on deposits come from grants.
        Scenario { name: "market-escrow", until: 146, ..Scenario::default() },
        &[("transactions", 50), ("queries", 1000)],
    );
}

#[test]
fn market_queries() {
    replay(
        Scenario { name: "market-queries", until: 1000, ..Scenario::default() },
        &[("transactions", 30), ("queries", 2000)],
    );
}

#[test]
fn what_follows_where_absent_chapters_take_part() {
    for (name, until, least) in [("market-escrow", 1000, 70), ("market-errors", 118, 65)] {
        let scenario = Scenario { name, until, mixed: true, ..Scenario::default() };
        replay(scenario, &[("transactions", least)]);
    }
}

#[test]
fn random_sessions() {
    for name in ["fuzz-1", "fuzz-2", "fuzz-3", "fuzz-4"] {
        let scenario = Scenario { name, until: 1000, mixed: true, ..Scenario::default() };
        replay(scenario, &[("transactions", 100)]);
    }
}
