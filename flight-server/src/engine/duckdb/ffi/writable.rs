//! Chunks that are filled from values elsewhere, to be appended to a table or bound to parameters.

use std::ffi::c_char;
use std::marker::PhantomData;
use std::slice;
use std::sync::Arc;

use duckdb::ffi;

use super::logical_type::LogicalType;
use super::statement::Prepared;
use super::value::Value;
use super::vector::{ListEntry, Physical, Plain, StringT};
use super::{Failure, taken_text};

unsafe extern "C" {
    fn pintail_create_chunk(types: *mut ffi::duckdb_logical_type, count: u64, rows: u64) -> ffi::duckdb_data_chunk;
    fn pintail_wkb_to_geometry(vector: ffi::duckdb_vector, count: u64, error: *mut *mut c_char) -> bool;
    fn pintail_value_of(
        connection: ffi::duckdb_connection,
        vector: ffi::duckdb_vector,
        row: u64,
        ty: ffi::duckdb_logical_type,
        error: *mut *mut c_char,
    ) -> ffi::duckdb_value;
}

/// Rows to be filled, by columns. Long text and bytes are not copied into it: they stay where they are, during `'data`.
pub(in crate::engine::duckdb) struct WritableChunk<'data> {
    raw: ffi::duckdb_data_chunk,
    rows: usize,
    physical: Arc<[Physical]>,
    is_lent: bool,
    data: PhantomData<&'data [u8]>,
}

impl<'data> WritableChunk<'data> {
    /// The most rows that a chunk has.
    pub(in crate::engine::duckdb) const CAPACITY: usize = 2048;

    /// A chunk of `rows` rows (at most [`Self::CAPACITY`]) with columns of these types. Every value is to be written.
    ///
    /// # Errors
    /// When there are more rows than that, or DuckDB can't make it.
    pub(in crate::engine::duckdb) fn new(types: &[LogicalType], rows: usize) -> Result<Self, Failure> {
        if rows > Self::CAPACITY {
            return Err(Failure::new("Internal Error: a chunk of too many rows was asked for"));
        }
        let mut raw_types: Vec<_> = types.iter().map(LogicalType::raw).collect();
        // SAFETY: the array has as many live types as is said; they are copied.
        let raw = unsafe { pintail_create_chunk(raw_types.as_mut_ptr(), raw_types.len() as u64, rows as u64) };
        if raw.is_null() {
            return Err(Failure::new("Out of Memory Error: rows could not be prepared for the engine"));
        }
        let physical = types.iter().map(LogicalType::physical).collect();
        Ok(Self { raw, rows, physical, is_lent: false, data: PhantomData })
    }

    /// A chunk of DuckDB's, of which the first `rows` rows are written. `None` when it has no room for them.
    ///
    /// # Safety
    /// `raw` is a live chunk of flat vectors with these layouts and room for [`Self::CAPACITY`] rows, which nothing else uses
    /// during `'data`, and what is written is not read after it.
    pub(super) unsafe fn lent(raw: ffi::duckdb_data_chunk, physical: Arc<[Physical]>, rows: usize) -> Option<Self> {
        (rows <= Self::CAPACITY).then_some(Self { raw, rows, physical, is_lent: true, data: PhantomData })
    }

    /// The column at `index` (from 0), to be written.
    pub(in crate::engine::duckdb) fn column(&mut self, index: usize) -> Option<WritableVector<'_, 'data>> {
        let physical = *self.physical.get(index)?;
        // SAFETY: the index is in range; the vector is the chunk's, which is borrowed as long as it.
        let raw = unsafe { ffi::duckdb_data_chunk_get_vector(self.raw, index as u64) };
        Some(WritableVector { raw, physical, len: self.rows, chunk: PhantomData, data: PhantomData })
    }

