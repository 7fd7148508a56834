//! An app in memory that is given blocks by hand.

use prost::{Message, Name};
use prost_types::Timestamp;
use store::{Options, Store};
use types::wire::tendermint::{
    abci::{
        RequestCheckTx, RequestCommit, RequestFinalizeBlock, RequestInitChain, ResponseCheckTx,
        ResponseFinalizeBlock,
    },
    types::{BlockParams, ConsensusParams},
};

use crate::{App, Config, Halt, Refusal, Runtime, store_names};

/// Genesis at this time, a block every five seconds.
const GENESIS_SECONDS: i64 = 1_700_000_000;
const BLOCK_SECONDS: i64 = 5;

/// An app and the next height. Every method panics where the app halts.
pub struct Node<R> {
    pub app: App<R>,
    height: i64,
}

fn running<T>(outcome: Result<T, Halt>) -> T {
    outcome.unwrap_or_else(|halt| panic!("the app halted: {halt}"))
}

impl<R: Runtime> Node<R> {
    /// Over memory, with the chain id `test-1`.
    pub fn new(app_state: &serde_json::Value, config: Config) -> Self {
        let options = Options { stores: store_names::<R>(), history: 10 };
        let store = Store::memory(options).unwrap_or_else(|error| panic!("{error}"));
        Self::over(store, app_state, config, -1)
    }

    /// Over any empty store, with a block gas limit (-1: none).
    pub fn over(store: Store, app_state: &serde_json::Value, config: Config, max_gas: i64) -> Self {
        let app = running(App::new(store, config));
        let block = BlockParams { max_bytes: 22_020_096, max_gas };
        running(app.init_chain(RequestInitChain {
            chain_id: "test-1".to_owned(),
            time: Timestamp { seconds: GENESIS_SECONDS, nanos: 0 },
            consensus_params: Some(ConsensusParams { block: Some(block), ..Default::default() }),
            app_state_bytes: app_state.to_string().into_bytes(),
            initial_height: 1,
            ..RequestInitChain::default()
        }));
        Self { app, height: 1 }
    }

    /// Executes and commits a block.
    pub fn block(&mut self, txs: Vec<Vec<u8>>) -> ResponseFinalizeBlock {
        let response = self.finalize(txs);
        running(self.app.commit(RequestCommit {}));
        self.height = self.height.saturating_add(1);
        response
    }

    /// Executes a block without committing it.
    pub fn finalize(&self, txs: Vec<Vec<u8>>) -> ResponseFinalizeBlock {
        running(self.app.finalize_block(RequestFinalizeBlock {
            txs,
            height: self.height,
            time: self.time(),
            ..RequestFinalizeBlock::default()
        }))
    }

    /// The time of the next block.
    pub fn time(&self) -> Timestamp {
        let seconds = GENESIS_SECONDS.saturating_add(self.height.saturating_mul(BLOCK_SECONDS));
        Timestamp { seconds, nanos: 0 }
    }

    pub fn check(&self, tx: Vec<u8>) -> ResponseCheckTx {
        running(self.app.check_tx(RequestCheckTx { tx, ..RequestCheckTx::default() }))
    }

    /// Asks the latest state.
    pub fn query<Q: Message + Name, A: Message + Default>(
        &self,
        path: &str,
        request: &Q,
    ) -> Result<A, Refusal> {
        let (bytes, _) = running(self.app.grpc_query(path, &request.encode_to_vec(), 0))?;
        Ok(A::decode(bytes.as_slice()).unwrap_or_else(|error| panic!("{path}: {error}")))
    }
}
