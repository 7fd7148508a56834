//! Tokens to the tree of the first document, with the grammar of libyaml.
//!
//! Recursion is bounded by [`MAX_DEPTH`]; aliases become references, so the tree is as large as the text.

use super::scan::{Scanner, Token};
use super::{Kind, MAX_DEPTH, MAX_NODES, Node, NodeId, Style, Tree, YamlError};
use crate::diagnostics::Span;
use crate::rules::Rule;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::mem::discriminant;

/// Reads the first document of a text.
///
/// # Errors
/// The first place where the text is not YAML.
pub(crate) fn parse(source: &str) -> Result<Tree<'_>, YamlError> {
    check_characters(source)?;
    let mut parser = Parser {
        scanner: Scanner::new(source),
        tree: Tree::default(),
        anchors: BTreeMap::new(),
        handles: BTreeMap::new(),
        depth: 0,
    };
    parser.document()?;
    Ok(parser.tree)
}

pub(super) fn too_deep(span: Span) -> YamlError {
    YamlError {
        rule: Rule::TooDeep,
        span,
        message: format!("the document is nested more than {MAX_DEPTH} levels deep"),
        hint: Some("nest less: no part of a deployment is a tenth as deep"),
        context: None,
    }
}

/// Control characters other than tab and line ends are not part of YAML.
fn check_characters(source: &str) -> Result<(), YamlError> {
    let suspicious = |it: &u8| matches!(it, 0..=8 | 0x0b | 0x0c | 0x0e..=0x1f | 0x7f..);
    if !source.bytes().any(|it| suspicious(&it)) {
        return Ok(());
    }
    for (at, character) in source.char_indices() {
        let allowed = match character {
            '\t' | '\n' | '\r' | ' '..='~' | '\u{85}' => true,
            '\u{a0}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' => true,
            other => other >= '\u{10000}',
        };
        if !allowed {
            let code = u32::from(character);
            return Err(YamlError::syntax(
                Span::new(at, at + character.len_utf8()),
                format!("the control character U+{code:04X} is not allowed"),
            )
            .hint("remove it, or write it as an escape in double quotes"));
        }
    }
    Ok(())
}

struct Parser<'s> {
    scanner: Scanner<'s>,
    tree: Tree<'s>,
    /// The latest definition of each anchor, by where it stands; without node while that is open.
    anchors: BTreeMap<&'s str, (u32, Option<NodeId>)>,
    /// Tag handles that the document declares.
    handles: BTreeMap<&'s str, Cow<'s, str>>,
    depth: usize,
}

type Parse<T = NodeId> = Result<T, YamlError>;

/// What may stand before a node.
#[derive(Default)]
struct Properties<'s> {
    anchor: Option<&'s str>,
    tag: Option<Cow<'s, str>>,
    start: Option<u32>,
}

impl Properties<'_> {
    /// Tells definitions of one anchor from another.
    fn place(&self) -> u32 {
        self.start.unwrap_or_default()
    }
}

