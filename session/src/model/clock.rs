//! The clock that a model store goes by.

use std::fmt;
use std::time::Duration;

use parking_lot::Mutex;

/// A clock, as the time since the Unix epoch. It must not go back.
pub trait Clock: Send + Sync + 'static {
    /// What time it is.
    fn now(&self) -> Duration;
}

/// A clock that moves only when told.
pub struct ManualClock(Mutex<Duration>);

impl ManualClock {
    /// Lets time pass.
    pub fn advance(&self, by: Duration) {
        let mut now = self.0.lock();
        *now = now.saturating_add(by);
    }
}

impl Default for ManualClock {
    /// Starts at a moment in 2001, so that a forgotten zero is seen as what it is.
    fn default() -> Self {
        Self(Mutex::new(Duration::from_secs(1_000_000_000)))
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Duration {
        *self.0.lock()
    }
}

impl fmt::Debug for ManualClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ManualClock({:?})", self.now())
    }
}
