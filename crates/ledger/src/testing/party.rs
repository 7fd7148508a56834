//! Signers with keys of every kind, and transactions of several of them, signed or as clients
//! simulate them. The keys are no secret.

use p256::ecdsa::signature::Signer as _;
use prost::{Message, Name};
use prost_types::Any;
use secp256k1::SecretKey;
use sha2::{Digest, Sha256};
use types::{
    Address,
    wire::cosmos::{
        crypto::{
            ed25519,
            multisig::{
                LegacyAminoPubKey,
                v1beta1::{CompactBitArray, MultiSignature},
            },
            secp256k1 as wire_secp256k1, secp256r1,
        },
        tx::{
            signing::v1beta1::SignMode,
            v1beta1::{AuthInfo, Fee, ModeInfo, SignerInfo, TxBody, TxRaw, mode_info},
        },
    },
};

use crate::{
    Tx, halt,
    sign::{PublicKey, SignerData, sign_bytes},
};

/// What signs.
#[derive(Clone)]
pub enum Secret {
    Secp256k1(SecretKey),
    Ed25519(ed25519_consensus::SigningKey),
    Secp256r1(p256::ecdsa::SigningKey),
    /// Those of `members` whose places are in `signing` sign, in their order.
    Multisig {
        threshold: u32,
        members: Vec<Secret>,
        signing: Vec<usize>,
    },
}

fn seeded(seed: u64) -> [u8; 32] {
    Sha256::digest(seed.to_be_bytes()).into()
}

fn packed<M: Message + Name>(key: &M) -> Any {
    Any { type_url: M::type_url(), value: key.encode_to_vec() }
}

impl Secret {
    /// The key of [`super::Signer::new`] with this seed.
    pub fn secp256k1(seed: u64) -> Self {
        let key = SecretKey::from_secret_bytes(seeded(seed));
        Self::Secp256k1(key.unwrap_or_else(|error| halt(format!("no key of {seed}: {error}"))))
    }

    pub fn ed25519(seed: u64) -> Self {
        Self::Ed25519(ed25519_consensus::SigningKey::from(seeded(seed)))
    }

    pub fn secp256r1(seed: u64) -> Self {
        let key = p256::ecdsa::SigningKey::from_slice(&seeded(seed));
        Self::Secp256r1(key.unwrap_or_else(|error| halt(format!("no key of {seed}: {error}"))))
    }

    pub fn multisig(threshold: u32, members: Vec<Self>, signing: &[usize]) -> Self {
        Self::Multisig { threshold, members, signing: signing.to_vec() }
    }

    /// The public key as transactions carry it.
    pub fn public(&self) -> Any {
        match self {
            Self::Secp256k1(key) => {
                packed(&wire_secp256k1::PubKey { key: key.public_key().serialize().to_vec() })
            }
            Self::Ed25519(key) => {
                packed(&ed25519::PubKey { key: key.verification_key().to_bytes().to_vec() })
            }
            Self::Secp256r1(key) => packed(&secp256r1::PubKey {
                key: key.verifying_key().to_encoded_point(true).as_bytes().to_vec(),
            }),
            Self::Multisig { threshold, members, .. } => packed(&LegacyAminoPubKey {
                threshold: *threshold,
                public_keys: members.iter().map(Self::public).collect(),
            }),
        }
    }

    pub fn address(&self) -> Address {
        PublicKey::from_any(&self.public()).unwrap_or_else(|why| halt(why)).address()
    }

    /// The modes of its signatures, all the same.
    pub fn mode_info(&self, mode: SignMode) -> ModeInfo {
        let sum = match self {
            Self::Multisig { members, signing, .. } => {
                let signing_members = signing.iter().filter_map(|it| members.get(*it));
                let mut elems = vec![0u8; members.len().div_ceil(8)];
                for at in signing {
                    if let Some(byte) = elems.get_mut(at / 8) {
                        *byte |= 0x80 >> (at % 8);
                    }
                }
                let spare = u32::try_from(members.len() % 8).unwrap_or(0);
                mode_info::Sum::Multi(mode_info::Multi {
                    bitarray: Some(CompactBitArray { extra_bits_stored: spare, elems }),
                    mode_infos: signing_members.map(|it| it.mode_info(mode)).collect(),
                })
            }
            _ => mode_info::Sum::Single(mode_info::Single { mode: mode.into() }),
        };
        ModeInfo { sum: Some(sum) }
    }