impl<'s> Parser<'s> {
    fn peek(&mut self) -> Parse<&Token<'s>> {
        self.scanner.peek().map(|it| &it.0)
    }

    fn span(&mut self) -> Parse<Span> {
        self.scanner.peek().map(|it| it.1)
    }

    fn is(&mut self, tokens: &[Token<'s>]) -> Parse<bool> {
        let next = self.peek()?;
        Ok(tokens.iter().any(|it| discriminant(it) == discriminant(next)))
    }

    fn document(&mut self) -> Parse<()> {
        let is_explicit = self.prologue()?;
        if !is_explicit && matches!(self.peek()?, Token::StreamEnd) {
            return Ok(());
        }
        // After `---` a document may be empty; before it, something has to be there.
        let is_empty = is_explicit
            && self.is(&[
                Token::VersionDirective { major: 0, minor: 0 },
                Token::TagDirective { handle: "", prefix: Cow::Borrowed("") },
                Token::DocumentStart,
                Token::DocumentEnd,
                Token::StreamEnd,
            ])?;
        let root = if is_empty {
            let span = self.span()?;
            self.empty(span, Properties::default())
        } else {
            self.node(true, false)?
        };
        self.tree.root = Some(root);
        // What follows the first document is looked at, but not read.
        self.peek()?;
        Ok(())
    }

    /// Directives and document markers before the first document. Returns whether it begins with `---`.
    fn prologue(&mut self) -> Parse<bool> {
        let mut has_version = false;
        let mut has_directives = false;
        loop {
            let span = self.span()?;
            match self.peek()? {
                Token::VersionDirective { .. } | Token::TagDirective { .. } => {}
                Token::DocumentStart => {
                    self.scanner.take()?;
                    return Ok(true);
                }
                _ if has_directives => {
                    return Err(YamlError::syntax(span, "directives must be followed by `---`"));
                }
                _ => return Ok(false),
            }
            has_directives = true;
            match self.scanner.take()?.0 {
                Token::VersionDirective { major, minor } => {
                    if has_version {
                        return Err(YamlError::syntax(span, "a second `%YAML` directive"));
                    }
                    if (major, minor) != (1, 1) {
                        return Err(YamlError::syntax(span, "the YAML version must be 1.1"));
                    }
                    has_version = true;
                }
                Token::TagDirective { handle, .. } if self.handles.contains_key(handle) => {
                    let message = format!("a second `%TAG {handle}` directive");
                    return Err(YamlError::syntax(span, message));
                }
                Token::TagDirective { handle, prefix } => {
                    self.handles.insert(handle, prefix);
                }
                _ => {}
            }
        }
    }

    /// A node; `is_block` if block collections may begin, `in_mapping` if a list may stand without
    /// further indentation.
    fn node(&mut self, is_block: bool, in_mapping: bool) -> Parse {
        if self.depth >= MAX_DEPTH {
            return Err(too_deep(self.span()?));
        }
        self.bounded()?;
        self.depth += 1;
        let result = self.node_within(is_block, in_mapping);
        self.depth -= 1;
        result
    }

    /// Nodes are what memory and time go into; a file within the limit of bytes may hold too many.
    fn bounded(&mut self) -> Parse<()> {
        if self.tree.len() < MAX_NODES {
            return Ok(());
        }
        Err(YamlError {
            rule: Rule::TooLarge,
            span: self.span()?,
            message: format!("the file holds more than {MAX_NODES} values"),
            hint: Some("split it into several deployments"),
            context: None,
        })
    }

    fn node_within(&mut self, is_block: bool, in_mapping: bool) -> Parse {
        if let Token::Alias(name) = *self.peek()? {
            let (_, span) = self.scanner.take()?;
            return self.alias(name, span);
        }
        let properties = self.properties()?;
        if let Some(anchor) = properties.anchor {
            self.anchors.insert(anchor, (properties.place(), None));
        }
        let span = self.span()?;
        match self.peek()? {
            Token::BlockEntry if in_mapping => {
                let items = self.indentless_sequence()?;
                Ok(self.collection(properties, span, span.start, Kind::Sequence(items)))
            }
            Token::Scalar { .. } => {
                let (Token::Scalar { text, style }, span) = self.scanner.take()? else {
                    return Err(YamlError::syntax(span, "a value is missing here"));
                };
                Ok(self.finish(properties, span, Kind::Scalar { text, style }))
            }
            Token::FlowSequenceStart => {
                self.scanner.take()?;
                let (items, end) = self.flow_sequence(span)?;
                Ok(self.collection(properties, span, end, Kind::Sequence(items)))
            }
            Token::FlowMappingStart => {
                self.scanner.take()?;
                let (pairs, end) = self.flow_mapping(span)?;
                Ok(self.collection(properties, span, end, Kind::Mapping(pairs)))
            }
            Token::BlockSequenceStart if is_block => {
                self.scanner.take()?;
                let items = self.block_sequence(span)?;
                Ok(self.collection(properties, span, span.start, Kind::Sequence(items)))
            }
            Token::BlockMappingStart if is_block => {
                self.scanner.take()?;
                let pairs = self.block_mapping(span)?;
                Ok(self.collection(properties, span, span.start, Kind::Mapping(pairs)))
            }
            _ if properties.start.is_some() => Ok(self.empty(span, properties)),
            _ => Err(YamlError::syntax(span, "a value is missing here")
                .hint("look at the indentation and the brackets before this place")),
        }
    }

    fn properties(&mut self) -> Parse<Properties<'s>> {
        let mut found = Properties::default();
        loop {
            let (token, span) = self.scanner.peek()?;
            match token {
                Token::Anchor(name) if found.anchor.is_none() => found.anchor = Some(name),
                Token::Tag { .. } if found.tag.is_none() => {}
                _ => return Ok(found),
            }
            found.start.get_or_insert(span.start);
            let (token, span) = self.scanner.take()?;
            if let Token::Tag { handle, suffix } = token {
                found.tag = Some(self.tag(handle, suffix, span)?);
            }
        }
    }

    /// A tag in its short form.
    fn tag(&self, handle: &'s str, suffix: Cow<'s, str>, span: Span) -> Parse<Cow<'s, str>> {
        const STANDARD: &str = "tag:yaml.org,2002:";
        let declared = self.handles.get(handle).map(|it| it.as_ref());
        let prefix = match (declared, handle) {
            (Some(prefix), _) => prefix,
            (None, "") => "",
            (None, "!") => "!",
            (None, "!!") => STANDARD,
            (None, _) => {
                return Err(YamlError::syntax(
                    span,
                    format!("the tag handle `{handle}` is unknown"),
                ));
            }
        };
        let whole = if prefix.is_empty() { suffix } else { format!("{prefix}{suffix}").into() };
        Ok(match whole.strip_prefix(STANDARD) {
            Some(name) => format!("!!{name}").into(),
            None => whole,
        })
    }

    fn alias(&mut self, name: &'s str, span: Span) -> Parse {
        let kind = match self.anchors.get(name).map(|it| it.1) {
            Some(Some(target)) => Kind::Alias { name, target },
            Some(None) => Kind::Cycle { name },
            None => {
                return Err(YamlError {
                    rule: Rule::UnknownAnchor,
                    span,
                    message: format!("no anchor `{name}` is defined before this alias"),
                    hint: Some(
                        "define it as `&name value`, or use quotes if the value only begins with `*`",
                    ),
                    context: None,
                });
            }
        };
        Ok(self.tree.add(Node { span, tag: None, kind }))
    }

    fn finish(&mut self, properties: Properties<'s>, span: Span, kind: Kind<'s>) -> NodeId {
        let place = properties.place();
        let id = self.tree.add(Node { span, tag: properties.tag, kind });
        // A part of the node may have taken the name for itself.
        if let Some(entry) = properties.anchor.and_then(|it| self.anchors.get_mut(it))
            && entry.0 == place
        {
            entry.1 = Some(id);
        }
        id
    }

    /// A collection from where it begins to its end, or to the end of its last part.
    fn collection(
        &mut self,
        properties: Properties<'s>,
        span: Span,
        end: u32,
        kind: Kind<'s>,
    ) -> NodeId {
        let last = match &kind {
            Kind::Sequence(items) => items.last().copied(),
            Kind::Mapping(pairs) => pairs.last().map(|it| it.1),
            _ => None,
        };
        let last_end = last.map_or(0, |it| self.tree.raw(it).span.end);
        let span = Span { start: span.start, end: span.end.max(end).max(last_end) };
        self.finish(properties, span, kind)
    }

    /// A node of which nothing is written.
    fn empty(&mut self, span: Span, properties: Properties<'s>) -> NodeId {
        let at = properties.start.unwrap_or(span.start);
        let span = Span { start: at, end: at };
        let kind = Kind::Scalar { text: Cow::Borrowed(""), style: Style::Plain };
        self.finish(properties, span, kind)
    }

    /// A node of which nothing is written, just after what was written last.
    fn empty_after(&mut self, at: u32) -> NodeId {
        self.empty(Span { start: at, end: at }, Properties::default())
    }

    fn indentless_sequence(&mut self) -> Parse<Vec<NodeId>> {
        let mut items = Vec::new();
        while matches!(self.peek()?, Token::BlockEntry) {
            let (_, span) = self.scanner.take()?;
            self.bounded()?;
            let ends = self.is(&[Token::BlockEntry, Token::Key, Token::Value, Token::BlockEnd])?;
            items.push(if ends { self.empty_after(span.end) } else { self.node(true, false)? });
        }
        Ok(items)
    }

    fn block_sequence(&mut self, start: Span) -> Parse<Vec<NodeId>> {
        let mut items = Vec::new();
        loop {
            let (token, span) = self.scanner.take()?;
            match token {
                Token::BlockEntry => {}
                Token::BlockEnd => return Ok(items),
                _ => {
                    return Err(YamlError::syntax(span, "a list entry must begin with `- `")
                        .hint("align it with the entries above")
                        .context(start, "the list begins here"));
                }
            }
            self.bounded()?;
            let ends = self.is(&[Token::BlockEntry, Token::BlockEnd])?;
            items.push(if ends { self.empty_after(span.end) } else { self.node(true, false)? });
        }
    }

    fn block_mapping(&mut self, start: Span) -> Parse<Vec<(NodeId, NodeId)>> {
        let ends = &[Token::Key, Token::Value, Token::BlockEnd];
        let mut pairs = Vec::new();
        loop {
            let (token, span) = self.scanner.take()?;
            match token {
                Token::Key => {}
                Token::BlockEnd => return Ok(pairs),
                _ => {
                    return Err(YamlError::syntax(span, "a key is missing here")
                        .hint("align the line with the keys above, or indent it below its key")
                        .context(start, "the mapping begins here"));
                }
            }
            self.bounded()?;
            let key =
                if self.is(ends)? { self.empty_after(span.end) } else { self.node(true, true)? };
            let value = if matches!(self.peek()?, Token::Value) {
                let (_, span) = self.scanner.take()?;
                if self.is(ends)? { self.empty_after(span.end) } else { self.node(true, true)? }
            } else {
                let end = self.tree.raw(key).span.end;
                self.empty_after(end)
            };
            pairs.push((key, value));
        }
    }

    /// Takes the comma between two entries. Returns where the collection ends, if it does.
    fn flow_separator(
        &mut self,
        is_first: bool,
        end: Token<'s>,
        start: Span,
        message: &'static str,
    ) -> Parse<Option<u32>> {
        if !is_first && !self.is(std::slice::from_ref(&end))? {
            let (token, span) = self.scanner.take()?;
            if !matches!(token, Token::FlowEntry) {
                return Err(YamlError::syntax(span, message)
                    .hint("put a value in quotes if `?`, `,` or brackets belong to it")
                    .context(start, "the bracket opens here"));
            }
        }
        if self.is(std::slice::from_ref(&end))? {
            let (_, span) = self.scanner.take()?;
            return Ok(Some(span.end));
        }
        Ok(None)
    }

    fn flow_sequence(&mut self, start: Span) -> Parse<(Vec<NodeId>, u32)> {
        let mut items = Vec::new();
        loop {
            let end = self.flow_separator(
                items.is_empty(),
                Token::FlowSequenceEnd,
                start,
                "a `,` or the closing `]` is missing here",
            )?;
            if let Some(end) = end {
                return Ok((items, end));
            }
            if !matches!(self.peek()?, Token::Key) {
                items.push(self.node(false, false)?);
                continue;
            }
            // `[a: b]` is a list of one mapping with one key.
            let (_, span) = self.scanner.take()?;
            if self.is(&[Token::Value, Token::FlowEntry, Token::FlowSequenceEnd])? {
                return Err(YamlError::syntax(self.span()?, "a key is missing here")
                    .context(start, "the bracket opens here"));
            }
            let key = self.node(false, false)?;
            let value = self.flow_value(key, &[Token::FlowEntry, Token::FlowSequenceEnd])?;
            let pair = Kind::Mapping(vec![(key, value)]);
            items.push(self.collection(Properties::default(), span, span.end, pair));
        }
    }

    fn flow_mapping(&mut self, start: Span) -> Parse<(Vec<(NodeId, NodeId)>, u32)> {
        let mut pairs = Vec::new();
        loop {
            let end = self.flow_separator(
                pairs.is_empty(),
                Token::FlowMappingEnd,
                start,
                "a `,` or the closing `}` is missing here",
            )?;
            if let Some(end) = end {
                return Ok((pairs, end));
            }
            if !matches!(self.peek()?, Token::Key) {
                let key = self.node(false, false)?;
                let end = self.tree.raw(key).span.end;
                let value = self.empty_after(end);
                pairs.push((key, value));
                continue;
            }
            let (_, span) = self.scanner.take()?;
            self.bounded()?;
            let key = if self.is(&[Token::Value, Token::FlowEntry, Token::FlowMappingEnd])? {
                self.empty_after(span.end)
            } else {
                self.node(false, false)?
            };
            let value = self.flow_value(key, &[Token::FlowEntry, Token::FlowMappingEnd])?;
            pairs.push((key, value));
        }
    }

    fn flow_value(&mut self, key: NodeId, ends: &[Token<'s>]) -> Parse {
        if matches!(self.peek()?, Token::Value) {
            let (_, span) = self.scanner.take()?;
            if !self.is(ends)? {
                return self.node(false, false);
            }
            return Ok(self.empty_after(span.end));
        }
        let end = self.tree.raw(key).span.end;
        Ok(self.empty_after(end))
    }
}
