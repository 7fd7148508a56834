//! The application behind the consensus: one trait, shaped like ABCI 2.0.
//!
//! `node` implements it over the ledger; a test implements it over a map.
//! The messages are the generated ones of `tendermint.abci`, so that another engine
//! (a CometBFT process over a socket) could drive the very same application.

use std::fmt;

use types::wire::tendermint::abci;

/// A failure of this node alone: an unreadable disk, undecodable state, a hash that differs.
///
/// It is never the answer to a transaction. Whoever receives one stops the node before it signs
/// anything more (`style.md` 4, "two failures, two fates").
#[derive(Debug)]
pub struct Halt {
    message: String,
    source: Option<Box<dyn std::error::Error + Send + Sync + 'static>>,
    is_planned: bool,
}

impl Halt {
    /// `message` says what was being done and what is wrong, without the source's own words.
    pub fn new(message: impl Into<String>) -> Halt {
        Halt { message: message.into(), source: None, is_planned: false }
    }

    /// A stop that nothing is broken for: the chain goes on with another build of this node.
    /// `message` is the whole line for whoever runs it.
    pub fn planned(message: impl Into<String>) -> Halt {
        Halt { is_planned: true, ..Halt::new(message) }
    }

    /// Whether it was made by [`Halt::planned`].
    #[must_use]
    pub fn is_planned(&self) -> bool {
        self.is_planned
    }

    /// The same, with the error that caused it.
    pub fn because(
        message: impl Into<String>,
        source: impl Into<Box<dyn std::error::Error + Send + Sync + 'static>>,
    ) -> Halt {
        Halt { source: Some(source.into()), ..Halt::new(message) }
    }
}

impl fmt::Display for Halt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        match &self.source {
            Some(source) => write!(f, ": {source}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Halt {}

/// What every call of an [`Application`] gives.
pub type Answer<T> = Result<T, Halt>;

/// A replicated application: the state machine that agreed blocks are fed to.
///
/// All calls are synchronous and come from threads that may block. `finalize_block` and `commit`
/// come strictly in turn; `check_tx` and `query` may run beside them and beside each other.
///
/// Crash contract: after `commit` returned for a height, `info` may report that height or an
/// earlier one when the process is killed; blocks above what `info` reports are given again.
pub trait Application: Send + Sync + 'static {
    /// Last committed height and app hash; height 0 means `init_chain` was not called yet.
    fn info(&self, request: abci::RequestInfo) -> Answer<abci::ResponseInfo>;

    /// Asked before this node takes part in a height, and before it executes a block of it. A
    /// [`Halt`] here means that nothing is proposed, voted for or signed for that height.
    fn ready(&self, _height: u64) -> Answer<()> {
        Ok(())
    }

    /// Called once, before the first block.
    fn init_chain(&self, request: abci::RequestInitChain) -> Answer<abci::ResponseInitChain>;

    /// Admission of one transaction (type 0) or a second look after a block (type 1).
    fn check_tx(&self, request: abci::RequestCheckTx) -> Answer<abci::ResponseCheckTx>;

    /// Does the part of checking that needs no state and may run on many threads at once
    /// (decoding, signatures), so that what follows is quick. Gives nothing and changes nothing
    /// that can be seen. Called before `check_tx`; for the transactions of a block, judging and
    /// executing it do the same, many at a time.
    fn warm_tx(&self, _tx: &[u8]) {}

    /// Chooses and orders the transactions of a block that this node proposes.
    fn prepare_proposal(
        &self,
        request: abci::RequestPrepareProposal,
    ) -> Answer<abci::ResponsePrepareProposal> {
        let mut left = request.max_tx_bytes;
        let mut txs = request.txs;
        txs.retain(|tx| {
            left = left.saturating_sub(crate::core::block::tx_proto_size(tx));
            left >= 0
        });
        Ok(abci::ResponsePrepareProposal { txs })
    }

    /// Accepts or refuses a block that another node proposes.
    fn process_proposal(
        &self,
        _request: abci::RequestProcessProposal,
    ) -> Answer<abci::ResponseProcessProposal> {
        let status = abci::response_process_proposal::ProposalStatus::Accept.into();
        Ok(abci::ResponseProcessProposal { status })
    }

    /// Executes a decided block. Nothing of it may be visible to queries before `commit`.
    fn finalize_block(
        &self,
        request: abci::RequestFinalizeBlock,
    ) -> Answer<abci::ResponseFinalizeBlock>;

    /// Makes the executed block the state. The pool is closed meanwhile: no `check_tx` runs.
    fn commit(&self, request: abci::RequestCommit) -> Answer<abci::ResponseCommit>;

    /// Data to attach to this node's precommit, where the parameters ask for it.
    fn extend_vote(&self, _request: abci::RequestExtendVote) -> Answer<abci::ResponseExtendVote> {
        Ok(abci::ResponseExtendVote::default())
    }

    /// Judges what another validator attached.
    fn verify_vote_extension(
        &self,
        _request: abci::RequestVerifyVoteExtension,
    ) -> Answer<abci::ResponseVerifyVoteExtension> {
        let status = abci::response_verify_vote_extension::VerifyStatus::Accept.into();
        Ok(abci::ResponseVerifyVoteExtension { status })
    }

    /// Snapshots this node can serve.
    fn list_snapshots(
        &self,
        _request: abci::RequestListSnapshots,
    ) -> Answer<abci::ResponseListSnapshots> {
        Ok(abci::ResponseListSnapshots::default())
    }

    /// A snapshot that a peer offers.
    fn offer_snapshot(
        &self,
        _request: abci::RequestOfferSnapshot,
    ) -> Answer<abci::ResponseOfferSnapshot> {
        let result = abci::response_offer_snapshot::Result::Reject.into();
        Ok(abci::ResponseOfferSnapshot { result })
    }

    /// One chunk of a snapshot of this node.
    fn load_snapshot_chunk(
        &self,
        _request: abci::RequestLoadSnapshotChunk,
    ) -> Answer<abci::ResponseLoadSnapshotChunk> {
        Ok(abci::ResponseLoadSnapshotChunk::default())
    }

    /// One chunk of the snapshot that was accepted.
    fn apply_snapshot_chunk(
        &self,
        _request: abci::RequestApplySnapshotChunk,
    ) -> Answer<abci::ResponseApplySnapshotChunk> {
        let result = abci::response_apply_snapshot_chunk::Result::Abort.into();
        Ok(abci::ResponseApplySnapshotChunk { result, ..Default::default() })
    }

    /// A read by path, at a height, with or without proof.
    fn query(&self, request: abci::RequestQuery) -> Answer<abci::ResponseQuery>;
}
