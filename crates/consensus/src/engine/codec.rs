//! How engine messages look on the wire and in the write-ahead log: borsh, one twin type per
//! message. The log is read back by the next binary, so the twins only ever grow at their ends.

use std::io::Error;

use arc_malachitebft_sync as sync;
use borsh::{BorshDeserialize, BorshSerialize};
use bytes::Bytes;
use malachitebft_app_channel::app::{
    consensus::{LivenessMsg, ProposedValue, SignedConsensusMsg},
    streaming::{StreamContent, StreamId, StreamMessage},
    types::{
        PeerId,
        codec::{Codec, HasEncodedLen},
        core::{
            ExtendedCommitCertificate, ExtendedCommitSignature, NilOrVal, PolkaCertificate,
            PolkaSignature, Round, RoundCertificate, RoundCertificateType, RoundSignature,
            SignedMessage, SignedVote, ValidatorProof, Validity, VoteType,
        },
    },
};

use crate::{
    core::commit::{Certificate, Precommit},
    engine::context::{Address, Context, Height, Part, Proposal, Signature, Value, ValueId, Vote},
};

/// Encodes everything.
#[derive(Copy, Clone, Debug)]
pub(crate) struct Borsh;

type Extension = Option<(Vec<u8>, Signature)>;

#[derive(BorshSerialize, BorshDeserialize)]
struct VoteTwin {
    kind: VoteType,
    height: Height,
    round: Round,
    value: NilOrVal<ValueId>,
    address: Address,
    extension: Extension,
    signature: Signature,
}

impl From<&SignedVote<Context>> for VoteTwin {
    fn from(it: &SignedVote<Context>) -> VoteTwin {
        VoteTwin {
            kind: it.kind,
            height: it.height,
            round: it.round,
            value: it.value,
            address: it.address,
            extension: it.extension.as_ref().map(|it| (it.message.clone(), it.signature)),
            signature: it.signature,
        }
    }
}

impl From<VoteTwin> for SignedVote<Context> {
    fn from(it: VoteTwin) -> SignedVote<Context> {
        let vote = Vote {
            kind: it.kind,
            height: it.height,
            round: it.round,
            value: it.value,
            address: it.address,
            extension: it.extension.map(|(bytes, signature)| SignedMessage::new(bytes, signature)),
        };
        SignedVote::new(vote, it.signature)
    }
}

#[derive(BorshSerialize, BorshDeserialize)]
enum MessageTwin {
    Vote(VoteTwin),
    Proposal(Proposal, Signature),
}

#[derive(BorshSerialize, BorshDeserialize)]
struct PolkaTwin {
    height: Height,
    round: Round,
    id: ValueId,
    signatures: Vec<(Address, Signature)>,
}

impl From<&PolkaCertificate<Context>> for PolkaTwin {
    fn from(it: &PolkaCertificate<Context>) -> PolkaTwin {
        PolkaTwin {
            height: it.height,
            round: it.round,
            id: it.value_id,
            signatures: it.polka_signatures.iter().map(|it| (it.address, it.signature)).collect(),
        }
    }
}

impl From<PolkaTwin> for PolkaCertificate<Context> {
    fn from(it: PolkaTwin) -> PolkaCertificate<Context> {
        PolkaCertificate {
            height: it.height,
            round: it.round,
            value_id: it.id,
            polka_signatures: it
                .signatures
                .into_iter()
                .map(|(address, signature)| PolkaSignature::new(address, signature))
                .collect(),
        }
    }
}

#[derive(BorshSerialize, BorshDeserialize)]
struct RoundTwin {
    height: Height,
    round: Round,
    skip: bool,
    signatures: Vec<(VoteType, NilOrVal<ValueId>, Address, Signature)>,
}

#[derive(BorshSerialize, BorshDeserialize)]
enum LivenessTwin {
    Vote(VoteTwin),
    Polka(PolkaTwin),
    Round(RoundTwin),
}

