//! Commands in running replicas, over a websocket (spec `provider.md` 4.15).
//!
//! Called by: `gateway`. Calls: the machine room.

use std::{sync::Arc, time::Duration};

use axum::{
    extract::ws::{Message, WebSocket},
    response::{IntoResponse as _, Response},
};
use backend::{Command, Input, Output, Stdio};
use bytes::{BufMut as _, Bytes, BytesMut};
use http::{Request, StatusCode};
use hyper::body::Incoming;
use serde::Serialize;
use tokio::sync::mpsc;
use types::ids::LeaseId;

use super::{
    answer::{Refused, Result},
    auth::Denied,
    status::wanted,
    streams::pairs,
    token::Services,
    upgrade,
};
use crate::service::Service;

const STDOUT: u8 = 100;
const STDERR: u8 = 101;
const RESULT: u8 = 102;
const FAILURE: u8 = 103;
const STDIN: u8 = 104;
const RESIZE: u8 = 105;

const PING: Duration = Duration::from_secs(10);
/// Messages that wait in each direction.
const QUEUE: usize = 64;

/// The last message of a command that ran, or could not.
#[derive(Debug, Serialize)]
struct Ended {
    exit_code: i64,
    #[serde(skip_serializing_if = "String::is_empty")]
    message: String,
}

struct Wish {
    command: Command,
    stdin: bool,
}

impl Wish {
    fn read(query: &str) -> Result<Wish> {
        let bad = || Refused::Empty(StatusCode::BAD_REQUEST);
        let pairs = pairs(query);
        let get = |key: &str| pairs.iter().find(|it| it.0 == key).map(|it| it.1.as_str());
        let argv: Vec<String> = (0..)
            .map_while(|index| get(&format!("cmd{index}")).filter(|it| !it.is_empty()))
            .map(str::to_owned)
            .collect();
        let service = get("service").filter(|it| !it.is_empty()).ok_or_else(bad)?.to_owned();
        let tty = get("tty").ok_or_else(bad)? == "1";
        let stdin = get("stdin").ok_or_else(bad)? == "1";
        let replica = get("podIndex").and_then(|it| it.parse::<i32>().ok());
        let replica = replica.and_then(|it| u32::try_from(it).ok()).ok_or_else(bad)?;
        if argv.is_empty() {
            return Err(bad());
        }
        Ok(Wish { command: Command { service, replica, argv, tty }, stdin })
    }
}

pub(super) async fn shell(
    service: Arc<Service>,
    request: Request<Incoming>,
    lease: LeaseId,
    services: Services,
) -> Result<Response> {
    let wish = Wish::read(request.uri().query().unwrap_or_default())?;
    if !services.allow(&wish.command.service) {
        return Err(Denied::unauthorized().into());
    }
    let upgrade = upgrade(request).await?;
    Ok(upgrade
        .on_upgrade(move |socket| async move { run(service, lease, wish, socket).await })
        .into_response())
}

async fn run(service: Arc<Service>, lease: LeaseId, wish: Wish, mut socket: WebSocket) {
    let last = match check(&service, &lease, &wish.command.service).await {
        Err(last) => last,
        Ok(()) => converse(&service, &lease, wish, &mut socket).await,
    };
    let _ = socket.send(last).await;
}

/// What can be said before a command is started: its end, then.
async fn check(service: &Service, lease: &LeaseId, name: &str) -> std::result::Result<(), Message> {
    let Some(workload) = wanted(service, lease) else {
        return Err(ended(0, ""));
    };
    if workload.service(name).is_none() {
        return Err(ended(0, "kube: no service for that lease"));
    }
    match service.backend.status(lease).await {
        Ok(Some(status)) => match status.services.get(name) {
            Some(it) if it.available > 0 => Ok(()),
            _ => Err(ended(0, "no active replicase for service")),
        },
        Ok(None) => Err(ended(0, "no active replicase for service")),
        Err(error) => {
            tracing::warn!(%lease, %error, "cannot read the status for a shell");
            Err(frame(FAILURE, b""))
        }
    }
}

