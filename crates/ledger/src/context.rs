//! What a handler is given. A [`View`] reads; a [`Ctx`] is a view that may also write and emit.
//!
//! Created by the app for each block, check state and query; tests use [`crate::testing`].

use std::{
    ops::Deref,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    sync::Arc,
};

use prost_types::Timestamp;
use types::wire::tendermint::{
    abci::{CommitInfo, Event, Misbehavior, ValidatorUpdate},
    types::ConsensusParams,
};

use crate::{
    Base, Changes, Fault, Halt, Result, Sdk,
    gas::{self, Gas},
    routes::Router,
    state::{Checkpoint, Merge, State, prefix_end},
};

/// What the header and the consensus engine say about the block being executed.
#[derive(Clone, Debug, Default)]
pub struct Block {
    pub chain_id: String,
    /// 0 while genesis is being written.
    pub height: i64,
    /// The only clock.
    pub time: Timestamp,
    pub hash: Vec<u8>,
    /// Consensus address of the proposer, 20 bytes.
    pub proposer: Vec<u8>,
    /// Hash of the validators of the next height.
    pub next_validators_hash: Vec<u8>,
    /// Root of the state that this block is executed on; empty for the first block.
    pub app_hash: Vec<u8>,
    pub last_commit: CommitInfo,
    pub misbehavior: Vec<Misbehavior>,
    pub consensus_params: ConsensusParams,
    /// The operator has told this node to leave out the upgrade of this height.
    pub skips_upgrade: bool,
}

/// Reads state and header. It cannot write, so neither can a query.
pub struct View {
    state: State,
    block: Arc<Block>,
    gas: Gas,
    min_gas_prices: types::DecCoins,
}

/// Writes state and emits events. Dereferences to [`View`].
pub struct Ctx {
    view: View,
    events: Vec<Event>,
    validator_updates: Vec<ValidatorUpdate>,
    consensus_param_updates: Option<ConsensusParams>,
    router: Arc<Router>,
    /// Messages being executed inside each other.
    nesting: u8,
}

/// How deep messages may carry messages: what a transaction carries itself is the first level.
const NESTING_MAX: u8 = 10;

impl Deref for Ctx {
    type Target = View;

    fn deref(&self) -> &View {
        &self.view
    }
}

impl View {
    pub(crate) fn new(base: Arc<dyn Base>, block: Arc<Block>) -> Self {
        let min_gas_prices = types::DecCoins::default();
        Self { state: State::new(base), block, gas: Gas::unlimited(), min_gas_prices }
    }

    /// Everything about the block being executed, or last committed for queries.
    pub fn block(&self) -> &Block {
        &self.block
    }

    pub fn height(&self) -> i64 {
        self.block.height
    }

    pub fn chain_id(&self) -> &str {
        &self.block.chain_id
    }

    /// The header's time.
    pub fn time(&self) -> Timestamp {
        self.block.time
    }

    /// The header's time in whole seconds since 1970.
    pub fn unix_seconds(&self) -> i64 {
        self.block.time.seconds
    }

    /// The header's time in nanoseconds since 1970.
    pub fn unix_nanos(&self) -> i128 {
        nanos(&self.block.time)
    }

    pub fn consensus_params(&self) -> &ConsensusParams {
        &self.block.consensus_params
    }

    /// This operator's least gas prices. Only the check state has any: blocks do not know them.
    pub fn min_gas_prices(&self) -> &types::DecCoins {
        &self.min_gas_prices
    }

    pub fn gas(&self) -> &Gas {
        &self.gas
    }

    /// Charges gas beyond what state access costs.
    pub fn consume_gas(&self, amount: u64, location: &'static str) -> Result {
        self.gas.consume(amount, location)
    }

    /// Charges a read of `bytes` bytes of key and value that the reference makes and we need not.
    pub fn charge_read(&self, bytes: usize) -> Result {
        self.gas.consume(gas::READ_FLAT, "ReadFlat")?;
        self.gas.consume(Gas::price(0, gas::READ_PER_BYTE, bytes), "ReadPerByte")
    }

    /// The same for a write.
    pub fn charge_write(&self, bytes: usize) -> Result {
        self.gas.consume(gas::WRITE_FLAT, "WriteFlat")?;
        self.gas.consume(Gas::price(0, gas::WRITE_PER_BYTE, bytes), "WritePerByte")
    }

    /// The same for a look whether a key exists.
    pub fn charge_has(&self) -> Result {
        self.gas.consume(gas::HAS_FLAT, "Has")
    }

    /// The same for a deletion.
    pub fn charge_delete(&self) -> Result {
        self.gas.consume(gas::DELETE_FLAT, "Delete")
    }

    /// Reads raw bytes. Modules use `Item` and `Map`.
    pub fn read(&self, store: &'static str, key: &[u8]) -> Result<Option<Vec<u8>>> {
        self.gas.consume(gas::READ_FLAT, "ReadFlat")?;
        let value = self.state.get(store, key);
        let bytes = key.len().saturating_add(value.as_ref().map_or(0, Vec::len));
        self.gas.consume(Gas::price(0, gas::READ_PER_BYTE, bytes), "ReadPerByte")?;
        Ok(value)
    }

