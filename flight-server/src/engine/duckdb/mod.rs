//! DuckDB as an engine: one instance a node, a connection a session.
//!
//! | module | what it does |
//! |---|---|
//! | [`ffi`] | the safe wrapper of DuckDB's C API, below which nothing is checked by the compiler |
//! | `instance` | opens the database, locks it down, and reads what drivers ask about it |
//! | `session` | a session's side of the engine's trait: takes each call off the async threads |
//! | `lane` | what happens on a session's connection, one thing at a time |
//! | `cursor` | open results, and how two of them share a connection |
//! | `live` | rows that DuckDB still computes |
//! | `convert` | DuckDB's vectors into Arrow batches |
//! | `bind` | Arrow values into parameters |
//! | `interrupt` | stops the right statement |
//! | `priority` | makes statements give way to the server itself |
//! | `statement` | what a statement is, and whether it is allowed |
//! | `state` | settings, variables and place, as what brings them about again |
//! | `catalog` | catalogs, schemas and tables |
//! | `internal` | the server's own statements |
//! | `errors` | DuckDB's failures as errors with SQLSTATE |

mod bind;
mod catalog;
mod convert;
mod cursor;
mod errors;
mod ffi;
mod instance;
mod internal;
mod interrupt;
mod lane;
mod live;
mod priority;
mod session;
mod state;
mod statement;
#[cfg(test)]
mod tests;

pub use instance::{DuckDb, DuckDbOptions};

/// The name the engine is chosen by.
const NAME: &str = "duckdb";
