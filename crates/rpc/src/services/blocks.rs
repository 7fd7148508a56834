//! `cosmos.base.tendermint.v1beta1.Service` and `cosmos.base.node.v1beta1.Service` (cosmos.md 3.9).

use bytes::Bytes;
use prost::{Message, Name};
use prost_types::Any;
use types::{
    ConsAddress,
    wire::{
        cosmos::{
            base::{
                node::v1beta1::StatusResponse,
                query::v1beta1::{PageRequest, PageResponse},
                tendermint::v1beta1::{
                    AbciQueryRequest, AbciQueryResponse, Block as SdkBlock,
                    GetBlockByHeightRequest, GetBlockByHeightResponse, GetLatestBlockResponse,
                    GetLatestValidatorSetRequest, GetLatestValidatorSetResponse,
                    GetNodeInfoResponse, GetSyncingResponse, GetValidatorSetByHeightRequest,
                    GetValidatorSetByHeightResponse, Header as SdkHeader, ProofOp, ProofOps,
                    Validator as SdkValidator, VersionInfo,
                },
            },
            crypto::{ed25519, secp256k1},
        },
        tendermint::{
            crypto::public_key::Sum,
            p2p::{DefaultNodeInfo, DefaultNodeInfoOther, ProtocolVersion},
            types::{Block, BlockId, Validator},
        },
    },
};

use super::{Answer, Services, read, unknown};
use crate::{
    chain::QueryError,
    status::{INVALID_ARGUMENT, UNKNOWN},
};

/// The gossip channels that a node of the reference version tells of.
const CHANNELS: [u8; 9] = [0x40, 0x20, 0x21, 0x22, 0x23, 0x30, 0x38, 0x60, 0x61];
/// [`CHANNELS`] in hex.
pub(crate) const CHANNELS_HEX: &str = "402021222330386061";

/// The version of the Cosmos SDK whose interface this is, in a form that PEP 440 can read.
const SDK_VERSION: &str = "v0.53.7";

fn consensus_text(address: &[u8]) -> String {
    ConsAddress::new(address).map(|it| it.to_string()).unwrap_or_default()
}

/// The block with its proposer as text.
fn sdk_block(block: &Block) -> SdkBlock {
    let header = block.header.clone();
    SdkBlock {
        header: SdkHeader {
            version: header.version,
            chain_id: header.chain_id,
            height: header.height,
            time: header.time,
            last_block_id: header.last_block_id,
            last_commit_hash: header.last_commit_hash,
            data_hash: header.data_hash,
            validators_hash: header.validators_hash,
            next_validators_hash: header.next_validators_hash,
            consensus_hash: header.consensus_hash,
            app_hash: header.app_hash,
            last_results_hash: header.last_results_hash,
            evidence_hash: header.evidence_hash,
            proposer_address: consensus_text(&header.proposer_address),
        },
        data: block.data.clone(),
        evidence: block.evidence.clone(),
        last_commit: block.last_commit.clone(),
    }
}

fn sdk_validator(validator: &Validator) -> SdkValidator {
    let any = |name: String, value| Any { type_url: format!("/{name}"), value };
    let key = match &validator.pub_key.sum {
        Some(Sum::Ed25519(key)) => Some(any(
            ed25519::PubKey::full_name(),
            ed25519::PubKey { key: key.clone() }.encode_to_vec(),
        )),
        Some(Sum::Secp256k1(key)) => Some(any(
            secp256k1::PubKey::full_name(),
            secp256k1::PubKey { key: key.clone() }.encode_to_vec(),
        )),
        None => None,
    };
    SdkValidator {
        address: consensus_text(&validator.address),
        pub_key: key,
        voting_power: validator.voting_power,
        proposer_priority: validator.proposer_priority,
    }
}

impl Services {
    pub(super) fn node_info(&self) -> Vec<u8> {
        let info = self.chain.info();
        GetNodeInfoResponse {
            default_node_info: Some(DefaultNodeInfo {
                protocol_version: ProtocolVersion { p2p: 8, block: 11, app: info.app_protocol },
                default_node_id: info.id,
                listen_addr: info.listen_addr,
                network: info.chain_id,
                version: crate::COMET_VERSION.to_owned(),
                channels: CHANNELS.to_vec(),
                moniker: info.moniker,
                other: DefaultNodeInfoOther {
                    tx_index: "on".to_owned(),
                    rpc_address: self.rpc_address.clone(),
                },
            }),
            application_version: Some(VersionInfo {
                name: "akash".to_owned(),
                app_name: "akash".to_owned(),
                version: info.version,
                git_commit: info.git_commit,
                build_tags: String::new(),
                go_version: String::new(),
                build_deps: Vec::new(),
                cosmos_sdk_version: SDK_VERSION.to_owned(),
            }),
        }
        .encode_to_vec()
    }

