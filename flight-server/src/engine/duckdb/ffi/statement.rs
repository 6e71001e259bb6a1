//! Parsed and prepared statements.

use std::ffi::c_char;
use std::ptr;
use std::sync::Arc;

use duckdb::ffi;

use super::connection::RawConnection;
use super::logical_type::LogicalType;
use super::result::QueryResult;
use super::value::Value;
use super::{Failure, copied_text, taken_text};
use crate::engine::duckdb::lake::CommitNote;

/// What DuckDB's parser says a statement is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::engine::duckdb) struct StatementType(pub(in crate::engine::duckdb) u32);

unsafe extern "C" {
    fn pintail_statement_reach(
        extracted: ffi::duckdb_extracted_statements,
        index: u64,
        ty: *mut ffi::duckdb_statement_type,
        wrapped: *mut bool,
        commits: *mut bool,
        path: *mut *mut c_char,
    ) -> i32;
    fn pintail_statement_note(
        extracted: ffi::duckdb_extracted_statements,
        index: u64,
        author: *mut *mut c_char,
        message: *mut *mut c_char,
        extra_info: *mut *mut c_char,
    ) -> i32;
    fn pintail_keep_plan(statement: ffi::duckdb_prepared_statement);
    fn pintail_is_current(connection: ffi::duckdb_connection, statement: ffi::duckdb_prepared_statement) -> bool;
    fn pintail_inserts_values(statement: ffi::duckdb_prepared_statement) -> bool;
    fn pintail_inserts_alike(connection: ffi::duckdb_connection, statement: ffi::duckdb_prepared_statement) -> bool;
}

/// Where a statement writes files, as its parse tree says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::engine::duckdb) enum CopyTarget {
    /// Nowhere.
    None,
    /// To this path, or below it.
    Path(String),
    /// Where only running it tells.
    Computed,
}

/// What a statement would do, as its parse tree says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::engine::duckdb) struct Reach {
    /// What it is, or what is wrapped in it by EXPLAIN or PREPARE.
    pub(in crate::engine::duckdb) ty: StatementType,
    /// Whether it is wrapped.
    pub(in crate::engine::duckdb) is_wrapped: bool,
    /// Whether it commits a transaction.
    pub(in crate::engine::duckdb) commits: bool,
    /// Where it writes files.
    pub(in crate::engine::duckdb) writes: CopyTarget,
}

/// The statements of one SQL text, parsed but not planned. Each can be prepared once, in order.
pub(in crate::engine::duckdb) struct Extracted {
    raw: ffi::duckdb_extracted_statements,
    count: u64,
    connection: Arc<RawConnection>,
}

// SAFETY: parsed statements belong to whoever holds them; nothing else refers to them.
unsafe impl Send for Extracted {}

impl Extracted {
    pub(super) fn new(raw: ffi::duckdb_extracted_statements, count: u64, connection: Arc<RawConnection>) -> Self {
        Self { raw, count, connection }
    }

    /// How many statements there are.
    pub(in crate::engine::duckdb) fn count(&self) -> u64 {
        self.count
    }

    /// What the statement at `index` would do. To be asked before it is prepared.
    ///
    /// # Errors
    /// When there is no such statement.
    pub(in crate::engine::duckdb) fn reach(&self, index: u64) -> Result<Reach, Failure> {
        let (mut ty, mut is_wrapped, mut commits, mut path) = (0, false, false, ptr::null_mut());
        // SAFETY: the statements are live, the index is checked, the out pointers are ours.
        let writes =
            unsafe { pintail_statement_reach(self.raw, index, &mut ty, &mut is_wrapped, &mut commits, &mut path) };
        // SAFETY: null, or a path that was allocated for us.
        let path = unsafe { taken_text(path) };
        let writes = match (writes, path) {
            (0, _) => CopyTarget::None,
            (1, Some(path)) => CopyTarget::Path(path),
            (2, _) => CopyTarget::Computed,
            _ => return Err(Failure::new("Internal Error: a statement was asked for that is not there")),
        };
        Ok(Reach { ty: StatementType(ty), is_wrapped, commits, writes })
    }

