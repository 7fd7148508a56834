//! Hashes of recorded blocks of the reference node (`conformance/rpc-surface`).
#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "tests")]

use std::{fs, io::Read, path::PathBuf};

use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use consensus::core::{
    block, commit, evidence, merkle, params,
    state::results_hash,
    time,
    validators::{Change, ValidatorSet},
    vote::{self, VoteKind},
};
use serde_json::Value;
use types::wire::tendermint::{abci, types as tm, version::Consensus};

/// The folder beside the project, when this checkout has one.
fn recordings() -> Option<PathBuf> {
    let folder =
        PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/conformance/rpc-surface");
    if folder.exists() {
        return Some(folder);
    }
    println!("skipped: {} is not there", folder.display());
    None
}

/// All successful answers of one RPC method.
fn answers(method: &str) -> Vec<Value> {
    let Some(folder) = recordings() else { return Vec::new() };
    let file = fs::File::open(folder.join("queries.jsonl.gz")).unwrap();
    let mut text = String::new();
    flate2::read::GzDecoder::new(file).read_to_string(&mut text).unwrap();
    let found: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap())
        .filter(|it| it["kind"] == "rpc" && it["method"] == method)
        .filter_map(|it| it.get("result").cloned())
        .collect();
    assert!(!found.is_empty(), "no recorded {method}");
    found
}

