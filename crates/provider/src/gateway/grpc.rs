//! The status service over gRPC (spec `provider.md` 3.12, 4.18).
//!
//! Called by: [`crate::run`]. Calls: the service's state. Needs no credentials; ones that are sent
//! are still not able to do harm.

use std::{convert::Infallible, sync::Arc, time::Duration};

use futures::{Stream, StreamExt as _, stream::BoxStream};
use prost_types::Timestamp;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tonic::{Request, Response, Status as Refusal, server::NamedService};
use tonic_prost::ProstCodec;
use types::wire::{
    akash::{
        inventory::v1 as inventory,
        provider::v1::{self as wire, Status},
    },
    k8s::io::apimachinery::pkg::api::resource::Quantity,
};

use crate::{
    inventory::{Reservation, Sums},
    register::Identity,
    service::Service,
};

const HANDSHAKE_LIMIT: Duration = Duration::from_secs(10);
/// How often a followed status is looked at for a change.
const LOOK: Duration = Duration::from_millis(500);
/// Connections that are ready and not yet served.
const STREAM_QUEUE: usize = 4;

/// Serves until the service stops.
pub(crate) fn serve(
    service: &Arc<Service>,
    listener: TcpListener,
    identity: &Identity,
) -> Result<(), rustls::Error> {
    let config = super::tls_config(identity, Arc::clone(&service.chain), &[b"h2"])?;
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let (ready, incoming) = tokio::sync::mpsc::channel(STREAM_QUEUE);
    let accepting = Arc::clone(service);
    service.spawn(async move {
        loop {
            let Ok((socket, _)) = listener.accept().await else {
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            };
            let (acceptor, ready) = (acceptor.clone(), ready.clone());
            accepting.spawn(async move {
                let handshake = tokio::time::timeout(HANDSHAKE_LIMIT, acceptor.accept(socket));
                if let Ok(Ok(stream)) = handshake.await {
                    let _ = ready.send(Ok::<_, std::io::Error>(stream)).await;
                }
            });
        }
    });
    let rpc = ProviderRpc { service: Arc::clone(service) };
    let router = tonic::transport::Server::builder().add_service(rpc);
    let incoming = tokio_stream::wrappers::ReceiverStream::new(incoming);
    let stop = service.stop.clone();
    service.tasks.spawn(async move {
        if let Err(error) = router.serve_with_incoming_shutdown(incoming, stop.cancelled()).await {
            tracing::warn!(%error, "the gRPC listener ended");
        }
    });
    Ok(())
}

#[derive(Clone)]
struct ProviderRpc {
    service: Arc<Service>,
}

impl NamedService for ProviderRpc {
    const NAME: &'static str = "akash.provider.v1.ProviderRPC";
}

type Body = tonic::body::Body;

impl tower::Service<http::Request<Body>> for ProviderRpc {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = futures::future::BoxFuture<'static, Result<Self::Response, Infallible>>;

    fn poll_ready(
        &mut self,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Result<(), Infallible>> {
        std::task::Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let service = Arc::clone(&self.service);
        Box::pin(async move {
            let path = request.uri().path().to_owned();
            let response = match path.as_str() {
                "/akash.provider.v1.ProviderRPC/GetStatus" => {
                    let mut grpc = tonic::server::Grpc::new(ProstCodec::default());
                    grpc.unary(GetStatus(service), request).await
                }
                "/akash.provider.v1.ProviderRPC/StreamStatus" => {
                    let mut grpc = tonic::server::Grpc::new(ProstCodec::default());
                    grpc.server_streaming(StreamStatus(service), request).await
                }
                path => {
                    let method = path.rsplit('/').next().unwrap_or_default();
                    Refusal::unimplemented(format!("{method} not implemented")).into_http()
                }
            };
            Ok(response)
        })
    }
}

struct GetStatus(Arc<Service>);

impl tonic::server::UnaryService<()> for GetStatus {
    type Response = Status;
    type Future = std::future::Ready<Result<Response<Status>, Refusal>>;

    fn call(&mut self, _: Request<()>) -> Self::Future {
        std::future::ready(Ok(Response::new(status(&self.0))))
    }
}

struct StreamStatus(Arc<Service>);

impl tonic::server::ServerStreamingService<()> for StreamStatus {
    type Response = Status;
    type ResponseStream = BoxStream<'static, Result<Status, Refusal>>;
    type Future = std::future::Ready<Result<Response<Self::ResponseStream>, Refusal>>;

