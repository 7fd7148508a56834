//! Logs and events over websockets (spec `provider.md` 4.13, 4.14).
//!
//! Called by: `gateway`. Calls: the machine room, the event log.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use axum::{
    extract::ws::{CloseFrame, Message, WebSocket},
    response::{IntoResponse as _, Response},
};
use backend::{LogLine, LogQuery};
use futures::{Stream, StreamExt as _};
use http::{Request, StatusCode};
use hyper::body::Incoming;
use serde::Serialize;
use tokio::time::Instant;
use types::ids::LeaseId;

use super::{
    answer::{Refused, Result},
    auth::Denied,
    token::Services,
    upgrade,
};
use crate::{events, service::Service};

const PING: Duration = Duration::from_secs(10);
/// Without an answer to a ping for so long, the client is gone.
const PONG_LIMIT: Duration = Duration::from_secs(15);

const INTERNAL: u16 = 4000;
const NO_LEASE: u16 = 4001;
const UNAVAILABLE: u16 = 4002;
const NORMAL: u16 = 1000;

/// The text of one line on the wire.
#[derive(Debug, Serialize)]
struct Line<'a> {
    name: &'a str,
    message: &'a str,
}

/// Query parameters of both streams.
#[derive(Debug, Default, PartialEq, Eq)]
struct Wanted {
    follow: bool,
    tail: Option<u64>,
    services: Vec<String>,
}

fn bad(text: impl Into<String>) -> Refused {
    Refused::text(StatusCode::BAD_REQUEST, text)
}

impl Wanted {
    fn read(query: &str) -> Result<Wanted> {
        let mut wanted = Wanted::default();
        for (key, value) in pairs(query) {
            match key.as_str() {
                "follow" => {
                    wanted.follow = match value.as_str() {
                        "1" | "t" | "T" | "TRUE" | "true" | "True" => true,
                        "0" | "f" | "F" | "FALSE" | "false" | "False" => false,
                        other => {
                            return Err(bad(format!(
                                "strconv.ParseBool: parsing {other:?}: invalid syntax"
                            )));
                        }
                    };
                }
                "tail" => {
                    wanted.tail = match value.parse::<i64>() {
                        Ok(-1) => None,
                        Ok(it) if it >= 0 => u64::try_from(it).ok(),
                        Ok(_) => return Err(bad("parameter \"tail\" contains invalid value")),
                        Err(_) => {
                            return Err(bad(format!(
                                "strconv.ParseInt: parsing {value:?}: invalid syntax"
                            )));
                        }
                    };
                }
                // The Go client says `services`.
                "service" | "services" if !value.is_empty() => {
                    if value.ends_with(',') {
                        return Err(bad(format!(
                            "parameter {key:?} must not contain trailing comma"
                        )));
                    }
                    wanted.services = value.split(',').map(str::to_owned).collect();
                }
                _ => {}
            }
        }
        Ok(wanted)
    }

    /// Leaves only what the token allows; asking for more is refused.
    fn within(mut self, services: &Services) -> Result<Wanted> {
        if let Services::Only(names) = services {
            if self.services.is_empty() {
                self.services = names.iter().cloned().collect();
            } else if !self.services.iter().all(|it| names.contains(it)) {
                return Err(Denied::unauthorized().into());
            }
        }
        Ok(self)
    }
}

/// Keys and values of a query, percent signs decoded.
pub(super) fn pairs(query: &str) -> Vec<(String, String)> {
    let decode = |text: &str| {
        let text = text.replace('+', " ");
        let mut bytes = Vec::new();
        let mut rest = text.as_bytes();
        while let Some((first, after)) = rest.split_first() {
            let hex = after.get(..2).and_then(|it| std::str::from_utf8(it).ok());
            match hex.and_then(|it| u8::from_str_radix(it, 16).ok()) {
                Some(byte) if *first == b'%' => {
                    bytes.push(byte);
                    rest = after.get(2..).unwrap_or_default();
                }
                _ => {
                    bytes.push(*first);
                    rest = after;
                }
            }
        }
        String::from_utf8_lossy(&bytes).into_owned()
    };
    let parts = query.split('&').filter(|it| !it.is_empty());
    parts
        .map(|it| it.split_once('=').unwrap_or((it, "")))
        .map(|(key, value)| (decode(key), decode(value)))
        .collect()
}

