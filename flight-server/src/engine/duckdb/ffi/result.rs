//! The result of a statement, read chunk by chunk.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use duckdb::ffi;

use super::chunk::Chunk;
use super::connection::RawConnection;
use super::logical_type::LogicalType;
use super::{Failure, copied_text};

unsafe extern "C" {
    fn pintail_stream_run(result: *mut ffi::duckdb_result, left: *const AtomicBool) -> i32;
}

/// What a statement answered with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::engine::duckdb) enum Returned {
    /// Rows.
    Rows,
    /// A number of changed rows.
    ChangedRows,
    /// Nothing.
    Nothing,
}

/// A result. A stream lives until its end, its drop, or the next statement on its connection.
pub(in crate::engine::duckdb) struct QueryResult {
    raw: ffi::duckdb_result,
    _connection: Arc<RawConnection>,
}

// SAFETY: a result belongs to whoever holds it, and locks its connection where it uses it.
unsafe impl Send for QueryResult {}

impl QueryResult {
    /// Takes over what a call left in `raw`.
    pub(super) fn checked(
        raw: ffi::duckdb_result,
        state: ffi::duckdb_state,
        connection: Arc<RawConnection>,
    ) -> Result<Self, Failure> {
        let mut result = Self { raw, _connection: connection };
        if state == ffi::DuckDBSuccess {
            return Ok(result);
        }
        Err(result.failure().unwrap_or_else(|| Failure::new("the statement failed, and DuckDB did not say why")))
    }

    /// The failure that the result has met, if it has.
    fn failure(&mut self) -> Option<Failure> {
        // SAFETY: the result is live or empty; both are taken. The text is copied at once.
        let message = unsafe { copied_text(ffi::duckdb_result_error(&mut self.raw)) }?;
        // SAFETY: as above.
        let class = unsafe { ffi::duckdb_result_error_type(&mut self.raw) };
        Some(Failure { class: Some(class), message })
    }

    /// The names and types of its columns.
    pub(in crate::engine::duckdb) fn columns(&mut self) -> Vec<(String, LogicalType)> {
        // SAFETY: the result is live.
        let count = unsafe { ffi::duckdb_column_count(&mut self.raw) };
        (0..count)
            .filter_map(|index| {
                // SAFETY: the index is in range; the name belongs to the result and is copied at once.
                let name = unsafe { copied_text(ffi::duckdb_column_name(&mut self.raw, index)) };
                // SAFETY: the index is in range, and the type is ours to destroy.
                let ty = unsafe { ffi::duckdb_column_logical_type(&mut self.raw, index) };
                Some((name.unwrap_or_default(), LogicalType::owned(ty)?))
            })
            .collect()
    }

    /// What the statement answered with.
    pub(in crate::engine::duckdb) fn returned(&self) -> Returned {
        // SAFETY: the result is live.
        match unsafe { ffi::duckdb_result_return_type(self.raw) } {
            ffi::duckdb_result_type_DUCKDB_RESULT_TYPE_CHANGED_ROWS => Returned::ChangedRows,
            ffi::duckdb_result_type_DUCKDB_RESULT_TYPE_NOTHING => Returned::Nothing,
            _ => Returned::Rows,
        }
    }

    /// Computes the next rows, and tells whether they can be fetched: not when the reader has `left`.
    ///
    /// # Errors
    /// DuckDB's failure.
    pub(in crate::engine::duckdb) fn run(&mut self, left: &AtomicBool) -> Result<bool, Failure> {
        // SAFETY: the result is live; the flag is a byte that C++ reads atomically too.
        match unsafe { pintail_stream_run(&mut self.raw, left) } {
            0 => Ok(true),
            2 => Ok(false),
            _ => {
                Err(self.failure().unwrap_or_else(|| Failure::new("the statement failed, and DuckDB did not say why")))
            }
        }
    }

    /// The next rows, or `None` at the end. Waits until there are some.
    ///
    /// # Errors
    /// DuckDB's failure, at whatever row it was met.
    pub(in crate::engine::duckdb) fn fetch(&mut self) -> Result<Option<Chunk>, Failure> {
        // SAFETY: the result is live; the chunk returned is ours to destroy.
        match Chunk::owned(unsafe { ffi::duckdb_fetch_chunk(self.raw) }) {
            Some(chunk) if !chunk.is_empty() => Ok(Some(chunk)),
            // No chunk is the end or a failure: only the result tells which.
            _ => self.failure().map_or(Ok(None), Err),
        }
    }
}

impl Drop for QueryResult {
    fn drop(&mut self) {
        // SAFETY: filled by DuckDB or empty, destroyed only here.
        unsafe { ffi::duckdb_destroy_result(&mut self.raw) };
    }
}
