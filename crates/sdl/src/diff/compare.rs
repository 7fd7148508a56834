use super::{Changes, Consequence};
use crate::Compiled;
pub(super) fn diff(old: &Compiled, new: &Compiled) -> Changes {
    Changes {
        verdict: Consequence::Nothing,
        summary: String::new(),
        old_version: old.version_hex(),
        new_version: new.version_hex(),
        changes: Vec::new(),
        steps: Vec::new(),
    }
}
