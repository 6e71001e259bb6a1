//! Rows that come one chunk after the other.

use std::sync::Arc;

use arrow::array::RecordBatch;
use parking_lot::Mutex;

use crate::engine::duckdb::convert::Assembler;
use crate::engine::duckdb::ffi::{Chunk, Receiver};
use crate::error::{Error, Result};

/// What came through a gate from one thread at a time.
pub(super) struct Serial {
    assembler: Assembler,
    /// A full batch. Until it is fetched, nothing more is taken.
    ready: Option<RecordBatch>,
    /// Why no more rows can be taken.
    failure: Option<Error>,
}

impl Serial {
    pub(super) fn new(assembler: Assembler) -> Self {
        Self { assembler, ready: None, failure: None }
    }

    /// The full batch, which the gate says is there.
    pub(super) fn take_ready(&mut self) -> Option<RecordBatch> {
        self.ready.take()
    }

    /// The last batch, when all rows have come.
    pub(super) fn take_rest(&mut self) -> Result<Option<RecordBatch>> {
        self.assembler.finish()
    }

    /// Why it takes no more rows.
    pub(super) fn take_failure(&mut self) -> Option<Error> {
        self.failure.take()
    }

    fn take(&mut self, chunk: &Chunk, offset: usize) -> Result<usize> {
        if self.ready.is_some() {
            return Ok(0);
        }
        let taken = self.assembler.fill(chunk, offset)?;
        if offset + taken < chunk.len() {
            self.ready = self.assembler.finish()?;
        }
        Ok(taken)
    }
}

impl Receiver for Arc<Mutex<Serial>> {
    fn take(&mut self, chunk: &Chunk, offset: usize) -> Option<usize> {
        let mut gathered = self.lock();
        match gathered.take(chunk, offset) {
            Ok(taken) => Some(taken),
            Err(error) => {
                gathered.failure = Some(error);
                None
            }
        }
    }

    fn is_ready(&self) -> bool {
        self.lock().ready.is_some()
    }
}
