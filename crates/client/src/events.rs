//! Blocks by height, without gaps.
//!
//! Called by the provider and the command line; calls [`Chain`]. A [`Follower`] owns the next
//! height and, as a hint only, one subscription: losing the subscription costs latency, never an
//! event. Every height is fetched with `block_results`, in order, once.

use std::{sync::Arc, time::Duration};

use futures::{SinkExt, Stream, StreamExt};
use serde_json::{Map, Value, json};
use tokio::sync::Notify;
use tokio_tungstenite::tungstenite::Message;

use crate::{
    chain::Chain,
    error::{Error, Result},
    rpc::{Event, TxOutcome},
};

/// How long to wait for a new block before asking for one, when hints arrive.
const POLL_WITH_HINTS: Duration = Duration::from_secs(2);
/// The same without hints.
const POLL: Duration = Duration::from_millis(300);
/// The first pause after an error; it doubles up to [`BACKOFF_MAX`].
const BACKOFF_MIN: Duration = Duration::from_millis(200);
/// The longest pause after an error.
const BACKOFF_MAX: Duration = Duration::from_secs(10);

/// Everything that happened in one block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlockEvents {
    /// The block.
    pub height: u64,
    /// Results of its transactions, in order; failed ones included (their `code` is not 0).
    pub txs: Vec<TxOutcome>,
    /// Events outside transactions.
    pub block: Vec<Event>,
}

impl BlockEvents {
    /// All events that took effect, in the order of the chain. Events of failed transactions are
    /// left out.
    pub fn all(&self) -> impl Iterator<Item = &Event> {
        let good = self.txs.iter().filter(|it| it.code == 0);
        good.flat_map(|it| it.events.iter()).chain(&self.block)
    }
}

impl Event {
    /// The value of an attribute as it stands.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.attributes.iter().find(|it| it.key == key).map(|it| it.value.as_str())
    }

    /// This event as the typed event `M`; `None` when it is another one.
    pub fn typed<M: prost::Message + prost::Name + Default>(
        &self,
    ) -> Option<std::result::Result<M, types::json::JsonError>> {
        (self.kind == M::full_name()).then(|| types::json::from_value(&Value::Object(self.json())))
    }

    /// A typed event's attributes as one JSON object; values that are not JSON stay text.
    /// The attribute `msg_index`, which is no field, is left out.
    pub fn json(&self) -> Map<String, Value> {
        let fields = self.attributes.iter().filter(|it| it.key != "msg_index" && it.key != "mode");
        fields
            .map(|it| {
                let value = serde_json::from_str(&it.value);
                (it.key.clone(), value.unwrap_or_else(|_| Value::String(it.value.clone())))
            })
            .collect()
    }
}

/// Follows the chain from a height on.
pub struct Follower {
    chain: Chain,
    next: u64,
    latest: u64,
    failures: u32,
    hints: Arc<Hints>,
    hinting: tokio::task::JoinHandle<()>,
}

#[derive(Default)]
struct Hints {
    block: Notify,
    connected: std::sync::atomic::AtomicBool,
}

/// Follows the chain; the first block is `from_height` (at least 1). To resume, give the height
/// after the last one that was handled.
pub fn follow(chain: Chain, from_height: u64) -> Follower {
    let hints = Arc::new(Hints::default());
    let hinting = tokio::spawn(hint(chain.rpc().url().to_owned(), Arc::clone(&hints)));
    Follower { chain, next: from_height.max(1), latest: 0, failures: 0, hints, hinting }
}

impl Drop for Follower {
    fn drop(&mut self) {
        self.hinting.abort();
    }
}

impl Follower {
    /// The height that [`Follower::next`] will return.
    pub fn height(&self) -> u64 {
        self.next
    }

    /// How many calls in a row have failed; 0 while all is well.
    pub fn failures(&self) -> u32 {
        self.failures
    }

