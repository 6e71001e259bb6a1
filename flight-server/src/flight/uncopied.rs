//! Answers of rows that go to the network as they lie in memory.
//!
//! The library writes the messages of an answer into memory of its own. A handler that gives rows therefore answers with no
//! messages at all, and puts the rows beside its answer; around the library, where its answer is bytes already, they take the
//! place of the nothing that it wrote.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures::Stream;
use futures::stream::BoxStream;
use http::{HeaderMap, Response};
use http_body::Frame;
use parking_lot::Mutex;
use tonic::Status;
use tonic::body::Body;
use tonic::metadata::MetadataMap;

use super::row_message::RowMessage;
use super::status::status;

/// By this header a client says how messages may be compressed, unless nobody is to compress any.
const ACCEPTED: &str = "grpc-accept-encoding";

/// The messages of a result.
pub(super) type RowMessages = BoxStream<'static, Result<RowMessage, Status>>;

/// Rows beside an answer, until somebody takes them.
#[derive(Clone)]
struct Beside(Arc<Mutex<Option<RowMessages>>>);

/// Whether messages for this client are compressed as wholes, which the library does.
pub(super) fn wants_compression(headers: &MetadataMap) -> bool {
    headers.contains_key(ACCEPTED)
}

/// Puts rows beside an answer.
pub(super) fn put_beside<T>(answer: &mut tonic::Response<T>, rows: RowMessages) {
    answer.extensions_mut().insert(Beside(Arc::new(Mutex::new(Some(rows)))));
}

/// The answer, with the rows that were put beside it.
pub(super) fn with_rows(mut answer: Response<Body>) -> Response<Body> {
    let rows = answer.extensions_mut().remove::<Beside>().and_then(|beside| beside.0.lock().take());
    match rows {
        Some(rows) => answer.map(|_| Body::new(RowBody { rows: Some(rows), frames: VecDeque::new() })),
        None => answer,
    }
}

/// The bytes of an answer.
struct RowBody {
    /// `None` once they are over.
    rows: Option<RowMessages>,
    /// What is left of the message at hand.
    frames: VecDeque<Bytes>,
}

impl http_body::Body for RowBody {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let this = self.get_mut();
        if let Some(frame) = this.frames.pop_front() {
            return Poll::Ready(Some(Ok(Frame::data(frame))));
        }
        let Some(rows) = &mut this.rows else { return Poll::Ready(None) };
        let next = match ready!(Pin::new(rows).poll_next(cx)) {
            Some(Ok(message)) => message.into_frames().map_err(|error| status(&error)),
            Some(Err(status)) => Err(status),
            None => Err(Status::ok("")),
        };
        match next {
            Ok(frames) => {
                this.frames = frames.into();
                Poll::Ready(this.frames.pop_front().map(|frame| Ok(Frame::data(frame))))
            }
            Err(status) => {
                // What computes the rows is let go before the client hears of their end.
                this.rows = None;
                let mut trailers = HeaderMap::new();
                Poll::Ready(Some(status.add_header(&mut trailers).map(|()| Frame::trailers(trailers))))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.rows.is_none() && self.frames.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use futures::{StreamExt, stream};
    use http_body_util::BodyExt as _;

    use super::*;

    async fn sent(rows: Vec<Result<RowMessage, Status>>) -> (Vec<u8>, HeaderMap) {
        let mut answer = tonic::Response::new(());
        put_beside(&mut answer, stream::iter(rows).boxed());
        // As the library makes one of the other.
        let mut bytes = Response::new(Body::empty());
        *bytes.extensions_mut() = answer.into_parts().2;
        let collected = with_rows(bytes).into_body().collect().await.unwrap();
        let trailers = collected.trailers().cloned().unwrap_or_default();
        (collected.to_bytes().to_vec(), trailers)
    }

    fn message(size: usize) -> RowMessage {
        RowMessage {
            header: Bytes::from_static(b"header"),
            body: Bytes::from(vec![7; size]).into(),
            ..RowMessage::default()
        }
    }

    #[tokio::test]
    async fn messages_of_any_size_come_in_order() {
        let sizes = [0, 10, 100_000, 5];
        let (bytes, trailers) = sent(sizes.iter().map(|size| Ok(message(*size))).collect()).await;
        let expected: Vec<u8> = sizes.iter().flat_map(|size| message(*size).into_frames().unwrap()).flatten().collect();
        assert_eq!(bytes, expected);
        assert_eq!(trailers["grpc-status"], "0");
    }

    #[tokio::test]
    async fn a_failure_ends_the_answer_with_all_that_is_told_of_it() {
        let error = crate::error::Error::new(crate::error::ErrorCode::StatementFailed, "division by zero");
        let (bytes, trailers) = sent(vec![Ok(message(3)), Err(status(&error)), Ok(message(3))]).await;
        assert_eq!(bytes.len(), message(3).into_frames().unwrap().concat().len());
        let told = Status::from_header_map(&trailers).unwrap();
        assert_eq!((told.code(), told.message()), (status(&error).code(), status(&error).message()));
        assert_eq!(trailers[super::super::status::CODE_HEADER], "STATEMENT_FAILED");
    }

    #[tokio::test]
    async fn an_answer_without_rows_ends_with_its_status() {
        let (bytes, trailers) = sent(vec![]).await;
        assert!(bytes.is_empty());
        assert_eq!(trailers["grpc-status"], "0");
    }
}
