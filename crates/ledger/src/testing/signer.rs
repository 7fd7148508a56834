//! Signed transactions for tests and benches.

use prost::{Message, Name};
use prost_types::Any;
use secp256k1::SecretKey;
use sha2::{Digest, Sha256};
use types::{
    Address,
    wire::cosmos::{
        base::v1beta1::Coin,
        crypto::secp256k1 as wire_secp256k1,
        tx::{
            signing::v1beta1::SignMode,
            v1beta1::{
                AuthInfo, Fee, ModeInfo, SignDoc, SignerInfo, TxBody, TxRaw, mode_info,
                mode_info::Single,
            },
        },
    },
};

use crate::halt;

/// A key and what its owner signs with. For tests: the key is no secret.
#[derive(Clone)]
pub struct Signer {
    pub key: SecretKey,
    pub chain_id: String,
    pub account_number: u64,
    pub sequence: u64,
    pub fee: Vec<Coin>,
    pub gas_limit: u64,
}

impl Signer {
    /// The key made from a number; account number and sequence 0, no fee, two million gas.
    pub fn new(seed: u64, chain_id: &str) -> Self {
        let bytes: [u8; 32] = Sha256::digest(seed.to_be_bytes()).into();
        let key = SecretKey::from_secret_bytes(bytes)
            .unwrap_or_else(|error| halt(format!("no key of seed {seed}: {error}")));
        Self {
            key,
            chain_id: chain_id.to_owned(),
            account_number: 0,
            sequence: 0,
            fee: Vec::new(),
            gas_limit: 2_000_000,
        }
    }

    /// Compressed.
    pub fn public_key(&self) -> [u8; 33] {
        self.key.public_key().serialize()
    }

    pub fn address(&self) -> Address {
        Address::from_secp256k1(&self.public_key())
    }

    /// The transaction of these messages, signed alone in direct mode.
    pub fn sign(&self, messages: &[Any]) -> Vec<u8> {
        self.sign_body(TxBody { messages: messages.to_vec(), ..TxBody::default() })
    }

    /// The transaction of one message.
    pub fn sign_one<M: Message + Name>(&self, message: &M) -> Vec<u8> {
        self.sign(&[Any { type_url: M::type_url(), value: message.encode_to_vec() }])
    }

    /// The transaction of a body.
    pub fn sign_body(&self, body: TxBody) -> Vec<u8> {
        let key = wire_secp256k1::PubKey { key: self.public_key().to_vec() };
        let type_url = wire_secp256k1::PubKey::type_url();
        self.sign_claiming(body, Any { type_url, value: key.encode_to_vec() })
    }

    /// The transaction of a signer who claims to have another public key.
    pub fn sign_claiming(&self, body: TxBody, key: Any) -> Vec<u8> {
        let body_bytes = body.encode_to_vec();
        let single = Single { mode: SignMode::Direct.into() };
        let auth_info_bytes = AuthInfo {
            signer_infos: vec![SignerInfo {
                public_key: Some(key),
                mode_info: Some(ModeInfo { sum: Some(mode_info::Sum::Single(single)) }),
                sequence: self.sequence,
            }],
            fee: Some(Fee {
                amount: self.fee.clone(),
                gas_limit: self.gas_limit,
                ..Fee::default()
            }),
            ..AuthInfo::default()
        }
        .encode_to_vec();
        let document = SignDoc {
            body_bytes: body_bytes.clone(),
            auth_info_bytes: auth_info_bytes.clone(),
            chain_id: self.chain_id.clone(),
            account_number: self.account_number,
        };
        let signatures = vec![self.sign_bytes(&document.encode_to_vec())];
        TxRaw { body_bytes, auth_info_bytes, signatures }.encode_to_vec()
    }

    /// The signature under a document.
    pub fn sign_bytes(&self, document: &[u8]) -> Vec<u8> {
        let digest: [u8; 32] = Sha256::digest(document).into();
        self.key.sign_ecdsa(secp256k1::Message::from_digest(digest)).serialize_compact().to_vec()
    }
}
