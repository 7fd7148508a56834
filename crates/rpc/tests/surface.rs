//! The recorded surface of the reference (conformance/rpc-surface), asked again of our listeners
//! over the same chain.

#![allow(
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    clippy::print_stderr,
    missing_docs,
    unreachable_pub,
    reason = "tests"
)]

mod recorded;

use std::{net::SocketAddr, sync::Arc, time::Duration};

use base64::{Engine, prelude::BASE64_STANDARD};
use futures::{SinkExt, StreamExt};
use recorded::{Recorded, answer_of, folder, queries};
use rpc::{Config, Handle};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use tokio_tungstenite::tungstenite::Message;
use types::registry::registry;

async fn start(folder: &std::path::Path) -> (Arc<Recorded>, Handle) {
    let chain = Arc::new(Recorded::load(folder));
    let any: SocketAddr = "127.0.0.1:0".parse().unwrap();
    let config = Config { rpc: any, rest: any, grpc: any };
    let handle = rpc::serve(config, chain.clone()).await.unwrap();
    (chain, handle)
}

struct Answer {
    status: u16,
    headers: Vec<(String, String)>,
    body: String,
}

impl Answer {
    fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(it, _)| it == name).map_or("", |(_, it)| it)
    }

    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| Value::from(self.body.clone()))
    }
}

/// One request on a connection of its own, with the target exactly as given.
async fn ask(
    addr: SocketAddr,
    method: &str,
    target: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> Answer {
    let mut stream = TcpStream::connect(addr).await.unwrap();
    let mut request = format!("{method} {target} HTTP/1.1\r\nhost: test\r\nconnection: close\r\n");
    for (name, value) in headers {
        request.push_str(&format!("{name}: {value}\r\n"));
    }
    request.push_str(&format!("content-length: {}\r\n\r\n{body}", body.len()));
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).await.unwrap();
    let text = String::from_utf8(bytes).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    let mut lines = head.lines();
    let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
    let headers = lines.map(|it| {
        let (name, value) = it.split_once(": ").unwrap();
        (name.to_ascii_lowercase(), value.to_owned())
    });
    Answer { status, headers: headers.collect(), body: body.to_owned() }
}

/// Takes out what need not be the same: our own version, address and build.
fn own_facts(mut json: Value) -> Value {
    fn walk(json: &mut Value) {
        match json {
            Value::Object(members) => {
                for name in
                    ["rpc_address", "go_version", "build_deps", "cosmos_sdk_version", "build_tags"]
                {
                    if let Some(it) = members.get_mut(name) {
                        *it = Value::from("own");
                    }
                }
                if let Some(it) = members.get_mut("version")
                    && it.as_str().is_some_and(|it| it.starts_with("0.38."))
                {
                    *it = Value::from("own");
                }
                if let Some(it) = members.get_mut("listeners") {
                    *it = Value::from("own");
                }
                members.values_mut().for_each(walk);
            }
            Value::Array(list) => list.iter_mut().for_each(walk),
            _ => {}
        }
    }
    walk(&mut json);
    json
}

/// Sizes of blocks depend on commits that are not recorded for every height.
fn without_sizes(mut json: Value) -> Value {
    if let Some(metas) = json.get_mut("block_metas").and_then(Value::as_array_mut) {
        for meta in metas {
            meta["block_size"] = Value::from("own");
        }
    }
    json
}

fn short(json: &Value) -> String {
    json.to_string().chars().take(500).collect()
}

/// Methods that tell of the engine's round, which only the recorded engine was in.
const NOT_OFFERED: [&str; 2] = ["consensus_state", "dump_consensus_state"];

/// Where two values differ first.
fn difference(path: &str, got: &Value, wanted: &Value) -> Option<String> {
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
        _ if got == wanted => None,
        _ => Some(format!("{path}: got {}, want {}", short(got), short(wanted))),
    }
}

