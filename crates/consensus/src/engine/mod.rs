//! The adapter to the BFT engine (Malachite): types, codecs, signatures, and the loop that
//! answers the engine. Nothing outside this folder knows which engine it is.

mod codec;
mod context;
mod duties;
mod host;
mod signing;
mod streams;

use std::{sync::Arc, time::Duration};

use malachitebft_app_channel::{
    ConsensusContext, EngineHandle, NetworkContext, NetworkIdentity, NetworkRequest,
    RequestContext, SyncContext, WalContext,
    app::{
        config::{ConsensusConfig, NodeConfig, ValuePayload, ValueSyncConfig},
        types::{Keypair, codec::Codec},
    },
    start_engine,
};
use parking_lot::Mutex;
use tokio::sync::mpsc;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    app::{Application, Halt},
    config::Config,
    engine::{
        codec::Borsh,
        context::Context,
        duties::{Pace, Shared},
        host::Host,
        signing::{KeySigner, KeyVerifier, VoteClock},
    },
    executor::Executor,
    keys::{NodeKey, ValidatorKey},
    store::SharedStore,
};

pub(crate) use duties::Failure;

/// A decided block must fit into one answer to a syncing peer (trap 12).
const MAX_RESPONSE: &str = "128 MiB";
/// One message of the gossip layer; proposals travel in slices far below it.
const MAX_GOSSIP: &str = "4 MiB";
/// Blocks asked for at once while catching up.
const SYNC_BATCH: usize = 32;
/// A single machine may run a whole network.
const MAX_CONNECTIONS_PER_IP: usize = 64;
/// Transactions told to the peers in one message, at most.
const GOSSIP_TXS: usize = 256;
/// Bytes of transactions in one message, at most one transaction more.
const GOSSIP_BYTES: usize = 256 * 1024;

/// A running engine.
pub(crate) struct Engine {
    pub(crate) network_requests: mpsc::Sender<NetworkRequest>,
    pub(crate) gossip: mpsc::Sender<bytes::Bytes>,
    handle: EngineHandle,
    host: tokio::task::JoinHandle<()>,
}

/// Someone this node is connected to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer {
    /// libp2p peer id.
    pub id: String,
    /// As the peer calls itself.
    pub moniker: String,
    /// Multiaddress.
    pub address: String,
    /// True when this node dialled.
    pub outbound: bool,
}

#[derive(Clone)]
struct Settings {
    moniker: String,
    consensus: ConsensusConfig,
    sync: ValueSyncConfig,
}

impl NodeConfig for Settings {
    fn moniker(&self) -> &str {
        &self.moniker
    }

    fn consensus(&self) -> &ConsensusConfig {
        &self.consensus
    }

    fn consensus_mut(&mut self) -> &mut ConsensusConfig {
        &mut self.consensus
    }

    fn value_sync(&self) -> &ValueSyncConfig {
        &self.sync
    }

    fn value_sync_mut(&mut self) -> &mut ValueSyncConfig {
        &mut self.sync
    }
}

/// Everything the engine needs, gathered by `start`.
pub(crate) struct Parts {
    pub(crate) app: Arc<dyn Application>,
    pub(crate) store: SharedStore,
    pub(crate) executor: Arc<Executor>,
    pub(crate) config: Config,
    pub(crate) chain_id: String,
    pub(crate) validator_key: ValidatorKey,
    pub(crate) node_key: NodeKey,
    pub(crate) stop: CancellationToken,
    pub(crate) failure: Failure,
    pub(crate) tasks: TaskTracker,
}

impl Engine {
    /// Starts the engine and the loop that answers it.
    pub(crate) async fn start(parts: Parts) -> Result<Engine, Halt> {
        let settings = settings(&parts.config, &parts.chain_id)?;
        check_port(&parts.config.listen_addr)?;
        let keypair = Keypair::ed25519_from_bytes(parts.node_key.seed())
            .map_err(|error| Halt::because("the node key cannot be used", error))?;
        let signer = KeySigner {
            chain_id: parts.chain_id.clone(),
            key: parts.validator_key,
            clock: VoteClock::default(),
            stop: parts.stop.clone(),
        };
        let verifier = KeyVerifier { chain_id: parts.chain_id };
        let proof = signer.validator_proof(keypair.public().to_peer_id().to_bytes());
        let proof = Codec::encode(&Borsh, &proof)
            .map_err(|error| Halt::because("the validator proof cannot be encoded", error))?;
        let identity = NetworkIdentity::new_validator(
            settings.moniker.clone(),
            keypair,
            signer.address().to_string(),
            proof,
        );
        let wal = parts.config.home.join("wal");
        std::fs::create_dir_all(&wal)
            .map_err(|error| Halt::because(format!("cannot create {}", wal.display()), error))?;
        // Every node has a signer: it votes when, and only when, it is in the set (trap 6).
        let consensus = ConsensusContext::new_validator(
            signer.address(),
            Box::new(verifier.clone()),
            Box::new(signer.clone()),
        );
        let (channels, handle) = start_engine(
            Context,
            settings,
            WalContext::new(wal.join("consensus.wal"), Borsh),
            NetworkContext::new(identity, Borsh),
            consensus,
            SyncContext::new(Borsh),
            RequestContext::new(100),
        )
        .await
        .map_err(|error| Halt::new(format!("the consensus engine did not start: {error:#}")))?;

        let shared = Arc::new(Shared {
            app: parts.app,
            store: parts.store,
            executor: parts.executor,
            config: parts.config,
            signer,
            verifier,
            network: channels.network,
            stop: parts.stop,
            failure: parts.failure,
            pace: Mutex::new(Pace::new()),
        });
        let (gossip, outbox) = mpsc::channel(4_096);
        parts.tasks.spawn(gossip_txs(shared.clone(), outbox));
        let host = Host::new(shared, parts.tasks.clone());
        let host = parts.tasks.spawn(host.run(channels.consensus));
        Ok(Engine { network_requests: channels.net_requests, gossip, handle, host })
    }

