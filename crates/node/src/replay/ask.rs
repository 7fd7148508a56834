//! Asks what the recording asked, and compares the answers.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use base64::{Engine, prelude::BASE64_STANDARD};
use bytes::Bytes;
use rpc::offline::{Offline, Question, Reply};
use serde_json::{Map, Value, json};
use tokio::{runtime::Runtime, task::JoinHandle};
use types::{json::Unknown, registry::registry, wire::tendermint::abci};

use super::{
    chain::Replayed,
    compare::{messages, short},
    recording::base64,
    report::{Kind, Report},
    rules::{self, Verdict},
    sockets::Sockets,
};

const SIMULATE: &str = "/cosmos.tx.v1beta1.Service/Simulate";
/// How long the recorded node waited for a transaction.
const COMMIT_TIMEOUT: Duration = Duration::from_millis(50);

/// Asks queries of a replayed chain.
pub(super) struct Asker {
    chain: Arc<Replayed>,
    offline: Offline,
    runtime: Runtime,
    /// The same, with the patience to wait for a block of the recording.
    patient: Arc<Offline>,
    /// Our key for the page that a recorded key asks for.
    pages: BTreeMap<String, String>,
    /// Calls that the recorded node answered with a later block.
    waiting: Vec<Waiting>,
    sockets: Sockets,
}

/// A call that is answered when its block is there.
struct Waiting {
    asked_at: i64,
    height: i64,
    query: Value,
    answer: JoinHandle<Result<Reply, String>>,
}

/// More than any replay lasts; and how long a call may take once its block is there.
const PATIENCE: Duration = Duration::from_secs(86_400);
const ANSWER_WITHIN: Duration = Duration::from_secs(60);

