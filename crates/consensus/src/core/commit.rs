//! Commits: two thirds of the power vouching for a block, in the form light clients read.

use borsh::{BorshDeserialize, BorshSerialize};
use prost::Message;
use types::wire::tendermint::{abci, types as tm};

use super::{
    merkle::{self, Hash},
    time::{self, WeightedTime},
    validators::{ConsAddress, ValidatorSet},
    vote::{self, BlockId, VoteKind},
};

/// A precommit for the decided block.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Precommit {
    /// Who.
    pub address: ConsAddress,
    /// When, by its own clock. Nanoseconds since 1970.
    pub time_nanos: i64,
    /// Over the canonical vote with that time.
    pub signature: [u8; 64],
    /// What the application attached, and the signature over it.
    pub extension: Option<(Vec<u8>, [u8; 64])>,
}

/// What the engine knows about a decision: the precommits this node has seen.
///
/// Two nodes may hold different certificates for one block. Only the commit inside the next
/// block is canonical.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Certificate {
    /// Of the decided block.
    pub height: u64,
    /// In which it was decided.
    pub round: u32,
    /// What was decided.
    pub block_id: BlockId,
    /// In no particular order.
    pub precommits: Vec<Precommit>,
}

/// Why a commit is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CommitError {
    /// One entry per validator, in order.
    #[error("expected {expected} signatures, got {got}")]
    Size {
        /// Members of the set.
        expected: usize,
        /// Entries.
        got: usize,
    },
    /// Height, round or block id are not those of the block before.
    #[error("wrong {0}")]
    Wrong(&'static str),
    /// An entry that is not in its form.
    #[error("entry {0} is malformed")]
    Entry(usize),
    /// A signature that does not hold.
    #[error("signature {0} is invalid")]
    Signature(usize),
    /// Not more than two thirds.
    #[error("power {got} of {total} is not more than two thirds")]
    Power {
        /// For the block.
        got: i64,
        /// Of the set.
        total: i64,
    },
}

impl Certificate {
    /// The commit for headers and light clients: an entry per validator, in order, absent where
    /// the certificate has none.
    #[must_use]
    pub fn to_commit(&self, validators: &ValidatorSet) -> tm::Commit {
        let signatures = validators
            .validators()
            .iter()
            .map(|validator| match self.of(&validator.address) {
                Some(precommit) => tm::CommitSig {
                    block_id_flag: tm::BlockIdFlag::Commit.into(),
                    validator_address: precommit.address.to_vec(),
                    timestamp: time::from_nanos(precommit.time_nanos),
                    signature: precommit.signature.to_vec(),
                },
                None => absent(),
            })
            .collect();
        tm::Commit {
            height: vote::signed(self.height),
            round: i32::try_from(self.round).unwrap_or(i32::MAX),
            block_id: self.block_id.to_wire(),
            signatures,
        }
    }

    /// What a proposer tells its application about the block before, extensions included.
    #[must_use]
    pub fn to_extended_info(
        &self,
        validators: &ValidatorSet,
        extensions: bool,
    ) -> abci::ExtendedCommitInfo {
        let votes = validators
            .validators()
            .iter()
            .map(|validator| {
                let precommit = self.of(&validator.address);
                let flag = match precommit {
                    Some(_) => tm::BlockIdFlag::Commit,
                    None => tm::BlockIdFlag::Absent,
                };
                let (vote_extension, signature) = precommit
                    .and_then(|it| it.extension.clone())
                    .filter(|_| extensions)
                    .map(|(extension, signature)| (extension, signature.to_vec()))
                    .unwrap_or_default();
                abci::ExtendedVoteInfo {
                    validator: abci::Validator {
                        address: validator.address.to_vec(),
                        power: validator.power,
                    },
                    vote_extension,
                    extension_signature: signature,
                    block_id_flag: flag.into(),
                }
            })
            .collect();
        abci::ExtendedCommitInfo { round: i32::try_from(self.round).unwrap_or(i32::MAX), votes }
    }

