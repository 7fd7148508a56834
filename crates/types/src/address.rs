//! Who is who: account, operator and consensus addresses.
//!
//! Source: chain.md 1.1 and 2.1, cosmos.md 1.7. An address is 1 to 255 bytes (20 for keys and
//! module accounts, 32 for contracts); its text is bech32 with a prefix that says its role.

mod plain;

use std::{fmt, str::FromStr};

use bech32::{Bech32, ByteIterExt, Fe32, Fe32IterExt, Hrp, primitives::decode::CheckedHrpstring};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use sha2::{Digest, Sha256};

/// Most bytes in an address.
pub const MAX_LEN: usize = 255;

/// Why a text or some bytes are no address. The texts are those of the reference where it has one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    #[error("empty address string is not allowed")]
    Empty,
    #[error("decoding bech32 failed: {0}")]
    Bech32(String),
    #[error("invalid Bech32 prefix; expected {expected}, got {got}")]
    Prefix { expected: &'static str, got: String },
    #[error("address max length is 255, got {0}: unknown address")]
    TooLong(usize),
}

type Result<T> = std::result::Result<T, AddressError>;

/// Reads bech32 text of any prefix: the prefix in lower case, and the bytes.
pub fn from_bech32(text: &str) -> Result<(String, Vec<u8>)> {
    if let Some((prefix, bytes)) = plain::read(text) {
        return Ok((prefix.to_owned(), bytes));
    }
    if text.trim().is_empty() {
        return Err(AddressError::Empty);
    }
    let failed = |cause: String| AddressError::Bech32(cause);
    let checked = CheckedHrpstring::new::<Bech32>(text)
        .map_err(|it| failed(fault(text).unwrap_or_else(|| it.to_string())))?;
    let symbols = checked.data_part_ascii_no_checksum().len();
    let padding = symbols.saturating_mul(5) % 8;
    let last = checked.fe32_iter::<std::iter::Empty<u8>>().last().map_or(0, |it| it.to_u8());
    if padding > 4 || last & ((1u8 << padding) - 1) != 0 {
        return Err(failed("invalid incomplete group".to_owned()));
    }
    Ok((checked.hrp().to_lowercase(), checked.byte_iter().collect()))
}

/// What is wrong with a bech32 text, in the words of the reference, which clients show to people.
fn fault(text: &str) -> Option<String> {
    if text.len() < 8 {
        return Some(format!("invalid bech32 string length {}", text.len()));
    }
    if let Some(it) = text.chars().find(|it| !('!'..='~').contains(it)) {
        return Some(format!("invalid character in string: '{it}'"));
    }
    let lower = text.to_ascii_lowercase();
    if lower != text && text.to_ascii_uppercase() != text {
        return Some("string not all lowercase or all uppercase".to_owned());
    }
    let (prefix, data) = match lower.rfind('1') {
        Some(at) if at >= 1 && at.saturating_add(7) <= lower.len() => {
            (lower.get(..at)?, lower.get(at.saturating_add(1)..)?)
        }
        Some(at) => return Some(format!("invalid separator index {at}")),
        None => return Some("invalid separator index -1".to_owned()),
    };
    let mut symbols = Vec::with_capacity(data.len());
    for it in data.chars() {
        match Fe32::from_char(it) {
            Ok(symbol) => symbols.push(symbol),
            Err(_) => {
                return Some(format!(
                    "failed converting data to bytes: invalid character not part of charset: {}",
                    u32::from(it)
                ));
            }
        }
    }
    let (symbols, _) = symbols.split_at(symbols.len().checked_sub(6)?);
    let hrp = Hrp::parse(prefix).ok()?;
    let whole: String = symbols.iter().copied().with_checksum::<Bech32>(&hrp).chars().collect();
    let (expected, got) = (whole.get(whole.len().checked_sub(6)?..)?, data.get(symbols.len()..)?);
    (expected != got).then(|| format!("invalid checksum (expected {expected} got {got})"))
}

/// Writes bech32 text with a prefix of 1 to 83 lower-case letters.
pub fn to_bech32(prefix: &str, bytes: &[u8]) -> Result<String> {
    if let Some(text) = plain::write(prefix, bytes) {
        return Ok(text);
    }
    let hrp = Hrp::parse(prefix).map_err(|it| AddressError::Bech32(it.to_string()))?;
    Ok(bytes.iter().copied().bytes_to_fes().with_checksum::<Bech32>(&hrp).chars().collect())
}

