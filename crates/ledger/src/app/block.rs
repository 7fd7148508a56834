//! Blocks: genesis, proposals, execution and commit.

use std::sync::Arc;

use store::Hash;
use types::wire::tendermint::{
    abci::{
        Event, RequestApplySnapshotChunk, RequestCommit, RequestExtendVote, RequestFinalizeBlock,
        RequestInitChain, RequestListSnapshots, RequestLoadSnapshotChunk, RequestOfferSnapshot,
        RequestPrepareProposal, RequestProcessProposal, RequestVerifyVoteExtension,
        ResponseApplySnapshotChunk, ResponseCommit, ResponseExtendVote, ResponseFinalizeBlock,
        ResponseInitChain, ResponseListSnapshots, ResponseLoadSnapshotChunk, ResponseOfferSnapshot,
        ResponsePrepareProposal, ResponseProcessProposal, ResponseVerifyVoteExtension,
        response_apply_snapshot_chunk, response_offer_snapshot,
        response_process_proposal::ProposalStatus, response_verify_vote_extension::VerifyStatus,
    },
    types::ConsensusParams,
};

use super::{
    App, Block, CONSENSUS_PARAMS, HEADER, Header, Pending,
    ahead::Ahead,
    block_of, committed,
    deliver::{self, Outcome},
    guard, lock,
};
use crate::{
    Changes, Ctx, Entry, Halt, Result, Runtime, Sdk, Stage, events::attribute, halt,
    module::ordered,
};

impl<R: Runtime> App<R> {
    /// Writes genesis: the app state of the genesis document, module by module.
    pub fn init_chain(&self, request: RequestInitChain) -> Result<ResponseInitChain, Halt> {
        guard(|| {
            let app_state: serde_json::Value = if request.app_state_bytes.is_empty() {
                serde_json::Value::Object(serde_json::Map::new())
            } else {
                serde_json::from_slice(&request.app_state_bytes)
                    .unwrap_or_else(|error| halt(format!("the genesis app state: {error}")))
            };
            let mut params = request.consensus_params.clone().unwrap_or_default();
            // The engine of the reference always sends both.
            params.version.get_or_insert_default();
            params.abci.get_or_insert_default();
            let mut cx =
                Ctx::new(Arc::new(self.store.latest()), Arc::default(), self.router.clone());
            let header =
                Header { chain_id: request.chain_id.clone(), time: request.time, height: 0 };
            must("genesis", HEADER.set(&mut cx, &header));
            must("genesis", CONSENSUS_PARAMS.set(&mut cx, &params));
            let block = block_of(&cx);
            cx.set_block(Arc::new(block));
            for module in ordered::<R>(R::GENESIS) {
                must("genesis", (module.init)(&mut cx, app_state.get(module.name)));
            }
            let (validators, _) = cx.take_updates();
            let changes = cx.into_changes();
            let app_hash = self.root_with(&changes);
            *lock(&self.genesis) = Some(changes);
            let validators = if validators.is_empty() { request.validators } else { validators };
            ResponseInitChain { consensus_params: None, validators, app_hash }
        })
    }

    /// Keeps the mempool's order and takes what fits, by bytes and by gas limits.
    pub fn prepare_proposal(
        &self,
        request: RequestPrepareProposal,
    ) -> Result<ResponsePrepareProposal, Halt> {
        guard(|| {
            let room = u64::try_from(request.max_tx_bytes).unwrap_or(u64::MAX);
            let block = lock(&self.check).consensus_params().block;
            let max_gas = block.and_then(|it| u64::try_from(it.max_gas).ok()).filter(|it| *it > 0);
            let (mut bytes, mut gas) = (0u64, 0u64);
            let fits = |tx: &Vec<u8>| {
                let framed = tx.len().saturating_add(prost::length_delimiter_len(tx.len()));
                let framed = u64::try_from(framed).unwrap_or(u64::MAX);
                bytes = bytes.saturating_add(framed).saturating_add(1);
                if let Some(max_gas) = max_gas {
                    let wanted = self.txs.decode(tx).map_or(0, |it| it.gas_limit());
                    gas = gas.saturating_add(wanted);
                    if gas > max_gas {
                        return false;
                    }
                }
                bytes <= room
            };
            ResponsePrepareProposal { txs: request.txs.into_iter().take_while(fits).collect() }
        })
    }

    /// Accepts every proposal, as the reference does, and verifies its signatures meanwhile.
    pub fn process_proposal(
        &self,
        request: RequestProcessProposal,
    ) -> Result<ResponseProcessProposal, Halt> {
        guard(|| {
            self.prepare(&request.txs);
            ResponseProcessProposal { status: ProposalStatus::Accept.into() }
        })
    }

