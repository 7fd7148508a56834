//! What must survive a restart and is not on chain: received manifests, host names, the key of the
//! certificate. Small files, each replaced whole.
//!
//! Called by: the service and the gateway. Owns: everything under the state folder, whose lock it
//! holds as long as it lives.

use std::{
    collections::BTreeMap,
    fs::{self, File, OpenOptions},
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use sdl::manifest::Group;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use types::ids::LeaseId;

use crate::{hostnames::Row, inventory::Scheduler};

/// What went wrong with a file, and with which.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("cannot {what} {path}: {source}")]
    File { what: &'static str, path: PathBuf, source: io::Error },
    #[error("{path} is damaged: {detail}")]
    Damaged { path: PathBuf, detail: String },
    #[error("{0} is in use by another provider process")]
    Locked(PathBuf),
}

type Result<T = ()> = std::result::Result<T, Error>;

/// A manifest that was accepted for a lease. Registry passwords may be inside.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Kept {
    pub lease: LeaseId,
    /// Grows with each manifest that differs.
    pub generation: u64,
    /// Hash of the whole manifest, hexadecimal.
    pub version: String,
    pub group: Group,
    /// Vendor and model of the GPUs, by resource id.
    #[serde(default)]
    pub gpus: BTreeMap<u32, (String, String)>,
}

impl Kept {
    pub(crate) fn scheduler(&self, id: u32) -> Option<Scheduler> {
        let (vendor, model) = self.gpus.get(&id)?;
        Some(Scheduler { gpu_vendor: vendor.clone(), gpu_model: model.clone() })
    }
}

/// The state folder.
#[derive(Debug)]
pub(crate) struct Store {
    dir: PathBuf,
    _lock: File,
}

impl Store {
    /// Makes the folder if it is not there, and keeps other processes out of it.
    pub(crate) fn open(dir: &Path) -> Result<Store> {
        let leases = dir.join("leases");
        fs::create_dir_all(&leases).map_err(failed("create", &leases))?;
        let path = dir.join("lock");
        let lock = OpenOptions::new().create(true).truncate(false).write(true).open(&path);
        let lock = lock.map_err(failed("open", &path))?;
        match lock.try_lock() {
            Ok(()) => Ok(Store { dir: dir.to_owned(), _lock: lock }),
            Err(fs::TryLockError::WouldBlock) => Err(Error::Locked(dir.to_owned())),
            Err(fs::TryLockError::Error(source)) => Err(Error::File { what: "lock", path, source }),
        }
    }

    fn lease_path(&self, lease: &LeaseId) -> PathBuf {
        self.dir.join("leases").join(format!("{}.json", backend::lease_name(lease)))
    }

    pub(crate) fn put(&self, kept: &Kept) -> Result {
        self.write_json(&self.lease_path(&kept.lease), kept)
    }

