//! Columns whose values all have the same width.

use std::marker::PhantomData;
use std::ops::Range;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, BooleanBufferBuilder, FixedSizeBinaryArray, NullArray, PrimitiveArray,
};
use arrow::buffer::{Buffer, ScalarBuffer};
use arrow::datatypes::{ArrowPrimitiveType, DataType};
use arrow::error::ArrowError;
use typemap::value::{ValueError, uuid_bytes};

use super::column::{Column, ConvertError, unexpected_layout};
use super::nulls::{Nulls, is_valid};
use crate::engine::duckdb::ffi::Vector;
use crate::engine::duckdb::ffi::vector::{HugeInt, Plain};

/// The values of one batch after the other. Each is likely to be about as long as the one before: what grows bit by bit is copied
/// as often as it doubles.
pub(super) struct Batched<T> {
    pub(super) values: Vec<T>,
    /// How many there may be in the next.
    expected: usize,
}

impl<T> Default for Batched<T> {
    fn default() -> Self {
        Self { values: Vec::new(), expected: 0 }
    }
}

impl<T> Batched<T> {
    /// Makes room for so many more.
    pub(super) fn reserve(&mut self, more: usize) {
        if self.values.is_empty() {
            self.values.reserve_exact(more.max(self.expected));
        } else {
            self.values.reserve(more);
        }
    }

    /// Those of a whole batch.
    pub(super) fn take(&mut self) -> Vec<T> {
        let length = self.values.len();
        // Batches are cut by their bytes, so that one has a few rows more than the other; and one that is short, as the last of a
        // part, says little of the next.
        self.expected = (length + length / 8).max(self.expected - self.expected / 8);
        std::mem::take(&mut self.values)
    }
}

/// Values that stand in DuckDB's vector as they go over the wire.
pub(super) struct Copied<T: ArrowPrimitiveType> {
    wire: DataType,
    batched: Batched<T::Native>,
    nulls: Nulls,
}

impl<T: ArrowPrimitiveType> Copied<T> {
    pub(super) fn new(wire: DataType) -> Self {
        Self { wire, batched: Batched::default(), nulls: Nulls::default() }
    }
}

impl<T: ArrowPrimitiveType> Column for Copied<T>
where
    T::Native: Plain,
{
    fn width(&self) -> usize {
        size_of::<T::Native>()
    }

    fn append(&mut self, vector: &Vector<'_>, rows: Range<usize>) -> Result<(), ConvertError> {
        let source = vector.values::<T::Native>().ok_or_else(|| unexpected_layout(vector.physical()))?;
        let validity = vector.validity();
        self.batched.reserve(rows.len());
        let values = &mut self.batched.values;
        let start = values.len();
        values.extend_from_slice(&source[rows.clone()]);
        clear_nulls(&mut values[start..], validity, rows.clone());
        self.nulls.append(validity, rows);
        Ok(())
    }

    fn append_nulls(&mut self, count: usize) {
        let values = &mut self.batched.values;
        values.resize(values.len() + count, T::Native::default());
        self.nulls.append_nulls(count);
    }

    fn append_made(&mut self, array: &dyn Array, rows: Range<usize>) -> Result<(), ConvertError> {
        self.batched.reserve(rows.len());
        self.batched.values.extend_from_slice(&array.as_primitive::<T>().values()[rows.clone()]);
        self.nulls.append_made(array.nulls(), rows);
        Ok(())
    }

    fn finish(&mut self) -> Result<ArrayRef, ArrowError> {
        primitive::<T>(&self.wire, self.batched.take(), &mut self.nulls)
    }
}

/// What DuckDB left at a NULL is nobody's business, and would make equal rows differ.
fn clear_nulls<T: Default>(values: &mut [T], validity: Option<&[u8]>, rows: Range<usize>) {
    if validity.is_none() {
        return;
    }
    for (value, row) in values.iter_mut().zip(rows) {
        if !is_valid(validity, row) {
            *value = T::default();
        }
    }
}

/// Values that are changed, or checked, one by one. `None` makes a NULL.
pub(super) struct Mapped<S, T: ArrowPrimitiveType, F> {
    wire: DataType,
    batched: Batched<T::Native>,
    nulls: Nulls,
    map: F,
    source: PhantomData<fn(S)>,
}

impl<S, T, F> Mapped<S, T, F>
where
    T: ArrowPrimitiveType,
    F: Fn(S) -> Result<Option<T::Native>, ValueError>,
{
    pub(super) fn new(wire: DataType, map: F) -> Self {
        Self { wire, batched: Batched::default(), nulls: Nulls::default(), map, source: PhantomData }
    }

    /// Appends values each of which is one on the wire too; if any is not, none is appended. Nothing is decided within, so that the
    /// processor does several at a time.
    fn append_plain(&mut self, source: &[S]) -> bool
    where
        S: Plain,
    {
        let values = &mut self.batched.values;
        let (start, mut are_plain) = (values.len(), true);
        values.extend(source.iter().map(|value| match (self.map)(*value) {
            Ok(Some(value)) => value,
            _ => {
                are_plain = false;
                T::Native::default()
            }
        }));
        if !are_plain {
            values.truncate(start);
        }
        are_plain
    }
}

