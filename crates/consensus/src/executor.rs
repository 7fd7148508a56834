//! Feeds decided blocks to the application, and brings the application back to the chain's
//! height after a restart.
//!
//! Called by the engine adapter and at start; calls the application, the store and the pool.
//! Every method here may block.
//!
//! The order of one block, and what a kill in between leaves:
//! block durable (by the adapter) - execute - results durable - application commits - state.
//! - before the results: the block is executed again;
//! - after the results, before the commit: the block is executed again, with the same results;
//! - after the commit, before the state: the state is derived from the stored results.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Instant,
};

use parking_lot::{Mutex, RwLock};
use tokio::sync::broadcast;
use types::wire::tendermint::{abci, types as tm};

use crate::{
    app::{Answer, Application, Halt},
    core::{
        block::{BlockError, Sealed},
        evidence::{self, EvidenceError},
        state::{State, finalize_request, last_commit_info},
        time,
        validators::{Change, ConsAddress, ValidatorSet},
    },
    genesis::GenesisDoc,
    mempool::Mempool,
    store::SharedStore,
};

/// A block that is decided, durable, executed and committed.
#[derive(Clone, Debug, PartialEq)]
pub struct CommittedBlock {
    /// Of the block.
    pub height: u64,
    /// Identity.
    pub block_id: tm::BlockId,
    /// The block.
    pub block: tm::Block,
    /// What executing it gave.
    pub results: abci::ResponseFinalizeBlock,
}

/// See the head of this file.
pub(crate) struct Executor {
    app: Arc<dyn Application>,
    store: SharedStore,
    pub(crate) mempool: Arc<Mempool>,
    state: RwLock<Arc<State>>,
    committed: broadcast::Sender<Arc<CommittedBlock>>,
    progress: Mutex<Instant>,
    /// The last height that came from a peer's store instead of from voting.
    synced: AtomicU64,
}

impl Executor {
    /// Agrees with the application on a height: calls `init_chain` for a new one, and executes
    /// again the blocks that it has not committed.
    pub(crate) fn start(
        app: Arc<dyn Application>,
        store: SharedStore,
        mempool: Arc<Mempool>,
        genesis: &GenesisDoc,
        subscription_buffer: usize,
    ) -> Answer<Executor> {
        let info = app.info(abci::RequestInfo {
            version: crate::VERSION.to_owned(),
            block_version: crate::core::block::BLOCK_VERSION,
            p2p_version: crate::P2P_VERSION,
            abci_version: crate::ABCI_VERSION.to_owned(),
        })?;
        let app_height = u64::try_from(info.last_block_height)
            .map_err(|_| Halt::new("the application reports a negative height"))?;
        let known = store.state()?;
        if let Some(state) = &known
            && state.chain_id != genesis.chain_id
        {
            return Err(Halt::new(format!(
                "this home belongs to chain {}, the genesis document is for {}",
                state.chain_id, genesis.chain_id
            )));
        }
        let stored = store.height();
        if app_height > stored {
            return Err(Halt::new(format!(
                "the application is at height {app_height}, the block store at {stored}: \
                 the block store was lost or is of another node"
            )));
        }
        let state = match known {
            Some(state) if app_height > 0 => state,
            known => {
                let fresh = init_chain(&*app, genesis, info.app_version)?;
                match known {
                    // The application lost everything or never committed a block.
                    Some(state) if state.last_height > 0 => state,
                    _ => {
                        store.save_state(&fresh, &[])?;
                        store.sync()?;
                        fresh
                    }
                }
            }
        };
        let executor = Executor {
            app,
            store,
            mempool,
            state: RwLock::new(Arc::new(state)),
            committed: broadcast::channel(subscription_buffer).0,
            progress: Mutex::new(Instant::now()),
            synced: AtomicU64::new(0),
        };
        executor.catch_up(app_height, stored)?;
        let state = executor.state();
        let closed = executor.mempool.close();
        executor.mempool.update(
            &closed,
            state.last_height,
            &[],
            &[],
            &state.params,
            state.validators.len(),
        )?;
        drop(closed);
        if app_height == stored && app_height > 0 && info.last_block_app_hash != state.app_hash {
            return Err(Halt::new(format!(
                "the application's hash at height {app_height} is {}, the chain says {}: \
                 its store is damaged",
                hex::encode_upper(&info.last_block_app_hash),
                hex::encode_upper(&state.app_hash)
            )));
        }
        executor.app.ready(state.next_height())?;
        Ok(executor)
    }

