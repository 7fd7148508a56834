//! `haggle sdl groups`, `manifest` and `hash`: what a file compiles to, for programs.

use std::path::PathBuf;

use serde_json::json;

use super::{input, report};
use crate::{
    failure::{Failure, Result},
    printer::Printer,
};

/// The end of `groups --help`.
pub(super) const GROUPS_HELP: &str = "\
Examples:
  haggle sdl groups web.yaml
  haggle sdl groups web.yaml | jq '.[].resources[].price'

Exit codes: 0 done, 1 the file has errors, 2 wrong command line or unreadable file";
/// The end of `manifest --help`.
pub(super) const MANIFEST_HELP: &str = "\
The bytes are exactly those that the version hash is made of, without a line end:

  haggle sdl manifest web.yaml | sha256sum      is what `haggle sdl hash web.yaml` says
  haggle sdl manifest --pretty web.yaml         for reading

Exit codes: 0 done, 1 the file has errors, 2 wrong command line or unreadable file";
/// The end of `hash --help`.
pub(super) const HASH_HELP: &str = "\
Examples:
  haggle sdl hash web.yaml
  [ \"$(haggle sdl hash old.yaml)\" = \"$(haggle sdl hash new.yaml)\" ] && echo 'same manifest'

Exit codes: 0 done, 1 the file has errors, 2 wrong command line or unreadable file";

/// The one file that a command reads.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// The SDL file; `-` reads standard input
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
}

/// Arguments of `manifest`.
#[derive(Clone, Debug, clap::Args)]
pub struct ManifestArgs {
    /// The SDL file; `-` reads standard input
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// Indent it for reading; these bytes do not hash to the version
    #[arg(long)]
    pub pretty: bool,
}

/// Prints the group specs as the chain's JSON has them.
pub fn groups(printer: &Printer, args: &Args) -> Result {
    let (compiled, _) = report::compile(printer, &input::read(&args.file)?)?;
    printer.value(&compiled.groups_json());
    Ok(())
}

/// Prints the canonical bytes of the manifest, and not one more.
pub fn manifest(printer: &Printer, args: &ManifestArgs) -> Result {
    let (compiled, _) = report::compile(printer, &input::read(&args.file)?)?;
    let bytes = compiled.manifest_json();
    if args.pretty {
        let value: serde_json::Value = serde_json::from_slice(&bytes)
            .map_err(|it| Failure::new("the manifest is not JSON").caused_by(it))?;
        printer.raw(format!("{value:#}\n").as_bytes());
        return Ok(());
    }
    printer.raw(&bytes);
    // A shell's next prompt should not stand behind it.
    if printer.is_terminal() {
        printer.raw(b"\n");
    }
    Ok(())
}

/// Prints the version hash in hexadecimal.
pub fn hash(printer: &Printer, args: &Args) -> Result {
    let (compiled, _) = report::compile(printer, &input::read(&args.file)?)?;
    let hash = compiled.version_hex();
    printer.json(&json!({ "hash": hash }));
    printer.line(hash);
    Ok(())
}
