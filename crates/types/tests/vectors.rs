//! Every message vector of the reference (conformance/sign-vectors): JSON in both directions,
//! re-encoding, signers.

#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "tests")]

use std::path::Path;

use base64::{Engine, prelude::BASE64_STANDARD};
use prost::Message;
use prost_types::Any;
use serde_json::Value;
use types::{
    amino,
    json::{self, Unknown},
    signers,
    wire::cosmos::tx::v1beta1::{AuthInfo, Fee, TxBody, TxRaw},
};

fn vectors(name: &str) -> Option<Vec<Value>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../../shared/conformance/sign-vectors")
        .join(name);
    let Ok(text) = std::fs::read_to_string(&path) else {
        eprintln!("skipped: {} is not here", path.display());
        return None;
    };
    Some(text.lines().map(|it| serde_json::from_str(it).unwrap()).collect())
}

fn bytes(line: &Value, name: &str) -> Option<Vec<u8>> {
    line.get(name).map(|it| BASE64_STANDARD.decode(it.as_str().unwrap()).unwrap())
}

fn without_type(json: &Value) -> Value {
    let mut json = json.clone();
    json.as_object_mut().unwrap().remove("@type");
    json
}

/// Runs `check` over the message lines and lists what it finds wrong.
fn check(check: impl Fn(&Value, &str) -> Result<(), String>) {
    let Some(lines) = vectors("vectors.jsonl") else { return };
    let (mut checked, mut wrong) = (0, Vec::new());
    for line in lines.iter().skip(1) {
        let name = line["type_url"].as_str().unwrap().trim_start_matches('/');
        checked += 1;
        // The client state in these two is deprecated; the node leaves it packed (its bytes as they
        // came), which shows only in how it would encode them again.
        let packed = ["MsgConnectionOpenTry/small", "MsgConnectionOpenAck/small"];
        if packed.contains(&line["name"].as_str().unwrap()) {
            continue;
        }
        if let Err(cause) = check(line, name) {
            wrong.push(format!("{}: {cause}", line["name"].as_str().unwrap()));
        }
    }
    assert!(wrong.is_empty(), "{} of {checked} wrong:\n{}", wrong.len(), wrong.join("\n"));
    assert_eq!(checked, 492);
}

#[test]
fn messages_print_as_the_node_prints_them() {
    check(|line, name| {
        let json = json::value_of(name, &bytes(line, "value_b64").unwrap())
            .map_err(|it| it.to_string())?;
        let wanted = without_type(&line["json"]);
        if json == wanted { Ok(()) } else { Err(format!("\n  got  {json}\n  want {wanted}")) }
    });
}

#[test]
fn messages_re_encode_as_the_node_re_encodes_them() {
    check(|line, name| {
        let value = bytes(line, "value_b64").unwrap();
        let wanted = bytes(line, "reencoded_b64").unwrap_or_else(|| value.clone());
        let got = json::reencode(name, &value).map_err(|it| it.to_string())?;
        if got == wanted {
            Ok(())
        } else {
            Err(format!("\n  got  {}\n  want {}", hex::encode(got), hex::encode(wanted)))
        }
    });
}

#[test]
fn json_reads_back_to_the_bytes_of_the_node() {
    check(|line, name| {
        let value = bytes(line, "value_b64").unwrap();
        let wanted = bytes(line, "reencoded_b64").unwrap_or(value);
        let got = json::bytes_of(name, &without_type(&line["json"]), Unknown::Refuse)
            .map_err(|it| it.to_string())?;
        if got == wanted {
            return Ok(());
        }
        // Inline JSON is written without the white space that it came with.
        let again = |it: &[u8]| json::value_of(name, it).unwrap();
        if name.starts_with("cosmwasm.") && again(&got) == again(&wanted) {
            Ok(())
        } else {
            Err(format!("\n  got  {}\n  want {}", hex::encode(got), hex::encode(wanted)))
        }
    });
}

#[test]
fn whole_transactions_print_as_the_node_prints_them() {
    let Some(lines) = vectors("vectors.jsonl") else { return };
    let mut checked = 0;
    for line in lines.iter().filter(|it| it.get("tx_json_unsigned").is_some()) {
        let raw = bytes(line, "tx_b64").unwrap();
        // `TxRaw` and `Tx` are the same bytes: body and auth info are bytes in one, messages in
        // the other.
        let mut json = json::value_of("cosmos.tx.v1beta1.Tx", &raw).unwrap();
        json["signatures"] = line["tx_json_unsigned"]["signatures"].clone();
        assert_eq!(json, line["tx_json_unsigned"], "{}", line["name"]);
        checked += 1;
    }
    assert_eq!(checked, 123);
}

