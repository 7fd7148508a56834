//! Warnings: what compiles and is hardly meant.
//!
//! Called by `check` and `compile` after the rules that refuse a file. Reads the tree and the typed values,
//! changes neither, and reports into the same list; then takes out what the file (`# haggle: allow CODE`)
//! or the caller ([`CheckOptions::allow`]) does not want to hear. Owns [`CheckOptions`].
//! A warning must be one that the author would thank for: what is only a matter of taste has no place here.
//!
//! Each file holds one family: `images`, `reach` (who reaches whom), `resources` (memory, GPUs, volumes),
//! `money`, `process` (environment and commands), `secrets`, `unused`, `schema` (where Console and the
//! JavaScript SDK refuse the file). `directives` reads the comments to the compiler.

mod directives;
mod images;
mod money;
mod options;
mod process;
mod reach;
mod resources;
mod schema;
mod secrets;
mod unused;

pub use options::{Budget, BudgetError, CheckOptions};
pub(crate) use resources::gpu_models;
pub(crate) use secrets::looks_secret;

use crate::ast::{Entry, File, Service};
use crate::build::Pair;
use crate::diagnostics::{Sink, Span};
use crate::rules::Severity;
use crate::yaml::{Kind, NodeId, Tree};

/// One compiled file, as the lints see it.
pub(crate) struct Cx<'c, 'f, 't> {
    pub(crate) source: &'c str,
    pub(crate) tree: &'c Tree<'c>,
    pub(crate) file: &'f File<'t>,
    pub(crate) pairs: &'c [Pair<'f, 't>],
    pub(crate) options: &'c CheckOptions,
}

/// Adds the warnings of a file to the list, and takes out what was silenced.
///
/// When the file has errors, only secrets are looked for (so that no excerpt shows them): other lints would
/// report the consequences of the errors. What is silenced is taken out all the same.
pub(crate) fn run(cx: &Cx<'_, '_, '_>, sink: &mut Sink) {
    let directives = directives::read(cx, sink);
    if cx.options.lints {
        let has_errors = sink.has_errors();
        secrets::check(cx, sink);
        if !has_errors {
            let budget = directives.budget.or_else(|| Some((cx.options.monthly_budget?, None)));
            images::check(cx, sink);
            process::check(cx, sink);
            reach::check(cx, sink);
            resources::check(cx, sink);
            money::check(cx, budget, sink);
            unused::check(cx, sink);
            if cx.options.schema {
                schema::check(cx, sink);
            }
        }
    }
    sink.sort_warnings();
    let options = cx.options;
    if directives.is_empty() && options.allow.is_empty() && options.deny.is_empty() {
        return;
    }
    sink.retain(|it| {
        let is_allowed = options.allow.contains(&it.rule) || directives.allow(it.rule, it.span);
        if it.severity == Severity::Warning && is_allowed {
            return false;
        }
        if options.deny.contains(&it.rule) {
            it.severity = Severity::Error;
        }
        true
    });
}

impl<'c, 'f, 't> Cx<'c, 'f, 't> {
    /// The services that run, by name.
    fn deployed(
        &self,
    ) -> impl Iterator<Item = (&'f str, &'f Entry<Service<'t>>)> + use<'c, 'f, 't> {
        let file = self.file;
        file.services.entries.iter().map(|(name, entry)| (name.as_ref(), entry)).filter(
            move |(name, _)| file.deployment.get(name).is_some_and(|it| !it.value.is_empty()),
        )
    }

    /// The text of the source at a place.
    fn slice(&self, span: Span) -> &'c str {
        let at = |it: u32| usize::try_from(it).unwrap_or(usize::MAX);
        self.source.get(at(span.start)..at(span.end)).unwrap_or_default()
    }

    /// A scalar as it was written, without its quotes.
    fn written(&self, span: Span) -> &'c str {
        let slice = self.slice(span);
        let unquoted = ['"', '\'']
            .iter()
            .find_map(|it| slice.strip_prefix(*it).and_then(|rest| rest.strip_suffix(*it)));
        unquoted.unwrap_or(slice)
    }

    /// The value at the end of a path of keys; merged keys are not looked through.
    fn find(&self, path: &[&str]) -> Option<NodeId> {
        path.iter().try_fold(self.tree.root()?, |at, key| self.child(at, key).map(|it| it.1))
    }

    /// A key of a mapping, and its value.
    fn child(&self, at: NodeId, key: &str) -> Option<(NodeId, NodeId)> {
        let Kind::Mapping(pairs) = &self.tree.get(at).kind else { return None };
        pairs.iter().copied().find(|it| self.tree.get(it.0).literal() == key)
    }
}

/// Whether a span points at something that stands in the file.
fn is_there(span: Span) -> bool {
    span != Span::default()
}
