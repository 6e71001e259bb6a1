//! How fast many rows come and go.

use std::sync::Arc;
use std::time::{Duration, Instant};

use arrow::array::{ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray};
use arrow::error::ArrowError;
use arrow_flight::error::FlightError;

use super::error::BenchError;
use super::figures::{Figures, Times};
use super::target::Target;

/// How large ingested batches are, in rows.
const BATCH: usize = 16_384;

/// The table that is ingested into, made and dropped.
const TABLE: &str = "pintail_bench_ingest";

/// A whole result, as often as `rounds` says.
pub(super) async fn bulk(target: &Target, sql: &str, rounds: usize) -> Result<Figures, BenchError> {
    let mut client = target.connect(0).await?;
    let (mut times, mut first) = (Times::none()?, Times::none()?);
    let (mut best, mut came) = (Duration::MAX, client.query(sql).await?);
    for _ in 0..rounds {
        let begun = Instant::now();
        came = client.query(sql).await?;
        let took = begun.elapsed();
        times.add(took);
        first.add(came.first.unwrap_or(took));
        best = best.min(took);
    }
    client.close().await;
    let seconds = best.as_secs_f64();
    let mut figures = Figures::default();
    figures.add("rows", came.rows as f64, "");
    figures.add("bytes", came.bytes as f64 / 1e6, "MB");
    figures.add("rows per batch", came.rows as f64 / came.batches.max(1) as f64, "");
    figures.add_times("whole result", &times);
    figures.add_times("first rows", &first);
    figures.add("best rate", came.bytes as f64 / 1e6 / seconds, "MB/s");
    figures.add("best rate in rows", came.rows as f64 / seconds, "/s");
    Ok(figures)
}

/// Rows of a number, a float and a text into a new table, as often as `rounds` says.
pub(super) async fn ingest(target: &Target, rows: usize, rounds: usize) -> Result<Figures, BenchError> {
    let mut client = target.connect(0).await?;
    let batches = batches(rows).map_err(|error| BenchError::call::<FlightError>("take the rows")(error.into()))?;
    let bytes: usize = batches.iter().map(RecordBatch::get_array_memory_size).sum();
    let mut times = Times::none()?;
    let mut best = Duration::MAX;
    for _ in 0..rounds {
        let given = batches.clone();
        let begun = Instant::now();
        let taken = client.ingest(TABLE, given).await?;
        let took = begun.elapsed();
        if taken >= 0 && usize::try_from(taken) != Ok(rows) {
            return Err(BenchError::Count(format!("the server says that it took {taken} of {rows} rows")));
        }
        times.add(took);
        best = best.min(took);
    }
    client.update(&format!("DROP TABLE IF EXISTS {TABLE}")).await?;
    client.close().await;
    let seconds = best.as_secs_f64();
    let mut figures = Figures::default();
    figures.add("rows", rows as f64, "");
    figures.add("bytes", bytes as f64 / 1e6, "MB");
    figures.add_times("ingest", &times);
    figures.add("best rate", bytes as f64 / 1e6 / seconds, "MB/s");
    figures.add("best rate in rows", rows as f64 / seconds, "/s");
    Ok(figures)
}

fn batches(rows: usize) -> Result<Vec<RecordBatch>, ArrowError> {
    let batch = |from: usize| {
        let range = from..rows.min(from + BATCH);
        let numbers: ArrayRef = Arc::new(Int64Array::from_iter_values(range.clone().map(|row| row as i64)));
        let floats: ArrayRef = Arc::new(Float64Array::from_iter_values(range.clone().map(|row| row as f64 / 7.0)));
        let texts: ArrayRef = Arc::new(StringArray::from_iter_values(range.map(|row| format!("row {row}"))));
        RecordBatch::try_from_iter([("n", numbers), ("f", floats), ("t", texts)])
    };
    (0..rows.max(1)).step_by(BATCH).map(batch).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_rows_are_ingested_as_were_asked_for() {
        for rows in [0, 1, BATCH, BATCH + 1, 3 * BATCH] {
            let made = batches(rows).unwrap();
            assert_eq!(made.iter().map(RecordBatch::num_rows).sum::<usize>(), rows);
            assert!(!made.is_empty());
        }
    }
}
