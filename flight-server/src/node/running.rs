//! How many of something run, for drain and for health: statements, and calls that bring a session.

use std::sync::Arc;

use tokio::sync::watch;

/// The number of what runs on a node.
#[derive(Clone)]
pub(super) struct Running(Arc<watch::Sender<usize>>);

impl Running {
    pub(super) fn new() -> Self {
        Self(Arc::new(watch::Sender::new(0)))
    }

    /// One more runs, until the guard is dropped.
    pub(super) fn start(&self) -> RunningGuard {
        self.0.send_modify(|count| *count += 1);
        RunningGuard(self.clone())
    }

    pub(super) fn count(&self) -> usize {
        *self.0.borrow()
    }

    /// Resolves at a moment at which none runs.
    pub(super) async fn none(&self) {
        // The sender is alive as long as `self`, so waiting cannot fail.
        let _ = self.0.subscribe().wait_for(|count| *count == 0).await;
    }
}

/// Counts as running while it lives.
pub(crate) struct RunningGuard(Running);

impl Drop for RunningGuard {
    fn drop(&mut self) {
        self.0.0.send_modify(|count| *count = count.saturating_sub(1));
    }
}
