//! Recorded sessions of the reference network, executed by this node's ledger and compared.
//!
//! Called by `haggle node replay`, by `examples/replay.rs` and by the tests. Calls the state
//! machine over a store in memory, and the answers of `rpc` without its sockets. Owns the rules of
//! what must match (`conformance/README.md`).

mod ask;
mod chain;
mod compare;
mod export;
mod recording;
mod report;
mod rules;
mod sockets;

use std::{path::Path, sync::Arc};

use ledger::App;
use modules::Market;
use types::wire::tendermint::abci;

pub use recording::{Recording, RecordingError};
pub use report::{Difference, Kind, Report};

pub(crate) use recording::read_lines;

use chain::Replayed;
use recording::Block;

/// What to replay and how to tell of it.
#[derive(Clone, Debug)]
pub struct Options {
    /// The last height that is executed; none for all.
    pub until: Option<i64>,
    /// Whether the recorded queries are asked.
    pub queries: bool,
    /// How many differences are kept for printing; all are counted.
    pub keep: usize,
    /// Only differences of these kinds are counted; empty for all.
    pub only: Vec<Kind>,
    /// Queries whose path or method has one of these in it are not asked.
    pub leave_out: Vec<String>,
    /// Whether the invariants of the modules are checked after each block.
    pub invariants: bool,
    /// Whether the state at the end must come back from its export.
    pub export: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            until: None,
            queries: true,
            keep: 1,
            only: Vec::new(),
            leave_out: Vec::new(),
            invariants: false,
            export: false,
        }
    }
}

/// Replays the scenario in a folder. `progress` hears of each height with its total.
///
/// # Errors
/// [`RecordingError`] when the recording cannot be read.
pub fn replay(
    folder: &Path,
    options: &Options,
    progress: &mut (dyn FnMut(i64, i64) + Send),
) -> Result<Report, RecordingError> {
    // On a thread of its own, because a runtime answers the queries and the caller may stand in
    // another one.
    let outcome = std::thread::scope(|it| it.spawn(|| run(folder, options, progress)).join());
    outcome.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

fn run(
    folder: &Path,
    options: &Options,
    progress: &mut (dyn FnMut(i64, i64) + Send),
) -> Result<Report, RecordingError> {
    let mut recording = Recording::open(folder)?;
    let mut report = Report::new(recording.name.clone(), options);
    let last = recording.last_height();
    let last = options.until.map_or(last, |it| it.min(last));
    let prices = recording.about.min_gas_prices.clone();
    let stores = store::Options { stores: ledger::store_names::<Market>(), history: 100_000 };
    let store = store::Store::memory(stores)
        .map_err(|it| RecordingError::new(folder, format!("the store in memory: {it}")))?;
    let config = ledger::Config {
        version: crate::VERSION.to_owned(),
        min_gas_prices: prices.parse().unwrap_or_default(),
        durable: false,
    };
    let app = App::<Market>::new(store, config)
        .map_err(|it| RecordingError::new(folder, format!("the state machine: {it}")))?;
    let replayed = Arc::new(Replayed::new(app, &recording.genesis, &recording.about));
    match replayed.app().init_chain(recording.init_chain()) {
        Ok(answer) => replayed.begin(&answer),
        Err(halt) => {
            report.halted(0, &halt.0);
            return Ok(report);
        }
    }
    let frames = read_lines(folder, "ws.jsonl")?.unwrap_or_default();
    let sockets = sockets::Sockets::new(frames);
    let mut asker = ask::Asker::new(replayed.clone(), sockets)
        .map_err(|it| RecordingError::new(folder, format!("the runtime of the queries: {it}")))?;
    for block in std::mem::take(&mut recording.blocks) {
        if block.height > last {
            break;
        }
        if let Err(halt) = execute(&replayed, &block, &recording, &mut report) {
            report.halted(block.height, &halt.0);
            return Ok(report);
        }
        if options.invariants {
            match replayed.broken_invariants() {
                Ok(broken) => {
                    report.compared(Kind::Invariant);
                    for it in broken {
                        report.differ(Kind::Invariant, block.height, "after the block", it, "", "");
                    }
                }
                Err(halt) => report.halted(block.height, &halt.0),
            }
        }
        if options.queries {
            let queries = if block.height == last && options.until.is_none() {
                std::mem::take(&mut recording.queries).into_values().flatten().collect()
            } else {
                recording.queries.remove(&block.height).unwrap_or_default()
            };
            asker.ask(&queries, &options.leave_out, &mut report);
        }
        if options.queries {
            asker.settle(block.height, &mut report);
        }
        report.height = block.height;
        progress(block.height, last);
    }
    if options.queries && options.until.is_none() {
        asker.end(last, &mut report);
    }
    if options.export
        && let Err(halt) = export::comes_back(replayed.app(), &recording.genesis, &mut report)
    {
        report.halted(report.height, &halt.0);
    }
    Ok(report)
}

/// Executes, commits and compares one block.
fn execute(
    replayed: &Replayed,
    block: &Block,
    recording: &Recording,
    report: &mut Report,
) -> Result<(), ledger::Halt> {
    let mut request = block.request();
    request.next_validators_hash = replayed.next_validators_hash();
    let answer = replayed.app().finalize_block(request.clone())?;
    replayed.app().commit(abci::RequestCommit {})?;
    compare::block(block, &answer, recording, report);
    replayed.push(request, block.last_commit(), answer);
    Ok(())
}