#[tokio::test]
async fn json_rpc_answers_as_recorded() {
    let Some(folder) = folder() else { return };
    let (chain, handle) = start(&folder).await;
    let (mut checked, mut wrong) = (0, Vec::new());
    for line in queries(&folder) {
        chain.prepare(&line);
        if line["kind"] != "rpc" {
            continue;
        }
        let method = line["method"].as_str().unwrap();
        let params = &line["params"];
        // These wait for a block that never comes; another test has them.
        let waits = method == "broadcast_tx_commit"
            && line["error"]["data"].as_str().is_some_and(|it| it.starts_with("timed out"));
        if NOT_OFFERED.contains(&method) || waits {
            continue;
        }
        let request = json!({"jsonrpc": "2.0", "id": 7, "method": method, "params": params});
        let answer = ask(handle.rpc_addr(), "POST", "/", &[], &request.to_string()).await;
        checked += 1;
        let status = line.get("http_status").and_then(Value::as_u64).unwrap_or(200);
        let got = without_sizes(own_facts(answer.json()["result"].clone()));
        let wanted = without_sizes(own_facts(line.get("result").cloned().unwrap_or_default()));
        let error = answer.json().get("error").cloned().unwrap_or_default();
        let wanted_error = line.get("error").cloned().unwrap_or_default();
        let same_error = error["code"] == wanted_error["code"];
        if u64::from(answer.status) != status || got != wanted || !same_error {
            wrong.push(format!(
                "{method} {}\n  got  {} {}\n  want {} {}",
                short(params),
                short(&got),
                short(&error),
                short(&wanted),
                short(&wanted_error)
            ));
        } else if error != wanted_error {
            // The words may differ, but not by much: list them when something else is wrong.
            eprintln!("{method} {}: {error} instead of {wanted_error}", short(params));
        }
    }
    assert!(wrong.is_empty(), "{} of {checked} wrong:\n{}", wrong.len(), wrong.join("\n"));
    assert!(checked > 220, "{checked}");
    handle.shutdown().await;
}

#[tokio::test]
async fn http_answers_as_recorded() {
    let Some(folder) = folder() else { return };
    let (chain, handle) = start(&folder).await;
    let (mut checked, mut wrong) = (0, Vec::new());
    for line in queries(&folder) {
        if line["kind"] != "http" {
            continue;
        }
        chain.prepare(&line);
        let (method, path) = (line["method"].as_str().unwrap(), line["path"].as_str().unwrap());
        if NOT_OFFERED.iter().any(|it| path.starts_with(&format!("/{it}"))) {
            continue;
        }
        // A preflight is answered for browsers, which the recorded node did not do.
        if method == "OPTIONS" {
            continue;
        }
        let body = match &line["request"] {
            Value::String(it) if it == "(1000001 bytes)" => " ".repeat(1_000_001),
            Value::String(it) => it.clone(),
            Value::Null => String::new(),
            other => other.to_string(),
        };
        let target = path.replace(' ', "%20");
        let answer = ask(handle.rpc_addr(), method, &target, &[], &body).await;
        checked += 1;
        let is_html = answer.header("content-type").starts_with("text/html");
        let got = without_sizes(own_facts(answer.json()["result"].clone()));
        let wanted = without_sizes(own_facts(line["body"]["result"].clone()));
        let list = |it: &Value| it.as_array().map(Vec::len);
        let same = u64::from(answer.status) == line["status"].as_u64().unwrap()
            && answer.header("cache-control") == line["cache_control"]
            && (is_html && line["content_type"] == "text/html"
                || answer.header("content-type") == line["content_type"])
            && got == wanted
            && answer.json()["id"] == line["body"]["id"]
            && list(&answer.json()) == list(&line["body"])
            && answer.json()["error"]["code"] == line["body"]["error"]["code"];
        if !same {
            wrong.push(format!(
                "{method} {path} {}\n  got  {} {} {} {}\n  want {} {} {} {}",
                body.chars().take(200).collect::<String>(),
                answer.status,
                answer.header("cache-control"),
                answer.header("content-type"),
                short(&answer.json()),
                line["status"],
                line["cache_control"],
                line["content_type"],
                short(&line["body"])
            ));
        }
    }
    drop(chain);
    assert!(wrong.is_empty(), "{} of {checked} wrong:\n{}", wrong.len(), wrong.join("\n"));
    assert!(checked > 70, "{checked}");
    handle.shutdown().await;
}

/// Whether the application alone can answer this path.
fn is_forwarded(path: &str) -> bool {
    path.contains(".Query/") || path.ends_with("/Simulate")
}