    /// The next block, waiting for it as long as it takes. A node that is away is asked again with
    /// growing pauses; the only errors are those that time does not heal, such as
    /// [`Error::Pruned`]. Safe to drop half-way (`select!`): no block is lost.
    pub async fn next(&mut self) -> Result<BlockEvents> {
        loop {
            if self.latest < self.next {
                match self.chain.status().await {
                    Ok(status) => {
                        if status.earliest_height > self.next {
                            return Err(Error::Pruned {
                                height: self.next,
                                lowest: status.earliest_height,
                            });
                        }
                        self.latest = status.latest_height;
                        self.failures = 0;
                    }
                    Err(error) => {
                        self.back_off(&error).await;
                        continue;
                    }
                }
            }
            if self.latest < self.next {
                self.rest().await;
                continue;
            }
            match self.chain.rpc().block_results(Some(self.next)).await {
                Ok(results) => {
                    let height = self.next;
                    self.next += 1;
                    self.failures = 0;
                    return Ok(BlockEvents {
                        height,
                        txs: results.txs_results,
                        block: results.finalize_block_events,
                    });
                }
                Err(Error::Rpc { message, .. }) if message.contains("lowest height is") => {
                    let lowest = message.rsplit(' ').next().and_then(|it| it.parse().ok());
                    let lowest = lowest.unwrap_or_default();
                    return Err(Error::Pruned { height: self.next, lowest });
                }
                // Not there yet (another node behind the same address), or a broken answer.
                Err(error) => {
                    self.latest = 0;
                    self.back_off(&error).await;
                }
            }
        }
    }

    /// As a stream; it ends after the first error.
    pub fn into_stream(self) -> impl Stream<Item = Result<BlockEvents>> {
        futures::stream::unfold(Some(self), |state| async move {
            let mut follower = state?;
            let item = follower.next().await;
            let rest = item.is_ok().then_some(follower);
            Some((item, rest))
        })
    }

    async fn rest(&self) {
        let connected = self.hints.connected.load(std::sync::atomic::Ordering::Relaxed);
        let limit = if connected { POLL_WITH_HINTS } else { POLL };
        let _ = tokio::time::timeout(limit, self.hints.block.notified()).await;
    }

    async fn back_off(&mut self, error: &Error) {
        let pause = BACKOFF_MIN.saturating_mul(1 << self.failures.min(10)).min(BACKOFF_MAX);
        if self.failures == 0 {
            tracing::warn!(%error, height = self.next, "cannot follow the chain, trying again");
        }
        self.failures = self.failures.saturating_add(1);
        tokio::time::sleep(pause).await;
    }
}

/// Keeps one subscription to new blocks open and rings at each.
async fn hint(url: String, hints: Arc<Hints>) {
    let mut pause = BACKOFF_MIN;
    loop {
        let _ = listen(&url, &hints, &mut pause).await;
        hints.connected.store(false, std::sync::atomic::Ordering::Relaxed);
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(BACKOFF_MAX * 3);
    }
}

async fn listen(
    url: &str,
    hints: &Hints,
    pause: &mut Duration,
) -> Result<(), tokio_tungstenite::tungstenite::Error> {
    let address = format!("{}/websocket", url.replacen("http", "ws", 1));
    let (mut socket, _) = tokio_tungstenite::connect_async_tls_with_config(
        address,
        None,
        true,
        Some(tokio_tungstenite::Connector::Rustls(crate::http::public_tls())),
    )
    .await?;
    let request = json!({
        "jsonrpc": "2.0", "id": 1, "method": "subscribe",
        "params": { "query": "tm.event='NewBlockHeader'" },
    });
    socket.send(Message::text(request.to_string())).await?;
    while let Some(message) = socket.next().await {
        if message?.is_text() {
            *pause = BACKOFF_MIN;
            hints.connected.store(true, std::sync::atomic::Ordering::Relaxed);
            hints.block.notify_one();
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use types::wire::akash::market::v1::EventBidCreated;

    use super::*;
    use crate::rpc::Attribute;

    #[test]
    fn a_typed_event_is_read_from_its_attributes() {
        let attribute = |key: &str, value: &str| Attribute { key: key.into(), value: value.into() };
        let event = Event {
            kind: "akash.market.v1.EventBidCreated".into(),
            attributes: vec![
                attribute(
                    "id",
                    r#"{"owner":"akash1a","dseq":"7","gseq":1,"oseq":1,"provider":"akash1b","bseq":0}"#,
                ),
                attribute("price", r#"{"denom":"uact","amount":"1.500000000000000000"}"#),
                attribute("msg_index", "0"),
            ],
        };
        let bid: EventBidCreated = event.typed().unwrap().unwrap();
        assert_eq!(bid.id.dseq, 7);
        assert_eq!(bid.price.amount, "1500000000000000000");
        assert!(event.typed::<types::wire::akash::market::v1::EventOrderCreated>().is_none());
    }
}
