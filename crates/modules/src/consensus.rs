//! What governance may set of consensus: block sizes, evidence, key types (cosmos.md 4.15).
//!
//! Called by: nobody. Calls: auth. Owns: nothing; the kernel keeps the parameters in store
//! `consensus` and hands changes to the engine at the end of the block.

use ledger::{Ctx, Fault, Module, Result, Routes, View};
use types::wire::{
    cosmos::consensus::v1::{MsgUpdateParams, QueryParamsRequest, QueryParamsResponse},
    tendermint::types::{AbciParams, ConsensusParams},
};

use crate::auth;

pub struct Consensus;

/// The reference's limit of a block, 100 MiB.
const BLOCK_BYTES_MAX: i64 = 104_857_600;

impl Module for Consensus {
    const NAME: &'static str = "consensus";
    type Genesis = ();

    fn routes(r: &mut Routes<'_>) {
        r.msg(update_params).query(params);
    }
    fn init(_: &mut Ctx, (): ()) -> Result {
        Ok(())
    }
    fn export(_: &View) -> Result<()> {
        Ok(())
    }
}

fn update_params(cx: &mut Ctx, message: MsgUpdateParams) -> Result {
    let MsgUpdateParams { authority, block, evidence, validator, abci } = message;
    auth::require_authority(&authority)?;
    let (Some(block), Some(evidence), Some(validator)) = (block, evidence, validator) else {
        return Err(Fault::plain("all parameters must be present"));
    };
    let old = cx.consensus_params().clone();
    let abci_given = abci.is_some();
    let params = ConsensusParams {
        block: Some(block),
        evidence: Some(evidence),
        validator: Some(validator),
        version: old.version,
        abci: abci.or(old.abci),
    };
    check(&params, old.abci.as_ref(), cx.height())?;
    let text = proto_text(&params, abci_given);
    cx.emit_plain("update_consensus_params", [("authority", &*authority), ("parameters", &text)]);
    cx.update_consensus_params(params);
    Ok(())
}

/// The text form of the reference, which the event shows: fields that are zero are left out, and
/// the version says nothing. What the message does not name is not there.
fn proto_text(params: &ConsensusParams, with_abci: bool) -> String {
    fn number(name: &str, value: i64) -> String {
        if value == 0 { String::new() } else { format!("{name}:{value} ") }
    }
    let block = params.block.unwrap_or_default();
    let evidence = params.evidence.unwrap_or_default();
    let age = evidence.max_age_duration;
    let types = params.validator.iter().flat_map(|it| &it.pub_key_types);
    let types: String = types.map(|it| format!("pub_key_types:{it:?} ")).collect();
    let abci = params.abci.filter(|_| with_abci).map_or_else(String::new, |it| {
        let height = number("vote_extensions_enable_height", it.vote_extensions_enable_height);
        format!("abci:<{height}> ")
    });
    [
        format!(
            "block:<{}{}> ",
            number("max_bytes", block.max_bytes),
            number("max_gas", block.max_gas)
        ),
        format!(
            "evidence:<{}max_age_duration:<{}{}> {}> ",
            number("max_age_num_blocks", evidence.max_age_num_blocks),
            number("seconds", age.seconds),
            number("nanos", i64::from(age.nanos)),
            number("max_bytes", evidence.max_bytes),
        ),
        format!("validator:<{types}> version:<> {abci}"),
    ]
    .concat()
}

