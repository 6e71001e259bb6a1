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
    pub(super) fn prepare(&self, connection: &Connection) -> Result<()> {
        match (&self.instance.lake, &self.instance.receipts) {
            (Some(_), _) if self.changes_lake => lake::mark(connection, &self.holder, &self.note, &self.receipts),
            (Some(_), _) => Ok(()),
            (None, Some(receipts)) => {
                receipts.write(connection, &mut self.statements.lock(), &self.holder, &self.receipts)
            }
            (None, None) => Ok(()),
        }
    }

    /// What is left to be done when it is committed. It never fails: the commit has been made.
    pub(super) fn finish(&self) {
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

    /// Commits the open transaction. When that fails, it is still to be rolled back.
    ///
    /// # Errors
    /// The engine's.
    pub(super) fn run(&self, connection: &Connection) -> Result<()> {
        self.prepare(connection)?;
        internal::run(connection, "COMMIT")?;
        self.finish();
        Ok(())
    }
}
