//! Starts real `pintail` processes and talks to them as a client does, over the wire only.
//!
//! | module | what it holds |
//! |---|---|
//! | [`server`] | a server process: start, kill, start again, end, and a look at its log |
//! | [`client`] | a Flight SQL client that shows every status as it came |
//! | [`failure`] | what a typed error must carry |
//! | [`messages`] | the Flight messages that the generated code lacks |
//! | [`postgres`] | a private PostgreSQL server: start, stop, kill, pause |
//! | [`raw`] | calls whose bytes are no message at all |
//! | [`s3`] | a real S3 server |
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "what fails in a test ends the test")]

pub mod client;
pub mod failure;
pub mod messages;
pub mod postgres;
pub mod raw;
pub mod s3;
pub mod server;

pub use client::Client;
pub use failure::assert_failure;
pub use postgres::Postgres;
pub use s3::S3;
pub use server::Server;

/// The longest a test waits for anything: reached only when something is broken, however slow the machine.
pub const DEADLINE: std::time::Duration = std::time::Duration::from_secs(120);
