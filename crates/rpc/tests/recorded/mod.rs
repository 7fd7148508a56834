//! A chain made from the recordings of `rpc-surface`: blocks, results and commits as they were,
//! and answers of the application as they were given.

use std::{
    collections::BTreeMap,
    io::Read,
    ops::RangeInclusive,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
};

use async_trait::async_trait;
use base64::{Engine, prelude::BASE64_STANDARD};
use bytes::Bytes;
use futures::{StreamExt, stream::BoxStream};
use rpc::{
    BroadcastError, Chain, ChainError, CommittedBlock, Lagged, Mempool, NodeInfo, QueryAnswer,
    QueryError, QueryResult, TxPlace, search::tx_hash,
};
use serde_json::Value;
use tokio::sync::broadcast;
use tokio_stream::wrappers::BroadcastStream;
use types::{
    timestamp,
    wire::{
        cosmos::base::node::v1beta1::ConfigResponse,
        tendermint::{
            abci::{
                Event, EventAttribute, ExecTxResult, ResponseCheckTx, ResponseFinalizeBlock,
                ResponseInfo, ResponseQuery, ValidatorUpdate,
            },
            crypto::{ProofOp, ProofOps, PublicKey, public_key::Sum},
            types::*,
            version::Consensus,
        },
    },
};

type Result<T> = std::result::Result<T, ChainError>;

/// The folder of the recordings, or `None` with a word on the standard error.
pub fn folder() -> Option<PathBuf> {
    let path =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/conformance/rpc-surface");
    if !path.is_dir() {
        eprintln!("skipped: {} is not here", path.display());
        return None;
    }
    Some(path)
}

pub fn lines(path: &Path) -> Vec<Value> {
    let mut text = String::new();
    let mut file = std::fs::File::open(path).unwrap();
    if path.extension().is_some_and(|it| it == "gz") {
        flate2::read::GzDecoder::new(file).read_to_string(&mut text).unwrap();
    } else {
        file.read_to_string(&mut text).unwrap();
    }
    text.lines().map(|it| serde_json::from_str(it).unwrap()).collect()
}

pub fn queries(folder: &Path) -> Vec<Value> {
    lines(&folder.join("queries.jsonl.gz"))
}

fn text(json: &Value) -> String {
    json.as_str().unwrap_or_default().to_owned()
}

fn number<T: std::str::FromStr>(json: &Value) -> T
where
    T::Err: std::fmt::Debug,
{
    json.as_str().unwrap().parse().unwrap()
}

fn hex(json: &Value) -> Vec<u8> {
    hex::decode(text(json)).unwrap()
}

fn base64(json: &Value) -> Vec<u8> {
    BASE64_STANDARD.decode(text(json)).unwrap()
}

fn time(json: &Value) -> timestamp::Timestamp {
    timestamp::parse(json.as_str().unwrap()).unwrap()
}

fn block_id(json: &Value) -> BlockId {
    BlockId {
        hash: hex(&json["hash"]),
        part_set_header: PartSetHeader {
            total: u32::try_from(json["parts"]["total"].as_u64().unwrap()).unwrap(),
            hash: hex(&json["parts"]["hash"]),
        },
    }
}

fn header(json: &Value) -> Header {
    Header {
        version: Consensus { block: number(&json["version"]["block"]), app: 0 },
        chain_id: text(&json["chain_id"]),
        height: number(&json["height"]),
        time: time(&json["time"]),
        last_block_id: block_id(&json["last_block_id"]),
        last_commit_hash: hex(&json["last_commit_hash"]),
        data_hash: hex(&json["data_hash"]),
        validators_hash: hex(&json["validators_hash"]),
        next_validators_hash: hex(&json["next_validators_hash"]),
        consensus_hash: hex(&json["consensus_hash"]),
        app_hash: hex(&json["app_hash"]),
        last_results_hash: hex(&json["last_results_hash"]),
        evidence_hash: hex(&json["evidence_hash"]),
        proposer_address: hex(&json["proposer_address"]),
    }
}

