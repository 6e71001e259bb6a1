//! An engine that knows a handful of statements and shows what was done to it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use arrow::array::{ArrayRef, Int64Array, RecordBatch};
use arrow::datatypes::Schema;
use async_trait::async_trait;
use futures::StreamExt as _;
use parking_lot::Mutex;
use tokio::sync::watch;
use typemap::wire::WireOptions;
use uuid::Uuid;

use crate::engine::{
    Engine, EngineFacts, EngineSession, Holder, Location, Outcome, Plan, Receipt, Request, Rows, StateEntry, Statement,
    StatementKind, TableEntry, TableFilter, TransactionStatus,
};
use crate::error::{Error, ErrorCode, Result, SqlState};

/// An engine for tests.
#[derive(Default)]
pub(super) struct TestEngine {
    facts: EngineFacts,
    control: Arc<Control>,
}

/// What a test sees and decides.
pub(super) struct Control {
    /// How many sessions were opened.
    pub(super) opened: AtomicUsize,
    /// How many were closed.
    pub(super) closed: AtomicUsize,
    /// How often memory was to be given back.
    pub(super) released: AtomicUsize,
    /// What the last session that was opened had to replay.
    pub(super) replayed: Mutex<Vec<StateEntry>>,
    /// How the last session that was told was told to write rows.
    pub(super) wire: Mutex<WireOptions>,
    /// What opening a session does.
    pub(super) opening: watch::Sender<Opening>,
    /// Whether every statement has become impossible to plan.
    pub(super) broken: AtomicBool,
    /// Whether receipts are told; else who asks for one waits, as if for the end of another statement.
    pub(super) tells_receipts: watch::Sender<bool>,
}

/// What opening a session does.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Opening {
    Succeeds,
    Waits,
    Fails,
    Panics,
}

impl Default for Control {
    fn default() -> Self {
        Self {
            opened: AtomicUsize::new(0),
            closed: AtomicUsize::new(0),
            released: AtomicUsize::new(0),
            replayed: Mutex::default(),
            wire: Mutex::default(),
            opening: watch::Sender::new(Opening::Succeeds),
            broken: AtomicBool::new(false),
            tells_receipts: watch::Sender::new(true),
        }
    }
}

impl TestEngine {
    pub(super) fn control(&self) -> &Control {
        &self.control
    }

    pub(super) fn opened(&self) -> usize {
        self.control.opened.load(Ordering::SeqCst)
    }

    pub(super) fn closed(&self) -> usize {
        self.control.closed.load(Ordering::SeqCst)
    }

    pub(super) fn released(&self) -> usize {
        self.control.released.load(Ordering::SeqCst)
    }

    /// How the last session that was told was told to write rows.
    pub(super) fn wire_options(&self) -> WireOptions {
        *self.control.wire.lock()
    }

    /// What the last session that was opened had to replay, as `key=sql`.
    pub(super) fn replayed(&self) -> Vec<String> {
        let replayed = self.control.replayed.lock();
        replayed.iter().map(|entry| format!("{}={}", entry.key, entry.sql.as_deref().unwrap_or_default())).collect()
    }
}

#[async_trait]
impl Engine for TestEngine {
    fn name(&self) -> &'static str {
        "test"
    }

    fn facts(&self) -> &EngineFacts {
        &self.facts
    }

    async fn open_session(&self, _: &Holder, replay: &[StateEntry]) -> Result<Arc<dyn EngineSession>> {
        self.control.opened.fetch_add(1, Ordering::SeqCst);
        let mut opening = self.control.opening.subscribe();
        let now = *opening.wait_for(|opening| *opening != Opening::Waits).await.unwrap();
        match now {
            Opening::Fails => return Err(Error::new(ErrorCode::StatementFailed, "the replay failed")),
            Opening::Panics => panic!("the engine panics, as the test wants"),
            Opening::Succeeds | Opening::Waits => {}
        }
        *self.control.replayed.lock() = replay.to_vec();
        let session = TestSession::new(Arc::clone(&self.control));
        for sql in replay.iter().filter_map(|entry| entry.sql.as_deref()) {
            session.run(sql)?;
        }
        Ok(Arc::new(session))
    }

    async fn release_memory(&self) {
        self.control.released.fetch_add(1, Ordering::SeqCst);
    }

    async fn shutdown(&self) {}
}

