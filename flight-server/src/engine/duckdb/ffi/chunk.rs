//! Up to 2048 rows of a result, by columns.

use std::ffi::c_char;

use duckdb::ffi;

use super::vector::{Physical, Vector};
use super::{Failure, taken_text};

unsafe extern "C" {
    fn pintail_variants_as_json(chunk: ffi::duckdb_data_chunk, error: *mut *mut c_char) -> ffi::duckdb_data_chunk;
}

/// Rows, by columns. Its vectors are flat, and die with it.
pub(in crate::engine::duckdb) struct Chunk {
    raw: ffi::duckdb_data_chunk,
    rows: usize,
    columns: usize,
    /// Whether it is ours to destroy.
    is_owned: bool,
}

// SAFETY: a chunk owns its rows; nothing else refers to them.
unsafe impl Send for Chunk {}

impl Chunk {
    /// Takes over a chunk that DuckDB handed out; `None` for a null pointer.
    pub(super) fn owned(raw: ffi::duckdb_data_chunk) -> Option<Self> {
        // SAFETY: a chunk that is ours lives as long as we want.
        unsafe { Self::live(raw, true) }
    }

    /// A chunk that stays DuckDB's.
    ///
    /// # Safety
    /// `raw` is null, or live and unchanged until the chunk is dropped.
    pub(super) unsafe fn lent(raw: ffi::duckdb_data_chunk) -> Option<Self> {
        // SAFETY: as the caller guarantees.
        unsafe { Self::live(raw, false) }
    }

    /// # Safety
    /// `raw` is null, or live and unchanged until the chunk is dropped.
    unsafe fn live(raw: ffi::duckdb_data_chunk, is_owned: bool) -> Option<Self> {
        if raw.is_null() {
            return None;
        }
        // SAFETY: the chunk is live.
        let rows = unsafe { ffi::duckdb_data_chunk_get_size(raw) } as usize;
        // SAFETY: the chunk is live.
        let columns = unsafe { ffi::duckdb_data_chunk_get_column_count(raw) } as usize;
        Some(Self { raw, rows, columns, is_owned })
    }

    /// The same rows with JSON in the place of each VARIANT, however nested.
    ///
    /// # Errors
    /// When a value can't be written as JSON.
    pub(in crate::engine::duckdb) fn variants_as_json(&self) -> Result<Self, Failure> {
        let mut error: *mut c_char = std::ptr::null_mut();
        // SAFETY: the chunk is live and the out pointer ours.
        let raw = unsafe { pintail_variants_as_json(self.raw, &mut error) };
        // SAFETY: null, or a message that was allocated for us.
        let message = unsafe { taken_text(error) };
        Self::owned(raw).ok_or_else(|| Failure::new(message.unwrap_or_default()))
    }

    /// How many rows there are.
    pub(in crate::engine::duckdb) fn len(&self) -> usize {
        self.rows
    }

    /// Whether there are none.
    pub(in crate::engine::duckdb) fn is_empty(&self) -> bool {
        self.rows == 0
    }

    /// The column at `index` (from 0).
    pub(in crate::engine::duckdb) fn column(&self, index: usize) -> Option<Vector<'_>> {
        if index >= self.columns {
            return None;
        }
        // SAFETY: the index is in range, and the vector is borrowed from this chunk, which owns its memory.
        let raw = unsafe { ffi::duckdb_data_chunk_get_vector(self.raw, index as u64) };
        // SAFETY: the vector holds `rows` rows and lives as long as `self` is borrowed.
        Some(unsafe { Vector::borrowed(raw, Physical::of_vector(raw), self.rows) })
    }
}

impl Drop for Chunk {
    fn drop(&mut self) {
        if self.is_owned {
            // SAFETY: handed out by DuckDB for us to destroy, destroyed only here.
            unsafe { ffi::duckdb_destroy_data_chunk(&mut self.raw) };
        }
    }
}