fn commit(json: &Value) -> Commit {
    let signature = |it: &Value| CommitSig {
        block_id_flag: i32::try_from(it["block_id_flag"].as_i64().unwrap()).unwrap(),
        validator_address: hex(&it["validator_address"]),
        timestamp: time(&it["timestamp"]),
        signature: base64(&it["signature"]),
    };
    Commit {
        height: number(&json["height"]),
        round: i32::try_from(json["round"].as_i64().unwrap()).unwrap(),
        block_id: block_id(&json["block_id"]),
        signatures: json["signatures"].as_array().unwrap().iter().map(signature).collect(),
    }
}

fn events(json: &Value) -> Vec<Event> {
    let attribute = |it: &Value| EventAttribute {
        key: text(&it["key"]),
        value: text(&it["value"]),
        index: it["index"].as_bool().unwrap_or_default(),
    };
    let none = Vec::new();
    let event = |it: &Value| Event {
        r#type: text(&it["type"]),
        attributes: it["attributes"].as_array().unwrap_or(&none).iter().map(attribute).collect(),
    };
    json.as_array().unwrap_or(&none).iter().map(event).collect()
}

/// A result of a block line, where gas is a number, or of an answer, where it is a text.
fn tx_result(json: &Value) -> ExecTxResult {
    let gas = |it: &Value| it.as_i64().unwrap_or_else(|| number(it));
    ExecTxResult {
        code: u32::try_from(json["code"].as_u64().unwrap()).unwrap(),
        data: base64(&json["data"]),
        log: text(&json["log"]),
        info: String::new(),
        gas_wanted: gas(&json["gas_wanted"]),
        gas_used: gas(&json["gas_used"]),
        events: events(&json["events"]),
        codespace: text(&json["codespace"]),
    }
}

fn consensus_params(json: &Value) -> ConsensusParams {
    let nanos: i64 = number(&json["evidence"]["max_age_duration"]);
    ConsensusParams {
        block: Some(BlockParams {
            max_bytes: number(&json["block"]["max_bytes"]),
            max_gas: number(&json["block"]["max_gas"]),
        }),
        evidence: Some(EvidenceParams {
            max_age_num_blocks: number(&json["evidence"]["max_age_num_blocks"]),
            max_age_duration: timestamp::Duration { seconds: nanos / 1_000_000_000, nanos: 0 },
            max_bytes: number(&json["evidence"]["max_bytes"]),
        }),
        validator: Some(ValidatorParams {
            pub_key_types: json["validator"]["pub_key_types"]
                .as_array()
                .unwrap()
                .iter()
                .map(text)
                .collect(),
        }),
        version: json.get("version").map(|_| VersionParams { app: 0 }),
        abci: json.get("abci").map(|_| AbciParams { vote_extensions_enable_height: 0 }),
    }
}

fn check_tx(json: &Value) -> ResponseCheckTx {
    let gas = |it: &Value| it.as_str().map_or(0, |it| it.parse().unwrap());
    ResponseCheckTx {
        code: u32::try_from(json["code"].as_u64().unwrap()).unwrap(),
        log: text(&json["log"]),
        gas_wanted: gas(&json["gas_wanted"]),
        gas_used: gas(&json["gas_used"]),
        codespace: text(&json["codespace"]),
        ..ResponseCheckTx::default()
    }
}

fn query_answer(json: &Value) -> ResponseQuery {
    let ops = |it: &Value| ProofOp {
        r#type: text(&it["type"]),
        key: base64(&it["key"]),
        data: base64(&it["data"]),
    };
    ResponseQuery {
        code: u32::try_from(json["code"].as_u64().unwrap()).unwrap(),
        log: text(&json["log"]),
        key: base64(&json["key"]),
        value: base64(&json["value"]),
        proof_ops: json["proofOps"]["ops"]
            .as_array()
            .map(|it| ProofOps { ops: it.iter().map(ops).collect() }),
        height: number(&json["height"]),
        codespace: text(&json["codespace"]),
        ..ResponseQuery::default()
    }
}

/// What the application was asked, and what it answered.
type Asked = (String, Vec<u8>, i64, bool);

