//! A queue of Arrow batches that keeps a little in memory and the rest in a temporary file. Those that stay in it can be read
//! where they are.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, Cursor};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use arrow::ipc::reader::StreamReader;
use arrow::ipc::writer::StreamWriter;
use tokio::runtime::Handle;

use crate::engine::bytes_of_rows;
use crate::error::{Error, ErrorCode, Result};

/// How much a queue may hold.
#[derive(Debug, Clone, Copy)]
pub struct QueueLimits {
    /// Bytes kept in memory before the rest goes to the file.
    pub memory: usize,
    /// Bytes kept in all.
    pub total: u64,
}

/// A first-in, first-out queue of batches of one schema. Its file has no name, so that nothing is left behind when the
/// process dies. Its calls may block on the disk.
pub struct BatchQueue {
    directory: PathBuf,
    limits: QueueLimits,
    entries: VecDeque<Entry>,
    in_memory: usize,
    file: Option<File>,
    file_end: u64,
}

enum Entry {
    Memory(RecordBatch, usize),
    File { offset: u64, length: usize },
}

impl Drop for BatchQueue {
    /// To free a file of gigabytes takes a while, in which a thread of the network is not to wait.
    fn drop(&mut self) {
        if let Some(file) = self.file.take()
            && let Ok(runtime) = Handle::try_current()
        {
            runtime.spawn_blocking(move || drop(file));
        }
    }
}

impl BatchQueue {
    /// An empty queue, whose file is made in `directory` if it is needed.
    pub fn new(directory: &Path, limits: QueueLimits) -> Self {
        Self {
            directory: directory.to_owned(),
            limits,
            entries: VecDeque::new(),
            in_memory: 0,
            file: None,
            file_end: 0,
        }
    }

    /// Whether there is nothing to take out.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// How many batches are in it.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// How many bytes of memory and of the file it takes.
    pub fn size(&self) -> (usize, u64) {
        (self.in_memory, self.file_end)
    }

    /// Whether it holds as much as it may.
    pub fn is_full(&self) -> bool {
        self.file_end + self.in_memory as u64 >= self.limits.total
    }

    /// Puts a batch at the end.
    ///
    /// # Errors
    /// When the file can't be written; the queue is then as it was.
    pub fn push(&mut self, batch: RecordBatch) -> Result<()> {
        let bytes = bytes_of_rows(&batch);
        // Once the file is in use, later batches follow it there, so that memory does not refill while it is read.
        if self.file.is_none() && self.in_memory + bytes <= self.limits.memory {
            self.in_memory += bytes;
            self.entries.push_back(Entry::Memory(batch, bytes));
            return Ok(());
        }
        let encoded = encode(&batch)?;
        let file = match &mut self.file {
            Some(file) => file,
            none => none.insert(tempfile::tempfile_in(&self.directory).map_err(|e| self_failed("created", &e))?),
        };
        file.write_all_at(&encoded, self.file_end).map_err(|e| self_failed("written", &e))?;
        self.entries.push_back(Entry::File { offset: self.file_end, length: encoded.len() });
        self.file_end += encoded.len() as u64;
        Ok(())
    }

    /// Takes the first batch out.
    ///
    /// # Errors
    /// When the file can't be read.
    pub fn pop(&mut self) -> Result<Option<RecordBatch>> {
        let batch = match self.entries.pop_front() {
            None => return Ok(None),
            Some(Entry::Memory(batch, bytes)) => {
                self.in_memory -= bytes;
                batch
            }
            Some(Entry::File { offset, length }) => self.read(offset, length)?,
        };
        if self.entries.is_empty() {
            self.file = None;
            self.file_end = 0;
        }
        Ok(Some(batch))
    }

    /// The batch at `index`, counted from the first that is in it. It stays.
    ///
    /// # Errors
    /// When the file can't be read.
    pub fn get(&self, index: usize) -> Result<Option<RecordBatch>> {
        match self.entries.get(index) {
            None => Ok(None),
            Some(Entry::Memory(batch, _)) => Ok(Some(batch.clone())),
            Some(Entry::File { offset, length }) => self.read(*offset, *length).map(Some),
        }
    }

    fn read(&self, offset: u64, length: usize) -> Result<RecordBatch> {
        let Some(file) = &self.file else { return Err(Error::internal("a queue lost its file")) };
        let mut encoded = vec![0; length];
        file.read_exact_at(&mut encoded, offset).map_err(|e| self_failed("read", &e))?;
        decode(encoded)
    }
}

fn encode(batch: &RecordBatch) -> Result<Vec<u8>> {
    let schema: SchemaRef = batch.schema();
    let mut writer = StreamWriter::try_new(Vec::new(), &schema).map_err(Error::internal)?;
    writer.write(batch).map_err(Error::internal)?;
    writer.into_inner().map_err(Error::internal)
}

fn decode(encoded: Vec<u8>) -> Result<RecordBatch> {
    let mut reader = StreamReader::try_new(Cursor::new(encoded), None).map_err(Error::internal)?;
    match reader.next() {
        Some(batch) => batch.map_err(Error::internal),
        None => Err(Error::internal("a batch in the file of a queue was empty")),
    }
}

fn self_failed(what: &str, error: &io::Error) -> Error {
    Error::new(
        ErrorCode::ResultTooLarge,
        format!("the file that holds an open result could not be {what}: {error}; make room in the data directory"),
    )
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{Int32Array, StringArray};
    use arrow::datatypes::{DataType, Field, Schema};

    use super::*;

    fn batch(number: i32) -> RecordBatch {
        let fields = vec![Field::new("n", DataType::Int32, true), Field::new("s", DataType::Utf8, true)];
        let text = StringArray::from(vec![Some(format!("row {number}")), None]);
        RecordBatch::try_new(
            Arc::new(Schema::new(fields)),
            vec![Arc::new(Int32Array::from(vec![Some(number), None])), Arc::new(text)],
        )
        .unwrap()
    }

    #[test]
    fn batches_come_out_as_they_went_in_whether_in_memory_or_in_the_file() {
        let directory = tempfile::tempdir().unwrap();
        let one = bytes_of_rows(&batch(0));
        let mut queue = BatchQueue::new(directory.path(), QueueLimits { memory: 3 * one, total: 1 << 20 });
        for round in 0..3 {
            for number in 0..10 {
                queue.push(batch(round * 100 + number)).unwrap();
            }
            for number in 0..10 {
                assert_eq!(queue.pop().unwrap(), Some(batch(round * 100 + number)));
            }
            assert_eq!(queue.pop().unwrap(), None);
        }
    }

    #[test]
    fn a_batch_can_be_read_where_it_is_any_number_of_times() {
        let directory = tempfile::tempdir().unwrap();
        let one = bytes_of_rows(&batch(0));
        let mut queue = BatchQueue::new(directory.path(), QueueLimits { memory: 2 * one, total: 1 << 20 });
        for number in 0..5 {
            queue.push(batch(number)).unwrap();
        }
        for number in [4, 0, 3, 0, 4] {
            assert_eq!(queue.get(usize::try_from(number).unwrap()).unwrap(), Some(batch(number)));
        }
        assert_eq!((queue.len(), queue.get(5).unwrap()), (5, None));
    }

    #[test]
    fn it_says_when_it_is_full() {
        let directory = tempfile::tempdir().unwrap();
        let mut queue = BatchQueue::new(directory.path(), QueueLimits { memory: 0, total: 1000 });
        while !queue.is_full() {
            queue.push(batch(1)).unwrap();
        }
        while queue.pop().unwrap().is_some() {}
        assert!(!queue.is_full());
    }
}
