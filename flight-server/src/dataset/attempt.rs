//! Trying again what may go better.

use std::future::Future;
use std::time::Duration;

use tokio::time::Instant;

use super::failure::Reason;

/// The most tries.
const TRIES: u32 = 3;
/// The first wait between two tries; each further one is four times as long.
const FIRST_WAIT: Duration = Duration::from_millis(100);
/// After this long nothing is tried again, so that what is dead fails soon.
const NO_LONGER: Duration = Duration::from_secs(8);

/// Tries that count together, against the same limits.
pub(super) struct Attempts {
    begun: Instant,
    failed: u32,
}

impl Attempts {
    pub(super) fn new() -> Self {
        Self { begun: Instant::now(), failed: 0 }
    }

    /// Waits before the next try, and tells whether there is one.
    pub(super) async fn again(&mut self, reason: Reason) -> bool {
        self.failed += 1;
        if !reason.is_transient() || self.failed >= TRIES || self.begun.elapsed() >= NO_LONGER {
            return false;
        }
        tokio::time::sleep(FIRST_WAIT * 4_u32.pow(self.failed - 1)).await;
        true
    }

    /// Counts anew: something was reached.
    pub(super) fn reset(&mut self) {
        *self = Self::new();
    }
}

/// Does something until it succeeds, or fails for good.
pub(crate) async fn attempt<T, F>(mut work: impl FnMut() -> F) -> Result<T, Reason>
where
    F: Future<Output = object_store::Result<T>>,
{
    let mut attempts = Attempts::new();
    loop {
        match work().await {
            Ok(done) => return Ok(done),
            Err(error) => {
                let reason = Reason::of(&error);
                if !attempts.again(reason).await {
                    return Err(reason);
                }
            }
        }
    }
}
