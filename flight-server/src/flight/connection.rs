//! Connections whose end is noticed before anything that runs on them is dropped.
//!
//! A call ends in two ways that look the same to what serves it: its client gives it up, and its stream is reset; or the client,
//! or the peer that passed the call on, is gone, and its connection ends with all calls on it. The first is to be interrupted.

use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};

use http::Extensions;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tonic::transport::server::{Connected, TcpConnectInfo, TlsConnectInfo};

/// The connection that a call came by. Found among a request's extensions.
#[derive(Debug, Clone, Default)]
pub(crate) struct Connection {
    /// Where it comes from, where that is an address.
    pub(crate) remote: Option<SocketAddr>,
    pub(crate) end: ConnectionEnd,
}

impl Connection {
    /// That of a request.
    pub(crate) fn of(extensions: &Extensions) -> Option<&Self> {
        extensions.get::<Self>().or_else(|| extensions.get::<TlsConnectInfo<Self>>().map(TlsConnectInfo::get_ref))
    }
}

/// Whether a connection has ended.
#[derive(Debug, Clone, Default)]
pub(crate) struct ConnectionEnd(Arc<AtomicBool>);

impl ConnectionEnd {
    /// Whether nothing comes any more. Never said too late: whoever is told by the connection of its end asks after that.
    pub(crate) fn has_come(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }

    fn note(&self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// A connection, being read and written.
pub(crate) struct Noticed<T> {
    io: T,
    end: ConnectionEnd,
}

impl<T> Noticed<T> {
    pub(crate) fn new(io: T) -> Self {
        Self { io, end: ConnectionEnd::default() }
    }

    /// Where its end is told.
    pub(crate) fn end(&self) -> ConnectionEnd {
        self.end.clone()
    }

    fn noting<R>(&self, result: io::Result<R>) -> io::Result<R> {
        if result.is_err() {
            self.end.note();
        }
        result
    }
}

impl<T> Drop for Noticed<T> {
    fn drop(&mut self) {
        self.end.note();
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Noticed<T> {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let (before, room) = (buffer.filled().len(), buffer.remaining());
        let read = ready!(Pin::new(&mut this.io).poll_read(context, buffer));
        if read.is_err() || room > 0 && buffer.filled().len() == before {
            this.end.note();
        }
        Poll::Ready(read)
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Noticed<T> {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = ready!(Pin::new(&mut this.io).poll_write(context, bytes));
        Poll::Ready(this.noting(written))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = ready!(Pin::new(&mut this.io).poll_write_vectored(context, bytes));
        Poll::Ready(this.noting(written))
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let flushed = ready!(Pin::new(&mut this.io).poll_flush(context));
        Poll::Ready(this.noting(flushed))
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().io).poll_shutdown(context)
    }
}

impl<T: Connected<ConnectInfo = TcpConnectInfo>> Connected for Noticed<T> {
    type ConnectInfo = Connection;

    fn connect_info(&self) -> Connection {
        Connection { remote: self.io.connect_info().remote_addr(), end: self.end() }
    }
}
