//! A file with everything that its author wrote: comments, blank lines, anchors, quotes.
//!
//! Called by `fmt`, which writes it down again. Calls `yaml` for the tree; the tree knows where each node
//! stands, and what stands between the nodes is read again here. Nothing is decided about form.

mod read;

pub(crate) use read::read;

use crate::yaml::Style;
use std::borrow::Cow;
use std::ops::Range;

/// A comment, from its `#` to the end of its line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Comment<'s> {
    pub(crate) text: &'s str,
    /// Column of the `#`, from 0.
    pub(crate) column: usize,
    /// Nothing but white space stands before it on its line.
    pub(crate) is_alone: bool,
    /// A blank line stands before it.
    pub(crate) after_blank: bool,
}

/// A whole file: its first document, and what follows as it is.
#[derive(Debug, Default)]
pub(crate) struct File<'s> {
    /// Comments before `---`.
    pub(crate) prologue: Vec<Comment<'s>>,
    /// Lines with `%`.
    pub(crate) directives: Vec<&'s str>,
    /// Whether the document begins with `---`, and the comment on that line.
    pub(crate) marker: Option<Option<Comment<'s>>>,
    pub(crate) root: Option<Node<'s>>,
    /// Comments after the root.
    pub(crate) tail: Vec<Comment<'s>>,
    /// From the end of the first document on: `---` or `...` and everything after.
    pub(crate) rest: &'s str,
}

/// A node with what stands around it.
#[derive(Debug)]
pub(crate) struct Node<'s> {
    /// Anchors and tags, in order.
    pub(crate) properties: Vec<&'s str>,
    /// Comments between what announces the node (`key:`, `- `) and the node, if it is no block.
    pub(crate) before: Vec<Comment<'s>>,
    pub(crate) place: Range<usize>,
    pub(crate) body: Body<'s>,
}

#[derive(Debug)]
pub(crate) enum Body<'s> {
    Empty,
    Scalar {
        raw: &'s str,
        text: Cow<'s, str>,
        style: Style,
        /// Column of the block that the scalar belongs to.
        column: usize,
    },
    Alias(&'s str),
    /// Brackets; `None` if something within can only be kept as it is.
    Flow {
        raw: &'s str,
        parts: Option<Parts<'s>>,
    },
    Map(Block<'s>),
    Seq(Block<'s>),
}

/// What stands within brackets.
#[derive(Debug)]
pub(crate) enum Parts<'s> {
    Seq(Vec<Node<'s>>),
    Map(Vec<(Node<'s>, Node<'s>)>),
}

/// A list or mapping with one entry per line.
#[derive(Debug, Default)]
pub(crate) struct Block<'s> {
    pub(crate) entries: Vec<Entry<'s>>,
    /// Comments after the last entry that still belong to it, by their indentation.
    pub(crate) tail: Vec<Comment<'s>>,
}

/// One entry of a block.
#[derive(Debug)]
pub(crate) struct Entry<'s> {
    /// Comments before it.
    pub(crate) lead: Vec<Comment<'s>>,
    /// A blank line stands between those comments and the entry.
    pub(crate) after_blank: bool,
    /// Absent in lists.
    pub(crate) key: Option<Node<'s>>,
    /// The comment on the line that announces a block.
    pub(crate) head: Option<Comment<'s>>,
    pub(crate) value: Node<'s>,
    /// Comments in the place of an absent value.
    pub(crate) inner: Vec<Comment<'s>>,
    /// The comment at the end of the entry's line.
    pub(crate) tail: Option<Comment<'s>>,
}

impl Entry<'_> {
    /// Whether a blank line stands before the entry and its comments.
    pub(crate) fn is_set_apart(&self) -> bool {
        self.lead.first().map_or(self.after_blank, |it| it.after_blank)
    }
}
