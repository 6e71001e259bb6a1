//! Pintail: an Arrow Flight SQL query service whose sessions outlive the node that runs them.
//!
//! A request goes down through the modules in this order:
//!
//! | module | what it does |
//! |---|---|
//! | [`flight`] | bytes become one typed command; results become Flight streams |
//! | [`peer`] | calls whose session another node has go there |
//! | [`node`] | whose session is it? open it, or take it over |
//! | [`engine`] | runs the statement and yields Arrow batches with backpressure |
//!
//! Beside them stand [`dataset`] (files at a URL that engines show as tables), [`auth`] (who is calling), [`config`] (what the operator asked for), [`http`] (health),
//! [`telemetry`] (logs), [`client`] (the other end of the wire) and [`cli`] (one file a subcommand). The durable table beneath is the crate `session`,
//! and the meaning of every SQL type the crate `typemap`.

pub mod auth;
pub mod batch_queue;
mod blocking;
pub mod cli;
pub mod client;
pub mod config;
pub mod dataset;
pub mod engine;
pub mod error;
mod failpoint;
pub mod flight;
pub mod http;
pub mod node;
pub mod peer;
#[cfg(test)]
mod simulation;
pub mod snapshots;
pub mod telemetry;
