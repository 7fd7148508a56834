//! Bytes of a file to its text, as the reference's parser reads them.
//!
//! Called by whoever reads files: [`crate::compile_bytes`] and the command line. UTF-8 is the rule; a file
//! that begins with a byte-order mark of UTF-16 is converted, because the reference does so too.

use crate::MAX_SOURCE_BYTES;
use crate::diagnostics::{Diagnostic, Diagnostics, Span};
use crate::rules::Rule;
use std::borrow::Cow;

/// The text of a file.
///
/// # Errors
/// The file is larger than [`MAX_SOURCE_BYTES`], or its bytes are no text: one diagnostic, at the line and
/// column of the first byte that is not UTF-8.
pub fn text(bytes: &[u8]) -> Result<Cow<'_, str>, Diagnostics> {
    if bytes.len() > MAX_SOURCE_BYTES {
        return Err(Diagnostics::new("", vec![too_large()]));
    }
    match bytes {
        [0xff, 0xfe, rest @ ..] => utf16(rest, u16::from_le_bytes).map(Cow::Owned),
        [0xfe, 0xff, rest @ ..] => utf16(rest, u16::from_be_bytes).map(Cow::Owned),
        _ => std::str::from_utf8(bytes).map(Cow::Borrowed).map_err(|it| not_utf8(bytes, it)),
    }
}

/// The refusal of a file beyond the limit.
pub(crate) fn too_large() -> Diagnostic {
    let message = format!("the file is larger than {MAX_SOURCE_BYTES} bytes");
    Diagnostic::new(Rule::TooLarge, Span::default(), message).hint(
        "move large values out of the file: into the image, or to where the service fetches them",
    )
}

fn not_utf8(bytes: &[u8], error: std::str::Utf8Error) -> Diagnostics {
    let (valid, rest) = bytes.split_at(error.valid_up_to());
    let culprit = rest.first().copied().unwrap_or_default();
    // What is shown: the text so far and the rest of this line, with a mark for what cannot be.
    let line_end = rest.iter().position(|it| *it == b'\n').unwrap_or(rest.len()).min(200);
    let mut shown = String::from_utf8_lossy(valid).into_owned();
    let start = shown.len();
    shown.push_str(&String::from_utf8_lossy(rest.get(..line_end).unwrap_or_default()));
    let span = Span::new(start, start + char::REPLACEMENT_CHARACTER.len_utf8());
    let message = format!("the byte 0x{culprit:02X} is not part of any UTF-8 text");
    let diagnostic = Diagnostic::new(Rule::Encoding, span, message)
        .hint("save the file as UTF-8; bytes that are no text go into an image or a volume")
        .reference("yaml: invalid leading UTF-8 octet");
    Diagnostics::new(&shown, vec![diagnostic])
}

fn utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> Result<String, Diagnostics> {
    let (pairs, rest) = bytes.as_chunks::<2>();
    let units = pairs.iter().map(|it| unit(*it));
    let text: Option<String> = char::decode_utf16(units).map(Result::ok).collect();
    match text {
        Some(text) if rest.is_empty() => Ok(text),
        _ => {
            let message = "the file begins as UTF-16 but is not";
            let diagnostic = Diagnostic::new(Rule::Encoding, Span::default(), message)
                .hint("save the file as UTF-8")
                .reference("yaml: incomplete UTF-16 character");
            Err(Diagnostics::new("", vec![diagnostic]))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_utf8_or_marked_utf16() {
        assert_eq!(text(b"a: \xc3\xa9").unwrap(), "a: \u{e9}");
        assert_eq!(text(b"\xff\xfea\0:\0").unwrap(), "a:");
        assert_eq!(text(b"\xfe\xff\0a\0:\xd8\x3d\xde\0").unwrap(), "a:\u{1f600}");
        for bytes in [&b"\xff\xfea"[..], b"\xff\xfe\x3d\xd8", b"\xfe\xff\xd8\x3d\0a"] {
            assert_eq!(text(bytes).unwrap_err().first_error().unwrap().rule, Rule::Encoding);
        }
    }

    #[test]
    fn a_byte_that_is_no_text_is_named_with_its_place() {
        let found = text(b"version: 1\nname: caf\xe9 x\n").unwrap_err();
        let error = found.first_error().unwrap();
        assert!(error.message.contains("0xE9"), "{}", error.message);
        let place = found.position(error.span);
        assert_eq!((place.line, place.column), (2, 10));
        assert_eq!(found.text(error.span), "\u{fffd}");
    }

    #[test]
    fn a_file_beyond_the_limit_is_not_kept() {
        let found = text(&vec![b' '; MAX_SOURCE_BYTES + 1]).unwrap_err();
        assert_eq!(found.first_error().unwrap().rule, Rule::TooLarge);
    }
}