    /// Absent is fine.
    pub(crate) fn remove(&self, lease: &LeaseId) -> Result {
        let path = self.lease_path(lease);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(failed("remove", &path)(error))
            }
            _ => Ok(()),
        }
    }

    /// All manifests that were kept.
    pub(crate) fn kept(&self) -> Result<Vec<Kept>> {
        let dir = self.dir.join("leases");
        let mut found = Vec::new();
        for entry in fs::read_dir(&dir).map_err(failed("read", &dir))? {
            let path = entry.map_err(failed("read", &dir))?.path();
            if path.extension().is_some_and(|it| it == "json")
                && let Some(kept) = self.read_json(&path)?
            {
                found.push(kept);
            }
        }
        Ok(found)
    }

    pub(crate) fn put_hostnames(&self, rows: &[Row]) -> Result {
        self.write_json(&self.dir.join("hostnames.json"), rows)
    }

    pub(crate) fn hostnames(&self) -> Result<Vec<Row>> {
        Ok(self.read_json(&self.dir.join("hostnames.json"))?.unwrap_or_default())
    }

    /// Certificate and key, PEM.
    pub(crate) fn certificate(&self, address: &str) -> Result<Option<String>> {
        let path = self.dir.join(format!("{address}.pem"));
        match fs::read_to_string(&path) {
            Ok(text) => Ok(Some(text)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(failed("read", &path)(error)),
        }
    }

    pub(crate) fn put_certificate(&self, address: &str, pem: &str) -> Result {
        self.write(&self.dir.join(format!("{address}.pem")), pem.as_bytes())
    }

    fn read_json<T: DeserializeOwned>(&self, path: &Path) -> Result<Option<T>> {
        let bytes = match fs::read(path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(failed("read", path)(error)),
        };
        serde_json::from_slice(&bytes)
            .map(Some)
            .map_err(|it| Error::Damaged { path: path.to_owned(), detail: it.to_string() })
    }

    fn write_json<T: Serialize + ?Sized>(&self, path: &Path, value: &T) -> Result {
        let bytes = serde_json::to_vec_pretty(value)
            .map_err(|it| Error::Damaged { path: path.to_owned(), detail: it.to_string() })?;
        self.write(path, &bytes)
    }

    /// Old or new after a crash, never half; nobody else may read it.
    fn write(&self, path: &Path, bytes: &[u8]) -> Result {
        let part = path.with_extension("part");
        let mut options = OpenOptions::new();
        options.create(true).truncate(true).write(true);
        #[cfg(unix)]
        {
            use std::os::unix::fs::OpenOptionsExt as _;
            options.mode(0o600);
        }
        let mut file = options.open(&part).map_err(failed("write", &part))?;
        file.write_all(bytes).map_err(failed("write", &part))?;
        file.sync_all().map_err(failed("write", &part))?;
        fs::rename(&part, path).map_err(failed("write", path))?;
        if let Some(parent) = path.parent() {
            let dir = File::open(parent).map_err(failed("open", parent))?;
            dir.sync_all().map_err(failed("write", parent))?;
        }
        Ok(())
    }
}

fn failed(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Error {
    let path = path.to_owned();
    move |source| Error::File { what, path, source }
}

#[cfg(test)]
mod tests {
    use super::*;
    use client::keys::PrivateKey;

    fn kept(dseq: u64) -> Kept {
        let somebody = || PrivateKey::generate().public().address().parse().unwrap();
        let lease =
            LeaseId { owner: somebody(), dseq, gseq: 1, oseq: 1, provider: somebody(), bseq: 0 };
        let group = Group { name: "g".into(), ..Group::default() };
        let gpus = BTreeMap::from([(1, ("nvidia".into(), "a100".into()))]);
        Kept { lease, generation: 1, version: "00".into(), group, gpus }
    }

    #[test]
    fn what_is_put_is_found_again_and_what_is_removed_is_not() {
        let dir = tempfile::tempdir().unwrap();
        let (one, two) = (kept(1), kept(2));
        {
            let store = Store::open(dir.path()).unwrap();
            store.put(&one).unwrap();
            store.put(&two).unwrap();
            store.remove(&two.lease).unwrap();
            store.remove(&two.lease).unwrap();
        }
        let store = Store::open(dir.path()).unwrap();
        assert_eq!(store.kept().unwrap(), [one]);
    }

    #[test]
    fn a_second_process_is_kept_out() {
        let dir = tempfile::tempdir().unwrap();
        let _first = Store::open(dir.path()).unwrap();
        assert!(matches!(Store::open(dir.path()), Err(Error::Locked(_))));
    }

    #[test]
    fn a_write_that_was_torn_leaves_the_old_file() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path()).unwrap();
        let one = kept(1);
        store.put(&one).unwrap();
        let part = store.lease_path(&one.lease).with_extension("part");
        fs::write(part, b"{ half").unwrap();
        assert_eq!(store.kept().unwrap(), [one]);
    }

    #[cfg(unix)]
    #[test]
    fn files_are_for_the_provider_alone() {
        use std::os::unix::fs::PermissionsExt as _;
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path()).unwrap();
        store.put_certificate("akash1x", "secret").unwrap();
        let mode = fs::metadata(dir.path().join("akash1x.pem")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}
