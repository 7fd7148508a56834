//! Bytes of a file to the text that the compiler reads.
//!
//! Called by whoever reads files (`cli`, the fuzz targets); calls nothing. The reference reads UTF-8, and
//! UTF-16 that begins with a byte-order mark (yaml.v3); everything else is refused with its place.

use std::borrow::Cow;

use crate::{Diagnostic, Diagnostics, MAX_SOURCE_BYTES, Rule, Span};

/// The text of a file.
///
/// # Errors
/// One diagnostic, when the file is larger than [`MAX_SOURCE_BYTES`] or is not text.
pub fn text(bytes: &[u8]) -> Result<Cow<'_, str>, Diagnostics> {
    if bytes.len() > MAX_SOURCE_BYTES {
        let message = format!("the file is larger than {MAX_SOURCE_BYTES} bytes");
        let diagnostic = Diagnostic::new(Rule::TooLarge, Span::default(), message).hint(
            "move large values out of the file: into the image, or to where the service fetches them",
        );
        return Err(Diagnostics::new("", vec![diagnostic]));
    }
    match bytes {
        [0xff, 0xfe, rest @ ..] => utf16(rest, u16::from_le_bytes).map(Cow::Owned),
        [0xfe, 0xff, rest @ ..] => utf16(rest, u16::from_be_bytes).map(Cow::Owned),
        _ => utf8(bytes).map(Cow::Borrowed),
    }
}

fn utf8(bytes: &[u8]) -> Result<&str, Diagnostics> {
    std::str::from_utf8(bytes).map_err(|error| {
        let at = error.valid_up_to();
        let byte = bytes.get(at).copied().unwrap_or_default();
        let message = format!("the byte 0x{byte:02x} is not UTF-8 text");
        refuse(&String::from_utf8_lossy(bytes), at, message)
    })
}

fn utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> Result<String, Diagnostics> {
    let units = bytes.chunks(2).map(|it| match it {
        [first, second] => unit([*first, *second]),
        // Half a unit at the end is what a lone surrogate is: no text.
        _ => 0xd800,
    });
    let mut text = String::with_capacity(bytes.len());
    for it in char::decode_utf16(units) {
        match it {
            Ok(it) => text.push(it),
            Err(error) => {
                let at = text.len();
                text.push(char::REPLACEMENT_CHARACTER);
                let message =
                    format!("the unit 0x{:04x} is not UTF-16 text", error.unpaired_surrogate());
                return Err(refuse(&text, at, message));
            }
        }
    }
    Ok(text)
}

/// `text` has a replacement character at `at`.
fn refuse(text: &str, at: usize, message: String) -> Diagnostics {
    let span = Span::new(at, at + char::REPLACEMENT_CHARACTER.len_utf8());
    let diagnostic = Diagnostic::new(Rule::YamlSyntax, span, message)
        .hint("save the file as UTF-8; a binary file is no SDL file")
        .reference("yaml: invalid leading UTF-8 octet");
    Diagnostics::new(text, vec![diagnostic])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_that_are_no_text_are_refused_with_their_place() {
        let wrong = text(b"version: \"2.0\"\nservices:\n  caf\xe9: x\n").unwrap_err();
        let it = wrong.first_error().unwrap();
        assert_eq!(it.rule, Rule::YamlSyntax);
        assert_eq!(wrong.position(it.span), crate::Position { line: 3, column: 6 });
        assert!(it.message.contains("0xe9"), "{}", it.message);
    }

    #[test]
    fn utf_16_is_read_as_the_reference_reads_it() {
        let units: Vec<u16> = "\u{feff}a: \u{1f600}\n".encode_utf16().collect();
        let little: Vec<u8> = units.iter().flat_map(|it| it.to_le_bytes()).collect();
        let big: Vec<u8> = units.iter().flat_map(|it| it.to_be_bytes()).collect();
        assert_eq!(text(&little).unwrap(), "a: \u{1f600}\n");
        assert_eq!(text(&big).unwrap(), "a: \u{1f600}\n");
        assert!(text(&little[..little.len() - 1]).is_err());
        assert!(text(b"\xff\xfe\x00\xd8").is_err());
    }

    #[test]
    fn a_byte_too_many_is_refused() {
        assert!(text(&vec![b' '; MAX_SOURCE_BYTES]).is_ok());
        let wrong = text(&vec![0xff; MAX_SOURCE_BYTES + 1]).unwrap_err();
        assert_eq!(wrong.first_error().unwrap().rule, Rule::TooLarge);
    }
}
