//! Prepared statements, which outlive the node that prepared them.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use arrow::array::RecordBatch;
use parking_lot::Mutex;
use session::PreparedRecord;
use tokio::time::Instant;

use super::failure;
use super::handle::{ID, is_stored};
use super::session::Session;
use crate::engine::Plan;
use crate::error::{Error, ErrorCode, Result};

/// How many closed statements a session remembers whose handles have all that is needed to prepare them again.
const MOST_CLOSED: usize = 1_024;

/// The prepared statements of a session that this node has planned.
#[derive(Default)]
pub(super) struct PreparedStatements {
    open: HashMap<Vec<u8>, Arc<Prepared>>,
    /// How the handles of closed ones begin. The oldest is forgotten first.
    closed: VecDeque<[u8; ID]>,
}

impl PreparedStatements {
    /// Forgets what was planned. The statements are planned again when they are used.
    pub(super) fn clear(&mut self) {
        self.open.clear();
    }

    /// Whether values were bound no longer than `patience` ago that no statement has run with yet.
    pub(super) fn are_waiting(&self, patience: Duration) -> bool {
        self.open.values().any(|prepared| prepared.is_waiting(patience))
    }

    /// Remembers that a statement was closed whose handle is all that there is of it.
    fn note_closed(&mut self, handle: &[u8]) {
        let Some(id) = handle.first_chunk() else { return };
        if self.closed.len() >= MOST_CLOSED {
            self.closed.pop_front();
        }
        self.closed.push_back(*id);
    }

    fn is_closed(&self, handle: &[u8]) -> bool {
        self.closed.iter().any(|id| handle.starts_with(id))
    }
}

/// A prepared statement of a session.
pub struct Prepared {
    /// What the client names it by.
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
    /// Prepares a statement. Its handle has all that is needed to prepare it again, or that is in the store when this returns: it
    /// holds after a restart too.
    ///
    /// # Errors
    /// The engine's, when the statement cannot be planned; those of the store.
    pub async fn prepare(&self, sql: &str) -> Result<Arc<Prepared>> {
        let _work = self.start()?;
        let plan = self.plan(sql).await?;
        let handle = self.core.handles.issue(self.id(), sql)?;
        if is_stored(&handle) {
            let record = PreparedRecord { handle: handle.clone(), sql: sql.to_owned() };
            if let Err(error) = self.core.store.put_prepared(&self.fence, &record).await {
                return Err(self.store_failed(error).await);
            }
        }
        self.remember(handle, sql.into(), plan)
    }

    /// The prepared statement with this handle, planned again when this node has not seen it before.
    ///
    /// # Errors
    /// `PREPARED_STATEMENT_UNKNOWN` when the session has none with this handle. The engine's error, each time, when
    /// the statement can no longer be planned: the handle stays.
    pub async fn prepared(&self, handle: &[u8]) -> Result<Arc<Prepared>> {
        if let Some(prepared) = self.prepared.lock().open.get(handle) {
            return Ok(Arc::clone(prepared));
        }
        let _work = self.start()?;
        let Some(sql) = self.text_of(handle).await? else {
            return Err(Error::new(
                ErrorCode::PreparedStatementUnknown,
                "this session has no prepared statement with that handle: it was closed, or is of another session; \
                 prepare it again",
            ));
        };
        let plan = self.plan(&sql).await?;
        self.remember(handle.to_vec(), sql, plan)
    }

    /// The text of the statement with this handle, which is in the handle or in the store; `None` when there is no such statement.
    async fn text_of(&self, handle: &[u8]) -> Result<Option<Arc<str>>> {
        if !is_stored(handle) {
            let text = self.core.handles.text(self.id(), handle).map(Arc::from);
            return Ok(text.filter(|_| !self.prepared.lock().is_closed(handle)));
        }
        let record = self.core.store.prepared(self.id(), handle).await.map_err(|error| failure::of_store(&error))?;
        Ok(record.map(|record| record.sql.into()))
    }

    /// Forgets a prepared statement. One that is not there is forgotten already.
    ///
    /// # Errors
    /// Those of the store; the statement stays then.
    pub async fn close_prepared(&self, handle: &[u8]) -> Result<()> {
        let _work = self.start()?;
        if is_stored(handle) {
            if let Err(error) = self.core.store.delete_prepared(&self.fence, handle).await {
                return Err(self.store_failed(error).await);
            }
        } else if self.core.handles.text(self.id(), handle).is_some() {
            self.prepared.lock().note_closed(handle);
        }
        self.prepared.lock().open.remove(handle);
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
            .open
            .entry(handle.clone())
            .or_insert_with(|| Arc::new(Prepared { handle, sql, plan, parameters: Mutex::default() }));
        Ok(Arc::clone(entry))
    }
}
