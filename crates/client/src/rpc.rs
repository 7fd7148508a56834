//! The few CometBFT JSON-RPC calls that a client needs, over HTTP POST.
//!
//! Called by [`crate::chain`], [`crate::tx`] and [`crate::events`]; calls the node. Owns one HTTP
//! connection pool. Shapes: cosmos.md 2.2 to 2.6; numbers are read as text or as numbers.

use std::{fmt, str::FromStr, time::Duration};

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use serde::{Deserialize, Deserializer, de::DeserializeOwned};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::error::{Error, Result};

/// How long one call may take before the node counts as unreachable.
const CALL_TIMEOUT: Duration = Duration::from_secs(15);
/// How long a connection may take to open.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// SHA-256 of the broadcast bytes; upper-case hex as text.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TxHash(pub [u8; 32]);

impl TxHash {
    /// The hash of a transaction's bytes.
    pub fn of(tx: &[u8]) -> TxHash {
        TxHash(Sha256::digest(tx).into())
    }
}

impl fmt::Display for TxHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode_upper(self.0))
    }
}

impl fmt::Debug for TxHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for TxHash {
    type Err = hex::FromHexError;
    fn from_str(text: &str) -> Result<TxHash, hex::FromHexError> {
        let mut bytes = [0u8; 32];
        hex::decode_to_slice(text.trim_start_matches("0x"), &mut bytes)?;
        Ok(TxHash(bytes))
    }
}

/// A connection to a node's RPC address. Cheap to clone.
#[derive(Clone)]
pub struct Rpc {
    url: String,
    http: reqwest::Client,
}

/// What a node says about itself.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Status {
    /// The chain it serves.
    pub chain_id: String,
    /// Its name.
    pub moniker: String,
    /// Its software version.
    pub version: String,
    /// Height of the latest block; 0 before the first one.
    pub latest_height: u64,
    /// Time of the latest block, RFC 3339.
    pub latest_time: String,
    /// The lowest height it keeps.
    pub earliest_height: u64,
    /// Whether it is still catching up with its peers.
    pub catching_up: bool,
    /// Voting power of its validator key; 0 for a node that does not validate.
    pub voting_power: i64,
}

/// One event of a block or a transaction.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, serde::Serialize)]
pub struct Event {
    /// Its type: `transfer`, or the full name of a typed event.
    #[serde(rename = "type")]
    pub kind: String,
    /// Keys and values in the order of the chain.
    #[serde(default, deserialize_with = "null_as_default")]
    pub attributes: Vec<Attribute>,
}

/// A key and a value.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, serde::Serialize)]
pub struct Attribute {
    /// The key.
    pub key: String,
    /// The value; for typed events this is JSON.
    #[serde(default, deserialize_with = "null_as_default")]
    pub value: String,
}

/// The result of one executed transaction.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, serde::Serialize)]
#[serde(default)]
pub struct TxOutcome {
    /// 0 is success.
    #[serde(deserialize_with = "number")]
    pub code: u32,
    /// The error space of `code`.
    #[serde(deserialize_with = "null_as_default")]
    pub codespace: String,
    /// The cause of a failure.
    #[serde(deserialize_with = "null_as_default")]
    pub log: String,
    /// Encoded `TxMsgData`.
    #[serde(deserialize_with = "bytes")]
    pub data: Vec<u8>,
    /// The gas limit.
    #[serde(deserialize_with = "number")]
    pub gas_wanted: i64,
    /// The gas consumed.
    #[serde(deserialize_with = "number")]
    pub gas_used: i64,
    /// What happened.
    #[serde(deserialize_with = "null_as_default")]
    pub events: Vec<Event>,
}

/// Everything that a block did.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct BlockResults {
    /// The height.
    #[serde(deserialize_with = "number")]
    pub height: u64,
    /// One entry per transaction, in block order.
    #[serde(deserialize_with = "null_as_default")]
    pub txs_results: Vec<TxOutcome>,
    /// Events outside transactions.
    #[serde(deserialize_with = "null_as_default")]
    pub finalize_block_events: Vec<Event>,
}

/// A block's time and transactions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    /// The height.
    pub height: u64,
    /// RFC 3339.
    pub time: String,
    /// The bytes of each transaction.
    pub txs: Vec<Vec<u8>>,
}

/// A transaction found in a block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TxFound {
    /// The block that holds it.
    pub height: u64,
    /// Its place in the block.
    pub index: u32,
    /// What it did.
    pub outcome: TxOutcome,
    /// Its bytes.
    pub tx: Vec<u8>,
}

/// The answer to a broadcast: the result of the check, not of the execution.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checked {
    /// 0 when the transaction waits for a block now.
    pub code: u32,
    /// The error space of `code`.
    pub codespace: String,
    /// The cause of a refusal.
    pub log: String,
    /// Hash of the transaction.
    pub hash: TxHash,
}

