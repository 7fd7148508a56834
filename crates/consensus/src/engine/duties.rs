//! What the loop's tasks do: propose, judge, publish, serve, wait. Each duty is a method of
//! [`Shared`]; those that may block say so by not being async.

use std::{
    collections::VecDeque,
    sync::Arc,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use bytes::Bytes;
use malachitebft_app_channel::{
    NetworkMsg,
    app::{
        consensus::{MisbehaviorEvidence, VoteExtensionError},
        engine::host::{HeightParams, SyncedValueOutcome},
        streaming::{StreamContent, StreamId, StreamMessage},
        types::{
            ProposedValue,
            core::{
                LinearTimeouts, NilOrVal, Round, SignedVote, Validity, VoteExtensionPolicy,
                VoteType,
            },
            sync::RawDecidedValue,
        },
    },
};
use parking_lot::Mutex;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use types::wire::tendermint::{
    abci,
    types::{self as tm, evidence::Sum},
};

use crate::{
    app::{Answer, Application, Halt},
    config::Config,
    core::{
        block::Sealed, evidence, params, state, time, validators::ValidatorSet as Set,
        vote::VoteKind,
    },
    engine::{
        codec::certificate_out,
        context::{Address, Context, Height, Part, ValidatorSet, Value, ValueId},
        signing::{KeySigner, KeyVerifier},
        streams::{SLICE_BYTES, Whole},
    },
    executor::Executor,
    store::{Proposal, SharedStore},
};

/// Blocks served to one request of a syncing peer.
const MAX_SERVED_BLOCKS: u64 = 64;
/// Bytes served to one request, unless one block alone is larger.
const MAX_SERVED_BYTES: usize = 32 * 1024 * 1024;
/// No adaptation makes a height wait longer than this.
const MAX_TARGET: Duration = Duration::from_secs(30);

/// What tasks of the loop share.
pub(crate) struct Shared {
    pub(crate) app: Arc<dyn Application>,
    pub(crate) store: SharedStore,
    pub(crate) executor: Arc<Executor>,
    pub(crate) config: Config,
    pub(crate) signer: KeySigner,
    pub(crate) verifier: KeyVerifier,
    pub(crate) network: mpsc::Sender<NetworkMsg<Context>>,
    pub(crate) stop: CancellationToken,
    pub(crate) failure: Failure,
    pub(crate) pace: Mutex<Pace>,
}

/// The first failure of this node; it stops everything.
#[derive(Clone)]
pub(crate) struct Failure {
    pub(crate) stop: CancellationToken,
    pub(crate) halt: Arc<Mutex<Option<Arc<Halt>>>>,
}

impl Failure {
    pub(crate) fn raise(&self, halt: Halt) {
        let mut first = self.halt.lock();
        if first.is_none() {
            match halt.is_planned() {
                // Whoever runs the node is told once, by whoever waits for its end.
                true => tracing::debug!(reason = %halt, "stopping as planned"),
                false => tracing::error!(error = %halt, "halting"),
            }
            *first = Some(Arc::new(halt));
        }
        self.stop.cancel();
    }
}

/// When heights begin and how long decisions take.
pub(crate) struct Pace {
    pub(crate) began: Instant,
    /// Smoothed time from the begin of a height to its decision.
    usual: Duration,
}

impl Pace {
    pub(crate) fn new() -> Pace {
        Pace { began: Instant::now(), usual: Duration::ZERO }
    }

    pub(crate) fn decided(&mut self) {
        let took = self.began.elapsed();
        self.usual = (self.usual * 3 + took) / 4;
    }
}

pub(crate) fn proposed_value(it: &Proposal) -> ProposedValue<Context> {
    ProposedValue {
        height: Height(it.height),
        round: Round::new(it.round),
        valid_round: it.valid_round.map_or(Round::Nil, Round::new),
        proposer: Address(it.proposer),
        value: Value(ValueId(it.id)),
        validity: Validity::from_bool(it.valid),
    }
}

impl Shared {
    /// A single validator paces itself; several use the engine's target time, which also lets
    /// late precommits into the commit (trap 2). A height that is decided late finalizes at the
    /// first quorum, so the target keeps a margin over what decisions usually take.
    pub(crate) fn height_params(&self, state: &state::State) -> HeightParams<Context> {
        let t = &self.config.timeouts;
        let timeouts = LinearTimeouts {
            propose: t.propose,
            propose_delta: t.delta,
            prevote: t.prevote,
            prevote_delta: t.delta,
            precommit: t.precommit,
            precommit_delta: t.delta,
            rebroadcast: t.rebroadcast,
            max_timeout: t.max,
        };
        let target = match self.alone(state) {
            true => None,
            false => {
                let margin = self.pace.lock().usual.saturating_mul(2).min(MAX_TARGET);
                Some(self.config.block_time.max(margin))
            }
        };
        let policy = match params::extensions_enabled(&state.params, state.next_height()) {
            true => VoteExtensionPolicy::Required,
            false => VoteExtensionPolicy::Disabled,
        };
        HeightParams::new(ValidatorSet::new(&state.validators), timeouts, target)
            .with_vote_extension_policy(policy)
    }

    fn alone(&self, state: &state::State) -> bool {
        state.validators.len() == 1 && state.validators.find(&self.signer.address().0).is_some()
    }

    /// No block comes before the genesis time. False when the node stops meanwhile.
    pub(crate) async fn wait_for_genesis(&self, state: &state::State) -> bool {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let genesis = Duration::from_nanos(u64::try_from(state.genesis_time_nanos).unwrap_or(0));
        let left = genesis.saturating_sub(now);
        if state.last_height > 0 || left.is_zero() {
            return !self.stop.is_cancelled();
        }
        tracing::info!(seconds = left.as_secs(), "waiting for the genesis time");
        tokio::select! {
            () = self.stop.cancelled() => false,
            () = tokio::time::sleep(left) => true,
        }
    }

    /// Waits until the next height of a single validator is due: a beat after the last, or
    /// sooner when transactions wait. False when the node stops meanwhile.
    pub(crate) async fn wait_for_turn(&self, state: &state::State) -> bool {
        if !self.alone(state) {
            return !self.stop.is_cancelled();
        }
        let began = tokio::time::Instant::from_std(self.pace.lock().began);
        let busy = async {
            self.executor.mempool.arrival().await;
            tokio::time::sleep_until(began + self.config.block_time_busy).await;
        };
        tokio::select! {
            () = self.stop.cancelled() => false,
            () = tokio::time::sleep_until(began + self.config.block_time) => true,
            () = busy => true,
        }
    }

    /// The block this node proposes in a round: the same one when asked again.
    pub(crate) fn propose(&self, height: Height, round: Round) -> Answer<(ValueId, Bytes)> {
        let round = round.as_u32().unwrap_or(0);
        let me = self.signer.address().0;
        for it in self.store.proposals(height.0)? {
            if it.round == round
                && it.proposer == me
                && let Some(bytes) = self.store.block_bytes(height.0, &it.id.hash)?
            {
                return Ok((ValueId(it.id), bytes));
            }
        }
        let sealed = self.executor.build(&me)?;
        self.saw_block(&sealed);
        let proposal = Proposal {
            height: height.0,
            round,
            valid_round: None,
            proposer: me,
            id: sealed.id,
            valid: true,
        };
        self.store.save_proposal(&proposal, &sealed.bytes)?;
        Ok((ValueId(sealed.id), sealed.bytes))
    }

    fn saw_block(&self, sealed: &Sealed) {
        if let Some(nanos) = time::to_nanos(&sealed.block.header.time) {
            self.signer.clock.saw_block(nanos);
        }
    }

    /// Sends a block to the others, in slices, as one stream.
    pub(crate) async fn publish(
        &self,
        height: Height,
        round: Round,
        valid_round: Round,
        proposer: Address,
        id: ValueId,
        bytes: Bytes,
    ) {
        let signature = self.signer.sign_parts(height, round, &id);
        let sender = self.signer.address();
        let slices = bytes.chunks(SLICE_BYTES).map(|it| Part::Data(it.to_vec()));
        let parts = std::iter::once(Part::Init { height, round, valid_round, proposer })
            .chain(slices)
            .chain([Part::Fin { id, sender, signature }])
            .map(StreamContent::Data)
            .chain([StreamContent::Fin]);
        let stream = new_stream_id();
        for (part, sequence) in parts.zip(0_u64..) {
            let message = StreamMessage::new(stream.clone(), sequence, part);
            if self.network.send(NetworkMsg::PublishProposalPart(message)).await.is_err() {
                return;
            }
        }
    }

    /// Looks at a whole proposal of the current height. `None`: not worth telling the engine.
    pub(crate) fn judge(&self, whole: Whole) -> Answer<Option<ProposedValue<Context>>> {
        let state = self.executor.state();
        if whole.height.0 != state.next_height() {
            return Ok(None);
        }
        let Some(round) = whole.round.as_u32() else { return Ok(None) };
        let signed = state.validators.find(&whole.sender.0).is_some_and(|(_, sender)| {
            let key = &sender.public_key;
            self.verifier.parts_are_signed(
                key,
                whole.height,
                whole.round,
                &whole.id,
                &whole.signature,
            )
        });
        let expected = state.validators.proposer_of_round(round).map(|it| it.address);
        if !signed || expected != Some(whole.proposer.0) {
            tracing::debug!(height = %whole.height, round, "ignored a proposal that is not its turn");
            return Ok(None);
        }
        let sealed = match Sealed::open(whole.bytes.into()) {
            Ok(sealed) if sealed.id == whole.id.0 => sealed,
            _ => {
                tracing::warn!(height = %whole.height, round, "ignored a proposal that is no block");
                return Ok(None);
            }
        };
        let proposal = Proposal {
            height: whole.height.0,
            round,
            valid_round: whole.valid_round.as_u32(),
            proposer: whole.proposer.0,
            id: sealed.id,
            valid: false,
        };
        self.record(proposal, &sealed, true).map(Some)
    }

    /// Judges a block, unless that was done in an earlier round, and keeps it.
    fn record(
        &self,
        mut proposal: Proposal,
        sealed: &Sealed,
        ask_app: bool,
    ) -> Answer<ProposedValue<Context>> {
        let known =
            self.store.proposals(proposal.height)?.into_iter().find(|it| it.id == sealed.id);
        proposal.valid = match known {
            // What was refused as a proposal is looked at again once others have decided it.
            Some(known) if known.valid || ask_app => known.valid,
            _ => match self.executor.judge(sealed, ask_app)? {
                Ok(()) => true,
                Err(error) => {
                    tracing::warn!(
                        height = proposal.height,
                        round = proposal.round,
                        %error,
                        "refused a proposed block"
                    );
                    false
                }
            },
        };
        if proposal.valid {
            self.saw_block(sealed);
        }
        self.store.save_proposal(&proposal, &sealed.bytes)?;
        Ok(proposed_value(&proposal))
    }

    /// The commit of a synced block was verified; the block itself is judged here.
    pub(crate) fn judge_synced(
        &self,
        height: Height,
        round: Round,
        proposer: Address,
        bytes: Bytes,
    ) -> Answer<SyncedValueOutcome<Context>> {
        if height.0 != self.executor.state().next_height() {
            return Ok(SyncedValueOutcome::LocalTransientError);
        }
        let Ok(sealed) = Sealed::open(bytes) else { return Ok(SyncedValueOutcome::PeerFault) };
        let proposal = Proposal {
            height: height.0,
            round: round.as_u32().unwrap_or(0),
            valid_round: None,
            proposer: proposer.0,
            id: sealed.id,
            valid: false,
        };
        self.executor.saw_synced(height.0);
        self.record(proposal, &sealed, false).map(SyncedValueOutcome::Verdict)
    }

    pub(crate) fn decided_values(
        &self,
        first: Height,
        last: Height,
    ) -> Answer<Vec<RawDecidedValue<Context>>> {
        let mut values = VecDeque::new();
        let mut size = 0_usize;
        let last = last.0.min(first.0.saturating_add(MAX_SERVED_BLOCKS)).min(self.store.height());
        for height in first.0..=last {
            let (Some(sealed), Some(certificate)) =
                (self.store.block(height)?, self.store.certificate(height)?)
            else {
                break;
            };
            size = size.saturating_add(sealed.bytes.len());
            if size > MAX_SERVED_BYTES && !values.is_empty() {
                break;
            }
            values.push_back(RawDecidedValue::new(sealed.bytes, certificate_out(certificate)));
        }
        Ok(values.into())
    }

    pub(crate) fn extend_vote(&self, height: Height, id: ValueId) -> Answer<Option<Vec<u8>>> {
        let state = self.executor.state();
        let Some(bytes) = self.store.block_bytes(height.0, &id.0.hash)? else {
            return Ok(Some(Vec::new()));
        };
        let sealed = Sealed::open(bytes)
            .map_err(|error| Halt::because(format!("proposed block {height}"), error))?;
        let it = state::finalize_request(&sealed, &state.last_validators);
        let response = self.app.extend_vote(abci::RequestExtendVote {
            hash: it.hash,
            height: it.height,
            time: it.time,
            txs: it.txs,
            proposed_last_commit: it.decided_last_commit,
            misbehavior: it.misbehavior,
            next_validators_hash: it.next_validators_hash,
            proposer_address: it.proposer_address,
        })?;
        Ok(Some(response.vote_extension))
    }

    pub(crate) fn verify_extension(
        &self,
        height: Height,
        id: ValueId,
        address: Address,
        bytes: Vec<u8>,
    ) -> Answer<Result<(), VoteExtensionError>> {
        let response = self.app.verify_vote_extension(abci::RequestVerifyVoteExtension {
            hash: id.0.hash.to_vec(),
            validator_address: address.0.to_vec(),
            height: crate::core::vote::signed(height.0),
            vote_extension: bytes,
        })?;
        let accept = abci::response_verify_vote_extension::VerifyStatus::Accept;
        Ok(match response.status == i32::from(accept) {
            true => Ok(()),
            false => Err(VoteExtensionError::InvalidVoteExtension),
        })
    }

    /// Double votes become evidence for a later block. Double proposals are not in CometBFT's
    /// evidence and are only logged.
    pub(crate) fn record_evidence(&self, seen: &MisbehaviorEvidence<Context>) -> Answer<()> {
        let mut items = Vec::new();
        for (address, pairs) in seen.votes.iter() {
            for (first, second) in pairs {
                let height = first.height.0;
                let (Some(set), Some(meta)) =
                    (self.store.validators(height)?, self.store.meta(height)?)
                else {
                    continue;
                };
                if let Some(item) = evidence_of(first, second, address, &set, &meta) {
                    items.push(item);
                }
            }
        }
        for (address, _) in seen.proposals.iter() {
            tracing::warn!(validator = %address, "a validator proposed two blocks in one round");
        }
        if items.is_empty() {
            return Ok(());
        }
        tracing::warn!(items = items.len(), "recorded evidence of double votes");
        self.store.save_evidence(&items)
    }

    /// Tells the others about a transaction that is new here.
    pub(crate) async fn gossip(&self, txs: Vec<Vec<u8>>) {
        let part = StreamContent::Data(Part::Txs(txs));
        let message = StreamMessage::new(new_stream_id(), 0, part);
        // A full queue or a stopping engine: the transaction stays in our own pool.
        let _ = self.network.try_send(NetworkMsg::PublishProposalPart(message));
    }
}

/// Fresh for every publication.
fn new_stream_id() -> StreamId {
    StreamId::new(Bytes::copy_from_slice(&rand::random::<[u8; 16]>()))
}

fn evidence_of(
    first: &SignedVote<Context>,
    second: &SignedVote<Context>,
    address: &Address,
    set: &Set,
    meta: &tm::BlockMeta,
) -> Option<tm::Evidence> {
    let plain = |it: &SignedVote<Context>| evidence::SignedVote {
        kind: match it.kind {
            VoteType::Prevote => VoteKind::Prevote,
            VoteType::Precommit => VoteKind::Precommit,
        },
        height: it.height.0,
        round: it.round.as_u32().unwrap_or(0),
        block_id: match &it.value {
            NilOrVal::Nil => None,
            NilOrVal::Val(id) => Some(id.0),
        },
        time_nanos: it.signature.time_nanos,
        signature: it.signature.bytes,
    };
    let time = meta.header.time;
    let item = evidence::duplicate_vote(&plain(first), &plain(second), &address.0, set, time)?;
    Some(tm::Evidence { sum: Some(Sum::DuplicateVoteEvidence(item)) })
}