    /// What the statement at `index` wants a commit to say, when it calls DuckLake's `set_commit_message`. To be asked before
    /// it is prepared.
    ///
    /// # Errors
    /// When it says it otherwise than by plain text.
    pub(in crate::engine::duckdb) fn commit_note(&self, index: u64) -> Result<Option<CommitNote>, Failure> {
        let (mut author, mut message, mut extra_info) = (ptr::null_mut(), ptr::null_mut(), ptr::null_mut());
        // SAFETY: the statements are live, the index is checked, the out pointers are ours.
        let told = unsafe { pintail_statement_note(self.raw, index, &mut author, &mut message, &mut extra_info) };
        // SAFETY: each is null, or a text that was allocated for us.
        let note = unsafe {
            CommitNote { author: taken_text(author), message: taken_text(message), extra_info: taken_text(extra_info) }
        };
        match told {
            0 => Ok(None),
            1 => Ok(Some(note)),
            _ => Err(Failure::new("Invalid Input Error: set_commit_message takes its arguments as plain text here")),
        }
    }

    /// Plans the statement at `index`. It can be done once a statement: DuckDB moves it out.
    ///
    /// # Errors
    /// DuckDB's binder's or planner's failure.
    pub(in crate::engine::duckdb) fn prepare(&mut self, index: u64) -> Result<Prepared, Failure> {
        let mut raw: ffi::duckdb_prepared_statement = ptr::null_mut();
        // SAFETY: connection and statements are live, DuckDB checks the index, the out pointer is ours.
        let state =
            unsafe { ffi::duckdb_prepare_extracted_statement(self.connection.handle, self.raw, index, &mut raw) };
        let prepared = Prepared { raw, connection: Arc::clone(&self.connection) };
        if state == ffi::DuckDBSuccess && !raw.is_null() {
            return Ok(prepared);
        }
        // SAFETY: the statement is null or live; DuckDB takes both, and the text is copied at once.
        let message = unsafe { copied_text(ffi::duckdb_prepare_error(raw)) };
        Err(Failure::new(message.unwrap_or_else(|| "the statement could not be prepared".into())))
    }
}

impl Drop for Extracted {
    fn drop(&mut self) {
        if !self.raw.is_null() {
            // SAFETY: made by `duckdb_extract_statements`, destroyed only here.
            unsafe { ffi::duckdb_destroy_extracted(&mut self.raw) };
        }
    }
}

/// A planned statement. Only successfully prepared ones exist: DuckDB aborts when a failed one is asked for its type.
pub(in crate::engine::duckdb) struct Prepared {
    raw: ffi::duckdb_prepared_statement,
    connection: Arc<RawConnection>,
}

// SAFETY: a prepared statement belongs to whoever holds it, and locks its connection where it uses it.
unsafe impl Send for Prepared {}

impl Prepared {
    pub(super) fn raw(&self) -> ffi::duckdb_prepared_statement {
        self.raw
    }

    pub(super) fn connection(&self) -> &Arc<RawConnection> {
        &self.connection
    }

    /// What kind of statement it is.
    pub(in crate::engine::duckdb) fn statement_type(&self) -> StatementType {
        // SAFETY: the statement is live and was prepared without failure.
        StatementType(unsafe { ffi::duckdb_prepared_statement_type(self.raw) })
    }

    /// Lets it be executed, once and soon, as it was planned, where that is safe; else DuckDB plans what reads files again. Does
    /// nothing when it has parameters.
    pub(in crate::engine::duckdb) fn keep_plan(&self) {
        if self.parameter_count() == 0 {
            // SAFETY: the statement is live, and was prepared without failure.
            unsafe { pintail_keep_plan(self.raw) };
        }
    }

    /// Whether it can be executed as it was planned: it has no parameters, and nothing that it was planned with has changed.
    pub(in crate::engine::duckdb) fn is_current(&self) -> bool {
        // SAFETY: connection and statement are live.
        self.parameter_count() == 0 && unsafe { pintail_is_current(self.connection.handle, self.raw) }
    }

    /// Whether all that it does is to insert rows of plain values: constants, and parameters that are nowhere else in it. DuckDB casts
    /// each to its column's type, which is the parameter's, and does nothing else with it.
    pub(in crate::engine::duckdb) fn inserts_values(&self) -> bool {
        // SAFETY: the statement is live, and was prepared without failure.
        unsafe { pintail_inserts_values(self.raw) }
    }