    /// The value at `row` of the column at `index`, cast to `ty`.
    ///
    /// # Errors
    /// When there is no such row or column, or the value can't be cast.
    pub(in crate::engine::duckdb) fn value(
        &self,
        prepared: &Prepared,
        index: usize,
        row: usize,
        ty: &LogicalType,
    ) -> Result<Value, Failure> {
        if index >= self.physical.len() || row >= self.rows {
            return Err(Failure::new("Internal Error: a value was asked for that is not there"));
        }
        let mut error: *mut c_char = std::ptr::null_mut();
        // SAFETY: column and row are in range and were written, connection and type are live, the out pointer is ours.
        let raw = unsafe {
            let vector = ffi::duckdb_data_chunk_get_vector(self.raw, index as u64);
            pintail_value_of(prepared.connection().handle, vector, row as u64, ty.raw(), &mut error)
        };
        // SAFETY: null, or a message that was allocated for us.
        let message = unsafe { taken_text(error) };
        Value::owned(raw).ok_or_else(|| Failure::new(message.unwrap_or_default()))
    }
}

impl Drop for WritableChunk<'_> {
    fn drop(&mut self) {
        if !self.is_lent {
            // SAFETY: made by `pintail_create_chunk` as DuckDB itself would, destroyed only here.
            unsafe { ffi::duckdb_destroy_data_chunk(&mut self.raw) };
        }
    }
}

/// A column that is written. Each call writes from the first row on.
pub(in crate::engine::duckdb) struct WritableVector<'chunk, 'data> {
    raw: ffi::duckdb_vector,
    physical: Physical,
    len: usize,
    chunk: PhantomData<&'chunk mut ()>,
    data: PhantomData<&'data [u8]>,
}

impl<'chunk, 'data> WritableVector<'chunk, 'data> {
    /// How its values are laid out.
    pub(in crate::engine::duckdb) fn physical(&self) -> Physical {
        self.physical
    }

    /// Says which values are NULL: those for which `is_null` holds.
    pub(in crate::engine::duckdb) fn set_nulls(&mut self, is_null: impl Fn(usize) -> bool) {
        // SAFETY: the vector is live and flat.
        let mask = unsafe {
            ffi::duckdb_vector_ensure_validity_writable(self.raw);
            ffi::duckdb_vector_get_validity(self.raw)
        };
        if mask.is_null() || self.len == 0 {
            return;
        }
        // SAFETY: the mask has a bit for each value, in whole words, and nothing else refers to it.
        let words = unsafe { slice::from_raw_parts_mut(mask, self.len.div_ceil(64)) };
        for row in (0..self.len).filter(|row| is_null(*row)) {
            words[row / 64] &= !(1 << (row % 64));
        }
    }

    /// The values, to be written, when they are laid out as `T`.
    pub(in crate::engine::duckdb) fn values<T: Plain>(&mut self) -> Option<&mut [T]> {
        if T::PHYSICAL != self.physical {
            return None;
        }
        // SAFETY: the layout is `T`, any bits of which are a value of it.
        Some(unsafe { self.slice() })
    }

    /// The values of a boolean vector, one byte each, to be written: 0 or 1.
    pub(in crate::engine::duckdb) fn booleans(&mut self) -> Option<&mut [u8]> {
        // SAFETY: the layout is bytes.
        (self.physical == Physical::Bool).then(|| unsafe { self.slice() })
    }

    /// Writes text or bytes, as `value` has them for each row; `None` where it is NULL.
    ///
    /// # Errors
    /// When one is of 4 GiB or more, or the vector is not one of text or bytes.
    pub(in crate::engine::duckdb) fn write_bytes(
        &mut self,
        value: impl Fn(usize) -> Option<&'data [u8]>,
    ) -> Result<(), Failure> {
        if self.physical != Physical::Bytes {
            return Err(unexpected(self.physical));
        }
        // SAFETY: the layout is that of text or bytes.
        for (row, string) in unsafe { self.slice::<StringT>() }.iter_mut().enumerate() {
            *string = StringT::of(value(row).unwrap_or_default())
                .ok_or_else(|| Failure::new("Out of Range Error: a value of 4 GiB or more can't be stored"))?;
        }
        Ok(())
    }

