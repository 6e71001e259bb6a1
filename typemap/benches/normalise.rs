//! What normalising costs where nothing has to change: the time to drain a result with it against the time without.
//!
//! Draining means reading each byte once, which is the least a sender does, and far less than any does. Each batch has
//! memory of its own, as in a stream. The first ratio is of columns that are
//! passed through unread; the second of columns whose values are checked, which is a second reading of them.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout)]

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use arrow::array::{
    Array, ArrayRef, Date32Array, Decimal128Array, Float64Array, Int32Array, Int64Array, RecordBatch, StringArray,
    TimestampMicrosecondArray,
};
use arrow::datatypes::Schema;
use typemap::SqlType;
use typemap::normalise::Normaliser;
use typemap::wire::{WireOptions, wire_field};

const ROWS: usize = 8_192;
const BATCHES: usize = 64;
const ROUNDS: usize = 201;

fn batches(columns: fn() -> Vec<(&'static str, ArrayRef)>) -> Vec<RecordBatch> {
    (0..BATCHES).map(|_| batch(columns())).collect()
}

fn batch(columns: Vec<(&str, ArrayRef)>) -> RecordBatch {
    let fields: Vec<_> = columns
        .iter()
        .map(|(ty, _)| wire_field(ty, &ty.parse::<SqlType>().unwrap(), true, &WireOptions::default()).unwrap())
        .collect();
    let arrays: Vec<ArrayRef> = columns.into_iter().map(|(_, array)| array).collect();
    RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays).unwrap()
}

/// Reads every byte of every buffer.
fn drain(batch: &RecordBatch) -> u64 {
    let mut sum = 0_u64;
    for column in batch.columns() {
        for buffer in column.to_data().buffers() {
            let words = buffer.as_slice().chunks_exact(8);
            sum = words.fold(sum, |sum, word| sum.wrapping_add(u64::from_le_bytes(word.try_into().unwrap())));
        }
    }
    sum
}

fn time(mut work: impl FnMut()) -> Duration {
    let start = Instant::now();
    work();
    start.elapsed()
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

fn compare(name: &str, batches: &[RecordBatch]) {
    let normaliser = Normaliser::new(batches[0].schema_ref(), &WireOptions::default()).unwrap();
    let (mut raw, mut normalised) = (Vec::new(), Vec::new());
    // Turn by turn, so that whatever else the machine does slows both alike.
    for _ in 0..ROUNDS {
        raw.push(time(|| {
            for batch in batches {
                black_box(drain(black_box(batch)));
            }
        }));
        normalised.push(time(|| {
            for batch in batches {
                black_box(drain(&normaliser.normalise(black_box(batch)).unwrap()));
            }
        }));
    }
    let (raw, normalised) = (median(raw), median(normalised));
    let ratio = normalised.as_secs_f64() / raw.as_secs_f64();
    let identity = normaliser.is_identity();
    println!("{name} (identity: {identity}): raw {raw:?}, normalised {normalised:?}, ratio {ratio:.3}");
}

fn rows() -> std::ops::Range<i64> {
    0..ROWS as i64
}

fn decimals(precision: u8, scale: i8) -> ArrayRef {
    let values = Decimal128Array::from_iter_values(rows().map(i128::from));
    Arc::new(values.with_precision_and_scale(precision, scale).unwrap())
}

fn passed_through() -> Vec<(&'static str, ArrayRef)> {
    vec![
        ("BIGINT", Arc::new(Int64Array::from_iter_values(rows()))),
        ("INTEGER", Arc::new(Int32Array::from_iter_values(0..ROWS as i32))),
        ("DOUBLE", Arc::new(Float64Array::from_iter_values(rows().map(|v| v as f64)))),
        ("VARCHAR", Arc::new(StringArray::from_iter_values(rows().map(|v| format!("value {v}"))))),
        ("DECIMAL(15,2)", decimals(15, 2)),
    ]
}

fn checked() -> Vec<(&'static str, ArrayRef)> {
    vec![
        ("TIMESTAMP", Arc::new(TimestampMicrosecondArray::from_iter_values(rows()))),
        ("DATE", Arc::new(Date32Array::from_iter_values(0..ROWS as i32))),
        ("HUGEINT", decimals(38, 0)),
    ]
}

fn main() {
    compare("passed through", &batches(passed_through));
    compare("checked", &batches(checked));
}
