//! Single values, made to be bound to parameters.

use duckdb::ffi;

use super::{LogicalType, Prepared};

unsafe extern "C" {
    fn pintail_cast_value(
        connection: ffi::duckdb_connection,
        value: ffi::duckdb_value,
        ty: ffi::duckdb_logical_type,
    ) -> ffi::duckdb_value;
}

/// A value.
pub(in crate::engine::duckdb) struct Value(ffi::duckdb_value);

// SAFETY: a value belongs to whoever holds it, and is not changed after it was made.
unsafe impl Send for Value {}

impl Value {
    /// Takes over a value that was handed out; `None` for a null pointer.
    pub(super) fn owned(raw: ffi::duckdb_value) -> Option<Self> {
        (!raw.is_null()).then_some(Self(raw))
    }

    pub(super) fn raw(&self) -> ffi::duckdb_value {
        self.0
    }

    /// The same as a value of type `ty`, as the connection of `prepared` casts it; `None` when it can't be cast.
    pub(in crate::engine::duckdb) fn cast(&self, prepared: &Prepared, ty: &LogicalType) -> Option<Self> {
        // SAFETY: connection, value and type are live, and the value that comes back is ours.
        Self::owned(unsafe { pintail_cast_value(prepared.connection().handle, self.0, ty.raw()) })
    }

    /// NULL.
    pub(in crate::engine::duckdb) fn null() -> Self {
        // SAFETY: the call takes nothing.
        Self(unsafe { ffi::duckdb_create_null_value() })
    }

    /// VARCHAR.
    pub(in crate::engine::duckdb) fn text(text: &str) -> Self {
        // SAFETY: pointer and length are those of live text, which is copied.
        Self(unsafe { ffi::duckdb_create_varchar_length(text.as_ptr().cast(), text.len() as u64) })
    }
}

impl Drop for Value {
    fn drop(&mut self) {
        // SAFETY: made by DuckDB for us, destroyed only here.
        unsafe { ffi::duckdb_destroy_value(&mut self.0) };
    }
}
