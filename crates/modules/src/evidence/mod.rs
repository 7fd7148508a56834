//! Proof that a validator signed twice: from consensus, kept for whoever asks.
//!
//! Called by: nobody. Calls: slashing, staking. Owns: store `evidence` (cosmos.md 4.10).

#[cfg(test)]
mod tests;

use ledger::{Ctx, Fault, Map, Module, Raw, Result, Routes, Sdk, View, nanos, paginate_all};
use prost::{Message, Name};
use prost_types::Any;
use sha2::{Digest, Sha256};
use types::{
    ConsAddress,
    wire::{
        cosmos::evidence::v1beta1::{
            Equivocation, GenesisState, MsgSubmitEvidence, MsgSubmitEvidenceResponse,
            QueryAllEvidenceRequest, QueryAllEvidenceResponse, QueryEvidenceRequest,
            QueryEvidenceResponse,
        },
        tendermint::abci::Misbehavior,
    },
};

use crate::{base::time::span_nanos, slashing, staking};

pub struct Evidence;

impl Module for Evidence {
    const NAME: &'static str = "evidence";
    type Genesis = GenesisState;

    fn routes(r: &mut Routes<'_>) {
        r.msg(submit).query(evidence).query(all_evidence);
    }

    fn init(cx: &mut Ctx, genesis: GenesisState) -> Result {
        for any in genesis.evidence {
            let evidence = unpack(&any)?;
            let hash = hash_of(&evidence);
            if EVIDENCE.has(cx, &hash)? {
                return Err(Error::Exists.wrap("evidence with hash exists in genesis"));
            }
            EVIDENCE.set(cx, &hash, &any.encode_to_vec())?;
        }
        Ok(())
    }

    fn export(view: &View) -> Result<GenesisState> {
        let evidence = EVIDENCE.values(view).map(|it| any_of(&it?)).collect::<Result<_>>()?;
        Ok(GenesisState { evidence })
    }

    /// Consensus bounds how much evidence a block carries.
    fn begin_block(cx: &mut Ctx) -> Result {
        let reported = cx.block().misbehavior.clone();
        reported.iter().try_for_each(|it| punish(cx, it))
    }
}

// State.
const STORE: &str = "evidence";
/// Evidence, packed, by the SHA-256 of the message.
const EVIDENCE: Map<Vec<u8>, Vec<u8>, Raw> = Map::new(STORE, &[0]);

fn hash_of(evidence: &Equivocation) -> Vec<u8> {
    Sha256::digest(evidence.encode_to_vec()).to_vec()
}

fn any_of(bytes: &[u8]) -> Result<Any> {
    Any::decode(bytes).map_err(|error| Sdk::UnpackAny.wrap(error))
}

fn unpack(any: &Any) -> Result<Equivocation> {
    if any.type_url != Equivocation::type_url() {
        return Err(Sdk::UnpackAny.wrap(format!("no evidence type {}", any.type_url)));
    }
    Equivocation::decode(any.value.as_slice()).map_err(|error| Sdk::UnpackAny.wrap(error))
}

// Blocks.

/// Slashes and tombstones, unless the evidence comes too late. A validator that is unknown cannot
/// be reported by consensus; it would be ignored.
fn punish(cx: &mut Ctx, reported: &Misbehavior) -> Result {
    let address = ConsAddress::new(reported.validator.address.clone())?;
    let Some(validator) = staking::validator_by_consensus(cx, &address)? else { return Ok(()) };
    if validator.is_unbonded() || is_too_old(cx, reported) {
        return Ok(());
    }
    match slashing::is_tombstoned(cx, &address)? {
        Some(true) => return Ok(()),
        Some(false) => {}
        None => {
            let text = format!("expected signing info for validator {address} but not found");
            return Err(Fault::plain(text));
        }
    }
    let Misbehavior { height, time, .. } = *reported;
    let power = reported.validator.power;
    slashing::tombstone(cx, &address, height, power)?;
    let consensus_address = address.to_string();
    let evidence = Equivocation { height, time, power, consensus_address };
    let any = Any { type_url: Equivocation::type_url(), value: evidence.encode_to_vec() };
    EVIDENCE.set(cx, &hash_of(&evidence), &any.encode_to_vec())
}

/// Whether both the age in blocks and the age in time are above what consensus allows.
fn is_too_old(view: &View, reported: &Misbehavior) -> bool {
    let Some(limits) = &view.consensus_params().evidence else { return false };
    let span = span_nanos(&limits.max_age_duration);
    let age = view.unix_nanos().saturating_sub(nanos(&reported.time));
    let blocks = view.height().saturating_sub(reported.height);
    age > span && blocks > limits.max_age_num_blocks
}

// Messages.

/// No kind of evidence is taken from transactions.
fn submit(_: &mut Ctx, message: MsgSubmitEvidence) -> Result<MsgSubmitEvidenceResponse> {
    let Some(any) = message.evidence else { return Err(Error::Invalid.wrap("missing evidence")) };
    Err(Error::NoHandler.wrap(any.type_url))
}

// Queries.

fn evidence(view: &View, request: QueryEvidenceRequest) -> Result<QueryEvidenceResponse> {
    let text = request.hash;
    if text.is_empty() {
        return Err(Fault::invalid_argument("invalid request; hash is empty"));
    }
    let hash = decode_hex(&text)
        .map_err(|error| Fault::plain(format!("invalid evidence hash: {error}")))?;
    let found = EVIDENCE.get(view, &hash)?;
    let bytes = found.ok_or_else(|| Fault::not_found(format!("evidence {text} not found")))?;
    Ok(QueryEvidenceResponse { evidence: Some(any_of(&bytes)?) })
}

/// Hexadecimal text, refused in the reference's words.
fn decode_hex(text: &str) -> Result<Vec<u8>, String> {
    if let Some(wrong) = text.chars().find(|it| !it.is_ascii_hexdigit()) {
        let shown = u32::from(wrong);
        return Err(format!("encoding/hex: invalid byte: U+{shown:04X} '{wrong}'"));
    }
    let odd = || "encoding/hex: odd length hex string".to_owned();
    text.as_bytes()
        .chunks(2)
        .map(|pair| {
            let pair = std::str::from_utf8(pair).map_err(|_| odd())?;
            if pair.len() < 2 {
                return Err(odd());
            }
            u8::from_str_radix(pair, 16).map_err(|_| odd())
        })
        .collect()
}

fn all_evidence(view: &View, request: QueryAllEvidenceRequest) -> Result<QueryAllEvidenceResponse> {
    let (evidence, page) =
        paginate_all(view, EVIDENCE.walk(), request.pagination, |_, bytes| any_of(&bytes))?;
    Ok(QueryAllEvidenceResponse { evidence, pagination: Some(page) })
}

// Errors: the numbers are on the wire.
ledger::errors! { Evidence;
    2 NoHandler "unregistered handler for evidence type",
    3 Invalid "invalid evidence",
    5 Exists "evidence already exists",
}