pub struct Recorded {
    info: NodeInfo,
    genesis: Bytes,
    abci_info: ResponseInfo,
    blocks: BTreeMap<i64, (BlockId, Block)>,
    results: BTreeMap<i64, ResponseFinalizeBlock>,
    commits: BTreeMap<i64, Commit>,
    validators: BTreeMap<i64, ValidatorSet>,
    params: BTreeMap<i64, ConsensusParams>,
    abci: BTreeMap<Asked, ResponseQuery>,
    checks: BTreeMap<Vec<u8>, ResponseCheckTx>,
    /// Everything that was in the pool in the end, and how much of it there is now.
    pool: Vec<Bytes>,
    pub pool_len: Mutex<usize>,
    /// What the next broadcast fails with.
    pub refuse: Mutex<Option<BroadcastError>>,
    /// What the next module query answers, and what was asked last.
    pub next: Mutex<Option<QueryResult>>,
    pub asked: Mutex<Option<(String, Vec<u8>, i64)>>,
    pub published: broadcast::Sender<Arc<CommittedBlock>>,
}

impl Recorded {
    pub fn load(folder: &Path) -> Self {
        let queries = queries(folder);
        let rpc = |method: &'static str| {
            queries.iter().filter(move |it| {
                it["kind"] == "rpc" && it["method"] == method && it.get("result").is_some()
            })
        };
        let status = &rpc("status").next().unwrap()["result"];
        let info = NodeInfo {
            id: text(&status["node_info"]["id"]),
            chain_id: text(&status["node_info"]["network"]),
            moniker: text(&status["node_info"]["moniker"]),
            listen_addr: text(&status["node_info"]["listen_addr"]),
            version: "2.1.0-rc12".to_owned(),
            git_commit: "3efe26b".to_owned(),
            public_key: base64(&status["validator_info"]["pub_key"]["value"]).try_into().unwrap(),
            app_protocol: 0,
        };

        // Headers of all heights come from `blockchain`; the rest of a block from wherever it is.
        let mut headers = BTreeMap::new();
        for line in rpc("blockchain") {
            for meta in line["result"]["block_metas"].as_array().unwrap() {
                let header = header(&meta["header"]);
                headers.insert(header.height, (block_id(&meta["block_id"]), header));
            }
        }
        let mut last_commits = BTreeMap::new();
        let mut note = |it: &Value| {
            if it["block"].is_object() {
                let height: i64 = number(&it["block"]["header"]["height"]);
                last_commits.insert(height, commit(&it["block"]["last_commit"]));
            }
        };
        for method in ["block", "block_by_hash"] {
            rpc(method).for_each(|it| note(&it["result"]));
        }
        for line in rpc("block_search") {
            line["result"]["blocks"].as_array().unwrap().iter().for_each(&mut note);
        }
        let mut blocks = BTreeMap::new();
        let mut results = BTreeMap::new();
        for line in lines(&folder.join("blocks.jsonl")) {
            let height = line["height"].as_i64().unwrap();
            let (id, header) = headers[&height].clone();
            let last_commit = last_commits.get(&height).cloned().unwrap_or_else(|| Commit {
                height: height - 1,
                block_id: header.last_block_id.clone(),
                ..Commit::default()
            });
            let txs = line["txs"].as_array().unwrap().iter().map(base64).collect();
            let block = Block {
                header,
                data: Data { txs },
                evidence: EvidenceList::default(),
                last_commit: Some(last_commit),
            };
            blocks.insert(height, (id, block));
            let updates = line["validator_updates"].as_array().unwrap().iter();
            let update = |it: &Value| ValidatorUpdate {
                pub_key: PublicKey { sum: Some(Sum::Ed25519(base64(&it["pub_key"]["value"]))) },
                power: it["power"].as_i64().unwrap_or_else(|| number(&it["power"])),
            };
            results.insert(
                height,
                ResponseFinalizeBlock {
                    events: events(&line["finalize_block_events"]),
                    tx_results: line["tx_results"]
                        .as_array()
                        .unwrap()
                        .iter()
                        .map(tx_result)
                        .collect(),
                    validator_updates: updates.map(update).collect(),
                    consensus_param_updates: None,
                    app_hash: Vec::new(),
                },
            );
        }
        for line in rpc("block_results") {
            let height: i64 = number(&line["result"]["height"]);
            let result = results.get_mut(&height).unwrap();
            result.app_hash = base64(&line["result"]["app_hash"]);
            result.consensus_param_updates =
                Some(consensus_params(&line["result"]["consensus_param_updates"]));
        }
        let mut commits = BTreeMap::new();
        for line in rpc("commit") {
            let it = commit(&line["result"]["signed_header"]["commit"]);
            commits.insert(it.height, it);
        }
        let mut validators: BTreeMap<i64, ValidatorSet> = BTreeMap::new();
        for line in rpc("validators") {
            let validator = |it: &Value| Validator {
                address: hex(&it["address"]),
                pub_key: PublicKey { sum: Some(Sum::Ed25519(base64(&it["pub_key"]["value"]))) },
                voting_power: number(&it["voting_power"]),
                proposer_priority: number(&it["proposer_priority"]),
            };
            let list: Vec<_> =
                line["result"]["validators"].as_array().unwrap().iter().map(validator).collect();
            let height = number(&line["result"]["block_height"]);
            let known = validators.entry(height).or_default();
            if list.len() > known.validators.len() {
                known.validators = list;
            }
        }
        let params = rpc("consensus_params").map(|it| {
            let height = number(&it["result"]["block_height"]);
            (height, consensus_params(&it["result"]["consensus_params"]))
        });

