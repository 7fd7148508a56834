//! Messages in their frames: `Content-Length`, an empty line, JSON.
//!
//! What is no frame is passed until the next `Content-Length`; what is no JSON is reported and passed.

use lsp_server::Message;
use serde_json::Value;
use std::io::{self, BufRead, ErrorKind, Read, Write};

/// Longest body that is read; a file is at most 1 MiB, and escapes may make it some times as long.
const MAX_BODY_BYTES: usize = 32 << 20;

/// Longest line of a header.
const MAX_HEADER_BYTES: u64 = 4096;

/// What was read.
#[derive(Debug)]
pub(crate) enum Frame {
    Message(Message),
    /// The body is no JSON.
    NoJson(String),
    /// The body is JSON and no message; with its id, if it has one.
    NoMessage(Value, String),
    /// The client closed its end.
    End,
}

impl Frame {
    pub(crate) fn is_exit(&self) -> bool {
        matches!(self, Self::Message(Message::Notification(it)) if it.method == "exit")
    }
}

/// Reads the next frame.
///
/// # Errors
/// Only if the reader fails; the end of the input is [`Frame::End`].
pub(crate) fn read(input: &mut impl BufRead) -> io::Result<Frame> {
    let Some(length) = header(input)? else { return Ok(Frame::End) };
    if length > MAX_BODY_BYTES {
        let length = u64::try_from(length).unwrap_or(u64::MAX);
        io::copy(&mut input.by_ref().take(length), &mut io::sink())?;
        let reason = format!("a message of {length} bytes; the most is {MAX_BODY_BYTES}");
        return Ok(Frame::NoMessage(Value::Null, reason));
    }
    let mut body = vec![0; length];
    match input.read_exact(&mut body) {
        Ok(()) => {}
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => return Ok(Frame::End),
        Err(error) => return Err(error),
    }
    let value: Value = match serde_json::from_slice(&body) {
        Ok(value) => value,
        Err(error) => return Ok(Frame::NoJson(error.to_string())),
    };
    let id = match value.get("id") {
        Some(id @ (Value::Number(_) | Value::String(_))) => id.clone(),
        _ => Value::Null,
    };
    let has_id = value.get("id").is_some();
    Ok(match serde_json::from_value(value) {
        // A request whose id is no number of 32 bits and no text would pass for a notification.
        Ok(Message::Notification(_)) if has_id => {
            Frame::NoMessage(id, "the id is neither a number of 32 bits nor a text".into())
        }
        Ok(message) => Frame::Message(message),
        Err(_) => Frame::NoMessage(id, "neither request, response nor notification".into()),
    })
}

/// The length that the next header states; lines that are none are passed.
fn header(input: &mut impl BufRead) -> io::Result<Option<usize>> {
    let mut length = None;
    loop {
        let mut line = Vec::new();
        if input.by_ref().take(MAX_HEADER_BYTES).read_until(b'\n', &mut line)? == 0 {
            return Ok(None);
        }
        let line = String::from_utf8_lossy(&line);
        let line = line.trim_end_matches(['\r', '\n']);
        if line.is_empty() {
            match length {
                Some(length) => return Ok(Some(length)),
                None => continue,
            }
        }
        if let Some((name, value)) = line.split_once(':')
            && name.trim().eq_ignore_ascii_case("content-length")
            && let Ok(value) = value.trim().parse()
        {
            length = Some(value);
        }
    }
}

/// Writes a body in its frame.
pub(crate) fn write(output: &mut impl Write, body: &Value) -> io::Result<()> {
    let body = serde_json::to_vec(body)?;
    write!(output, "Content-Length: {}\r\n\r\n", body.len())?;
    output.write_all(&body)?;
    output.flush()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn garbage_between_frames_is_passed_and_bad_bodies_are_told_apart() {
        let body = r#"{"jsonrpc":"2.0","method":"exit"}"#;
        let text = format!(
            "nonsense\r\n\r\nContent-Length: x\r\n\r\nContent-Length: 3\r\n\r\n{{]}}content-length:{}\r\nContent-Type: x\r\n\r\n{body}Content-Length: 8\r\n\r\n{{\"id\":7}}Content-Length: 99\r\n\r\n{{",
            body.len()
        );
        let mut input = text.as_bytes();
        assert!(matches!(read(&mut input).unwrap(), Frame::NoJson(_)));
        assert!(read(&mut input).unwrap().is_exit());
        let Frame::NoMessage(id, _) = read(&mut input).unwrap() else { panic!("a message") };
        assert_eq!(id, Value::from(7));
        assert!(matches!(read(&mut input).unwrap(), Frame::End));
    }

    #[test]
    fn a_message_beyond_all_bounds_is_passed_without_being_kept() {
        let mut text = format!("Content-Length: {}\r\n\r\n", MAX_BODY_BYTES + 1).into_bytes();
        text.resize(text.len() + MAX_BODY_BYTES + 1, b' ');
        text.extend(b"Content-Length: 2\r\n\r\n{}");
        let mut input = text.as_slice();
        assert!(matches!(read(&mut input).unwrap(), Frame::NoMessage(..)));
        assert!(matches!(read(&mut input).unwrap(), Frame::NoMessage(..)));
        let mut input = &b"Content-Length: 18446744073709551615\r\n\r\n{}"[..];
        assert!(matches!(read(&mut input).unwrap(), Frame::NoMessage(..)));
    }
}
