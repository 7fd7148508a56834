//! The folder of a node: where things lie, and that one process has it.

use std::{
    fs::{self, File, TryLockError},
    io::Write,
    path::{Path, PathBuf},
};

use crate::Error;

/// A node's folder, locked by this process until it is dropped.
#[derive(Debug)]
pub struct Home {
    path: PathBuf,
    _lock: File,
}

impl Home {
    /// Makes the folder if needed and takes its lock.
    ///
    /// # Errors
    /// [`Error::HomeLocked`] if another process has it; [`Error::Io`] if it cannot be made.
    pub fn lock(path: &Path) -> Result<Self, Error> {
        let io = |source| Error::Io {
            doing: format!("prepare the home folder {}", path.display()),
            source,
        };
        fs::create_dir_all(path).map_err(io)?;
        let lock = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(path.join("LOCK"))
            .map_err(io)?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { path: path.to_owned(), _lock: lock }),
            Err(TryLockError::WouldBlock) => Err(Error::HomeLocked(path.to_owned())),
            Err(TryLockError::Error(source)) => Err(io(source)),
        }
    }

    /// The folder itself.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// `config/genesis.json`.
pub fn genesis_file(home: &Path) -> PathBuf {
    home.join("config/genesis.json")
}

/// `config/node.toml`.
pub fn config_file(home: &Path) -> PathBuf {
    home.join("config/node.toml")
}

/// `config/priv_validator_key.json`, in the form of CometBFT.
pub fn validator_key(home: &Path) -> PathBuf {
    home.join("config/priv_validator_key.json")
}

/// `config/node_key.json`, in the form of CometBFT.
pub fn node_key(home: &Path) -> PathBuf {
    home.join("config/node_key.json")
}

/// `data`: everything that follows from the blocks.
pub fn data(home: &Path) -> PathBuf {
    home.join("data")
}

/// `data.restoring`: what becomes [`data`] once a snapshot is restored whole.
pub fn restoring(home: &Path) -> PathBuf {
    home.join("data.restoring")
}

/// `data/upgrade-info.json`: the plan that this build stopped for, in the reference's form.
pub fn upgrade_info(home: &Path) -> PathBuf {
    home.join("data/upgrade-info.json")
}

/// `data/state`: the ledger's store.
pub fn state(home: &Path) -> PathBuf {
    home.join("data/state")
}

/// `data/consensus`: blocks, write-ahead log.
pub fn consensus(home: &Path) -> PathBuf {
    home.join("data/consensus")
}

/// `data/index`: transactions and blocks by their events.
pub fn index(home: &Path) -> PathBuf {
    home.join("data/index")
}

/// Writes a file so that a crash leaves the old or the new content, never half of it.
pub fn write_whole(path: &Path, content: &[u8]) -> Result<(), Error> {
    let io = |source| Error::Io { doing: format!("write {}", path.display()), source };
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(io)?;
    }
    let fresh = path.with_extension("new");
    let mut file = File::create(&fresh).map_err(io)?;
    file.write_all(content).map_err(io)?;
    file.sync_all().map_err(io)?;
    fs::rename(&fresh, path).map_err(io)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_home_belongs_to_one_process_at_a_time() {
        let folder = tempfile::tempdir().expect("a folder");
        let first = Home::lock(folder.path()).expect("free");
        let refused = Home::lock(folder.path()).expect_err("taken");
        assert!(matches!(refused, Error::HomeLocked(_)));
        assert!(refused.to_string().contains("another process"), "{refused}");
        drop(first);
        Home::lock(folder.path()).expect("free again");
    }
}
