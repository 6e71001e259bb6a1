//! Which temporary table a statement changes: see `temporary_writes.cpp`.

use std::ffi::{c_char, c_int};
use std::ptr;

use duckdb::ffi;

use super::statement::Prepared;
use super::taken_text;

unsafe extern "C" {
    fn pintail_written_temporary_table(
        connection: ffi::duckdb_connection,
        statement: ffi::duckdb_prepared_statement,
        name: *mut *mut c_char,
    ) -> c_int;
}

/// The temporary tables that a statement's plan writes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::engine::duckdb) enum TemporaryWrites {
    /// To none. What only the catalog knows, as what is dropped, is not in the plan.
    None,
    /// To this one alone.
    Table(String),
    /// To several, or to some that can't be told.
    Untold,
}

impl Prepared {
    /// The temporary tables that running it writes to.
    pub(in crate::engine::duckdb) fn temporary_writes(&self) -> TemporaryWrites {
        let mut name = ptr::null_mut();
        // SAFETY: connection and statement are live, the statement was prepared without failure, and `name` lives as long as the call.
        match unsafe { pintail_written_temporary_table(self.connection().handle, self.raw(), &raw mut name) } {
            0 => TemporaryWrites::None,
            // SAFETY: it is a text that is to be freed as this does.
            1 => unsafe { taken_text(name) }.map_or(TemporaryWrites::Untold, TemporaryWrites::Table),
            _ => TemporaryWrites::Untold,
        }
    }
}
