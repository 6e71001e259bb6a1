//! What has changed in a session's state, noted until it is told.

use super::{Lane, closed};
use crate::engine::duckdb::internal;
use crate::engine::duckdb::interrupt::Run;
use crate::engine::duckdb::state::SessionState;
use crate::engine::{StateEntry, TransactionStatus};
use crate::error::Result;

impl Lane {
    /// Runs a statement of the server's own that sets something of the session; what has changed by it.
    pub(in crate::engine::duckdb) fn set(&mut self, sql: &str, run: &Run) -> Result<Vec<StateEntry>> {
        self.inserts.forget();
        internal::run(self.connection(run)?, sql)?;
        self.state_changes()
    }

    /// What has changed in the session's state since it was last told.
    pub(super) fn state_changes(&mut self) -> Result<Vec<StateEntry>> {
        self.note_changes()?;
        Ok(std::mem::take(&mut self.noted))
    }

    /// What is to be told with the next success, of what was noted already.
    pub(in crate::engine::duckdb) fn take_noted(&mut self) -> Vec<StateEntry> {
        std::mem::take(&mut self.noted)
    }

    /// Notes how far the session's own sequences have come.
    pub(super) fn note_sequences(&mut self) -> Result<()> {
        let Some(connection) = &self.connection else { return Err(closed()) };
        if self.status.get() != TransactionStatus::Failed
            && let Some(now) = self.state.with_sequences(connection, &self.tables)?
        {
            self.noted.extend(now.changes_since(&self.state, &self.fresh));
            self.state = now;
        }
        Ok(())
    }

    /// Notes all that has changed.
    pub(super) fn note_changes(&mut self) -> Result<()> {
        let Some(connection) = &self.connection else { return Err(closed()) };
        // A failed transaction answers nothing until it is rolled back; the next question finds what is missing.
        if self.status.get() != TransactionStatus::Failed {
            let mut now = SessionState::of(connection, &self.instance.settings, &self.tables)?;
            // What the open transaction has made or dropped ends with it when the node does.
            self.objects_wait = self.status.get() == TransactionStatus::Open && now.take_objects_of(&self.state);
            self.noted.extend(now.changes_since(&self.state, &self.fresh));
            self.state = now;
        }
        Ok(())
    }
}
