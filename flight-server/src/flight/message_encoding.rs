//! gRPC's own compression of messages: taken from every client, and given to those that compress theirs.
//!
//! Most clients say in every call that they read gzip, and nobody asked them whether they want it: to compress for all of them
//! would cost each short call more than it saves. Who compresses what it sends has asked. Large results are better compressed
//! by the session option `pintail.compression`, which compresses buffers and not messages.

use http::{HeaderName, Request};

/// By this header a client says how messages may be compressed.
const ACCEPTED: HeaderName = HeaderName::from_static("grpc-accept-encoding");

/// By this one it says how its own are.
const SENT: HeaderName = HeaderName::from_static("grpc-encoding");

/// The request, which says that its client reads compressed messages only where it sends them.
pub(super) fn as_the_client_does<B>(mut request: Request<B>) -> Request<B> {
    let sent = request.headers().get(SENT);
    if sent.is_none_or(|encoding| encoding == "identity") {
        request.headers_mut().remove(ACCEPTED);
    }
    request
}
