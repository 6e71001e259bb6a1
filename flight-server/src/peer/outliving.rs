//! Calls of peers that go on when their peer dies.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::task::JoinHandle;

use crate::flight::connection::ConnectionEnd;

/// A call that runs by itself. One that is dropped is interrupted, as its client has given it up, unless its connection has
/// ended: then it comes to its end without anybody who waits for it. Its client comes again by another way and finds what it did.
pub(super) struct Outliving<T> {
    running: JoinHandle<T>,
    /// That of its connection, if it has one.
    end: Option<ConnectionEnd>,
}

impl<T: Send + 'static> Outliving<T> {
    pub(super) fn new(call: impl Future<Output = T> + Send + 'static, end: Option<ConnectionEnd>) -> Self {
        Self { running: tokio::spawn(call), end }
    }
}

impl<T> Future for Outliving<T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<T> {
        match ready!(Pin::new(&mut self.running).poll(context)) {
            Ok(answer) => Poll::Ready(answer),
            Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
            // Only a runtime that ends cancels it, and nobody is left to be answered then.
            Err(_) => Poll::Pending,
        }
    }
}

impl<T> Drop for Outliving<T> {
    fn drop(&mut self) {
        if !self.end.as_ref().is_some_and(ConnectionEnd::has_come) {
            self.running.abort();
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use tokio::io::{AsyncRead as _, AsyncReadExt as _, AsyncWriteExt as _, ReadBuf, duplex};
    use tokio::sync::oneshot;

    use super::*;
    use crate::flight::connection::Noticed;

    fn call(end: ConnectionEnd) -> (Outliving<()>, oneshot::Sender<()>, oneshot::Receiver<()>) {
        let (go, wait) = oneshot::channel();
        let (done, is_done) = oneshot::channel();
        let work = async move {
            let _ = wait.await;
            let _ = done.send(());
        };
        (Outliving::new(work, Some(end)), go, is_done)
    }

    #[tokio::test]
    async fn a_call_that_is_given_up_is_interrupted() {
        let (near, _far) = duplex(8);
        let near = Noticed::new(near);
        let (call, _go, is_done) = call(near.end());
        drop(call);
        assert!(is_done.await.is_err());
    }

    #[tokio::test]
    async fn a_call_whose_connection_ended_comes_to_its_end() {
        let (near, far) = duplex(8);
        let mut near = Noticed::new(near);
        let (call, go, is_done) = call(near.end());
        drop(far);
        assert_eq!(near.read(&mut [0; 8]).await.unwrap(), 0);
        drop(call);
        go.send(()).unwrap();
        is_done.await.unwrap();
    }

    #[tokio::test]
    async fn a_connection_that_reads_nothing_for_want_of_room_has_not_ended() {
        let (near, mut far) = duplex(8);
        let mut near = Noticed::new(near);
        let end = near.end();
        far.write_all(b"x").await.unwrap();
        let read = std::future::poll_fn(|context| Pin::new(&mut near).poll_read(context, &mut ReadBuf::new(&mut [])));
        read.await.unwrap();
        assert!(!end.has_come());
        drop(near);
        assert!(end.has_come());
    }
}
