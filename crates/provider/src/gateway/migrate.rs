//! Moving host names between deployments of one owner (spec `provider.md` 4.16).
//!
//! Called by: `gateway`. Leased addresses cannot move because none can be leased here; the questions
//! about them are answered as the reference does without an IP operator.

use std::sync::Arc;

use axum::response::Response;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use types::{Address, ids::GroupId};

use super::answer::{self, Refused, Result};
use crate::{service::Service, workload};

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Hostnames {
    hostnames_to_migrate: Option<Vec<String>>,
    destination_dseq: u64,
    destination_gseq: u32,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Endpoints {
    endpoints_to_migrate: Option<Vec<String>>,
    destination_dseq: u64,
    destination_gseq: u32,
}

#[derive(Debug, Serialize)]
struct Transferred {
    transferred: Vec<String>,
}

fn bad(text: impl Into<String>) -> Refused {
    Refused::text(StatusCode::BAD_REQUEST, text)
}

fn read<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T> {
    let unreadable = || Refused::Empty(StatusCode::UNPROCESSABLE_ENTITY);
    let mut values = serde_json::Deserializer::from_slice(body).into_iter();
    values.next().ok_or_else(unreadable)?.map_err(|_| unreadable())
}

fn some(list: Option<Vec<String>>) -> Result<Vec<String>> {
    list.filter(|it| !it.is_empty()).ok_or(Refused::Empty(StatusCode::BAD_REQUEST))
}

pub(crate) fn hostnames(service: &Arc<Service>, owner: &Address, body: &[u8]) -> Result<Response> {
    let Hostnames { hostnames_to_migrate, destination_dseq, destination_gseq } = read(body)?;
    let hosts = some(hostnames_to_migrate)?;
    let to = GroupId { owner: owner.clone(), dseq: destination_dseq, gseq: destination_gseq };
    let mut state = service.state();
    let kept = state.kept.values().find(|it| it.lease.group() == to);
    let kept = kept.ok_or_else(|| bad("destination deployment does not exist"))?;
    let declared = workload::hosts(&kept.group);
    for host in &hosts {
        if !declared.contains(&host.as_str()) {
            return Err(bad(format!("the hostname {host:?} is not used by this deployment")));
        }
    }
    for host in &hosts {
        state.hostnames.check(&to, [host.as_str()]).map_err(|it| bad(it.to_string()))?;
    }
    for host in &hosts {
        state.hostnames.transfer(host, &to).map_err(|it| bad(it.to_string()))?;
    }
    service.keep_hostnames(&state.hostnames);
    drop(state);
    service.hint.notify_one();
    Ok(answer::json(&Transferred { transferred: hosts }))
}

pub(crate) fn endpoints(service: &Arc<Service>, owner: &Address, body: &[u8]) -> Result<Response> {
    let Endpoints { endpoints_to_migrate, destination_dseq, destination_gseq } = read(body)?;
    let names = some(endpoints_to_migrate)?;
    let to = GroupId { owner: owner.clone(), dseq: destination_dseq, gseq: destination_gseq };
    let state = service.state();
    if !state.kept.keys().any(|it| it.group() == to) {
        return Err(bad("destination deployment does not exist"));
    }
    let name = names.first().map(String::as_str).unwrap_or_default();
    Err(bad(format!("the endpoint {name:?} does not exist in the destination deployment")))
}
