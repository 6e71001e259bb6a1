//! What an engine is to the rest of the server: something that opens sessions, plans and runs statements in them,
//! and yields Arrow batches at the pace of their reader.
//!
//! Nothing outside this module knows which engine runs. Engine work never runs on an async worker thread, and
//! **dropping** the future of a call, or the [`Rows`] it returned, interrupts the statement.

mod cut;
#[cfg(feature = "datafusion")]
pub mod datafusion;
#[cfg(feature = "duckdb")]
pub mod duckdb;
mod facts;
mod keys;
mod names;
#[cfg(any(feature = "datafusion", feature = "duckdb"))]
mod priority;
mod request;
mod returned;
mod size;

use std::pin::Pin;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::{Schema, SchemaRef};
use async_trait::async_trait;
use futures::Stream;
use typemap::SqlType;
use typemap::wire::WireOptions;
use uuid::Uuid;

pub use cut::Cut;
pub use facts::EngineFacts;
pub use keys::{ForeignKeyColumn, KeyColumn, PrimaryKeyColumn, TableName};
pub(crate) use names::{mentions, quoted_identifier};
pub use request::{Receipt, Request};
pub use returned::Returned;
pub use size::bytes_of_rows;

use crate::dataset::Source;
use crate::error::{Error, ErrorCode, Result};

/// The catalog in which every engine shows the datasets, in its schema [`DATASET_SCHEMA`]. They are found by their bare
/// names too, after everything of the session's own place.
pub const DATASET_CATALOG: &str = "datasets";
/// The schema of [`DATASET_CATALOG`].
pub const DATASET_SCHEMA: &str = "main";

/// One engine of a node: opened once at start, shared by all its sessions.
#[async_trait]
pub trait Engine: Send + Sync + 'static {
    /// The name it is chosen by: `duckdb` or `datafusion`.
    fn name(&self) -> &'static str;

    /// What drivers ask about it (`GetSqlInfo`), read from the engine itself when it was opened.
    fn facts(&self) -> &EngineFacts;

    /// Opens a session for `holder` and brings it to the state that `replay` describes. Where data is shared by nodes, nobody
    /// who held the session before can change any for it from then on.
    ///
    /// # Errors
    /// When an entry of `replay` cannot be applied: the session is then not what it was, and is not served.
    async fn open_session(&self, holder: &Holder, replay: &[StateEntry]) -> Result<Arc<dyn EngineSession>>;

    /// Opens the files of a dataset and tells its columns, partition columns last: the schema that the dataset then has in
    /// every engine.
    ///
    /// # Errors
    /// `DATASET_UNREADABLE`, telling which file can't be read and why, without any credential.
    async fn describe_dataset(&self, source: &Arc<Source>) -> Result<Vec<(String, SqlType)>> {
        let _ = source;
        Err(cannot(self.name(), "read datasets"))
    }

    /// Shows a dataset in every session, those that are open included, as a table with exactly these columns; one of
    /// the same name is replaced. Its files are not opened.
    ///
    /// # Errors
    /// When this engine can't show it: a format or a type it does not have.
    async fn put_dataset(&self, source: &Arc<Source>, columns: &[(String, SqlType)]) -> Result<()> {
        let _ = (source, columns);
        Err(cannot(self.name(), "read datasets"))
    }

    /// Takes a dataset away from every session. One that is not there is no error.
    ///
    /// # Errors
    /// When the engine fails.
    async fn remove_dataset(&self, name: &str) -> Result<()> {
        let _ = name;
        Ok(())
    }

    /// Resolves when it serves nobody any more until it is opened anew, by a failure of its own; tells which.
    async fn broken(&self) -> String {
        std::future::pending().await
    }

    /// Opens it anew, as it was opened first. What is left of its sessions is closed; their state is replayed as after a restart.
    ///
    /// # Errors
    /// When it can't be closed or opened; another try may succeed.
    async fn reopen(&self) -> Result<()> {
        Ok(())
    }

    /// Gives memory back to the operating system that sessions have freed which ended.
    async fn release_memory(&self) {}

    /// Ends the engine: writes what is to be durable and closes its files. Sessions still open are interrupted.
    async fn shutdown(&self);
}

