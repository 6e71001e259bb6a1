//! Durations and moments as the stores keep them: seconds in a floating-point number, as SQL has them.

use std::time::{Duration, SystemTime};

/// "For ever", as far as a session is concerned. A longer duration is cut to this, which keeps every sum of a moment
/// and a duration within what a date can express.
const LONGEST: Duration = Duration::from_secs(100 * 366 * 24 * 60 * 60);

/// A duration in seconds, at most a hundred years.
pub(crate) fn seconds(duration: Duration) -> f64 {
    duration.min(LONGEST).as_secs_f64()
}

/// A moment of the store's clock, given in seconds since the Unix epoch. What no date can express, no store has
/// written; it reads as the epoch.
pub(crate) fn moment(unix_seconds: f64) -> SystemTime {
    Duration::try_from_secs_f64(unix_seconds)
        .ok()
        .and_then(|since| SystemTime::UNIX_EPOCH.checked_add(since))
        .unwrap_or(SystemTime::UNIX_EPOCH)
}

/// A span of the store's clock. What is no duration, such as the rest of a lease that is over, is none.
pub(crate) fn duration(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds).unwrap_or(Duration::ZERO)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_without_end_is_a_hundred_years() {
        assert_eq!(seconds(Duration::MAX), LONGEST.as_secs_f64());
    }

    #[test]
    fn a_moment_that_is_no_date_reads_as_the_epoch() {
        for strange in [f64::NAN, f64::INFINITY, f64::MAX, -1.0] {
            assert_eq!(moment(strange), SystemTime::UNIX_EPOCH);
        }
    }
}