    /// Executes a decided block, on this thread, while others verify the signatures of transactions
    /// further down. Nothing is written until [`App::commit`].
    pub fn finalize_block(
        &self,
        request: RequestFinalizeBlock,
    ) -> Result<ResponseFinalizeBlock, Halt> {
        guard(|| {
            let ahead = Ahead::new(self, &request.txs);
            rayon::in_place_scope(|scope| {
                (0..ahead.helpers()).for_each(|_| scope.spawn(|_| ahead.help()));
                self.execute(&request, &ahead)
            })
        })
    }

    fn execute(
        &self,
        request: &RequestFinalizeBlock,
        ahead: &Ahead<'_, R>,
    ) -> ResponseFinalizeBlock {
        let mut cx = self.block_context(request);
        let mut events = Vec::new();
        hooks("pre_block", &mut cx, &ordered::<R>(R::PRE_BLOCK), |it| it.pre_block);
        events.append(cx.events_mut());
        hooks("begin_block", &mut cx, &ordered::<R>(R::BEGIN_BLOCK), |it| it.begin_block);
        events.extend(with_mode(cx.take_events(), "BeginBlock"));

        let block = cx.consensus_params().block.as_ref();
        let max_gas = block.and_then(|it| u64::try_from(it.max_gas).ok()).filter(|it| *it > 0);
        let mut gas_used = 0u64;
        let mut tx_results = Vec::with_capacity(request.txs.len());
        for tx in ahead.iter() {
            let room = max_gas.map(|it| it.saturating_sub(gas_used));
            let outcome = match tx {
                _ if room == Some(0) => {
                    Outcome::refused(Sdk::OutOfGas.wrap("no block gas left to run tx"))
                }
                Err(fault) => Outcome::refused(fault),
                Ok(tx) => deliver::run::<R>(&mut cx, &tx, Stage::Deliver, room),
            };
            gas_used = gas_used.saturating_add(outcome.gas_used.min(outcome.gas_wanted));
            tx_results.push(outcome.into_result());
        }

        hooks("end_block", &mut cx, &ordered::<R>(R::END_BLOCK), |it| it.end_block);
        events.extend(with_mode(cx.take_events(), "EndBlock"));
        let (validator_updates, changed_params) = cx.take_updates();
        // The reference tells its parameters after every block, changed or not.
        let params = match changed_params {
            Some(params) => {
                must("end_block", CONSENSUS_PARAMS.set(&mut cx, &params));
                params
            }
            None => cx.consensus_params().clone(),
        };
        let changes = cx.into_changes();
        let trees = self.store.prepare(&changes).unwrap_or_else(|error| halt(error.to_string()));
        let app_hash = trees.root().0.to_vec();
        let height = height_of(request.height);
        *lock(&self.pending) = Some(Pending { height, changes, trees });
        ResponseFinalizeBlock {
            events,
            tx_results,
            validator_updates,
            consensus_param_updates: Some(params),
            app_hash,
        }
    }

    fn block_context(&self, request: &RequestFinalizeBlock) -> Ctx {
        let base = Arc::new(self.store.latest());
        let mut cx = Ctx::new(base, Arc::default(), self.router.clone());
        if let Some(genesis) = &*lock(&self.genesis) {
            cx.set_changes(genesis.clone());
        }
        let last = block_of(&cx);
        let version = self.store.version();
        let app_hash =
            if version.height == 0 { Vec::new() } else { version.root.as_ref().to_vec() };
        let header =
            Header { chain_id: last.chain_id.clone(), time: request.time, height: request.height };
        must("header", HEADER.set(&mut cx, &header));
        cx.set_block(Arc::new(Block {
            chain_id: last.chain_id,
            height: request.height,
            time: request.time,
            hash: request.hash.clone(),
            proposer: request.proposer_address.clone(),
            next_validators_hash: request.next_validators_hash.clone(),
            app_hash,
            last_commit: request.decided_last_commit.clone(),
            misbehavior: request.misbehavior.clone(),
            consensus_params: last.consensus_params,
            skips_upgrade: self.skips_upgrade(request.height),
        }));
        cx
    }

    /// Writes the finalized block and starts the check state anew on top of it.
    pub fn commit(&self, _: RequestCommit) -> Result<ResponseCommit, Halt> {
        guard(|| {
            let Some(Pending { height, changes, trees }) = lock(&self.pending).take() else {
                halt("commit without a finalized block");
            };
            self.store
                .commit_prepared(height, &changes, trees, self.config.durable)
                .unwrap_or_else(|error| halt(error.to_string()));
            lock(&self.genesis).take();
            let mut fresh = committed(Arc::new(self.store.latest()), self.router.clone());
            fresh.set_min_gas_prices(self.config.min_gas_prices.clone());
            *lock(&self.check) = fresh;
            ResponseCommit { retain_height: 0 }
        })
    }

