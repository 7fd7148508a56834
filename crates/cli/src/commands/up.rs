//! `haggle up`: a local cloud in one process: chain, provider, faucet.

use std::net::SocketAddr;

use serde_json::{Value, json};

use crate::{
    commands::{node as node_command, provider as provider_command},
    context::Context,
    failure::Result,
    faucet, local,
};

/// Arguments of `haggle up`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Settings of the node
    #[command(flatten)]
    pub node: node_command::Settings,
    /// Address of the provider's gateway; port 0 picks a free one
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8443")]
    pub gateway_listen: SocketAddr,
    /// Address of the provider's gRPC status service
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8444")]
    pub gateway_grpc_listen: SocketAddr,
    /// Address of the HTTP ingress for tenants' host names
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8080")]
    pub ingress_listen: SocketAddr,
    /// Address of the faucet (POST /credit, GET /status)
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8000")]
    pub faucet_listen: SocketAddr,
    /// Docker Engine, as unix:///path or tcp://host:port [default: DOCKER_HOST, then
    /// unix:///var/run/docker.sock]
    #[arg(long, value_name = "ENDPOINT")]
    pub docker: Option<String>,
    /// Run the chain and the faucet only
    #[arg(long)]
    pub no_provider: bool,
}

/// The test accounts of a local cloud.
const ACCOUNTS: [&str; 3] = ["tenant", "provider", "faucet"];

/// Runs `haggle up` until Ctrl-C.
pub async fn run(cx: &Context, args: Args) -> Result {
    let mut stop = node_command::StopSignal::listen()?;
    let home = cx.config.home.clone();
    let fresh = !node::home::genesis_file(&local::node_home(&home)).exists();
    if fresh {
        let id = cx.settings().chain_id.clone();
        let id = id.unwrap_or_else(|| node_command::LOCAL_CHAIN_ID.to_owned());
        let names = ACCOUNTS.map(str::to_owned);
        local::create(cx, &names, &id, node_command::local_config(&args.node))?;
        cx.printer.done(format!("a new network {id} in {}", home.display()));
    }
    let accounts = local::accounts(&home)?;
    let node = node_command::open(cx, &args.node).await?;
    let chain_id = node::load_genesis(&local::node_home(&home))?.chain_id;
    let outcome = serve(cx, &args, &node, &accounts, &chain_id, &mut stop).await;
    node.shutdown().await?;
    outcome
}

async fn serve(
    cx: &Context,
    args: &Args,
    node: &node::Node,
    accounts: &[local::TestAccount],
    chain_id: &str,
    stop: &mut node_command::StopSignal,
) -> Result {
    let rpc = &format!("http://{}", node.endpoints().rpc);
    let progress = cx.printer.progress("waiting for the first block");
    node.first_block(std::time::Duration::from_secs(60)).await?;
    drop(progress);
    let faucet = faucet::start(cx, rpc, args.faucet_listen).await?;
    let (provider, absent) = match args.no_provider {
        true => (None, Some("switched off by --no-provider".to_owned())),
        false => provider(cx, args, node, chain_id, rpc).await?,
    };
    let endpoints = node.endpoints();
    let described = provider.as_ref().map(provider_command::describe);
    cx.printer.json_line(&json!({
        "chain_id": chain_id,
        "rpc": rpc,
        "rest": format!("http://{}", endpoints.rest),
        "grpc": format!("http://{}", endpoints.grpc),
        "faucet": format!("http://{}", faucet.address),
        "provider": described,
        "provider_absent": absent,
        "accounts": accounts,
    }));
    show(cx, node, chain_id, &faucet, described.as_ref(), absent.as_deref());
    node_command::show_accounts(cx, accounts);
    cx.printer.line("");
    cx.printer.line("Try, in another terminal:");
    let from = format!("--node {rpc} --home {} --from tenant", cx.config.home.display());
    cx.printer.line(format!("  haggle {from} status"));
    if provider.is_some() {
        cx.printer.line(format!("  haggle {from} deploy examples/web.yaml"));
    }
    cx.printer.note("running; Ctrl-C stops the chain; workloads stay for the next `haggle up`");
    let outcome = node_command::until_stopped(node, stop).await;
    if let Some(provider) = provider {
        provider.shutdown().await;
    }
    faucet.stop().await;
    outcome
}

fn show(
    cx: &Context,
    node: &node::Node,
    chain_id: &str,
    faucet: &faucet::Faucet,
    provider: Option<&Value>,
    absent: Option<&str>,
) {
    let endpoints = node.endpoints();
    let p = &cx.printer;
    p.heading("Endpoints");
    p.line(format!("  chain id  {chain_id}"));
    p.line(format!("  RPC       http://{}", endpoints.rpc));
    p.line(format!("  REST      http://{}", endpoints.rest));
    p.line(format!("  gRPC      http://{}", endpoints.grpc));
    p.line(format!("  faucet    http://{}", faucet.address));
    match provider {
        Some(it) => {
            let text = |key: &str| it.get(key).and_then(Value::as_str).unwrap_or("-").to_owned();
            p.line(format!("  provider  {}", text("provider")));
            p.line(format!("  gateway   {}", text("gateway")));
            p.line(format!("  ingress   {}", text("ingress")));
        }
        None => p.line(format!("  provider  none: {}", absent.unwrap_or("not started"))),
    }
}

/// The provider of the local cloud, or why there is none. Without Docker the rest goes on.
async fn provider(
    cx: &Context,
    args: &Args,
    node: &node::Node,
    chain_id: &str,
    rpc: &str,
) -> Result<(Option<provider::Handle>, Option<String>)> {
    let mut config = provider_command::template();
    config.chain.rpc = rpc.to_owned();
    config.chain.grpc = Some(format!("http://{}", node.endpoints().grpc));
    config.chain.chain_id = chain_id.to_owned();
    config.state_dir = cx.config.home.join("provider");
    let listen = free(args.gateway_listen)?;
    config.gateway.listen = listen;
    config.gateway.grpc_listen = Some(args.gateway_grpc_listen);
    config.host_uri = format!("https://localhost:{}", listen.port());
    config.ingress.listen = Some(args.ingress_listen);
    config.timers = provider::config::Timers::local();
    let engine = provider_command::Engine {
        endpoint: args.docker.clone(),
        publish_address: args.gateway_listen.ip(),
        port_range: 30_000..=32_767,
    };
    if let Err(error) = provider_command::reach(&engine).await {
        let failure = provider_command::no_docker(error);
        cx.printer.warn(format!("{failure}; the chain and the faucet run without a provider"));
        if let Some(hint) = &failure.hint {
            cx.printer.note(hint);
        }
        return Ok((None, Some(failure.to_string())));
    }
    Ok((Some(provider_command::start(cx, config, engine).await?), None))
}

/// The address with a port that is known before the listener exists, since it is registered on
/// chain first.
fn free(address: SocketAddr) -> Result<SocketAddr> {
    if address.port() != 0 {
        return Ok(address);
    }
    let listener = std::net::TcpListener::bind(address).and_then(|it| it.local_addr());
    listener.map_err(|error| {
        crate::failure::Failure::new(format!("cannot listen on {address}")).caused_by(error)
    })
}
