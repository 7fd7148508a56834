//! Reading a recording: `genesis.json`, `blocks.jsonl`, `queries.jsonl`, and what `about.md` says
//! of the node that was recorded.

use std::{
    collections::BTreeMap,
    fs,
    io::Read,
    path::{Path, PathBuf},
};

use base64::{Engine, prelude::BASE64_STANDARD};
use consensus::GenesisDoc;
use prost::Message as _;
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use types::wire::{
    cosmos::tx::v1beta1::{AuthInfo, TxRaw},
    tendermint::{abci, types as tm},
};

use super::rules::{self, About};

/// A recording that cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("cannot read the recording at {}: {cause}", path.display())]
pub struct RecordingError {
    path: PathBuf,
    cause: String,
}

impl RecordingError {
    pub(crate) fn new(path: &Path, cause: impl Into<String>) -> Self {
        Self { path: path.to_owned(), cause: cause.into() }
    }
}

type Result<T> = std::result::Result<T, RecordingError>;

/// A scenario: genesis, blocks with what they did, queries with their answers.
pub struct Recording {
    /// The name of its folder.
    pub name: String,
    pub(super) genesis: GenesisDoc,
    pub(super) about: About,
    pub(super) blocks: Vec<Block>,
    /// By the height they were asked at, in the order of the file.
    pub(super) queries: BTreeMap<i64, Vec<Value>>,
}

/// A line of `blocks.jsonl`.
#[derive(Deserialize)]
pub(super) struct Block {
    #[serde(deserialize_with = "number")]
    pub(super) height: i64,
    time: String,
    #[serde(default)]
    proposer_address: String,
    #[serde(default)]
    hash: String,
    #[serde(default)]
    last_commit: LastCommit,
    #[serde(default)]
    misbehavior: Vec<Misbehavior>,
    #[serde(default, deserialize_with = "nullable")]
    pub(super) txs: Vec<String>,
    #[serde(default, deserialize_with = "nullable")]
    pub(super) tx_results: Vec<TxResult>,
    #[serde(default, deserialize_with = "nullable")]
    pub(super) finalize_block_events: Vec<Event>,
    #[serde(default, deserialize_with = "nullable")]
    pub(super) validator_updates: Vec<ValidatorUpdate>,
    #[serde(default)]
    pub(super) consensus_param_updates: Value,
}

#[derive(Default, Deserialize)]
struct LastCommit {
    #[serde(default)]
    round: i32,
    #[serde(default, deserialize_with = "nullable")]
    votes: Vec<Vote>,
}

#[derive(Deserialize)]
struct Vote {
    validator_address: String,
    #[serde(deserialize_with = "number")]
    power: i64,
    block_id_flag: i32,
    #[serde(default)]
    timestamp: Option<String>,
}

#[derive(Deserialize)]
struct Misbehavior {
    r#type: i32,
    validator: Misbehaved,
    #[serde(deserialize_with = "number")]
    height: i64,
    time: String,
    #[serde(deserialize_with = "number")]
    total_voting_power: i64,
}

#[derive(Deserialize)]
struct Misbehaved {
    address: String,
    #[serde(deserialize_with = "number")]
    power: i64,
}

/// What a transaction did.
#[derive(Deserialize)]
pub(super) struct TxResult {
    #[serde(default, deserialize_with = "number")]
    pub(super) code: i64,
    #[serde(default, deserialize_with = "nullable")]
    pub(super) codespace: String,
    #[serde(default, deserialize_with = "nullable")]
    pub(super) data: String,
    #[serde(default, deserialize_with = "nullable")]
    pub(super) log: String,
    #[serde(default, deserialize_with = "number")]
    pub(super) gas_wanted: i64,
    #[serde(default, deserialize_with = "number")]
    pub(super) gas_used: i64,
    #[serde(default, deserialize_with = "nullable")]
    pub(super) events: Vec<Event>,
}

