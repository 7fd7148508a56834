//! `haggle provider`: sell capacity of this machine.

use std::{collections::BTreeMap, net::IpAddr, ops::RangeInclusive, path::PathBuf, sync::Arc};

use backend::docker::{self, Docker};
use provider::{Config, Handle, Live};
use serde_json::json;

use crate::{
    commands::node::StopSignal,
    context::Context,
    failure::{Failure, GENERAL, Result, UNREACHABLE, WRONG_INPUT},
};

/// Sell capacity of this machine
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Run a provider on a Docker Engine until Ctrl-C; what runs for tenants goes on running
    Run(RunArgs),
    /// Print a configuration file to start from
    Template,
}

/// Arguments of `haggle provider run`.
#[derive(Debug, clap::Args)]
pub struct RunArgs {
    /// The configuration file (see `haggle provider template`)
    #[arg(long, value_name = "FILE")]
    pub config: PathBuf,
    /// Docker Engine, as unix:///path or tcp://host:port [default: DOCKER_HOST, then
    /// unix:///var/run/docker.sock]
    #[arg(long, value_name = "ENDPOINT")]
    pub docker: Option<String>,
    /// Address of this host on which tenants' global ports are opened
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1")]
    pub publish_address: IpAddr,
    /// Ports of this host that are given to tenants, as FIRST-LAST
    #[arg(long, value_name = "PORTS", default_value = "30000-32767", value_parser = ports)]
    pub port_range: RangeInclusive<u16>,
}

fn ports(text: &str) -> Result<RangeInclusive<u16>, String> {
    let read = |it: &str| it.trim().parse::<u16>().ok();
    match text.split_once('-').map(|(first, last)| (read(first), read(last))) {
        Some((Some(first), Some(last))) if first > 0 && first <= last => Ok(first..=last),
        _ => Err("write two port numbers, the smaller first, such as 30000-32767".to_owned()),
    }
}

/// Where the containers run.
#[derive(Clone, Debug)]
pub struct Engine {
    /// The Docker Engine; `None` for the usual place.
    pub endpoint: Option<String>,
    /// Where global ports are opened.
    pub publish_address: IpAddr,
    /// Which ports.
    pub port_range: RangeInclusive<u16>,
}

/// Runs `haggle provider …`.
pub async fn run(cx: &Context, command: Command) -> Result {
    match command {
        Command::Template => {
            let text = toml::to_string_pretty(&template())
                .map_err(|error| Failure::new(error.to_string()))?;
            cx.printer.json(&json!({ "template": text }));
            cx.printer.line(text);
            Ok(())
        }
        Command::Run(args) => {
            let config = Config::read(&args.config).map_err(wrong_config)?;
            let engine = Engine {
                endpoint: args.docker,
                publish_address: args.publish_address,
                port_range: args.port_range,
            };
            let mut stop = StopSignal::listen()?;
            let handle = start(cx, config, engine).await?;
            cx.printer.json_line(&describe(&handle));
            cx.printer.line(format!("provider  {}", handle.address()));
            cx.printer.line(format!("gateway   https://{}", handle.gateway));
            if let Some(ingress) = handle.ingress {
                cx.printer.line(format!("ingress   http://{ingress}"));
            }
            cx.printer.note("running; Ctrl-C stops it and leaves workloads running");
            stop.wait().await;
            handle.shutdown().await;
            Ok(())
        }
    }
}

/// What a program is told of a running provider.
pub fn describe(handle: &Handle) -> serde_json::Value {
    json!({
        "provider": handle.address().to_string(),
        "gateway": format!("https://{}", handle.gateway),
        "grpc": handle.grpc.map(|it| format!("https://{it}")),
        "ingress": handle.ingress.map(|it| format!("http://{it}")),
    })
}

/// Whether an engine answers there.
pub async fn reach(engine: &Engine) -> Result<(), backend::Error> {
    let config = docker::Config { endpoint: engine.endpoint.clone(), ..docker::Config::new("") };
    Docker::connect(config).await.map(drop)
}

/// Connects to the Docker Engine and the chain, and starts the provider of `config`.
pub async fn start(cx: &Context, config: Config, engine: Engine) -> Result<Handle> {
    let keyring = cx.keyring()?;
    let signer = Arc::new(keyring.signer(&config.chain.key, &cx.password(false)?)?);
    let address = client::keys::Signer::address(signer.as_ref()).to_owned();
    let chain = Live::connect(&config.chain, signer).await.map_err(|error| {
        Failure::new(error.to_string())
            .code(UNREACHABLE)
            .hint(format!("is a node running at {}?", config.chain.rpc))
    })?;
    // The same key may sell on several chains over one engine; their workloads must not meet.
    let owner = format!("{}/{address}", chain.chain_id());
    let docker = Docker::connect(room(&config, &owner, engine)).await.map_err(no_docker)?;
    Ok(provider::run(config, Arc::new(chain), Arc::new(docker)).await?)
}

/// The machine room of a provider: the engine, capped as the configuration says.
fn room(config: &Config, owner: &str, engine: Engine) -> docker::Config {
    const DEFAULT_PERSISTENT_BYTES: u64 = 64 << 30;
    let capacity = &config.capacity;
    let persistent = capacity.persistent_storage.map_or(DEFAULT_PERSISTENT_BYTES, |it| it.0);
    let classes = ["default", "beta2"].map(|it| (it.to_owned(), persistent));
    docker::Config {
        endpoint: engine.endpoint,
        publish_address: engine.publish_address,
        port_range: engine.port_range,
        cpu_milli: capacity.cpu_milli,
        memory_bytes: capacity.memory.map(|it| it.0),
        ephemeral_bytes: capacity.ephemeral_storage.map(|it| it.0),
        storage: if persistent == 0 { BTreeMap::new() } else { BTreeMap::from(classes) },
        ..docker::Config::new(owner)
    }
}

/// A configuration to start from: the reference's prices in each denomination of a local network.
pub fn template() -> Config {
    let prices = |denom: &str| (denom.to_owned(), provider::config::Prices::reference());
    let attributes = [
        ("host", "haggle"),
        ("region", "local"),
        ("capabilities/storage/1/class", "beta2"),
        ("capabilities/storage/1/persistent", "true"),
    ];
    Config {
        prices: crate::local::DENOMS.into_iter().map(prices).collect(),
        attributes: attributes.map(|(key, value)| (key.to_owned(), value.to_owned())).into(),
        ..Config::default()
    }
}

/// What to tell somebody without a Docker Engine.
pub fn no_docker(error: backend::Error) -> Failure {
    Failure::new("no Docker Engine can be used").code(UNREACHABLE).caused_by(error).hint(
        "install one (on Debian: `apt-get install docker.io`) and start it, or say where it is with --docker",
    )
}

fn wrong_config(error: provider::config::Error) -> Failure {
    Failure::input("the provider's configuration cannot be used")
        .caused_by(error)
        .hint("`haggle provider template` prints one that can")
}

impl From<provider::Error> for Failure {
    fn from(error: provider::Error) -> Failure {
        use provider::Error as E;
        let code = match &error {
            E::Config(_) | E::Listen { .. } => WRONG_INPUT,
            E::Register(_) | E::Chain(_) => UNREACHABLE,
            _ => GENERAL,
        };
        let hint = match &error {
            E::Listen { what, .. } => {
                Some(format!("stop what listens there, or set another address for the {what}"))
            }
            _ => None,
        };
        let mut failure = Failure::new(error.to_string()).code(code);
        failure.hint = hint;
        failure
    }
}
