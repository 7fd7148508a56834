//! What stands between a decoded transaction and its messages. The checks themselves need
//! accounts and coins, so they live in `modules::ante`; the pipeline here calls them.

use crate::{Ctx, Result, Tx, View, sign::PublicKey};

/// Why a transaction is being checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Into the mempool.
    Check,
    /// Still in the mempool after a block: no signatures, no stateless checks.
    Recheck,
    /// In a block.
    Deliver,
    /// Gas estimation: signatures are not verified.
    Simulate,
    /// Inside the genesis document: account number 0.
    Genesis,
}

/// What admission will ask about a signer (of a multisig, its members together), so that it can be verified ahead and in parallel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// Which of the transaction's signers.
    pub signer: usize,
    pub public_key: PublicKey,
    pub account_number: u64,
    pub sequence: u64,
}

/// The checks that admit a transaction (cosmos.md 1.10).
pub trait Admission: Send + Sync + 'static {
    /// Charges the fee, checks signatures and sequences. Runs under the transaction's gas meter
    /// and inside a checkpoint of its own.
    fn admit(cx: &mut Ctx, tx: &Tx, stage: Stage) -> Result;

    /// What `admit` would verify at this state; unknown accounts are left out, and so is a
    /// transaction with more signatures than `admit` lets pass.
    fn claims(view: &View, tx: &Tx) -> Vec<Claim>;
}
