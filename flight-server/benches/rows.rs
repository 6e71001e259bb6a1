//! Rows on their way out: DuckDB's chunks into Arrow batches, and these into what the network is given.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    reason = "a benchmark is a program of its own, and stops where it can't go on"
)]

use std::hint::black_box;

use arrow::array::RecordBatch;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use flight_server::engine::duckdb::benching::DuckDbRows;
use flight_server::flight::benching::Sending;
use flight_server::node::Compression;

#[expect(dead_code, reason = "what others use of it")]
mod inputs;

fn rows(criterion: &mut Criterion) {
    for (name, sql) in inputs::COLUMNS.into_iter().chain([("lineitem", inputs::LINEITEM)]) {
        let rows = DuckDbRows::of(sql).unwrap();
        let batches = rows.batches().unwrap();
        let bytes: usize = batches.iter().map(RecordBatch::get_array_memory_size).sum();
        let mut group = criterion.benchmark_group(name);
        group.throughput(Throughput::Bytes(bytes as u64));
        group.bench_function("converted", |bencher| bencher.iter(|| black_box(&rows).batches().unwrap()));
        for (way, compression) in [("sent", Compression::None), ("sent as lz4", Compression::Lz4)] {
            let mut sending = Sending::new(batches[0].schema(), compression).unwrap();
            group.bench_function(way, |bencher| {
                bencher.iter(|| batches.iter().map(|batch| sending.batch(black_box(batch)).unwrap()).sum::<usize>());
            });
        }
        group.finish();
    }
}

criterion_group!(benches, rows);
criterion_main!(benches);
