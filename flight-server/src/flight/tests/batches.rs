//! Batches of every type that is sent, with values by chance.

use std::sync::Arc;

use arrow::array::{ArrayData, ArrayRef, RecordBatch, RecordBatchOptions, StringArray, make_array};
use arrow::buffer::{BooleanBuffer, Buffer, NullBuffer, OffsetBuffer};
use arrow::datatypes::{DataType, Field, Fields, IntervalUnit, Schema, TimeUnit, UnionFields, UnionMode};
use fastrand::Rng;
use proptest::prelude::*;

/// A batch of up to five columns; now and then of so many rows that its buffers are large.
pub(in crate::flight) fn any_batch() -> impl Strategy<Value = RecordBatch> {
    (any::<u64>(), 0_usize..60, 0_usize..6, prop::bool::weighted(0.1)).prop_map(|(seed, rows, columns, is_large)| {
        let mut rng = Rng::with_seed(seed);
        let rows = if is_large { rows * 100 } else { rows };
        let fields: Vec<Field> =
            (0..columns).map(|at| Field::new(format!("c{at}"), any_type(&mut rng, 2), true)).collect();
        let arrays = fields.iter().map(|field| array(&mut rng, field.data_type(), rows)).collect();
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        RecordBatch::try_new_with_options(Arc::new(Schema::new(fields)), arrays, &options).unwrap()
    })
}

fn any_type(rng: &mut Rng, depth: usize) -> DataType {
    let flat = [
        DataType::Null,
        DataType::Boolean,
        DataType::Int8,
        DataType::UInt16,
        DataType::Int32,
        DataType::UInt64,
        DataType::Float32,
        DataType::Float64,
        DataType::Decimal128(38, 3),
        DataType::Decimal256(39, 0),
        DataType::Date32,
        DataType::Time64(TimeUnit::Microsecond),
        DataType::Timestamp(TimeUnit::Nanosecond, Some("UTC".into())),
        DataType::Interval(IntervalUnit::MonthDayNano),
        DataType::FixedSizeBinary(16),
        DataType::Binary,
        DataType::Utf8,
    ];
    let nested = if depth == 0 { 0 } else { 5 };
    let chosen = rng.usize(..flat.len() + nested);
    if let Some(flat) = flat.get(chosen) {
        return flat.clone();
    }
    let mut item = |name: &str| Arc::new(Field::new(name, any_type(rng, depth - 1), true));
    match chosen - flat.len() {
        0 => DataType::List(item("item")),
        1 => DataType::FixedSizeList(item("item"), 3),
        2 => DataType::Struct(Fields::from_iter([item("a"), item("b")])),
        3 => {
            let key = Arc::new(Field::new("key", DataType::Utf8, false));
            let entries = DataType::Struct(Fields::from_iter([key, item("value")]));
            DataType::Map(Arc::new(Field::new("entries", entries, false)), false)
        }
        _ => DataType::Union(UnionFields::from_iter([(0, item("i")), (1, item("v"))]), UnionMode::Sparse),
    }
}

fn nulls(rng: &mut Rng, rows: usize) -> Option<NullBuffer> {
    // Some arrays have a bitmap that says nothing.
    let often = [None, Some(0), Some(20), Some(255)][rng.usize(..4)]?;
    Some(NullBuffer::new(BooleanBuffer::collect_bool(rows, |_| rng.u8(..) >= often)))
}

fn bytes(rng: &mut Rng, length: usize) -> Buffer {
    Buffer::from_iter((0..length).map(|_| rng.u8(..)))
}

fn offsets(rng: &mut Rng, rows: usize) -> OffsetBuffer<i32> {
    OffsetBuffer::from_lengths((0..rows).map(|_| rng.usize(..5)))
}

fn array(rng: &mut Rng, data_type: &DataType, rows: usize) -> ArrayRef {
    let mut data = ArrayData::builder(data_type.clone()).len(rows);
    match data_type {
        DataType::Null => {}
        DataType::Union(fields, _) => {
            let ids = Buffer::from_iter((0..rows).map(|_| rng.i8(0..2)));
            data = data.add_buffer(ids);
            for (_, field) in fields.iter() {
                data = data.add_child_data(array(rng, field.data_type(), rows).to_data());
            }
        }
        DataType::Utf8 => {
            let nulls = nulls(rng, rows);
            let texts = (0..rows).map(|row| {
                let is_there = nulls.as_ref().is_none_or(|nulls| nulls.is_valid(row));
                is_there.then(|| "é".repeat(rng.usize(..30)))
            });
            return Arc::new(StringArray::from_iter(texts));
        }
        DataType::Binary => {
            let offsets = offsets(rng, rows);
            let values = bytes(rng, offsets[rows] as usize);
            data = data.nulls(nulls(rng, rows)).add_buffer(offsets.into_inner().into_inner()).add_buffer(values);
        }
        DataType::List(item) => {
            let offsets = offsets(rng, rows);
            let items = array(rng, item.data_type(), offsets[rows] as usize);
            data = data.nulls(nulls(rng, rows)).add_buffer(offsets.into_inner().into_inner());
            data = data.add_child_data(items.to_data());
        }
        DataType::Map(entries, _) => {
            let DataType::Struct(fields) = entries.data_type() else { panic!("entries are structs") };
            let offsets = offsets(rng, rows);
            let count = offsets[rows] as usize;
            let keys = StringArray::from_iter_values((0..count).map(|at| at.to_string()));
            let values = array(rng, fields[1].data_type(), count);
            let entries = ArrayData::builder(entries.data_type().clone())
                .len(count)
                .add_child_data(arrow::array::Array::to_data(&keys))
                .add_child_data(values.to_data());
            data = data.nulls(nulls(rng, rows)).add_buffer(offsets.into_inner().into_inner());
            data = data.add_child_data(entries.build().unwrap());
        }
        DataType::FixedSizeList(item, size) => {
            let items = array(rng, item.data_type(), rows * *size as usize);
            data = data.nulls(nulls(rng, rows)).add_child_data(items.to_data());
        }
        DataType::Struct(fields) => {
            data = data.nulls(nulls(rng, rows));
            for field in fields {
                data = data.add_child_data(array(rng, field.data_type(), rows).to_data());
            }
        }
        DataType::Boolean => data = data.nulls(nulls(rng, rows)).add_buffer(bytes(rng, rows.div_ceil(8))),
        DataType::FixedSizeBinary(size) => {
            data = data.nulls(nulls(rng, rows)).add_buffer(bytes(rng, rows * *size as usize));
        }
        fixed => {
            let width = fixed.primitive_width().unwrap();
            data = data.nulls(nulls(rng, rows)).add_buffer(bytes(rng, rows * width));
        }
    }
    // Buffers of the standard allocator need not be aligned as numbers of 16 bytes are.
    make_array(data.align_buffers(true).build().unwrap())
}
