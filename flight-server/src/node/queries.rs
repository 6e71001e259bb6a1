//! The queries of a session by their identity, so that the one that was named is cancelled and no other.
//!
//! A query is what one FlightInfo promised: however often its rows are fetched, and by however many at a time. It is known
//! here from the first of these on, or from when it is cancelled.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;

use arrow::array::RecordBatch;
use futures::{Stream, StreamExt, stream};
use tokio::sync::watch;
use uuid::{Builder, Uuid, Version};

use super::session::Session;
use crate::engine::Rows;
use crate::error::{Error, ErrorCode, Result};

/// How many queries of a session are remembered. The oldest is forgotten first.
const MOST: usize = 1_024;

/// Identifies a query.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct QueryId(Uuid);

impl QueryId {
    /// A new one, by which no receipt is kept.
    ///
    /// It is told from what a client may use for a request, and from one with a receipt, by the version of its UUID: 8, which is
    /// anybody's own.
    pub fn random() -> Self {
        Self(Builder::from_bytes(Uuid::new_v4().into_bytes()).with_version(Version::Custom).into_uuid())
    }

    /// A new one, which is also that of the request: the receipt of what it writes is kept by it.
    pub fn of_request() -> Self {
        Self(Uuid::new_v4())
    }

    /// Whether there is a receipt by this id if what it stands for was applied.
    pub(super) fn may_have_receipt(id: Uuid) -> bool {
        id.get_version() != Some(Version::Custom)
    }

    /// Its UUID.
    pub fn uuid(self) -> Uuid {
        self.0
    }

    /// Reads the bytes of one.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        Uuid::from_slice(bytes).ok().map(Self)
    }

    /// Its bytes.
    pub fn as_bytes(&self) -> &[u8; 16] {
        self.0.as_bytes()
    }
}

impl std::fmt::Display for QueryId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// The queries of one session that were fetched or cancelled.
#[derive(Default)]
pub(super) struct Queries {
    known: VecDeque<(QueryId, Arc<watch::Sender<bool>>)>,
}

impl Queries {
    /// Whether the query is cancelled, now and later.
    fn cancelled(&mut self, id: QueryId) -> &Arc<watch::Sender<bool>> {
        let known = self.known.iter().rposition(|(known, _)| *known == id);
        let at = known.unwrap_or_else(|| {
            if self.known.len() >= MOST {
                self.known.pop_front();
            }
            self.known.push_back((id, Arc::new(watch::Sender::new(false))));
            self.known.len() - 1
        });
        &self.known[at].1
    }

    pub(super) fn clear(&mut self) {
        self.known.clear();
    }
}

impl Session {
    /// Cancels a query: what fetches its rows fails, now and later.
    ///
    /// # Errors
    /// Those of a session that has ended.
    pub fn cancel_query(&self, id: QueryId) -> Result<()> {
        self.check()?;
        self.queries.lock().cancelled(id).send_replace(true);
        Ok(())
    }

    /// How much of the session's running statement is done, from 0 to 1; `None` when none runs or the engine can't tell.
    pub fn progress(&self) -> Option<f64> {
        self.engine().progress()
    }

    /// How much of a query is done whose rows are being fetched, from 0 to 1, where the engine can tell.
    pub fn progress_of(&self, id: QueryId) -> Option<f64> {
        let is_known = self.queries.lock().known.iter().any(|(known, _)| *known == id);
        if is_known { self.progress() } else { None }
    }

    /// What `work` gives, unless the query is cancelled: then it is dropped, which interrupts it.
    ///
    /// # Errors
    /// `STATEMENT_CANCELLED` when the query is cancelled; those of `work`.
    pub async fn unless_cancelled<T>(&self, id: QueryId, work: impl Future<Output = Result<T>>) -> Result<T> {
        let mut cancelled = self.queries.lock().cancelled(id).subscribe();
        tokio::select! {
            biased;
            () = set(&mut cancelled) => Err(was_cancelled(id)),
            done = work => done,
        }
    }

    /// The rows that `rows` will give, until the query is cancelled: that interrupts what computes them.
    ///
    /// # Errors
    /// `STATEMENT_CANCELLED` when the query is cancelled, now or while its rows are read; those of `rows`.
    pub async fn until_cancelled(&self, id: QueryId, rows: impl Future<Output = Result<Rows>>) -> Result<Rows> {
        let Rows { schema, batches } = self.unless_cancelled(id, rows).await?;
        let cancelled = self.queries.lock().cancelled(id).subscribe();
        let batches = stream::unfold(Some((cancelled, batches)), move |state| next(id, state));
        Ok(Rows { schema, batches: batches.boxed() })
    }
}

type Batches = Pin<Box<dyn Stream<Item = Result<RecordBatch>> + Send>>;
type State = Option<(watch::Receiver<bool>, Batches)>;

/// The next batch; the last is the error when the query is cancelled.
async fn next(id: QueryId, state: State) -> Option<(Result<RecordBatch>, State)> {
    let (mut cancelled, mut batches) = state?;
    tokio::select! {
        biased;
        () = set(&mut cancelled) => Some((Err(was_cancelled(id)), None)),
        batch = batches.next() => batch.map(|batch| (batch, Some((cancelled, batches)))),
    }
}

/// Resolves once it is true; never when the query is forgotten before.
async fn set(cancelled: &mut watch::Receiver<bool>) {
    if cancelled.wait_for(|cancelled| *cancelled).await.is_err() {
        std::future::pending::<()>().await;
    }
}

fn was_cancelled(id: QueryId) -> Error {
    Error::new(
        ErrorCode::StatementCancelled,
        format!("the query {id} was cancelled; run its statement again if need be"),
    )
}
