//! A connection's temporary objects: see `temporary.cpp`.

use std::ffi::{c_char, c_void};
use std::{ptr, slice};

use duckdb::ffi;

use super::connection::Connection;
use super::{Failure, taken_text};

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
}

/// A temporary object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::engine::duckdb) struct TemporaryObject {
    /// `table`, `view`, `sequence`, `type`, `macro` or `table macro`.
    pub(in crate::engine::duckdb) kind: String,
    pub(in crate::engine::duckdb) name: String,
    /// The statement that makes it anew, a sequence with its position; empty for a table.
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
