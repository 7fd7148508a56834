//! YAML, as the reference's parser reads it: a tree in which every node knows its place in the text.
//!
//! Called by `decode`. Three layers, each with its own file: `scan` (text to tokens), `parse` (tokens to
//! the tree of this file), `resolve` (what a scalar means where a number, a flag or a text is wanted).
//! The tree borrows from the source. Only the first document of a stream is read (spec `sdl.md` 3).

#[cfg(test)]
mod parity;
mod parse;
mod resolve;
mod scan;
#[cfg(test)]
mod tests;

pub(crate) use parse::parse;
pub(crate) use resolve::ScalarError;

use crate::diagnostics::Span;
use crate::rules::Rule;
use std::borrow::Cow;

/// Most nodes that are read: twice what a mebibyte holds of files that people write.
pub(crate) const MAX_NODES: usize = 100_000;

/// Deepest nesting that is read.
pub(crate) const MAX_DEPTH: usize = 128;

/// Why a text is not YAML.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct YamlError {
    pub(crate) rule: Rule,
    pub(crate) span: Span,
    /// What is wrong, in plain words.
    pub(crate) message: String,
    /// What to write instead.
    pub(crate) hint: Option<&'static str>,
    /// Where the construct began that could not be finished.
    pub(crate) context: Option<(Span, &'static str)>,
}

impl YamlError {
    pub(crate) fn syntax(span: Span, message: impl Into<String>) -> Self {
        Self { rule: Rule::YamlSyntax, span, message: message.into(), hint: None, context: None }
    }

    pub(crate) fn hint(mut self, hint: &'static str) -> Self {
        self.hint = Some(hint);
        self
    }

    pub(crate) fn context(mut self, span: Span, what: &'static str) -> Self {
        self.context = Some((span, what));
        self
    }
}

/// A node's place in its tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct NodeId(u32);

/// How a scalar was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Style {
    Plain,
    SingleQuoted,
    DoubleQuoted,
    Literal,
    Folded,
}

/// What a node is.
#[derive(Clone, Debug)]
pub(crate) enum Kind<'s> {
    Scalar {
        text: Cow<'s, str>,
        style: Style,
    },
    Sequence(Vec<NodeId>),
    Mapping(Vec<(NodeId, NodeId)>),
    /// Stands for an earlier node, never for another alias.
    Alias {
        name: &'s str,
        target: NodeId,
    },
    /// An alias inside the node that it stands for: an error wherever it is read.
    Cycle {
        name: &'s str,
    },
}

/// One node.
#[derive(Clone, Debug)]
pub(crate) struct Node<'s> {
    pub(crate) span: Span,
    /// The explicit tag, standard ones in the short form `!!int`.
    pub(crate) tag: Option<Cow<'s, str>>,
    pub(crate) kind: Kind<'s>,
}

/// The nodes of one document.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tree<'s> {
    nodes: Vec<Node<'s>>,
    root: Option<NodeId>,
}

impl<'s> Tree<'s> {
    /// The root; absent when the text holds no document.
    pub(crate) fn root(&self) -> Option<NodeId> {
        self.root
    }

    /// Number of nodes.
    pub(crate) fn len(&self) -> usize {
        self.nodes.len()
    }

    /// All nodes, scalars in the order of the text.
    pub(crate) fn ids(&self) -> impl Iterator<Item = NodeId> + use<> {
        (0..self.nodes.len()).filter_map(|it| u32::try_from(it).ok()).map(NodeId)
    }

    /// A node as it stands in the text.
    pub(crate) fn raw(&self, id: NodeId) -> &Node<'s> {
        const NOTHING: &Node<'static> = &Node {
            span: Span { start: 0, end: 0 },
            tag: None,
            kind: Kind::Scalar { text: Cow::Borrowed(""), style: Style::Plain },
        };
        usize::try_from(id.0).ok().and_then(|at| self.nodes.get(at)).unwrap_or(NOTHING)
    }

    /// A node with aliases followed.
    pub(crate) fn get(&self, id: NodeId) -> &Node<'s> {
        let node = self.raw(id);
        match node.kind {
            Kind::Alias { target, .. } => self.raw(target),
            _ => node,
        }
    }

    fn add(&mut self, node: Node<'s>) -> NodeId {
        let id = NodeId(u32::try_from(self.nodes.len()).unwrap_or(u32::MAX));
        self.nodes.push(node);
        id
    }
}
