//! An answer on its way from the node that gives it to the client.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::HeaderMap;
use http_body::Frame;
use hyper::body::Incoming;

use super::forward::lost;
use super::link::Link;
use crate::flight::status::status;
use crate::node::Forwarded;

/// The body of an answer. One that breaks off ends with an error that says so, as every answer ends with a status.
pub(super) struct Relay {
    body: Incoming,
    peer: String,
    ended: bool,
    /// The connection ends with its last handle.
    _link: Link,
    /// The node does not end while it passes answers on.
    _forwarded: Forwarded,
}

impl Relay {
    pub(super) fn new(body: Incoming, peer: String, link: Link, forwarded: Forwarded) -> Self {
        Self { body, peer, ended: false, _link: link, _forwarded: forwarded }
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
        match std::task::ready!(Pin::new(&mut this.body).poll_frame(cx)) {
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
            None => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.ended || self.body.is_end_stream()
    }
}
