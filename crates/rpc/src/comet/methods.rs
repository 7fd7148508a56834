//! What each JSON-RPC method does (cosmos.md 2.4-2.6).
//!
//! Called by the HTTP and WebSocket transports; asks the [`Chain`] and the node's own services.

use std::{sync::Arc, time::Duration};

use base64::{Engine, prelude::BASE64_STANDARD};
use bytes::Bytes;
use futures::StreamExt as _;
use prost::Message as _;
use serde_json::{Map, Value, json};
use types::{
    address::short_hash,
    timestamp::nano_text,
    wire::tendermint::{
        abci::{ResponseCheckTx, ResponseFinalizeBlock},
        types::{Block, BlockId, ValidatorSet},
    },
};

use super::{
    args::{Args, Method},
    evidence,
    shapes::{self, hex, number},
};
use crate::{
    chain::{BroadcastError, Chain, ChainError, TxPlace},
    merkle,
    search::{Query, QueryParseError, tx_hash},
    services::Services,
};

/// A JSON-RPC error object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RpcError {
    pub(crate) code: i32,
    pub(crate) message: &'static str,
    pub(crate) data: Option<String>,
}

impl RpcError {
    pub(crate) const METHOD_NOT_FOUND: i32 = -32601;

    pub(crate) fn internal(data: impl Into<String>) -> Self {
        Self { code: -32603, message: "Internal error", data: Some(data.into()) }
    }

    pub(crate) fn method_not_found() -> Self {
        Self { code: Self::METHOD_NOT_FOUND, message: "Method not found", data: None }
    }

    pub(crate) fn invalid_params(data: String) -> Self {
        Self { code: -32602, message: "Invalid params", data: Some(data) }
    }

    pub(crate) fn invalid_request(data: impl Into<String>) -> Self {
        Self { code: -32600, message: "Invalid Request", data: Some(data.into()) }
    }

    pub(crate) fn parse(cause: &str) -> Self {
        let data = Some(format!("error unmarshaling request: {cause}"));
        Self { code: -32700, message: "Parse error. Invalid JSON", data }
    }

    pub(crate) fn server(data: impl Into<String>) -> Self {
        Self { code: -32000, message: "Server error", data: Some(data.into()) }
    }

    pub(crate) fn to_json(&self) -> Value {
        let mut shown = Map::new();
        shown.insert("code".into(), Value::from(self.code));
        shown.insert("message".into(), Value::from(self.message));
        if let Some(data) = &self.data {
            shown.insert("data".into(), Value::from(data.clone()));
        }
        Value::Object(shown)
    }
}

impl From<ChainError> for RpcError {
    fn from(error: ChainError) -> Self {
        Self::internal(error.0)
    }
}

impl From<QueryParseError> for RpcError {
    fn from(error: QueryParseError) -> Self {
        Self::internal(error.to_string())
    }
}

type Result<T> = std::result::Result<T, RpcError>;

/// Bytes of a piece of the genesis document.
const GENESIS_CHUNK_BYTES: usize = 16 * 1024 * 1024;

/// The methods, over one node.
pub(crate) struct Methods {
    pub(crate) chain: Arc<dyn Chain>,
    pub(crate) services: Arc<Services>,
    pub(crate) commit_timeout: Duration,
    /// What `status` says of the listener: `tcp://host:port`.
    pub(crate) rpc_address: String,
}

/// One page of a list (cosmos.md 2.4).
fn page_of<T>(list: Vec<T>, args: &Args) -> Result<(Vec<T>, usize)> {
    let per_page = per_page(args.int("per_page"));
    let total = list.len();
    let pages = total.div_ceil(per_page).max(1);
    let page = args.int("page").unwrap_or(1);
    let at = usize::try_from(page).ok().filter(|it| (1..=pages).contains(it));
    let Some(at) = at else {
        return Err(RpcError::internal(format!(
            "page should be within [1, {pages}] range, given {page}"
        )));
    };
    Ok((list.into_iter().skip((at - 1) * per_page).take(per_page).collect(), total))
}

fn per_page(asked: Option<i64>) -> usize {
    match asked.and_then(|it| usize::try_from(it).ok()) {
        None | Some(0) => 30,
        Some(it) => it.min(100),
    }
}