#[tokio::test]
async fn the_gateway_answers_as_recorded() {
    let Some(folder) = folder() else { return };
    let (chain, handle) = start(&folder).await;
    let (mut checked, mut wrong) = (0, Vec::new());
    for line in queries(&folder) {
        if line["kind"] != "rest" {
            continue;
        }
        let (method, path) = (line["method"].as_str().unwrap(), line["path"].as_str().unwrap());
        // The node knows no amino binary: the reference does not either, and says so.
        if path.ends_with("/amino") {
            continue;
        }
        chain.prepare(&line);
        let body = line.get("request").map(Value::to_string).unwrap_or_default();
        let headers: Vec<_> = line["request_headers"]
            .as_object()
            .into_iter()
            .flatten()
            .map(|(name, it)| (name.as_str(), it.as_str().unwrap()))
            .collect();
        // What a module would say comes from the recording; which module is found by the path.
        let module = registry().services().iter().flat_map(|it| &it.methods).find(|it| {
            let pieces: Vec<_> = path.split('?').next().unwrap().split('/').collect();
            is_forwarded(&it.path)
                && it.http.iter().any(|rule| {
                    let wanted: Vec<_> = rule.template.split('/').collect();
                    rule.verb == method
                        && pieces.len() == wanted.len()
                        && pieces.iter().zip(wanted).all(|(a, b)| b.starts_with('{') || *a == b)
                })
        });
        if let Some(module) = module {
            let output = &registry().message(module.output).full_name;
            *chain.next.lock().unwrap() = Some(answer_of(&line, output));
        }
        let answer = ask(handle.rest_addr(), method, path, &headers, &body).await;
        checked += 1;
        let got = own_facts(answer.json());
        let wanted = own_facts(line["body"].clone());
        let code_only = line["status"] != 200;
        let same = u64::from(answer.status) == line["status"].as_u64().unwrap()
            && if code_only { got["code"] == wanted["code"] } else { got == wanted }
            && (code_only || answer.header("x-cosmos-block-height") == line["height_header"]);
        if !same {
            wrong.push(format!(
                "{method} {path} {}\n  got  {} {} {}\n  want {} {} {}",
                body.chars().take(100).collect::<String>(),
                answer.status,
                answer.header("x-cosmos-block-height"),
                short(&got),
                line["status"],
                line["height_header"],
                short(&wanted)
            ));
        } else if code_only && got["message"] != wanted["message"] {
            eprintln!("{method} {path}: {} instead of {}", got["message"], wanted["message"]);
        }
    }
    assert!(wrong.is_empty(), "{} of {checked} wrong:\n{}", wrong.len(), wrong.join("\n"));
    assert!(checked > 80, "{checked}");
    handle.shutdown().await;
}

async fn grpc_call(
    addr: SocketAddr,
    path: &str,
    request: Vec<u8>,
    height: Option<i64>,
) -> Result<(Vec<u8>, String), tonic::Status> {
    let channel = tonic::transport::Endpoint::from_shared(format!("http://{addr}"))
        .unwrap()
        .connect()
        .await
        .unwrap();
    let mut grpc = tonic::client::Grpc::new(channel);
    grpc.ready().await.unwrap();
    let mut request = tonic::Request::new(Raw(request));
    if let Some(height) = height {
        request.metadata_mut().insert("x-cosmos-block-height", height.into());
    }
    let codec = tonic_prost::ProstCodec::<Raw, Raw>::default();
    let path = http::uri::PathAndQuery::try_from(path.to_owned()).unwrap();
    let response = grpc.unary(request, path, codec).await?;
    let heights: Vec<_> = response.metadata().get_all("x-cosmos-block-height").iter().collect();
    assert!(heights.len() <= 1, "at most one height");
    let height = heights.first().map_or("", |it| it.to_str().unwrap()).to_owned();
    Ok((response.into_inner().0, height))
}

/// A message that is its own bytes.
#[derive(Clone, Debug, Default, PartialEq)]
struct Raw(Vec<u8>);

impl prost::Message for Raw {
    fn encode_raw(&self, into: &mut impl bytes::BufMut) {
        into.put_slice(&self.0);
    }

