//! What differs between two files, and what each difference costs: nothing, an update, or a new deployment.
//!
//! Called by `haggle sdl diff`. Compares what the files compile to, never their text, so that a reformatted
//! file differs in nothing. Why some changes force a new deployment: the group specs on chain never change,
//! `MsgUpdateDeployment` carries only the manifest's hash, and a provider refuses a manifest that does not fit
//! the groups (spec `chain.md` 4.4, `provider.md` 4.10 and 5.15, `sdl.md` 18).

mod compare;
pub(crate) mod mask;
mod services;
mod text;

use crate::Compiled;
use serde::Serialize;

/// What a change, or all changes together, ask for. Ordered: the gravest last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Consequence {
    /// Neither chain nor provider would notice.
    Nothing,
    /// A new hash on chain and the new manifest to the provider; the lease stays.
    ManifestUpdate,
    /// The group specs on chain would have to change, which they cannot: close and deploy again.
    NewDeployment,
}

/// What happens besides. Ordered: the gravest last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// Containers are replaced; what is not on a persistent volume is gone.
    Restart,
    /// Addresses under which the service is reached change.
    AddressChange,
    /// Persistent data is gone or no longer where it was.
    DataLoss,
}

/// One difference.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Change {
    /// Where, in the words of the file: `services.web.image`, `placement.dc.pricing`.
    pub path: String,
    /// The value before; absent when something was added. Secret-looking values are masked.
    pub old: Option<String>,
    /// The value after; absent when something was removed.
    pub new: Option<String>,
    /// What the change asks for.
    pub consequence: Consequence,
    /// What happens besides.
    pub effects: Vec<Effect>,
    /// The consequence in one sentence.
    pub why: String,
}

/// All differences.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Changes {
    /// The gravest consequence.
    pub verdict: Consequence,
    /// The verdict in one or two sentences.
    pub summary: String,
    /// Hash of the old manifest, hexadecimal.
    pub old_version: String,
    /// Hash of the new manifest, hexadecimal.
    pub new_version: String,
    /// The differences: gravest first, then in order of their paths.
    pub changes: Vec<Change>,
    /// What to do, step by step.
    pub steps: Vec<String>,
}

/// Compares two compiled files.
#[must_use]
pub fn diff(old: &Compiled, new: &Compiled) -> Changes {
    compare::diff(old, new)
}

impl Changes {
    /// The differences for a terminal of so many columns (at least 40 are used).
    #[must_use]
    pub fn to_text(&self, width: usize) -> String {
        text::render(self, width)
    }
}
