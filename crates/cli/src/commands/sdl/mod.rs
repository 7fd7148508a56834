//! `haggle sdl`: everything around a deployment file that needs no chain.
//!
//! Called by the dispatch, without settings: a broken settings file must not keep an editor or a
//! CI system from checking files. One file per command; all knowledge of the language is in the
//! crate `sdl`. [`input`] decides which files are read and how, [`report`] in which form problems
//! are told; `haggle deploy` uses both, so that one mistake reads the same everywhere.

pub mod check;
pub mod compile;
pub mod compose;
pub mod diff;
pub mod explain;
mod fix;
pub mod fmt;
pub(crate) mod input;
mod lines;
pub mod lsp;
pub mod new;
mod output;
pub(crate) mod report;
pub mod rules;
pub mod schema;
mod values;

use crate::{failure::Result, printer::Printer};

/// What to do with deployment files.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Start with:
  haggle sdl new nginx:1.28          write a first file, by answering questions
  haggle sdl check web.yaml          what is wrong with it
  haggle sdl explain web.yaml        what it orders and what that may cost
  haggle deploy web.yaml             run it

None of these needs a node, a key or a network.

Exit codes: 0 done, 1 a file has problems, 2 wrong command line or a file that cannot be read.
`check`, `fmt` and `diff` say more in their --help.")]
pub struct Args {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// Every command of `haggle sdl`.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Say what is wrong with files, and what to write instead
    Check(check::Args),
    /// Say what a file orders: resources, ports, cost per hour and month
    Explain(explain::Args),
    /// Write files in one layout, comments kept
    Fmt(fmt::Args),
    /// Say what an update from one file to another may change in place
    Diff(diff::Args),
    /// Write a new file from an image and a few answers
    New(Box<new::Args>),
    /// Make a file from a Docker Compose file
    FromCompose(compose::Args),
    /// Explain the codes of reports
    Rules(rules::Args),
    /// Print the groups as they go on chain, in JSON
    #[command(after_help = compile::GROUPS_HELP)]
    Groups(compile::Args),
    /// Print the manifest as it goes to providers, in canonical JSON
    #[command(after_help = compile::MANIFEST_HELP)]
    Manifest(compile::ManifestArgs),
    /// Print the version hash in hexadecimal, and nothing else
    #[command(after_help = compile::HASH_HELP)]
    Hash(compile::Args),
    /// Print the JSON Schema of the language, for editors
    Schema(schema::Args),
    /// Serve an editor: a language server over standard input and output
    Lsp(lsp::Args),
}

/// Runs a command.
pub fn run(printer: &Printer, args: Args) -> Result {
    match args.command {
        Command::Check(it) => check::run(printer, &it),
        Command::Explain(it) => explain::run(printer, &it),
        Command::Fmt(it) => fmt::run(printer, &it),
        Command::Diff(it) => diff::run(printer, &it),
        Command::New(it) => new::run(printer, &it),
        Command::FromCompose(it) => compose::run(printer, &it),
        Command::Rules(it) => rules::run(printer, &it),
        Command::Groups(it) => compile::groups(printer, &it),
        Command::Manifest(it) => compile::manifest(printer, &it),
        Command::Hash(it) => compile::hash(printer, &it),
        Command::Schema(it) => schema::run(printer, &it),
        Command::Lsp(it) => lsp::run(&it),
    }
}
