//! Writes that may be sent again: applied once, with a receipt by which whoever sends them again gets the first answer.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use uuid::Uuid;

use super::super::change::change;
use super::super::commit::Commit;
use super::super::errors;
use super::super::ffi::{Extracted, Reach};
use super::super::interrupt::Run;
use super::super::receipts::MOST_KNOWN;
use super::super::statement;
use super::{Executed, Form, LONGEST_WAIT, Lane, ParameterRows, RETRY_FOR};
use crate::engine::{Receipt, Request, Returned, Statement, StatementKind, TransactionStatus};
use crate::error::{Error, ErrorCode, Result, SqlState};

/// Which receipts the session has.
#[derive(Default)]
pub(super) enum Known {
    /// It was not asked for yet.
    #[default]
    Not,
    /// Those with these ids.
    All(HashSet<Uuid>),
    /// More than are remembered.
    TooMany,
}

/// What a text with a request id does.
enum Does {
    /// Nothing that could be done twice.
    Harmless,
    /// It commits the open transaction.
    Commits,
    /// It writes.
    Writes,
}

impl Does {
    fn of(reaches: &[Reach]) -> Result<Self> {
        let kind = |reach: &Reach| match reach.is_wrapped {
            true => StatementKind::Other,
            false => statement::kind(reach.ty),
        };
        match reaches {
            [only] if kind(only) == StatementKind::Transaction => {
                Ok(if only.commits { Self::Commits } else { Self::Harmless })
            }
            all if all.iter().any(|reach| kind(reach) == StatementKind::Transaction) => Err(Error::new(
                ErrorCode::RequestInvalid,
                "a request id can't be kept for a text that begins or ends transactions among other statements; send them one \
                 by one, each with an id of its own",
            )),
            all if all.iter().all(|reach| matches!(kind(reach), StatementKind::Read | StatementKind::Setting)) => {
                Ok(Self::Harmless)
            }
            _ => Ok(Self::Writes),
        }
    }
}

impl Lane {
    /// The receipt of a write of this session, if it was applied, or waits to be committed with the open transaction.
    pub(in super::super) fn receipt(&mut self, id: Uuid, run: &Run) -> Result<Option<Receipt>> {
        if self.is_pending(id) {
            return Ok(self.pending.iter().find(|receipt| receipt.request.id == id).cloned());
        }
        if let Some(receipt) = self.journaled.find(id) {
            return Ok(Some(receipt));
        }
        if self.status.get() == TransactionStatus::Failed {
            // It answers nothing, and is rolled back.
            return Ok(None);
        }
        if !self.may_be_known(id, run)? {
            return Ok(None);
        }
        let (instance, holder) = (Arc::clone(&self.instance), Arc::clone(&self.holder));
        match (&instance.lake, &instance.receipts) {
            (Some(lake), _) => lake.receipt(&holder, id),
            (None, Some(receipts)) => {
                let statements = Arc::clone(&self.statements);
                receipts.find(self.connection(run)?, &mut statements.lock(), &holder, id)
            }
            (None, None) => Ok(None),
        }
    }

    /// Whether a write waits to be committed with the open transaction. One that is held waits for nobody but its own call.
    pub(in super::super) fn is_pending(&self, id: Uuid) -> bool {
        !self.held && self.pending.iter().any(|receipt| receipt.request.id == id)
    }

    /// Whether there may be a receipt with this id. Nobody else writes any for this session as long as it is here, so that
    /// they are asked for once, and a new id costs no question.
    fn may_be_known(&mut self, id: Uuid, run: &Run) -> Result<bool> {
        if let Known::Not = self.known {
            let (instance, holder) = (Arc::clone(&self.instance), Arc::clone(&self.holder));
            let ids = match (&instance.lake, &instance.receipts) {
                (Some(lake), _) => lake.receipt_ids(&holder)?,
                (None, Some(receipts)) => receipts.ids(self.connection(run)?, &holder)?,
                (None, None) => Some(HashSet::new()),
            };
            self.known = ids.map_or(Known::TooMany, Known::All);
        }
        Ok(match &self.known {
            Known::All(ids) => ids.contains(&id),
            Known::Not | Known::TooMany => true,
        })
    }

    /// Remembers that these are to be found from now on, or might be: they are about to be committed.
    pub(in super::super) fn note_receipts(&mut self, ids: impl Iterator<Item = Uuid>) {
        if let Known::All(known) = &mut self.known {
            known.extend(ids);
            if known.len() > MOST_KNOWN {
                self.known = Known::TooMany;
            }
        }
    }

    /// Executes a text once, however often it is sent with this request.
    pub(super) fn execute_requested(
        &mut self,
        request: &Request,
        statement: &Statement,
        extracted: Extracted,
        parameters: &ParameterRows,
        form: Form,
        run: &Run,
    ) -> Result<Executed> {
        let reaches = (0..extracted.count()).map(|index| Ok(extracted.reach(index)?)).collect::<Result<Vec<_>>>()?;
        let does = match Does::of(&reaches) {
            // The server asks for a receipt of a text that begins with a commit, whatever comes after it.
            _ if request.is_own => match reaches.first() {
                Some(first) if first.commits && !first.is_wrapped => Does::Commits,
                _ => Does::Harmless,
            },
            does => does?,
        };
        if matches!(does, Does::Harmless) {
            return self.execute_extracted(&statement.sql, extracted, parameters, form, run);
        }
        if !request.is_own
            && let Some(receipt) = self.receipt(request.id, run)?
        {
            return self.answer_again(&receipt.checked(request)?, form, run);
        }
        // Asking may have set results aside, and used the connection; what was parsed is still good.
        match (does, self.status.get()) {
            (Does::Commits, TransactionStatus::Open) => {
                let receipt = self.receipt_of_commit(Some(request));
                self.pending.extend(receipt);
                self.execute_extracted(&statement.sql, extracted, parameters, form, run)
            }
            (Does::Writes, TransactionStatus::Open) => {
                let executed = self.execute_extracted(&statement.sql, extracted, parameters, form, run)?;
                self.pending.push(receipt_of(request, &executed));
                Ok(executed)
            }
            (Does::Writes, TransactionStatus::Autocommit) => {
                self.execute_alone(request, statement, extracted, parameters, form, run)
            }
            // There is nothing to commit, or a failed transaction: that is told as always.
            _ => self.execute_extracted(&statement.sql, extracted, parameters, form, run),
        }
    }

