//! REST queries of the recorded scenarios: the gateway makes of each path the request that was
//! recorded over gRPC, and of the answer the body that was recorded over REST.

#![allow(
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    clippy::print_stderr,
    dead_code,
    missing_docs,
    unreachable_pub,
    reason = "tests"
)]

mod recorded;

use std::{
    collections::BTreeMap,
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    sync::Arc,
};

use base64::{Engine, prelude::BASE64_STANDARD};
use recorded::{Recorded, answer_of, folder, lines};
use serde_json::Value;
use types::registry::registry;

/// One request on a kept connection: the status and the body.
fn get(stream: &mut TcpStream, target: &str) -> (u16, Value) {
    let request = format!("GET {target} HTTP/1.1\r\nhost: test\r\n\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    let mut bytes = Vec::new();
    let mut chunk = [0; 65536];
    loop {
        let read = stream.read(&mut chunk).unwrap();
        assert!(read > 0, "the connection was closed");
        bytes.extend_from_slice(&chunk[..read]);
        let Some(end) = bytes.windows(4).position(|it| it == b"\r\n\r\n") else { continue };
        let head = String::from_utf8_lossy(&bytes[..end]).to_ascii_lowercase();
        let length: usize = head
            .lines()
            .find_map(|it| it.strip_prefix("content-length: "))
            .expect("a length")
            .parse()
            .unwrap();
        if bytes.len() >= end + 4 + length {
            let status = head.split(' ').nth(1).unwrap().parse().unwrap();
            return (status, serde_json::from_slice(&bytes[end + 4..]).unwrap());
        }
    }
}

/// A request in the one form that does not depend on who wrote it.
fn canonical(path: &str, request: &[u8]) -> Vec<u8> {
    let input = registry().method(path).unwrap().input;
    types::json::reencode(&registry().message(input).full_name, request).unwrap()
}

/// The recorded queries of a scenario.
fn scenario(name: &str, surface: &std::path::Path) -> Vec<Value> {
    let folder = surface.parent().unwrap().join(name);
    let plain = folder.join("queries.jsonl");
    if plain.exists() { lines(&plain) } else { lines(&folder.join("queries.jsonl.gz")) }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn paths_become_the_requests_and_answers_that_were_recorded() {
    let Some(surface) = folder() else { return };
    let chain = Arc::new(Recorded::load(&surface));
    let any: SocketAddr = "127.0.0.1:0".parse().unwrap();
    let config = rpc::Config { rpc: any, rest: any, grpc: any };
    let handle = rpc::serve(config, chain.clone()).await.unwrap();
    let rest = handle.rest_addr();
    let checking = tokio::task::spawn_blocking(move || {
        let mut stream = TcpStream::connect(rest).unwrap();
        stream.set_nodelay(true).unwrap();
        let (mut asked, mut paired, mut wrong) = (0, 0, Vec::new());
        for name in ["evidence-misc", "market-happy", "market-queries"] {
            let lines = scenario(name, &surface);
            // What was answered over gRPC, by method, request and height.
            let mut grpc = BTreeMap::new();
            for line in
                lines.iter().filter(|it| it["kind"] == "grpc" && it.get("response").is_some())
            {
                let bytes = BASE64_STANDARD.decode(line["request"].as_str().unwrap()).unwrap();
                let path = format!("/{}", line["method"].as_str().unwrap());
                let response = BASE64_STANDARD.decode(line["response"].as_str().unwrap()).unwrap();
                let bytes = canonical(&path, &bytes);
                grpc.insert((path, bytes, line["height"].as_i64().unwrap()), response);
            }
            for line in &lines {
                if line["kind"] != "rest" || line["method"] != "GET" {
                    continue;
                }
                let path = line["path"].as_str().unwrap();
                *chain.asked.lock().unwrap() = None;
                // A first try shows which method it is; its answer is then the recorded one.
                *chain.next.lock().unwrap() = None;
                let (status, body) = get(&mut stream, path);
                let Some((method, request, _)) = chain.asked.lock().unwrap().take() else {
                    // Answered without a module: the node's own services, or a bad request.
                    if status != 200 && u64::from(status) != line["status"].as_u64().unwrap() {
                        wrong.push(format!(
                            "{name} {path}: {status} {body}, want {}",
                            line["status"]
                        ));
                    }
                    continue;
                };
                let output = registry().method(&method).unwrap().output;
                let output = &registry().message(output).full_name;
                *chain.next.lock().unwrap() = Some(answer_of(line, output));
                let (status, body) = get(&mut stream, path);
                asked += 1;
                if u64::from(status) != line["status"].as_u64().unwrap() || body != line["body"] {
                    wrong.push(format!("{name} {path}: {status} {body}, want {}", line["body"]));
                }
                let request = canonical(&method, &request);
                let key = (method, request, line["height"].as_i64().unwrap());
                if let Some(response) = grpc.get(&key) {
                    paired += 1;
                    let printed = types::json::value_of(output, response).unwrap();
                    // The order of subspaces is random in the reference.
                    let random = path.ends_with("/subspaces");
                    if line["status"] == 200 && printed != line["body"] && !random {
                        wrong.push(format!("{name} {path}: gRPC said {printed}"));
                    }
                }
            }
        }
        let wrong: Vec<String> =
            wrong.into_iter().map(|it| it.chars().take(400).collect()).collect();
        assert!(wrong.is_empty(), "{} of {asked} wrong:\n{}", wrong.len(), wrong.join("\n"));
        assert!(asked > 4000, "{asked}");
        assert!(paired > 140, "{paired}");
    });
    checking.await.unwrap();
    handle.shutdown().await;
}