    fn catch_up(&self, app_height: u64, stored: u64) -> Answer<()> {
        let state = self.state();
        if state.last_height > stored {
            return Err(Halt::new("the block store is damaged: blocks are missing at its end"));
        }
        let first = app_height.saturating_add(1).max(state.initial_height);
        if stored > 0 && first <= stored {
            tracing::info!(from = first, to = stored, "replaying blocks into the application");
        }
        for height in first..=state.last_height {
            self.replay(height)?;
        }
        for height in state.last_height.saturating_add(1).max(state.initial_height)..=stored {
            let sealed = self.stored_block(height)?;
            if height <= app_height {
                let results = self.stored_results(height)?;
                let next = self.advance(&self.state(), &sealed, &results)?;
                self.store.save_state(&next, &sealed.block.evidence.evidence)?;
                *self.state.write() = Arc::new(next);
            } else {
                self.execute(&sealed)?;
            }
        }
        Ok(())
    }

    /// Executes a block of the past, for an application that lost it, and compares.
    fn replay(&self, height: u64) -> Answer<()> {
        self.app.ready(height)?;
        let sealed = self.stored_block(height)?;
        let before = match sealed.block.last_commit.as_ref().is_some_and(|it| it.height > 0) {
            true => self.stored_validators(height.saturating_sub(1))?,
            false => ValidatorSet::default(),
        };
        let results = self.app.finalize_block(finalize_request(&sealed, &before))?;
        let expected = self.stored_results(height)?;
        if results.app_hash != expected.app_hash {
            return Err(Halt::new(format!(
                "replaying block {height} gave app hash {}, the chain says {}",
                hex::encode_upper(&results.app_hash),
                hex::encode_upper(&expected.app_hash)
            )));
        }
        self.app.commit(abci::RequestCommit {})?;
        Ok(())
    }

    /// Executes and commits the next block. Its bytes must be durable.
    pub(crate) fn execute(&self, sealed: &Sealed) -> Answer<Arc<CommittedBlock>> {
        let state = self.state();
        let height = sealed.height();
        if height != state.next_height() {
            return Err(Halt::new(format!(
                "block {height} was decided, the state waits for {}",
                state.next_height()
            )));
        }
        self.app.ready(height)?;
        let begin = Instant::now();
        let results = self.app.finalize_block(finalize_request(sealed, &state.last_validators))?;
        let next = self.advance(&state, sealed, &results)?;
        self.store.save_results(sealed, &results)?;
        {
            let closed = self.mempool.close();
            self.app.commit(abci::RequestCommit {})?;
            self.mempool.update(
                &closed,
                height,
                &sealed.block.data.txs,
                &results.tx_results,
                &next.params,
                next.validators.len(),
            )?;
        }
        self.store.save_state(&next, &sealed.block.evidence.evidence)?;
        tracing::info!(
            height,
            txs = sealed.block.data.txs.len(),
            app_hash = %hex::encode_upper(&next.app_hash),
            elapsed_ms = %begin.elapsed().as_millis(),
            "committed block"
        );
        *self.state.write() = Arc::new(next);
        *self.progress.lock() = Instant::now();
        let committed = Arc::new(CommittedBlock {
            height,
            block_id: sealed.id.to_wire(),
            block: sealed.block.clone(),
            results,
        });
        // Nobody listening is fine.
        let _ = self.committed.send(committed.clone());
        // The block stands; what comes after may not be for this build.
        self.app.ready(height.saturating_add(1))?;
        Ok(committed)
    }

    fn advance(
        &self,
        state: &State,
        sealed: &Sealed,
        results: &abci::ResponseFinalizeBlock,
    ) -> Answer<State> {
        state.after(sealed, results).map_err(|error| {
            Halt::because(
                format!("the application's answer to block {} cannot be used", sealed.height()),
                error,
            )
        })
    }

