//! Recorded answers of the reference: a gRPC response decoded with the method's output type prints
//! as the REST body of the same query at the same height.

#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "tests")]

use std::{collections::BTreeMap, io::Read, path::Path};

use base64::{Engine, prelude::BASE64_STANDARD};
use serde_json::Value;
use types::{json, registry::registry};

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
