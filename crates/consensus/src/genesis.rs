//! The genesis document, in both forms that exist in the wild, and its checks.
//!
//! CometBFT writes `consensus_params` and `validators` at the top and the height as a string;
//! Cosmos SDK from 0.50 on writes them under `consensus` and the height as a number. Both are
//! read; the first is written, because RPC clients read that one (`cosmos.md` 2.5).

use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use prost_types::{Duration, Timestamp};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;
use types::wire::tendermint::{
    crypto::{PublicKey, public_key},
    types as tm,
};

use crate::core::time::{self, Rfc3339};

/// Longest chain id, in bytes.
pub const MAX_CHAIN_ID_LEN: usize = 50;

/// What every node of a network must agree on before the first block.
#[derive(Clone, Debug)]
pub struct GenesisDoc {
    /// Also the time of the first block.
    pub genesis_time: Timestamp,
    /// At most 50 bytes.
    pub chain_id: String,
    /// Height of the first block, at least 1.
    pub initial_height: u64,
    /// Complete: block, evidence, validator, version and abci are all set.
    pub consensus_params: tm::ConsensusParams,
    /// May be empty when the application names them in `init_chain`.
    pub validators: Vec<GenesisValidator>,
    /// Expected by the application, usually empty.
    pub app_hash: Vec<u8>,
    /// The application's own part, as it was written.
    pub app_state: Box<RawValue>,
}

/// A validator of the first block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GenesisValidator {
    /// Ed25519.
    pub pub_key: [u8; 32],
    /// Voting power, positive.
    pub power: i64,
    /// For people.
    pub name: String,
}

/// Why a genesis document is refused.
#[derive(Debug, thiserror::Error)]
pub enum GenesisError {
    /// Not JSON, or not of this shape.
    #[error("the genesis document cannot be read: {0}")]
    Json(#[from] serde_json::Error),
    /// Readable but impossible.
    #[error("the genesis document is not usable: {0}")]
    Invalid(String),
}

impl GenesisDoc {
    /// A new document with the reference's default parameters.
    ///
    /// # Errors
    /// When `app_state` is not JSON, or the parts do not fit together.
    pub fn new(
        chain_id: impl Into<String>,
        genesis_time: Timestamp,
        validators: Vec<GenesisValidator>,
        app_state: &str,
    ) -> Result<GenesisDoc, GenesisError> {
        let doc = GenesisDoc {
            genesis_time,
            chain_id: chain_id.into(),
            initial_height: 1,
            consensus_params: default_params(),
            validators,
            app_hash: Vec::new(),
            app_state: RawValue::from_string(app_state.to_owned())?,
        };
        doc.check()?;
        Ok(doc)
    }

    /// Reads either form.
    ///
    /// # Errors
    /// [`GenesisError`], naming the field.
    pub fn from_json(text: &str) -> Result<GenesisDoc, GenesisError> {
        let raw: RawDoc = serde_json::from_str(text)?;
        let nested = raw.consensus.unwrap_or_default();
        let params = match raw.consensus_params.or(nested.params) {
            Some(params) => params.into_wire()?,
            None => default_params(),
        };
        let validators = raw.validators.or(nested.validators).unwrap_or_default();
        let doc = GenesisDoc {
            genesis_time: time::parse(&raw.genesis_time)
                .ok_or_else(|| GenesisError::Invalid("genesis_time is not RFC 3339".to_owned()))?,
            chain_id: raw.chain_id,
            initial_height: match raw.initial_height {
                None | Some(Number(0)) => 1,
                Some(Number(height)) => u64::try_from(height)
                    .map_err(|_| GenesisError::Invalid("initial_height is negative".to_owned()))?,
            },
            consensus_params: params,
            validators: validators
                .into_iter()
                .map(RawValidator::into_validator)
                .collect::<Result<_, _>>()?,
            app_hash: match raw.app_hash {
                Some(text) => hex::decode(&text)
                    .map_err(|_| GenesisError::Invalid("app_hash is not hex".to_owned()))?,
                None => Vec::new(),
            },
            app_state: match raw.app_state {
                Some(state) => state,
                None => RawValue::from_string("{}".to_owned())?,
            },
        };
        doc.check()?;
        Ok(doc)
    }

