//! Connections: as many as there may be, and with a first request line that may hold characters
//! that a URI must not.
//!
//! People type `curl 'localhost:26657/tx_search?query="tx.height>3"'`, and curl sends the quotes
//! as they are. The reference takes them; our HTTP parser does not. So the first line of each
//! connection is read ahead, and those characters are escaped in it.

use std::{
    io,
    net::SocketAddr,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
};

/// Longest first line that is waited for, in bytes; what is longer is passed on as it is.
const MAX_LINE: usize = 64 * 1024;

/// Most connections of one listener; more wait until one ends.
const MAX_CONNECTIONS: usize = 900;

/// A listener of such connections.
pub(crate) struct LenientListener {
    listener: TcpListener,
    places: Arc<Semaphore>,
}

impl LenientListener {
    pub(crate) fn new(listener: TcpListener) -> Self {
        Self { listener, places: Arc::new(Semaphore::new(MAX_CONNECTIONS)) }
    }
}

impl axum::serve::Listener for LenientListener {
    type Io = Lenient;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Lenient, SocketAddr) {
        // The semaphore is never closed, so a place always comes.
        let place = self.places.clone().acquire_owned().await.ok();
        let (stream, addr) = axum::serve::Listener::accept(&mut self.listener).await;
        // Answers are small and clients wait for them.
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "cannot send without delay");
        }
        (Lenient { stream, line: Vec::new(), sent: 0, complete: false, _place: place }, addr)
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

/// One such connection.
pub(crate) struct Lenient {
    stream: TcpStream,
    /// What was read until the first line was there.
    line: Vec<u8>,
    /// How much of it was passed on.
    sent: usize,
    complete: bool,
    _place: Option<OwnedSemaphorePermit>,
}

/// Escapes what a URI must not hold, in the first line only.
fn escape(bytes: &[u8]) -> Vec<u8> {
    let end = bytes.iter().position(|it| *it == b'\n').unwrap_or(bytes.len());
    let (line, rest) = bytes.split_at(end);
    let mut escaped = Vec::with_capacity(bytes.len());
    for it in line {
        match it {
            b'"' => escaped.extend(b"%22"),
            b'<' => escaped.extend(b"%3C"),
            b'>' => escaped.extend(b"%3E"),
            other => escaped.push(*other),
        }
    }
    escaped.extend(rest);
    escaped
}

impl AsyncRead for Lenient {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        while !this.complete {
            let mut chunk = [0; 4096];
            let mut buffer = ReadBuf::new(&mut chunk);
            ready!(Pin::new(&mut this.stream).poll_read(cx, &mut buffer))?;
            let read = buffer.filled();
            this.line.extend_from_slice(read);
            if read.is_empty() || read.contains(&b'\n') || this.line.len() > MAX_LINE {
                this.line = escape(&this.line);
                this.complete = true;
            }
        }
        let left = this.line.get(this.sent..).unwrap_or_default();
        if left.is_empty() {
            return Pin::new(&mut this.stream).poll_read(cx, into);
        }
        let part = left.get(..left.len().min(into.remaining())).unwrap_or_default();
        into.put_slice(part);
        this.sent += part.len();
        if this.sent == this.line.len() {
            this.line = Vec::new();
            this.sent = 0;
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Lenient {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, parts)
    }
}
