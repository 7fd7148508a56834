//! The tools around the compiler: `explain`, `diff`, `from-compose`, `new`.
//!
//! What they say is kept in `snapshots/`; `HAGGLE_UPDATE_SNAPSHOTS=1` rewrites it, and a reader reviews it.

#![allow(clippy::unwrap_used, reason = "a failing test may panic")]
#![allow(clippy::print_stderr, reason = "a test that is skipped says so")]

mod compose;
mod diff;
mod explain;
mod snapshot;
mod template;
