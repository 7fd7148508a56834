//! Values: block, quoted and plain scalars, with their line folding and escapes.

use super::{Scan, Scanner, Token};
use crate::diagnostics::Span;
use crate::yaml::{Style, YamlError};
use std::borrow::Cow;

impl<'s> Scanner<'s> {
    pub(super) fn fetch_block_scalar(&mut self, style: Style) -> Scan {
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

    pub(super) fn fetch_quoted(&mut self, style: Style) -> Scan {
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

    pub(super) fn fetch_plain(&mut self) -> Scan {
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
