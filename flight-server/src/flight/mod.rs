//! The Flight layer: bytes become one typed command, and results become Flight streams. The only place that knows
//! protobuf.
//!
//! `service` has the RPCs. What they bring is decoded once, by `command`, `ticket`, `actions` and `parameters`; what comes
//! out is written by `encode` and `row_message`, and goes to the network by `uncopied`; `status` tells clients of errors. What is asked for is done by the `handlers`: those of a
//! node are `node_handlers`, with `statements`, `prepared`, `queries`, `polls`, `uploads`, `ingest`, `exchange`, `listing`,
//! `metadata` and `options`. `server` puts it on the network.
//!
//! Dropping a call, or the stream it answered with, drops what runs for it: nothing here outlives its call.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking"))]

mod actions;
mod batch_body;
#[doc(hidden)]
pub mod benching;
mod broken_off;
mod call;
mod command;
pub(crate) mod connection;
mod deadline;
mod decompression;
mod driver;
mod encode;
mod encoding;
mod ended;
mod exchange;
mod features;
#[cfg(fuzzing)]
pub mod fuzzing;
mod handlers;
mod handshake;
mod health;
mod ingest;
mod keys;
mod listing;
mod lost_state;
pub(crate) mod marks;
mod message_encoding;
mod message_limits;
pub(crate) mod messages;
mod metadata;
mod node_handlers;
mod options;
mod parameters;
mod paused;
mod polls;
mod prepared;
mod queries;
mod reflection;
pub(crate) mod repeatable;
mod request_id;
mod row_message;
pub mod server;
mod service;
mod sql_info;
mod statements;
pub(crate) mod status;
#[cfg(test)]
mod tests;
mod ticket;
mod trace_context;
mod type_info;
mod uncopied;
mod untyped;
mod uploaded_types;
mod uploads;
mod write_outcome;

pub use command::{Command, Metadata, Transaction};
pub use handlers::{Delivered, EndSavepoint, Exchanged, Handlers, OptionProblem, PreparedStatement, Put};
pub use keys::Keys;
pub use marks::{Mark, Marks};
pub use node_handlers::NodeHandlers;
pub use parameters::{Upload, Values};
pub use paused::Place;
pub use server::{FlightServer, ServerError};
pub use sql_info::sql_info_batch;