    /// Makes geometries of the well-known binary that was written.
    ///
    /// # Errors
    /// When a value is none.
    pub(in crate::engine::duckdb) fn wkb_to_geometry(&mut self) -> Result<(), Failure> {
        if self.physical != Physical::Bytes {
            return Err(unexpected(self.physical));
        }
        let mut error: *mut c_char = std::ptr::null_mut();
        // SAFETY: the vector has `len` written values of bytes, which live; the out pointer is ours.
        let done = unsafe { pintail_wkb_to_geometry(self.raw, self.len as u64, &mut error) };
        // SAFETY: null, or a message that was allocated for us.
        let message = unsafe { taken_text(error) };
        if done { Ok(()) } else { Err(Failure::new(message.unwrap_or_default())) }
    }

    /// Writes where each list's elements are, and makes room for all of them: the vector of them is then to be written.
    ///
    /// # Errors
    /// When the vector is not one of lists.
    pub(in crate::engine::duckdb) fn lists(
        &mut self,
        entries: impl Fn(usize) -> ListEntry,
        elements: usize,
    ) -> Result<WritableVector<'_, 'data>, Failure> {
        if self.physical != Physical::List {
            return Err(unexpected(self.physical));
        }
        // SAFETY: the layout is that of lists.
        for (row, entry) in unsafe { self.slice::<ListEntry>() }.iter_mut().enumerate() {
            *entry = entries(row);
        }
        // SAFETY: the vector is live and a list; it may move its child, of which nothing is borrowed.
        let child = unsafe {
            ffi::duckdb_list_vector_reserve(self.raw, elements as u64);
            ffi::duckdb_list_vector_set_size(self.raw, elements as u64);
            ffi::duckdb_list_vector_get_child(self.raw)
        };
        self.child(child, elements)
    }

    /// The elements of all arrays, to be written.
    ///
    /// # Errors
    /// When the vector is not one of arrays.
    pub(in crate::engine::duckdb) fn array_elements(&mut self) -> Result<WritableVector<'_, 'data>, Failure> {
        let Physical::Array(size) = self.physical else { return Err(unexpected(self.physical)) };
        // SAFETY: the vector is live and an array.
        let child = unsafe { ffi::duckdb_array_vector_get_child(self.raw) };
        self.child(child, self.len * size)
    }

    /// The member at `index` of a struct, to be written; of a union, the tag is the first.
    ///
    /// # Errors
    /// When the vector is not one of structs, or has no such member.
    pub(in crate::engine::duckdb) fn member(&mut self, index: usize) -> Result<WritableVector<'_, 'data>, Failure> {
        if self.physical != Physical::Struct {
            return Err(unexpected(self.physical));
        }
        // SAFETY: the vector is live and a struct; the caller's index comes from the struct's own type.
        let child = unsafe { ffi::duckdb_struct_vector_get_child(self.raw, index as u64) };
        self.child(child, self.len)
    }

    fn child(&mut self, raw: ffi::duckdb_vector, len: usize) -> Result<WritableVector<'_, 'data>, Failure> {
        if raw.is_null() {
            return Err(unexpected(self.physical));
        }
        // SAFETY: the child is live.
        let physical = unsafe { Physical::of_vector(raw) };
        Ok(WritableVector { raw, physical, len, chunk: PhantomData, data: PhantomData })
    }

    /// # Safety
    /// The vector's layout is `T`, of which any bits are a value.
    unsafe fn slice<T>(&mut self) -> &mut [T] {
        // SAFETY: the vector is live and flat.
        let data = unsafe { ffi::duckdb_vector_get_data(self.raw) };
        if data.is_null() || self.len == 0 {
            return &mut [];
        }
        // SAFETY: there is room for `len` values of that layout. DuckDB leaves them as they come; now they are values.
        unsafe { data.cast::<T>().write_bytes(0, self.len) };
        // SAFETY: as above; and nothing else refers to them while this is borrowed.
        unsafe { slice::from_raw_parts_mut(data.cast::<T>(), self.len) }
    }
}

fn unexpected(physical: Physical) -> Failure {
    Failure::new(format!("Internal Error: values of another type were written into a vector laid out as {physical:?}"))
}