#[derive(BorshSerialize, BorshDeserialize)]
struct StreamTwin {
    id: Vec<u8>,
    sequence: u64,
    part: Option<Part>,
}

#[derive(BorshSerialize, BorshDeserialize)]
struct ProposedTwin {
    height: Height,
    round: Round,
    valid_round: Round,
    proposer: Address,
    value: Value,
    valid: bool,
}

#[derive(BorshSerialize, BorshDeserialize)]
struct ProofTwin {
    public_key: Vec<u8>,
    peer_id: Vec<u8>,
    signature: Signature,
}

#[derive(BorshSerialize, BorshDeserialize)]
struct CertificateTwin {
    height: Height,
    round: Round,
    id: ValueId,
    signatures: Vec<(Address, Signature, Extension)>,
}

impl From<&ExtendedCommitCertificate<Context>> for CertificateTwin {
    fn from(it: &ExtendedCommitCertificate<Context>) -> CertificateTwin {
        CertificateTwin {
            height: it.height,
            round: it.round,
            id: it.value_id,
            signatures: it
                .commit_signatures
                .iter()
                .map(|it| {
                    let extension =
                        it.extension.as_ref().map(|it| (it.message.clone(), it.signature));
                    (it.address, it.signature, extension)
                })
                .collect(),
        }
    }
}

impl From<CertificateTwin> for ExtendedCommitCertificate<Context> {
    fn from(it: CertificateTwin) -> ExtendedCommitCertificate<Context> {
        ExtendedCommitCertificate {
            height: it.height,
            round: it.round,
            value_id: it.id,
            commit_signatures: it
                .signatures
                .into_iter()
                .map(|(address, signature, extension)| {
                    let extension =
                        extension.map(|(bytes, signature)| SignedMessage::new(bytes, signature));
                    ExtendedCommitSignature::new(address, signature, extension)
                })
                .collect(),
        }
    }
}

/// The engine's certificate in our form.
pub(crate) fn certificate_in(it: &ExtendedCommitCertificate<Context>) -> Certificate {
    Certificate {
        height: it.height.0,
        round: it.round.as_u32().unwrap_or(0),
        block_id: it.value_id.0,
        precommits: it
            .commit_signatures
            .iter()
            .map(|it| Precommit {
                address: it.address.0,
                time_nanos: it.signature.time_nanos,
                signature: it.signature.bytes,
                extension: it.extension.as_ref().map(|it| (it.message.clone(), it.signature.bytes)),
            })
            .collect(),
    }
}

/// Our certificate in the engine's form. Extensions are signed without a time.
pub(crate) fn certificate_out(it: Certificate) -> ExtendedCommitCertificate<Context> {
    ExtendedCommitCertificate {
        height: Height(it.height),
        round: Round::new(it.round),
        value_id: ValueId(it.block_id),
        commit_signatures: it
            .precommits
            .into_iter()
            .map(|it| {
                let signature = Signature { time_nanos: it.time_nanos, bytes: it.signature };
                let extension = it.extension.map(|(message, bytes)| {
                    SignedMessage::new(message, Signature { time_nanos: 0, bytes })
                });
                ExtendedCommitSignature::new(Address(it.address), signature, extension)
            })
            .collect(),
    }
}

#[derive(BorshSerialize, BorshDeserialize)]
struct StatusTwin {
    peer_id: Vec<u8>,
    tip: Height,
    lowest: Height,
}

#[derive(BorshSerialize, BorshDeserialize)]
enum RequestTwin {
    Values { first: Height, last: Height },
}

#[derive(BorshSerialize, BorshDeserialize)]
enum ResponseTwin {
    Values { first: Height, values: Vec<(Vec<u8>, CertificateTwin)> },
}

fn read<T: BorshDeserialize>(bytes: &[u8]) -> Result<T, Error> {
    borsh::from_slice(bytes)
}

