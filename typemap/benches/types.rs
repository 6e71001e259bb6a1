//! Type names and wire fields, which every result's schema takes, and values that are brought to their wire type.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    reason = "a benchmark is a program of its own, and stops where it can't go on"
)]

use std::hint::black_box;
use std::sync::Arc;

use arrow::array::{ArrayRef, LargeStringArray, RecordBatch, UInt64Array};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use typemap::SqlType;
use typemap::normalise::Normaliser;
use typemap::wire::{WireOptions, wire_field};

const NAMES: [&str; 3] =
    ["BIGINT", "DECIMAL(15,2)", "STRUCT(id BIGINT, tags VARCHAR[], place STRUCT(x DOUBLE, y DOUBLE))[]"];
const ROWS: u64 = 8_192;

fn names(criterion: &mut Criterion) {
    for name in NAMES {
        let ty: SqlType = name.parse().unwrap();
        let options = WireOptions::default();
        let mut group = criterion.benchmark_group(name);
        group.bench_function("parsed", |bencher| bencher.iter(|| black_box(name).parse::<SqlType>().unwrap()));
        group.bench_function("printed", |bencher| bencher.iter(|| black_box(&ty).to_string()));
        group.bench_function("wire field", |bencher| {
            bencher.iter(|| wire_field("column", black_box(&ty), true, &options).unwrap());
        });
        group.finish();
    }
}

fn values(criterion: &mut Criterion) {
    let columns: [(&str, ArrayRef); 2] = [
        ("unsigned integers", Arc::new(UInt64Array::from_iter_values(0..ROWS))),
        ("large strings", Arc::new(LargeStringArray::from_iter_values((0..ROWS).map(|n| format!("text {n}"))))),
    ];
    for (name, column) in columns {
        let batch = RecordBatch::try_from_iter([("column", column)]).unwrap();
        let normaliser = Normaliser::new(batch.schema_ref(), &WireOptions::default()).unwrap();
        let mut group = criterion.benchmark_group(name);
        group.throughput(Throughput::Elements(ROWS));
        group.bench_function("normalised", |bencher| bencher.iter(|| normaliser.normalise(black_box(&batch)).unwrap()));
        group.finish();
    }
}

criterion_group!(benches, names, values);
criterion_main!(benches);