#[derive(Deserialize)]
pub(super) struct Event {
    pub(super) r#type: String,
    #[serde(default, deserialize_with = "nullable")]
    pub(super) attributes: Vec<Attribute>,
}

#[derive(Deserialize)]
pub(super) struct Attribute {
    pub(super) key: String,
    #[serde(default, deserialize_with = "nullable")]
    pub(super) value: String,
}

#[derive(Deserialize)]
pub(super) struct ValidatorUpdate {
    pub(super) pub_key: Key,
    #[serde(default, deserialize_with = "number")]
    pub(super) power: i64,
}

#[derive(Deserialize)]
pub(super) struct Key {
    pub(super) r#type: String,
    pub(super) value: String,
}

/// A number, or one in quotes.
fn number<'de, D: Deserializer<'de>>(deserializer: D) -> std::result::Result<i64, D::Error> {
    match Value::deserialize(deserializer)? {
        Value::Null => Ok(0),
        Value::Number(it) => it.as_i64().ok_or_else(|| serde::de::Error::custom("not an integer")),
        Value::String(it) => it.parse().map_err(serde::de::Error::custom),
        _ => Err(serde::de::Error::custom("not a number")),
    }
}

/// `null` for the empty value.
fn nullable<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(
    deserializer: D,
) -> std::result::Result<T, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

/// Base64 or nothing.
pub(super) fn base64(text: &str) -> Vec<u8> {
    BASE64_STANDARD.decode(text).unwrap_or_default()
}

fn unhex(text: &str) -> Vec<u8> {
    hex::decode(text).unwrap_or_default()
}

fn time(text: &str) -> prost_types::Timestamp {
    types::timestamp::parse(text).unwrap_or_default()
}

/// The gas of a refused transaction, and the price of gas that its refusal tells.
fn price_told(query: &Value) -> Option<(u64, String)> {
    let text = |name: &str| query.get(name).and_then(Value::as_str);
    if text("kind") != Some("check_tx") {
        return None;
    }
    let tx = TxRaw::decode(base64(text("tx")?).as_slice()).ok()?;
    let gas_limit = AuthInfo::decode(tx.auth_info_bytes.as_slice()).ok()?.fee?.gas_limit;
    Some((gas_limit, rules::price_told(text("log")?, gas_limit)?))
}

/// A file of a recording, packed or not; `None` when there is neither.
fn read(folder: &Path, file: &str) -> Result<Option<String>> {
    let plain = folder.join(file);
    let failed = |path: &Path, it: std::io::Error| RecordingError::new(path, it.to_string());
    if plain.is_file() {
        return fs::read_to_string(&plain).map(Some).map_err(|it| failed(&plain, it));
    }
    let packed = folder.join(format!("{file}.gz"));
    if !packed.is_file() {
        return Ok(None);
    }
    let open = fs::File::open(&packed).map_err(|it| failed(&packed, it))?;
    let mut text = String::new();
    flate2::read::GzDecoder::new(open)
        .read_to_string(&mut text)
        .map_err(|it| failed(&packed, it))?;
    Ok(Some(text))
}

/// The lines of a file, packed or not; `None` when there is neither.
pub(crate) fn read_lines<T: for<'de> Deserialize<'de>>(
    folder: &Path,
    file: &str,
) -> Result<Option<Vec<T>>> {
    let Some(text) = read(folder, file)? else { return Ok(None) };
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    let parsed = lines.map(|(at, line)| {
        serde_json::from_str(line)
            .map_err(|it| RecordingError::new(folder, format!("{file}, line {}: {it}", at + 1)))
    });
    parsed.collect::<Result<Vec<T>>>().map(Some)
}