    /// The next block of this node, with `certificate` of the block before.
    pub(crate) fn build(&self, proposer: &ConsAddress) -> Answer<Sealed> {
        let state = self.state();
        let height = state.next_height();
        let certificate = match state.last_height {
            0 => None,
            last => Some(self.store.certificate(last)?.ok_or_else(|| {
                Halt::new(format!("the block store has no certificate of block {last}"))
            })?),
        };
        let last_commit = match &certificate {
            Some(it) => it.to_commit(&state.last_validators),
            None => crate::core::commit::none(),
        };
        let evidence = self.evidence_to_include(&state)?;
        let max_bytes = crate::core::block::max_data_bytes(
            crate::core::params::max_block_bytes(&state.params),
            evidence::list_bytes(&evidence),
            state.validators.len(),
        );
        let max_gas = state.params.block.unwrap_or_default().max_gas;
        let extended = crate::core::params::extensions_enabled(&state.params, state.last_height);
        let request = abci::RequestPrepareProposal {
            max_tx_bytes: max_bytes,
            txs: self.mempool.reap(max_bytes, max_gas),
            local_last_commit: certificate
                .map(|it| it.to_extended_info(&state.last_validators, extended))
                .unwrap_or_default(),
            misbehavior: evidence::misbehavior(&evidence),
            height: crate::core::vote::signed(height),
            time: time::from_nanos(state.block_time_nanos(&last_commit)),
            next_validators_hash: state.next_validators.hash().to_vec(),
            proposer_address: proposer.to_vec(),
        };
        let txs = self.app.prepare_proposal(request)?.txs;
        let size = txs
            .iter()
            .fold(0_i64, |sum, tx| sum.saturating_add(crate::core::block::tx_proto_size(tx)));
        if size > max_bytes {
            return Err(Halt::new(format!(
                "the application prepared {size} bytes of transactions, {max_bytes} are allowed"
            )));
        }
        Ok(state.make_block(txs, last_commit, evidence, proposer))
    }

    fn evidence_to_include(&self, state: &State) -> Answer<Vec<tm::Evidence>> {
        let params = state.params.evidence.unwrap_or_default();
        let (good, stale): (Vec<_>, Vec<_>) = self
            .store
            .pending_evidence(params.max_bytes)?
            .into_iter()
            .partition(|it| matches!(self.check_evidence(state, it), Ok(Ok(()))));
        if !stale.is_empty() {
            self.store.drop_evidence(&stale)?;
        }
        Ok(good)
    }

    /// Judges a block for the next height. `Ok(Err)` is a verdict on the block. The application
    /// is not asked about blocks that others have decided already.
    pub(crate) fn judge(&self, sealed: &Sealed, ask_app: bool) -> Answer<Result<(), BlockError>> {
        let state = self.state();
        if let Err(error) = state.check_block(sealed) {
            return Ok(Err(error));
        }
        let items = &sealed.block.evidence.evidence;
        let base = self.store.base()?;
        for (place, item) in items.iter().enumerate() {
            if items.iter().take(place).any(|it| it == item) {
                return Ok(Err(EvidenceError::Committed.into()));
            }
            // A node that began at a checkpoint cannot check what lies before it. It does not vote
            // for such evidence, and takes it when two thirds have decided the block.
            let before = evidence::height(item).is_some_and(|it| it < base);
            if before && !ask_app {
                continue;
            }
            if let Err(error) = self.check_evidence(&state, item)? {
                return Ok(Err(error.into()));
            }
        }
        if !ask_app {
            return Ok(Ok(()));
        }
        let block = &sealed.block;
        let response = self.app.process_proposal(abci::RequestProcessProposal {
            txs: block.data.txs.clone(),
            proposed_last_commit: last_commit_info(block, &state.last_validators),
            misbehavior: evidence::misbehavior(items),
            hash: sealed.id.hash.to_vec(),
            height: block.header.height,
            time: block.header.time,
            next_validators_hash: block.header.next_validators_hash.clone(),
            proposer_address: block.header.proposer_address.clone(),
        })?;
        let accept = abci::response_process_proposal::ProposalStatus::Accept;
        if response.status != i32::from(accept) {
            return Ok(Err(BlockError::Malformed("the application refuses it".to_owned())));
        }
        Ok(Ok(()))
    }

