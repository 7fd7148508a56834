//! Queries: by gRPC path, by store key with proof, and the app's own (cosmos.md 3.10).

use std::sync::Arc;

use prost::Message;
use types::wire::{
    cosmos::tx::v1beta1::{SimulateRequest, SimulateResponse},
    tendermint::{
        abci::{RequestQuery, ResponseQuery},
        crypto::{ProofOp, ProofOps},
    },
};

use super::{App, committed, guard};
use crate::{Ctx, Fault, Halt, Result, Runtime, Sdk, Status, gas::Gas, halt, prefix_end};

/// What the reads of one query may cost, in gas: some 200,000 rows, about a second. Lists end their
/// pages long before (`WALK_GAS`).
const QUERY_GAS: u64 = 300_000_000;

/// The most bytes of keys and values that `/store/NAME/subspace` answers.
const SUBSPACE_BYTES_MAX: usize = 8 << 20;

const SIMULATE: &str = "/cosmos.tx.v1beta1.Service/Simulate";
const BROADCAST: &str = "/cosmos.tx.v1beta1.Service/BroadcastTx";

mod store_errors {
    crate::errors_in! { "store";
        3 EmptyKey "tx parse error",
        4 Unknown "unknown request",
    }
}

/// A failed query: the gRPC status and its message.
pub type Refusal = (Status, String);

impl<R: Runtime> App<R> {
    /// Answers `abci_query`.
    pub fn query(&self, request: RequestQuery) -> Result<ResponseQuery, Halt> {
        guard(|| match self.route_query(&request) {
            Ok(response) => response,
            Err(fault) => refuse(&fault),
        })
    }

    /// Answers a gRPC method by path: response bytes and the height they were read at.
    /// `height` 0 is the latest.
    pub fn grpc_query(
        &self,
        path: &str,
        data: &[u8],
        height: i64,
    ) -> Result<std::result::Result<(Vec<u8>, i64), Refusal>, Halt> {
        guard(|| self.answer(path, data, height).map_err(|(fault, _)| fault.grpc()))
    }

    fn route_query(&self, request: &RequestQuery) -> Result<ResponseQuery> {
        let path = request.path.as_str();
        let parts: Vec<&str> = path.trim_start_matches('/').split('/').collect();
        match parts.as_slice() {
            [""] => Err(Sdk::UnknownRequest.wrap("no query path provided")),
            ["app", "version"] => Ok(ResponseQuery {
                codespace: "sdk".to_owned(),
                height: match request.height {
                    0 => i64::try_from(self.store.version().height).unwrap_or(i64::MAX),
                    height => height,
                },
                value: self.config.version.clone().into_bytes(),
                ..ResponseQuery::default()
            }),
            ["app", "simulate"] => {
                let (_, answer) = self.simulate(&request.data);
                let answer = answer.map_err(|it| it.context("failed to simulate tx"))?;
                Ok(ResponseQuery {
                    codespace: "sdk".to_owned(),
                    height: request.height,
                    value: answer.encode_to_vec(),
                    ..ResponseQuery::default()
                })
            }
            ["app", ..] => Err(Sdk::UnknownRequest.wrap(format!("unknown query: {parts:?}"))),
            ["store", store, what @ ("key" | "subspace")] => {
                self.store_query(request, store, *what == "key")
            }
            ["store", ..] => {
                Err(store_errors::Error::Unknown.wrap(format!("unexpected path {path}")))
            }
            ["p2p", "filter", "addr" | "id", _] => Ok(ResponseQuery::default()),
            _ if path == BROADCAST => {
                Err(Sdk::InvalidRequest.wrap("can't route a broadcast tx message"))
            }
            _ if path == SIMULATE || self.router.queries().any(|it| it == path) => {
                match self.answer(path, &request.data, request.height) {
                    Ok((value, height)) => {
                        Ok(ResponseQuery { value, height, ..ResponseQuery::default() })
                    }
                    Err((fault, 0)) => Err(fault),
                    Err((fault, height)) => {
                        let (code, log) = fault.abci_query();
                        let codespace = "sdk".to_owned();
                        Ok(ResponseQuery { code, log, codespace, height, ..Default::default() })
                    }
                }
            }
            _ => Err(Sdk::UnknownRequest.wrap("unknown query path")),
        }
    }

    /// Runs a query's handler; a fault comes with the height it was reached at (0: it was not).
    fn answer(&self, path: &str, data: &[u8], height: i64) -> Result<(Vec<u8>, i64), (Fault, i64)> {
        let mut cx = self.at(height).map_err(|fault| (fault, 0))?;
        cx.set_gas(Gas::limited(QUERY_GAS));
        let height = cx.height();
        if path == SIMULATE {
            return self.simulate_service(data).map(|it| (it, height)).map_err(|it| (it, height));
        }
        match self.router.answer(&cx, path, data) {
            _ if cx.gas().tripped().is_some() => Err((too_much(), height)),
            Some(answer) => answer.map(|it| (it, height)).map_err(|it| (it, height)),
            None => Err((unknown_method(path), 0)),
        }
    }

