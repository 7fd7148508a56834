//! A genesis document out of the state of a height: what a new chain would begin with.
//!
//! Called by `cli`. The node must be stopped; nothing is written.

use std::path::Path;

use consensus::GenesisDoc;
use ledger::App;
use modules::Market;

use crate::{Config, Error, Home, home};

/// The document that brings the state after `height` back (the latest one without a height): the
/// chain's id and parameters, the time of that block, and the next height as the first.
///
/// # Errors
/// [`Error::HomeLocked`] if the node runs; [`Error::Store`] if there is no such height.
pub fn export(path: &Path, config: &Config, height: Option<u64>) -> Result<GenesisDoc, Error> {
    let mut document = crate::genesis::load(path)?;
    let _home = Home::lock(path)?;
    let store = store::Store::open(&home::state(path), crate::store_options(config))?;
    let height = height.unwrap_or(store.version().height);
    let app = App::<Market>::new(store, ledger::Config::default()).map_err(stopped)?;
    if height == 0 {
        return Ok(document);
    }
    app.store().at(height)?;
    let exported = app.export_at(height).map_err(stopped)?;
    document.genesis_time = exported.time;
    document.initial_height = height.saturating_add(1);
    document.consensus_params = exported.consensus_params;
    // The application names its validators itself.
    document.validators = Vec::new();
    document.app_hash = Vec::new();
    document.app_state = serde_json::value::to_raw_value(&exported.app_state)
        .map_err(|error| Error::Halt(error.to_string()))?;
    Ok(document)
}

fn stopped(halt: ledger::Halt) -> Error {
    Error::Halt(halt.0)
}
