//! A session's transactions: when one is open, and what it takes to end it.

use std::sync::atomic::{AtomicU8, Ordering};

use super::super::commit::PreparedCommit;
use super::super::ffi::Connection;
use super::super::internal;
use super::super::interrupt::Run;
use super::super::lake::CommitNote;
use super::Lane;
use crate::engine::{Receipt, Request, StateEntry, TransactionStatus};
use crate::error::{Error, ErrorCode, Result, SqlState};

/// The transaction status, readable without the lane.
#[derive(Default)]
pub(in super::super) struct SharedStatus(AtomicU8);

impl SharedStatus {
    pub(in super::super) fn get(&self) -> TransactionStatus {
        match self.0.load(Ordering::Acquire) {
            0 => TransactionStatus::Autocommit,
            1 => TransactionStatus::Open,
            _ => TransactionStatus::Failed,
        }
    }

    pub(in super::super) fn set(&self, status: TransactionStatus) {
        let number = match status {
            TransactionStatus::Autocommit => 0,
            TransactionStatus::Open => 1,
            TransactionStatus::Failed => 2,
        };
        self.0.store(number, Ordering::Release);
    }
}

impl Lane {
    /// Opens a transaction.
    pub(in super::super) fn begin(&mut self, run: &Run) -> Result<()> {
        self.drop_held();
        if self.status.get() == TransactionStatus::Autocommit {
            internal::run(self.connection(run)?, "BEGIN TRANSACTION")?;
            self.status.set(TransactionStatus::Open);
        }
        Ok(())
    }

    /// Commits the transaction. It is over even when that fails.
    pub(in super::super) fn commit(&mut self, request: Option<&Request>, run: &Run) -> Result<()> {
        if std::mem::take(&mut self.held) {
            self.status.set(TransactionStatus::Open);
        }
        match self.status.get() {
            TransactionStatus::Autocommit => return Ok(()),
            TransactionStatus::Failed => return Err(self.roll_back_instead(run)),
            TransactionStatus::Open => {}
        }
        let receipt = self.receipt_of_commit(request);
        let commit = self.commit_of(self.changes_lake).with(receipt);
        self.note_receipts(commit.asked_for());
        let committed = self.connection(run).and_then(|connection| commit.run(connection));
        if committed.is_err() {
            self.end(run);
        }
        self.ended();
        self.journal(committed?);
        Ok(())
    }

    /// What the commit of the open transaction is going to change in the session's state, with its temporary tables in the spool as
    /// they are in it; `None` where no database holds anything that it has changed, and so not its receipt either.
    pub(in super::super) fn state_of_commit(&mut self, run: &Run) -> Result<Option<Vec<StateEntry>>> {
        if self.changes_session_alone() {
            return Ok(None);
        }
        if !(self.held || self.status.get() == TransactionStatus::Open) || !self.changes_session() {
            return Ok(Some(Vec::new()));
        }
        let state = self.connection(run).map(|_| ()).and_then(|()| self.foresee_state());
        if state.is_err() {
            self.end(run);
        }
        state.map(Some)
    }

    /// Keeps the open transaction for its commit, which comes next, or never: nobody else is to find it open.
    pub(super) fn hold(&mut self) {
        self.held = true;
        self.status.set(TransactionStatus::Autocommit);
    }

    /// Whether a transaction is kept for its commit.
    pub(in super::super) fn is_held(&self) -> bool {
        self.held
    }

    /// Rolls a transaction back whose commit has not come.
    pub(in super::super) fn drop_held(&mut self) {
        if std::mem::take(&mut self.held) {
            let rolled_back = self.connection.as_ref().map(|connection| internal::run(connection, "ROLLBACK"));
            if let Some(Err(error)) = rolled_back {
                tracing::debug!(%error, "the transaction was over already");
            }
            self.ended();
        }
    }

    /// Whether the open transaction has changed what goes with the session.
    pub(super) fn changes_session(&self) -> bool {
        self.objects_wait || self.tables.touched.any()
    }

    /// Whether it has changed nothing else.
    pub(super) fn changes_session_alone(&self) -> bool {
        !self.changes_lake && self.connection.as_ref().is_some_and(|connection| !connection.transaction_changes())
    }

    /// Keeps receipts with the session's state: they are told with it.
    pub(in super::super) fn journal(&mut self, receipts: Vec<Receipt>) {
        self.noted.extend(self.journaled.keep(receipts));
    }

    /// What the end of the transaction has changed in the session beyond what its statements told.
    pub(in super::super) fn state_after_transaction(&mut self, run: &Run) -> Result<Vec<StateEntry>> {
        if !self.changes_session() || self.status.get() != TransactionStatus::Autocommit {
            return Ok(self.take_noted());
        }
        self.connection(run)?;
        self.state_with_tables()
    }

    /// No transaction is open any more.
    fn ended(&mut self) {
        self.status.set(TransactionStatus::Autocommit);
        self.changes_lake = false;
        self.note = CommitNote::default();
        self.pending.clear();
        self.committing = false;
    }

    /// Rolls the transaction back. It is over even when that fails.
    pub(in super::super) fn roll_back(&mut self, run: &Run) -> Result<()> {
        self.drop_held();
        if self.status.get() == TransactionStatus::Autocommit {
            return Ok(());
        }
        let rolled_back = internal::run(self.connection(run)?, "ROLLBACK");
        self.ended();
        rolled_back
    }

    /// Sees to it that no transaction is open after a commit that failed, wherever it did: its client is told that it failed, and
    /// would take what it writes next, and reads of what it wrote before, to be outside of it.
    pub(super) fn end(&mut self, run: &Run) {
        self.probe_status();
        if let Err(error) = self.roll_back(run) {
            tracing::debug!(%error, "the transaction was over already");
        }
    }

    /// Rolls an aborted transaction back that was to be committed. DuckDB would do the same and call it a success, so that
    /// its client would take for written what is not.
    fn roll_back_instead(&mut self, run: &Run) -> Error {
        if let Err(error) = self.roll_back(run) {
            return error;
        }
        Error::new(
            ErrorCode::StatementFailed,
            "the transaction was rolled back and nothing of it is written, because a statement in it had failed before the \
             COMMIT; run it again from its beginning",
        )
        .with_sqlstate(SqlState("25P02"))
    }

    /// Asks DuckDB what its transaction status is.
    pub(in super::super) fn probe_status(&mut self) {
        if self.held {
            return;
        }
        match self.connection.as_ref().map(Connection::transaction) {
            Some(TransactionStatus::Autocommit) => self.ended(),
            Some(status) => self.status.set(status),
            None => {}
        }
    }

    /// Rows were written in the open transaction, by a request that may come again where there is a receipt.
    pub(in super::super) fn wrote(&mut self, receipt: Option<Receipt>) {
        let is_lake = self.instance.lake.is_some();
        self.changes_lake |= is_lake && self.connection.as_ref().is_some_and(Connection::transaction_changes);
        self.pending.extend(receipt);
    }

    /// What has to be done before a transaction is committed by a statement, and is finished after it. When it fails, or the
    /// statement does, there is no transaction any more.
    pub(super) fn before_commit(&mut self, run: &Run) -> Result<Option<PreparedCommit>> {
        self.committing = true;
        match self.status.get() {
            TransactionStatus::Failed => return Err(self.roll_back_instead(run)),
            TransactionStatus::Open if self.changes_lake || !self.pending.is_empty() => {}
            _ => return Ok(None),
        }
        let commit = self.commit_of(self.changes_lake);
        self.note_receipts(commit.asked_for());
        commit.prepare(self.connection(run)?).map(Some)
    }
}
