//! A decoded transaction.

use types::wire::cosmos::tx::v1beta1::{AuthInfo, TxBody};

/// A message of a transaction, still packed.
#[derive(Clone, Debug, PartialEq)]
pub struct Msg {
    pub type_url: String,
    pub value: Vec<u8>,
}

/// A transaction as decoded once, on its first sight.
#[derive(Debug)]
pub struct Tx {
    /// SHA-256 of the broadcast bytes.
    pub hash: [u8; 32],
    /// Length of the broadcast bytes.
    pub size: usize,
    pub body_bytes: Vec<u8>,
    pub auth_info_bytes: Vec<u8>,
    pub body: TxBody,
    pub auth_info: AuthInfo,
    pub signatures: Vec<Vec<u8>>,
    pub messages: Vec<Msg>,
}
