//! Keys at rest: one encrypted file per key.
//!
//! Called by the command line and the provider. Owns a folder. A file holds the name, address and
//! public key in clear, so that keys can be listed without the password, and the private key sealed
//! by ChaCha20-Poly1305 under a key that Argon2id makes from the password. The clear part is
//! authenticated with the sealed one: changing either shows.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    path::{Path, PathBuf},
};

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use chacha20poly1305::{
    ChaCha20Poly1305, KeyInit,
    aead::{Aead, Payload},
};
use rand::RngCore;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::keys::{LocalSigner, PrivateKey, PublicKey};

/// The version of the file format.
const VERSION: u32 = 1;
/// Memory of the password hash, in KiB.
const ARGON2_MEMORY_KIB: u32 = 19_456;
/// Passes of the password hash.
const ARGON2_PASSES: u32 = 2;
/// The most memory that a file may ask for, so that a planted one cannot exhaust the machine.
const ARGON2_MEMORY_KIB_MAX: u32 = 1 << 20;
/// The most bytes that a key file may have.
const FILE_BYTES_MAX: u64 = 16 << 10;
/// Suffix of key files.
const SUFFIX: &str = "key";

/// A keyring that could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum KeyringError {
    /// No key of that name.
    #[error("there is no key `{name}` in {folder}")]
    NoSuchKey {
        /// The name.
        name: String,
        /// Where it was looked for.
        folder: PathBuf,
    },
    /// A key of that name exists.
    #[error("there is a key `{0}` already")]
    NameTaken(String),
    /// The same private key is there under another name.
    #[error("this key is in the keyring already, as `{0}`")]
    KeyTaken(String),
    /// Not a name.
    #[error("`{0}` cannot be the name of a key")]
    BadName(String),
    /// The password does not open the key.
    #[error("the password of the keyring is wrong, or the key `{0}` was changed outside haggle")]
    WrongPassword(String),
    /// The file is not a key file.
    #[error("the key file {path} is damaged: {detail}")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        detail: String,
    },
    /// Another process is changing the keyring.
    #[error("the keyring {0} is locked by another process")]
    Locked(PathBuf),
    /// The file system refused.
    #[error("could not {what} {path}")]
    Io {
        /// A verb.
        what: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
}

impl KeyringError {
    /// What to try next.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            KeyringError::NoSuchKey { name, .. } => {
                format!("make one with `haggle keys add {name}`, or see `haggle keys list`")
            }
            KeyringError::NameTaken(_) => "choose another name, or delete it first".to_owned(),
            KeyringError::BadName(_) => {
                "use letters, digits, `-` and `_`, at most 64 of them".to_owned()
            }
            KeyringError::WrongPassword(_) => {
                "try again; HAGGLE_KEYRING_PASSWORD is used when it is set".to_owned()
            }
            KeyringError::Damaged { .. } => {
                "restore the file from a backup, or import the key again from its phrase".to_owned()
            }
            KeyringError::Locked(_) => "wait until the other command has ended".to_owned(),
            KeyringError::KeyTaken(_) | KeyringError::Io { .. } => return None,
        })
    }
}

type Result<T> = std::result::Result<T, KeyringError>;

/// What everyone may know of a key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct KeyInfo {
    /// Its name.
    pub name: String,
    /// Its account, in bech32.
    pub address: String,
    /// Its public key, 33 bytes, base64.
    pub public_key: String,
}

