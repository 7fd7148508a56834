//! Whether two texts mean the same: the trees, the comments, and what the compiler says of them.

use super::scalar;
use crate::cst;
use crate::rules::Severity;
use crate::yaml::{self, Kind, Node, NodeId, Style, Tree};
use std::collections::BTreeMap;

/// Compares a text with its new form.
///
/// # Errors
/// What differs, in words.
pub(super) fn same(old: &str, old_tree: &Tree<'_>, new: &str) -> Result<(), String> {
    let new_tree = yaml::parse(new)
        .map_err(|error| format!("the new form could not be read: {}", error.message))?;
    let mut comparison = Comparison { old: old_tree, new: &new_tree, pairs: BTreeMap::new() };
    let roots = match (old_tree.root(), new_tree.root()) {
        (Some(old), Some(new)) => comparison.node(old, new, true),
        (None, None) => true,
        _ => false,
    };
    if !roots || !comparison.aliases() {
        return Err("the new form would have meant something else".into());
    }
    let plain = super::with_plain_lines(old);
    if comments(&plain) != comments(new) {
        return Err("a comment would have been lost".into());
    }
    if outcome(old) != outcome(new) {
        return Err("the new form would have compiled to something else".into());
    }
    Ok(())
}

/// The comments of a text, sorted, and what follows its first document.
fn comments(source: &str) -> Option<(Vec<&str>, &str)> {
    let tree = yaml::parse(source).ok()?;
    let spans: Vec<_> = tree
        .ids()
        .map(|id| tree.raw(id))
        .filter(|it| matches!(it.kind, Kind::Scalar { .. }) && it.span.start < it.span.end)
        .map(|it| it.span)
        .collect();
    let mut found = Vec::new();
    let mut at = 0;
    let mut spans = spans.into_iter().peekable();
    let wide = |it: u32| usize::try_from(it).unwrap_or(usize::MAX);
    let rest = cst::read(source, &tree).ok()?.rest;
    let end = source.len() - rest.len();
    // Scalars stand in the tree in the order of the text.
    while at < end {
        if let Some(span) = spans.peek()
            && at >= wide(span.start)
        {
            at = at.max(wide(span.end));
            spans.next();
            continue;
        }
        if source.as_bytes().get(at) == Some(&b'#') {
            let tail = source.get(at..end).unwrap_or_default();
            let length = tail.find('\n').unwrap_or(tail.len());
            found.push(tail.get(..length).unwrap_or_default().trim_end());
            at += length;
        }
        at += 1;
    }
    found.sort_unstable();
    Some((found, rest.trim_end()))
}

/// What the compiler makes of a text: the version hash and the groups, or the codes of the errors.
fn outcome(source: &str) -> Result<([u8; 32], String), Vec<&'static str>> {
    match crate::compile(source) {
        Ok(compiled) => Ok((compiled.version(), compiled.groups_json().to_string())),
        Err(found) => {
            let errors = found.iter().filter(|it| it.rule.severity() == Severity::Error);
            let mut codes: Vec<_> = errors.map(|it| it.rule.code()).collect();
            codes.sort_unstable();
            Err(codes)
        }
    }
}

struct Comparison<'a, 'o, 'n> {
    old: &'a Tree<'o>,
    new: &'a Tree<'n>,
    /// Old nodes and the new ones in their places.
    pairs: BTreeMap<NodeId, NodeId>,
}

impl Comparison<'_, '_, '_> {
    fn node(&mut self, old: NodeId, new: NodeId, is_root: bool) -> bool {
        self.pairs.insert(old, new);
        let (a, b) = (self.old.raw(old), self.new.raw(new));
        if a.tag != b.tag {
            return false;
        }
        match (&a.kind, &b.kind) {
            (Kind::Scalar { .. }, Kind::Scalar { .. }) => same_scalar(a, b),
            (Kind::Sequence(a), Kind::Sequence(b)) => {
                a.len() == b.len() && a.iter().zip(b).all(|it| self.node(*it.0, *it.1, false))
            }
            (Kind::Mapping(a), Kind::Mapping(b)) => {
                let sorted = |tree: &Tree<'_>, pairs: &[(NodeId, NodeId)]| {
                    let mut pairs = pairs.to_vec();
                    pairs.sort_by(|x, y| tree.raw(x.0).literal().cmp(tree.raw(y.0).literal()));
                    pairs
                };
                let (a, b) = (sorted(self.old, a), sorted(self.new, b));
                a.len() == b.len()
                    && a.iter().zip(&b).all(|(a, b)| {
                        let is_version = is_root && self.old.raw(a.0).literal() == "version";
                        self.node(a.0, b.0, false)
                            && if is_version {
                                self.version(a.1, b.1)
                            } else {
                                self.node(a.1, b.1, false)
                            }
                    })
            }
            (Kind::Alias { name: a, .. }, Kind::Alias { name: b, .. })
            | (Kind::Cycle { name: a }, Kind::Cycle { name: b }) => a == b,
            _ => false,
        }
    }

    /// The version is its text, whatever the quotes.
    fn version(&mut self, old: NodeId, new: NodeId) -> bool {
        let (a, b) = (self.old.raw(old), self.new.raw(new));
        match (&a.kind, &b.kind) {
            (Kind::Scalar { text: one, .. }, Kind::Scalar { text: other, .. }) => {
                self.pairs.insert(old, new);
                one == other && a.tag == b.tag
            }
            _ => self.node(old, new, false),
        }
    }

    /// Whether each alias still stands for the same node.
    fn aliases(&self) -> bool {
        self.pairs.iter().all(|(old, new)| {
            match (&self.old.raw(*old).kind, &self.new.raw(*new).kind) {
                (Kind::Alias { target: a, .. }, Kind::Alias { target: b, .. }) => {
                    self.pairs.get(a) == Some(b)
                }
                _ => true,
            }
        })
    }
}

fn same_scalar(a: &Node<'_>, b: &Node<'_>) -> bool {
    let (Kind::Scalar { text: x, style: s }, Kind::Scalar { text: y, style: t }) =
        (&a.kind, &b.kind)
    else {
        return false;
    };
    let is_plain = |style: &Style| *style == Style::Plain;
    x == y && (is_plain(s) == is_plain(t) || (a.tag.is_none() && scalar::is_plain(x)))
}
