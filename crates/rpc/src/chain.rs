//! What `rpc` may ask of a node: bytes and wire types, nothing of the ledger.
//!
//! Called by every listener of this crate; implemented by `node`, and by a mock in the tests.
//! Heights are positive block heights unless said otherwise. A method that takes a height is only
//! asked for heights that [`Chain::span`] allows, except where it says so.

use std::{ops::RangeInclusive, sync::Arc};

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;
use types::wire::{
    cosmos::base::node::v1beta1::ConfigResponse,
    tendermint::{
        abci::{ResponseCheckTx, ResponseFinalizeBlock, ResponseInfo, ResponseQuery},
        types::{Block, BlockId, Commit, ConsensusParams, Evidence, ValidatorSet},
    },
};

use crate::search::{self, Query};

/// The node itself failed (not the question): disk, shutdown, a stopped engine.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{0}")]
pub struct ChainError(pub String);

pub type Result<T> = std::result::Result<T, ChainError>;

/// Facts about the node that do not change while it runs.
#[derive(Clone, Debug)]
pub struct NodeInfo {
    /// 40 lower-case hex digits.
    pub id: String,
    pub chain_id: String,
    pub moniker: String,
    /// Where peers connect: `tcp://0.0.0.0:26656`.
    pub listen_addr: String,
    /// Version of the application, without a leading `v`.
    pub version: String,
    pub git_commit: String,
    /// The validator key of this node, whether it validates or not: 32 bytes of ed25519.
    pub public_key: [u8; 32],
    /// The `app` number of the protocol version in block headers.
    pub app_protocol: u64,
}

/// One peer, as `net_info` shows it.
#[derive(Clone, Debug)]
pub struct Peer {
    pub id: String,
    pub moniker: String,
    pub listen_addr: String,
    pub remote_ip: String,
    pub is_outbound: bool,
}

/// Where the engine stands in deciding the next height.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Round {
    pub round: u32,
    /// 1 new height, 2 new round, 3 propose, 4 prevote, 6 precommit, 8 commit.
    pub step: u8,
}

/// A decided block with what executing it gave.
#[derive(Clone, Debug)]
pub struct CommittedBlock {
    pub block_id: BlockId,
    pub block: Block,
    pub results: ResponseFinalizeBlock,
}

/// A subscriber that read too slowly lost this many blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lagged(pub u64);

/// The outcome of a gRPC query.
pub type QueryResult = std::result::Result<QueryAnswer, QueryError>;

/// The encoded response, and the height of the state it was read from (0 when there is none).
#[derive(Clone, Debug)]
pub struct QueryAnswer {
    pub value: Bytes,
    pub height: i64,
}

/// Why a query was refused, as native gRPC says it (cosmos.md 3.3): the status number and the text
/// (`codespace <cs> code <n>: <root>: <wrap>` for a registered error).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueryError {
    pub grpc_code: u32,
    pub message: String,
}

/// Transactions that wait for a block.
#[derive(Clone, Debug, Default)]
pub struct Mempool {
    /// The first ones, as many as were asked for.
    pub txs: Vec<Bytes>,
    pub total: u64,
    pub total_bytes: u64,
}

/// Why a transaction did not get as far as an answer of CheckTx (cosmos.md 2.6).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BroadcastError {
    #[error("tx already exists in cache")]
    InCache,
    #[error(
        "mempool is full: number of txs {txs} (max: {max_txs}), total txs bytes {bytes} (max: {max_bytes})"
    )]
    Full { txs: u64, max_txs: u64, bytes: u64, max_bytes: u64 },
    #[error("Tx too large. Max size is {max}, but got {got}")]
    TooLarge { max: u64, got: u64 },
    #[error("{0}")]
    Node(String),
}

/// Where a transaction is: the height and its place in that block.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct TxPlace {
    pub height: i64,
    pub index: u32,
}

