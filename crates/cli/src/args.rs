//! What can be typed.
//!
//! Called by [`crate::main`]. Arguments of one command stand in that command's file; here is the
//! list of commands and the flags that all of them share.

use std::path::PathBuf;

use clap::{ArgAction, Args as ClapArgs, Parser, Subcommand};
use figment::value::Value;

use crate::{commands, config, dynamic, failure};

/// A decentralized compute market in one binary.
///
/// Describe what you want to run in an SDL file, let providers bid for it, and pay by the block.
#[derive(Debug, Parser)]
#[command(name = "haggle", version, after_help = failure::HELP, max_term_width = 100)]
#[command(propagate_version = true, arg_required_else_help = true)]
pub struct Args {
    /// Flags of every command.
    #[command(flatten)]
    pub global: Global,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// Flags of every command.
#[derive(Clone, Debug, Default, ClapArgs)]
#[command(next_help_heading = "Global options")]
pub struct Global {
    /// Print the result as JSON, and nothing else
    #[arg(long, global = true)]
    pub json: bool,
    /// Folder of settings and keys [default: ~/.haggle]
    #[arg(long, global = true, value_name = "FOLDER", env = "HAGGLE_HOME", hide_env_values = true)]
    pub home: Option<PathBuf>,
    /// RPC address of the node [default: http://127.0.0.1:26657]
    #[arg(long, global = true, value_name = "URL")]
    pub node: Option<String>,
    /// gRPC address of the node; queries go through RPC without one
    #[arg(long, global = true, value_name = "URL")]
    pub grpc: Option<String>,
    /// Refuse any other chain
    #[arg(long, global = true, value_name = "ID")]
    pub chain_id: Option<String>,
    /// Name or address of the key that signs
    #[arg(long, global = true, value_name = "KEY")]
    pub from: Option<String>,
    /// Tell on stderr what is going on; twice for more
    #[arg(short, long, global = true, action = ArgAction::Count)]
    pub verbose: u8,
}

impl Global {
    /// The flags that are settings.
    pub fn settings(&self) -> config::Flags {
        let texts = [
            ("node", &self.node),
            ("grpc", &self.grpc),
            ("chain_id", &self.chain_id),
            ("from", &self.from),
        ];
        let given = texts.into_iter().filter_map(|(key, text)| Some((key, text.as_ref()?)));
        given.map(|(key, text)| (key, Value::from(text.as_str()))).collect()
    }
}

/// Every command. One line here, one file under `commands/`.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run a local cloud: a chain, a provider, a faucet, funded test accounts
    Up(commands::up::Args),
    /// Run what an SDL file describes: bids, lease, manifest, until it answers
    Deploy(commands::deploy::Args),
    /// Write, check, explain, format, compare and convert SDL files
    Sdl(commands::sdl::Args),
    /// Show the node and the account, or one deployment
    Status(commands::status::Args),
    /// Show what the services of a deployment wrote
    Logs(commands::logs::Args),
    /// Close a deployment and show where the money went
    Close(commands::close::Args),
    /// List deployments, or show one
    Deployments(commands::market::DeploymentsArgs),
    /// List orders
    Orders(commands::market::OrdersArgs),
    /// List bids
    Bids(commands::market::BidsArgs),
    /// List leases
    Leases(commands::market::LeasesArgs),
    /// Make, import, export and list keys
    #[command(subcommand)]
    Keys(commands::keys::Command),
    /// Publish, list and revoke certificates
    #[command(subcommand)]
    Cert(commands::cert::Command),
    /// Let another key spend, up to a limit that the chain keeps
    #[command(subcommand)]
    Limits(commands::limits::Command),
    /// Make a network and run its node
    #[command(subcommand)]
    Node(commands::node::Command),
    /// Sell capacity of this machine
    #[command(subcommand)]
    Provider(commands::provider::Command),
    /// Ask any query of any module
    #[command(alias = "q")]
    Query(dynamic::QueryArgs),
    /// Send any message of any module
    Tx(dynamic::TxArgs),
    /// Show the settings and where they come from
    #[command(subcommand)]
    Config(commands::config::Command),
    /// Show which version this is, and which upgrades of the network it knows
    Version(commands::version::Args),
    /// Print completions for a shell
    Completion(commands::completion::Args),
}