struct TestSession {
    control: Arc<Control>,
    settings: Mutex<BTreeMap<String, String>>,
    schema: Mutex<String>,
    transaction: Mutex<TransactionStatus>,
    is_closed: watch::Sender<bool>,
}

impl TestSession {
    fn new(control: Arc<Control>) -> Self {
        Self {
            control,
            settings: Mutex::new(BTreeMap::from([("x".to_owned(), "0".to_owned())])),
            schema: Mutex::new("main".to_owned()),
            transaction: Mutex::new(TransactionStatus::Autocommit),
            is_closed: watch::Sender::new(false),
        }
    }

    /// What kind the text is, how many rows its last statement changed, and the state to journal.
    fn run(&self, sql: &str) -> Result<(StatementKind, Option<u64>, Vec<StateEntry>)> {
        let mut last = (StatementKind::Other, None, Vec::new());
        let mut kinds = Vec::new();
        for statement in sql.split(';').map(str::trim) {
            last = match statement.split_once(' ').unwrap_or((statement, "")) {
                ("SELECT", _) => (StatementKind::Read, None, Vec::new()),
                ("INSERT", _) => (StatementKind::Write, Some(1), Vec::new()),
                ("SET", setting) => (StatementKind::Setting, None, self.set(setting)?),
                ("USE", schema) => {
                    schema.clone_into(&mut self.schema.lock());
                    (StatementKind::Setting, None, vec![entry("location", statement)])
                }
                ("BEGIN" | "COMMIT" | "ROLLBACK", _) => {
                    self.transact(statement)?;
                    (StatementKind::Transaction, None, Vec::new())
                }
                _ => return Err(Error::new(ErrorCode::StatementFailed, format!("no such statement: {statement}"))),
            };
            kinds.push(last.0);
        }
        if kinds.len() > 1 {
            let transacts = kinds.contains(&StatementKind::Transaction);
            last.0 = if transacts { StatementKind::Transaction } else { StatementKind::Other };
        }
        Ok(last)
    }

    fn set(&self, setting: &str) -> Result<Vec<StateEntry>> {
        let (name, value) = setting.split_once('=').unwrap();
        if value == "bad" {
            return Err(Error::new(ErrorCode::StatementFailed, "a bad value").with_sqlstate(SqlState("22023")));
        }
        self.settings.lock().insert(name.to_owned(), value.to_owned());
        Ok(vec![entry(&format!("setting:{name}"), &format!("SET {setting}"))])
    }

    fn transact(&self, statement: &str) -> Result<()> {
        let mut status = self.transaction.lock();
        let open = *status != TransactionStatus::Autocommit;
        match (statement, open) {
            ("BEGIN", false) => *status = TransactionStatus::Open,
            ("BEGIN", true) => return Err(Error::new(ErrorCode::StatementFailed, "a transaction is open")),
            _ => *status = TransactionStatus::Autocommit,
        }
        Ok(())
    }
}

fn entry(key: &str, sql: &str) -> StateEntry {
    StateEntry { key: key.to_owned(), sql: Some(sql.to_owned()) }
}

