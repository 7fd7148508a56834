//! The recording of governance, whole: proposals of every outcome, parameters of every chapter,
//! upgrade plans, the old interface.
//!
//! Three of its proposals set parameters of chapters that are not here (contracts, IBC clients and
//! transfers). A stand-in takes them, so that the numbers of later proposals are the recorded ones.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::print_stderr, reason = "tests")]

use std::{fs, io::Read, path::PathBuf};

use base64::{Engine, engine::general_purpose::STANDARD};
use ledger::{App, Config, Ctx, Fault, Module, Result, Routes, View};
use modules::{
    ante, audit, auth, authz, awasm, bank, bme, cert, consensus, denoms, deployment, distribution,
    epochs, escrow, evidence, feegrant, genutil, gov, market, mint, oracle, params, provider,
    receipts, slashing, staking, upgrade, vesting,
};
use serde_json::Value;
use types::{
    json::{bytes_of_text, value_of},
    registry::registry,
    wire::{
        cosmwasm::wasm::v1 as wasm,
        ibc::{
            applications::transfer::v1 as transfer,
            core::{client::v1 as client, connection::v1 as connection},
        },
        tendermint::{
            abci::{
                CommitInfo, Event, RequestCommit, RequestFinalizeBlock, RequestInitChain,
                Validator, VoteInfo,
            },
            types::{BlockParams, ConsensusParams, EvidenceParams, ValidatorParams},
        },
    },
};

/// Takes the parameters of absent chapters from governance and forgets them.
struct StandIn;

fn only_governance(authority: &str) -> Result {
    if authority == auth::authority_address() {
        Ok(())
    } else {
        Err(Fault::plain("not governance"))
    }
}

impl Module for StandIn {
    const NAME: &'static str = "stand_in";
    type Genesis = ();

    fn routes(r: &mut Routes<'_>) {
        r.msg_checked(
            |it: &wasm::MsgUpdateParams| match it.params.instantiate_default_permission {
                0 => Err(Fault::plain("type: empty")),
                _ => Ok(()),
            },
            |_: &mut Ctx, it: wasm::MsgUpdateParams| only_governance(&it.authority),
        );
        r.msg(|_: &mut Ctx, it: client::MsgUpdateParams| only_governance(&it.signer));
        r.msg(|_: &mut Ctx, it: connection::MsgUpdateParams| only_governance(&it.signer));
        r.msg(|_: &mut Ctx, it: transfer::MsgUpdateParams| only_governance(&it.signer));
    }

    fn init(_: &mut Ctx, (): ()) -> Result {
        Ok(())
    }

    fn export(_: &View) -> Result<()> {
        Ok(())
    }
}

ledger::runtime! {
    /// The market, with somebody to take the parameters of absent chapters.
    struct WithStandIn;
    modules: auth::Auth, bank::Bank, consensus::Consensus, authz::Authz, feegrant::Feegrant,
        vesting::Vesting, staking::Staking, distribution::Distribution, mint::Mint, params::Params,
        upgrade::Upgrade, gov::Gov, slashing::Slashing, evidence::Evidence, genutil::Genutil,
        epochs::Epochs, oracle::Oracle, bme::Bme, awasm::Awasm, escrow::Escrow, provider::Provider,
        audit::Audit, cert::Cert, denoms::Denoms, receipts::Receipts, deployment::Deployment,
        market::Market, StandIn;
    ante: ante::Ante;
    pre_block: "upgrade", "auth";
    genesis: "auth", "authz", "bank", "distribution", "staking", "slashing", "gov", "vesting",
        "params", "audit", "upgrade", "mint", "evidence", "consensus", "feegrant", "cert", "oracle",
        "denoms", "receipts", "deployment", "provider", "market", "genutil", "epochs", "bme",
        "escrow", "awasm", "stand_in";
    begin_block: "epochs", "authz", "distribution", "mint", "upgrade", "slashing", "bme",
        "evidence", "escrow", "staking";
    end_block: "gov", "staking", "bme", "epochs", "feegrant", "market", "oracle";
}

const SCENARIO: &str = "gov-params-upgrade";

fn folder() -> Option<PathBuf> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..");
    let places = [root.join("conformance"), root.join("../shared/conformance")];
    let found = places.iter().map(|it| it.join(SCENARIO)).find(|it| it.is_dir());
    if found.is_none() {
        eprintln!("skipped: no recording {SCENARIO} in conformance/");
    }
    found
}

