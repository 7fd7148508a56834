//! Decoding of a block's transactions and the checks of their signatures, on the other cores while
//! this one executes. Nothing is decided here: what another core has not done yet, whoever asks
//! does himself, and the outcome is the same.

use std::sync::{
    Arc, OnceLock,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};

use super::{App, committed};
use crate::{Base, Ctx, Result, Runtime, Tx};

/// The transactions of a block, in order.
pub(super) struct Ahead<'a, R> {
    app: &'a App<R>,
    base: Arc<dyn Base>,
    txs: &'a [Vec<u8>],
    slots: Vec<Slot>,
    next: AtomicUsize,
}

#[derive(Default)]
struct Slot {
    /// Somebody is at it. Others go on with the next one; who needs it now waits.
    taken: AtomicBool,
    tx: OnceLock<Result<Arc<Tx>>>,
}

impl<'a, R: Runtime> Ahead<'a, R> {
    pub(super) fn new(app: &'a App<R>, txs: &'a [Vec<u8>]) -> Self {
        let base: Arc<dyn Base> = Arc::new(app.store.latest());
        let slots = txs.iter().map(|_| Slot::default()).collect();
        Self { app, base, txs, slots, next: AtomicUsize::new(0) }
    }

    /// How many helpers there is work and room for.
    pub(super) fn helpers(&self) -> usize {
        rayon::current_num_threads().saturating_sub(1).min(self.txs.len())
    }

    /// What a helper does: the transactions from the first to the last, until all are taken.
    pub(super) fn help(&self) {
        let mut cx = None;
        loop {
            let at = self.next.fetch_add(1, Ordering::Relaxed);
            let (Some(slot), Some(bytes)) = (self.slots.get(at), self.txs.get(at)) else { return };
            if !slot.taken.swap(true, Ordering::Relaxed) {
                slot.tx.get_or_init(|| self.read(bytes, &mut cx));
            }
        }
    }

    /// The transactions, each as soon as it is ready.
    pub(super) fn iter(&self) -> impl Iterator<Item = Result<Arc<Tx>>> + '_ {
        let mut cx = None;
        self.slots.iter().zip(self.txs).map(move |(slot, bytes)| {
            slot.taken.store(true, Ordering::Relaxed);
            slot.tx.get_or_init(|| self.read(bytes, &mut cx)).clone()
        })
    }

    fn read(&self, bytes: &[u8], cx: &mut Option<Ctx>) -> Result<Arc<Tx>> {
        let tx = self.app.txs.decode(bytes)?;
        if !tx.is_seen() {
            let fresh = || committed(self.base.clone(), self.app.router.clone());
            self.app.verify_ahead(&tx, cx.get_or_insert_with(fresh));
        }
        Ok(tx)
    }
}
