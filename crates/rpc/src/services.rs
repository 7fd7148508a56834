//! The gRPC services that the node itself answers: transactions, blocks, node, discovery, and what
//! it tells of itself.
//!
//! Source: cosmos.md 3.8-3.10, 2.10. Called by gRPC, the gateway and `abci_query`, all through
//! [`Services::call`]; every other path is forwarded to the application.

mod blocks;
mod described;
mod discovery;
mod txs;

use std::sync::Arc;

use bytes::Bytes;
use prost::Message;
use types::wire::tendermint::abci::ResponseQuery;

pub(crate) use blocks::CHANNELS_HEX;

use crate::{
    chain::{Chain, ChainError, QueryAnswer, QueryError, QueryResult},
    status::{self, INTERNAL, UNKNOWN},
};

type Answer = Result<Vec<u8>, QueryError>;

/// Methods of the transaction service that change something, so no query may reach them.
const BROADCAST: &str = "/cosmos.tx.v1beta1.Service/BroadcastTx";
const GET_INFO: &str = "/akash.discovery.v1.Discovery/GetInfo";
/// Answered by the application, which alone can run a transaction.
const SIMULATE: &str = "/cosmos.tx.v1beta1.Service/Simulate";

/// The node's own services over one node.
pub(crate) struct Services {
    pub(crate) chain: Arc<dyn Chain>,
    pub(crate) rpc_address: String,
}

/// Decodes a request.
fn read<M: Message + Default>(data: &[u8]) -> Result<M, QueryError> {
    M::decode(data)
        .map_err(|it| QueryError::new(INTERNAL, format!("grpc: error unmarshalling request: {it}")))
}

/// A request that does not decode fails before any module sees it.
fn unmarshalling(error: QueryError) -> QueryError {
    match error.message.strip_prefix("failed to decode Protobuf message: ") {
        Some(cause) => {
            let is_short = cause.contains("invalid varint") || cause.contains("underflow");
            let cause = if is_short { "unexpected EOF" } else { cause };
            QueryError::new(INTERNAL, format!("grpc: error unmarshalling request: {cause}"))
        }
        None => error,
    }
}

fn unknown(message: impl Into<String>) -> QueryError {
    QueryError::new(UNKNOWN, message)
}

impl Services {
    /// Whether this path is answered at all, here or by the application.
    pub(crate) fn serves(&self, path: &str) -> bool {
        is_own(path) || path == SIMULATE || self.chain.serves(path)
    }

    /// Answers a query or a call by path, at a height (0: the latest).
    pub(crate) async fn call(&self, path: &str, data: Bytes, height: i64) -> QueryResult {
        if !is_own(path) {
            return self.chain.query(path, data, height).await?.map_err(unmarshalling);
        }
        // These two tell of no height at all.
        let height =
            if matches!(path, BROADCAST | GET_INFO) { 0 } else { self.height_to_show(height)? };
        let value = self.own(path, &data).await?;
        Ok(QueryAnswer { value: Bytes::from(value), height })
    }

    /// The height that an answer tells of; none where no method is reached, or one that has no
    /// height.
    pub(crate) fn height_shown(&self, path: &str, height: i64) -> Option<i64> {
        let has_none = matches!(path, BROADCAST | GET_INFO);
        if has_none { None } else { self.height_to_show(height).ok() }
    }

    /// These answer from the node, not from state; the height only goes through the same checks.
    fn height_to_show(&self, height: i64) -> Result<i64, QueryError> {
        let Some(span) = self.chain.span() else {
            return Err(unknown(
                "codespace sdk code 26: invalid height: akash is not ready; please wait for first \
                 block",
            ));
        };
        if height < 0 {
            return Err(unknown(
                "codespace sdk code 18: invalid request: cannot query with height < 0; please \
                 provide a valid height",
            ));
        }
        if height > *span.end() {
            return Err(unknown(
                "codespace sdk code 26: invalid height: cannot query with height in the future; \
                 please provide a valid height",
            ));
        }
        Ok(if height == 0 { *span.end() } else { height })
    }

