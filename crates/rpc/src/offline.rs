//! The answers of the listeners without listeners: for replays and tests, which ask the very
//! routers that the sockets serve.
//!
//! Called by `node::replay`. Owns nothing but the routers.

use std::{
    sync::{Arc, atomic::AtomicUsize},
    time::Duration,
};

use axum::{
    Router,
    body::Body,
    http::{HeaderMap, Request, header::CONTENT_TYPE},
};
use bytes::Bytes;
use tokio::sync::watch;
use tower::ServiceExt as _;

use crate::{
    HEIGHT_HEADER,
    chain::{Chain, QueryResult},
    comet::{self, Comet, Methods},
    gateway::Gateway,
    grpc, server,
    services::Services,
};

/// Largest answer that is kept, in bytes.
const MAX_ANSWER_BYTES: usize = 64 * 1024 * 1024;

/// What a listener would have sent.
#[derive(Clone, Debug)]
pub struct Reply {
    /// The HTTP status.
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Bytes,
}

/// What a client would have sent.
#[derive(Clone, Debug, Default)]
pub struct Question {
    /// `GET` when empty.
    pub verb: String,
    /// Path and query, as in the first line of a request.
    pub path: String,
    /// Further headers, names in lower case.
    pub headers: Vec<(String, String)>,
    pub body: Bytes,
    /// The height that the header asks for; 0 sends none.
    pub height: i64,
}

/// The listeners' answers over one node.
pub struct Offline {
    comet: Router,
    rest: Router,
    services: Arc<Services>,
    // Dropping it would tell connections to end.
    _stop: watch::Sender<bool>,
}

impl Offline {
    /// Over a node. `rpc_address` is what `status` says of the listener, such as
    /// `tcp://0.0.0.0:26657`; `commit_timeout` is how long `broadcast_tx_commit` waits.
    pub fn new(chain: Arc<dyn Chain>, rpc_address: String, commit_timeout: Duration) -> Self {
        let (stop, stopped) = watch::channel(false);
        let services =
            Arc::new(Services { chain: chain.clone(), rpc_address: rpc_address.clone() });
        let methods =
            Arc::new(Methods { chain, services: services.clone(), commit_timeout, rpc_address });
        let comet = Comet { methods, subscribers: Arc::new(AtomicUsize::new(0)), stop: stopped };
        let gateway = Gateway::new(services.clone());
        let rest = server::rest_router(gateway, grpc::Server::new(services.clone()));
        Self { comet: comet::router(comet), rest, services, _stop: stop }
    }

    /// What the REST gateway answers.
    ///
    /// # Errors
    /// A text about a question that no HTTP client could send.
    pub async fn rest(&self, question: &Question) -> Result<Reply, String> {
        ask(&self.rest, question).await
    }

    /// What the CometBFT listener answers.
    ///
    /// # Errors
    /// A text about a question that no HTTP client could send.
    pub async fn comet(&self, question: &Question) -> Result<Reply, String> {
        ask(&self.comet, question).await
    }

    /// What gRPC answers to `/package.Service/Method` at a height (0: the latest).
    ///
    /// # Errors
    /// The status that the call ends with.
    pub async fn grpc(&self, path: &str, data: Bytes, height: i64) -> QueryResult {
        if !self.services.serves(path) {
            return Err(grpc::unserved(&self.services, path));
        }
        self.services.call(path, data, height).await
    }
}

/// One request through a router.
async fn ask(router: &Router, question: &Question) -> Result<Reply, String> {
    let verb = if question.verb.is_empty() { "GET" } else { &question.verb };
    let mut request = Request::builder().method(verb).uri(escaped(&question.path));
    if question.height != 0 {
        request = request.header(HEIGHT_HEADER, question.height.to_string());
    }
    if !question.body.is_empty() {
        request = request.header(CONTENT_TYPE, "application/json");
    }
    for (name, value) in &question.headers {
        request = request.header(name, value);
    }
    let request = request.body(Body::from(question.body.clone())).map_err(|it| it.to_string())?;
    let response = match router.clone().oneshot(request).await {
        Ok(response) => response,
        Err(never) => match never {},
    };
    let (head, body) = response.into_parts();
    let body = axum::body::to_bytes(body, MAX_ANSWER_BYTES)
        .await
        .map_err(|it: axum::Error| it.to_string())?;
    Ok(Reply { status: head.status.as_u16(), headers: head.headers, body })
}

/// Escapes what a URI must not hold, as the listeners do with the first line of a request.
fn escaped(path: &str) -> String {
    use std::fmt::Write as _;
    let mut out = String::with_capacity(path.len());
    for byte in path.bytes() {
        if byte.is_ascii_graphic() && !b"\"<>\\^`{|}".contains(&byte) {
            out.push(char::from(byte));
        } else {
            // Writing to a string cannot fail.
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}
