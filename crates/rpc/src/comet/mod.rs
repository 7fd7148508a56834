//! CometBFT JSON-RPC over HTTP (POST and GET) and WebSocket.
//!
//! Source: cosmos.md 2. `args` and `evidence` read requests, `methods` answers them, `shapes` prints, `ws` and
//! `events` serve subscriptions; this file is the HTTP transport.

mod args;
mod events;
mod evidence;
mod methods;
mod shapes;
pub(crate) mod ws;

use std::sync::{Arc, atomic::AtomicUsize};

use axum::{
    Router,
    body::Body,
    extract::{
        DefaultBodyLimit, Path, Request, State,
        ws::{WebSocketUpgrade, rejection::WebSocketUpgradeRejection},
    },
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
    routing::{any, get},
};
use bytes::Bytes;
use serde_json::{Map, Value};

pub(crate) use self::methods::Methods;
use self::{
    args::{Args, Cache, METHODS, Method, method_by_name},
    methods::RpcError,
};

/// Largest request body in bytes.
const MAX_BODY_BYTES: usize = 1_000_000;
/// Most requests in one batch.
const MAX_BATCH: usize = 10;

/// What every handler of this listener shares.
#[derive(Clone)]
pub(crate) struct Comet {
    pub(crate) methods: Arc<Methods>,
    /// WebSocket connections that hold a subscription.
    pub(crate) subscribers: Arc<AtomicUsize>,
    /// Tells connections to end.
    pub(crate) stop: tokio::sync::watch::Receiver<bool>,
}

/// The routes of the listener.
pub(crate) fn router(comet: Comet) -> Router {
    Router::new()
        .route("/", any(post))
        .route("/websocket", get(upgrade))
        .route("/{method}", get(uri).post(uri_post))
        .fallback(|| async { not_found() })
        .layer(DefaultBodyLimit::disable())
        .with_state(comet)
}

fn not_found() -> Response {
    (
        StatusCode::NOT_FOUND,
        [(header::CONTENT_TYPE, "text/plain; charset=utf-8")],
        "404 page not found\n",
    )
        .into_response()
}

/// A response object: `result` or `error`, never both.
fn envelope(id: Option<&Value>, outcome: Result<Value, RpcError>) -> Value {
    let mut shown = Map::new();
    shown.insert("jsonrpc".into(), Value::from("2.0"));
    if let Some(id) = id {
        shown.insert("id".into(), id.clone());
    }
    match outcome {
        Ok(result) => shown.insert("result".into(), result),
        Err(error) => shown.insert("error".into(), error.to_json()),
    };
    Value::Object(shown)
}

