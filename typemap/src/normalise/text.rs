//! Text and bytes, from any layout to offsets of 32 bits.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, BinaryArray, BinaryViewArray, FixedSizeBinaryArray, LargeBinaryArray, LargeStringArray,
    StringArray, StringViewArray,
};
use arrow::buffer::{NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow::datatypes::DataType;

use super::node::{cast, refused, typed};
use crate::ValueError;

/// The values of `array` as `wire`, which is text or bytes as `array` is.
pub(super) fn convert(array: &ArrayRef, wire: &DataType) -> Result<ArrayRef, ValueError> {
    // Arrow's kernels panic or wrap where the bytes are more than 32 bits can count, so that is seen to first.
    match array.data_type() {
        DataType::LargeUtf8 => {
            let large = typed::<LargeStringArray>(array)?;
            if fits(large.value_offsets().last().copied()) {
                return cast(array, wire);
            }
            let (offsets, start, length) = rebased(large.value_offsets())?;
            let values = large.values().slice_with_length(start, length);
            Ok(Arc::new(StringArray::try_new(offsets, values, large.nulls().cloned()).map_err(refused)?))
        }
        DataType::LargeBinary => {
            let large = typed::<LargeBinaryArray>(array)?;
            if fits(large.value_offsets().last().copied()) {
                return cast(array, wire);
            }
            let (offsets, start, length) = rebased(large.value_offsets())?;
            let values = large.values().slice_with_length(start, length);
            Ok(Arc::new(BinaryArray::try_new(offsets, values, large.nulls().cloned()).map_err(refused)?))
        }
        DataType::Utf8View => {
            let views = typed::<StringViewArray>(array)?;
            check_total(valid_total(views.lengths(), views.nulls()))?;
            cast(array, wire)
        }
        DataType::BinaryView => {
            let views = typed::<BinaryViewArray>(array)?;
            check_total(valid_total(views.lengths(), views.nulls()))?;
            cast(array, wire)
        }
        _ => {
            let fixed = typed::<FixedSizeBinaryArray>(array)?;
            let width = u64::from(fixed.value_length().unsigned_abs());
            check_total(width.saturating_mul(fixed.len() as u64))?;
            cast(array, wire)
        }
    }
}

fn fits(last: Option<i64>) -> bool {
    last.is_none_or(|last| i32::try_from(last).is_ok())
}

fn valid_total(lengths: impl Iterator<Item = u32>, nulls: Option<&NullBuffer>) -> u64 {
    match nulls {
        None => lengths.map(u64::from).sum(),
        Some(nulls) => lengths.zip(nulls.iter()).filter(|(_, valid)| *valid).map(|(length, _)| u64::from(length)).sum(),
    }
}

fn check_total(bytes: u64) -> Result<(), ValueError> {
    if i32::try_from(bytes).is_ok() { Ok(()) } else { Err(ValueError::TooLarge) }
}

/// Offsets that count from the first one, and the bytes or elements they count in: their start and their number.
///
/// # Errors
///
/// There are more than 32 bits can count.
pub(super) fn rebased(offsets: &[i64]) -> Result<(OffsetBuffer<i32>, usize, usize), ValueError> {
    let (first, last) = (offsets.first().copied().unwrap_or(0), offsets.last().copied().unwrap_or(0));
    let length = i32::try_from(last - first).map_err(|_| ValueError::TooLarge)?;
    let narrow = offsets.iter().map(|offset| i32::try_from(offset - first).map_err(|_| ValueError::TooLarge));
    let narrow = narrow.collect::<Result<Vec<_>, _>>()?;
    let narrow = if narrow.is_empty() { vec![0] } else { narrow };
    let start = usize::try_from(first).map_err(|_| ValueError::TooLarge)?;
    // The offsets of an array ascend, and so do these.
    Ok((OffsetBuffer::new(ScalarBuffer::from(narrow)), start, usize::try_from(length).unwrap_or(0)))
}
