//! Prepared statements, which outlive the node that prepared them.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use arrow::array::RecordBatch;
use parking_lot::Mutex;
use session::PreparedRecord;
use tokio::time::Instant;

use super::failure;
use super::session::Session;
use crate::engine::Plan;
use crate::error::{Error, ErrorCode, Result};

/// A prepared statement of a session.
pub struct Prepared {
    /// What the client names it by: 16 random bytes.
    pub handle: Vec<u8>,
    /// Its text.
    pub sql: Arc<str>,
    /// What is known of it before it runs.
    pub plan: Plan,
    parameters: Mutex<Bound>,
}

/// The values that are bound to a statement.
#[derive(Default)]
struct Bound {
    parameters: Vec<RecordBatch>,
    /// Since when they wait for the statement to run with them; `None` when it has.
    wait_since: Option<Instant>,
}

impl Prepared {
    /// Binds values for its parameters, in place of those bound before.
    pub fn bind(&self, parameters: Vec<RecordBatch>) {
        *self.parameters.lock() = Bound { parameters, wait_since: Some(Instant::now()) };
    }

    /// The values that are bound; empty when none are.
    pub fn parameters(&self) -> Vec<RecordBatch> {
        let mut bound = self.parameters.lock();
        bound.wait_since = None;
        bound.parameters.clone()
    }

    /// Whether values were bound no longer than `patience` ago that it has not run with yet.
    pub(super) fn is_waiting(&self, patience: Duration) -> bool {
        self.parameters.lock().wait_since.is_some_and(|since| since.elapsed() < patience)
    }
}

impl fmt::Debug for Prepared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Prepared").field("sql_bytes", &self.sql.len()).finish_non_exhaustive()
    }
}

impl Session {
    /// Prepares a statement. Its handle is in the store when this returns, so it holds after a restart too.
    ///
    /// # Errors
    /// The engine's, when the statement cannot be planned; those of the store.
    pub async fn prepare(&self, sql: &str) -> Result<Arc<Prepared>> {
        let _work = self.start()?;
        let plan = self.plan(sql).await?;
        let mut handle = vec![0; 16];
        getrandom::fill(&mut handle).map_err(|error| Error::internal(format_args!("no random bytes: {error}")))?;
        let record = PreparedRecord { handle: handle.clone(), sql: sql.to_owned() };
        if let Err(error) = self.core.store.put_prepared(&self.fence, &record).await {
            return Err(self.store_failed(error).await);
        }
        self.remember(handle, sql.into(), plan)
    }

    /// The prepared statement with this handle, planned again when this node has not seen it before.
    ///
    /// # Errors
    /// `PREPARED_STATEMENT_UNKNOWN` when the session has none with this handle. The engine's error, each time, when
    /// the statement can no longer be planned: the handle stays.
    pub async fn prepared(&self, handle: &[u8]) -> Result<Arc<Prepared>> {
        if let Some(prepared) = self.prepared.lock().get(handle) {
            return Ok(Arc::clone(prepared));
        }
        let _work = self.start()?;
        let record = self.core.store.prepared(self.id(), handle).await.map_err(|error| failure::of_store(&error))?;
        let Some(record) = record else {
            return Err(Error::new(
                ErrorCode::PreparedStatementUnknown,
                "this session has no prepared statement with that handle: it was closed, or is of another session; \
                 prepare it again",
            ));
        };
        let plan = self.plan(&record.sql).await?;
        self.remember(record.handle, record.sql.into(), plan)
    }

    /// Forgets a prepared statement. One that is not there is forgotten already.
    ///
    /// # Errors
    /// Those of the store; the statement stays then.
    pub async fn close_prepared(&self, handle: &[u8]) -> Result<()> {
        let _work = self.start()?;
        if let Err(error) = self.core.store.delete_prepared(&self.fence, handle).await {
            return Err(self.store_failed(error).await);
        }
        self.prepared.lock().remove(handle);
        Ok(())
    }

    /// Two calls may load the same statement at once; both get the one that was first, and so the same bindings.
    fn remember(&self, handle: Vec<u8>, sql: Arc<str>, plan: Plan) -> Result<Arc<Prepared>> {
        let mut prepared = self.prepared.lock();
        // Under the lock, because what ends the session clears the list under it.
        if self.ended().is_some() {
            drop(prepared);
            self.check()?;
            return Err(failure::moved(self.id(), "another node"));
        }
        let entry = prepared
            .entry(handle.clone())
            .or_insert_with(|| Arc::new(Prepared { handle, sql, plan, parameters: Mutex::default() }));
        Ok(Arc::clone(entry))
    }
}