    fn merge_field(
        &mut self,
        tag: u32,
        wire_type: prost::encoding::WireType,
        from: &mut impl bytes::Buf,
        _: prost::encoding::DecodeContext,
    ) -> Result<(), prost::DecodeError> {
        // Only length-delimited fields and varints occur in the recorded answers.
        prost::encoding::encode_key(tag, wire_type, &mut self.0);
        match wire_type {
            prost::encoding::WireType::Varint => {
                prost::encoding::encode_varint(prost::encoding::decode_varint(from)?, &mut self.0);
            }
            _ => {
                let len = prost::encoding::decode_varint(from)?;
                prost::encoding::encode_varint(len, &mut self.0);
                self.0.extend(from.copy_to_bytes(len as usize));
            }
        }
        Ok(())
    }

    fn encoded_len(&self) -> usize {
        self.0.len()
    }

    fn clear(&mut self) {
        self.0.clear();
    }
}

#[tokio::test]
async fn grpc_answers_a_tonic_client_as_recorded() {
    let Some(folder) = folder() else { return };
    let (chain, handle) = start(&folder).await;
    let mut wrong = Vec::new();
    let mut checked = 0;
    for line in queries(&folder) {
        if line["kind"] != "grpc" {
            continue;
        }
        let path = format!("/{}", line["method"].as_str().unwrap());
        let request = BASE64_STANDARD.decode(line["request"].as_str().unwrap()).unwrap();
        let height = line["height"].as_i64().filter(|it| *it != 23);
        if is_forwarded(&path) {
            *chain.next.lock().unwrap() = Some(answer_of(&line, ""));
        }
        let answer = grpc_call(handle.grpc_addr(), &path, request.clone(), height).await;
        checked += 1;
        match (answer, line.get("error")) {
            (Ok((bytes, height)), None) => {
                let output = registry().method(&path).unwrap().output;
                let name = &registry().message(output).full_name;
                let print = |bytes: &[u8]| own_facts(types::json::value_of(name, bytes).unwrap());
                let wanted = BASE64_STANDARD.decode(line["response"].as_str().unwrap()).unwrap();
                if print(&bytes) != print(&wanted)
                    || height
                        != line["initial_metadata"]["x-cosmos-block-height"].as_str().unwrap_or("")
                {
                    let difference = difference("", &print(&bytes), &print(&wanted));
                    wrong.push(format!("{path}: {difference:?} {height}"));
                }
                if path.contains(".Query/") {
                    let asked = chain.asked.lock().unwrap().clone().unwrap();
                    assert_eq!((asked.0, asked.1), (path, request), "forwarded as it came");
                }
            }
            (Err(status), Some(error)) => {
                if Some(i64::from(i32::from(status.code()))) != error["code"].as_i64() {
                    wrong.push(format!("{path}: {status:?}, wanted {error}"));
                }
            }
            (got, wanted) => wrong.push(format!("{path}: {got:?}, wanted {wanted:?}")),
        }
    }
    assert!(wrong.is_empty(), "{} of {checked} wrong:\n{}", wrong.len(), wrong.join("\n"));
    assert_eq!(checked, 14);
    handle.shutdown().await;
}

#[tokio::test]
async fn reflection_lists_services_and_files() {
    let Some(folder) = folder() else { return };
    let (_, handle) = start(&folder).await;
    let channel = tonic::transport::Endpoint::from_shared(format!("http://{}", handle.grpc_addr()))
        .unwrap()
        .connect()
        .await
        .unwrap();
    let mut grpc = tonic::client::Grpc::new(channel);
    grpc.ready().await.unwrap();
    // list_services, then file_containing_symbol of a message.
    let mut symbol = vec![0x22, 35];
    symbol.extend(b"akash.market.v1beta5.QueryBidsReque");
    let mut known = vec![0x22, 36];
    known.extend(b"akash.market.v1beta5.QueryBidsReques");
    known[1] = 37;
    known.extend(b"t");
    let questions = tokio_stream::iter([Raw(vec![0x3a, 0]), Raw(known), Raw(symbol)]);
    let codec = tonic_prost::ProstCodec::<Raw, Raw>::default();
    let path = "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo";
    let path = http::uri::PathAndQuery::from_static(path);
    let answers = grpc.streaming(tonic::Request::new(questions), path, codec).await.unwrap();
    let answers: Vec<_> = answers.into_inner().map(|it| it.unwrap().0).collect().await;
    let has = |bytes: &[u8], text: &str| bytes.windows(text.len()).any(|it| it == text.as_bytes());
    assert_eq!(answers.len(), 3);
    for service in [
        "akash.market.v1beta5.Query",
        "cosmos.tx.v1beta1.Service",
        "cosmos.base.tendermint.v1beta1.Service",
        "grpc.reflection.v1alpha.ServerReflection",
    ] {
        assert!(has(&answers[0], service), "{service}");
    }
    assert!(!has(&answers[0], "cosmos.bank.v1beta1.Msg"), "transactions are no calls");
    assert!(has(&answers[1], "akash/market/v1beta5/query.proto"));
    assert!(has(&answers[1], "gogoproto/gogo.proto"), "with what it imports");
    assert!(has(&answers[2], "not found"));
    handle.shutdown().await;
}