    fn call(&mut self, _: Request<()>) -> Self::Future {
        std::future::ready(Ok(Response::new(changes(Arc::clone(&self.0)).map(Ok).boxed())))
    }
}

/// The status at once, then again whenever it differs.
fn changes(service: Arc<Service>) -> impl Stream<Item = Status> {
    futures::stream::unfold((service, None::<Status>), |(service, last)| async move {
        loop {
            let now = status(&service);
            let same = last.as_ref().is_some_and(|last| {
                Status { timestamp: Timestamp::default(), ..last.clone() }
                    == Status { timestamp: Timestamp::default(), ..now.clone() }
            });
            if !same {
                return Some((now.clone(), (service, Some(now))));
            }
            tokio::select! {
                () = service.stop.cancelled() => return None,
                () = tokio::time::sleep(LOOK) => {}
            }
        }
    })
}

fn quantity(text: impl ToString) -> Quantity {
    Quantity { string: Some(text.to_string()) }
}

fn milli(value: u64) -> Quantity {
    match value % 1000 {
        0 => quantity(value / 1000),
        _ => quantity(format!("{value}m")),
    }
}

fn pair(
    capacity: u64,
    allocatable: u64,
    free: u64,
    show: fn(u64) -> Quantity,
) -> inventory::ResourcePair {
    inventory::ResourcePair {
        allocatable: Some(show(allocatable)),
        allocated: Some(show(allocatable.saturating_sub(free))),
        attributes: Vec::new(),
        capacity: Some(show(capacity)),
    }
}

pub(crate) fn status(service: &Service) -> Status {
    let state = service.state();
    let (active, pending): (Vec<_>, Vec<_>) =
        state.ledger.reservations().iter().partition(|it| it.deployed);
    let now = std::time::SystemTime::now();
    let window = service.config.reclamation_window.map(|it| it.0).filter(|it| !it.is_zero());
    Status {
        errors: Vec::new(),
        cluster: Some(wire::ClusterStatus {
            leases: wire::Leases { active: u32::try_from(state.leases.len()).unwrap_or(u32::MAX) },
            inventory: wire::Inventory {
                cluster: cluster(&state),
                reservations: wire::Reservations {
                    pending: metric(&pending),
                    active: metric(&active),
                },
                leased_ip: Default::default(),
            },
        }),
        bid_engine: Some(wire::BidEngineStatus {
            orders: u32::try_from(state.orders.len()).unwrap_or(u32::MAX),
        }),
        manifest: Some(wire::ManifestStatus {
            deployments: u32::try_from(state.kept.len()).unwrap_or(u32::MAX),
        }),
        public_hostnames: Some(service.config.public_hostname.clone())
            .filter(|it| !it.is_empty())
            .into_iter()
            .collect(),
        timestamp: now.into(),
        reclamation_window: window.and_then(|it| it.try_into().ok()),
    }
}

/// The capacity in the inventory operator's shape (3.1).
fn cluster(state: &crate::state::State) -> inventory::Cluster {
    let (Some(report), Some((all, free))) = (state.ledger.report(), state.ledger.rooms()) else {
        return inventory::Cluster::default();
    };
    let zero = || pair(0, 0, 0, quantity);
    let bytes: fn(u64) -> Quantity = |it| quantity(it);
    let count = |it: usize| u64::try_from(it).unwrap_or(u64::MAX);
    let rooms = report.nodes.iter().zip(all.nodes.iter().zip(&free.nodes));
    let nodes = rooms.map(|(node, (all, free))| {
        let cpus = node.cpu_models.iter().enumerate().map(|(index, model)| inventory::CpuInfo {
            id: index.to_string(),
            vendor: String::new(),
            model: model.clone(),
            vcores: u32::try_from(node.cpu_milli.capacity / 1000).unwrap_or(u32::MAX),
        });
        let gpus = all.gpus.iter().map(|it| inventory::GpuInfo {
            vendor: it.vendor.clone(),
            vendor_id: it.vendor_id.clone(),
            name: it.name.clone(),
            modelid: it.model_id.clone(),
            interface: it.interface.clone(),
            memory_size: it.memory_size.clone(),
        });
        inventory::Node {
            name: node.name.clone(),
            resources: inventory::NodeResources {
                cpu: inventory::Cpu {
                    quantity: pair(node.cpu_milli.capacity, all.cpu_milli, free.cpu_milli, milli),
                    info: cpus.collect(),
                },
                memory: inventory::Memory {
                    quantity: pair(
                        node.memory_bytes.capacity,
                        all.memory_bytes,
                        free.memory_bytes,
                        bytes,
                    ),
                    info: Vec::new(),
                },
                gpu: inventory::Gpu {
                    quantity: pair(
                        count(node.gpus.len()),
                        count(all.gpus.len()),
                        count(free.gpus.len()),
                        bytes,
                    ),
                    info: gpus.collect(),
                },
                ephemeral_storage: pair(
                    node.ephemeral_bytes.capacity,
                    all.ephemeral_bytes,
                    free.ephemeral_bytes,
                    bytes,
                ),
                volumes_attached: zero(),
                volumes_mounted: zero(),
            },
            capabilities: inventory::NodeCapabilities {
                storage_classes: node.storage_classes.clone(),
            },
        }
    });
    let storage = all.pools.iter().map(|(class, size)| inventory::Storage {
        quantity: pair(*size, *size, free.pools.get(class).copied().unwrap_or(0), bytes),
        info: inventory::StorageInfo { class: class.clone(), iops: String::new() },
    });
    inventory::Cluster { nodes: nodes.collect(), storage: storage.collect() }
}

fn metric(reservations: &[&Reservation]) -> wire::ReservationsMetric {
    let mut sum = Sums::default();
    for it in reservations {
        let more = it.sums();
        sum.cpu_milli += more.cpu_milli;
        sum.memory_bytes += more.memory_bytes;
        sum.gpus += more.gpus;
        sum.ephemeral_bytes += more.ephemeral_bytes;
        for (class, bytes) in more.persistent_bytes {
            *sum.persistent_bytes.entry(class).or_default() += bytes;
        }
    }
    wire::ReservationsMetric {
        count: u32::try_from(reservations.len()).unwrap_or(u32::MAX),
        resources: wire::ResourcesMetric {
            cpu: Some(milli(sum.cpu_milli)),
            memory: Some(quantity(sum.memory_bytes)),
            gpu: Some(quantity(sum.gpus)),
            ephemeral_storage: Some(quantity(sum.ephemeral_bytes)),
            storage: sum.persistent_bytes.into_iter().map(|(k, v)| (k, quantity(v))).collect(),
        },
    }
}
