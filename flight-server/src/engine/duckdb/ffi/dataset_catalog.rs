//! What the catalog of the datasets needs beyond the C API: see `dataset_catalog.cpp`.

use std::ffi::{CString, c_char};
use std::ptr;

use duckdb::ffi;

use super::connection::Connection;
use super::statement::Prepared;
use super::{Failure, c_string, taken_text};

unsafe extern "C" {
    fn pintail_statement_changes(statement: ffi::duckdb_prepared_statement, catalog: *const c_char) -> bool;
    fn pintail_statement_changes_any(statement: ffi::duckdb_prepared_statement) -> bool;
    fn pintail_statement_reads(statement: ffi::duckdb_prepared_statement, catalog: *const c_char) -> bool;
    fn pintail_view_put(
        connection: ffi::duckdb_connection,
        catalog: *const c_char,
        schema: *const c_char,
        name: *const c_char,
        select: *const c_char,
        columns: *const *const c_char,
        types: *const *const c_char,
        count: usize,
        failure: *mut *mut c_char,
    ) -> bool;
}

impl Prepared {
    /// Whether running it would change a catalog.
    pub(in crate::engine::duckdb) fn changes(&self, catalog: &str) -> bool {
        let Ok(catalog) = c_string(catalog) else { return true };
        // SAFETY: the statement is live and was prepared without failure; the text is NUL-terminated.
        unsafe { pintail_statement_changes(self.raw(), catalog.as_ptr()) }
    }

    /// Whether running it would change any catalog but the temporary one. What can't be told is taken for no.
    pub(in crate::engine::duckdb) fn changes_any(&self) -> bool {
        // SAFETY: the statement is live and was prepared without failure.
        unsafe { pintail_statement_changes_any(self.raw()) }
    }

    /// Whether running it would read a catalog by its name.
    pub(in crate::engine::duckdb) fn reads(&self, catalog: &str) -> bool {
        let Ok(catalog) = c_string(catalog) else { return true };
        // SAFETY: as above.
        unsafe { pintail_statement_reads(self.raw(), catalog.as_ptr()) }
    }
}

/// A view of known columns.
pub(in crate::engine::duckdb) struct NewView<'a> {
    pub(in crate::engine::duckdb) catalog: &'a str,
    pub(in crate::engine::duckdb) schema: &'a str,
    pub(in crate::engine::duckdb) name: &'a str,
    /// What it selects, as SQL text.
    pub(in crate::engine::duckdb) select: &'a str,
    /// The names and types of what it selects.
    pub(in crate::engine::duckdb) columns: &'a [(String, String)],
}

impl Connection {
    /// Makes a view, in place of the one of that name, in a transaction of its own. What it selects from is not looked at.
    ///
    /// # Errors
    /// DuckDB's failure: text that can't be parsed, a type that there is not, a conflict with another transaction.
    pub(in crate::engine::duckdb) fn put_view(&self, view: &NewView<'_>) -> Result<(), Failure> {
        let texts = |pick: fn(&(String, String)) -> &String| -> Result<Vec<CString>, Failure> {
            view.columns.iter().map(|column| c_string(pick(column))).collect()
        };
        let (columns, types) = (texts(|(name, _)| name)?, texts(|(_, ty)| ty)?);
        let pointers = |texts: &[CString]| texts.iter().map(|text| text.as_ptr()).collect::<Vec<_>>();
        let (columns, types) = (pointers(&columns), pointers(&types));
        let (catalog, schema) = (c_string(view.catalog)?, c_string(view.schema)?);
        let (name, select) = (c_string(view.name)?, c_string(view.select)?);
        let mut failure = ptr::null_mut();
        // SAFETY: the connection is open, all texts are NUL-terminated and live, both lists have `count` of them, and the
        // out pointer is ours.
        let is_put = unsafe {
            pintail_view_put(
                self.handle(),
                catalog.as_ptr(),
                schema.as_ptr(),
                name.as_ptr(),
                select.as_ptr(),
                columns.as_ptr(),
                types.as_ptr(),
                columns.len(),
                &mut failure,
            )
        };
        if is_put {
            return Ok(());
        }
        // SAFETY: null, or a text that was allocated for us.
        let message = unsafe { taken_text(failure) };
        Err(Failure::new(message.unwrap_or_else(|| "Out of Memory Error: a view could not be made".to_owned())))
    }
}
