//! Stopping the right statement, and only that one.
//!
//! DuckDB interrupts whatever runs on a connection, forgets an interrupt that comes before the statement has started, and
//! has places that do not look for one. So a statement is stopped by its number, under the lock that says which one runs,
//! again and again until it has ended.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

use super::ffi::Interrupter;

/// How often a statement is told to stop.
const REPEAT: Duration = Duration::from_millis(10);
/// After this long, a statement that goes on in spite of it is reported.
const STUBBORN: Duration = Duration::from_secs(10);

/// Which statement runs on a connection.
pub(super) struct Turnstile {
    /// `None` once the connection is closed.
    interrupter: Mutex<Option<Interrupter>>,
    running: Mutex<Option<u64>>,
    next: AtomicU64,
}

/// Stops whatever runs while it lives.
pub(super) struct StopAll(tokio::task::JoinHandle<()>);

impl Drop for StopAll {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// One run of something on the connection, from before it starts until it has ended.
pub(super) struct Run {
    turnstile: Arc<Turnstile>,
    number: u64,
    cancelled: AtomicBool,
    /// Wakes a run that waits.
    told: Condvar,
    waiting: Mutex<()>,
    ended: AtomicBool,
}

impl Turnstile {
    pub(super) fn new(interrupter: Interrupter) -> Arc<Self> {
        Arc::new(Self {
            interrupter: Mutex::new(Some(interrupter)),
            running: Mutex::new(None),
            next: AtomicU64::new(0),
        })
    }

    /// How much of the running statement is done, from 0 to 1; `None` when none runs, or it can't be told.
    pub(super) fn progress(&self) -> Option<f64> {
        (*self.running.lock())?;
        self.interrupter.lock().as_ref()?.progress()
    }

    fn interrupt(&self) {
        if let Some(interrupter) = &*self.interrupter.lock() {
            interrupter.interrupt();
        }
    }

    /// Tells whatever runs to stop, again and again, until the guard is dropped.
    pub(super) fn stop_all(self: &Arc<Self>) -> StopAll {
        let turnstile = Arc::clone(self);
        StopAll(tokio::spawn(async move {
            loop {
                turnstile.interrupt();
                tokio::time::sleep(REPEAT).await;
            }
        }))
    }

    /// Lets go of the connection, which is closed.
    pub(super) fn retire(&self) {
        *self.interrupter.lock() = None;
    }

    /// A run that is about to start.
    pub(super) fn run(self: &Arc<Self>) -> Arc<Run> {
        Arc::new(Run {
            turnstile: Arc::clone(self),
            number: self.next.fetch_add(1, Ordering::Relaxed),
            cancelled: AtomicBool::new(false),
            told: Condvar::new(),
            waiting: Mutex::new(()),
            ended: AtomicBool::new(false),
        })
    }
}

impl Run {
    /// Whether it was told to stop.
    pub(super) fn is_cancelled(&self) -> bool {
        self.cancelled.load(Ordering::Acquire)
    }

    fn tell(&self) {
        let _waiting = self.waiting.lock();
        self.cancelled.store(true, Ordering::Release);
        self.told.notify_all();
    }

    /// Waits, and tells whether it was told to stop.
    pub(super) fn wait(&self, time: Duration) -> bool {
        let mut waiting = self.waiting.lock();
        if !self.is_cancelled() {
            self.told.wait_for(&mut waiting, time);
        }
        self.is_cancelled()
    }

    /// Makes it what an interrupt is for, while `work` goes on.
    pub(super) fn interruptible<R>(&self, work: impl FnOnce() -> R) -> R {
        *self.turnstile.running.lock() = Some(self.number);
        let result = work();
        *self.turnstile.running.lock() = None;
        result
    }

    /// Says that nothing of it runs any more.
    pub(super) fn end(&self) {
        self.ended.store(true, Ordering::Release);
    }

    pub(super) fn has_ended(&self) -> bool {
        self.ended.load(Ordering::Acquire)
    }

    /// Tells it once to stop, if it is what runs.
    fn interrupt_once(&self) {
        let running = self.turnstile.running.lock();
        if *running == Some(self.number) {
            self.turnstile.interrupt();
        }
    }

    /// Tells it to stop, after `grace` unless it has ended by then, until it has ended.
    pub(super) fn cancel(self: &Arc<Self>, grace: Duration) {
        let run = Arc::clone(self);
        let Ok(runtime) = tokio::runtime::Handle::try_current() else {
            // The server is ending; whoever ends it closes the engine.
            run.tell();
            run.interrupt_once();
            return;
        };
        if grace.is_zero() {
            run.tell();
        }
        runtime.spawn(async move {
            let start = Instant::now();
            while !run.has_ended() && start.elapsed() < grace {
                tokio::time::sleep(REPEAT.min(grace)).await;
            }
            run.tell();
            let mut reported = false;
            while !run.has_ended() {
                run.interrupt_once();
                if start.elapsed() > STUBBORN + grace && !reported {
                    tracing::warn!(statement = run.number, "a statement does not stop, though it was interrupted");
                    reported = true;
                }
                tokio::time::sleep(REPEAT).await;
            }
        });
    }
}

/// Stops a run when the call it belongs to is dropped before it has ended.
pub(super) struct CancelOnDrop {
    run: Arc<Run>,
    grace: Duration,
}

impl CancelOnDrop {
    pub(super) fn new(run: Arc<Run>, grace: Duration) -> Self {
        Self { run, grace }
    }
}

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        if !self.run.has_ended() {
            self.run.cancel(self.grace);
        }
    }
}
