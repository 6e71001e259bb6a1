//! Rows into a statement that takes them all, without the server's memory holding them.

use std::ptr;
use std::sync::Arc;

use duckdb::ffi;

use super::connection::{Connection, RawConnection};
use super::logical_type::LogicalType;
use super::writable::WritableChunk;
use super::{Failure, c_string, copied_text};

/// The name by which the statement knows the rows.
pub(in crate::engine::duckdb) const APPENDED_ROWS: &str = "appended_data";

/// Gathers rows and runs a statement over them again and again.
pub(in crate::engine::duckdb) struct Appender {
    raw: ffi::duckdb_appender,
    _connection: Arc<RawConnection>,
}

// SAFETY: an appender belongs to whoever holds it, and locks its connection where it uses it.
unsafe impl Send for Appender {}

impl Appender {
    /// An appender whose rows have these columns and are read by `sql` from [`APPENDED_ROWS`].
    ///
    /// # Errors
    /// DuckDB's failure.
    pub(in crate::engine::duckdb) fn new(
        connection: &Connection,
        sql: &str,
        names: &[&str],
        types: &[LogicalType],
    ) -> Result<Self, Failure> {
        let (sql, table) = (c_string(sql)?, c_string(APPENDED_ROWS)?);
        let names = names.iter().map(|name| c_string(name)).collect::<Result<Vec<_>, _>>()?;
        let mut raw_names: Vec<_> = names.iter().map(|name| name.as_ptr()).collect();
        let mut raw_types: Vec<_> = types.iter().map(LogicalType::raw).collect();
        if raw_names.len() != raw_types.len() {
            return Err(Failure::new("Internal Error: the rows to be appended have not as many names as types"));
        }
        let mut raw: ffi::duckdb_appender = ptr::null_mut();
        // SAFETY: the connection is open, the texts NUL-terminated, both arrays have as many live elements as is said, all
        // of it is copied, and the out pointer is ours.
        let state = unsafe {
            ffi::duckdb_appender_create_query(
                connection.raw().handle,
                sql.as_ptr(),
                raw_types.len() as u64,
                raw_types.as_mut_ptr(),
                table.as_ptr(),
                raw_names.as_mut_ptr(),
                &mut raw,
            )
        };
        let appender = Self { raw, _connection: Arc::clone(connection.raw()) };
        appender.checked(state)?;
        Ok(appender)
    }

    /// Copies the rows of `chunk`. The statement may run.
    ///
    /// # Errors
    /// The statement's failure.
    pub(in crate::engine::duckdb) fn append(&mut self, chunk: &WritableChunk<'_>) -> Result<(), Failure> {
        // SAFETY: appender and chunk are live; the rows are copied.
        let state = unsafe { ffi::duckdb_append_data_chunk(self.raw, chunk.raw()) };
        self.checked(state)
    }

    /// Runs the statement over the rows gathered so far.
    ///
    /// # Errors
    /// The statement's failure.
    pub(in crate::engine::duckdb) fn flush(&mut self) -> Result<(), Failure> {
        // SAFETY: the appender is live.
        let state = unsafe { ffi::duckdb_appender_flush(self.raw) };
        self.checked(state)
    }

    fn checked(&self, state: ffi::duckdb_state) -> Result<(), Failure> {
        if state == ffi::DuckDBSuccess && !self.raw.is_null() {
            return Ok(());
        }
        // SAFETY: null or live, both of which are taken; the text is copied at once.
        let message = unsafe { copied_text(ffi::duckdb_appender_error(self.raw)) };
        Err(Failure::new(message.unwrap_or_else(|| "Internal Error: the rows could not be appended".to_owned())))
    }
}

impl Drop for Appender {
    fn drop(&mut self) {
        if self.raw.is_null() {
            return;
        }
        // SAFETY: the appender is live. What was not flushed is dropped, or destroying it would run the statement once more.
        unsafe { ffi::duckdb_appender_clear(self.raw) };
        // SAFETY: made by `duckdb_appender_create_query`, destroyed only here.
        unsafe { ffi::duckdb_appender_destroy(&mut self.raw) };
    }
}
