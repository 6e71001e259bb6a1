//! What was measured.

use std::io::{self, Write};
use std::time::Duration;

use hdrhistogram::Histogram;

use super::error::BenchError;
use crate::cli::rows::{Cell, RowFormat, Rows};

/// The longest time that is told from longer ones, in microseconds: an hour.
const LONGEST: u64 = 3_600_000_000;

/// Named numbers with their units.
#[derive(Debug, Default)]
pub(super) struct Figures(Vec<[Cell; 3]>);

impl Figures {
    /// Adds one.
    pub(super) fn add(&mut self, name: impl Into<String>, value: f64, unit: &str) {
        self.0.push([Cell::Text(name.into()), Cell::Measure(value), Cell::Text(unit.to_owned())]);
    }

    /// Adds the quantiles of some times.
    pub(super) fn add_times(&mut self, name: &str, times: &Times) {
        for (quantile, called) in [(0.5, "p50"), (0.9, "p90"), (0.99, "p99"), (1.0, "max")] {
            self.add(format!("{name} {called}"), times.0.value_at_quantile(quantile) as f64 / 1e3, "ms");
        }
    }

    /// Prints them.
    pub(super) fn write(self, format: RowFormat, out: &mut impl Write) -> io::Result<()> {
        Rows { names: ["figure", "value", "unit"], rows: self.0 }.write(format, out)
    }
}

/// Some times.
#[derive(Debug)]
pub(super) struct Times(Histogram<u64>);

impl Times {
    /// None yet.
    pub(super) fn none() -> Result<Self, BenchError> {
        Histogram::new_with_bounds(1, LONGEST, 3).map(Self).map_err(|error| BenchError::Count(error.to_string()))
    }

    /// Adds one.
    pub(super) fn add(&mut self, time: Duration) {
        self.0.saturating_record(u64::try_from(time.as_micros()).unwrap_or(LONGEST).max(1));
    }

    /// Adds all of others.
    pub(super) fn add_all(&mut self, others: &Self) -> Result<(), BenchError> {
        self.0.add(&others.0).map_err(|error| BenchError::Count(error.to_string()))
    }

    /// How many there are.
    pub(super) fn count(&self) -> u64 {
        self.0.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_told_by_their_quantiles() {
        let mut times = Times::none().unwrap();
        for milliseconds in 1..=100 {
            times.add(Duration::from_millis(milliseconds));
        }
        let mut more = Times::none().unwrap();
        more.add(Duration::from_secs(10_000));
        times.add_all(&more).unwrap();
        assert_eq!(times.count(), 101);
        let mut figures = Figures::default();
        figures.add_times("x", &times);
        figures.add("rows", 2.5, "");
        let mut out = Vec::new();
        figures.write(RowFormat::Json, &mut out).unwrap();
        let rows: Vec<serde_json::Value> = serde_json::from_slice(&out).unwrap();
        assert_eq!(rows.len(), 5);
        let median = rows[0]["value"].as_f64().unwrap();
        assert!((50.0..52.0).contains(&median) && rows[0]["figure"] == "x p50" && rows[0]["unit"] == "ms", "{rows:?}");
        assert!(rows[3]["value"].as_f64().unwrap() > 3e6, "an hour and more");
    }
}