        let mut abci = BTreeMap::new();
        let mut checks = BTreeMap::new();
        for line in &queries {
            if line["kind"] != "rpc" || line.get("result").is_none() {
                continue;
            }
            let (params, result) = (&line["params"], &line["result"]);
            match line["method"].as_str().unwrap() {
                "abci_query" => {
                    let list = params.as_array();
                    let at = |index: usize, name: &str| {
                        list.map_or_else(|| params[name].clone(), |it| it[index].clone())
                    };
                    let asked = (
                        text(&at(0, "path")),
                        hex(&at(1, "data")),
                        at(2, "height").as_str().map_or(0, |it| it.parse().unwrap()),
                        at(3, "prove").as_bool().unwrap_or_default(),
                    );
                    abci.insert(asked, query_answer(&result["response"]));
                }
                "check_tx" => {
                    checks.insert(base64(&params["tx"]), check_tx(result));
                }
                "broadcast_tx_sync" => {
                    checks.entry(base64(&params["tx"])).or_insert_with(|| check_tx(result));
                }
                "broadcast_tx_commit" => {
                    checks.insert(base64(&params["tx"]), check_tx(&result["check_tx"]));
                }
                _ => {}
            }
        }
        for line in queries.iter().filter(|it| it["kind"] == "http") {
            let tx = match line["path"].as_str().unwrap() {
                "/broadcast_tx_sync?tx=\"abc\"" => b"abc".to_vec(),
                "/check_tx?tx=0x00" => vec![0],
                _ => continue,
            };
            checks.insert(tx, check_tx(&line["body"]["result"]));
        }
        let genesis = &rpc("genesis").next().unwrap()["result"]["genesis"];
        let response = &rpc("abci_info").next().unwrap()["result"]["response"];
        let (published, _) = broadcast::channel(64);
        Self {
            info,
            genesis: Bytes::from(genesis_text(&queries).unwrap_or_else(|| genesis.to_string())),
            abci_info: ResponseInfo {
                data: text(&response["data"]),
                version: text(&response["version"]),
                app_version: 0,
                last_block_height: number(&response["last_block_height"]),
                last_block_app_hash: base64(&response["last_block_app_hash"]),
            },
            blocks,
            results,
            commits,
            validators,
            params: params.collect(),
            abci,
            checks,
            pool: rpc("unconfirmed_txs")
                .next_back()
                .and_then(|it| it["result"]["txs"].as_array())
                .unwrap()
                .iter()
                .map(|it| Bytes::from(base64(it)))
                .collect(),
            pool_len: Mutex::default(),
            refuse: Mutex::default(),
            next: Mutex::default(),
            asked: Mutex::default(),
            published,
        }
    }

    /// Makes the pool and the next broadcast behave as a line says they did.
    pub fn prepare(&self, line: &Value) {
        let refusal = |it: &str| match it {
            it if it.contains("already exists") => Some(BroadcastError::InCache),
            it if it.contains("mempool is full") => Some(BroadcastError::Full {
                txs: 5,
                max_txs: 5,
                bytes: 1580,
                max_bytes: 1_073_741_824,
            }),
            _ => None,
        };
        let errors = [&line["error"]["data"], &line["body"]["error"]["data"]];
        let code = line["body"]["tx_response"]["code"].as_u64();
        *self.refuse.lock().unwrap() = match code {
            Some(19) => refusal("already exists"),
            Some(20) => refusal("mempool is full"),
            _ => errors.iter().find_map(|it| it.as_str()).and_then(refusal),
        };
        let totals = [&line["result"]["total"], &line["body"]["result"]["total"]];
        if let Some(total) = totals.iter().find_map(|it| it.as_str()) {
            *self.pool_len.lock().unwrap() = total.parse().unwrap_or_default();
        }
    }

    /// Tells subscribers of a block, as a node does after committing it.
    pub fn publish(&self, height: i64) {
        let (block_id, block) = self.blocks[&height].clone();
        let results = self.results[&height].clone();
        let _ = self.published.send(Arc::new(CommittedBlock { block_id, block, results }));
    }

    /// Publishes the block that holds this transaction soon after it is broadcast.
    fn publish_block_of(&self, tx: &[u8]) {
        let holds =
            |(_, (_, block)): &(&i64, &(BlockId, Block))| block.data.txs.iter().any(|it| it == tx);
        if let Some((height, _)) = self.blocks.iter().find(holds) {
            self.publish(*height);
        }
    }

    /// Whether any subscriber listens.
    pub fn has_subscribers(&self) -> bool {
        self.published.receiver_count() > 0
    }
}

