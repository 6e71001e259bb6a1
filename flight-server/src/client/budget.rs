//! How often and for how long something is tried again.

use std::time::Duration;

use tokio::time::Instant;

/// The most often that one break makes the client bring its session to a server again.
const MAX_REATTACHES: u32 = 5;

/// The longest the first pause may be.
const FIRST_PAUSE: Duration = Duration::from_millis(100);

/// The longest any pause may be.
const LONGEST_PAUSE: Duration = Duration::from_secs(3);

/// What one operation may spend on being tried again: an amount of time, and a number of reattaches.
///
/// The time is counted from the first failure, so that a statement which merely takes long has all of it left.
#[derive(Debug)]
pub(super) struct Budget {
    deadline: Duration,
    began: Option<Instant>,
    failures: u32,
    reattaches: u32,
}

impl Budget {
    pub(super) fn new(deadline: Duration) -> Self {
        Self { deadline, began: None, failures: 0, reattaches: 0 }
    }

    /// Gives the whole budget again, to what has got further after a failure.
    pub(super) fn renew(&mut self) {
        *self = Self::new(self.deadline);
    }

    /// A call has succeeded: the next failure has the whole time before it again, and not the number of reattaches.
    pub(super) fn settle(&mut self) {
        self.began = None;
        self.failures = 0;
    }

    /// The time that is left.
    pub(super) fn left(&self) -> Duration {
        self.began.map_or(self.deadline, |began| self.deadline.saturating_sub(began.elapsed()))
    }

    /// Whether the session may be brought to a server once more.
    pub(super) fn may_reattach(&self) -> bool {
        self.reattaches < MAX_REATTACHES
    }

    /// Notes that the session was brought to a server.
    pub(super) fn reattached(&mut self) {
        self.reattaches += 1;
    }

    /// How long to wait before the next try; nothing when there is to be none.
    ///
    /// The pauses grow exponentially, and each is a random part of what it may be at most, so that clients which broke at
    /// the same moment do not come back at the same moment.
    pub(super) fn pause(&mut self) -> Option<Duration> {
        self.began.get_or_insert_with(Instant::now);
        let longest = LONGEST_PAUSE.min(FIRST_PAUSE * 2_u32.pow(self.failures));
        self.failures = (self.failures + 1).min(16);
        let pause = longest.mul_f64(chance());
        (pause < self.left()).then_some(pause)
    }
}

/// A random number from 0 to 1.
fn chance() -> f64 {
    // Without randomness the pauses are as long as they may be, which is safe.
    getrandom::u32().map_or(1.0, |bits| f64::from(bits) / f64::from(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn pauses_end_with_the_time_since_the_first_failure() {
        let mut budget = Budget::new(Duration::from_secs(10));
        let mut tries = 0;
        while let Some(pause) = budget.pause() {
            assert!(pause <= LONGEST_PAUSE);
            tokio::time::advance(pause + Duration::from_millis(50)).await;
            tries += 1;
            assert!(tries < 1_000);
        }
        assert!(tries >= 4, "{tries}");
        budget.settle();
        assert!(budget.pause().is_some(), "after a success there is all of the time");
    }

    #[test]
    fn the_number_of_reattaches_is_only_given_again_to_what_got_further() {
        let mut budget = Budget::new(Duration::from_secs(10));
        for _ in 0..MAX_REATTACHES {
            assert!(budget.may_reattach());
            budget.reattached();
            budget.settle();
        }
        assert!(!budget.may_reattach());
        budget.renew();
        assert!(budget.may_reattach());
    }
}
