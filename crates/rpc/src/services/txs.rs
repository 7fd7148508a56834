//! `cosmos.tx.v1beta1.Service`: finding, decoding and broadcasting transactions (cosmos.md 3.8).

use bytes::Bytes;
use prost::{Message, Name};
use prost_types::Any;
use serde_json::Value;
use types::{
    json, timestamp,
    wire::{
        cosmos::{
            base::{abci::v1beta1::TxResponse, query::v1beta1::PageResponse},
            tx::v1beta1::{
                BroadcastMode, BroadcastTxRequest, BroadcastTxResponse, GetBlockWithTxsRequest,
                GetBlockWithTxsResponse, GetTxRequest, GetTxResponse, GetTxsEventRequest,
                GetTxsEventResponse, OrderBy, Tx, TxDecodeAminoRequest, TxDecodeRequest,
                TxDecodeResponse, TxEncodeAminoRequest, TxEncodeRequest, TxEncodeResponse, TxRaw,
            },
        },
        tendermint::types::Block,
    },
};

use super::{Answer, Services, read, unknown};
use crate::{
    chain::{BroadcastError, QueryError, TxPlace},
    search::{Query, tx_hash},
    status::{INTERNAL, INVALID_ARGUMENT, NOT_FOUND},
};

/// Most transactions in one page of a search.
const MAX_PER_PAGE: u64 = 100;

/// `Tx` and `TxRaw` are the same bytes on the wire.
fn tx_of(bytes: &[u8]) -> Result<Tx, QueryError> {
    Tx::decode(bytes).map_err(|it| unknown(format!("codespace sdk code 2: tx parse error: {it}")))
}

pub(super) fn decode(data: &[u8]) -> Answer {
    let request: TxDecodeRequest = read(data)?;
    if request.tx_bytes.is_empty() {
        return Err(QueryError::new(INVALID_ARGUMENT, "invalid empty tx bytes"));
    }
    Ok(TxDecodeResponse { tx: Some(tx_of(&request.tx_bytes)?) }.encode_to_vec())
}

pub(super) fn encode(data: &[u8]) -> Answer {
    let request: TxEncodeRequest = read(data)?;
    let Some(tx) = request.tx else {
        return Err(QueryError::new(INVALID_ARGUMENT, "invalid empty tx"));
    };
    let raw = TxRaw {
        body_bytes: tx.body.map(|it| it.encode_to_vec()).unwrap_or_default(),
        auth_info_bytes: tx.auth_info.map(|it| it.encode_to_vec()).unwrap_or_default(),
        signatures: tx.signatures,
    };
    Ok(TxEncodeResponse { tx_bytes: raw.encode_to_vec() }.encode_to_vec())
}

/// The old binary form is known for no message of this network, as in the reference.
pub(super) fn decode_amino(data: &[u8]) -> Answer {
    let request: TxDecodeAminoRequest = read(data)?;
    if request.amino_binary.is_empty() {
        return Err(QueryError::new(INVALID_ARGUMENT, "invalid empty tx bytes"));
    }
    Err(unknown("unrecognized prefix bytes of a transaction in amino's binary form"))
}

/// The same from JSON: refused by the first type name that it holds.
pub(super) fn encode_amino(data: &[u8]) -> Answer {
    let request: TxEncodeAminoRequest = read(data)?;
    if request.amino_json.is_empty() {
        return Err(QueryError::new(INVALID_ARGUMENT, "invalid empty tx json"));
    }
    let tx: Value = serde_json::from_str(&request.amino_json)
        .map_err(|_| unknown(json_fault(&request.amino_json)))?;
    let name = tx.get("msg").and_then(|it| it.get(0)).and_then(|it| it.get("type"));
    let name = name.and_then(Value::as_str).unwrap_or_default();
    Err(unknown(format!("unrecognized concrete type name {name}")))
}

/// What is wrong with a text that is no JSON, in Go's words where it is the first character.
fn json_fault(text: &str) -> String {
    match text.trim_start().chars().next() {
        None => "unexpected end of JSON input".to_owned(),
        Some(it) if !"{[\"tfn-0123456789".contains(it) => {
            format!("invalid character '{it}' looking for beginning of value")
        }
        Some(_) => "invalid JSON".to_owned(),
    }
}

impl Services {
    pub(super) async fn broadcast(&self, data: &[u8]) -> Answer {
        let request: BroadcastTxRequest = read(data)?;
        let is_async = request.mode == BroadcastMode::Async as i32;
        if !is_async && request.mode != BroadcastMode::Sync as i32 {
            return Err(unknown(
                "unsupported return type unspecified; supported types: sync, async",
            ));
        }
        let txhash = hex::encode_upper(tx_hash(&request.tx_bytes));
        let outcome = self.chain.broadcast_tx(Bytes::from(request.tx_bytes)).await;
        let mut shown = TxResponse { txhash, ..TxResponse::default() };
        match outcome {
            Ok(_) if is_async => {}
            Ok(answer) => {
                shown.code = answer.code;
                shown.codespace = answer.codespace;
                shown.data = hex::encode_upper(&answer.data);
                shown.raw_log = answer.log;
            }
            Err(error) => {
                shown.code = match error {
                    BroadcastError::InCache => 19,
                    BroadcastError::Full { .. } => 20,
                    BroadcastError::TooLarge { .. } => 21,
                    BroadcastError::Node(cause) => return Err(unknown(cause)),
                };
                shown.codespace = "sdk".to_owned();
            }
        }
        Ok(BroadcastTxResponse { tx_response: Some(shown) }.encode_to_vec())
    }

