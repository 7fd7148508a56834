//! Tests without a node: a context in memory, and a chain that runs modules block by block and
//! takes messages without signatures or fees.

mod node;
mod party;
mod signer;

use std::sync::Arc;

use prost::{Message, Name};
use prost_types::{Any, Timestamp};
use types::wire::tendermint::abci::Event;

pub use node::Node;
pub use party::{Draft, Party, Secret, Simulated};
pub use signer::Signer;

use crate::{
    Base, Block, Ctx, Fault, MemoryBase, Result, Runtime, View,
    module::{broken_invariants, ordered},
    routes::router,
};

/// A context over empty memory at height 1, without routes.
pub fn ctx() -> Ctx {
    ctx_at(1, 1_700_000_000)
}

/// The same at a height and a time in seconds since 1970.
pub fn ctx_at(height: i64, seconds: i64) -> Ctx {
    Ctx::new(Arc::new(MemoryBase::default()), Arc::new(block(height, seconds)), Arc::default())
}

fn block(height: i64, seconds: i64) -> Block {
    Block {
        chain_id: "test-1".to_owned(),
        height,
        time: Timestamp { seconds, nanos: 0 },
        proposer: vec![7; 20],
        ..Block::default()
    }
}

/// A chain of a runtime's modules in memory. Begins inside block 1 of a genesis.
///
/// ```text
/// let mut chain = Chain::<Runtime>::new(serde_json::json!({ "bank": { … } }));
/// let (reply, events) = chain.deliver::<_, MsgCreateDeploymentResponse>(&msg)?;
/// chain.next_block(6);
/// let answer: QueryBidsResponse = chain.query("/akash.market.v1beta5.Query/Bids", &request)?;
/// ```
pub struct Chain<R> {
    pub cx: Ctx,
    runtime: std::marker::PhantomData<R>,
}

impl<R: Runtime> Chain<R> {
    /// Runs genesis (a module that `app_state` leaves out gets its default) and begins block 1.
    pub fn new(app_state: serde_json::Value) -> Self {
        let base: Arc<dyn Base> = Arc::new(MemoryBase::default());
        let mut cx = Ctx::new(base, Arc::new(block(0, 1_700_000_000)), Arc::new(router::<R>()));
        for module in ordered::<R>(R::GENESIS) {
            (module.init)(&mut cx, app_state.get(module.name))
                .unwrap_or_else(|fault| panic!("{fault}"));
        }
        cx.take_events();
        let mut chain = Self { cx, runtime: std::marker::PhantomData };
        chain.begin(1, 1_700_000_000);
        chain
    }

    fn begin(&mut self, height: i64, seconds: i64) {
        self.cx.set_block(Arc::new(block(height, seconds)));
        for module in ordered::<R>(R::PRE_BLOCK) {
            (module.pre_block)(&mut self.cx).unwrap_or_else(|fault| panic!("{fault}"));
        }
        for module in ordered::<R>(R::BEGIN_BLOCK) {
            (module.begin_block)(&mut self.cx).unwrap_or_else(|fault| panic!("{fault}"));
        }
    }

    /// Ends the block, checks every invariant, begins the next one `seconds` later. Returns the
    /// events of end and begin.
    pub fn next_block(&mut self, seconds: i64) -> Vec<Event> {
        self.cx.take_events();
        for module in ordered::<R>(R::END_BLOCK) {
            (module.end_block)(&mut self.cx).unwrap_or_else(|fault| panic!("{fault}"));
        }
        self.assert_invariants();
        let (height, now) = (self.cx.height(), self.cx.unix_seconds());
        self.begin(height.saturating_add(1), now.saturating_add(seconds));
        self.cx.take_events()
    }

    /// `count` blocks of `seconds` each.
    pub fn next_blocks(&mut self, count: usize, seconds: i64) {
        for _ in 0..count {
            self.next_block(seconds);
        }
    }

    /// Goes on `count` blocks later, without the hooks of any block: for tests of a chapter that
    /// only reads height and time.
    pub fn skip_blocks(&mut self, count: u32, seconds: i64) {
        let height = self.cx.height().saturating_add(i64::from(count));
        let passed = seconds.saturating_mul(i64::from(count));
        let now = self.cx.unix_seconds().saturating_add(passed);
        self.cx.set_block(Arc::new(block(height, now)));
        self.cx.take_events();
    }

    /// Executes a message as if its signers had signed: stateless check, then handler. Its writes
    /// are dropped when it fails. Returns the reply and the handler's events.
    pub fn deliver<M: Message + Name, Reply: Message + Default>(
        &mut self,
        message: &M,
    ) -> Result<(Reply, Vec<Event>)> {
        let any = Any { type_url: M::type_url(), value: message.encode_to_vec() };
        self.cx.take_events();
        let reply = self.cx.guarded(|cx| {
            let router = cx.router();
            router.check(&any.type_url, &any.value)?;
            cx.dispatch(&any)
        })?;
        let reply = Reply::decode(reply.value.as_slice())
            .map_err(|error| Fault::plain(error.to_string()))?;
        Ok((reply, self.cx.take_events()))
    }

    /// `deliver` where only success matters; returns the events.
    pub fn run<M: Message + Name>(&mut self, message: &M) -> Result<Vec<Event>> {
        self.deliver::<M, ()>(message).map(|(_, events)| events)
    }

    /// Answers a query on the state as it is now.
    pub fn query<Q: Message, A: Message + Default>(&self, path: &str, request: &Q) -> Result<A> {
        let router = self.cx.router();
        let bytes = router
            .answer(&self.cx, path, &request.encode_to_vec())
            .unwrap_or_else(|| panic!("no query {path}"))?;
        A::decode(bytes.as_slice()).map_err(|error| Fault::plain(error.to_string()))
    }

    pub fn view(&self) -> &View {
        &self.cx
    }

    pub fn assert_invariants(&self) {
        let broken = broken_invariants::<R>(&self.cx);
        assert!(broken.is_empty(), "broken invariants: {broken:?}");
    }

    /// The genesis that would bring this state back, by module name.
    pub fn export(&self) -> serde_json::Value {
        let state = R::MODULES
            .iter()
            .map(|it| {
                let json = (it.export)(&self.cx).unwrap_or_else(|fault| panic!("{fault}"));
                (it.name.to_owned(), json)
            })
            .filter(|(_, json)| !json.is_null())
            .collect();
        serde_json::Value::Object(state)
    }
}

/// The value of an event's attribute; panics when there is none.
pub fn attribute<'a>(event: &'a Event, key: &str) -> &'a str {
    let found = event.attributes.iter().find(|it| it.key == key);
    found.map(|it| it.value.as_str()).unwrap_or_else(|| panic!("no {key} in {event:?}"))
}