/// A folder of encrypted keys.
pub struct Keyring {
    folder: PathBuf,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct KeyFile {
    version: u32,
    name: String,
    address: String,
    public_key: String,
    kdf: Kdf,
    nonce: String,
    sealed: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Kdf {
    algorithm: String,
    memory_kib: u32,
    passes: u32,
    salt: String,
}

impl Keyring {
    /// The keyring in `folder`, which is made when it is missing.
    pub fn open(folder: impl Into<PathBuf>) -> Result<Keyring> {
        let folder = folder.into();
        fs::create_dir_all(&folder).map_err(io_error("make the folder", &folder))?;
        private(&folder, 0o700).map_err(io_error("protect the folder", &folder))?;
        Ok(Keyring { folder })
    }

    /// Where the keys are.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// All keys, sorted by name. Needs no password.
    pub fn list(&self) -> Result<Vec<KeyInfo>> {
        let mut keys = Vec::new();
        let entries = fs::read_dir(&self.folder).map_err(io_error("read", &self.folder))?;
        for entry in entries {
            let path = entry.map_err(io_error("read", &self.folder))?.path();
            if path.extension().is_some_and(|it| it == SUFFIX) {
                keys.push(self.read(&path)?.info());
            }
        }
        keys.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(keys)
    }

    /// One key by its name, or by its address. Needs no password.
    pub fn info(&self, name: &str) -> Result<KeyInfo> {
        if name.starts_with("akash1")
            && let Some(key) = self.list()?.into_iter().find(|it| it.address == name)
        {
            return Ok(key);
        }
        Ok(self.read_named(name)?.info())
    }

    /// Stores a key.
    pub fn add(&self, name: &str, key: &PrivateKey, password: &str) -> Result<KeyInfo> {
        let _lock = self.lock()?;
        let path = self.path(name)?;
        if path.exists() {
            return Err(KeyringError::NameTaken(name.to_owned()));
        }
        let address = key.public().address();
        let others = self.list()?;
        if let Some(other) = others.iter().find(|it| it.address == address) {
            return Err(KeyringError::KeyTaken(other.name.clone()));
        }
        // One password for the whole ring: a mistyped one must not make a key of its own.
        if let Some(other) = others.first() {
            self.secret(&other.name, password)?;
        }
        let mut salt = [0u8; 16];
        let mut nonce = [0u8; 12];
        rand::rngs::OsRng.fill_bytes(&mut salt);
        rand::rngs::OsRng.fill_bytes(&mut nonce);
        let mut file = KeyFile {
            version: VERSION,
            name: name.to_owned(),
            address,
            public_key: BASE64.encode(key.public().to_bytes()),
            kdf: Kdf {
                algorithm: "argon2id".to_owned(),
                memory_kib: ARGON2_MEMORY_KIB,
                passes: ARGON2_PASSES,
                salt: BASE64.encode(salt),
            },
            nonce: BASE64.encode(nonce),
            sealed: String::new(),
        };
        let damaged = |detail: String| KeyringError::Damaged { path: path.clone(), detail };
        let cipher = file.cipher(password).map_err(damaged)?;
        let clear = file.clear_part();
        let secret = key.to_bytes();
        let payload = Payload { msg: secret.as_ref(), aad: &clear };
        let sealed = cipher
            .encrypt(&nonce.into(), payload)
            .map_err(|it| KeyringError::Damaged { path: path.clone(), detail: it.to_string() })?;
        file.sealed = BASE64.encode(sealed);
        let text = serde_json::to_string_pretty(&file)
            .map_err(|it| KeyringError::Damaged { path: path.clone(), detail: it.to_string() })?;
        write_atomically(&path, text.as_bytes())?;
        Ok(file.info())
    }

    /// Opens a key, by name or address, for signing.
    pub fn signer(&self, name: &str, password: &str) -> Result<LocalSigner> {
        Ok(LocalSigner::new(self.secret(name, password)?))
    }

    /// Opens a key, by name or address.
    pub fn secret(&self, name: &str, password: &str) -> Result<PrivateKey> {
        let info = self.info(name)?;
        let path = self.path(&info.name)?;
        let file = self.read(&path)?;
        let damaged =
            |detail: &str| KeyringError::Damaged { path: path.clone(), detail: detail.to_owned() };
        let cipher = file.cipher(password).map_err(|it| damaged(&it))?;
        let nonce = BASE64.decode(&file.nonce).map_err(|_| damaged("the nonce is not base64"))?;
        let nonce: [u8; 12] =
            nonce.try_into().map_err(|_| damaged("the nonce does not have 12 bytes"))?;
        let sealed = BASE64.decode(&file.sealed).map_err(|_| damaged("the key is not base64"))?;
        let clear = file.clear_part();
        let secret = cipher
            .decrypt(&nonce.into(), Payload { msg: &sealed, aad: &clear })
            .map(Zeroizing::new)
            .map_err(|_| KeyringError::WrongPassword(info.name.clone()))?;
        let key = PrivateKey::from_bytes(&secret).map_err(|it| damaged(&it.to_string()))?;
        if key.public().address() != file.address {
            return Err(damaged("the key is not that of the address"));
        }
        Ok(key)
    }

    /// Deletes a key. Without a copy of its phrase its account is lost.
    pub fn delete(&self, name: &str) -> Result<KeyInfo> {
        let _lock = self.lock()?;
        let info = self.info(name)?;
        let path = self.path(&info.name)?;
        fs::remove_file(&path).map_err(io_error("delete", &path))?;
        Ok(info)
    }

    fn lock(&self) -> Result<File> {
        let path = self.folder.join(".lock");
        let file = OpenOptions::new().create(true).truncate(false).write(true).open(&path);
        let file = file.map_err(io_error("open", &path))?;
        match file.try_lock() {
            Ok(()) => Ok(file),
            Err(fs::TryLockError::WouldBlock) => Err(KeyringError::Locked(self.folder.clone())),
            Err(fs::TryLockError::Error(source)) => {
                Err(KeyringError::Io { what: "lock", path, source })
            }
        }
    }

    fn path(&self, name: &str) -> Result<PathBuf> {
        let plain = |it: char| it.is_ascii_alphanumeric() || it == '-' || it == '_';
        if name.is_empty() || name.len() > 64 || !name.chars().all(plain) {
            return Err(KeyringError::BadName(name.to_owned()));
        }
        Ok(self.folder.join(format!("{name}.{SUFFIX}")))
    }

    fn read_named(&self, name: &str) -> Result<KeyFile> {
        let path = self.path(name)?;
        if !path.exists() {
            return Err(KeyringError::NoSuchKey {
                name: name.to_owned(),
                folder: self.folder.clone(),
            });
        }
        self.read(&path)
    }

    fn read(&self, path: &Path) -> Result<KeyFile> {
        let damaged = |detail: String| KeyringError::Damaged { path: path.to_owned(), detail };
        let size = fs::metadata(path).map_err(io_error("read", path))?.len();
        if size > FILE_BYTES_MAX {
            return Err(damaged(format!("it has {size} bytes")));
        }
        let text = fs::read(path).map_err(io_error("read", path))?;
        let file: KeyFile = serde_json::from_slice(&text).map_err(|it| damaged(it.to_string()))?;
        if file.version != VERSION {
            return Err(damaged(format!("its version is {}, not {VERSION}", file.version)));
        }
        let public = BASE64.decode(&file.public_key).ok();
        let public = public.and_then(|it| PublicKey::from_bytes(&it).ok());
        if public.is_none_or(|it| it.address() != file.address) {
            return Err(damaged("the public key is not that of the address".to_owned()));
        }
        Ok(file)
    }
}

impl KeyFile {
    fn info(&self) -> KeyInfo {
        KeyInfo {
            name: self.name.clone(),
            address: self.address.clone(),
            public_key: self.public_key.clone(),
        }
    }

    /// What is authenticated although it is not secret.
    fn clear_part(&self) -> Vec<u8> {
        format!("haggle key {}\n{}\n{}\n{}", self.version, self.name, self.address, self.public_key)
            .into_bytes()
    }

    fn cipher(&self, password: &str) -> std::result::Result<ChaCha20Poly1305, String> {
        let kdf = &self.kdf;
        if kdf.algorithm != "argon2id" || kdf.memory_kib > ARGON2_MEMORY_KIB_MAX || kdf.passes > 64
        {
            return Err("its password hash is not one that haggle writes".to_owned());
        }
        let salt = BASE64.decode(&kdf.salt).map_err(|_| "the salt is not base64".to_owned())?;
        let params = argon2::Params::new(kdf.memory_kib, kdf.passes, 1, Some(32));
        let params = params.map_err(|it| format!("its password hash: {it}"))?;
        let hash = argon2::Argon2::new(argon2::Algorithm::Argon2id, argon2::Version::V0x13, params);
        let mut key = Zeroizing::new([0u8; 32]);
        hash.hash_password_into(password.as_bytes(), &salt, key.as_mut())
            .map_err(|it| format!("its password hash: {it}"))?;
        Ok(ChaCha20Poly1305::new(key.as_ref().into()))
    }
}

/// Writes a whole file or nothing: a temporary file, flushed, renamed, and the folder flushed.
pub fn write_atomically(path: &Path, bytes: &[u8]) -> Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let temporary = path.with_extension(format!("{:08x}.tmp", rand::rngs::OsRng.next_u32()));
    let write = || -> io::Result<()> {
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(&temporary)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&temporary, path)?;
        File::open(folder)?.sync_all()
    };
    write().map_err(|source| {
        let _ = fs::remove_file(&temporary);
        KeyringError::Io { what: "write", path: path.to_owned(), source }
    })
}

