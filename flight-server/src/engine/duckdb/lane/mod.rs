//! What happens on a session's connection, one thing at a time. Everything here blocks.

mod journaled;
mod kept_inserts;
mod noted;
mod planned;
mod requested;
mod tables;
mod transaction;

use std::sync::Arc;
use std::time::{Duration, Instant};

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use parking_lot::Mutex;
use typemap::wire::WireOptions;

use self::journaled::JournaledReceipts;
use self::kept_inserts::{KeptInserts, is_worth_keeping};
use self::planned::Planned;
use self::requested::Known;
pub(super) use self::tables::{KeptTables, Spool};
pub(super) use self::transaction::SharedStatus;
use super::bind::ParameterRows;
use super::change::{as_one_transaction, change};
use super::cursor::{Cursor, Step};
use super::errors;
use super::ffi::{Connection, Extracted, Prepared, Reach, release_free_memory};
use super::instance::Instance;
use super::internal;
use super::interrupt::Run;
use super::lake::{self, CommitNote};
use super::live::Live;
use super::own_catalogs;
use super::receipts::Statements;
use super::state::SessionState;
use super::{statement, temporary};
use crate::engine::{Cut, Holder, Receipt, StateEntry, Statement, StatementKind, TransactionStatus};
use crate::error::{Error, ErrorCode, Result, SqlState};
use crate::failpoint::failpoint;

/// How long an autocommit statement is tried again while other transactions are in its way.
pub(super) const RETRY_FOR: Duration = Duration::from_secs(10);
/// The longest wait between two tries.
pub(super) const LONGEST_WAIT: Duration = Duration::from_millis(50);

/// A session's connection, and what is open on it.
pub(super) struct Lane {
    pub(super) instance: Arc<Instance>,
    pub(super) status: Arc<SharedStatus>,
    connection: Option<Connection>,
    cursor: Option<Arc<Cursor>>,
    /// What was planned, while nothing else has been done since.
    planned: Option<Planned>,
    inserts: KeptInserts,
    /// The state of a session in which nothing was set.
    fresh: SessionState,
    state: SessionState,
    /// The temporary tables that are kept, and where.
    tables: KeptTables,
    spool: Option<Spool>,
    /// Something may have been set that is still to be told.
    untold: bool,
    /// The open transaction has changed temporary objects, which is told when it is committed.
    objects_wait: bool,
    /// Changes of the state that are to be told with the next success.
    noted: Vec<StateEntry>,
    holder: Arc<Holder>,
    /// Whether the open transaction may have changed the lake.
    changes_lake: bool,
    /// What the client wants the open transaction's commit to say.
    note: CommitNote,
    /// Receipts that are to be committed with the open transaction.
    pending: Vec<Receipt>,
    /// A statement that commits is on its way: whatever it fails by, the transaction ends.
    committing: bool,
    /// A transaction is open that is to be committed next, or never. No client knows of it.
    held: bool,
    known: Known,
    journaled: JournaledReceipts,
    /// The keys of what could not be brought along from an earlier node.
    lost: Vec<String>,
    /// What finds and writes receipts on the connection.
    statements: Arc<Mutex<Statements>>,
}

/// In what form rows are wanted.
#[derive(Debug, Clone, Copy)]
pub(super) struct Form {
    pub(super) cut: Cut,
    /// Whether rows keep the order that they are stored in.
    pub(super) in_order: bool,
    pub(super) options: WireOptions,
}

/// What executing a statement gave.
pub(super) struct Executed {
    pub(super) kind: StatementKind,
    pub(super) schema: SchemaRef,
    /// Rows that are there already.
    pub(super) batches: Vec<RecordBatch>,
    /// Where the rest of them comes from.
    pub(super) cursor: Option<Arc<Cursor>>,
    pub(super) changed: Option<u64>,
    pub(super) is_update: bool,
    pub(super) state: Vec<StateEntry>,
}

