//! Light clients of CometBFT chains: what such a client may be made of, and whether it still knows
//! enough. Headers are not verified here, see [`super::client`].

use ledger::{Result, View};
use prost::{Message, Name};
use prost_types::{Any, Duration};
use types::wire::ibc::{
    core::client::v1::Height,
    lightclients::tendermint::v1::{ClientState, ConsensusState, Header, Misbehaviour},
};

use super::{
    errors::{client, ibc, tendermint::Error},
    host,
};

pub(super) const TYPE: &str = "07-tendermint";
const MAX_CHAIN_ID_LEN: usize = 50;

/// The message that an `Any` holds, which must be of this type. `ibc/14` otherwise.
pub(super) fn unpack<M: Message + Name + Default>(any: Option<&Any>) -> Result<M> {
    let wrong = |why: &str| ibc::Error::UnpackAny.wrap(why);
    let any = any.ok_or_else(|| wrong("protobuf Any message cannot be nil"))?;
    if any.type_url.trim_start_matches('/') != M::full_name() {
        return Err(wrong(&format!("cannot unpack Any into {}: {}", M::NAME, any.type_url)));
    }
    M::decode(any.value.as_slice()).map_err(|error| wrong(&error.to_string()))
}

fn nanos(span: &Duration) -> i128 {
    i128::from(span.seconds).saturating_mul(1_000_000_000).saturating_add(i128::from(span.nanos))
}

/// The stateless check of a client's state.
pub(super) fn check_state(state: &ClientState) -> Result {
    if state.chain_id.trim().is_empty() {
        return Err(Error::InvalidChainId.wrap("chain id cannot be empty string"));
    }
    if state.chain_id.len() > MAX_CHAIN_ID_LEN {
        let len = state.chain_id.len();
        let why = format!("chainID is too long; got: {len}, max: {MAX_CHAIN_ID_LEN}");
        return Err(Error::InvalidChainId.wrap(why));
    }
    let (part, whole) = (state.trust_level.numerator, state.trust_level.denominator);
    if part.checked_mul(3).is_none_or(|it| it < whole) || part > whole || whole == 0 {
        let why = format!("trustLevel must be within [1/3, 1], given {part}/{whole}");
        return Err(Error::InvalidTrustLevel.wrap(why));
    }
    let (trusting, unbonding) = (nanos(&state.trusting_period), nanos(&state.unbonding_period));
    if trusting <= 0 {
        return Err(Error::InvalidTrustingPeriod.wrap("trusting period must be greater than zero"));
    }
    if unbonding <= 0 {
        let why = "unbonding period must be greater than zero";
        return Err(Error::InvalidUnbondingPeriod.wrap(why));
    }
    if nanos(&state.max_clock_drift) <= 0 {
        return Err(Error::InvalidClockDrift.wrap("max clock drift must be greater than zero"));
    }
    let revision = host::revision(&state.chain_id);
    if state.latest_height.revision_number != revision {
        let why = format!(
            "latest height revision number must match chain id revision number ({} != {revision})",
            state.latest_height.revision_number
        );
        return Err(Error::InvalidHeaderHeight.wrap(why));
    }
    if state.latest_height.revision_height == 0 {
        let why = "tendermint client's latest height revision height cannot be zero";
        return Err(Error::InvalidHeaderHeight.wrap(why));
    }
    if trusting >= unbonding {
        let why =
            format!("trusting period ({trusting}ns) should be < unbonding period ({unbonding}ns)");
        return Err(Error::InvalidTrustingPeriod.wrap(why));
    }
    if state.proof_specs.is_empty() {
        return Err(Error::InvalidProofSpecs.wrap("proof specs cannot be nil for tm client"));
    }
    if let Some(at) = state.upgrade_path.iter().position(|it| it.trim().is_empty()) {
        let why = format!("key in upgrade path at index {at} cannot be empty");
        return Err(client::Error::NotFound.wrap(why));
    }
    Ok(())
}

