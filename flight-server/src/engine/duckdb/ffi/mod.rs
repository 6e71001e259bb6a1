//! A thin safe wrapper of DuckDB's C API: the only place with `unsafe`.
//!
//! What holds for every type here:
//! - a handle is destroyed exactly once, by `Drop`, and keeps alive what it points into;
//! - memory that DuckDB owns is only lent out for as long as its owner lives;
//! - a pointer or code that the C API may leave invalid is checked before it is used;
//! - nothing here interprets: messages, types and values are handed on as DuckDB has them.
#![allow(unsafe_code, reason = "the C API can't be called otherwise; each block states why it is sound")]

mod allocator;
mod chunk;
mod connection;
mod database;
mod dataset_catalog;
mod dataset_files;
mod gate;
mod logical_type;
mod own_functions;
mod result;
mod row_source;
mod statement;
mod temporary;
mod temporary_writes;
mod value;
mod values;
pub(in crate::engine::duckdb) mod vector;
mod writable;

pub(in crate::engine::duckdb) use allocator::{keep_little, release_free_memory};
pub(in crate::engine::duckdb) use chunk::Chunk;
pub(in crate::engine::duckdb) use connection::{Connection, Interrupter};
pub(in crate::engine::duckdb) use database::Database;
pub(in crate::engine::duckdb) use dataset_catalog::NewView;
pub(in crate::engine::duckdb) use dataset_files::{DatasetFile, DatasetFiles, IsInterrupted, ListedFile, Stopped};
pub(in crate::engine::duckdb) use gate::{Fits, Gate, ParallelReceiver, Ran, Receiver, fits};
pub(in crate::engine::duckdb) use logical_type::LogicalType;
pub(in crate::engine::duckdb) use result::{QueryResult, Returned};
pub(in crate::engine::duckdb) use row_source::{COMING_ROWS, Feeder, Next, Part, RowSource};
pub(in crate::engine::duckdb) use statement::{CopyTarget, Extracted, Prepared, Reach, StatementType};
pub(in crate::engine::duckdb) use temporary::TemporaryObject;
pub(in crate::engine::duckdb) use temporary_writes::TemporaryWrites;
pub(in crate::engine::duckdb) use value::Value;
pub(in crate::engine::duckdb) use values::values_within;
pub(in crate::engine::duckdb) use vector::{ListEntry, Physical, Vector};
pub(in crate::engine::duckdb) use writable::{WritableChunk, WritableVector};

use std::ffi::{CStr, CString, c_char};

/// A failure as DuckDB reports it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::engine::duckdb) struct Failure {
    /// DuckDB's error type, `DUCKDB_ERROR_…`, or `None` where the C API does not tell it.
    pub(in crate::engine::duckdb) class: Option<u32>,
    /// DuckDB's message: JSON where `errors_as_json` is on, else text.
    pub(in crate::engine::duckdb) message: String,
}

impl Failure {
    fn new(message: impl Into<String>) -> Self {
        Self { class: None, message: message.into() }
    }
}

/// Text for a call into DuckDB; a NUL within it would cut it short, so it is refused.
fn c_string(text: &str) -> Result<CString, Failure> {
    CString::new(text).map_err(|_| Failure::new("Invalid Input Error: the text contains a NUL character"))
}

/// The text at `pointer`, copied; `None` for a null pointer.
///
/// # Safety
/// `pointer` is null or points at a NUL-terminated string that stays valid during the call.
unsafe fn copied_text(pointer: *const c_char) -> Option<String> {
    if pointer.is_null() {
        return None;
    }
    // SAFETY: not null, and valid during the call, as the caller guarantees.
    Some(unsafe { CStr::from_ptr(pointer) }.to_string_lossy().into_owned())
}

/// The text at `pointer`, copied, and the original given back to DuckDB's allocator.
///
/// # Safety
/// `pointer` is null or was allocated by DuckDB for the caller to free with `duckdb_free`.
unsafe fn taken_text(pointer: *mut c_char) -> Option<String> {
    // SAFETY: an allocated C string, as the caller guarantees.
    let text = unsafe { copied_text(pointer) };
    if !pointer.is_null() {
        // SAFETY: allocated by DuckDB for the caller, and not used after this.
        unsafe { duckdb::ffi::duckdb_free(pointer.cast()) };
    }
    text
}
