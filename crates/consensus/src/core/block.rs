//! Blocks: header hash, block id, part set, sizes, and the checks a block must pass by itself.

use bytes::Bytes;
use prost::Message;
use types::wire::tendermint::types as tm;

use super::{
    commit, evidence,
    merkle::{self, Hash, sha256},
    validators::ConsAddress,
    vote::BlockId,
};

/// `version.block` of every header.
pub const BLOCK_VERSION: u64 = 11;
/// Blocks are cut into parts of this many bytes for their id.
pub const PART_BYTES: usize = 65_536;

/// CometBFT's allowances for what is not transactions (`types/block`).
const MAX_OVERHEAD_BYTES: i64 = 11;
const MAX_HEADER_BYTES: i64 = 626;
const MAX_COMMIT_OVERHEAD_BYTES: i64 = 94;
const MAX_COMMIT_SIG_BYTES: i64 = 111;

/// Why a block is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BlockError {
    /// Not a block, or not written as everybody writes it.
    #[error("the block is not well-formed: {0}")]
    Malformed(String),
    /// A field that differs from what the state demands.
    #[error("wrong {field}: expected {expected}, got {got}")]
    Mismatch {
        /// Header field.
        field: &'static str,
        /// By our state.
        expected: String,
        /// In the block.
        got: String,
    },
    /// The commit inside does not commit to the block before.
    #[error("last commit: {0}")]
    LastCommit(#[from] commit::CommitError),
    /// An evidence item does not hold.
    #[error("evidence: {0}")]
    Evidence(#[from] evidence::EvidenceError),
}

impl BlockError {
    pub(super) fn mismatch(
        field: &'static str,
        expected: impl ToString,
        got: impl ToString,
    ) -> BlockError {
        BlockError::Mismatch { field, expected: expected.to_string(), got: got.to_string() }
    }
}

/// A block, its encoding and its id, known to belong together.
#[derive(Clone, Debug, PartialEq)]
pub struct Sealed {
    /// Identity.
    pub id: BlockId,
    /// Decoded.
    pub block: tm::Block,
    /// As encoded, and as cut into parts.
    pub bytes: Bytes,
}

impl Sealed {
    /// Encodes a block that we made.
    #[must_use]
    pub fn seal(block: tm::Block) -> Sealed {
        let bytes: Bytes = block.encode_to_vec().into();
        let id = BlockId {
            hash: header_hash(&block.header),
            parts_total: part_count(&bytes),
            parts_hash: parts_hash(&bytes),
        };
        Sealed { id, block, bytes }
    }

    /// Decodes a block that somebody sent, and checks it as far as it can be checked alone.
    ///
    /// # Errors
    /// [`BlockError::Malformed`] or a mismatch between header and content.
    pub fn open(bytes: Bytes) -> Result<Sealed, BlockError> {
        let block = tm::Block::decode(bytes.clone())
            .map_err(|error| BlockError::Malformed(error.to_string()))?;
        let sealed = Sealed::seal(block);
        if sealed.bytes != bytes {
            return Err(BlockError::Malformed("the encoding is not canonical".to_owned()));
        }
        check_content(&sealed.block)?;
        Ok(sealed)
    }

    /// Height in the header; 0 when it is not positive.
    #[must_use]
    pub fn height(&self) -> u64 {
        u64::try_from(self.block.header.height).unwrap_or(0)
    }

    /// Index data, as `/blockchain` shows it.
    #[must_use]
    pub fn meta(&self) -> tm::BlockMeta {
        tm::BlockMeta {
            block_id: self.id.to_wire(),
            block_size: i64::try_from(self.bytes.len()).unwrap_or(i64::MAX),
            header: self.block.header.clone(),
            num_txs: i64::try_from(self.block.data.txs.len()).unwrap_or(i64::MAX),
        }
    }
}

/// Root over the fourteen header fields, each in its own encoding (`cosmos.md` 2.11).
#[must_use]
pub fn header_hash(header: &tm::Header) -> Hash {
    merkle::root(&[
        header.version.encode_to_vec(),
        header.chain_id.encode_to_vec(),
        header.height.encode_to_vec(),
        header.time.encode_to_vec(),
        header.last_block_id.encode_to_vec(),
        header.last_commit_hash.encode_to_vec(),
        header.data_hash.encode_to_vec(),
        header.validators_hash.encode_to_vec(),
        header.next_validators_hash.encode_to_vec(),
        header.consensus_hash.encode_to_vec(),
        header.app_hash.encode_to_vec(),
        header.last_results_hash.encode_to_vec(),
        header.evidence_hash.encode_to_vec(),
        header.proposer_address.encode_to_vec(),
    ])
}

/// Root over the hashes of the transactions.
#[must_use]
pub fn data_hash<T: AsRef<[u8]>>(txs: &[T]) -> Hash {
    let hashes: Vec<Hash> = txs.iter().map(|it| sha256(it.as_ref())).collect();
    merkle::root(&hashes)
}

/// Root over the parts of an encoded block.
#[must_use]
pub fn parts_hash(bytes: &[u8]) -> Hash {
    let parts: Vec<&[u8]> = bytes.chunks(PART_BYTES).collect();
    merkle::root(&parts)
}

fn part_count(bytes: &[u8]) -> u32 {
    u32::try_from(bytes.len().div_ceil(PART_BYTES)).unwrap_or(u32::MAX)
}

/// Bytes that a transaction takes inside a block: itself, its length and a tag.
#[must_use]
pub fn tx_proto_size(tx: &[u8]) -> i64 {
    let size = tx.len().saturating_add(prost::length_delimiter_len(tx.len())).saturating_add(1);
    i64::try_from(size).unwrap_or(i64::MAX)
}

/// Bytes left for transactions in a block of at most `max_bytes`.
#[must_use]
pub fn max_data_bytes(max_bytes: i64, evidence_bytes: i64, validators: usize) -> i64 {
    let validators = i64::try_from(validators).unwrap_or(i64::MAX);
    max_bytes
        .saturating_sub(MAX_OVERHEAD_BYTES)
        .saturating_sub(MAX_HEADER_BYTES)
        .saturating_sub(MAX_COMMIT_OVERHEAD_BYTES)
        .saturating_sub(MAX_COMMIT_SIG_BYTES.saturating_mul(validators))
        .saturating_sub(evidence_bytes)
        .max(0)
}

/// Header hashes against the content they stand for.
fn check_content(block: &tm::Block) -> Result<(), BlockError> {
    let header = &block.header;
    if header.height <= 0 {
        return Err(BlockError::mismatch("height", "a positive number", header.height));
    }
    let check = |field, expected: &[u8], got: &[u8]| {
        if expected == got {
            Ok(())
        } else {
            Err(BlockError::mismatch(field, hex::encode_upper(expected), hex::encode_upper(got)))
        }
    };
    let last_commit = block
        .last_commit
        .as_ref()
        .ok_or_else(|| BlockError::Malformed("there is no last commit".to_owned()))?;
    check("last_commit_hash", &commit::hash(last_commit), &header.last_commit_hash)?;
    check("data_hash", &data_hash(&block.data.txs), &header.data_hash)?;
    check("evidence_hash", &evidence::hash(&block.evidence), &header.evidence_hash)?;
    if header.proposer_address.len() != size_of::<ConsAddress>() {
        return Err(BlockError::Malformed("the proposer's address is not 20 bytes".to_owned()));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use prost_types::Timestamp;
    use types::wire::tendermint::version::Consensus;

    use super::*;

    /// `cosmos.md` A.4, from CometBFT `types/block_test.go`.
    #[test]
    fn a_header_hashes_to_the_reference_value() {
        let field = |name: &str| sha256(name.as_bytes()).to_vec();
        let header = tm::Header {
            version: Consensus { block: 1, app: 2 },
            chain_id: "chainId".to_owned(),
            height: 3,
            // 2019-10-13T16:14:44Z
            time: Timestamp { seconds: 1_570_983_284, nanos: 0 },
            last_block_id: tm::BlockId {
                hash: vec![0; 32],
                part_set_header: tm::PartSetHeader { total: 6, hash: vec![0; 32] },
            },
            last_commit_hash: field("last_commit_hash"),
            data_hash: field("data_hash"),
            validators_hash: field("validators_hash"),
            next_validators_hash: field("next_validators_hash"),
            consensus_hash: field("consensus_hash"),
            app_hash: field("app_hash"),
            last_results_hash: field("last_results_hash"),
            evidence_hash: field("evidence_hash"),
            proposer_address: sha256(b"proposer_address").iter().take(20).copied().collect(),
        };
        assert_eq!(
            hex::encode_upper(header_hash(&header)),
            "F740121F553B5418C3EFBD343C2DBFE9E007BB67B0D020A0741374BAB65242A4"
        );
    }

    #[test]
    fn room_for_transactions_shrinks_with_the_commit() {
        assert_eq!(max_data_bytes(22_020_096, 0, 1), 22_020_096 - 11 - 626 - 94 - 111);
        assert_eq!(max_data_bytes(100, 0, 1), 0);
        assert_eq!(tx_proto_size(&[0; 127]), 129);
        assert_eq!(tx_proto_size(&[0; 128]), 131);
    }
}
