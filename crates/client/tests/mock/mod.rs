//! A node that speaks just enough RPC to be talked to: accounts, a pool, blocks by a timer. It
//! checks sequences and signatures as a real one does.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use axum::{Json, Router, extract::State, routing::post};
use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use client::{keys::PublicKey, rpc::TxHash, tx::sign_bytes};
use prost::Message;
use serde_json::{Value, json};
use types::wire::cosmos::{
    auth::v1beta1::{BaseAccount, QueryAccountInfoRequest, QueryAccountInfoResponse},
    bank::v1beta1::{QueryAllBalancesRequest, QueryAllBalancesResponse},
    base::{
        abci::v1beta1::{GasInfo, SimulationResponse},
        query::v1beta1::PageResponse,
        v1beta1::Coin,
    },
    crypto::secp256k1::PubKey,
    tx::v1beta1::{AuthInfo, TxBody, TxRaw},
};

pub(crate) const CHAIN: &str = "mock-1";

/// What the node knows and how it misbehaves.
#[derive(Default)]
pub(crate) struct Node {
    pub(crate) height: u64,
    pub(crate) earliest: u64,
    /// Sequence by address, as committed.
    pub(crate) accounts: BTreeMap<String, u64>,
    /// Sequence by address, as the check state has it.
    pub(crate) checked: BTreeMap<String, u64>,
    pub(crate) pool: Vec<Vec<u8>>,
    pub(crate) blocks: BTreeMap<u64, Vec<Vec<u8>>>,
    /// Accepted transactions never enter a block.
    pub(crate) forgets: bool,
    /// No more blocks.
    pub(crate) halted: bool,
    /// Memos of transactions that fail in their block.
    pub(crate) fail_memo: String,
    /// What CheckTx answers instead of checking.
    pub(crate) refuse: Option<(u32, String)>,
    pub(crate) broadcasts: usize,
    /// The answers to the next broadcasts are cut off after they took effect.
    pub(crate) cut_off: usize,
}

pub(crate) type Shared = Arc<Mutex<Node>>;

pub(crate) struct Running {
    pub(crate) node: Shared,
    pub(crate) address: SocketAddr,
    server: tokio::task::JoinHandle<()>,
    clock: tokio::task::JoinHandle<()>,
}

impl Running {
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, Node> {
        self.node.lock().unwrap()
    }

    /// Stops listening; the node and its address stay known.
    pub(crate) async fn stop(&mut self) {
        self.server.abort();
        let _ = (&mut self.server).await;
    }

