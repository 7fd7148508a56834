//! What stands around values: directives, anchors, aliases, tags.

use super::{Scan, Scanner, Token, is_word};
use crate::diagnostics::Span;
use crate::yaml::YamlError;
use std::borrow::Cow;

impl<'s> Scanner<'s> {
    pub(super) fn fetch_directive(&mut self) -> Scan {
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

    pub(super) fn skip_blanks(&mut self) {
        while self.is_blank(0) {
            self.at += 1;
        }
    }

    /// Passes a comment and the line break; anything else is an error.
    pub(super) fn end_of_line(&mut self, span: Span, message: &'static str) -> Scan {
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

    pub(super) fn fetch_anchor(&mut self, is_alias: bool) -> Scan {
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

    pub(super) fn fetch_tag(&mut self) -> Scan {
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
        let ends_well = self.is_gap(0) || (self.flow_level > 0 && self.byte(0) == Some(b','));
        if !ends_well {
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
            let is_word_or_mark = |it: &u8| is_word(*it) || *it == b'!';
            let handle = start.checked_sub(2).and_then(|it| self.bytes.get(it));
            if !lone || handle.is_some_and(is_word_or_mark) {
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
}
