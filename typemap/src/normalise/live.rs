//! Which values of an array can be seen, and so count.
//!
//! A slot is live if nothing around it hides it: no null of a parent, no other member of a union. What lies in a dead
//! slot is left over or filler; it is carried along where that is free, and never judged.

use arrow::array::{Array, ArrowPrimitiveType, BooleanBufferBuilder, PrimitiveArray};
use arrow::buffer::{BooleanBuffer, NullBuffer};
use arrow::datatypes::DataType;

use crate::ValueError;

/// The live slots of `array` that hold a value.
pub(super) fn valued<T: ArrowPrimitiveType>(
    array: &PrimitiveArray<T>,
    live: Option<&NullBuffer>,
) -> Option<NullBuffer> {
    NullBuffer::union(array.nulls(), live)
}

/// Converts the live values of `array` one by one. Dead slots become zero and keep their validity.
pub(super) fn map_values<S, D>(
    array: &PrimitiveArray<S>,
    live: Option<&NullBuffer>,
    wire: &DataType,
    convert: impl Fn(S::Native) -> Result<D::Native, ValueError>,
) -> Result<PrimitiveArray<D>, ValueError>
where
    S: ArrowPrimitiveType,
    D: ArrowPrimitiveType,
{
    let source = array.values();
    let values = match valued(array, live) {
        None => source.iter().map(|value| convert(*value)).collect::<Result<Vec<_>, _>>()?,
        Some(valued) => {
            let mut values = vec![D::Native::default(); source.len()];
            for index in valued.valid_indices() {
                if let (Some(value), Some(source)) = (values.get_mut(index), source.get(index)) {
                    *value = convert(*source)?;
                }
            }
            values
        }
    };
    Ok(PrimitiveArray::<D>::new(values.into(), array.nulls().cloned()).with_data_type(wire.clone()))
}

/// As [`map_values`], for a conversion that gives nothing for some values; these become null.
pub(super) fn filter_map_values<S, D>(
    array: &PrimitiveArray<S>,
    live: Option<&NullBuffer>,
    wire: &DataType,
    convert: impl Fn(S::Native) -> Result<Option<D::Native>, ValueError>,
) -> Result<PrimitiveArray<D>, ValueError>
where
    S: ArrowPrimitiveType,
    D: ArrowPrimitiveType,
{
    let source = array.values();
    let mut values = vec![D::Native::default(); source.len()];
    let mut valid = BooleanBufferBuilder::new(source.len());
    match array.nulls() {
        Some(nulls) => valid.append_buffer(nulls.inner()),
        None => valid.append_n(source.len(), true),
    }
    let mut each = |index: usize| {
        if let (Some(value), Some(source)) = (values.get_mut(index), source.get(index)) {
            match convert(*source)? {
                Some(converted) => *value = converted,
                None => valid.set_bit(index, false),
            }
        }
        Ok(())
    };
    match valued(array, live) {
        None => (0..source.len()).try_for_each(&mut each)?,
        Some(valued) => valued.valid_indices().try_for_each(&mut each)?,
    }
    let nulls = Some(NullBuffer::new(valid.finish())).filter(|nulls| nulls.null_count() > 0);
    Ok(PrimitiveArray::<D>::new(values.into(), nulls).with_data_type(wire.clone()))
}

/// The live slots among `len` children, of which the ones that `marked` yields are referred to.
pub(super) fn referenced(len: usize, marked: impl Iterator<Item = usize>) -> NullBuffer {
    let mut live = BooleanBufferBuilder::new(len);
    live.append_n(len, false);
    for index in marked.filter(|index| *index < len) {
        live.set_bit(index, true);
    }
    NullBuffer::new(live.finish())
}

/// The live slots among the children of rows with these lengths, which follow on each other.
pub(super) fn spread(rows: &NullBuffer, lengths: impl Iterator<Item = usize>) -> NullBuffer {
    let mut live = BooleanBufferBuilder::new(0);
    for (row, length) in rows.iter().zip(lengths) {
        live.append_n(length, row);
    }
    NullBuffer::new(live.finish())
}

/// The slots for which `is_live` holds.
pub(super) fn where_true(len: usize, is_live: impl FnMut(usize) -> bool) -> NullBuffer {
    NullBuffer::new(BooleanBuffer::collect_bool(len, is_live))
}
