//! Logs out, commands in.

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;

/// Which lines are wanted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LogQuery {
    /// Names of services; empty for all.
    pub services: Vec<String>,
    /// Whether to stay and send new lines as they come.
    pub follow: bool,
    /// How many old lines per replica; `None` for all.
    pub tail: Option<u64>,
    /// Whether [`LogLine::timestamp`] is filled.
    pub timestamps: bool,
}

/// One line that a replica wrote.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogLine {
    /// Service that wrote it.
    pub service: String,
    /// Name of the replica: `<service>-<hash>-<index>`.
    pub replica: String,
    /// Which of the two outputs.
    pub source: Source,
    /// RFC 3339 with nanoseconds, when asked for.
    pub timestamp: Option<String>,
    /// Without the newline; at most [`LogLine::TEXT_BYTES_MAX`] long, longer lines are split.
    pub text: String,
}

impl LogLine {
    /// Longer lines are split.
    pub const TEXT_BYTES_MAX: usize = 64 * 1024;
}

/// One of the two outputs of a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Source {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

/// A command to run in a replica.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Command {
    /// In which service.
    pub service: String,
    /// In which replica, from 0.
    pub replica: u32,
    /// Program and arguments; not empty.
    pub argv: Vec<String>,
    /// Whether it gets a terminal.
    pub tty: bool,
}

/// The ends of a command's input and output that the backend holds.
#[derive(Debug)]
pub struct Stdio {
    /// What the user sends; `None` for a command without input. Closing it ends the input.
    pub input: Option<mpsc::Receiver<Input>>,
    /// What the command writes. When the user drops the other end, the command is ended.
    pub output: mpsc::Sender<Output>,
}

/// What a user sends to a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// Bytes for standard input.
    Data(Bytes),
    /// New size of the terminal.
    Resize {
        /// Columns.
        width: u16,
        /// Rows.
        height: u16,
    },
}

/// What a command writes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// Standard output; everything when there is a terminal.
    Stdout(Bytes),
    /// Standard error.
    Stderr(Bytes),
}

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exit {
    /// The exit code; 128 plus the signal where one ended it.
    pub code: i64,
}
