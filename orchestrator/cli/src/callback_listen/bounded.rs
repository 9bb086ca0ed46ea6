//! Connections with a bound on how many there are, and on how long each may last.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Sleep;

/// Longest time for one connection.
const LONGEST: Duration = Duration::from_secs(30);

/// Longest time until the head of the first request has come: whoever says nothing takes nobody's place for long.
const HEAD: Duration = Duration::from_secs(5);

/// What ends a head.
const END_OF_HEAD: &[u8] = b"\r\n\r\n";

/// Connections at once; more wait in the listener's queue.
const AT_ONCE: usize = 256;

/// A listener of bounded connections.
pub(super) struct Bounded {
    listener: TcpListener,
    places: Arc<Semaphore>,
}

impl Bounded {
    pub(super) fn new(listener: TcpListener) -> Self {
        Self { listener, places: Arc::new(Semaphore::new(AT_ONCE)) }
    }
}

impl axum::serve::Listener for Bounded {
    type Io = Connection;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Connection, SocketAddr) {
        // The semaphore is never closed; without a place nobody would be counted, which is no reason to stop answering.
        let place = Arc::clone(&self.places).acquire_owned().await.ok();
        let (stream, address) = axum::serve::Listener::accept(&mut self.listener).await;
        let over = Box::pin(tokio::time::sleep(LONGEST));
        let head = Some(Head { over: Box::pin(tokio::time::sleep(HEAD)), seen: 0 });
        (Connection { stream, over, head, _place: place }, address)
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

/// A connection that ends by itself.
pub(super) struct Connection {
    stream: TcpStream,
    over: Pin<Box<Sleep>>,
    /// None once the head has come.
    head: Option<Head>,
    _place: Option<OwnedSemaphorePermit>,
}

/// A head that has not come as a whole.
struct Head {
    over: Pin<Box<Sleep>>,
    /// Bytes of its end that came last.
    seen: usize,
}

impl Head {
    /// Whether it has come as a whole with these bytes.
    fn is_over(&mut self, bytes: &[u8]) -> bool {
        for byte in bytes {
            self.seen = match END_OF_HEAD.get(self.seen) {
                Some(expected) if expected == byte => self.seen + 1,
                _ => usize::from(*byte == b'\r'),
            };
            if self.seen == END_OF_HEAD.len() {
                return true;
            }
        }
        false
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.over.as_mut().poll(context).is_ready() {
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        if self.head.as_mut().is_some_and(|head| head.over.as_mut().poll(context).is_ready()) {
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        let before = into.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(context, into);
        if self.head.as_mut().is_some_and(|head| head.is_over(&into.filled()[before..])) {
            self.head = None;
        }
        read
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
