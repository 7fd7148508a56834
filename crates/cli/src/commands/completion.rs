//! `haggle completion`: completions for a shell, generated from the arguments.
//!
//! Of `query` and `tx` the modules and their methods are completed, not the thousands of flags: a
//! shell reads this at every start.

use std::io;

use clap::{Command, CommandFactory};

use crate::{args, dynamic, failure::Result};

/// Arguments.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  haggle completion bash > ~/.local/share/bash-completion/completions/haggle"
)]
pub struct Args {
    /// The shell
    #[arg(value_enum)]
    pub shell: clap_complete::Shell,
}

/// Runs the command.
pub fn run(args: &Args) -> Result {
    let full = args::Args::command();
    let mut command = Command::new("haggle").args(full.get_arguments().cloned());
    for sub in full.get_subcommands() {
        command = command.subcommand(match dynamic::outline(sub.get_name()) {
            Some(outline) => outline.about(sub.get_about().cloned().unwrap_or_default()),
            None => sub.clone(),
        });
    }
    clap_complete::generate(args.shell, &mut command, "haggle", &mut io::stdout().lock());
    Ok(())
}
