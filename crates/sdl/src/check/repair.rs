//! What follows from a misspelt key, told at the key.
//!
//! A key that the language does not know is ignored, and then something is missing. Called by `compile` when
//! a file with such keys has errors: the file was read a second time as if the keys were spelt right. Errors
//! that are gone then were consequences; they are told once, where the key stands. What is wrong below such a
//! key is told as well.

use crate::diagnostics::{Diagnostic, Sink, Span};
use crate::rules::{Rule, Severity};
use std::collections::BTreeSet;

/// A key that stands where another was probably meant.
#[derive(Clone, Debug)]
pub(crate) struct Misspelt {
    pub(crate) span: Span,
    pub(crate) name: String,
    pub(crate) meant: &'static str,
    /// The language refuses it here, so it has an error of its own.
    pub(crate) is_refused: bool,
}

/// Joins what was found in the file as it stands with what was found in it as it was meant.
pub(crate) fn repair(sink: &mut Sink, repaired: Vec<Diagnostic>, misspelt: &[Misspelt]) {
    let same = |a: &Diagnostic, b: &Diagnostic| {
        a.rule == b.rule && a.span == b.span && a.message == b.message
    };
    let mut told = BTreeSet::new();
    let mut before = Vec::new();
    sink.retain(|it| {
        before.push(it.clone());
        if it.severity != Severity::Error || repaired.iter().any(|other| same(it, other)) {
            return true;
        }
        let Some(cause) = cause(it, misspelt) else { return true };
        if cause.is_refused || !told.insert(cause.span) {
            return false;
        }
        let message = format!("{}, because `{}` is not `{}`", it.message, cause.name, cause.meant);
        let mut moved = Diagnostic::new(it.rule, cause.span, message)
            .hint(format!("did you mean `{}`?", cause.meant))
            .related(it.span, "missing for this");
        moved.reference = it.reference.take();
        *it = moved;
        true
    });
    sink.retain(|it| it.rule != Rule::IgnoredKey || !told.contains(&it.span));
    for it in repaired {
        if it.severity == Severity::Error && !before.iter().any(|other| same(&it, other)) {
            sink.push(it);
        }
    }
}

/// The misspelt key that an error follows from: the nearest whose right spelling the rule asks for.
fn cause<'m>(it: &Diagnostic, misspelt: &'m [Misspelt]) -> Option<&'m Misspelt> {
    let keys: &[&str] = match it.rule {
        Rule::Image => &["image"],
        Rule::MissingResource => &["resources", "cpu", "memory", "storage"],
        Rule::UnknownPlacement => &["placement", "profiles"],
        Rule::UnknownProfile => &["compute", "profile", "profiles"],
        Rule::UnknownService => &["services"],
        Rule::NoPricing => &["pricing"],
        Rule::NothingDeployed => &["deployment"],
        Rule::NoGlobal => &["global", "to", "expose"],
        Rule::GroupLimit => &["count"],
        Rule::Limit => &["size", "units"],
        Rule::Price => &["amount"],
        Rule::Denom => &["denom"],
        Rule::Port => &["port"],
        Rule::Endpoint => &["kind"],
        Rule::EndpointUse => &["global", "endpoints"],
        Rule::UnusedEndpoint => &["ip", "to", "expose"],
        Rule::Mount => &["mount", "storage", "name"],
        Rule::PersistentUnmounted => &["params", "storage"],
        Rule::Reclamation => &["min_window"],
        Rule::Credentials => &["host", "username", "password"],
        _ => &[],
    };
    let near = misspelt
        .iter()
        .filter(|key| keys.contains(&key.meant))
        .min_by_key(|key| key.span.start.abs_diff(it.span.start));
    match misspelt {
        [only] => near.or(Some(only)),
        _ => near,
    }
}
