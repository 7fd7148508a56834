//! Consensus parameters: checks, hash, and changes that the application asks for.

use prost::Message;
use types::wire::tendermint::types as tm;

use super::merkle::{Hash, sha256};

/// No block is larger, whatever the parameters say.
pub const MAX_BLOCK_BYTES: i64 = 104_857_600;

/// Refuses parameters no chain can run with.
///
/// # Errors
/// One sentence that names the field.
pub fn check(params: &tm::ConsensusParams) -> Result<(), String> {
    let block = params.block.ok_or("consensus_params.block is missing")?;
    if block.max_bytes == 0 || block.max_bytes < -1 {
        return Err(format!("block.max_bytes must be -1 or positive, got {}", block.max_bytes));
    }
    if block.max_bytes > MAX_BLOCK_BYTES {
        return Err(format!("block.max_bytes is over {MAX_BLOCK_BYTES}"));
    }
    if block.max_gas < -1 {
        return Err(format!("block.max_gas must be -1 or more, got {}", block.max_gas));
    }
    let evidence = params.evidence.ok_or("consensus_params.evidence is missing")?;
    if evidence.max_age_num_blocks <= 0 {
        return Err("evidence.max_age_num_blocks must be positive".to_owned());
    }
    let age = evidence.max_age_duration;
    if age.seconds < 0 || (age.seconds == 0 && age.nanos <= 0) {
        return Err("evidence.max_age_duration must be positive".to_owned());
    }
    let limit = if block.max_bytes == -1 { MAX_BLOCK_BYTES } else { block.max_bytes };
    if evidence.max_bytes < 0 || evidence.max_bytes > limit {
        return Err("evidence.max_bytes must lie between 0 and block.max_bytes".to_owned());
    }
    let keys = params.validator.as_ref().ok_or("consensus_params.validator is missing")?;
    if keys.pub_key_types.is_empty() {
        return Err("validator.pub_key_types must not be empty".to_owned());
    }
    if keys.pub_key_types.iter().any(|it| it != "ed25519") {
        return Err("validator.pub_key_types may name ed25519 alone".to_owned());
    }
    let abci = params.abci.unwrap_or_default();
    if abci.vote_extensions_enable_height < 0 {
        return Err("abci.vote_extensions_enable_height must not be negative".to_owned());
    }
    Ok(())
}

/// `consensus_hash` of the header: block size and gas alone enter.
#[must_use]
pub fn hash(params: &tm::ConsensusParams) -> Hash {
    let block = params.block.unwrap_or_default();
    sha256(
        &tm::HashedParams { block_max_bytes: block.max_bytes, block_max_gas: block.max_gas }
            .encode_to_vec(),
    )
}

/// The parameters after a change; groups that the change leaves out stay.
#[must_use]
pub fn updated(params: &tm::ConsensusParams, change: &tm::ConsensusParams) -> tm::ConsensusParams {
    tm::ConsensusParams {
        block: change.block.or(params.block),
        evidence: change.evidence.or(params.evidence),
        validator: change.validator.clone().or_else(|| params.validator.clone()),
        version: change.version.or(params.version),
        abci: change.abci.or(params.abci),
    }
}

/// The most bytes of a block, with "no limit" spelled out.
#[must_use]
pub fn max_block_bytes(params: &tm::ConsensusParams) -> i64 {
    match params.block.unwrap_or_default().max_bytes {
        -1 => MAX_BLOCK_BYTES,
        bytes => bytes,
    }
}

/// True when precommits of `height` carry extensions.
#[must_use]
pub fn extensions_enabled(params: &tm::ConsensusParams, height: u64) -> bool {
    let from = params.abci.unwrap_or_default().vote_extensions_enable_height;
    u64::try_from(from).is_ok_and(|from| from > 0 && height >= from)
}
