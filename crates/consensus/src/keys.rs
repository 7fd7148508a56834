//! The two key files of a node, in CometBFT's form: the validator's and the peer's.

use std::{fmt, fs, io, io::Write, os::unix::fs::OpenOptionsExt, path::Path};

use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use ed25519_consensus::SigningKey;
use serde::{Deserialize, Serialize};

use crate::{
    core::validators::address_of,
    genesis::{PUB_KEY_TYPE, RawKey},
};

const PRIV_KEY_TYPE: &str = "tendermint/PrivKeyEd25519";

/// Why a key file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// Reading or writing failed.
    #[error("cannot use key file {path}: {source}")]
    Io {
        /// The file.
        path: String,
        /// What the system said.
        source: io::Error,
    },
    /// The content is not what it should be. The content itself is never shown.
    #[error("key file {path} is not valid: {what}")]
    Invalid {
        /// The file.
        path: String,
        /// Which part.
        what: &'static str,
    },
}

/// The consensus key of a validator, from `priv_validator_key.json`.
#[derive(Clone)]
pub struct ValidatorKey {
    secret: SigningKey,
    public: [u8; 32],
}

impl fmt::Debug for ValidatorKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ValidatorKey({})", hex::encode_upper(self.address()))
    }
}

impl ValidatorKey {
    /// From 32 secret bytes.
    #[must_use]
    pub fn from_seed(seed: [u8; 32]) -> ValidatorKey {
        let secret = SigningKey::from(seed);
        let public = secret.verification_key().to_bytes();
        ValidatorKey { secret, public }
    }

    /// A fresh one from the system's randomness.
    #[must_use]
    pub fn generate() -> ValidatorKey {
        ValidatorKey::from_seed(rand::random())
    }

    /// Reads the file, or makes it (readable by its owner alone) when there is none.
    ///
    /// # Errors
    /// [`KeyError`] with the path.
    pub fn load_or_create(path: &Path) -> Result<ValidatorKey, KeyError> {
        match read(path)? {
            Some(text) => {
                let file: ValidatorFile =
                    serde_json::from_str(&text).map_err(|_| invalid(path, "not the right JSON"))?;
                let key = ValidatorKey::from_seed(seed(path, &file.priv_key)?);
                if !file.address.eq_ignore_ascii_case(&hex::encode(key.address())) {
                    return Err(invalid(path, "the address is not that of the key"));
                }
                Ok(key)
            }
            None => {
                let key = ValidatorKey::generate();
                let file = ValidatorFile {
                    address: hex::encode_upper(key.address()),
                    pub_key: RawKey {
                        r#type: PUB_KEY_TYPE.to_owned(),
                        value: BASE64.encode(key.public),
                    },
                    priv_key: secret_json(&key.secret),
                };
                write(path, &file)?;
                Ok(key)
            }
        }
    }

    /// Ed25519 public key.
    #[must_use]
    pub fn public_key(&self) -> [u8; 32] {
        self.public
    }

    /// First 20 bytes of the SHA-256 of the public key.
    #[must_use]
    pub fn address(&self) -> [u8; 20] {
        address_of(&self.public)
    }

    /// Signs; deterministic, as Ed25519 is.
    #[must_use]
    pub fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.secret.sign(message).to_bytes()
    }
}

/// The key that identifies this node to its peers, from `node_key.json`.
#[derive(Clone)]
pub struct NodeKey {
    seed: [u8; 32],
}

impl fmt::Debug for NodeKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NodeKey({})", self.id())
    }
}

impl NodeKey {
    /// Reads the file, or makes it when there is none.
    ///
    /// # Errors
    /// [`KeyError`] with the path.
    pub fn load_or_create(path: &Path) -> Result<NodeKey, KeyError> {
        match read(path)? {
            Some(text) => {
                let file: NodeFile =
                    serde_json::from_str(&text).map_err(|_| invalid(path, "not the right JSON"))?;
                Ok(NodeKey { seed: seed(path, &file.priv_key)? })
            }
            None => {
                let key = NodeKey { seed: rand::random() };
                write(path, &NodeFile { priv_key: secret_json(&SigningKey::from(key.seed)) })?;
                Ok(key)
            }
        }
    }

