//! What `rpc` sees of this node: blocks from consensus, state from the ledger, searches from the
//! index.

use std::{ops::RangeInclusive, sync::Arc};

use async_trait::async_trait;
use bytes::Bytes;
use consensus::{Handle, SubmitError};
use futures::{StreamExt, stream::BoxStream};
use rpc::{
    BroadcastError, Chain, ChainError, CommittedBlock, Lagged, Mempool, NodeInfo, Peer,
    QueryAnswer, QueryError, QueryResult, TxPlace,
};
use tokio::task::spawn_blocking;
use tokio_stream::wrappers::{BroadcastStream, errors::BroadcastStreamRecvError};
use types::wire::{
    cosmos::base::node::v1beta1::ConfigResponse,
    tendermint::{abci, types as tm},
};

use crate::{app::Ledger, config::Config, index::Index};

type Result<T> = std::result::Result<T, ChainError>;

/// A running node behind its listeners.
pub(crate) struct NodeChain {
    pub(crate) handle: Handle,
    pub(crate) app: Arc<Ledger>,
    pub(crate) index: Option<Arc<Index>>,
    pub(crate) config: Config,
    pub(crate) genesis: Bytes,
}

fn failed(error: impl std::fmt::Display) -> ChainError {
    ChainError(error.to_string())
}

/// Heights cross the border as signed numbers; the negative ones are nobody's.
fn unsigned(height: i64) -> u64 {
    u64::try_from(height).unwrap_or_default()
}

fn signed(height: u64) -> i64 {
    i64::try_from(height).unwrap_or(i64::MAX)
}

/// Prices as the reference prints them, with all their decimals.
pub(crate) fn shown_prices(text: &str) -> String {
    text.parse::<types::DecCoins>().map_or_else(|_| text.to_owned(), |it| it.to_string())
}

impl NodeChain {
    /// A read of the local store, away from the threads that serve sockets.
    async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Handle) -> consensus::Answer<T> + Send + 'static,
    ) -> Result<T> {
        let handle = self.handle.clone();
        spawn_blocking(move || read(&handle)).await.map_err(failed)?.map_err(failed)
    }
}

#[async_trait]
impl Chain for NodeChain {
    fn info(&self) -> NodeInfo {
        let identity = self.handle.identity();
        NodeInfo {
            id: identity.node_id.clone(),
            chain_id: self.handle.genesis().chain_id.clone(),
            moniker: identity.moniker.clone(),
            listen_addr: identity.listen_addr.clone(),
            version: crate::VERSION.to_owned(),
            git_commit: option_env!("HAGGLE_GIT_COMMIT").unwrap_or_default().to_owned(),
            public_key: identity.validator_key,
            app_protocol: self
                .handle
                .genesis()
                .consensus_params
                .version
                .as_ref()
                .map_or(0, |it| it.app),
        }
    }

    fn span(&self) -> Option<RangeInclusive<i64>> {
        let latest = self.handle.height();
        let base = self.handle.base().ok()?;
        (latest > 0).then(|| signed(base)..=signed(latest))
    }

    fn config(&self) -> ConfigResponse {
        ConfigResponse {
            minimum_gas_price: shown_prices(&self.config.minimum_gas_prices),
            pruning_keep_recent: self.config.history_blocks.to_string(),
            pruning_interval: "1".to_owned(),
            halt_height: 0,
        }
    }

    fn genesis(&self) -> Bytes {
        self.genesis.clone()
    }

    fn serves(&self, path: &str) -> bool {
        self.app.0.router().queries().any(|it| it == path)
    }

    async fn abci_info(&self) -> Result<abci::ResponseInfo> {
        self.app.0.info(abci::RequestInfo::default()).map_err(failed)
    }

    async fn abci_query(
        &self,
        path: &str,
        data: Bytes,
        height: i64,
        prove: bool,
    ) -> Result<abci::ResponseQuery> {
        let request =
            abci::RequestQuery { data: data.to_vec(), path: path.to_owned(), height, prove };
        let app = self.app.clone();
        spawn_blocking(move || app.0.query(request)).await.map_err(failed)?.map_err(failed)
    }

    async fn query(&self, path: &str, data: Bytes, height: i64) -> Result<QueryResult> {
        let (app, path) = (self.app.clone(), path.to_owned());
        let answer = spawn_blocking(move || app.0.grpc_query(&path, &data, height))
            .await
            .map_err(failed)?
            .map_err(failed)?;
        Ok(match answer {
            Ok((value, height)) => Ok(QueryAnswer { value: value.into(), height }),
            Err((status, message)) => Err(QueryError::new(status.number(), message)),
        })
    }

    async fn check_tx(&self, tx: Bytes) -> Result<abci::ResponseCheckTx> {
        self.handle.check_tx(tx).await.map_err(failed)
    }

