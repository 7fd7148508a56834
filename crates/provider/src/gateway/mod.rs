//! The door for tenants: HTTPS on the certificate that the chain knows (spec `provider.md` 4).
//!
//! Called by: [`crate::run`]. Calls: the service's state, the machine room, the chain. A request is
//! parsed to a route first; then the caller proves itself; then the route acts.

pub(crate) mod answer;
pub(crate) mod auth;
pub(crate) mod grpc;
pub(crate) mod manifest;
pub(crate) mod migrate;
mod route;
pub(crate) mod shell;
pub(crate) mod status;
pub(crate) mod streams;
mod tls;
pub(crate) mod token;

use std::{io, sync::Arc, time::Duration};

use axum::{body::Body, response::IntoResponse as _, response::Response};
use http::{Method, Request, StatusCode, header};
use hyper::body::Incoming;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::Semaphore,
};
use tokio_rustls::TlsAcceptor;
use types::{Address, ids::LeaseId};

use crate::{register::Identity, service::Service};
use answer::{Refused, Result};
use auth::{Caller, Denied, Keys};
use route::{Lease, Route};
use token::Scope;

pub(crate) use tls::server as tls_config;

/// A connection that does not finish its handshake by then is dropped.
const HANDSHAKE_LIMIT: Duration = Duration::from_secs(10);
/// A request's headers have to arrive within this.
const HEADER_LIMIT: Duration = Duration::from_secs(3);
/// Connections at once; more wait.
const CONNECTIONS_MAX: usize = 4096;

/// What every request needs.
pub(crate) struct Gateway {
    pub(crate) service: Arc<Service>,
    keys: Keys,
}

/// Serves until the service stops.
pub(crate) async fn serve(
    service: Arc<Service>,
    listener: TcpListener,
    identity: &Identity,
) -> std::result::Result<(), rustls::Error> {
    let config = tls::server(identity, Arc::clone(&service.chain), &[])?;
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let gateway = Arc::new(Gateway { service: Arc::clone(&service), keys: Keys::default() });
    let room = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    service.clone().spawn(async move {
        loop {
            let Ok(turn) = Arc::clone(&room).acquire_owned().await else { return };
            let socket = match listener.accept().await {
                Ok((socket, _)) => socket,
                Err(error) => {
                    tracing::warn!(%error, "cannot accept a connection");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                    continue;
                }
            };
            let (acceptor, gateway) = (acceptor.clone(), Arc::clone(&gateway));
            service.spawn(async move {
                let _turn = turn;
                if let Err(error) = connection(gateway, acceptor, socket).await {
                    tracing::debug!(%error, "connection ended");
                }
            });
        }
    });
    Ok(())
}

async fn connection(
    gateway: Arc<Gateway>,
    acceptor: TlsAcceptor,
    mut socket: TcpStream,
) -> io::Result<()> {
    socket.set_nodelay(true)?;
    let handshake = async {
        let mut first = [0];
        if socket.peek(&mut first).await? == 1 && first != [0x16] {
            let text =
                "HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n";
            socket.write_all(text.as_bytes()).await?;
            socket.shutdown().await?;
            // What the client still sends is read, or its end would never see the answer.
            let mut rest = [0; 4096];
            while socket.read(&mut rest).await? > 0 {}
            return Err(io::Error::other("plain HTTP"));
        }
        acceptor.accept(socket).await
    };
    let stream = tokio::time::timeout(HANDSHAKE_LIMIT, handshake).await??;
    let certificates = stream.get_ref().1.peer_certificates().unwrap_or_default();
    let owner = certificates.first().and_then(tls::owner);
    let service = hyper::service::service_fn(move |request: Request<Incoming>| {
        let (gateway, owner) = (Arc::clone(&gateway), owner.clone());
        async move { Ok::<_, std::convert::Infallible>(gateway.answer(request, owner).await) }
    });
    let mut http = hyper::server::conn::http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(HEADER_LIMIT);
    let done = http.serve_connection(TokioIo::new(stream), service).with_upgrades().await;
    done.map_err(io::Error::other)
}

impl Gateway {
    async fn answer(
        self: Arc<Self>,
        request: Request<Incoming>,
        owner: Option<Address>,
    ) -> Response {
        let (method, path) = (request.method().clone(), request.uri().path().to_owned());
        let response = match Arc::clone(&self).act(request, owner).await {
            Ok(response) => response,
            Err(refused) => refused.into_response(),
        };
        tracing::debug!(%method, path, status = response.status().as_u16(), "request answered");
        response
    }

