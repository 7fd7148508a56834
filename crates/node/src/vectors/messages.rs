//! Messages: JSON, encoding, signers, stateless checks, sign bytes, signatures, hashes.

use ledger::{
    Router, Tx,
    sign::{SignerData, sign_bytes, verify_secp256k1},
};
use prost::Message;
use prost_types::Any;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use types::{
    Address, Coin, amino,
    json::{self, Unknown},
    signers,
    wire::cosmos::tx::{
        signing::v1beta1::SignMode,
        v1beta1::{AuthInfo, Fee, TxBody, TxRaw},
    },
};

use super::{Report, bytes, number, text};

/// Types whose sign documents the reference leaves incomplete (`about.md`, Deviations).
fn is_incomplete(line: &Value) -> bool {
    let (url, variant) = (text(line, "type_url"), text(line, "variant"));
    let params = ["/akash.bme.v1", "/akash.oracle.v2", "/cosmwasm.wasm.v1"];
    let of_market = ["MsgCreateDeployment", "MsgCreateBid"];
    params.iter().any(|it| url == format!("{it}.MsgUpdateParams"))
        || variant != "zero" && of_market.iter().any(|it| url.ends_with(it))
}

/// The client state in these two is deprecated; the reference leaves it packed (its bytes as they
/// came), which shows only in how it would print and encode them again.
fn is_packed(line: &Value) -> bool {
    matches!(text(line, "name"), "MsgConnectionOpenTry/small" | "MsgConnectionOpenAck/small")
}

fn key_of(line: &Value) -> Option<[u8; 33]> {
    bytes(line, "public_key_b64")?.try_into().ok()
}

/// The line of the test key.
pub(super) fn key(line: &Value, report: &mut Report) {
    let ours = key_of(line).map(|it| Address::from_secp256k1(&it).to_string());
    report.compare("address of the key", "key", &json!(ours), &json!(text(line, "address")));
}

/// One example of a message type.
pub(super) fn message(line: &Value, lines: &[Value], router: &Router, report: &mut Report) {
    let name = text(line, "name");
    let url = text(line, "type_url");
    let full_name = url.trim_start_matches('/');
    let Some(value) = bytes(line, "value_b64") else { return };
    let mut plain = line.get("json").cloned().unwrap_or_default();
    if let Some(members) = plain.as_object_mut() {
        members.remove("@type");
    }
    let reencoded = bytes(line, "reencoded_b64").unwrap_or_else(|| value.clone());
    if is_packed(line) {
        report.known += 1;
    } else {
        let ours = json::value_of(full_name, &value);
        let same = ours.as_ref().is_ok_and(|it| *it == plain);
        report.judge("JSON of messages", name, same, || (shown(&ours), plain.to_string()));
        let ours = json::reencode(full_name, &value);
        let same = ours.as_ref().is_ok_and(|it| *it == reencoded);
        let told = || (format!("{ours:02x?}"), format!("{reencoded:02x?}"));
        report.judge("encoding of messages", name, same, told);
        let ours = json::bytes_of(full_name, &plain, Unknown::Refuse);
        // Inline JSON is written without the white space that it came with.
        let again = |it: &[u8]| json::value_of(full_name, it).ok();
        let same = ours.as_ref().is_ok_and(|it| {
            *it == reencoded || full_name.starts_with("cosmwasm.") && again(it) == again(&reencoded)
        });
        let told = || (format!("{ours:02x?}"), format!("{reencoded:02x?}"));
        report.judge("messages read from JSON", name, same, told);
    }
    let any = Any { type_url: url.to_owned(), value: value.clone() };
    let ours = signers::of_message(&any);
    let recorded = line.get("signers").cloned().unwrap_or_else(|| json!([]));
    let same = match (&ours, line.get("signers_error")) {
        (Ok(ours), None) => {
            json!(ours.iter().map(ToString::to_string).collect::<Vec<_>>()) == recorded
        }
        (Err(_), Some(_)) => true,
        _ => false,
    };
    report.judge("signers", name, same, || (format!("{ours:?}"), recorded.to_string()));
    stateless(line, router, &value, report);
    signed(line, lines, report);
}

/// The stateless check: whether it passes.
fn stateless(line: &Value, router: &Router, value: &[u8], report: &mut Report) {
    const WHAT: &str = "stateless checks";
    let Some(recorded) = line.get("validate_basic_error").and_then(Value::as_str) else { return };
    let url = text(line, "type_url");
    if !router.has_msg(url) {
        return report.not_offered(WHAT);
    }
    let ours = router.check(url, value);
    let same = ours.is_ok() == recorded.is_empty();
    let told =
        || (ours.map_or_else(|it| it.to_string(), |()| "passes".to_owned()), recorded.to_owned());
    report.judge(WHAT, text(line, "name"), same, told);
}

