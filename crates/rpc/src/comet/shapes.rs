//! The JSON of blocks, votes, results and events as CometBFT prints them.
//!
//! Source: cosmos.md 2.2 and 2.5. 64-bit numbers are texts, hashes and addresses upper-case hex,
//! other bytes base64, `null` for what Go leaves nil.

use base64::{Engine, prelude::BASE64_STANDARD};
use serde_json::{Map, Value, json};
use types::{
    timestamp::{Duration, Timestamp, ZERO_TIME, nano_text},
    wire::tendermint::{
        abci::{
            Event, ExecTxResult, ResponseCheckTx, ResponseFinalizeBlock, ResponseQuery,
            ValidatorUpdate,
        },
        crypto::{PublicKey, public_key::Sum},
        types::{
            Block, BlockId, Commit, CommitSig, ConsensusParams, Evidence, Header, Validator, Vote,
            evidence,
        },
    },
};

/// Upper-case hex; empty for no bytes.
pub(crate) fn hex(bytes: &[u8]) -> String {
    hex::encode_upper(bytes)
}

/// Base64, or `null` for no bytes.
pub(crate) fn base64(bytes: &[u8]) -> Value {
    if bytes.is_empty() { Value::Null } else { Value::String(BASE64_STANDARD.encode(bytes)) }
}

/// A 64-bit number as text.
pub(crate) fn number(value: impl ToString) -> Value {
    Value::String(value.to_string())
}

fn time(time: &Timestamp) -> Value {
    Value::String(nano_text(time))
}

/// A list, or `null` when it is empty.
fn list_or_null(list: Vec<Value>) -> Value {
    if list.is_empty() { Value::Null } else { Value::Array(list) }
}

pub(crate) fn block_id(id: &BlockId) -> Value {
    json!({
        "hash": hex(&id.hash),
        "parts": {"total": id.part_set_header.total, "hash": hex(&id.part_set_header.hash)},
    })
}

pub(crate) fn header(header: &Header) -> Value {
    let mut version = Map::new();
    version.insert("block".into(), number(header.version.block));
    if header.version.app != 0 {
        version.insert("app".into(), number(header.version.app));
    }
    json!({
        "version": version,
        "chain_id": header.chain_id,
        "height": number(header.height),
        "time": time(&header.time),
        "last_block_id": block_id(&header.last_block_id),
        "last_commit_hash": hex(&header.last_commit_hash),
        "data_hash": hex(&header.data_hash),
        "validators_hash": hex(&header.validators_hash),
        "next_validators_hash": hex(&header.next_validators_hash),
        "consensus_hash": hex(&header.consensus_hash),
        "app_hash": hex(&header.app_hash),
        "last_results_hash": hex(&header.last_results_hash),
        "evidence_hash": hex(&header.evidence_hash),
        "proposer_address": hex(&header.proposer_address),
    })
}

pub(crate) fn commit(commit: &Commit) -> Value {
    json!({
        "height": number(commit.height),
        "round": commit.round,
        "block_id": block_id(&commit.block_id),
        "signatures": commit.signatures.iter().map(commit_sig).collect::<Vec<_>>(),
    })
}

fn commit_sig(sig: &CommitSig) -> Value {
    // An absent vote has Go's zero time, whatever the wire leaves out.
    let absent = sig.timestamp == Timestamp::default();
    json!({
        "block_id_flag": sig.block_id_flag,
        "validator_address": hex(&sig.validator_address),
        "timestamp": time(if absent { &ZERO_TIME } else { &sig.timestamp }),
        "signature": base64(&sig.signature),
    })
}

pub(crate) fn block(block: &Block) -> Value {
    let txs = block.data.txs.iter().map(|it| Value::String(BASE64_STANDARD.encode(it)));
    let evidence = block.evidence.evidence.iter().map(evidence).collect::<Vec<_>>();
    let none = Commit::default();
    json!({
        "header": header(&block.header),
        "data": {"txs": txs.collect::<Vec<_>>()},
        "evidence": {"evidence": evidence},
        "last_commit": commit(block.last_commit.as_ref().unwrap_or(&none)),
    })
}

