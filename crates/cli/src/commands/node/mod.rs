//! `haggle node`: a chain node of one's own.

mod export;
mod network;
mod replay;
mod snapshots;
mod wallet_data;

use std::net::SocketAddr;

use node::Node;
use serde_json::json;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::{
    context::Context,
    failure::{Failure, GENERAL, Result, UNREACHABLE, WRONG_BUILD, WRONG_INPUT},
    local,
};

/// Make a network and run its node
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Make a new local network with this node as its validator, and funded test accounts
    Init(InitArgs),
    /// Make a new local network of several validators, a home folder for each
    Testnet(network::TestnetArgs),
    /// Make the home of a node that follows a network which others began
    Join(network::JoinArgs),
    /// Run the node until Ctrl-C
    Start(StartArgs),
    /// Make, list and restore snapshots of the state
    #[command(subcommand, alias = "snapshot")]
    Snapshots(snapshots::Command),
    /// Print the state of a height as a genesis document; the node must be stopped
    Export(export::ExportArgs),
    /// Write what wallets and the chain registry want to know of the network
    ///
    /// Made from the genesis document and the settings of this node, which need not run: keplr.json
    /// for wallets that take suggestions as Keplr does, chain.json and assetlist.json in the forms
    /// of the Cosmos chain registry.
    WalletData(wallet_data::WalletDataArgs),
    /// Execute recorded blocks of the reference network and compare results, events and answers
    ///
    /// Exits with 1 on any difference, printing the first one (height, transaction, event,
    /// attribute) and a summary.
    Replay(replay::ReplayArgs),
    /// Compute recorded messages, sign bytes, numbers and addresses and compare
    ///
    /// Exits with 1 on any difference.
    Vectors(replay::VectorsArgs),
}

/// Arguments of `haggle node init`.
#[derive(Debug, clap::Args)]
pub struct InitArgs {
    /// Names of the funded test accounts; their keys go into the keyring
    #[arg(long = "account", value_name = "NAME", default_values = ["tenant", "provider", "faucet"])]
    pub accounts: Vec<String>,
    /// Settings of the node
    #[command(flatten)]
    pub settings: Settings,
}

/// Arguments of `haggle node start`.
#[derive(Debug, clap::Args)]
pub struct StartArgs {
    /// Settings of the node, stronger than `node/config/node.toml`
    #[command(flatten)]
    pub settings: Settings,
    /// Leave out the upgrades planned for these heights. Dangerous: validators that disagree on it
    /// fork the network
    #[arg(long, value_name = "HEIGHTS", value_delimiter = ',', help_heading = "Node options")]
    pub unsafe_skip_upgrades: Vec<i64>,
}

/// Settings of a node that have a flag.
#[derive(Clone, Debug, Default, clap::Args)]
#[command(next_help_heading = "Node options")]
pub struct Settings {
    /// Milliseconds between blocks [default: 6000; `haggle up` and `node init`: 1000]
    #[arg(long, value_name = "MS")]
    pub block_time_ms: Option<u64>,
    /// Address of the CometBFT RPC; port 0 picks a free one [default: 127.0.0.1:26657]
    #[arg(long, value_name = "ADDRESS")]
    pub rpc_listen: Option<SocketAddr>,
    /// Address of the REST gateway [default: 127.0.0.1:1317]
    #[arg(long, value_name = "ADDRESS")]
    pub rest_listen: Option<SocketAddr>,
    /// Address of gRPC [default: 127.0.0.1:9090]
    #[arg(long, value_name = "ADDRESS")]
    pub grpc_listen: Option<SocketAddr>,
    /// Where consensus peers connect, as /ip4/127.0.0.1/tcp/26656
    #[arg(long, value_name = "MULTIADDRESS")]
    pub p2p_listen: Option<String>,
    /// Least price of a unit of gas that the node takes, such as 0.025uakt
    #[arg(long, value_name = "PRICE")]
    pub minimum_gas_prices: Option<String>,
}

impl Settings {
    /// `config` with what was given on the command line.
    pub fn over(&self, mut config: node::Config) -> node::Config {
        if let Some(ms) = self.block_time_ms {
            config.block_time_ms = ms;
            config.block_time_busy_ms = ms;
        }
        config.rpc_listen = self.rpc_listen.unwrap_or(config.rpc_listen);
        config.rest_listen = self.rest_listen.unwrap_or(config.rest_listen);
        config.grpc_listen = self.grpc_listen.unwrap_or(config.grpc_listen);
        if let Some(listen) = &self.p2p_listen {
            config.p2p_listen.clone_from(listen);
        }
        if let Some(prices) = &self.minimum_gas_prices {
            config.minimum_gas_prices.clone_from(prices);
        }
        config
    }
}

/// The settings of a new local network: a block per second, any free port for peers.
pub fn local_config(settings: &Settings) -> node::Config {
    settings.over(node::Config {
        block_time_ms: 1_000,
        block_time_busy_ms: 1_000,
        p2p_listen: "/ip4/127.0.0.1/tcp/0".to_owned(),
        ..node::Config::default()
    })
}

