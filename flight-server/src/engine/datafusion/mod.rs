//! DataFusion as an engine: one memory pool, one pool of threads and one set of datasets a node; everything else belongs
//! to a session.
//!
//! A session's tables live in memory and end with it: no statement brings them back, so the journal has their names alone,
//! and a session that another node takes over finds its settings, place, schemas, views and external tables, not its tables
//! nor the views over these. Its client is told which.
//!
//! There are no transactions: every statement is one of its own.
//!
//! | module | what it does |
//! |---|---|
//! | `options` | how the engine is opened |
//! | `instance` | what all sessions share |
//! | `runtime` | the threads on which everything here runs |
//! | `facts` | what drivers ask about the engine |
//! | `session` | a session's side of the engine's trait: takes each call onto the engine's threads |
//! | `lane` | what happens in a session, one statement at a time |
//! | `text` | a text cut into statements |
//! | `statement` | what a statement is, and whether it is allowed |
//! | `dialect` | the meaning of SQL as DuckDB has it |
//! | `names` | the columns of a result named as DuckDB names them |
//! | `query` | from a statement to a plan, and the wire schema of its rows |
//! | `parameters` | values for a statement's parameters |
//! | `stream` | rows computed as they are read |
//! | `cut` | where batches are cut |
//! | `sizes` | how many bytes a row takes on the wire |
//! | `definition` | CREATE and DROP |
//! | `change` | INSERT, UPDATE, DELETE and COPY TO |
//! | `table` | a table in memory |
//! | `ingest` | rows that a client uploads |
//! | `catalog` | the catalogs of a session, as DataFusion looks names up |
//! | `view` | views, planned anew whenever they are used |
//! | `listing` | the catalogs of a session, as drivers ask for them |
//! | `settings` | which settings a session may change, and its place |
//! | `files` | which files SQL may read and write |
//! | `datasets` | the datasets of the server as tables |
//! | `progress` | how much of a statement is done |
//! | `giving_up` | ends what is given up |
//! | `errors` | DataFusion's failures as errors with SQLSTATE |

mod catalog;
mod change;
mod cut;
mod datasets;
mod definition;
mod dialect;
mod errors;
mod facts;
mod files;
mod giving_up;
mod ingest;
mod instance;
mod lane;
mod listing;
mod names;
mod options;
mod parameters;
mod progress;
mod query;
mod runtime;
mod session;
mod settings;
mod sizes;
mod statement;
mod stream;
mod table;
#[cfg(test)]
mod tests;
mod text;
mod view;

pub use instance::DataFusion;
pub use options::DataFusionOptions;

/// The name the engine is chosen by.
const NAME: &str = "datafusion";
/// The catalog of a session's own tables: named as DuckDB names that of the default database file, so that a qualified
/// name means the same in both engines.
const CATALOG: &str = "pintail";
/// The schema that every session begins in.
const SCHEMA: &str = "main";
