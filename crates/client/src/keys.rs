//! Phrases, keys and signatures.
//!
//! Called by the keyring, by transactions and by gateway tokens. Owns nothing and stores nothing.
//! No secret here implements `Debug`; secrets are wiped when they are dropped.
//! Source: cosmos.md 1.7 (keys and addresses) and A.1 (vectors).

use std::{str::FromStr, sync::Arc};

use bip32::{DerivationPath, XPrv};
use k256::ecdsa::{
    Signature, SigningKey, VerifyingKey,
    signature::{Signer as _, Verifier as _},
};
use rand::RngCore;
use zeroize::{Zeroize, Zeroizing};

/// The path of the first account: purpose 44, coin 118, account 0, first key.
pub const DEFAULT_PATH: &str = "m/44'/118'/0'/0/0";

/// A phrase, path or key that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// Not a BIP-39 phrase.
    #[error("this is not a recovery phrase: {0}")]
    Phrase(String),
    /// Not a BIP-32 path.
    #[error("`{0}` is not a derivation path such as m/44'/118'/0'/0/0")]
    Path(String),
    /// Not a private key.
    #[error("this is not a secp256k1 private key of 32 bytes")]
    Secret,
    /// Not a public key.
    #[error("this is not a compressed secp256k1 public key of 33 bytes")]
    Public,
    /// Not an account address.
    #[error("`{0}` is not an account address such as akash1...")]
    Address(String),
}

/// The path of the key with this index in the first account.
pub fn path_of(index: u32) -> String {
    format!("m/44'/118'/0'/0/{index}")
}

/// A BIP-39 recovery phrase, wiped on drop.
pub struct Phrase(Zeroizing<String>);

impl Phrase {
    /// A new phrase of 24 words from the system's randomness.
    pub fn generate() -> Result<Phrase, KeyError> {
        let mut entropy = Zeroizing::new([0u8; 32]);
        rand::rngs::OsRng.fill_bytes(entropy.as_mut());
        let words = bip39::Mnemonic::from_entropy(entropy.as_ref())
            .map_err(|it| KeyError::Phrase(it.to_string()))?;
        Ok(Phrase(Zeroizing::new(words.to_string())))
    }

    /// The words, separated by single spaces. Show them only when the user asked.
    pub fn words(&self) -> &str {
        &self.0
    }

    /// Derives the key at `path`, without a passphrase.
    pub fn derive(&self, path: &str) -> Result<PrivateKey, KeyError> {
        let words = bip39::Mnemonic::parse_normalized(&self.0)
            .map_err(|it| KeyError::Phrase(it.to_string()))?;
        let seed = Zeroizing::new(words.to_seed_normalized(""));
        let path = DerivationPath::from_str(path).map_err(|_| KeyError::Path(path.to_owned()))?;
        let key = XPrv::derive_from_path(seed.as_ref(), &path)
            .map_err(|it| KeyError::Phrase(it.to_string()))?;
        Ok(PrivateKey(key.private_key().clone()))
    }

    /// Derives the first key ([`DEFAULT_PATH`]).
    pub fn first_key(&self) -> Result<PrivateKey, KeyError> {
        self.derive(DEFAULT_PATH)
    }
}

impl FromStr for Phrase {
    type Err = KeyError;

    /// Accepts 12 to 24 English words with any white space and case between them.
    fn from_str(text: &str) -> Result<Phrase, KeyError> {
        let mut tidy = String::with_capacity(text.len());
        for word in text.split_whitespace() {
            if !tidy.is_empty() {
                tidy.push(' ');
            }
            tidy.push_str(&word.to_lowercase());
        }
        let tidy = Zeroizing::new(tidy);
        bip39::Mnemonic::parse_in_normalized(bip39::Language::English, &tidy)
            .map_err(|it| KeyError::Phrase(it.to_string()))?;
        Ok(Phrase(tidy))
    }
}

/// A secp256k1 private key, wiped on drop.
#[derive(Clone)]
pub struct PrivateKey(SigningKey);

impl PrivateKey {
    /// A new key from the system's randomness.
    pub fn generate() -> PrivateKey {
        PrivateKey(SigningKey::random(&mut rand::rngs::OsRng))
    }

    /// From the 32 bytes of the scalar.
    pub fn from_bytes(bytes: &[u8]) -> Result<PrivateKey, KeyError> {
        SigningKey::from_slice(bytes).map(PrivateKey).map_err(|_| KeyError::Secret)
    }

    /// The 32 bytes of the scalar.
    pub fn to_bytes(&self) -> Zeroizing<[u8; 32]> {
        let mut bytes = self.0.to_bytes();
        let copy = Zeroizing::new(<[u8; 32]>::from(bytes));
        bytes.as_mut_slice().zeroize();
        copy
    }

    /// The public half.
    pub fn public(&self) -> PublicKey {
        PublicKey(*self.0.verifying_key())
    }

    /// Signs SHA-256 of `message`: 64 bytes r then s, deterministic (RFC 6979), s in the lower half.
    pub fn sign(&self, message: &[u8]) -> [u8; 64] {
        let signature: Signature = self.0.sign(message);
        let signature = signature.normalize_s().unwrap_or(signature);
        signature.to_bytes().into()
    }
}

/// A secp256k1 public key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PublicKey(VerifyingKey);