    /// Takes evidence that somebody reports. `Ok(Err)` is a verdict on it.
    pub(crate) fn add_evidence(&self, item: &tm::Evidence) -> Answer<Result<(), EvidenceError>> {
        match self.check_evidence(&self.state(), item)? {
            Ok(()) => self.store.save_evidence(std::slice::from_ref(item)).map(Ok),
            refused => Ok(refused),
        }
    }

    fn check_evidence(
        &self,
        state: &State,
        item: &tm::Evidence,
    ) -> Answer<Result<(), EvidenceError>> {
        let Some(height) = evidence::height(item) else { return Ok(Err(EvidenceError::Unknown)) };
        let (Some(meta), Some(validators)) =
            (self.store.meta(height)?, self.store.validators(height)?)
        else {
            return Ok(Err(EvidenceError::Wrong("height")));
        };
        if self.store.evidence_committed(item)? {
            return Ok(Err(EvidenceError::Committed));
        }
        let then = time::to_nanos(&meta.header.time).unwrap_or(0);
        let params = state.params.evidence.unwrap_or_default();
        let (now_height, now) = (state.last_height, state.last_block_time_nanos);
        if evidence::expired(&params, height, then, now_height, now) {
            return Ok(Err(EvidenceError::Expired));
        }
        Ok(evidence::verify(&state.chain_id, item, &validators, &meta.header.time))
    }

    /// The state after the last committed block.
    pub(crate) fn state(&self) -> Arc<State> {
        self.state.read().clone()
    }

    pub(crate) fn subscribe(&self) -> broadcast::Receiver<Arc<CommittedBlock>> {
        self.committed.subscribe()
    }

    /// A block of this height came from a peer's store.
    pub(crate) fn saw_synced(&self, height: u64) {
        self.synced.store(height, Ordering::Relaxed);
    }

    /// True while blocks come from peers' stores instead of from voting.
    pub(crate) fn catching_up(&self) -> bool {
        let synced = self.synced.load(Ordering::Relaxed);
        synced > 0 && synced >= self.state().last_height
    }

    /// When the last block was committed, or the node started.
    pub(crate) fn last_progress(&self) -> Instant {
        *self.progress.lock()
    }

    fn stored_block(&self, height: u64) -> Answer<Sealed> {
        self.store
            .block(height)?
            .ok_or_else(|| Halt::new(format!("the block store has no block {height}")))
    }

    fn stored_results(&self, height: u64) -> Answer<abci::ResponseFinalizeBlock> {
        self.store
            .results(height)?
            .ok_or_else(|| Halt::new(format!("the block store has no results of block {height}")))
    }

    fn stored_validators(&self, height: u64) -> Answer<ValidatorSet> {
        self.store
            .validators(height)?
            .ok_or_else(|| Halt::new(format!("the block store has no validators of {height}")))
    }
}

fn init_chain(app: &dyn Application, genesis: &GenesisDoc, app_version: u64) -> Answer<State> {
    let members: Vec<Change> = genesis
        .validators
        .iter()
        .map(|it| Change { public_key: it.pub_key, power: it.power })
        .collect();
    // The application sees them in the order of the set.
    let ordered = ValidatorSet::new(&members)
        .map_err(|error| Halt::because("the genesis validators cannot be used", error))?;
    let answer = app.init_chain(abci::RequestInitChain {
        time: genesis.genesis_time,
        chain_id: genesis.chain_id.clone(),
        consensus_params: Some(genesis.consensus_params.clone()),
        validators: ordered
            .validators()
            .iter()
            .map(|it| abci::ValidatorUpdate { pub_key: it.wire_key(), power: it.power })
            .collect(),
        app_state_bytes: genesis.app_state.get().as_bytes().to_vec(),
        initial_height: crate::core::vote::signed(genesis.initial_height),
    })?;
    State::genesis(genesis, &members, app_version, &answer)
        .map_err(|error| Halt::because("the application's answer to init_chain", error))
}
