//! Settings: defaults, then the file, then the environment, then flags.
//!
//! Called by [`crate::context`] and by `haggle config show`. Unknown keys in the file are refused;
//! environment variables are read only for keys that exist.

use std::path::{Path, PathBuf};

use figment::{
    Figment, Metadata, Profile, Provider,
    providers::{Env, Format, Serialized, Toml},
    value::{Dict, Map, Value},
};
use serde::{Deserialize, Serialize};

use crate::failure::{Failure, Result};

/// Name of the file in the home folder.
pub const FILE: &str = "haggle.toml";
/// What environment variables begin with.
pub const ENV: &str = "HAGGLE_";

/// What a user can set.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// RPC address of the node.
    pub node: String,
    /// gRPC address of the node; queries go through RPC without one.
    pub grpc: Option<String>,
    /// The chain that the node must serve; any without one.
    pub chain_id: Option<String>,
    /// Name or address of the key that signs.
    pub from: Option<String>,
    /// Price of one unit of gas.
    pub gas_price: String,
    /// Gas limit in per cent of what the simulation used.
    pub gas_adjustment_percent: u32,
    /// Seconds to wait for a transaction to be in a block.
    pub tx_wait_s: u64,
    /// Average time between blocks in milliseconds, for prices per hour and month; measured from
    /// the chain without one.
    pub block_time_ms: Option<u64>,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            node: "http://127.0.0.1:26657".to_owned(),
            grpc: None,
            chain_id: None,
            from: None,
            gas_price: "0.025uakt".to_owned(),
            gas_adjustment_percent: 150,
            tx_wait_s: 120,
            block_time_ms: None,
        }
    }
}

/// Every key, in the order of `config show`.
pub const KEYS: [&str; 8] = [
    "node",
    "grpc",
    "chain_id",
    "from",
    "gas_price",
    "gas_adjustment_percent",
    "tx_wait_s",
    "block_time_ms",
];

/// One setting with where it comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Shown {
    /// The key.
    pub key: &'static str,
    /// Its effective value; `None` when it is not set.
    pub value: Option<String>,
    /// Where that comes from.
    pub source: String,
}

/// The settings with where each comes from.
#[derive(Clone, Debug)]
pub struct Config {
    /// The home folder.
    pub home: PathBuf,
    /// The effective settings.
    pub settings: Settings,
    figment: Figment,
}

/// The flags of the command line that are settings.
pub type Flags = Vec<(&'static str, Value)>;

struct CommandLine(Flags);

impl Provider for CommandLine {
    fn metadata(&self) -> Metadata {
        Metadata::named("command line")
    }
    fn data(&self) -> Result<Map<Profile, Dict>, figment::Error> {
        let dict = self.0.iter().map(|(key, value)| ((*key).to_owned(), value.clone())).collect();
        Ok(Map::from([(Profile::Default, dict)]))
    }
}

impl Config {
    /// Reads the settings of a home folder.
    pub fn load(home: &Path, flags: Flags) -> Result<Config> {
        let file = home.join(FILE);
        // Only keys that exist: HAGGLE_HOME and the like are not settings.
        let env = Env::prefixed(ENV).only(&KEYS);
        let mut figment = Figment::from(Serialized::defaults(Settings::default()));
        if file.exists() {
            figment = figment.merge(Toml::file_exact(&file));
        }
        let figment = figment.merge(env).merge(CommandLine(flags));
        let settings: Settings = figment.extract().map_err(|error| wrong(&file, &error))?;
        Ok(Config { home: home.to_owned(), settings, figment })
    }

    /// Every setting with its source.
    pub fn show(&self) -> Vec<Shown> {
        KEYS.map(|key| Shown {
            key,
            value: self.figment.find_value(key).ok().and_then(|it| match it {
                Value::Empty(..) => None,
                Value::String(_, text) => Some(text),
                other => other.to_num().map(|it| match (it.to_u128(), it.to_i128()) {
                    (Some(it), _) => it.to_string(),
                    (None, Some(it)) => it.to_string(),
                    (None, None) => String::new(),
                }),
            }),
            source: self.source(key),
        })
        .to_vec()
    }

    fn source(&self, key: &str) -> String {
        let Some(metadata) = self.figment.find_metadata(key) else { return "default".to_owned() };
        match &metadata.source {
            Some(figment::Source::File(path)) => path.display().to_string(),
            _ if metadata.name.contains("environment") => {
                format!("environment variable {ENV}{}", key.to_uppercase())
            }
            _ if metadata.name == "command line" => "command line".to_owned(),
            _ => "default".to_owned(),
        }
    }
}

fn wrong(file: &Path, error: &figment::Error) -> Failure {
    let mut failure = Failure::input("the settings are wrong");
    for one in error.clone() {
        let place = match one.metadata.as_ref().and_then(|it| it.source.as_ref()) {
            Some(figment::Source::File(path)) => format!("{}: ", path.display()),
            _ => String::new(),
        };
        let key =
            if one.path.is_empty() { String::new() } else { format!("`{}`: ", one.path.join(".")) };
        failure.messages.push(format!("{place}{key}{}", one.kind).trim_end().to_owned());
    }
    failure.hint(format!("see `haggle config show`; the file is {}", file.display()))
}

/// The home folder: the flag, `HAGGLE_HOME`, or `.haggle` in the user's own.
pub fn home(flag: Option<&Path>) -> Result<PathBuf> {
    if let Some(path) = flag {
        return Ok(path.to_owned());
    }
    match std::env::var_os("HOME").filter(|it| !it.is_empty()) {
        Some(home) => Ok(PathBuf::from(home).join(".haggle")),
        None => Err(Failure::input("there is no home folder").hint("give one with --home")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(text: &str, flags: Flags) -> Result<Config> {
        let home = tempfile::tempdir().expect("a folder");
        std::fs::write(home.path().join(FILE), text).expect("written");
        Config::load(home.path(), flags)
    }

    #[test]
    fn a_flag_beats_the_file_and_the_file_beats_the_default() {
        let text = "node = \"http://file:1\"\nchain_id = \"file-1\"\n";
        let config = load(text, vec![("node", Value::from("http://flag:1"))]).expect("good");
        assert_eq!(config.settings.node, "http://flag:1");
        assert_eq!(config.settings.chain_id.as_deref(), Some("file-1"));
        assert_eq!(config.settings.tx_wait_s, 120);
        let sources: Vec<String> = config.show().into_iter().map(|it| it.source).collect();
        assert_eq!(sources[0], "command line");
        assert!(sources[2].ends_with(FILE), "{}", sources[2]);
        assert_eq!(sources[4], "default");
    }

    #[test]
    fn an_unknown_key_is_refused_with_its_name_and_file() {
        let failure = load("nodee = \"x\"\n", Vec::new()).expect_err("refused");
        assert_eq!(failure.code, crate::failure::WRONG_INPUT);
        let text = failure.to_string();
        assert!(text.contains("nodee") && text.contains(FILE), "{text}");
    }

    #[test]
    fn a_value_of_the_wrong_kind_names_its_key() {
        let failure = load("tx_wait_s = \"soon\"\n", Vec::new()).expect_err("refused");
        assert!(failure.to_string().contains("tx_wait_s"), "{failure}");
    }

    #[test]
    fn every_key_is_a_field() {
        let value = serde_json::to_value(Settings::default()).expect("serializes");
        let fields: Vec<&String> = value.as_object().expect("an object").keys().collect();
        assert_eq!(fields, KEYS);
    }
}
