//! `haggle node testnet` and `haggle node join`: networks of several nodes.

use std::{
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
};

use client::rpc::Rpc;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{LOCAL_CHAIN_ID, Settings, local_config, show_accounts};
use crate::{
    context::Context,
    failure::{Failure, Result},
    local::{self, Seat},
};

/// Ports that a node of a test network takes: peers, RPC, REST, gRPC, and room.
const PORTS_PER_NODE: u16 = 10;
/// More than this on one machine helps nobody.
const MOST_VALIDATORS: u16 = 50;

/// Arguments of `haggle node testnet`.
#[derive(Debug, clap::Args)]
pub struct TestnetArgs {
    /// How many validators, each with equal power and a home of its own
    #[arg(long, value_name = "COUNT", default_value_t = 4)]
    pub validators: u16,
    /// The folder that gets the homes node0, node1, ...
    #[arg(long, value_name = "DIR", default_value = "testnet")]
    pub output: PathBuf,
    /// Names of more funded test accounts; their keys go into the keyring of node0
    #[arg(long = "account", value_name = "NAME", default_values = ["tenant", "provider", "faucet"])]
    pub accounts: Vec<String>,
    /// Node n listens on 127.0.0.1 from this port plus 10 n: peers, then RPC, REST, gRPC
    #[arg(long, value_name = "PORT", default_value_t = 26656)]
    pub base_port: u16,
    /// Milliseconds between blocks
    #[arg(long, value_name = "MS", default_value_t = 1_000)]
    pub block_time_ms: u64,
}

/// Arguments of `haggle node join`.
#[derive(Debug, clap::Args)]
pub struct JoinArgs {
    /// The network's genesis document: a file, or the RPC address of a node you trust, such as
    /// http://127.0.0.1:26657
    #[arg(long, value_name = "FILE or URL")]
    pub genesis: String,
    /// A node to stay connected to, as /ip4/127.0.0.1/tcp/26656; may be repeated
    #[arg(long = "peer", value_name = "MULTIADDRESS", required = true)]
    pub peers: Vec<String>,
    /// The name shown to peers
    #[arg(long, value_name = "NAME", default_value = "haggle")]
    pub moniker: String,
    /// Settings of the node
    #[command(flatten)]
    pub settings: Settings,
}

/// The settings of the nodes of a test network, each connected to all others.
fn configs(args: &TestnetArgs) -> Result<Vec<node::Config>> {
    if args.validators == 0 || args.validators > MOST_VALIDATORS {
        return Err(Failure::input(format!(
            "a network of {} validators is not between 1 and {MOST_VALIDATORS}",
            args.validators
        )));
    }
    let port = |node: u16, plus: u16| {
        node.checked_mul(PORTS_PER_NODE)
            .and_then(|it| it.checked_add(args.base_port)?.checked_add(plus))
            .ok_or_else(|| {
                Failure::input("there are no ports above 65535").hint("choose a lower --base-port")
            })
    };
    let mut all = Vec::new();
    for node in 0..args.validators {
        let listen = |plus| port(node, plus).map(|it| SocketAddr::from((Ipv4Addr::LOCALHOST, it)));
        let peer = |other| port(other, 0).map(|it| format!("/ip4/127.0.0.1/tcp/{it}"));
        all.push(node::Config {
            moniker: format!("node{node}"),
            p2p_listen: peer(node)?,
            persistent_peers: (0..args.validators)
                .filter(|other| *other != node)
                .map(peer)
                .collect::<Result<_>>()?,
            rpc_listen: listen(1)?,
            rest_listen: listen(2)?,
            grpc_listen: listen(3)?,
            block_time_ms: args.block_time_ms,
            block_time_busy_ms: args.block_time_ms,
            ..node::Config::default()
        });
    }
    Ok(all)
}

