//! `haggle sdl explain`: what a file orders, in words and as tables.

use std::path::PathBuf;

use sdl::{explain, quantity::Price};

use super::{
    input,
    report::{self, Count},
    values::AktPrice,
};
use crate::{failure::Result, printer::Printer};

/// Attos in a millionth.
const ATTO_PER_MICRO: u128 = Price::ONE / 1_000_000;

/// Arguments.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "\
Examples:
  haggle sdl explain web.yaml
  haggle sdl explain --akt-price 0.85 web.yaml    prices in uakt in dollars, too
  haggle sdl explain --json web.yaml | jq .cost

The costs are the most that the file allows; providers usually ask for less.

Exit codes: 0 done, 1 the file has errors, 2 wrong command line or unreadable file")]
pub struct Args {
    /// The SDL file; `-` reads standard input
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// What one AKT costs in dollars
    #[arg(long, value_name = "USD")]
    pub akt_price: Option<AktPrice>,
    /// Average time between blocks in milliseconds, by which prices per block become prices per month
    #[arg(long, value_name = "MS", default_value_t = explain::BLOCK_TIME_MS, value_parser = clap::value_parser!(u64).range(1..))]
    pub block_time_ms: u64,
}

/// Runs the command.
pub fn run(printer: &Printer, args: &Args) -> Result {
    let source = input::read(&args.file)?;
    let (compiled, warnings) = report::compile(printer, &source)?;
    let price =
        args.akt_price.map(|it| Price::from_atto(u128::from(it.micro_usd) * ATTO_PER_MICRO));
    let options = explain::Options { block_time_ms: args.block_time_ms, akt_price_usd: price };
    let explanation = explain::explain(&compiled, &options);
    printer.json(&explanation);
    printer.line(explanation.to_text(printer.width()).trim_end());
    if !warnings.is_empty() {
        let count = Count::of(&warnings).words();
        printer.note("");
        printer.warn(format!("{count}; see `haggle sdl check {}`", source.name));
    }
    Ok(())
}