/// The very bytes of the genesis document, from its chunks.
fn genesis_text(queries: &[Value]) -> Option<String> {
    let line = queries.iter().find(|it| {
        it["kind"] == "rpc" && it["method"] == "genesis_chunked" && it.get("result").is_some()
    })?;
    String::from_utf8(base64(&line["result"]["data"])).ok()
}

#[async_trait]
impl Chain for Recorded {
    fn info(&self) -> NodeInfo {
        self.info.clone()
    }

    fn span(&self) -> Option<RangeInclusive<i64>> {
        Some(1..=23)
    }

    fn config(&self) -> ConfigResponse {
        ConfigResponse {
            minimum_gas_price: "0.025000000000000000uakt".to_owned(),
            pruning_keep_recent: "0".to_owned(),
            pruning_interval: "0".to_owned(),
            halt_height: 0,
        }
    }

    fn genesis(&self) -> Bytes {
        self.genesis.clone()
    }

    fn serves(&self, path: &str) -> bool {
        path.contains(".Query/")
            && !path.starts_with("/cosmos.base.reflection")
            && !path.starts_with("/cosmos.crisis")
    }

    async fn abci_info(&self) -> Result<ResponseInfo> {
        Ok(self.abci_info.clone())
    }

    async fn abci_query(
        &self,
        path: &str,
        data: Bytes,
        height: i64,
        prove: bool,
    ) -> Result<ResponseQuery> {
        let asked = (path.to_owned(), data.to_vec(), height, prove);
        let latest = (path.to_owned(), data.to_vec(), 0, prove);
        let answer = self.abci.get(&asked).or_else(|| self.abci.get(&latest)).cloned();
        answer.ok_or_else(|| ChainError(format!("not recorded: {asked:?}")))
    }

