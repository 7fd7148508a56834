//! Source and tree to [`File`].

use super::{Block, Body, Comment, Entry, File, Node, Parts};
use crate::yaml::{Kind, NodeId, Style, Tree};
use std::ops::Range;

/// Something that is YAML and that this reader does not take apart, such as a mapping as a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Unreadable {
    pub(crate) at: usize,
}

type Read<T> = Result<T, Unreadable>;

/// Reads a file whose line ends are `\n` and which has no byte-order mark.
///
/// # Errors
/// At constructs that are not taken apart.
pub(crate) fn read<'s>(source: &'s str, tree: &Tree<'s>) -> Read<File<'s>> {
    let mut reader = Reader { source, tree, at: 0, pending: Vec::new(), newlines: 0 };
    reader.file()
}

struct Reader<'s, 't> {
    source: &'s str,
    tree: &'t Tree<'s>,
    at: usize,
    /// Comments that were passed and belong to nothing yet.
    pending: Vec<Comment<'s>>,
    /// Line ends since the last token or comment.
    newlines: usize,
}

impl<'s> Reader<'s, '_> {
    fn byte(&self, ahead: usize) -> Option<u8> {
        self.source.as_bytes().get(self.at + ahead).copied()
    }

    fn slice(&self, range: Range<usize>) -> &'s str {
        self.source.get(range).unwrap_or_default()
    }

    fn line_start(&self, at: usize) -> usize {
        self.slice(0..at).rfind('\n').map_or(0, |it| it + 1)
    }

    fn column(&self, at: usize) -> usize {
        at - self.line_start(at)
    }

    fn line_end(&self) -> usize {
        self.slice(self.at..self.source.len())
            .find('\n')
            .map_or(self.source.len(), |it| self.at + it)
    }

    fn unreadable<T>(&self) -> Read<T> {
        Err(Unreadable { at: self.at })
    }

    fn place(&self, id: NodeId) -> Range<usize> {
        let span = self.tree.raw(id).span;
        let wide = |it: u32| usize::try_from(it).unwrap_or(usize::MAX);
        wide(span.start)..wide(span.end)
    }

    /// A token was read up to a place.
    fn passed(&mut self, at: usize) {
        self.at = at;
        self.newlines = 0;
    }

    /// Passes white space, line ends and comments.
    fn trivia(&mut self) {
        while let Some(byte) = self.byte(0) {
            match byte {
                b' ' | b'\t' => self.at += 1,
                b'\n' => {
                    self.at += 1;
                    self.newlines += 1;
                }
                b'#' => {
                    let end = self.line_end();
                    let line_start = self.line_start(self.at);
                    self.pending.push(Comment {
                        text: self.slice(self.at..end).trim_end(),
                        column: self.at - line_start,
                        is_alone: self.slice(line_start..self.at).trim().is_empty(),
                        after_blank: self.newlines > 1,
                    });
                    self.passed(end);
                }
                _ => return,
            }
        }
    }

    /// A comment that stands on the line of what was read last.
    fn same_line(&mut self) -> Option<Comment<'s>> {
        match self.pending.first() {
            Some(first) if !first.is_alone => Some(self.pending.remove(0)),
            _ => None,
        }
    }

    /// Comments that, by their indentation, still belong to a block: those deeper than what holds it.
    /// Shallower ones between them belong to it as well, unless a blank line parts them.
    fn belonging(&mut self, holder: Option<usize>) -> Vec<Comment<'s>> {
        let next = (!self.is_end()).then(|| self.column(self.at));
        let is_deeper = |column: usize, than: Option<usize>| than.is_none_or(|it| column > it);
        let mut count = 0;
        for (index, comment) in self.pending.iter().enumerate() {
            let is_parted = index > count && comment.after_blank;
            if !comment.is_alone || is_parted {
                break;
            }
            if is_deeper(comment.column, holder) && is_deeper(comment.column, next) {
                count = index + 1;
            } else if comment.column == 0 {
                break;
            }
        }
        self.pending.drain(..count).collect()
    }

    /// Whether the text or the first document ends here.
    fn is_end(&self) -> bool {
        self.at >= self.source.len() || self.is_marker("---") || self.is_marker("...")
    }

    fn is_marker(&self, marker: &str) -> bool {
        let rest = self.slice(self.at..self.source.len());
        self.column(self.at) == 0
            && rest
                .strip_prefix(marker)
                .is_some_and(|it| it.is_empty() || it.starts_with([' ', '\t', '\n']))
    }

    fn file(&mut self) -> Read<File<'s>> {
        let mut file = File::default();
        self.trivia();
        let at_start = |reader: &Self| reader.column(reader.at) == 0;
        while self.byte(0) == Some(b'%') && at_start(self) {
            // Comments between directives would change places.
            if !file.directives.is_empty() && !self.pending.is_empty() {
                return self.unreadable();
            }
            file.prologue.append(&mut self.pending);
            let end = self.line_end();
            file.directives.push(self.slice(self.at..end).trim_end());
            self.passed(end);
            self.trivia();
        }
        if self.is_marker("---") {
            file.prologue.append(&mut self.pending);
            self.passed(self.at + 3);
            self.trivia();
            file.marker = Some(self.same_line());
        }
        if let Some(root) = self.tree.root() {
            let node = self.node(root, None)?;
            file.root = Some(node);
        }
        self.trivia();
        if !self.is_end() {
            return self.unreadable();
        }
        file.tail = std::mem::take(&mut self.pending);
        file.rest = self.slice(self.at..self.source.len());
        Ok(file)
    }

    /// Anchors and tags before a place.
    fn properties(&mut self, until: usize) -> Vec<&'s str> {
        let mut found = Vec::new();
        loop {
            self.trivia();
            if self.at >= until || !matches!(self.byte(0), Some(b'&' | b'!')) {
                return found;
            }
            let rest = self.slice(self.at..self.source.len());
            let is_verbatim = rest.starts_with("!<");
            let length = match is_verbatim {
                true => rest.find('>').map_or(rest.len(), |it| it + 1),
                false => {
                    rest.find([' ', '\t', '\n', ',', '[', ']', '{', '}']).unwrap_or(rest.len())
                }
            };
            found.push(self.slice(self.at..self.at + length));
            self.passed(self.at + length);
        }
    }

    /// A node held by a block at a column; the root is held by nothing.
    fn node(&mut self, id: NodeId, holder: Option<usize>) -> Read<Node<'s>> {
        let place = self.place(id);
        let tree = self.tree;
        let kind = &tree.raw(id).kind;
        let is_empty = place.is_empty();
        let starts_with_property =
            matches!(self.source.as_bytes().get(place.start), Some(b'&' | b'!'));
        let properties = match (is_empty, starts_with_property) {
            (true, false) => Vec::new(),
            (true, true) => self.properties(usize::MAX),
            (false, _) => self.properties(place.start),
        };
        let mut node =
            Node { properties, before: Vec::new(), place: place.clone(), body: Body::Empty };
        if is_empty {
            return Ok(node);
        }
        if self.at != place.start {
            return self.unreadable();
        }
        let opens = self.byte(0);
        let raw = self.slice(place.clone());
        node.body = match kind {
            Kind::Mapping(pairs) if opens != Some(b'{') => Body::Map(self.mapping(pairs, holder)?),
            Kind::Sequence(items) if opens != Some(b'[') => {
                Body::Seq(self.sequence(items, holder)?)
            }
            Kind::Mapping(_) | Kind::Sequence(_) => {
                node.before = std::mem::take(&mut self.pending);
                let parts = self.flow(id)?;
                self.passed(place.end);
                Body::Flow { raw, parts }
            }
            Kind::Alias { .. } | Kind::Cycle { .. } => {
                node.before = std::mem::take(&mut self.pending);
                self.passed(place.end);
                Body::Alias(raw)
            }
            Kind::Scalar { text, style } => {
                node.before = std::mem::take(&mut self.pending);
                let raw = match style {
                    Style::Literal | Style::Folded => self.pass_block_scalar(raw, place),
                    _ => {
                        self.passed(place.end);
                        raw
                    }
                };
                Body::Scalar { raw, text: text.clone(), style: *style, column: holder.unwrap_or(0) }
            }
        };
        Ok(node)
    }

    /// Passes a block scalar; empty lines after it are its own only if it says so. Returns its own text.
    fn pass_block_scalar(&mut self, raw: &'s str, place: Range<usize>) -> &'s str {
        let header = raw.lines().next().unwrap_or_default();
        let header = header.split('#').next().unwrap_or_default();
        let mut own = raw;
        if header.contains('+') {
            self.passed(place.end);
            self.newlines = usize::from(raw.ends_with('\n'));
            return raw;
        }
        // White space beyond the indentation is text.
        let content = raw.lines().skip(1).find(|it| !it.trim().is_empty()).unwrap_or_default();
        let indent = content.len() - content.trim_start_matches(' ').len();
        while let Some(cut) = own.rfind('\n') {
            let line = own.get(cut + 1..).unwrap_or_default();
            if !line.trim().is_empty() || line.len() > indent {
                break;
            }
            own = own.get(..cut).unwrap_or_default();
        }
        self.passed(place.start + own.len());
        own
    }

    fn mapping(&mut self, pairs: &[(NodeId, NodeId)], holder: Option<usize>) -> Read<Block<'s>> {
        let column = self.column(self.at);
        let mut block = Block::default();
        for (key, value) in pairs {
            self.trivia();
            let lead = std::mem::take(&mut self.pending);
            let after_blank = self.newlines > 1;
            let is_explicit = self.byte(0) == Some(b'?')
                && matches!(self.byte(1), None | Some(b' ' | b'\t' | b'\n'));
            if is_explicit {
                self.passed(self.at + 1);
            }
            let key = self.node(*key, Some(column))?;
            // A key in several lines, or one that is no scalar, stays as it is with the whole file.
            let is_simple = match &key.body {
                Body::Scalar { raw, style, .. } => {
                    !raw.contains('\n') && !matches!(style, Style::Literal | Style::Folded)
                }
                Body::Alias(_) => true,
                _ => false,
            };
            if !is_simple || !key.before.is_empty() {
                return self.unreadable();
            }
            self.trivia();
            if self.byte(0) == Some(b':') && self.pending.is_empty() {
                self.passed(self.at + 1);
            } else if !is_explicit || !self.pending.is_empty() {
                return self.unreadable();
            }
            let entry = self.entry(lead, after_blank, Some(key), *value, column)?;
            block.entries.push(entry);
        }
        block.tail = self.belonging(holder);
        Ok(block)
    }

    fn sequence(&mut self, items: &[NodeId], holder: Option<usize>) -> Read<Block<'s>> {
        let column = self.column(self.at);
        let mut block = Block::default();
        for item in items {
            self.trivia();
            let lead = std::mem::take(&mut self.pending);
            let after_blank = self.newlines > 1;
            if self.byte(0) != Some(b'-') {
                return self.unreadable();
            }
            self.passed(self.at + 1);
            let entry = self.entry(lead, after_blank, None, *item, column)?;
            block.entries.push(entry);
        }
        block.tail = self.belonging(holder);
        Ok(block)
    }

    /// What follows `key:` or `- `.
    fn entry(
        &mut self,
        mut lead: Vec<Comment<'s>>,
        after_blank: bool,
        key: Option<Node<'s>>,
        value: NodeId,
        column: usize,
    ) -> Read<Entry<'s>> {
        self.trivia();
        let mut head = self.same_line();
        let mut value = self.node(value, Some(column))?;
        self.trivia();
        let (mut tail, mut inner) = (None, Vec::new());
        match &value.body {
            Body::Map(_) | Body::Seq(_) => {}
            Body::Empty => {
                tail = head.take().or_else(|| self.same_line());
                inner = self.belonging(Some(column));
            }
            _ => {
                // Comments between the key and a value on a later line go before both.
                lead.extend(head.take());
                lead.append(&mut value.before);
                tail = self.same_line();
            }
        }
        Ok(Entry { lead, after_blank, key, head, value, inner, tail })
    }

    /// What stands within brackets, unless there are comments or anything uncommon.
    fn flow(&self, id: NodeId) -> Read<Option<Parts<'s>>> {
        let place = self.place(id);
        let mut inner = Reader {
            source: self.source,
            tree: self.tree,
            at: place.start,
            pending: Vec::new(),
            newlines: 0,
        };
        let parts = inner.flow_parts(id)?;
        Ok(parts.filter(|_| inner.pending.is_empty() && inner.at == place.end))
    }

    /// Passes a bracket or separator of a flow collection.
    fn punctuation(&mut self, expected: u8) -> bool {
        self.trivia();
        let is_there = self.byte(0) == Some(expected);
        if is_there {
            self.passed(self.at + 1);
        }
        is_there
    }

    fn flow_parts(&mut self, id: NodeId) -> Read<Option<Parts<'s>>> {
        let tree = self.tree;
        self.passed(self.at + 1);
        let parts = match &tree.raw(id).kind {
            Kind::Sequence(items) => {
                let mut parts = Vec::with_capacity(items.len());
                for (index, item) in items.iter().enumerate() {
                    if index > 0 && !self.punctuation(b',') {
                        return Ok(None);
                    }
                    let Some(part) = self.flow_node(*item)? else { return Ok(None) };
                    parts.push(part);
                }
                self.punctuation(b',');
                if !self.punctuation(b']') {
                    return Ok(None);
                }
                Parts::Seq(parts)
            }
            Kind::Mapping(pairs) => {
                let mut parts = Vec::with_capacity(pairs.len());
                for (index, (key, value)) in pairs.iter().enumerate() {
                    if index > 0 && !self.punctuation(b',') {
                        return Ok(None);
                    }
                    let Some(key) = self.flow_node(*key)? else { return Ok(None) };
                    if !self.punctuation(b':') {
                        return Ok(None);
                    }
                    let Some(value) = self.flow_node(*value)? else { return Ok(None) };
                    parts.push((key, value));
                }
                self.punctuation(b',');
                if !self.punctuation(b'}') {
                    return Ok(None);
                }
                Parts::Map(parts)
            }
            _ => return Ok(None),
        };
        Ok(Some(parts))
    }

    fn flow_node(&mut self, id: NodeId) -> Read<Option<Node<'s>>> {
        let place = self.place(id);
        if place.is_empty() {
            return Ok(None);
        }
        let properties = self.properties(place.start);
        if self.at != place.start || !self.pending.is_empty() {
            return Ok(None);
        }
        let raw = self.slice(place.clone());
        let tree = self.tree;
        let body = match &tree.raw(id).kind {
            Kind::Scalar { text, style } if !raw.contains('\n') => {
                self.passed(place.end);
                Body::Scalar { raw, text: text.clone(), style: *style, column: 0 }
            }
            Kind::Scalar { .. } => return Ok(None),
            Kind::Alias { .. } | Kind::Cycle { .. } => {
                self.passed(place.end);
                Body::Alias(raw)
            }
            Kind::Mapping(_) | Kind::Sequence(_) => {
                let opens = self.byte(0);
                if !matches!(opens, Some(b'{' | b'[')) {
                    return Ok(None);
                }
                let Some(parts) = self.flow_parts(id)? else { return Ok(None) };
                Body::Flow { raw, parts: Some(parts) }
            }
        };
        Ok(Some(Node { properties, before: Vec::new(), place, body }))
    }
}
