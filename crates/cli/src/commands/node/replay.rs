//! `haggle node replay` and `haggle node vectors`: recordings of the reference network, held
//! against this node.
//!
//! Called by the dispatch of `haggle node`; calls `node::replay` and `node::vectors`, which know
//! what must match. Starts no node and touches no home folder.

use std::path::PathBuf;

use node::{
    replay::{Kind, Options, RecordingError},
    vectors,
};
use serde_json::json;

use crate::{
    failure::{Failure, GENERAL, Result},
    printer::{Printer, clean},
};

/// Arguments of `haggle node replay`.
#[derive(Debug, clap::Args)]
pub struct ReplayArgs {
    /// Folders with genesis.json, blocks.jsonl and queries.jsonl (or the same with .gz)
    #[arg(value_name = "DIR", required = true)]
    pub folders: Vec<PathBuf>,
    /// Leave out queries, check_tx and simulations
    #[arg(long)]
    pub no_queries: bool,
    /// Stop after this height
    #[arg(long, value_name = "HEIGHT")]
    pub until: Option<i64>,
    /// Print up to this many differences instead of the first one
    #[arg(long, value_name = "COUNT", default_value_t = 1)]
    pub all: usize,
    /// Count only differences of these kinds: result, data, events, gas, block-events,
    /// validator-updates, params, check-tx, simulate, rest, grpc, rpc, http, socket, invariant,
    /// export, halt, and wording (of refusals, which need not match)
    #[arg(long, value_name = "KINDS", value_delimiter = ',')]
    pub only: Vec<Kind>,
    /// Leave out queries whose path or method has one of these in it
    #[arg(long, value_name = "TEXTS", value_delimiter = ',')]
    pub leave_out: Vec<String>,
    /// Check the invariants of all modules after each block
    #[arg(long)]
    pub invariants: bool,
    /// Export the state at the end, begin a new chain with it, and compare
    #[arg(long)]
    pub export: bool,
}

/// Arguments of `haggle node vectors`.
#[derive(Debug, clap::Args)]
pub struct VectorsArgs {
    /// Folder with vectors.jsonl, amino-complete.jsonl, dec-vectors.jsonl (or the same with .gz)
    #[arg(value_name = "DIR")]
    pub folder: PathBuf,
    /// Print up to this many differences instead of the first one
    #[arg(long, value_name = "COUNT", default_value_t = 1)]
    pub all: usize,
}

/// Runs `haggle node replay`.
pub(super) fn replay(printer: &Printer, args: &ReplayArgs) -> Result {
    let options = Options {
        until: args.until,
        queries: !args.no_queries,
        keep: args.all,
        only: args.only.clone(),
        leave_out: args.leave_out.clone(),
        invariants: args.invariants,
        export: args.export,
    };
    let mut reports = Vec::new();
    for folder in &args.folders {
        let progress = printer.progress(format!("replaying {}", folder.display()));
        let report = node::replay::replay(folder, &options, &mut |height, last| {
            progress.set(format!("replaying {}: block {height} of {last}", folder.display()));
        })?;
        drop(progress);
        printer.line(clean(report.text().trim_end()));
        reports.push(report);
    }
    printer.json(&json!(reports.iter().map(node::replay::Report::json).collect::<Vec<_>>()));
    if reports.iter().all(node::replay::Report::is_clean) { Ok(()) } else { Err(differs()) }
}

/// Runs `haggle node vectors`.
pub(super) fn check_vectors(printer: &Printer, args: &VectorsArgs) -> Result {
    let progress = printer.progress(format!("computing {}", args.folder.display()));
    let report = vectors::check(&args.folder, args.all, &mut |file, at, all| {
        // A line per vector would cost more than the vector.
        if at % 100 == 0 {
            progress.set(format!("computing {file}: {at} of {all}"));
        }
    })?;
    drop(progress);
    printer.line(clean(report.text().trim_end()));
    printer.json(&report.json());
    if report.is_clean() { Ok(()) } else { Err(differs()) }
}

/// The report has said what differs.
fn differs() -> Failure {
    Failure::told(GENERAL)
}

impl From<RecordingError> for Failure {
    fn from(error: RecordingError) -> Failure {
        Failure::input(error.to_string())
            .hint("conformance/README.md tells what a folder of a recording holds")
    }
}
