//! A connection: one statement at a time, its own temporary objects, settings and transaction.

use std::ffi::{CStr, c_char};
use std::num::NonZeroU64;
use std::ptr;
use std::sync::Arc;

use duckdb::ffi;

use super::database::RawDatabase;
use super::result::QueryResult;
use super::statement::Extracted;
use super::{Failure, c_string, copied_text};
use crate::engine::TransactionStatus;

/// The handle itself, and the database it must not outlive. Statements, results and interrupters share it.
pub(super) struct RawConnection {
    pub(super) handle: ffi::duckdb_connection,
    _database: Arc<RawDatabase>,
}

// SAFETY: DuckDB guards a connection's state by a lock of its own, so calls may come from any thread.
unsafe impl Send for RawConnection {}
// SAFETY: as above; the calls made without that lock, `duckdb_interrupt` and `duckdb_query_progress`, touch atomics.
unsafe impl Sync for RawConnection {}

impl Drop for RawConnection {
    fn drop(&mut self) {
        // SAFETY: made by `duckdb_connect`, closed only here, and everything that uses it holds this in an `Arc`.
        unsafe { ffi::duckdb_disconnect(&mut self.handle) };
    }
}

unsafe extern "C" {
    fn pintail_watch_progress(connection: ffi::duckdb_connection);
    fn pintail_abort_transaction(connection: ffi::duckdb_connection, reason: *const c_char);
    fn pintail_transaction_status(connection: ffi::duckdb_connection) -> i32;
    fn pintail_transaction_changes(connection: ffi::duckdb_connection) -> bool;
    fn pintail_default_database(connection: ffi::duckdb_connection, name: *const c_char) -> bool;
    fn pintail_catalog_state(connection: ffi::duckdb_connection) -> u64;
}

/// A connection. One result stream lives on it at a time: preparing or running anything else ends the stream.
pub(in crate::engine::duckdb) struct Connection(Arc<RawConnection>);

impl Connection {
    pub(super) fn open(database: Arc<RawDatabase>) -> Result<Self, Failure> {
        let mut handle: ffi::duckdb_connection = ptr::null_mut();
        // SAFETY: the database is open, and the out pointer is ours.
        if unsafe { ffi::duckdb_connect(database.handle, &mut handle) } != ffi::DuckDBSuccess || handle.is_null() {
            return Err(Failure::new("DuckDB could not open another connection"));
        }
        // SAFETY: the connection was opened just now, and nothing runs on it.
        unsafe { pintail_watch_progress(handle) };
        Ok(Self(Arc::new(RawConnection { handle, _database: database })))
    }

    pub(super) fn raw(&self) -> &Arc<RawConnection> {
        &self.0
    }

    /// Makes the open transaction one that can only be rolled back; does nothing when none is open.
    pub(in crate::engine::duckdb) fn abort_transaction(&self, reason: &CStr) {
        // SAFETY: the connection is open, and the text NUL-terminated and copied.
        unsafe { pintail_abort_transaction(self.0.handle, reason.as_ptr()) };
    }

    /// Whether a transaction is open beyond the statement that runs, and can be committed.
    pub(in crate::engine::duckdb) fn transaction(&self) -> TransactionStatus {
        // SAFETY: the connection is open, and its holder runs nothing on it meanwhile.
        match unsafe { pintail_transaction_status(self.0.handle) } {
            0 => TransactionStatus::Autocommit,
            1 => TransactionStatus::Open,
            _ => TransactionStatus::Failed,
        }
    }

    /// Whether the open transaction has changed something that outlives the connection.
    pub(in crate::engine::duckdb) fn transaction_changes(&self) -> bool {
        // SAFETY: the connection is open, and its holder runs nothing on it meanwhile.
        unsafe { pintail_transaction_changes(self.0.handle) }
    }

    /// Makes a database the one in which every connection of the instance is that was not told another.
    ///
    /// # Errors
    /// When there is none of that name.
    pub(in crate::engine::duckdb) fn set_default_database(&self, name: &str) -> Result<(), Failure> {
        let c_name = c_string(name)?;
        // SAFETY: the connection is open, and the text NUL-terminated.
        let is_set = unsafe { pintail_default_database(self.0.handle, c_name.as_ptr()) };
        let failure = || Failure::new(format!("Catalog Error: {name} can't be the default database"));
        if is_set { Ok(()) } else { Err(failure()) }
    }

    pub(super) fn handle(&self) -> ffi::duckdb_connection {
        self.0.handle
    }

    /// A number that changes whenever a catalog of DuckDB's own does, or one is attached or detached; `None` when it can't be told.
    pub(in crate::engine::duckdb) fn catalog_state(&self) -> Option<NonZeroU64> {
        // SAFETY: the connection is live.
        NonZeroU64::new(unsafe { pintail_catalog_state(self.handle()) })
    }

    /// What can stop or watch this connection's statement from another thread.
    pub(in crate::engine::duckdb) fn interrupter(&self) -> Interrupter {
        Interrupter(Arc::clone(&self.0))
    }

    /// Runs SQL text of the server's own and keeps its whole result in memory.
    ///
    /// # Errors
    /// DuckDB's failure.
    pub(in crate::engine::duckdb) fn query(&self, sql: &str) -> Result<QueryResult, Failure> {
        let sql = c_string(sql)?;
        // SAFETY: an all-zero `duckdb_result` is what the C API takes as an empty one.
        let mut result: ffi::duckdb_result = unsafe { std::mem::zeroed() };
        // SAFETY: the connection is open, the text NUL-terminated, the out pointer ours.
        let state = unsafe { ffi::duckdb_query(self.0.handle, sql.as_ptr(), &mut result) };
        QueryResult::checked(result, state, Arc::clone(&self.0))
    }

    /// Parses SQL text into its statements. Nothing is executed.
    ///
    /// # Errors
    /// DuckDB's parser's failure. Text without any statement is no failure.
    pub(in crate::engine::duckdb) fn extract(&self, sql: &str) -> Result<Extracted, Failure> {
        let sql = c_string(sql)?;
        let mut raw: ffi::duckdb_extracted_statements = ptr::null_mut();
        // SAFETY: the connection is open, the text NUL-terminated, the out pointer ours.
        let count = unsafe { ffi::duckdb_extract_statements(self.0.handle, sql.as_ptr(), &mut raw) };
        let extracted = Extracted::new(raw, count, Arc::clone(&self.0));
        // SAFETY: the extracted statements are live (or null, which the call takes); the text is copied at once.
        match unsafe { copied_text(ffi::duckdb_extract_statements_error(raw)) } {
            Some(message) => Err(Failure::new(message)),
            None => Ok(extracted),
        }
    }
}

/// Stops the statement that runs on a connection, from any thread.
#[derive(Clone)]
pub(in crate::engine::duckdb) struct Interrupter(Arc<RawConnection>);

impl Interrupter {
    /// Asks the running statement to stop. Does nothing to a statement that starts later.
    pub(in crate::engine::duckdb) fn interrupt(&self) {
        // SAFETY: the connection is open as long as this holds it; the call sets an atomic flag.
        unsafe { ffi::duckdb_interrupt(self.0.handle) };
    }

    /// How much of the running statement is done, from 0 to 1, as far as DuckDB can tell.
    pub(in crate::engine::duckdb) fn progress(&self) -> Option<f64> {
        // SAFETY: the connection is open as long as this holds it; the call reads atomics.
        let progress = unsafe { ffi::duckdb_query_progress(self.0.handle) };
        // A negative number says that nothing runs, or that it can't be told.
        (progress.percentage >= 0.0).then(|| (progress.percentage / 100.0).min(1.0))
    }
}
