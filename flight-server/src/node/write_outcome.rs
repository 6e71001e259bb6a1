//! What became of a write that its client knows by a request id, or by that of its query, for a client that asks instead of sending it
//! again.

use std::sync::Arc;

use session::Epoch;
use tokio::sync::watch;
use uuid::Uuid;

use super::queries::QueryId;
use super::session::Session;
use crate::error::Result;

/// What became of a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WriteOutcome {
    /// It was applied, and is committed.
    Committed,
    /// It was not applied, and nothing is at it: only a call that is still on its way may be.
    Aborted,
    /// It is being applied, or its transaction is open.
    Running,
    /// There is no receipt here: none is kept of such a write, or it may be with the tables of a node that had the session before.
    Unknown,
}

impl WriteOutcome {
    /// Its word in the header.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Committed => "committed",
            Self::Aborted => "aborted",
            Self::Running => "running",
            Self::Unknown => "unknown",
        }
    }
}

/// The requests, and the queries without one, that a session's calls are at.
#[derive(Clone, Default)]
pub(super) struct Underway(Arc<watch::Sender<Vec<Uuid>>>);

impl Underway {
    /// A call is at this one, until what is returned is dropped.
    pub(super) fn enter(&self, id: Option<Uuid>) -> Option<Entered> {
        let id = id?;
        self.0.send_modify(|underway| underway.push(id));
        Some(Entered { underway: self.clone(), id })
    }

    /// Waits until a call is at this one.
    async fn has(&self, id: Uuid) {
        // It fails when the sender is gone, which lives as long as this.
        let _ = self.0.subscribe().wait_for(|underway| underway.contains(&id)).await;
    }
}

/// A call that is at a request.
pub(super) struct Entered {
    underway: Underway,
    id: Uuid,
}

impl Drop for Entered {
    fn drop(&mut self) {
        self.underway.0.send_modify(|underway| {
            if let Some(at) = underway.iter().position(|id| *id == self.id) {
                underway.swap_remove(at);
            }
        });
    }
}

impl Session {
    /// What became of the write with this id: that of its request, or that of the query, which has one too.
    ///
    /// # Errors
    /// The engine's, and those of a session that has ended.
    pub async fn write_outcome(&self, id: Uuid) -> Result<WriteOutcome> {
        let _work = self.start()?;
        // The engine answers when it is free. The write itself may come and take it meanwhile, for as long as it runs.
        tokio::select! {
            biased;
            () = self.underway.has(id) => Ok(WriteOutcome::Running),
            outcome = self.looked_up(id) => outcome,
        }
    }

    /// What the engine knows of the write with this id, when no call is at it.
    async fn looked_up(&self, id: Uuid) -> Result<WriteOutcome> {
        let engine = self.fix_engine();
        if engine.is_pending(id).await.map_err(|error| self.explain(error))? {
            return Ok(WriteOutcome::Running);
        }
        if let Some(outcome) = self.statement_log.lock().outcome(id) {
            return Ok(outcome);
        }
        let is_here = self.remembers(id) || engine.receipt(id).await.map_err(|error| self.explain(error))?.is_some();
        let was_elsewhere = self.epoch() != Epoch::FIRST && !self.engine_of().facts().shared;
        Ok(match is_here {
            true => WriteOutcome::Committed,
            false if was_elsewhere || !QueryId::may_have_receipt(id) => WriteOutcome::Unknown,
            false => WriteOutcome::Aborted,
        })
    }
}
