//! DuckDB as an engine: one instance a node, a connection a session.
//!
//! | module | what it does |
//! |---|---|
//! | [`ffi`] | the safe wrapper of DuckDB's C API, below which nothing is checked by the compiler |
//! | `instance` | opens the database, locks it down, and reads what drivers ask about it |
//! | `validity`, `reopening` | an instance that DuckDB refuses to use any more is opened anew |
//! | `session` | a session's side of the engine's trait: takes each call off the async threads |
//! | `lane` | what happens on a session's connection, one thing at a time |
//! | `cursor` | open results, and how two of them share a connection |
//! | `live` | rows that DuckDB still computes |
//! | `convert` | DuckDB's vectors into Arrow batches |
//! | `write` | Arrow batches into DuckDB's vectors |
//! | `ahead` | rows that are computed before they are asked for |
//! | `bind` | rows of parameters |
//! | `change` | statements that change something |
//! | `commit` | how transactions are committed |
//! | `receipts` | what is kept of writes that may be sent again |
//! | `ingest` | rows into a table |
//! | `extensions` | what is loaded beyond DuckDB itself, and what a missing one is told as |
//! | `interrupt` | stops the right statement |
//! | `datasets` | datasets as views in a catalog of their own |
//! | `dataset_io` | what DuckDB reads of their files |
//! | `statement` | what a statement is, and whether it is allowed |
//! | `state` | settings, variables and place, as what brings them about again |
//! | `lake` | tables that all nodes share, and what keeps a stale owner from changing them |
//! | `own_catalogs` | catalogs that are the server's own |
//! | `catalog` | catalogs, schemas and tables |
//! | `internal` | the server's own statements |
//! | `errors` | DuckDB's failures as errors with SQLSTATE |

mod ahead;
#[doc(hidden)]
pub mod benching;
mod bind;
mod catalog;
mod change;
mod commit;
mod convert;
mod cursor;
mod dataset_io;
mod datasets;
mod errors;
mod extensions;
mod ffi;
mod ingest;
mod instance;
mod internal;
mod interrupt;
mod keys;
mod lake;
mod lane;
mod live;
mod own_catalogs;
mod plan;
mod receipts;
mod reopening;
mod session;
mod state;
mod statement;
mod temporary;
#[cfg(test)]
mod tests;
mod validity;
mod write;

pub use extensions::{Examined, ExtensionState, examine_extensions, extension_command, extension_of_lakes};
pub use instance::{DuckDb, DuckDbOptions};
pub use lake::{ExaminedLake, LakeOptions, examine_lake};

/// The name the engine is chosen by.
const NAME: &str = "duckdb";