impl Recording {
    /// Reads the scenario in a folder.
    ///
    /// # Errors
    /// When a file is missing or not of the form.
    pub fn open(folder: &Path) -> Result<Self> {
        let missing = |file: &str| RecordingError::new(folder, format!("there is no {file}"));
        let genesis = read(folder, "genesis.json")?.ok_or_else(|| missing("genesis.json"))?;
        let genesis = GenesisDoc::from_json(&genesis)
            .map_err(|it| RecordingError::new(folder, format!("genesis.json: {it}")))?;
        let blocks = read_lines(folder, "blocks.jsonl")?.ok_or_else(|| missing("blocks.jsonl"))?;
        let mut queries: BTreeMap<i64, Vec<Value>> = BTreeMap::new();
        for query in read_lines::<Value>(folder, "queries.jsonl")?.unwrap_or_default() {
            let height = query.get("height").and_then(Value::as_i64).unwrap_or_default();
            queries.entry(height).or_default().push(query);
        }
        let mut about = About::read(&read(folder, "about.md")?.unwrap_or_default());
        if about.min_gas_prices.is_empty() {
            // The most gas gives the price that is least rounded.
            let told = queries.values().flatten().filter_map(price_told).max_by_key(|it| it.0);
            about.min_gas_prices = told.map(|it| it.1).unwrap_or_default();
        }
        let name = folder
            .canonicalize()
            .ok()
            .and_then(|it| it.file_name().map(|it| it.to_string_lossy().into_owned()));
        Ok(Self { name: name.unwrap_or_default(), genesis, about, blocks, queries })
    }

    /// The last recorded height.
    #[must_use]
    pub fn last_height(&self) -> i64 {
        self.blocks.last().map_or(0, |it| it.height)
    }

    /// What the engine tells the application before the first block.
    pub(super) fn init_chain(&self) -> abci::RequestInitChain {
        let genesis = &self.genesis;
        abci::RequestInitChain {
            time: genesis.genesis_time,
            chain_id: genesis.chain_id.clone(),
            consensus_params: Some(genesis.consensus_params.clone()),
            validators: genesis
                .validators
                .iter()
                .map(|it| abci::ValidatorUpdate { pub_key: it.wire_key(), power: it.power })
                .collect(),
            app_state_bytes: genesis.app_state.get().as_bytes().to_vec(),
            initial_height: i64::try_from(genesis.initial_height).unwrap_or(i64::MAX),
        }
    }
}

impl Block {
    /// The commit of the block before, without signatures.
    pub(super) fn last_commit(&self) -> tm::Commit {
        let signatures = self.last_commit.votes.iter().map(|it| tm::CommitSig {
            block_id_flag: it.block_id_flag,
            validator_address: unhex(&it.validator_address),
            timestamp: it.timestamp.as_deref().map(time).unwrap_or_default(),
            signature: Vec::new(),
        });
        tm::Commit {
            height: if self.last_commit.votes.is_empty() { 0 } else { self.height - 1 },
            round: self.last_commit.round,
            signatures: signatures.collect(),
            ..tm::Commit::default()
        }
    }

    /// What the engine hands to the application.
    pub(super) fn request(&self) -> abci::RequestFinalizeBlock {
        let votes = self.last_commit.votes.iter().map(|it| abci::VoteInfo {
            validator: abci::Validator { address: unhex(&it.validator_address), power: it.power },
            block_id_flag: it.block_id_flag,
        });
        let misbehavior = self.misbehavior.iter().map(|it| abci::Misbehavior {
            r#type: it.r#type,
            validator: abci::Validator {
                address: unhex(&it.validator.address),
                power: it.validator.power,
            },
            height: it.height,
            time: time(&it.time),
            total_voting_power: it.total_voting_power,
        });
        abci::RequestFinalizeBlock {
            txs: self.txs.iter().map(|it| base64(it)).collect(),
            decided_last_commit: abci::CommitInfo {
                round: self.last_commit.round,
                votes: votes.collect(),
            },
            misbehavior: misbehavior.collect(),
            hash: unhex(&self.hash),
            height: self.height,
            time: time(&self.time),
            next_validators_hash: Vec::new(),
            proposer_address: unhex(&self.proposer_address),
        }
    }
}
