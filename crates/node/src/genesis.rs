//! A new network: keys of its validators, genesis document, settings; and homes of nodes that join.

use std::{
    fs,
    path::{Path, PathBuf},
};

use consensus::{GenesisDoc, GenesisValidator, NodeKey, ValidatorKey};
use modules::genesis::{FirstValidator, bond};
use prost_types::Timestamp;

use crate::{Config, Error, home};

/// Consensus power of each first validator, in whole staked coins.
const POWER: u32 = 10;

/// What a new network begins with.
#[derive(Clone, Debug)]
pub struct NewNetwork {
    /// At most 50 bytes.
    pub chain_id: String,
    /// Seconds since 1970 of the first block.
    pub genesis_time_s: i64,
    /// The ledger's part of the genesis; the validators' stakes are added to it.
    pub app_state: serde_json::Value,
    /// Its validators, with equal power.
    pub members: Vec<Member>,
}

/// A validator of a new network.
#[derive(Clone, Debug)]
pub struct Member {
    /// The folder of its node.
    pub home: PathBuf,
    /// Whose stake it begins with.
    pub operator: types::Address,
    /// The settings of its node.
    pub config: Config,
}

/// Makes the homes of a network's validators, all with the same genesis document.
///
/// # Errors
/// [`Error::HasGenesis`] if a home has a network already; nothing is written then.
pub fn init(network: NewNetwork) -> Result<GenesisDoc, Error> {
    for member in &network.members {
        check_new(&member.home, &member.config)?;
    }
    let mut keys = Vec::new();
    for member in &network.members {
        keys.push(make_keys(&member.home)?.public_key());
    }
    let each = || network.members.iter().zip(&keys);
    let first: Vec<FirstValidator<'_>> = each()
        .map(|(member, key)| FirstValidator {
            operator: &member.operator,
            public_key: key,
            moniker: &member.config.moniker,
            power: POWER,
        })
        .collect();
    let mut app_state = network.app_state;
    bond(&mut app_state, &first, network.genesis_time_s);
    let validators = each()
        .map(|(member, key)| GenesisValidator {
            pub_key: *key,
            power: i64::from(POWER),
            name: member.config.moniker.clone(),
        })
        .collect();
    let time = Timestamp { seconds: network.genesis_time_s, nanos: 0 };
    let app_state = app_state.to_string();
    let document = GenesisDoc::new(network.chain_id, time, validators, &app_state)?;
    for member in &network.members {
        write(&member.home, &member.config, &document)?;
    }
    Ok(document)
}

/// Makes the home of a node that follows a network it did not begin. Its key has no power until
/// somebody stakes on it.
///
/// # Errors
/// [`Error::HasGenesis`] if the home has a network already; nothing is written then.
pub fn join(path: &Path, document: &GenesisDoc, config: &Config) -> Result<[u8; 32], Error> {
    check_new(path, config)?;
    let key = make_keys(path)?.public_key();
    write(path, config, document)?;
    Ok(key)
}

fn check_new(path: &Path, config: &Config) -> Result<(), Error> {
    config.check().map_err(Error::Config)?;
    match home::genesis_file(path).exists() {
        true => Err(Error::HasGenesis(path.to_owned())),
        false => Ok(()),
    }
}

fn make_keys(path: &Path) -> Result<ValidatorKey, Error> {
    let folder = path.join("config");
    fs::create_dir_all(&folder)
        .map_err(|source| Error::Io { doing: format!("create {}", folder.display()), source })?;
    let key = |error: consensus::KeyError| Error::Consensus(error.into());
    NodeKey::load_or_create(&home::node_key(path)).map_err(key)?;
    ValidatorKey::load_or_create(&home::validator_key(path)).map_err(key)
}

/// The genesis is written last: a home without one has no network yet.
fn write(path: &Path, config: &Config, document: &GenesisDoc) -> Result<(), Error> {
    let settings = toml::to_string(config).map_err(|error| Error::Config(error.to_string()))?;
    home::write_whole(&home::config_file(path), settings.as_bytes())?;
    home::write_whole(&home::genesis_file(path), document.to_json_pretty()?.as_bytes())
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
