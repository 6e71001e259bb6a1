//! gRPC's own compression of messages: taken from every client, and given for all but the streams of rows.
//!
//! Many clients say in every call that they read gzip, without being asked whether they want it; as many rows as gzip lets
//! through are a small part of what goes over the wire without. So rows are compressed only for who asks for it by the
//! session option `pintail.compression`, which compresses buffers and not messages.

use std::task::{Context, Poll};

use http::{HeaderName, Request};
use tower::{Layer, Service};

/// By this header a client says how messages may be compressed.
const ACCEPTED: HeaderName = HeaderName::from_static("grpc-accept-encoding");

/// The calls that are answered with rows.
const OF_ROWS: [&str; 2] =
    ["/arrow.flight.protocol.FlightService/DoGet", "/arrow.flight.protocol.FlightService/DoExchange"];

/// Puts [`PlainRows`] around a service.
#[derive(Clone, Copy)]
pub(super) struct PlainRowsLayer;

impl<S> Layer<S> for PlainRowsLayer {
    type Service = PlainRows<S>;

    fn layer(&self, inner: S) -> PlainRows<S> {
        PlainRows { inner }
    }
}

/// A service that neither compresses the messages of rows nor says that it does.
#[derive(Clone)]
pub(super) struct PlainRows<S> {
    inner: S,
}

impl<S, B> Service<Request<B>> for PlainRows<S>
where
    S: Service<Request<B>>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        if OF_ROWS.contains(&request.uri().path()) {
            request.headers_mut().remove(ACCEPTED);
        }
        self.inner.call(request)
    }
}