/// Sorts ascending lists as asked; `Err` for an order that is none.
fn ordered<T>(mut list: Vec<T>, order: &str, descending: bool) -> Result<Vec<T>> {
    let reverse = match order {
        "" => descending,
        "asc" => false,
        "desc" => true,
        _ => {
            return Err(RpcError::internal(
                "expected order_by to be either `asc` or `desc` or empty",
            ));
        }
    };
    if reverse {
        list.reverse();
    }
    Ok(list)
}

impl Methods {
    /// Answers one call.
    pub(crate) async fn call(&self, method: &Method, args: &Args) -> Result<Value> {
        match method.name {
            "abci_info" => self.abci_info().await,
            "abci_query" => self.abci_query(args).await,
            "akash" => Ok(self.services.discovery_json()),
            "block" => self.block(args).await,
            "block_by_hash" => self.block_by_hash(args.bytes("hash")).await,
            "block_results" => self.block_results(args).await,
            "block_search" => self.block_search(args).await,
            "blockchain" => self.blockchain(args).await,
            "broadcast_evidence" => self.broadcast_evidence(args).await,
            "broadcast_tx_async" => self.broadcast_async(args.bytes("tx")).await,
            "broadcast_tx_commit" => self.broadcast_commit(args.bytes("tx")).await,
            "broadcast_tx_sync" => self.broadcast_sync(args.bytes("tx")).await,
            "check_tx" => {
                let tx = Bytes::copy_from_slice(args.bytes("tx"));
                Ok(shapes::check_tx(&self.chain.check_tx(tx).await?))
            }
            "commit" => self.commit(args).await,
            "consensus_params" => self.consensus_params(args).await,
            "consensus_state" => self.consensus_state(false).await,
            "dump_consensus_state" => self.consensus_state(true).await,
            "genesis" => {
                let genesis: Value = serde_json::from_slice(&self.chain.genesis())
                    .map_err(|it| RpcError::internal(format!("genesis document: {it}")))?;
                Ok(json!({"genesis": genesis}))
            }
            "genesis_chunked" => self.genesis_chunked(args),
            "header" => {
                let height = self.height(args.int("height"), 0)?;
                let (_, block) = self.require_block(height).await?;
                Ok(json!({"header": shapes::header(&block.header)}))
            }
            "header_by_hash" => {
                let block = self.find_block(args.bytes("hash")).await?;
                Ok(json!({"header": block.map(|(_, it)| shapes::header(&it.header))}))
            }
            "health" => Ok(json!({})),
            "net_info" => Ok(self.net_info().await),
            "num_unconfirmed_txs" => self.mempool(0, true).await,
            "status" => self.status().await,
            "tx" => self.tx(args).await,
            "tx_search" => self.tx_search(args).await,
            "unconfirmed_txs" => {
                // The reference takes one more than it is asked for.
                self.mempool(per_page(args.int("limit")) + 1, false).await
            }
            "validators" => self.validators(args).await,
            _ => Err(RpcError::method_not_found()),
        }
    }

    fn span(&self) -> Result<(i64, i64)> {
        let span = self.chain.span().ok_or_else(|| {
            RpcError::internal("the node is not ready; please wait for first block")
        })?;
        Ok((*span.start(), *span.end()))
    }

    /// The height asked for, or the latest one; `ahead` heights beyond the latest are allowed.
    fn height(&self, asked: Option<i64>, ahead: i64) -> Result<i64> {
        let (base, latest) = self.span()?;
        let latest = latest + ahead;
        let Some(height) = asked else { return Ok(latest) };
        if height <= 0 {
            return Err(RpcError::internal(format!(
                "height must be greater than 0, but got {height}"
            )));
        }
        if height > latest {
            return Err(RpcError::internal(format!(
                "height {height} must be less than or equal to the current blockchain height {latest}"
            )));
        }
        if height < base {
            return Err(RpcError::internal(format!(
                "height {height} is not available, lowest height is {base}"
            )));
        }
        Ok(height)
    }

    async fn require_block(&self, height: i64) -> Result<(BlockId, Block)> {
        let block = self.chain.block(height).await?;
        block.ok_or_else(|| RpcError::internal(format!("block at height {height} not found")))
    }

    async fn require_results(&self, height: i64) -> Result<ResponseFinalizeBlock> {
        let results = self.chain.results(height).await?;
        results.ok_or_else(|| {
            RpcError::internal(format!("could not find results for height #{height}"))
        })
    }

