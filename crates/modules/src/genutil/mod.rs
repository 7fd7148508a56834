//! Transactions in the genesis document: how the first validators come into being.
//!
//! Called by: nobody. Calls: ante, staking; the messages' own handlers. Owns: nothing
//! (cosmos.md 4.2, genutil).

#[cfg(test)]
mod tests;

use ledger::{Admission, Ctx, Fault, Module, Result, Routes, Stage, Tx, View};
use types::{
    json::{Unknown, bytes_of},
    wire::cosmos::genutil::v1beta1::GenesisState,
};

use crate::{ante::Ante, staking};

pub struct Genutil;

impl Module for Genutil {
    const NAME: &'static str = "genutil";
    const STORE: &'static str = "staking";
    type Genesis = GenesisState;

    fn routes(_: &mut Routes<'_>) {}

    /// Executes every transaction in order; the chain does not start when one fails. Their
    /// validators are bonded at once.
    fn init(cx: &mut Ctx, genesis: GenesisState) -> Result {
        if genesis.gen_txs.is_empty() {
            return Ok(());
        }
        for (index, json) in genesis.gen_txs.iter().enumerate() {
            execute(cx, json).map_err(|it| it.context(format!("genesis transaction {index}")))?;
        }
        staking::apply_updates(cx)
    }

    /// What the transactions did is in the state of the other chapters.
    fn export(_: &View) -> Result<GenesisState> {
        Ok(GenesisState::default())
    }
}

/// Runs a transaction that is written as proto JSON. Its sign bytes are made from the JSON, so
/// fields with default values do not matter.
fn execute(cx: &mut Ctx, json: &[u8]) -> Result {
    let json = serde_json::from_slice(json).map_err(|error| Fault::plain(error.to_string()))?;
    // A transaction and its raw form have the same fields; only their types differ.
    let bytes = bytes_of("cosmos.tx.v1beta1.Tx", &json, Unknown::Refuse)
        .map_err(|error| Fault::plain(error.to_string()))?;
    let tx = Tx::decode(&bytes)?;
    tx.messages().iter().try_for_each(|it| cx.check_carried(it))?;
    Ante::admit(cx, &tx, Stage::Genesis)?;
    tx.messages().iter().try_for_each(|it| cx.dispatch(it).map(|_| ()))
}
