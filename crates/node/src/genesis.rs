//! A new network: keys of its first validator, genesis document, settings.

use std::{fs, path::Path};

use consensus::{GenesisDoc, GenesisValidator, NodeKey, ValidatorKey};
use modules::genesis::{FirstValidator, bond};
use prost_types::Timestamp;

use crate::{Config, Error, home};

/// Consensus power of the only validator, in whole staked coins.
const POWER: u32 = 10;

/// What a new network begins with.
#[derive(Clone, Debug)]
pub struct NewNetwork {
    /// At most 50 bytes.
    pub chain_id: String,
    /// Seconds since 1970 of the first block.
    pub genesis_time_s: i64,
    /// The ledger's part of the genesis; the validator's stake is added to it.
    pub app_state: serde_json::Value,
    /// Whose stake the validator begins with.
    pub operator: types::Address,
    /// The settings of this node.
    pub config: Config,
}

/// Makes a home for a network with this node as its only validator.
///
/// # Errors
/// [`Error::HasGenesis`] if the home has a network already; nothing is written then.
pub fn init(path: &Path, network: NewNetwork) -> Result<GenesisDoc, Error> {
    network.config.check().map_err(Error::Config)?;
    if home::genesis_file(path).exists() {
        return Err(Error::HasGenesis(path.to_owned()));
    }
    let folder = path.join("config");
    fs::create_dir_all(&folder)
        .map_err(|source| Error::Io { doing: format!("create {}", folder.display()), source })?;
    let key = |error: consensus::KeyError| Error::Consensus(error.into());
    let validator = ValidatorKey::load_or_create(&home::validator_key(path)).map_err(key)?;
    NodeKey::load_or_create(&home::node_key(path)).map_err(key)?;
    let mut app_state = network.app_state;
    let first = FirstValidator {
        operator: &network.operator,
        public_key: &validator.public_key(),
        moniker: &network.config.moniker,
        power: POWER,
        genesis_time_s: network.genesis_time_s,
    };
    bond(&mut app_state, &first);
    let validator = GenesisValidator {
        pub_key: validator.public_key(),
        power: i64::from(POWER),
        name: network.config.moniker.clone(),
    };
    let time = Timestamp { seconds: network.genesis_time_s, nanos: 0 };
    let app_state = app_state.to_string();
    let document = GenesisDoc::new(network.chain_id, time, vec![validator], &app_state)?;
    let settings =
        toml::to_string(&network.config).map_err(|error| Error::Config(error.to_string()))?;
    home::write_whole(&home::config_file(path), settings.as_bytes())?;
    // The genesis is written last: a home without one has no network yet.
    home::write_whole(&home::genesis_file(path), document.to_json_pretty()?.as_bytes())?;
    Ok(document)
}

/// Reads the genesis document of a home.
pub fn load(path: &Path) -> Result<GenesisDoc, Error> {
    let file = home::genesis_file(path);
    match fs::read_to_string(&file) {
        Ok(text) => Ok(GenesisDoc::from_json(&text)?),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            Err(Error::NoGenesis(path.to_owned()))
        }
        Err(source) => Err(Error::Io { doing: format!("read {}", file.display()), source }),
    }
}
