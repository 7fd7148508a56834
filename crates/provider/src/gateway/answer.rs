//! Answers in the reference's exact form (spec `provider.md` 4.1, 4.5).
//!
//! Called by: the gateway's routes. Pure.

use axum::{
    body::Body,
    response::{IntoResponse, Response},
};
use http::{HeaderValue, StatusCode, header::CONTENT_TYPE};
use serde::Serialize;

use super::auth::Denied;

/// Anything that ends a request early.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Refused {
    Denied(Denied),
    /// Plain text with a newline.
    Text(StatusCode, String),
    /// A status alone.
    Empty(StatusCode),
}

pub(crate) type Result<T> = std::result::Result<T, Refused>;

impl From<Denied> for Refused {
    fn from(it: Denied) -> Refused {
        Refused::Denied(it)
    }
}

impl Refused {
    pub(crate) fn text(status: StatusCode, text: impl Into<String>) -> Refused {
        Refused::Text(status, text.into())
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        match self {
            Refused::Denied(it) => {
                #[derive(Serialize)]
                struct Message {
                    message: String,
                }
                let body = serde_json::to_vec(&Message { message: it.text }).unwrap_or_default();
                with(it.status, "application/json", body)
            }
            Refused::Text(status, text) => {
                with(status, "text/plain; charset=utf-8", format!("{text}\n").into_bytes())
            }
            Refused::Empty(status) => empty(status),
        }
    }
}

pub(crate) fn json<T: Serialize>(value: &T) -> Response {
    match serde_json::to_vec(value) {
        Ok(body) => with(StatusCode::OK, "application/json; charset=UTF-8", body),
        Err(error) => {
            Refused::text(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response()
        }
    }
}

pub(crate) fn empty(status: StatusCode) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    response
}

pub(crate) fn not_found() -> Refused {
    Refused::text(StatusCode::NOT_FOUND, "404 page not found")
}

fn with(status: StatusCode, kind: &'static str, body: Vec<u8>) -> Response {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}

/// What a failing machine room means to a tenant (4.5).
pub(crate) fn of_backend(error: &backend::Error) -> Refused {
    use backend::Error as It;
    match error {
        It::Unreachable { .. } => Refused::text(StatusCode::SERVICE_UNAVAILABLE, error.to_string()),
        It::NoLease(_) => Refused::text(StatusCode::NOT_FOUND, "kube: lease not found"),
        It::NoService(_) => Refused::text(StatusCode::NOT_FOUND, "kube: no service for that lease"),
        _ => Refused::text(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()),
    }
}
