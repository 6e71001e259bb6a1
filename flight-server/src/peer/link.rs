//! One connection to a peer, for any number of calls at a time.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use http::uri::{Authority, Scheme};
use http::{Request, Response, Uri, Version};
use hyper::body::Incoming;
use hyper::client::conn::http2::{self, SendRequest};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::task::AbortHandle;
use tonic::body::Body;

use super::dial::{Dial, is_encrypted};
use crate::node::Peer;

/// How much of one answer may be under way, in bytes, before the peer waits for the client to read.
const STREAM_WINDOW: u32 = 4 << 20;

/// The same for all answers of the connection: so much that a client which does not read keeps no other from reading.
pub(crate) const CONNECTION_WINDOW: u32 = 1 << 30;

/// The largest frame, in bytes: fewer frames cost less.
pub(crate) const FRAME: u32 = 1 << 20;

/// A connection to a peer. It ends with the last handle.
#[derive(Clone)]
pub(super) struct Link {
    sender: SendRequest<Body>,
    scheme: Scheme,
    authority: Authority,
    driver: Arc<Driver>,
}

/// The task that reads and writes a connection.
struct Driver(AbortHandle);

impl Drop for Driver {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// What came of a call that was sent to a peer.
pub(super) enum Sent {
    /// The peer answers.
    Answered(Response<Incoming>),
    /// The peer surely knows nothing of the call.
    Unsent,
    /// The connection broke, and the peer may have served the call, or may yet.
    Lost(hyper::Error),
}

impl Link {
    /// Connects to a peer. A peer that gives no sign of life for `patience` is taken for unreachable, now and later.
    pub(super) async fn connect(peer: &Peer, dial: &dyn Dial, patience: Duration) -> io::Result<Self> {
        let connecting = Self::try_connect(peer, dial, patience);
        tokio::time::timeout(patience, connecting).await.unwrap_or_else(|_| {
            Err(io::Error::new(io::ErrorKind::TimedOut, format!("it did not answer within {patience:?}")))
        })
    }

    async fn try_connect(peer: &Peer, dial: &dyn Dial, patience: Duration) -> io::Result<Self> {
        let uri: Uri = peer.uri.parse().map_err(io::Error::other)?;
        let Some(authority) = uri.authority() else {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, format!("{} names no host", peer.uri)));
        };
        let stream = dial.dial(&uri).await?;
        let mut builder = http2::Builder::new(TokioExecutor::new());
        builder
            .timer(TokioTimer::new())
            .initial_stream_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .max_frame_size(FRAME)
            // The peer may have its process stopped, or the network cut, without a word.
            .keep_alive_interval(patience)
            .keep_alive_timeout(patience)
            .keep_alive_while_idle(true);
        let (sender, connection) = builder.handshake(TokioIo::new(stream)).await.map_err(io::Error::other)?;
        let driver = tokio::spawn(async move {
            // What ends the connection ends its calls with the same error, and that is where it is told.
            let _ = connection.await;
        });
        let scheme = if is_encrypted(&uri) { Scheme::HTTPS } else { Scheme::HTTP };
        let driver = Arc::new(Driver(driver.abort_handle()));
        Ok(Self { sender, scheme, authority: authority.clone(), driver })
    }

    /// Whether it can't be used any more.
    pub(super) fn is_closed(&self) -> bool {
        self.sender.is_closed()
    }

    /// Whether no call is on it: the handles there are then are that of the list of links and that of its watch.
    pub(super) fn is_unused(&self) -> bool {
        Arc::strong_count(&self.driver) <= 2
    }

    /// Ends the connection, with all calls on it.
    pub(super) fn cut(&self) {
        self.driver.0.abort();
    }

    /// Sends a call.
    pub(super) async fn send(&self, mut request: Request<Body>) -> Sent {
        let mut uri = std::mem::take(request.uri_mut()).into_parts();
        uri.scheme = Some(self.scheme.clone());
        uri.authority = Some(self.authority.clone());
        match Uri::from_parts(uri) {
            Ok(uri) => *request.uri_mut() = uri,
            Err(_) => return Sent::Unsent,
        }
        *request.version_mut() = Version::HTTP_2;
        let mut sender = self.sender.clone();
        if sender.ready().await.is_err() {
            return Sent::Unsent;
        }
        match sender.try_send_request(request).await {
            Ok(response) => Sent::Answered(response),
            Err(mut error) => match error.take_message() {
                Some(_) => Sent::Unsent,
                None => lost(error.into_error()),
            },
        }
    }
}

/// A stream that the peer refused was not served, nor was one that came after the last it said it would look at when it ended
/// the connection.
fn lost(error: hyper::Error) -> Sent {
    let refused = std::iter::successors(Some(&error as &dyn std::error::Error), |error| error.source())
        .filter_map(|error| error.downcast_ref::<h2::Error>())
        .any(|error| error.is_remote() && (error.is_go_away() || error.reason() == Some(h2::Reason::REFUSED_STREAM)));
    if refused { Sent::Unsent } else { Sent::Lost(error) }
}