impl Lane {
    /// A lane on a new connection, in the state that `replay` describes.
    pub(super) fn open(
        instance: Arc<Instance>,
        connection: Connection,
        holder: Holder,
        replay: &[StateEntry],
    ) -> Result<Self> {
        super::instance::prepare_connection(&connection, &instance)?;
        let mut tables = KeptTables::default();
        let fresh = SessionState::of(&connection, &instance.settings, &tables)?;
        let spool = instance.snapshots.as_ref().map(|(snapshots, limit)| Spool {
            snapshots: Arc::clone(snapshots),
            session: holder.session.clone(),
            limit: *limit,
        });
        let spool = spool.filter(|spool| !spool.session.is_empty());
        let lost = temporary::restore(&connection, replay, spool.as_ref(), &mut tables, |key, error| {
            let what = format!("the session's {key} could not be set again: {error}");
            Error::new(ErrorCode::SessionUnreclaimable, what)
        })?;
        let lost: Vec<_> = lost.into_iter().map(str::to_owned).collect();
        let state = SessionState::of(&connection, &instance.settings, &tables)?;
        let status = Arc::default();
        Ok(Self {
            instance,
            status,
            connection: Some(connection),
            cursor: None,
            planned: None,
            inserts: KeptInserts::default(),
            fresh,
            state,
            tables,
            spool,
            untold: false,
            objects_wait: false,
            // Nobody is to try them again.
            noted: lost.iter().map(|key| StateEntry { key: key.clone(), sql: None }).collect(),
            lost,
            holder: Arc::new(holder),
            changes_lake: false,
            note: CommitNote::default(),
            pending: Vec::new(),
            committing: false,
            held: false,
            known: Known::default(),
            journaled: JournaledReceipts::of(replay),
            statements: Arc::default(),
        })
    }

    /// What could not be brought along from an earlier node, in the words of people; once.
    pub(super) fn take_lost(&mut self) -> Vec<String> {
        std::mem::take(&mut self.lost)
    }

    /// The connection, free for another statement: the rest of an open result is set aside first.
    pub(super) fn connection(&mut self, run: &Run) -> Result<&Connection> {
        self.planned = None;
        if let Some(cursor) = self.cursor.take() {
            if cursor.is_abandoned() {
                cursor.discard();
            } else if let Err(error) = cursor.set_aside(&self.instance.temp_dir, run) {
                self.cursor = Some(cursor);
                return Err(error);
            }
        }
        self.connection.as_ref().ok_or_else(closed)
    }

    /// Ends everything on the connection, and closes it.
    pub(super) fn close(&mut self) {
        if let Some(cursor) = self.cursor.take() {
            cursor.cut_off(closed());
        }
        self.planned = None;
        self.inserts.forget();
        *self.statements.lock() = Statements::default();
        // What the session did not commit must not outlive it in a result somebody still holds.
        if let Some(connection) = self.connection.take()
            && (self.held || self.status.get() != TransactionStatus::Autocommit)
            && let Err(error) = internal::run(&connection, "ROLLBACK")
        {
            tracing::debug!(%error, "the transaction of a closed session was over already");
        }
        self.status.set(TransactionStatus::Autocommit);
    }

    /// Executes a statement: completely, or, when it reads, up to its first batch.
    pub(super) fn execute(&mut self, statement: &Statement, options: WireOptions, run: &Run) -> Result<Executed> {
        self.drop_held();
        self.remove_doomed();
        let before = self.status.get();
        let executed = self.execute_all(statement, options, run);
        match &executed {
            Ok(Executed { kind: StatementKind::Transaction | StatementKind::Other, cursor: None, .. }) => {
                self.probe_status();
            }
            Err(_) if self.committing => self.end(run),
            // A failure may have aborted the transaction.
            Err(_) if before != TransactionStatus::Autocommit => self.probe_status(),
            _ => {}
        }
        if executed.is_err() {
            self.untold = true;
            self.inserts.forget();
        }
        let mut executed = executed?;
        if self.held {
            return Ok(executed);
        }
        let has_kept = self.tables.touched.any() && self.status.get() == TransactionStatus::Autocommit;
        // What cannot be told below is told with the next success.
        self.untold |= has_kept || !matches!(executed.kind, StatementKind::Read | StatementKind::Write);
        if has_kept || self.state.has_sequences() {
            // The rest of the rows may move a sequence on, and is in the way of reading a table: it is computed now.
            self.connection(run)?;
        }
        if self.untold && self.cursor.is_none() {
            self.keep_tables()?;
            self.note_changes()?;
            self.untold = false;
        } else if self.state.has_sequences() {
            self.note_sequences()?;
        }
        executed.state = std::mem::take(&mut self.noted);
        Ok(executed)
    }

