//! Values of any length that are a part of others. Nothing of DuckDB's: it is here because it is `unsafe`.

use std::ops::Range;

use arrow::array::GenericByteArray;
use arrow::array::types::ByteArrayType;
use arrow::buffer::{NullBuffer, OffsetBuffer};

/// The values of these rows, where they are; offsets begin with 0. `None` when there are no such rows, or not as many of `nulls`.
pub(in crate::engine::duckdb) fn values_within<T: ByteArrayType<Offset = i32>>(
    values: &GenericByteArray<T>,
    rows: &Range<usize>,
    nulls: Option<NullBuffer>,
) -> Option<GenericByteArray<T>> {
    let ends = values.value_offsets().get(rows.start..=rows.end)?;
    let (from, to) = (*ends.first()?, *ends.last()?);
    let bytes = values.values().slice_with_length(usize::try_from(from).ok()?, usize::try_from(to - from).ok()?);
    let offsets = OffsetBuffer::new(ends.iter().map(|end| end - from).collect());
    if nulls.as_ref().is_some_and(|nulls| nulls.len() != rows.len()) {
        return None;
    }
    // SAFETY: each value is the same bytes as in `values`, of whose type it is therefore one; texts are not validated again. Offsets
    // begin with 0 and end with the length of `bytes`, and there are as many of `nulls` as of values.
    Some(unsafe { GenericByteArray::new_unchecked(offsets, bytes, nulls) })
}