fn private(path: &Path, mode: u32) -> io::Result<()> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(path, fs::Permissions::from_mode(mode))?;
    }
    let _ = (path, mode);
    Ok(())
}

fn io_error(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> KeyringError {
    move |source| KeyringError::Io { what, path: path.to_owned(), source }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ring() -> (tempfile::TempDir, Keyring) {
        let folder = tempfile::tempdir().unwrap();
        let ring = Keyring::open(folder.path().join("keys")).unwrap();
        (folder, ring)
    }

    fn file_of(ring: &Keyring, name: &str) -> PathBuf {
        ring.folder().join(format!("{name}.key"))
    }

    #[test]
    fn a_key_comes_back_with_its_password_and_by_its_address() {
        let (_folder, ring) = ring();
        let key = PrivateKey::generate();
        let info = ring.add("alice", &key, "secret").unwrap();
        assert_eq!(info.address, key.public().address());
        assert_eq!(ring.list().unwrap(), vec![info.clone()]);
        assert_eq!(*ring.secret("alice", "secret").unwrap().to_bytes(), *key.to_bytes());
        assert_eq!(*ring.secret(&info.address, "secret").unwrap().to_bytes(), *key.to_bytes());
    }

    #[test]
    fn the_private_key_is_not_in_the_file() {
        let (_folder, ring) = ring();
        let key = PrivateKey::generate();
        ring.add("alice", &key, "secret").unwrap();
        let text = fs::read_to_string(file_of(&ring, "alice")).unwrap();
        assert!(!text.contains(&hex::encode(*key.to_bytes())));
        assert!(!text.contains(&BASE64.encode(*key.to_bytes())));
    }

    #[test]
    fn a_wrong_password_is_said_so_when_opening_and_when_adding() {
        let (_folder, ring) = ring();
        ring.add("alice", &PrivateKey::generate(), "secret").unwrap();
        assert!(matches!(ring.secret("alice", "Secret"), Err(KeyringError::WrongPassword(_))));
        let other = ring.add("bob", &PrivateKey::generate(), "Secret");
        assert!(matches!(other, Err(KeyringError::WrongPassword(_))));
        assert_eq!(ring.list().unwrap().len(), 1);
    }

    #[test]
    fn every_changed_byte_of_a_key_file_is_noticed() {
        let (_folder, ring) = ring();
        ring.add("alice", &PrivateKey::generate(), "pw").unwrap();
        let path = file_of(&ring, "alice");
        let good = fs::read(&path).unwrap();
        let secret = *ring.secret("alice", "pw").unwrap().to_bytes();
        // Every 7th byte: the password hash makes each look cost some milliseconds.
        for at in (0..good.len()).step_by(7) {
            let mut bad = good.clone();
            bad[at] ^= 1;
            fs::write(&path, &bad).unwrap();
            if let Ok(key) = ring.secret("alice", "pw") {
                // Only a change that is no change may pass, such as white space.
                assert!(good[at].is_ascii_whitespace() || *key.to_bytes() == secret, "byte {at}");
                assert_eq!(*key.to_bytes(), secret);
            }
        }
    }

    #[test]
    fn a_cut_or_foreign_file_is_damaged_not_a_panic() {
        let (_folder, ring) = ring();
        ring.add("alice", &PrivateKey::generate(), "pw").unwrap();
        let path = file_of(&ring, "alice");
        let good = fs::read(&path).unwrap();
        for bad in [&good[..good.len() / 2], b"", b"{}", b"\xff\xfe"] {
            fs::write(&path, bad).unwrap();
            let error = ring.secret("alice", "pw").err().unwrap();
            assert!(matches!(error, KeyringError::Damaged { .. }), "{error}");
            assert!(error.to_string().contains("alice.key"));
        }
    }

    #[test]
    fn a_name_is_used_once_and_so_is_a_key() {
        let (_folder, ring) = ring();
        let key = PrivateKey::generate();
        ring.add("alice", &key, "pw").unwrap();
        let again = ring.add("alice", &PrivateKey::generate(), "pw");
        assert!(matches!(again, Err(KeyringError::NameTaken(_))));
        assert!(matches!(ring.add("bob", &key, "pw"), Err(KeyringError::KeyTaken(_))));
    }

    #[test]
    fn a_name_cannot_leave_the_folder() {
        let (_folder, ring) = ring();
        for name in ["../alice", "", "a/b", "a b", "x.key", &"x".repeat(65)] {
            let error = ring.add(name, &PrivateKey::generate(), "pw").err().unwrap();
            assert!(matches!(error, KeyringError::BadName(_)), "{name}");
        }
    }

    #[test]
    fn a_locked_keyring_is_not_changed() {
        let (_folder, ring) = ring();
        let lock = File::create(ring.folder().join(".lock")).unwrap();
        lock.lock().unwrap();
        let error = ring.add("alice", &PrivateKey::generate(), "pw").err().unwrap();
        assert!(matches!(error, KeyringError::Locked(_)));
        assert!(ring.list().unwrap().is_empty());
    }

    #[test]
    fn a_deleted_key_is_gone() {
        let (_folder, ring) = ring();
        ring.add("alice", &PrivateKey::generate(), "pw").unwrap();
        ring.delete("alice").unwrap();
        let error = ring.info("alice").err().unwrap();
        assert!(matches!(error, KeyringError::NoSuchKey { .. }));
    }

    #[cfg(unix)]
    #[test]
    fn others_cannot_read_a_key_file() {
        use std::os::unix::fs::PermissionsExt;
        let (_folder, ring) = ring();
        ring.add("alice", &PrivateKey::generate(), "pw").unwrap();
        let mode = fs::metadata(file_of(&ring, "alice")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}