#[async_trait]
impl EngineSession for TestSession {
    fn engine_name(&self) -> &'static str {
        "test"
    }

    fn set_wire_options(&self, options: WireOptions) {
        *self.control.wire.lock() = options;
    }

    async fn plan(&self, sql: &str) -> Result<Plan> {
        if self.control.broken.load(Ordering::SeqCst) || sql == "BROKEN" {
            return Err(Error::new(ErrorCode::StatementFailed, format!("cannot be planned: {sql}")));
        }
        Ok(Plan { kind: StatementKind::Read, schema: None, is_update: false, parameters: Schema::empty() })
    }

    async fn execute(&self, statement: Statement) -> Result<Outcome> {
        if &*statement.sql == "HANG" {
            self.is_closed.subscribe().wait_for(|closed| *closed).await.unwrap();
            return Err(Error::new(ErrorCode::StatementCancelled, "interrupted"));
        }
        let (kind, changed, state) = self.run(&statement.sql)?;
        let column: ArrayRef = Arc::new(Int64Array::from(vec![1, 2, 3]));
        let batch = RecordBatch::try_from_iter([("n", column)]).unwrap();
        let rows = Rows { schema: batch.schema(), batches: futures::stream::iter([Ok(batch)]).boxed() };
        Ok(Outcome { kind, rows, changed, is_update: changed.is_some(), is_held: false, state })
    }

    async fn begin(&self) -> Result<()> {
        *self.transaction.lock() = TransactionStatus::Open;
        Ok(())
    }

    async fn commit(&self, _: Option<&Request>) -> Result<()> {
        *self.transaction.lock() = TransactionStatus::Autocommit;
        Ok(())
    }

    async fn receipt(&self, _: Uuid) -> Result<Option<Receipt>> {
        self.control.tells_receipts.subscribe().wait_for(|told| *told).await.unwrap();
        Ok(None)
    }

    async fn rollback(&self) -> Result<()> {
        *self.transaction.lock() = TransactionStatus::Autocommit;
        Ok(())
    }

    fn transaction(&self) -> TransactionStatus {
        *self.transaction.lock()
    }

    async fn location(&self) -> Result<Location> {
        Ok(Location { catalog: "memory".to_owned(), schema: self.schema.lock().clone() })
    }

    async fn set_location(&self, _catalog: Option<&str>, schema: Option<&str>) -> Result<Vec<StateEntry>> {
        let schema = schema.unwrap_or("main");
        if schema == "nowhere" {
            return Err(Error::new(ErrorCode::StatementFailed, "no such schema").with_sqlstate(SqlState("3F000")));
        }
        Ok(self.run(&format!("USE {schema}"))?.2)
    }

    async fn settings(&self) -> Result<Vec<(String, String)>> {
        Ok(self.settings.lock().clone().into_iter().collect())
    }

    async fn set_setting(&self, name: &str, value: Option<&str>) -> Result<Vec<StateEntry>> {
        match value {
            Some(value) => self.set(&format!("{name}={value}")),
            None => {
                self.settings.lock().insert(name.to_owned(), "0".to_owned());
                Ok(vec![StateEntry { key: format!("setting:{name}"), sql: None }])
            }
        }
    }

    async fn catalogs(&self) -> Result<Vec<String>> {
        Ok(vec!["memory".to_owned()])
    }

    async fn schemas(&self, _catalog: Option<&str>, _schema_pattern: Option<&str>) -> Result<Vec<Location>> {
        Ok(Vec::new())
    }

    async fn tables(&self, _filter: &TableFilter) -> Result<Vec<TableEntry>> {
        Ok(Vec::new())
    }

    async fn table_types(&self) -> Result<Vec<String>> {
        Ok(Vec::new())
    }

    async fn close(&self) {
        if !self.is_closed.send_replace(true) {
            self.control.closed.fetch_add(1, Ordering::SeqCst);
        }
    }
}

/// The same engine under another name.
pub(super) struct Renamed(pub(super) Arc<TestEngine>);

#[async_trait]
impl Engine for Renamed {
    fn name(&self) -> &'static str {
        "other"
    }

    fn facts(&self) -> &EngineFacts {
        self.0.facts()
    }

    async fn open_session(&self, holder: &Holder, replay: &[StateEntry]) -> Result<Arc<dyn EngineSession>> {
        self.0.open_session(holder, replay).await
    }

    async fn shutdown(&self) {}
}