    fn root_with(&self, changes: &Changes) -> Vec<u8> {
        let Hash(root) =
            self.store.root_with(changes).unwrap_or_else(|error| halt(error.to_string()));
        root.to_vec()
    }

    /// Vote extensions are not in use.
    pub fn extend_vote(&self, _: RequestExtendVote) -> Result<ResponseExtendVote, Halt> {
        Ok(ResponseExtendVote::default())
    }

    pub fn verify_vote_extension(
        &self,
        request: RequestVerifyVoteExtension,
    ) -> Result<ResponseVerifyVoteExtension, Halt> {
        let empty = request.vote_extension.is_empty();
        let status = if empty { VerifyStatus::Accept } else { VerifyStatus::Reject };
        Ok(ResponseVerifyVoteExtension { status: status.into() })
    }

    /// This node offers no snapshots.
    pub fn list_snapshots(&self, _: RequestListSnapshots) -> Result<ResponseListSnapshots, Halt> {
        Ok(ResponseListSnapshots::default())
    }

    pub fn offer_snapshot(&self, _: RequestOfferSnapshot) -> Result<ResponseOfferSnapshot, Halt> {
        let result = response_offer_snapshot::Result::Reject.into();
        Ok(ResponseOfferSnapshot { result })
    }

    pub fn load_snapshot_chunk(
        &self,
        _: RequestLoadSnapshotChunk,
    ) -> Result<ResponseLoadSnapshotChunk, Halt> {
        Ok(ResponseLoadSnapshotChunk::default())
    }

    pub fn apply_snapshot_chunk(
        &self,
        _: RequestApplySnapshotChunk,
    ) -> Result<ResponseApplySnapshotChunk, Halt> {
        let result = response_apply_snapshot_chunk::Result::Abort.into();
        Ok(ResponseApplySnapshotChunk { result, ..ResponseApplySnapshotChunk::default() })
    }

    /// The genesis document's `app_state` that would bring the committed state back; before the
    /// first block that of genesis.
    pub fn export(&self) -> Result<serde_json::Value, Halt> {
        let genesis = lock(&self.genesis).clone();
        Ok(self.export_of(self.store.latest(), genesis)?.app_state)
    }

    /// What a genesis document says that would bring the state after `height` back. The store must
    /// have that height.
    pub fn export_at(&self, height: u64) -> Result<Exported, Halt> {
        let snapshot = self.store.at(height).map_err(|error| Halt(error.to_string()))?;
        self.export_of(snapshot, None)
    }

    fn export_of(
        &self,
        snapshot: store::Snapshot,
        genesis: Option<Changes>,
    ) -> Result<Exported, Halt> {
        guard(|| {
            let mut cx = Ctx::new(Arc::new(snapshot), Arc::default(), self.router.clone());
            if let Some(genesis) = genesis {
                cx.set_changes(genesis);
            }
            let block = block_of(&cx);
            cx.set_block(Arc::new(block));
            let mut state = std::collections::BTreeMap::new();
            for module in R::MODULES {
                let json = must("export", (module.export)(&cx));
                if !json.is_null() {
                    state.insert(module.name.to_owned(), json);
                }
            }
            Exported {
                app_state: serde_json::Value::Object(state.into_iter().collect()),
                consensus_params: cx.consensus_params().clone(),
                time: cx.time(),
            }
        })
    }

    /// The consensus parameters after the latest commit.
    pub fn consensus_params(&self) -> Result<ConsensusParams, Halt> {
        guard(|| lock(&self.check).consensus_params().clone())
    }
}

/// The parts of a genesis document that the state of a height gives.
#[derive(Clone, Debug)]
pub struct Exported {
    /// By module.
    pub app_state: serde_json::Value,
    /// After that height.
    pub consensus_params: ConsensusParams,
    /// Of that height's block.
    pub time: prost_types::Timestamp,
}

fn height_of(height: i64) -> u64 {
    u64::try_from(height).unwrap_or_else(|_| halt(format!("a block of height {height}")))
}

/// Outside of transactions every fault is the chain's own: the reference stops, and so do we.
fn must<T>(phase: &str, outcome: Result<T>) -> T {
    outcome.unwrap_or_else(|fault| halt(format!("{phase}: {fault}")))
}

fn hooks(
    phase: &str,
    cx: &mut Ctx,
    modules: &[&'static Entry],
    hook: fn(&Entry) -> fn(&mut Ctx) -> Result,
) {
    for module in modules {
        must(phase, hook(module)(cx).map_err(|it| it.context(module.name)));
    }
}

fn with_mode(mut events: Vec<Event>, mode: &str) -> Vec<Event> {
    for event in &mut events {
        event.attributes.push(attribute("mode", mode));
    }
    events
}