fn write(value: &impl BorshSerialize) -> Result<Bytes, Error> {
    Ok(borsh::to_vec(value)?.into())
}

impl Codec<Part> for Borsh {
    type Error = Error;

    fn decode(&self, bytes: Bytes) -> Result<Part, Error> {
        read(&bytes)
    }

    fn encode(&self, it: &Part) -> Result<Bytes, Error> {
        write(it)
    }
}

impl Codec<SignedConsensusMsg<Context>> for Borsh {
    type Error = Error;

    fn decode(&self, bytes: Bytes) -> Result<SignedConsensusMsg<Context>, Error> {
        Ok(match read(&bytes)? {
            MessageTwin::Vote(it) => SignedConsensusMsg::Vote(it.into()),
            MessageTwin::Proposal(it, signature) => {
                SignedConsensusMsg::Proposal(SignedMessage::new(it, signature))
            }
        })
    }

    fn encode(&self, it: &SignedConsensusMsg<Context>) -> Result<Bytes, Error> {
        write(&match it {
            SignedConsensusMsg::Vote(it) => MessageTwin::Vote(it.into()),
            SignedConsensusMsg::Proposal(it) => {
                MessageTwin::Proposal(it.message.clone(), it.signature)
            }
        })
    }
}

impl Codec<LivenessMsg<Context>> for Borsh {
    type Error = Error;

    fn decode(&self, bytes: Bytes) -> Result<LivenessMsg<Context>, Error> {
        Ok(match read(&bytes)? {
            LivenessTwin::Vote(it) => LivenessMsg::Vote(it.into()),
            LivenessTwin::Polka(it) => LivenessMsg::PolkaCertificate(it.into()),
            LivenessTwin::Round(it) => LivenessMsg::SkipRoundCertificate(RoundCertificate {
                height: it.height,
                round: it.round,
                cert_type: match it.skip {
                    true => RoundCertificateType::Skip,
                    false => RoundCertificateType::Precommit,
                },
                round_signatures: it
                    .signatures
                    .into_iter()
                    .map(|(kind, id, address, signature)| {
                        RoundSignature::new(kind, id, address, signature)
                    })
                    .collect(),
            }),
        })
    }

    fn encode(&self, it: &LivenessMsg<Context>) -> Result<Bytes, Error> {
        write(&match it {
            LivenessMsg::Vote(it) => LivenessTwin::Vote(it.into()),
            LivenessMsg::PolkaCertificate(it) => LivenessTwin::Polka(it.into()),
            LivenessMsg::SkipRoundCertificate(it) => LivenessTwin::Round(RoundTwin {
                height: it.height,
                round: it.round,
                skip: it.cert_type == RoundCertificateType::Skip,
                signatures: it
                    .round_signatures
                    .iter()
                    .map(|it| (it.vote_type, it.value_id, it.address, it.signature))
                    .collect(),
            }),
        })
    }
}

impl Codec<StreamMessage<Part>> for Borsh {
    type Error = Error;

    fn decode(&self, bytes: Bytes) -> Result<StreamMessage<Part>, Error> {
        let it: StreamTwin = read(&bytes)?;
        let content = it.part.map_or(StreamContent::Fin, StreamContent::Data);
        Ok(StreamMessage::new(StreamId::new(it.id.into()), it.sequence, content))
    }

    fn encode(&self, it: &StreamMessage<Part>) -> Result<Bytes, Error> {
        write(&StreamTwin {
            id: it.stream_id.to_bytes().to_vec(),
            sequence: it.sequence,
            part: it.content.as_data().cloned(),
        })
    }
}

impl Codec<ProposedValue<Context>> for Borsh {
    type Error = Error;

    fn decode(&self, bytes: Bytes) -> Result<ProposedValue<Context>, Error> {
        let it: ProposedTwin = read(&bytes)?;
        Ok(ProposedValue {
            height: it.height,
            round: it.round,
            valid_round: it.valid_round,
            proposer: it.proposer,
            value: it.value,
            validity: Validity::from_bool(it.valid),
        })
    }

