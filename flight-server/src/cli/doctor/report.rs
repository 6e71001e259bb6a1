//! What was found, and how it is printed.

use std::io::{self, Write};

use clap::{Arg, ArgMatches};
use serde::Serialize;

use crate::cli::rows::quoted;

/// How a check went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum State {
    /// Nothing is to be done.
    Ok,
    /// A server would start, but not do all that was asked for.
    Warn,
    /// A server would not start, or not work.
    Fail,
}

impl State {
    fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warn => "warn",
            Self::Fail => "fail",
        }
    }
}

/// What one check found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Check {
    /// What was looked at.
    pub(super) check: String,
    /// How it is.
    pub(super) state: State,
    /// What was found and, unless it is well, what to do.
    pub(super) advice: String,
}

impl Check {
    pub(super) fn ok(check: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { check: check.into(), state: State::Ok, advice: advice.into() }
    }

    pub(super) fn warn(check: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { check: check.into(), state: State::Warn, advice: advice.into() }
    }

    pub(super) fn fail(check: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { check: check.into(), state: State::Fail, advice: advice.into() }
    }
}

/// How the rows are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    Table,
    Json,
    Csv,
}

impl Format {
    /// The one that `--format` names.
    pub(super) fn of(flags: &ArgMatches) -> Self {
        match flags.get_one::<String>("format").map(String::as_str) {
            Some("json") => Self::Json,
            Some("csv") => Self::Csv,
            _ => Self::Table,
        }
    }
}

/// The flag `--format`.
pub(in crate::cli) fn format_argument() -> Arg {
    Arg::new("format")
        .long("format")
        .value_name("FORMAT")
        .value_parser(["table", "json", "csv"])
        .default_value("table")
        .help("How the rows are printed")
}

/// Prints a row a check.
pub(super) fn print(out: &mut impl Write, checks: &[Check], format: Format) -> io::Result<()> {
    match format {
        Format::Table => {
            let width = |of: fn(&Check) -> usize| checks.iter().map(of).max().unwrap_or(0);
            let check_width = width(|check| check.check.chars().count()).max("check".len());
            writeln!(out, "{:check_width$}  state  what to do", "check")?;
            for Check { check, state, advice } in checks {
                // One line a row: a message of several lines would look like several rows.
                let advice = advice.split_whitespace().collect::<Vec<_>>().join(" ");
                writeln!(out, "{check:check_width$}  {:5}  {advice}", state.name())?;
            }
        }
        Format::Json => {
            serde_json::to_writer_pretty(&mut *out, checks)?;
            writeln!(out)?;
        }
        Format::Csv => {
            writeln!(out, "check,state,what to do")?;
            for Check { check, state, advice } in checks {
                writeln!(out, "{},{},{}", quoted(check), state.name(), quoted(advice))?;
            }
        }
    }
    out.flush()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]

    use super::*;

    fn printed(format: Format) -> String {
        let checks = [Check::ok("port", "free"), Check::fail("store, \"the\" one", "line one\nline two")];
        let mut out = Vec::new();
        print(&mut out, &checks, format).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_table_has_a_line_a_check() {
        let table = printed(Format::Table);
        assert_eq!(table.lines().count(), 3);
        assert!(table.lines().nth(2).unwrap().ends_with("fail   line one line two"), "{table}");
    }

    #[test]
    fn csv_quotes_what_it_must() {
        assert_eq!(
            printed(Format::Csv),
            "check,state,what to do\nport,ok,free\n\"store, \"\"the\"\" one\",fail,\"line one\nline two\"\n"
        );
    }

    #[test]
    fn json_is_an_array_of_objects() {
        let json: serde_json::Value = serde_json::from_str(&printed(Format::Json)).unwrap();
        assert_eq!(json[1]["state"], "fail");
        assert_eq!(json[0]["check"], "port");
    }
}