/// For whom an engine's session is opened: whose it is, and how often it has changed hands.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Holder {
    /// The session's id.
    pub session: String,
    /// Its epoch, which is 1 for the node that has made it, and more for each that has taken it over.
    pub epoch: i64,
    /// Its user.
    pub principal: String,
}

impl Holder {
    /// Whether nobody has held the session before.
    pub fn is_first(&self) -> bool {
        self.epoch <= 1
    }
}

/// What begins the key of a [`StateEntry`] that is a receipt of a write, for the engine alone to read.
pub const RECEIPT: &str = "receipt:";

/// What begins the key of a [`StateEntry`] that no statement brings about again: what the rest of the key names, in the
/// words of people, ends with the node. In the place of its statement is why, which is never replayed.
pub const UNKEPT: &str = "unkept:";

/// One piece of a session's state, as it is journaled: the last entry of a key is the one that counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StateEntry {
    /// What is set: `setting:timezone`, `variable:x`, `location`.
    pub key: String,
    /// The statement that brings it about; `None` when the state is back at its default and the key can be forgotten.
    pub sql: Option<String>,
}

/// A session in an engine. One statement runs in it at a time; more wait for their turn.
///
/// Result streams do not count as running: any number may be open while other statements run.
#[async_trait]
pub trait EngineSession: Send + Sync + 'static {
    /// The name of its engine.
    fn engine_name(&self) -> &'static str;

    /// How rows are written that are planned, executed or described from now on.
    fn set_wire_options(&self, options: WireOptions);

    /// What the end of a transaction has changed in the session beyond what its statements told, to be journaled before its
    /// client is answered.
    ///
    /// # Errors
    /// When the engine can't be asked.
    async fn state_after_transaction(&self) -> Result<Vec<StateEntry>> {
        Ok(Vec::new())
    }

    /// What its replay could not bring about, in the words of people; once.
    fn take_lost(&self) -> Vec<String> {
        Vec::new()
    }

    /// Whether its engine serves it no more, by [`Engine::broken`].
    fn is_broken(&self) -> bool {
        false
    }

    /// How much of the running statement is done, from 0 to 1; `None` when nothing runs or the engine can't tell.
    fn progress(&self) -> Option<f64> {
        None
    }

    /// Writes rows into a table: all of them or, when it fails or is dropped half-way, none. In the open transaction if
    /// there is one.
    ///
    /// # Errors
    /// `0A000` when the engine can't; `42P07` when the table is there and must not be, `42P01` when it is not and must
    /// be; those of its rows.
    async fn ingest(&self, rows: Ingest) -> Result<Ingested> {
        let _ = rows;
        Err(cannot(self.engine_name(), "ingest rows"))
    }

    /// Plans `sql` without executing it.
    async fn plan(&self, sql: &str) -> Result<Plan>;

    /// Executes a statement.
    ///
    /// The rows of a [`StatementKind::Read`] are computed as they are read; every other kind has finished, and is
    /// applied, when this returns.
    async fn execute(&self, statement: Statement) -> Result<Outcome>;

    /// Opens a transaction; does nothing when one is open.
    async fn begin(&self) -> Result<()>;

    /// Commits the open transaction, or the one that a statement's outcome says is held; does nothing when there is none. It is
    /// over, even when this fails. One that is held and not committed by then is rolled back before the next statement.
    async fn commit(&self, request: Option<&Request>) -> Result<()>;

    /// The receipt of a write of this session, if it was applied and the engine keeps any. What still runs is waited for.
    ///
    /// # Errors
    /// The engine's.
    async fn receipt(&self, id: Uuid) -> Result<Option<Receipt>> {
        let _ = id;
        Ok(None)
    }

    /// Whether a write of this session was made in the transaction that is open. What still runs is waited for.
    ///
    /// # Errors
    /// The engine's.
    async fn is_pending(&self, id: Uuid) -> Result<bool> {
        let _ = id;
        Ok(false)
    }

    /// What the commit of the open transaction is going to change in the session's state beside what it changes elsewhere; `None`
    /// where it changes nothing else, and its receipt is among that state.
    ///
    /// # Errors
    /// The engine's.
    async fn state_of_commit(&self) -> Result<Option<Vec<StateEntry>>> {
        Ok(Some(Vec::new()))
    }

    /// Rolls the open transaction back; does nothing when none is open.
    async fn rollback(&self) -> Result<()>;

    /// Whether a transaction is open, by action or by SQL text.
    fn transaction(&self) -> TransactionStatus;

    /// The catalog and schema in which unqualified names are looked up.
    async fn location(&self) -> Result<Location>;

    /// Moves to another catalog, schema, or both, and tells the state to journal.
    ///
    /// # Errors
    /// SQLSTATE 3F000 or 3D000 when there is no such schema or catalog.
    async fn set_location(&self, catalog: Option<&str>, schema: Option<&str>) -> Result<Vec<StateEntry>>;

    /// The session's settings that a client may read and change, with their values.
    async fn settings(&self) -> Result<Vec<(String, String)>>;

    /// Changes one setting (`None`: back to its default), and tells the state to journal.
    async fn set_setting(&self, name: &str, value: Option<&str>) -> Result<Vec<StateEntry>>;

    /// The names of all catalogs, sorted.
    async fn catalogs(&self) -> Result<Vec<String>>;

    /// The schemas of `catalog` (all catalogs when `None`) that match the pattern; sorted by catalog, then name.
    async fn schemas(&self, catalog: Option<&str>, schema_pattern: Option<&str>) -> Result<Vec<Location>>;

    /// The tables and views that match, sorted by type, catalog, schema, name, as Flight SQL asks.
    async fn tables(&self, filter: &TableFilter) -> Result<Vec<TableEntry>>;

    /// The types of table there are: `BASE TABLE`, `LOCAL TEMPORARY`, `VIEW`, …
    async fn table_types(&self) -> Result<Vec<String>>;

    /// The columns of the primary key of a table; none when it has no key, or the engine has no keys.
    async fn primary_keys(&self, table: &TableName) -> Result<Vec<PrimaryKeyColumn>> {
        let _ = table;
        Ok(Vec::new())
    }

    /// The columns of the foreign keys of the table `foreign` (of any when `None`) that refer to the table `primary` (to
    /// any when `None`); none when the engine has no keys.
    async fn foreign_keys(
        &self,
        primary: Option<&TableName>,
        foreign: Option<&TableName>,
    ) -> Result<Vec<ForeignKeyColumn>> {
        let _ = (primary, foreign);
        Ok(Vec::new())
    }

    /// Ends the session: what runs in it is interrupted, an open transaction is rolled back, temporary objects go.
    async fn close(&self);
}