    /// Listens again at the same address.
    pub(crate) async fn restart(&mut self) {
        for _ in 0..100 {
            if let Ok(listener) = tokio::net::TcpListener::bind(self.address).await {
                self.server = serve(listener, self.node.clone());
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("the address is taken");
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.server.abort();
        self.clock.abort();
    }
}

pub(crate) async fn start() -> Running {
    let node: Shared = Arc::new(Mutex::new(Node { height: 10, earliest: 1, ..Default::default() }));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = serve(listener, node.clone());
    let ticking = node.clone();
    let clock = tokio::spawn(async move {
        loop {
            tokio::time::sleep(Duration::from_millis(40)).await;
            ticking.lock().unwrap().tick();
        }
    });
    Running { node, address, server, clock }
}

fn serve(listener: tokio::net::TcpListener, node: Shared) -> tokio::task::JoinHandle<()> {
    tokio::spawn(async move {
        let mut open = tokio::task::JoinSet::new();
        loop {
            let Ok((stream, _)) = listener.accept().await else { return };
            let router = Router::new().route("/", post(answer)).with_state(node.clone());
            // Connections belong to the server: stopping it cuts them, as a crash does.
            open.spawn(async move {
                let io = hyper_util::rt::TokioIo::new(stream);
                let service = hyper_util::service::TowerToHyperService::new(router);
                let _ =
                    hyper::server::conn::http1::Builder::new().serve_connection(io, service).await;
            });
        }
    })
}

impl Node {
    pub(crate) fn tick(&mut self) {
        if self.halted {
            return;
        }
        self.height += 1;
        let txs = if self.forgets { Vec::new() } else { std::mem::take(&mut self.pool) };
        for tx in &txs {
            let (_, auth, signer) = parse(tx);
            *self.accounts.entry(signer).or_default() = auth.signer_infos[0].sequence + 1;
        }
        self.blocks.insert(self.height, txs);
    }

    fn result_of(&self, tx: &[u8]) -> Value {
        let (body, _, signer) = parse(tx);
        let failed = !self.fail_memo.is_empty() && body.memo == self.fail_memo;
        json!({
            "code": if failed { 5 } else { 0 },
            "codespace": if failed { "sdk" } else { "" },
            "log": if failed { "failed to execute message; message index: 0: insufficient funds" } else { "" },
            "data": null, "info": "", "gas_wanted": "100", "gas_used": "90",
            "events": [{ "type": "tx", "attributes": [
                { "key": "fee_payer", "value": signer, "index": true },
            ]}],
        })
    }

    /// The sequence that the next transaction must have.
    fn expected(&self, signer: &str) -> Option<u64> {
        self.checked.get(signer).or_else(|| self.accounts.get(signer)).copied()
    }

    fn check(&mut self, tx: &[u8], signed: bool) -> Result<(), (u32, String)> {
        if let Some(refusal) = self.refuse.clone() {
            return Err(refusal);
        }
        let raw = TxRaw::decode(tx).unwrap();
        let (_, auth, signer) = parse(tx);
        let Some(expected) = self.expected(&signer) else {
            return Err((
                9,
                format!("fee payer address: {signer} does not exist: unknown address"),
            ));
        };
        let got = auth.signer_infos[0].sequence;
        if got != expected {
            let text = "account sequence mismatch, expected";
            return Err((32, format!("{text} {expected}, got {got}: incorrect account sequence")));
        }
        if signed {
            let bytes = sign_bytes(&raw.body_bytes, &raw.auth_info_bytes, CHAIN, 7);
            assert!(key_of(&auth).verifies(&bytes, &raw.signatures[0]), "the signature is wrong");
            assert!(auth.fee.unwrap().gas_limit > 0);
            self.checked.insert(signer, expected + 1);
        }
        Ok(())
    }
}

fn key_of(auth: &AuthInfo) -> PublicKey {
    let any = auth.signer_infos[0].public_key.clone().unwrap();
    PublicKey::from_bytes(&PubKey::decode(any.value.as_slice()).unwrap().key).unwrap()
}

fn parse(tx: &[u8]) -> (TxBody, AuthInfo, String) {
    let raw = TxRaw::decode(tx).unwrap();
    let auth = AuthInfo::decode(raw.auth_info_bytes.as_slice()).unwrap();
    let signer = key_of(&auth).address();
    (TxBody::decode(raw.body_bytes.as_slice()).unwrap(), auth, signer)
}

async fn answer(
    State(node): State<Shared>,
    Json(request): Json<Value>,
) -> axum::response::Response {
    use axum::response::IntoResponse;
    let params = request["params"].clone();
    let method = request["method"].as_str().unwrap().to_owned();
    let result = call(&mut node.lock().unwrap(), &method, &params);
    if method == "broadcast_tx_sync" {
        let cut = {
            let mut node = node.lock().unwrap();
            let cut = node.cut_off > 0;
            node.cut_off = node.cut_off.saturating_sub(1);
            cut
        };
        if cut {
            // A body that ends early is how a node looks that dies while it answers.
            let stream = futures::stream::iter([
                Ok(axum::body::Bytes::from_static(b"{")),
                Err(std::io::Error::other("cut off")),
            ]);
            return axum::body::Body::from_stream(stream).into_response();
        }
    }
    let mut body = json!({ "jsonrpc": "2.0", "id": request["id"] });
    match result {
        Ok(result) => body["result"] = result,
        Err(text) => {
            body["error"] = json!({ "code": -32603, "message": "Internal error", "data": text })
        }
    }
    Json(body).into_response()
}

fn call(node: &mut Node, method: &str, params: &Value) -> Result<Value, String> {
    let height = |name: &str| params[name].as_str().and_then(|it| it.parse::<u64>().ok());
    Ok(match method {
        "status" => json!({
            "node_info": { "network": CHAIN, "moniker": "mock", "version": "0.38.0" },
            "sync_info": {
                "latest_block_height": node.height.to_string(),
                "latest_block_time": "2026-01-01T00:00:00Z",
                "earliest_block_height": node.earliest.to_string(),
                "catching_up": false,
            },
            "validator_info": { "voting_power": "10" },
        }),
        "abci_query" => {
            let data = hex::decode(params["data"].as_str().unwrap()).unwrap();
            match query(node, params["path"].as_str().unwrap(), &data) {
                Ok(value) => json!({ "response": {
                    "code": 0, "value": BASE64.encode(value), "height": node.height.to_string(),
                }}),
                Err((code, log)) => json!({ "response": {
                    "code": code, "codespace": "sdk", "log": log, "value": null, "height": "0",
                }}),
            }
        }
        "broadcast_tx_sync" => {
            node.broadcasts += 1;
            let tx = BASE64.decode(params["tx"].as_str().unwrap()).unwrap();
            let hash = TxHash::of(&tx).to_string();
            let known =
                node.pool.contains(&tx) || node.blocks.values().flatten().any(|it| *it == tx);
            if known {
                return Err("tx already exists in cache".to_owned());
            }
            match node.check(&tx, true) {
                Ok(()) => {
                    node.pool.push(tx);
                    json!({ "code": 0, "data": "", "log": "", "codespace": "", "hash": hash })
                }
                Err((code, log)) => {
                    json!({ "code": code, "data": "", "log": log, "codespace": "sdk", "hash": hash })
                }
            }
        }
        "tx" => {
            let hash = BASE64.decode(params["hash"].as_str().unwrap()).unwrap();
            for (height, txs) in &node.blocks {
                for (index, tx) in txs.iter().enumerate() {
                    if TxHash::of(tx).0 == hash.as_slice() {
                        return Ok(json!({
                            "hash": hex::encode_upper(hash), "height": height.to_string(),
                            "index": index, "tx_result": node.result_of(tx), "tx": BASE64.encode(tx),
                        }));
                    }
                }
            }
            return Err(format!("tx ({}) not found", hex::encode_upper(hash)));
        }
        "block_results" => {
            let at = height("height").unwrap_or(node.height);
            if at < node.earliest {
                return Err(format!(
                    "height {at} is not available, lowest height is {}",
                    node.earliest
                ));
            }
            if at > node.height {
                return Err(format!("could not find results for height #{at}"));
            }
            let txs = node.blocks.get(&at).cloned().unwrap_or_default();
            let results: Vec<Value> = txs.iter().map(|it| node.result_of(it)).collect();
            json!({
                "height": at.to_string(),
                "txs_results": if results.is_empty() { Value::Null } else { results.into() },
                "finalize_block_events": [{ "type": "marker", "attributes": [
                    { "key": "height", "value": at.to_string(), "index": true },
                ]}],
                "validator_updates": null,
            })
        }
        other => return Err(format!("the mock does not know {other}")),
    })
}

fn query(node: &mut Node, path: &str, data: &[u8]) -> Result<Vec<u8>, (u32, String)> {
    match path {
        "/cosmos.auth.v1beta1.Query/AccountInfo" => {
            let address = QueryAccountInfoRequest::decode(data).unwrap().address;
            let Some(sequence) = node.accounts.get(&address).copied() else {
                return Err((
                    22,
                    format!(
                        "rpc error: code = NotFound desc = account {address} not found: key not found"
                    ),
                ));
            };
            let info = BaseAccount { address, pub_key: None, account_number: 7, sequence };
            Ok(QueryAccountInfoResponse { info: Some(info) }.encode_to_vec())
        }
        "/app/simulate" => {
            node.check(data, false)
                .map_err(|(code, log)| (code, format!("failed to simulate tx: {log}")))?;
            let gas_info = GasInfo { gas_wanted: u64::MAX, gas_used: 60_001 };
            Ok(SimulationResponse { gas_info, result: None }.encode_to_vec())
        }
        // 250 denominations in pages whose keys are opaque.
        "/cosmos.bank.v1beta1.Query/AllBalances" => {
            let page = QueryAllBalancesRequest::decode(data).unwrap().pagination.unwrap();
            let from = match page.key.as_slice() {
                [] => 0,
                key => u64::from_be_bytes(key.try_into().unwrap()),
            };
            let to = (from + page.limit).min(250);
            let balances =
                (from..to).map(|it| Coin { denom: format!("coin{it}"), amount: "1".to_owned() });
            let next_key = if to < 250 { to.to_be_bytes().to_vec() } else { Vec::new() };
            Ok(QueryAllBalancesResponse {
                balances: balances.collect(),
                pagination: Some(PageResponse { next_key, total: 0 }),
            }
            .encode_to_vec())
        }
        other => Err((6, format!("unknown query path: {other}"))),
    }
}
