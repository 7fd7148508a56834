//! Whether this build may take part in a height, and what a node leaves behind for the next build.
//!
//! Called by [`crate::app`], before anything is signed for a height. The rules are
//! `modules::upgrade`'s; here they meet the log and the disk.

use std::{
    path::{Path, PathBuf},
    sync::atomic::{AtomicI64, Ordering},
};

use consensus::{Answer, Halt};
use ledger::App;
use modules::{
    Market,
    upgrade::{Course, Stop, course},
};
use serde_json::json;

use crate::home;

/// Watches the heights of one node.
pub(crate) struct Watch {
    home: PathBuf,
    /// The last height that the log was told about.
    told: AtomicI64,
}

impl Watch {
    pub(crate) fn new(home: &Path) -> Watch {
        Watch { home: home.to_owned(), told: AtomicI64::new(0) }
    }

    /// A planned halt when the height is not for this build. When the plan of the height needs
    /// another one, `upgrade-info.json` says which, for whoever swaps builds.
    pub(crate) fn ready(&self, app: &App<Market>, height: u64) -> Answer<()> {
        let height = i64::try_from(height)
            .map_err(|error| Halt::because(format!("height {height}"), error))?;
        let skips = app.skips_upgrade(height);
        let found = app
            .read(|view| course(view, height, skips))
            .map_err(|halt| Halt::new(halt.0))?
            .map_err(|fault| Halt::new(format!("the plan of upgrades: {fault}")))?;
        let first = self.told.swap(height, Ordering::Relaxed) != height;
        match found {
            Course::On => Ok(()),
            Course::Apply(plan, _) => {
                if first {
                    tracing::info!(name = plan.name, height, "applying upgrade");
                }
                Ok(())
            }
            Course::Skip(plan) => {
                if first {
                    tracing::warn!(name = plan.name, height, "skipping upgrade, as told");
                }
                Ok(())
            }
            Course::Stop(stop) => {
                if let Stop::Needed(plan) = &stop {
                    self.leave_word(&plan.name, plan.height, &plan.info);
                }
                Err(Halt::planned(stop.to_string()))
            }
        }
    }

    /// In the form that supervisors of the reference node watch for. The time is the zero time that
    /// every plan has.
    fn leave_word(&self, name: &str, height: i64, info: &str) {
        let mut word = json!({ "name": name, "time": "0001-01-01T00:00:00Z", "height": height });
        if !info.is_empty()
            && let Some(fields) = word.as_object_mut()
        {
            fields.insert("info".to_owned(), info.into());
        }
        let file = home::upgrade_info(&self.home);
        if let Err(error) = home::write_whole(&file, word.to_string().as_bytes()) {
            tracing::error!(%error, "could not leave word of the upgrade");
        }
    }
}
