//! `haggle sdl schema`: the JSON Schema by which editors complete deployment files.

use crate::{failure::Result, printer::Printer};

/// Arguments.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "\
Examples:
  haggle sdl schema > sdl.schema.json

Then, as the first line of a file, for every editor with yaml-language-server:
  # yaml-language-server: $schema=./sdl.schema.json

`haggle sdl lsp` knows more than a schema can say.")]
pub struct Args {
    /// In one line
    #[arg(long)]
    pub compact: bool,
}

/// Runs the command.
pub fn run(printer: &Printer, args: &Args) -> Result {
    let schema = sdl::schema::json_schema();
    let text = if args.compact || printer.is_json() {
        format!("{schema}\n")
    } else {
        format!("{schema:#}\n")
    };
    printer.raw(text.as_bytes());
    Ok(())
}
