//! One line of the terminal that tells how far a long statement is.

use std::io::{IsTerminal, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

/// A statement that is done before that shows no progress.
const FIRST: Duration = Duration::from_millis(700);
const AGAIN: Duration = Duration::from_millis(200);
const BAR: usize = 30;
const UNKNOWN: u64 = u64::MAX;

/// The line, while there is one.
pub(super) struct ProgressLine {
    began: Instant,
    is_shown: bool,
    /// How much is done, in millionths.
    done: AtomicU64,
    rows: AtomicU64,
    next: Mutex<tokio::time::Instant>,
}

impl ProgressLine {
    /// One for a statement that begins now; it is shown on a terminal alone.
    pub(super) fn new(wanted: bool) -> Self {
        Self {
            began: Instant::now(),
            is_shown: wanted && std::io::stderr().is_terminal(),
            done: AtomicU64::new(UNKNOWN),
            rows: AtomicU64::new(0),
            next: Mutex::new(tokio::time::Instant::now() + FIRST),
        }
    }

    /// The server tells how much is done, from 0 to 1.
    pub(super) fn tell(&self, done: f64) {
        if done.is_finite() {
            self.done.store((done.clamp(0.0, 1.0) * 1e6) as u64, Ordering::Relaxed);
        }
    }

    /// So many rows have come.
    pub(super) fn rows(&self, rows: u64) {
        self.rows.store(rows, Ordering::Relaxed);
    }

    pub(super) fn elapsed(&self) -> Duration {
        self.began.elapsed()
    }

    /// Does `work`, with the line shown meanwhile and gone afterwards.
    pub(super) async fn beside<T>(&self, work: impl Future<Output = T>) -> T {
        if !self.is_shown {
            return work.await;
        }
        let mut work = std::pin::pin!(work);
        let mut drawn = false;
        let done = loop {
            let next = *self.next.lock();
            tokio::select! {
                biased;
                done = &mut work => break done,
                () = tokio::time::sleep_until(next) => {
                    self.draw(&self.line());
                    drawn = true;
                    *self.next.lock() = tokio::time::Instant::now() + AGAIN;
                }
            }
        };
        if drawn {
            self.draw("");
        }
        done
    }

    fn line(&self) -> String {
        line(self.began.elapsed(), self.done.load(Ordering::Relaxed), self.rows.load(Ordering::Relaxed))
    }

    fn draw(&self, text: &str) {
        let mut out = std::io::stderr().lock();
        // Who can't see it misses nothing else.
        let _ = write!(out, "\r\x1b[K{text}").and_then(|()| out.flush());
    }
}

fn line(elapsed: Duration, done: u64, rows: u64) -> String {
    let seconds = elapsed.as_secs_f64();
    let came = if rows > 0 { format!(", {rows} rows") } else { String::new() };
    if done == UNKNOWN {
        return format!("running, {seconds:.1} s{came}");
    }
    let filled = usize::try_from(done).unwrap_or_default() * BAR / 1_000_000;
    format!("[{}{}] {:3} %, {seconds:.1} s{came}", "#".repeat(filled), " ".repeat(BAR - filled), done / 10_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_tells_what_is_known() {
        assert_eq!(line(Duration::from_millis(1_234), UNKNOWN, 0), "running, 1.2 s");
        assert_eq!(line(Duration::from_secs(2), UNKNOWN, 10), "running, 2.0 s, 10 rows");
        let half = line(Duration::from_secs(2), 500_000, 0);
        assert_eq!(half, format!("[{}{}]  50 %, 2.0 s", "#".repeat(15), " ".repeat(15)));
        assert!(line(Duration::ZERO, 1_000_000, 0).starts_with(&format!("[{}] 100 %", "#".repeat(BAR))));
    }

    #[test]
    fn what_is_no_part_of_the_whole_is_not_shown() {
        let progress = ProgressLine::new(true);
        progress.tell(f64::NAN);
        assert_eq!(progress.done.load(Ordering::Relaxed), UNKNOWN);
        progress.tell(7.0);
        assert_eq!(progress.done.load(Ordering::Relaxed), 1_000_000);
    }
}