impl Asker {
    pub(super) fn new(chain: Arc<Replayed>, sockets: Sockets) -> std::io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let address = "tcp://0.0.0.0:26657".to_owned();
        let patient = Arc::new(Offline::new(chain.clone(), address.clone(), PATIENCE));
        let offline = Offline::new(chain.clone(), address, COMMIT_TIMEOUT);
        Ok(Self {
            chain,
            offline,
            runtime,
            patient,
            pages: BTreeMap::new(),
            waiting: Vec::new(),
            sockets,
        })
    }

    /// Asks the queries of one height, in their order.
    pub(super) fn ask(&mut self, queries: &[Value], leave_out: &[String], report: &mut Report) {
        for query in queries {
            let about = [text(query, "path"), text(query, "method")];
            if leave_out.iter().any(|it| about.iter().any(|about| about.contains(it.as_str()))) {
                continue;
            }
            let height = query.get("height").and_then(Value::as_i64).unwrap_or_default();
            match query.get("kind").and_then(Value::as_str).unwrap_or_default() {
                "check_tx" => self.check_tx(height, query, report),
                "simulate" => self.simulate(height, query, report),
                "rest" => self.rest(height, query, report),
                "grpc" => self.grpc(height, query, report),
                "rpc" => self.rpc(height, query, report),
                "http" => self.http(height, query, report),
                "grpc_reflection" => self.reflection(height, query, report),
                _ => {}
            }
        }
    }

    fn check_tx(&self, height: i64, query: &Value, report: &mut Report) {
        report.compared(Kind::CheckTx);
        let tx = base64(text(query, "tx"));
        let messages = messages(&tx);
        let place = format!("check_tx ({}) {}", short(&messages), text(query, "label"));
        let request = abci::RequestCheckTx { tx, ..abci::RequestCheckTx::default() };
        let ours = match self.chain.app().check_tx(request) {
            Ok(answer) => answer,
            Err(halt) => return report.halted(height, &halt.0),
        };
        let recorded = (text(query, "codespace"), number(query, "code"));
        let own = (ours.codespace.as_str(), i64::from(ours.code));
        match rules::codes(own, recorded, false) {
            Verdict::Same => {}
            Verdict::Known(rule) => report.known(rule),
            Verdict::Different => report.differ_in(
                &short(&messages),
                Kind::CheckTx,
                height,
                place,
                "",
                (
                    format!("{}/{} {}", own.0, own.1, ours.log),
                    format!("{}/{} {}", recorded.0, recorded.1, text(query, "log")),
                ),
            ),
        }
    }

    fn simulate(&self, height: i64, query: &Value, report: &mut Report) {
        use prost::Message as _;
        use types::wire::cosmos::tx::v1beta1::SimulateRequest;
        report.compared(Kind::Simulate);
        let tx = base64(text(query, "tx"));
        let messages = messages(&tx);
        let place = format!("simulate ({}) {}", short(&messages), text(query, "label"));
        let request = SimulateRequest { tx_bytes: tx, ..SimulateRequest::default() };
        let data = Bytes::from(request.encode_to_vec());
        let ours = self.runtime.block_on(self.offline.grpc(SIMULATE, data, 0));
        let recorded = text(query, "error");
        let code = query.get("grpc_code").and_then(Value::as_u64);
        let same = match &ours {
            Ok(_) => recorded.is_empty(),
            Err(it) => {
                !recorded.is_empty() && code.is_none_or(|code| code == u64::from(it.grpc_code))
            }
        };
        if !same {
            let ours = match ours {
                Ok(_) => "no error".to_owned(),
                Err(it) => format!("{} {}", it.grpc_code, it.message),
            };
            let recorded = format!("{} {recorded}", code.unwrap_or_default());
            report.differ_in(
                &short(&messages),
                Kind::Simulate,
                height,
                place,
                "",
                (ours, recorded),
            );
        }
    }

    fn rest(&mut self, height: i64, query: &Value, report: &mut Report) {
        report.compared(Kind::Rest);
        let path = self.turn_page(text(query, "path"));
        // A height that is asked for in words of the client's own leaves no room for ours.
        let headers = headers_of(query);
        let question = Question {
            verb: text(query, "method").to_owned(),
            path: path.clone(),
            height: if headers.is_empty() { height } else { 0 },
            headers,
            body: match query.get("request") {
                None | Some(Value::Null) => Bytes::new(),
                Some(Value::String(it)) => Bytes::from(it.clone()),
                Some(it) => Bytes::from(it.to_string()),
            },
        };
        let subject = subject_of(text(query, "path"));
        let recorded_status = number(query, "status");
        let mut recorded = query.get("body").cloned().unwrap_or_default();
        rules::settle_order(&subject, &mut recorded);
        let reply = match self.runtime.block_on(self.offline.rest(&question)) {
            Ok(reply) => reply,
            Err(error) => {
                report.differ_in(&subject, Kind::Rest, height, path, "", (error, "an answer"));
                return;
            }
        };
        let mut body: Value = serde_json::from_slice(&reply.body)
            .unwrap_or_else(|_| Value::from(String::from_utf8_lossy(&reply.body).into_owned()));
        rules::settle_order(&subject, &mut body);
        if path.contains("path=/app/version") {
            for it in [&mut body, &mut recorded] {
                it.as_object_mut().map(|it| it.remove("value"));
            }
        }
        self.remember_page(&body, &recorded);
        if let Some(recorded) = query.get("height_header").and_then(Value::as_str) {
            let ours = header(&reply, rpc::HEIGHT_HEADER);
            if ours != recorded {
                let what = "the header of the height";
                report.differ_in(&subject, Kind::Rest, height, &*path, what, (ours, recorded));
            }
        }
        if i64::from(reply.status) != recorded_status {
            let ours = format!("{} {body}", reply.status);
            let recorded = format!("{recorded_status} {recorded}");
            report.differ_in(&subject, Kind::Rest, height, path, "status", (ours, recorded));
        } else if recorded_status == 200 {
            let (body, recorded) = (in_order(&subject, body), in_order(&subject, recorded));
            if let Some((what, ours, recorded)) = difference(&subject, &body, &recorded, "") {
                report.differ_in(&subject, Kind::Rest, height, path, what, (ours, recorded));
            }
        } else if body.get("code") != recorded.get("code") {
            let (ours, recorded) = (body.to_string(), recorded.to_string());
            report.differ_in(&subject, Kind::Rest, height, path, "code", (ours, recorded));
        } else if body.get("message") != recorded.get("message") {
            let (ours, recorded) = (text(&body, "message"), text(&recorded, "message"));
            report.differ_in(&subject, Kind::Wording, height, path, "message", (ours, recorded));
        }
    }

    fn grpc(&mut self, height: i64, query: &Value, report: &mut Report) {
        report.compared(Kind::Grpc);
        let subject = text(query, "method").trim_start_matches('/').to_owned();
        let path = format!("/{subject}");
        let method = registry().method(&path);
        let mut request = base64(text(query, "request"));
        if let Some(method) = method {
            let input = &registry().message(method.input).full_name;
            request = self.turn_page_of(input, request);
        }
        let ours = self.runtime.block_on(self.offline.grpc(&path, Bytes::from(request), height));
        let place = format!("gRPC {subject}");
        let error = query.get("error").filter(|it| !it.is_null());
        match (ours, error) {
            (Err(ours), Some(error)) => {
                let code = error.get("code").and_then(Value::as_u64);
                if code != Some(u64::from(ours.grpc_code)) {
                    let ours = format!("{} {}", ours.grpc_code, ours.message);
                    let recorded = error.to_string();
                    report.differ_in(&subject, Kind::Grpc, height, place, "", (ours, recorded));
                } else if ours.message != text(error, "message") {
                    let recorded = text(error, "message");
                    let ours = ours.message;
                    report.differ_in(&subject, Kind::Wording, height, place, "", (ours, recorded));
                }
            }
            (Err(ours), None) => {
                let ours = format!("{} {}", ours.grpc_code, ours.message);
                let recorded = self.decoded(method, &base64(text(query, "response"))).to_string();
                report.differ_in(&subject, Kind::Grpc, height, place, "", (ours, recorded));
            }
            (Ok(ours), Some(error)) => {
                let ours = self.decoded(method, &ours.value).to_string();
                let recorded = error.to_string();
                report.differ_in(&subject, Kind::Grpc, height, place, "", (ours, recorded));
            }
            (Ok(ours), None) => {
                let mut ours = self.decoded(method, &ours.value);
                let mut recorded = self.decoded(method, &base64(text(query, "response")));
                rules::settle_order(&subject, &mut ours);
                rules::settle_order(&subject, &mut recorded);
                self.remember_page(&ours, &recorded);
                let (ours, recorded) = (in_order(&subject, ours), in_order(&subject, recorded));
                if let Some((what, ours, recorded)) = difference(&subject, &ours, &recorded, "") {
                    report.differ_in(&subject, Kind::Grpc, height, place, what, (ours, recorded));
                }
            }
        }
    }

    /// A raw request to the CometBFT listener.
    fn http(&self, height: i64, query: &Value, report: &mut Report) {
        report.compared(Kind::Http);
        let (verb, path) = (text(query, "method"), text(query, "path"));
        let question = Question {
            verb: verb.to_owned(),
            path: path.to_owned(),
            body: Bytes::from(body_of(text(query, "request"))),
            ..Question::default()
        };
        let place = format!("{verb} {path} {}", text(query, "request"));
        let reply = match self.runtime.block_on(self.offline.comet(&question)) {
            Ok(it) => it,
            Err(error) => {
                return report.differ_in(path, Kind::Http, height, place, "", (error, "an answer"));
            }
        };
        let recorded = query.get("body").cloned().unwrap_or_default();
        let body = String::from_utf8_lossy(&reply.body).into_owned();
        let is_page = recorded.as_str().is_some_and(|it| it.contains("<html>"));
        let heads = [
            ("status", reply.status.to_string(), number(query, "status").to_string()),
            (
                "content_type",
                header(&reply, "content-type"),
                text(query, "content_type").to_owned(),
            ),
            (
                "cache_control",
                header(&reply, "cache-control"),
                text(query, "cache_control").to_owned(),
            ),
        ];
        for (what, ours, recorded) in heads {
            if ours != recorded {
                report.differ_in(path, Kind::Http, height, place, what, (ours, recorded));
                return;
            }
        }
        if is_page {
            return;
        }
        let mut ours = serde_json::from_str(&body).unwrap_or_else(|_| Value::from(body.clone()));
        let mut recorded = match recorded {
            Value::String(it) => serde_json::from_str(&it).unwrap_or(Value::from(it)),
            other => other,
        };
        // The word behind the first slash is the method.
        let method = path.trim_start_matches('/').split('?').next().unwrap_or_default();
        for it in [&mut ours, &mut recorded] {
            drop_parser_words(it);
            if let Some(result) = it.get_mut("result") {
                let params = json!({ "path": argument(path, "path") });
                open_up(method, Some(&params), result);
            }
        }
        let subject = format!("rpc {method}");
        if let Some((what, ours, recorded)) = difference(&subject, &ours, &recorded, "") {
            report.differ_in(path, Kind::Http, height, place, what, (ours, recorded));
        }
    }

    /// What server reflection lists, of the version that the node speaks.
    fn reflection(&self, height: i64, query: &Value, report: &mut Report) {
        report.compared(Kind::Grpc);
        let Some(recorded) = query.get("services") else { return };
        // Services of our own come on top.
        let ours = self.offline.reflected().into_iter().filter(|it| !it.starts_with("haggle."));
        let ours = json!(ours.collect::<Vec<_>>());
        if let Some((what, ours, recorded)) = difference("reflection", &ours, recorded, "") {
            let place = "server reflection";
            report.differ_in(place, Kind::Grpc, height, place, what, (ours, recorded));
        }
    }

    fn rpc(&mut self, height: i64, query: &Value, report: &mut Report) {
        report.compared(Kind::Rpc);
        let method = text(query, "method");
        let params = query.get("params").cloned().unwrap_or_else(|| json!({}));
        let call = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
        let place = format!("{method} {}", call["params"]);
        let question = Question {
            verb: "POST".to_owned(),
            path: "/".to_owned(),
            body: Bytes::from(call.to_string()),
            ..Question::default()
        };
        let block = query.get("result").map(|it| text(it, "height")).and_then(|it| it.parse().ok());
        if let Some(block) = block.filter(|it| method == "broadcast_tx_commit" && *it > height) {
            let patient = self.patient.clone();
            let answer = self.runtime.spawn(async move { patient.comet(&question).await });
            // Lets the call run up to where it waits for the block.
            self.runtime.block_on(async {
                for _ in 0..STEPS {
                    tokio::task::yield_now().await;
                }
            });
            let query = query.clone();
            self.waiting.push(Waiting { asked_at: height, height: block, query, answer });
            return;
        }
        let reply = self.runtime.block_on(self.offline.comet(&question));
        self.compare_rpc(height, query, reply, place, report);
    }

    /// Compares what blocks up to this height have answered.
    pub(super) fn settle(&mut self, height: i64, report: &mut Report) {
        self.sockets.go_on(height, &self.runtime, &self.offline, report);
        let (due, later) =
            std::mem::take(&mut self.waiting).into_iter().partition(|it| it.height <= height);
        self.waiting = later;
        for Waiting { asked_at, query, answer, .. } in due {
            let answer = self
                .runtime
                .block_on(async { tokio::time::timeout(ANSWER_WITHIN, answer).await })
                .map_or_else(
                    |_| Err("no answer".to_owned()),
                    |it| it.unwrap_or_else(|it| Err(it.to_string())),
                );
            let place = format!("{} of height {asked_at}", text(&query, "method"));
            self.compare_rpc(asked_at, &query, answer, place, report);
        }
    }

    /// Notes what was to come and never came.
    pub(super) fn end(&mut self, height: i64, report: &mut Report) {
        self.settle(i64::MAX, report);
        self.sockets.end(height, report);
    }

    fn compare_rpc(
        &self,
        height: i64,
        query: &Value,
        reply: Result<Reply, String>,
        place: String,
        report: &mut Report,
    ) {
        let method = text(query, "method");
        let subject = format!("rpc {method}");
        let reply = match reply {
            Ok(reply) => serde_json::from_slice::<Value>(&reply.body).unwrap_or_default(),
            Err(error) => {
                report.differ_in(method, Kind::Rpc, height, place, "", (error, "an answer"));
                return;
            }
        };
        for member in ["error", "result"] {
            let mut ours = reply.get(member).cloned().unwrap_or_default();
            let mut recorded = query.get(member).cloned().unwrap_or_default();
            for it in [&mut ours, &mut recorded] {
                open_up(method, query.get("params"), it);
            }
            if let Some((what, ours, recorded)) = difference(&subject, &ours, &recorded, "") {
                let what = format!("{member}.{what}");
                report.differ_in(method, Kind::Rpc, height, place, what, (ours, recorded));
                return;
            }
        }
    }

    /// An answer as JSON, or as base64 where its type is not known.
    fn decoded(&self, method: Option<&types::registry::Method>, bytes: &[u8]) -> Value {
        let output = method.map(|it| &registry().message(it.output).full_name);
        let json = output.and_then(|it| types::json::value_of(it, bytes).ok());
        json.unwrap_or_else(|| Value::from(BASE64_STANDARD.encode(bytes)))
    }

    /// Remembers which key of ours stands for a recorded one.
    fn remember_page(&mut self, ours: &Value, recorded: &Value) {
        let key = |it: &Value| it.get("pagination")?.get("next_key")?.as_str().map(str::to_owned);
        if let (Some(ours), Some(recorded)) = (key(ours), key(recorded)) {
            self.pages.insert(recorded, ours);
        }
    }

    /// A path with our key in place of a recorded one.
    fn turn_page(&self, path: &str) -> String {
        let Some((head, query)) = path.split_once('?') else { return path.to_owned() };
        let pairs = query.split('&').map(|pair| {
            let Some((name, key)) = pair.split_once('=') else { return pair.to_owned() };
            if unescaped(name) != "pagination.key" {
                return pair.to_owned();
            }
            match self.pages.get(&unescaped(key)) {
                Some(ours) => format!("{name}={}", escaped(ours)),
                None => pair.to_owned(),
            }
        });
        format!("{head}?{}", pairs.collect::<Vec<_>>().join("&"))
    }

    /// The same for an encoded request.
    fn turn_page_of(&self, input: &str, request: Vec<u8>) -> Vec<u8> {
        let Ok(mut json) = types::json::value_of(input, &request) else { return request };
        let key = json.get("pagination").and_then(|it| it.get("key")).and_then(Value::as_str);
        let Some(ours) = key.and_then(|it| self.pages.get(it)) else { return request };
        if let Some(page) = json.get_mut("pagination").and_then(Value::as_object_mut) {
            page.insert("key".to_owned(), json!(ours));
        }
        types::json::bytes_of(input, &json, Unknown::Refuse).unwrap_or(request)
    }
}

