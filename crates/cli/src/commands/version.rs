//! `haggle version`: which build this is, and which rules of the network it knows.

use node::modules::upgrades;
use serde_json::json;

use crate::{failure::Result, printer::Printer};

/// Arguments of `haggle version`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Name the version of the rules and the upgrades of the network that this build knows, too
    #[arg(long)]
    pub long: bool,
}

/// Runs `haggle version`.
pub fn run(printer: &Printer, args: &Args) -> Result {
    let known: Vec<&str> = upgrades::names().collect();
    let commit = option_env!("HAGGLE_GIT_COMMIT").unwrap_or_default();
    printer.json(&json!({
        "name": "haggle",
        "version": node::VERSION,
        "commit": commit,
        "state_machine": upgrades::version(),
        "upgrades": known,
    }));
    if !args.long {
        printer.line(node::VERSION);
        return Ok(());
    }
    printer.line(format!("haggle         {}", node::VERSION));
    if !commit.is_empty() {
        printer.line(format!("commit         {commit}"));
    }
    printer.line(format!("state machine  {}", upgrades::version()));
    let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
    printer.line(format!("upgrades       {known}"));
    Ok(())
}