    fn execute_all(&mut self, statement: &Statement, options: WireOptions, run: &Run) -> Result<Executed> {
        let form = Form { cut: statement.cut, in_order: statement.in_order, options };
        if let Some(executed) = self.execute_planned(statement, form, run)? {
            return Ok(executed);
        }
        let extracted = self.connection(run)?.extract(&statement.sql)?;
        if extracted.count() == 0 {
            return Err(no_statement());
        }
        let parameters = ParameterRows::new(&statement.parameters)?;
        if extracted.count() > 1 && !parameters.is_empty() {
            return Err(several_with_parameters());
        }
        match &statement.request {
            Some(request) => self.execute_requested(request, statement, extracted, &parameters, form, run),
            None => self.execute_extracted(&statement.sql, extracted, &parameters, form, run),
        }
    }

    fn execute_extracted(
        &mut self,
        sql: &str,
        mut extracted: Extracted,
        parameters: &ParameterRows,
        form: Form,
        run: &Run,
    ) -> Result<Executed> {
        let count = extracted.count();
        let mut kinds = Vec::new();
        for index in 0..count {
            // Once the last one reads, asking anything would end its stream.
            if index + 1 == count && count > 1 {
                self.note_changes()?;
            }
            let mut executed = self.execute_with_retry(sql, &mut extracted, index, parameters, form, run)?;
            kinds.push(executed.kind);
            if index + 1 == count {
                if count > 1 && kinds.iter().any(|kind| *kind != StatementKind::Read) {
                    // What is done after a statement is done after a text that has such a statement in it.
                    executed.kind = match kinds.contains(&StatementKind::Transaction) {
                        true => StatementKind::Transaction,
                        false => StatementKind::Other,
                    };
                }
                return Ok(executed);
            }
            self.read_to_end(executed, run)?;
            if kinds.last() == Some(&StatementKind::Transaction) {
                self.probe_status();
            }
        }
        Err(no_statement())
    }

    /// Reads a result that nobody wants, to find out whether it fails.
    fn read_to_end(&mut self, executed: Executed, run: &Run) -> Result<()> {
        if let Some(cursor) = executed.cursor {
            while let Step::Batch(_) = cursor.next(run)? {}
            self.cursor = None;
        }
        Ok(())
    }

    /// Executes the statement at `index`, again if other transactions are in its way and it is safe: it is a
    /// transaction of its own, and was rolled back.
    fn execute_with_retry(
        &mut self,
        sql: &str,
        extracted: &mut Extracted,
        index: u64,
        parameters: &ParameterRows,
        form: Form,
        run: &Run,
    ) -> Result<Executed> {
        let start = Instant::now();
        let mut wait = Duration::from_millis(1);
        loop {
            let alone = self.status.get() == TransactionStatus::Autocommit;
            match self.execute_once(sql, extracted, index, parameters.clone(), form, run) {
                Err(error) if alone && error.sqlstate == SqlState("40001") && start.elapsed() < RETRY_FOR => {
                    if run.wait(wait) {
                        return Err(errors::cancelled());
                    }
                    wait = (wait * 2).min(LONGEST_WAIT);
                    // DuckDB has moved the statement out of what was parsed.
                    *extracted = self.connection(run)?.extract(sql)?;
                }
                result => return result,
            }
        }
    }