/// How often a call may stop before it waits for a block.
const STEPS: usize = 64;

fn header(reply: &Reply, name: &str) -> String {
    let value = reply.headers.get(name).and_then(|it| it.to_str().ok());
    value.unwrap_or_default().to_owned()
}

/// The body of a raw request; a long one is recorded as `(1000001 bytes)`.
fn body_of(text: &str) -> Vec<u8> {
    let count = text.strip_prefix('(').and_then(|it| it.strip_suffix(" bytes)"));
    match count.and_then(|it| it.parse().ok()) {
        Some(count) => vec![b'a'; count],
        None => text.as_bytes().to_vec(),
    }
}

/// The headers that a recorded client sent, names in lower case.
fn headers_of(query: &Value) -> Vec<(String, String)> {
    let headers = query.get("request_headers").and_then(Value::as_object);
    let headers = headers.into_iter().flatten();
    headers
        .filter_map(|(name, value)| Some((name.to_lowercase(), value.as_str()?.to_owned())))
        .collect()
}

/// The value of an argument in a path, without its quotes.
fn argument(path: &str, name: &str) -> String {
    let pairs = path.split_once('?').map_or("", |it| it.1).split('&');
    let mut values = pairs.filter_map(|it| it.split_once('=').filter(|it| it.0 == name));
    values.next().map_or_else(String::new, |it| unescaped(it.1).trim_matches('"').to_owned())
}

