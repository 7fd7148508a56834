//! `haggle node export`: the state of a height as a genesis document.

use std::path::PathBuf;

use crate::{
    context::Context,
    failure::{Failure, Result},
    local,
};

/// Arguments of `haggle node export`.
#[derive(Debug, clap::Args)]
pub struct ExportArgs {
    /// The height [default: the latest]
    #[arg(long, value_name = "HEIGHT")]
    pub height: Option<u64>,
    /// The file that gets the document [default: standard output]
    #[arg(long, value_name = "FILE")]
    pub output: Option<PathBuf>,
}

/// Runs `haggle node export`.
pub(super) fn run(cx: &Context, args: &ExportArgs) -> Result {
    let home = local::node_home(&cx.config.home);
    let config = node::Config::read(&home)?;
    let document = node::export(&home, &config, args.height)?;
    let text = document.to_json_pretty().map_err(node::Error::from)?;
    let Some(output) = &args.output else {
        cx.printer.raw(format!("{text}\n").as_bytes());
        return Ok(());
    };
    std::fs::write(output, text)
        .map_err(|error| Failure::new(format!("cannot write {}: {error}", output.display())))?;
    cx.printer.done(format!(
        "a genesis document that begins at height {} in {}",
        document.initial_height,
        output.display()
    ));
    Ok(())
}
