//! A connection's temporary objects: see `temporary.cpp`.

use std::ffi::{c_char, c_void};
use std::{ptr, slice};

use duckdb::ffi;

use super::connection::Connection;
use super::{Failure, c_string, taken_text};

type Told = unsafe extern "C" fn(
    to: *mut c_void,
    kind: *const c_char,
    kind_length: usize,
    name: *const c_char,
    name_length: usize,
    sql: *const c_char,
    sql_length: usize,
);

unsafe extern "C" {
    fn pintail_temporary_objects(
        connection: ffi::duckdb_connection,
        told: Told,
        to: *mut c_void,
        failure: *mut *mut c_char,
    ) -> bool;
    fn pintail_table_rows(
        connection: ffi::duckdb_connection,
        schema: *const c_char,
        name: *const c_char,
        taken: unsafe extern "C" fn(to: *mut c_void, bytes: *const u8, length: usize) -> bool,
        to: *mut c_void,
        failure: *mut *mut c_char,
    ) -> bool;
    fn pintail_table_fill(
        connection: ffi::duckdb_connection,
        schema: *const c_char,
        name: *const c_char,
        bytes: *const u8,
        length: usize,
        failure: *mut *mut c_char,
    ) -> bool;
}

/// Bytes that are gathered up to a limit.
struct Gathered {
    bytes: Vec<u8>,
    limit: usize,
    is_over: bool,
}

/// A temporary object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::engine::duckdb) struct TemporaryObject {
    /// `table`, `index`, `view`, `sequence`, `type`, `macro` or `table macro`.
    pub(in crate::engine::duckdb) kind: String,
    pub(in crate::engine::duckdb) name: String,
    /// The statement that makes it anew, a sequence with its position, a table without its rows.
    pub(in crate::engine::duckdb) sql: String,
}

impl Connection {
    /// The connection's temporary objects. A result that is being read goes on.
    ///
    /// # Errors
    /// DuckDB's failure.
    pub(in crate::engine::duckdb) fn temporary_objects(&self) -> Result<Vec<TemporaryObject>, Failure> {
        let mut objects: Vec<TemporaryObject> = Vec::new();
        let mut failure = ptr::null_mut();
        let to = (&raw mut objects).cast();
        // SAFETY: the connection is open, and its holder runs nothing on it meanwhile; `note` takes the list that `to` is,
        // which lives until the call returns, and the out pointer is ours.
        let is_told = unsafe { pintail_temporary_objects(self.handle(), note, to, &mut failure) };
        // SAFETY: null, or a text that is ours to free.
        let message = unsafe { taken_text(failure) };
        if is_told {
            Ok(objects)
        } else {
            Err(Failure::new(message.unwrap_or_else(|| "the session's temporary objects can't be listed".to_owned())))
        }
    }

    /// The rows of a temporary table, in DuckDB's own form; `None` when they take more than `limit` bytes.
    ///
    /// # Errors
    /// DuckDB's failure.
    pub(in crate::engine::duckdb) fn table_as_bytes(
        &self,
        schema: &str,
        table: &str,
        limit: usize,
    ) -> Result<Option<Vec<u8>>, Failure> {
        let (schema, table) = (c_string(schema)?, c_string(table)?);
        let mut gathered = Gathered { bytes: Vec::new(), limit, is_over: false };
        let mut failure = ptr::null_mut();
        let to = (&raw mut gathered).cast();
        // SAFETY: the connection is open, both texts are NUL-terminated; `gather` takes what `to` is, which lives until the call
        // returns, and the out pointer is ours.
        let is_read =
            unsafe { pintail_table_rows(self.handle(), schema.as_ptr(), table.as_ptr(), gather, to, &mut failure) };
        // SAFETY: null, or a text that is ours to free.
        let message = unsafe { taken_text(failure) };
        match is_read {
            true => Ok((!gathered.is_over).then_some(gathered.bytes)),
            false => Err(Failure::new(message.unwrap_or_else(|| "a temporary table can't be read".to_owned()))),
        }
    }

    /// Appends rows in DuckDB's own form to a temporary table, all or none. They must be as [`Self::table_as_bytes`] has given
    /// them.
    ///
    /// # Errors
    /// DuckDB's failure, also when the rows are no such.
    pub(in crate::engine::duckdb) fn fill_temporary(
        &self,
        schema: &str,
        table: &str,
        rows: &[u8],
    ) -> Result<(), Failure> {
        let (schema, table) = (c_string(schema)?, c_string(table)?);
        let mut failure = ptr::null_mut();
        // SAFETY: the connection is open, both texts are NUL-terminated, the bytes are lent for the call, and the out pointer
        // is ours.
        let is_filled = unsafe {
            pintail_table_fill(self.handle(), schema.as_ptr(), table.as_ptr(), rows.as_ptr(), rows.len(), &mut failure)
        };
        // SAFETY: null, or a text that is ours to free.
        let message = unsafe { taken_text(failure) };
        let failed = || Failure::new(message.unwrap_or_else(|| "a temporary table can't be filled".to_owned()));
        if is_filled { Ok(()) } else { Err(failed()) }
    }
}

/// # Safety
/// `to` is a `Gathered` that nobody else uses; there are so many bytes.
unsafe extern "C" fn gather(to: *mut c_void, bytes: *const u8, length: usize) -> bool {
    // SAFETY: the caller has said so.
    let (gathered, bytes) = unsafe { (&mut *to.cast::<Gathered>(), slice::from_raw_parts(bytes, length)) };
    gathered.is_over = gathered.bytes.len() + bytes.len() > gathered.limit;
    if !gathered.is_over {
        gathered.bytes.extend_from_slice(bytes);
    }
    !gathered.is_over
}

/// # Safety
/// `to` is a `Vec<TemporaryObject>` that nobody else uses; each text has so many bytes.
unsafe extern "C" fn note(
    to: *mut c_void,
    kind: *const c_char,
    kind_length: usize,
    name: *const c_char,
    name_length: usize,
    sql: *const c_char,
    sql_length: usize,
) {
    let text = |start: *const c_char, length: usize| {
        // SAFETY: the caller has said so, and the texts live until this returns.
        let bytes = unsafe { slice::from_raw_parts(start.cast::<u8>(), length) };
        String::from_utf8_lossy(bytes).into_owned()
    };
    let object =
        TemporaryObject { kind: text(kind, kind_length), name: text(name, name_length), sql: text(sql, sql_length) };
    // SAFETY: the caller has said so.
    unsafe { (*to.cast::<Vec<TemporaryObject>>()).push(object) };
}