/// What a JSON parser says of a text that is none is the parser's own affair.
pub(super) fn drop_parser_words(answer: &mut Value) {
    const PREFIX: &str = "error unmarshaling request: ";
    if let Some(data) = answer.get_mut("error").and_then(|it| it.get_mut("data"))
        && data.as_str().is_some_and(|it| it.starts_with(PREFIX))
    {
        *data = Value::from(PREFIX);
    }
}

/// Puts what is inside of bytes in their place, and drops what consensus alone knows: an answer of
/// a service within `abci_query`, the version of the software, the signatures of a commit that no
/// later block repeats.
fn open_up(method: &str, params: Option<&Value>, answer: &mut Value) {
    match method {
        "abci_query" => {
            let path = params.and_then(|it| it.get("path")).and_then(Value::as_str);
            let path = path.unwrap_or_default();
            let Some(value) = answer.get_mut("response").and_then(|it| it.get_mut("value")) else {
                return;
            };
            if path.ends_with("app/version") {
                *value = Value::Null;
            }
            let output = registry().method(path);
            let output = output.map(|it| &registry().message(it.output).full_name);
            let bytes = value.as_str().map(base64);
            if let (Some(output), Some(bytes)) = (output, bytes)
                && let Ok(decoded) = types::json::value_of(output, &bytes)
            {
                *value = decoded;
            }
        }
        "commit" if answer.get("canonical") == Some(&Value::Bool(false)) => {
            let commit = answer.get_mut("signed_header").and_then(|it| it.get_mut("commit"));
            if let Some(commit) = commit.and_then(Value::as_object_mut) {
                commit.remove("signatures");
            }
        }
        _ => {}
    }
}