    /// The CometBFT form, compact.
    ///
    /// # Errors
    /// Never in practice: the parts are valid JSON.
    pub fn to_json(&self) -> Result<String, GenesisError> {
        Ok(serde_json::to_string(&self.raw())?)
    }

    /// The CometBFT form, for people and files.
    ///
    /// # Errors
    /// Never in practice: the parts are valid JSON.
    pub fn to_json_pretty(&self) -> Result<String, GenesisError> {
        Ok(serde_json::to_string_pretty(&self.raw())?)
    }

    fn raw(&self) -> RawDoc {
        let validators: Vec<RawValidator> =
            self.validators.iter().map(RawValidator::from_validator).collect();
        RawDoc {
            genesis_time: Rfc3339(&self.genesis_time).to_string(),
            chain_id: self.chain_id.clone(),
            initial_height: Some(Number(i64::try_from(self.initial_height).unwrap_or(i64::MAX))),
            consensus_params: Some(RawParams::from_wire(&self.consensus_params)),
            validators: (!validators.is_empty()).then_some(validators),
            consensus: None,
            app_hash: Some(hex::encode_upper(&self.app_hash)),
            app_state: Some(self.app_state.clone()),
        }
    }

    fn check(&self) -> Result<(), GenesisError> {
        let refuse = |text: String| Err(GenesisError::Invalid(text));
        if self.chain_id.is_empty() {
            return refuse("chain_id is empty".to_owned());
        }
        if self.chain_id.len() > MAX_CHAIN_ID_LEN {
            return refuse(format!("chain_id is longer than {MAX_CHAIN_ID_LEN} bytes"));
        }
        for (position, validator) in self.validators.iter().enumerate() {
            if validator.power <= 0 {
                return refuse(format!("validator {position} has no voting power"));
            }
        }
        crate::core::params::check(&self.consensus_params).map_err(GenesisError::Invalid)
    }
}

impl GenesisValidator {
    /// The key as the wire writes it.
    #[must_use]
    pub fn wire_key(&self) -> PublicKey {
        PublicKey { sum: Some(public_key::Sum::Ed25519(self.pub_key.to_vec())) }
    }
}

/// The parameters of the reference node: 21 MiB blocks, no gas limit, two days of evidence.
#[must_use]
pub fn default_params() -> tm::ConsensusParams {
    tm::ConsensusParams {
        block: Some(tm::BlockParams { max_bytes: 22_020_096, max_gas: -1 }),
        evidence: Some(tm::EvidenceParams {
            max_age_num_blocks: 100_000,
            max_age_duration: Duration { seconds: 172_800, nanos: 0 },
            max_bytes: 1_048_576,
        }),
        validator: Some(tm::ValidatorParams { pub_key_types: vec!["ed25519".to_owned()] }),
        version: Some(tm::VersionParams { app: 0 }),
        abci: Some(tm::AbciParams { vote_extensions_enable_height: 0 }),
    }
}

// The JSON forms.

#[derive(Serialize, Deserialize)]
struct RawDoc {
    genesis_time: String,
    chain_id: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    initial_height: Option<Number>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    consensus_params: Option<RawParams>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    validators: Option<Vec<RawValidator>>,
    #[serde(default, skip_serializing)]
    consensus: Option<RawConsensus>,
    #[serde(default)]
    app_hash: Option<String>,
    #[serde(default)]
    app_state: Option<Box<RawValue>>,
}

#[derive(Default, Deserialize)]
struct RawConsensus {
    #[serde(default)]
    params: Option<RawParams>,
    #[serde(default)]
    validators: Option<Vec<RawValidator>>,
}

#[derive(Serialize, Deserialize)]
struct RawParams {
    block: RawBlock,
    evidence: RawEvidence,
    validator: RawKeyTypes,
    #[serde(default)]
    version: Option<RawVersion>,
    #[serde(default)]
    abci: Option<RawAbci>,
}

#[derive(Serialize, Deserialize)]
struct RawBlock {
    max_bytes: Number,
    max_gas: Number,
}

#[derive(Serialize, Deserialize)]
struct RawEvidence {
    max_age_num_blocks: Number,
    /// Nanoseconds.
    max_age_duration: Number,
    #[serde(default)]
    max_bytes: Option<Number>,
}

#[derive(Serialize, Deserialize)]
struct RawKeyTypes {
    pub_key_types: Vec<String>,
}

#[derive(Serialize, Deserialize)]
struct RawVersion {
    #[serde(default)]
    app: Option<Number>,
}

#[derive(Serialize, Deserialize)]
struct RawAbci {
    #[serde(default)]
    vote_extensions_enable_height: Option<Number>,
}

#[derive(Serialize, Deserialize)]
struct RawValidator {
    #[serde(default)]
    address: String,
    pub_key: RawKey,
    power: Number,
    #[serde(default)]
    name: String,
}

#[derive(Serialize, Deserialize)]
pub(crate) struct RawKey {
    pub(crate) r#type: String,
    pub(crate) value: String,
}

/// The name that Amino JSON gives Ed25519 public keys.
pub(crate) const PUB_KEY_TYPE: &str = "tendermint/PubKeyEd25519";

/// A 64-bit number, written as a string, read as either.
struct Number(i64);

impl Serialize for Number {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Number, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Either {
            Text(String),
            Number(i64),
        }
        match Either::deserialize(deserializer)? {
            Either::Number(number) => Ok(Number(number)),
            Either::Text(text) => text.parse().map(Number).map_err(serde::de::Error::custom),
        }
    }
}