/// A running node as its listeners see it.
///
/// `block`, `results` and queries must serve a height before `subscribe` tells of it.
#[async_trait]
pub trait Chain: Send + Sync + 'static {
    fn info(&self) -> NodeInfo;

    /// The heights of which there are blocks, earliest to latest; `None` before the first block.
    fn span(&self) -> Option<RangeInclusive<i64>>;

    /// Whether the node still replays what others have decided.
    fn catching_up(&self) -> bool {
        false
    }

    async fn peers(&self) -> Vec<Peer> {
        Vec::new()
    }

    /// Where the engine stands; a node that does not tell stands at the beginning of a height.
    async fn round(&self) -> Result<Round> {
        Ok(Round { round: 0, step: 1 })
    }

    /// What `cosmos.base.node.v1beta1.Service/Config` answers.
    fn config(&self) -> ConfigResponse {
        ConfigResponse::default()
    }

    /// The genesis document, as JSON text in CometBFT's form.
    fn genesis(&self) -> Bytes;

    /// Whether the application answers the query `/package.Service/Method`. Asked at start, to
    /// build the REST routes and the reflection list; absent modules then answer 501.
    fn serves(&self, path: &str) -> bool;

    async fn abci_info(&self) -> Result<ResponseInfo>;

    /// An ABCI query, refusals included. Height 0 is the latest.
    async fn abci_query(
        &self,
        path: &str,
        data: Bytes,
        height: i64,
        prove: bool,
    ) -> Result<ResponseQuery>;

    /// A gRPC query of a module, `/package.Service/Method` with the encoded request; also
    /// `/cosmos.tx.v1beta1.Service/Simulate`. Height 0 is the latest, and any other number may be
    /// asked for.
    ///
    /// The default goes through [`Chain::abci_query`], which knows less about refusals than gRPC
    /// tells (cosmos.md 3.10): an application that can say more should.
    async fn query(&self, path: &str, data: Bytes, height: i64) -> Result<QueryResult> {
        let answer = self.abci_query(path, data, height, false).await?;
        Ok(crate::status::from_abci_query(answer))
    }

    /// CheckTx without adding to the pool.
    async fn check_tx(&self, tx: Bytes) -> Result<ResponseCheckTx>;

    /// CheckTx, then the pool. A refusal by CheckTx is an `Ok` with a code that is not zero.
    async fn broadcast_tx(&self, tx: Bytes)
    -> std::result::Result<ResponseCheckTx, BroadcastError>;

    async fn mempool(&self, limit: usize) -> Result<Mempool>;

    /// Takes evidence of misbehaviour into the pool: its hash.
    async fn broadcast_evidence(&self, evidence: Evidence) -> Result<Vec<u8>>;

    async fn block(&self, height: i64) -> Result<Option<(BlockId, Block)>>;

    async fn height_of_block(&self, hash: &[u8]) -> Result<Option<i64>>;

    async fn results(&self, height: i64) -> Result<Option<ResponseFinalizeBlock>>;

    /// The commit for the block at `height`. For the latest height it is the one this node saw.
    async fn commit(&self, height: i64) -> Result<Option<Commit>>;

    /// The validators that sign at `height`, in set order, with priorities; up to latest + 1.
    async fn validators(&self, height: i64) -> Result<Option<ValidatorSet>>;

    /// The parameters that hold at `height`; up to latest + 1.
    async fn consensus_params(&self, height: i64) -> Result<Option<ConsensusParams>>;

    /// Where the transaction with this SHA-256 hash is.
    async fn place_of_tx(&self, hash: &[u8]) -> Result<Option<TxPlace>>;

    /// Heights of blocks that have, in events of the block or of its transactions, each of these
    /// `(type.key, value)` pairs; ascending, more than match but none less. `None` without an
    /// index: then every height is looked at.
    async fn heights_with(&self, _pairs: &[(&str, &str)]) -> Result<Option<Vec<i64>>> {
        Ok(None)
    }

    /// Places of the transactions that match, in ascending order (cosmos.md 2.8). The default reads
    /// the results of every height that the query allows; an index should replace it.
    async fn search_txs(&self, query: &Query) -> Result<Vec<TxPlace>> {
        search::scan_txs(self, query).await
    }

    /// Heights of the blocks that match, ascending. The default reads as [`Chain::search_txs`] does.
    async fn search_blocks(&self, query: &Query) -> Result<Vec<i64>> {
        search::scan_blocks(self, query).await
    }

    /// Blocks from now on, in order. After [`Lagged`] the stream goes on with a later block.
    fn subscribe(&self) -> BoxStream<'static, std::result::Result<Arc<CommittedBlock>, Lagged>>;
}
