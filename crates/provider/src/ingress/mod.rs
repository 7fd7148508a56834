//! HTTP for tenants' host names: a reverse proxy on a plain listener (spec `provider.md` 9.7).
//!
//! Called by: [`crate::run`]. Calls: the machine room for targets, then the containers. Routes by
//! host name, tries further replicas as the expose's options say, and passes websockets through.

pub(crate) mod pages;

use std::{
    collections::BTreeMap,
    convert::Infallible,
    net::{IpAddr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use axum::{body::Body, response::Response};
use backend::HttpOptions;
use http::{
    HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode, Version,
    header::{CONNECTION, CONTENT_LENGTH, HOST, UPGRADE},
};
use http_body_util::{BodyExt as _, Limited};
use hyper::body::Incoming;
use hyper_util::rt::{TokioIo, TokioTimer};
use parking_lot::Mutex;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Semaphore,
};
use types::ids::LeaseId;

use crate::{gateway::status::wanted, service::Service};

const HEADER_LIMIT: Duration = Duration::from_secs(10);
const CONNECT_LIMIT: Duration = Duration::from_secs(5);
const CONNECTIONS_MAX: usize = 8192;
/// What the machine room said about targets is believed for so long.
const TARGETS_AGE: Duration = Duration::from_millis(500);
/// Bodies up to this are kept, so that another replica can be tried.
const REPLAY_MAX: usize = 64 * 1024;

/// Where a host name leads.
#[derive(Debug, Clone)]
struct Place {
    lease: LeaseId,
    service: String,
    options: HttpOptions,
}

/// Addresses of one service's replicas, and when they were seen.
type Targets = (Instant, Vec<SocketAddr>);

pub(crate) struct Ingress {
    service: Arc<Service>,
    targets: Mutex<BTreeMap<(LeaseId, String), Targets>>,
    /// Host names, as of a version of the service's routes.
    routes: Mutex<(u64, BTreeMap<String, Place>)>,
    turn: AtomicUsize,
}

/// Serves until the service stops.
pub(crate) fn serve(service: Arc<Service>, listener: TcpListener) {
    let ingress = Arc::new(Ingress {
        service: Arc::clone(&service),
        targets: Mutex::default(),
        routes: Mutex::default(),
        turn: AtomicUsize::new(0),
    });
    let room = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    service.clone().spawn(async move {
        loop {
            let Ok(turn) = Arc::clone(&room).acquire_owned().await else { return };
            let Ok((socket, from)) = listener.accept().await else {
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            };
            let ingress = Arc::clone(&ingress);
            service.spawn(async move {
                let _turn = turn;
                let _ = socket.set_nodelay(true);
                let answer = hyper::service::service_fn(move |request| {
                    let ingress = Arc::clone(&ingress);
                    async move { Ok::<_, Infallible>(ingress.answer(request, from).await) }
                });
                let mut http = hyper::server::conn::http1::Builder::new();
                http.timer(TokioTimer::new()).header_read_timeout(HEADER_LIMIT);
                let connection = http.serve_connection(TokioIo::new(socket), answer);
                if let Err(error) = connection.with_upgrades().await {
                    tracing::debug!(%error, "ingress connection ended");
                }
            });
        }
    });
}

/// Why one attempt gave no answer to pass on.
enum Miss {
    Error,
    Timeout,
}

impl Ingress {
    async fn answer(&self, request: Request<Incoming>, from: SocketAddr) -> Response {
        let host = host_of(&request);
        let Some(place) = host.as_deref().and_then(|it| self.find(it)) else {
            return pages::unknown_host(host.as_deref().unwrap_or_default());
        };
        let targets = self.targets(&place).await;
        if targets.is_empty() {
            return pages::no_replica(&place.service);
        }
        if is_upgrade(request.headers()) {
            return self.tunnel(request, from, &place, &targets).await;
        }
        self.forward(request, from, &place, targets).await
    }

    /// The service that a host name leads to now.
    fn find(&self, host: &str) -> Option<Place> {
        let version = self.service.routes.load(Ordering::Acquire);
        let mut routes = self.routes.lock();
        if routes.0 != version {
            *routes = (version, self.table());
        }
        routes.1.get(host).cloned()
    }

    /// Every host name that is served.
    fn table(&self) -> BTreeMap<String, Place> {
        let leases: Vec<LeaseId> = self.service.state().kept.keys().cloned().collect();
        let mut table = BTreeMap::new();
        for lease in leases {
            let Some(workload) = wanted(&self.service, &lease) else { continue };
            for it in &workload.services {
                for expose in it.exposes.iter().filter(|it| it.is_http()) {
                    for host in &expose.hosts {
                        let place = Place {
                            lease: lease.clone(),
                            service: it.name.clone(),
                            options: expose.http.clone(),
                        };
                        table.insert(host.to_ascii_lowercase(), place);
                    }
                }
            }
        }
        table
    }

    /// Addresses of the replicas that can be reached, each request beginning with another one.
    async fn targets(&self, place: &Place) -> Vec<SocketAddr> {
        let key = (place.lease.clone(), place.service.clone());
        let known = self.targets.lock().get(&key).cloned();
        let mut targets = match known {
            Some((at, them)) if at.elapsed() < TARGETS_AGE && !them.is_empty() => them,
            _ => {
                let status = self.service.backend.status(&place.lease).await;
                let service =
                    status.ok().flatten().and_then(|mut it| it.services.remove(&place.service));
                let targets = service.map(|it| it.targets).unwrap_or_default();
                let targets = targets.iter().filter(|it| it.http);
                let fresh: Vec<SocketAddr> =
                    targets.map(|it| SocketAddr::new(it.ip, it.port)).collect();
                let mut kept = self.targets.lock();
                kept.retain(|_, (at, _)| at.elapsed() < TARGETS_AGE);
                kept.insert(key, (Instant::now(), fresh.clone()));
                fresh
            }
        };
        if !targets.is_empty() {
            let first = self.turn.fetch_add(1, Ordering::Relaxed) % targets.len();
            targets.rotate_left(first);
        }
        targets
    }

    async fn forward(
        &self,
        request: Request<Incoming>,
        from: SocketAddr,
        place: &Place,
        targets: Vec<SocketAddr>,
    ) -> Response {
        let options = &place.options;
        let limit = usize::try_from(options.max_body_bytes).unwrap_or(usize::MAX);
        let length = request.headers().get(CONTENT_LENGTH);
        let length: Option<usize> = length.and_then(|it| it.to_str().ok()?.parse().ok());
        if limit > 0 && length.is_some_and(|it| it > limit) {
            return pages::too_large(options.max_body_bytes);
        }
        let (mut parts, body) = request.into_parts();
        let host = parts.headers.get(HOST).cloned();
        strip(&mut parts.headers);
        add_forwarded(&mut parts.headers, from.ip(), host.as_ref());
        if let Some(host) = host {
            parts.headers.insert(HOST, host);
        }
        parts.version = Version::HTTP_11;
        parts.uri = origin_form(&parts.uri);

        let idempotent = matches!(
            parts.method,
            Method::GET
                | Method::HEAD
                | Method::OPTIONS
                | Method::PUT
                | Method::DELETE
                | Method::TRACE
        );
        let no_body = length.unwrap_or(0) == 0 && hyper::body::Body::is_end_stream(&body);
        let small = no_body || length.is_some_and(|it| it <= REPLAY_MAX);
        if !(idempotent && small) {
            let body =
                if limit > 0 { Body::new(Limited::new(body, limit)) } else { Body::new(body) };
            let Some(target) = targets.first() else { return pages::no_replica(&place.service) };
            let sent = attempt(*target, Request::from_parts(parts, body), options).await;
            return sent.unwrap_or_else(|miss| {
                pages::bad_gateway(&place.service, matches!(miss, Miss::Timeout))
            });
        }
        let Ok(body) = body.collect().await else {
            return pages::bad_request();
        };
        let body = body.to_bytes();
        let tries = usize::try_from(options.next_tries.max(1)).unwrap_or(1);
        let until = (options.next_timeout_ms > 0)
            .then(|| Instant::now() + Duration::from_millis(options.next_timeout_ms.into()));
        let mut last = None;
        for (index, target) in targets.iter().enumerate().take(tries) {
            if index > 0 && until.is_some_and(|it| Instant::now() > it) {
                break;
            }
            let mut request = Request::new(Body::from(body.clone()));
            request.method_mut().clone_from(&parts.method);
            request.uri_mut().clone_from(&parts.uri);
            request.headers_mut().clone_from(&parts.headers);
            let sent = attempt(*target, request, options).await;
            let next = match &sent {
                Ok(response) => goes_on(options, response.status().as_str()),
                Err(Miss::Error) => goes_on(options, "error"),
                Err(Miss::Timeout) => goes_on(options, "timeout"),
            };
            last = Some(sent);
            if !next {
                break;
            }
        }
        match last {
            Some(Ok(response)) => response,
            Some(Err(Miss::Timeout)) => pages::bad_gateway(&place.service, true),
            _ => pages::bad_gateway(&place.service, false),
        }
    }

    /// Joins the two sides of a connection that leaves HTTP, such as a websocket.
    async fn tunnel(
        &self,
        mut request: Request<Incoming>,
        from: SocketAddr,
        place: &Place,
        targets: &[SocketAddr],
    ) -> Response {
        let Some(target) = targets.first() else { return pages::no_replica(&place.service) };
        let ours = hyper::upgrade::on(&mut request);
        let (mut parts, body) = request.into_parts();
        let host = parts.headers.get(HOST).cloned();
        add_forwarded(&mut parts.headers, from.ip(), host.as_ref());
        parts.uri = origin_form(&parts.uri);
        let request = Request::from_parts(parts, Body::new(body));
        let sent = attempt(*target, request, &place.options).await;
        let mut response = match sent {
            Ok(it) => it,
            Err(miss) => return pages::bad_gateway(&place.service, matches!(miss, Miss::Timeout)),
        };
        if response.status() != StatusCode::SWITCHING_PROTOCOLS {
            return response;
        }
        let theirs = hyper::upgrade::on(&mut response);
        self.service.spawn(async move {
            if let (Ok(ours), Ok(theirs)) = (ours.await, theirs.await) {
                let (mut ours, mut theirs) = (TokioIo::new(ours), TokioIo::new(theirs));
                let _ = tokio::io::copy_bidirectional(&mut ours, &mut theirs).await;
            }
        });
        response
    }
}

/// Whether the case means that the next replica is tried.
fn goes_on(options: &HttpOptions, case: &str) -> bool {
    let off = options.next_cases.iter().any(|it| it == "off");
    !off && options.next_cases.iter().any(|it| it == case)
}

/// One request to one replica.
async fn attempt(
    target: SocketAddr,
    request: Request<Body>,
    options: &HttpOptions,
) -> Result<Response, Miss> {
    let wait = |ms: u32| match ms {
        0 => Duration::from_secs(60),
        ms => Duration::from_millis(ms.into()),
    };
    let socket = tokio::time::timeout(CONNECT_LIMIT, TcpStream::connect(target)).await;
    let socket = socket.map_err(|_| Miss::Timeout)?.map_err(|_| Miss::Error)?;
    let _ = socket.set_nodelay(true);
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(socket))
        .await
        .map_err(|_| Miss::Error)?;
    tokio::spawn(connection.with_upgrades());
    let limit = wait(options.read_timeout_ms).max(wait(options.send_timeout_ms));
    let response = tokio::time::timeout(limit, sender.send_request(request)).await;
    let response = response.map_err(|_| Miss::Timeout)?.map_err(|_| Miss::Error)?;
    let mut response = response.map(Body::new);
    if response.status() != StatusCode::SWITCHING_PROTOCOLS {
        strip(response.headers_mut());
    }
    // The connection lives as long as its answer is read; one request per connection.
    drop(sender);
    Ok(response)
}

