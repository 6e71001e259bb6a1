//! What only a real server can show: that it may die, stand still, refuse, or be set up wrongly, and what is said then.
//!
//! All tests share one server and do things to it, so they take turns.

#![cfg(feature = "postgres")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]
#![allow(unreachable_pub, reason = "the parts are public to each other and to nothing else")]

mod configuration;
mod outages;
mod proxy;
mod schema;
mod stage;
mod statements;
mod tls;
