//! An engine of a few made-up statements, which counts what it ran and what was dropped.
//!
//! | statement | what it does |
//! |---|---|
//! | `READ n` | a read of `n` batches of one row |
//! | `READ ?` | the same, as many batches as the parameter has rows |
//! | `FAIL n` | the same as `READ n`, but it fails after them |
//! | `LATE` | a read whose schema is not known before it runs |
//! | `ENDLESS` | a read that never ends |
//! | `WRITE`, `WRITE ?` | an update; of one row, or of one row for each of the parameters' |
//! | `RETURNING` | an update that returns a row |
//! | `BEGIN` | begins a transaction; fails when one is open |

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use arrow::array::{ArrayRef, Int64Array, RecordBatch};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use async_trait::async_trait;
use futures::StreamExt;
use parking_lot::Mutex;

use crate::engine::{
    Engine, EngineFacts, EngineSession, Holder, Location, Outcome, Plan, Request, Rows, StateEntry, Statement,
    StatementKind, TableEntry, TableFilter, TransactionStatus,
};
use crate::error::{Error, ErrorCode, Result, SqlState};

/// What all sessions of an engine did.
#[derive(Default)]
pub(super) struct Seen {
    /// The statements that were executed.
    pub(super) executed: Mutex<Vec<String>>,
    /// How many results were dropped.
    pub(super) dropped: AtomicUsize,
}

#[derive(Default)]
pub(super) struct TestEngine {
    facts: EngineFacts,
    pub(super) seen: Arc<Seen>,
}

#[async_trait]
impl Engine for TestEngine {
    fn name(&self) -> &'static str {
        "test"
    }

    fn facts(&self) -> &EngineFacts {
        &self.facts
    }

    async fn open_session(&self, _: &Holder, _: &[StateEntry]) -> Result<Arc<dyn EngineSession>> {
        Ok(Arc::new(TestSession { seen: self.seen.clone(), open: AtomicBool::new(false) }))
    }

    async fn shutdown(&self) {}
}

struct TestSession {
    seen: Arc<Seen>,
    open: AtomicBool,
}

struct OnDrop(Arc<Seen>);

impl Drop for OnDrop {
    fn drop(&mut self) {
        self.0.dropped.fetch_add(1, Ordering::SeqCst);
    }
}

pub(super) fn schema() -> SchemaRef {
    Arc::new(Schema::new(vec![Field::new("n", DataType::Int64, true)]))
}

pub(super) fn batch(n: i64) -> RecordBatch {
    RecordBatch::try_new(schema(), vec![Arc::new(Int64Array::from(vec![n])) as ArrayRef]).unwrap()
}

fn failed(sqlstate: &'static str, message: &str) -> Error {
    Error::new(ErrorCode::StatementFailed, message).with_sqlstate(SqlState(sqlstate))
}

fn words(sql: &str) -> (&str, &str) {
    let sql = sql.trim();
    sql.split_once(' ').unwrap_or((sql, ""))
}