/// What is known of a statement before it runs.
#[derive(Debug, Clone)]
pub struct Plan {
    /// What the engine's parser says it is.
    pub kind: StatementKind,
    /// The schema of its rows in wire types, or `None` when it cannot be told before it runs.
    pub schema: Option<SchemaRef>,
    /// Whether it answers with a number of changed rows, or nothing, rather than with rows of its own.
    pub is_update: bool,
    /// One field a parameter, in order, named as the statement names them (`1`, `2`, … where it does not); nullable
    /// Utf8 where the engine cannot tell the type.
    pub parameters: Schema,
}

/// What the engine's parser says a statement is, as far as the server treats it differently.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StatementKind {
    /// Reads only and may be run again: it is executed when its rows are fetched.
    Read,
    /// Changes rows.
    Write,
    /// Changes the catalog.
    Definition,
    /// Begins or ends a transaction.
    Transaction,
    /// Changes settings of the session.
    Setting,
    /// Anything else: executed exactly once, like a write.
    Other,
}

/// A statement to execute.
#[derive(Debug, Clone)]
pub struct Statement {
    /// Its text. Several statements may stand in one text: all run, the last one's result is returned.
    pub sql: Arc<str>,
    /// Values for its parameters: one execution a row over all batches, their results one after the other. Empty, or
    /// a single batch without columns, for one execution without parameters. More than one row of an update in
    /// autocommit runs as one transaction.
    pub parameters: Vec<RecordBatch>,
    /// Where batches are cut.
    pub cut: Cut,
    /// Whether rows come in the order that they are stored in, where the statement says nothing else. An engine may give them
    /// sooner without.
    pub in_order: bool,
    /// What makes a write be applied once, however often it is sent.
    pub request: Option<Request>,
    /// What its client knows it by, which may ask what became of it. Engines do nothing with it.
    pub query: Option<Uuid>,
}

