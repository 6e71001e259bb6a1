//! An open result: rows still to be computed on the session's connection, rows set aside, or both.
//!
//! DuckDB keeps one result stream a connection, and ends it when anything else is prepared there. So before another
//! statement runs, the rest of the open result is *set aside* in a [`BatchQueue`]: it is read on from there, and both work,
//! inside a transaction too.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use arrow::array::RecordBatch;
use parking_lot::Mutex;

use super::errors;
use super::interrupt::Run;
use super::live::Live;
use crate::batch_queue::{BatchQueue, QueueLimits};
use crate::error::{Error, ErrorCode, Result};

/// How much of a result is set aside: a little in memory, the rest on disk.
const LIMITS: QueueLimits = QueueLimits { memory: 8 << 20, total: 8 << 30 };

/// An open result. Whoever reads it and whoever needs its connection share it.
pub(super) struct Cursor {
    state: Mutex<State>,
    /// Whether nobody will read on: what computes the rows looks at it too.
    abandoned: Arc<AtomicBool>,
    /// Whether it holds nothing any more, on the connection or aside.
    finished: AtomicBool,
}

struct State {
    /// Batches set aside, read before anything that is live.
    aside: Option<BatchQueue>,
    live: Option<Live>,
    /// What ended it, told once, after the batches set aside.
    failure: Option<Error>,
}

/// What reading from a cursor gave.
pub(super) enum Step {
    /// A batch.
    Batch(RecordBatch),
    /// The end.
    End,
    /// The next batch has to be computed on the connection.
    NeedsConnection,
}

impl Cursor {
    pub(super) fn new(live: Live) -> Arc<Self> {
        let abandoned = Arc::clone(live.left());
        let state = State { aside: None, live: Some(live), failure: None };
        Arc::new(Self { state: Mutex::new(state), abandoned, finished: AtomicBool::new(false) })
    }

    /// Whether the next batch will have to be computed, as far as can be told without waiting.
    pub(super) fn wants_connection(&self) -> bool {
        self.state.try_lock().is_some_and(|state| state.aside.is_none() && state.live.is_some())
    }

    /// Whether it holds nothing any more.
    pub(super) fn is_finished(&self) -> bool {
        self.finished.load(Ordering::Acquire)
    }

    /// The next batch from what was set aside, without touching the connection.
    pub(super) fn take_aside(&self) -> Result<Step> {
        let mut state = self.state.lock();
        if let Some(aside) = &mut state.aside {
            if let Some(batch) = aside.pop()? {
                return Ok(Step::Batch(batch));
            }
            state.aside = None;
        }
        if state.live.is_some() {
            return Ok(Step::NeedsConnection);
        }
        self.finished.store(true, Ordering::Release);
        state.failure.take().map_or(Ok(Step::End), Err)
    }

    /// The next batch, computed if need be. The caller holds the connection.
    pub(super) fn next(&self, run: &Run) -> Result<Step> {
        match self.take_aside()? {
            Step::NeedsConnection => {}
            done => return Ok(done),
        }
        let mut state = self.state.lock();
        let Some(live) = &mut state.live else { return Ok(Step::End) };
        let next = run.interruptible(|| live.next());
        match next {
            Ok(Some(batch)) => {
                if live.has_ended() {
                    self.finish(&mut state);
                }
                Ok(Step::Batch(batch))
            }
            Ok(None) => {
                self.finish(&mut state);
                Ok(Step::End)
            }
            Err(error) => {
                self.finish(&mut state);
                Err(error)
            }
        }
    }

    fn finish(&self, state: &mut State) {
        state.live = None;
        state.aside = None;
        self.finished.store(true, Ordering::Release);
    }

    /// Whether rows of it are still computed on the connection.
    pub(super) fn is_live(&self) -> bool {
        self.state.lock().live.is_some()
    }

    /// Whether nobody will read on.
    pub(super) fn is_abandoned(&self) -> bool {
        self.abandoned.load(Ordering::Acquire)
    }

    /// Says that nobody will read on.
    pub(super) fn abandon(&self) {
        self.abandoned.store(true, Ordering::Release);
    }

    /// Frees what DuckDB holds for it. The caller holds the connection.
    pub(super) fn discard(&self) {
        self.finish(&mut self.state.lock());
    }

    /// Ends it although rows may be left: whoever reads on gets `why`. The caller holds the connection.
    pub(super) fn cut_off(&self, why: Error) {
        self.abandon();
        let mut state = self.state.lock();
        if !self.is_finished() {
            state.failure = Some(why);
        }
        self.finish(&mut state);
    }

    /// Sets the rest of it aside, so that the connection is free. The caller holds the connection; `run` is the
    /// statement that waits for it.
    ///
    /// # Errors
    /// When there is more than can be set aside, or `run` was cancelled: the cursor goes on as it was.
    pub(super) fn set_aside(&self, directory: &Path, run: &Run) -> Result<()> {
        let mut guard = self.state.lock();
        let state = &mut *guard;
        let Some(live) = &mut state.live else { return Ok(()) };
        let aside = state.aside.get_or_insert_with(|| BatchQueue::new(directory, LIMITS));
        loop {
            if run.is_cancelled() {
                return Err(errors::cancelled());
            }
            if self.is_abandoned() {
                break;
            }
            if aside.is_full() {
                return Err(Error::new(
                    ErrorCode::ResultTooLarge,
                    format!(
                        "another result of this session is open, and has more than {} GiB left; read it to its end or \
                         close it before running the next statement",
                        LIMITS.total >> 30
                    ),
                ));
            }
            match live.next() {
                Ok(Some(batch)) => aside.push(batch)?,
                Ok(None) => break,
                Err(error) => {
                    state.failure = Some(error);
                    break;
                }
            }
        }
        state.live = None;
        Ok(())
    }
}