    /// The state after a height; 0 is the latest.
    fn at(&self, height: i64) -> Result<Ctx> {
        let latest = self.store.version().height;
        if latest == 0 {
            let text = "app is not ready; please wait for first block";
            return Err(Sdk::InvalidHeight.wrap(text));
        }
        let Ok(height) = u64::try_from(height) else {
            let text = "cannot query with height < 0; please provide a valid height";
            return Err(Sdk::InvalidRequest.wrap(text));
        };
        if height > latest {
            let text = "cannot query with height in the future; please provide a valid height";
            return Err(Sdk::InvalidHeight.wrap(text));
        }
        let snapshot = if height == 0 { Ok(self.store.latest()) } else { self.store.at(height) };
        let snapshot = snapshot.map_err(|error| match error {
            store::Error::NoSuchHeight { .. } => Sdk::InvalidRequest.wrap(format!(
                "failed to load state at height {height}; {error} (latest height: {latest})"
            )),
            other => halt(other.to_string()),
        })?;
        Ok(committed(Arc::new(snapshot), self.router.clone()))
    }

    /// gRPC `Simulate`, whose failures are of status Unknown and name the gas used.
    fn simulate_service(&self, data: &[u8]) -> Result<Vec<u8>> {
        let request = SimulateRequest::decode(data)
            .map_err(|error| Fault::invalid_argument(error.to_string()))?;
        // The field is deprecated, and some clients know no other.
        let bytes = match request.tx {
            Some(tx) if request.tx_bytes.is_empty() => raw(&tx),
            _ => request.tx_bytes,
        };
        if bytes.is_empty() {
            return Err(Fault::invalid_argument("empty txBytes is not allowed"));
        }
        let (gas_used, answer) = self.simulate(&bytes);
        let answer = answer.map_err(|fault| {
            let text = format!("{fault} [haggle] with gas used: '{gas_used}'");
            Fault::status(Status::Unknown, text)
        })?;
        let gas_info = Some(answer.gas_info);
        Ok(SimulateResponse { gas_info, result: answer.result }.encode_to_vec())
    }

    fn store_query(&self, request: &RequestQuery, store: &str, key: bool) -> Result<ResponseQuery> {
        let latest = self.store.version().height;
        if request.prove && request.height == 1 {
            let text = "cannot query with proof when height <= 1; please provide a valid height";
            return Err(Sdk::InvalidRequest.wrap(text));
        }
        if !super::store_names::<R>().contains(&store) {
            return Err(store_errors::Error::Unknown.wrap(format!("no such store: {store}")));
        }
        if request.data.is_empty() {
            return Err(store_errors::Error::EmptyKey.wrap("query cannot be zero length"));
        }
        let height = match u64::try_from(request.height) {
            Ok(0) | Err(_) => latest,
            Ok(height) => height,
        };
        let missing = |error: store::Error| match error {
            store::Error::NoSuchHeight { .. } => Sdk::InvalidHeight.wrap(error),
            other => halt(other.to_string()),
        };
        let mut response = ResponseQuery {
            key: request.data.clone(),
            height: i64::try_from(height).unwrap_or(i64::MAX),
            ..ResponseQuery::default()
        };
        let snapshot = self.store.at(height).map_err(missing)?;
        if !key {
            response.value = pairs(&snapshot, store, &request.data)?;
        } else if request.prove {
            let proof = self.store.prove(store, &request.data, height).map_err(missing)?;
            response.value = proof.value.unwrap_or_default();
            let ops = proof.ops.into_iter().map(|op| ProofOp {
                r#type: op.kind.to_owned(),
                key: op.key,
                data: op.data,
            });
            response.proof_ops = Some(ProofOps { ops: ops.collect() });
        } else {
            let value = snapshot.get(store, &request.data).map_err(missing)?;
            response.value = value.unwrap_or_default();
        }
        Ok(response)
    }
}

/// The pairs under a prefix, as the reference's `kv.Pairs{pairs: [{key, value}]}`.
fn pairs(snapshot: &store::Snapshot, store: &str, prefix: &[u8]) -> Result<Vec<u8>> {
    use crate::Base;
    let mut out = Vec::new();
    for (key, value) in Base::range(snapshot, store, prefix, prefix_end(prefix).as_deref(), false) {
        if out.len() > SUBSPACE_BYTES_MAX {
            let text = format!(
                "more than {SUBSPACE_BYTES_MAX} bytes begin with this prefix; ask for a longer one"
            );
            return Err(Sdk::InvalidRequest.wrap(text));
        }
        let mut pair = Vec::new();
        prost::encoding::bytes::encode(1, &key, &mut pair);
        prost::encoding::bytes::encode(2, &value, &mut pair);
        prost::encoding::bytes::encode(1, &pair, &mut out);
    }
    Ok(out)
}

fn raw(tx: &types::wire::cosmos::tx::v1beta1::Tx) -> Vec<u8> {
    types::wire::cosmos::tx::v1beta1::TxRaw {
        body_bytes: tx.body.as_ref().map(Message::encode_to_vec).unwrap_or_default(),
        auth_info_bytes: tx.auth_info.as_ref().map(Message::encode_to_vec).unwrap_or_default(),
        signatures: tx.signatures.clone(),
    }
    .encode_to_vec()
}

fn too_much() -> Fault {
    let text = "the answer takes more reading than a node does for one query; ask for less of it";
    Fault::status(Status::ResourceExhausted, text)
}

fn unknown_method(path: &str) -> Fault {
    let text = match path.trim_start_matches('/').split_once('/') {
        Some((service, method)) => format!("unknown method {method} for service {service}"),
        None => format!("malformed method name: {path:?}"),
    };
    Fault::status(Status::Unimplemented, text)
}

fn refuse(fault: &Fault) -> ResponseQuery {
    ResponseQuery {
        code: fault.code(),
        log: fault.to_string(),
        codespace: fault.codespace().to_owned(),
        ..ResponseQuery::default()
    }
}