/// The host that the client asked for, without its port, lower case.
fn host_of<B>(request: &Request<B>) -> Option<String> {
    let host = request.headers().get(HOST).and_then(|it| it.to_str().ok());
    let host = host.or_else(|| request.uri().host())?;
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|it| it.is_ascii_digit()) => name,
        _ => host,
    };
    Some(name.trim_end_matches('.').to_ascii_lowercase())
}

fn origin_form(uri: &http::Uri) -> http::Uri {
    let path = uri.path_and_query().map_or("/", |it| it.as_str());
    path.parse().unwrap_or_default()
}

fn is_upgrade(headers: &HeaderMap) -> bool {
    let connection = headers.get(CONNECTION).and_then(|it| it.to_str().ok()).unwrap_or_default();
    headers.contains_key(UPGRADE)
        && connection.split(',').any(|it| it.trim().eq_ignore_ascii_case("upgrade"))
}

/// Headers between two neighbours go no further (RFC 9110, 7.6.1).
fn strip(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = headers
        .get_all(CONNECTION)
        .iter()
        .filter_map(|it| it.to_str().ok())
        .flat_map(|it| it.split(','))
        .filter_map(|it| it.trim().parse().ok())
        .collect();
    for name in named {
        headers.remove(name);
    }
    for name in [
        "connection",
        "keep-alive",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    ] {
        headers.remove(name);
    }
}

