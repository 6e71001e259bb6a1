//! How large a message may be, by what it is for.
//!
//! A call of one message is read, and decompressed, before anybody looks whose it is.

use std::convert::Infallible;
use std::sync::Arc;
use std::task::{Context, Poll};

use arrow_flight::flight_service_server::{FlightService, FlightServiceServer};
use http::{Request, Response};
use tonic::body::Body;
use tonic::codec::CompressionEncoding;
use tonic::server::NamedService;
use tower::Service;

/// The largest message of an upload that is read, in bytes. Clients upload a batch as one message whatever its size, and the default
/// of 4 MiB is soon reached; beyond 1 GiB a single message is more likely a mistake, and it is held in memory whole.
const LARGEST_UPLOADED: usize = 1 << 30;

/// The largest of any other call, in bytes: the text of a statement, mostly.
const LARGEST: usize = 64 << 20;

/// The calls that upload.
const UPLOADS: [&str; 2] = ["/DoPut", "/DoExchange"];

/// The service with a limit to each call's messages.
pub(super) struct Limited<T> {
    uploads: FlightServiceServer<T>,
    others: FlightServiceServer<T>,
}

impl<T: FlightService> Limited<T> {
    pub(super) fn new(service: T) -> Self {
        let service = Arc::new(service);
        let limited = |limit| {
            let limited = FlightServiceServer::from_arc(Arc::clone(&service)).max_decoding_message_size(limit);
            [CompressionEncoding::Gzip, CompressionEncoding::Zstd]
                .into_iter()
                .fold(limited, |limited, encoding| limited.accept_compressed(encoding).send_compressed(encoding))
        };
        Self { uploads: limited(LARGEST_UPLOADED), others: limited(LARGEST) }
    }
}

// Not derived: that would want the service itself to be cloned.
impl<T> Clone for Limited<T> {
    fn clone(&self) -> Self {
        Self { uploads: self.uploads.clone(), others: self.others.clone() }
    }
}

impl<T> NamedService for Limited<T> {
    const NAME: &'static str = <FlightServiceServer<T> as NamedService>::NAME;
}

impl<T: FlightService> Service<Request<Body>> for Limited<T> {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = <FlightServiceServer<T> as Service<Request<Body>>>::Future;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        // Neither is ever busy.
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let is_upload = UPLOADS.iter().any(|method| request.uri().path().ends_with(method));
        if is_upload { self.uploads.call(request) } else { self.others.call(request) }
    }
}
