//! A language server for deployment files, over any reader and writer.
//!
//! Called by `cli` (`haggle sdl lsp`, over standard input and output) and by tests, over pipes in memory.
//! Calls `sdl::ide` for every answer; owns the open documents, the life of a session and the translation of
//! places. It knows the protocol of editors (LSP 3.17) and nothing of the language.
//!
//! The messages are those of `lsp-server`, the types those of `lsp-types`: the pair that rust-analyzer
//! lives on, kept by its people, without an async runtime for what is one question at a time. Frames are
//! read in [`framing`], because a server should outlive a frame that it cannot read.
//!
//! One thread reads, so that what was cancelled or typed over while an answer was being made is seen before
//! the next one is begun; the caller's thread does everything else. Diagnostics are sent when nothing is
//! waiting, so a burst of keystrokes is checked once.

#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a failing test may panic"))]

mod answers;
mod convert;
mod framing;
mod session;
mod settings;
mod text;

use framing::Frame;
use session::{Flow, Session};
use std::collections::VecDeque;
use std::io::{BufReader, Read, Write};
use std::sync::mpsc::{self, Receiver};

/// Messages that wait between the reading thread and the answers; then the editor waits.
const MOST_WAITING: usize = 256;

/// Why a session ended other than by the client's `exit`.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The connection broke.
    #[error("the connection to the editor broke")]
    Io(#[from] std::io::Error),
    /// The client sent `exit` without `shutdown` before it; the process should end with 1.
    #[error("the editor left without saying `shutdown`")]
    NoShutdown,
}

/// Serves one client until it says `exit` or closes its end.
///
/// # Errors
/// When the connection breaks, or the client leaves without `shutdown`.
pub fn serve(input: impl Read + Send + 'static, output: impl Write) -> Result<(), Error> {
    let (sender, receiver) = mpsc::sync_channel(MOST_WAITING);
    // Ends with the input, after `exit`, or when nobody listens any more. It is not joined: after `exit` an
    // editor may keep its end open.
    std::thread::Builder::new().name("lsp-reader".into()).spawn(move || {
        let mut input = BufReader::new(input);
        loop {
            let frame = framing::read(&mut input);
            let is_last = matches!(frame, Ok(Frame::End) | Err(_))
                || matches!(&frame, Ok(frame) if frame.is_exit());
            if sender.send(frame).is_err() || is_last {
                return;
            }
        }
    })?;
    run(&receiver, Session::new(output))
}

fn run<W: Write>(
    frames: &Receiver<std::io::Result<Frame>>,
    mut session: Session<W>,
) -> Result<(), Error> {
    let mut queue: VecDeque<Frame> = VecDeque::new();
    loop {
        if queue.is_empty() {
            // Whatever came in the meantime makes the checks of older texts useless.
            match frames.try_recv() {
                Ok(frame) => queue.push_back(frame?),
                Err(_) => {
                    session.publish()?;
                    match frames.recv() {
                        Ok(frame) => queue.push_back(frame?),
                        Err(_) => return Ok(()),
                    }
                }
            }
        }
        while queue.len() < MOST_WAITING {
            match frames.try_recv() {
                Ok(frame) => queue.push_back(frame?),
                Err(_) => break,
            }
        }
        session.drop_cancelled(&mut queue)?;
        let Some(frame) = queue.pop_front() else { continue };
        match session.handle(frame)? {
            Flow::On => {}
            Flow::Ended => return Ok(()),
            Flow::EndedEarly => return Err(Error::NoShutdown),
        }
    }
}