/// The stateless check of a consensus state.
pub(super) fn check_consensus(state: &ConsensusState) -> Result {
    if state.root.hash.is_empty() {
        return Err(client::Error::InvalidConsensus.wrap("root cannot be empty"));
    }
    if !matches!(state.next_validators_hash.len(), 0 | 32) {
        return Err(client::Error::InvalidConsensus.wrap("next validators hash is invalid"));
    }
    let time = &state.timestamp;
    if time.seconds < 0 || time.seconds == 0 && time.nanos <= 0 {
        let why = "timestamp must be a positive Unix time";
        return Err(client::Error::InvalidConsensus.wrap(why));
    }
    Ok(())
}

/// The stateless check of a header, as far as sizes go.
pub(super) fn check_header(header: &Header) -> Result {
    let Some(signed) = &header.signed_header else {
        return Err(client::Error::InvalidHeader.wrap("tendermint header cannot be nil"));
    };
    let inner = signed
        .header
        .as_ref()
        .ok_or_else(|| Error::InvalidHeader.wrap("tendermint signed header cannot be nil"))?;
    let block = signed.commit.as_ref().map(|it| &it.block_id);
    let parts = block.map(|it| &it.part_set_header.hash);
    let hashes = [
        Some(&inner.validators_hash),
        Some(&inner.next_validators_hash),
        Some(&inner.consensus_hash),
        block.map(|it| &it.hash),
        parts,
    ];
    if let Some(wrong) = hashes.into_iter().flatten().find(|it| !matches!(it.len(), 0 | 32)) {
        let why = format!(
            "header is not a tendermint header: wrong Hash: expected size to be 32 bytes, got {} \
             bytes",
            wrong.len()
        );
        return Err(client::Error::InvalidHeader.wrap(why));
    }
    if header.validator_set.is_none() {
        return Err(client::Error::InvalidHeader.wrap("validator set is nil"));
    }
    if chain_of(header).is_none_or(str::is_empty) {
        return Err(client::Error::InvalidHeader.wrap("header has no chain id"));
    }
    Ok(())
}

fn chain_of(header: &Header) -> Option<&str> {
    Some(&header.signed_header.as_ref()?.header.as_ref()?.chain_id)
}

/// The stateless check of evidence against a chain.
pub(super) fn check_misbehaviour(found: &Misbehaviour) -> Result {
    let nil = |which: &str| {
        let why = format!("misbehaviour {which} cannot be nil");
        Error::InvalidHeader.wrap(why)
    };
    let first = found.header_1.as_ref().ok_or_else(|| nil("Header1"))?;
    let second = found.header_2.as_ref().ok_or_else(|| nil("Header2"))?;
    for header in [first, second] {
        if header.trusted_height.revision_height == 0 {
            let why = "misbehaviour header cannot have zero revision height";
            return Err(Error::InvalidHeaderHeight.wrap(why));
        }
        if header.trusted_validators.is_none() {
            return Err(Error::InvalidHeader.wrap("trusted validator set in header is empty"));
        }
    }
    if chain_of(first) != chain_of(second) {
        let why = "headers must have identical chainIDs";
        return Err(client::Error::InvalidMisbehaviour.wrap(why));
    }
    check_header(first)?;
    check_header(second)
}

/// The moment from which on what the client last saw is too old to trust.
pub(super) fn is_expired(view: &View, state: &ClientState, seen: &ConsensusState) -> bool {
    ledger::nanos(&seen.timestamp).saturating_add(nanos(&state.trusting_period))
        <= view.unix_nanos()
}

/// `3-10`.
pub(super) fn height_text(height: &Height) -> String {
    format!("{}-{}", height.revision_number, height.revision_height)
}

/// The height that such a text says.
pub(super) fn parse_height(text: &str) -> Option<Height> {
    let (revision, height) = text.split_once('-')?;
    Some(Height { revision_number: revision.parse().ok()?, revision_height: height.parse().ok()? })
}