    fn of(&self, address: &ConsAddress) -> Option<&Precommit> {
        self.precommits.iter().find(|it| it.address == *address)
    }
}

/// The commit of no block, inside the first one.
#[must_use]
pub fn none() -> tm::Commit {
    tm::Commit::default()
}

fn absent() -> tm::CommitSig {
    tm::CommitSig {
        block_id_flag: tm::BlockIdFlag::Absent.into(),
        validator_address: Vec::new(),
        timestamp: time::ZERO,
        signature: Vec::new(),
    }
}

/// Root over the entries.
#[must_use]
pub fn hash(commit: &tm::Commit) -> Hash {
    let leaves: Vec<Vec<u8>> = commit.signatures.iter().map(Message::encode_to_vec).collect();
    merkle::root(&leaves)
}

/// Checks every signature and that more than two thirds are for the block.
///
/// # Errors
/// [`CommitError`].
pub fn verify(
    chain_id: &str,
    validators: &ValidatorSet,
    block_id: &BlockId,
    height: u64,
    commit: &tm::Commit,
) -> Result<(), CommitError> {
    if commit.signatures.len() != validators.len() {
        return Err(CommitError::Size { expected: validators.len(), got: commit.signatures.len() });
    }
    if commit.height != vote::signed(height) {
        return Err(CommitError::Wrong("height"));
    }
    if commit.block_id != block_id.to_wire() {
        return Err(CommitError::Wrong("block id"));
    }
    let round = u32::try_from(commit.round).map_err(|_| CommitError::Wrong("round"))?;

    let mut power: i64 = 0;
    let members = validators.validators().iter().zip(&commit.signatures).enumerate();
    for (place, (validator, entry)) in members {
        let flag = tm::BlockIdFlag::try_from(entry.block_id_flag)
            .map_err(|_| CommitError::Entry(place))?;
        let voted = match flag {
            tm::BlockIdFlag::Absent if *entry == absent() => continue,
            tm::BlockIdFlag::Commit => Some(block_id),
            tm::BlockIdFlag::Nil => None,
            _ => return Err(CommitError::Entry(place)),
        };
        let signature: [u8; 64] =
            entry.signature.as_slice().try_into().map_err(|_| CommitError::Entry(place))?;
        if entry.validator_address != validator.address
            || time::to_nanos(&entry.timestamp).is_none()
        {
            return Err(CommitError::Entry(place));
        }
        let message =
            vote::sign_bytes(chain_id, VoteKind::Precommit, height, round, voted, entry.timestamp);
        if !vote::verify(&validator.public_key, &message, &signature) {
            return Err(CommitError::Signature(place));
        }
        if voted.is_some() {
            power = power.saturating_add(validator.power);
        }
    }
    let total = validators.total_power();
    if i128::from(power).saturating_mul(3) <= i128::from(total).saturating_mul(2) {
        return Err(CommitError::Power { got: power, total });
    }
    Ok(())
}

/// The time of the block that carries `commit`. `None` when nobody signed.
#[must_use]
pub fn median_time_nanos(commit: &tm::Commit, validators: &ValidatorSet) -> Option<i64> {
    let times = commit
        .signatures
        .iter()
        .filter(|it| it.block_id_flag != i32::from(tm::BlockIdFlag::Absent))
        .filter_map(|it| {
            let (_, validator) = validators.find(&it.validator_address)?;
            Some(WeightedTime { nanos: time::to_nanos(&it.timestamp)?, weight: validator.power })
        })
        .collect();
    time::weighted_median(times)
}

/// What the application is told about the commit inside a block.
#[must_use]
pub fn info(commit: &tm::Commit, validators: &ValidatorSet) -> abci::CommitInfo {
    let votes = validators
        .validators()
        .iter()
        .zip(&commit.signatures)
        .map(|(validator, entry)| abci::VoteInfo {
            validator: abci::Validator {
                address: validator.address.to_vec(),
                power: validator.power,
            },
            block_id_flag: entry.block_id_flag,
        })
        .collect();
    abci::CommitInfo { round: commit.round, votes }
}
