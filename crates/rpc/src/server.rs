//! Opens the three listeners and closes them again.
//!
//! Called by `node`. Owns the tasks of the listeners; each ends when the handle says so.

use std::{
    io,
    net::SocketAddr,
    sync::{Arc, atomic::AtomicUsize},
    time::Duration,
};

use axum::{
    Router,
    body::Body,
    extract::Request,
    http::{HeaderName, HeaderValue, Method, Response, header},
};
use tokio::{net::TcpListener, sync::watch, task::JoinHandle};
use tonic_web::GrpcWebLayer;
use tower::{Layer as _, Service as _};
use tower_http::cors::{Any, CorsLayer};

use crate::{
    HEIGHT_HEADER,
    chain::Chain,
    comet::{self, Comet, Methods},
    gateway::Gateway,
    grpc,
    lenient::LenientListener,
    services::Services,
};

/// Where to listen. Port 0 takes any free one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Config {
    /// CometBFT JSON-RPC and WebSocket.
    pub rpc: SocketAddr,
    /// REST gateway and grpc-web.
    pub rest: SocketAddr,
    /// gRPC.
    pub grpc: SocketAddr,
}

/// Why a listener did not open.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {addr} for {what}; is another node running there?")]
pub struct ServeError {
    /// Which listener: `JSON-RPC`, `REST` or `gRPC`.
    pub what: &'static str,
    pub addr: SocketAddr,
    #[source]
    pub source: io::Error,
}

/// How long `broadcast_tx_commit` waits for its transaction.
const COMMIT_TIMEOUT: Duration = Duration::from_secs(10);

/// How long open requests may take once the listeners close.
const DRAIN: Duration = Duration::from_secs(5);

/// Running listeners. Dropping it stops them without waiting.
#[derive(Debug)]
pub struct Handle {
    rpc: SocketAddr,
    rest: SocketAddr,
    grpc: SocketAddr,
    stop: watch::Sender<bool>,
    tasks: Vec<JoinHandle<()>>,
}

impl Handle {
    /// The address of the JSON-RPC listener.
    #[must_use]
    pub const fn rpc_addr(&self) -> SocketAddr {
        self.rpc
    }

    /// The address of the REST listener.
    #[must_use]
    pub const fn rest_addr(&self) -> SocketAddr {
        self.rest
    }

    /// The address of the gRPC listener.
    #[must_use]
    pub const fn grpc_addr(&self) -> SocketAddr {
        self.grpc
    }

    /// Stops listening, lets open requests finish for some seconds, then cuts them off.
    pub async fn shutdown(mut self) {
        // Nobody listens any more when this fails, which is what is wanted.
        let _ = self.stop.send(true);
        for mut task in std::mem::take(&mut self.tasks) {
            if tokio::time::timeout(DRAIN, &mut task).await.is_err() {
                task.abort();
            }
        }
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        let _ = self.stop.send(true);
        for task in &self.tasks {
            task.abort();
        }
    }
}

async fn bind(
    what: &'static str,
    addr: SocketAddr,
) -> Result<(TcpListener, SocketAddr), ServeError> {
    let failed = |source| ServeError { what, addr, source };
    let listener = TcpListener::bind(addr).await.map_err(failed)?;
    let bound = listener.local_addr().map_err(failed)?;
    Ok((listener, bound))
}

/// Pages of any origin may read: there are no cookies and no secrets here.
fn cors() -> CorsLayer {
    CorsLayer::new()
        .allow_origin(Any)
        .allow_methods([Method::HEAD, Method::GET, Method::POST])
        .allow_headers(Any)
        .expose_headers([
            HeaderName::from_static(HEIGHT_HEADER),
            HeaderName::from_static("grpc-status"),
            HeaderName::from_static("grpc-message"),
        ])
}

/// Opens the listeners over a node.
pub async fn serve(config: Config, chain: Arc<dyn Chain>) -> Result<Handle, ServeError> {
    let (rpc_listener, rpc) = bind("JSON-RPC", config.rpc).await?;
    let (rest_listener, rest) = bind("REST", config.rest).await?;
    let (grpc_listener, grpc) = bind("gRPC", config.grpc).await?;
    let (stop, stopped) = watch::channel(false);

    let rpc_address = format!("tcp://{rpc}");
    let services = Arc::new(Services { chain: chain.clone(), rpc_address: rpc_address.clone() });
    let methods = Arc::new(Methods {
        chain,
        services: services.clone(),
        commit_timeout: COMMIT_TIMEOUT,
        rpc_address,
    });
    let comet =
        Comet { methods, subscribers: Arc::new(AtomicUsize::new(0)), stop: stopped.clone() };
    let server = grpc::Server::new(services.clone());

    let tasks = vec![
        spawn(rpc_listener, comet::router(comet).layer(cors()), stopped.clone()),
        spawn(
            rest_listener,
            rest_router(Gateway::new(services), server.clone()).layer(cors()),
            stopped.clone(),
        ),
        spawn(grpc_listener, grpc_router(server), stopped),
    ];
    tracing::info!(%rpc, %rest, %grpc, "listening");
    Ok(Handle { rpc, rest, grpc, stop, tasks })
}

fn spawn(
    listener: TcpListener,
    router: Router,
    mut stopped: watch::Receiver<bool>,
) -> JoinHandle<()> {
    tokio::spawn(async move {
        let stop = async move {
            // An error means that the handle is gone, which is a reason to stop as well.
            let _ = stopped.wait_for(|it| *it).await;
        };
        if let Err(error) =
            axum::serve(LenientListener::new(listener), router).with_graceful_shutdown(stop).await
        {
            tracing::error!(%error, "listener failed");
        }
    })
}

/// gRPC over HTTP/2, and grpc-web over either version.
fn grpc_router(server: grpc::Server) -> Router {
    Router::new().fallback(move |request: Request| web(server.clone(), request))
}

/// Runs a request through the layer that understands grpc-web and leaves the rest alone.
async fn web(server: grpc::Server, request: Request) -> Response<Body> {
    let mut service = GrpcWebLayer::new().layer(server);
    match service.call(request).await {
        Ok(response) => response.map(Body::new),
        Err(never) => match never {},
    }
}

/// The gateway, and grpc-web by its content type.
pub(crate) fn rest_router(gateway: Gateway, server: grpc::Server) -> Router {
    let gateway = Arc::new(gateway);
    Router::new().fallback(move |request: Request| {
        let (gateway, server) = (gateway.clone(), server.clone());
        async move {
            let is_web = |it: &HeaderValue| it.as_bytes().starts_with(b"application/grpc-web");
            if request.headers().get(header::CONTENT_TYPE).is_some_and(is_web) {
                return web(server, request).await;
            }
            gateway.answer(request).await
        }
    })
}
