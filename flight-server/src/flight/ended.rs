//! Results of which all was sent, and nobody knows whether it arrived: what was sent last is kept for a client that comes again.
//!
//! The transport takes the end of a result long before its client has it. The same time as that of a broken result is given to
//! one that breaks then, but so much memory only for all of them together: the oldest are forgotten first.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

use super::paused::Slot;

/// How much of what was sent is kept of all results that ended, in bytes: two whole ones.
const KEPT: usize = 64 << 20;

/// What a result takes besides its rows, in bytes: an estimate, so that many small ones count too.
const BESIDES: usize = 4 << 10;

/// The results that ended a short time ago.
pub(super) struct Ended {
    /// How long each is kept.
    grace: Duration,
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    /// The oldest first.
    results: VecDeque<Sent>,
    bytes: usize,
    /// Whether somebody waits for the time of the oldest.
    is_watched: bool,
}

struct Sent {
    slot: Arc<Slot>,
    bytes: usize,
    until: Instant,
}

impl Kept {
    fn forget_oldest(&mut self) -> Option<Arc<Slot>> {
        let oldest = self.results.pop_front()?;
        self.bytes -= oldest.bytes;
        Some(oldest.slot)
    }
}

impl Ended {
    pub(super) fn new(grace: Duration) -> Arc<Self> {
        Arc::new(Self { grace, kept: Mutex::default() })
    }

    /// Keeps a result that takes so many bytes, for a time.
    pub(super) fn keep(self: &Arc<Self>, slot: Arc<Slot>, bytes: usize) {
        let bytes = bytes + BESIDES;
        let (forgotten, is_to_watch) = {
            let mut kept = self.kept.lock();
            kept.results.push_back(Sent { slot, bytes, until: Instant::now() + self.grace });
            kept.bytes += bytes;
            let mut forgotten = Vec::new();
            while kept.bytes > KEPT {
                forgotten.extend(kept.forget_oldest());
            }
            (forgotten, !std::mem::replace(&mut kept.is_watched, true))
        };
        forgotten.iter().for_each(|slot| slot.end());
        if is_to_watch {
            match tokio::runtime::Handle::try_current() {
                Ok(runtime) => drop(runtime.spawn(Arc::clone(self).watch())),
                Err(_) => self.kept.lock().is_watched = false,
            }
        }
    }

    /// Forgets each when its time is over, until there is none.
    async fn watch(self: Arc<Self>) {
        loop {
            let mut due = Vec::new();
            let next = {
                let mut kept = self.kept.lock();
                let now = Instant::now();
                while kept.results.front().is_some_and(|oldest| oldest.until <= now) {
                    due.extend(kept.forget_oldest());
                }
                kept.is_watched = !kept.results.is_empty();
                kept.results.front().map(|oldest| oldest.until)
            };
            due.iter().for_each(|slot| slot.end());
            match next {
                Some(next) => tokio::time::sleep_until(next).await,
                None => return,
            }
        }
    }
}