    async fn broadcast_tx(
        &self,
        tx: Bytes,
    ) -> std::result::Result<abci::ResponseCheckTx, BroadcastError> {
        let wide = |it: usize| u64::try_from(it).unwrap_or(u64::MAX);
        self.handle.submit_tx(tx).await.map_err(|error| match error {
            SubmitError::InCache => BroadcastError::InCache,
            SubmitError::Full { txs, max_txs, bytes, max_bytes } => BroadcastError::Full {
                txs: wide(txs),
                max_txs: wide(max_txs),
                bytes: wide(bytes),
                max_bytes: wide(max_bytes),
            },
            SubmitError::TooLarge { max, got } => {
                BroadcastError::TooLarge { max: wide(max), got: wide(got) }
            }
            other => BroadcastError::Node(other.to_string()),
        })
    }

    async fn mempool(&self, limit: usize) -> Result<Mempool> {
        let view = self.handle.mempool(limit);
        let wide = |it: usize| u64::try_from(it).unwrap_or(u64::MAX);
        Ok(Mempool { txs: view.txs, total: wide(view.total), total_bytes: wide(view.total_bytes) })
    }

    async fn broadcast_evidence(&self, evidence: tm::Evidence) -> Result<Vec<u8>> {
        let taken = self
            .read(move |it| {
                let hash = consensus::core::evidence::item_hash(&evidence);
                Ok(it.submit_evidence(&evidence)?.map(|()| hash.to_vec()))
            })
            .await?;
        taken.map_err(|error| failed(format!("failed to add evidence: {error}")))
    }

    async fn block(&self, height: i64) -> Result<Option<(tm::BlockId, tm::Block)>> {
        self.read(move |it| it.block(unsigned(height))).await
    }

    async fn height_of_block(&self, hash: &[u8]) -> Result<Option<i64>> {
        let hash = hash.to_vec();
        Ok(self.read(move |it| it.height_by_hash(&hash)).await?.map(signed))
    }

    async fn results(&self, height: i64) -> Result<Option<abci::ResponseFinalizeBlock>> {
        self.read(move |it| it.results(unsigned(height))).await
    }

    async fn commit(&self, height: i64) -> Result<Option<tm::Commit>> {
        let found = self.read(move |it| it.commit(unsigned(height))).await?;
        Ok(found.map(|(commit, _canonical)| commit))
    }

    async fn validators(&self, height: i64) -> Result<Option<tm::ValidatorSet>> {
        self.read(move |it| it.validators(unsigned(height))).await
    }

    async fn consensus_params(&self, height: i64) -> Result<Option<tm::ConsensusParams>> {
        self.read(move |it| it.consensus_params(unsigned(height))).await
    }

    async fn place_of_tx(&self, hash: &[u8]) -> Result<Option<TxPlace>> {
        let hash = hash.to_vec();
        let found = self.read(move |it| it.tx_position(&hash)).await?;
        Ok(found.map(|it| TxPlace { height: signed(it.height), index: it.index }))
    }

    async fn heights_with(&self, pairs: &[(&str, &str)]) -> Result<Option<Vec<i64>>> {
        let Some(index) = self.index.clone() else { return Ok(None) };
        let pairs: Vec<(String, String)> =
            pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let latest = self.handle.height();
        let found = spawn_blocking(move || -> std::result::Result<_, crate::Error> {
            let pairs: Vec<_> = pairs.iter().map(|(a, b)| (a.as_str(), b.as_str())).collect();
            // What the follower has not reached yet is looked at without the index.
            let reached = index.height()?;
            let mut heights = index.heights(&pairs)?;
            heights.retain(|height| *height <= reached);
            heights.extend(reached.saturating_add(1)..=latest);
            Ok(heights)
        });
        let heights = found.await.map_err(failed)?.map_err(failed)?;
        Ok(Some(heights.into_iter().map(signed).collect()))
    }

    async fn peers(&self) -> Vec<Peer> {
        let part = |address: &str, of: &str| {
            let mut words = address.split('/').skip_while(|it| *it != of).skip(1);
            words.next().unwrap_or_default().to_owned()
        };
        let peers = self.handle.peers().await;
        peers
            .into_iter()
            .map(|it| Peer {
                remote_ip: part(
                    &it.address,
                    if it.address.starts_with("/ip6/") { "ip6" } else { "ip4" },
                ),
                id: it.id,
                moniker: it.moniker,
                listen_addr: it.address,
                is_outbound: it.outbound,
            })
            .collect()
    }

    fn subscribe(&self) -> BoxStream<'static, std::result::Result<Arc<CommittedBlock>, Lagged>> {
        BroadcastStream::new(self.handle.subscribe())
            .map(|block| match block {
                Ok(block) => Ok(Arc::new(CommittedBlock {
                    block_id: block.block_id.clone(),
                    block: block.block.clone(),
                    results: block.results.clone(),
                })),
                Err(BroadcastStreamRecvError::Lagged(lost)) => Err(Lagged(lost)),
            })
            .boxed()
    }
}