    fn encode(&self, it: &ProposedValue<Context>) -> Result<Bytes, Error> {
        write(&ProposedTwin {
            height: it.height,
            round: it.round,
            valid_round: it.valid_round,
            proposer: it.proposer,
            value: it.value.clone(),
            valid: it.validity.is_valid(),
        })
    }
}

impl Codec<PolkaCertificate<Context>> for Borsh {
    type Error = Error;

    fn decode(&self, bytes: Bytes) -> Result<PolkaCertificate<Context>, Error> {
        read::<PolkaTwin>(&bytes).map(Into::into)
    }

    fn encode(&self, it: &PolkaCertificate<Context>) -> Result<Bytes, Error> {
        write(&PolkaTwin::from(it))
    }
}

impl Codec<ValidatorProof<Context>> for Borsh {
    type Error = Error;

    fn decode(&self, bytes: Bytes) -> Result<ValidatorProof<Context>, Error> {
        let it: ProofTwin = read(&bytes)?;
        Ok(ValidatorProof::new(it.public_key, it.peer_id, it.signature))
    }

    fn encode(&self, it: &ValidatorProof<Context>) -> Result<Bytes, Error> {
        write(&ProofTwin {
            public_key: it.public_key.clone(),
            peer_id: it.peer_id.clone(),
            signature: it.signature,
        })
    }
}

impl Codec<sync::Status<Context>> for Borsh {
    type Error = Error;

    fn decode(&self, bytes: Bytes) -> Result<sync::Status<Context>, Error> {
        let it: StatusTwin = read(&bytes)?;
        Ok(sync::Status {
            peer_id: PeerId::from_bytes(&it.peer_id).map_err(Error::other)?,
            tip_height: it.tip,
            history_min_height: it.lowest,
        })
    }

    fn encode(&self, it: &sync::Status<Context>) -> Result<Bytes, Error> {
        write(&StatusTwin {
            peer_id: it.peer_id.to_bytes(),
            tip: it.tip_height,
            lowest: it.history_min_height,
        })
    }
}

impl Codec<sync::Request<Context>> for Borsh {
    type Error = Error;

    fn decode(&self, bytes: Bytes) -> Result<sync::Request<Context>, Error> {
        let RequestTwin::Values { first, last } = read(&bytes)?;
        Ok(sync::Request::ValueRequest(sync::ValueRequest::new(first..=last)))
    }

    fn encode(&self, it: &sync::Request<Context>) -> Result<Bytes, Error> {
        let sync::Request::ValueRequest(it) = it;
        write(&RequestTwin::Values { first: *it.range.start(), last: *it.range.end() })
    }
}

impl Codec<sync::Response<Context>> for Borsh {
    type Error = Error;

    fn decode(&self, bytes: Bytes) -> Result<sync::Response<Context>, Error> {
        let ResponseTwin::Values { first, values } = read(&bytes)?;
        let values = values
            .into_iter()
            .map(|(bytes, it)| sync::RawDecidedValue::new(bytes.into(), it.into()))
            .collect();
        Ok(sync::Response::ValueResponse(sync::ValueResponse::new(first, values)))
    }

    fn encode(&self, it: &sync::Response<Context>) -> Result<Bytes, Error> {
        let sync::Response::ValueResponse(it) = it;
        write(&ResponseTwin::Values {
            first: it.start_height,
            values: it
                .values
                .iter()
                .map(|it| (it.value_bytes.to_vec(), (&it.certificate).into()))
                .collect(),
        })
    }
}

impl HasEncodedLen<sync::Response<Context>> for Borsh {
    fn encoded_len(&self, it: &sync::Response<Context>) -> Result<usize, Error> {
        Codec::encode(self, it).map(|it| it.len())
    }
}