/// The sign document of a line: body and fee are those of its DIRECT transaction.
fn sign_text(line: &Value, body: &[u8], auth_info: &[u8]) -> Result<String, amino::AminoError> {
    let number = |name: &str| line[name].as_str().unwrap().parse().unwrap();
    let signer = amino::Signer {
        chain_id: line["chain_id"].as_str().unwrap(),
        account_number: number("account_number"),
        sequence: number("sequence"),
    };
    amino::sign_text(body, auth_info, signer)
}

#[test]
fn sign_documents_are_those_of_the_node() {
    // Types whose content the reference leaves out: see the next test.
    let incomplete = |line: &Value| {
        let name = line["type_url"].as_str().unwrap();
        let variant = line["variant"].as_str().unwrap();
        let params = ["/akash.bme.v1", "/akash.oracle.v2", "/cosmwasm.wasm.v1"];
        params.iter().any(|it| name == format!("{it}.MsgUpdateParams"))
            || variant != "zero"
                && ["MsgCreateDeployment", "MsgCreateBid"].iter().any(|it| name.ends_with(it))
    };
    check(|line, _| {
        if incomplete(line) {
            return Ok(());
        }
        let raw = TxRaw::decode(bytes(line, "tx_b64").unwrap().as_slice()).unwrap();
        match (sign_text(line, &raw.body_bytes, &raw.auth_info_bytes), line.get("amino_error")) {
            (Ok(got), None) if got == line["amino_sign_json"] => Ok(()),
            (Err(_), Some(_)) => Ok(()),
            (got, _) => Err(format!("\n  got  {got:?}\n  want {}", line["amino_sign_json"])),
        }
    });
}

#[test]
fn sign_documents_hold_what_the_reference_leaves_out() {
    let Some(lines) = vectors("amino-complete.jsonl") else { return };
    let mut wrong = Vec::new();
    for line in &lines {
        let message = Any {
            type_url: line["type_url"].as_str().unwrap().to_owned(),
            value: bytes(line, "value_b64").unwrap(),
        };
        let memo = line["memo"].as_str().unwrap().to_owned();
        let mut body = TxBody { messages: vec![message], memo, ..TxBody::default() };
        body.timeout_height =
            line.get("timeout_height").map_or(0, |it| it.as_str().unwrap().parse().unwrap());
        let coin: types::Coin = line["fee"].as_str().unwrap().parse().unwrap();
        let gas_limit = line["gas"].as_str().unwrap().parse().unwrap();
        let fee = Fee { amount: vec![coin.into()], gas_limit, ..Fee::default() };
        let auth_info = AuthInfo { fee: Some(fee), ..AuthInfo::default() };
        let got = sign_text(line, &body.encode_to_vec(), &auth_info.encode_to_vec()).unwrap();
        if got != line["amino_sign_json"].as_str().unwrap() {
            wrong.push(format!(
                "{}:\n  got  {got}\n  want {}",
                line["name"], line["amino_sign_json"]
            ));
        }
    }
    assert!(wrong.is_empty(), "{} of {} wrong:\n{}", wrong.len(), lines.len(), wrong.join("\n"));
    assert_eq!(lines.len(), 24);
}

#[test]
fn signers_are_those_of_the_node() {
    check(|line, name| {
        let message =
            Any { type_url: format!("/{name}"), value: bytes(line, "value_b64").unwrap() };
        match (signers::of_message(&message), line.get("signers_error")) {
            (Ok(got), None) => {
                let got: Vec<_> = got.iter().map(ToString::to_string).collect();
                let wanted = line.get("signers").cloned().unwrap_or_else(|| Value::Array(vec![]));
                if serde_json::json!(got) == wanted {
                    Ok(())
                } else {
                    Err(format!("{got:?} {wanted}"))
                }
            }
            (Err(_), Some(_)) => Ok(()),
            (got, wanted) => Err(format!("{got:?}, wanted {wanted:?} {:?}", line.get("signers"))),
        }
    });
}
