//! An engine whose sessions are a set of keys and a transaction. What is set is journaled, as settings are.

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use async_trait::async_trait;
use futures::{StreamExt as _, stream};
use parking_lot::Mutex;
use typemap::wire::WireOptions;

use super::history::History;
use crate::engine::{
    Engine, EngineFacts, EngineSession, Holder, Location, Outcome, Plan, Request, Rows, StateEntry, Statement,
    StatementKind, TableEntry, TableFilter, TransactionStatus,
};
use crate::error::{Error, ErrorCode, Result};

/// The name it has in the store.
pub(super) const NAME: &str = "keys";

/// The engine of one host.
pub(super) struct KeyEngine {
    facts: EngineFacts,
    history: Arc<History>,
}

impl KeyEngine {
    pub(super) fn new(history: Arc<History>) -> Self {
        Self { facts: EngineFacts { transactions: true, ..EngineFacts::default() }, history }
    }
}

#[async_trait]
impl Engine for KeyEngine {
    fn name(&self) -> &'static str {
        NAME
    }

    fn facts(&self) -> &EngineFacts {
        &self.facts
    }

    async fn open_session(&self, _: &Holder, replay: &[StateEntry]) -> Result<Arc<dyn EngineSession>> {
        let keys: BTreeSet<_> = replay
            .iter()
            .filter_map(|entry| entry.sql.as_deref()?.strip_prefix("SET "))
            .map(ToOwned::to_owned)
            .collect();
        self.history.opened();
        let state = State { keys, transaction: TransactionStatus::Autocommit, closed: false };
        Ok(Arc::new(KeySession { history: Arc::clone(&self.history), state: Mutex::new(state) }))
    }

    async fn shutdown(&self) {}
}

struct KeySession {
    history: Arc<History>,
    state: Mutex<State>,
}

struct State {
    keys: BTreeSet<String>,
    transaction: TransactionStatus,
    closed: bool,
}

impl Drop for KeySession {
    fn drop(&mut self) {
        if !self.state.get_mut().closed {
            self.history.closed();
        }
    }
}

fn schema() -> SchemaRef {
    Arc::new(Schema::new(vec![Field::new("key", DataType::Utf8, false)]))
}

fn failed(what: String) -> Error {
    Error::new(ErrorCode::StatementFailed, what)
}

#[async_trait]
impl EngineSession for KeySession {
    fn engine_name(&self) -> &'static str {
        NAME
    }

    fn set_wire_options(&self, _options: WireOptions) {}

    async fn plan(&self, sql: &str) -> Result<Plan> {
        let kind = match sql.split(' ').next() {
            Some("SELECT") => StatementKind::Read,
            Some("SET") => StatementKind::Setting,
            Some("INSERT") => StatementKind::Write,
            _ => StatementKind::Transaction,
        };
        let reads = kind == StatementKind::Read;
        Ok(Plan { kind, schema: reads.then(schema), is_update: !reads, parameters: Schema::empty() })
    }

    async fn execute(&self, statement: Statement) -> Result<Outcome> {
        // Another statement may come in between, and so may whatever else happens.
        tokio::task::yield_now().await;
        let plan = self.plan(&statement.sql).await?;
        let mut state = self.state.lock();
        let (mut changed, mut entries, mut batches) = (None, Vec::new(), Vec::new());
        match statement.sql.split_once(' ').unwrap_or((&statement.sql, "")) {
            ("SELECT", _) => {
                let keys: ArrayRef = Arc::new(StringArray::from_iter_values(&state.keys));
                batches.push(RecordBatch::try_new(schema(), vec![keys]).map_err(Error::internal));
            }
            ("SET", key) => {
                state.keys.insert(key.to_owned());
                let sql = Some(statement.sql.to_string());
                entries.push(StateEntry { key: format!("setting:{key}"), sql });
            }
            // Whether it is part of a transaction shows in the number of rows.
            ("INSERT", _) => changed = Some(if state.transaction == TransactionStatus::Open { 2 } else { 1 }),
            ("BEGIN", _) if state.transaction == TransactionStatus::Autocommit => {
                state.transaction = TransactionStatus::Open;
            }
            ("COMMIT" | "ROLLBACK", _) if state.transaction == TransactionStatus::Open => {
                state.transaction = TransactionStatus::Autocommit;
            }
            (other, _) => return Err(failed(format!("{other} where it can't be"))),
        }
        let rows = Rows { schema: schema(), batches: stream::iter(batches).boxed() };
        Ok(Outcome { kind: plan.kind, rows, changed, is_update: plan.is_update, is_held: false, state: entries })
    }

    async fn begin(&self) -> Result<()> {
        self.state.lock().transaction = TransactionStatus::Open;
        Ok(())
    }

    async fn commit(&self, _: Option<&Request>) -> Result<()> {
        self.state.lock().transaction = TransactionStatus::Autocommit;
        Ok(())
    }

    async fn rollback(&self) -> Result<()> {
        self.commit(None).await
    }

    fn transaction(&self) -> TransactionStatus {
        self.state.lock().transaction
    }

    async fn location(&self) -> Result<Location> {
        Ok(Location { catalog: NAME.to_owned(), schema: NAME.to_owned() })
    }

    async fn set_location(&self, _catalog: Option<&str>, _schema: Option<&str>) -> Result<Vec<StateEntry>> {
        Ok(Vec::new())
    }

    async fn settings(&self) -> Result<Vec<(String, String)>> {
        Ok(Vec::new())
    }

    async fn set_setting(&self, name: &str, _value: Option<&str>) -> Result<Vec<StateEntry>> {
        Err(failed(format!("there is no setting {name}")))
    }

    async fn catalogs(&self) -> Result<Vec<String>> {
        Ok(Vec::new())
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
        let mut state = self.state.lock();
        if !std::mem::replace(&mut state.closed, true) {
            self.history.closed();
        }
    }
}
