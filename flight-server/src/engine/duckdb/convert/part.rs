//! A part of an array, as if it had been made by itself: its buffers are the same byte by byte, so that the same rows are sent alike
//! however they came. Values stay where they are; bits and offsets, which are little beside them, are copied.

use std::ops::Range;
use std::sync::Arc;

use arrow::array::{Array, ArrayData, ArrayRef, AsArray, BooleanArray, NullArray, make_array};
use arrow::buffer::{BooleanBuffer, Buffer, NullBuffer};
use arrow::datatypes::DataType;

use crate::engine::duckdb::ffi::values_within;

/// These rows of an array that a column has made; `None` of one that is nested.
pub(super) fn part_of(array: &ArrayRef, rows: &Range<usize>) -> Option<ArrayRef> {
    let nulls = array.nulls().map(|nulls| nulls.slice(rows.start, rows.len())).filter(|nulls| nulls.null_count() > 0);
    let nulls = nulls.map(|nulls| NullBuffer::new(by_themselves(nulls.inner())));
    Some(match array.data_type() {
        DataType::Null => Arc::new(NullArray::new(rows.len())),
        DataType::Boolean => {
            let values = array.as_boolean().values().slice(rows.start, rows.len());
            Arc::new(BooleanArray::new(by_themselves(&values), nulls))
        }
        DataType::Utf8 => Arc::new(values_within(array.as_string::<i32>(), rows, nulls)?),
        DataType::Binary => Arc::new(values_within(array.as_binary::<i32>(), rows, nulls)?),
        DataType::FixedSizeBinary(width) => fixed(&array.to_data(), usize::try_from(*width).ok()?, rows, nulls)?,
        other => fixed(&array.to_data(), other.primitive_width()?, rows, nulls)?,
    })
}

/// The same bits from the beginning of a buffer on, with nothing behind them.
fn by_themselves(bits: &BooleanBuffer) -> BooleanBuffer {
    let words: Vec<u64> = bits.bit_chunks().iter_padded().map(u64::to_le).collect();
    BooleanBuffer::new(Buffer::from_vec(words), 0, bits.len())
}

/// The part of an array whose values all have this width.
fn fixed(array: &ArrayData, width: usize, rows: &Range<usize>, nulls: Option<NullBuffer>) -> Option<ArrayRef> {
    let begin = (array.offset() + rows.start) * width;
    let values = array.buffers().first()?.slice_with_length(begin, rows.len() * width);
    let part = ArrayData::builder(array.data_type().clone()).len(rows.len()).nulls(nulls).add_buffer(values);
    Some(make_array(part.build().ok()?))
}
