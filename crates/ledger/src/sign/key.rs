//! The kinds of public keys that may sign a transaction, and whether a signature is theirs
//! (cosmos.md 1.7).

use p256::ecdsa::signature::hazmat::PrehashVerifier as _;
use prost::{Message, Name};
use prost_types::Any;
use sha2::{Digest, Sha256};
use types::{
    Address,
    address::short_hash,
    wire::cosmos::crypto::{
        ed25519, multisig::LegacyAminoPubKey, secp256k1 as wire_secp256k1, secp256r1,
    },
};

/// A public key of any type that may stand in a transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PublicKey {
    /// Compressed.
    Secp256k1([u8; 33]),
    Ed25519([u8; 32]),
    /// Compressed, and on the curve.
    Secp256r1([u8; 33]),
    /// Several of the others, or of its own kind.
    Multisig {
        threshold: u32,
        keys: Vec<PublicKey>,
    },
}

impl PublicKey {
    /// Unpacks a key; an error names what is wrong with it.
    pub fn from_any(any: &Any) -> Result<Self, String> {
        fn read<M: Message + Default>(any: &Any) -> Result<M, String> {
            M::decode(any.value.as_slice()).map_err(|error| error.to_string())
        }
        fn exact<const N: usize>(kind: &str, key: Vec<u8>) -> Result<[u8; N], String> {
            let length = key.len();
            key.try_into().map_err(|_| format!("{kind} key of {length} bytes, not {N}"))
        }
        let url = any.type_url.as_str();
        if url == wire_secp256k1::PubKey::type_url() {
            return exact("secp256k1", read::<wire_secp256k1::PubKey>(any)?.key)
                .map(Self::Secp256k1);
        }
        if url == ed25519::PubKey::type_url() {
            return exact("ed25519", read::<ed25519::PubKey>(any)?.key).map(Self::Ed25519);
        }
        if url == secp256r1::PubKey::type_url() {
            let key: [u8; 33] = exact("secp256r1", read::<secp256r1::PubKey>(any)?.key)?;
            // The compact form, which has no sign, is another library's.
            let is_compressed = matches!(key, [2 | 3, ..]);
            if !is_compressed || p256::ecdsa::VerifyingKey::from_sec1_bytes(&key).is_err() {
                return Err("secp256r1 key is not on the curve".to_owned());
            }
            return Ok(Self::Secp256r1(key));
        }
        if url == LegacyAminoPubKey::type_url() {
            let LegacyAminoPubKey { threshold, public_keys } = read(any)?;
            let keys = public_keys.iter().map(Self::from_any).collect::<Result<Vec<_>, _>>()?;
            if keys.iter().any(|it| matches!(it, Self::Secp256r1(_))) {
                // The address of a multisig is a hash of the amino form of its keys.
                return Err("secp256r1 keys have no amino form, so none may be a member".to_owned());
            }
            return Ok(Self::Multisig { threshold, keys });
        }
        Err(format!("unable to resolve type URL {url}"))
    }

    /// The account that the key controls.
    pub fn address(&self) -> Address {
        match self {
            Self::Secp256k1(key) => Address::from_secp256k1(key),
            Self::Ed25519(key) => Address::from(short_hash(key)),
            Self::Secp256r1(key) => {
                let name: [u8; 32] = Sha256::digest("cosmos.crypto.secp256r1.PubKey").into();
                let hash: [u8; 32] = Sha256::digest([name.as_slice(), key].concat()).into();
                Address::from(hash)
            }
            Self::Multisig { .. } => Address::from(short_hash(&self.amino())),
        }
    }

    /// The keys that sign: itself, or the members of a multisig and of those inside it.
    pub fn leaves(&self) -> u64 {
        match self {
            Self::Multisig { keys, .. } => {
                keys.iter().map(Self::leaves).fold(0, u64::saturating_add)
            }
            Self::Secp256k1(_) | Self::Ed25519(_) | Self::Secp256r1(_) => 1,
        }
    }

    /// How many keys stand inside each other, itself counted.
    pub fn depth(&self) -> u8 {
        match self {
            Self::Multisig { keys, .. } => {
                keys.iter().map(Self::depth).max().unwrap_or(0).saturating_add(1)
            }
            Self::Secp256k1(_) | Self::Ed25519(_) | Self::Secp256r1(_) => 1,
        }
    }

    /// The amino binary form, which multisig addresses are hashed from.
    pub fn amino(&self) -> Vec<u8> {
        fn counted(bytes: &[u8], out: &mut Vec<u8>) {
            let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
            prost::encoding::encode_varint(length, out);
            out.extend_from_slice(bytes);
        }
        let mut out = Vec::new();
        match self {
            Self::Secp256k1(key) => {
                out.extend([0xEB, 0x5A, 0xE9, 0x87]);
                counted(key, &mut out);
            }
            Self::Ed25519(key) => {
                out.extend([0x16, 0x24, 0xDE, 0x64]);
                counted(key, &mut out);
            }
            // Has none in the reference; only its length is ever asked for.
            Self::Secp256r1(key) => counted(key, &mut out),
            Self::Multisig { threshold, keys } => {
                out.extend([0x22, 0xC1, 0xF7, 0xE2]);
                if *threshold != 0 {
                    out.push(0x08);
                    prost::encoding::encode_varint(u64::from(*threshold), &mut out);
                }
                for key in keys {
                    out.push(0x12);
                    counted(&key.amino(), &mut out);
                }
            }
        }
        out
    }

    /// Whether a single key made this signature of 64 bytes over the message. A multisig makes none.
    pub fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        match self {
            Self::Secp256k1(key) => verify_secp256k1(key, message, signature),
            Self::Ed25519(key) => verify_ed25519(key, message, signature),
            Self::Secp256r1(key) => verify_secp256r1(key, message, signature),
            Self::Multisig { .. } => false,
        }
    }
}

/// Whether `signature` (64 bytes, r then s, s in the lower half) is this key's over the SHA-256
/// of `message`.
pub fn verify_secp256k1(key: &[u8; 33], message: &[u8], signature: &[u8]) -> bool {
    let Ok(signature) = secp256k1::ecdsa::Signature::from_compact(signature) else { return false };
    let Ok(key) = secp256k1::PublicKey::from_byte_array_compressed(*key) else { return false };
    let digest: [u8; 32] = Sha256::digest(message).into();
    secp256k1::ecdsa::verify(&signature, secp256k1::Message::from_digest(digest), &key).is_ok()
}

/// The same on the other curve.
fn verify_secp256r1(key: &[u8; 33], message: &[u8], signature: &[u8]) -> bool {
    let Ok(signature) = p256::ecdsa::Signature::from_slice(signature) else { return false };
    let Ok(key) = p256::ecdsa::VerifyingKey::from_sec1_bytes(key) else { return false };
    // Some is what a high s would be if it were low.
    signature.normalize_s().is_none()
        && key.verify_prehash(Sha256::digest(message).as_slice(), &signature).is_ok()
}

/// By the rules of ZIP-215, as blocks' signatures.
fn verify_ed25519(key: &[u8; 32], message: &[u8], signature: &[u8]) -> bool {
    let Ok(signature) = <[u8; 64]>::try_from(signature) else { return false };
    let Ok(key) = ed25519_consensus::VerificationKey::try_from(*key) else { return false };
    key.verify(&ed25519_consensus::Signature::from(signature), message).is_ok()
}
