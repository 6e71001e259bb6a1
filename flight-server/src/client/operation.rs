//! One thing that was asked for, which can be cancelled.

use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::watch;

use super::budget::Budget;
use super::error::ClientError;

/// A statement or another request, with all the calls that it takes.
#[derive(Debug)]
pub struct Operation {
    pub(super) budget: Mutex<Budget>,
    cancelled: watch::Receiver<bool>,
    // Without it, the receiver would take the end of all cancellers for news.
    canceller: Canceller,
}

/// Cancels an [`Operation`], from anywhere.
#[derive(Debug, Clone)]
pub struct Canceller(watch::Sender<bool>);

impl Canceller {
    /// Cancels it. What waits to be tried again is not tried again, and the server is told of what runs.
    pub fn cancel(&self) {
        self.0.send_replace(true);
    }
}

impl Operation {
    /// Something whose calls are tried again for `deadline` after a failure.
    pub fn new(deadline: Duration) -> Self {
        let (sender, cancelled) = watch::channel(false);
        Self { budget: Mutex::new(Budget::new(deadline)), cancelled, canceller: Canceller(sender) }
    }

    /// What cancels it.
    pub fn canceller(&self) -> Canceller {
        self.canceller.clone()
    }

    /// Whether it was cancelled.
    pub fn is_cancelled(&self) -> bool {
        *self.cancelled.borrow()
    }

    /// Resolves once it is cancelled.
    pub async fn cancelled(&self) {
        let mut cancelled = self.cancelled.clone();
        // It can't fail: this holds a sender.
        let _ = cancelled.wait_for(|cancelled| *cancelled).await;
    }

    pub(super) fn check(&self) -> Result<(), ClientError> {
        if self.is_cancelled() { Err(ClientError::cancelled()) } else { Ok(()) }
    }

    /// Waits before the next try; whether there may be one.
    pub(super) async fn pause(&self) -> bool {
        let Some(pause) = self.budget.lock().pause() else { return false };
        tokio::select! {
            () = tokio::time::sleep(pause) => true,
            () = self.cancelled() => false,
        }
    }
}