/// The answer to a state query.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The encoded response message.
    pub value: Vec<u8>,
    /// The height of the state that answered.
    pub height: u64,
}

impl Rpc {
    /// A connection to `url`; nothing is sent yet. Accepts `tcp://`, `http://`, `https://` and
    /// `host:port`.
    pub fn new(url: &str) -> Result<Rpc> {
        let bad = |detail: String| Error::BadUrl { url: url.to_owned(), detail };
        let text = match url.split_once("://") {
            Some(("http" | "https", _)) => url.to_owned(),
            Some(("tcp", rest)) => format!("http://{rest}"),
            Some((scheme, _)) => return Err(bad(format!("`{scheme}` is not http or https"))),
            None => format!("http://{url}"),
        };
        let text = text.trim_end_matches('/').to_owned();
        let parsed = reqwest::Url::parse(&text).map_err(|it| bad(it.to_string()))?;
        if parsed.host_str().is_none_or(str::is_empty) {
            return Err(bad("it names no host".to_owned()));
        }
        let http = crate::http::builder()
            .timeout(CALL_TIMEOUT)
            .connect_timeout(CONNECT_TIMEOUT)
            .build()
            .map_err(|it| bad(it.to_string()))?;
        Ok(Rpc { url: text, http })
    }

    /// The address of the node.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Calls any method. `what` is a verb phrase for errors.
    pub async fn call<T: DeserializeOwned>(
        &self,
        what: &str,
        method: &str,
        params: Value,
    ) -> Result<T> {
        let body = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
        let unreachable = |source: reqwest::Error| Error::Unreachable {
            what: what.to_owned(),
            url: self.url.clone(),
            source: source.into(),
        };
        let sent = self.http.post(&self.url).json(&body).send().await.map_err(unreachable)?;
        let status = sent.status();
        let bytes = sent.bytes().await.map_err(unreachable)?;
        let bad = |detail: String| Error::BadAnswer {
            what: what.to_owned(),
            url: self.url.clone(),
            detail,
        };
        let mut answer: Value = serde_json::from_slice(&bytes)
            .map_err(|_| bad(format!("HTTP status {status}, not JSON")))?;
        if let Some(error) = answer.get("error").filter(|it| !it.is_null()) {
            let code = error.get("code").and_then(Value::as_i64).unwrap_or_default();
            let text = |key| error.get(key).and_then(Value::as_str).unwrap_or_default();
            let message = if text("data").is_empty() { text("message") } else { text("data") };
            return Err(Error::Rpc { what: what.to_owned(), code, message: message.to_owned() });
        }
        let result = answer.get_mut("result").map(Value::take).unwrap_or_default();
        serde_json::from_value(result).map_err(|it| bad(it.to_string()))
    }

    /// What the node says about itself.
    pub async fn status(&self) -> Result<Status> {
        let what = "read the status of the node";
        let answer: Value = self.call(what, "status", json!({})).await?;
        let text = |path: &str| {
            answer.pointer(path).and_then(Value::as_str).unwrap_or_default().to_owned()
        };
        let height = |path: &str| text(path).parse::<u64>().unwrap_or_default();
        let chain_id = text("/node_info/network");
        if chain_id.is_empty() {
            return Err(Error::BadAnswer {
                what: what.to_owned(),
                url: self.url.clone(),
                detail: "it names no chain".to_owned(),
            });
        }
        Ok(Status {
            chain_id,
            moniker: text("/node_info/moniker"),
            version: text("/node_info/version"),
            latest_height: height("/sync_info/latest_block_height"),
            latest_time: text("/sync_info/latest_block_time"),
            earliest_height: height("/sync_info/earliest_block_height"),
            catching_up: answer
                .pointer("/sync_info/catching_up")
                .and_then(Value::as_bool)
                .unwrap_or_default(),
            voting_power: text("/validator_info/voting_power").parse().unwrap_or_default(),
        })
    }

    /// A state query by path (cosmos.md 3.10); `height` 0 is the latest.
    pub async fn abci_query(
        &self,
        what: &str,
        path: &str,
        data: &[u8],
        height: u64,
    ) -> Result<Answer> {
        let params = json!({
            "path": path, "data": hex::encode(data), "height": height.to_string(), "prove": false,
        });
        let answer: AbciAnswer = self.call(what, "abci_query", params).await?;
        let response = answer.response;
        if response.code != 0 {
            return Err(Error::Query {
                what: what.to_owned(),
                codespace: response.codespace,
                code: response.code,
                log: response.log,
            });
        }
        Ok(Answer { value: response.value, height: response.height })
    }

