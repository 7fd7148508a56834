//! Places of the protocol (line and character, counted as agreed) to bytes of a text, and back.

use lsp_types::{Position, Range};

/// In what characters of a line are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Encoding {
    Utf8,
    Utf16,
    Utf32,
}

impl Encoding {
    fn width(self, character: char) -> usize {
        match self {
            Self::Utf8 => character.len_utf8(),
            Self::Utf16 => character.len_utf16(),
            Self::Utf32 => 1,
        }
    }
}

/// Where the lines of a text begin.
#[derive(Clone, Debug)]
pub(crate) struct Lines {
    starts: Vec<usize>,
    encoding: Encoding,
}

impl Lines {
    pub(crate) fn new(text: &str, encoding: Encoding) -> Self {
        let mut starts = vec![0];
        let bytes = text.as_bytes();
        for (at, byte) in bytes.iter().enumerate() {
            let ends = match byte {
                b'\n' => true,
                b'\r' => bytes.get(at + 1) != Some(&b'\n'),
                _ => false,
            };
            if ends {
                starts.push(at + 1);
            }
        }
        Self { starts, encoding }
    }

    /// The byte at a position; positions beyond a line are at its end, beyond the text at its end.
    pub(crate) fn offset(&self, text: &str, position: Position) -> usize {
        let line = usize::try_from(position.line).unwrap_or(usize::MAX);
        let Some(start) = self.starts.get(line).copied() else { return text.len() };
        let end = self.starts.get(line.saturating_add(1)).copied().unwrap_or(text.len());
        let content = text.get(start..end).unwrap_or_default().trim_end_matches(['\n', '\r']);
        let wanted = usize::try_from(position.character).unwrap_or(usize::MAX);
        let mut passed = 0;
        for (at, character) in content.char_indices() {
            passed += self.encoding.width(character);
            if passed > wanted {
                return start + at;
            }
        }
        start + content.len()
    }

    /// The position of a byte.
    pub(crate) fn position(&self, text: &str, at: usize) -> Position {
        let mut at = at.min(text.len());
        while !text.is_char_boundary(at) {
            at -= 1;
        }
        let line = self.starts.partition_point(|it| *it <= at).saturating_sub(1);
        let start = self.starts.get(line).copied().unwrap_or_default();
        let before = text.get(start..at).unwrap_or_default();
        let character: usize = before.chars().map(|it| self.encoding.width(it)).sum();
        let narrow = |it: usize| u32::try_from(it).unwrap_or(u32::MAX);
        Position { line: narrow(line), character: narrow(character) }
    }

    pub(crate) fn range(&self, text: &str, span: sdl::Span) -> Range {
        let wide = |it: u32| usize::try_from(it).unwrap_or(usize::MAX);
        Range {
            start: self.position(text, wide(span.start)),
            end: self.position(text, wide(span.end)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_survive_the_way_there_and_back_in_each_encoding() {
        let text = "aé𝄞\r\nb\rc\n\n𝄞𝄞";
        for encoding in [Encoding::Utf8, Encoding::Utf16, Encoding::Utf32] {
            let lines = Lines::new(text, encoding);
            assert_eq!(lines.starts.len(), 5);
            for (at, character) in text.char_indices() {
                if character != '\n' && character != '\r' {
                    let position = lines.position(text, at);
                    assert_eq!(lines.offset(text, position), at, "{encoding:?} {at}");
                }
            }
        }
        let at = text.find("\r\n").unwrap();
        let characters = |it| Lines::new(text, it).position(text, at).character;
        assert_eq!(characters(Encoding::Utf8), 7);
        assert_eq!(characters(Encoding::Utf16), 4);
        assert_eq!(characters(Encoding::Utf32), 3);
    }

    #[test]
    fn places_outside_are_brought_inside() {
        let text = "ab\ncd";
        let lines = Lines::new(text, Encoding::Utf16);
        assert_eq!(lines.offset(text, Position { line: 0, character: 99 }), 2);
        assert_eq!(lines.offset(text, Position { line: 9, character: 0 }), 5);
        assert_eq!(lines.offset(text, Position { line: u32::MAX, character: u32::MAX }), 5);
        let text = "𝄞";
        let lines = Lines::new(text, Encoding::Utf16);
        assert_eq!(lines.offset(text, Position { line: 0, character: 1 }), 0);
    }
}
