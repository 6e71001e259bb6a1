//! Functions that clients can't call: see `own_functions.cpp`.

use std::ffi::c_char;

use duckdb::ffi;

use super::connection::Connection;
use super::{Failure, c_string};

unsafe extern "C" {
    fn pintail_mark_client(connection: ffi::duckdb_connection) -> bool;
    fn pintail_keep_from_clients(connection: ffi::duckdb_connection, name: *const c_char) -> bool;
}

impl Connection {
    /// Makes it the connection of a client, which can't call what is [kept from clients](Self::keep_from_clients).
    ///
    /// # Errors
    /// For want of memory.
    pub(in crate::engine::duckdb) fn mark_client(&self) -> Result<(), Failure> {
        // SAFETY: the connection is open.
        let is_marked = unsafe { pintail_mark_client(self.handle()) };
        if is_marked { Ok(()) } else { Err(Failure::new("Out of Memory Error: a connection could not be marked")) }
    }

    /// Keeps a table function of an extension from the connections of clients, in the whole instance. One that there is not
    /// is no error.
    ///
    /// # Errors
    /// When the function is of a kind that can't be kept from anybody.
    pub(in crate::engine::duckdb) fn keep_from_clients(&self, function: &str) -> Result<(), Failure> {
        let name = c_string(function)?;
        // SAFETY: the connection is open, and the text NUL-terminated.
        let is_kept = unsafe { pintail_keep_from_clients(self.handle(), name.as_ptr()) };
        let failure = || Failure::new(format!("Permission Error: {function} can't be kept from clients"));
        if is_kept { Ok(()) } else { Err(failure()) }
    }
}
