//! How many bytes a row takes on the wire: what every row takes by its type, and what its own values take beyond.
//!
//! It is counted by values, not by buffers, so that the same rows have the same sizes however they are batched.

use arrow::array::{Array, ArrayRef, AsArray, OffsetSizeTrait, RecordBatch};
use arrow::datatypes::{DataType, SchemaRef};

/// Bytes of an offset.
const OFFSET: usize = 4;

/// Bytes that every row of this schema takes.
pub(super) fn width(schema: &SchemaRef) -> usize {
    schema.fields().iter().map(|field| fixed(field.data_type())).sum()
}

/// Bytes that every value of a type takes, whatever it is.
fn fixed(data_type: &DataType) -> usize {
    match data_type {
        DataType::Null => 0,
        DataType::Boolean => 1,
        DataType::Utf8 | DataType::Binary | DataType::List(_) | DataType::Map(..) => OFFSET,
        DataType::LargeUtf8 | DataType::LargeBinary | DataType::LargeList(_) => 2 * OFFSET,
        DataType::FixedSizeBinary(size) => usize::try_from(*size).unwrap_or(0),
        DataType::FixedSizeList(item, size) => fixed(item.data_type()) * usize::try_from(*size).unwrap_or(0),
        DataType::Struct(fields) => fields.iter().map(|field| fixed(field.data_type())).sum(),
        // Of a sparse union every member has a slot a row.
        DataType::Union(fields, _) => 1 + fields.iter().map(|(_, field)| fixed(field.data_type())).sum::<usize>(),
        other => other.primitive_width().unwrap_or(2 * OFFSET),
    }
}

/// Bytes that each row takes beyond the width of its schema.
pub(super) fn lengths(batch: &RecordBatch) -> Vec<usize> {
    let mut lengths = vec![0; batch.num_rows()];
    for column in batch.columns() {
        add(column, &mut lengths);
    }
    lengths
}

fn add(array: &ArrayRef, lengths: &mut [usize]) {
    match array.data_type() {
        DataType::Utf8 => add_offsets(array, array.as_string::<i32>().value_offsets(), lengths),
        DataType::LargeUtf8 => add_offsets(array, array.as_string::<i64>().value_offsets(), lengths),
        DataType::Binary => add_offsets(array, array.as_binary::<i32>().value_offsets(), lengths),
        DataType::LargeBinary => add_offsets(array, array.as_binary::<i64>().value_offsets(), lengths),
        DataType::List(_) => {
            let list = array.as_list::<i32>();
            add_items(array, list.value_offsets(), list.values(), lengths);
        }
        DataType::LargeList(_) => {
            let list = array.as_list::<i64>();
            add_items(array, list.value_offsets(), list.values(), lengths);
        }
        DataType::Map(..) => {
            let map = array.as_map();
            let entries: ArrayRef = std::sync::Arc::new(map.entries().clone());
            add_items(array, map.value_offsets(), &entries, lengths);
        }
        DataType::FixedSizeList(_, size) if varies(array.data_type()) => {
            let size = usize::try_from(*size).unwrap_or(0);
            let list = array.as_fixed_size_list();
            let start = usize::try_from(list.value_offset(0)).unwrap_or(0);
            let values = list.values().slice(start, list.len() * size);
            let mut items = vec![0; values.len()];
            add(&values, &mut items);
            for (row, length) in lengths.iter_mut().enumerate().filter(|(row, _)| array.is_valid(*row)) {
                *length += items.get(row * size..(row + 1) * size).map_or(0, |items| items.iter().sum());
            }
        }
        DataType::Struct(_) if varies(array.data_type()) => {
            let mut within = vec![0; array.len()];
            for member in array.as_struct().columns() {
                add(member, &mut within);
            }
            add_valid(array, &within, lengths);
        }
        DataType::Union(fields, _) if varies(array.data_type()) => {
            let union = array.as_union();
            for (id, _) in fields.iter() {
                let mut within = vec![0; array.len()];
                add(union.child(id), &mut within);
                for (row, length) in lengths.iter_mut().enumerate().filter(|(row, _)| union.type_id(*row) == id) {
                    *length += within.get(row).copied().unwrap_or(0);
                }
            }
        }
        _ => {}
    }
}

/// Whether values of a type may differ in size.
fn varies(data_type: &DataType) -> bool {
    match data_type {
        DataType::Utf8
        | DataType::LargeUtf8
        | DataType::Binary
        | DataType::LargeBinary
        | DataType::List(_)
        | DataType::LargeList(_)
        | DataType::Map(..) => true,
        DataType::FixedSizeList(item, _) => varies(item.data_type()),
        DataType::Struct(fields) => fields.iter().any(|field| varies(field.data_type())),
        DataType::Union(fields, _) => fields.iter().any(|(_, field)| varies(field.data_type())),
        _ => false,
    }
}

fn add_valid(array: &ArrayRef, within: &[usize], lengths: &mut [usize]) {
    for (row, (length, bytes)) in lengths.iter_mut().zip(within).enumerate() {
        if array.is_valid(row) {
            *length += bytes;
        }
    }
}

fn add_offsets<O: OffsetSizeTrait>(array: &ArrayRef, offsets: &[O], lengths: &mut [usize]) {
    for (row, (length, pair)) in lengths.iter_mut().zip(offsets.windows(2)).enumerate() {
        if array.is_valid(row) {
            *length += pair[1].as_usize() - pair[0].as_usize();
        }
    }
}

fn add_items<O: OffsetSizeTrait>(array: &ArrayRef, offsets: &[O], values: &ArrayRef, lengths: &mut [usize]) {
    let (first, last) = match (offsets.first(), offsets.last()) {
        (Some(first), Some(last)) => (first.as_usize(), last.as_usize()),
        _ => return,
    };
    let each = fixed(values.data_type());
    let mut items = vec![0; last - first];
    add(&values.slice(first, last - first), &mut items);
    for (row, (length, pair)) in lengths.iter_mut().zip(offsets.windows(2)).enumerate() {
        if array.is_valid(row) {
            let range = pair[0].as_usize() - first..pair[1].as_usize() - first;
            *length += range.len() * each + items.get(range).map_or(0, |items| items.iter().sum());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{Int32Array, ListArray, StringArray};
    use arrow::datatypes::{Field, Int32Type, Schema};

    use super::*;

    #[test]
    fn a_slice_of_a_batch_has_the_sizes_of_its_rows() {
        let text: ArrayRef = Arc::new(StringArray::from(vec![Some("a"), None, Some("four"), Some("")]));
        let lists: ArrayRef = Arc::new(ListArray::from_iter_primitive::<Int32Type, _, _>([
            Some(vec![Some(1)]),
            Some(vec![]),
            None,
            Some(vec![Some(1), None, Some(3)]),
        ]));
        let numbers: ArrayRef = Arc::new(Int32Array::from(vec![1, 2, 3, 4]));
        let fields = ["t", "l", "n"].iter().zip([&text, &lists, &numbers]);
        let fields: Vec<_> = fields.map(|(name, array)| Field::new(*name, array.data_type().clone(), true)).collect();
        let schema = Arc::new(Schema::new(fields));
        let batch = RecordBatch::try_new(Arc::clone(&schema), vec![text, lists, numbers]).unwrap();
        assert_eq!(width(&schema), 4 + 4 + 4);
        let all = lengths(&batch);
        assert_eq!(all, [1 + 4, 0, 4, 12]);
        assert_eq!(lengths(&batch.slice(1, 3)), all[1..]);
    }
}