fn add_forwarded(headers: &mut HeaderMap, from: IpAddr, host: Option<&HeaderValue>) {
    let earlier = headers.get("x-forwarded-for").and_then(|it| it.to_str().ok());
    let chain = earlier.map_or(from.to_string(), |it| format!("{it}, {from}"));
    let values = [("x-forwarded-for", chain), ("x-real-ip", from.to_string())];
    for (name, value) in values {
        if let Ok(value) = HeaderValue::from_str(&value) {
            headers.insert(name, value);
        }
    }
    headers.insert("x-forwarded-proto", HeaderValue::from_static("http"));
    if let Some(host) = host {
        headers.insert("x-forwarded-host", host.clone());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_read_without_its_port_and_case() {
        let of =
            |host: &str| host_of(&Request::builder().header(HOST, host).body(()).unwrap()).unwrap();
        assert_eq!(of("Web.Example:8080"), "web.example");
        assert_eq!(of("web.example."), "web.example");
        assert_eq!(of("[::1]:80"), "[::1]");
    }

    #[test]
    fn headers_between_neighbours_are_not_passed_on() {
        let mut headers = HeaderMap::new();
        headers.insert("connection", HeaderValue::from_static("keep-alive, x-hop"));
        headers.insert("x-hop", HeaderValue::from_static("1"));
        headers.insert("te", HeaderValue::from_static("trailers"));
        headers.insert("x-stays", HeaderValue::from_static("1"));
        strip(&mut headers);
        assert_eq!(headers.keys().map(HeaderName::as_str).collect::<Vec<_>>(), ["x-stays"]);
    }

    #[test]
    fn the_next_replica_is_tried_on_the_listed_cases_only() {
        let with = |cases: &[&str]| HttpOptions {
            next_cases: cases.iter().map(ToString::to_string).collect(),
            ..HttpOptions::default()
        };
        assert!(goes_on(&with(&["error", "502"]), "502"));
        assert!(!goes_on(&with(&["error"]), "timeout"));
        assert!(!goes_on(&with(&["error", "off"]), "error"));
    }
}
