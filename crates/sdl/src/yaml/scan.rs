//! Text to tokens, with the decisions of libyaml, from which the reference's parser descends.
//!
//! Indentation becomes block-start and block-end tokens here; a key without `?` is recognised when its
//! `:` arrives, by inserting a key token before what was already scanned. Called by `parse` only.
//! What lies within tokens is read in `marks` (directives, anchors, tags) and `scalars`.

mod marks;
mod scalars;

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
    /// Whether its first token waits for the `:`; see [`Scanner::forget_awaited`].
    awaited: bool,
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
        let is_first = |it: &SimpleKey| it.possible && it.awaited && it.token == first;
        let Some(level) = self.simple_keys.iter().position(is_first) else {
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
        let last = self.tokens.back().map(|it| &it.0);
        let mut heads_block = matches!(last, Some(Token::BlockEntry | Token::DocumentStart));
        if matches!(last, Some(Token::Key | Token::Value)) && self.flow_level == 0 {
            // Nor do those between `? ` or `: ` and a comment.
            let rest = self.bytes.get(self.at..).unwrap_or_default();
            let gap = rest.iter().position(|it| !matches!(it, b' ' | b'\t'));
            if gap.is_some_and(|it| rest.get(it) == Some(&b'#')) {
                next_comment = self.at + gap.unwrap_or_default();
            }
        }
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
            awaited: true,
            required: self.flow_level == 0 && self.indent == column,
            token: self.taken + self.tokens.len(),
            at: self.at,
            line: self.line,
            column,
        };
        self.give_up_simple_key()?;
        if let Some(last) = self.simple_keys.last_mut() {
            *last = key;
        }
        Ok(())
    }

    /// Before anything is saved within brackets, what the reference forgets there is that the bracket
    /// itself may begin a key: `[? a]: b` has no key `[? a]`, because its first token did not wait.
    fn forget_awaited(&mut self) {
        let Some((last, outer)) = self.simple_keys.split_last_mut() else { return };
        last.awaited = false;
        if let Some(outer) = outer.last_mut().filter(|it| it.token == last.token) {
            outer.awaited = false;
        }
    }

    fn remove_simple_key(&mut self) -> Scan {
        self.forget_awaited();
        self.give_up_simple_key()
    }

    fn give_up_simple_key(&mut self) -> Scan {
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
        let number = self.taken + self.tokens.len();
        self.simple_keys.push(SimpleKey { token: number, ..SimpleKey::default() });
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
            let entry = (Token::Key, Span::new(key.at, key.at));
            match key.token.checked_sub(self.taken) {
                Some(index) if index <= self.tokens.len() => self.tokens.insert(index, entry),
                _ => self.tokens.push_back(entry),
            }
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
}

/// A letter, a digit, `-` or `_`.
pub(super) fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')
}