const NANOS_PER_SECOND: i64 = 1_000_000_000;

impl RawParams {
    fn into_wire(self) -> Result<tm::ConsensusParams, GenesisError> {
        let age = self.evidence.max_age_duration.0;
        let nanos = i32::try_from(age.rem_euclid(NANOS_PER_SECOND))
            .map_err(|_| GenesisError::Invalid("max_age_duration".to_owned()))?;
        let app = self.version.and_then(|it| it.app).map_or(0, |it| it.0);
        let abci = self.abci.and_then(|it| it.vote_extensions_enable_height);
        Ok(tm::ConsensusParams {
            block: Some(tm::BlockParams {
                max_bytes: self.block.max_bytes.0,
                max_gas: self.block.max_gas.0,
            }),
            evidence: Some(tm::EvidenceParams {
                max_age_num_blocks: self.evidence.max_age_num_blocks.0,
                max_age_duration: Duration { seconds: age.div_euclid(NANOS_PER_SECOND), nanos },
                max_bytes: self.evidence.max_bytes.map_or(1_048_576, |it| it.0),
            }),
            validator: Some(tm::ValidatorParams { pub_key_types: self.validator.pub_key_types }),
            version: Some(tm::VersionParams {
                app: u64::try_from(app)
                    .map_err(|_| GenesisError::Invalid("version.app is negative".to_owned()))?,
            }),
            abci: Some(tm::AbciParams { vote_extensions_enable_height: abci.map_or(0, |it| it.0) }),
        })
    }

    fn from_wire(params: &tm::ConsensusParams) -> RawParams {
        let block = params.block.unwrap_or_default();
        let evidence = params.evidence.unwrap_or_default();
        let age = evidence.max_age_duration;
        RawParams {
            block: RawBlock { max_bytes: Number(block.max_bytes), max_gas: Number(block.max_gas) },
            evidence: RawEvidence {
                max_age_num_blocks: Number(evidence.max_age_num_blocks),
                max_age_duration: Number(
                    age.seconds
                        .saturating_mul(NANOS_PER_SECOND)
                        .saturating_add(i64::from(age.nanos)),
                ),
                max_bytes: Some(Number(evidence.max_bytes)),
            },
            validator: RawKeyTypes {
                pub_key_types: params
                    .validator
                    .as_ref()
                    .map(|it| it.pub_key_types.clone())
                    .unwrap_or_default(),
            },
            version: Some(RawVersion {
                app: Some(Number(
                    i64::try_from(params.version.unwrap_or_default().app).unwrap_or(i64::MAX),
                )),
            }),
            abci: Some(RawAbci {
                vote_extensions_enable_height: Some(Number(
                    params.abci.unwrap_or_default().vote_extensions_enable_height,
                )),
            }),
        }
    }
}

