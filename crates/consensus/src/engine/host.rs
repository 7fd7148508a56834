//! The loop that answers the engine (`engine.md` 1.3).
//!
//! The engine waits on one queue, so the loop itself only sorts messages: whatever takes time
//! runs in a task of its own and replies from there (trap 4). A failure of the node anywhere
//! ends the loop without a reply, so that nothing more is signed.

use std::{sync::Arc, time::Instant};

use malachitebft_app_channel::{
    AppMsg, Reply,
    app::{
        consensus::MisbehaviorEvidence,
        engine::host::Next,
        streaming::StreamContent,
        types::{
            LocallyProposedValue, ProposedValue,
            core::{CommitCertificate, ExtendedCommitCertificate, Round, VoteExtensions},
        },
    },
};
use tokio::{
    sync::{Semaphore, mpsc},
    task::{JoinHandle, spawn_blocking},
};
use tokio_util::task::TaskTracker;

use crate::{
    app::{Answer, Halt},
    core::block::Sealed,
    engine::{
        codec::certificate_in,
        context::{Context, Height, Part, Value},
        duties::{Shared, proposed_value},
        streams::Streams,
    },
    mempool::SubmitError,
};

/// Transactions of peers that are checked at the same time; more are dropped.
const MAX_GOSSIP_CHECKS: usize = 64;

/// Owns the state of the loop.
pub(crate) struct Host {
    shared: Arc<Shared>,
    height: Height,
    streams: Streams,
    /// Execution of the decided block.
    executing: Option<JoinHandle<Answer<()>>>,
    gossip_checks: Arc<Semaphore>,
    tasks: TaskTracker,
}

impl Host {
    pub(crate) fn new(shared: Arc<Shared>, tasks: TaskTracker) -> Host {
        Host {
            height: Height(shared.executor.state().last_height),
            shared,
            streams: Streams::default(),
            executing: None,
            gossip_checks: Arc::new(Semaphore::new(MAX_GOSSIP_CHECKS)),
            tasks,
        }
    }

    /// Runs until the node stops or the engine does.
    pub(crate) async fn run(mut self, mut inbox: mpsc::Receiver<AppMsg<Context>>) {
        let stop = self.shared.stop.clone();
        loop {
            let message = tokio::select! {
                biased;
                () = stop.cancelled() => break,
                message = inbox.recv() => message,
            };
            match message {
                Some(message) => self.answer(message),
                None => {
                    if !stop.is_cancelled() {
                        let halt = Halt::new("the consensus engine stopped; see the log above");
                        self.shared.failure.raise(halt);
                    }
                    break;
                }
            }
        }
        if let Some(executing) = self.executing.take() {
            let _ = executing.await;
        }
    }