    /// Whether a key exists.
    pub fn has(&self, store: &'static str, key: &[u8]) -> Result<bool> {
        self.charge_has()?;
        Ok(self.state.has(store, key))
    }

    /// Walks raw pairs with `start <= key < end`. Modules use `Map::walk`.
    pub fn range<'a>(
        &'a self,
        store: &'static str,
        start: &[u8],
        end: Option<&[u8]>,
        reverse: bool,
    ) -> Pairs<'a> {
        Pairs { inner: self.state.range(store, start, end, reverse), gas: &self.gas }
    }

    /// Walks raw pairs whose keys start with `prefix`.
    pub fn prefixed<'a>(&'a self, store: &'static str, prefix: &[u8], reverse: bool) -> Pairs<'a> {
        self.range(store, prefix, prefix_end(prefix).as_deref(), reverse)
    }
}

/// An iteration that charges gas for each pair it yields.
pub struct Pairs<'a> {
    inner: Merge<'a>,
    gas: &'a Gas,
}

impl Iterator for Pairs<'_> {
    type Item = Result<(Vec<u8>, Vec<u8>)>;

    fn next(&mut self) -> Option<Self::Item> {
        let (key, value) = self.inner.next()?;
        let bytes = key.len().saturating_add(value.len());
        let price = Gas::price(gas::ITER_NEXT_FLAT, gas::READ_PER_BYTE, bytes);
        Some(self.gas.consume(price, "IterNextFlat").map(|()| (key, value)))
    }
}

/// A place to come back to: state, events and updates as they were.
pub(crate) struct Mark {
    checkpoint: Checkpoint,
    depth: usize,
    events: usize,
    validator_updates: usize,
    consensus_param_updates: Option<ConsensusParams>,
    nesting: u8,
}

impl Ctx {
    pub(crate) fn new(base: Arc<dyn Base>, block: Arc<Block>, router: Arc<Router>) -> Self {
        Self {
            view: View::new(base, block),
            events: Vec::new(),
            validator_updates: Vec::new(),
            consensus_param_updates: None,
            router,
            nesting: 0,
        }
    }

    pub(crate) fn set_min_gas_prices(&mut self, prices: types::DecCoins) {
        self.view.min_gas_prices = prices;
    }

    /// Starts from changes that are not committed yet.
    pub(crate) fn set_changes(&mut self, changes: Changes) {
        self.view.state.set_changes(changes);
    }

    pub(crate) fn router(&self) -> Arc<Router> {
        self.router.clone()
    }

    pub(crate) fn set_gas(&mut self, gas: Gas) -> Gas {
        std::mem::replace(&mut self.view.gas, gas)
    }

    pub(crate) fn set_block(&mut self, block: Arc<Block>) {
        self.view.block = block;
    }

    /// Writes raw bytes. Modules use `Item` and `Map`.
    pub fn write(&mut self, store: &'static str, key: &[u8], value: Vec<u8>) -> Result {
        self.charge_write(key.len().saturating_add(value.len()))?;
        self.view.state.write(store, key, Some(value));
        Ok(())
    }

    /// Deletes a key; an absent one is no error.
    pub fn delete(&mut self, store: &'static str, key: &[u8]) -> Result {
        self.charge_delete()?;
        self.view.state.write(store, key, None);
        Ok(())
    }

    /// Puts an index entry in another's place; the caller has charged for it.
    pub(crate) fn replace(&mut self, store: &'static str, old: &[u8], new: &[u8]) {
        self.view.state.write(store, old, None);
        self.view.state.write(store, new, Some(Vec::new()));
    }

    /// Runs `f` and drops its writes and events if it fails. Gas stays consumed.
    pub fn attempt<T>(&mut self, f: impl FnOnce(&mut Ctx) -> Result<T>) -> Result<T> {
        let mark = self.mark();
        let outcome = f(self);
        match outcome {
            Ok(value) => {
                self.keep(mark);
                Ok(value)
            }
            Err(fault) => {
                self.undo(mark);
                Err(fault)
            }
        }
    }

    /// Runs `f` and drops its writes and events in any case.
    pub fn rehearse<T>(&mut self, f: impl FnOnce(&mut Ctx) -> Result<T>) -> Result<T> {
        let mark = self.mark();
        let outcome = f(self);
        self.undo(mark);
        outcome
    }

    /// Runs `f` with a meter that only counts, then goes back to the present one.
    pub fn without_gas<T>(&mut self, f: impl FnOnce(&mut Ctx) -> T) -> T {
        let outer = self.set_gas(Gas::unlimited());
        let outcome = f(self);
        self.set_gas(outer);
        outcome
    }