    /// The signature of a document; `make` says what each single key gives, e.g. nothing.
    fn signature(&self, make: &dyn Fn(&Self) -> Vec<u8>) -> Vec<u8> {
        match self {
            Self::Multisig { members, signing, .. } => {
                let signing = signing.iter().filter_map(|it| members.get(*it));
                let signatures = signing.map(|it| it.signature(make)).collect();
                MultiSignature { signatures }.encode_to_vec()
            }
            single => make(single),
        }
    }

    /// A single key's signature of 64 bytes.
    pub fn sign(&self, document: &[u8]) -> Vec<u8> {
        match self {
            Self::Secp256k1(key) => {
                let digest: [u8; 32] = Sha256::digest(document).into();
                let made = key.sign_ecdsa(secp256k1::Message::from_digest(digest));
                made.serialize_compact().to_vec()
            }
            Self::Ed25519(key) => key.sign(document).to_bytes().to_vec(),
            Self::Secp256r1(key) => {
                let made: p256::ecdsa::Signature = key.sign(document);
                made.normalize_s().unwrap_or(made).to_bytes().to_vec()
            }
            Self::Multisig { .. } => Vec::new(),
        }
    }
}

/// A signer as the chain knows it, with the mode it signs in.
#[derive(Clone)]
pub struct Party {
    pub secret: Secret,
    pub account_number: u64,
    pub sequence: u64,
    pub mode: SignMode,
}

/// How clients leave out, before they simulate, what they do not have yet (cosmos.md 1.12).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Simulated {
    /// Everything is there, the gas limit too.
    Whole,
    /// Signed, with a gas limit of 0 and no fee.
    Unpaid,
    /// Mode unspecified, no fee, empty signatures.
    Unsigned,
    /// No keys, signatures of zeros, the fee as it will be.
    Keyless,
    /// The modes as they will be, no gas limit, empty signatures.
    Empty,
}

/// A transaction before it is signed.
#[derive(Clone)]
pub struct Draft {
    pub body: TxBody,
    pub fee: Fee,
    pub parties: Vec<Party>,
    pub chain_id: String,
}

impl Draft {
    fn raw(&self, fee: &Fee, keys: bool, mode: Option<SignMode>) -> TxRaw {
        let signer_infos = self.parties.iter().map(|it| SignerInfo {
            public_key: keys.then(|| it.secret.public()),
            mode_info: Some(it.secret.mode_info(mode.unwrap_or(it.mode))),
            sequence: it.sequence,
        });
        let auth_info =
            AuthInfo { signer_infos: signer_infos.collect(), fee: Some(fee.clone()), tip: None };
        TxRaw {
            body_bytes: self.body.encode_to_vec(),
            auth_info_bytes: auth_info.encode_to_vec(),
            signatures: vec![Vec::new(); self.parties.len()],
        }
    }

    fn sign(&self, mut raw: TxRaw) -> Vec<u8> {
        let tx = Tx::decode(&raw.encode_to_vec()).unwrap_or_else(|it| halt(it.to_string()));
        let signatures = self.parties.iter().enumerate().map(|(index, it)| {
            let signer = SignerData {
                chain_id: &self.chain_id,
                address: &it.secret.address(),
                account_number: it.account_number,
                sequence: it.sequence,
                index,
            };
            // A mode that signs nothing gives a signature of nothing.
            let document = sign_bytes(&tx, it.mode.into(), &signer).unwrap_or_default();
            it.secret.signature(&|single| single.sign(&document))
        });
        raw.signatures = signatures.collect();
        raw.encode_to_vec()
    }

    /// As it is broadcast.
    pub fn signed(&self) -> Vec<u8> {
        self.sign(self.raw(&self.fee, true, None))
    }

    /// As it is simulated.
    pub fn simulated(&self, how: Simulated) -> Vec<u8> {
        let unpaid = Fee { amount: Vec::new(), gas_limit: 0, ..self.fee.clone() };
        let unlimited = Fee { gas_limit: 0, ..self.fee.clone() };
        let blank = |mut raw: TxRaw, bytes: usize| {
            let all = self.parties.iter().map(|it| it.secret.signature(&|_| vec![0; bytes]));
            raw.signatures = all.collect();
            raw.encode_to_vec()
        };
        match how {
            Simulated::Whole => self.signed(),
            Simulated::Unpaid => self.sign(self.raw(&unpaid, true, None)),
            Simulated::Unsigned => blank(self.raw(&unpaid, true, Some(SignMode::Unspecified)), 0),
            Simulated::Keyless => blank(self.raw(&self.fee, false, None), 64),
            Simulated::Empty => blank(self.raw(&unlimited, true, None), 0),
        }
    }
}
