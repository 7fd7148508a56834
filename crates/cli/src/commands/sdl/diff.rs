//! `haggle sdl diff`: what an update from one file to another asks for.

use std::path::PathBuf;

use sdl::diff::{self, Consequence};

use super::{input, report};
use crate::{
    failure::{Failure, Result},
    printer::Printer,
};

/// With `--exit-code`: the hash on chain and the manifest change.
const MANIFEST_UPDATE: u8 = 10;
/// With `--exit-code`: the groups change, so this is another deployment.
const NEW_DEPLOYMENT: u8 = 11;

/// Arguments.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "\
Examples:
  haggle sdl diff web.yaml web-new.yaml
  git show HEAD:web.yaml | haggle sdl diff - web.yaml
  haggle sdl diff --exit-code old.yaml new.yaml || echo \"exit code $?\"

Exit codes:
  0   done; with --exit-code: nothing would change
  1   a file has errors
  2   wrong command line, or a file cannot be read
  10  with --exit-code: an update in place is enough (new hash, new manifest)
  11  with --exit-code: the lease cannot carry it; close and deploy again")]
pub struct Args {
    /// The file that is deployed; `-` reads standard input
    #[arg(value_name = "OLD")]
    pub old: PathBuf,
    /// The file that is meant to replace it; `-` reads standard input
    #[arg(value_name = "NEW")]
    pub new: PathBuf,
    /// Say by the exit code what the change asks for
    #[arg(long)]
    pub exit_code: bool,
}

/// Runs the command.
pub fn run(printer: &Printer, args: &Args) -> Result {
    if [&args.old, &args.new].into_iter().all(|it| it.as_os_str() == input::STDIN) {
        return Err(Failure::input("standard input can be one of the two files, not both"));
    }
    let (old, new) = (input::read(&args.old)?, input::read(&args.new)?);
    let (old, _) = report::compile(printer, &old)?;
    let (new, _) = report::compile(printer, &new)?;
    let changes = diff::diff(&old, &new);
    printer.json(&changes);
    printer.line(changes.to_text(printer.width()).trim_end());
    match changes.verdict {
        Consequence::ManifestUpdate if args.exit_code => Err(Failure::told(MANIFEST_UPDATE)),
        Consequence::NewDeployment if args.exit_code => Err(Failure::told(NEW_DEPLOYMENT)),
        _ => Ok(()),
    }
}
