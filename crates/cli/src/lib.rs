//! The one binary: arguments, settings, printing, and one file per command.
//!
//! Called by a person or a script. Calls `client` for everything about a chain and a provider,
//! `sdl` to compile a file, and `node` and `provider` to run those. It decides nothing about the
//! market: every rule is enforced by the chain, and this crate only asks and shows.
//!
//! - [`args`]: what can be typed, and the settings that every command shares.
//! - [`config`]: defaults, file, environment, flags.
//! - [`context`]: what commands work with: settings, printer, connection, keyring.
//! - [`printer`]: the only place that writes to the terminal.
//! - [`failure`]: errors with an exit code and a hint.
//! - [`commands`]: one file per command.
//! - [`dynamic`]: `query` and `tx`, generated from the descriptors.

#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a failing test may panic"))]

pub mod args;
pub mod commands;
pub mod config;
pub mod context;
pub mod dynamic;
pub mod failure;
pub mod faucet;
pub mod local;
pub mod numbers;
pub mod printer;

use std::process::ExitCode;

use clap::Parser;

/// Parses the command line, runs the command, and says how it ended.
pub fn main() -> ExitCode {
    let args = match args::Args::try_parse() {
        Ok(args) => args,
        Err(error) => {
            // Help and version go to stdout with 0, usage errors to stderr with 2.
            let _ = error.print();
            return ExitCode::from(if error.use_stderr() { failure::WRONG_INPUT } else { 0 });
        }
    };
    let printer = printer::Printer::new(args.global.json);
    start_log(&args);
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            return printer.failure(&failure::Failure::new("could not start").caused_by(error));
        }
    };
    let result = runtime.block_on(commands::run(args, printer.clone()));
    // Tasks that are left are hints and pings; nobody waits for them.
    runtime.shutdown_background();
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => printer.failure(&error),
    }
}

/// Log lines go to stderr: for services what an operator wants to know, otherwise nothing by
/// default, `-v` for what the libraries tell, or `HAGGLE_LOG`.
fn start_log(args: &args::Args) {
    use args::Command as C;
    let quiet = node::LOG_FILTER;
    let default = match (&args.command, args.global.verbose) {
        (_, 2..) => format!("debug,{quiet}"),
        (C::Node(_) | C::Provider(_), 0) => format!("info,{quiet}"),
        (C::Up(_), 0) => format!("warn,{quiet}"),
        (C::Up(_) | C::Node(_) | C::Provider(_), 1) => format!("info,{quiet}"),
        (_, 1) => "client=debug,cli=debug".to_owned(),
        (_, 0) => "off".to_owned(),
    };
    // What the operator asks for is stronger than what keeps the libraries quiet.
    let asked = std::env::var("HAGGLE_LOG").map(|it| format!("{quiet},{it}"));
    let filter = tracing_subscriber::EnvFilter::new(asked.unwrap_or(default));
    let colours = std::io::IsTerminal::is_terminal(&std::io::stderr())
        && std::env::var_os("NO_COLOR").is_none_or(|it| it.is_empty());
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_ansi(colours);
    let _ = log.with_writer(std::io::stderr).try_init();
}