    /// Executes a text as a transaction of its own, which has the receipt in it; again while other transactions are in its way. One
    /// that has changed both what goes with the session and other tables is left open: the session's store has to know of it before
    /// it is committed.
    fn execute_alone(
        &mut self,
        request: &Request,
        statement: &Statement,
        extracted: Extracted,
        parameters: &ParameterRows,
        form: Form,
        run: &Run,
    ) -> Result<Executed> {
        let (start, mut wait) = (Instant::now(), Duration::from_millis(1));
        let mut extracted = Some(extracted);
        loop {
            let parsed = match extracted.take() {
                Some(parsed) => parsed,
                // DuckDB has moved the statements out of what was parsed.
                None => self.connection(run)?.extract(&statement.sql)?,
            };
            // A statement by itself changes one database.
            let may_change_both = parsed.count() > 1;
            self.begin(run)?;
            let executed = self.execute_extracted(&statement.sql, parsed, parameters, form, run);
            let done = executed.and_then(|executed| {
                self.pending.push(receipt_of(request, &executed));
                if may_change_both && self.changes_both(run)? {
                    self.hold();
                    return Ok(executed);
                }
                self.commit(None, run).map(|()| executed)
            });
            let error = match done {
                Ok(executed) => return Ok(executed),
                Err(error) => error,
            };
            if let Err(error) = self.roll_back(run) {
                tracing::debug!(%error, "the transaction was over already");
            }
            if error.sqlstate != SqlState("40001") || start.elapsed() >= RETRY_FOR {
                return Err(error);
            }
            if run.wait(wait) {
                return Err(errors::cancelled());
            }
            wait = (wait * 2).min(LONGEST_WAIT);
        }
    }

    /// Whether the open transaction has changed both what goes with the session and other tables.
    fn changes_both(&mut self, run: &Run) -> Result<bool> {
        if self.changes_session_alone() {
            return Ok(false);
        }
        // What is asked next ends a result that is being read.
        self.connection(run)?;
        self.note_changes()?;
        Ok(self.changes_session())
    }

    /// The first answer to a write that was applied before.
    fn answer_again(&mut self, receipt: &Receipt, form: Form, run: &Run) -> Result<Executed> {
        tracing::info!(request = %receipt.request.id, "a write came again and was not applied again");
        if let Some((schema, batches)) = receipt.returned.batches()? {
            let (kind, changed) = (StatementKind::Write, receipt.changed);
            return Ok(Executed { kind, schema, batches, cursor: None, changed, is_update: false, state: Vec::new() });
        }
        if receipt.returned.is_any() {
            return Err(Error::new(
                ErrorCode::ResultGone,
                "the statement was applied when it first came, and not again; the rows that it answered with were too many to \
                 be kept, so read them from where it has written them",
            ));
        }
        // As the engine reports changed rows, with the same column.
        let sql = match receipt.changed {
            Some(changed) => format!("SELECT {changed}::BIGINT AS \"Count\""),
            None => "SELECT NULL::BIGINT AS \"Count\" LIMIT 0".to_owned(),
        };
        let kind = if receipt.changed.is_some() { StatementKind::Write } else { StatementKind::Other };
        let prepared = self.connection(run)?.extract(&sql)?.prepare(0)?;
        let executed = change(&prepared, ParameterRows::new(&[])?, kind, true, form, run)?;
        Ok(Executed { changed: receipt.changed, ..executed })
    }

    /// What is kept of a commit that was asked for by this request.
    pub(super) fn receipt_of_commit(&self, request: Option<&Request>) -> Option<Receipt> {
        let changes = || self.connection.as_ref().is_some_and(|connection| connection.transaction_changes());
        let request =
            request.filter(|request| !request.is_own || self.changes_lake || changes() || self.changes_session())?;
        Some(Receipt { request: request.clone(), changed: None, returned: Returned::Nothing })
    }

    /// What the next commit of the session takes; `changes_lake` where it may have changed the lake.
    pub(in super::super) fn commit_of(&self, changes_lake: bool) -> Commit {
        Commit {
            instance: Arc::clone(&self.instance),
            holder: Arc::clone(&self.holder),
            note: self.note.clone(),
            receipts: self.pending.clone(),
            statements: Arc::clone(&self.statements),
            changes_lake,
        }
    }
}

fn receipt_of(request: &Request, executed: &Executed) -> Receipt {
    let returned = match (executed.is_update, &executed.cursor) {
        (true, _) => Returned::Nothing,
        (false, None) => Returned::rows(&executed.schema, &executed.batches),
        // More are to come than are kept.
        (false, Some(_)) => Returned::Unkept,
    };
    Receipt { request: request.clone(), changed: executed.changed, returned }
}