/// A file of the recording, packed or not.
fn text(file: &str) -> String {
    let folder = folder().unwrap();
    let plain = folder.join(file);
    if plain.is_file() {
        return fs::read_to_string(plain).unwrap();
    }
    let packed = fs::File::open(folder.join(format!("{file}.gz"))).unwrap();
    let mut text = String::new();
    flate2::read::GzDecoder::new(packed).read_to_string(&mut text).unwrap();
    text
}

fn lines(file: &str) -> Vec<Value> {
    text(file).lines().map(|it| serde_json::from_str(it).unwrap()).collect()
}

fn bytes(text: &Value) -> Vec<u8> {
    STANDARD.decode(text.as_str().unwrap_or_default()).unwrap()
}

fn hex(text: &Value) -> Vec<u8> {
    let digits = text.as_str().unwrap().bytes();
    let digits: Vec<u8> =
        digits.map(|it| u8::try_from(char::from(it).to_digit(16).unwrap()).unwrap()).collect();
    digits.chunks(2).map(|it| it[0] * 16 + it[1]).collect()
}

/// Read from the form of a genesis document, which counts ages in nanoseconds.
fn consensus_params(json: &Value) -> ConsensusParams {
    let number = |it: &Value| it.as_str().unwrap().parse::<i64>().unwrap();
    let (block, evidence) = (&json["block"], &json["evidence"]);
    let types = json["validator"]["pub_key_types"].as_array().unwrap();
    ConsensusParams {
        block: Some(BlockParams {
            max_bytes: number(&block["max_bytes"]),
            max_gas: number(&block["max_gas"]),
        }),
        evidence: Some(EvidenceParams {
            max_age_num_blocks: number(&evidence["max_age_num_blocks"]),
            max_age_duration: prost_types::Duration {
                seconds: number(&evidence["max_age_duration"]) / 1_000_000_000,
                nanos: 0,
            },
            max_bytes: number(&evidence["max_bytes"]),
        }),
        validator: Some(ValidatorParams {
            pub_key_types: types.iter().map(|it| it.as_str().unwrap().to_owned()).collect(),
        }),
        ..ConsensusParams::default()
    }
}

fn finalize(block: &Value) -> RequestFinalizeBlock {
    let votes = block["last_commit"]["votes"].as_array().unwrap();
    let vote = |it: &Value| VoteInfo {
        validator: Validator {
            address: hex(&it["validator_address"]),
            power: it["power"].as_i64().unwrap(),
        },
        block_id_flag: i32::try_from(it["block_id_flag"].as_i64().unwrap()).unwrap(),
    };
    RequestFinalizeBlock {
        txs: block["txs"].as_array().unwrap().iter().map(bytes).collect(),
        decided_last_commit: CommitInfo { round: 0, votes: votes.iter().map(vote).collect() },
        hash: hex(&block["hash"]),
        height: block["height"].as_i64().unwrap(),
        time: block["time"].as_str().unwrap().parse().unwrap(),
        proposer_address: hex(&block["proposer_address"]),
        ..RequestFinalizeBlock::default()
    }
}

type Shown = (String, Vec<(String, String)>);

fn recorded(events: &Value) -> Vec<Shown> {
    let text = |it: &Value| it.as_str().unwrap_or_default().to_owned();
    let pairs = |it: &Value| -> Vec<_> {
        let list = it.as_array().unwrap();
        list.iter().map(|it| (text(&it["key"]), text(&it["value"]))).collect()
    };
    let list = events.as_array().unwrap();
    list.iter().map(|it| (text(&it["type"]), pairs(&it["attributes"]))).collect()
}