impl RawValidator {
    fn into_validator(self) -> Result<GenesisValidator, GenesisError> {
        let bad = |what: &str| GenesisError::Invalid(format!("validator key: {what}"));
        if self.pub_key.r#type != PUB_KEY_TYPE {
            return Err(bad("only tendermint/PubKeyEd25519 is supported"));
        }
        let bytes = BASE64.decode(&self.pub_key.value).map_err(|_| bad("not base64"))?;
        let pub_key: [u8; 32] = bytes.try_into().map_err(|_| bad("not 32 bytes"))?;
        let address = crate::core::validators::address_of(&pub_key);
        if !self.address.is_empty() && !self.address.eq_ignore_ascii_case(&hex::encode(address)) {
            return Err(bad("the address is not that of the key"));
        }
        Ok(GenesisValidator { pub_key, power: self.power.0, name: self.name })
    }

    fn from_validator(validator: &GenesisValidator) -> RawValidator {
        RawValidator {
            address: hex::encode_upper(crate::core::validators::address_of(&validator.pub_key)),
            pub_key: RawKey {
                r#type: PUB_KEY_TYPE.to_owned(),
                value: BASE64.encode(validator.pub_key),
            },
            power: Number(validator.power),
            name: validator.name.clone(),
        }
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn both_forms_are_read_and_the_first_is_written() {
        let nested = r#"{"app_name":"akash","genesis_time":"2026-11-21T16:13:56Z",
            "chain_id":"conf-rpc-1","initial_height":1,"app_hash":null,"app_state":{"a": [1]},
            "consensus":{"params":{"block":{"max_bytes":"22020096","max_gas":"-1"},
            "evidence":{"max_age_num_blocks":"100000","max_age_duration":"172800000000000",
            "max_bytes":"1048576"},"validator":{"pub_key_types":["ed25519"]},
            "version":{"app":"0"},"abci":{"vote_extensions_enable_height":"0"}}}}"#;
        let doc = GenesisDoc::from_json(nested).unwrap();
        assert_eq!(doc.consensus_params, default_params());
        assert_eq!(doc.app_state.get(), r#"{"a": [1]}"#);
        let text = doc.to_json().unwrap();
        assert_eq!(
            text,
            concat!(
                r#"{"genesis_time":"2026-11-21T16:13:56Z","chain_id":"conf-rpc-1","#,
                r#""initial_height":"1","consensus_params":{"block":{"max_bytes":"22020096","#,
                r#""max_gas":"-1"},"evidence":{"max_age_num_blocks":"100000","#,
                r#""max_age_duration":"172800000000000","max_bytes":"1048576"},"#,
                r#""validator":{"pub_key_types":["ed25519"]},"version":{"app":"0"},"#,
                r#""abci":{"vote_extensions_enable_height":"0"}},"app_hash":"","#,
                r#""app_state":{"a": [1]}}"#
            )
        );
        let again = GenesisDoc::from_json(&text).unwrap();
        assert_eq!(again.to_json().unwrap(), text);
    }

    #[test]
    fn a_validator_needs_power_and_the_address_of_its_key() {
        let with = |address: &str, power: i64| {
            let key = BASE64.encode([7; 32]);
            GenesisDoc::from_json(&format!(
                r#"{{"genesis_time":"2026-11-21T16:13:56.5Z","chain_id":"a","validators":[
                {{"address":"{address}","pub_key":{{"type":"tendermint/PubKeyEd25519",
                "value":"{key}"}},"power":"{power}","name":"x"}}]}}"#
            ))
        };
        assert_eq!(with("", 5).unwrap().validators[0].power, 5);
        assert!(with("", 0).is_err());
        assert!(with("AB", 5).is_err());
        let address = hex::encode_upper(crate::core::validators::address_of(&[7; 32]));
        assert!(with(&address, 5).is_ok());
    }
}