    async fn query(&self, path: &str, data: Bytes, height: i64) -> Result<QueryResult> {
        *self.asked.lock().unwrap() = Some((path.to_owned(), data.to_vec(), height));
        let next = self.next.lock().unwrap().take();
        next.ok_or_else(|| ChainError(format!("nothing to answer for {path}")))
    }

    async fn check_tx(&self, tx: Bytes) -> Result<ResponseCheckTx> {
        Ok(self.checks.get(tx.as_ref()).cloned().unwrap_or_default())
    }

    async fn broadcast_tx(
        &self,
        tx: Bytes,
    ) -> std::result::Result<ResponseCheckTx, BroadcastError> {
        if let Some(error) = self.refuse.lock().unwrap().take() {
            return Err(error);
        }
        if tx.len() > 20_000 {
            return Err(BroadcastError::TooLarge { max: 20_000, got: tx.len() as u64 });
        }
        let answer = self.checks.get(tx.as_ref()).cloned().unwrap_or_default();
        if answer.code == 0 {
            self.publish_block_of(&tx);
        }
        Ok(answer)
    }

    async fn mempool(&self, limit: usize) -> Result<Mempool> {
        let pool = &self.pool[..*self.pool_len.lock().unwrap()];
        Ok(Mempool {
            txs: pool.iter().take(limit).cloned().collect(),
            total: pool.len() as u64,
            total_bytes: pool.iter().map(|it| it.len() as u64).sum(),
        })
    }

    async fn broadcast_evidence(&self, _: Evidence) -> Result<Vec<u8>> {
        Err(ChainError("no evidence here".to_owned()))
    }

    async fn block(&self, height: i64) -> Result<Option<(BlockId, Block)>> {
        Ok(self.blocks.get(&height).cloned())
    }

    async fn height_of_block(&self, hash: &[u8]) -> Result<Option<i64>> {
        Ok(self.blocks.iter().find(|(_, (id, _))| id.hash == hash).map(|(height, _)| *height))
    }

    async fn results(&self, height: i64) -> Result<Option<ResponseFinalizeBlock>> {
        Ok(self.results.get(&height).cloned())
    }

    async fn commit(&self, height: i64) -> Result<Option<Commit>> {
        Ok(self.commits.get(&height).cloned())
    }

    async fn validators(&self, height: i64) -> Result<Option<ValidatorSet>> {
        Ok(self.validators.get(&height).cloned())
    }

    async fn consensus_params(&self, height: i64) -> Result<Option<ConsensusParams>> {
        Ok(self.params.get(&height).cloned())
    }

    async fn place_of_tx(&self, hash: &[u8]) -> Result<Option<TxPlace>> {
        for (height, (_, block)) in &self.blocks {
            for (index, tx) in (0u32..).zip(&block.data.txs) {
                if tx_hash(tx) == hash {
                    return Ok(Some(TxPlace { height: *height, index }));
                }
            }
        }
        Ok(None)
    }

    fn subscribe(&self) -> BoxStream<'static, std::result::Result<Arc<CommittedBlock>, Lagged>> {
        BroadcastStream::new(self.published.subscribe()).map(|it| it.map_err(|_| Lagged(1))).boxed()
    }
}

/// What a REST or gRPC line says a module answers.
pub fn answer_of(line: &Value, output: &str) -> QueryResult {
    if let Some(error) = line.get("error") {
        return Err(QueryError::new(
            u32::try_from(error["code"].as_u64().unwrap()).unwrap(),
            text(&error["message"]),
        ));
    }
    if line["kind"] == "grpc" {
        let value = Bytes::from(base64(&line["response"]));
        return Ok(QueryAnswer { value, height: line["height"].as_i64().unwrap() });
    }
    if line["status"] != 200 {
        return Err(QueryError::new(
            u32::try_from(line["body"]["code"].as_u64().unwrap()).unwrap(),
            text(&line["body"]["message"]),
        ));
    }
    let value = types::json::bytes_of(output, &line["body"], types::json::Unknown::Refuse).unwrap();
    let height = line["height_header"].as_str().map_or(0, |it| it.parse().unwrap());
    Ok(QueryAnswer { value: Bytes::from(value), height })
}
