//! The ledger behind the consensus: the two shapes are the same, so each method is one line.

use consensus::{Answer, Application, Halt};
use ledger::App;
use modules::Market;
use types::wire::tendermint::abci;

use crate::upgrades::Watch;

/// The market's state machine, and what this node minds about upgrades of it.
pub(crate) struct Ledger(pub(crate) App<Market>, pub(crate) Watch);

/// Both sides name a local failure; the text is all there is to carry over.
fn halt(cause: ledger::Halt) -> Halt {
    Halt::new(cause.0)
}

impl Application for Ledger {
    fn info(&self, request: abci::RequestInfo) -> Answer<abci::ResponseInfo> {
        self.0.info(request).map_err(halt)
    }

    fn ready(&self, height: u64) -> Answer<()> {
        self.1.ready(&self.0, height)
    }

    fn init_chain(&self, request: abci::RequestInitChain) -> Answer<abci::ResponseInitChain> {
        self.0.init_chain(request).map_err(halt)
    }

    fn check_tx(&self, request: abci::RequestCheckTx) -> Answer<abci::ResponseCheckTx> {
        self.0.check_tx(request).map_err(halt)
    }

    fn warm_tx(&self, tx: &[u8]) {
        // A disk that fails here fails again, and is heard, in `check_tx`.
        let _ = self.0.warm(tx);
    }

    fn prepare_proposal(
        &self,
        request: abci::RequestPrepareProposal,
    ) -> Answer<abci::ResponsePrepareProposal> {
        self.0.prepare_proposal(request).map_err(halt)
    }

    fn process_proposal(
        &self,
        request: abci::RequestProcessProposal,
    ) -> Answer<abci::ResponseProcessProposal> {
        self.0.process_proposal(request).map_err(halt)
    }

    fn finalize_block(
        &self,
        request: abci::RequestFinalizeBlock,
    ) -> Answer<abci::ResponseFinalizeBlock> {
        self.0.finalize_block(request).map_err(halt)
    }

    fn commit(&self, request: abci::RequestCommit) -> Answer<abci::ResponseCommit> {
        self.0.commit(request).map_err(halt)
    }

    fn query(&self, request: abci::RequestQuery) -> Answer<abci::ResponseQuery> {
        self.0.query(request).map_err(halt)
    }
}
