//! gRPC status numbers, and how they look over ABCI and HTTP.
//!
//! Source: cosmos.md 3.3 and 3.10. The one place where one protocol's refusal becomes another's.

use bytes::Bytes;
use types::wire::tendermint::abci::ResponseQuery;

use crate::chain::{ChainError, QueryAnswer, QueryError, QueryResult};

pub const INVALID_ARGUMENT: u32 = 3;
pub const UNKNOWN: u32 = 2;
pub const NOT_FOUND: u32 = 5;
pub const UNIMPLEMENTED: u32 = 12;
pub const INTERNAL: u32 = 13;
pub const UNAVAILABLE: u32 = 14;

const NAMES: [&str; 17] = [
    "OK",
    "Canceled",
    "Unknown",
    "InvalidArgument",
    "DeadlineExceeded",
    "NotFound",
    "AlreadyExists",
    "PermissionDenied",
    "ResourceExhausted",
    "FailedPrecondition",
    "Aborted",
    "OutOfRange",
    "Unimplemented",
    "Internal",
    "Unavailable",
    "DataLoss",
    "Unauthenticated",
];

impl QueryError {
    pub fn new(grpc_code: u32, message: impl Into<String>) -> Self {
        Self { grpc_code, message: message.into() }
    }

    /// The HTTP status of the gateway.
    #[must_use]
    pub const fn http_status(&self) -> u16 {
        match self.grpc_code {
            0 => 200,
            1 => 408,
            3 | 9 | 11 => 400,
            4 => 504,
            5 => 404,
            6 | 10 => 409,
            7 => 403,
            8 => 429,
            12 => 501,
            14 => 503,
            16 => 401,
            _ => 500,
        }
    }
}

impl From<ChainError> for QueryError {
    fn from(error: ChainError) -> Self {
        Self::new(UNAVAILABLE, error.0)
    }
}

/// What an ABCI answer tells of the gRPC outcome. The texts keep the words that clients look for;
/// a registered error's own status is not in the answer and becomes Unknown.
pub fn from_abci_query(answer: ResponseQuery) -> QueryResult {
    if answer.code == 0 {
        return Ok(QueryAnswer { value: Bytes::from(answer.value), height: answer.height });
    }
    let log = answer.log.as_str();
    // `rpc error: code = NotFound desc = account … not found: key not found`
    if let Some((name, rest)) =
        log.strip_prefix("rpc error: code = ").and_then(|it| it.split_once(" desc = "))
        && let Some(code) = (0u32..).zip(NAMES).find(|(_, it)| *it == name).map(|(code, _)| code)
    {
        let roots = [": key not found", ": invalid request", ": unauthorized", ": unknown request"];
        let message = roots.iter().find_map(|it| rest.strip_suffix(it)).unwrap_or(rest);
        return Err(QueryError::new(code, message));
    }
    if answer.codespace == "sdk" && log.starts_with("unknown query path") {
        return Err(QueryError::new(UNIMPLEMENTED, "Not Implemented"));
    }
    let code = if answer.code == 22 { NOT_FOUND } else { UNKNOWN };
    Err(QueryError::new(code, log))
}

/// How a gRPC refusal looks over the ABCI query path: the code in codespace `sdk`, and the log.
#[must_use]
pub fn to_abci(error: &QueryError) -> (u32, String) {
    let (code, root) = match error.grpc_code {
        NOT_FOUND => (22, "key not found"),
        3 | 9 => (18, "invalid request"),
        16 => (4, "unauthorized"),
        _ => (6, "unknown request"),
    };
    let name = usize::try_from(error.grpc_code)
        .ok()
        .and_then(|it| NAMES.get(it))
        .copied()
        .unwrap_or("Unknown");
    (code, format!("rpc error: code = {name} desc = {}: {root}", error.message))
}
