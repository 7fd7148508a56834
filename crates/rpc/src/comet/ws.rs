//! One WebSocket connection: method calls, and subscriptions to what blocks make happen.
//!
//! Source: cosmos.md 2.9. A connection is one task that owns all its state. It reads blocks from a
//! bounded stream; a client that does not read its frames makes that stream lag, and loses its
//! subscriptions with code -32000.

use std::{sync::atomic::Ordering, time::Duration};

use axum::extract::ws::Message;
use futures::{
    FutureExt as _, Sink, SinkExt as _, Stream, StreamExt as _, future::BoxFuture,
    stream::FuturesUnordered,
};
use serde_json::{Value, json};
use tokio::time::{Instant, MissedTickBehavior};

use super::{Call, Comet, envelope, events, methods::RpcError, read_call};
use crate::{chain::CommittedBlock, search::Query};

/// Connections that may hold subscriptions.
const MAX_SUBSCRIBERS: usize = 100;
/// Subscriptions of one connection.
const MAX_SUBSCRIPTIONS: usize = 5;
/// Calls of one connection that are being answered at once.
const MAX_CALLS: usize = 16;
const PING_EVERY: Duration = Duration::from_secs(27);
/// A connection from which nothing came for this long is closed.
const READ_TIMEOUT: Duration = Duration::from_secs(30);
/// A client that takes longer to accept a frame is gone.
const WRITE_TIMEOUT: Duration = Duration::from_secs(10);

struct Subscription {
    id: Value,
    query: Query,
}

/// Why the connection ends.
struct Closed;

struct Connection<S> {
    comet: Comet,
    socket: S,
    subscriptions: Vec<Subscription>,
    /// Blocks from the first subscription on; idle connections cost none.
    blocks: Option<Blocks>,
    /// Whether this connection is counted among those that hold subscriptions.
    counted: bool,
}

type Blocks = futures::stream::BoxStream<
    'static,
    Result<std::sync::Arc<CommittedBlock>, crate::chain::Lagged>,
>;

/// Frames in and out: a WebSocket, or a pair of queues that stands for one.
pub(crate) trait Frames:
    Stream<Item = Result<Message, axum::Error>> + Sink<Message> + Unpin + Send
{
}

impl<S> Frames for S where
    S: Stream<Item = Result<Message, axum::Error>> + Sink<Message> + Unpin + Send
{
}

pub(crate) async fn serve(comet: Comet, socket: impl Frames) {
    let mut connection =
        Connection { comet, socket, subscriptions: Vec::new(), blocks: None, counted: false };
    // Either way the connection is over; the peer learns of it by the close.
    let _ = connection.run().await;
    if connection.counted {
        connection.comet.subscribers.fetch_sub(1, Ordering::Relaxed);
    }
}

impl<S: Frames> Connection<S> {
    async fn run(&mut self) -> Result<(), Closed> {
        let mut stop = self.comet.stop.clone();
        let mut ping = tokio::time::interval_at(Instant::now() + PING_EVERY, PING_EVERY);
        ping.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut heard = Instant::now();
        let mut calls: FuturesUnordered<BoxFuture<'static, Value>> = FuturesUnordered::new();
        loop {
            tokio::select! {
                _ = stop.changed() => {
                    let _ = self.socket.send(Message::Close(None)).await;
                    return Err(Closed);
                }
                _ = ping.tick() => self.send(Message::Ping(bytes::Bytes::new())).await?,
                () = tokio::time::sleep_until(heard + READ_TIMEOUT) => return Err(Closed),
                Some(answer) = calls.next(), if !calls.is_empty() => self.send_json(&answer).await?,
                frame = self.socket.next(), if calls.len() < MAX_CALLS => {
                    heard = Instant::now();
                    let text = match frame {
                        Some(Ok(Message::Text(text))) => text.to_string(),
                        Some(Ok(Message::Binary(bytes))) => {
                            String::from_utf8_lossy(&bytes).into_owned()
                        }
                        Some(Ok(Message::Ping(_) | Message::Pong(_))) => continue,
                        Some(Ok(Message::Close(_)) | Err(_)) | None => return Err(Closed),
                    };
                    if let Some(call) = self.frame(&text).await? {
                        calls.push(call);
                    }
                }
                block = next_block(&mut self.blocks) => match block {
                    Some(Ok(block)) => self.publish(&block).await?,
                    Some(Err(_)) => self.cancel("client is not pulling messages fast enough").await?,
                    None => {
                        self.cancel("CometBFT exited").await?;
                        return Err(Closed);
                    }
                },
            }
        }
    }

    async fn send(&mut self, message: Message) -> Result<(), Closed> {
        match tokio::time::timeout(WRITE_TIMEOUT, self.socket.send(message)).await {
            Ok(Ok(())) => Ok(()),
            _ => Err(Closed),
        }
    }

    async fn send_json(&mut self, json: &Value) -> Result<(), Closed> {
        self.send(Message::Text(json.to_string().into())).await
    }