    /// Runs `work` where it may block, and hands its result to `then`. A failure stops the node.
    fn work<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Shared) -> Answer<T> + Send + 'static,
        then: impl FnOnce(T) + Send + 'static,
    ) {
        let shared = self.shared.clone();
        self.tasks.spawn(async move {
            if let Some(it) = run_blocking(&shared, work).await {
                then(it);
            }
        });
    }

    fn answer(&mut self, message: AppMsg<Context>) {
        match message {
            AppMsg::ConsensusReady { reply } => {
                let shared = self.shared.clone();
                self.tasks.spawn(async move {
                    let state = shared.executor.state();
                    if !shared.wait_for_genesis(&state).await {
                        return;
                    }
                    let height = Height(state.next_height());
                    shared.pace.lock().began = Instant::now();
                    let _ = reply.send((height, shared.height_params(&state)));
                });
            }
            AppMsg::StartedRound { height, round, proposer, role: _, reply_value } => {
                tracing::debug!(%height, %round, %proposer, "started round");
                self.started_round(height, round, reply_value);
            }
            AppMsg::GetValue { height, round, timeout: _, reply } => {
                self.get_value(height, round, reply);
            }
            AppMsg::ReceivedProposalPart { from, published_by, part, reply } => {
                if let StreamContent::Data(Part::Txs(txs)) = part.content {
                    let _ = reply.send(None);
                    self.admit_gossip(txs);
                    return;
                }
                match self.streams.insert(published_by.unwrap_or(from), part) {
                    Some(whole) if whole.height == self.height => {
                        self.work(
                            move |shared| shared.judge(whole),
                            move |proposed| drop(reply.send(proposed)),
                        );
                    }
                    Some(whole) => {
                        if whole.height > self.height {
                            self.streams.keep_early(self.height, whole);
                        }
                        let _ = reply.send(None);
                    }
                    None => drop(reply.send(None)),
                }
            }
            AppMsg::RestreamProposal { height, round, valid_round, address, value_id } => {
                let shared = self.shared.clone();
                self.tasks.spawn(async move {
                    let load =
                        move |shared: &Shared| shared.store.block_bytes(height.0, &value_id.0.hash);
                    if let Some(Some(bytes)) = run_blocking(&shared, load).await {
                        shared.publish(height, round, valid_round, address, value_id, bytes).await;
                    }
                });
            }
            AppMsg::ExtendVote { height, round: _, value_id, vote_extension_policy, reply } => {
                if vote_extension_policy.is_disabled() {
                    let _ = reply.send(None);
                } else {
                    self.work(
                        move |shared| shared.extend_vote(height, value_id),
                        move |it| drop(reply.send(it)),
                    );
                }
            }
            AppMsg::VerifyVoteExtensions { height, round: _, value_id, extensions, reply } => {
                self.work(
                    move |shared| {
                        extensions
                            .into_iter()
                            .map(|(address, bytes)| {
                                let verdict =
                                    shared.verify_extension(height, value_id, address, bytes)?;
                                Ok((address, verdict))
                            })
                            .collect::<Answer<Vec<_>>>()
                    },
                    move |verdicts| drop(reply.send(verdicts)),
                );
            }
            AppMsg::Decided { certificate, extensions, reply } => {
                self.decided(certificate, extensions, reply);
            }
            AppMsg::Finalized { certificate, extensions, evidence, reply } => {
                self.finalized(certificate, extensions, evidence, reply);
            }
            AppMsg::GetHistoryMinHeight { reply } => self.work(
                |shared| shared.store.base(),
                move |base| {
                    let _ = reply.send(Height(base.max(1)));
                },
            ),
            AppMsg::GetDecidedValues { range, reply } => self.work(
                move |shared| shared.decided_values(*range.start(), *range.end()),
                move |values| drop(reply.send(values)),
            ),
            AppMsg::ProcessSyncedValue { height, round, proposer, value_bytes, reply } => self
                .work(
                    move |shared| shared.judge_synced(height, round, proposer, value_bytes),
                    move |outcome| drop(reply.send(outcome)),
                ),
        }
    }

    /// Proposals that came early, or before a crash, are given back now.
    fn started_round(
        &mut self,
        height: Height,
        round: Round,
        reply: Reply<Vec<ProposedValue<Context>>>,
    ) {
        self.height = height;
        let early = self.streams.take_early(height);
        self.work(
            move |shared| {
                for whole in early {
                    shared.judge(whole)?;
                }
                let known = shared.store.proposals(height.0)?;
                Ok(known
                    .iter()
                    .filter(|it| Some(it.round) == round.as_u32())
                    .map(proposed_value)
                    .collect())
            },
            move |values| drop(reply.send(values)),
        );
    }

    fn get_value(&self, height: Height, round: Round, reply: Reply<LocallyProposedValue<Context>>) {
        let shared = self.shared.clone();
        self.tasks.spawn(async move {
            let propose = move |shared: &Shared| shared.propose(height, round);
            let Some((id, bytes)) = run_blocking(&shared, propose).await else { return };
            let _ = reply.send(LocallyProposedValue::new(height, round, Value(id)));
            let proposer = shared.signer.address();
            shared.publish(height, round, Round::Nil, proposer, id, bytes).await;
        });
    }

    /// The block becomes durable, then the engine may tell, then the block is executed.
    fn decided(
        &mut self,
        certificate: CommitCertificate<Context>,
        extensions: VoteExtensions<Context>,
        reply: Reply<()>,
    ) {
        let certificate =
            certificate_in(&ExtendedCommitCertificate::from_commit_certificate_and_extensions(
                certificate,
                extensions,
            ));
        self.shared.pace.lock().decided();
        let shared = self.shared.clone();
        let before = self.executing.take();
        self.executing = Some(self.tasks.spawn(async move {
            if let Some(before) = before {
                let _ = before.await;
            }
            let task = shared.clone();
            let outcome = spawn_blocking(move || {
                let height = certificate.height;
                let hash = &certificate.block_id.hash;
                let bytes = task.store.block_bytes(height, hash)?.ok_or_else(|| {
                    Halt::new(format!(
                        "block {height} {} was decided but is not here",
                        hex::encode_upper(hash)
                    ))
                })?;
                let sealed = Sealed::open(bytes)
                    .map_err(|error| Halt::because(format!("decided block {height}"), error))?;
                task.store.save_decided(&sealed, &certificate)?;
                let _ = reply.send(());
                task.executor.execute(&sealed).map(drop)
            })
            .await;
            match outcome {
                Ok(Ok(())) => Ok(()),
                Ok(Err(halt)) => {
                    shared.failure.raise(halt);
                    Err(Halt::new("halted"))
                }
                Err(panic) => {
                    shared.failure.raise(Halt::because("executing a block panicked", panic));
                    Err(Halt::new("halted"))
                }
            }
        }));
    }

    fn finalized(
        &mut self,
        certificate: CommitCertificate<Context>,
        extensions: VoteExtensions<Context>,
        evidence: MisbehaviorEvidence<Context>,
        reply: Reply<Next<Context>>,
    ) {
        let certificate =
            certificate_in(&ExtendedCommitCertificate::from_commit_certificate_and_extensions(
                certificate,
                extensions,
            ));
        let shared = self.shared.clone();
        let executing = self.executing.take();
        self.tasks.spawn(async move {
            if let Some(executing) = executing
                && !matches!(executing.await, Ok(Ok(())))
            {
                return;
            }
            let record = move |shared: &Shared| {
                shared.store.save_certificate(&certificate)?;
                shared.record_evidence(&evidence)
            };
            if run_blocking(&shared, record).await.is_none() {
                return;
            }
            let state = shared.executor.state();
            if !shared.wait_for_turn(&state).await {
                return;
            }
            shared.pace.lock().began = Instant::now();
            let height = Height(state.next_height());
            let _ = reply.send(Next::Start(height, shared.height_params(&state)));
        });
    }

    fn admit_gossip(&self, txs: Vec<Vec<u8>>) {
        let Ok(permit) = self.gossip_checks.clone().try_acquire_owned() else { return };
        self.work(
            move |shared| {
                for tx in txs {
                    // Any other refusal is the sender's matter.
                    if let Err(SubmitError::Halt(halt)) = shared.executor.mempool.submit(tx.into())
                    {
                        return Err(halt);
                    }
                }
                drop(permit);
                Ok(())
            },
            drop,
        );
    }
}

/// Runs work on a thread that may block. `None` after a failure, which stops the node.
async fn run_blocking<T: Send + 'static>(
    shared: &Arc<Shared>,
    work: impl FnOnce(&Shared) -> Answer<T> + Send + 'static,
) -> Option<T> {
    let task = shared.clone();
    match spawn_blocking(move || work(&task)).await {
        Ok(Ok(it)) => Some(it),
        Ok(Err(halt)) => {
            shared.failure.raise(halt);
            None
        }
        Err(panic) => {
            shared.failure.raise(Halt::because("a consensus task panicked", panic));
            None
        }
    }
}