    async fn abci_info(&self) -> Result<Value> {
        let info = self.chain.abci_info().await?;
        let mut shown = Map::new();
        for (name, text) in [("data", info.data), ("version", info.version)] {
            if !text.is_empty() {
                shown.insert(name.into(), Value::from(text));
            }
        }
        if info.app_version != 0 {
            shown.insert("app_version".into(), number(info.app_version));
        }
        if info.last_block_height != 0 {
            shown.insert("last_block_height".into(), number(info.last_block_height));
        }
        if !info.last_block_app_hash.is_empty() {
            shown.insert("last_block_app_hash".into(), shapes::base64(&info.last_block_app_hash));
        }
        Ok(json!({"response": shown}))
    }

    async fn abci_query(&self, args: &Args) -> Result<Value> {
        let data = Bytes::copy_from_slice(args.bytes("data"));
        let height = args.int("height").unwrap_or_default();
        let path = args.text("path");
        let answer = self.services.abci_query(path, data, height, args.flag("prove")).await?;
        let is_service = types::registry::registry().method(path).is_some();
        Ok(shapes::query(&answer, is_service))
    }

    async fn block(&self, args: &Args) -> Result<Value> {
        let height = self.height(args.int("height"), 0)?;
        let (id, block) = self.require_block(height).await?;
        Ok(json!({"block_id": shapes::block_id(&id), "block": shapes::block(&block)}))
    }

    async fn find_block(&self, hash: &[u8]) -> Result<Option<(BlockId, Block)>> {
        match self.chain.height_of_block(hash).await? {
            Some(height) => Ok(self.chain.block(height).await?),
            None => Ok(None),
        }
    }

    async fn block_by_hash(&self, hash: &[u8]) -> Result<Value> {
        let (id, block) = match self.find_block(hash).await? {
            Some((id, block)) => (id, shapes::block(&block)),
            None => (BlockId::default(), Value::Null),
        };
        Ok(json!({"block_id": shapes::block_id(&id), "block": block}))
    }

    async fn block_results(&self, args: &Args) -> Result<Value> {
        let height = self.height(args.int("height"), 0)?;
        Ok(shapes::block_results(height, &self.require_results(height).await?))
    }

    async fn block_search(&self, args: &Args) -> Result<Value> {
        let query = Query::parse(args.text("query"))?;
        let heights = self.chain.search_blocks(&query).await?;
        let heights = ordered(heights, args.text("order_by"), true)?;
        let (heights, total) = page_of(heights, args)?;
        let mut blocks = Vec::new();
        for height in heights {
            let (id, block) = self.require_block(height).await?;
            blocks.push(json!({"block_id": shapes::block_id(&id), "block": shapes::block(&block)}));
        }
        Ok(json!({"blocks": blocks, "total_count": number(total)}))
    }

    async fn blockchain(&self, args: &Args) -> Result<Value> {
        const LIMIT: i64 = 20;
        let (base, latest) = self.span()?;
        let given = |name| args.int(name).unwrap_or_default();
        let (min, max) = (given("minHeight"), given("maxHeight"));
        if min < 0 || max < 0 {
            return Err(RpcError::internal("heights must be non-negative"));
        }
        let max = if max == 0 { latest } else { max.min(latest) };
        let min = min.max(1).max(base).max(max - LIMIT + 1);
        if min > max {
            return Err(RpcError::internal(format!(
                "min height {min} can't be greater than max height {max}"
            )));
        }
        let mut metas = Vec::new();
        for height in (min..=max).rev() {
            let (id, block) = self.require_block(height).await?;
            metas.push(json!({
                "block_id": shapes::block_id(&id),
                "block_size": number(block.encoded_len()),
                "header": shapes::header(&block.header),
                "num_txs": number(block.data.txs.len()),
            }));
        }
        Ok(json!({"last_height": number(latest), "block_metas": metas}))
    }

    async fn broadcast_evidence(&self, args: &Args) -> Result<Value> {
        let json =
            args.json("evidence").ok_or_else(|| RpcError::internal("no evidence was provided"))?;
        let evidence = evidence::read(json).ok_or_else(|| {
            RpcError::invalid_params(
                "error converting json params to arguments: not evidence of a duplicate vote"
                    .to_owned(),
            )
        })?;
        let hash = self.chain.broadcast_evidence(evidence).await?;
        Ok(json!({"hash": shapes::base64(&hash)}))
    }

