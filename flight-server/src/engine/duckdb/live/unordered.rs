//! Rows that DuckDB computes in parallel and that have no order: each thread fills a batch of its own.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use arrow::array::RecordBatch;
use arrow::compute::concat_batches;
use parking_lot::Mutex;

use super::{FULL, Parallel, is_readers_thread};
use crate::engine::duckdb::convert::{Assembler, ResultShape};
use crate::engine::duckdb::ffi::{Chunk, ParallelReceiver};
use crate::engine::{Cut, bytes_of_rows};
use crate::error::{Error, Result};

/// Gathers rows in no order.
pub(super) struct Unordered {
    shape: ResultShape,
    cut: Cut,
    /// Those that no thread has at hand.
    assemblers: Mutex<Vec<Assembler>>,
    full: Mutex<VecDeque<RecordBatch>>,
    /// How many of these there are.
    full_count: AtomicUsize,
    /// Why no more rows can be taken.
    failure: Mutex<Option<Error>>,
}

impl Unordered {
    pub(super) fn new(shape: ResultShape, cut: Cut) -> Self {
        Self {
            shape,
            cut,
            assemblers: Mutex::default(),
            full: Mutex::default(),
            full_count: AtomicUsize::new(0),
            failure: Mutex::default(),
        }
    }

    fn put(&self, chunk: &Chunk, offset: usize) -> Result<usize> {
        // Who reads the result is not to wait for its own thread.
        if is_readers_thread() && self.full_count.load(Ordering::Acquire) > 0 {
            return Ok(0);
        }
        let known = self.assemblers.lock().pop();
        let mut assembler = match known {
            Some(assembler) => assembler,
            None => Assembler::new(self.shape.clone(), self.cut)?,
        };
        let mut at = offset;
        while at < chunk.len() && self.full_count.load(Ordering::Acquire) < FULL {
            at += assembler.fill(chunk, at)?;
            if at < chunk.len() {
                self.push(assembler.finish()?);
            }
        }
        self.give_back(assembler);
        Ok(at - offset)
    }

    pub(super) fn give_back(&self, assembler: Assembler) {
        self.assemblers.lock().push(assembler);
    }

    fn push(&self, batch: Option<RecordBatch>) {
        let mut full = self.full.lock();
        full.extend(batch);
        self.full_count.store(full.len(), Ordering::Release);
    }

    fn pop(&self) -> Option<RecordBatch> {
        let mut full = self.full.lock();
        let batch = full.pop_front();
        self.full_count.store(full.len(), Ordering::Release);
        batch
    }

    /// What the threads have left, in as few batches as the cut allows.
    fn gather_rest(&self) -> Result<()> {
        let mut gathered: Vec<RecordBatch> = Vec::new();
        let (mut rows, mut bytes) = (0, 0);
        for mut assembler in std::mem::take(&mut *self.assemblers.lock()) {
            let Some(batch) = assembler.finish()? else { continue };
            let size = bytes_of_rows(&batch);
            if rows + batch.num_rows() > self.cut.rows || bytes + size > self.cut.bytes {
                self.push(self.joined(&gathered)?);
                gathered.clear();
                (rows, bytes) = (0, 0);
            }
            rows += batch.num_rows();
            bytes += size;
            gathered.push(batch);
        }
        self.push(self.joined(&gathered)?);
        Ok(())
    }

    fn joined(&self, batches: &[RecordBatch]) -> Result<Option<RecordBatch>> {
        match batches {
            [] => Ok(None),
            [batch] => Ok(Some(batch.clone())),
            several => concat_batches(&self.shape.schema, several).map(Some).map_err(Error::internal),
        }
    }
}

impl Parallel for Unordered {
    fn take_ready(&self) -> Result<Option<RecordBatch>> {
        Ok(self.pop())
    }

    fn take_rest(&self) -> Result<(Option<RecordBatch>, bool)> {
        if let Some(batch) = self.pop() {
            return Ok((Some(batch), true));
        }
        self.gather_rest()?;
        let last = self.pop();
        Ok((last, self.full_count.load(Ordering::Acquire) > 0))
    }

    fn take_failure(&self) -> Option<Error> {
        self.failure.lock().take()
    }
}

impl ParallelReceiver for Arc<Unordered> {
    fn take(&self, chunk: &Chunk, offset: usize, _part: u64) -> Option<usize> {
        self.put(chunk, offset).map_err(|error| *self.failure.lock() = Some(error)).ok()
    }

    fn advance(&self, _first: u64) -> bool {
        false
    }

    fn is_ready(&self) -> bool {
        self.full_count.load(Ordering::Acquire) > 0
    }
}