fn blocks() -> Vec<Value> {
    let Some(folder) = recordings() else { return Vec::new() };
    let text = fs::read_to_string(folder.join("blocks.jsonl")).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

fn hex_of(value: &Value) -> Vec<u8> {
    hex::decode(text(value)).unwrap()
}

fn base64_of(value: &Value) -> Vec<u8> {
    BASE64.decode(text(value)).unwrap()
}

fn int(value: &Value) -> i64 {
    match value {
        Value::Null => 0,
        Value::String(text) => text.parse().unwrap(),
        other => other.as_i64().unwrap(),
    }
}

fn block_id(value: &Value) -> tm::BlockId {
    tm::BlockId {
        hash: hex_of(&value["hash"]),
        part_set_header: tm::PartSetHeader {
            total: u32::try_from(int(&value["parts"]["total"])).unwrap(),
            hash: hex_of(&value["parts"]["hash"]),
        },
    }
}

fn header(value: &Value) -> tm::Header {
    tm::Header {
        version: Consensus {
            block: u64::try_from(int(&value["version"]["block"])).unwrap(),
            app: u64::try_from(int(&value["version"]["app"])).unwrap(),
        },
        chain_id: text(&value["chain_id"]).to_owned(),
        height: int(&value["height"]),
        time: time::parse(text(&value["time"])).unwrap(),
        last_block_id: block_id(&value["last_block_id"]),
        last_commit_hash: hex_of(&value["last_commit_hash"]),
        data_hash: hex_of(&value["data_hash"]),
        validators_hash: hex_of(&value["validators_hash"]),
        next_validators_hash: hex_of(&value["next_validators_hash"]),
        consensus_hash: hex_of(&value["consensus_hash"]),
        app_hash: hex_of(&value["app_hash"]),
        last_results_hash: hex_of(&value["last_results_hash"]),
        evidence_hash: hex_of(&value["evidence_hash"]),
        proposer_address: hex_of(&value["proposer_address"]),
    }
}

fn commit_of(value: &Value) -> tm::Commit {
    tm::Commit {
        height: int(&value["height"]),
        round: i32::try_from(int(&value["round"])).unwrap(),
        block_id: block_id(&value["block_id"]),
        signatures: value["signatures"]
            .as_array()
            .unwrap()
            .iter()
            .map(|it| tm::CommitSig {
                block_id_flag: i32::try_from(int(&it["block_id_flag"])).unwrap(),
                validator_address: hex_of(&it["validator_address"]),
                timestamp: time::parse(text(&it["timestamp"])).unwrap(),
                signature: match &it["signature"] {
                    Value::Null => Vec::new(),
                    other => base64_of(other),
                },
            })
            .collect(),
    }
}

fn txs(value: &Value) -> Vec<Vec<u8>> {
    value.as_array().unwrap().iter().map(base64_of).collect()
}

#[test]
fn recorded_headers_and_contents_hash_as_recorded() {
    for answer in answers("block") {
        let recorded = &answer["block"];
        let header = header(&recorded["header"]);
        assert_eq!(block::header_hash(&header).to_vec(), hex_of(&answer["block_id"]["hash"]));
        let block = tm::Block {
            header,
            data: tm::Data { txs: txs(&recorded["data"]["txs"]) },
            evidence: tm::EvidenceList::default(),
            last_commit: Some(commit_of(&recorded["last_commit"])),
        };
        assert_eq!(block.header.data_hash, block::data_hash(&block.data.txs));
        assert_eq!(block.header.evidence_hash, evidence::hash(&block.evidence));
        let last_commit = block.last_commit.as_ref().unwrap();
        assert_eq!(block.header.last_commit_hash, commit::hash(last_commit));
        // Parts and id of the whole block.
        let sealed = block::Sealed::seal(block);
        assert_eq!(sealed.id.to_wire(), block_id(&answer["block_id"]));
        assert_eq!(block::Sealed::open(sealed.bytes.clone()).unwrap(), sealed);
    }
}

#[test]
fn recorded_parameters_hash_as_recorded() {
    for answer in answers("header") {
        // The scenario never changes them.
        let expected = params::hash(&consensus::genesis::default_params());
        assert_eq!(header(&answer["header"]).consensus_hash, expected);
    }
}

#[test]
fn recorded_commits_hold_for_their_validators() {
    let sets = answers("validators");
    for answer in answers("commit") {
        let recorded = &answer["signed_header"];
        let commit = commit_of(&recorded["commit"]);
        let header = header(&recorded["header"]);
        let Some(set) =
            sets.iter().find(|it| int(&it["block_height"]) == commit.height && it["total"] == "1")
        else {
            continue;
        };
        let member = &set["validators"][0];
        let key: [u8; 32] = base64_of(&member["pub_key"]["value"]).try_into().unwrap();
        let power = int(&member["voting_power"]);
        let set = ValidatorSet::new(&[Change { public_key: key, power }]).unwrap();
        assert_eq!(set.hash().to_vec(), header.validators_hash);
        assert_eq!(
            consensus::core::validators::address_of(&key).to_vec(),
            hex_of(&member["address"])
        );
        let id = vote::BlockId::from_wire(&commit.block_id).unwrap();
        let height = u64::try_from(commit.height).unwrap();
        commit::verify(&header.chain_id, &set, &id, height, &commit).unwrap();
        let entry = &commit.signatures[0];
        let message = vote::sign_bytes(
            &header.chain_id,
            VoteKind::Precommit,
            height,
            u32::try_from(commit.round).unwrap(),
            Some(&id),
            entry.timestamp,
        );
        let signature = entry.signature.as_slice().try_into().unwrap();
        assert!(vote::verify(&key, &message, &signature));
    }
}

#[test]
fn recorded_results_hash_into_the_next_header() {
    let blocks = blocks();
    for answer in answers("header") {
        let header = header(&answer["header"]);
        let Some(before) = blocks.iter().find(|it| int(&it["height"]) == header.height - 1) else {
            continue;
        };
        let results: Vec<abci::ExecTxResult> = before["tx_results"]
            .as_array()
            .unwrap()
            .iter()
            .map(|it| abci::ExecTxResult {
                code: u32::try_from(int(&it["code"])).unwrap(),
                data: match &it["data"] {
                    Value::Null => Vec::new(),
                    other => base64_of(other),
                },
                log: "not hashed".to_owned(),
                gas_wanted: int(&it["gas_wanted"]),
                gas_used: int(&it["gas_used"]),
                ..Default::default()
            })
            .collect();
        assert_eq!(header.last_results_hash, results_hash(&results), "height {}", header.height);
    }
}

#[test]
fn the_recorded_updates_rotate_as_recorded() {
    let blocks = blocks();
    let Some(last) = blocks.last() else { return };
    let mut set = ValidatorSet::default();
    let mut next = ValidatorSet::default();
    let recorded = answers("validators");
    for answer in recorded.iter().filter(|it| int(&it["block_height"]) == 1) {
        let member = &answer["validators"][0];
        let key = base64_of(&member["pub_key"]["value"]).try_into().unwrap();
        let change = Change { public_key: key, power: int(&member["voting_power"]) };
        set = ValidatorSet::new(&[change]).unwrap();
        next = set.clone();
        next.rotate(1);
    }
    let mut checked = 0;
    for block in &blocks {
        let height = int(&block["height"]);
        checked += check_set(&recorded, height, &set);
        let changes: Vec<Change> = block["validator_updates"]
            .as_array()
            .unwrap()
            .iter()
            .map(|it| Change {
                public_key: base64_of(&it["pub_key"]["value"]).try_into().unwrap(),
                power: int(&it["power"]),
            })
            .collect();
        set = next.clone();
        next.update(&changes).unwrap();
        next.rotate(1);
    }
    checked += check_set(&recorded, int(&last["height"]) + 1, &set);
    assert!(checked >= 5, "{checked} sets compared");
}

/// Compares with every recorded answer for that height; gives how many there were.
fn check_set(recorded: &[Value], height: i64, set: &ValidatorSet) -> usize {
    let same: Vec<_> = recorded.iter().filter(|it| int(&it["block_height"]) == height).collect();
    for answer in &same {
        let expected: Vec<(Vec<u8>, i64, i64)> = answer["validators"]
            .as_array()
            .unwrap()
            .iter()
            .map(|it| {
                (hex_of(&it["address"]), int(&it["voting_power"]), int(&it["proposer_priority"]))
            })
            .collect();
        let ours: Vec<(Vec<u8>, i64, i64)> = set
            .validators()
            .iter()
            .map(|it| (it.address.to_vec(), it.power, it.priority))
            .collect();
        assert_eq!(ours, expected, "height {height}");
    }
    same.len()
}

#[test]
fn a_recorded_proof_of_a_transaction_is_ours() {
    let mut proven = 0;
    for answer in answers("tx").iter().filter(|it| it.get("proof").is_some()) {
        let height = int(&answer["height"]);
        let proof = &answer["proof"];
        let blocks = blocks();
        let block = blocks.iter().find(|it| int(&it["height"]) == height).unwrap();
        let hashes: Vec<merkle::Hash> =
            txs(&block["txs"]).iter().map(|it| merkle::sha256(it)).collect();
        let (root, proofs) = merkle::proofs(&hashes);
        assert_eq!(root.to_vec(), hex_of(&proof["root_hash"]));
        let ours = &proofs[usize::try_from(int(&answer["index"])).unwrap()];
        assert_eq!(ours.leaf_hash, base64_of(&proof["proof"]["leaf_hash"]));
        let aunts: Vec<Vec<u8>> =
            proof["proof"]["aunts"].as_array().unwrap().iter().map(base64_of).collect();
        assert_eq!(ours.aunts, aunts);
        proven += 1;
    }
    assert!(proven > 0 || recordings().is_none());
}
