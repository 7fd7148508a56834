//! One file per command.
//!
//! Each has its `Args` and a `run`; the list is in [`crate::args::Command`] and the dispatch here.

pub mod cert;
pub mod close;
pub mod completion;
pub mod config;
pub mod deploy;
pub mod keys;
pub mod limits;
pub mod logs;
pub mod market;
pub mod node;
pub mod provider;
pub mod sdl;
pub mod settlement;
pub mod status;
pub mod up;
pub mod version;

use crate::{
    args::{Args, Command},
    context::Context,
    dynamic,
    failure::Result,
    printer::Printer,
};

/// Runs a command.
pub async fn run(args: Args, printer: Printer) -> Result {
    let Args { global, command } = args;
    // Completions need no settings: a broken file must not break the shell.
    if let Command::Completion(it) = &command {
        return completion::run(it);
    }
    if let Command::Version(it) = &command {
        return version::run(&printer, it);
    }
    // Files are checked in editors and CI, where nobody has settings.
    if let Command::Sdl(it) = command {
        return sdl::run(&printer, it);
    }
    let cx = Context::new(&global, printer)?;
    match command {
        Command::Up(it) => up::run(&cx, it).await,
        Command::Node(it) => node::run(&cx, it).await,
        Command::Provider(it) => provider::run(&cx, it).await,
        Command::Deploy(it) => deploy::run(&cx, it).await,
        Command::Status(it) => status::run(&cx, it).await,
        Command::Logs(it) => logs::run(&cx, it).await,
        Command::Close(it) => close::run(&cx, it).await,
        Command::Deployments(it) => market::deployments(&cx, it).await,
        Command::Orders(it) => market::orders(&cx, it).await,
        Command::Bids(it) => market::bids(&cx, it).await,
        Command::Leases(it) => market::leases(&cx, it).await,
        Command::Keys(it) => keys::run(&cx, it),
        Command::Cert(it) => cert::run(&cx, it).await,
        Command::Limits(it) => limits::run(&cx, it).await,
        Command::Query(it) => dynamic::query(&cx, it).await,
        Command::Tx(it) => dynamic::tx(&cx, it).await,
        Command::Config(it) => config::run(&cx, it),
        Command::Sdl(it) => sdl::run(&cx.printer, it),
        Command::Version(it) => version::run(&cx.printer, &it),
        Command::Completion(it) => completion::run(&it),
    }
}
