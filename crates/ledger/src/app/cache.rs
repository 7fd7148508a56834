//! Decoded transactions by hash, so that each is decoded, hashed and verified once between its
//! first sight in the mempool and its execution. Bounded: two generations, the older one is
//! dropped when the younger is full.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use super::lock;
use crate::{Result, Tx, tx};

/// Transactions per generation: two blocks of the largest size hold fewer.
const GENERATION_MAX: usize = 16_384;

type Generation = BTreeMap<[u8; 32], Arc<Tx>>;

#[derive(Default)]
pub(super) struct Cache(Mutex<(Generation, Generation)>);

impl Cache {
    /// The decoded transaction, from the cache or from its bytes.
    pub(super) fn decode(&self, bytes: &[u8]) -> Result<Arc<Tx>> {
        let hash = tx::hash(bytes);
        if let Some(known) = self.get(&hash) {
            return Ok(known);
        }
        let tx = Arc::new(Tx::decode_hashed(bytes, hash)?);
        let (young, old) = &mut *lock(&self.0);
        if young.len() >= GENERATION_MAX {
            *old = std::mem::take(young);
        }
        young.insert(hash, tx.clone());
        Ok(tx)
    }

    fn get(&self, hash: &[u8; 32]) -> Option<Arc<Tx>> {
        let (young, old) = &*lock(&self.0);
        young.get(hash).or_else(|| old.get(hash)).cloned()
    }
}