    /// Offers a transaction and waits for its check, not for a block.
    pub async fn broadcast_sync(&self, tx: &[u8]) -> Result<Checked> {
        let params = json!({ "tx": BASE64.encode(tx) });
        let what = "send the transaction";
        let hash = TxHash::of(tx);
        // Texts of the mempool arrive as RPC errors; the chain's own numbers are given to them
        // (cosmos.md 3.8), so that callers match on one thing.
        let answer = match self.call::<CheckAnswer>(what, "broadcast_tx_sync", params).await {
            Err(Error::Rpc { message, code, .. }) => {
                let low = message.to_lowercase();
                let code = if low.contains("tx already exists in cache") {
                    19
                } else if low.contains("mempool is full") {
                    20
                } else if low.contains("tx too large") {
                    21
                } else {
                    return Err(Error::Rpc { what: what.to_owned(), message, code });
                };
                return Ok(Checked { code, codespace: "sdk".to_owned(), log: message, hash });
            }
            other => other?,
        };
        Ok(Checked { code: answer.code, codespace: answer.codespace, log: answer.log, hash })
    }

    /// A transaction by its hash; `None` while it is in no block.
    pub async fn tx(&self, hash: TxHash) -> Result<Option<TxFound>> {
        let params = json!({ "hash": BASE64.encode(hash.0), "prove": false });
        match self.call::<TxAnswer>("look for the transaction", "tx", params).await {
            Ok(it) => Ok(Some(TxFound {
                height: it.height,
                index: it.index,
                outcome: it.tx_result,
                tx: it.tx,
            })),
            Err(Error::Rpc { message, .. }) if message.contains("not found") => Ok(None),
            Err(other) => Err(other),
        }
    }

    /// What a block did; the latest for `None`.
    pub async fn block_results(&self, height: Option<u64>) -> Result<BlockResults> {
        self.call("read the results of a block", "block_results", at(height)).await
    }

    /// A block; the latest for `None`.
    pub async fn block(&self, height: Option<u64>) -> Result<Block> {
        let answer: BlockAnswer = self.call("read a block", "block", at(height)).await?;
        let txs = answer.block.data.txs.iter().map(|it| BASE64.decode(it).unwrap_or_default());
        Ok(Block {
            height: answer.block.header.height,
            time: answer.block.header.time,
            txs: txs.collect(),
        })
    }
}

fn at(height: Option<u64>) -> Value {
    match height {
        Some(height) => json!({ "height": height.to_string() }),
        None => json!({}),
    }
}

#[derive(Deserialize)]
struct AbciAnswer {
    response: AbciResponse,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct AbciResponse {
    #[serde(deserialize_with = "number")]
    code: u32,
    #[serde(deserialize_with = "null_as_default")]
    codespace: String,
    #[serde(deserialize_with = "null_as_default")]
    log: String,
    #[serde(deserialize_with = "bytes")]
    value: Vec<u8>,
    #[serde(deserialize_with = "number")]
    height: u64,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct CheckAnswer {
    #[serde(deserialize_with = "number")]
    code: u32,
    #[serde(deserialize_with = "null_as_default")]
    codespace: String,
    #[serde(deserialize_with = "null_as_default")]
    log: String,
}

#[derive(Deserialize)]
struct TxAnswer {
    #[serde(deserialize_with = "number")]
    height: u64,
    #[serde(default, deserialize_with = "number")]
    index: u32,
    tx_result: TxOutcome,
    #[serde(deserialize_with = "bytes")]
    tx: Vec<u8>,
}

#[derive(Deserialize)]
struct BlockAnswer {
    block: BlockBody,
}

#[derive(Deserialize)]
struct BlockBody {
    header: BlockHeader,
    data: BlockData,
}

#[derive(Deserialize)]
struct BlockHeader {
    #[serde(deserialize_with = "number")]
    height: u64,
    time: String,
}

#[derive(Deserialize)]
struct BlockData {
    #[serde(default, deserialize_with = "null_as_default")]
    txs: Vec<String>,
}

fn null_as_default<'de, D: Deserializer<'de>, T: Default + Deserialize<'de>>(
    from: D,
) -> Result<T, D::Error> {
    Ok(Option::<T>::deserialize(from)?.unwrap_or_default())
}

fn bytes<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<u8>, D::Error> {
    let text = Option::<String>::deserialize(from)?.unwrap_or_default();
    BASE64.decode(text).map_err(serde::de::Error::custom)
}

/// A number written as text, as a number, or absent.
fn number<'de, D: Deserializer<'de>, T>(from: D) -> Result<T, D::Error>
where
    T: FromStr + Default,
    T::Err: fmt::Display,
{
    match Value::deserialize(from)? {
        Value::Null => Ok(T::default()),
        Value::String(text) if text.is_empty() => Ok(T::default()),
        Value::String(text) => text.parse().map_err(serde::de::Error::custom),
        other => other.to_string().parse().map_err(serde::de::Error::custom),
    }
}
