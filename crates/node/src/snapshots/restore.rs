//! Restoring a snapshot: all of it beside the home's data, checked, then one rename.

use std::{
    fs,
    path::{Path, PathBuf},
};

use consensus::Checkpoint;
use store::{CHUNK_BYTES_MAX, Hash, Import, Version};

use super::{
    CONSENSUS, CONSENSUS_BYTES_MAX, Progress, SnapshotError, chunk_file, manifest, read_piece, tell,
};
use crate::{Config, Error, Home, home};

/// What a home has after a restore.
#[derive(Clone, Debug)]
pub struct Restored {
    /// The last block it has.
    pub height: u64,
    /// Hash of that block, in upper-case hex.
    pub block_hash: String,
    /// Root of the state.
    pub app_hash: String,
    /// Whether a trusted hash was given, and matched.
    pub is_trusted: bool,
}

/// Makes the snapshot in `from` the chain of the home `path`, which must have a genesis document and
/// no chain yet. `trusted` is the hash of the snapshot's block or of the next one, from a source
/// that the operator trusts; without it nothing but the signatures inside vouches for the snapshot.
///
/// # Errors
/// [`Error`]; the home is then as it was.
pub fn restore(
    path: &Path,
    config: &Config,
    from: &Path,
    trusted: Option<[u8; 32]>,
    progress: Progress<'_>,
) -> Result<Restored, Error> {
    let genesis = crate::genesis::load(path)?;
    let _home = Home::lock(path)?;
    let data = home::data(path);
    let is_free = match fs::read_dir(&data) {
        Ok(mut entries) => entries.next().is_none(),
        Err(_) => !data.exists(),
    };
    if !is_free {
        return Err(SnapshotError::HasData(data).into());
    }
    let manifest = manifest(from)?;
    if manifest.chain_id != genesis.chain_id {
        return Err(Error::Snapshot(SnapshotError::WrongChain {
            path: from.to_owned(),
            expected: genesis.chain_id.clone(),
            got: manifest.chain_id,
        }));
    }
    let bytes = read_piece(&from.join(CONSENSUS), &manifest.consensus, CONSENSUS_BYTES_MAX)?;
    let checkpoint = Checkpoint::from_bytes(&bytes)
        .and_then(|it| it.verify(&genesis, trusted.as_ref()).map(|()| it))
        .map_err(|error| SnapshotError::Refused(from.to_owned(), error))?;
    let root: [u8; 32] = checkpoint.app_hash().try_into().map_err(|_| {
        let why = consensus::CheckpointError::Inconsistent("the root is no hash".to_owned());
        SnapshotError::Refused(from.to_owned(), why)
    })?;

    let beside = Beside::make(home::restoring(path))?;
    let refused = |error| Error::Snapshot(SnapshotError::State(from.to_owned(), error));
    let state = beside.0.join("state");
    make_folder(&state)?;
    let import = Import::begin(&state, &crate::store_options(config)).map_err(refused)?;
    for (index, piece) in manifest.chunks.iter().enumerate() {
        let chunk = read_piece(&from.join(chunk_file(index)), piece, CHUNK_BYTES_MAX)?;
        import.chunk(&chunk).map_err(refused)?;
        tell(progress, index.saturating_add(1), Some(manifest.chunks.len()))?;
    }
    let version = Version { height: checkpoint.height(), root: Hash(root) };
    import.finish(version, &manifest.stores).map_err(refused)?;
    let consensus = beside.0.join("consensus");
    make_folder(&consensus)?;
    checkpoint.write(&consensus).map_err(|halt| Error::Halt(halt.to_string()))?;
    beside.become_data(&data)?;
    Ok(Restored {
        height: checkpoint.height(),
        block_hash: hex::encode_upper(checkpoint.block_hash()),
        app_hash: hex::encode_upper(root),
        is_trusted: trusted.is_some(),
    })
}

fn make_folder(path: &Path) -> Result<(), Error> {
    let io = |source| Error::Io { doing: format!("create {}", path.display()), source };
    fs::create_dir_all(path).map_err(io)
}

/// A folder in the making, gone unless it becomes the data of the home.
struct Beside(PathBuf);

impl Beside {
    /// What a restore that was killed has left is removed.
    fn make(path: PathBuf) -> Result<Beside, Error> {
        if path.exists() {
            let io = |source| Error::Io { doing: format!("remove {}", path.display()), source };
            fs::remove_dir_all(&path).map_err(io)?;
        }
        make_folder(&path)?;
        Ok(Beside(path))
    }

    fn become_data(self, data: &Path) -> Result<(), Error> {
        let io = |source| Error::Io { doing: format!("create {}", data.display()), source };
        // An empty one is in the way of the rename on some systems.
        if data.exists() {
            fs::remove_dir(data).map_err(io)?;
        }
        fs::rename(&self.0, data).map_err(io)
    }
}

impl Drop for Beside {
    fn drop(&mut self) {
        // After the rename there is nothing; after a failure a leftover costs only space, and the
        // next restore removes it.
        let _ = fs::remove_dir_all(&self.0);
    }
}