    fn execute_once(
        &mut self,
        sql: &str,
        extracted: &mut Extracted,
        index: u64,
        parameters: ParameterRows,
        form: Form,
        run: &Run,
    ) -> Result<Executed> {
        let alone = self.status.get() == TransactionStatus::Autocommit;
        let instance = Arc::clone(&self.instance);
        let reach = extracted.reach(index)?;
        statement::check_allowed(&reach, sql, &instance.writable)?;
        let commit = if reach.commits && !reach.is_wrapped { self.before_commit(run)? } else { None };
        let note = if instance.lake.is_some() { extracted.commit_note(index)? } else { None };
        // Of a statement that is a transaction of its own.
        let own_commit = self.commit_of(instance.lake.is_some());
        self.connection(run)?;
        if !matches!(statement::kind(reach.ty), StatementKind::Read | StatementKind::Write | StatementKind::Transaction)
        {
            // A name may stand for something else after it, or a text for another value.
            self.inserts.forget();
        }
        let (place, kept) = match extracted.count() == 1 && is_worth_keeping(&parameters) {
            true => self.kept_insert(sql, &reach),
            false => (None, None),
        };
        let connection = self.connection.as_ref().ok_or_else(closed)?;
        let (place, prepared) = match kept {
            Some(prepared) => (place, prepared),
            None => {
                let prepared = run.interruptible(|| extracted.prepare(index))?;
                (place.filter(|_| prepared.inserts_alike()), prepared)
            }
        };
        own_catalogs::check_untouched(&prepared)?;
        let changes_lake = instance.lake.is_some() && may_change_lake(&prepared, &reach);
        let kind = statement::kind(prepared.statement_type());
        if self.spool.is_some() {
            self.tables.touched.by(&prepared, kind);
        }
        if run.is_cancelled() {
            return Err(errors::cancelled());
        }
        failpoint!("statement.before", crate::failpoint::error());
        let _alone_in_catalog = (alone && kind == StatementKind::Definition).then(|| instance.catalog.lock());
        if kind == StatementKind::Read {
            prepared.keep_plan();
            return self.read(prepared, parameters, form, run);
        }
        let is_update = statement::is_update(prepared.statement_type(), Some(&prepared.columns()), sql);
        let as_one = alone && (parameters.len() > 1 || changes_lake);
        let work = || change(&prepared, parameters, kind, is_update, form, run);
        let changed = if as_one { as_one_transaction(connection, work, |_| own_commit) } else { work() };
        if let (Ok(_), Some(place)) = (&changed, place) {
            self.inserts.put(place, prepared);
        }
        if as_one {
            return changed;
        }
        failpoint!("statement.done");
        if let (Ok(_), Some(commit)) = (&changed, commit) {
            self.journal(commit.finish());
        }
        self.changes_lake |= changes_lake && !alone;
        if let (true, Some(note)) = (changed.is_ok() && !alone, note) {
            self.note = note;
        }
        changed
    }

    fn read(&mut self, prepared: Prepared, mut parameters: ParameterRows, form: Form, run: &Run) -> Result<Executed> {
        parameters.bind_first(&prepared)?;
        let live = run.interruptible(|| Live::execute(prepared, parameters, form))?;
        let schema = Arc::clone(live.schema());
        let cursor = Cursor::new(live);
        // The first rows are computed at once: most results have no more, and a failure comes as the call's own.
        let mut batches = Vec::new();
        if let Step::Batch(batch) = cursor.next(run)? {
            batches.push(batch);
        }
        let cursor = cursor.is_live().then_some(cursor);
        self.cursor.clone_from(&cursor);
        Ok(Executed {
            kind: StatementKind::Read,
            schema,
            batches,
            cursor,
            changed: None,
            is_update: false,
            state: Vec::new(),
        })
    }

    /// The next batch of a cursor.
    pub(super) fn fetch(&mut self, cursor: &Arc<Cursor>, run: &Run) -> Result<Step> {
        let step = cursor.next(run);
        if !cursor.is_live() && self.cursor.as_ref().is_some_and(|open| Arc::ptr_eq(open, cursor)) {
            self.cursor = None;
        }
        if step.is_err() && self.status.get() != TransactionStatus::Autocommit {
            self.probe_status();
        }
        step
    }

    /// Frees what an abandoned cursor holds.
    pub(super) fn discard(&mut self, cursor: &Arc<Cursor>) {
        cursor.discard();
        if self.cursor.as_ref().is_some_and(|open| Arc::ptr_eq(open, cursor)) {
            self.cursor = None;
        }
        // DuckDB frees an unfinished stream's memory only when the next statement begins, which would end one that is live.
        if self.cursor.is_none()
            && let Some(connection) = &self.connection
            && let Err(error) = internal::run(connection, "SELECT 1")
        {
            tracing::debug!(%error, "the statement that frees an abandoned result failed");
        }
        release_free_memory();
    }
}

/// Whether running a statement may change the lake: by what DuckDB has planned, or by a function, of which that is not known.
fn may_change_lake(prepared: &Prepared, reach: &Reach) -> bool {
    statement::is_call(reach.ty) || prepared.changes(lake::CATALOG)
}

pub(super) fn several_with_parameters() -> Error {
    Error::new(
        ErrorCode::RequestInvalid,
        "a text of several statements takes no parameters; run the statements one by one",
    )
}

fn no_statement() -> Error {
    Error::new(ErrorCode::StatementFailed, "the text holds no statement; send one").with_sqlstate(SqlState("42601"))
}

pub(super) fn closed() -> Error {
    Error::new(ErrorCode::SessionClosed, "the session is closed; connect again")
}
