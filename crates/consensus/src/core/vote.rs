//! What validators sign: canonical votes and proposals, as CometBFT 0.38 writes them.

use ed25519_consensus::VerificationKey;
use prost::Message;
use prost_types::Timestamp;
use types::wire::tendermint::types as tm;

pub use tm::SignedMsgType as VoteKind;

/// Identity of a block: header hash, and hash and number of its parts.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    borsh::BorshSerialize,
    borsh::BorshDeserialize,
)]
pub struct BlockId {
    /// Header hash.
    pub hash: [u8; 32],
    /// Number of parts of 65,536 bytes.
    pub parts_total: u32,
    /// Root over the parts.
    pub parts_hash: [u8; 32],
}

impl BlockId {
    /// The id as the wire writes it.
    #[must_use]
    pub fn to_wire(&self) -> tm::BlockId {
        tm::BlockId {
            hash: self.hash.to_vec(),
            part_set_header: tm::PartSetHeader {
                total: self.parts_total,
                hash: self.parts_hash.to_vec(),
            },
        }
    }

    /// `None` unless both hashes have 32 bytes.
    #[must_use]
    pub fn from_wire(id: &tm::BlockId) -> Option<BlockId> {
        Some(BlockId {
            hash: id.hash.as_slice().try_into().ok()?,
            parts_total: id.part_set_header.total,
            parts_hash: id.part_set_header.hash.as_slice().try_into().ok()?,
        })
    }

    fn canonical(&self) -> tm::CanonicalBlockId {
        tm::CanonicalBlockId {
            hash: self.hash.to_vec(),
            part_set_header: tm::CanonicalPartSetHeader {
                total: self.parts_total,
                hash: self.parts_hash.to_vec(),
            },
        }
    }
}

/// The bytes a validator signs for a vote. `block_id` is absent for nil.
#[must_use]
pub fn sign_bytes(
    chain_id: &str,
    kind: VoteKind,
    height: u64,
    round: u32,
    block_id: Option<&BlockId>,
    timestamp: Timestamp,
) -> Vec<u8> {
    tm::CanonicalVote {
        r#type: kind.into(),
        height: signed(height),
        round: i64::from(round),
        block_id: block_id.map(BlockId::canonical),
        timestamp,
        chain_id: chain_id.to_owned(),
    }
    .encode_length_delimited_to_vec()
}

/// The bytes a proposer signs.
#[must_use]
pub fn proposal_sign_bytes(
    chain_id: &str,
    height: u64,
    round: u32,
    pol_round: Option<u32>,
    block_id: &BlockId,
    timestamp: Timestamp,
) -> Vec<u8> {
    tm::CanonicalProposal {
        r#type: VoteKind::Proposal.into(),
        height: signed(height),
        round: i64::from(round),
        pol_round: pol_round.map_or(-1, i64::from),
        block_id: Some(block_id.canonical()),
        timestamp,
        chain_id: chain_id.to_owned(),
    }
    .encode_length_delimited_to_vec()
}

/// The bytes a validator signs for the extension of its precommit.
#[must_use]
pub fn extension_sign_bytes(chain_id: &str, height: u64, round: u32, extension: &[u8]) -> Vec<u8> {
    tm::CanonicalVoteExtension {
        extension: extension.to_vec(),
        height: signed(height),
        round: i64::from(round),
        chain_id: chain_id.to_owned(),
    }
    .encode_length_delimited_to_vec()
}

/// True when `signature` is a valid Ed25519 signature by ZIP-215 rules, as CometBFT accepts it.
#[must_use]
pub fn verify(public_key: &[u8; 32], message: &[u8], signature: &[u8; 64]) -> bool {
    VerificationKey::try_from(*public_key)
        .is_ok_and(|key| key.verify(&(*signature).into(), message).is_ok())
}

/// Heights are signed on the wire; ours are below 2^63 by construction.
#[must_use]
pub fn signed(height: u64) -> i64 {
    i64::try_from(height).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::super::{merkle::sha256, time};
    use super::*;

    /// `cosmos.md` A.4, from CometBFT `types/vote_test.go`.
    #[test]
    fn a_nil_precommit_has_the_reference_bytes() {
        let bytes = sign_bytes("", VoteKind::Precommit, 1, 1, None, time::ZERO);
        assert_eq!(
            hex::encode(bytes),
            "2108021101000000000000001901000000000000002a0b088092b8c398feffffff01"
        );
    }

    /// `cosmos.md` A.4, computed by hand there.
    #[test]
    fn a_precommit_for_a_block_has_the_reference_bytes() {
        let id = BlockId { hash: sha256(b"block"), parts_total: 1, parts_hash: sha256(b"parts") };
        let time = Timestamp { seconds: 1_700_000_000, nanos: 5 };
        let bytes = sign_bytes("akashnet-2", VoteKind::Precommit, 5, 0, Some(&id), time);
        assert_eq!(
            hex::encode(bytes),
            "6b080211050000000000000022480a20496aca80e4d8f29fb8e8cd816c3afb48d3f103970b3a2ee1600c\
             08ca67326dee122408011220d887db09649dab0d83951d8d5d69b2e7d8bb70e79daa2a3a279b4fd6b834\
             6cea2a080880e2cfaa061005320a616b6173686e65742d32"
        );
    }
}