#[async_trait]
impl EngineSession for TestSession {
    fn engine_name(&self) -> &'static str {
        "test"
    }

    fn set_wire_options(&self, _options: typemap::wire::WireOptions) {}

    async fn plan(&self, sql: &str) -> Result<Plan> {
        let (word, rest) = words(sql);
        let (kind, schema, is_update) = match word {
            "" | "--" => return Err(failed("42601", "there is no statement")),
            "READ" | "FAIL" | "ENDLESS" => (StatementKind::Read, Some(schema()), false),
            "LATE" => (StatementKind::Read, None, false),
            "WRITE" => (StatementKind::Write, None, true),
            "RETURNING" => (StatementKind::Write, Some(schema()), false),
            "BEGIN" => (StatementKind::Transaction, None, true),
            other => return Err(failed("42601", &format!("syntax error at {other}")).at(3)),
        };
        let count = rest.matches('?').count();
        let parameters: Vec<_> = (1..=count).map(|n| Field::new(n.to_string(), DataType::Int64, true)).collect();
        Ok(Plan { kind, schema, is_update, parameters: Schema::new(parameters) })
    }

    async fn execute(&self, statement: Statement) -> Result<Outcome> {
        let plan = self.plan(&statement.sql).await?;
        self.seen.executed.lock().push(statement.sql.to_string());
        let (word, rest) = words(&statement.sql);
        let given: usize = statement.parameters.iter().map(RecordBatch::num_rows).sum();
        let count = match rest {
            "?" => i64::try_from(given).unwrap(),
            number => number.parse().unwrap_or(1),
        };
        let mut batches: Vec<Result<RecordBatch>> = (0..count).map(|n| Ok(batch(n))).collect();
        let mut changed = None;
        match word {
            "FAIL" => batches.push(Err(failed("22012", "division by zero"))),
            "WRITE" => {
                batches.clear();
                changed = Some(count.unsigned_abs());
            }
            "RETURNING" => changed = Some(1),
            "BEGIN" if self.open.swap(true, Ordering::SeqCst) => {
                return Err(failed("25001", "a transaction is open already"));
            }
            "BEGIN" => batches.clear(),
            _ => {}
        }
        let held = OnDrop(self.seen.clone());
        let batches = futures::stream::iter(batches);
        let batches =
            if word == "ENDLESS" { batches.chain(futures::stream::pending()).boxed() } else { batches.boxed() };
        let batches = batches.map(move |batch| {
            let _held = &held;
            batch
        });
        let rows = Rows { schema: schema(), batches: Box::pin(batches) };
        Ok(Outcome { kind: plan.kind, rows, changed, is_update: plan.is_update, is_held: false, state: Vec::new() })
    }

    async fn begin(&self) -> Result<()> {
        self.open.store(true, Ordering::SeqCst);
        Ok(())
    }

    async fn commit(&self, _: Option<&Request>) -> Result<()> {
        self.open.store(false, Ordering::SeqCst);
        Ok(())
    }

    async fn rollback(&self) -> Result<()> {
        self.open.store(false, Ordering::SeqCst);
        Ok(())
    }

    fn transaction(&self) -> TransactionStatus {
        if self.open.load(Ordering::SeqCst) { TransactionStatus::Open } else { TransactionStatus::Autocommit }
    }

    async fn location(&self) -> Result<Location> {
        Ok(Location { catalog: "memory".into(), schema: "main".into() })
    }

    async fn set_location(&self, _: Option<&str>, schema: Option<&str>) -> Result<Vec<StateEntry>> {
        match schema {
            None | Some("main") => Ok(Vec::new()),
            Some(_) => Err(failed("3F000", "there is no such schema")),
        }
    }

    async fn settings(&self) -> Result<Vec<(String, String)>> {
        Ok(vec![("timezone".into(), "UTC".into())])
    }

    async fn set_setting(&self, _: &str, value: Option<&str>) -> Result<Vec<StateEntry>> {
        if value == Some("nowhere") { Err(failed("22023", "there is no such time zone")) } else { Ok(Vec::new()) }
    }

    async fn catalogs(&self) -> Result<Vec<String>> {
        Ok(vec!["memory".into()])
    }

    async fn schemas(&self, _: Option<&str>, _: Option<&str>) -> Result<Vec<Location>> {
        Ok(vec![self.location().await?])
    }

    async fn tables(&self, filter: &TableFilter) -> Result<Vec<TableEntry>> {
        let tables = (0..5_000).map(|n| TableEntry {
            location: Location { catalog: "memory".into(), schema: "main".into() },
            name: format!("table {n:04}"),
            table_type: "BASE TABLE".into(),
            schema: filter.with_schema.then(schema),
        });
        Ok(tables.collect())
    }

    async fn table_types(&self) -> Result<Vec<String>> {
        Ok(vec!["BASE TABLE".into(), "VIEW".into()])
    }

    async fn close(&self) {}
}
