//! Picks values by their numbers, out of arrays that are in their wire layout already.
//!
//! Unlike Arrow's kernel it picks out of unions by index or nothing, and it counts before it copies: a small encoded
//! array can stand for more values than there is memory.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, BinaryArray, FixedSizeListArray, ListArray, MapArray, NullArray, StringArray, StructArray,
    UInt32Array, UnionArray,
};
use arrow::buffer::{BooleanBuffer, NullBuffer, OffsetBuffer};
use arrow::compute::take;
use arrow::datatypes::DataType;

use super::node::{refused, typed};
use crate::ValueError;

/// The most values that are unpacked into one array.
pub(super) const MAX_UNPACKED: usize = 1 << 26;

/// The values of `array` at `indices`, and null where an index is.
///
/// # Errors
///
/// There are more than [`MAX_UNPACKED`] values, at any level, or more bytes than 32 bits can count.
pub(super) fn gather(array: &ArrayRef, indices: &UInt32Array) -> Result<ArrayRef, ValueError> {
    if indices.len() > MAX_UNPACKED {
        return Err(ValueError::TooLarge);
    }
    Ok(match array.data_type() {
        DataType::Null => Arc::new(NullArray::new(indices.len())),
        DataType::Utf8 => {
            let text = typed::<StringArray>(array)?;
            lengths(text.value_offsets(), text.nulls(), indices, i32::MAX as usize)?;
            take(array, indices, None).map_err(refused)?
        }
        DataType::Binary => {
            let bytes = typed::<BinaryArray>(array)?;
            lengths(bytes.value_offsets(), bytes.nulls(), indices, i32::MAX as usize)?;
            take(array, indices, None).map_err(refused)?
        }
        DataType::List(item) => {
            let lists = typed::<ListArray>(array)?;
            let (lengths, elements) = elements(lists.value_offsets(), lists.nulls(), indices)?;
            let values = gather(lists.values(), &elements)?;
            let offsets = OffsetBuffer::from_lengths(lengths);
            Arc::new(ListArray::try_new(item.clone(), offsets, values, nulls(array, indices)).map_err(refused)?)
        }
        DataType::Map(entries, ordered) => {
            let maps = typed::<MapArray>(array)?;
            let (lengths, elements) = elements(maps.value_offsets(), maps.nulls(), indices)?;
            let columns = maps.entries().columns().iter().map(|column| gather(column, &elements));
            let columns = columns.collect::<Result<Vec<_>, _>>()?;
            let fields = maps.entries().fields().clone();
            let picked = StructArray::try_new(fields, columns, None).map_err(refused)?;
            let offsets = OffsetBuffer::from_lengths(lengths);
            let nulls = nulls(array, indices);
            Arc::new(MapArray::try_new(entries.clone(), offsets, picked, nulls, *ordered).map_err(refused)?)
        }
        DataType::FixedSizeList(item, size) => {
            let lists = typed::<FixedSizeListArray>(array)?;
            let width = u32::try_from(*size).map_err(|_| ValueError::TooLarge)?;
            if indices.len().saturating_mul(width as usize) > MAX_UNPACKED {
                return Err(ValueError::TooLarge);
            }
            let mut elements = Vec::with_capacity(indices.len() * width as usize);
            for index in indices {
                for position in 0..width {
                    let element = index.map(|index| index.checked_mul(width).and_then(|at| at.checked_add(position)));
                    elements.push(element.map(|element| element.ok_or(ValueError::TooLarge)).transpose()?);
                }
            }
            let values = gather(lists.values(), &elements.into())?;
            let nulls = nulls(array, indices);
            let lists = FixedSizeListArray::try_new_with_length(item.clone(), *size, values, nulls, indices.len());
            Arc::new(lists.map_err(refused)?)
        }
        DataType::Struct(fields) => {
            let structs = typed::<StructArray>(array)?;
            let columns = structs.columns().iter().map(|column| gather(column, indices));
            let columns = columns.collect::<Result<Vec<_>, _>>()?;
            Arc::new(StructArray::try_new(fields.clone(), columns, nulls(array, indices)).map_err(refused)?)
        }
        DataType::Union(fields, _) => {
            let union = typed::<UnionArray>(array)?;
            // Nothing is the null of the first member, whose number is zero on the wire.
            let ids = union.type_ids();
            let ids = indices.iter().map(|index| index.and_then(|index| ids.get(index as usize).copied()).unwrap_or(0));
            let members = fields.iter().map(|(id, _)| gather(union.child(id), indices));
            let members = members.collect::<Result<Vec<_>, _>>()?;
            Arc::new(UnionArray::try_new(fields.clone(), ids.collect(), None, members).map_err(refused)?)
        }
        _ => take(array, indices, None).map_err(refused)?,
    })
}

/// The validity of the picked slots.
fn nulls(array: &ArrayRef, indices: &UInt32Array) -> Option<NullBuffer> {
    let Some(nulls) = array.nulls() else {
        return indices.nulls().cloned();
    };
    let valid = |position: usize| {
        indices.is_valid(position) && nulls.is_valid(indices.values().get(position).map_or(0, |index| *index as usize))
    };
    Some(NullBuffer::new(BooleanBuffer::collect_bool(indices.len(), valid)))
}

/// How many bytes or elements each picked slot has.
fn lengths(
    offsets: &[i32],
    nulls: Option<&NullBuffer>,
    indices: &UInt32Array,
    most: usize,
) -> Result<Vec<usize>, ValueError> {
    let mut total = 0_usize;
    let mut lengths = Vec::with_capacity(indices.len());
    for index in indices {
        let (_, length) = span(offsets, nulls, index);
        total += length as usize;
        if total > most {
            return Err(ValueError::TooLarge);
        }
        lengths.push(length as usize);
    }
    Ok(lengths)
}

/// The lengths of the picked lists, and the numbers of all their elements.
fn elements(
    offsets: &[i32],
    nulls: Option<&NullBuffer>,
    indices: &UInt32Array,
) -> Result<(Vec<usize>, UInt32Array), ValueError> {
    let lengths = lengths(offsets, nulls, indices, MAX_UNPACKED)?;
    let mut elements = Vec::with_capacity(lengths.iter().sum());
    for index in indices {
        let (start, length) = span(offsets, nulls, index);
        elements.extend(start..start + length);
    }
    Ok((lengths, elements.into()))
}

/// Where the bytes or elements of a slot start and how many they are; none for a null.
fn span(offsets: &[i32], nulls: Option<&NullBuffer>, index: Option<u32>) -> (u32, u32) {
    let slot = index.map(|index| index as usize).filter(|index| nulls.is_none_or(|nulls| nulls.is_valid(*index)));
    match slot.and_then(|index| Some((*offsets.get(index)?, *offsets.get(index + 1)?))) {
        // Offsets are not negative and ascend.
        Some((start, end)) => (start.unsigned_abs(), (end - start).unsigned_abs()),
        None => (0, 0),
    }
}