impl Statement {
    /// A statement without parameters, cut as by default.
    pub fn new(sql: impl Into<Arc<str>>) -> Self {
        let (parameters, cut) = (Vec::new(), Cut::default());
        Self { sql: sql.into(), parameters, cut, in_order: true, request: None, query: None }
    }
}

/// What came of a statement.
pub struct Outcome {
    /// What the parser said it was.
    pub kind: StatementKind,
    /// Its rows: those it reads or RETURNs; for a plain update the engine's own report of it.
    pub rows: Rows,
    /// How many rows it changed, where that can be said.
    pub changed: Option<u64>,
    /// Whether it answers with a number of changed rows, or nothing, rather than with rows of its own.
    pub is_update: bool,
    /// Whether it is a transaction that is still to be committed, because the session's store has to know of it first.
    pub is_held: bool,
    /// What changed in the session, to be journaled before the client gets its answer.
    pub state: Vec<StateEntry>,
}

/// The rows of a result, computed as they are read.
pub struct Rows {
    /// Their schema, in wire types.
    pub schema: SchemaRef,
    /// The batches. Dropping it interrupts the statement and frees what it held.
    pub batches: Pin<Box<dyn Stream<Item = Result<RecordBatch>> + Send>>,
}

/// Rows to be written into a table.
pub struct Ingest {
    /// The table.
    pub table: IngestTable,
    /// What is done when it is there, or is not.
    pub mode: IngestMode,
    /// The schema of the batches, as the client has them.
    pub schema: SchemaRef,
    /// What makes it be applied once, however often it is sent.
    pub request: Option<Request>,
    /// The batches.
    pub batches: Pin<Box<dyn Stream<Item = Result<RecordBatch>> + Send>>,
}

/// The table that rows are written into.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IngestTable {
    /// Its catalog; the session's when `None`.
    pub catalog: Option<String>,
    /// Its schema; the session's when `None`.
    pub schema: Option<String>,
    /// Its name.
    pub name: String,
    /// Whether it is one of the session alone.
    pub temporary: bool,
}

/// What is done with a table that is there, or is not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IngestMode {
    /// It is created, and must not be there.
    Create,
    /// Rows are appended to it, column by column by name, and it must be there.
    Append,
    /// It is created anew, whether it is there or not.
    Replace,
    /// It is created when it is not there; rows are appended.
    CreateAppend,
}

/// What came of writing rows into a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ingested {
    /// How many rows were written.
    pub rows: u64,
    /// What changed in the session, to be journaled before the client gets its answer.
    pub state: Vec<StateEntry>,
}

/// Whether a transaction is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TransactionStatus {
    /// Every statement is a transaction of its own.
    Autocommit,
    /// A transaction is open.
    Open,
    /// A transaction is open, but failed: all it will do is roll back.
    Failed,
}

/// A schema in a catalog.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Location {
    /// The catalog: in DuckDB, the name of an attached database.
    pub catalog: String,
    /// The schema in it.
    pub schema: String,
}

/// Which tables are asked for. Patterns are SQL LIKE patterns with `\` as escape.
#[derive(Debug, Clone, Default)]
pub struct TableFilter {
    /// Exactly this catalog.
    pub catalog: Option<String>,
    /// Schemas like this.
    pub schema_pattern: Option<String>,
    /// Tables like this.
    pub table_pattern: Option<String>,
    /// Only these types; all when empty.
    pub types: Vec<String>,
    /// Whether the schemas of the tables are wanted too.
    pub with_schema: bool,
}

/// A table or view.
#[derive(Debug, Clone)]
pub struct TableEntry {
    /// Where it is.
    pub location: Location,
    /// Its name.
    pub name: String,
    /// Its type: `BASE TABLE`, `VIEW`, …
    pub table_type: String,
    /// Its schema in wire types, with the driver metadata of each column, when it was asked for. A column whose type
    /// cannot be carried over the wire is listed as nullable Utf8 with its SQL type name.
    pub schema: Option<SchemaRef>,
}

/// The error of an engine that does not have an operation.
pub fn cannot(engine: &str, operation: &str) -> Error {
    Error::new(
        ErrorCode::NotImplemented,
        format!(
            "the engine {engine} can't {operation}; use a session of another engine (session option pintail.engine)"
        ),
    )
    .with_sqlstate(crate::error::SqlState("0A000"))
}
