//! Transactions before any block: admission to the mempool, and simulation.

use std::sync::Arc;

use types::wire::{
    cosmos::base::abci::v1beta1::{GasInfo, SimulationResponse},
    tendermint::abci::{CheckTxType, RequestCheckTx, ResponseCheckTx},
};

use super::{
    App,
    ahead::Ahead,
    committed,
    deliver::{self, Outcome},
    guard, lock,
};
use crate::{
    Ctx, Halt, Result, Runtime, Stage, Tx,
    ante::Admission,
    sign::{self, SignerData},
};

impl<R: Runtime> App<R> {
    /// Admits a transaction to the mempool on top of those admitted since the last commit.
    pub fn check_tx(&self, request: RequestCheckTx) -> Result<ResponseCheckTx, Halt> {
        guard(|| {
            let recheck = request.r#type == i32::from(CheckTxType::Recheck);
            let stage = if recheck { Stage::Recheck } else { Stage::Check };
            let outcome = match self.txs.decode(&request.tx) {
                Err(fault) => Outcome::refused(fault),
                Ok(tx) => {
                    if !recheck && !tx.is_seen() {
                        // The dear part, before the lock that serialises checks.
                        self.verify_ahead(&tx, &self.latest());
                    }
                    deliver::run::<R>(&mut lock(&self.check), &tx, stage, None)
                }
            };
            let result = outcome.into_result();
            ResponseCheckTx {
                code: result.code,
                codespace: result.codespace,
                log: result.log,
                gas_wanted: result.gas_wanted,
                gas_used: result.gas_used,
                // Those of the checks alone are nobody's business, as in the reference.
                events: Vec::new(),
                ..ResponseCheckTx::default()
            }
        })
    }

    /// Decodes a transaction and verifies its signatures, so that `check_tx` need not while others
    /// wait. May run on many threads; decides nothing.
    pub fn warm(&self, bytes: &[u8]) -> Result<(), Halt> {
        guard(|| {
            if let Ok(tx) = self.txs.decode(bytes)
                && !tx.is_seen()
            {
                self.verify_ahead(&tx, &self.latest());
            }
        })
    }

    /// What a transaction would do on the check state, and the gas it would use.
    pub(super) fn simulate(&self, bytes: &[u8]) -> (u64, Result<SimulationResponse>) {
        let tx = match self.txs.decode(bytes) {
            Ok(tx) => tx,
            Err(fault) => return (0, Err(fault)),
        };
        let cx = &mut *lock(&self.check);
        let mark = cx.mark();
        let outcome = deliver::run::<R>(cx, &tx, Stage::Simulate, None);
        cx.undo(mark);
        let Outcome { gas_wanted, gas_used, mut events, replies } = outcome;
        // Nothing is indexed of what did not happen.
        for attribute in events.iter_mut().flat_map(|it| &mut it.attributes) {
            attribute.index = false;
        }
        let answer = replies.map(|replies| SimulationResponse {
            gas_info: GasInfo { gas_wanted, gas_used },
            result: Some(types::wire::cosmos::base::abci::v1beta1::Result {
                data: deliver::data(replies.clone()),
                log: String::new(),
                events,
                msg_responses: replies,
            }),
        });
        (gas_used, answer)
    }

    /// Decodes transactions and verifies their signatures on all cores, against committed state.
    /// What it finds, execution need not find again; it decides nothing.
    pub(super) fn prepare(&self, txs: &[Vec<u8>]) {
        let ahead = Ahead::new(self, txs);
        rayon::in_place_scope(|scope| {
            (0..ahead.helpers()).for_each(|_| scope.spawn(|_| ahead.help()));
            ahead.help();
        });
    }

    /// A context over the latest commit.
    fn latest(&self) -> Ctx {
        committed(Arc::new(self.store.latest()), self.router.clone())
    }

    /// Verifies the signatures of a transaction as they stand at a committed state.
    pub(super) fn verify_ahead(&self, tx: &Tx, cx: &Ctx) {
        for claim in R::Ante::claims(cx, tx) {
            let info = tx.auth_info.signer_infos.get(claim.signer);
            let mode = info.and_then(|it| it.mode_info.as_ref()).and_then(|it| it.sum.as_ref());
            let Some(mode) = mode else { continue };
            let signer = SignerData {
                chain_id: cx.chain_id(),
                address: &claim.public_key.address(),
                account_number: claim.account_number,
                sequence: claim.sequence,
                index: claim.signer,
            };
            // A refusal is found again, with its text, by admission.
            let _ = sign::verify(tx, &claim.public_key, mode, &signer);
        }
    }
}
