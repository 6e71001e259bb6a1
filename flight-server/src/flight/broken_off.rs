//! Requests that break off, told from those that come to their end.
//!
//! A call that its client gives up, or that loses its connection to a peer, ends by a reset of its stream. The transport takes
//! one for the regular end of the messages, in the belief that nobody is left to see a difference; but what a client uploaded up
//! to there would then be written as if it were all.

use http::Request;
use http_body::Body as _;
use http_body_util::BodyExt as _;
use tonic::body::Body;
use tonic::{Code, Status};

/// The code of an upload that broke off. The transport has no use of its own for it.
pub(super) const BROKEN_OFF: Code = Code::Aborted;

/// The request, whose messages end with an error of [`BROKEN_OFF`] where its stream is reset.
pub(super) fn with_broken_end(request: Request<Body>) -> Request<Body> {
    // Nearly every one that is no upload: it is all there.
    if request.body().is_end_stream() {
        return request;
    }
    request.map(|body| {
        Body::new(body.map_err(|status: Status| match status.code() {
            Code::Cancelled => Status::new(BROKEN_OFF, "the call broke off before its end"),
            _ => status,
        }))
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use bytes::{Buf as _, Bytes};
    use futures::stream;
    use http_body::Frame;
    use http_body_util::StreamBody;
    use tonic::Streaming;
    use tonic::codec::{DecodeBuf, Decoder};

    use super::*;

    struct Raw;

    impl Decoder for Raw {
        type Item = Bytes;
        type Error = Status;

        fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Status> {
            Ok(Some(buffer.copy_to_bytes(buffer.remaining())))
        }
    }

    fn messages(body: Body) -> Streaming<Bytes> {
        Streaming::new_request(Raw, body, None, None)
    }

    fn reset() -> Body {
        let empty_message = Frame::data(Bytes::from_static(&[0, 0, 0, 0, 0]));
        let frames = [Ok(empty_message), Err(Status::cancelled("reset"))];
        Body::new(StreamBody::new(stream::iter(frames)))
    }

    #[tokio::test]
    async fn a_reset_is_no_end() {
        let mut taken_for_an_end = messages(reset());
        taken_for_an_end.message().await.unwrap().unwrap();
        assert!(matches!(taken_for_an_end.message().await, Ok(None)), "the transport tells them apart by now");

        let mut told = messages(with_broken_end(Request::new(reset())).into_body());
        told.message().await.unwrap().unwrap();
        assert_eq!(told.message().await.unwrap_err().code(), BROKEN_OFF);
    }
}
