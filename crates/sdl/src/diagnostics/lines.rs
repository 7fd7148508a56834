//! Offsets to lines and columns, without reading the text again for each.

use super::Position;

/// Bytes between two remembered counts of characters.
const BLOCK_BYTES: usize = 1024;

/// Where the lines of a text begin. A line ends as editors see it: `\n`, `\r\n` or `\r`.
#[derive(Clone, Debug)]
pub(super) struct Lines {
    /// First byte of each line.
    starts: Vec<usize>,
    /// Characters before each block.
    characters: Vec<usize>,
    /// Bytes of a byte-order mark, which belongs to no column.
    mark: usize,
}

impl Lines {
    pub(super) fn new(text: &str) -> Self {
        let bytes = text.as_bytes();
        let mut starts = vec![0];
        let mut characters = Vec::with_capacity(bytes.len() / BLOCK_BYTES + 1);
        let mut count = 0;
        for (at, byte) in bytes.iter().enumerate() {
            if at % BLOCK_BYTES == 0 {
                characters.push(count);
            }
            count += usize::from(is_first_byte(*byte));
            let ends = match byte {
                b'\n' => true,
                b'\r' => bytes.get(at + 1) != Some(&b'\n'),
                _ => false,
            };
            if ends {
                starts.push(at + 1);
            }
        }
        let mark = if text.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
        Self { starts, characters, mark }
    }

    /// The line of an offset, from 0.
    pub(super) fn line(&self, at: usize) -> usize {
        self.starts.partition_point(|it| *it <= at).saturating_sub(1)
    }

    /// First byte of a line, counted from 0; the end of the text for lines beyond. A byte-order mark is
    /// not part of the first.
    pub(super) fn start(&self, line: usize, text: &str) -> usize {
        match line {
            0 => self.mark,
            _ => self.starts.get(line).copied().unwrap_or(text.len()),
        }
    }

    pub(super) fn position(&self, text: &str, at: usize) -> Position {
        let line = self.line(at);
        let start = self.start(line, text).min(at);
        Position {
            line: line + 1,
            column: self.characters_before(text, at) - self.characters_before(text, start) + 1,
        }
    }

    fn characters_before(&self, text: &str, at: usize) -> usize {
        let bytes = text.as_bytes();
        let at = at.min(bytes.len());
        let block = at / BLOCK_BYTES;
        // Past the last block there is nothing left to count.
        let (from, before) = match self.characters.get(block) {
            Some(before) => (block * BLOCK_BYTES, *before),
            None => match self.characters.last() {
                Some(before) => ((self.characters.len() - 1) * BLOCK_BYTES, *before),
                None => (0, 0),
            },
        };
        let rest = bytes.get(from..at).unwrap_or_default();
        before + rest.iter().filter(|it| is_first_byte(**it)).count()
    }
}

fn is_first_byte(byte: u8) -> bool {
    byte & 0b1100_0000 != 0b1000_0000
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As slow and as plain as it can be said.
    fn expected(text: &str, at: usize) -> Position {
        let before = text.get(..at).unwrap();
        let (mut line, mut column) = (1, 1);
        let mut all = text.chars().peekable();
        for it in before.chars() {
            all.next();
            let ends = it == '\n' || (it == '\r' && all.peek() != Some(&'\n'));
            match it {
                _ if ends => (line, column) = (line + 1, 1),
                '\u{feff}' if line == 1 && column == 1 => {}
                _ => column += 1,
            }
        }
        Position { line, column }
    }

    #[test]
    fn places_are_counted_as_one_would_by_hand() {
        let long = "é".repeat(5000) + "\nß\r\nx\ry\n";
        for text in ["", "a", "\n", "a\nb\n", "\u{feff}a: b\nc", "a\r\nb\rc\n\r\n", &long] {
            let lines = Lines::new(text);
            for (at, _) in text.char_indices().chain([(text.len(), ' ')]) {
                assert_eq!(lines.position(text, at), expected(text, at), "{at} of {text:.20?}");
            }
        }
    }
}