fn vote(vote: &Vote) -> Value {
    json!({
        "type": vote.r#type,
        "height": number(vote.height),
        "round": vote.round,
        "block_id": block_id(&vote.block_id),
        "timestamp": time(&vote.timestamp),
        "validator_address": hex(&vote.validator_address),
        "validator_index": vote.validator_index,
        "signature": base64(&vote.signature),
        "extension": base64(&vote.extension),
        "extension_signature": base64(&vote.extension_signature),
    })
}

pub(crate) fn evidence(item: &Evidence) -> Value {
    match &item.sum {
        Some(evidence::Sum::DuplicateVoteEvidence(it)) => json!({
            "type": "tendermint/DuplicateVoteEvidence",
            "value": {
                "vote_a": it.vote_a.as_ref().map(vote),
                "vote_b": it.vote_b.as_ref().map(vote),
                "TotalVotingPower": number(it.total_voting_power),
                "ValidatorPower": number(it.validator_power),
                "Timestamp": time(&it.timestamp),
            },
        }),
        Some(evidence::Sum::LightClientAttackEvidence(it)) => {
            let conflicting = it.conflicting_block.as_ref().map(|block| {
                let signed = block.signed_header.as_ref();
                let set = block.validator_set.as_ref();
                json!({
                    "signed_header": signed.map(|it| json!({
                        "header": it.header.as_ref().map(header),
                        "commit": it.commit.as_ref().map(commit),
                    })),
                    "validator_set": set.map(|it| json!({
                        "validators": it.validators.iter().map(validator).collect::<Vec<_>>(),
                        "proposer": it.proposer.as_ref().map(validator),
                    })),
                })
            });
            json!({
                "type": "tendermint/LightClientAttackEvidence",
                "value": {
                    "ConflictingBlock": conflicting,
                    "CommonHeight": number(it.common_height),
                    "ByzantineValidators":
                        it.byzantine_validators.iter().map(validator).collect::<Vec<_>>(),
                    "TotalVotingPower": number(it.total_voting_power),
                    "Timestamp": time(&it.timestamp),
                },
            })
        }
        None => Value::Null,
    }
}

/// A public key under its registered name.
pub(crate) fn public_key(key: &PublicKey) -> Value {
    match &key.sum {
        Some(Sum::Ed25519(bytes)) => ed25519(bytes),
        Some(Sum::Secp256k1(bytes)) => {
            json!({"type": "tendermint/PubKeySecp256k1", "value": BASE64_STANDARD.encode(bytes)})
        }
        None => Value::Null,
    }
}

pub(crate) fn ed25519(bytes: &[u8]) -> Value {
    json!({"type": "tendermint/PubKeyEd25519", "value": BASE64_STANDARD.encode(bytes)})
}

pub(crate) fn validator(validator: &Validator) -> Value {
    json!({
        "address": hex(&validator.address),
        "pub_key": public_key(&validator.pub_key),
        "voting_power": number(validator.voting_power),
        "proposer_priority": number(validator.proposer_priority),
    })
}

/// What a subscription tells of a validator whose power changed.
pub(crate) fn changed_validator(update: &ValidatorUpdate) -> Value {
    let address = match &update.pub_key.sum {
        Some(Sum::Ed25519(bytes) | Sum::Secp256k1(bytes)) => {
            hex(&types::address::short_hash(bytes))
        }
        None => String::new(),
    };
    json!({
        "address": address,
        "pub_key": public_key(&update.pub_key),
        "voting_power": number(update.power),
        "proposer_priority": "0",
    })
}