fn own(events: &[Event]) -> Vec<Shown> {
    let pairs = |it: &Event| -> Vec<_> {
        it.attributes.iter().map(|it| (it.key.clone(), it.value.clone())).collect()
    };
    events.iter().map(|it| (it.r#type.clone(), pairs(it))).collect()
}

/// The first event that differs.
fn difference(own: &[Shown], recorded: &[Shown]) -> Option<String> {
    (own != recorded).then(|| {
        let at = own.iter().zip(recorded).take_while(|(a, b)| a == b).count();
        format!("event {at}: {:?}, recorded {:?}", own.get(at), recorded.get(at))
    })
}

/// Method, output type and request of a path of governance without a query string.
fn governance_request(path: &str) -> Option<(String, String, Vec<u8>)> {
    let parts: Vec<_> = path.split('/').collect();
    for method in registry().services().iter().flat_map(|it| &it.methods) {
        for rule in method.http.iter().filter(|it| it.verb == "GET") {
            let template: Vec<_> = rule.template.split('/').collect();
            let field = |it: &str| Some(it.strip_prefix('{')?.strip_suffix('}')?.to_owned());
            let fits = template.len() == parts.len()
                && template.iter().zip(&parts).all(|(a, b)| a == b || field(a).is_some());
            if !fits {
                continue;
            }
            let input = &registry().message(method.input).full_name;
            let mut request = Vec::new();
            for (name, part) in template.iter().zip(&parts) {
                if let Some(name) = field(name) {
                    request.extend(bytes_of_text(input, &name, &[*part]).ok()??);
                }
            }
            let output = registry().message(method.output).full_name.clone();
            return Some((method.path.clone(), output, request));
        }
    }
    None
}

#[test]
fn the_recording_of_governance_replays_whole() {
    if folder().is_none() {
        return;
    }
    let genesis: Value = serde_json::from_str(&text("genesis.json")).unwrap();
    let stores = ledger::store_names::<WithStandIn>();
    let store = store::Store::memory(store::Options { stores, history: 1000 }).unwrap();
    let app = App::<WithStandIn>::new(store, Config::default()).unwrap();
    app.init_chain(RequestInitChain {
        chain_id: genesis["chain_id"].as_str().unwrap().to_owned(),
        time: genesis["genesis_time"].as_str().unwrap().parse().unwrap(),
        consensus_params: Some(consensus_params(&genesis["consensus"]["params"])),
        initial_height: 1,
        app_state_bytes: serde_json::to_vec(&genesis["app_state"]).unwrap(),
        ..RequestInitChain::default()
    })
    .unwrap();

    let queries = lines("queries.jsonl");
    let mut wrong = Vec::new();
    let (mut transactions, mut answers) = (0, 0);
    for block in lines("blocks.jsonl") {
        let request = finalize(&block);
        let height = request.height;
        let result = app.finalize_block(request).unwrap();
        app.commit(RequestCommit {}).unwrap();
        for (at, tx) in result.tx_results.iter().enumerate() {
            transactions += 1;
            let expected = &block["tx_results"][at];
            let code = expected["code"].as_u64().unwrap();
            let space = expected["codespace"].as_str().unwrap();
            // The stand-in has no codes, nor does an error of the reference that lost its own.
            let free = matches!(space, "undefined" | "wasm" | "ibc") && tx.code != 0;
            if !free && (tx.codespace.as_str(), u64::from(tx.code)) != (space, code) {
                let log = &tx.log;
                wrong.push(format!(
                    "{height}/{at}: {}/{} {log}, {space}/{code}",
                    tx.codespace, tx.code
                ));
            } else if tx.data != bytes(&expected["data"]) {
                wrong.push(format!("{height}/{at}: other data"));
            } else if let Some(text) = difference(&own(&tx.events), &recorded(&expected["events"]))
            {
                wrong.push(format!("{height}/{at}: {text}"));
            }
        }
        let expected = recorded(&block["finalize_block_events"]);
        if let Some(text) = difference(&own(&result.events), &expected) {
            wrong.push(format!("{height}: {text}"));
        }
        assert_eq!(app.broken_invariants().unwrap(), [], "at height {height}");

        for query in queries.iter().filter(|it| it["height"] == height) {
            let path = query["path"].as_str().unwrap_or_default();
            if !path.starts_with("/cosmos/gov/") || path.contains('?') {
                continue;
            }
            let Some((method, output, request)) = governance_request(path) else { continue };
            answers += 1;
            let status = query["status"].as_u64().unwrap();
            let (same, shown) = match app.grpc_query(&method, &request, height).unwrap() {
                Ok((reply, _)) => {
                    let body = value_of(&output, &reply).unwrap();
                    (status == 200 && body == query["body"], body.to_string())
                }
                Err((code, text)) => {
                    let same = query["body"]["code"].as_u64() == Some(u64::from(code.number()));
                    (status != 200 && same, text)
                }
            };
            if !same {
                wrong.push(format!("{path} at {height}: {shown}\n  recorded {}", query["body"]));
            }
        }
    }
    let count = wrong.len();
    assert!(wrong.is_empty(), "{count} differences:\n{}", wrong[..count.min(20)].join("\n"));
    assert!(transactions >= 230 && answers >= 120, "compared {transactions}, {answers}");
}