    async fn broadcast_sync(&self, tx: &[u8]) -> Result<Value> {
        let answer = self
            .chain
            .broadcast_tx(Bytes::copy_from_slice(tx))
            .await
            .map_err(|it| RpcError::internal(it.to_string()))?;
        Ok(broadcast_answer(&answer, tx))
    }

    async fn broadcast_async(&self, tx: &[u8]) -> Result<Value> {
        match self.chain.broadcast_tx(Bytes::copy_from_slice(tx)).await {
            Ok(_) => Ok(broadcast_answer(&ResponseCheckTx::default(), tx)),
            Err(error) => Err(RpcError::internal(error.to_string())),
        }
    }

    async fn broadcast_commit(&self, tx: &[u8]) -> Result<Value> {
        // Subscribed first, so that the block with the transaction cannot be missed.
        let mut blocks = self.chain.subscribe();
        let checked = self
            .chain
            .broadcast_tx(Bytes::copy_from_slice(tx))
            .await
            .map_err(|it| RpcError::internal(commit_failure(&it)))?;
        let hash = tx_hash(tx);
        let answer = |result: Value, height: i64| {
            json!({
                "check_tx": shapes::check_tx(&checked),
                "tx_result": result,
                "hash": hex(&hash),
                "height": number(height),
            })
        };
        if checked.code != 0 {
            return Ok(answer(shapes::tx_result(&Default::default()), 0));
        }
        let wait = async {
            while let Some(next) = blocks.next().await {
                match next {
                    Ok(it) => {
                        let at = it.block.data.txs.iter().position(|other| other.as_slice() == tx);
                        if let Some(result) = at.and_then(|at| it.results.tx_results.get(at)) {
                            return Some((shapes::tx_result(result), it.block.header.height));
                        }
                    }
                    // What was missed is in the index by now.
                    Err(_) => {
                        if let Ok(Some(place)) = self.chain.place_of_tx(&hash).await
                            && let Ok(results) = self.require_results(place.height).await
                            && let Ok(index) = usize::try_from(place.index)
                            && let Some(result) = results.tx_results.get(index)
                        {
                            return Some((shapes::tx_result(result), place.height));
                        }
                    }
                }
            }
            None
        };
        match tokio::time::timeout(self.commit_timeout, wait).await {
            Ok(Some((result, height))) => Ok(answer(result, height)),
            Ok(None) => Err(RpcError::internal(
                "error on broadcastTxCommit: the subscription was closed, the node is stopping",
            )),
            Err(_) => Err(RpcError::internal("timed out waiting for tx to be included in a block")),
        }
    }

    async fn commit(&self, args: &Args) -> Result<Value> {
        let height = self.height(args.int("height"), 0)?;
        let (_, block) = self.require_block(height).await?;
        let commit = self.chain.commit(height).await?;
        let commit = commit
            .ok_or_else(|| RpcError::internal(format!("commit at height {height} not found")))?;
        Ok(json!({
            "signed_header": {
                "header": shapes::header(&block.header),
                "commit": shapes::commit(&commit),
            },
            // The latest block's commit is what this node saw; the next block fixes it.
            "canonical": height < self.span()?.1,
        }))
    }

    async fn consensus_params(&self, args: &Args) -> Result<Value> {
        let height = self.height(args.int("height"), 1)?;
        let params = self.chain.consensus_params(height).await?;
        let params = params.ok_or_else(|| {
            RpcError::internal(format!("could not find consensus params for height #{height}"))
        })?;
        Ok(json!({
            "block_height": number(height),
            "consensus_params": shapes::consensus_params(&params),
        }))
    }