    pub(super) async fn get_tx(&self, data: &[u8]) -> Answer {
        let request: GetTxRequest = read(data)?;
        if request.hash.is_empty() {
            return Err(QueryError::new(INVALID_ARGUMENT, "tx hash cannot be empty"));
        }
        let hash = hex::decode(&request.hash).map_err(|_| {
            let bad = request.hash.chars().find(|it| !it.is_ascii_hexdigit());
            unknown(match bad {
                Some(it) => format!("encoding/hex: invalid byte: U+{:04X} '{it}'", u32::from(it)),
                None => "encoding/hex: odd length hex string".to_owned(),
            })
        })?;
        let Some(place) = self.chain.place_of_tx(&hash).await? else {
            let text = format!("tx not found: {}", request.hash);
            return Err(QueryError::new(NOT_FOUND, text));
        };
        let (tx, response) = self.tx_at(place).await?;
        let answer = GetTxResponse { tx: Some(tx), tx_response: Some(response) };
        Ok(answer.encode_to_vec())
    }

    async fn block_at(&self, height: i64) -> Result<Block, QueryError> {
        let found = self.chain.block(height).await?;
        found.map(|(_, block)| block).ok_or_else(|| unknown(format!("no block at height {height}")))
    }

    async fn tx_at(&self, place: TxPlace) -> Result<(Tx, TxResponse), QueryError> {
        let missing = || unknown("the index names a transaction that is not there");
        let block = self.block_at(place.height).await?;
        let results = self.chain.results(place.height).await?.ok_or_else(missing)?;
        let index = usize::try_from(place.index).map_err(|_| missing())?;
        let bytes = block.data.txs.get(index).ok_or_else(missing)?;
        let result = results.tx_results.get(index).ok_or_else(missing)?;
        let tx = tx_of(bytes)?;
        let response = TxResponse {
            height: place.height,
            txhash: hex::encode_upper(tx_hash(bytes)),
            codespace: result.codespace.clone(),
            code: result.code,
            data: hex::encode_upper(&result.data),
            raw_log: result.log.clone(),
            logs: Vec::new(),
            info: result.info.clone(),
            gas_wanted: result.gas_wanted,
            gas_used: result.gas_used,
            // What is shown is written anew, as the reference does.
            tx: Some(Any {
                type_url: format!("/{}", Tx::full_name()),
                value: json::reencode(&Tx::full_name(), bytes).unwrap_or_else(|_| bytes.clone()),
            }),
            timestamp: timestamp::whole_seconds_text(&block.header.time),
            events: result.events.clone(),
        };
        Ok((tx, response))
    }

    pub(super) async fn get_txs_event(&self, data: &[u8]) -> Answer {
        let request: GetTxsEventRequest = read(data)?;
        if request.query.is_empty() {
            return Err(QueryError::new(INTERNAL, "query cannot be empty"));
        }
        let failed =
            |cause: String| QueryError::new(INTERNAL, format!("failed to search for txs: {cause}"));
        let query = Query::parse(&request.query).map_err(|it| failed(it.to_string()))?;
        let mut places = self.chain.search_txs(&query).await?;
        if request.order_by == OrderBy::Desc as i32 {
            places.reverse();
        }
        let total = u64::try_from(places.len()).unwrap_or(u64::MAX);
        let limit = if request.limit == 0 { MAX_PER_PAGE } else { request.limit.min(MAX_PER_PAGE) };
        let page = request.page.max(1);
        let pages = total.div_ceil(limit).max(1);
        if page > pages {
            return Err(failed(format!("page should be within [1, {pages}] range, given {page}")));
        }
        let skipped = usize::try_from((page - 1).saturating_mul(limit)).unwrap_or(usize::MAX);
        let shown = usize::try_from(limit).unwrap_or(usize::MAX);
        let mut answer = GetTxsEventResponse { total, ..GetTxsEventResponse::default() };
        for place in places.into_iter().skip(skipped).take(shown) {
            let (tx, response) = self.tx_at(place).await?;
            answer.txs.push(tx);
            answer.tx_responses.push(response);
        }
        Ok(answer.encode_to_vec())
    }

    pub(super) async fn block_with_txs(&self, data: &[u8]) -> Answer {
        let request: GetBlockWithTxsRequest = read(data)?;
        let latest = self.chain.span().map_or(0, |it| *it.end());
        if request.height < 1 || request.height > latest {
            return Err(unknown(format!(
                "codespace sdk code 26: invalid height: requested height {} but height must not be \
                 less than 1 or greater than the current height {latest}",
                request.height
            )));
        }
        let found = self.chain.block(request.height).await?;
        let (block_id, block) =
            found.ok_or_else(|| unknown(format!("no block at height {}", request.height)))?;
        let total = u64::try_from(block.data.txs.len()).unwrap_or(u64::MAX);
        // Without a pagination object all are shown up to the usual limit; with one, what it says.
        let (offset, limit) =
            request.pagination.map_or((0, MAX_PER_PAGE), |it| (it.offset, it.limit));
        if limit > 0 && total > 0 && offset >= total {
            return Err(unknown(format!(
                "codespace sdk code 18: invalid request: out of range: cannot paginate {total} txs \
                 with offset {offset} and limit {limit}"
            )));
        }
        let txs: Result<Vec<_>, _> = block
            .data
            .txs
            .iter()
            .skip(usize::try_from(offset).unwrap_or(usize::MAX))
            .take(usize::try_from(limit).unwrap_or(usize::MAX))
            .map(|it| tx_of(it))
            .collect();
        let answer = GetBlockWithTxsResponse {
            txs: txs?,
            block_id: Some(block_id),
            block: Some(block),
            pagination: Some(PageResponse { next_key: Vec::new(), total }),
        };
        Ok(answer.encode_to_vec())
    }
}