/// Moves bytes until the command ends; returns the last message.
async fn converse(
    service: &Service,
    lease: &LeaseId,
    wish: Wish,
    socket: &mut WebSocket,
) -> Message {
    let (say, input) = mpsc::channel(QUEUE);
    let (output, mut heard) = mpsc::channel(QUEUE);
    let io = Stdio { input: wish.stdin.then_some(input), output };
    let mut say = wish.stdin.then_some(say);
    let command = service.backend.exec(lease, wish.command, io);
    let mut command = std::pin::pin!(command);
    let mut ping = tokio::time::interval_at(tokio::time::Instant::now() + PING, PING);
    let mut exit = None;
    loop {
        tokio::select! {
            // What was written before the end comes before the end.
            biased;
            out = heard.recv() => match out {
                Some(Output::Stdout(bytes)) => {
                    if socket.send(frame(STDOUT, &bytes)).await.is_err() {
                        return frame(FAILURE, b"");
                    }
                }
                Some(Output::Stderr(bytes)) => {
                    if socket.send(frame(STDERR, &bytes)).await.is_err() {
                        return frame(FAILURE, b"");
                    }
                }
                None => break,
            },
            done = &mut command, if exit.is_none() => exit = Some(done),
            said = socket.recv() => match said {
                None | Some(Err(_) | Ok(Message::Close(_))) => return frame(FAILURE, b""),
                Some(Ok(Message::Binary(bytes))) => {
                    if let Some(to) = &say {
                        match read(&bytes) {
                            Some(Some(input)) => {
                                if to.send(input).await.is_err() {
                                    say = None;
                                }
                            }
                            Some(None) => {}
                            // An unknown code: nothing more is read, and input stays open.
                            None => {
                                let kept = say.take();
                                tokio::spawn(hold_open(kept));
                            }
                        }
                    }
                }
                Some(Ok(_)) => {}
            },
            _ = ping.tick() => {
                if socket.send(Message::Ping(Bytes::new())).await.is_err() {
                    return frame(FAILURE, b"");
                }
            }
            () = service.stop.cancelled() => return frame(FAILURE, b""),
        }
    }
    let result = match exit {
        Some(done) => done,
        None => command.await,
    };
    match result {
        Ok(exit) => ended(exit.code, ""),
        Err(error) => failed(lease, &error),
    }
}

/// Keeps the sending end until the receiver is gone: there is no end-of-input message.
async fn hold_open(kept: Option<mpsc::Sender<Input>>) {
    if let Some(it) = kept {
        it.closed().await;
    }
}

/// Outer `None` for an unknown code, inner `None` for nothing.
fn read(bytes: &Bytes) -> Option<Option<Input>> {
    match bytes.split_first() {
        None => Some(None),
        Some((&STDIN, _)) => Some(Some(Input::Data(bytes.slice(1..)))),
        Some((&RESIZE, [w1, w0, h1, h0])) => Some(Some(Input::Resize {
            width: u16::from_be_bytes([*w1, *w0]),
            height: u16::from_be_bytes([*h1, *h0]),
        })),
        Some((&RESIZE, _)) => Some(None),
        Some(_) => None,
    }
}

fn frame(code: u8, payload: &[u8]) -> Message {
    let mut bytes = BytesMut::with_capacity(payload.len() + 1);
    bytes.put_u8(code);
    bytes.put_slice(payload);
    Message::Binary(bytes.freeze())
}

fn ended(exit_code: i64, message: &str) -> Message {
    let ended = Ended { exit_code, message: message.to_owned() };
    let mut text = serde_json::to_vec(&ended).unwrap_or_default();
    text.push(b'\n');
    frame(RESULT, &text)
}

/// A command that could not run, in the reference's words.
fn failed(lease: &LeaseId, error: &backend::Error) -> Message {
    use backend::Error as It;
    let what = match error {
        It::NoService(_) => "no such service exists with that name".to_owned(),
        It::NoLease(_) => "deployment is not yet active".to_owned(),
        It::NotRunning { state, .. } if state.is_empty() => {
            "service with that name is not running".to_owned()
        }
        It::NotRunning { state, .. } => format!("service with that name is not running: {state}"),
        It::CommandNotFound(_) => {
            "command could not be executed because it does not exist".to_owned()
        }
        It::ReplicaOutOfRange { .. } => error.to_string(),
        It::Engine { .. } => "command execution failed".to_owned(),
        _ => {
            tracing::warn!(%lease, %error, "cannot run a command");
            return frame(FAILURE, b"");
        }
    };
    ended(0, &format!("remote command execute error: {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shell_needs_all_its_parameters() {
        let good = "cmd0=/probe&cmd1=echo&cmd2=two%20words&cmd4=ignored&service=web&tty=0&stdin=0&podIndex=0";
        let wish = Wish::read(good).unwrap();
        assert_eq!(wish.command.argv, ["/probe", "echo", "two words"]);
        for spoiled in [
            good.replace("podIndex=0", "podIndex=-1"),
            good.replace("podIndex=0", "podIndex=x"),
            good.replace("cmd0=/probe&", ""),
            good.replace("service=web&", ""),
            good.replace("tty=0&", ""),
            good.replace("stdin=0&", ""),
        ] {
            assert_eq!(
                Wish::read(&spoiled).err(),
                Some(Refused::Empty(StatusCode::BAD_REQUEST)),
                "{spoiled}"
            );
        }
    }

    #[test]
    fn client_frames() {
        assert_eq!(
            read(&Bytes::from_static(&[STDIN, b'x'])),
            Some(Some(Input::Data(Bytes::from_static(b"x"))))
        );
        assert_eq!(
            read(&Bytes::from_static(&[RESIZE, 0, 80, 0, 24])),
            Some(Some(Input::Resize { width: 80, height: 24 }))
        );
        assert_eq!(read(&Bytes::new()), Some(None));
        assert_eq!(read(&Bytes::from_static(&[119])), None);
    }
}
