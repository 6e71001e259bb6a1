//! A request's body that can be sent again, as long as it is small.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::{Buf as _, Bytes};
use http_body::{Body as _, Frame};
use parking_lot::Mutex;
use tonic::Status;
use tonic::body::Body;

/// How much of a body is remembered, in bytes. All requests but uploads are smaller, and an upload is only sent again
/// when its receiver refused it at its beginning.
const REMEMBERED: usize = 1 << 20;

/// A request's body, to be sent once or several times.
#[derive(Clone)]
pub(super) struct Replay(Arc<Mutex<Recording>>);

struct Recording {
    body: Body,
    /// What was read of `body` so far.
    frames: Vec<Bytes>,
    bytes: usize,
    /// Whether `frames` is all of what was read.
    whole: bool,
    ended: bool,
    /// How often it was sent. Whatever still reads for an earlier time is told to stop.
    sending: u64,
}

impl Replay {
    pub(super) fn new(body: Body) -> Self {
        Self(Arc::new(Mutex::new(Recording {
            body,
            frames: Vec::new(),
            bytes: 0,
            whole: true,
            ended: false,
            sending: 0,
        })))
    }

    /// The body from its beginning; `None` when that is no longer known.
    pub(super) fn send(&self) -> Option<Sending> {
        let mut recording = self.0.lock();
        if !recording.whole {
            return None;
        }
        recording.sending += 1;
        Some(Sending { recording: Arc::clone(&self.0), number: recording.sending, next: 0 })
    }

    /// What was read, when that is all there is.
    pub(super) fn all(&self) -> Option<Bytes> {
        let recording = self.0.lock();
        match &recording.frames[..] {
            // Whoever reads it does not ask for more when it says that it is at its end.
            _ if !(recording.whole && (recording.ended || recording.body.is_end_stream())) => None,
            [only] => Some(only.clone()),
            frames => {
                let mut all = Vec::with_capacity(recording.bytes);
                frames.iter().for_each(|frame| all.extend_from_slice(frame));
                Some(all.into())
            }
        }
    }
}

/// The body, being sent.
pub(super) struct Sending {
    recording: Arc<Mutex<Recording>>,
    number: u64,
    next: usize,
}

impl http_body::Body for Sending {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let this = self.get_mut();
        let mut guard = this.recording.lock();
        let recording = &mut *guard;
        if recording.sending != this.number {
            return Poll::Ready(Some(Err(Status::cancelled("the call is sent again"))));
        }
        if let Some(frame) = recording.frames.get(this.next) {
            this.next += 1;
            return Poll::Ready(Some(Ok(Frame::data(frame.clone()))));
        }
        if recording.ended {
            return Poll::Ready(None);
        }
        let frame = match std::task::ready!(Pin::new(&mut recording.body).poll_frame(cx)) {
            None => {
                recording.ended = true;
                return Poll::Ready(None);
            }
            Some(Err(status)) => {
                recording.forget();
                return Poll::Ready(Some(Err(status)));
            }
            Some(Ok(frame)) => frame,
        };
        match frame.data_ref() {
            Some(data) if recording.whole && recording.bytes + data.remaining() <= REMEMBERED => {
                recording.bytes += data.remaining();
                recording.frames.push(data.clone());
                this.next += 1;
            }
            _ => recording.forget(),
        }
        Poll::Ready(Some(Ok(frame)))
    }

    fn is_end_stream(&self) -> bool {
        let recording = self.recording.lock();
        self.next >= recording.frames.len() && (recording.ended || (recording.whole && recording.body.is_end_stream()))
    }
}

impl Recording {
    /// It cannot be sent again from its beginning any more.
    fn forget(&mut self) {
        self.whole = false;
        self.frames = Vec::new();
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use futures::{StreamExt as _, stream};
    use http_body_util::{BodyExt as _, StreamBody};

    use super::*;

    fn body(chunks: Vec<Vec<u8>>) -> Replay {
        let frames = stream::iter(chunks).map(|chunk| Ok::<_, Status>(Frame::data(Bytes::from(chunk))));
        Replay::new(Body::new(StreamBody::new(frames)))
    }

    #[tokio::test]
    async fn a_small_body_is_sent_as_often_as_wanted_wherever_the_first_time_ended() {
        let replay = body(vec![vec![1; 3], vec![2; 4], vec![3; 5]]);
        let mut first = replay.send().unwrap();
        assert_eq!(first.frame().await.unwrap().unwrap().into_data().unwrap(), vec![1; 3]);
        assert!(replay.all().is_none());
        let second = replay.send().unwrap().collect().await.unwrap().to_bytes();
        assert_eq!(second, [vec![1; 3], vec![2; 4], vec![3; 5]].concat());
        assert!(first.frame().await.unwrap().is_err(), "the first one has ended");
        assert_eq!(replay.all().unwrap(), second);
        assert_eq!(replay.send().unwrap().collect().await.unwrap().to_bytes(), second);
    }

    #[tokio::test]
    async fn a_large_body_is_sent_once_and_not_remembered() {
        let replay = body(vec![vec![1; REMEMBERED], vec![2], vec![3]]);
        let mut sending = replay.send().unwrap();
        sending.frame().await.unwrap().unwrap();
        assert!(replay.send().is_some());
        let mut sending = replay.send().unwrap();
        for _ in 0..2 {
            sending.frame().await.unwrap().unwrap();
        }
        assert!(replay.send().is_none());
        assert_eq!(sending.collect().await.unwrap().to_bytes(), vec![3]);
        assert!(replay.all().is_none());
    }
}
