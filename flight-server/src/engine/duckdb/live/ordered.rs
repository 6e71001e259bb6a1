//! Rows that DuckDB computes in parallel, put in order as they come.
//!
//! DuckDB numbers the parts of what it scans, and says which of those under way is the first. The thread that has the first puts
//! its rows into the outgoing batch where they are; the others put theirs aside, in larger batches of their own. When their turn comes,
//! whole outgoing batches are cut out of these, and what is left at both ends is appended. DuckDB's own collector copies every row into
//! a buffer first, texts one by one, and out of it again.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

use arrow::array::RecordBatch;
use parking_lot::Mutex;

use super::{FULL, Parallel, is_readers_thread};
use crate::engine::Cut;
use crate::engine::duckdb::convert::{Assembler, ResultShape};
use crate::engine::duckdb::ffi::{Chunk, ParallelReceiver};
use crate::error::{Error, Result};

/// Where batches are cut that are put aside. The larger they are, the less of them is copied once more, and the more new pages the
/// system has to give: beside 2 MiB, with which all was copied, texts of 200 bytes took 0.84 of the time with 4 and 0.91 with 8, and
/// lineitem 1.00 and 0.99.
const LARGE: Cut = Cut { rows: usize::MAX, bytes: 4 << 20 };

/// Gathers the rows of all parts in order.
pub(super) struct Ordered {
    shape: ResultShape,
    outgoing: Mutex<Outgoing>,
    /// Whether that has full batches.
    has_ready: AtomicBool,
    /// What threads ahead have put aside, by part. A thread has its own out while it adds to it.
    aside: Mutex<BTreeMap<u64, Aside>>,
    aside_bytes: AtomicUsize,
    /// How many bytes that may be before threads that are ahead have to wait.
    most_aside: usize,
    /// All parts before this one are complete.
    first: AtomicU64,
    /// Assemblers that were used for parts, and know how large batches become.
    spare: Mutex<Vec<Assembler>>,
}

struct Outgoing {
    assembler: Assembler,
    /// Those that are full. Until one is fetched, no more than so many are.
    ready: VecDeque<RecordBatch>,
    /// Why no more rows can be taken.
    failure: Option<Error>,
}

/// The rows of a part that are not in their turn.
struct Aside {
    assembler: Assembler,
    made: VecDeque<RecordBatch>,
    /// How many rows of the first of these were appended.
    appended: usize,
    /// The lengths of all rows that were not appended; none when no column varies.
    lengths: VecDeque<usize>,
    /// How much it holds.
    bytes: usize,
}

impl Ordered {
    pub(super) fn new(shape: ResultShape, cut: Cut, most_aside: usize) -> Result<Self> {
        let assembler = Assembler::new(shape.clone(), cut)?;
        Ok(Self {
            shape,
            outgoing: Mutex::new(Outgoing { assembler, ready: VecDeque::new(), failure: None }),
            has_ready: AtomicBool::new(false),
            aside: Mutex::default(),
            aside_bytes: AtomicUsize::new(0),
            most_aside,
            first: AtomicU64::new(0),
            spare: Mutex::default(),
        })
    }

    fn take_out(&self, outgoing: &mut Outgoing) -> Option<RecordBatch> {
        let batch = outgoing.ready.pop_front();
        self.has_ready.store(!outgoing.ready.is_empty(), Ordering::Release);
        batch
    }

    /// The outgoing batch is full.
    fn close(&self, outgoing: &mut Outgoing) -> Result<()> {
        outgoing.ready.extend(outgoing.assembler.finish()?);
        self.has_ready.store(!outgoing.ready.is_empty(), Ordering::Release);
        Ok(())
    }

    /// Appends what was put aside of the parts that `is_due` says, in order, until so many batches are full; whether that is all, and
    /// there is room for more.
    fn append(&self, outgoing: &mut Outgoing, most: usize, is_due: impl Fn(u64) -> bool) -> Result<bool> {
        loop {
            let (part, mut aside) = {
                let mut all = self.aside.lock();
                match all.first_entry() {
                    Some(entry) if is_due(*entry.key()) => entry.remove_entry(),
                    _ => return Ok(true),
                }
            };
            let before = aside.bytes;
            let next = aside.append_to(&mut outgoing.assembler)?;
            self.aside_bytes.fetch_sub(before - aside.bytes, Ordering::Relaxed);
            if let Some(next) = next {
                outgoing.ready.push_back(next);
                self.has_ready.store(true, Ordering::Release);
                self.aside.lock().insert(part, aside);
                if outgoing.ready.len() >= most {
                    return Ok(false);
                }
                continue;
            }
            self.spare.lock().push(aside.assembler);
        }
    }

