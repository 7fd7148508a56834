//! The engine's vocabulary in terms of ours: heights, votes, proposals, parts, validator sets.
//!
//! Equality of votes and proposals looks only at what is derived again after a restart, never at
//! times or signatures (`engine.md` 1.2).

use std::{fmt, sync::Arc};

use borsh::{BorshDeserialize, BorshSerialize};
use malachitebft_app_channel::app::types::core::{
    self, LinearTimeouts, NilOrVal, Round, SignedExtension, SigningScheme, VoteType, VotingPower,
};

use crate::core::{
    validators::{self, ConsAddress},
    vote::BlockId,
};

/// Height of a block, from 1.
#[derive(
    Copy, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default, BorshSerialize, BorshDeserialize,
)]
pub(crate) struct Height(pub(crate) u64);

impl fmt::Debug for Height {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

impl fmt::Display for Height {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

impl core::Height for Height {
    const ZERO: Height = Height(0);
    const INITIAL: Height = Height(1);

    fn increment_by(&self, n: u64) -> Height {
        Height(self.0.saturating_add(n))
    }

    fn decrement_by(&self, n: u64) -> Option<Height> {
        self.0.checked_sub(n).map(Height)
    }

    fn as_u64(&self) -> u64 {
        self.0
    }
}

/// Consensus address of a validator.
#[derive(Copy, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, BorshSerialize, BorshDeserialize)]
pub(crate) struct Address(pub(crate) ConsAddress);

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode_upper(self.0))
    }
}

impl core::Address for Address {}

/// What is voted on.
#[derive(
    Copy, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default, BorshSerialize, BorshDeserialize,
)]
pub(crate) struct ValueId(pub(crate) BlockId);

impl fmt::Debug for ValueId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for ValueId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode_upper(self.0.hash))
    }
}

/// The block itself travels in parts; the value is its id.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, BorshSerialize, BorshDeserialize)]
pub(crate) struct Value(pub(crate) ValueId);

impl core::Value for Value {
    type Id = ValueId;

    fn id(&self) -> ValueId {
        self.0
    }
}

/// An Ed25519 signature with the time that was signed with it: the engine copies signatures into
/// certificates as they are, so every commit keeps its voters' times (`engine.md` 1.5).
#[derive(Copy, Clone, PartialEq, Eq, PartialOrd, Ord, BorshSerialize, BorshDeserialize)]
pub(crate) struct Signature {
    pub(crate) time_nanos: i64,
    pub(crate) bytes: [u8; 64],
}

impl fmt::Debug for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.bytes))
    }
}

/// An Ed25519 public key.
#[derive(Copy, Clone, PartialEq, Eq)]
pub(crate) struct PublicKey(pub(crate) [u8; 32]);

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

/// Ed25519 with times. Secrets never enter the engine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Scheme;

/// Bytes that are no key or no signature.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("not a key or signature of this scheme")]
pub(crate) struct SchemeError;

impl SigningScheme for Scheme {
    type DecodingError = SchemeError;
    type Signature = Signature;
    type PublicKey = PublicKey;
    type PrivateKey = ();

    fn decode_signature(bytes: &[u8]) -> Result<Signature, SchemeError> {
        let (time, bytes) = bytes.split_first_chunk::<8>().ok_or(SchemeError)?;
        Ok(Signature {
            time_nanos: i64::from_be_bytes(*time),
            bytes: bytes.try_into().map_err(|_| SchemeError)?,
        })
    }

    fn encode_signature(signature: &Signature) -> Vec<u8> {
        let mut bytes = signature.time_nanos.to_be_bytes().to_vec();
        bytes.extend_from_slice(&signature.bytes);
        bytes
    }

    fn decode_public_key(bytes: &[u8]) -> Result<PublicKey, SchemeError> {
        bytes.try_into().map(PublicKey).map_err(|_| SchemeError)
    }

    fn encode_public_key(key: &PublicKey) -> Vec<u8> {
        key.0.to_vec()
    }
}

/// A piece of a proposal on its way to the others, or of the pool.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub(crate) enum Part {
    /// Which proposal follows.
    Init { height: Height, round: Round, valid_round: Round, proposer: Address },
    /// A slice of the encoded block.
    Data(Vec<u8>),
    /// The end: what the block must be, and who of the validators sent it.
    Fin { id: ValueId, sender: Address, signature: Signature },
    /// Transactions for the pools of the others; not part of any proposal.
    Txs(Vec<Vec<u8>>),
}

impl core::ProposalPart<Context> for Part {
    fn is_first(&self) -> bool {
        matches!(self, Part::Init { .. })
    }

    fn is_last(&self) -> bool {
        matches!(self, Part::Fin { .. })
    }
}

/// "This block, in this round."
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub(crate) struct Proposal {
    pub(crate) height: Height,
    pub(crate) round: Round,
    pub(crate) value: Value,
    pub(crate) pol_round: Round,
    pub(crate) address: Address,
}

impl core::Proposal<Context> for Proposal {
    fn height(&self) -> Height {
        self.height
    }

    fn round(&self) -> Round {
        self.round
    }

