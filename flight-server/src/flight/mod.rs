//! The Flight layer: bytes become one typed command, and results become Flight streams. The only place that knows
//! protobuf.
//!
//! `service` has the RPCs. What they bring is decoded once, by `command`, `ticket`, `actions` and `parameters`; what
//! is asked for is done in `statements`, `prepared`, `queries`, `uploads`, `transactions`, `metadata` and `options`; what comes
//! out is written by `encode`, and `status` tells clients of errors. `server` puts it on the network.
//!
//! Dropping a call, or the stream it answered with, drops what runs for it: nothing here outlives its call.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking"))]

mod actions;
mod call;
mod command;
mod deadline;
mod driver;
mod encode;
mod exchange;
mod handshake;
mod health;
mod ingest;
mod keys;
mod listing;
mod messages;
mod metadata;
mod options;
mod parameters;
mod polls;
mod prepared;
mod queries;
pub(crate) mod repeatable;
pub mod server;
mod service;
mod sql_info;
mod statements;
pub(crate) mod status;
#[cfg(test)]
mod tests;
mod ticket;
mod transactions;
mod type_info;
mod untyped;
mod uploads;

pub use server::{FlightServer, ServerError};
