//! The engine by itself, on a database in memory.

mod cancelling;
mod changes;
mod reading;
mod sessions;

use std::sync::Arc;

use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::Int64Type;
use futures::TryStreamExt;

use super::{DuckDb, DuckDbOptions};
use crate::engine::{Engine, EngineSession, Outcome, Statement};
use crate::error::{Error, Result};

struct Fixture {
    engine: Arc<DuckDb>,
    _directory: tempfile::TempDir,
}

impl Fixture {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let engine = DuckDb::open(DuckDbOptions {
            database: ":memory:".to_owned(),
            memory_limit: Some(1 << 30),
            threads: Some(2),
            temp_dir: directory.path().to_owned(),
            temp_limit: None,
            allow_files: Vec::new(),
            extension_dir: None,
        });
        Self { engine: engine.unwrap(), _directory: directory }
    }

    async fn session(&self) -> Arc<dyn EngineSession> {
        self.engine.open_session(&[]).await.unwrap()
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
