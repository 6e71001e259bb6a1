//! An answer on its way from the node that gives it to the client.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::HeaderMap;
use http_body::Frame;
use hyper::body::Incoming;
use tokio::runtime::Handle;

use super::forward::lost;
use super::link::Link;
use crate::flight::connection::ConnectionEnd;
use crate::flight::status::status;
use crate::node::Forwarded;

/// The body of an answer. One that breaks off ends with an error that says so, as every answer ends with a status.
pub(super) struct Relay {
    /// With the link: the connection ends with its last handle. `None` once it is dropped.
    body: Option<(Incoming, Link)>,
    peer: String,
    ended: bool,
    held: Option<Hold>,
    /// The node does not end while it passes answers on.
    _forwarded: Forwarded,
}

/// For how long an answer is held whose client's connection broke, so that the peer does not take it to be given up: the client
/// comes again, by whichever way, and takes it over there.
pub(super) struct Hold {
    pub(super) end: ConnectionEnd,
    pub(super) grace: Duration,
}

impl Relay {
    pub(super) fn new(body: Incoming, peer: String, link: Link, held: Option<Hold>, forwarded: Forwarded) -> Self {
        Self { body: Some((body, link)), peer, ended: false, held, _forwarded: forwarded }
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        let held = self.held.take().filter(|held| held.end.has_come() && !self.ended);
        if let (Some(Hold { grace, .. }), Some(body), Ok(runtime)) = (held, self.body.take(), Handle::try_current()) {
            runtime.spawn(async move {
                tokio::time::sleep(grace).await;
                drop(body);
            });
        }
    }
}

impl http_body::Body for Relay {
    type Data = Bytes;
    type Error = tonic::Status;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, tonic::Status>>> {
        let this = self.get_mut();
        if this.ended {
            return Poll::Ready(None);
        }
        let Some((body, _)) = &mut this.body else { return Poll::Ready(None) };
        match std::task::ready!(Pin::new(body).poll_frame(cx)) {
            Some(Err(error)) => {
                this.ended = true;
                let status = status(&lost(&this.peer, &error));
                let mut trailers = HeaderMap::new();
                Poll::Ready(Some(match status.add_header(&mut trailers) {
                    Ok(()) => Ok(Frame::trailers(trailers)),
                    Err(status) => Err(status),
                }))
            }
            Some(Ok(frame)) => Poll::Ready(Some(Ok(frame))),
            None => {
                this.ended = true;
                Poll::Ready(None)
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.ended || self.body.as_ref().is_none_or(|(body, _)| body.is_end_stream())
    }
}
