//! What the transport refuses by itself, before any RPC of ours is reached: made a typed error like all others.
//!
//! A request that is no protobuf, or one that is too large, never gets to the service. Its status is found by its lack
//! of our code, and is given one.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use http::{Request, Response};
use tonic::body::Body;
use tonic::{Code, Status};
use tower::{Layer, Service};

use super::status::{CODE_HEADER, status};
use crate::error::{Error, ErrorCode};

/// Where Flight's RPCs are; other services have statuses of their own.
const FLIGHT: &str = "/arrow.flight.protocol.FlightService/";

/// Puts [`Typed`] around a service.
#[derive(Clone, Copy)]
pub(super) struct TypedLayer;

impl<S> Layer<S> for TypedLayer {
    type Service = Typed<S>;

    fn layer(&self, inner: S) -> Typed<S> {
        Typed { inner }
    }
}

/// A service all of whose errors are typed.
#[derive(Clone)]
pub(super) struct Typed<S> {
    inner: S,
}

impl<S> Service<Request<Body>> for Typed<S>
where
    S: Service<Request<Body>, Response = Response<Body>>,
    S::Future: Send + 'static,
{
    type Response = Response<Body>;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let is_flight = request.uri().path().starts_with(FLIGHT);
        let response = self.inner.call(request);
        Box::pin(async move {
            let response = response.await?;
            Ok(if is_flight { typed(response) } else { response })
        })
    }
}

fn typed(response: Response<Body>) -> Response<Body> {
    if response.headers().contains_key(CODE_HEADER) {
        return response;
    }
    match Status::from_header_map(response.headers()).as_ref().and_then(error) {
        Some(error) => status(&error).into_http(),
        None => response,
    }
}

/// The error a status of the transport stands for; none when it says all there is to say.
fn error(untyped: &Status) -> Option<Error> {
    let (code, what) = match untyped.code() {
        Code::Unimplemented => (ErrorCode::NotImplemented, "the call is not supported by this server"),
        Code::Internal | Code::InvalidArgument | Code::Unknown => {
            (ErrorCode::RequestMalformed, "the request cannot be read")
        }
        Code::OutOfRange | Code::ResourceExhausted => (ErrorCode::RequestInvalid, "the request is too large"),
        _ => return None,
    };
    let detail = untyped.message();
    let message = if detail.is_empty() { what.to_owned() } else { format!("{what}: {detail}") };
    Some(Error::new(code, message))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn retyped(status: Status) -> Status {
        Status::from_header_map(typed(status.into_http()).headers()).unwrap()
    }

    #[test]
    fn a_request_that_is_no_protobuf_is_malformed() {
        let status = retyped(Status::internal("failed to decode Protobuf message"));
        assert_eq!(status.code(), Code::InvalidArgument);
        assert_eq!(status.metadata().get(CODE_HEADER).unwrap(), "REQUEST_MALFORMED");
        assert!(status.message().starts_with("[08P01] "), "{}", status.message());
    }

    #[test]
    fn our_own_errors_stay_as_they_are() {
        let ours = super::super::status::convert(&Error::internal("x"));
        assert_eq!(retyped(ours.clone()).code(), ours.code());
        assert_eq!(retyped(ours.clone()).message(), ours.message());
    }

    #[test]
    fn a_cancelled_call_stays_cancelled() {
        let status = retyped(Status::cancelled("timeout"));
        assert_eq!(status.code(), Code::Cancelled);
        assert!(status.metadata().get(CODE_HEADER).is_none());
    }
}
