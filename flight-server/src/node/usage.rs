//! When a session was last used and until when it may be.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

/// How a session is used, by the monotonic clock of this node.
pub(super) struct Usage {
    idle_timeout: Duration,
    /// When the session is too old, however much it is used. `None`: too far off for a clock to say.
    too_old_at: Option<Instant>,
    last_used: Mutex<Instant>,
    /// Whether it was used since that was last written to the store.
    unwritten: AtomicBool,
    /// How many of its statements run. A session in which one runs is not idle.
    running: AtomicUsize,
}

impl Usage {
    /// A session used just now.
    pub(super) fn new(idle_timeout: Duration, age_left: Duration) -> Self {
        let now = Instant::now();
        Self {
            idle_timeout,
            too_old_at: now.checked_add(age_left),
            last_used: Mutex::new(now),
            unwritten: AtomicBool::new(false),
            running: AtomicUsize::new(0),
        }
    }

    /// It is used now.
    pub(super) fn used(&self) {
        *self.last_used.lock() = Instant::now();
        self.unwritten.store(true, Ordering::Release);
    }

    /// Whether the store is to be told of a use. Asking counts as telling; see [`Usage::not_written`].
    pub(super) fn take_unwritten(&self) -> bool {
        let was_used = self.unwritten.swap(false, Ordering::AcqRel);
        was_used || self.running.load(Ordering::Acquire) > 0
    }

    /// Telling the store failed, so it is still to be told.
    pub(super) fn not_written(&self) {
        self.unwritten.store(true, Ordering::Release);
    }

    /// Whether it was idle, or open, for too long at `now`.
    pub(super) fn expired(&self, now: Instant) -> bool {
        if self.too_old_at.is_some_and(|at| at <= now) {
            return true;
        }
        self.running.load(Ordering::Acquire) == 0
            && now.saturating_duration_since(*self.last_used.lock()) >= self.idle_timeout
    }

    /// Whether a statement runs.
    pub(super) fn is_running(&self) -> bool {
        self.running.load(Ordering::Acquire) > 0
    }

    /// A statement starts; it ends when the guard is dropped.
    pub(super) fn start(self: &Arc<Self>) -> UsageGuard {
        self.running.fetch_add(1, Ordering::AcqRel);
        self.used();
        UsageGuard(Arc::clone(self))
    }
}

/// Keeps a session from being idle while it lives.
pub(super) struct UsageGuard(Arc<Usage>);

impl Drop for UsageGuard {
    fn drop(&mut self) {
        // Used first, so that at no moment the session looks idle since the statement's start.
        self.0.used();
        self.0.running.fetch_sub(1, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_is_idle_from_its_last_use_but_not_while_a_statement_runs() {
        let usage = Arc::new(Usage::new(Duration::from_secs(60), Duration::MAX));
        let later = Instant::now() + Duration::from_secs(61);
        assert!(!usage.expired(Instant::now()));
        assert!(usage.expired(later));
        let guard = usage.start();
        assert!(!usage.expired(later));
        assert!(usage.take_unwritten());
        assert!(usage.take_unwritten(), "a running statement is a use each time");
        drop(guard);
        assert!(usage.expired(later));
        assert!(usage.take_unwritten());
        assert!(!usage.take_unwritten());
    }

    #[test]
    fn age_ends_a_session_even_while_a_statement_runs() {
        let usage = Arc::new(Usage::new(Duration::from_secs(60), Duration::from_secs(5)));
        let _guard = usage.start();
        assert!(usage.expired(Instant::now() + Duration::from_secs(5)));
    }
}
