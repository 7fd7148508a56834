//! The project's own tasks: `cargo xtask --help`.

mod codegen;

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};

fn main() -> Result<()> {
    let mut args = std::env::args().skip(1);
    match args.next().as_deref() {
        Some("codegen") => {
            let wire =
                args.next().map_or_else(|| root().join("../shared/spec/wire.jsonl"), PathBuf::from);
            codegen::run(&wire, &root().join("proto"))
        }
        other => bail!("unknown task {other:?}"),
    }
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask lives in the workspace")
}