    /// Acts on one frame. Subscriptions are settled at once; other calls are answered when they
    /// are ready.
    async fn frame(&mut self, text: &str) -> Result<Option<BoxFuture<'static, Value>>, Closed> {
        let call = serde_json::from_str::<Value>(text)
            .map_err(|it| RpcError::parse(&it.to_string()))
            .and_then(|it| read_call(&it));
        let call = match call {
            Ok(it) => it,
            Err(error) => {
                self.send_json(&envelope(None, Err(error))).await?;
                return Ok(None);
            }
        };
        let Some(id) = call.id.clone() else { return Ok(None) };
        let outcome = match call.method.as_str() {
            "subscribe" => self.subscribe(&id, &call),
            "unsubscribe" => self.unsubscribe(&call),
            "unsubscribe_all" => {
                if self.subscriptions.is_empty() {
                    Err(RpcError::internal("subscription not found"))
                } else {
                    self.subscriptions.clear();
                    Ok(json!({}))
                }
            }
            _ => {
                let comet = self.comet.clone();
                let answer = async move {
                    let (outcome, _) = comet.answer(&call).await;
                    envelope(Some(&id), outcome)
                };
                return Ok(Some(answer.boxed()));
            }
        };
        self.send_json(&envelope(Some(&id), outcome)).await?;
        Ok(None)
    }

    fn subscribe(&mut self, id: &Value, call: &Call) -> Result<Value, RpcError> {
        let text = query_of(call)?;
        if !self.counted {
            let before = self.comet.subscribers.fetch_add(1, Ordering::Relaxed);
            if before >= MAX_SUBSCRIBERS {
                self.comet.subscribers.fetch_sub(1, Ordering::Relaxed);
                return Err(RpcError::internal(format!(
                    "max_subscription_clients {MAX_SUBSCRIBERS} reached"
                )));
            }
            self.counted = true;
        }
        if self.subscriptions.len() >= MAX_SUBSCRIPTIONS {
            return Err(RpcError::internal(format!(
                "max_subscriptions_per_client {MAX_SUBSCRIPTIONS} reached"
            )));
        }
        let query = Query::parse(&text).map_err(|it| {
            let cause = it.to_string();
            RpcError::internal(match it {
                crate::search::QueryParseError::TooLong => cause,
                _ => format!("failed to parse query: {cause}"),
            })
        })?;
        if self.subscriptions.iter().any(|it| it.query == query) {
            return Err(RpcError::internal("already subscribed"));
        }
        // Listening begins before the client is told, so that it misses nothing it causes next.
        if self.blocks.is_none() {
            self.blocks = Some(self.comet.methods.chain.subscribe());
        }
        self.subscriptions.push(Subscription { id: id.clone(), query });
        Ok(json!({}))
    }

    fn unsubscribe(&mut self, call: &Call) -> Result<Value, RpcError> {
        let text = query_of(call)?;
        let before = self.subscriptions.len();
        self.subscriptions.retain(|it| it.query.to_string() != text);
        if self.subscriptions.len() == before {
            return Err(RpcError::internal("subscription not found"));
        }
        Ok(json!({}))
    }

    /// Tells every subscription what the block made happen, in order.
    async fn publish(&mut self, block: &CommittedBlock) -> Result<(), Closed> {
        if self.subscriptions.is_empty() {
            return Ok(());
        }
        for happening in events::of_block(block) {
            let matching: Vec<_> = self
                .subscriptions
                .iter()
                .filter(|it| it.query.matches(&happening.events))
                .map(|it| (it.id.clone(), it.query.to_string()))
                .collect();
            for (id, query) in matching {
                let result = json!({
                    "query": query,
                    "data": happening.data,
                    "events": events::by_key(&happening.events),
                });
                self.send_json(&envelope(Some(&id), Ok(result))).await?;
            }
        }
        Ok(())
    }

    /// Ends every subscription and says why.
    async fn cancel(&mut self, reason: &str) -> Result<(), Closed> {
        for subscription in std::mem::take(&mut self.subscriptions) {
            let error = RpcError::server(format!("subscription was canceled (reason: {reason})"));
            self.send_json(&envelope(Some(&subscription.id), Err(error))).await?;
        }
        Ok(())
    }
}

/// The next block; never, without a subscription.
async fn next_block(
    blocks: &mut Option<Blocks>,
) -> Option<Result<std::sync::Arc<CommittedBlock>, crate::chain::Lagged>> {
    match blocks {
        Some(blocks) => blocks.next().await,
        None => std::future::pending().await,
    }
}

/// The one argument of `subscribe` and `unsubscribe`, in either form.
fn query_of(call: &Call) -> Result<String, RpcError> {
    let text = match &call.params {
        Some(Value::Object(members)) => members.get("query").and_then(Value::as_str),
        Some(Value::Array(list)) if list.len() == 1 => list.first().and_then(Value::as_str),
        _ => None,
    };
    text.map(str::to_owned).ok_or_else(|| {
        let cause = "expected 1 parameters ([query])";
        RpcError::invalid_params(format!("error converting json params to arguments: {cause}"))
    })
}
