//! Rows that are computed before they are asked for.
//!
//! One of the threads that compute a result is its reader's, and rests until a batch is on its way; the others soon have to wait for
//! it too. Without this, lineitem in order took a tenth longer.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use arrow::array::RecordBatch;
use futures::stream::{BoxStream, Stream, StreamExt};
use tokio::sync::mpsc::{self, Receiver, Sender};
use tokio::task::JoinSet;

use crate::error::{Error, Result};

/// So many batches are computed when they are asked for: most results have no more, and cost no task of their own.
const WHEN_ASKED: usize = 2;

/// How many batches wait for their reader.
const AHEAD: usize = 3;

/// A batch, or the end. Where neither comes, what computes them has failed.
type Next = Option<Result<RecordBatch>>;

/// Batches, of which some are computed before they are asked for. Dropped, it stops what computes them.
pub(super) struct Ahead {
    asked: usize,
    batches: Batches,
}

enum Batches {
    WhenAsked(BoxStream<'static, Result<RecordBatch>>),
    Ahead { coming: Receiver<Next>, _computing: JoinSet<()> },
    Over,
}

impl Ahead {
    pub(super) fn new(batches: impl Stream<Item = Result<RecordBatch>> + Send + 'static) -> Self {
        Self { asked: 0, batches: Batches::WhenAsked(batches.boxed()) }
    }

    /// From now on the batches are computed by themselves.
    fn go_ahead(&mut self) {
        let Batches::WhenAsked(batches) = std::mem::replace(&mut self.batches, Batches::Over) else { return };
        let (sender, coming) = mpsc::channel(AHEAD);
        let mut computing = JoinSet::new();
        computing.spawn(send(batches, sender));
        self.batches = Batches::Ahead { coming, _computing: computing };
    }
}

async fn send(mut batches: BoxStream<'static, Result<RecordBatch>>, sender: Sender<Next>) {
    loop {
        let next = batches.next().await;
        let is_last = !matches!(next, Some(Ok(_)));
        if is_last {
            // What computed them is let go before its reader knows of the end.
            drop(std::mem::replace(&mut batches, futures::stream::empty().boxed()));
        }
        if sender.send(next).await.is_err() || is_last {
            return;
        }
    }
}

impl Stream for Ahead {
    type Item = Result<RecordBatch>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let next = match &mut self.batches {
            Batches::Over => return Poll::Ready(None),
            Batches::WhenAsked(batches) => ready!(batches.as_mut().poll_next(context)),
            Batches::Ahead { coming, .. } => match ready!(coming.poll_recv(context)) {
                Some(next) => next,
                None => Some(Err(Error::internal("the task that computes rows ahead of their reader ended"))),
            },
        };
        self.asked += 1;
        if !matches!(next, Some(Ok(_))) {
            self.batches = Batches::Over;
        } else if self.asked == WHEN_ASKED {
            self.go_ahead();
        }
        Poll::Ready(next)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    use arrow::array::{Int32Array, RecordBatch};
    use futures::stream;

    use super::*;
    use crate::error::ErrorCode;

    fn batch(n: i32) -> RecordBatch {
        RecordBatch::try_from_iter([("n", Arc::new(Int32Array::from(vec![n])) as _)]).unwrap()
    }

    fn counted(count: i32) -> (impl Stream<Item = Result<RecordBatch>> + Send + 'static, Arc<AtomicUsize>) {
        let computed = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&computed);
        let batches = stream::iter(0..count).map(move |n| {
            counter.fetch_add(1, Ordering::SeqCst);
            Ok(batch(n))
        });
        (batches, computed)
    }

    async fn until(condition: impl Fn() -> bool) {
        while !condition() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    #[tokio::test]
    async fn all_batches_come_in_order() {
        for count in 0..20 {
            let read: Vec<_> = Ahead::new(counted(count).0).map(Result::unwrap).collect().await;
            assert_eq!(read, (0..count).map(batch).collect::<Vec<_>>());
        }
    }

    #[tokio::test]
    async fn the_first_are_computed_when_they_are_asked_for_and_then_a_few_before() {
        let (batches, computed) = counted(100);
        let mut ahead = Ahead::new(batches);
        ahead.next().await.unwrap().unwrap();
        tokio::task::yield_now().await;
        assert_eq!(computed.load(Ordering::SeqCst), 1);
        ahead.next().await.unwrap().unwrap();
        // Those that wait, and one that waits for room.
        until(|| computed.load(Ordering::SeqCst) == 2 + AHEAD + 1).await;
        tokio::task::yield_now().await;
        assert_eq!(computed.load(Ordering::SeqCst), 2 + AHEAD + 1);
        drop(ahead);
        until(|| Arc::strong_count(&computed) == 1).await;
        assert_eq!(computed.load(Ordering::SeqCst), 2 + AHEAD + 1);
    }

    #[tokio::test]
    async fn a_failure_is_the_end() {
        for at in 0..6 {
            let failing = counted(at).0.chain(stream::iter([Err(Error::new(ErrorCode::StatementFailed, "no more"))]));
            let read: Vec<_> = Ahead::new(failing).collect().await;
            assert_eq!(read.len(), at as usize + 1);
            assert_eq!(read.last().unwrap().as_ref().unwrap_err().code, ErrorCode::StatementFailed);
        }
    }

    #[tokio::test]
    async fn what_ends_without_telling_is_a_failure() {
        for at in 2..6 {
            let dying = counted(at).0.chain(stream::iter([0]).map(|_| panic!("on purpose")));
            let read: Vec<_> = Ahead::new(dying).collect().await;
            assert_eq!(read.len(), at as usize + 1);
            assert_eq!(read.last().unwrap().as_ref().unwrap_err().code, ErrorCode::Internal);
        }
    }
}