    /// The round that the engine is in, as far as a node tells of it: the height that is being
    /// decided, who proposes, who votes.
    async fn consensus_state(&self, with_validators: bool) -> Result<Value> {
        let (_, latest) = self.span()?;
        let height = latest.saturating_add(1);
        let state = self.chain.round().await?;
        let (_, last) = self.require_block(latest).await?;
        let set = self.chain.validators(height).await?.unwrap_or_default();
        let proposer = set.proposer.as_ref().map(|it| it.address.clone()).unwrap_or_default();
        let index = set.validators.iter().position(|it| it.address == proposer).unwrap_or(0);
        let total = set.validators.iter().map(|it| it.voting_power).sum::<i64>();
        let none = vec!["nil-Vote"; set.validators.len()];
        let bits = format!(
            "BA{{{}:{}}} 0/{total} = 0.00",
            set.validators.len(),
            "_".repeat(set.validators.len())
        );
        let votes = json!([{
            "round": state.round,
            "prevotes": none,
            "prevotes_bit_array": bits,
            "precommits": none,
            "precommits_bit_array": bits,
        }]);
        let start_time = nano_text(&last.header.time);
        if !with_validators {
            return Ok(json!({"round_state": {
                "height/round/step": format!("{height}/{}/{}", state.round, state.step),
                "start_time": start_time,
                "proposal_block_hash": "",
                "locked_block_hash": "",
                "valid_block_hash": "",
                "height_vote_set": votes,
                "proposer": {"address": hex(&proposer), "index": index},
            }}));
        }
        let peers: Vec<_> = self
            .chain
            .peers()
            .await
            .into_iter()
            .map(|it| json!({"node_address": format!("{}@{}", it.id, it.remote_ip)}))
            .collect();
        Ok(json!({
            "round_state": {
                "height": number(height),
                "round": state.round,
                "step": state.step,
                "start_time": start_time,
                "commit_time": start_time,
                "validators": {
                    "validators": set.validators.iter().map(shapes::validator).collect::<Vec<_>>(),
                    "proposer": set.proposer.as_ref().map(shapes::validator),
                },
                "votes": votes,
                "commit_round": -1,
                "locked_round": -1,
                "valid_round": -1,
            },
            "peers": peers,
        }))
    }

    fn genesis_chunked(&self, args: &Args) -> Result<Value> {
        let genesis = compact(&self.chain.genesis());
        let chunks: Vec<_> = genesis.chunks(GENESIS_CHUNK_BYTES).collect();
        let asked = args.int("chunk").unwrap_or_default();
        let chunk = usize::try_from(asked).ok().and_then(|it| chunks.get(it)).ok_or_else(|| {
            let last = chunks.len().saturating_sub(1);
            RpcError::internal(format!("there are {last} chunks, {asked} is invalid"))
        })?;
        Ok(json!({
            "chunk": number(asked),
            "total": number(chunks.len()),
            "data": BASE64_STANDARD.encode(chunk),
        }))
    }

    async fn net_info(&self) -> Value {
        let peers: Vec<_> = self
            .chain
            .peers()
            .await
            .into_iter()
            .map(|it| {
                json!({
                    "node_info": {
                        "id": it.id,
                        "listen_addr": it.listen_addr,
                        "network": self.chain.info().chain_id,
                        "moniker": it.moniker,
                    },
                    "is_outbound": it.is_outbound,
                    "remote_ip": it.remote_ip,
                })
            })
            .collect();
        json!({
            "listening": true,
            // The address that peers from outside would use is not configured.
            "listeners": ["Listener(@)"],
            "n_peers": number(peers.len()),
            "peers": peers,
        })
    }

    async fn mempool(&self, limit: usize, count_only: bool) -> Result<Value> {
        let pool = self.chain.mempool(limit).await?;
        let shown =
            if count_only { pool.total } else { u64::try_from(pool.txs.len()).unwrap_or(0) };
        let txs: Vec<_> = pool.txs.iter().map(|it| BASE64_STANDARD.encode(it)).collect();
        Ok(json!({
            "n_txs": number(shown),
            "total": number(pool.total),
            "total_bytes": number(pool.total_bytes),
            "txs": if count_only { Value::Null } else { json!(txs) },
        }))
    }

    async fn status(&self) -> Result<Value> {
        let info = self.chain.info();
        let (earliest, latest) = self.span()?;
        let (latest_id, last) = self.require_block(latest).await?;
        let (earliest_id, first) = self.require_block(earliest).await?;
        let address = short_hash(&info.public_key);
        let validators = self.chain.validators(latest + 1).await?.unwrap_or_default();
        let own = validators.validators.iter().find(|it| it.address == address);
        Ok(json!({
            "node_info": {
                "protocol_version":
                    {"p2p": "8", "block": "11", "app": number(info.app_protocol)},
                "id": info.id,
                "listen_addr": info.listen_addr,
                "network": info.chain_id,
                "version": crate::COMET_VERSION,
                "channels": crate::services::CHANNELS_HEX,
                "moniker": info.moniker,
                "other": {"tx_index": "on", "rpc_address": self.rpc_address},
            },
            "sync_info": {
                "latest_block_hash": hex(&latest_id.hash),
                "latest_app_hash": hex(&last.header.app_hash),
                "latest_block_height": number(latest),
                "latest_block_time": nano_text(&last.header.time),
                "earliest_block_hash": hex(&earliest_id.hash),
                "earliest_app_hash": hex(&first.header.app_hash),
                "earliest_block_height": number(earliest),
                "earliest_block_time": nano_text(&first.header.time),
                "catching_up": self.chain.catching_up(),
            },
            "validator_info": {
                "address": hex(&address),
                "pub_key": shapes::ed25519(&info.public_key),
                "voting_power": number(own.map_or(0, |it| it.voting_power)),
            },
        }))
    }