    /// `attempt`, with panics turned into faults: the last resort of the transaction boundary.
    /// A halt passes through.
    pub fn guarded<T>(&mut self, f: impl FnOnce(&mut Ctx) -> Result<T>) -> Result<T> {
        let mark = self.mark();
        let outcome = match catch_unwind(AssertUnwindSafe(|| f(self))) {
            Ok(outcome) => match self.gas.tripped() {
                // A handler cannot outlive its gas by swallowing the fault.
                Some(location) if outcome.is_ok() => Err(Fault::out_of_gas(location)),
                _ => outcome,
            },
            Err(payload) if payload.is::<Halt>() => resume_unwind(payload),
            Err(payload) => {
                let value = payload
                    .downcast_ref::<&str>()
                    .map(|it| (*it).to_owned())
                    .or_else(|| payload.downcast_ref::<String>().cloned())
                    .unwrap_or_default();
                tracing::error!(value, "a handler panicked");
                Err(Fault::panic(format!("recovered: {value}: panic")))
            }
        };
        if outcome.is_ok() {
            self.keep(mark);
        } else {
            self.undo(mark);
        }
        outcome
    }

    pub(crate) fn mark(&mut self) -> Mark {
        let depth = self.view.state.depth();
        Mark {
            checkpoint: self.view.state.checkpoint(),
            depth,
            events: self.events.len(),
            validator_updates: self.validator_updates.len(),
            consensus_param_updates: self.consensus_param_updates.clone(),
            nesting: self.nesting,
        }
    }

    pub(crate) fn keep(&mut self, mark: Mark) {
        self.view.state.keep(mark.checkpoint);
    }

    pub(crate) fn undo(&mut self, mark: Mark) {
        self.view.state.set_depth(mark.depth.saturating_add(1));
        self.view.state.undo(mark.checkpoint);
        self.events.truncate(mark.events);
        self.validator_updates.truncate(mark.validator_updates);
        self.consensus_param_updates = mark.consensus_param_updates;
        self.nesting = mark.nesting;
    }

    /// Executes another message's handler, as authz and gov do. The reply's type is its reply's.
    /// Messages nest at most [`NESTING_MAX`] deep, `sdk/18` beyond.
    pub fn dispatch(&mut self, message: &prost_types::Any) -> Result<prost_types::Any> {
        if self.nesting >= NESTING_MAX {
            return Err(Sdk::InvalidRequest.wrap("messages are nested too deeply"));
        }
        let router = self.router();
        self.nesting = self.nesting.saturating_add(1);
        let outcome = router.deliver(self, &message.type_url, &message.value);
        self.nesting = self.nesting.saturating_sub(1);
        outcome
    }

    /// [`Self::dispatch`] for a message that another one carries: each of its events gets an
    /// attribute that says which of the carried ones it belongs to.
    pub fn dispatch_carried(
        &mut self,
        message: &prost_types::Any,
        attribute: (&str, &str),
    ) -> Result<prost_types::Any> {
        let from = self.events.len();
        let reply = self.dispatch(message)?;
        for event in self.events.iter_mut().skip(from) {
            event.attributes.push(crate::events::attribute(attribute.0, attribute.1));
        }
        Ok(reply)
    }

    /// Whether a module executes messages of this type.
    pub fn executes(&self, type_url: &str) -> bool {
        self.router.has_msg(type_url)
    }

    /// Runs the stateless check of a message that another one carries.
    pub fn check_carried(&self, message: &prost_types::Any) -> Result {
        self.router.check(&message.type_url, &message.value)
    }

    /// Tells a fact to the modules that stand later in the list and listen to it
    /// ([`crate::Routes::hook`]), at once and in the order of the list.
    pub fn tell<F: 'static>(&mut self, fact: &F) -> Result {
        let router = self.router();
        router.tell(self, fact)
    }

    /// Tells consensus about a validator's new power, at the end of this block.
    pub fn update_validator(&mut self, update: ValidatorUpdate) {
        self.validator_updates.push(update);
    }

    /// Tells consensus about new parameters, at the end of this block.
    pub fn update_consensus_params(&mut self, params: ConsensusParams) {
        self.consensus_param_updates = Some(params);
    }

    pub(crate) fn push_event(&mut self, event: Event) {
        self.events.push(event);
    }

    /// The events since the block, the transaction or the test began.
    pub fn events(&self) -> &[Event] {
        &self.events
    }

    pub(crate) fn events_mut(&mut self) -> &mut Vec<Event> {
        &mut self.events
    }

    pub(crate) fn take_events(&mut self) -> Vec<Event> {
        std::mem::take(&mut self.events)
    }

    pub(crate) fn take_updates(&mut self) -> (Vec<ValidatorUpdate>, Option<ConsensusParams>) {
        (std::mem::take(&mut self.validator_updates), self.consensus_param_updates.take())
    }

    pub(crate) fn into_changes(self) -> Changes {
        self.view.state.into_changes()
    }
}

/// A timestamp in nanoseconds since 1970.
pub fn nanos(time: &Timestamp) -> i128 {
    i128::from(time.seconds).saturating_mul(1_000_000_000).saturating_add(i128::from(time.nanos))
}
