//! What resources cost a month, roughly: the price targets of the reference price script (spec `provider.md` 2.7.3).
//!
//! Called for defaults of budgets and prices only, which are highest prices and not forecasts.

use super::Template;
use crate::quantity;

/// What is priced.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Wanted {
    pub(crate) cpu_milli: u64,
    pub(crate) memory_bytes: u64,
    pub(crate) ephemeral_bytes: u64,
    pub(crate) persistent_bytes: u64,
    pub(crate) endpoints: u64,
    pub(crate) gpus: u64,
}

/// Thousandths of a dollar per month, rounded up, without headroom.
pub(crate) fn milli_usd_per_month(it: Wanted) -> u64 {
    const GI: u128 = 1 << 30;
    let per_gi = |bytes: u64, milli_usd: u128| (u128::from(bytes) * milli_usd).div_ceil(GI);
    let sum = (u128::from(it.cpu_milli) * 1_600).div_ceil(1_000)
        + per_gi(it.memory_bytes, 800)
        + per_gi(it.ephemeral_bytes, 20)
        + per_gi(it.persistent_bytes, 40)
        + u128::from(it.endpoints) * 50
        + u128::from(it.gpus) * 150_000;
    u64::try_from(sum).unwrap_or(u64::MAX)
}

/// A monthly budget in whole dollars for all replicas, with room for offers twice as high.
pub(super) fn for_template(it: &Template) -> u64 {
    let bytes = |text: &str| quantity::bytes(text).unwrap_or(0);
    let wanted = Wanted {
        cpu_milli: quantity::cpu(&it.size.cpu).map_or(0, u64::from),
        memory_bytes: bytes(&it.size.memory),
        ephemeral_bytes: bytes(&it.size.storage),
        persistent_bytes: it.volumes.iter().map(|it| bytes(&it.size)).fold(0, u64::saturating_add),
        endpoints: u64::try_from(it.ports.len()).unwrap_or(u64::MAX),
        gpus: it.size.gpu.as_ref().map_or(0, |it| u64::from(it.units)),
    };
    let one = milli_usd_per_month(wanted);
    one.saturating_mul(u64::from(it.replicas.max(1))).saturating_mul(2).div_ceil(1_000).max(1)
}