    /// CometBFT's node id: the address of the key, in lower-case hex.
    #[must_use]
    pub fn id(&self) -> String {
        let public = SigningKey::from(self.seed).verification_key().to_bytes();
        hex::encode(address_of(&public))
    }

    pub(crate) fn seed(&self) -> [u8; 32] {
        self.seed
    }
}

#[derive(Serialize, Deserialize)]
struct ValidatorFile {
    address: String,
    pub_key: RawKey,
    priv_key: RawKey,
}

#[derive(Serialize, Deserialize)]
struct NodeFile {
    priv_key: RawKey,
}

/// CometBFT writes seed and public key, 64 bytes.
fn secret_json(secret: &SigningKey) -> RawKey {
    let mut bytes = secret.to_bytes().to_vec();
    bytes.extend_from_slice(&secret.verification_key().to_bytes());
    RawKey { r#type: PRIV_KEY_TYPE.to_owned(), value: BASE64.encode(bytes) }
}

fn seed(path: &Path, key: &RawKey) -> Result<[u8; 32], KeyError> {
    if key.r#type != PRIV_KEY_TYPE {
        return Err(invalid(path, "only tendermint/PrivKeyEd25519 is supported"));
    }
    let bytes = BASE64.decode(&key.value).map_err(|_| invalid(path, "not base64"))?;
    if bytes.len() != 64 {
        return Err(invalid(path, "the secret is not 64 bytes"));
    }
    let seed: [u8; 32] = bytes
        .get(..32)
        .and_then(|it| it.try_into().ok())
        .ok_or_else(|| invalid(path, "the secret is not 64 bytes"))?;
    let public = SigningKey::from(seed).verification_key().to_bytes();
    if bytes.get(32..) != Some(&public[..]) {
        return Err(invalid(path, "the two halves of the secret do not belong together"));
    }
    Ok(seed)
}

fn read(path: &Path) -> Result<Option<String>, KeyError> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(KeyError::Io { path: path.display().to_string(), source }),
    }
}

/// Written beside and renamed, so that a crash leaves no half a key.
fn write(path: &Path, file: &impl Serialize) -> Result<(), KeyError> {
    let put = || -> io::Result<()> {
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        let text = serde_json::to_string_pretty(file)?;
        let beside = path.with_extension("new");
        let mut out = fs::OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&beside)?;
        out.write_all(text.as_bytes())?;
        out.sync_all()?;
        fs::rename(&beside, path)
    };
    put().map_err(|source| KeyError::Io { path: path.display().to_string(), source })
}

fn invalid(path: &Path, what: &'static str) -> KeyError {
    KeyError::Invalid { path: path.display().to_string(), what }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use crate::core::vote::verify;

    #[test]
    fn a_key_file_is_made_once_and_read_back() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("config/priv_validator_key.json");
        let made = ValidatorKey::load_or_create(&path).unwrap();
        let read = ValidatorKey::load_or_create(&path).unwrap();
        assert_eq!(made.public_key(), read.public_key());
        assert!(verify(&read.public_key(), b"x", &made.sign(b"x")));
        assert!(!verify(&read.public_key(), b"y", &made.sign(b"x")));
        let node = home.path().join("node_key.json");
        let id = NodeKey::load_or_create(&node).unwrap().id();
        assert_eq!(id, NodeKey::load_or_create(&node).unwrap().id());
        assert_eq!(id.len(), 40);
    }

    #[test]
    fn a_damaged_key_file_is_refused_with_its_name() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("priv_validator_key.json");
        fs::write(&path, "{}").unwrap();
        let error = ValidatorKey::load_or_create(&path).unwrap_err().to_string();
        assert!(error.contains("priv_validator_key.json"), "{error}");
    }
}