pub(super) async fn logs(
    service: Arc<Service>,
    request: Request<Incoming>,
    lease: LeaseId,
    services: Services,
) -> Result<Response> {
    let wanted = Wanted::read(request.uri().query().unwrap_or_default())?.within(&services)?;
    let upgrade = upgrade(request).await?;
    Ok(upgrade
        .on_upgrade(move |socket| async move {
            if !service.state().kept.contains_key(&lease) {
                return close(socket, NO_LEASE, "").await;
            }
            let query = LogQuery {
                services: wanted.services,
                follow: wanted.follow,
                tail: wanted.tail,
                timestamps: false,
            };
            match service.backend.logs(&lease, query).await {
                Ok(lines) => {
                    let texts = lines
                        .map(|it: LogLine| text(&Line { name: &it.replica, message: &it.text }));
                    send_all(socket, texts, service.stop.clone()).await;
                }
                Err(
                    backend::Error::NoLease(_)
                    | backend::Error::NoService(_)
                    | backend::Error::NotRunning { .. },
                ) => {
                    close(socket, INTERNAL, "no running pods").await;
                }
                Err(backend::Error::Unreachable { .. }) => close(socket, UNAVAILABLE, "").await,
                Err(error) => {
                    tracing::warn!(%lease, %error, "cannot read logs");
                    close(socket, INTERNAL, "").await;
                }
            }
        })
        .into_response())
}

pub(super) async fn events(
    service: Arc<Service>,
    request: Request<Incoming>,
    lease: LeaseId,
    services: Services,
) -> Result<Response> {
    let wanted = Wanted::read(request.uri().query().unwrap_or_default())?.within(&services)?;
    let upgrade = upgrade(request).await?;
    Ok(upgrade
        .on_upgrade(move |socket| async move {
            if !service.state().kept.contains_key(&lease) {
                return close(socket, NO_LEASE, "").await;
            }
            let names: BTreeSet<String> = wanted.services.into_iter().collect();
            let of_lease = lease.clone();
            let chosen = move |it: &backend::Change| {
                it.lease == of_lease
                    && (names.is_empty() || names.contains(&it.service) || it.service.is_empty())
            };
            let (old, new) = service.events.of(&lease);
            let old = futures::stream::iter(old);
            let all = if wanted.follow {
                let new = tokio_stream::wrappers::BroadcastStream::new(new);
                old.chain(new.filter_map(|it| async { it.ok() })).boxed()
            } else {
                old.boxed()
            };
            let texts = all.filter(move |it| std::future::ready(chosen(it)));
            let texts = texts.map(|it| text(&events::show(&it)));
            send_all(socket, texts, service.stop.clone()).await;
        })
        .into_response())
}

/// One JSON object and a newline inside the message.
fn text<T: Serialize>(value: &T) -> Message {
    let mut line = serde_json::to_string(value).unwrap_or_default();
    line.push('\n');
    Message::Text(line.into())
}

/// Sends until the stream or the client ends; what the client says is ignored but for its pongs.
async fn send_all(
    mut socket: WebSocket,
    messages: impl Stream<Item = Message>,
    stop: tokio_util::sync::CancellationToken,
) {
    let mut messages = std::pin::pin!(messages);
    let mut ping = tokio::time::interval_at(Instant::now() + PING, PING);
    let mut heard = Instant::now();
    loop {
        tokio::select! {
            next = messages.next() => match next {
                Some(it) => {
                    if socket.send(it).await.is_err() {
                        return;
                    }
                }
                None => break,
            },
            said = socket.recv() => match said {
                Some(Ok(Message::Close(_)) | Err(_)) | None => return,
                Some(Ok(_)) => heard = Instant::now(),
            },
            _ = ping.tick() => {
                if heard.elapsed() > PING + PONG_LIMIT
                    || socket.send(Message::Ping(Default::default())).await.is_err()
                {
                    return;
                }
            }
            () = stop.cancelled() => break,
        }
    }
    close(socket, NORMAL, "").await;
}

pub(super) async fn close(mut socket: WebSocket, code: u16, reason: &'static str) {
    let frame = CloseFrame { code, reason: reason.into() };
    // The client may be gone already.
    let _ = socket.send(Message::Close(Some(frame))).await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries_are_read_as_clients_write_them() {
        let read = |query: &str| Wanted::read(query);
        let services = |list: &[&str]| list.iter().map(ToString::to_string).collect();
        assert_eq!(
            read("follow=t&tail=2&service=web,back").unwrap(),
            Wanted { follow: true, tail: Some(2), services: services(&["web", "back"]) }
        );
        assert_eq!(read("services=web&tail=-1").unwrap().services, ["web"]);
        for (query, text) in [
            ("service=web,", "parameter \"service\" must not contain trailing comma"),
            ("tail=-2", "parameter \"tail\" contains invalid value"),
            ("follow=maybe", "strconv.ParseBool: parsing \"maybe\": invalid syntax"),
        ] {
            assert_eq!(read(query).unwrap_err(), bad(text));
        }
        assert_eq!(
            pairs("a=%2Fb%20c&d=e+f"),
            [("a".into(), "/b c".into()), ("d".into(), "e f".into())]
        );
    }

    #[test]
    fn a_token_for_some_services_narrows_what_is_sent() {
        let only = Services::Only(["web".to_owned()].into());
        assert_eq!(Wanted::read("").unwrap().within(&only).unwrap().services, ["web"]);
        assert!(Wanted::read("service=db").unwrap().within(&only).is_err());
        assert!(Wanted::read("service=db").unwrap().within(&Services::All).is_ok());
    }
}
