//! The SDL compiler: a deployment file in, group specs, manifest and version hash out.
//!
//! Called by `cli` (compile and report), `provider` (read and check a received manifest) and by anything
//! that wants to compile in a browser. Calls `types` for the messages of the wire; does no I/O, reads no
//! clock, and never panics on hostile text. Behaviour: spec `sdl.md`, whose section numbers stand at the
//! code that implements them.
//!
//! The stages, in order: `yaml` (text to tree) → `decode` (tree to typed values) → `build` (groups and
//! manifest) → `check` (rules that need the whole). Each reports into one list, so that a file with five
//! mistakes gets five messages. [`rules`] lists every rule with its stable code.

#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a failing test may panic"))]

mod ast;
mod build;
mod check;
pub mod compose;
mod cst;
mod decode;
pub mod diagnostics;
pub mod diff;
pub mod explain;
pub mod fmt;
mod gosort;
pub mod groups;
pub mod ide;
pub mod language;
pub mod lint;
pub mod manifest;
mod names;
pub mod quantity;
pub mod resources;
pub mod rules;
pub mod sarif;
pub mod schema;
pub mod source;
pub mod suggest;
pub mod template;
mod version;
mod yaml;

pub use diagnostics::{Diagnostic, Diagnostics, Position, RenderOptions, Span};
pub use groups::{GroupPrice, GroupSpec};
pub use lint::{Budget, CheckOptions};
pub use manifest::{Manifest, ManifestError};
pub use rules::{Rule, Severity};

use diagnostics::Sink;
use types::wire::akash::deployment::v1beta4 as wire;

/// Largest source that is read, bytes.
pub const MAX_SOURCE_BYTES: usize = 1 << 20;

/// Which rules a file asks for (spec `sdl.md` 4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Language {
    /// `version: "2.0"`.
    V2_0,
    /// `version: "2.1"` and later.
    V2_1,
}

/// What a file compiles to.
#[derive(Clone, Debug)]
pub struct Compiled {
    /// Which rules the file asked for.
    pub language: Language,
    /// What goes on chain in `MsgCreateDeployment.groups`.
    pub groups: Vec<wire::GroupSpec>,
    /// What goes to the providers.
    pub manifest: Manifest,
    /// `reclamation.min_window` in nanoseconds, if the file has one; goes on chain.
    pub reclamation_ns: Option<i64>,
    /// What looks wrong and compiles all the same.
    pub warnings: Diagnostics,
    specs: Vec<GroupSpec>,
    version: [u8; 32],
}

impl Compiled {
    /// The group specs as plain structs, which tell an absent list from an empty one.
    #[must_use]
    pub fn group_specs(&self) -> &[GroupSpec] {
        &self.specs
    }

    /// The group specs as the reference prints them (spec `sdl.md` 16.1).
    #[must_use]
    pub fn groups_json(&self) -> serde_json::Value {
        serde_json::to_value(&self.specs).unwrap_or_default()
    }

    /// The canonical bytes of the manifest: send these.
    #[must_use]
    pub fn manifest_json(&self) -> Vec<u8> {
        self.manifest.canonical_json()
    }

    /// SHA-256 of [`Compiled::manifest_json`]: goes on chain as `hash`.
    #[must_use]
    pub fn version(&self) -> [u8; 32] {
        self.version
    }

    /// The same in lower-case hexadecimal.
    #[must_use]
    pub fn version_hex(&self) -> String {
        hex::encode(self.version)
    }

    /// The reclamation message, if the file asks for one.
    #[must_use]
    pub fn reclamation(&self) -> Option<types::wire::akash::deployment::v1::DeploymentReclamation> {
        let ns = self.reclamation_ns?;
        Some(types::wire::akash::deployment::v1::DeploymentReclamation {
            min_window: prost_types::Duration {
                seconds: ns / 1_000_000_000,
                nanos: i32::try_from(ns % 1_000_000_000).unwrap_or_default(),
            },
        })
    }

    /// What each group may cost per block at most.
    #[must_use]
    pub fn max_prices(&self) -> Vec<GroupPrice> {
        self.specs
            .iter()
            .map(|group| GroupPrice {
                group: group.name.clone(),
                denom: group.resources.first().map(|it| it.price.denom.clone()).unwrap_or_default(),
                amount: build::total_price(&group.resources),
            })
            .collect()
    }
}

