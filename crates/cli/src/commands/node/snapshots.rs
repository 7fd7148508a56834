//! `haggle node snapshots`: the state of a height in files, made, listed, restored.
//!
//! Called by the dispatch of `haggle node`; calls `node::snapshots`, which checks everything.

use std::{
    ops::ControlFlow,
    path::{Path, PathBuf},
};

use node::snapshots::{self, Manifest};
use serde_json::{Value, json};

use crate::{
    context::Context,
    failure::{Failure, Result},
    local,
    printer::Column,
};

/// Make, list and restore snapshots of the state.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Write the state of a height into a folder; the node must be stopped
    Create(CreateArgs),
    /// List the snapshots in a folder
    List(ListArgs),
    /// Make a snapshot the chain of this home, which has a genesis document and no blocks yet
    ///
    /// Every file is checked, and the state must give the root in the signed header of the next
    /// block. `haggle node join` makes such a home.
    Restore(RestoreArgs),
}

/// Arguments of `haggle node snapshots create`.
#[derive(Debug, clap::Args)]
pub struct CreateArgs {
    /// The height [default: the one before the last block]
    #[arg(long, value_name = "HEIGHT")]
    pub height: Option<u64>,
    /// The folder that gets the snapshot, in a folder named after the height
    /// [default: node/snapshots in the home]
    #[arg(long, value_name = "FOLDER")]
    pub output: Option<PathBuf>,
}

/// Arguments of `haggle node snapshots list`.
#[derive(Debug, clap::Args)]
pub struct ListArgs {
    /// The folder with snapshots [default: node/snapshots in the home]
    #[arg(value_name = "FOLDER")]
    pub folder: Option<PathBuf>,
}

/// Arguments of `haggle node snapshots restore`.
#[derive(Debug, clap::Args)]
pub struct RestoreArgs {
    /// The folder of one snapshot
    #[arg(value_name = "SNAPSHOT")]
    pub snapshot: PathBuf,
    /// Hash of the snapshot's block or of the next one, from a source you trust, such as
    /// /block?height=HEIGHT of a node of yours
    #[arg(long, value_name = "HEX")]
    pub trust_hash: Option<String>,
}

/// Runs `haggle node snapshots …`.
pub(super) fn run(cx: &Context, command: Command) -> Result {
    match command {
        Command::Create(args) => create(cx, args),
        Command::List(args) => list(cx, args),
        Command::Restore(args) => restore(cx, &args),
    }
}

fn own_folder(cx: &Context, chosen: Option<PathBuf>) -> PathBuf {
    chosen.unwrap_or_else(|| snapshots::folder(&local::node_home(&cx.config.home)))
}

fn create(cx: &Context, args: CreateArgs) -> Result {
    let home = local::node_home(&cx.config.home);
    let config = node::Config::read(&home)?;
    let output = own_folder(cx, args.output);
    let shown = cx.printer.progress("reading the state");
    let mut progress = |done: usize, _| {
        shown.set(format!("writing the state: {done} files"));
        ControlFlow::Continue(())
    };
    let made = snapshots::create(&home, &config, &output, args.height, &mut progress);
    drop(shown);
    let (path, manifest) = made?;
    cx.printer.json(&shown_as_json(&path, &manifest));
    cx.printer.done(format!("a snapshot of height {} in {}", manifest.height, path.display()));
    cx.printer.line(format!("  block hash {}", manifest.block_hash));
    cx.printer.line(format!("  app hash   {}", manifest.app_hash));
    Ok(())
}

fn list(cx: &Context, args: ListArgs) -> Result {
    let found = snapshots::list(&own_folder(cx, args.folder))?;
    let all: Vec<Value> = found.iter().map(|(path, it)| shown_as_json(path, it)).collect();
    cx.printer.json(&json!({ "snapshots": all }));
    if found.is_empty() {
        cx.printer.note("no snapshots; `haggle node snapshots create` makes one");
        return Ok(());
    }
    let rows: Vec<Vec<String>> = found
        .iter()
        .map(|(path, it)| {
            vec![
                it.height.to_string(),
                it.chain_id.clone(),
                it.state_bytes().to_string(),
                it.block_hash.clone(),
                path.display().to_string(),
            ]
        })
        .collect();
    let columns = [
        Column::Number("Height"),
        Column::Text("Chain"),
        Column::Number("Bytes"),
        Column::Text("Block hash"),
        Column::Text("Folder"),
    ];
    cx.printer.table(&columns, &rows);
    Ok(())
}

fn restore(cx: &Context, args: &RestoreArgs) -> Result {
    let trusted = args.trust_hash.as_deref().map(hash).transpose()?;
    let home = local::node_home(&cx.config.home);
    let config = node::Config::read(&home)?;
    let shown = cx.printer.progress(format!("restoring {}", args.snapshot.display()));
    let mut progress = |done: usize, all: Option<usize>| {
        shown.set(format!("restoring the state: {done} of {} files", all.unwrap_or(done)));
        ControlFlow::Continue(())
    };
    let made = snapshots::restore(&home, &config, &args.snapshot, trusted, &mut progress);
    drop(shown);
    let restored = made?;
    cx.printer.json(&json!({
        "height": restored.height,
        "block_hash": restored.block_hash,
        "app_hash": restored.app_hash,
        "trusted": restored.is_trusted,
        "home": home,
    }));
    cx.printer.done(format!("{} begins at height {}", home.display(), restored.height));
    if !restored.is_trusted {
        cx.printer.warn(format!(
            "nobody but the snapshot itself says that block {} has the hash {}; compare it with a \
             node you trust, or restore again with --trust-hash",
            restored.height, restored.block_hash
        ));
    }
    cx.printer.note("start it with `haggle node start`");
    Ok(())
}

fn hash(text: &str) -> Result<[u8; 32]> {
    let bytes = hex::decode(text.trim_start_matches("0x")).ok();
    bytes.and_then(|it| it.try_into().ok()).ok_or_else(|| {
        Failure::input(format!("{text} is not the hash of a block: 64 hexadecimal digits"))
    })
}

fn shown_as_json(path: &Path, it: &Manifest) -> Value {
    json!({
        "path": path,
        "format": it.format,
        "chain_id": it.chain_id,
        "height": it.height,
        "block_hash": it.block_hash,
        "next_block_hash": it.next_block_hash,
        "app_hash": it.app_hash,
        "state_machine": it.state_machine,
        "bytes": it.state_bytes(),
        "files": it.chunks.len(),
    })
}
