//! A transaction: decoded once (cosmos.md 1.2), with the signatures that were found to be good.

use std::sync::{Mutex, MutexGuard, PoisonError};

use prost::Message;
use prost_types::Any;
use sha2::{Digest, Sha256};
use types::{
    Address, AddressError,
    registry::registry,
    signers::{self, SignerError},
    wire::cosmos::tx::v1beta1::{AuthInfo, Fee, TxBody, TxRaw},
};

use crate::{
    Claim, Fault, Result, Sdk,
    schema::is_msg,
    sign::PublicKey,
    wire::{self, Unknown},
};

/// What [`crate::sign::verify`] found.
pub(crate) type Verdict = std::result::Result<bool, String>;

/// A transaction as decoded once, on its first sight.
#[derive(Debug)]
pub struct Tx {
    /// SHA-256 of the broadcast bytes.
    pub hash: [u8; 32],
    /// Length of the broadcast bytes.
    pub size: usize,
    pub body_bytes: Vec<u8>,
    pub auth_info_bytes: Vec<u8>,
    pub body: TxBody,
    pub auth_info: AuthInfo,
    pub signatures: Vec<Vec<u8>>,
    /// Whether the body has unknown fields that are not critical: fatal for amino signatures.
    pub has_unknown_fields: bool,
    /// What was found of its signers, and for what. Whoever asks compares the whole claim.
    verdicts: Mutex<Vec<(Claim, Verdict)>>,
}

/// SHA-256 of broadcast bytes: the transaction's name everywhere.
pub fn hash(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

fn refuse(why: impl std::fmt::Display) -> Fault {
    Sdk::TxDecode.wrap(why)
}

impl Tx {
    /// Decodes broadcast bytes, `sdk/2` when they are no transaction.
    pub fn decode(bytes: &[u8]) -> Result<Self> {
        Self::decode_hashed(bytes, hash(bytes))
    }

    pub(crate) fn decode_hashed(bytes: &[u8], hash: [u8; 32]) -> Result<Self> {
        wire::is_adr_027(bytes).map_err(refuse)?;
        check("cosmos.tx.v1beta1.TxRaw", bytes, Unknown::Refuse)?;
        let TxRaw { body_bytes, auth_info_bytes, signatures } =
            TxRaw::decode(bytes).map_err(refuse)?;
        let has_unknown_fields =
            check("cosmos.tx.v1beta1.TxBody", &body_bytes, Unknown::AllowNonCritical)?;
        check("cosmos.tx.v1beta1.AuthInfo", &auth_info_bytes, Unknown::Refuse)?;
        let body = TxBody::decode(body_bytes.as_slice()).map_err(refuse)?;
        let auth_info = AuthInfo::decode(auth_info_bytes.as_slice()).map_err(refuse)?;
        for message in &body.messages {
            let name = message.type_url.strip_prefix('/').unwrap_or_default();
            if !is_msg(name) {
                return Err(refuse(format!("unable to resolve type URL {}", message.type_url)));
            }
        }
        for key in auth_info.signer_infos.iter().filter_map(|it| it.public_key.as_ref()) {
            PublicKey::from_any(key).map_err(refuse)?;
        }
        let options = body.extension_options.iter().chain(&body.non_critical_extension_options);
        if let Some(Any { type_url, .. }) = options.into_iter().next() {
            let why = "no registered implementations of type tx.TxExtensionOptionI";
            return Err(refuse(format!("{why}: {type_url}")));
        }
        Ok(Self {
            hash,
            size: bytes.len(),
            body_bytes,
            auth_info_bytes,
            body,
            auth_info,
            signatures,
            has_unknown_fields,
            verdicts: Mutex::default(),
        })
    }

    pub fn messages(&self) -> &[Any] {
        &self.body.messages
    }

    /// The fee; a transaction without one has none of anything.
    pub fn fee(&self) -> Fee {
        self.auth_info.fee.clone().unwrap_or_default()
    }

    pub fn gas_limit(&self) -> u64 {
        self.auth_info.fee.as_ref().map_or(0, |it| it.gas_limit)
    }

    /// Who must sign: the signers of the messages in order, without duplicates, then the fee's
    /// payer (cosmos.md 1.3).
    pub fn signers(&self) -> Result<Vec<Address>> {
        let payer = self.auth_info.fee.as_ref().map_or("", |it| it.payer.as_str());
        signers::of_transaction(self.messages(), payer).map_err(unnamed)
    }

    /// Who pays the fee unless somebody grants it: the fee's payer, or the first signer.
    pub fn fee_payer(&self) -> Result<Address> {
        if let Some(Fee { payer, .. }) = &self.auth_info.fee
            && !payer.is_empty()
        {
            return Ok(payer.parse()?);
        }
        let first = self.messages().first().map(signers_of).transpose()?.unwrap_or_default();
        first.into_iter().next().ok_or_else(|| Sdk::NoSignatures.into())
    }

    /// Whether every signer was looked at before, for some claim.
    pub(crate) fn is_seen(&self) -> bool {
        self.verdicts().len() >= self.auth_info.signer_infos.len()
    }

    pub(crate) fn verdict(&self, claim: &Claim) -> Option<Verdict> {
        let verdicts = self.verdicts();
        verdicts.iter().find(|(it, _)| it == claim).map(|(_, verdict)| verdict.clone())
    }

    /// The oldest verdicts go when there are two for each signer: their claims were of an account
    /// that has changed since.
    pub(crate) fn remember(&self, claim: Claim, verdict: Verdict) {
        let mut verdicts = self.verdicts();
        if verdicts.len() >= self.auth_info.signer_infos.len().saturating_mul(2).max(1) {
            drop(verdicts.remove(0));
        }
        verdicts.push((claim, verdict));
    }

    fn verdicts(&self) -> MutexGuard<'_, Vec<(Claim, Verdict)>> {
        self.verdicts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn check(name: &str, bytes: &[u8], unknown: Unknown) -> Result<bool> {
    let index = registry().index(name).ok_or_else(|| refuse(format!("no message {name}")))?;
    wire::check(index, bytes, unknown).map_err(refuse)
}

/// The signers that a message names. A validator operator stands for the account of its bytes.
pub fn signers_of(message: &Any) -> Result<Vec<Address>> {
    signers::of_message(message).map_err(unnamed)
}

/// Why the signers cannot be told. Of an address of another kind the reference says that its own
/// logic is wrong; its other errors are not registered.
fn unnamed(error: SignerError) -> Fault {
    match error {
        SignerError::Address { cause: AddressError::Prefix { expected, got }, .. } => Sdk::Logic
            .wrap(format!("hrp does not match bech32 prefix: expected '{expected}' got '{got}'")),
        SignerError::Address { .. } => Sdk::InvalidAddress.wrap(error),
        SignerError::UnknownType(_) | SignerError::NoOption(_) | SignerError::Wire(_) => {
            refuse(error)
        }
    }
}