    fn value(&self) -> &Value {
        &self.value
    }

    fn take_value(self) -> Value {
        self.value
    }

    fn pol_round(&self) -> Round {
        self.pol_round
    }

    fn validator_address(&self) -> &Address {
        &self.address
    }
}

/// Prevote or precommit.
#[derive(Clone, Debug)]
pub(crate) struct Vote {
    pub(crate) kind: VoteType,
    pub(crate) height: Height,
    pub(crate) round: Round,
    pub(crate) value: NilOrVal<ValueId>,
    pub(crate) address: Address,
    pub(crate) extension: Option<SignedExtension<Context>>,
}

impl PartialEq for Vote {
    fn eq(&self, other: &Vote) -> bool {
        self.kind == other.kind
            && self.height == other.height
            && self.round == other.round
            && self.value == other.value
            && self.address == other.address
    }
}

impl Eq for Vote {}

impl core::Vote<Context> for Vote {
    fn height(&self) -> Height {
        self.height
    }

    fn round(&self) -> Round {
        self.round
    }

    fn value(&self) -> &NilOrVal<ValueId> {
        &self.value
    }

    fn take_value(self) -> NilOrVal<ValueId> {
        self.value
    }

    fn vote_type(&self) -> VoteType {
        self.kind
    }

    fn validator_address(&self) -> &Address {
        &self.address
    }

    fn extension(&self) -> Option<&SignedExtension<Context>> {
        self.extension.as_ref()
    }

    fn take_extension(&mut self) -> Option<SignedExtension<Context>> {
        self.extension.take()
    }

    fn extend(self, extension: SignedExtension<Context>) -> Vote {
        Vote { extension: Some(extension), ..self }
    }
}

/// A member as the engine asks for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Validator {
    address: Address,
    public_key: PublicKey,
    power: u64,
}

impl core::Validator<Context> for Validator {
    fn address(&self) -> &Address {
        &self.address
    }

    fn public_key(&self) -> &PublicKey {
        &self.public_key
    }

    fn voting_power(&self) -> VotingPower {
        self.power
    }
}

/// Our set, with its rotation, and the view of it that the engine reads.
#[derive(Clone, Debug)]
pub(crate) struct ValidatorSet {
    members: Arc<[Validator]>,
    rotation: Arc<validators::ValidatorSet>,
}

impl PartialEq for ValidatorSet {
    fn eq(&self, other: &ValidatorSet) -> bool {
        self.rotation == other.rotation
    }
}

impl Eq for ValidatorSet {}

impl ValidatorSet {
    pub(crate) fn new(set: &validators::ValidatorSet) -> ValidatorSet {
        let members = set
            .validators()
            .iter()
            .map(|it| Validator {
                address: Address(it.address),
                public_key: PublicKey(it.public_key),
                power: u64::try_from(it.power).unwrap_or(0),
            })
            .collect();
        ValidatorSet { members, rotation: Arc::new(set.clone()) }
    }
}

impl core::ValidatorSet<Context> for ValidatorSet {
    fn count(&self) -> usize {
        self.members.len()
    }

    fn total_voting_power(&self) -> VotingPower {
        self.members.iter().map(|it| it.power).sum()
    }

    fn get_by_address(&self, address: &Address) -> Option<&Validator> {
        self.members.iter().find(|it| it.address == *address)
    }

    fn get_by_index(&self, index: usize) -> Option<&Validator> {
        self.members.get(index)
    }
}

/// Ties the types together.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Context;

impl core::Context for Context {
    type Address = Address;
    type Height = Height;
    type ProposalPart = Part;
    type Proposal = Proposal;
    type Validator = Validator;
    type ValidatorSet = ValidatorSet;
    type Timeouts = LinearTimeouts;
    type Value = Value;
    type Vote = Vote;
    type Extension = Vec<u8>;
    type SigningScheme = Scheme;

    #[expect(clippy::expect_used, reason = "a set without members never reaches the engine")]
    fn select_proposer<'a>(
        &self,
        set: &'a ValidatorSet,
        _height: Height,
        round: Round,
    ) -> &'a Validator {
        let chosen = set.rotation.proposer_of_round(round.as_u32().unwrap_or(0));
        chosen
            .and_then(|it| set.members.iter().find(|member| member.address.0 == it.address))
            .or_else(|| set.members.first())
            .expect("a validator set has a member")
    }

    fn new_proposal(
        &self,
        height: Height,
        round: Round,
        value: Value,
        pol_round: Round,
        address: Address,
    ) -> Proposal {
        Proposal { height, round, value, pol_round, address }
    }

    fn new_prevote(
        &self,
        height: Height,
        round: Round,
        value: NilOrVal<ValueId>,
        address: Address,
    ) -> Vote {
        Vote { kind: VoteType::Prevote, height, round, value, address, extension: None }
    }

    fn new_precommit(
        &self,
        height: Height,
        round: Round,
        value: NilOrVal<ValueId>,
        address: Address,
    ) -> Vote {
        Vote { kind: VoteType::Precommit, height, round, value, address, extension: None }
    }
}