/// The first 20 bytes of SHA-256: how CometBFT names ed25519 keys and module accounts.
#[must_use]
pub fn short_hash(bytes: &[u8]) -> [u8; 20] {
    let mut short = [0; 20];
    short.copy_from_slice(&Sha256::digest(bytes)[..20]);
    short
}

macro_rules! address {
    ($(#[$doc:meta])* $name:ident, $prefix:literal) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Vec<u8>);

        impl $name {
            /// The human-readable part of the text form.
            pub const PREFIX: &'static str = $prefix;

            /// The address of these bytes: 1 to 255 of them.
            pub fn new(bytes: impl Into<Vec<u8>>) -> Result<Self> {
                let bytes = bytes.into();
                if bytes.is_empty() {
                    return Err(AddressError::Empty);
                }
                if bytes.len() > MAX_LEN {
                    return Err(AddressError::TooLong(bytes.len()));
                }
                Ok(Self(bytes))
            }

            #[must_use]
            pub fn as_bytes(&self) -> &[u8] {
                &self.0
            }

            #[must_use]
            pub fn into_bytes(self) -> Vec<u8> {
                self.0
            }
        }

        impl From<[u8; 20]> for $name {
            fn from(bytes: [u8; 20]) -> Self {
                Self(bytes.to_vec())
            }
        }

        impl From<[u8; 32]> for $name {
            fn from(bytes: [u8; 32]) -> Self {
                Self(bytes.to_vec())
            }
        }

        impl AsRef<[u8]> for $name {
            fn as_ref(&self) -> &[u8] {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&to_bech32(Self::PREFIX, &self.0).map_err(|_| fmt::Error)?)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $name {
            type Err = AddressError;

            fn from_str(text: &str) -> Result<Self> {
                let (prefix, bytes) = from_bech32(text)?;
                if prefix != Self::PREFIX {
                    return Err(AddressError::Prefix { expected: Self::PREFIX, got: prefix });
                }
                Self::new(bytes)
            }
        }

        impl From<$name> for String {
            fn from(address: $name) -> Self {
                address.to_string()
            }
        }

        impl From<&$name> for String {
            fn from(address: &$name) -> Self {
                address.to_string()
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(
                &self,
                serializer: S,
            ) -> std::result::Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(
                deserializer: D,
            ) -> std::result::Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
            }
        }
    };
}

address! {
    /// An account: a key's, a module's or a contract's. Text prefix `akash`.
    Address, "akash"
}
address! {
    /// A validator operator: the same bytes as its account. Text prefix `akashvaloper`.
    ValAddress, "akashvaloper"
}
address! {
    /// A consensus key: the first 20 bytes of SHA-256 of an ed25519 key. Prefix `akashvalcons`.
    ConsAddress, "akashvalcons"
}

impl Address {
    /// The account of a compressed secp256k1 public key (33 bytes): RIPEMD-160 of SHA-256.
    #[must_use]
    pub fn from_secp256k1(public_key: &[u8; 33]) -> Self {
        let hash = ripemd::Ripemd160::digest(Sha256::digest(public_key));
        Self(hash.to_vec())
    }

    /// The account of a module: the first 20 bytes of SHA-256 of its name.
    #[must_use]
    pub fn of_module(name: &str) -> Self {
        Self::from(short_hash(name.as_bytes()))
    }

    /// Orders by text, as the reference orders owners and providers in its store keys.
    #[must_use]
    pub fn cmp_text(&self, other: &Self) -> std::cmp::Ordering {
        if self == other {
            return std::cmp::Ordering::Equal;
        }
        self.to_string().cmp(&other.to_string())
    }
}

impl ConsAddress {
    /// The address of an ed25519 public key.
    #[must_use]
    pub fn from_ed25519(public_key: &[u8]) -> Self {
        Self::from(short_hash(public_key))
    }
}

impl From<&ValAddress> for Address {
    fn from(operator: &ValAddress) -> Self {
        Self(operator.0.clone())
    }
}

impl From<&Address> for ValAddress {
    fn from(account: &Address) -> Self {
        Self(account.0.clone())
    }
}