    /// Whether it inserts plain values into a table that adds and checks no others: its plan does the same whenever it is executed.
    pub(in crate::engine::duckdb) fn inserts_alike(&self) -> bool {
        // SAFETY: connection and statement are live, and the statement was prepared without failure.
        unsafe { pintail_inserts_alike(self.connection.handle, self.raw) }
    }

    /// How many parameters it has.
    pub(in crate::engine::duckdb) fn parameter_count(&self) -> usize {
        // SAFETY: the statement is live.
        usize::try_from(unsafe { ffi::duckdb_nparams(self.raw) }).unwrap_or(usize::MAX)
    }

    /// The name of the parameter at `index` (from 1): its number where it has no name.
    pub(in crate::engine::duckdb) fn parameter_name(&self, index: usize) -> Option<String> {
        // SAFETY: the statement is live; an index out of range gives null; the text is ours to free.
        unsafe { taken_text(ffi::duckdb_parameter_name(self.raw, index as u64).cast_mut()) }
    }

    /// The type of the parameter at `index` (from 1), where DuckDB could tell.
    pub(in crate::engine::duckdb) fn parameter_type(&self, index: usize) -> Option<LogicalType> {
        // SAFETY: the statement is live; an index out of range gives null.
        LogicalType::owned(unsafe { ffi::duckdb_param_logical_type(self.raw, index as u64) })
    }

    /// The columns of its result. A single column of unknown type stands for a result that can't be told yet.
    pub(in crate::engine::duckdb) fn columns(&self) -> Vec<(String, LogicalType)> {
        // SAFETY: the statement is live.
        let count = unsafe { ffi::duckdb_prepared_statement_column_count(self.raw) };
        (0..count)
            .filter_map(|index| {
                // SAFETY: the index is in range, and the name is ours to free.
                let name =
                    unsafe { taken_text(ffi::duckdb_prepared_statement_column_name(self.raw, index).cast_mut()) };
                // SAFETY: the index is in range, and the type is ours to destroy.
                let ty = unsafe { ffi::duckdb_prepared_statement_column_logical_type(self.raw, index) };
                Some((name.unwrap_or_default(), LogicalType::owned(ty)?))
            })
            .collect()
    }

    /// Forgets all values bound so far.
    pub(in crate::engine::duckdb) fn clear_bindings(&self) {
        // SAFETY: the statement is live.
        unsafe { ffi::duckdb_clear_bindings(self.raw) };
    }

    /// Binds a value to the parameter at `index` (from 1).
    ///
    /// # Errors
    /// When there is no such parameter.
    pub(in crate::engine::duckdb) fn bind(&self, index: usize, value: &Value) -> Result<(), Failure> {
        // SAFETY: the statement and the value are live; DuckDB copies the value and checks the index.
        if unsafe { ffi::duckdb_bind_value(self.raw, index as u64, value.raw()) } == ffi::DuckDBSuccess {
            return Ok(());
        }
        // SAFETY: the statement is live; the text is copied at once.
        let message = unsafe { copied_text(ffi::duckdb_prepare_error(self.raw)) };
        Err(Failure::new(message.unwrap_or_else(|| format!("no value can be bound to parameter {index}"))))
    }

    /// Executes it. Rows of reading statements are computed as they are fetched; all others are complete.
    ///
    /// # Errors
    /// DuckDB's failure.
    pub(in crate::engine::duckdb) fn execute(&self) -> Result<QueryResult, Failure> {
        // SAFETY: an all-zero `duckdb_result` is what the C API takes as an empty one.
        let mut result: ffi::duckdb_result = unsafe { std::mem::zeroed() };
        // SAFETY: the statement is live and the out pointer ours.
        let state = unsafe { ffi::duckdb_execute_prepared_streaming(self.raw, &mut result) };
        QueryResult::checked(result, state, Arc::clone(&self.connection))
    }
}

impl Drop for Prepared {
    fn drop(&mut self) {
        if !self.raw.is_null() {
            // SAFETY: made by `duckdb_prepare_extracted_statement`, destroyed only here.
            unsafe { ffi::duckdb_destroy_prepare(&mut self.raw) };
        }
    }
}