fn check(params: &ConsensusParams, old: Option<&AbciParams>, height: i64) -> Result {
    let (block, evidence, validator) = (
        params.block.unwrap_or_default(),
        params.evidence.unwrap_or_default(),
        params.validator.clone().unwrap_or_default(),
    );
    let refuse = |text: String| Err(Fault::plain(text));
    match block.max_bytes {
        0 => return refuse("block.MaxBytes cannot be 0".to_owned()),
        ..=-2 => {
            let text =
                format!("block.MaxBytes must be -1 or greater than 0. Got {}", block.max_bytes);
            return refuse(text);
        }
        it if it > BLOCK_BYTES_MAX => {
            return refuse(format!("block.MaxBytes is too big. {it} > {BLOCK_BYTES_MAX}"));
        }
        _ => {}
    }
    if block.max_gas < -1 {
        let text = format!("block.MaxGas must be greater or equal to -1. Got {}", block.max_gas);
        return refuse(text);
    }
    if evidence.max_age_num_blocks <= 0 {
        let text = format!(
            "evidence.MaxAgeNumBlocks must be greater than 0. Got {}",
            evidence.max_age_num_blocks
        );
        return refuse(text);
    }
    let age = &evidence.max_age_duration;
    if age.seconds < 0 || (age.seconds == 0 && age.nanos <= 0) {
        let text = types::timestamp::span_text(age);
        return refuse(format!(
            "evidence.MaxAgeDuration must be grater than 0 if provided, Got {text}"
        ));
    }
    let most = if block.max_bytes == -1 { BLOCK_BYTES_MAX } else { block.max_bytes };
    if evidence.max_bytes > most {
        return refuse(format!(
            "evidence.MaxBytesEvidence is greater than upper bound, {} > {most}",
            evidence.max_bytes
        ));
    }
    if evidence.max_bytes < 0 {
        let text = format!("evidence.MaxBytes must be non negative. Got: {}", evidence.max_bytes);
        return refuse(text);
    }
    let enable = params.abci.as_ref().map_or(0, |it| it.vote_extensions_enable_height);
    if enable < 0 {
        let text = format!("ABCI.VoteExtensionsEnableHeight cannot be negative. Got: {enable}");
        return refuse(text);
    }
    if validator.pub_key_types.is_empty() {
        return refuse("len(Validator.PubKeyTypes) must be greater than 0".to_owned());
    }
    let known = ["ed25519", "secp256k1"];
    let mut kinds = validator.pub_key_types.iter().enumerate();
    if let Some((at, unknown)) = kinds.find(|(_, it)| !known.contains(&it.as_str())) {
        return refuse(format!(
            "params.Validator.PubKeyTypes[{at}], {unknown}, is an unknown pubkey type"
        ));
    }
    let before = old.map_or(0, |it| it.vote_extensions_enable_height);
    if enable != before && (enable <= height || (before != 0 && before <= height)) {
        return refuse(format!(
            "vote extensions cannot be updated to a past or current height, enable height: {enable}, current height {height}"
        ));
    }
    Ok(())
}

fn params(view: &View, _: QueryParamsRequest) -> Result<QueryParamsResponse> {
    Ok(QueryParamsResponse { params: Some(view.consensus_params().clone()) })
}

#[cfg(test)]
mod tests {
    use ledger::testing;
    use types::wire::tendermint::types::{BlockParams, EvidenceParams, ValidatorParams};

    use super::*;

    fn message(max_bytes: i64) -> MsgUpdateParams {
        MsgUpdateParams {
            authority: auth::authority_address(),
            block: Some(BlockParams { max_bytes, max_gas: -1 }),
            evidence: Some(EvidenceParams {
                max_age_num_blocks: 100,
                max_age_duration: prost_types::Duration { seconds: 60, nanos: 0 },
                max_bytes: 1000,
            }),
            validator: Some(ValidatorParams { pub_key_types: vec!["ed25519".to_owned()] }),
            abci: None,
        }
    }

    #[test]
    fn only_governance_sets_valid_parameters() {
        let mut cx = testing::ctx();
        update_params(&mut cx, message(200_000)).unwrap();
        assert_eq!(cx.events().last().unwrap().r#type, "update_consensus_params");
        let shown = ledger::testing::attribute(cx.events().last().unwrap(), "parameters");
        assert!(shown.starts_with("block:<max_bytes:200000 "), "{shown}");
        assert!(shown.ends_with("validator:<pub_key_types:\"ed25519\" > version:<> "), "{shown}");
        for (bad, text) in [
            (message(0), "block.MaxBytes cannot be 0"),
            (message(BLOCK_BYTES_MAX + 1), "block.MaxBytes is too big"),
            (MsgUpdateParams { evidence: None, ..message(1) }, "all parameters must be present"),
            (message(10), "evidence.MaxBytesEvidence is greater than upper bound"),
        ] {
            let fault = update_params(&mut cx, bad).unwrap_err();
            assert!(fault.to_string().contains(text), "{fault}");
        }
        let stranger = MsgUpdateParams { authority: "akash1x".to_owned(), ..message(200_000) };
        let fault = update_params(&mut cx, stranger).unwrap_err();
        assert_eq!((fault.codespace(), fault.code()), ("gov", 13));
    }
}