    async fn act(
        self: Arc<Self>,
        request: Request<Incoming>,
        owner: Option<Address>,
    ) -> Result<Response> {
        if request.uri().path().contains("//") {
            return Ok(moved(&request));
        }
        let route = route::parse(request.method(), request.uri().path())?;
        let chain = self.service.chain.as_ref();
        let caller = auth::caller(chain, &self.keys, request.headers(), owner.as_ref()).await?;
        match route {
            Route::Version => return Ok(answer::json(&status::version())),
            Route::Address => return Ok(answer::json(&status::address(&self.service))),
            Route::Status => return Ok(answer::json(&status::provider(&self.service))),
            Route::Declines => {
                let query = request.uri().query().unwrap_or_default();
                return Ok(answer::json(&status::declines(&self.service, query)));
            }
            _ => {}
        }
        let caller = caller.ok_or_else(Denied::unauthorized)?;
        match route {
            Route::PutManifest(dseq) => {
                let dseq = route::number(&dseq)?;
                let target = token::Target { dseq, gseq: 0, oseq: 0 };
                self.may(&caller, Some(target), Some(Scope::SendManifest))?;
                let body = self.body(request).await?;
                manifest::put(&self.service, &caller.owner, dseq, &body).await?;
                Ok(answer::empty(StatusCode::OK))
            }
            Route::GetManifest(lease) => {
                let (lease, _) = self.lease(&caller, &lease, Scope::GetManifest)?;
                manifest::get(&self.service, &lease)
            }
            Route::LeaseStatus(lease) => {
                let (lease, _) = self.lease(&caller, &lease, Scope::Status)?;
                status::lease(&self.service, &lease).await
            }
            Route::ServiceStatus(lease, name) => {
                let lease = self.lease_id(&caller, &lease)?;
                let services = self.may(&caller, Some(target(&lease)), None)?;
                if !services.allow(&name) {
                    return Err(Denied::unauthorized().into());
                }
                status::one_service(&self.service, &lease, &name).await
            }
            Route::Logs(lease) => {
                let (lease, services) = self.lease(&caller, &lease, Scope::Logs)?;
                streams::logs(Arc::clone(&self.service), request, lease, services).await
            }
            Route::Events(lease) => {
                let (lease, services) = self.lease(&caller, &lease, Scope::Events)?;
                streams::events(Arc::clone(&self.service), request, lease, services).await
            }
            Route::Shell(lease) => {
                let (lease, services) = self.lease(&caller, &lease, Scope::Shell)?;
                shell::shell(Arc::clone(&self.service), request, lease, services).await
            }
            Route::MigrateHostnames => {
                self.may(&caller, None, None)?;
                let body = self.body(request).await?;
                migrate::hostnames(&self.service, &caller.owner, &body)
            }
            Route::MigrateEndpoints => {
                self.may(&caller, None, None)?;
                let body = self.body(request).await?;
                migrate::endpoints(&self.service, &caller.owner, &body)
            }
            Route::Version | Route::Address | Route::Status | Route::Declines => {
                Err(answer::not_found())
            }
        }
    }

    fn may(
        &self,
        caller: &Caller,
        target: Option<token::Target>,
        scope: Option<Scope>,
    ) -> Result<token::Services> {
        Ok(caller.may(&self.service.address, target, scope)?)
    }

    /// The lease of a path: its owner is the caller, its provider is this one.
    fn lease_id(&self, caller: &Caller, path: &Lease) -> Result<LeaseId> {
        Ok(LeaseId {
            owner: caller.owner.clone(),
            dseq: route::number(&path.dseq)?,
            gseq: route::small(&path.gseq)?,
            oseq: route::small(&path.oseq)?,
            provider: self.service.address.clone(),
            bseq: 0,
        })
    }

    fn lease(
        &self,
        caller: &Caller,
        path: &Lease,
        scope: Scope,
    ) -> Result<(LeaseId, token::Services)> {
        let lease = self.lease_id(caller, path)?;
        let services = self.may(caller, Some(target(&lease)), Some(scope))?;
        Ok((lease, services))
    }

    async fn body(&self, request: Request<Incoming>) -> Result<Vec<u8>> {
        let limit = usize::try_from(self.service.config.gateway.body_limit.0).unwrap_or(usize::MAX);
        match axum::body::to_bytes(Body::new(request.into_body()), limit).await {
            Ok(bytes) => Ok(bytes.to_vec()),
            Err(_) => Err(Refused::text(
                StatusCode::PAYLOAD_TOO_LARGE,
                format!("the body is larger than {}", self.service.config.gateway.body_limit),
            )),
        }
    }
}

fn target(lease: &LeaseId) -> token::Target {
    token::Target { dseq: lease.dseq, gseq: lease.gseq, oseq: lease.oseq }
}

/// Double slashes are cleaned away by a redirect.
fn moved(request: &Request<Incoming>) -> Response {
    let mut path = request.uri().path().to_owned();
    while path.contains("//") {
        path = path.replace("//", "/");
    }
    let mut response = answer::empty(StatusCode::MOVED_PERMANENTLY);
    if let Ok(value) = path.parse() {
        response.headers_mut().insert(header::LOCATION, value);
    }
    response
}

/// A websocket is only for pages of the same host (4.1).
pub(crate) fn check_origin(request: &Request<Incoming>) -> Result<()> {
    let headers = request.headers();
    let Some(origin) = headers.get(header::ORIGIN).and_then(|it| it.to_str().ok()) else {
        return Ok(());
    };
    let host = headers.get(header::HOST).and_then(|it| it.to_str().ok()).unwrap_or_default();
    let authority = origin.split_once("://").map_or(origin, |it| it.1);
    if authority.eq_ignore_ascii_case(host) {
        Ok(())
    } else {
        Err(Refused::text(StatusCode::FORBIDDEN, "Forbidden"))
    }
}

/// Turns a request into a websocket, or says that it cannot be one.
pub(crate) async fn upgrade(request: Request<Incoming>) -> Result<axum::extract::WebSocketUpgrade> {
    use axum::extract::FromRequestParts as _;
    check_origin(&request)?;
    let is_get = request.method() == Method::GET;
    let (mut parts, _) = request.into_parts();
    let upgrade = axum::extract::WebSocketUpgrade::from_request_parts(&mut parts, &()).await;
    match upgrade {
        Ok(upgrade) if is_get => Ok(upgrade),
        _ => Err(Refused::text(StatusCode::BAD_REQUEST, "Bad Request")),
    }
}
