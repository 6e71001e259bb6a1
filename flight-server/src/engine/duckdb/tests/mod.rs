//! The engine by itself, on a database in memory.

mod cancelling;
mod changes;
mod datasets;
mod extensions;
mod files;
mod ingesting;
mod kept_inserts;
mod parameters;
mod planned;
mod progress;
mod reading;
mod reopening;
mod sessions;
mod types;

use std::sync::Arc;

use arrow::array::{Array as _, AsArray, RecordBatch};
use arrow::datatypes::Int64Type;
use futures::TryStreamExt;

use super::{DuckDb, DuckDbOptions};
use crate::engine::{Engine, EngineSession, Holder, Outcome, Statement};
use crate::error::{Error, Result};

struct Fixture {
    engine: Arc<DuckDb>,
    directory: tempfile::TempDir,
}

impl Fixture {
    fn new() -> Self {
        Self::with(|_| {})
    }

    /// One whose options were changed.
    fn with(change: impl FnOnce(&mut DuckDbOptions)) -> Self {
        let directory = tempfile::tempdir().unwrap();
        // An empty directory, so that no extension of the machine's own changes what is tested.
        let extensions = directory.path().join("extensions");
        std::fs::create_dir(&extensions).unwrap();
        let mut options = DuckDbOptions {
            database: ":memory:".to_owned(),
            memory_limit: Some(1 << 30),
            threads: Some(2),
            temp_dir: directory.path().to_owned(),
            temp_limit: None,
            allow_files: Vec::new(),
            allow_writes: Vec::new(),
            extension_dir: Some(extensions),
            receipt_age: std::time::Duration::from_secs(3600),
            lake: None,
            snapshots: None,
        };
        change(&mut options);
        Self { engine: DuckDb::open(options).unwrap(), directory }
    }

    async fn session(&self) -> Arc<dyn EngineSession> {
        self.engine.open_session(&Holder::default(), &[]).await.unwrap()
    }
}

async fn run(session: &Arc<dyn EngineSession>, sql: &str) -> Result<Outcome> {
    session.execute(Statement::new(sql)).await
}

async fn failure(session: &Arc<dyn EngineSession>, sql: &str) -> Error {
    match run(session, sql).await {
        Ok(outcome) => outcome.rows.batches.try_collect::<Vec<_>>().await.unwrap_err(),
        Err(error) => error,
    }
}

async fn rows(session: &Arc<dyn EngineSession>, sql: &str) -> Vec<RecordBatch> {
    run(session, sql).await.unwrap().rows.batches.try_collect().await.unwrap()
}

/// The one number that a statement gives.
async fn number(session: &Arc<dyn EngineSession>, sql: &str) -> i64 {
    rows(session, &format!("SELECT ({sql})::BIGINT")).await[0].column(0).as_primitive::<Int64Type>().value(0)
}

/// A result, as one batch.
async fn whole(session: &Arc<dyn EngineSession>, sql: &str) -> RecordBatch {
    let outcome = run(session, sql).await.unwrap();
    let schema = Arc::clone(&outcome.rows.schema);
    let batches: Vec<_> = outcome.rows.batches.try_collect().await.unwrap();
    arrow::compute::concat_batches(&schema, &batches).unwrap()
}

/// The one text that a statement gives.
async fn text(session: &Arc<dyn EngineSession>, sql: &str) -> String {
    whole(session, &format!("SELECT ({sql})::VARCHAR")).await.column(0).as_string::<i32>().value(0).to_owned()
}