    async fn own(&self, path: &str, data: &[u8]) -> Answer {
        if described::PATHS.contains(&path) {
            return self.described(path, data);
        }
        match path {
            BROADCAST => self.broadcast(data).await,
            "/cosmos.tx.v1beta1.Service/GetTx" => self.get_tx(data).await,
            "/cosmos.tx.v1beta1.Service/GetTxsEvent" => self.get_txs_event(data).await,
            "/cosmos.tx.v1beta1.Service/GetBlockWithTxs" => self.block_with_txs(data).await,
            "/cosmos.tx.v1beta1.Service/TxDecode" => txs::decode(data),
            "/cosmos.tx.v1beta1.Service/TxEncode" => txs::encode(data),
            "/cosmos.tx.v1beta1.Service/TxDecodeAmino" => txs::decode_amino(data),
            "/cosmos.tx.v1beta1.Service/TxEncodeAmino" => txs::encode_amino(data),
            "/cosmos.base.tendermint.v1beta1.Service/GetNodeInfo" => Ok(self.node_info()),
            "/cosmos.base.tendermint.v1beta1.Service/GetSyncing" => Ok(self.syncing()),
            "/cosmos.base.tendermint.v1beta1.Service/GetLatestBlock" => self.latest_block().await,
            "/cosmos.base.tendermint.v1beta1.Service/GetBlockByHeight" => {
                self.block_by_height(data).await
            }
            "/cosmos.base.tendermint.v1beta1.Service/GetLatestValidatorSet" => {
                self.latest_validators(data).await
            }
            "/cosmos.base.tendermint.v1beta1.Service/GetValidatorSetByHeight" => {
                self.validators_by_height(data).await
            }
            "/cosmos.base.tendermint.v1beta1.Service/ABCIQuery" => self.abci_query_call(data).await,
            "/cosmos.base.node.v1beta1.Service/Config" => Ok(self.chain.config().encode_to_vec()),
            "/cosmos.base.node.v1beta1.Service/Status" => self.node_status().await,
            _ => Ok(self.discovery().encode_to_vec()),
        }
    }

    /// An ABCI query; paths of the node's own services are answered here.
    pub(crate) async fn abci_query(
        &self,
        path: &str,
        data: Bytes,
        height: i64,
        prove: bool,
    ) -> Result<ResponseQuery, ChainError> {
        if path == BROADCAST || !is_own(path) {
            return self.chain.abci_query(path, data, height, prove).await;
        }
        let sdk = |(code, log): (u32, String), height| ResponseQuery {
            code,
            log,
            height,
            codespace: "sdk".to_owned(),
            ..ResponseQuery::default()
        };
        let shown = match self.height_to_show(height) {
            Ok(it) => it,
            Err(error) if height < 0 => return Ok(sdk((18, error.message), 0)),
            Err(error) => return Ok(sdk((26, error.message), 0)),
        };
        Ok(match self.own(path, &data).await {
            Ok(value) => ResponseQuery { value, height: shown, ..ResponseQuery::default() },
            Err(error) => sdk(status::to_abci(&error), shown),
        })
    }
}

/// Whether the node answers this path itself.
fn is_own(path: &str) -> bool {
    const OWN: &[&str] = &[
        BROADCAST,
        "/cosmos.tx.v1beta1.Service/GetTx",
        "/cosmos.tx.v1beta1.Service/GetTxsEvent",
        "/cosmos.tx.v1beta1.Service/GetBlockWithTxs",
        "/cosmos.tx.v1beta1.Service/TxDecode",
        "/cosmos.tx.v1beta1.Service/TxEncode",
        "/cosmos.tx.v1beta1.Service/TxDecodeAmino",
        "/cosmos.tx.v1beta1.Service/TxEncodeAmino",
        "/cosmos.base.tendermint.v1beta1.Service/GetNodeInfo",
        "/cosmos.base.tendermint.v1beta1.Service/GetSyncing",
        "/cosmos.base.tendermint.v1beta1.Service/GetLatestBlock",
        "/cosmos.base.tendermint.v1beta1.Service/GetBlockByHeight",
        "/cosmos.base.tendermint.v1beta1.Service/GetLatestValidatorSet",
        "/cosmos.base.tendermint.v1beta1.Service/GetValidatorSetByHeight",
        "/cosmos.base.tendermint.v1beta1.Service/ABCIQuery",
        "/cosmos.base.node.v1beta1.Service/Config",
        "/cosmos.base.node.v1beta1.Service/Status",
        GET_INFO,
    ];
    OWN.contains(&path) || described::PATHS.contains(&path)
}
