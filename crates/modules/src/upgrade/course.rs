//! What a build does about a height: goes on, carries out a plan, leaves one out, or stops.
//!
//! Decided from committed state and the list of upgrades alone, so that a node can ask before it
//! signs anything for the height (cosmos.md 4.14).

use std::fmt;

use ledger::{Result, View};
use types::wire::cosmos::upgrade::v1beta1::Plan;

use super::{DONE, PLAN};
use crate::upgrades::{self, Handler};

/// What to do about a height.
#[derive(Clone)]
pub enum Course {
    /// Nothing is planned for it.
    On,
    /// The plan is carried out before the block.
    Apply(Plan, Handler),
    /// The operator has told to leave the plan out.
    Skip(Plan),
    /// This build must not execute the block, nor sign for it.
    Stop(Stop),
}

/// Why this build is the wrong one for a height. Its text is the one line for the log.
#[derive(Clone, Debug, PartialEq)]
pub enum Stop {
    /// The plan of this height needs another build.
    Needed(Plan),
    /// The build has the plan already, but its height has not come.
    Early(String),
    /// The chain has carried out an upgrade that this build does not know.
    Missing {
        /// The name of that upgrade.
        name: String,
        /// The version in the chain's parameters.
        app_version: u64,
    },
}

impl fmt::Display for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Stop::Needed(Plan { name, height, info, .. }) => {
                // A line is a line: what a proposal says in its info must not begin another.
                let info = info.replace(char::is_control, " ");
                write!(f, "UPGRADE \"{name}\" NEEDED at height: {height}: {info}")
            }
            Stop::Early(name) => write!(
                f,
                "BINARY UPDATED BEFORE TRIGGER! UPGRADE \"{name}\" - in binary but not executed on \
                 chain. Downgrade your binary"
            ),
            Stop::Missing { name, app_version } => write!(
                f,
                "wrong app version {app_version}, upgrade handler is missing for {name} upgrade plan"
            ),
        }
    }
}

/// What this build does about `height` on the state of `view`. `skips`: the operator has told to
/// leave out an upgrade of this height.
pub fn course(view: &View, height: i64, skips: bool) -> Result<Course> {
    of(view, height, skips, upgrades::ALL)
}

pub(super) fn of(view: &View, height: i64, skips: bool, known: &[Handler]) -> Result<Course> {
    let handler = |name: &str| known.iter().find(|it| it.name == name).copied();
    let plan = PLAN.get(view)?;
    let due = plan.as_ref().is_some_and(|it| it.height <= height);
    if !due || skips {
        let last = DONE.walk().rev().iter(view).next().transpose()?;
        if let Some(((_, name), ())) = last
            && handler(&name).is_none()
        {
            let app_version = view.consensus_params().version.unwrap_or_default().app;
            return Ok(Course::Stop(Stop::Missing { name, app_version }));
        }
    }
    let Some(plan) = plan else { return Ok(Course::On) };
    Ok(match (due, handler(&plan.name)) {
        (true, _) if skips => Course::Skip(plan),
        (true, Some(handler)) => Course::Apply(plan, handler),
        (true, None) => Course::Stop(Stop::Needed(plan)),
        (false, Some(_)) => Course::Stop(Stop::Early(plan.name)),
        (false, None) => Course::On,
    })
}
