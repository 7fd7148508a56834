//! `rehearsal`: an upgrade that does little and does it for real, to practise upgrades with.
//!
//! Only in builds with the feature `upgrade-rehearsal`, which no network of others must run. One
//! more decline per order is kept than before, and the market's state gets the next version.

use super::Handler;
use crate::receipts;

pub(super) const UPGRADE: Handler = Handler {
    name: "rehearsal",
    migrate: |cx| {
        receipts::change_params(cx, |it| it.max_declines = it.max_declines.saturating_add(1))
    },
    versions: &[("market", 10)],
};
