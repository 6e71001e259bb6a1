//! Real `pintail` processes and real clients. One program for all: each would hold DuckDB, and take its time to link.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "what fails in a test ends the test")]

mod bad_input;
mod changes;
mod credentials;
mod datasets;
mod datasets_cli;
mod doctor;
mod errors_page;
mod fronts;
mod hostile;
mod kill_and_resume;
mod metadata;
mod outcomes;
mod polls;
mod prepared;
mod process;
mod queries;
mod requests;
mod slt;
mod types_page;
mod uploads;
