//! Until when this node may act as the owner of its sessions, by its own monotonic clock.

use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

use super::failure;
use crate::error::Result;

/// The node's own view of its lease.
///
/// The store decides by its own clock when the lease is over. A lease asked for at a moment cannot end earlier there
/// than that moment plus its length, so counting from the moment of asking errs on the safe side. A margin on top
/// covers clocks that run at different speeds and work that is under way.
pub(super) struct Lease {
    length: Duration,
    safe_until: Mutex<Option<Instant>>,
}

impl Lease {
    /// A lease that does not run yet.
    pub(super) fn new(length: Duration) -> Self {
        Self { length, safe_until: Mutex::new(None) }
    }

    /// How long it runs each time.
    pub(super) fn length(&self) -> Duration {
        self.length
    }

    /// The store granted a lease that was asked for at `asked`.
    pub(super) fn granted(&self, asked: Instant) {
        *self.safe_until.lock() = Some(asked + self.length - self.length / 10);
    }

    /// It is over, and must be had anew.
    pub(super) fn ended(&self) {
        *self.safe_until.lock() = None;
    }

    /// The last moment at which the node may act, or `None` when it may not.
    pub(super) fn safe_until(&self) -> Option<Instant> {
        *self.safe_until.lock()
    }

    /// Whether the node may act as an owner now.
    ///
    /// # Errors
    /// `STORE_UNAVAILABLE` when the lease may be over: another node may own the sessions by now.
    pub(super) fn check(&self) -> Result<()> {
        match self.safe_until() {
            Some(until) if Instant::now() < until => Ok(()),
            _ => Err(failure::lease_over()),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;
    use crate::error::ErrorCode;

    #[test]
    fn a_lease_is_safe_from_the_moment_of_asking_until_a_margin_before_its_end() {
        let lease = Lease::new(Duration::from_secs(10));
        assert_eq!(lease.check().unwrap_err().code, ErrorCode::StoreUnavailable);
        let asked = Instant::now();
        lease.granted(asked);
        assert_eq!(lease.safe_until(), Some(asked + Duration::from_secs(9)));
        assert!(lease.check().is_ok());
        lease.granted(asked.checked_sub(Duration::from_secs(9)).unwrap());
        assert!(lease.check().is_err(), "an answer that came too late grants nothing");
    }
}
