//! Making snapshots: of a node that is stopped, or beside one that runs.

use std::{
    fs,
    path::{Path, PathBuf},
};

use consensus::Checkpoint;
use store::Export;

use super::{
    CONSENSUS, FORMAT, MANIFEST, Manifest, Progress, SnapshotError, chunk_file, list, tell,
    write_piece,
};
use crate::{Config, Error, Home, home};

/// Makes a snapshot of a node that is stopped, in a folder below `to`.
///
/// Without a height it is the last one whose next block is there, since that carries its root.
///
/// # Errors
/// [`Error::HomeLocked`] if the node runs; [`SnapshotError`] if there is no such height.
pub fn create(
    path: &Path,
    config: &Config,
    to: &Path,
    height: Option<u64>,
    progress: Progress<'_>,
) -> Result<(PathBuf, Manifest), Error> {
    crate::genesis::load(path)?;
    let _home = Home::lock(path)?;
    let nothing = |why: String| Error::Snapshot(SnapshotError::NoHeight(why));
    if !home::state(path).exists() || !home::consensus(path).exists() {
        return Err(nothing("this node has no blocks yet".to_owned()));
    }
    let store = store::Store::open(&home::state(path), crate::store_options(config))?;
    let latest = store.version().height;
    let checkpoint = Checkpoint::read(&home::consensus(path), height, latest)
        .map_err(|halt| nothing(halt.to_string()))?;
    let export = store.export(checkpoint.height()).map_err(|error| nothing(error.to_string()))?;
    write(to, &checkpoint, &export, progress)
}

/// Writes a snapshot into a folder below `to`, which is there whole or not at all.
pub(crate) fn write(
    to: &Path,
    checkpoint: &Checkpoint,
    export: &Export,
    progress: Progress<'_>,
) -> Result<(PathBuf, Manifest), Error> {
    let height = checkpoint.height();
    let root = export.version().root;
    if root.0 != checkpoint.app_hash() {
        return Err(Error::Halt(format!(
            "the state of height {height} has the root {root}, the chain says {}",
            hex::encode_upper(checkpoint.app_hash())
        )));
    }
    let folder = to.join(height.to_string());
    if folder.exists() {
        return Err(SnapshotError::Exists(folder).into());
    }
    let fresh = to.join(format!("{height}.new"));
    let io =
        |source| Error::Io { doing: format!("write a snapshot to {}", fresh.display()), source };
    if fresh.exists() {
        fs::remove_dir_all(&fresh).map_err(io)?;
    }
    fs::create_dir_all(&fresh).map_err(io)?;
    match fill(&fresh, checkpoint, export, progress) {
        Ok(manifest) => {
            fs::rename(&fresh, &folder).map_err(io)?;
            Ok((folder, manifest))
        }
        Err(error) => {
            let _ = fs::remove_dir_all(&fresh);
            Err(error)
        }
    }
}

fn fill(
    fresh: &Path,
    checkpoint: &Checkpoint,
    export: &Export,
    progress: Progress<'_>,
) -> Result<Manifest, Error> {
    let io = |source| Error::Io { doing: format!("write to {}", fresh.display()), source };
    let halt = |error: consensus::Halt| Error::Halt(error.to_string());
    let consensus = write_piece(&fresh.join(CONSENSUS), &checkpoint.to_bytes().map_err(halt)?);
    let consensus = consensus.map_err(io)?;
    let mut chunks = Vec::new();
    for chunk in export.chunks() {
        let file = fresh.join(chunk_file(chunks.len()));
        chunks.push(write_piece(&file, &chunk?).map_err(io)?);
        tell(progress, chunks.len(), None)?;
    }
    let manifest = Manifest {
        format: FORMAT,
        chain_id: checkpoint.chain_id().to_owned(),
        height: checkpoint.height(),
        block_hash: hex::encode_upper(checkpoint.block_hash()),
        next_block_hash: hex::encode_upper(checkpoint.next_block_hash()),
        app_hash: export.version().root.to_string(),
        state_machine: modules::upgrades::version(),
        stores: export.stores().iter().map(|it| (*it).to_owned()).collect(),
        consensus,
        chunks,
    };
    let text = serde_json::to_vec_pretty(&manifest)
        .map_err(|error| Error::Halt(format!("the manifest cannot be written: {error}")))?;
    home::write_whole(&fresh.join(MANIFEST), &text)?;
    Ok(manifest)
}

/// Removes all but the newest `count` snapshots of a folder; gives how many went.
///
/// # Errors
/// [`Error::Io`].
pub fn keep_newest(folder: &Path, count: usize) -> Result<usize, Error> {
    let found = list(folder)?;
    let old = found.len().saturating_sub(count);
    for (path, _) in found.iter().take(old) {
        fs::remove_dir_all(path).map_err(|source| Error::Io {
            doing: format!("remove the snapshot {}", path.display()),
            source,
        })?;
    }
    Ok(old)
}