/// Runs `haggle node …`.
pub async fn run(cx: &Context, command: Command) -> Result {
    match command {
        Command::Init(args) => init(cx, &args),
        Command::Testnet(args) => network::testnet(cx, &args),
        Command::Join(args) => network::join(cx, &args).await,
        Command::Start(args) => start(cx, &args).await,
        Command::Snapshots(command) => snapshots::run(cx, command),
        Command::Export(args) => export::run(cx, &args),
        Command::WalletData(args) => wallet_data::run(cx, &args),
        Command::Replay(args) => replay::replay(&cx.printer, &args),
        Command::Vectors(args) => replay::check_vectors(&cx.printer, &args),
    }
}

fn init(cx: &Context, args: &InitArgs) -> Result {
    let chain_id = cx.settings().chain_id.clone().unwrap_or_else(|| LOCAL_CHAIN_ID.to_owned());
    let accounts = local::create(cx, &args.accounts, &chain_id, local_config(&args.settings))?;
    let home = local::node_home(&cx.config.home);
    cx.printer.json(&json!({ "chain_id": chain_id, "home": home, "accounts": accounts }));
    cx.printer.done(format!("a new network {chain_id} in {}", home.display()));
    show_accounts(cx, &accounts);
    cx.printer.note("start it with `haggle node start`");
    Ok(())
}

/// The chain id of a local network unless `--chain-id` says another.
pub const LOCAL_CHAIN_ID: &str = "haggle-local";

/// Lists test accounts with their phrases, for a person.
pub fn show_accounts(cx: &Context, accounts: &[local::TestAccount]) {
    cx.printer.heading(
        "Test accounts (their coins are worth nothing; never use these phrases elsewhere)",
    );
    for account in accounts {
        cx.printer.line(format!("  {:<10} {}", account.name, account.address));
        cx.printer.line(format!("  {:<10} {}", "", account.phrase));
    }
}

async fn start(cx: &Context, args: &StartArgs) -> Result {
    let outcome = run_node(cx, args).await;
    // People see it as the error; beside JSON on stdout it belongs into the log.
    if let Err(failure) = &outcome
        && failure.code == WRONG_BUILD
        && cx.printer.is_json()
    {
        tracing::error!("{failure}");
    }
    outcome
}

async fn run_node(cx: &Context, args: &StartArgs) -> Result {
    let mut stop = StopSignal::listen()?;
    let home = local::node_home(&cx.config.home);
    let mut config = args.settings.over(node::Config::read(&home)?);
    config.unsafe_skip_upgrades.extend(&args.unsafe_skip_upgrades);
    let node = node::start(&home, config).await?;
    let endpoints = node.endpoints();
    cx.printer.json_line(&json!({
        "rpc": format!("http://{}", endpoints.rpc),
        "rest": format!("http://{}", endpoints.rest),
        "grpc": format!("http://{}", endpoints.grpc),
    }));
    cx.printer.line(format!("RPC   http://{}", endpoints.rpc));
    cx.printer.line(format!("REST  http://{}", endpoints.rest));
    cx.printer.line(format!("gRPC  http://{}", endpoints.grpc));
    cx.printer.note("running; Ctrl-C stops it");
    let outcome = until_stopped(&node, &mut stop).await;
    node.shutdown().await?;
    outcome
}

/// Starts the node below the home folder with the settings of its file and of the flags.
pub async fn open(cx: &Context, settings: &Settings) -> Result<Node> {
    let home = local::node_home(&cx.config.home);
    let config = settings.over(node::Config::read(&home)?);
    Ok(node::start(&home, config).await?)
}

/// Returns when somebody asks to stop; fails when the node stops by itself.
pub async fn until_stopped(node: &Node, stop: &mut StopSignal) -> Result {
    tokio::select! {
        () = stop.wait() => Ok(()),
        error = node.stopped() => Err(error.into()),
    }
}

/// Waits for Ctrl-C or a request to terminate.
pub async fn stop_signal() -> Result {
    StopSignal::listen()?.wait().await;
    Ok(())
}

/// Ctrl-C, or a request to terminate. Made before a service tells that it is up, so that it can be
/// stopped from then on.
pub struct StopSignal {
    interrupt: Signal,
    terminate: Signal,
}

impl StopSignal {
    /// From now on neither ends the process at once.
    pub fn listen() -> Result<StopSignal> {
        let failed = |error| Failure::new("could not listen for signals").caused_by(error);
        Ok(StopSignal {
            interrupt: signal(SignalKind::interrupt()).map_err(failed)?,
            terminate: signal(SignalKind::terminate()).map_err(failed)?,
        })
    }

    /// Waits for either.
    pub async fn wait(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

impl From<node::Error> for Failure {
    fn from(error: node::Error) -> Failure {
        use node::Error as E;
        let code = match &error {
            E::HomeLocked(_) | E::NoGenesis(_) | E::HasGenesis(_) | E::Listen(_) => WRONG_INPUT,
            E::Config(_) | E::Genesis(_) => WRONG_INPUT,
            E::Snapshot(_) => WRONG_INPUT,
            E::Upgrade(_) => WRONG_BUILD,
            E::Halt(_) => UNREACHABLE,
            _ => GENERAL,
        };
        let failure = Failure::new(error.to_string()).code(code);
        match (&error, std::error::Error::source(&error)) {
            (E::Store(_) | E::Index(_), Some(source)) => failure.caused_by(source),
            _ => failure,
        }
    }
}
