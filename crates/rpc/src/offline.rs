//! The answers of the listeners without listeners: for replays and tests, which ask the very
//! routers that the sockets serve.
//!
//! Called by `node::replay`. Owns nothing but the routers.

use std::{
    pin::Pin,
    sync::{Arc, atomic::AtomicUsize},
    task::{Context, Poll},
    time::Duration,
};

use axum::{
    Router,
    body::Body,
    extract::ws::Message,
    http::{HeaderMap, Request, header::CONTENT_TYPE},
};
use bytes::Bytes;
use futures::{
    FutureExt as _, Sink, SinkExt as _, Stream, StreamExt as _, channel::mpsc, future::BoxFuture,
};
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

/// A WebSocket connection without a socket.
pub struct Wire {
    to: mpsc::Sender<Message>,
    from: mpsc::Receiver<Message>,
}

impl Wire {
    /// Sends a text frame.
    ///
    /// # Errors
    /// A text, when the connection has ended.
    pub fn send(&mut self, text: &str) -> Result<(), String> {
        self.to.try_send(Message::Text(text.into())).map_err(|it| it.to_string())
    }

    /// The next text frame that has come.
    pub fn received(&mut self) -> Option<String> {
        while let Ok(frame) = self.from.try_recv() {
            if let Message::Text(text) = frame {
                return Some(text.to_string());
            }
        }
        None
    }
}

/// The other end.
struct Served {
    incoming: mpsc::Receiver<Message>,
    outgoing: mpsc::Sender<Message>,
}

impl Stream for Served {
    type Item = Result<Message, axum::Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.incoming.poll_next_unpin(cx).map(|it| it.map(Ok))
    }
}

impl Sink<Message> for Served {
    type Error = mpsc::SendError;

    fn poll_ready(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.outgoing.poll_ready(cx)
    }

    fn start_send(mut self: Pin<&mut Self>, frame: Message) -> Result<(), Self::Error> {
        self.outgoing.start_send(frame)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.outgoing.poll_flush_unpin(cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.outgoing.poll_close_unpin(cx)
    }
}

/// Frames that may wait in each direction of a [`Wire`].
const WIRE_FRAMES: usize = 256;

/// The listeners' answers over one node.
pub struct Offline {
    sockets: Comet,
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
        let sockets = comet.clone();
        let gateway = Gateway::new(services.clone());
        let rest = server::rest_router(gateway, grpc::Server::new(services.clone()));
        Self { sockets, comet: comet::router(comet), rest, services, _stop: stop }
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

impl Offline {
    /// A WebSocket connection, and the task that serves it.
    pub fn connect(&self) -> (Wire, BoxFuture<'static, ()>) {
        let (to, incoming) = mpsc::channel(WIRE_FRAMES);
        let (outgoing, from) = mpsc::channel(WIRE_FRAMES);
        let served = Served { incoming, outgoing };
        (Wire { to, from }, comet::ws::serve(self.sockets.clone(), served).boxed())
    }

    /// The services that server reflection lists.
    #[must_use]
    pub fn reflected(&self) -> Vec<String> {
        crate::reflection::Reflection::new(&self.services).names().to_vec()
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
