//! A language server for deployment files, over any reader and writer.
//!
//! Called by `cli` (`haggle sdl lsp`, over standard input and output) and by tests, over pipes in memory.
//! Calls `sdl::ide` for every answer; owns the open documents and the translation of the protocol.

use std::io::{Read, Write};

/// Why a session ended other than by the client's `exit`.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The connection broke.
    #[error("the connection to the editor broke")]
    Io(#[from] std::io::Error),
    /// The client sent `exit` without `shutdown` before it.
    #[error("the editor left without saying `shutdown`")]
    NoShutdown,
}

/// Serves one client until it says `exit` or closes its end.
///
/// # Errors
/// When the connection breaks, or the client leaves without `shutdown`.
pub fn serve(_input: impl Read + Send + 'static, _output: impl Write) -> Result<(), Error> {
    Ok(())
}
