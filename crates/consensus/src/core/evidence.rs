//! Evidence that a validator voted twice: building, checking, hashing, reporting.

use prost::Message;
use prost_types::Timestamp;
use types::wire::tendermint::{
    abci,
    types::{self as tm, evidence::Sum},
};

use super::{
    merkle::{self, Hash, sha256},
    time,
    validators::ValidatorSet,
    vote::{self, BlockId, VoteKind},
};

/// Why an item of evidence is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EvidenceError {
    /// Not of a kind this chain knows, or with parts missing.
    #[error("not a complete duplicate vote")]
    Unknown,
    /// The two votes do not contradict each other.
    #[error("the votes do not conflict: {0}")]
    NoConflict(&'static str),
    /// Not signed by a validator of that height, or with wrong powers or time.
    #[error("wrong {0}")]
    Wrong(&'static str),
    /// Older than the parameters allow.
    #[error("too old")]
    Expired,
    /// In a block already.
    #[error("already committed")]
    Committed,
    /// More bytes than the parameters allow.
    #[error("more bytes than the parameters allow")]
    Size,
}

/// One signed vote, as the engine reports it.
#[derive(Clone, Debug)]
pub struct SignedVote {
    /// Prevote or precommit.
    pub kind: VoteKind,
    /// Of both votes.
    pub height: u64,
    /// Of both votes.
    pub round: u32,
    /// Absent for nil.
    pub block_id: Option<BlockId>,
    /// Signed with it. Nanoseconds since 1970.
    pub time_nanos: i64,
    /// By the validator.
    pub signature: [u8; 64],
}

/// Two conflicting votes as evidence. `block_time` is that of the block at their height.
/// `None` when the address was no validator then.
#[must_use]
pub fn duplicate_vote(
    first: &SignedVote,
    second: &SignedVote,
    address: &[u8],
    validators: &ValidatorSet,
    block_time: Timestamp,
) -> Option<tm::DuplicateVoteEvidence> {
    let (index, validator) = validators.find(address)?;
    let wire = |it: &SignedVote| tm::Vote {
        r#type: it.kind.into(),
        height: vote::signed(it.height),
        round: i32::try_from(it.round).unwrap_or(i32::MAX),
        block_id: it.block_id.map(|id| id.to_wire()).unwrap_or_default(),
        timestamp: time::from_nanos(it.time_nanos),
        validator_address: address.to_vec(),
        validator_index: i32::try_from(index).unwrap_or(i32::MAX),
        signature: it.signature.to_vec(),
        extension: Vec::new(),
        extension_signature: Vec::new(),
    };
    let (mut a, mut b) = (wire(first), wire(second));
    if order_key(&b.block_id) < order_key(&a.block_id) {
        std::mem::swap(&mut a, &mut b);
    }
    Some(tm::DuplicateVoteEvidence {
        vote_a: Some(a),
        vote_b: Some(b),
        total_voting_power: validators.total_power(),
        validator_power: validator.power,
        timestamp: block_time,
    })
}

/// The first vote is the one with the smaller key.
fn order_key(id: &tm::BlockId) -> Vec<u8> {
    let mut key = id.hash.clone();
    key.extend(id.part_set_header.encode_to_vec());
    key
}

/// `evidence_hash` of a header.
#[must_use]
pub fn hash(list: &tm::EvidenceList) -> Hash {
    let leaves: Vec<Vec<u8>> = list.evidence.iter().map(bytes).collect();
    merkle::root(&leaves)
}

/// Identity of one item, for pools.
#[must_use]
pub fn item_hash(item: &tm::Evidence) -> Hash {
    sha256(&bytes(item))
}

/// What is hashed: the item itself, without the wrapper that names its kind.
fn bytes(item: &tm::Evidence) -> Vec<u8> {
    match &item.sum {
        Some(Sum::DuplicateVoteEvidence(it)) => it.encode_to_vec(),
        Some(Sum::LightClientAttackEvidence(it)) => it.encode_to_vec(),
        None => Vec::new(),
    }
}

/// Bytes that a list takes inside a block.
#[must_use]
pub fn list_bytes(items: &[tm::Evidence]) -> i64 {
    items.iter().fold(0, |sum: i64, it| {
        sum.saturating_add(super::block::tx_proto_size(&it.encode_to_vec()))
    })
}

/// The height of the misbehaviour.
#[must_use]
pub fn height(item: &tm::Evidence) -> Option<u64> {
    match &item.sum {
        Some(Sum::DuplicateVoteEvidence(it)) => u64::try_from(it.vote_a.as_ref()?.height).ok(),
        _ => None,
    }
}

/// True when an item of `height` and `time` may no longer be used: too many blocks and too much
/// time have both passed.
#[must_use]
pub fn expired(
    params: &tm::EvidenceParams,
    height: u64,
    time_nanos: i64,
    now_height: u64,
    now_nanos: i64,
) -> bool {
    let blocks = vote::signed(now_height.saturating_sub(height));
    let age = i128::from(now_nanos.saturating_sub(time_nanos));
    let most = i128::from(params.max_age_duration.seconds)
        .saturating_mul(1_000_000_000)
        .saturating_add(i128::from(params.max_age_duration.nanos));
    blocks > params.max_age_num_blocks && age > most
}

/// Checks an item against the validators and the block time of its height.
///
/// # Errors
/// [`EvidenceError`].
pub fn verify(
    chain_id: &str,
    item: &tm::Evidence,
    validators: &ValidatorSet,
    block_time: &Timestamp,
) -> Result<(), EvidenceError> {
    let Some(Sum::DuplicateVoteEvidence(evidence)) = &item.sum else {
        return Err(EvidenceError::Unknown);
    };
    let (Some(a), Some(b)) = (&evidence.vote_a, &evidence.vote_b) else {
        return Err(EvidenceError::Unknown);
    };
    if (a.height, a.round, a.r#type) != (b.height, b.round, b.r#type) {
        return Err(EvidenceError::NoConflict("height, round or type differ"));
    }
    if a.validator_address != b.validator_address {
        return Err(EvidenceError::NoConflict("they are of two validators"));
    }
    if order_key(&a.block_id) >= order_key(&b.block_id) {
        return Err(EvidenceError::NoConflict("same block, or in the wrong order"));
    }
    if evidence.timestamp != *block_time {
        return Err(EvidenceError::Wrong("time"));
    }
    let (_, validator) =
        validators.find(&a.validator_address).ok_or(EvidenceError::Wrong("validator"))?;
    if evidence.validator_power != validator.power
        || evidence.total_voting_power != validators.total_power()
    {
        return Err(EvidenceError::Wrong("power"));
    }
    for it in [a, b] {
        let kind = VoteKind::try_from(it.r#type).map_err(|_| EvidenceError::Unknown)?;
        if !matches!(kind, VoteKind::Prevote | VoteKind::Precommit) {
            return Err(EvidenceError::Unknown);
        }
        let id = match it.block_id.hash.is_empty() {
            true => None,
            false => Some(BlockId::from_wire(&it.block_id).ok_or(EvidenceError::Unknown)?),
        };
        let height = u64::try_from(it.height).map_err(|_| EvidenceError::Unknown)?;
        let round = u32::try_from(it.round).map_err(|_| EvidenceError::Unknown)?;
        let message = vote::sign_bytes(chain_id, kind, height, round, id.as_ref(), it.timestamp);
        let signature =
            it.signature.as_slice().try_into().map_err(|_| EvidenceError::Wrong("signature"))?;
        if !vote::verify(&validator.public_key, &message, &signature) {
            return Err(EvidenceError::Wrong("signature"));
        }
    }
    Ok(())
}

/// What the application is told.
#[must_use]
pub fn misbehavior(items: &[tm::Evidence]) -> Vec<abci::Misbehavior> {
    items
        .iter()
        .filter_map(|item| match &item.sum {
            Some(Sum::DuplicateVoteEvidence(it)) => {
                let vote = it.vote_a.as_ref()?;
                Some(abci::Misbehavior {
                    r#type: abci::MisbehaviorType::DuplicateVote.into(),
                    validator: abci::Validator {
                        address: vote.validator_address.clone(),
                        power: it.validator_power,
                    },
                    height: vote.height,
                    time: it.timestamp,
                    total_voting_power: it.total_voting_power,
                })
            }
            _ => None,
        })
        .collect()
}