    /// Peers connected now; empty when the engine does not answer.
    pub(crate) async fn peers(requests: &mpsc::Sender<NetworkRequest>) -> Vec<Peer> {
        let dump =
            tokio::time::timeout(Duration::from_secs(2), NetworkRequest::dump_state(requests));
        let Ok(Ok(Some(dump))) = dump.await else { return Vec::new() };
        let mut peers: Vec<Peer> = dump
            .peers
            .iter()
            .map(|(id, it)| Peer {
                id: id.to_string(),
                moniker: it.moniker.clone(),
                address: it.address.to_string(),
                outbound: format!("{:?}", it.connection_direction).contains("Outbound"),
            })
            .collect();
        peers.sort_by(|a, b| a.id.cmp(&b.id));
        peers
    }

    /// Waits for the loop, then takes the engine down.
    pub(crate) async fn stop(self) {
        let _ = self.host.await;
        if let Err(error) = self.handle.actor.kill_and_wait(None).await {
            tracing::debug!(%error, "the engine was gone already");
        }
        self.handle.handle.abort();
    }
}

/// Tells peers about transactions, a few at a time.
async fn gossip_txs(shared: Arc<Shared>, mut outbox: mpsc::Receiver<bytes::Bytes>) {
    loop {
        let first = tokio::select! {
            () = shared.stop.cancelled() => return,
            first = outbox.recv() => match first {
                Some(first) => first,
                None => return,
            },
        };
        let mut size = first.len();
        let mut txs = vec![first.to_vec()];
        while txs.len() < GOSSIP_TXS
            && size < GOSSIP_BYTES
            && let Ok(next) = outbox.try_recv()
        {
            size += next.len();
            txs.push(next.to_vec());
        }
        shared.gossip(txs).await;
    }
}

/// The engine only logs that it cannot listen; a taken port is better said at once.
fn check_port(address: &str) -> Result<(), Halt> {
    let words: Vec<&str> = address.split('/').collect();
    let ["", "ip4" | "ip6", ip, "tcp", port] = words.as_slice() else { return Ok(()) };
    let (Ok(ip), Ok(port)) = (ip.parse::<std::net::IpAddr>(), port.parse::<u16>()) else {
        return Ok(());
    };
    match std::net::TcpListener::bind((ip, port)) {
        Ok(_) => Ok(()),
        Err(error) => Err(Halt::because(
            format!("cannot listen for consensus peers on {ip} port {port}"),
            error,
        )),
    }
}

fn settings(config: &Config, chain_id: &str) -> Result<Settings, Halt> {
    let address = |text: &str| {
        text.parse().map_err(|error| Halt::because(format!("bad peer address {text:?}"), error))
    };
    let size = |text: &str| {
        text.parse().map_err(|error: String| Halt::new(format!("bad size {text:?}: {error}")))
    };
    let mut consensus = ConsensusConfig {
        // Other modes skip validation by the application (trap 1).
        value_payload: ValuePayload::ProposalAndParts,
        ..ConsensusConfig::default()
    };
    let p2p = &mut consensus.p2p;
    p2p.listen_addr = address(&config.listen_addr)?;
    p2p.persistent_peers =
        config.persistent_peers.iter().map(|it| address(it)).collect::<Result<_, _>>()?;
    p2p.pubsub_max_size = size(MAX_GOSSIP)?;
    p2p.rpc_max_size = size(MAX_RESPONSE)?;
    p2p.discovery.max_connections_per_ip = MAX_CONNECTIONS_PER_IP;
    p2p.discovery.ip_throttle_duration = Duration::ZERO;
    // Two networks on one host must not mix.
    for name in [
        &mut p2p.protocol_names.consensus,
        &mut p2p.protocol_names.discovery_kad,
        &mut p2p.protocol_names.discovery_regres,
        &mut p2p.protocol_names.sync,
        &mut p2p.protocol_names.validator_proof,
        &mut p2p.channel_names.consensus,
        &mut p2p.channel_names.proposal_parts,
        &mut p2p.channel_names.sync,
        &mut p2p.channel_names.liveness,
    ] {
        *name = format!("/haggle/{chain_id}{name}");
    }
    let sync = ValueSyncConfig {
        status_update_interval: Duration::from_secs(2),
        max_response_size: size(MAX_RESPONSE)?,
        batch_size: SYNC_BATCH,
        ..ValueSyncConfig::default()
    };
    Ok(Settings { moniker: config.moniker.clone(), consensus, sync })
}