fn text<'a>(query: &'a Value, member: &str) -> &'a str {
    query.get(member).and_then(Value::as_str).unwrap_or_default()
}

fn number(query: &Value, member: &str) -> i64 {
    query.get(member).and_then(Value::as_i64).unwrap_or_default()
}

/// A path without its arguments, for the summary.
fn subject_of(path: &str) -> String {
    let path = path.split('?').next().unwrap_or(path);
    let pieces = path.split('/').map(|piece| {
        let is_argument = piece.starts_with("akash1")
            || piece.starts_with("akashval")
            || piece.chars().all(|it| it.is_ascii_digit()) && !piece.is_empty();
        if is_argument { "*" } else { piece }
    });
    pieces.collect::<Vec<_>>().join("/")
}

fn unescaped(text: &str) -> String {
    let text = text.replace('+', " ");
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let code = (*first == b'%').then(|| after.get(..2)).flatten();
        match code.and_then(|it| hex::decode(it).ok()) {
            Some(decoded) => {
                bytes.extend(decoded);
                rest = after.get(2..).unwrap_or_default();
            }
            None => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn escaped(key: &str) -> String {
    key.replace('%', "%25").replace('+', "%2B").replace('/', "%2F").replace('=', "%3D")
}

/// An answer with its lists sorted where the reference lists at random: legacy subspaces, and the
/// keys of each.
fn in_order(subject: &str, mut answer: Value) -> Value {
    let subspaces = answer.get_mut("subspaces").and_then(Value::as_array_mut);
    if let Some(subspaces) = subspaces.filter(|_| subject.contains("cosmos")) {
        for subspace in subspaces.iter_mut() {
            if let Some(keys) = subspace.get_mut("keys").and_then(Value::as_array_mut) {
                keys.sort_by_key(Value::to_string);
            }
        }
        subspaces.sort_by_key(|it| it.get("subspace").map(Value::to_string));
    }
    answer
}

/// Where two answers part first: the member, ours and the recorded. Keys of pages and what hangs
/// on hashes may differ.
pub(super) fn difference(
    subject: &str,
    ours: &Value,
    recorded: &Value,
    at: &str,
) -> Option<(String, String, String)> {
    let nothing = Value::Null;
    match (ours, recorded) {
        (Value::Object(ours), Value::Object(recorded)) => members(subject, ours, recorded, at),
        (Value::Array(ours), Value::Array(recorded)) => {
            for place in 0..ours.len().max(recorded.len()) {
                let inner = format!("{at}[{place}]");
                match (ours.get(place), recorded.get(place)) {
                    (Some(ours), Some(recorded)) => {
                        if let Some(found) = difference(subject, ours, recorded, &inner) {
                            return Some(found);
                        }
                    }
                    (own, theirs) => {
                        let shown = |it: Option<&Value>| {
                            it.map_or_else(|| "(nothing)".to_owned(), Value::to_string)
                        };
                        let counts =
                            format!("{inner} ({} items, recorded {})", ours.len(), recorded.len());
                        return Some((counts, shown(own), shown(theirs)));
                    }
                }
            }
            None
        }
        _ if ours == recorded => None,
        _ if at.ends_with("next_key") && *ours != nothing && *recorded != nothing => None,
        _ => Some((at.to_owned(), ours.to_string(), recorded.to_string())),
    }
}

fn members(
    subject: &str,
    ours: &Map<String, Value>,
    recorded: &Map<String, Value>,
    at: &str,
) -> Option<(String, String, String)> {
    let extra = ours.keys().filter(|it| !recorded.contains_key(*it));
    for name in recorded.keys().chain(extra) {
        if rules::is_free(subject, name) {
            continue;
        }
        let inner = if at.is_empty() { name.clone() } else { format!("{at}.{name}") };
        match (ours.get(name), recorded.get(name)) {
            (Some(ours), Some(recorded)) => {
                if let Some(found) = difference(subject, ours, recorded, &inner) {
                    return Some(found);
                }
            }
            (own, theirs) => {
                let shown =
                    |it: Option<&Value>| it.map_or_else(|| "(absent)".to_owned(), Value::to_string);
                return Some((inner, shown(own), shown(theirs)));
            }
        }
    }
    None
}