    pub(super) fn syncing(&self) -> Vec<u8> {
        GetSyncingResponse { syncing: self.chain.catching_up() }.encode_to_vec()
    }

    fn latest(&self) -> i64 {
        self.chain.span().map_or(0, |it| *it.end())
    }

    async fn block_and_id(&self, height: i64) -> Result<(BlockId, Block), QueryError> {
        let found = self.chain.block(height).await?;
        found.ok_or_else(|| match self.chain.span() {
            Some(span) if height < *span.start() => unknown(format!(
                "height {height} is not available, lowest height is {}",
                span.start()
            )),
            _ => unknown(format!("no block at height {height}")),
        })
    }

    pub(super) async fn latest_block(&self) -> Answer {
        let (id, block) = self.block_and_id(self.latest()).await?;
        let sdk_block = Some(sdk_block(&block));
        let answer = GetLatestBlockResponse { block_id: Some(id), block: Some(block), sdk_block };
        Ok(answer.encode_to_vec())
    }

    /// Refuses heights that the chain has not reached, and those that no chain has.
    fn check_height(&self, height: i64) -> Result<(), QueryError> {
        if height > self.latest() {
            return Err(QueryError::new(
                INVALID_ARGUMENT,
                "requested block height is bigger then the chain length",
            ));
        }
        if height <= 0 {
            let text = format!("height must be greater than 0, but got {height}");
            return Err(QueryError::new(UNKNOWN, text));
        }
        Ok(())
    }

    pub(super) async fn block_by_height(&self, data: &[u8]) -> Answer {
        let GetBlockByHeightRequest { height } = read(data)?;
        self.check_height(height)?;
        let (id, block) = self.block_and_id(height).await?;
        let sdk_block = Some(sdk_block(&block));
        let answer = GetBlockByHeightResponse { block_id: Some(id), block: Some(block), sdk_block };
        Ok(answer.encode_to_vec())
    }

    /// A page of the validators of a height.
    async fn validators_at(
        &self,
        height: i64,
        page: Option<PageRequest>,
    ) -> Result<(Vec<SdkValidator>, PageResponse), QueryError> {
        let set = self.chain.validators(height).await?;
        let set = set.ok_or_else(|| unknown(format!("no validator set at height {height}")))?;
        let page = page.unwrap_or_default();
        let limit = if page.limit == 0 { 100 } else { page.limit };
        let total = u64::try_from(set.validators.len()).unwrap_or(u64::MAX);
        let shown = set
            .validators
            .iter()
            .skip(usize::try_from(page.offset).unwrap_or(usize::MAX))
            .take(usize::try_from(limit).unwrap_or(usize::MAX))
            .map(sdk_validator);
        Ok((shown.collect(), PageResponse { next_key: Vec::new(), total }))
    }

    pub(super) async fn latest_validators(&self, data: &[u8]) -> Answer {
        let request: GetLatestValidatorSetRequest = read(data)?;
        let block_height = self.latest() + 1;
        let (validators, page) = self.validators_at(block_height, request.pagination).await?;
        let answer =
            GetLatestValidatorSetResponse { block_height, validators, pagination: Some(page) };
        Ok(answer.encode_to_vec())
    }

    pub(super) async fn validators_by_height(&self, data: &[u8]) -> Answer {
        let request: GetValidatorSetByHeightRequest = read(data)?;
        let block_height = request.height;
        self.check_height(block_height)?;
        let (validators, page) = self.validators_at(block_height, request.pagination).await?;
        let answer =
            GetValidatorSetByHeightResponse { block_height, validators, pagination: Some(page) };
        Ok(answer.encode_to_vec())
    }

    pub(super) async fn abci_query_call(&self, data: &[u8]) -> Answer {
        let request: AbciQueryRequest = read(data)?;
        let data = Bytes::from(request.data);
        // Boxed, because a query may name this very method.
        let answer =
            Box::pin(self.abci_query(&request.path, data, request.height, request.prove)).await?;
        let proof_ops = answer.proof_ops.map(|it| ProofOps {
            ops: it
                .ops
                .into_iter()
                .map(|it| ProofOp { r#type: it.r#type, key: it.key, data: it.data })
                .collect(),
        });
        let answer = AbciQueryResponse {
            code: answer.code,
            log: answer.log,
            info: answer.info,
            index: answer.index,
            key: answer.key,
            value: answer.value,
            proof_ops,
            height: answer.height,
            codespace: answer.codespace,
        };
        Ok(answer.encode_to_vec())
    }

    pub(super) async fn node_status(&self) -> Answer {
        let height = self.latest();
        let (_, block) = self.block_and_id(height).await?;
        let answer = StatusResponse {
            earliest_store_height: 0,
            height: u64::try_from(height).unwrap_or_default(),
            timestamp: Some(block.header.time),
            app_hash: block.header.app_hash,
            validator_hash: block.header.next_validators_hash,
        };
        Ok(answer.encode_to_vec())
    }
}