/// Makes the homes of a network of several validators.
pub(super) fn testnet(cx: &Context, args: &TestnetArgs) -> Result {
    let chain_id = cx.settings().chain_id.clone().unwrap_or_else(|| LOCAL_CHAIN_ID.to_owned());
    let seats = (0..)
        .zip(configs(args)?)
        .map(|(node, config): (usize, node::Config)| {
            let mut accounts = vec![format!("validator{node}")];
            if node == 0 {
                accounts.extend(args.accounts.iter().cloned());
            }
            Seat { home: args.output.join(&config.moniker), accounts, config }
        })
        .collect::<Vec<_>>();
    let (homes, configs): (Vec<_>, Vec<_>) =
        seats.iter().map(|it| (it.home.clone(), it.config.clone())).unzip();
    let accounts = local::create_all(cx, &chain_id, seats)?;
    let nodes: Vec<Value> = homes
        .iter()
        .zip(&configs)
        .zip(&accounts)
        .map(|((home, config), accounts)| {
            json!({
                "home": home,
                "peer": config.p2p_listen,
                "rpc": format!("http://{}", config.rpc_listen),
                "rest": format!("http://{}", config.rest_listen),
                "grpc": format!("http://{}", config.grpc_listen),
                "accounts": accounts,
            })
        })
        .collect();
    cx.printer.json(&json!({ "chain_id": chain_id, "nodes": nodes }));
    let output = args.output.display();
    cx.printer.done(format!("a new network {chain_id} of {} validators in {output}", homes.len()));
    for (home, config) in homes.iter().zip(&configs) {
        cx.printer.line(format!("  {}  RPC http://{}", home.display(), config.rpc_listen));
    }
    show_accounts(cx, &accounts.concat());
    cx.printer.note(format!(
        "start each in a terminal of its own: `haggle --home {output}/node0 node start`; blocks \
         come once more than two thirds run"
    ));
    Ok(())
}

/// The genesis document from a file, or from a node.
async fn document(from: &str) -> Result<node::GenesisDoc> {
    let text = match from.starts_with("http://") || from.starts_with("https://") {
        true => {
            #[derive(Deserialize)]
            struct Answer {
                genesis: Value,
            }
            let answer: Answer =
                Rpc::new(from)?.call("fetch the genesis document", "genesis", json!({})).await?;
            answer.genesis.to_string()
        }
        false => std::fs::read_to_string(from).map_err(|error| {
            Failure::input(format!("could not read the genesis document {from}")).caused_by(error)
        })?,
    };
    node::GenesisDoc::from_json(&text).map_err(|error| Failure::input(error.to_string()))
}

/// Makes the home of a node that follows a network.
pub(super) async fn join(cx: &Context, args: &JoinArgs) -> Result {
    let document = document(&args.genesis).await?;
    if let Some(chain_id) = &cx.settings().chain_id
        && *chain_id != document.chain_id
    {
        return Err(Failure::input(format!(
            "the genesis document is of the network {}, not {chain_id}",
            document.chain_id
        )));
    }
    let config = node::Config {
        moniker: args.moniker.clone(),
        persistent_peers: args.peers.clone(),
        ..local_config(&args.settings)
    };
    let home = local::node_home(&cx.config.home);
    let key = node::join(&home, &document, &config)?;
    cx.printer.json(&json!({
        "chain_id": document.chain_id,
        "home": home,
        "consensus_key": { "@type": "/cosmos.crypto.ed25519.PubKey", "key": base64(&key) },
    }));
    cx.printer.done(format!(
        "a node of the network {} in {}; it validates once somebody stakes on its key",
        document.chain_id,
        home.display()
    ));
    cx.printer.line(format!("  consensus key (ed25519) {}", base64(&key)));
    cx.printer.note(
        "start it with `haggle node start`; when it has caught up, `haggle tx staking \
         create-validator` stakes on its key",
    );
    Ok(())
}

fn base64(key: &[u8]) -> String {
    use base64::{Engine, prelude::BASE64_STANDARD};
    BASE64_STANDARD.encode(key)
}
