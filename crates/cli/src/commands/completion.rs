//! `haggle completion`: completions for a shell, generated from the arguments.

use std::io;

use clap::CommandFactory;

use crate::{args, failure::Result};

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
    let mut command = args::Args::command();
    clap_complete::generate(args.shell, &mut command, "haggle", &mut io::stdout().lock());
    Ok(())
}