    async fn tx(&self, args: &Args) -> Result<Value> {
        let hash = args.bytes("hash");
        if hash.is_empty() {
            return Err(RpcError::internal("transaction hash cannot be empty"));
        }
        let place = self.chain.place_of_tx(hash).await?;
        let place =
            place.ok_or_else(|| RpcError::internal(format!("tx ({}) not found", hex(hash))))?;
        self.tx_at(place, args.flag("prove")).await
    }

    async fn tx_at(&self, place: TxPlace, prove: bool) -> Result<Value> {
        let (_, block) = self.require_block(place.height).await?;
        let results = self.require_results(place.height).await?;
        let missing = || RpcError::internal("the index names a transaction that is not there");
        let index = usize::try_from(place.index).map_err(|_| missing())?;
        let tx = block.data.txs.get(index).ok_or_else(missing)?;
        let result = results.tx_results.get(index).ok_or_else(missing)?;
        let mut shown = Map::new();
        shown.insert("hash".into(), Value::from(hex(&tx_hash(tx))));
        shown.insert("height".into(), number(place.height));
        shown.insert("index".into(), Value::from(place.index));
        shown.insert("tx_result".into(), shapes::tx_result(result));
        shown.insert("tx".into(), shapes::base64(tx));
        if prove {
            // The leaves of the data hash are the hashes of the transactions.
            let hashes: Vec<_> = block.data.txs.iter().map(|it| tx_hash(it)).collect();
            let proof = merkle::prove(&hashes, index).ok_or_else(missing)?;
            let aunts: Vec<_> = proof.aunts.iter().map(|it| BASE64_STANDARD.encode(it)).collect();
            shown.insert(
                "proof".into(),
                json!({
                    "root_hash": hex(&proof.root),
                    "data": shapes::base64(tx),
                    "proof": {
                        "total": number(hashes.len()),
                        "index": number(index),
                        "leaf_hash": BASE64_STANDARD.encode(proof.leaf),
                        "aunts": aunts,
                    },
                }),
            );
        }
        Ok(Value::Object(shown))
    }

    async fn tx_search(&self, args: &Args) -> Result<Value> {
        let query = Query::parse(args.text("query"))?;
        let places = self.chain.search_txs(&query).await?;
        let places = ordered(places, args.text("order_by"), false)?;
        let (places, total) = page_of(places, args)?;
        let mut txs = Vec::new();
        for place in places {
            txs.push(self.tx_at(place, args.flag("prove")).await?);
        }
        Ok(json!({"txs": txs, "total_count": number(total)}))
    }

    async fn validators(&self, args: &Args) -> Result<Value> {
        let height = self.height(args.int("height"), 1)?;
        let set: ValidatorSet = self.chain.validators(height).await?.ok_or_else(|| {
            RpcError::internal(format!("could not find validator set for height #{height}"))
        })?;
        let (page, total) = page_of(set.validators, args)?;
        Ok(json!({
            "block_height": number(height),
            "validators": page.iter().map(shapes::validator).collect::<Vec<_>>(),
            "count": number(page.len()),
            "total": number(total),
        }))
    }
}

/// JSON without the white space between its parts.
fn compact(json: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(json.len());
    let (mut quoted, mut escaped) = (false, false);
    for byte in json {
        if quoted || !byte.is_ascii_whitespace() {
            out.push(*byte);
        }
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            _ => {}
        }
    }
    out
}

fn commit_failure(error: &BroadcastError) -> String {
    format!("error on broadcastTxCommit: {error}")
}

fn broadcast_answer(answer: &ResponseCheckTx, tx: &[u8]) -> Value {
    json!({
        "code": answer.code,
        "data": hex(&answer.data),
        "log": answer.log,
        "codespace": answer.codespace,
        "hash": hex(&tx_hash(tx)),
    })
}
