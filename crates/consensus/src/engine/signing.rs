//! Signing and checking in CometBFT's canonical forms.

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::{SystemTime, UNIX_EPOCH},
};

use arc_malachitebft_signing::{Error, VerificationResult};
use async_trait::async_trait;
use malachitebft_app_channel::{
    Signer, Verifier,
    app::types::core::{
        NilOrVal, Round, SignedMessage, SigningScheme, ValidatorProof, VoteExtensionScope, VoteType,
    },
};

use tokio_util::sync::CancellationToken;

use crate::{
    core::{
        time,
        vote::{self, VoteKind},
    },
    engine::context::{
        Address, Context, Height, Proposal, PublicKey, Scheme, Signature, ValueId, Vote,
    },
    keys::ValidatorKey,
};

/// A vote is at least this much later than the block it is for, so that time grows with every
/// block (CometBFT's "time iota").
const VOTE_AFTER_BLOCK_NANOS: i64 = 1_000_000;

/// The earliest time a vote of this height may carry; raised by every proposal that is seen.
#[derive(Clone, Debug, Default)]
pub(crate) struct VoteClock(Arc<AtomicI64>);

impl VoteClock {
    /// A block with this time was seen.
    pub(crate) fn saw_block(&self, time_nanos: i64) {
        let earliest = time_nanos.saturating_add(VOTE_AFTER_BLOCK_NANOS);
        self.0.fetch_max(earliest, Ordering::Relaxed);
    }

    fn now_nanos(&self) -> i64 {
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .ok()
            .and_then(|it| i64::try_from(it.as_nanos()).ok())
            .unwrap_or(0);
        now.max(self.0.load(Ordering::Relaxed))
    }
}

/// Signs with the validator's key.
#[derive(Clone, Debug)]
pub(crate) struct KeySigner {
    pub(crate) chain_id: String,
    pub(crate) key: ValidatorKey,
    pub(crate) clock: VoteClock,
    /// Once the node stops, nothing more is signed.
    pub(crate) stop: CancellationToken,
}

/// Why no signature is given.
#[derive(Debug, thiserror::Error)]
#[error("the node is stopping and signs nothing more")]
struct Stopping;

/// Checks what others signed.
#[derive(Clone, Debug)]
pub(crate) struct KeyVerifier {
    pub(crate) chain_id: String,
}

fn vote_bytes(chain_id: &str, vote: &Vote, time_nanos: i64) -> Vec<u8> {
    let kind = match vote.kind {
        VoteType::Prevote => VoteKind::Prevote,
        VoteType::Precommit => VoteKind::Precommit,
    };
    let id = match &vote.value {
        NilOrVal::Nil => None,
        NilOrVal::Val(id) => Some(&id.0),
    };
    let round = vote.round.as_u32().unwrap_or(0);
    vote::sign_bytes(chain_id, kind, vote.height.0, round, id, time::from_nanos(time_nanos))
}

fn proposal_bytes(chain_id: &str, proposal: &Proposal, time_nanos: i64) -> Vec<u8> {
    vote::proposal_sign_bytes(
        chain_id,
        proposal.height.0,
        proposal.round.as_u32().unwrap_or(0),
        proposal.pol_round.as_u32(),
        &proposal.value.0.0,
        time::from_nanos(time_nanos),
    )
}

fn extension_bytes(chain_id: &str, scope: &VoteExtensionScope<Context>, bytes: &[u8]) -> Vec<u8> {
    let round = scope.round.as_u32().unwrap_or(0);
    vote::extension_sign_bytes(chain_id, scope.height.0, round, bytes)
}

/// What the sender of a proposal's parts signs. Cannot be mistaken for a vote: those begin with
/// their length, which is never that of this text.
fn parts_bytes(chain_id: &str, height: Height, round: Round, id: &ValueId) -> Vec<u8> {
    let mut bytes = b"haggle/proposal-parts\0".to_vec();
    bytes.extend_from_slice(chain_id.as_bytes());
    bytes.push(0);
    bytes.extend_from_slice(&height.0.to_be_bytes());
    bytes.extend_from_slice(&round.as_i64().to_be_bytes());
    bytes.extend_from_slice(&id.0.hash);
    bytes.extend_from_slice(&id.0.parts_hash);
    bytes
}

