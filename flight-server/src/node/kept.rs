//! Results that wait to be fetched.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use tokio::time::Instant;
use uuid::Uuid;

use super::split::SplitResult;
use crate::engine::{Statement, bytes_of_rows};
use crate::error::{Error, ErrorCode, Result};

/// The most results kept for a session.
const MOST: usize = 256;

/// The most bytes kept for a session, unless a single result is larger.
const MOST_BYTES: usize = 64 << 20;

/// The most bytes in the files of a session's results, unless a single result is larger.
const MOST_FILE_BYTES: u64 = 8 << 30;

/// Names a kept result within its session: 16 bytes nobody can guess.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct StatementId([u8; 16]);

impl StatementId {
    /// The id with these bytes, as a ticket carries them.
    ///
    /// # Errors
    /// `RESULT_GONE` when they are no id, for then nothing is kept under it.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        bytes.try_into().map(Self).map_err(|_| gone())
    }

    /// Its bytes.
    pub fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }

    /// A new one.
    pub(super) fn random() -> Self {
        Self(Uuid::new_v4().into_bytes())
    }
}

/// What is kept of a statement until its result is fetched, once or several times.
#[derive(Clone)]
pub enum Kept {
    /// A read with bound parameters: executed when it is fetched.
    Deferred(Statement),
    /// The finished result of a statement that was executed once.
    Finished {
        /// The schema of the batches.
        schema: SchemaRef,
        /// The rows.
        batches: Vec<RecordBatch>,
        /// How many rows the statement changed, where that can be said.
        changed: Option<u64>,
    },
    /// The finished result of a read that is fetched in parts.
    Split(Arc<SplitResult>),
}

impl Kept {
    /// About how much memory it takes, and how much of a file.
    fn size(&self) -> (usize, u64) {
        let (own, batches) = match self {
            Self::Deferred(statement) => (statement.sql.len(), &statement.parameters),
            Self::Finished { batches, .. } => (0, batches),
            Self::Split(result) => return result.size(),
        };
        (own + batches.iter().map(bytes_of_rows).sum::<usize>(), 0)
    }
}

impl fmt::Debug for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Neither SQL text nor rows: both may hold what is nobody's business.
        f.write_str(match self {
            Self::Deferred(_) => "Deferred(..)",
            Self::Finished { .. } => "Finished { .. }",
            Self::Split(_) => "Split(..)",
        })
    }
}

/// The kept results of one session, bounded by number and bytes. The oldest goes first, the newest always stays.
#[derive(Default)]
pub(super) struct KeptResults {
    results: VecDeque<Entry>,
    bytes: usize,
    file_bytes: u64,
}

struct Entry {
    id: StatementId,
    result: Arc<Kept>,
    bytes: usize,
    file_bytes: u64,
    /// Since when it waits to be fetched; `None` when it was.
    waits_since: Option<Instant>,
}

impl KeptResults {
    pub(super) fn insert(&mut self, id: StatementId, result: Kept) {
        let (bytes, file_bytes) = result.size();
        self.bytes += bytes;
        self.file_bytes += file_bytes;
        let waits_since = Some(Instant::now());
        self.results.push_back(Entry { id, result: Arc::new(result), bytes, file_bytes, waits_since });
        while self.results.len() > 1 && self.are_too_many() {
            if let Some(oldest) = self.results.pop_front() {
                self.bytes -= oldest.bytes;
                self.file_bytes -= oldest.file_bytes;
            }
        }
    }

    fn are_too_many(&self) -> bool {
        self.results.len() > MOST || self.bytes > MOST_BYTES || self.file_bytes > MOST_FILE_BYTES
    }

    pub(super) fn get(&mut self, id: &StatementId) -> Result<Arc<Kept>> {
        // The one asked for is nearly always among the newest.
        let entry = self.results.iter_mut().rev().find(|entry| entry.id == *id).ok_or_else(gone)?;
        entry.waits_since = None;
        Ok(Arc::clone(&entry.result))
    }

    /// Whether one waits to be fetched whose client was given it no longer than `patience` ago.
    pub(super) fn waiting(&self, patience: Duration) -> bool {
        self.results.iter().any(|entry| entry.waits_since.is_some_and(|since| since.elapsed() < patience))
    }

    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }
}

fn gone() -> Error {
    Error::new(
        ErrorCode::ResultGone,
        format!(
            "the result is no longer kept: a session keeps its newest {MOST} results, up to {} MiB in memory \
             and {} GiB in files, on the node that ran them; run the statement again",
            MOST_BYTES >> 20,
            MOST_FILE_BYTES >> 30
        ),
    )
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use arrow::array::{ArrayRef, BinaryArray};

    use super::*;

    fn of_bytes(bytes: usize) -> Kept {
        let column: ArrayRef = Arc::new(BinaryArray::from_vec(vec![&vec![0u8; bytes]]));
        let batch = RecordBatch::try_from_iter([("b", column)]).unwrap();
        Kept::Finished { schema: batch.schema(), batches: vec![batch], changed: None }
    }

    fn keep(results: &mut KeptResults, result: Kept) -> StatementId {
        let id = StatementId::random();
        results.insert(id, result);
        id
    }

    #[test]
    fn the_oldest_goes_when_there_are_too_many() {
        let mut results = KeptResults::default();
        let ids: Vec<_> =
            (0..MOST + 3).map(|_| keep(&mut results, Kept::Deferred(Statement::new("SELECT 1")))).collect();
        assert_eq!(results.results.len(), MOST);
        for (number, id) in ids.iter().enumerate() {
            match results.get(id) {
                Ok(_) => assert!(number >= 3),
                Err(error) => assert!(number < 3 && error.code == ErrorCode::ResultGone),
            }
        }
    }

    #[test]
    fn the_oldest_goes_when_they_are_too_large_but_the_newest_stays() {
        let mut results = KeptResults::default();
        let first = keep(&mut results, of_bytes(MOST_BYTES / 2));
        let second = keep(&mut results, of_bytes(MOST_BYTES / 2));
        assert!(results.get(&first).is_err());
        assert!(results.get(&second).is_ok());
        let huge = keep(&mut results, of_bytes(MOST_BYTES * 2));
        assert!(results.get(&second).is_err());
        assert!(results.get(&huge).is_ok());
        let small = keep(&mut results, of_bytes(1));
        assert!(results.get(&huge).is_err());
        assert!(results.get(&small).is_ok());
        assert!(results.bytes < 100_000, "{}", results.bytes);
    }

    #[test]
    fn bytes_that_are_no_id_name_nothing() {
        assert_eq!(StatementId::from_bytes(b"short").unwrap_err().code, ErrorCode::ResultGone);
        let id = StatementId::random();
        assert_eq!(StatementId::from_bytes(id.as_bytes()).unwrap(), id);
    }
}
