//! Text to tokens, with the decisions of libyaml, from which the reference's parser descends.
//!
//! Indentation becomes block-start and block-end tokens here; a key without `?` is recognised when its
//! `:` arrives, by inserting a key token before what was already scanned. Called by `parse` only.

use super::{Style, YamlError};
use crate::diagnostics::Span;
use std::borrow::Cow;
use std::collections::VecDeque;

/// A key without `?` must end within this many characters, on its line.
const MAX_SIMPLE_KEY: usize = 1024;

/// How many tokens are read beyond the one that is asked for.
const LOOKAHEAD: usize = 2;

/// A piece of the text.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Token<'s> {
    StreamEnd,
    DocumentStart,
    DocumentEnd,
    VersionDirective { major: u32, minor: u32 },
    TagDirective { handle: &'s str, prefix: Cow<'s, str> },
    BlockSequenceStart,
    BlockMappingStart,
    BlockEnd,
    FlowSequenceStart,
    FlowSequenceEnd,
    FlowMappingStart,
    FlowMappingEnd,
    BlockEntry,
    FlowEntry,
    Key,
    Value,
    Alias(&'s str),
    Anchor(&'s str),
    Tag { handle: &'s str, suffix: Cow<'s, str> },
    Scalar { text: Cow<'s, str>, style: Style },
}

/// A place where a key without `?` may have begun.
#[derive(Clone, Copy, Debug, Default)]
struct SimpleKey {
    possible: bool,
    required: bool,
    /// Number of the token that would follow the key token.
    token: usize,
    at: usize,
    line: usize,
    column: i64,
}

pub(super) struct Scanner<'s> {
    source: &'s str,
    bytes: &'s [u8],
    at: usize,
    line: usize,
    line_start: usize,
    /// The column is known at this place; it is counted on from there.
    counted_at: usize,
    counted: i64,
    tokens: VecDeque<(Token<'s>, Span)>,
    /// Number of tokens handed out.
    taken: usize,
    indent: i64,
    indents: Vec<i64>,
    flow_level: usize,
    simple_key_allowed: bool,
    /// One per flow level, the block context first.
    simple_keys: Vec<SimpleKey>,
    ended: bool,
}

type Scan<T = ()> = Result<T, YamlError>;

impl<'s> Scanner<'s> {
    pub(super) fn new(source: &'s str) -> Self {
        let start = if source.starts_with('\u{feff}') { 3 } else { 0 };
        // A second byte-order mark is passed as well, as a character of its own.
        let at = start + if source.starts_with("\u{feff}\u{feff}") { 3 } else { 0 };
        Self {
            source,
            bytes: source.as_bytes(),
            at,
            line: 0,
            line_start: start,
            counted_at: at,
            counted: i64::from(at > start),
            tokens: VecDeque::new(),
            taken: 0,
            indent: -1,
            indents: Vec::new(),
            flow_level: 0,
            simple_key_allowed: true,
            simple_keys: vec![SimpleKey::default()],
            ended: false,
        }
    }

    /// The next token, left where it is.
    pub(super) fn peek(&mut self) -> Scan<&(Token<'s>, Span)> {
        while !self.ended && self.needs_more()? {
            self.fetch()?;
        }
        if self.tokens.is_empty() {
            let end = self.bytes.len();
            self.tokens.push_back((Token::StreamEnd, Span::new(end, end)));
        }
        self.tokens.front().ok_or_else(|| YamlError::syntax(self.here(), "the text ends too early"))
    }

    /// Takes the token that was peeked last.
    pub(super) fn take(&mut self) -> Scan<(Token<'s>, Span)> {
        self.peek()?;
        self.taken += 1;
        self.tokens
            .pop_front()
            .ok_or_else(|| YamlError::syntax(self.here(), "the text ends too early"))
    }

    fn needs_more(&mut self) -> Scan<bool> {
        if self.tokens.len() <= LOOKAHEAD {
            return Ok(true);
        }
        // If a key may begin with the first token, its `:` has to be looked for.
        let first = self.taken;
        let Some(level) = self.simple_keys.iter().position(|it| it.possible && it.token == first)
        else {
            return Ok(false);
        };
        self.is_key_alive(level)
    }

    /// Whether the key that may have begun at a level can still end here.
    fn is_key_alive(&mut self, level: usize) -> Scan<bool> {
        let Some(key) = self.simple_keys.get(level).copied() else { return Ok(false) };
        if !key.possible {
            return Ok(false);
        }
        let too_far = self.at.saturating_sub(key.at) > MAX_SIMPLE_KEY
            && self
                .source
                .get(key.at..self.at)
                .is_some_and(|it| it.chars().count() > MAX_SIMPLE_KEY);
        if key.line == self.line && !too_far {
            return Ok(true);
        }
        if key.required {
            return Err(self.no_colon(key));
        }
        if let Some(key) = self.simple_keys.get_mut(level) {
            key.possible = false;
        }
        Ok(false)
    }

    fn no_colon(&self, key: SimpleKey) -> YamlError {
        let line_end = self.line_end(key.at);
        YamlError::syntax(Span::new(key.at, line_end), "a key must be followed by `:`")
            .hint("write `key: value`, or indent the line if it belongs to the value above")
    }

    fn line_end(&self, at: usize) -> usize {
        let rest = self.bytes.get(at..).unwrap_or_default();
        at + rest.iter().position(|it| matches!(it, b'\n' | b'\r')).unwrap_or(rest.len())
    }

    // Characters.

    fn byte(&self, ahead: usize) -> Option<u8> {
        self.bytes.get(self.at + ahead).copied()
    }

    fn here(&self) -> Span {
        let width = self.source.get(self.at..).and_then(|it| it.chars().next());
        Span::new(self.at, self.at + width.map_or(0, char::len_utf8))
    }

    /// Length of the line break at an offset from here, 0 if there is none.
    fn break_len(&self, ahead: usize) -> usize {
        match self.byte(ahead) {
            Some(b'\n') => 1,
            Some(b'\r') if self.byte(ahead + 1) == Some(b'\n') => 2,
            Some(b'\r') => 1,
            Some(0xc2) if self.byte(ahead + 1) == Some(0x85) => 2,
            Some(0xe2)
                if self.byte(ahead + 1) == Some(0x80)
                    && matches!(self.byte(ahead + 2), Some(0xa8 | 0xa9)) =>
            {
                3
            }
            _ => 0,
        }
    }

    fn is_blank(&self, ahead: usize) -> bool {
        matches!(self.byte(ahead), Some(b' ' | b'\t'))
    }

    fn is_break_or_end(&self, ahead: usize) -> bool {
        self.byte(ahead).is_none() || self.break_len(ahead) > 0
    }

    /// White space, a line break, or the end.
    fn is_gap(&self, ahead: usize) -> bool {
        self.is_blank(ahead) || self.is_break_or_end(ahead)
    }

    /// The column of the next character, in characters from 0.
    fn column(&mut self) -> i64 {
        let passed = self.bytes.get(self.counted_at..self.at).unwrap_or_default();
        let count = passed.iter().filter(|it| **it & 0xc0 != 0x80).count();
        self.counted += i64::try_from(count).unwrap_or(i64::MAX);
        self.counted_at = self.at;
        self.counted
    }

    /// Passes the line break that is here, and returns what it contributes to a scalar.
    fn pass_break(&mut self) -> &'static str {
        let contributes = match self.byte(0) {
            Some(0xe2) if self.byte(2) == Some(0xa8) => "\u{2028}",
            Some(0xe2) => "\u{2029}",
            _ => "\n",
        };
        self.at += self.break_len(0);
        self.line += 1;
        self.line_start = self.at;
        self.counted_at = self.at;
        self.counted = 0;
        contributes
    }

    fn slice(&self, start: usize, end: usize) -> &'s str {
        self.source.get(start..end).unwrap_or_default()
    }

    // Tokens.

    fn push(&mut self, token: Token<'s>, span: Span) {
        self.tokens.push_back((token, span));
    }

    /// Emits a token of so many bytes that are here.
    fn punctuation(&mut self, token: Token<'s>, length: usize) {
        let span = Span::new(self.at, self.at + length);
        self.at += length;
        self.push(token, span);
    }

    fn fetch(&mut self) -> Scan {
        self.skip_gap();
        let column = self.column();
        self.unroll_indent(column);
        let Some(byte) = self.byte(0) else { return self.fetch_stream_end() };
        let in_flow = self.flow_level > 0;
        if column == 0 {
            if byte == b'%' {
                return self.fetch_directive();
            }
            if let Some(token) = self.document_indicator() {
                self.unroll_indent(-1);
                self.remove_simple_key()?;
                self.simple_key_allowed = false;
                self.punctuation(token, 3);
                return Ok(());
            }
        }
        match byte {
            b'[' => self.open_flow(Token::FlowSequenceStart),
            b'{' => self.open_flow(Token::FlowMappingStart),
            b']' => self.close_flow(Token::FlowSequenceEnd),
            b'}' => self.close_flow(Token::FlowMappingEnd),
            b',' => {
                self.remove_simple_key()?;
                self.simple_key_allowed = true;
                self.punctuation(Token::FlowEntry, 1);
                Ok(())
            }
            b'-' if self.is_gap(1) => self.fetch_block_entry(),
            b'?' if in_flow || self.is_gap(1) => self.fetch_key(),
            b':' if in_flow || self.is_gap(1) => self.fetch_value(),
            b'*' | b'&' => self.fetch_anchor(byte == b'*'),
            b'!' => self.fetch_tag(),
            b'|' if !in_flow => self.fetch_block_scalar(Style::Literal),
            b'>' if !in_flow => self.fetch_block_scalar(Style::Folded),
            b'\'' => self.fetch_quoted(Style::SingleQuoted),
            b'"' => self.fetch_quoted(Style::DoubleQuoted),
            _ if self.begins_plain(byte) => self.fetch_plain(),
            _ => Err(self.cannot_begin(byte)),
        }
    }

    fn cannot_begin(&self, byte: u8) -> YamlError {
        let shown = self.slice(self.at, self.bytes.len()).chars().next().unwrap_or(' ');
        match byte {
            b'\t' => YamlError::syntax(self.here(), "a tab cannot indent a line")
                .hint("indent with spaces"),
            _ => YamlError::syntax(self.here(), format!("`{shown}` cannot begin a value"))
                .hint("put the value in quotes"),
        }
    }

    fn begins_plain(&self, byte: u8) -> bool {
        match byte {
            b' ' | b'\t' => false,
            b'-' => !self.is_blank(1),
            b'?' | b':' => self.flow_level == 0 && !self.is_gap(1),
            b',' | b'[' | b']' | b'{' | b'}' | b'#' | b'&' | b'*' | b'!' | b'|' | b'>' | b'\''
            | b'"' | b'%' | b'@' | b'`' => false,
            _ => true,
        }
    }

    fn document_indicator(&self) -> Option<Token<'s>> {
        let token = match self.bytes.get(self.at..self.at + 3)? {
            b"---" => Token::DocumentStart,
            b"..." => Token::DocumentEnd,
            _ => return None,
        };
        self.is_gap(3).then_some(token)
    }

    /// Passes white space, comments and line breaks up to the next token.
    fn skip_gap(&mut self) {
        // The reference looks from one comment line for the next, and tabs between them do not count.
        let mut next_comment = 0;
        let mut heads_block = matches!(self.tokens.back(), Some((Token::BlockEntry, _)));
        loop {
            let tabs_too = self.flow_level > 0 || !self.simple_key_allowed;
            while self.byte(0) == Some(b' ')
                || (self.byte(0) == Some(b'\t') && (tabs_too || self.at < next_comment))
            {
                self.at += 1;
            }
            if self.byte(0) == Some(b'#') {
                let before = self.slice(self.line_start, self.at);
                let is_alone = heads_block || before.bytes().all(|it| it == b' ' || it == b'\t');
                while !self.is_break_or_end(0) {
                    self.at += 1;
                }
                let rest = self.bytes.get(self.at..).unwrap_or_default();
                let gap = rest.iter().position(|it| !matches!(it, b' ' | b'\t' | b'\n' | b'\r'));
                if is_alone && gap.is_some_and(|it| rest.get(it) == Some(&b'#')) {
                    next_comment = self.at + gap.unwrap_or_default();
                }
            }
            if self.break_len(0) == 0 {
                return;
            }
            self.pass_break();
            heads_block = false;
            if self.flow_level == 0 {
                self.simple_key_allowed = true;
            }
        }
    }

    // Indentation and keys.

    fn unroll_indent(&mut self, column: i64) {
        if self.flow_level > 0 {
            return;
        }
        while self.indent > column {
            self.push(Token::BlockEnd, Span::new(self.at, self.at));
            self.indent = self.indents.pop().unwrap_or(-1);
        }
    }

    /// Opens a block at a column, before the token of a number or at the end.
    fn roll_indent(&mut self, column: i64, number: Option<usize>, token: Token<'s>, at: usize) {
        if self.flow_level > 0 || self.indent >= column {
            return;
        }
        self.indents.push(self.indent);
        self.indent = column;
        let entry = (token, Span::new(at, at));
        match number.and_then(|it| it.checked_sub(self.taken)) {
            Some(index) if index <= self.tokens.len() => self.tokens.insert(index, entry),
            _ => self.tokens.push_back(entry),
        }
    }

    fn save_simple_key(&mut self) -> Scan {
        if !self.simple_key_allowed {
            return Ok(());
        }
        let column = self.column();
        let key = SimpleKey {
            possible: true,
            required: self.flow_level == 0 && self.indent == column,
            token: self.taken + self.tokens.len(),
            at: self.at,
            line: self.line,
            column,
        };
        self.remove_simple_key()?;
        if let Some(last) = self.simple_keys.last_mut() {
            *last = key;
        }
        Ok(())
    }

    fn remove_simple_key(&mut self) -> Scan {
        let Some(last) = self.simple_keys.last_mut() else { return Ok(()) };
        let key = *last;
        last.possible = false;
        if key.possible && key.required {
            return Err(self.no_colon(key));
        }
        Ok(())
    }

    fn fetch_stream_end(&mut self) -> Scan {
        self.unroll_indent(-1);
        self.remove_simple_key()?;
        self.simple_key_allowed = false;
        self.push(Token::StreamEnd, Span::new(self.at, self.at));
        self.ended = true;
        Ok(())
    }

    fn open_flow(&mut self, token: Token<'s>) -> Scan {
        self.save_simple_key()?;
        self.simple_keys.push(SimpleKey::default());
        self.flow_level += 1;
        if self.flow_level > super::MAX_DEPTH {
            return Err(super::parse::too_deep(self.here()));
        }
        self.simple_key_allowed = true;
        self.punctuation(token, 1);
        Ok(())
    }

    fn close_flow(&mut self, token: Token<'s>) -> Scan {
        self.remove_simple_key()?;
        if self.flow_level > 0 {
            self.flow_level -= 1;
            self.simple_keys.pop();
        }
        self.simple_key_allowed = false;
        self.punctuation(token, 1);
        Ok(())
    }

    fn fetch_block_entry(&mut self) -> Scan {
        if self.flow_level == 0 {
            if !self.simple_key_allowed {
                return Err(YamlError::syntax(
                    self.here(),
                    "a list entry (`- `) is not allowed here",
                )
                .hint("begin the list on a new line"));
            }
            let column = self.column();
            self.roll_indent(column, None, Token::BlockSequenceStart, self.at);
        }
        self.remove_simple_key()?;
        self.simple_key_allowed = true;
        self.punctuation(Token::BlockEntry, 1);
        Ok(())
    }

    fn fetch_key(&mut self) -> Scan {
        if self.flow_level == 0 {
            if !self.simple_key_allowed {
                return Err(YamlError::syntax(self.here(), "a key (`? `) is not allowed here"));
            }
            let column = self.column();
            self.roll_indent(column, None, Token::BlockMappingStart, self.at);
        }
        self.remove_simple_key()?;
        self.simple_key_allowed = self.flow_level == 0;
        self.punctuation(Token::Key, 1);
        Ok(())
    }

    fn fetch_value(&mut self) -> Scan {
        let level = self.simple_keys.len().saturating_sub(1);
        if self.is_key_alive(level)? {
            let key = self.simple_keys.get(level).copied().unwrap_or_default();
            let index = key.token.saturating_sub(self.taken).min(self.tokens.len());
            self.tokens.insert(index, (Token::Key, Span::new(key.at, key.at)));
            self.roll_indent(key.column, Some(key.token), Token::BlockMappingStart, key.at);
            if let Some(key) = self.simple_keys.get_mut(level) {
                key.possible = false;
            }
            self.simple_key_allowed = false;
        } else {
            if self.flow_level == 0 {
                if !self.simple_key_allowed {
                    return Err(YamlError::syntax(self.here(), "a second `: ` on one line")
                        .hint("put the value in quotes if the colon belongs to it"));
                }
                let column = self.column();
                self.roll_indent(column, None, Token::BlockMappingStart, self.at);
            }
            self.simple_key_allowed = self.flow_level == 0;
        }
        self.punctuation(Token::Value, 1);
        Ok(())
    }

    // Directives, anchors, tags.

    fn fetch_directive(&mut self) -> Scan {
        self.unroll_indent(-1);
        self.remove_simple_key()?;
        self.simple_key_allowed = false;
        let start = self.at;
        self.at += 1;
        let name_start = self.at;
        while self.byte(0).is_some_and(is_word) {
            self.at += 1;
        }
        let name = self.slice(name_start, self.at);
        let line = Span::new(start, self.line_end(start));
        if !self.is_gap(0) {
            return Err(YamlError::syntax(line, "a directive's name is letters and digits"));
        }
        let token = match name {
            "YAML" => {
                self.skip_blanks();
                let major = self.version_number()?;
                if self.byte(0) != Some(b'.') {
                    return Err(YamlError::syntax(line, "a YAML version has the form `1.2`"));
                }
                self.at += 1;
                let minor = self.version_number()?;
                Token::VersionDirective { major, minor }
            }
            "TAG" => {
                self.skip_blanks();
                let handle = self.tag_handle(true)?;
                if !self.is_blank(0) {
                    return Err(YamlError::syntax(line, "a tag directive lacks its prefix"));
                }
                self.skip_blanks();
                let prefix = self.tag_uri("", true)?;
                if !self.is_gap(0) {
                    return Err(YamlError::syntax(
                        line,
                        "a tag directive has the form `%TAG ! prefix`",
                    ));
                }
                Token::TagDirective { handle, prefix }
            }
            _ => return Err(YamlError::syntax(line, format!("unknown directive `%{name}`"))),
        };
        let end = self.at;
        self.skip_blanks();
        self.end_of_line(line, "a directive must stand alone on its line")?;
        self.push(token, Span::new(start, end));
        Ok(())
    }

    fn skip_blanks(&mut self) {
        while self.is_blank(0) {
            self.at += 1;
        }
    }

    /// Passes a comment and the line break; anything else is an error.
    fn end_of_line(&mut self, span: Span, message: &'static str) -> Scan {
        if self.byte(0) == Some(b'#') {
            while !self.is_break_or_end(0) {
                self.at += 1;
            }
        }
        if !self.is_break_or_end(0) {
            return Err(YamlError::syntax(span, message));
        }
        if self.break_len(0) > 0 {
            self.pass_break();
        }
        Ok(())
    }

    fn version_number(&mut self) -> Scan<u32> {
        let start = self.at;
        while self.byte(0).is_some_and(|it| it.is_ascii_digit()) {
            self.at += 1;
        }
        match self.slice(start, self.at).parse() {
            Ok(number) if self.at - start <= 2 => Ok(number),
            _ => Err(YamlError::syntax(self.here(), "a YAML version has the form `1.2`")),
        }
    }

    fn fetch_anchor(&mut self, is_alias: bool) -> Scan {
        self.save_simple_key()?;
        self.simple_key_allowed = false;
        let start = self.at;
        self.at += 1;
        let name_start = self.at;
        while self.byte(0).is_some_and(is_word) {
            self.at += 1;
        }
        let ends_well = self.is_gap(0)
            || matches!(self.byte(0), Some(b'?' | b':' | b',' | b']' | b'}' | b'%' | b'@' | b'`'));
        if self.at == name_start || !ends_well {
            let what = if is_alias { "an alias" } else { "an anchor" };
            return Err(YamlError::syntax(
                Span::new(start, self.at + 1),
                format!("{what} has a name of letters, digits, `-` and `_`"),
            )
            .hint("put the value in quotes if it only begins with `*` or `&`"));
        }
        let name = self.slice(name_start, self.at);
        let token = if is_alias { Token::Alias(name) } else { Token::Anchor(name) };
        self.push(token, Span::new(start, self.at));
        Ok(())
    }

    fn fetch_tag(&mut self) -> Scan {
        self.save_simple_key()?;
        self.simple_key_allowed = false;
        let start = self.at;
        let (handle, suffix) = if self.byte(1) == Some(b'<') {
            self.at += 2;
            let suffix = self.tag_uri("", true)?;
            if self.byte(0) != Some(b'>') {
                return Err(YamlError::syntax(self.here(), "a tag `!<…` lacks its `>`"));
            }
            self.at += 1;
            ("", suffix)
        } else {
            // Either `!handle!suffix`, `!!suffix`, `!suffix`, or `!` alone.
            let handle = self.tag_handle(false)?;
            if handle.len() >= 2 && handle.ends_with('!') {
                (handle, self.tag_uri("", false)?)
            } else {
                let head = handle.get(1..).unwrap_or_default();
                let suffix = self.tag_uri(head, false)?;
                if suffix.is_empty() { ("", Cow::Borrowed("!")) } else { ("!", suffix) }
            }
        };
        if !self.is_gap(0) && !(self.flow_level > 0 && self.byte(0) == Some(b',')) {
            return Err(YamlError::syntax(
                Span::new(start, self.at),
                "a tag must be followed by a space",
            )
            .hint("put the value in quotes if it only begins with `!`"));
        }
        self.push(Token::Tag { handle, suffix }, Span::new(start, self.at));
        Ok(())
    }

    /// `!`, `!!`, `!name!`; outside of directives also `!name`, the head of a suffix.
    fn tag_handle(&mut self, in_directive: bool) -> Scan<&'s str> {
        let start = self.at;
        if self.byte(0) != Some(b'!') {
            return Err(YamlError::syntax(self.here(), "a tag begins with `!`"));
        }
        self.at += 1;
        while self.byte(0).is_some_and(is_word) {
            self.at += 1;
        }
        if self.byte(0) == Some(b'!') {
            self.at += 1;
        } else if in_directive && self.at - start > 1 {
            return Err(YamlError::syntax(self.here(), "a tag handle ends with `!`"));
        }
        Ok(self.slice(start, self.at))
    }

    fn tag_uri(&mut self, head: &'s str, is_whole: bool) -> Scan<Cow<'s, str>> {
        let start = self.at;
        let mut has_escape = false;
        while let Some(byte) = self.byte(0) {
            let allowed = is_word(byte) || b";/?:@&=+$,.!~*'()[]%".contains(&byte);
            if !allowed {
                break;
            }
            has_escape |= byte == b'%';
            self.at += 1;
        }
        if self.at == start && head.is_empty() {
            // A lone `!` is a tag; a handle without suffix or an empty `!<>` is not.
            let lone = !is_whole && self.bytes.get(start.wrapping_sub(1)) == Some(&b'!');
            let double = start.checked_sub(2).and_then(|it| self.bytes.get(it)) == Some(&b'!');
            if !lone || double {
                return Err(YamlError::syntax(self.here(), "a tag lacks its name"));
            }
        }
        let text = self.slice(start - head.len(), self.at);
        if !has_escape {
            return Ok(Cow::Borrowed(text));
        }
        let span = Span::new(start, self.at);
        let invalid = || YamlError::syntax(span, "a tag has a malformed `%` escape");
        let mut bytes = Vec::with_capacity(text.len());
        let mut rest = text.as_bytes();
        while let Some((&byte, tail)) = rest.split_first() {
            rest = tail;
            if byte != b'%' {
                bytes.push(byte);
                continue;
            }
            let digit = |at: usize| {
                tail.get(at).and_then(|it| char::from(*it).to_digit(16)).ok_or_else(invalid)
            };
            let value = digit(0)? * 16 + digit(1)?;
            bytes.push(u8::try_from(value).map_err(|_| invalid())?);
            rest = tail.get(2..).unwrap_or_default();
        }
        String::from_utf8(bytes).map(Cow::Owned).map_err(|_| invalid())
    }

    // Scalars.

    fn fetch_block_scalar(&mut self, style: Style) -> Scan {
        self.remove_simple_key()?;
        self.simple_key_allowed = true;
        let start = self.at;
        self.at += 1;
        let (chomp, increment) = self.block_header()?;
        self.skip_blanks();
        let line = Span::new(start, self.line_end(start));
        self.end_of_line(line, "nothing but a comment may follow a block indicator on its line")?;
        let mut indent = match increment {
            0 => 0,
            more => self.indent.max(0) + more,
        };
        let mut text = String::new();
        let mut breaks = String::new();
        let mut end = self.at;
        self.block_breaks(start, &mut indent, &mut breaks, &mut end)?;
        let mut leading_break = "";
        let mut was_blank = false;
        while self.column() == indent && self.byte(0).is_some() {
            let is_blank = self.is_blank(0);
            let folds = style == Style::Folded && leading_break == "\n" && !was_blank && !is_blank;
            if !folds {
                text.push_str(leading_break);
            } else if breaks.is_empty() {
                text.push(' ');
            }
            text.push_str(&breaks);
            breaks.clear();
            was_blank = is_blank;
            let from = self.at;
            while !self.is_break_or_end(0) {
                self.at += 1;
            }
            text.push_str(self.slice(from, self.at));
            end = self.at;
            leading_break = if self.break_len(0) > 0 { self.pass_break() } else { "" };
            self.block_breaks(start, &mut indent, &mut breaks, &mut end)?;
        }
        if chomp != Chomp::Strip {
            text.push_str(leading_break);
        }
        if chomp == Chomp::Keep {
            text.push_str(&breaks);
        }
        self.push(Token::Scalar { text: Cow::Owned(text), style }, Span::new(start, end));
        Ok(())
    }

    /// The chomping and indentation indicators, in either order.
    fn block_header(&mut self) -> Scan<(Chomp, i64)> {
        let mut chomp = None;
        let mut increment = None;
        for _ in 0..2 {
            match self.byte(0) {
                Some(b'+') if chomp.is_none() => chomp = Some(Chomp::Keep),
                Some(b'-') if chomp.is_none() => chomp = Some(Chomp::Strip),
                Some(b'0') if increment.is_none() => {
                    return Err(YamlError::syntax(
                        self.here(),
                        "the indentation of a block is 1 to 9",
                    ));
                }
                Some(digit @ b'1'..=b'9') if increment.is_none() => {
                    increment = Some(i64::from(digit - b'0'));
                }
                _ => break,
            }
            self.at += 1;
        }
        Ok((chomp.unwrap_or(Chomp::Clip), increment.unwrap_or(0)))
    }

    /// Passes empty lines and the indentation of the next one; finds out the indentation if it is 0.
    fn block_breaks(
        &mut self,
        start: usize,
        indent: &mut i64,
        breaks: &mut String,
        end: &mut usize,
    ) -> Scan {
        let mut deepest = 0;
        loop {
            let mut column = self.column();
            while (*indent == 0 || column < *indent) && self.byte(0) == Some(b' ') {
                self.at += 1;
                column += 1;
            }
            deepest = deepest.max(column);
            if (*indent == 0 || column < *indent) && self.byte(0) == Some(b'\t') {
                return Err(YamlError::syntax(self.here(), "a tab cannot indent a line")
                    .hint("indent with spaces")
                    .context(Span::new(start, start + 1), "this block"));
            }
            if self.break_len(0) == 0 {
                break;
            }
            breaks.push_str(self.pass_break());
            *end = self.at;
        }
        if *indent == 0 {
            *indent = deepest.max(self.indent + 1).max(1);
        }
        Ok(())
    }

    fn fetch_quoted(&mut self, style: Style) -> Scan {
        self.save_simple_key()?;
        self.simple_key_allowed = false;
        let start = self.at;
        let quote = if style == Style::SingleQuoted { b'\'' } else { b'"' };
        self.at += 1;
        let mut text = Content::new(self.at);
        loop {
            if self.at == self.line_start && self.document_indicator().is_some() {
                return Err(YamlError::syntax(
                    self.here(),
                    "a quoted text does not end before this document marker",
                )
                .context(Span::new(start, start + 1), "the text begins here"));
            }
            if self.byte(0).is_none() {
                return Err(YamlError::syntax(
                    Span::new(start, self.line_end(start)),
                    "a quoted text does not end",
                )
                .hint("close the quote"));
            }
            let mut after_break = false;
            while let Some(byte) = self.byte(0) {
                match byte {
                    b'\'' if quote == b'\'' && self.byte(1) == Some(b'\'') => {
                        text.replace(self.source, self.at, "'", self.at + 2);
                        self.at += 2;
                    }
                    _ if byte == quote => break,
                    b'\\' if quote == b'"' && self.break_len(1) > 0 => {
                        let from = self.at;
                        self.at += 1;
                        self.pass_break();
                        text.replace(self.source, from, "", self.at);
                        after_break = true;
                        break;
                    }
                    b'\\' if quote == b'"' => {
                        let from = self.at;
                        let decoded = self.escape(start)?;
                        let mut buffer = [0; 4];
                        text.replace(self.source, from, decoded.encode_utf8(&mut buffer), self.at);
                    }
                    b' ' | b'\t' | b'\n' | b'\r' => break,
                    0xc2 | 0xe2 if self.break_len(0) > 0 => break,
                    _ => self.at += 1,
                }
            }
            if self.byte(0) == Some(quote) {
                break;
            }
            if let Some((from, with)) = self.fold(after_break, None)? {
                text.replace(self.source, from, &with, self.at);
            }
        }
        let content = text.finish(self.source, self.at);
        self.at += 1;
        self.push(Token::Scalar { text: content, style }, Span::new(start, self.at));
        Ok(())
    }

    /// Passes white space and line breaks inside a scalar.
    ///
    /// If there was a line break, returns from where on the text is replaced and by what; white space
    /// within a line stays as it is. `indent` is given for plain scalars, where a tab must not indent.
    fn fold(
        &mut self,
        after_break: bool,
        indent: Option<i64>,
    ) -> Scan<Option<(usize, Cow<'static, str>)>> {
        let from = self.at;
        let mut is_folding = after_break;
        let mut leading_break = "";
        let mut breaks = String::new();
        loop {
            if self.is_blank(0) {
                if is_folding
                    && self.byte(0) == Some(b'\t')
                    && indent.is_some_and(|it| self.column() < it)
                {
                    return Err(YamlError::syntax(self.here(), "a tab cannot indent a line")
                        .hint("indent with spaces"));
                }
                self.at += 1;
            } else if self.break_len(0) == 0 {
                break;
            } else if is_folding {
                breaks.push_str(self.pass_break());
            } else {
                leading_break = self.pass_break();
                is_folding = true;
            }
        }
        if !is_folding {
            return Ok(None);
        }
        let with = match (leading_break, breaks.is_empty()) {
            ("\n", true) => Cow::Borrowed(" "),
            ("\n", false) => Cow::Owned(breaks),
            (other, true) => Cow::Borrowed(other),
            (other, false) => Cow::Owned(format!("{other}{breaks}")),
        };
        Ok(Some((from, with)))
    }

    /// The escape that is here, after a backslash.
    fn escape(&mut self, start: usize) -> Scan<char> {
        let at = self.at;
        let invalid = |scanner: &Self, length: usize| {
            YamlError::syntax(
                Span::new(at, at + length.max(2)),
                format!("`{}` is no escape", scanner.slice(at, at + length.max(2))),
            )
            .hint("write `\\\\` for a backslash, or use single quotes")
            .context(Span::new(start, start + 1), "the text begins here")
        };
        let Some(kind) = self.byte(1) else { return Err(invalid(self, 1)) };
        let digits = match kind {
            b'x' => 2,
            b'u' => 4,
            b'U' => 8,
            _ => 0,
        };
        self.at += 2;
        if digits == 0 {
            return Ok(match kind {
                b'0' => '\0',
                b'a' => '\x07',
                b'b' => '\x08',
                b't' | b'\t' => '\t',
                b'n' => '\n',
                b'v' => '\x0b',
                b'f' => '\x0c',
                b'r' => '\r',
                b'e' => '\x1b',
                b' ' => ' ',
                b'"' => '"',
                b'\'' => '\'',
                b'/' => '/',
                b'\\' => '\\',
                b'N' => '\u{85}',
                b'_' => '\u{a0}',
                b'L' => '\u{2028}',
                b'P' => '\u{2029}',
                _ => {
                    let width = self.slice(at + 1, self.bytes.len()).chars().next();
                    return Err(invalid(self, 1 + width.map_or(1, char::len_utf8)));
                }
            });
        }
        let text = self.bytes.get(self.at..self.at + digits).unwrap_or_default();
        if text.len() != digits || !text.iter().all(u8::is_ascii_hexdigit) {
            return Err(invalid(self, 2));
        }
        let value = u32::from_str_radix(self.slice(self.at, self.at + digits), 16).ok();
        self.at += digits;
        value.and_then(char::from_u32).ok_or_else(|| invalid(self, digits + 2))
    }

    fn fetch_plain(&mut self) -> Scan {
        self.save_simple_key()?;
        self.simple_key_allowed = false;
        let start = self.at;
        let indent = self.indent + 1;
        let in_flow = self.flow_level > 0;
        let mut text = Content::new(start);
        let mut end = self.at;
        // A line break belongs to the text only if more text follows it.
        let mut pending: Option<(usize, Cow<'static, str>)> = None;
        loop {
            if self.at == self.line_start && self.document_indicator().is_some() {
                break;
            }
            if self.byte(0) == Some(b'#') {
                break;
            }
            let run = self.at;
            while let Some(byte) = self.byte(0) {
                match byte {
                    b' ' | b'\t' | b'\n' | b'\r' => break,
                    b':' if self.is_gap(1) => break,
                    b',' | b'?' | b'[' | b']' | b'{' | b'}' if in_flow => break,
                    0xc2 | 0xe2 if self.break_len(0) > 0 => break,
                    _ => self.at += 1,
                }
            }
            if self.at > run {
                if let Some((from, with)) = pending.take() {
                    text.replace(self.source, from, &with, run);
                }
                end = self.at;
            }
            if !self.is_blank(0) && self.break_len(0) == 0 {
                break;
            }
            if let Some(fold) = self.fold(false, Some(indent))? {
                pending = Some(fold);
                if !in_flow && self.column() < indent {
                    break;
                }
            }
        }
        let content = text.finish(self.source, end);
        self.push(Token::Scalar { text: content, style: Style::Plain }, Span::new(start, end));
        if pending.is_some() {
            self.simple_key_allowed = true;
        }
        Ok(())
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Chomp {
    Strip,
    Clip,
    Keep,
}

/// The text of a scalar: a slice of the source for as long as it stands there literally.
struct Content {
    text: Option<String>,
    /// From here on the source has not been taken over.
    from: usize,
}

impl Content {
    fn new(from: usize) -> Self {
        Self { text: None, from }
    }

    /// Takes over the source up to a place, then other text, and goes on at a later place.
    fn replace(&mut self, source: &str, upto: usize, with: &str, resume: usize) {
        let text = self.text.get_or_insert_default();
        text.push_str(source.get(self.from..upto).unwrap_or_default());
        text.push_str(with);
        self.from = resume;
    }

    fn finish<'s>(self, source: &'s str, end: usize) -> Cow<'s, str> {
        let rest = source.get(self.from..end).unwrap_or_default();
        match self.text {
            None => Cow::Borrowed(rest),
            Some(mut text) => {
                text.push_str(rest);
                Cow::Owned(text)
            }
        }
    }
}

/// A letter, a digit, `-` or `_`.
fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')
}
