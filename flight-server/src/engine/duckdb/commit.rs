//! How a session's transactions are committed: with receipts of the writes in them, and on a lake with the session's mark.

use std::sync::Arc;

use parking_lot::Mutex;
use uuid::Uuid;

use super::ffi::Connection;
use super::instance::Instance;
use super::internal;
use super::lake::{self, CommitNote};
use super::receipts::Statements;
use crate::engine::{Holder, Receipt};
use crate::error::Result;
use crate::failpoint::failpoint;

/// What a commit takes.
pub(super) struct Commit {
    pub(super) instance: Arc<Instance>,
    pub(super) holder: Arc<Holder>,
    /// What the client wants the commit to say.
    pub(super) note: CommitNote,
    /// What was asked for in the transaction by requests that may come again.
    pub(super) receipts: Vec<Receipt>,
    /// What writes them on this connection.
    pub(super) statements: Arc<Mutex<Statements>>,
    /// Whether the transaction may have changed the lake.
    pub(super) changes_lake: bool,
}

impl Commit {
    /// The same, for a transaction in which this was done too.
    pub(super) fn with(mut self, receipt: Option<Receipt>) -> Self {
        self.receipts.extend(receipt);
        self
    }

    /// The ids that clients have given what is in the transaction.
    pub(super) fn asked_for(&self) -> impl Iterator<Item = Uuid> {
        self.receipts.iter().map(|receipt| &receipt.request).filter(|request| !request.is_own).map(|request| request.id)
    }

    /// Puts into the open transaction what is to be committed with it.
    ///
    /// # Errors
    /// The engine's; `LAKE_UNAVAILABLE` when the catalog's database does not answer.
    pub(super) fn prepare(self, connection: &Connection) -> Result<PreparedCommit> {
        failpoint!("commit.before", crate::failpoint::error());
        if !self.changes_lake && !connection.transaction_changes() {
            return Ok(PreparedCommit { commit: self, is_of_session: true });
        }
        match (&self.instance.lake, &self.instance.receipts) {
            (Some(_), _) if self.changes_lake => lake::mark(connection, &self.holder, &self.note, &self.receipts)?,
            (None, Some(receipts)) => {
                receipts.write(connection, &mut self.statements.lock(), &self.holder, &self.receipts)?;
            }
            _ => {}
        }
        failpoint!("commit.prepared", crate::failpoint::error());
        Ok(PreparedCommit { commit: self, is_of_session: false })
    }

    /// Commits the open transaction; see [`PreparedCommit::finish`]. When that fails, it is still to be rolled back.
    ///
    /// # Errors
    /// The engine's.
    pub(super) fn run(self, connection: &Connection) -> Result<Vec<Receipt>> {
        let prepared = self.prepare(connection)?;
        internal::run(connection, "COMMIT")?;
        Ok(prepared.finish())
    }

    /// Brings the receipts in order where they are.
    fn tidy(&self) {
        let done = match (&self.instance.lake, &self.instance.receipts) {
            _ if self.receipts.is_empty() => Ok(()),
            // A transaction that changed no row of the lake has left no trace there.
            (Some(lake), _) => lake.keep_receipts(&self.holder, &self.receipts),
            (None, Some(receipts)) if receipts.is_clean_due(self.receipts.len()) => {
                self.instance.connect().and_then(|connection| receipts.clean(&connection))
            }
            (None, _) => Ok(()),
        };
        if let Err(error) = done {
            tracing::warn!(%error, "receipts were not brought in order; nothing is lost");
        }
    }
}

/// A commit for which all is prepared but the word.
pub(super) struct PreparedCommit {
    commit: Commit,
    /// The transaction has changed nothing but what goes with the session: no database keeps its receipts.
    is_of_session: bool,
}

impl PreparedCommit {
    /// Does what is left when it is committed, and returns the receipts that go to the session's journal. It never fails: the commit
    /// has been made.
    #[must_use]
    pub(super) fn finish(self) -> Vec<Receipt> {
        failpoint!("commit.made");
        if self.is_of_session {
            return self.commit.receipts;
        }
        self.commit.tidy();
        Vec::new()
    }
}
