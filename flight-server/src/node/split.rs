//! A finished result in parts, each of which is fetched by itself.

use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use futures::{StreamExt, TryStreamExt, stream};

use crate::batch_queue::{BatchQueue, QueueLimits};
use crate::blocking::blocking;
use crate::engine::Rows;
use crate::error::{Error, ErrorCode, Result};

/// How much of one result is kept in memory, and in all.
const LIMITS: QueueLimits = QueueLimits { memory: 8 << 20, total: 8 << 30 };

/// A finished result in parts, which together are its batches in their order. Most of it lies in a file.
pub struct SplitResult {
    schema: SchemaRef,
    queue: BatchQueue,
    parts: Vec<Range<usize>>,
    rows: u64,
}

impl SplitResult {
    /// Reads a result to its end, and splits it into `wanted` parts, or as many as it has batches when these are fewer; one
    /// when it has none. What does not stay in memory goes into a file in `directory`.
    ///
    /// # Errors
    /// Those of the rows; `RESULT_TOO_LARGE` when they are more than is kept.
    pub async fn collect(rows: Rows, directory: &Path, wanted: usize) -> Result<Self> {
        Self::collect_within(rows, BatchQueue::new(directory, LIMITS), wanted).await
    }

    async fn collect_within(rows: Rows, mut queue: BatchQueue, wanted: usize) -> Result<Self> {
        let Rows { schema, mut batches } = rows;
        let mut count = 0;
        while let Some(batch) = batches.try_next().await? {
            if batch.num_rows() == 0 {
                continue;
            }
            if queue.is_full() {
                return Err(too_large());
            }
            count += batch.num_rows() as u64;
            queue = pushed(queue, batch).await?;
        }
        let parts = ranges(queue.len(), wanted);
        Ok(Self { schema, queue, parts, rows: count })
    }

    /// Their schema.
    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// How many parts there are.
    pub fn parts(&self) -> usize {
        self.parts.len()
    }

    /// How many rows all parts have.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// The rows of a part, counted from 0. They can be read any number of times, by any number of readers.
    pub fn part(self: &Arc<Self>, number: usize) -> Option<Rows> {
        let range = self.parts.get(number)?.clone();
        let result = Arc::clone(self);
        let batches = stream::iter(range).then(move |index| {
            let result = Arc::clone(&result);
            blocking(move || result.queue.get(index)?.ok_or_else(|| Error::internal("a part lost a batch")))
        });
        Some(Rows { schema: self.schema.clone(), batches: batches.boxed() })
    }

    /// How many bytes of memory and of its file it takes.
    pub(super) fn size(&self) -> (usize, u64) {
        self.queue.size()
    }
}

async fn pushed(mut queue: BatchQueue, batch: RecordBatch) -> Result<BatchQueue> {
    blocking(move || queue.push(batch).map(|()| queue)).await
}

/// `batches` batches in as many parts as wanted, as equal as can be; in fewer where there are fewer, but at least one.
pub(super) fn ranges(batches: usize, wanted: usize) -> Vec<Range<usize>> {
    let parts = wanted.min(batches).max(1);
    (0..parts).map(|part| batches * part / parts..batches * (part + 1) / parts).collect()
}

fn too_large() -> Error {
    Error::new(
        ErrorCode::ResultTooLarge,
        format!(
            "the result is larger than the {} GiB that are kept of a result which is split: set pintail.endpoints to 1, \
             and its rows are sent while they are computed",
            LIMITS.total >> 30
        ),
    )
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use arrow::array::{ArrayRef, Int64Array};

    use super::*;

    fn batch(number: i64, rows: usize) -> RecordBatch {
        let column: ArrayRef = Arc::new(Int64Array::from(vec![number; rows]));
        RecordBatch::try_from_iter([("n", column)]).unwrap()
    }

    fn rows(batches: Vec<Result<RecordBatch>>) -> Rows {
        Rows { schema: batch(0, 0).schema(), batches: stream::iter(batches).boxed() }
    }

    async fn split(count: i64, wanted: usize, limits: QueueLimits) -> Result<Arc<SplitResult>> {
        let directory = tempfile::tempdir().unwrap();
        let batches = (0..count).map(|number| Ok(batch(number, 3))).collect();
        let queue = BatchQueue::new(directory.path(), limits);
        SplitResult::collect_within(rows(batches), queue, wanted).await.map(Arc::new)
    }

    async fn read(result: &Arc<SplitResult>, part: usize) -> Vec<RecordBatch> {
        result.part(part).unwrap().batches.try_collect().await.unwrap()
    }

    #[tokio::test]
    async fn the_parts_are_the_whole_in_its_order_from_memory_and_file_and_again() {
        for limits in [LIMITS, QueueLimits { memory: 0, total: 1 << 20 }] {
            let result = split(10, 4, limits).await.unwrap();
            assert_eq!((result.parts(), result.rows()), (4, 30));
            for _ in 0..2 {
                let mut whole = Vec::new();
                for part in 0..4 {
                    let batches = read(&result, part).await;
                    assert!(!batches.is_empty());
                    whole.extend(batches);
                }
                assert_eq!(whole, (0..10).map(|number| batch(number, 3)).collect::<Vec<_>>());
            }
            assert!(result.part(4).is_none());
        }
    }

    #[tokio::test]
    async fn there_are_no_more_parts_than_batches_and_one_without_any() {
        assert_eq!(split(2, 64, LIMITS).await.unwrap().parts(), 2);
        let none = split(0, 64, LIMITS).await.unwrap();
        assert_eq!((none.parts(), none.rows()), (1, 0));
        assert!(read(&none, 0).await.is_empty());
    }

    #[tokio::test]
    async fn batches_without_rows_count_for_nothing() {
        let queue = BatchQueue::new(Path::new("."), LIMITS);
        let batches = vec![Ok(batch(0, 0)), Ok(batch(1, 1)), Ok(batch(2, 0))];
        let result = SplitResult::collect_within(rows(batches), queue, 3).await.unwrap();
        assert_eq!((result.parts(), result.rows()), (1, 1));
    }

    #[tokio::test]
    async fn a_result_that_is_too_large_or_fails_is_an_error() {
        let error = split(10, 2, QueueLimits { memory: 0, total: 1_000 }).await.err().unwrap();
        assert_eq!(error.code, ErrorCode::ResultTooLarge);
        let failing = vec![Ok(batch(0, 1)), Err(Error::new(ErrorCode::StatementFailed, "x"))];
        let error = SplitResult::collect(rows(failing), Path::new("."), 2).await.err().unwrap();
        assert_eq!(error.code, ErrorCode::StatementFailed);
    }

    #[test]
    fn parts_are_as_equal_as_can_be() {
        for (batches, wanted) in [(0, 1), (1, 1), (7, 3), (64, 64), (100, 64)] {
            let parts = ranges(batches, wanted);
            let ends: Vec<_> = parts.iter().map(|part| part.end).collect();
            let starts: Vec<_> = parts.iter().map(|part| part.start).collect();
            assert_eq!((starts[0], ends[ends.len() - 1]), (0, batches));
            assert_eq!(starts[1..], ends[..ends.len() - 1]);
            let lengths: Vec<_> = parts.iter().map(Range::len).collect();
            assert!(lengths.iter().max().unwrap() - lengths.iter().min().unwrap() <= 1, "{lengths:?}");
        }
    }
}
