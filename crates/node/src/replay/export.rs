//! Whether the state at the end of a recording comes back from its export.

use consensus::GenesisDoc;
use ledger::{App, Halt};
use modules::Market;
use serde_json::Value;
use types::wire::tendermint::abci;

use super::report::{Kind, Report};

/// Begins a new chain with the exported state, exports that, and begins a third one: the documents
/// must be equal module by module, and so must the roots.
pub(super) fn comes_back(
    app: &App<Market>,
    genesis: &GenesisDoc,
    report: &mut Report,
) -> Result<(), Halt> {
    let height = report.height;
    let exported = app.export_at(u64::try_from(height).unwrap_or_default())?;
    let begin = |app_state: &Value| -> Result<(Value, Vec<u8>), Halt> {
        let stores = store::Options { stores: ledger::store_names::<Market>(), history: 1 };
        let store = store::Store::memory(stores).map_err(|error| Halt(error.to_string()))?;
        let app = App::<Market>::new(store, ledger::Config::default())?;
        let answer = app.init_chain(abci::RequestInitChain {
            time: exported.time,
            chain_id: genesis.chain_id.clone(),
            consensus_params: Some(exported.consensus_params.clone()),
            app_state_bytes: app_state.to_string().into_bytes(),
            initial_height: height.saturating_add(1),
            ..abci::RequestInitChain::default()
        })?;
        Ok((app.export()?, answer.app_hash))
    };
    let (again, root) = begin(&exported.app_state)?;
    let (_, same_root) = begin(&again)?;
    let members = |it: &Value| it.as_object().cloned().unwrap_or_default();
    let (first, second) = (members(&exported.app_state), members(&again));
    for (module, state) in &first {
        report.compared(Kind::Export);
        let ours = second.get(module).cloned().unwrap_or_default();
        if ours != *state {
            let place = "the state that comes back";
            let (ours, before) = (ours.to_string(), state.to_string());
            report.differ_in(module, Kind::Export, height, place, module.as_str(), (ours, before));
        }
    }
    if root != same_root {
        let roots = (hex::encode_upper(same_root), hex::encode_upper(root));
        report.differ_in("root", Kind::Export, height, "the state that comes back", "root", roots);
    }
    Ok(())
}
