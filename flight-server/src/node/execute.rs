//! Running statements: counted, in order, and with their state journaled before their client has its answer.

use futures::StreamExt as _;

use super::deadline::Deadline;
use super::failure;
use super::own_options;
use super::receipts::again;
use super::session::{Session, Turn, Work};
use crate::engine::{Ingest, Outcome, Request, Rows, Statement, StatementKind};
use crate::error::Result;

impl Session {
    /// Executes a statement. It counts as running until the rows of the outcome are dropped.
    ///
    /// What it changed in the session is in the store when this returns.
    ///
    /// # Errors
    /// The engine's; those of a session that has ended; `STORE_UNAVAILABLE` when the state it changed could not be
    /// written (the statement itself was applied, and its state is written with the next one); `SESSION_MOVED` when
    /// the write was refused because another node owns the session: its state here is dropped then.
    pub async fn execute(&self, statement: Statement) -> Result<Outcome> {
        let work = self.start()?;
        let query = statement.query.filter(|_| statement.request.is_none());
        let _underway = self.underway.enter(statement.request.as_ref().map(|request| request.id).or(query));
        let mut turn = self.turn.lock().await;
        // It may have waited long enough for the session or the lease to end.
        self.check()?;
        // A statement must not rest on state that a takeover would lose, so what is left over goes first.
        self.write_state(&mut turn, &[]).await?;
        let statement = match self.answer_to(&statement.sql).await? {
            Some(sql) => Statement { sql: sql.into(), ..statement },
            None => statement,
        };
        if let Some(request) = &statement.request
            && let Some(receipt) = self.remembered(request)?
        {
            return again(receipt.changed);
        }
        let found = self.before_statement(&mut turn, &statement.sql, statement.request.as_ref()).await?;
        if found.is_committed {
            return again(None);
        }
        let statement = Statement { request: found.request.clone(), ..statement };

        let before = self.current_transaction();
        let request = statement.request.clone();
        let deadline = self.deadline();
        let executed = deadline.within(self.fix_engine().execute(statement)).await;
        let executed = match executed {
            Ok(outcome) if outcome.is_held => self.commit_held(&mut turn, outcome, request.as_ref()).await,
            executed => executed,
        };
        self.follow_transaction(before.as_ref(), executed.as_ref().ok().map(|outcome| outcome.kind));
        let mark = self.after_statement(&found);
        self.log_statement(query, &found, executed.as_ref().ok().map(|outcome| outcome.kind));
        self.keep_receipt(request.as_ref(), &executed, executed.as_ref().ok().and_then(|outcome| outcome.changed));
        let mut outcome = match executed {
            Ok(outcome) => outcome,
            Err(error) => {
                self.write_state(&mut turn, mark.as_slice()).await?;
                return Err(self.explain(error));
            }
        };
        outcome.state.extend(mark);
        if let Err(error) = self.write_state(&mut turn, &outcome.state).await {
            self.note_untold(&found);
            return Err(failure::after_statement(outcome.kind, error));
        }
        drop(turn);

        outcome.rows = counted(self.explain_rows(deadline.over(outcome.rows)), work);
        Ok(outcome)
    }
}

impl Session {
    /// Commits a text that has changed both what goes with the session and other tables: first the store is told of what the commit
    /// changes in the session, then it is made.
    async fn commit_held(&self, turn: &mut Turn, mut outcome: Outcome, request: Option<&Request>) -> Result<Outcome> {
        let committed = match self.mark_ending(turn, request.map(|request| request.id)).await {
            Ok(()) => self.engine().commit(None).await,
            Err(error) => self.engine().rollback().await.and(Err(error)),
        };
        committed?;
        outcome.state.extend(self.engine().state_after_transaction().await?);
        Ok(outcome)
    }

    /// Until when a statement that begins now may take.
    fn deadline(&self) -> Deadline {
        Deadline::after(own_options::statement_timeout(&self.own_options.lock(), self.core.options.statement_timeout))
    }

    /// Writes rows into a table, all or none; how many.
    ///
    /// # Errors
    /// The engine's; those of a session that has ended; those of the store, as [`Session::execute`].
    pub async fn ingest(&self, rows: Ingest) -> Result<u64> {
        let _work = self.start()?;
        let _underway = self.underway.enter(rows.request.as_ref().map(|request| request.id));
        let mut turn = self.turn.lock().await;
        self.check()?;
        self.write_state(&mut turn, &[]).await?;
        let found = self.before_statement(&mut turn, "", None).await?;
        if let Some(request) = &rows.request
            && let Some(receipt) = self.remembered(request)?
        {
            return Ok(receipt.changed.unwrap_or_default());
        }
        let request = rows.request.clone();
        let written = self.deadline().within(self.fix_engine().ingest(rows)).await;
        self.keep_receipt(request.as_ref(), &written, written.as_ref().ok().map(|written| written.rows));
        self.after_statement(&found);
        let written = written.map_err(|error| self.explain(error))?;
        let saved = self.write_state(&mut turn, &written.state).await;
        saved.map_err(|error| failure::after_statement(StatementKind::Write, error))?;
        Ok(written.rows)
    }
}

/// The same rows, as work that goes on until they are dropped.
fn counted(rows: Rows, work: Work) -> Rows {
    let Rows { schema, batches } = rows;
    let batches = batches.map(move |batch| {
        let _held = &work;
        batch
    });
    Rows { schema, batches: Box::pin(batches) }
}
