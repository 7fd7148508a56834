//! The route table (spec `provider.md` 4.6): a method and a path become one closed enum.
//!
//! Called by: `gateway`. Pure.

use http::{Method, StatusCode};

use super::answer::{Refused, Result, not_found};

/// The numbers of a lease as the path spells them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Lease {
    pub dseq: String,
    pub gseq: String,
    pub oseq: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Route {
    Version,
    Address,
    Status,
    /// Ours: why recent orders got no bid.
    Declines,
    PutManifest(String),
    GetManifest(Lease),
    LeaseStatus(Lease),
    ServiceStatus(Lease, String),
    Logs(Lease),
    Events(Lease),
    Shell(Lease),
    MigrateHostnames,
    MigrateEndpoints,
}

pub(crate) fn parse(method: &Method, path: &str) -> Result<Route> {
    let tokens: Vec<&str> = path.split('/').skip(1).collect();
    let lease = |dseq: &&str, gseq: &&str, oseq: &&str| Lease {
        dseq: (*dseq).to_owned(),
        gseq: (*gseq).to_owned(),
        oseq: (*oseq).to_owned(),
    };
    let only = |wanted: Method, route: Route| {
        if *method == wanted {
            Ok(route)
        } else {
            Err(Refused::Empty(StatusCode::METHOD_NOT_ALLOWED))
        }
    };
    if tokens.iter().any(|it| it.is_empty()) {
        return Err(not_found());
    }
    let get = *method == Method::GET;
    match tokens.as_slice() {
        ["version"] => only(Method::GET, Route::Version),
        ["address"] => only(Method::GET, Route::Address),
        ["status"] => only(Method::GET, Route::Status),
        ["declines"] => only(Method::GET, Route::Declines),
        ["deployment", dseq, "manifest"] => {
            only(Method::PUT, Route::PutManifest((*dseq).to_owned()))
        }
        ["hostname", "migrate"] => only(Method::POST, Route::MigrateHostnames),
        ["endpoint", "migrate"] => only(Method::POST, Route::MigrateEndpoints),
        ["lease", d, g, o, "shell"] => Ok(Route::Shell(lease(d, g, o))),
        ["lease", d, g, o, "manifest"] if get => Ok(Route::GetManifest(lease(d, g, o))),
        ["lease", d, g, o, "status"] if get => Ok(Route::LeaseStatus(lease(d, g, o))),
        ["lease", d, g, o, "kubeevents"] if get => Ok(Route::Events(lease(d, g, o))),
        ["lease", d, g, o, "logs"] if get => Ok(Route::Logs(lease(d, g, o))),
        ["lease", d, g, o, "service", name, "status"] if get => {
            Ok(Route::ServiceStatus(lease(d, g, o), (*name).to_owned()))
        }
        _ => Err(not_found()),
    }
}

/// A decimal number, leading zeros allowed; the texts are those of the reference's library.
pub(crate) fn number(text: &str) -> Result<u64> {
    parse_number(text, u64::MAX.into())
        .and_then(|it| u64::try_from(it).map_err(|_| out_of_range(text)))
}

pub(crate) fn small(text: &str) -> Result<u32> {
    parse_number(text, u32::MAX.into())
        .and_then(|it| u32::try_from(it).map_err(|_| out_of_range(text)))
}

fn parse_number(text: &str, most: u128) -> Result<u128> {
    if text.is_empty() || !text.bytes().all(|it| it.is_ascii_digit()) {
        let what = format!("strconv.ParseUint: parsing {text:?}: invalid syntax");
        return Err(Refused::text(StatusCode::BAD_REQUEST, what));
    }
    match text.trim_start_matches('0') {
        "" => Ok(0),
        digits => digits.parse().ok().filter(|it| *it <= most).ok_or_else(|| out_of_range(text)),
    }
}

fn out_of_range(text: &str) -> Refused {
    let what = format!("strconv.ParseUint: parsing {text:?}: value out of range");
    Refused::text(StatusCode::BAD_REQUEST, what)
}
