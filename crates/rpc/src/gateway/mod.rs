//! The REST gateway: HTTP rules of the descriptors, turned into calls by path and bytes.
//!
//! Source: cosmos.md 3.1-3.6. The routes are made at start from every `google.api.http` rule of a
//! method that the node serves; only those are named here that the reference answers over gRPC
//! alone.

mod template;

use std::{collections::BTreeMap, sync::Arc};

use axum::{
    extract::Request,
    http::{HeaderMap, HeaderValue, Method as Verb, StatusCode, header},
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use serde_json::{Value, json};
use types::{
    json::{self, JsonError, Unknown},
    registry::{Method, registry},
};

use self::template::Template;
use crate::{
    HEIGHT_HEADER,
    chain::QueryError,
    services::Services,
    status::{INTERNAL, INVALID_ARGUMENT, UNIMPLEMENTED, UNKNOWN},
};

/// Largest request body in bytes.
const MAX_BODY_BYTES: usize = 10 * 1024 * 1024;

/// Methods and services with HTTP rules that no REST route was made of.
const WITHOUT_REST: &[&str] = &[
    "/cosmos.autocli.",
    "/cosmos.base.reflection.",
    "/cosmos.reflection.",
    "/cosmwasm.wasm.v1.Query/WasmLimitsConfig",
    "/ibc.core.client.v2.",
];

/// The routes, by HTTP verb, in the order of declaration.
pub(crate) struct Gateway {
    services: Arc<Services>,
    routes: BTreeMap<&'static str, Vec<Route>>,
}

struct Route {
    template: Template,
    /// The field that the body fills; `*` for the whole message, empty for none.
    body: String,
    method: &'static Method,
}

impl Gateway {
    pub(crate) fn new(services: Arc<Services>) -> Self {
        let mut routes: BTreeMap<_, Vec<_>> = BTreeMap::new();
        let methods =
            registry().services().iter().filter(|it| !it.is_msg).flat_map(|it| &it.methods);
        let has_rest = |path: &str| !WITHOUT_REST.iter().any(|it| path.starts_with(it));
        for method in methods.filter(|it| has_rest(&it.path) && services.serves(&it.path)) {
            for rule in &method.http {
                if let Some(template) = Template::parse(&rule.template) {
                    let route = Route { template, body: rule.body.clone(), method };
                    routes.entry(rule.verb).or_default().push(route);
                }
            }
        }
        Self { services, routes }
    }

    /// The first route that matches, with the texts of its variables.
    fn find(&self, verb: &str, path: &str) -> Option<(&Route, Vec<(&str, String)>)> {
        let path = path.strip_prefix('/')?;
        let pieces: Vec<_> = path.split('/').collect();
        let routes = self.routes.get(verb)?;
        routes.iter().find_map(|it| Some((it, it.template.matches(&pieces)?)))
    }

    /// Which method a request means, and the encoded request; `None` when there is no such route.
    /// `body` is only looked at where the rule takes one.
    pub(crate) fn translate(
        &self,
        verb: &str,
        path: &str,
        pairs: &[(String, String)],
        body: &[u8],
    ) -> Result<Option<(&'static Method, Vec<u8>)>, QueryError> {
        let Some((route, variables)) = self.find(verb, path) else { return Ok(None) };
        let input = &registry().message(route.method.input).full_name;
        let invalid = |cause: String| QueryError::new(INVALID_ARGUMENT, cause);
        let mut request = Vec::new();
        if route.body == "*" {
            let json: Value = if body.is_empty() {
                json!({})
            } else {
                serde_json::from_slice(body).map_err(|it| invalid(it.to_string()))?
            };
            request = json::bytes_of(input, &json, Unknown::Ignore)
                .map_err(|it| invalid(cause_of(it)))?;
        } else {
            if !route.body.is_empty() {
                let json: Value =
                    serde_json::from_slice(body).map_err(|it| invalid(it.to_string()))?;
                let json = json!({route.body.as_str(): json});
                request = json::bytes_of(input, &json, Unknown::Ignore)
                    .map_err(|it| invalid(cause_of(it)))?;
            }
            // Repeated keys fill lists; keys keep the order of their first appearance.
            let mut keys: Vec<&str> = Vec::new();
            for (key, _) in pairs {
                if !keys.contains(&key.as_str()) {
                    keys.push(key);
                }
            }
            for key in keys.into_iter().filter(|key| !variables.iter().any(|(name, _)| name == key))
            {
                let texts: Vec<_> =
                    pairs.iter().filter(|(it, _)| it == key).map(|(_, it)| it.as_str()).collect();
                if let Some(field) =
                    json::bytes_of_text(input, key, &texts).map_err(|it| invalid(cause_of(it)))?
                {
                    request.extend(field);
                }
            }
        }
        // The variables come last, so that they win over anything else.
        for (field, text) in &variables {
            let bytes = json::bytes_of_text(input, field, &[text.as_str()]).map_err(|it| {
                invalid(format!("type mismatch, parameter: {field}, error: {}", cause_of(it)))
            })?;
            request.extend(bytes.unwrap_or_default());
        }
        Ok(Some((route.method, request)))
    }

    /// Answers one request.
    pub(crate) async fn answer(&self, request: Request) -> Response {
        match self.try_answer(request).await {
            Ok(response) => response,
            Err(error) => error_response(&error),
        }
    }

    async fn try_answer(&self, request: Request) -> Result<Response, QueryError> {
        let not_implemented = || QueryError::new(UNIMPLEMENTED, "Not Implemented");
        let height = height_of(request.headers())?;
        let path = percent_decode(request.uri().path());
        let mut pairs = query_pairs(request.uri().query().unwrap_or_default());
        let is_form = request
            .headers()
            .get(header::CONTENT_TYPE)
            .is_some_and(|it| it.as_bytes().starts_with(b"application/x-www-form-urlencoded"));
        let verb = request.method().clone();
        let body = axum::body::to_bytes(request.into_body(), MAX_BODY_BYTES)
            .await
            .map_err(|_| QueryError::new(INVALID_ARGUMENT, "http: request body too large"))?;
        let mut verb = if verb == Verb::HEAD { "GET".to_owned() } else { verb.to_string() };
        if verb == "POST" && is_form && self.find("POST", &path).is_none() {
            // A form that is posted to a GET route is served as one.
            pairs.extend(query_pairs(&String::from_utf8_lossy(&body)));
            verb = "GET".to_owned();
        }
        let (method, bytes) =
            self.translate(&verb, &path, &pairs, &body)?.ok_or_else(not_implemented)?;
        let answer = match self.services.call(&method.path, Bytes::from(bytes), height).await {
            Ok(answer) => answer,
            Err(error) => {
                // A refusal by a method that was reached tells which height it was reached at.
                let mut response = error_response(&error);
                if let Some(height) = self.services.height_shown(&method.path, height)
                    && let Ok(height) = HeaderValue::from_str(&height.to_string())
                {
                    response.headers_mut().insert(HEIGHT_HEADER, height);
                }
                return Ok(response);
            }
        };
        let output = &registry().message(method.output).full_name;
        let text = json::text_of(output, &answer.value)
            .map_err(|it| QueryError::new(INTERNAL, it.to_string()))?;
        let mut response = ([(header::CONTENT_TYPE, "application/json")], text).into_response();
        if answer.height > 0
            && let Ok(height) = HeaderValue::from_str(&answer.height.to_string())
        {
            response.headers_mut().insert(HEIGHT_HEADER, height);
        }
        Ok(response)
    }
}

/// The words of a conversion error that clients see: the cause alone.
fn cause_of(error: JsonError) -> String {
    match error {
        JsonError::Value { cause, .. } => cause,
        other => other.to_string(),
    }
}

/// The body of a refusal: `{"code":…,"message":…,"details":[]}`.
pub(crate) fn error_response(error: &QueryError) -> Response {
    let status =
        StatusCode::from_u16(error.http_status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut message = String::new();
    json::go_string(&error.message, &mut message);
    let text = format!("{{\"code\":{},\"message\":{message},\"details\":[]}}", error.grpc_code);
    (status, [(header::CONTENT_TYPE, "application/json")], text).into_response()
}

/// The height that a request asks for; 0 is the latest.
pub(crate) fn height_of(headers: &HeaderMap) -> Result<i64, QueryError> {
    let names = [HEIGHT_HEADER, "grpc-metadata-x-cosmos-block-height"];
    let Some(value) = names.iter().find_map(|it| headers.get(*it)) else { return Ok(0) };
    let text = String::from_utf8_lossy(value.as_bytes()).into_owned();
    if text.is_empty() {
        return Ok(0);
    }
    text.parse().map_err(|_| {
        QueryError::new(
            UNKNOWN,
            format!(
                "codespace sdk code 18: invalid request: Baseapp.RegisterGRPCServer: invalid height \
                 header \"{HEIGHT_HEADER}\": strconv.ParseInt: parsing {text:?}: invalid syntax"
            ),
        )
    })
}

/// The pairs of a query string, decoded, in order.
pub(crate) fn query_pairs(query: &str) -> Vec<(String, String)> {
    query
        .split('&')
        .filter(|it| !it.is_empty())
        .map(|pair| {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            let decode = |text: &str| percent_decode(&text.replace('+', " "));
            (decode(key), decode(value))
        })
        .collect()
}

/// Replaces `%41` by `A`; what is no such escape stays.
fn percent_decode(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let escaped =
            (*first == b'%').then(|| after.get(..2)).flatten().and_then(|it| hex::decode(it).ok());
        match escaped {
            Some(decoded) => {
                bytes.extend(decoded);
                rest = after.get(2..).unwrap_or_default();
            }
            None => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
