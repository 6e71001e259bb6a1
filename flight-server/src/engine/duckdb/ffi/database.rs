//! An open DuckDB instance.

use std::ffi::c_char;
use std::ptr;
use std::sync::Arc;

use duckdb::ffi;
use tokio::sync::watch;

use super::connection::Connection;
use super::{Failure, c_string, copied_text, taken_text};

/// The handle itself, closed when the last connection and the last [`Database`] are gone.
pub(super) struct RawDatabase {
    pub(super) handle: ffi::duckdb_database,
    is_closed: watch::Sender<bool>,
}

// SAFETY: DuckDB's `DatabaseInstance` is made to be shared by threads; the handle is a pointer to it.
unsafe impl Send for RawDatabase {}
// SAFETY: as above; no call that takes the handle changes it but `duckdb_close`, in `Drop`.
unsafe impl Sync for RawDatabase {}

impl Drop for RawDatabase {
    fn drop(&mut self) {
        // SAFETY: opened by `duckdb_open_ext`, and closed only here.
        unsafe { ffi::duckdb_close(&mut self.handle) };
        self.is_closed.send_replace(true);
    }
}

/// An open DuckDB instance. Opening one file twice in a process succeeds silently and loses writes, so the caller
/// sees to it that there is one a file.
pub(in crate::engine::duckdb) struct Database(Arc<RawDatabase>);

impl Database {
    /// Opens the database file at `path` (or `:memory:`), with options that must be set before it is open.
    ///
    /// # Errors
    /// DuckDB's message: a file that can't be opened or is locked, an unknown option, a bad value.
    pub(in crate::engine::duckdb) fn open(path: &str, options: &[(&str, String)]) -> Result<Self, Failure> {
        let path = c_string(path)?;
        let config = Config::new(options)?;
        let mut database: ffi::duckdb_database = ptr::null_mut();
        let mut error: *mut c_char = ptr::null_mut();
        // SAFETY: the path is NUL-terminated, the configuration is live, and both out pointers are ours.
        let state = unsafe { ffi::duckdb_open_ext(path.as_ptr(), &mut database, config.0, &mut error) };
        // SAFETY: `error` is null or a message that DuckDB allocated for us.
        let message = unsafe { taken_text(error) };
        if state != ffi::DuckDBSuccess || database.is_null() {
            return Err(Failure::new(message.unwrap_or_else(|| "the database could not be opened".into())));
        }
        Ok(Self(Arc::new(RawDatabase { handle: database, is_closed: watch::Sender::new(false) })))
    }

    /// Tells when it is closed: when this, and everything that is open in it, is gone.
    pub(in crate::engine::duckdb) fn is_closed(&self) -> watch::Receiver<bool> {
        self.0.is_closed.subscribe()
    }

    pub(super) fn handle(&self) -> ffi::duckdb_database {
        self.0.handle
    }

    /// Opens a connection.
    ///
    /// # Errors
    /// When DuckDB can't make one.
    pub(in crate::engine::duckdb) fn connect(&self) -> Result<Connection, Failure> {
        Connection::open(Arc::clone(&self.0))
    }

    /// The version of the DuckDB library, such as `v1.5.5`.
    pub(in crate::engine::duckdb) fn library_version() -> String {
        // SAFETY: DuckDB returns a pointer to a string constant.
        unsafe { copied_text(ffi::duckdb_library_version()) }.unwrap_or_default()
    }
}

/// Options for opening.
struct Config(ffi::duckdb_config);

impl Config {
    fn new(options: &[(&str, String)]) -> Result<Self, Failure> {
        let mut raw: ffi::duckdb_config = ptr::null_mut();
        // SAFETY: the out pointer is ours.
        if unsafe { ffi::duckdb_create_config(&mut raw) } != ffi::DuckDBSuccess {
            return Err(Failure::new("the database's configuration could not be made"));
        }
        let config = Self(raw);
        for (name, value) in options {
            let (c_name, c_value) = (c_string(name)?, c_string(value)?);
            // SAFETY: the configuration is live, both strings are NUL-terminated and copied by DuckDB.
            if unsafe { ffi::duckdb_set_config(config.0, c_name.as_ptr(), c_value.as_ptr()) } != ffi::DuckDBSuccess {
                return Err(Failure::new(format!("DuckDB does not take the option {name} = {value}")));
            }
        }
        Ok(config)
    }
}

impl Drop for Config {
    fn drop(&mut self) {
        // SAFETY: created by `duckdb_create_config`, and destroyed only here.
        unsafe { ffi::duckdb_destroy_config(&mut self.0) };
    }
}