/// What [`check`] finds.
#[derive(Clone, Debug)]
pub struct Checked {
    /// What the file compiles to, if it does; its `warnings` are empty, because they are below.
    pub compiled: Option<Compiled>,
    /// Errors and warnings. The first error is the one that the reference stops at.
    pub diagnostics: Diagnostics,
}

/// Compiles the text of one file with all default lints.
///
/// # Errors
/// Everything that is wrong with it, at least one error among it.
pub fn compile(source: &str) -> Result<Compiled, Diagnostics> {
    let Checked { compiled, diagnostics } = check(source, &CheckOptions::default());
    match compiled {
        Some(compiled) => Ok(Compiled { warnings: diagnostics, ..compiled }),
        None => Err(diagnostics),
    }
}

/// Compiles the bytes of one file: [`source::text`], then [`compile`].
///
/// # Errors
/// The bytes are no text, or everything that is wrong with the text.
pub fn compile_bytes(bytes: &[u8]) -> Result<Compiled, Diagnostics> {
    compile(&source::text(bytes)?)
}

/// Compiles the text of one file and says everything that is wrong or doubtful about it.
#[must_use]
pub fn check(source: &str, options: &CheckOptions) -> Checked {
    if source.len() > MAX_SOURCE_BYTES {
        // The report does not keep a file that nobody is going to read.
        let diagnostics = Diagnostics::new("", vec![source::too_large()]);
        return Checked { compiled: None, diagnostics };
    }
    let mut sink = Sink::default();
    let mut secrets = Vec::new();
    let compiled = compile_into(source, options, &mut sink, &mut secrets);
    let diagnostics = Diagnostics::new(source, sink.into_list()).concealing(&secrets);
    Checked { compiled, diagnostics }
}

fn compile_into(
    source: &str,
    options: &CheckOptions,
    sink: &mut Sink,
    secrets: &mut Vec<Span>,
) -> Option<Compiled> {
    let tree = match yaml::parse(source) {
        Ok(tree) => tree,
        Err(error) => {
            let mut diagnostic = Diagnostic::new(error.rule, error.span, error.message);
            if let Some(hint) = error.hint {
                diagnostic = diagnostic.hint(hint);
            }
            if let Some((span, what)) = error.context {
                diagnostic = diagnostic.related(span, what);
            }
            sink.push(diagnostic);
            return None;
        }
    };
    let (language, file) = decode::decode(&tree, false, sink)?;
    secrets.clone_from(&file.secrets);
    let pairs = build::pairs(&file);
    let built = build::build(&file, &pairs, language, sink);
    let reclamation_ns = check::semantics(&file, &pairs, language, sink);
    check::groups(&file, &pairs, &built, sink);
    check::manifest(&built, sink);
    let has_errors = sink.has_errors();
    if has_errors && !file.misspelt.is_empty() {
        check::repair(sink, repaired(&tree), &file.misspelt);
    }
    lint::run(&lint::Cx { source, tree: &tree, file: &file, pairs: &pairs, options }, sink);
    if has_errors {
        return None;
    }
    let (specs, groups): (Vec<_>, Vec<_>) = built.into_iter().map(|it| it.finish()).unzip();
    let manifest = Manifest(groups);
    Some(Compiled {
        language,
        groups: specs.iter().map(GroupSpec::to_wire).collect(),
        version: manifest.version(),
        manifest,
        reclamation_ns,
        warnings: Diagnostics::new("", Vec::new()),
        specs,
    })
}

/// What would be wrong with a file if its misspelt keys were spelt right.
fn repaired(tree: &yaml::Tree<'_>) -> Vec<Diagnostic> {
    let mut sink = Sink::default();
    if let Some((language, file)) = decode::decode(tree, true, &mut sink) {
        let pairs = build::pairs(&file);
        let built = build::build(&file, &pairs, language, &mut sink);
        check::semantics(&file, &pairs, language, &mut sink);
        check::groups(&file, &pairs, &built, &mut sink);
        check::manifest(&built, &mut sink);
    }
    sink.into_list()
}