impl PublicKey {
    /// From its 33 compressed bytes.
    pub fn from_bytes(bytes: &[u8]) -> Result<PublicKey, KeyError> {
        if bytes.len() != 33 {
            return Err(KeyError::Public);
        }
        VerifyingKey::from_sec1_bytes(bytes).map(PublicKey).map_err(|_| KeyError::Public)
    }

    /// The 33 compressed bytes.
    pub fn to_bytes(&self) -> [u8; 33] {
        let point = self.0.to_encoded_point(true);
        let mut bytes = [0u8; 33];
        bytes.copy_from_slice(point.as_bytes());
        bytes
    }

    /// The account address: RIPEMD160(SHA256(key)) in bech32.
    pub fn address(&self) -> String {
        types::Address::from_secp256k1(&self.to_bytes()).to_string()
    }

    /// Whether `signature` (r then s, low s) signs SHA-256 of `message`.
    pub fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        let Ok(signature) = Signature::from_slice(signature) else { return false };
        // A high s is refused, as the chain refuses it.
        signature.normalize_s().is_none() && self.0.verify(message, &signature).is_ok()
    }
}

/// The bytes of an account address.
pub fn decode_address(text: &str) -> Result<Vec<u8>, KeyError> {
    match text.parse::<types::Address>() {
        Ok(address) => Ok(address.into_bytes()),
        Err(_) => Err(KeyError::Address(text.to_owned())),
    }
}

/// Someone who signs for one account. Blocking: keys are local.
pub trait Signer: Send + Sync + 'static {
    /// The account, in bech32.
    fn address(&self) -> &str;
    /// Its public key.
    fn public_key(&self) -> PublicKey;
    /// Signs SHA-256 of `message` as [`PrivateKey::sign`] does.
    fn sign(&self, message: &[u8]) -> [u8; 64];
}

/// A signer around a private key in memory.
#[derive(Clone)]
pub struct LocalSigner {
    key: PrivateKey,
    address: String,
}

impl LocalSigner {
    /// Signs with `key`.
    pub fn new(key: PrivateKey) -> LocalSigner {
        let address = key.public().address();
        LocalSigner { key, address }
    }

    /// Signs with the first key of a phrase.
    pub fn from_phrase(words: &str) -> Result<LocalSigner, KeyError> {
        Ok(LocalSigner::new(words.parse::<Phrase>()?.first_key()?))
    }
}

impl Signer for LocalSigner {
    fn address(&self) -> &str {
        &self.address
    }
    fn public_key(&self) -> PublicKey {
        self.key.public()
    }
    fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.key.sign(message)
    }
}

impl<T: Signer + ?Sized> Signer for Arc<T> {
    fn address(&self) -> &str {
        (**self).address()
    }
    fn public_key(&self) -> PublicKey {
        (**self).public_key()
    }
    fn sign(&self, message: &[u8]) -> [u8; 64] {
        (**self).sign(message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ABANDON: &str = "abandon abandon abandon abandon abandon abandon abandon abandon abandon \
                           abandon abandon about";

    #[test]
    fn a_phrase_gives_the_addresses_of_the_reference() {
        let phrase: Phrase = ABANDON.parse().unwrap();
        let key = phrase.first_key().unwrap();
        assert_eq!(
            hex::encode(key.public().to_bytes()),
            "024f4e2ad99c34d60b9ba6283c9431a8418af8673212961f97a77b6377fcd05b62"
        );
        for (index, address) in [
            (0, "akash19rl4cm2hmr8afy4kldpxz3fka4jguq0a3mq6x0"),
            (1, "akash1jrkmdcwgq94uaamx6zax2luewlhf7u4k3rtk0c"),
            (2, "akash1kng7tv83qesgvv2ze7hxlw4urfrjk8vqdgv853"),
        ] {
            assert_eq!(phrase.derive(&path_of(index)).unwrap().public().address(), address);
        }
    }

    #[test]
    fn a_phrase_may_be_typed_with_capitals_and_odd_spaces() {
        let sloppy = ABANDON.to_uppercase().replace(' ', "  \n");
        assert_eq!(sloppy.parse::<Phrase>().unwrap().words(), {
            let neat: Vec<&str> = ABANDON.split_whitespace().collect();
            neat.join(" ")
        });
    }

    #[test]
    fn a_wrong_word_or_checksum_is_refused() {
        assert!(ABANDON.replace("about", "abandon").parse::<Phrase>().is_err());
        assert!(ABANDON.replace("about", "haggle").parse::<Phrase>().is_err());
    }

    #[test]
    fn a_new_phrase_has_24_words_and_reads_back() {
        let phrase = Phrase::generate().unwrap();
        assert_eq!(phrase.words().split(' ').count(), 24);
        assert!(phrase.words().parse::<Phrase>().is_ok());
    }

    #[test]
    fn a_signature_verifies_and_a_changed_one_does_not() {
        let key = PrivateKey::generate();
        let mut signature = key.sign(b"message");
        assert!(key.public().verifies(b"message", &signature));
        assert!(!key.public().verifies(b"massage", &signature));
        signature[5] ^= 1;
        assert!(!key.public().verifies(b"message", &signature));
    }

    #[test]
    fn an_address_of_another_prefix_is_refused() {
        assert!(decode_address("cosmos19rl4cm2hmr8afy4kldpxz3fka4jguq0auqdal4").is_err());
        let bytes = decode_address("akash19rl4cm2hmr8afy4kldpxz3fka4jguq0a3mq6x0").unwrap();
        assert_eq!(bytes.len(), 20);
    }
}