fn json_response(status: StatusCode, body: &Value, cache: bool) -> Response {
    let mut response =
        (status, [(header::CONTENT_TYPE, "application/json")], body.to_string()).into_response();
    if cache {
        response
            .headers_mut()
            .insert(header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=86400"));
    }
    response
}

/// Whether the answer to this call may be cached.
fn cacheable(method: &Method, args: &Args) -> bool {
    match method.cache {
        Cache::Never => false,
        Cache::Always => true,
        Cache::WithHeight => args.int("height").is_some(),
    }
}

/// One request of a body, read as far as it is needed.
struct Call {
    id: Option<Value>,
    method: String,
    params: Option<Value>,
}

/// Reads one request object. The id of a notification is none.
fn read_call(json: &Value) -> Result<Call, RpcError> {
    let Some(members) = json.as_object() else {
        return Err(RpcError::parse("json: cannot unmarshal into a request"));
    };
    let id = match members.get("id") {
        None | Some(Value::Null) => None,
        Some(Value::String(it)) => Some(Value::from(it.clone())),
        Some(Value::Number(it)) => {
            // A fraction is cut off, as the reference does.
            let whole = it
                .as_i64()
                .or_else(|| it.to_string().split('.').next().and_then(|it| it.parse::<i64>().ok()));
            Some(Value::from(whole.unwrap_or_default()))
        }
        Some(_) => return Err(RpcError::parse("json-rpc ID (object) is of unknown type")),
    };
    let method = members.get("method").and_then(Value::as_str).unwrap_or_default().to_owned();
    Ok(Call { id, method, params: members.get("params").cloned() })
}

impl Comet {
    /// Answers one request that has an id; also says whether the answer may be cached.
    async fn answer(&self, call: &Call) -> (Result<Value, RpcError>, bool) {
        let Some(method) = method_by_name(&call.method) else {
            return (Err(RpcError::method_not_found()), false);
        };
        let args = match Args::from_json(method.args, call.params.as_ref()) {
            Ok(args) => args,
            Err(cause) => {
                let cause = format!("error converting json params to arguments: {cause}");
                return (Err(RpcError::invalid_params(cause)), false);
            }
        };
        let outcome = self.methods.call(method, &args).await;
        let cache = outcome.is_ok() && cacheable(method, &args);
        (outcome, cache)
    }
}

async fn post(State(comet): State<Comet>, request: Request) -> Response {
    let body = match axum::body::to_bytes(request.into_body(), MAX_BODY_BYTES).await {
        Ok(it) => it,
        Err(_) => {
            let cause = "error reading request body: http: request body too large";
            let error = envelope(None, Err(RpcError::invalid_request(cause)));
            return json_response(StatusCode::BAD_REQUEST, &error, false);
        }
    };
    if body.is_empty() {
        return list_methods().await;
    }
    let json: Value = match serde_json::from_slice(&body) {
        Ok(it) => it,
        Err(error) => {
            let error = envelope(None, Err(RpcError::parse(&error.to_string())));
            return json_response(StatusCode::INTERNAL_SERVER_ERROR, &error, false);
        }
    };
    let calls = match &json {
        Value::Array(list) => list.iter().collect(),
        one => vec![one],
    };
    if calls.len() > MAX_BATCH {
        let cause =
            format!("batch request exceeds maximum ({MAX_BATCH}) allowed number of requests");
        let error = envelope(None, Err(RpcError::invalid_request(cause)));
        return json_response(StatusCode::OK, &error, false);
    }
    let mut answers = Vec::new();
    let mut cache = true;
    for call in calls {
        let call = match read_call(call) {
            Ok(it) => it,
            Err(error) => {
                let error = envelope(None, Err(error));
                return json_response(StatusCode::INTERNAL_SERVER_ERROR, &error, false);
            }
        };
        // A request without id is a notification, which nothing here acts upon.
        let Some(id) = &call.id else { continue };
        let (outcome, cacheable) = comet.answer(&call).await;
        cache &= cacheable;
        answers.push(envelope(Some(id), outcome));
    }
    match answers.as_slice() {
        [] => StatusCode::OK.into_response(),
        [one] => json_response(StatusCode::OK, one, cache),
        several => json_response(StatusCode::OK, &Value::from(several), cache),
    }
}

/// `GET /method?arg=value`; answers always carry the id -1.
async fn uri(State(comet): State<Comet>, Path(name): Path<String>, request: Request) -> Response {
    let id = Value::from(-1);
    if matches!(name.as_str(), "subscribe" | "unsubscribe" | "unsubscribe_all") {
        let error = envelope(Some(&id), Err(RpcError::method_not_found()));
        return json_response(StatusCode::NOT_FOUND, &error, false);
    }
    let Some(method) = method_by_name(&name) else { return not_found() };
    let pairs = crate::gateway::query_pairs(request.uri().query().unwrap_or_default());
    let (outcome, cache) = match Args::from_uri(method.args, &pairs) {
        Ok(args) => {
            let outcome = comet.methods.call(method, &args).await;
            let cache = outcome.is_ok() && cacheable(method, &args);
            (outcome, cache)
        }
        Err(cause) => {
            let cause = format!("error converting http params to arguments: {cause}");
            (Err(RpcError::invalid_params(cause)), false)
        }
    };
    let status = match outcome {
        Ok(_) => StatusCode::OK,
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR,
    };
    json_response(status, &envelope(Some(&id), outcome), cache)
}

/// `POST /method` answers like the URI form.
async fn uri_post(state: State<Comet>, path: Path<String>, request: Request) -> Response {
    uri(state, path, request).await
}

/// The list that a person sees who opens the port in a browser.
async fn list_methods() -> Response {
    let mut html = String::from("<html><body><br>Available endpoints:<br>");
    for method in METHODS {
        let args: Vec<_> = method.args.iter().map(|(name, _)| format!("{name}=_")).collect();
        let path = format!("/{}?{}", method.name, args.join("&amp;"));
        html.push_str(&format!("<a href=\"{path}\">{path}</a><br>"));
    }
    html.push_str("</body></html>");
    ([(header::CONTENT_TYPE, "text/html")], Body::from(Bytes::from(html))).into_response()
}

async fn upgrade(
    State(comet): State<Comet>,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Response {
    let Ok(upgrade) = upgrade else {
        let kind = [(header::CONTENT_TYPE, "text/plain; charset=utf-8")];
        return (StatusCode::BAD_REQUEST, kind, "Bad Request\n").into_response();
    };
    upgrade.max_message_size(MAX_BODY_BYTES).on_upgrade(move |socket| ws::serve(comet, socket))
}