fn shown<E: std::fmt::Display>(outcome: &Result<Value, E>) -> String {
    match outcome {
        Ok(value) => value.to_string(),
        Err(error) => error.to_string(),
    }
}

/// Sign bytes, signatures and hashes of the transaction with the message.
fn signed(line: &Value, lines: &[Value], report: &mut Report) {
    let name = text(line, "name");
    let Some(tx_bytes) = bytes(line, "tx_b64") else { return };
    let Some(key) = lines.first().and_then(key_of) else { return };
    let address = Address::from_secp256k1(&key);
    let signer = SignerData {
        chain_id: text(line, "chain_id"),
        address: &address,
        account_number: number(line, "account_number"),
        sequence: number(line, "sequence"),
        index: 0,
    };
    let hash = hex::encode_upper(Sha256::digest(&tx_bytes));
    report.compare("transaction hashes", name, &json!(hash), &json!(text(line, "direct_tx_hash")));
    let Ok(raw) = TxRaw::decode(tx_bytes.as_slice()) else { return };
    // Not every example passes the checks of a transaction, so the documents are made of its parts.
    let document = types::wire::cosmos::tx::v1beta1::SignDoc {
        body_bytes: raw.body_bytes.clone(),
        auth_info_bytes: raw.auth_info_bytes.clone(),
        chain_id: signer.chain_id.to_owned(),
        account_number: signer.account_number,
    }
    .encode_to_vec();
    let document = match Tx::decode(&tx_bytes) {
        Ok(tx) => sign_bytes(&tx, SignMode::Direct.into(), &signer).unwrap_or_default(),
        Err(_) => document,
    };
    let recorded = bytes(line, "direct_sign_bytes_b64").unwrap_or_default();
    report.judge("sign bytes (direct)", name, document == recorded, || {
        (hex::encode(&document), hex::encode(&recorded))
    });
    let verifies = |signature: &str, document: &[u8]| {
        bytes(line, signature).is_some_and(|it| verify_secp256k1(&key, document, &it))
    };
    let good = verifies("direct_signature_b64", &document);
    report.compare("signatures (direct)", name, &json!(good), &json!(true));
    if line.get("tx_json_unsigned").is_some() {
        let mut recorded = line.get("tx_json_unsigned").cloned().unwrap_or_default();
        let ours = json::value_of("cosmos.tx.v1beta1.Tx", &tx_bytes).map(|mut it| {
            if let Some(members) = it.as_object_mut() {
                members.remove("signatures");
            }
            it
        });
        if let Some(members) = recorded.as_object_mut() {
            members.remove("signatures");
        }
        let same = ours.as_ref().is_ok_and(|it| *it == recorded);
        let told = || (shown(&ours), recorded.to_string());
        report.judge("JSON of transactions", name, same, told);
    }
    if is_incomplete(line) || is_packed(line) {
        report.known += 1;
        return;
    }
    let signer = amino::Signer {
        chain_id: text(line, "chain_id"),
        account_number: number(line, "account_number"),
        sequence: number(line, "sequence"),
    };
    let ours = amino::sign_text(&raw.body_bytes, &raw.auth_info_bytes, signer);
    match (&ours, line.get("amino_error")) {
        (Ok(ours), None) => {
            report.compare(
                "sign documents (amino)",
                name,
                &json!(ours),
                &json!(text(line, "amino_sign_json")),
            );
            let good = verifies("amino_signature_b64", ours.as_bytes());
            report.compare("signatures (amino)", name, &json!(good), &json!(true));
        }
        (ours, recorded) => {
            let same = ours.is_err() && recorded.is_some();
            let told = || (format!("{ours:?}"), format!("{recorded:?}"));
            report.judge("sign documents (amino)", name, same, told);
        }
    }
}

/// A sign document that holds what the reference leaves out.
pub(super) fn complete(line: &Value, report: &mut Report) {
    let name = text(line, "name");
    let value = bytes(line, "value_b64").unwrap_or_default();
    let body = TxBody {
        messages: vec![Any { type_url: text(line, "type_url").to_owned(), value }],
        memo: text(line, "memo").to_owned(),
        timeout_height: number(line, "timeout_height"),
        ..TxBody::default()
    };
    let coin = text(line, "fee").parse::<Coin>().map(Into::into);
    let fee = Fee {
        amount: coin.into_iter().collect(),
        gas_limit: number(line, "gas"),
        ..Fee::default()
    };
    let auth_info = AuthInfo { fee: Some(fee), ..AuthInfo::default() };
    let signer = amino::Signer {
        chain_id: text(line, "chain_id"),
        account_number: number(line, "account_number"),
        sequence: number(line, "sequence"),
    };
    let ours = amino::sign_text(&body.encode_to_vec(), &auth_info.encode_to_vec(), signer);
    let ours = ours.unwrap_or_else(|it| it.to_string());
    let recorded = text(line, "amino_sign_json");
    report.compare("sign documents (amino, complete)", name, &json!(ours), &json!(recorded));
}