/// Events in results; `strict` ones print `attributes` even when there are none.
fn events(events: &[Event], strict: bool) -> Vec<Value> {
    let shown = events.iter().map(|event| {
        let attributes: Vec<_> = event
            .attributes
            .iter()
            .map(|it| {
                let mut shown = Map::new();
                shown.insert("key".into(), Value::String(it.key.clone()));
                if strict || !it.value.is_empty() {
                    shown.insert("value".into(), Value::String(it.value.clone()));
                }
                if strict || it.index {
                    shown.insert("index".into(), Value::Bool(it.index));
                }
                Value::Object(shown)
            })
            .collect();
        let mut shown = Map::new();
        shown.insert("type".into(), Value::String(event.r#type.clone()));
        if strict || !attributes.is_empty() {
            shown.insert("attributes".into(), Value::Array(attributes));
        }
        Value::Object(shown)
    });
    shown.collect()
}

/// Every field is there, as in `tx` and `block_results`.
pub(crate) fn tx_result(result: &ExecTxResult) -> Value {
    json!({
        "code": result.code,
        "data": base64(&result.data),
        "log": result.log,
        "info": result.info,
        "gas_wanted": number(result.gas_wanted),
        "gas_used": number(result.gas_used),
        "events": events(&result.events, true),
        "codespace": result.codespace,
    })
}

/// Only what is not zero, as in subscription events.
pub(crate) fn sparse_tx_result(result: &ExecTxResult) -> Value {
    let mut shown = Map::new();
    if result.code != 0 {
        shown.insert("code".into(), Value::from(result.code));
    }
    if !result.data.is_empty() {
        shown.insert("data".into(), base64(&result.data));
    }
    for (name, text) in [("log", &result.log), ("info", &result.info)] {
        if !text.is_empty() {
            shown.insert(name.into(), Value::String(text.clone()));
        }
    }
    for (name, amount) in [("gas_wanted", result.gas_wanted), ("gas_used", result.gas_used)] {
        if amount != 0 {
            shown.insert(name.into(), number(amount));
        }
    }
    if !result.events.is_empty() {
        shown.insert("events".into(), Value::Array(events(&result.events, false)));
    }
    if !result.codespace.is_empty() {
        shown.insert("codespace".into(), Value::String(result.codespace.clone()));
    }
    Value::Object(shown)
}

pub(crate) fn check_tx(result: &ResponseCheckTx) -> Value {
    // The application answers success with bytes that are empty, and a refusal with none.
    let data = match base64(&result.data) {
        Value::Null if result.code == 0 => Value::from(""),
        it => it,
    };
    json!({
        "code": result.code,
        "data": data,
        "log": result.log,
        "info": result.info,
        "gas_wanted": number(result.gas_wanted),
        "gas_used": number(result.gas_used),
        "events": events(&result.events, true),
        "codespace": result.codespace,
    })
}

/// Events of the block, as in `block_results` and in subscriptions.
pub(crate) fn block_events(of: &[Event]) -> Value {
    list_or_null(events(of, false))
}

pub(crate) fn validator_updates(updates: &[ValidatorUpdate]) -> Value {
    let shown = updates.iter().map(|it| {
        let sum = match &it.pub_key.sum {
            Some(Sum::Ed25519(bytes)) => json!({
                "type": "tendermint.crypto.PublicKey_Ed25519",
                "value": {"ed25519": BASE64_STANDARD.encode(bytes)},
            }),
            Some(Sum::Secp256k1(bytes)) => json!({
                "type": "tendermint.crypto.PublicKey_Secp256K1",
                "value": {"secp256k1": BASE64_STANDARD.encode(bytes)},
            }),
            None => Value::Null,
        };
        let mut shown = Map::new();
        shown.insert("pub_key".into(), json!({"Sum": sum}));
        if it.power != 0 {
            shown.insert("power".into(), number(it.power));
        }
        Value::Object(shown)
    });
    list_or_null(shown.collect())
}

pub(crate) fn block_results(height: i64, results: &ResponseFinalizeBlock) -> Value {
    let txs = results.tx_results.iter().map(tx_result).collect();
    json!({
        "height": number(height),
        "txs_results": list_or_null(txs),
        "finalize_block_events": block_events(&results.events),
        "validator_updates": validator_updates(&results.validator_updates),
        "consensus_param_updates": results.consensus_param_updates.as_ref().map(sparse_params),
        "app_hash": base64(&results.app_hash),
    })
}

/// What a NewBlock event tells of the results.
pub(crate) fn finalize_block(results: &ResponseFinalizeBlock) -> Value {
    let mut shown = Map::new();
    if !results.events.is_empty() {
        shown.insert("events".into(), Value::Array(events(&results.events, false)));
    }
    if !results.tx_results.is_empty() {
        let txs = results.tx_results.iter().map(sparse_tx_result).collect();
        shown.insert("tx_results".into(), Value::Array(txs));
    }
    let updates = match validator_updates(&results.validator_updates) {
        Value::Null => Value::Array(Vec::new()),
        it => it,
    };
    shown.insert("validator_updates".into(), updates);
    if let Some(params) = &results.consensus_param_updates {
        shown.insert("consensus_param_updates".into(), sparse_params(params));
    }
    if !results.app_hash.is_empty() {
        shown.insert("app_hash".into(), base64(&results.app_hash));
    }
    Value::Object(shown)
}

fn nanos(span: &Duration) -> Value {
    number(i128::from(span.seconds) * 1_000_000_000 + i128::from(span.nanos))
}

/// Parameters as an application returns them: absent parts are left out, and so are zeros.
fn sparse_params(params: &ConsensusParams) -> Value {
    let part = |members: Vec<(&str, Option<Value>)>| -> Value {
        let present = members.into_iter().filter_map(|(name, it)| Some((name.to_owned(), it?)));
        Value::Object(present.collect())
    };
    let some = |it: i64| (it != 0).then(|| number(it));
    let mut shown = Map::new();
    if let Some(it) = &params.block {
        let it = part(vec![("max_bytes", some(it.max_bytes)), ("max_gas", some(it.max_gas))]);
        shown.insert("block".into(), it);
    }
    if let Some(it) = &params.evidence {
        let it = part(vec![
            ("max_age_num_blocks", some(it.max_age_num_blocks)),
            ("max_age_duration", Some(nanos(&it.max_age_duration))),
            ("max_bytes", some(it.max_bytes)),
        ]);
        shown.insert("evidence".into(), it);
    }
    if let Some(it) = &params.validator {
        let types = (!it.pub_key_types.is_empty()).then(|| json!(it.pub_key_types));
        shown.insert("validator".into(), part(vec![("pub_key_types", types)]));
    }
    if let Some(it) = &params.version {
        let app = (it.app != 0).then(|| number(it.app));
        shown.insert("version".into(), part(vec![("app", app)]));
    }
    if let Some(it) = &params.abci {
        let height = some(it.vote_extensions_enable_height);
        shown.insert("abci".into(), part(vec![("vote_extensions_enable_height", height)]));
    }
    Value::Object(shown)
}

/// Parameters as consensus holds them: everything is there.
pub(crate) fn consensus_params(params: &ConsensusParams) -> Value {
    let block = params.block.unwrap_or_default();
    let evidence = params.evidence.unwrap_or_default();
    let validator = params.validator.clone().unwrap_or_default();
    json!({
        "block": {"max_bytes": number(block.max_bytes), "max_gas": number(block.max_gas)},
        "evidence": {
            "max_age_num_blocks": number(evidence.max_age_num_blocks),
            "max_age_duration": nanos(&evidence.max_age_duration),
            "max_bytes": number(evidence.max_bytes),
        },
        "validator": {"pub_key_types": validator.pub_key_types},
        "version": {"app": number(params.version.unwrap_or_default().app)},
        "abci": {
            "vote_extensions_enable_height":
                number(params.abci.unwrap_or_default().vote_extensions_enable_height),
        },
    })
}

/// `is_service` says that the path named a method, whose empty answer is bytes all the same.
pub(crate) fn query(answer: &ResponseQuery, is_service: bool) -> Value {
    let value = match base64(&answer.value) {
        Value::Null if is_service && answer.code == 0 => Value::from(""),
        it => it,
    };
    let proof = answer.proof_ops.as_ref().map(|it| {
        let ops = it
            .ops
            .iter()
            .map(|it| json!({"type": it.r#type, "key": base64(&it.key), "data": base64(&it.data)}));
        json!({"ops": ops.collect::<Vec<_>>()})
    });
    json!({"response": {
        "code": answer.code,
        "log": answer.log,
        "info": answer.info,
        "index": number(answer.index),
        "key": base64(&answer.key),
        "value": value,
        "proofOps": proof,
        "height": number(answer.height),
        "codespace": answer.codespace,
    }})
}