impl KeySigner {
    pub(crate) fn address(&self) -> Address {
        Address(self.key.address())
    }

    fn may_sign(&self) -> Result<(), Error> {
        match self.stop.is_cancelled() {
            true => Err(Error::from_source(Stopping)),
            false => Ok(()),
        }
    }

    fn sign(&self, time_nanos: i64, message: &[u8]) -> Signature {
        Signature { time_nanos, bytes: self.key.sign(message) }
    }

    pub(crate) fn sign_parts(&self, height: Height, round: Round, id: &ValueId) -> Signature {
        self.sign(0, &parts_bytes(&self.chain_id, height, round, id))
    }

    pub(crate) fn validator_proof(&self, peer_id: Vec<u8>) -> ValidatorProof<Context> {
        let key = self.key.public_key().to_vec();
        let bytes = ValidatorProof::<Context>::signing_bytes(&key, &peer_id);
        ValidatorProof::new(key, peer_id, self.sign(0, &bytes))
    }
}

impl KeyVerifier {
    fn check(key: &PublicKey, message: &[u8], signature: &Signature) -> VerificationResult {
        VerificationResult::from_bool(vote::verify(&key.0, message, &signature.bytes))
    }

    pub(crate) fn parts_are_signed(
        &self,
        key: &[u8; 32],
        height: Height,
        round: Round,
        id: &ValueId,
        signature: &Signature,
    ) -> bool {
        vote::verify(key, &parts_bytes(&self.chain_id, height, round, id), &signature.bytes)
    }
}

#[async_trait]
impl Verifier<Context> for KeyVerifier {
    async fn verify_signed_vote(
        &self,
        vote: &Vote,
        signature: &Signature,
        key: &PublicKey,
    ) -> Result<VerificationResult, Error> {
        let message = vote_bytes(&self.chain_id, vote, signature.time_nanos);
        Ok(KeyVerifier::check(key, &message, signature))
    }

    async fn verify_signed_proposal(
        &self,
        proposal: &Proposal,
        signature: &Signature,
        key: &PublicKey,
    ) -> Result<VerificationResult, Error> {
        let message = proposal_bytes(&self.chain_id, proposal, signature.time_nanos);
        Ok(KeyVerifier::check(key, &message, signature))
    }

    async fn verify_signed_vote_extension(
        &self,
        scope: &VoteExtensionScope<Context>,
        extension: &Vec<u8>,
        signature: &Signature,
        key: &PublicKey,
    ) -> Result<VerificationResult, Error> {
        let message = extension_bytes(&self.chain_id, scope, extension);
        Ok(KeyVerifier::check(key, &message, signature))
    }

    async fn verify_validator_proof(
        &self,
        proof: &ValidatorProof<Context>,
    ) -> Result<VerificationResult, Error> {
        let key = Scheme::decode_public_key(&proof.public_key).map_err(Error::from_source)?;
        Ok(KeyVerifier::check(&key, &proof.preimage(), &proof.signature))
    }
}

#[async_trait]
impl Signer<Context> for KeySigner {
    async fn sign_vote(&self, vote: Vote) -> Result<SignedMessage<Context, Vote>, Error> {
        self.may_sign()?;
        let now = self.clock.now_nanos();
        let signature = self.sign(now, &vote_bytes(&self.chain_id, &vote, now));
        Ok(SignedMessage::new(vote, signature))
    }

    async fn sign_proposal(
        &self,
        proposal: Proposal,
    ) -> Result<SignedMessage<Context, Proposal>, Error> {
        self.may_sign()?;
        let now = self.clock.now_nanos();
        let signature = self.sign(now, &proposal_bytes(&self.chain_id, &proposal, now));
        Ok(SignedMessage::new(proposal, signature))
    }

    async fn sign_vote_extension(
        &self,
        scope: VoteExtensionScope<Context>,
        extension: Vec<u8>,
    ) -> Result<SignedMessage<Context, Vec<u8>>, Error> {
        let signature = self.sign(0, &extension_bytes(&self.chain_id, &scope, &extension));
        Ok(SignedMessage::new(extension, signature))
    }

    async fn sign_validator_proof(
        &self,
        _public_key: Vec<u8>,
        peer_id: Vec<u8>,
    ) -> Result<ValidatorProof<Context>, Error> {
        Ok(self.validator_proof(peer_id))
    }
}