    fn put_in_turn(&self, part: u64, chunk: &Chunk, offset: usize) -> Result<usize> {
        let mut outgoing = self.outgoing.lock();
        let most = if is_readers_thread() { 1 } else { FULL };
        if outgoing.ready.len() >= most || !self.append(&mut outgoing, most, |other| other <= part)? {
            return Ok(0);
        }
        let mut at = offset;
        while at < chunk.len() && outgoing.ready.len() < most {
            at += outgoing.assembler.fill(chunk, at)?;
            if at < chunk.len() {
                self.close(&mut outgoing)?;
            }
        }
        Ok(at - offset)
    }

    fn put_aside(&self, part: u64, chunk: &Chunk, offset: usize) -> Result<usize> {
        // Who reads the result is not to wait for one of its own threads that is ahead.
        let has_to_read = is_readers_thread() && self.has_ready.load(Ordering::Acquire);
        if has_to_read || self.aside_bytes.load(Ordering::Relaxed) > self.most_aside {
            return Ok(0);
        }
        let known = self.aside.lock().remove(&part);
        let mut aside = match known {
            Some(aside) => aside,
            None => Aside::new(match self.spare.lock().pop() {
                Some(assembler) => assembler,
                None => Assembler::new(self.shape.clone(), LARGE)?,
            }),
        };
        let before = aside.bytes;
        aside.add(chunk, offset)?;
        self.aside_bytes.fetch_add(aside.bytes - before, Ordering::Relaxed);
        self.aside.lock().insert(part, aside);
        Ok(chunk.len() - offset)
    }
}

impl Parallel for Ordered {
    fn take_ready(&self) -> Result<Option<RecordBatch>> {
        let mut outgoing = self.outgoing.lock();
        if outgoing.ready.is_empty() {
            // Those before the first are complete; the first is its thread's.
            self.append(&mut outgoing, 1, |part| part < self.first.load(Ordering::Acquire))?;
        }
        Ok(self.take_out(&mut outgoing))
    }

    fn take_rest(&self) -> Result<(Option<RecordBatch>, bool)> {
        let mut outgoing = self.outgoing.lock();
        if outgoing.ready.is_empty() && self.append(&mut outgoing, 1, |_| true)? && outgoing.ready.is_empty() {
            return Ok((outgoing.assembler.finish()?, false));
        }
        Ok((self.take_out(&mut outgoing), true))
    }

    fn take_failure(&self) -> Option<Error> {
        self.outgoing.lock().failure.take()
    }
}

impl ParallelReceiver for Arc<Ordered> {
    fn take(&self, chunk: &Chunk, offset: usize, part: u64) -> Option<usize> {
        let is_first = part <= self.first.load(Ordering::Acquire);
        let taken = if is_first { self.put_in_turn(part, chunk, offset) } else { self.put_aside(part, chunk, offset) };
        match taken {
            Ok(taken) => Some(taken),
            Err(error) => {
                self.outgoing.lock().failure = Some(error);
                None
            }
        }
    }

    fn advance(&self, first: u64) -> bool {
        self.first.fetch_max(first, Ordering::AcqRel) < first
    }

    fn is_ready(&self) -> bool {
        self.has_ready.load(Ordering::Acquire)
    }
}

impl Aside {
    fn new(assembler: Assembler) -> Self {
        Self { assembler, made: VecDeque::new(), appended: 0, lengths: VecDeque::new(), bytes: 0 }
    }

    fn add(&mut self, chunk: &Chunk, offset: usize) -> Result<()> {
        let mut at = offset;
        while at < chunk.len() {
            let taken = self.assembler.fill(chunk, at)?;
            let lengths = self.assembler.taken_lengths(taken);
            self.bytes += taken * self.assembler.row_width() + lengths.iter().sum::<usize>();
            self.lengths.extend(lengths);
            at += taken;
            if at < chunk.len() {
                self.made.extend(self.assembler.finish()?);
            }
        }
        Ok(())
    }

    /// The next outgoing batch; when there are too few rows for one, all that there are are appended.
    fn append_to(&mut self, outgoing: &mut Assembler) -> Result<Option<RecordBatch>> {
        self.made.extend(self.assembler.finish()?);
        while let Some(made) = self.made.front() {
            let left = made.num_rows() - self.appended;
            let of_made = left.min(self.lengths.len());
            let lengths = &self.lengths.make_contiguous()[..of_made];
            let within = outgoing.cut_out(made, self.appended, lengths)?;
            let taken = match &within {
                Some(batch) => batch.num_rows(),
                None => outgoing.fill_again(made, self.appended, lengths)?,
            };
            let lengths = self.lengths.drain(..taken.min(of_made)).sum::<usize>();
            self.bytes -= taken * self.assembler.row_width() + lengths;
            if taken < left {
                self.appended += taken;
                return if within.is_some() { Ok(within) } else { outgoing.finish() };
            }
            self.appended = 0;
            self.made.pop_front();
        }
        Ok(None)
    }
}
