//! What a seed decides.

use std::ops::Range;
use std::time::Duration;

use fastrand::Rng;
use parking_lot::Mutex;

/// Numbers that follow from a seed.
pub(super) struct Random(Mutex<Rng>);

impl Random {
    pub(super) fn new(seed: u64) -> Self {
        Self(Mutex::new(Rng::with_seed(seed)))
    }

    /// Numbers of its own for a part of the simulation.
    pub(super) fn fork(&self) -> Self {
        Self(Mutex::new(self.0.lock().fork()))
    }

    pub(super) fn below(&self, end: usize) -> usize {
        self.0.lock().usize(..end)
    }

    pub(super) fn milliseconds(&self, range: Range<u64>) -> Duration {
        Duration::from_millis(self.0.lock().u64(range))
    }

    /// True in so many of a hundred cases.
    pub(super) fn chance(&self, percent: u32) -> bool {
        self.0.lock().u32(..100) < percent
    }

    /// A factor that is at most so many thousandths from one.
    pub(super) fn drift(&self, thousandths: i32) -> f64 {
        1.0 + f64::from(self.0.lock().i32(-thousandths..=thousandths)) / 1000.0
    }

    pub(super) fn shuffle<T>(&self, items: &mut [T]) {
        self.0.lock().shuffle(items);
    }
}