type Socket = tokio_tungstenite::WebSocketStream<tokio_tungstenite::MaybeTlsStream<TcpStream>>;

async fn connect(addr: SocketAddr) -> Socket {
    tokio_tungstenite::connect_async(format!("ws://{addr}/websocket")).await.unwrap().0
}

async fn receive(socket: &mut Socket) -> Value {
    loop {
        let next = tokio::time::timeout(Duration::from_secs(5), socket.next()).await;
        match next.expect("a frame").unwrap().unwrap() {
            Message::Text(text) => return serde_json::from_str(&text).unwrap(),
            Message::Ping(_) | Message::Pong(_) => {}
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn subscriptions_tell_what_was_recorded() {
    let Some(folder) = folder() else { return };
    let (chain, handle) = start(&folder).await;
    let mut by_connection: Vec<(String, Vec<Value>)> = Vec::new();
    for line in recorded::lines(&folder.join("ws.jsonl")) {
        let name = line["conn"].as_str().unwrap().to_owned();
        match by_connection.iter_mut().find(|(it, _)| *it == name) {
            Some((_, lines)) => lines.push(line),
            None => by_connection.push((name, vec![line])),
        }
    }
    let mut checked = 0;
    for (name, lines) in by_connection {
        let mut socket = connect(handle.rpc_addr()).await;
        for line in lines {
            let frame = &line["frame"];
            match line["dir"].as_str().unwrap() {
                "send" => {
                    let text = frame.as_str().map_or_else(|| frame.to_string(), str::to_owned);
                    socket.send(Message::Text(text.into())).await.unwrap();
                }
                "recv" => {
                    let value = &frame["result"]["data"]["value"];
                    // Events come when the block of their height is published.
                    let height = [
                        &value["block"]["header"]["height"],
                        &value["header"]["height"],
                        &value["height"],
                        &value["TxResult"]["height"],
                    ];
                    let height = height.iter().find_map(|it| it.as_str());
                    let valset = value.get("validator_updates").map(|_| "11");
                    if let Some(height) = height.or(valset) {
                        while !chain.has_subscribers() {
                            tokio::task::yield_now().await;
                        }
                        chain.publish(height.parse().unwrap());
                    }
                    let mut got = receive(&mut socket).await;
                    let mut wanted = frame.clone();
                    // These parts of the recorded chain are known for some heights only.
                    for it in [&mut got, &mut wanted] {
                        let value = &mut it["result"]["data"]["value"];
                        if value.get("result_finalize_block").is_some() {
                            for part in ["app_hash", "consensus_param_updates"] {
                                value["result_finalize_block"][part] = Value::Null;
                            }
                        }
                    }
                    if frame.get("error").is_some() {
                        assert_eq!(got["error"]["code"], wanted["error"]["code"], "{name}: {got}");
                        assert_eq!(got.get("id"), wanted.get("id"), "{name}");
                    } else if wanted["result"].get("node_info").is_some() {
                        assert_eq!(got["result"]["node_info"]["network"], "conf-rpc-1");
                    } else {
                        assert_eq!(
                            difference("", &own_facts(got), &own_facts(wanted)),
                            None,
                            "{name}"
                        );
                    }
                    checked += 1;
                }
                _ => {}
            }
        }
        socket.close(None).await.unwrap();
        drop(socket);
    }
    assert!(checked > 20, "{checked}");
    handle.shutdown().await;
}

#[tokio::test]
async fn shutdown_ends_open_connections_and_frees_the_ports() {
    let Some(folder) = folder() else { return };
    let (_, handle) = start(&folder).await;
    let addr = handle.rpc_addr();
    let mut socket = connect(addr).await;
    let subscribe = json!({"id": 1, "method": "subscribe", "params": ["tm.event='NewBlock'"]});
    socket.send(Message::Text(subscribe.to_string().into())).await.unwrap();
    assert_eq!(receive(&mut socket).await["result"], json!({}));
    tokio::time::timeout(Duration::from_secs(8), handle.shutdown()).await.expect("drains in time");
    let end = tokio::time::timeout(Duration::from_secs(5), socket.next()).await.unwrap();
    assert!(!matches!(end, Some(Ok(Message::Text(_)))), "{end:?}");
    tokio::net::TcpListener::bind(addr).await.expect("the port is free again");
}

#[tokio::test]
async fn a_port_in_use_is_one_clear_sentence() {
    let Some(folder) = folder() else { return };
    let (chain, handle) = start(&folder).await;
    let any: SocketAddr = "127.0.0.1:0".parse().unwrap();
    let config = Config { rpc: handle.rpc_addr(), rest: any, grpc: any };
    let error = rpc::serve(config, chain).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "cannot listen on {} for JSON-RPC; is another node running there?",
            handle.rpc_addr()
        )
    );
}

#[tokio::test]
async fn a_subscriber_that_does_not_keep_up_is_told_so() {
    let Some(folder) = folder() else { return };
    let (chain, handle) = start(&folder).await;
    let mut socket = connect(handle.rpc_addr()).await;
    let subscribe =
        json!({"id": 9, "method": "subscribe", "params": ["tm.event='NewBlockHeader'"]});
    socket.send(Message::Text(subscribe.to_string().into())).await.unwrap();
    assert_eq!(receive(&mut socket).await["result"], json!({}));
    while !chain.has_subscribers() {
        tokio::task::yield_now().await;
    }
    // More blocks than the stream holds, before anyone can read one.
    for _ in 0..100 {
        chain.publish(14);
    }
    let answer = receive(&mut socket).await;
    assert_eq!(answer["error"]["code"], -32000, "{answer}");
    assert_eq!(answer["id"], 9);
    // The connection goes on, and may subscribe again.
    socket.send(Message::Text(subscribe.to_string().into())).await.unwrap();
    loop {
        let answer = receive(&mut socket).await;
        if answer["result"] == json!({}) {
            break;
        }
    }
    handle.shutdown().await;
}

#[tokio::test]
async fn browsers_reach_grpc_and_rest_across_origins() {
    let Some(folder) = folder() else { return };
    let (_, handle) = start(&folder).await;
    // One frame: no compression, no bytes.
    let headers = [
        ("content-type", "application/grpc-web-text"),
        ("accept", "application/grpc-web-text"),
        ("origin", "https://wallet.example"),
        ("x-grpc-web", "1"),
    ];
    let path = "/cosmos.base.node.v1beta1.Service/Config";
    let answer = ask(handle.rest_addr(), "POST", path, &headers, "AAAAAAA=").await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("access-control-allow-origin"), "*");
    assert!(answer.header("content-type").starts_with("application/grpc-web-text"));
    assert_eq!(answer.header("x-cosmos-block-height"), "23");
    // The body comes in chunks, the first of which is the message's frame.
    let frame = answer
        .body
        .lines()
        .find_map(|it| BASE64_STANDARD.decode(it).ok().filter(|it| it.len() > 5));
    let frame = frame.unwrap();
    assert!(frame.windows(8).any(|it| it == b"0.025000"), "{}", answer.body);

    let origin = [("origin", "https://wallet.example")];
    for (addr, path) in [(handle.rest_addr(), "/nosuch"), (handle.rpc_addr(), "/health")] {
        let answer = ask(addr, "GET", path, &origin, "").await;
        assert_eq!(answer.header("access-control-allow-origin"), "*", "{path}");
    }
    handle.shutdown().await;
}
