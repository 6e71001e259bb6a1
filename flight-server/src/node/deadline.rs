//! How long a statement may take, from its start to its last row.

use std::pin::Pin;
use std::time::Duration;

use arrow::array::RecordBatch;
use futures::{Stream, StreamExt, stream};
use tokio::time::{Instant, timeout_at};

use crate::engine::Rows;
use crate::error::{Error, ErrorCode, Result};

/// When a statement is cancelled, if ever.
#[derive(Debug, Clone, Copy)]
pub(super) struct Deadline(Option<(Instant, Duration)>);

impl Deadline {
    /// This long from now; never when `None`.
    pub(super) fn after(limit: Option<Duration>) -> Self {
        Self(limit.and_then(|limit| Some((Instant::now().checked_add(limit)?, limit))))
    }

    /// What `work` gives, if in time. Else it is dropped, which interrupts it.
    ///
    /// # Errors
    /// `STATEMENT_CANCELLED` when the time is over; those of `work`.
    pub(super) async fn within<T>(&self, work: impl Future<Output = Result<T>>) -> Result<T> {
        match self.0 {
            None => work.await,
            Some((at, limit)) => timeout_at(at, work).await.unwrap_or_else(|_elapsed| Err(took_too_long(limit))),
        }
    }

    /// The same rows, ended by the error of [`Self::within`] when the time is over before the last.
    pub(super) fn over(self, rows: Rows) -> Rows {
        if self.0.is_none() {
            return rows;
        }
        let Rows { schema, batches } = rows;
        let batches = stream::unfold(Some(batches), move |batches| self.next(batches));
        Rows { schema, batches: batches.boxed() }
    }

    async fn next(self, batches: Option<Batches>) -> Option<(Result<RecordBatch>, Option<Batches>)> {
        let mut batches = batches?;
        match self.within(async { Ok(batches.next().await) }).await {
            Ok(batch) => batch.map(|batch| (batch, Some(batches))),
            Err(error) => Some((Err(error), None)),
        }
    }
}

type Batches = Pin<Box<dyn Stream<Item = Result<RecordBatch>> + Send>>;

fn took_too_long(limit: Duration) -> Error {
    let limit = humantime::format_duration(limit);
    Error::new(
        ErrorCode::StatementCancelled,
        format!(
            "the statement was cancelled because it took longer than {limit}; it may take longer by the session option \
             pintail.statement_timeout (`0`: as long as it needs), or the server's --statement-timeout"
        ),
    )
}