impl<S, T, F> Column for Mapped<S, T, F>
where
    S: Plain,
    T: ArrowPrimitiveType,
    F: Fn(S) -> Result<Option<T::Native>, ValueError> + Send,
{
    fn width(&self) -> usize {
        size_of::<T::Native>()
    }

    fn append(&mut self, vector: &Vector<'_>, rows: Range<usize>) -> Result<(), ConvertError> {
        let source = vector.values::<S>().ok_or_else(|| unexpected_layout(vector.physical()))?;
        let validity = vector.validity();
        self.nulls.append(validity, rows.clone());
        self.batched.reserve(rows.len());
        let start = self.batched.values.len();
        let are_plain = self.append_plain(&source[rows.clone()]);
        let values = &mut self.batched.values;
        if are_plain {
            clear_nulls(&mut values[start..], validity, rows);
            return Ok(());
        }
        for row in rows {
            let value = if is_valid(validity, row) { (self.map)(source[row])? } else { None };
            if value.is_none() {
                self.nulls.clear(values.len());
            }
            values.push(value.unwrap_or_default());
        }
        Ok(())
    }

    fn append_nulls(&mut self, count: usize) {
        let values = &mut self.batched.values;
        values.resize(values.len() + count, T::Native::default());
        self.nulls.append_nulls(count);
    }

    fn append_made(&mut self, array: &dyn Array, rows: Range<usize>) -> Result<(), ConvertError> {
        self.batched.reserve(rows.len());
        self.batched.values.extend_from_slice(&array.as_primitive::<T>().values()[rows.clone()]);
        self.nulls.append_made(array.nulls(), rows);
        Ok(())
    }

    fn finish(&mut self) -> Result<ArrayRef, ArrowError> {
        primitive::<T>(&self.wire, self.batched.take(), &mut self.nulls)
    }
}

fn primitive<T: ArrowPrimitiveType>(
    wire: &DataType,
    values: Vec<T::Native>,
    nulls: &mut Nulls,
) -> Result<ArrayRef, ArrowError> {
    let array = PrimitiveArray::<T>::try_new(ScalarBuffer::from(values), nulls.finish())?;
    Ok(Arc::new(array.with_data_type(wire.clone())))
}

/// BOOLEAN.
pub(super) struct Booleans {
    values: BooleanBufferBuilder,
    nulls: Nulls,
}

impl Default for Booleans {
    fn default() -> Self {
        Self { values: BooleanBufferBuilder::new(0), nulls: Nulls::default() }
    }
}

impl Column for Booleans {
    fn width(&self) -> usize {
        1
    }

    fn append(&mut self, vector: &Vector<'_>, rows: Range<usize>) -> Result<(), ConvertError> {
        let source = vector.booleans().ok_or_else(|| unexpected_layout(vector.physical()))?;
        let validity = vector.validity();
        for row in rows.clone() {
            self.values.append(source[row] != 0 && is_valid(validity, row));
        }
        self.nulls.append(validity, rows);
        Ok(())
    }

    fn append_nulls(&mut self, count: usize) {
        self.values.append_n(count, false);
        self.nulls.append_nulls(count);
    }

    fn append_made(&mut self, array: &dyn Array, rows: Range<usize>) -> Result<(), ConvertError> {
        self.values.append_buffer(&array.as_boolean().values().slice(rows.start, rows.len()));
        self.nulls.append_made(array.nulls(), rows);
        Ok(())
    }

    fn finish(&mut self) -> Result<ArrayRef, ArrowError> {
        Ok(Arc::new(BooleanArray::new(self.values.finish(), self.nulls.finish())))
    }
}

/// UUID: sixteen bytes, where DuckDB has an integer.
#[derive(Default)]
pub(super) struct Uuids {
    bytes: Vec<u8>,
    nulls: Nulls,
}

impl Column for Uuids {
    fn width(&self) -> usize {
        16
    }

    fn append(&mut self, vector: &Vector<'_>, rows: Range<usize>) -> Result<(), ConvertError> {
        let source = vector.values::<HugeInt>().ok_or_else(|| unexpected_layout(vector.physical()))?;
        let validity = vector.validity();
        for row in rows.clone() {
            let bytes = if is_valid(validity, row) { uuid_bytes(source[row].into()) } else { [0; 16] };
            self.bytes.extend_from_slice(&bytes);
        }
        self.nulls.append(validity, rows);
        Ok(())
    }

    fn append_nulls(&mut self, count: usize) {
        self.bytes.resize(self.bytes.len() + 16 * count, 0);
        self.nulls.append_nulls(count);
    }

    fn append_made(&mut self, array: &dyn Array, rows: Range<usize>) -> Result<(), ConvertError> {
        self.bytes.extend_from_slice(&array.as_fixed_size_binary().value_data()[rows.start * 16..rows.end * 16]);
        self.nulls.append_made(array.nulls(), rows);
        Ok(())
    }

    fn finish(&mut self) -> Result<ArrayRef, ArrowError> {
        let bytes = Buffer::from_vec(std::mem::take(&mut self.bytes));
        Ok(Arc::new(FixedSizeBinaryArray::try_new(16, bytes, self.nulls.finish())?))
    }
}

/// The type of a bare NULL.
#[derive(Default)]
pub(super) struct Nothing {
    rows: usize,
}

impl Column for Nothing {
    fn width(&self) -> usize {
        0
    }

    fn append(&mut self, _vector: &Vector<'_>, rows: Range<usize>) -> Result<(), ConvertError> {
        self.rows += rows.len();
        Ok(())
    }

    fn append_nulls(&mut self, count: usize) {
        self.rows += count;
    }

    fn append_made(&mut self, _array: &dyn Array, rows: Range<usize>) -> Result<(), ConvertError> {
        self.rows += rows.len();
        Ok(())
    }

    fn finish(&mut self) -> Result<ArrayRef, ArrowError> {
        Ok(Arc::new(NullArray::new(std::mem::take(&mut self.rows))))
    }
}
